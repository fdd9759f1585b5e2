//! Plans and executes graphs.
//!
//! A [`Program`] is a model made ready: every graph that it may run has a [`Plan`], in which ops are
//! looked up, types and shapes inferred, constants folded, and the order is fixed. A plan is a value
//! apart from the model, so that one can be made per set of input shapes. [`State`] holds what one
//! run leaves for the next: tables and variables.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod frames;
mod infer;
mod observer;
mod plan;
mod program;
mod run;

pub use observer::Observer;
pub use plan::Plan;
pub use program::{Limits, Program, State};
