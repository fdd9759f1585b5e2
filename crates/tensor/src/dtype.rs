//! TensorFlow's element types.

use std::fmt;

/// An element type. Names and numbers are those of TensorFlow's `types.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 binary16.
    Float16,
    /// The upper half of a binary32.
    BFloat16,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// One byte, 0 or 1.
    Bool,
    /// Two binary32: real, imaginary.
    Complex64,
    /// Two binary64: real, imaginary.
    Complex128,
    /// Byte strings; stored as TensorFlow.js stores them, a little-endian `u32` length before each.
    String,
}

/// Every element type with its name, number in `types.proto` and size in bytes (0: variable).
const TABLE: [(DType, &str, i32, usize); 16] = [
    (DType::Float16, "float16", 19, 2),
    (DType::BFloat16, "bfloat16", 14, 2),
    (DType::Float32, "float32", 1, 4),
    (DType::Float64, "float64", 2, 8),
    (DType::Int8, "int8", 6, 1),
    (DType::Int16, "int16", 5, 2),
    (DType::Int32, "int32", 3, 4),
    (DType::Int64, "int64", 9, 8),
    (DType::UInt8, "uint8", 4, 1),
    (DType::UInt16, "uint16", 17, 2),
    (DType::UInt32, "uint32", 22, 4),
    (DType::UInt64, "uint64", 23, 8),
    (DType::Bool, "bool", 10, 1),
    (DType::Complex64, "complex64", 8, 8),
    (DType::Complex128, "complex128", 18, 16),
    (DType::String, "string", 7, 0),
];

impl DType {
    /// All element types.
    pub fn all() -> impl Iterator<Item = DType> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (DType, &'static str, i32, usize) {
        TABLE.iter().find(|row| row.0 == self).expect("the table has every type")
    }

    /// The name NumPy and TensorFlow.js use, such as `float32`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The number in TensorFlow's `types.proto`.
    pub fn to_proto(self) -> i32 {
        self.row().2
    }

    /// The type of that number in TensorFlow's `types.proto`.
    pub fn from_proto(number: i32) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == number).map(|row| row.0)
    }

    /// Bytes of one element, `None` for strings.
    pub fn byte_size(self) -> Option<usize> {
        Some(self.row().3).filter(|size| *size > 0)
    }

    /// True for the floating-point types, complex ones left out.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::BFloat16 | Self::Float32 | Self::Float64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_the_type() {
        for dtype in DType::all() {
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
            assert_eq!(DType::from_proto(dtype.to_proto()), Some(dtype));
        }
        assert_eq!(TABLE.len(), DType::all().count());
    }
}
