//! Why a text is not read.

use std::fmt;

use crate::Path;

/// What sort of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text ends too early.
    Truncated,
    /// It is not JSON, or an object has a key twice.
    Malformed,
    /// It is fine and holds something that we do not represent.
    Unsupported,
    /// It passes one of the [`Limits`](crate::Limits).
    Limit,
}

/// Why a text is not read, and where: one word wide, details behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Detail>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Detail {
    kind: Kind,
    what: String,
    path: Path,
    offset: usize,
    line: usize,
    column: usize,
}

impl Error {
    /// An error at byte `at` of `text`; `before` bytes came before the text (a byte order mark).
    pub(crate) fn new(kind: Kind, what: String, path: Path, place: Place<'_>) -> Self {
        let head = place.text.get(..place.at).unwrap_or(place.text);
        let line_start = head.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = head.iter().filter(|b| **b == b'\n').count() + 1;
        // A character is counted at its first byte.
        let is_first = |b: &&u8| (**b & 0xc0) != 0x80;
        let column = head.iter().skip(line_start).filter(is_first).count() + 1;
        Self(Box::new(Detail { kind, what, path, offset: place.before + place.at, line, column }))
    }

    /// What sort of error it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What is wrong, without the place.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The keys and indices that lead to the value in question.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Byte offset in the file.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// Character in the line, from 1.
    pub fn column(&self) -> usize {
        self.0.column
    }
}

impl fmt::Display for Error {
    /// `PATH: what (line 1, column 7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.path.to_string();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        write!(f, "{} (line {}, column {})", self.0.what, self.0.line, self.0.column)
    }
}

impl std::error::Error for Error {}

/// A byte of a text, to be turned into line and column.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The text without its byte order mark.
    pub(crate) text: &'a [u8],
    /// The byte.
    pub(crate) at: usize,
    /// Bytes of the byte order mark.
    pub(crate) before: usize,
}
