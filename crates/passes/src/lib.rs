//! Op graph to better op graph.
//!
//! [`prepare`] makes of a graph as TensorFlow stores it one that stands for itself: calls inlined,
//! variables frozen, tables filled from constants. [`optimize`] rewrites that without changing what
//! it computes, into ops that TensorFlow.js has. The order of everything is in `pipeline.rs`; each
//! pass has its file, its equation and what it requires.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod chain;
mod check_ops;
mod correct_tfjs;
mod cut_graph;
mod drop_control;
mod each_graph;
mod editor;
mod facts;
mod find_prelu;
mod fold_batch_norm;
mod fold_constants;
mod fold_scale;
mod freeze_variables;
mod fuse_bias;
mod inline_calls;
mod log;
mod lower_control_flow;
mod lower_math;
mod lower_moves;
mod lower_ops;
mod lower_resize;
mod lower_segments;
mod lower_strings;
mod merge_duplicates;
mod name_tables;
mod pipeline;
mod prune;
mod read_assets;
mod remove_identity;
mod simplify;
mod sink_squeeze;
mod state_defaults;
mod strip_debug;
mod tfjs_ops;

pub use log::{Log, Refusal, Step};
pub use pipeline::{Options, optimize, prepare};
pub use tfjs_ops::is_tfjs_op;
