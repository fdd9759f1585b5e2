//! The fuzz targets: one function of bytes each, which panics when a promise is broken.

mod e1_h5;
mod e2_keras;
mod e5_round_trip;
mod e6_names;
mod p1_hdf5;
mod p2_hdf5_fields;
mod p3_zip;
mod p7_bundle;
mod p8_json;
mod p9_weights;

pub use e1_h5::e1_h5;
pub use e2_keras::e2_keras;
pub use e5_round_trip::e5_round_trip;
pub use e6_names::e6_names;
pub use p1_hdf5::{p1_hdf5, read_hdf5};
pub use p2_hdf5_fields::p2_hdf5_fields;
pub use p3_zip::{p3_zip, read_zip};
pub use p7_bundle::{p7_bundle, read_bundle};
pub use p8_json::p8_json;
pub use p9_weights::{p9_weights, read_manifest};

use crate::seeds;

/// A function to be fuzzed, and what to begin with.
pub struct Target {
    /// As `cargo fuzz` knows it.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs to begin with, made or taken from the crates' own test data.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them. `tasks/fuzz/fuzz_targets` has a file for each.
pub const TARGETS: [Target; 10] = [
    Target { name: "p1_hdf5", run: p1_hdf5, seeds: seeds::hdf5 },
    Target { name: "p2_hdf5_fields", run: p2_hdf5_fields, seeds: seeds::choices },
    Target { name: "p3_zip", run: p3_zip, seeds: seeds::zip },
    Target { name: "p7_bundle", run: p7_bundle, seeds: seeds::bundle },
    Target { name: "p8_json", run: p8_json, seeds: seeds::json },
    Target { name: "p9_weights", run: p9_weights, seeds: seeds::weights },
    Target { name: "e1_h5", run: e1_h5, seeds: seeds::keras_h5 },
    Target { name: "e2_keras", run: e2_keras, seeds: seeds::keras },
    Target { name: "e5_round_trip", run: e5_round_trip, seeds: seeds::choices },
    Target { name: "e6_names", run: e6_names, seeds: seeds::names },
];
