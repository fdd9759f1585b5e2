//! TensorFlow.js files: `model.json`, weight manifests, shards and weight quantization.
//!
//! What is read: `model.json` of layers models and graph models as the converter (4.22 and before)
//! and TensorFlow.js itself write them, with shards of any size and weights quantized to `uint8`,
//! `uint16` or `float16`. What is written is what the converter writes, byte for byte.
//! The topology inside is kept as it is and is no concern of this crate.
//!
//! There is no specification but the code of both programs; the format is described in
//! `README.md` beside this crate's sources.

#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::as_conversions, clippy::indexing_slicing, clippy::panic)]

mod dequantize;
mod error;
mod fields;
mod fnmatch;
pub mod limits;
mod manifest;
mod model_json;
mod quantization;
mod quantize;
mod reader;
mod rules;
mod shards;
mod storable;
mod writer;

pub use dequantize::dequantize;
pub use error::{Detail, Error, Kind};
pub use fnmatch::fnmatch;
pub use manifest::{Group, WeightEntry, parse_manifest};
pub use model_json::{Format, ModelJson};
pub use quantization::{Affine, CodeType, Codes, Quantization};
pub use quantize::{ErrorFigures, Quantized, error_figures, quantize};
pub use reader::{StoredWeight, read_weights};
pub use rules::{Patterns, QuantizeRules};
pub use storable::{Storable, storable};
pub use writer::{NamedTensor, Plan, WeightFiles, plan};
