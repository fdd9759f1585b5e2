//! Named tensors on their way in or out.

use tensorferry_diagnostics::Problem;
use tensorferry_tensor::{DType, DenseTensor, Storage};
use wasm_bindgen::prelude::*;

use crate::thrown;

/// Tensors with names, in order.
#[wasm_bindgen]
#[derive(Default)]
pub struct Tensors(pub(crate) Vec<(String, DenseTensor)>);

#[wasm_bindgen]
impl Tensors {
    /// None yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one: row-major, little-endian; a text is its length in four bytes and then UTF-8.
    ///
    /// # Errors
    /// When there is no such dtype, or the bytes are not those of the shape.
    pub fn add(
        &mut self,
        name: String,
        dtype: &str,
        shape: Vec<u32>,
        bytes: Vec<u8>,
    ) -> Result<(), JsError> {
        let at = |problem: Problem| thrown(problem.at(format!("input {name}")));
        let dtype = DType::from_name(dtype)
            .ok_or_else(|| at(Problem::usage(format!("there is no dtype `{dtype}`"))))?;
        let shape: Vec<usize> = shape.into_iter().map(|dim| dim as usize).collect();
        let tensor = DenseTensor::from_bytes(dtype, &shape, bytes.into()).map_err(|e| {
            at(Problem::usage(e.to_string()).expected(format!("{dtype} {shape:?}"), "other data"))
        })?;
        self.0.push((name, tensor));
        Ok(())
    }

    /// How many.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// The name of one.
    pub fn name(&self, i: usize) -> Option<String> {
        Some(self.0.get(i)?.0.clone())
    }

    /// The dtype of one.
    pub fn dtype(&self, i: usize) -> Option<String> {
        Some(self.0.get(i)?.1.dtype().name().to_owned())
    }

    /// The dims of one.
    pub fn shape(&self, i: usize) -> Option<Vec<u32>> {
        let shape = self.0.get(i)?.1.shape();
        Some(shape.iter().map(|dim| u32::try_from(*dim).unwrap_or(u32::MAX)).collect())
    }

    /// The elements of one, as [`Tensors::add`] takes them. JavaScript has no half precision:
    /// such numbers come as float32.
    pub fn bytes(&self, i: usize) -> Option<Vec<u8>> {
        let tensor = &self.0.get(i)?.1;
        let wide: Vec<f32> = match tensor.storage() {
            Storage::Float16(all) => all.iter().map(|x| f32::from(*x)).collect(),
            Storage::BFloat16(all) => all.iter().map(|x| f32::from(*x)).collect(),
            _ => return Some(tensor.to_bytes().into()),
        };
        Some(DenseTensor::new(tensor.shape(), wide).to_bytes().into())
    }
}
