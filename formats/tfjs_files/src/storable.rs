//! The types that TensorFlow.js has, and how the others become them.

use tensorferry_tensor::{CastError, DType, Tensor, cast};

use crate::{Error, Kind};

/// A tensor of a type that TensorFlow.js has.
#[derive(Debug, Clone)]
pub struct Storable {
    /// `float32`, `int32`, `bool`, `complex64` or strings.
    pub tensor: Tensor,
    /// The type that it had before, when it was another.
    pub was: Option<DType>,
}

/// Gives the weight `name` a type that TensorFlow.js has: halves and doubles become `float32`,
/// integers `int32`, `complex128` becomes `complex64`; the others stay. The bytes are cast while
/// they are read; types that may not fit are read once here to see that all elements do.
///
/// # Errors
/// `Value` with weight and index for an element that does not fit, unless `clamp` saturates it:
/// 32- and 64-bit integers beyond `int32`, finite doubles beyond `float32`. NaN and infinities
/// pass.
pub fn storable(name: &str, tensor: &Tensor, clamp: bool) -> Result<Storable, Error> {
    let was = tensor.dtype();
    let Some((to, may_overflow)) = target(was) else {
        return Ok(Storable { tensor: tensor.clone(), was: None });
    };
    let stored = cast(tensor, to, clamp)
        .map_err(|error| Error::new(Kind::Unsupported, error.to_string()).at(name))?;
    if may_overflow && !clamp {
        let checked = stored.data().for_each_piece(&mut |_| Ok(()));
        checked.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<CastError>());
            match inner {
                Some(CastError::OutOfRange { index, .. }) => {
                    Error::new(Kind::Value, error.to_string())
                        .at(name)
                        .index(*index)
                        .hint("`--clamp` stores the nearest value that fits")
                }
                _ => Error::device(&error).at(name),
            }
        })?;
    }
    Ok(Storable { tensor: stored, was: Some(was) })
}

/// What a type becomes, and whether an element may not fit; `None` when it stays.
fn target(dtype: DType) -> Option<(DType, bool)> {
    match dtype {
        DType::Float32 | DType::Int32 | DType::Bool | DType::Complex64 | DType::String => None,
        DType::Float16 | DType::BFloat16 => Some((DType::Float32, false)),
        DType::Float64 => Some((DType::Float32, true)),
        DType::Int8 | DType::Int16 | DType::UInt8 | DType::UInt16 => Some((DType::Int32, false)),
        DType::UInt32 | DType::Int64 | DType::UInt64 => Some((DType::Int32, true)),
        DType::Complex128 => Some((DType::Complex64, true)),
    }
}
