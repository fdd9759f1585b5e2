//! Broken and hostile inputs: what the fuzz targets, the sweeps and the collection share.
//!
//! Every function of [`targets`] takes any bytes and panics when a promise is broken: a panic in
//! our code, memory above the budget, a result that differs from run to run, an output that our
//! own reader refuses. `tasks/fuzz` hands them to libFuzzer; the tests here run them over seeds and
//! mutations on stable Rust.

pub mod budget;
pub mod choices;
pub mod convert;
pub mod files;
pub mod keras;
pub mod mutate;
pub mod proto;
pub mod raw_hdf5;
pub mod raw_table;
pub mod raw_zip;
pub mod recorded;
pub mod repair;
pub mod seeds;
pub mod sweep;
pub mod targets;

pub use targets::{TARGETS, Target};
