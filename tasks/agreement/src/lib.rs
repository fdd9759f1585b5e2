//! Our converter on the oracle's cases: agreement with the reference, with TensorFlow.js and with
//! Keras.
//!
//! `tests/reference` compares with the reference converter; the binaries write what `tests-js` and
//! `tasks/oracle` then load in TensorFlow.js and in Keras.

pub mod engine;
pub mod engine_layers;
pub mod graphs;
pub mod keras_files;
pub mod recorded;
pub mod run;
