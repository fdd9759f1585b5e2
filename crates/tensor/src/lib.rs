//! Element types, shapes, and tensors whose bytes are mapped or streamed.

mod cast;
mod dtype;
mod stats;
mod tensor;

pub use cast::{CastError, cast, for_each_whole, swap_bytes};
pub use dtype::DType;
pub use stats::{Stats, stats};
pub use tensor::{Tensor, element_count};
