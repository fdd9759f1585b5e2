//! Numeric functions over slices of `f32`, fast: the kernels behind the ops' faster ways.
//!
//! Everything here works on plain slices and plain geometry; what a tensor or an op is, other crates
//! know. Vectors are those of `rten-simd`: a function is written once, and AVX-512, AVX2, Neon, wasm
//! simd128 or plain arrays are chosen when it is called (in wasm when it is compiled).
//!
//! Work is cut into rows of the output and given to [`Workers`]. An element of a result is computed
//! by one worker in one order, so results do not depend on the number of threads.
#![warn(missing_docs)]

mod conv;
mod depthwise;
mod gemm;
mod linear;
mod pool;
mod post;
mod reduce;
mod tile;
mod tools;
mod transpose;
mod unary;
mod vector;
mod workers;

pub use conv::{Image, conv2d};
pub use depthwise::{DepthwiseFilter, depthwise2d};
pub use gemm::{Packed, gemm};
pub use linear::{Binary, binary_channels, binary_same, binary_scalar, scale_channels};
pub use pool::{PoolKind, pool2d};
pub use post::{Finish, Other, Post, apply_posts};
pub use reduce::{Reduction, log_softmax_rows, mean_middle, reduce_rows, softmax_rows};
pub use tools::{Buffers, Tools};
pub use transpose::transpose2d;
pub use unary::Unary;
pub use workers::Workers;
