//! A store that notes what was asked of it.

use std::path::{Component, Path};
use std::sync::Mutex;

use bytes::Bytes;
use tensorferry_store::{BlobRef, Entry, Store, StoreError};

/// Hands every call on, and keeps the names that were opened.
///
/// It checks no name itself and can give content for any name at all, so that whoever relies on
/// the store's own check is found out.
pub struct Recorded<'a> {
    inner: &'a dyn Store,
    /// Given for every name that leads out.
    bait: Option<Bytes>,
    opened: Mutex<Vec<String>>,
}

impl<'a> Recorded<'a> {
    /// Notes what is asked of `inner`.
    pub fn new(inner: &'a dyn Store) -> Self {
        Self { inner, bait: None, opened: Mutex::default() }
    }

    /// Notes what is asked of `inner`, and gives `bait` for every name that leads out.
    pub fn with_bait(inner: &'a dyn Store, bait: &'static [u8]) -> Self {
        Self { bait: Some(Bytes::from_static(bait)), ..Self::new(inner) }
    }

    /// All names that were opened, in order.
    pub fn opened(&self) -> Vec<String> {
        self.opened.lock().expect("no one panics with it").clone()
    }

    /// The first opened name that leaves the folder.
    pub fn outside(&self) -> Option<String> {
        self.opened().into_iter().find(|name| !is_inside(name))
    }
}

/// A second opinion on names, written apart from the library's: all parts are plain by the rules of
/// this system, and nothing in it means something to Windows, a browser or a shell.
pub fn is_inside(name: &str) -> bool {
    let path = Path::new(name);
    !name.is_empty()
        && !name.contains("//")
        && path.components().all(|part| matches!(part, Component::Normal(_)))
        && !name.split(['/', '\\']).any(|part| part == ".." || part == ".")
        && !name.chars().any(|c| c == '\\' || c == ':' || c < ' ' || c == '\u{7f}')
}

impl Store for Recorded<'_> {
    fn label(&self) -> &str {
        self.inner.label()
    }

    fn main(&self) -> Option<&str> {
        self.inner.main()
    }

    fn list(&self) -> Result<Vec<Entry>, StoreError> {
        self.inner.list()
    }

    fn open(&self, name: &str) -> Result<BlobRef, StoreError> {
        self.opened.lock().expect("no one panics with it").push(name.to_owned());
        match (self.inner.open(name), &self.bait) {
            (Err(_), Some(bait)) if !is_inside(name) => Ok(std::sync::Arc::new(bait.clone())),
            (result, _) => result,
        }
    }
}
