//! The fuzz targets: one function of bytes each, which panics when a promise is broken.

mod d2_passes;
mod e1_h5;
mod e2_keras;
mod e3_saved_model;
mod e4_frozen;
mod e5_round_trip;
mod e6_names;
mod p1_hdf5;
mod p2_hdf5_fields;
mod p3_zip;
mod p5_saved_model;
mod p6_graph_def;
mod p7_bundle;
mod p8_json;
mod p9_weights;

pub use d2_passes::d2_passes;
pub use e1_h5::e1_h5;
pub use e2_keras::e2_keras;
pub use e3_saved_model::e3_saved_model;
pub use e4_frozen::e4_frozen;
pub use e5_round_trip::e5_round_trip;
pub use e6_names::e6_names;
pub use p1_hdf5::{p1_hdf5, read_hdf5};
pub use p2_hdf5_fields::p2_hdf5_fields;
pub use p3_zip::{p3_zip, read_zip};
pub use p5_saved_model::p5_saved_model;
pub use p6_graph_def::p6_graph_def;
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
    /// Mutations that the plain tests try: some seconds' worth without optimization.
    pub mutations: usize,
}

const fn target(
    name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    mutations: usize,
) -> Target {
    Target { name, run, seeds, mutations }
}

/// All of them. `tasks/fuzz/fuzz_targets` has a file for each.
pub const TARGETS: [Target; 15] = [
    target("p1_hdf5", p1_hdf5, seeds::hdf5, 4_000),
    target("p2_hdf5_fields", p2_hdf5_fields, seeds::choices, 2_000),
    target("p3_zip", p3_zip, seeds::zip, 30_000),
    target("p5_saved_model", p5_saved_model, seeds::saved_model, 600),
    target("p6_graph_def", p6_graph_def, seeds::graph_def, 2_000),
    target("p7_bundle", p7_bundle, seeds::bundle, 4_000),
    target("p8_json", p8_json, seeds::json, 6_000),
    target("p9_weights", p9_weights, seeds::weights, 30_000),
    target("e1_h5", e1_h5, seeds::keras_h5, 4_000),
    target("e2_keras", e2_keras, seeds::keras, 4_000),
    target("e3_saved_model", e3_saved_model, seeds::saved_models, 300),
    target("e4_frozen", e4_frozen, seeds::graph_def, 600),
    target("e5_round_trip", e5_round_trip, seeds::choices, 100),
    target("e6_names", e6_names, seeds::names, 1_000),
    target("d2_passes", d2_passes, seeds::choices, 300),
];
