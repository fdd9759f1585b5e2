//! Converting the fixtures into `target/js-cases`, for the tests in `tests-js`.

use std::path::PathBuf;

use crate::run::{Result, cargo, run, target};

/// The folder of the converted models and their `index.json`.
pub(crate) fn folder() -> PathBuf {
    target().join("js-cases")
}

/// Converts, and answers how many models there are.
pub(crate) fn make() -> Result<usize> {
    let example = ["run", "--quiet", "--package", "tensorferry-agreement", "--bin", "js_cases"];
    run(cargo(&example).arg("--").arg(folder()))?;
    let index = std::fs::read(folder().join("index.json"))?;
    let index: serde_json::Value = serde_json::from_slice(&index)?;
    Ok(index["cases"].as_array().map_or(0, Vec::len))
}
