//! TensorFlow's protobuf messages as plain structs.
//!
//! Decode from [`bytes::Bytes`] (a mapped file, say): every `bytes` field is then a view of the
//! input and is not copied. Unknown fields are skipped, groups of proto2 are refused and messages
//! nest at most 100 deep. Text forms are read too, by the same message definitions.
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::as_conversions, clippy::indexing_slicing, clippy::panic)]

#[expect(missing_docs, reason = "the fields are described where TensorFlow describes them")]
#[rustfmt::skip]
#[path = "generated/keras.rs"]
pub mod keras;
#[expect(missing_docs, reason = "the fields are described where TensorFlow describes them")]
#[rustfmt::skip]
#[path = "generated/tensorflow.rs"]
pub mod tensorflow;

mod constant;
mod text;

pub use constant::{
    Constant, ConstantError, decode_constant, element_count, element_size, known_shape,
};
pub use prost::{DecodeError, Message};
pub use text::{TextError, graph_def_from_text, saved_model_from_text};
