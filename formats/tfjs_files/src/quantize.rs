//! From `float32` to codes, bit for bit as the converter on NumPy 2.

use std::io;
use std::sync::Arc;

use half::f16;
use tensorferry_store::{ByteSource, SourceRef};
use tensorferry_tensor::{DType, Tensor, cast, for_each_whole};

use crate::{Affine, CodeType, Codes, Error, Kind, Quantization};

/// A quantized weight.
#[derive(Debug, Clone)]
pub struct Quantized {
    /// The codes, computed while they are read.
    pub tensor: Tensor,
    /// What the manifest says of them.
    pub quantization: Quantization,
}

/// How far a weight is from what it was, once quantized and loaded by TensorFlow.js.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorFigures {
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Root of the mean square difference.
    pub rms: f64,
}

/// Quantizes the weight `name`: one pass over its elements here for their range, one more each
/// time the codes are read. No copy is kept.
///
/// Affine codes: with Q the largest code, `scale = (max - min) / Q`; when the range holds zero,
/// `min` moves so that zero is a code, `min' = -round((0 - min) / scale) * scale`; then
/// `code = round((clip(x, min', Q * scale + min') - min') / scale)`, halves to even, all in 64-bit
/// floats. A weight of one value has codes 0 and scale 1. That is `quantization.py` of
/// tensorflowjs 4.22 on NumPy 2; NumPy 1 computes the codes in 32 bits, and some differ by one.
/// `float16` is rounded to nearest even.
///
/// # Errors
/// `Value` with weight and index: NaN or infinite elements under affine codes; with `float16` an
/// element beyond 65504, which `clamp` saturates; `Value` with the weight when its extremes are so
/// close to the end of `float32` that their codes load as infinity. `Unsupported` for other types than `float32`
/// and for a tensor without elements: leave those as they are.
pub fn quantize(
    name: &str,
    tensor: &Tensor,
    to: CodeType,
    clamp: bool,
) -> Result<Quantized, Error> {
    if tensor.dtype() != DType::Float32 || tensor.is_empty() {
        let what = format!("{tensor:?} cannot be quantized, only float32 with elements can");
        return Err(Error::new(Kind::Unsupported, what).at(name));
    }
    let found = scan(tensor).map_err(|error| Error::device(&error).at(name))?;
    let (tensor, codes) = match to {
        CodeType::Float16 => (half(name, tensor, &found, clamp)?, Codes::Float16),
        CodeType::UInt8 | CodeType::UInt16 => {
            if let Some((index, value)) = found.non_finite {
                return Err(not_finite(name, index, value, to));
            }
            let encoder = Encoder::new(found.min, found.max, to.code_max().unwrap_or(u16::MAX));
            let affine = encoder.affine();
            if [found.min, found.max].iter().any(|x| !affine.value(encoder.code(*x)).is_finite()) {
                return Err(beyond_float32(name, &found, to));
            }
            let codes = match to {
                CodeType::UInt8 => Codes::UInt8(affine),
                _ => Codes::UInt16(affine),
            };
            let source = Encoded { floats: tensor.data().clone(), n: tensor.len(), to, encoder };
            let tensor = Tensor::new(to.dtype(), tensor.shape().to_vec(), Arc::new(source))
                .map_err(|error| Error::new(Kind::Limit, error.to_string()).at(name))?;
            (tensor, codes)
        }
    };
    Ok(Quantized {
        tensor,
        quantization: Quantization { codes, original_dtype: Some(DType::Float32) },
    })
}

/// The error of quantizing `original`, a `float32` tensor, in one pass over it. `quantization` is
/// what [`quantize`] gave for it; elements that are not finite are left out.
///
/// # Errors
/// What the data source says; `InvalidData` for other types than `float32`.
pub fn error_figures(original: &Tensor, quantization: &Quantization) -> io::Result<ErrorFigures> {
    if original.dtype() != DType::Float32 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a float32 tensor"));
    }
    let loaded: Box<dyn Fn(f32) -> f32> = match quantization.codes {
        Codes::Float16 => Box::new(|x| {
            let narrow = f16::from_f32(x).to_f32();
            if narrow.is_infinite() { f16::MAX.to_f32().copysign(x) } else { narrow }
        }),
        Codes::UInt8(affine) | Codes::UInt16(affine) => {
            let code_max = quantization.code_type().code_max().unwrap_or(u16::MAX);
            let encoder = Encoder::from_affine(affine, code_max);
            Box::new(move |x| affine.value(encoder.code(x)))
        }
    };
    let (mut max_abs, mut squares, mut n) = (0.0_f64, 0.0_f64, 0.0_f64);
    for_each_whole(original.data().as_ref(), 4, &mut |run| {
        for x in floats(run).filter(|x| x.is_finite()) {
            let error = (f64::from(loaded(x)) - f64::from(x)).abs();
            max_abs = max_abs.max(error);
            squares += error * error;
            n += 1.0;
        }
        Ok(())
    })?;
    let rms = if n == 0.0 { 0.0 } else { (squares / n).sqrt() };
    Ok(ErrorFigures { max_abs, rms })
}

/// What one pass over the elements tells.
struct Scan {
    min: f32,
    max: f32,
    non_finite: Option<(u64, f32)>,
    /// The first finite element that is infinite as `float16`.
    too_large_for_half: Option<(u64, f32)>,
}

fn scan(tensor: &Tensor) -> io::Result<Scan> {
    let mut out = Scan {
        min: f32::INFINITY,
        max: f32::NEG_INFINITY,
        non_finite: None,
        too_large_for_half: None,
    };
    let mut at = 0_u64;
    for_each_whole(tensor.data().as_ref(), 4, &mut |run| {
        // The loop without branches is the fast one; what it finds odd is looked at again.
        let (mut min, mut max, mut is_finite) = (out.min, out.max, true);
        for x in floats(run) {
            min = if x < min { x } else { min };
            max = if x > max { x } else { max };
            is_finite &= x.is_finite();
        }
        if !is_finite && out.non_finite.is_none() {
            out.non_finite = first(run, at, |x| !x.is_finite());
        }
        let is_large = |x: f32| x.is_finite() && f16::from_f32(x).is_infinite();
        if out.too_large_for_half.is_none() && (!is_finite || is_large(min) || is_large(max)) {
            out.too_large_for_half = first(run, at, is_large);
        }
        (out.min, out.max) = (min, max);
        at += u64::try_from(run.len() / 4).unwrap_or(0);
        Ok(())
    })?;
    Ok(out)
}

fn first(run: &[u8], at: u64, is_odd: impl Fn(f32) -> bool) -> Option<(u64, f32)> {
    (at..).zip(floats(run)).find(|(_, x)| is_odd(*x))
}

fn floats(run: &[u8]) -> impl Iterator<Item = f32> {
    run.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn half(name: &str, tensor: &Tensor, found: &Scan, clamp: bool) -> Result<Tensor, Error> {
    match found.too_large_for_half {
        Some((index, value)) if !clamp => {
            return Err(Error::new(Kind::Value, format!("element {index} is {value}"))
                .at(name)
                .index(index)
                .hint("float16 ends at 65504: leave the weight out, or saturate with `--clamp`"));
        }
        _ => {}
    }
    cast(tensor, DType::Float16, clamp)
        .map_err(|error| Error::new(Kind::Unsupported, error.to_string()).at(name))
}

fn not_finite(name: &str, index: u64, value: f32, to: CodeType) -> Error {
    let what = format!("element {index} is {value}, which {} codes cannot hold", to.dtype());
    Error::new(Kind::Value, what)
        .at(name)
        .index(index)
        .hint("leave the weight out with a pattern, use float16, or repair the model")
}

fn beyond_float32(name: &str, found: &Scan, to: CodeType) -> Error {
    let what = format!(
        "its elements lie between {:e} and {:e}, and the ends load as infinity from {} codes",
        found.min,
        found.max,
        to.dtype()
    );
    Error::new(Kind::Value, what)
        .at(name)
        .hint("leave the weight out with a pattern, or repair the model")
}

/// Maps numbers to affine codes.
#[derive(Debug, Clone, Copy)]
struct Encoder {
    min: f64,
    max: f64,
    scale: f64,
    code_max: u16,
    /// All elements are the same: every code is 0.
    is_single: bool,
}

impl Encoder {
    fn new(min: f32, max: f32, code_max: u16) -> Self {
        let (min, max) = (f64::from(min), f64::from(max));
        if min == max {
            return Self { min, max, scale: 1.0, code_max, is_single: true };
        }
        let q = f64::from(code_max);
        let scale = (max - min) / q;
        if min > 0.0 || max < 0.0 {
            return Self { min, max, scale, code_max, is_single: false };
        }
        let zero_point = ((0.0 - min) / scale).round_ties_even();
        let min = -zero_point * scale;
        Self { min, max: q * scale + min, scale, code_max, is_single: false }
    }

    /// An encoder that gives the nearest code under parameters that are there already.
    fn from_affine(affine: Affine, code_max: u16) -> Self {
        let Affine { min, scale } = affine;
        let max = f64::from(code_max) * scale + min;
        Self { min, max, scale, code_max, is_single: false }
    }

    fn affine(&self) -> Affine {
        Affine { min: self.min, scale: self.scale }
    }

    /// Rounding by hand: without SSE4.1 `round_ties_even` is a call per element. A double of 2^52
    /// and more has no fraction, so adding 2^52 to `steps` (0 to 65535) rounds it to nearest even
    /// and leaves the whole number in the low bits.
    fn code(&self, x: f32) -> u16 {
        const TWO_52: f64 = 4_503_599_627_370_496.0;
        let x = f64::from(x);
        let x = if x < self.min { self.min } else { x };
        let x = if x > self.max { self.max } else { x };
        let steps = (x - self.min) / self.scale;
        let [low, high, ..] = (steps + TWO_52).to_bits().to_le_bytes();
        if self.is_single { 0 } else { u16::from_le_bytes([low, high]).min(self.code_max) }
    }
}

struct Encoded {
    floats: SourceRef,
    n: u64,
    to: CodeType,
    encoder: Encoder,
}

impl ByteSource for Encoded {
    fn byte_len(&self) -> u64 {
        self.n.saturating_mul(if self.to == CodeType::UInt8 { 1 } else { 2 })
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut out = Vec::new();
        for_each_whole(self.floats.as_ref(), 4, &mut |run| {
            out.clear();
            let codes = floats(run).map(|x| self.encoder.code(x).to_le_bytes());
            match self.to {
                CodeType::UInt8 => out.extend(codes.map(|[low, _]| low)),
                _ => out.extend(codes.flatten()),
            }
            sink(&out)
        })
    }
}
