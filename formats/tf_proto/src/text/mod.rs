//! Protobuf's text format, as `saved_model.pbtxt` and text GraphDefs have it.
//!
//! The text is turned into the wire format by a table of the messages, which is generated from the
//! same `.proto` files as the structs, and that is decoded. A field that the outermost message does
//! not have is an error, since it says that the file is something else; further in, fields that are
//! not known are skipped, as in the wire format.

mod lexer;
mod parser;
#[rustfmt::skip]
#[path = "../generated/table.rs"]
mod table;

use prost::{DecodeError, Message};

use crate::tensorflow::{GraphDef, SavedModel};

/// The most messages inside messages: what the wire format is read with.
const DEPTH_MAX: usize = 100;

/// A text that is not the message, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

/// A GraphDef out of its text.
///
/// # Errors
/// What is wrong, and where.
pub fn graph_def_from_text(text: &[u8]) -> Result<GraphDef, TextError> {
    decode("tensorflow.GraphDef", text)
}

/// A SavedModel out of its text.
///
/// # Errors
/// What is wrong, and where.
pub fn saved_model_from_text(text: &[u8]) -> Result<SavedModel, TextError> {
    decode("tensorflow.SavedModel", text)
}

fn decode<M: Message + Default>(name: &str, text: &[u8]) -> Result<M, TextError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let wire = parser::to_wire(name, text)?;
    // What the parser writes is well-formed; limits of the decoder are its own.
    M::decode(bytes::Bytes::from(wire)).map_err(|error: DecodeError| TextError {
        line: 1,
        column: 1,
        what: error.to_string(),
    })
}

/// A message by its fields.
struct MessageRow {
    /// Its full name.
    name: &'static str,
    fields: &'static [FieldRow],
}

/// A field of a message.
struct FieldRow {
    name: &'static str,
    number: u32,
    is_repeated: bool,
    kind: Kind,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Uint32,
    Fixed32,
    Bool,
    String,
    Bytes,
    /// One of `table::ENUMS`.
    Enum(usize),
    /// One of `table::MESSAGES`.
    Message(usize),
    /// A field that TensorFlow has and nothing here needs.
    Skipped,
}
