//! Tensors as HDF5 datasets.

use tensorferry_diagnostics::Problem;
use tensorferry_hdf5::{Datatype, GroupBuilder, Value};
use tensorferry_tensor::{DType, Tensor};

/// Adds `tensor` as the dataset `path` of `group`. Its bytes are taken when the file is written.
///
/// # Errors
/// Strings, which are no weights of Keras.
pub(crate) fn add(group: &mut GroupBuilder, path: &str, tensor: &Tensor) -> Result<(), Problem> {
    let datatype = datatype(tensor.dtype()).ok_or_else(|| {
        Problem::unsupported("a weight of strings cannot be stored in a Keras file").at(path)
    })?;
    let dataset = group.dataset(path, datatype, tensor.shape(), tensor.data().clone());
    if tensor.dtype() == DType::BFloat16 {
        // HDF5 has no bfloat16; Keras 3 stores two opaque bytes and says so beside them.
        dataset.attr("dtype", Value::Text("bfloat16".to_owned()));
    }
    Ok(())
}

fn datatype(dtype: DType) -> Option<Datatype> {
    let float = |size| Datatype::Float { size, big_endian: false };
    let int = |size, signed| Datatype::Int { size, signed, big_endian: false };
    Some(match dtype {
        DType::Float16 => float(2),
        DType::Float32 => float(4),
        DType::Float64 => float(8),
        DType::BFloat16 => Datatype::Opaque { size: 2, tag: String::new() },
        DType::Int8 => int(1, true),
        DType::Int16 => int(2, true),
        DType::Int32 => int(4, true),
        DType::Int64 => int(8, true),
        DType::UInt8 => int(1, false),
        DType::UInt16 => int(2, false),
        DType::UInt32 => int(4, false),
        DType::UInt64 => int(8, false),
        DType::Bool => Datatype::Bool,
        DType::Complex64 => Datatype::Complex { size: 8, big_endian: false },
        DType::Complex128 => Datatype::Complex { size: 16, big_endian: false },
        DType::String => return None,
    })
}
