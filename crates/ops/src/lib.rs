//! One definition per TensorFlow op.
//!
//! An op is an [`Op`]: its attributes (`attrs!`), its [`Spec`], what is known of its outputs before
//! it runs (`infer`), what it computes (`eval`), worked examples, and where they exist faster ways
//! to compute the same and a gradient. Families are the files in `ops/`; [`ALL`] has every one.
//! Folding constants is `eval`; there is no second implementation of anything.
//!
//! To add an op: write it in the file of its family, name it in that file's `register!`, run the
//! tests. A new file needs `BLESS=1` once, which rewrites `families.rs`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[macro_use]
mod error;
#[macro_use]
mod attributes;
#[macro_use]
mod def;
#[macro_use]
mod brief;
#[macro_use]
mod rows;
#[macro_use]
mod wide;
mod args;
mod broadcast;
mod context;
mod conv;
mod epilogue;
mod fact;
mod families;
mod fast;
mod grad;
mod grads;
mod hash;
mod integrals;
mod partial;
mod philox;
mod re2;
mod registry;
mod resources;
mod spec;
mod special;
mod text;
mod value;
mod walk;
mod way;
mod window;

pub use args::Args;
pub use attributes::{AttrSpec, AttrValue, Attributes};
pub use context::{Context, InferContext, NoContext};
pub use def::{Case, DynOp, Examples, Gradient, Op, OpDef};
pub use error::{Error, Kind, Place, Result};
pub use fact::Fact;
pub use families::EXAMPLES;
pub use grad::{Backward, Builder, gradients};
pub use registry::{ALL, Family, Instance, Registry};
pub use resources::{Item, Key, Resource, Resources, Stack, Table, TensorArray, Variable};
pub use spec::{Algebra, Arg, Count, Effect, Flow, Spec, Tolerance};
pub use value::{TensorList, Value, Variant};
pub use way::{Border, Fast, Follow, Kernel, Way};

/// The most elements that an op makes of small inputs: a model of a kilobyte may ask for a tensor
/// that fills every memory.
pub const ELEMENTS_MAX: usize = 1 << 29;

/// Number of elements of a shape that is about to be allocated.
pub(crate) fn checked_len(shape: &[usize]) -> Result<usize> {
    tensorferry_tensor::dense_len(shape)
        .filter(|n| *n <= ELEMENTS_MAX)
        .ok_or_else(|| Error::limit(format!("a tensor of shape {shape:?} is too large")))
}
