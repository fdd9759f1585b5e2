//! Plans and executes graphs.
//!
//! A [`Program`] is a model made ready: every graph that it may run is planned once for each set of
//! input shapes that it meets. In a plan ops are looked up, types and shapes inferred, constants
//! folded, weights packed, ops that follow one another joined, and the order is fixed. [`State`] holds
//! what one run leaves for the next: tables, variables, threads and memory.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod frames;
mod infer;
mod observer;
mod plan;
mod plans;
mod program;
mod run;
mod ways;

pub use observer::Observer;
pub use program::{Limits, Program, RunOptions, State};
