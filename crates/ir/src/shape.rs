//! What is known of a tensor before it exists: its element type and its dims.

use std::fmt;

use tensorferry_tensor::DType;

/// The type of a value that flows along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A tensor of elements.
    Data(DType),
    /// A handle of something that is shared and changed: a table, a variable.
    Resource,
    /// A value that is no array: a list of tensors.
    Variant,
    /// Another number of `types.proto` (quantized types); nothing computes with it.
    Other(i32),
}

impl Type {
    /// The type of that number in `types.proto`; a reference counts as what it refers to.
    pub fn from_proto(number: i32) -> Self {
        /// A reference's number is that of its type and 100.
        const REFERENCE: i32 = 100;
        let plain = if number > REFERENCE { number - REFERENCE } else { number };
        match plain {
            20 => Self::Resource,
            21 => Self::Variant,
            _ => DType::from_proto(plain).map_or(Self::Other(plain), Self::Data),
        }
    }

    /// The number in `types.proto`.
    pub fn to_proto(self) -> i32 {
        match self {
            Self::Data(dtype) => dtype.to_proto(),
            Self::Resource => 20,
            Self::Variant => 21,
            Self::Other(number) => number,
        }
    }

    /// The type called so in the text form.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "resource" => Some(Self::Resource),
            "variant" => Some(Self::Variant),
            _ => match name.strip_prefix("type") {
                Some(number) => number.parse().ok().map(Self::Other),
                None => DType::from_name(name).map(Self::Data),
            },
        }
    }

    /// The element type, when it is a tensor of elements.
    pub fn dtype(self) -> Option<DType> {
        match self {
            Self::Data(dtype) => Some(dtype),
            _ => None,
        }
    }
}

impl From<DType> for Type {
    fn from(dtype: DType) -> Self {
        Self::Data(dtype)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(dtype) => f.write_str(dtype.name()),
            Self::Resource => f.write_str("resource"),
            Self::Variant => f.write_str("variant"),
            Self::Other(number) => write!(f, "type{number}"),
        }
    }
}

/// The size of one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A number.
    Known(usize),
    /// Only known when the tensor exists.
    Unknown,
}

impl Dim {
    /// The number, when it is known.
    pub fn known(self) -> Option<usize> {
        match self {
            Self::Known(n) => Some(n),
            Self::Unknown => None,
        }
    }

    /// True when both could be the same number.
    pub fn agrees(self, other: Self) -> bool {
        self == other || self == Self::Unknown || other == Self::Unknown
    }

    /// What is known of a dim that is both; `None` when they differ.
    pub fn merge(self, other: Self) -> Option<Self> {
        self.agrees(other).then(|| if self == Self::Unknown { other } else { self })
    }

    /// The known number computed from both, checked.
    pub fn zip(self, other: Self, f: impl Fn(usize, usize) -> Option<usize>) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => f(a, b).map_or(Self::Unknown, Self::Known),
            _ => Self::Unknown,
        }
    }

    /// The known number computed from this one.
    pub fn map(self, f: impl Fn(usize) -> Option<usize>) -> Self {
        self.zip(Self::Known(0), |n, _| f(n))
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Self {
        Self::Known(n)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(n) => write!(f, "{n}"),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// Dims, each of which may be unknown; `None` when not even their number is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape(pub Option<Vec<Dim>>);

impl Shape {
    /// The shape of which nothing is known.
    pub const UNKNOWN: Self = Self(None);

    /// The shape without dims.
    pub fn scalar() -> Self {
        Self(Some(Vec::new()))
    }

    /// A shape of one dim.
    pub fn vector(dim: impl Into<Dim>) -> Self {
        Self(Some(vec![dim.into()]))
    }

    /// A shape of known dims.
    pub fn of(dims: &[usize]) -> Self {
        Self(Some(dims.iter().copied().map(Dim::Known).collect()))
    }

    /// `rank` unknown dims.
    pub fn of_rank(rank: usize) -> Self {
        Self(Some(vec![Dim::Unknown; rank]))
    }

    /// The dims, when their number is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        self.0.as_deref()
    }

    /// The number of dims.
    pub fn rank(&self) -> Option<usize> {
        self.0.as_ref().map(Vec::len)
    }

    /// The dims, when all are known.
    pub fn known(&self) -> Option<Vec<usize>> {
        self.0.as_ref()?.iter().map(|dim| dim.known()).collect()
    }

    /// The number of elements, when it is known.
    pub fn n_elements(&self) -> Option<usize> {
        tensorferry_tensor::dense_len(&self.known()?)
    }

    /// True when a tensor could have both shapes.
    pub fn agrees(&self, other: &Self) -> bool {
        self.merge(other).is_some()
    }

    /// What is known of a shape that is both; `None` when they differ.
    pub fn merge(&self, other: &Self) -> Option<Self> {
        let (Some(a), Some(b)) = (&self.0, &other.0) else {
            return Some(if self.0.is_none() { other.clone() } else { self.clone() });
        };
        if a.len() != b.len() {
            return None;
        }
        a.iter()
            .zip(b)
            .map(|(a, b)| a.merge(*b))
            .collect::<Option<_>>()
            .map(|dims| Self(Some(dims)))
    }

    /// What is true of both shapes: dims that differ become unknown.
    pub fn common(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) if a.len() == b.len() => {
                let either = |(a, b): (&Dim, &Dim)| if a == b { *a } else { Dim::Unknown };
                Self(Some(a.iter().zip(b).map(either).collect()))
            }
            _ => Self::UNKNOWN,
        }
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Self {
        Self(Some(dims))
    }
}

impl fmt::Display for Shape {
    /// `<2,?>`, `<>` for a scalar, `<*>` when the rank is unknown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dims) = &self.0 else { return f.write_str("<*>") };
        f.write_str("<")?;
        for (i, dim) in dims.iter().enumerate() {
            write!(f, "{}{dim}", if i == 0 { "" } else { "," })?;
        }
        f.write_str(">")
    }
}
