//! Why an archive, or one entry of it, was not read.

use std::fmt;
use std::io;

/// Class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The file ends before what it promises.
    Truncated,
    /// The bytes contradict the format or each other.
    Malformed,
    /// A valid archive of a kind that is not read on purpose.
    Unsupported,
    /// It asks for more than a limit allows.
    Limit,
    /// No entry of that name.
    Missing,
    /// The device failed.
    Io,
}

/// What is wrong, with which entry, and at which byte where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    entry: String,
    offset: Option<u64>,
    what: String,
}

impl Error {
    pub(crate) fn new(kind: Kind, entry: &str, what: impl Into<String>) -> Self {
        Self { kind, entry: entry.to_owned(), offset: None, what: what.into() }
    }

    pub(crate) fn malformed(entry: &str, what: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, entry, what)
    }

    pub(crate) fn io(entry: &str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof => Kind::Truncated,
            io::ErrorKind::InvalidData => Kind::Malformed,
            _ => Kind::Io,
        };
        Self::new(kind, entry, error.to_string())
    }

    /// The same error about byte `offset` of the archive.
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Class of the error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Name of the entry concerned; empty for the whole archive.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// The byte of the archive concerned, where it is known.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// What is wrong, without the place.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.entry.is_empty() {
            write!(f, "`{}`: ", self.entry)?;
        }
        f.write_str(&self.what)?;
        match self.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
