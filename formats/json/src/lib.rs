//! JSON as Python writes it: bounded reading, and output byte-identical to `json.dumps`.
//!
//! Keras and the TensorFlow.js converter write their configs with Python's `json` module. Two
//! things set it apart from JSON elsewhere: it writes `NaN`, `Infinity` and `-Infinity` bare, which
//! RFC 8259 does not know, and its spelling of numbers, separators and non-ASCII characters.
//! [`parse`] and [`parse_with`] read it within limits; [`to_python`] writes it.
//!
//! Values are [`serde_json::Value`]s with the order of keys kept. Integers and floats stay apart:
//! `1` and `1.0` are different values and are written as they came.

#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::as_conversions, clippy::indexing_slicing, clippy::panic)]

mod error;
mod lexer;
pub mod limits;
mod path;
mod reader;
mod writer;

pub use error::{Error, Kind};
pub use limits::Limits;
pub use path::Path;
pub use reader::{NonFinite, Parsed, parse, parse_with};
pub use writer::{python_float, to_python};
