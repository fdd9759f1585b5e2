//! Element types in HDF5's own words.

use std::fmt;

use hdf5_reader::messages::datatype as raw;

use crate::error::Error;

/// How a fixed-length string is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The first NUL ends it (C).
    NullTerminated,
    /// NULs at the end do not count (NumPy's `S`).
    NullPadded,
    /// Spaces at the end do not count (Fortran).
    SpacePadded,
}

/// The type of a dataset's or an attribute's elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datatype {
    /// IEEE 754 of 2, 4 or 8 bytes.
    Float {
        /// Bytes of one element.
        size: u8,
        /// Byte order.
        big_endian: bool,
    },
    /// Two's complement of 1, 2, 4 or 8 bytes.
    Int {
        /// Bytes of one element.
        size: u8,
        /// Whether negative numbers exist.
        signed: bool,
        /// Byte order.
        big_endian: bool,
    },
    /// One byte, 0 or 1: h5py's enumeration of `FALSE` and `TRUE`.
    Bool,
    /// h5py's compound of two floats `r`, `i`.
    Complex {
        /// Bytes of one element, both floats together: 8 or 16.
        size: u8,
        /// Byte order of the floats.
        big_endian: bool,
    },
    /// Text.
    String {
        /// Bytes of one element, or `None` for variable length (the text is in a global heap).
        size: Option<u32>,
        /// UTF-8 where true, ASCII otherwise.
        utf8: bool,
        /// How a fixed-length one is filled up.
        padding: Padding,
    },
    /// Bytes without a meaning to HDF5, such as the `V2` of Keras' bfloat16.
    Opaque {
        /// Bytes of one element.
        size: u32,
        /// The writer's description.
        tag: String,
    },
    /// Anything else; the data is not read.
    Other {
        /// Bytes of one element.
        size: u32,
        /// The type in words.
        text: String,
    },
}

impl Datatype {
    /// Bytes of one element where the data itself is stored, `None` for text of variable length.
    pub fn byte_size(&self) -> Option<u64> {
        match self {
            Self::Float { size, .. } | Self::Int { size, .. } | Self::Complex { size, .. } => {
                Some(u64::from(*size))
            }
            Self::Bool => Some(1),
            Self::String { size, .. } => size.map(u64::from),
            Self::Opaque { size, .. } | Self::Other { size, .. } => Some(u64::from(*size)),
        }
    }

    /// True when numbers of more than one byte are stored with the highest byte first.
    pub fn is_big_endian(&self) -> bool {
        matches!(
            self,
            Self::Float { big_endian: true, .. }
                | Self::Int { big_endian: true, .. }
                | Self::Complex { big_endian: true, .. }
        )
    }

    /// `size` is that of the datatype message.
    pub(crate) fn from_raw(datatype: &raw::Datatype, size: u32) -> Self {
        let other = |text: &str| Self::Other { size, text: text.to_owned() };
        match datatype {
            raw::Datatype::FloatingPoint { size: 2 | 4 | 8, .. } => match datatype {
                raw::Datatype::FloatingPoint { size, byte_order } => {
                    Self::Float { size: *size, big_endian: is_big(*byte_order) }
                }
                _ => other("float"),
            },
            raw::Datatype::FixedPoint { size: 1 | 2 | 4 | 8, .. } => match datatype {
                raw::Datatype::FixedPoint { size, signed, byte_order } => {
                    Self::Int { size: *size, signed: *signed, big_endian: is_big(*byte_order) }
                }
                _ => other("integer"),
            },
            raw::Datatype::String { size: length, encoding, padding } => Self::String {
                size: match length {
                    raw::StringSize::Fixed(n) => Some(*n),
                    raw::StringSize::Variable => None,
                },
                utf8: *encoding == raw::StringEncoding::Utf8,
                padding: padding_of(*padding),
            },
            raw::Datatype::VarLen { base, kind: raw::VarLenKind::String, encoding, padding }
                if base.is_vlen_string_base() =>
            {
                Self::String {
                    size: None,
                    utf8: *encoding == raw::StringEncoding::Utf8,
                    padding: padding_of(*padding),
                }
            }
            raw::Datatype::Enum { base, members } if is_bool(base, members) => Self::Bool,
            raw::Datatype::Compound { size, fields } => complex(*size, fields)
                .unwrap_or_else(|| other(&format!("compound of {} fields", fields.len()))),
            raw::Datatype::Opaque { size, tag } => Self::Opaque { size: *size, tag: tag.clone() },
            raw::Datatype::Reference { .. } => other("reference"),
            raw::Datatype::VarLen { .. } => other("variable-length sequence"),
            raw::Datatype::Array { .. } => other("array"),
            raw::Datatype::Enum { .. } => other("enumeration"),
            raw::Datatype::Bitfield { .. } => other("bit field"),
            raw::Datatype::FloatingPoint { .. } => other("float of an unusual size"),
            raw::Datatype::FixedPoint { .. } => other("integer of an unusual size"),
        }
    }

    /// Checks that data of this type can be read as bytes.
    pub(crate) fn readable(&self, path: &str) -> Result<u64, Error> {
        match self {
            Self::Other { .. } => {
                Err(Error::unsupported(path, format!("elements of type {self} are not read")))
            }
            _ => self.byte_size().ok_or_else(|| {
                Error::unsupported(path, "text of variable length is not stored as plain bytes")
            }),
        }
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float { size, .. } => write!(f, "float{}", u32::from(*size) * 8)?,
            Self::Int { size, signed, .. } => {
                write!(f, "{}int{}", if *signed { "" } else { "u" }, u32::from(*size) * 8)?;
            }
            Self::Bool => f.write_str("bool")?,
            Self::Complex { size, .. } => write!(f, "complex{}", u32::from(*size) * 8)?,
            Self::String { size: None, .. } => f.write_str("string")?,
            Self::String { size: Some(size), .. } => write!(f, "string of {size} bytes")?,
            Self::Opaque { size, .. } => write!(f, "opaque of {size} bytes")?,
            Self::Other { text, .. } => f.write_str(text)?,
        }
        if self.is_big_endian() { f.write_str(" (big-endian)") } else { Ok(()) }
    }
}

fn is_big(order: hdf5_reader::ByteOrder) -> bool {
    order == hdf5_reader::ByteOrder::BigEndian
}

fn padding_of(padding: raw::StringPadding) -> Padding {
    match padding {
        raw::StringPadding::NullTerminate => Padding::NullTerminated,
        raw::StringPadding::NullPad => Padding::NullPadded,
        raw::StringPadding::SpacePad => Padding::SpacePadded,
    }
}

fn is_bool(base: &raw::Datatype, members: &[raw::EnumMember]) -> bool {
    let has = |name: &str, value: &[u8]| members.iter().any(|m| m.name == name && m.value == value);
    matches!(base, raw::Datatype::FixedPoint { size: 1, .. })
        && members.len() == 2
        && has("FALSE", &[0])
        && has("TRUE", &[1])
}

fn complex(size: u32, fields: &[raw::CompoundField]) -> Option<Datatype> {
    let [real, imaginary] = fields else { return None };
    let raw::Datatype::FloatingPoint { size: half @ (4 | 8), byte_order } = &real.datatype else {
        return None;
    };
    let is_pair = real.name == "r"
        && imaginary.name == "i"
        && real.datatype == imaginary.datatype
        && real.byte_offset == 0
        && imaginary.byte_offset == u32::from(*half)
        && size == 2 * u32::from(*half);
    is_pair.then(|| Datatype::Complex { size: 2 * half, big_endian: is_big(*byte_order) })
}
