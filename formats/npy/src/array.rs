//! An array in NumPy's own words.

use std::fmt;

use bytes::Bytes;

/// What elements are; the letter of the array protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `b`: one byte, 0 or 1.
    Bool,
    /// `i`: signed integers.
    Int,
    /// `u`: unsigned integers.
    UInt,
    /// `f`: IEEE 754.
    Float,
    /// `c`: real and imaginary part.
    Complex,
    /// `S`: bytes, padded with zeros.
    ByteText,
    /// `U`: code points of four bytes, padded with zeros.
    Text,
}

impl Kind {
    /// The letter that stands for it.
    pub fn letter(self) -> char {
        match self {
            Self::Bool => 'b',
            Self::Int => 'i',
            Self::UInt => 'u',
            Self::Float => 'f',
            Self::Complex => 'c',
            Self::ByteText => 'S',
            Self::Text => 'U',
        }
    }
}

/// An element type: `<f4` is `Kind::Float` of four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descr {
    /// What it is.
    pub kind: Kind,
    /// Bytes of one element.
    pub byte_len: usize,
}

impl fmt::Display for Descr {
    /// As NumPy writes it for little-endian data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.byte_len == 1 || self.kind == Kind::ByteText { '|' } else { '<' };
        let n = if self.kind == Kind::Text { self.byte_len / 4 } else { self.byte_len };
        write!(f, "{order}{}{n}", self.kind.letter())
    }
}

/// An array: little-endian elements, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// The element type.
    pub descr: Descr,
    /// The dims, outermost first.
    pub shape: Vec<usize>,
    /// The elements' bytes.
    pub data: Bytes,
}

impl Array {
    /// The elements of an array of text as UTF-8, without their padding. `None` for other types
    /// and for numbers that are no code points.
    pub fn texts(&self) -> Option<Vec<Vec<u8>>> {
        if self.descr.byte_len == 0 {
            return Some(vec![Vec::new(); element_count(&self.shape)?]);
        }
        let elements = self.data.chunks_exact(self.descr.byte_len);
        match self.descr.kind {
            Kind::ByteText => Some(
                elements
                    .map(|bytes| {
                        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                        bytes.get(..end).unwrap_or_default().to_vec()
                    })
                    .collect(),
            ),
            Kind::Text => elements.map(text).collect(),
            _ => None,
        }
    }

    /// An array of text that holds these: as code points where all are UTF-8, else as bytes.
    pub fn of_texts(shape: &[usize], texts: &[&[u8]]) -> Self {
        let utf8: Option<Vec<Vec<u32>>> = texts
            .iter()
            .map(|text| Some(std::str::from_utf8(text).ok()?.chars().map(u32::from).collect()))
            .collect();
        let mut data = Vec::new();
        let descr = match utf8 {
            Some(all) => {
                let n = all.iter().map(Vec::len).max().unwrap_or(0).max(1);
                for one in &all {
                    let padding = std::iter::repeat_n(&0, n - one.len());
                    data.extend(one.iter().chain(padding).flat_map(|c| c.to_le_bytes()));
                }
                Descr { kind: Kind::Text, byte_len: 4 * n }
            }
            None => {
                let n = texts.iter().map(|text| text.len()).max().unwrap_or(0).max(1);
                for one in texts {
                    data.extend_from_slice(one);
                    data.extend(std::iter::repeat_n(0, n - one.len()));
                }
                Descr { kind: Kind::ByteText, byte_len: n }
            }
        };
        Self { descr, shape: shape.to_vec(), data: data.into() }
    }
}

/// Number of elements; `None` when it does not fit.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim))
}

fn text(bytes: &[u8]) -> Option<Vec<u8>> {
    let points = bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four));
    let text: String = points.map(char::from_u32).collect::<Option<_>>()?;
    Some(text.trim_end_matches('\0').as_bytes().to_vec())
}
