//! Why a file, or one object of it, was not read.

use std::fmt;
use std::io;

/// Class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The file ends before what it promises.
    Truncated,
    /// The bytes contradict the format or each other.
    Malformed,
    /// Valid HDF5 that is not read on purpose, or not yet.
    Unsupported,
    /// It asks for more than a limit allows.
    Limit,
    /// No object of that name.
    Missing,
    /// The device failed.
    Io,
}

/// What is wrong, at which object of the file, and at which byte where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    path: String,
    offset: Option<u64>,
    what: String,
}

impl Error {
    pub(crate) fn new(kind: Kind, path: &str, what: impl Into<String>) -> Self {
        Self { kind, path: path.to_owned(), offset: None, what: what.into() }
    }

    pub(crate) fn malformed(path: &str, what: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, path, what)
    }

    pub(crate) fn unsupported(path: &str, what: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, path, what)
    }

    pub(crate) fn limit(path: &str, what: impl Into<String>) -> Self {
        Self::new(Kind::Limit, path, what)
    }

    pub(crate) fn io(path: &str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof => Kind::Truncated,
            _ => Kind::Io,
        };
        Self::new(kind, path, error.to_string())
    }

    /// The same error about byte `offset` of the file.
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The parser's error, about the object at `path`.
    pub(crate) fn parsed(path: &str, error: &hdf5_reader::error::Error) -> Self {
        use hdf5_reader::error::Error as Parser;
        let kind = match error {
            Parser::Io(error) => return Self::io(path, error),
            Parser::Context { source, .. } => return Self::parsed(path, source),
            Parser::UnsupportedLayoutClass(3) => {
                let what = "a virtual dataset, whose data lies in other files, is not read";
                return Self::unsupported(path, what);
            }
            Parser::OffsetOutOfBounds(offset) => {
                let what = format!("the file ends before byte {offset}, which it points to");
                return Self::new(Kind::Truncated, path, what).at(*offset);
            }
            Parser::UnexpectedEof { .. } => {
                return Self::malformed(path, "a structure ends before its last field");
            }
            Parser::ResourceLimit(_) => Kind::Limit,
            Parser::UnsupportedSuperblockVersion(_)
            | Parser::UnsupportedObjectHeaderVersion(_)
            | Parser::UnsupportedBTreeVersion(_)
            | Parser::UnsupportedSymbolTableNodeVersion(_)
            | Parser::UnsupportedLocalHeapVersion(_)
            | Parser::UnsupportedGlobalHeapVersion(_)
            | Parser::UnsupportedFractalHeapVersion(_)
            | Parser::UnsupportedDataspaceVersion(_)
            | Parser::UnsupportedDatatypeClass(_)
            | Parser::UnsupportedLayoutClass(_)
            | Parser::UnsupportedLayoutVersion(_)
            | Parser::UnsupportedFilterPipelineVersion(_)
            | Parser::UnsupportedFillValueVersion(_)
            | Parser::UnsupportedLinkVersion(_)
            | Parser::UnsupportedLinkType(_)
            | Parser::UnsupportedAttributeVersion(_)
            | Parser::UnsupportedBTreeV2RecordType(_)
            | Parser::UnsupportedChunkIndexType(_)
            | Parser::UnsupportedOffsetSize(_)
            | Parser::UnsupportedLengthSize(_)
            | Parser::UnsupportedEncoding(_) => Kind::Unsupported,
            _ => Kind::Malformed,
        };
        Self::new(kind, path, error.to_string())
    }

    /// Class of the error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The object or attribute concerned, such as `model_weights/d/kernel:0`; empty for the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The byte of the file concerned, where it is known.
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
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.what)?;
        match self.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// While data streams by, an error travels as the inner error of an `io::Error`.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            Kind::Truncated => io::ErrorKind::UnexpectedEof,
            Kind::Unsupported => io::ErrorKind::Unsupported,
            Kind::Missing => io::ErrorKind::NotFound,
            Kind::Io => io::ErrorKind::Other,
            Kind::Malformed | Kind::Limit => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}
