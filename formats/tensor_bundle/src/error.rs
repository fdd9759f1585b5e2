//! What can be wrong with a checkpoint.

use std::io;

use tensorferry_store::StoreError;

/// Why a checkpoint, or a tensor of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index is not a sorted table, or a broken one.
    #[error("byte {at} of the index: {what}")]
    Index {
        /// Offset of the block or footer.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A block of the index, or the data of a tensor, was changed since it was written.
    #[error(
        "{place}: the checksum is {found:#010x}, expected {expected:#010x}: the file was damaged"
    )]
    Checksum {
        /// The block or the key.
        place: String,
        /// As stored beside the data, unmasked.
        expected: u32,
        /// Of the data.
        found: u32,
    },
    /// An entry of the index makes no sense.
    #[error("`{key}`: {what}")]
    Entry {
        /// The key, readable.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// No such key.
    #[error("`{0}` is not in the checkpoint")]
    NotFound(String),
    /// Written on a machine of the other byte order.
    #[error("the checkpoint is big-endian; save it again on a little-endian machine")]
    BigEndian,
    /// More of something than is read.
    #[error("{what} pass the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// A data shard cannot be opened.
    #[error(transparent)]
    Shard(#[from] StoreError),
    /// The device said no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    pub(crate) fn entry(key: &str, what: impl Into<String>) -> Self {
        Self::Entry { key: key.to_owned(), what: what.into() }
    }
}

impl From<Error> for io::Error {
    /// For errors that come up in the middle of a stream.
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
