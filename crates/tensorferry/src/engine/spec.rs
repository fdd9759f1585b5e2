//! What is known of an input or output before the model runs.

use tensorferry_ir::SignatureTensor;
use tensorferry_tensor::DType;

/// Name, type and shape of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name by which a caller knows it.
    pub name: String,
    /// The element type; `None` for handles and lists, which are no tensors.
    pub dtype: Option<DType>,
    /// The dims, `None` where any number goes; `None` when not even their number is known.
    pub shape: Option<Vec<Option<u64>>>,
}

impl TensorSpec {
    pub(super) fn of(tensor: &SignatureTensor) -> Self {
        let dims = tensor.shape.dims();
        Self {
            name: tensor.name.clone(),
            dtype: tensor.ty.dtype(),
            shape: dims.map(|dims| dims.iter().map(|dim| Some(dim.known()? as u64)).collect()),
        }
    }

    /// `float32`, or `handle` for what is no tensor.
    pub fn type_name(&self) -> &'static str {
        self.dtype.map_or("handle", DType::name)
    }

    /// `[?, 224, 224, 3]`; `of any rank` when not even their number is known.
    pub fn shape_text(&self) -> String {
        let Some(shape) = &self.shape else { return "of any rank".to_owned() };
        let dims: Vec<String> =
            shape.iter().map(|dim| dim.map_or("?".to_owned(), |n| n.to_string())).collect();
        format!("[{}]", dims.join(", "))
    }

    /// True when a tensor of `shape` goes here.
    pub fn takes(&self, shape: &[usize]) -> bool {
        self.shape.as_ref().is_none_or(|dims| {
            dims.len() == shape.len()
                && dims.iter().zip(shape).all(|(dim, n)| dim.is_none_or(|dim| dim == *n as u64))
        })
    }
}
