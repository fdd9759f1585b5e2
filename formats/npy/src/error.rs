//! Why an array was not read.

/// Class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The file ends before what it promises.
    Truncated,
    /// The bytes contradict the format or each other.
    Malformed,
    /// A valid file of a kind that is not read on purpose.
    Unsupported,
    /// It asks for more than a limit allows.
    Limit,
}

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at byte {offset}")]
pub struct Error {
    /// Class of the error.
    pub class: Class,
    /// The byte of the file that is concerned.
    pub offset: usize,
    /// What is wrong, in lower case and without a full stop.
    pub what: String,
}

impl Error {
    pub(crate) fn new(class: Class, offset: usize, what: impl Into<String>) -> Self {
        Self { class, offset, what: what.into() }
    }

    pub(crate) fn malformed(offset: usize, what: impl Into<String>) -> Self {
        Self::new(Class::Malformed, offset, what)
    }
}
