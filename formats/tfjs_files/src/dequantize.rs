//! From stored codes back to numbers, as TensorFlow.js computes them.

use std::io;
use std::sync::Arc;

use tensorferry_store::{ByteSource, SourceRef};
use tensorferry_tensor::{DType, Tensor, cast, for_each_whole};

use crate::{Affine, CodeType, Codes, Error, Kind, Quantization};

/// `stored` codes as a tensor of type `to` (`float32` or `int32`), computed while it is read.
///
/// `code * scale + min` in 64-bit floats, then rounded to `float32`; for `int32` rounded to the
/// nearest integer, halves up (JavaScript's `Math.round`), and saturated.
///
/// # Errors
/// When `stored` is not of the codes' type, or `to` is neither.
pub fn dequantize(
    stored: &Tensor,
    quantization: &Quantization,
    to: DType,
) -> Result<Tensor, Error> {
    let code_type = quantization.code_type();
    let fits = matches!((code_type, to), (_, DType::Float32))
        || matches!((code_type, to), (CodeType::UInt8 | CodeType::UInt16, DType::Int32));
    if !fits || stored.dtype() != code_type.dtype() {
        let what = format!("{} codes of {} as {to}", stored.dtype(), code_type.dtype());
        return Err(Error::new(Kind::Unsupported, what));
    }
    let affine = match quantization.codes {
        Codes::UInt8(affine) | Codes::UInt16(affine) => affine,
        Codes::Float16 => {
            return cast(stored, to, false)
                .map_err(|error| Error::new(Kind::Unsupported, error.to_string()));
        }
    };
    let source = Decoded {
        codes: stored.data().clone(),
        n: stored.len(),
        is_wide: code_type == CodeType::UInt16,
        affine,
        is_integer: to == DType::Int32,
    };
    Tensor::new(to, stored.shape().to_vec(), Arc::new(source))
        .map_err(|error| Error::new(Kind::Limit, error.to_string()))
}

impl Affine {
    /// The `float32` that TensorFlow.js makes of a code.
    #[expect(clippy::as_conversions, reason = "rounding to the nearest float32 is what is meant")]
    pub fn value(&self, code: u16) -> f32 {
        (f64::from(code) * self.scale + self.min) as f32
    }

    /// The `int32` that TensorFlow.js makes of a code.
    #[expect(clippy::as_conversions, reason = "saturates, and the number is whole")]
    pub fn integer(&self, code: u16) -> i32 {
        let value = f64::from(code) * self.scale + self.min;
        let floor = value.floor();
        let whole = if value - floor >= 0.5 { floor + 1.0 } else { floor };
        whole as i32
    }
}

struct Decoded {
    codes: SourceRef,
    n: u64,
    is_wide: bool,
    affine: Affine,
    is_integer: bool,
}

impl Decoded {
    fn bytes_of(&self, code: u16) -> [u8; 4] {
        match self.is_integer {
            true => self.affine.integer(code).to_le_bytes(),
            false => self.affine.value(code).to_le_bytes(),
        }
    }
}

impl ByteSource for Decoded {
    fn byte_len(&self) -> u64 {
        self.n.saturating_mul(4)
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut out = Vec::new();
        if self.is_wide {
            return for_each_whole(self.codes.as_ref(), 2, &mut |run| {
                out.clear();
                let (codes, _) = run.as_chunks::<2>();
                out.extend(codes.iter().flat_map(|code| self.bytes_of(u16::from_le_bytes(*code))));
                sink(&out)
            });
        }
        let table: Vec<[u8; 4]> = (0..=255).map(|code| self.bytes_of(code)).collect();
        for_each_whole(self.codes.as_ref(), 1, &mut |run| {
            out.clear();
            let value = |code: &u8| table.get(usize::from(*code)).copied().unwrap_or_default();
            out.extend(run.iter().flat_map(value));
            sink(&out)
        })
    }
}
