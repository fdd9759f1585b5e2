//! Inputs made of a seed: the same on every machine, for comparing and measuring.

use std::collections::BTreeMap;

use bytes::Bytes;
use tensorferry_diagnostics::Problem;
use tensorferry_tensor::{Complex, DType, DenseTensor, dense_len};

use super::TensorSpec;

/// More elements are not made up: a model may declare any dims.
const ELEMENTS_MAX: usize = 1 << 28;

/// Unknown dims: the outermost is the batch, of two so that a mixed-up batch shows.
const BATCH: usize = 2;
/// Height and width of pictures: five halvings leave two.
const SPATIAL: usize = 64;
/// Any other, such as the steps of a sequence.
const OTHER: usize = 8;

/// Words for text; models look them up, and must meet known and unknown ones.
const WORDS: [&str; 8] = ["a", "the", "cat sat", "dog", "", "Hello, world!", "über", "1"];

/// How inputs are made.
#[derive(Debug, Clone, Default)]
pub struct DrawOptions {
    /// Where the numbers begin.
    pub seed: u64,
    /// Whole shapes by input name, instead of those that are guessed.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Floats lie in [0, 1) and not in [-1, 1): for models that take them as indices.
    pub is_positive: bool,
}

/// An input for each of `specs`.
///
/// # Errors
/// When a shape does not go with the model or is too large, or an input is a handle.
pub fn draw(
    specs: &[TensorSpec],
    options: &DrawOptions,
) -> Result<Vec<(String, DenseTensor)>, Problem> {
    if let Some(name) = options.shapes.keys().find(|name| specs.iter().all(|s| s.name != **name)) {
        return Err(Problem::usage(format!("the model has no input `{name}`")));
    }
    let mut numbers = Numbers(options.seed);
    specs.iter().map(|spec| Ok((spec.name.clone(), one(spec, options, &mut numbers)?))).collect()
}

fn one(
    spec: &TensorSpec,
    options: &DrawOptions,
    numbers: &mut Numbers,
) -> Result<DenseTensor, Problem> {
    let at = |problem: Problem| problem.at(format!("input {}", spec.name));
    let shape = options.shapes.get(&spec.name).cloned().unwrap_or_else(|| guess(spec));
    if !spec.takes(&shape) {
        return Err(at(Problem::usage("the shape does not go with the model")
            .expected(spec.shape_text(), format!("{shape:?}"))));
    }
    let n = dense_len(&shape).filter(|n| *n <= ELEMENTS_MAX).ok_or_else(|| {
        at(Problem::new(tensorferry_diagnostics::Kind::Limit, "the input is too large to make up")
            .expected(format!("at most {ELEMENTS_MAX} elements"), format!("{shape:?}")))
    })?;
    let dtype = spec
        .dtype
        .ok_or_else(|| at(Problem::unsupported("the input is a handle, which nobody can give")))?;
    Ok(elements(dtype, &shape, n, options.is_positive, numbers))
}

fn elements(
    dtype: DType,
    shape: &[usize],
    n: usize,
    is_positive: bool,
    numbers: &mut Numbers,
) -> DenseTensor {
    let mut real = || match is_positive {
        true => numbers.unit(),
        false => 2.0 * numbers.unit() - 1.0,
    };
    match dtype {
        DType::Float32 => {
            DenseTensor::new(shape, (0..n).map(|_| real() as f32).collect::<Vec<_>>())
        }
        DType::Float64 => DenseTensor::new(shape, (0..n).map(|_| real()).collect::<Vec<_>>()),
        DType::Float16 => {
            DenseTensor::new(shape, (0..n).map(|_| half::f16::from_f64(real())).collect::<Vec<_>>())
        }
        DType::BFloat16 => DenseTensor::new(
            shape,
            (0..n).map(|_| half::bf16::from_f64(real())).collect::<Vec<_>>(),
        ),
        DType::Complex64 => {
            let mut one = || Complex { re: real() as f32, im: real() as f32 };
            DenseTensor::new(shape, (0..n).map(|_| one()).collect::<Vec<_>>())
        }
        DType::Complex128 => {
            let mut one = || Complex { re: real(), im: real() };
            DenseTensor::new(shape, (0..n).map(|_| one()).collect::<Vec<_>>())
        }
        DType::String => {
            let mut word = || Bytes::from_static(WORDS[numbers.below(8)].as_bytes());
            DenseTensor::new(shape, (0..n).map(|_| word()).collect::<Vec<_>>())
        }
        DType::Bool => {
            DenseTensor::new(shape, (0..n).map(|_| numbers.below(2) == 1).collect::<Vec<_>>())
        }
        // Whole numbers are mostly indices: 0 and 1 are in every table.
        DType::Int8 => whole(shape, n, numbers, |x| x.cast_signed()),
        DType::Int16 => whole(shape, n, numbers, i16::from),
        DType::Int32 => whole(shape, n, numbers, i32::from),
        DType::Int64 => whole(shape, n, numbers, i64::from),
        DType::UInt8 => whole(shape, n, numbers, |x| x),
        DType::UInt16 => whole(shape, n, numbers, u16::from),
        DType::UInt32 => whole(shape, n, numbers, u32::from),
        DType::UInt64 => whole(shape, n, numbers, u64::from),
    }
}

fn whole<T: tensorferry_tensor::Element>(
    shape: &[usize],
    n: usize,
    numbers: &mut Numbers,
    make: impl Fn(u8) -> T,
) -> DenseTensor {
    let all: Vec<T> = (0..n).map(|_| make(u8::from(numbers.below(2) == 1))).collect();
    DenseTensor::new(shape, all)
}

/// Dims where the model leaves them open.
fn guess(spec: &TensorSpec) -> Vec<usize> {
    let Some(dims) = &spec.shape else { return vec![BATCH, OTHER] };
    let is_picture = dims.len() >= 4;
    let open = |axis: usize| match axis {
        0 => BATCH,
        _ if is_picture && axis + 1 == dims.len() => 3,
        _ if is_picture => SPATIAL,
        _ => OTHER,
    };
    let dim = |(axis, dim): (usize, &Option<u64>)| {
        dim.map_or(open(axis), |n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    dims.iter().enumerate().map(dim).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives a full period.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1), of 24 bits, so that float32 holds it exactly.
    fn unit(&mut self) -> f64 {
        (self.next() >> 40) as f64 / f64::from(1_u32 << 24)
    }

    /// Below `n`, which is small.
    fn below(&mut self, n: u64) -> usize {
        (self.next() % n) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(dtype: DType, shape: &[Option<u64>]) -> TensorSpec {
        TensorSpec { name: "x".to_owned(), dtype: Some(dtype), shape: Some(shape.to_vec()) }
    }

    #[test]
    fn a_seed_gives_the_same_inputs_and_another_others() {
        let specs = [spec(DType::Float32, &[None, Some(4)])];
        let of = |seed| draw(&specs, &DrawOptions { seed, ..DrawOptions::default() }).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        // The published first output of SplitMix64 with seed 0.
        assert_eq!(Numbers(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn every_type_has_inputs_and_unknown_dims_are_filled() {
        for dtype in DType::all() {
            let drawn = draw(&[spec(dtype, &[None, None, None, Some(3)])], &DrawOptions::default());
            let tensor = drawn.unwrap().remove(0).1;
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, &[2, 64, 64, 3][..]));
        }
    }

    #[test]
    fn dims_beyond_memory_and_other_shapes_are_refused() {
        let huge = spec(DType::Float32, &[Some(u64::MAX), Some(2)]);
        assert!(draw(&[huge], &DrawOptions::default()).is_err());
        let shapes = BTreeMap::from([("x".to_owned(), vec![1, 5])]);
        let options = DrawOptions { shapes, ..DrawOptions::default() };
        let error = draw(&[spec(DType::Float32, &[None, Some(4)])], &options).unwrap_err();
        assert_eq!(
            error.to_string(),
            "input x: the shape does not go with the model, expected [?, 4], found [1, 5]"
        );
    }
}
