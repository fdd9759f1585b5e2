//! A shared run of elements: owned, or a view of mapped bytes.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

/// Elements of one type. Cloning shares them.
#[derive(Clone)]
pub struct Buffer<T>(Inner<T>);

#[derive(Clone)]
enum Inner<T> {
    Owned(Arc<Vec<T>>),
    /// The bytes lie in memory as the elements do; `view` is checked once, when the buffer is made.
    Mapped {
        bytes: Bytes,
        view: fn(&[u8]) -> &[T],
    },
}

impl<T: bytemuck::Pod> Buffer<T> {
    /// A view of little-endian bytes; `None` when they are not aligned for the type, are no whole
    /// number of elements, or this machine is big-endian.
    pub fn mapped(bytes: Bytes) -> Option<Self> {
        if cfg!(target_endian = "big") {
            return None;
        }
        bytemuck::try_cast_slice::<u8, T>(&bytes).ok()?;
        Some(Self(Inner::Mapped { bytes, view: |bytes| bytemuck::cast_slice(bytes) }))
    }

    /// The elements as little-endian bytes, shared where this machine has them so.
    pub fn to_bytes<const N: usize>(&self, to_le_bytes: impl Fn(T) -> [u8; N]) -> Bytes
    where
        T: Send + Sync,
    {
        if cfg!(target_endian = "big") {
            return self.iter().flat_map(|x| to_le_bytes(*x)).collect();
        }
        match &self.0 {
            Inner::Owned(all) => Bytes::from_owner(Shared(all.clone())),
            Inner::Mapped { bytes, .. } => bytes.clone(),
        }
    }
}

/// Elements that are looked at as bytes.
struct Shared<T>(Arc<Vec<T>>);

impl<T: bytemuck::Pod> AsRef<[u8]> for Shared<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl<T: Clone> Buffer<T> {
    /// The elements as a vector, when nobody else holds them.
    ///
    /// # Errors
    /// The buffer itself, when it is shared or a view.
    pub fn try_into_vec(self) -> Result<Vec<T>, Self> {
        match self.0 {
            Inner::Owned(all) => Arc::try_unwrap(all).map_err(|all| Self(Inner::Owned(all))),
            mapped @ Inner::Mapped { .. } => Err(Self(mapped)),
        }
    }

    /// The elements as a vector, without a copy when nobody else holds them.
    pub fn into_vec(self) -> Vec<T> {
        match self.0 {
            Inner::Owned(all) => Arc::try_unwrap(all).unwrap_or_else(|all| all.to_vec()),
            Inner::Mapped { bytes, view } => view(&bytes).to_vec(),
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Inner::Owned(all) => all,
            Inner::Mapped { bytes, view } => view(bytes),
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(all: Vec<T>) -> Self {
        Self(Inner::Owned(Arc::new(all)))
    }
}

impl<T: PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
