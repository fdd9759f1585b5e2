//! What a caller gives, as what the model takes, where no value is lost.

use half::{bf16, f16};
use tensorferry_diagnostics::Problem;
use tensorferry_tensor::{Complex, DType, DenseTensor};

use super::TensorSpec;

/// `tensor` with the element type of `spec`. NumPy's and JavaScript's numbers are often wider than
/// a model's: floats are rounded, whole numbers must fit, truth is 0 or 1.
pub(super) fn fit(spec: &TensorSpec, tensor: &DenseTensor) -> Result<DenseTensor, Problem> {
    let wrong = |what: &str| {
        Problem::usage(what).at(format!("input {}", spec.name)).expected(
            format!("{} {}", spec.type_name(), spec.shape_text()),
            format!("{} {:?}", tensor.dtype(), tensor.shape()),
        )
    };
    if !spec.takes(tensor.shape()) {
        return Err(wrong("the shape does not go with the model"));
    }
    let dtype = spec.dtype.ok_or_else(|| wrong("the input is a handle, which nobody can give"))?;
    if tensor.dtype() == dtype {
        return Ok(tensor.clone());
    }
    cast(tensor, dtype).ok_or_else(|| wrong("the values are not of the model's type"))
}

/// `None` when a value would be lost.
fn cast(tensor: &DenseTensor, to: DType) -> Option<DenseTensor> {
    let shape = tensor.shape();
    let from = tensor.dtype();
    macro_rules! whole {
        ($type:ty) => {{
            let all: Option<Vec<$type>> =
                whole_numbers(tensor)?.iter().map(|x| <$type>::try_from(*x).ok()).collect();
            DenseTensor::new(shape, all?)
        }};
    }
    macro_rules! float {
        ($make:expr) => {{
            if matches!(from, DType::Complex64 | DType::Complex128) {
                return None;
            }
            let all: Vec<_> = tensor.to_f64()?.into_iter().map($make).collect();
            DenseTensor::new(shape, all)
        }};
    }
    Some(match to {
        DType::Float16 => float!(f16::from_f64),
        DType::BFloat16 => float!(bf16::from_f64),
        DType::Float32 => float!(|x| x as f32),
        DType::Float64 => float!(|x| x),
        DType::Int8 => whole!(i8),
        DType::Int16 => whole!(i16),
        DType::Int32 => whole!(i32),
        DType::Int64 => whole!(i64),
        DType::UInt8 => whole!(u8),
        DType::UInt16 => whole!(u16),
        DType::UInt32 => whole!(u32),
        DType::UInt64 => whole!(u64),
        DType::Bool => {
            let truth = |x: &i64| [0, 1].contains(x).then_some(*x == 1);
            let all: Option<Vec<bool>> = whole_numbers(tensor)?.iter().map(truth).collect();
            DenseTensor::new(shape, all?)
        }
        DType::Complex64 if from == DType::Complex128 => {
            let halves = tensor.to_f64()?;
            let all: Vec<Complex<f32>> = halves
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[re, im]| Complex { re: *re as f32, im: *im as f32 })
                .collect();
            DenseTensor::new(shape, all)
        }
        DType::Complex64 | DType::Complex128 | DType::String => return None,
    })
}

/// The elements, when all are whole numbers.
fn whole_numbers(tensor: &DenseTensor) -> Option<Vec<i64>> {
    if let Some(all) = tensor.to_i64() {
        return Some(all);
    }
    if !tensor.dtype().is_float() {
        return None;
    }
    // Below 2^63 a float that is whole is an `i64`.
    let whole = |x: f64| (x.fract() == 0.0 && x.abs() < 9.2e18).then_some(x as i64);
    tensor.to_f64()?.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(dtype: DType) -> TensorSpec {
        TensorSpec { name: "x".to_owned(), dtype: Some(dtype), shape: Some(vec![None]) }
    }

    #[test]
    fn wider_numbers_fit_and_no_value_is_lost() {
        let doubles = DenseTensor::vector(vec![1.0_f64, 2.0]);
        for dtype in DType::all() {
            let fits = fit(&spec(dtype), &doubles).ok().map(|tensor| tensor.dtype());
            let is_right = match dtype {
                DType::Bool | DType::Complex64 | DType::Complex128 | DType::String => None,
                other => Some(other),
            };
            assert_eq!(fits, is_right, "{dtype}");
        }
        let half = DenseTensor::vector(vec![0.5_f64]);
        assert!(fit(&spec(DType::Int32), &half).is_err());
        assert!(fit(&spec(DType::Float32), &half).is_ok());
        let large = DenseTensor::vector(vec![300_i64]);
        assert!(fit(&spec(DType::UInt8), &large).is_err());
        assert_eq!(fit(&spec(DType::Int32), &large).ok(), Some(DenseTensor::vector(vec![300_i32])));
    }

    #[test]
    fn another_shape_names_the_input_and_both_shapes() {
        let error = fit(&spec(DType::Float32), &DenseTensor::scalar(1.0_f32)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "input x: the shape does not go with the model, expected float32 [?], found float32 []"
        );
    }
}
