//! HDF5 datasets as tensors: the one place that knows both lists of element types.

use tensorferry_diagnostics::Problem;
use tensorferry_hdf5::{Dataset, Datatype};
use tensorferry_tensor::{DType, Tensor, swap_bytes};

use crate::errors;

/// The dataset as a little-endian tensor. Nothing is read yet: contiguous data stays mapped,
/// filtered data is decoded when it streams.
pub(crate) fn tensor(file: &str, dataset: &Dataset) -> Result<Tensor, Problem> {
    let field = dataset.path().trim_start_matches('/').to_owned();
    let dtype = dtype(dataset).map_err(|p| p.in_file(file).at(&field))?;
    let data = dataset.data().map_err(|e| errors::hdf5(file, &e))?;
    let data = match dataset.datatype().is_big_endian() {
        false => data,
        true => swap_bytes(data, swapped_size(dataset.datatype())),
    };
    Tensor::new(dtype, dataset.shape().to_vec(), data).map_err(|e| errors::io(file, &field, &e))
}

/// Bytes that are reversed together: a complex number is two floats.
fn swapped_size(datatype: &Datatype) -> usize {
    match datatype {
        Datatype::Float { size, .. } | Datatype::Int { size, .. } => usize::from(*size),
        Datatype::Complex { size, .. } => usize::from(*size) / 2,
        _ => 1,
    }
}

fn dtype(dataset: &Dataset) -> Result<DType, Problem> {
    let dtype = match dataset.datatype() {
        Datatype::Float { size: 2, .. } => DType::Float16,
        Datatype::Float { size: 4, .. } => DType::Float32,
        Datatype::Float { size: 8, .. } => DType::Float64,
        Datatype::Int { size: 1, signed: true, .. } => DType::Int8,
        Datatype::Int { size: 2, signed: true, .. } => DType::Int16,
        Datatype::Int { size: 4, signed: true, .. } => DType::Int32,
        Datatype::Int { size: 8, signed: true, .. } => DType::Int64,
        Datatype::Int { size: 1, signed: false, .. } => DType::UInt8,
        Datatype::Int { size: 2, signed: false, .. } => DType::UInt16,
        Datatype::Int { size: 4, signed: false, .. } => DType::UInt32,
        Datatype::Int { size: 8, signed: false, .. } => DType::UInt64,
        Datatype::Bool => DType::Bool,
        Datatype::Complex { size: 8, .. } => DType::Complex64,
        Datatype::Complex { size: 16, .. } => DType::Complex128,
        // HDF5 has no bfloat16: Keras stores the two bytes as opaque and says so beside them.
        Datatype::Opaque { size: 2, .. } if says_bfloat16(dataset) => DType::BFloat16,
        other => {
            return Err(Problem::unsupported("this element type is no tensor's")
                .expected("numbers or booleans", describe(other)));
        }
    };
    Ok(dtype)
}

fn says_bfloat16(dataset: &Dataset) -> bool {
    matches!(dataset.attr("dtype"), Ok(Some(attr)) if attr.as_str() == Some("bfloat16"))
}

fn describe(datatype: &Datatype) -> String {
    match datatype {
        Datatype::Other { text, .. } => text.clone(),
        Datatype::String { .. } => "text".to_owned(),
        Datatype::Opaque { size, .. } => format!("{size} opaque bytes"),
        _ => "a number of unusual size".to_owned(),
    }
}
