//! tensorferry: inspect, convert and run TensorFlow and Keras models for the web.
//!
//! The library does no I/O of its own: it reads from a [`Store`](tensorferry_store::Store) and
//! yields a [`Package`](tensorferry_store::Package). The faces (command line, npm, Python, the
//! page) open the one and write the other. [`engine`] runs models.

mod arrays;
mod check;
mod convert;
pub mod engine;
mod graph;
mod inspect;
mod inspection;
mod options;
#[cfg(feature = "pictures")]
mod pictures;
mod report;
mod verify;

pub use arrays::{Arrays, npy_folder, read_arrays, read_npy, write_npy};
pub use check::check;
pub use convert::{Conversion, convert};
pub use inspect::{InspectOptions, inspect, weight};
pub use inspection::{
    Connection, GraphSummary, Inspection, LayerRow, ModelSummary, Signature, SignatureTensor,
    StoredQuantization, WeightRow, WeightView,
};
pub use options::{ConvertOptions, GraphOptions, InputFormat, OutputFormat, QuantizeOptions};
#[cfg(feature = "pictures")]
pub use pictures::{PictureOptions, is_picture, read_picture};
pub use report::{PassReport, RefusedRewrite, Report, WeightLoss};
pub use tensorferry_tfjs_files::{Patterns, WeightFiles};
