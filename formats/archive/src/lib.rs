//! ZIP archives of `.keras` files, read in memory under a budget and written deterministically.
//!
//! [`Archive`] reads entries that are stored or deflated, with ZIP64 sizes where needed. An
//! archive must account for its bytes: no entry overlaps another, no name is there twice, what a
//! local header says is what the directory says. Nothing is ever unpacked to disk. [`write()`]
//! makes archives as Keras does, always with the same bytes. The format is PKWARE's APPNOTE 6.3.
//! [`for_each_tar_file`] streams the files of a TAR archive, as TensorFlow Hub serves them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::panic))]

mod directory;
mod error;
mod fields;
mod reader;
mod tar;
mod writer;

pub use error::{Error, Kind};
pub use reader::{Archive, Limits};
pub use tar::{TarEntry, for_each_tar_file};
pub use writer::write;
