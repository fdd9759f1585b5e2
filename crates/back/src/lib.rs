//! Models to files: TensorFlow.js artifacts, Keras HDF5 and `.keras`.
//!
//! Every writer gives a [`Written`]: the package, and what is to be said about it. Nothing is
//! decoded or copied before the package is written.

mod graph_json;
mod hashed;
mod hdf5_tensor;
mod keras_h5;
mod keras_v3;
mod saved_model;
mod tfjs_graph;
mod tfjs_layers;
mod tfjs_rewrite;
mod weights;
mod written;

pub use keras_h5::keras_h5;
pub use keras_v3::keras_v3;
pub use saved_model::keras_saved_model;
pub use tfjs_graph::{GraphOptions, tfjs_graph};
pub use tfjs_layers::{tfjs_layers, tfjs_weights};
pub use tfjs_rewrite::tfjs_rewrite;
pub use written::{TfjsOptions, WeightLoss, Written};
