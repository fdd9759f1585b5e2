//! Element types, shapes, tensors whose bytes are mapped or streamed, tensors in memory.

mod cast;
mod dense;
mod dtype;
mod stats;
mod tensor;

pub use cast::{CastError, cast, for_each_whole, swap_bytes};
pub use dense::{Buffer, Complex, DenseTensor, Element, Run, Storage, assemble, dense_len};
pub use dtype::DType;
pub use stats::{Stats, stats};
pub use tensor::{Tensor, element_count};
