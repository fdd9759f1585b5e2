//! The reference's recorded output, and the comparison of ours with it.
//!
//! The fixtures lie packed in `fixtures/` at the root of the repository, made by
//! `cargo xtask pack-fixtures`; [`fixtures::root`] unpacks them once into the target folder. Tests
//! of other crates may use this crate as a dev-dependency.

pub mod compare;
pub mod fixtures;
pub mod gradients;
pub mod layers_model;
pub mod manifest;
pub mod npy;
pub mod op_cases;
pub mod results;
pub mod scenes;
