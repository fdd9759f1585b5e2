//! Files to models: finds out what an input is and reads it.
//!
//! [`detect`] looks at the bytes; [`read`] gives the model. Each format has its file here, the only
//! place where the format's vocabulary and ours meet.

mod detect;
mod errors;
mod graph_def;
mod graph_json;
mod graph_parts;
mod hdf5_tensor;
mod hub_archive;
mod keras_h5;
mod keras_saved_model;
mod keras_v3;
mod messages;
mod saved_graph;
mod saved_model;
mod source;
mod tfjs;

pub use detect::{Format, detect};
pub use graph_def::read_graph_def;
pub use graph_json::read_graph_model;
pub use hub_archive::unpack;
pub use keras_saved_model::{KerasSavedModel, SavedLayer, SavedVariable, read_keras_saved_model};
pub use saved_graph::{GraphRequest, SavedGraph, read_frozen_graph, read_saved_graph};
pub use saved_model::{SavedModelOutline, SavedSignature, SavedTensorInfo};
pub use source::{ReadOptions, Source, Summary, read};
pub use tfjs::{TfjsModel, stored_weight};
