//! NumPy's `.npy`: one array with its element type, its shape and its order in memory.
//!
//! [`read`] takes the bytes of a file, borrows what is stored as we need it and turns the rest:
//! an [`Array`] is always little-endian and row-major. Pickled objects are refused, never loaded.
//! [`write()`] makes what `numpy.load` reads. The format is NumPy's `numpy/lib/format.py`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::panic))]

mod array;
mod error;
mod header;
mod limits;
mod reader;
mod writer;

pub use array::{Array, Descr, Kind};
pub use error::{Class, Error};
pub use limits::Limits;
pub use reader::read;
pub use writer::write;
