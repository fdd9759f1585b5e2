//! How the numbers of a quantized weight are written in a manifest.

use serde_json::{Map, Value};
use tensorferry_tensor::DType;

use crate::fields::Fields;
use crate::{Error, Kind};

/// The types that weights are quantized to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeType {
    /// 8-bit affine codes.
    UInt8,
    /// 16-bit affine codes.
    UInt16,
    /// IEEE half precision.
    Float16,
}

impl CodeType {
    /// The element type of the stored bytes.
    pub fn dtype(self) -> DType {
        match self {
            Self::UInt8 => DType::UInt8,
            Self::UInt16 => DType::UInt16,
            Self::Float16 => DType::Float16,
        }
    }

    /// The largest code, 255 or 65535; `None` for `float16`, which has no codes.
    pub fn code_max(self) -> Option<u16> {
        match self {
            Self::UInt8 => Some(u16::from(u8::MAX)),
            Self::UInt16 => Some(u16::MAX),
            Self::Float16 => None,
        }
    }
}

/// A weight's value is `code * scale + min`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// The value of code 0.
    pub min: f64,
    /// The step from one code to the next.
    pub scale: f64,
}

/// What the stored bytes are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Codes {
    /// 8-bit codes.
    UInt8(Affine),
    /// 16-bit codes.
    UInt16(Affine),
    /// Half-precision numbers.
    Float16,
}

/// The `quantization` field of a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantization {
    /// What the stored bytes are.
    pub codes: Codes,
    /// The type before; converters before 1.3 did not write it.
    pub original_dtype: Option<DType>,
}

impl Quantization {
    /// The type of the stored codes.
    pub fn code_type(&self) -> CodeType {
        match self.codes {
            Codes::UInt8(_) => CodeType::UInt8,
            Codes::UInt16(_) => CodeType::UInt16,
            Codes::Float16 => CodeType::Float16,
        }
    }

    /// Reads the field of a weight of type `dtype`.
    pub(crate) fn parse(path: &str, value: Value, dtype: DType) -> Result<Self, Error> {
        let mut fields = Fields::new(path, value)?;
        let name = fields.string("dtype")?;
        let at = fields.path("dtype");
        let affine = |fields: &mut Fields| -> Result<Affine, Error> {
            Ok(Affine { min: fields.number("min")?, scale: fields.number("scale")? })
        };
        let codes = match name.as_str() {
            "uint8" => Codes::UInt8(affine(&mut fields)?),
            "uint16" => Codes::UInt16(affine(&mut fields)?),
            "float16" => Codes::Float16,
            _ => {
                return Err(Error::malformed(at, "unknown quantization")
                    .expected("`uint8`, `uint16` or `float16`", format!("{name:?}")));
            }
        };
        let fits = match dtype {
            DType::Float32 => true,
            DType::Int32 => codes != Codes::Float16,
            _ => false,
        };
        if !fits {
            return Err(Error::new(Kind::Unsupported, format!("{dtype} as {name} codes")).at(at));
        }
        let original_dtype = match fields.optional_string("original_dtype")? {
            None => None,
            Some(original) if original == dtype.name() => Some(dtype),
            Some(original) => {
                let at = fields.path("original_dtype");
                return Err(Error::malformed(at, "not the dtype of the weight")
                    .expected(dtype, format!("{original:?}")));
            }
        };
        Ok(Self { codes, original_dtype })
    }

    /// The field as the converter writes it.
    pub(crate) fn to_json(self) -> Value {
        let mut map = Map::new();
        map.insert("dtype".to_owned(), self.code_type().dtype().name().into());
        if let Codes::UInt8(affine) | Codes::UInt16(affine) = self.codes {
            map.insert("min".to_owned(), affine.min.into());
            map.insert("scale".to_owned(), affine.scale.into());
        }
        if let Some(dtype) = self.original_dtype {
            map.insert("original_dtype".to_owned(), dtype.name().into());
        }
        Value::Object(map)
    }
}
