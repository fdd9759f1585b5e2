//! tensorferry: inspect and convert TensorFlow and Keras models for the web.
//!
//! The library does no I/O of its own: it reads from a [`Store`](tensorferry_store::Store) and
//! yields a [`Package`](tensorferry_store::Package). The faces (command line, npm, Python, the
//! page) open the one and write the other.

mod inspection;
mod options;
mod report;

pub use inspection::{
    Connection, GraphSummary, Inspection, LayerRow, ModelSummary, Signature, SignatureTensor,
    StoredQuantization, WeightRow, WeightView,
};
pub use options::{
    ConvertOptions, InputFormat, OutputFormat, Patterns, QuantizeOptions, WeightFiles,
};
pub use report::{Report, WeightLoss};
