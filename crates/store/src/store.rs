//! Where an input lives: named blobs.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::blob::BlobRef;

/// One name in a store and how long its blob is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the store, with `/` between its parts.
    pub name: String,
    /// Length in bytes.
    pub byte_len: u64,
}

/// Why a store did not give a blob.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such name.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The name would leave the store, or is no plain relative path (see [`is_contained`]).
    #[error("`{0}` is not a path inside the model's folder")]
    NotContained(String),
    /// It exists and is not a regular file.
    #[error("`{0}` is not a regular file")]
    NotAFile(String),
    /// The device said no.
    #[error("`{name}`: {source}")]
    Io {
        /// The name asked for.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Named blobs: a folder, a ZIP, files chosen in a browser, bytes in memory.
///
/// A model that is one file is a store too; [`Store::main`] names the file, and its neighbours
/// (the shards beside a `model.json`) are reachable by name.
pub trait Store: Send + Sync {
    /// What the user called it, for messages.
    fn label(&self) -> &str;

    /// The one file the user pointed at, or `None` when it was the whole folder.
    fn main(&self) -> Option<&str>;

    /// Every regular file, sorted by name. A store that was opened for one file may list only it.
    ///
    /// # Errors
    /// When the device fails or the folder holds more than the store's limit of entries.
    fn list(&self) -> Result<Vec<Entry>, StoreError>;

    /// The blob of that name.
    ///
    /// # Errors
    /// See [`StoreError`]. A name that fails [`is_contained`] is refused before any look-up.
    fn open(&self, name: &str) -> Result<BlobRef, StoreError>;
}

/// True for a relative path that stays inside its folder: parts of `[A-Za-z0-9._-]`, spaces and
/// non-ASCII letters joined by single `/`, none of them `.` or `..`, no `\`, no scheme, no
/// control character.
pub fn is_contained(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 4096
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '?' | '#' | '*'))
}

/// Blobs in memory.
#[derive(Default)]
pub struct MemoryStore {
    label: String,
    main: Option<String>,
    blobs: BTreeMap<String, BlobRef>,
}

impl MemoryStore {
    /// An empty folder called `label`.
    pub fn folder(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// One file called `label`.
    pub fn file(label: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let label = label.into();
        let name = label.rsplit('/').next().unwrap_or(&label).to_owned();
        Self { main: Some(name.clone()), ..Self::folder(label) }.with(name, bytes)
    }

    /// Adds a blob.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.blobs.insert(name.into(), Arc::new(bytes.into()));
        self
    }

    /// Points at one of the blobs, as a user does who names `model.json`.
    #[must_use]
    pub fn pointing_at(mut self, name: impl Into<String>) -> Self {
        self.main = Some(name.into());
        self
    }
}

impl Store for MemoryStore {
    fn label(&self) -> &str {
        &self.label
    }

    fn main(&self) -> Option<&str> {
        self.main.as_deref()
    }

    fn list(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self
            .blobs
            .iter()
            .map(|(name, blob)| Entry { name: name.clone(), byte_len: blob.byte_len() })
            .collect())
    }

    fn open(&self, name: &str) -> Result<BlobRef, StoreError> {
        if !is_contained(name) {
            return Err(StoreError::NotContained(name.to_owned()));
        }
        self.blobs.get(name).cloned().ok_or_else(|| StoreError::NotFound(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_inside_the_folder_are_contained() {
        for good in ["a.bin", "group1-shard1of2.bin", "variables/variables.index", "a b.bin", "ä"]
        {
            assert!(is_contained(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../a",
            "a/../b",
            "/a",
            "a//b",
            "a/",
            "c:\\x",
            "a\\b",
            "http://x/y",
            "a\0b",
            "a?b",
        ] {
            assert!(!is_contained(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_file_store_points_at_its_file() {
        let store = MemoryStore::file("dir/model.h5", &b"x"[..]);
        assert_eq!(store.main(), Some("model.h5"));
        assert_eq!(store.open("model.h5").unwrap().byte_len(), 1);
        assert!(matches!(store.open("../x"), Err(StoreError::NotContained(_))));
        assert!(matches!(store.open("x"), Err(StoreError::NotFound(_))));
    }
}
