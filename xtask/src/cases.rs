//! Making what `tests-js` reads: converted models, and what the engine is to compute.

use std::path::PathBuf;

use crate::run::{Result, cargo, run, target};

/// The folder of the converted models and their `index.json`.
pub(crate) fn folder() -> PathBuf {
    target().join("js-cases")
}

/// The folder of the `index.json` of what the engine computes.
pub(crate) fn engine_folder() -> PathBuf {
    target().join("engine-cases")
}

/// Converts, and answers how many models there are.
pub(crate) fn make() -> Result<usize> {
    made_by("js_cases", folder())
}

/// Runs the engine on what was recorded, and answers how many models agree.
pub(crate) fn make_engine() -> Result<usize> {
    made_by("engine_cases", engine_folder())
}

fn made_by(bin: &str, folder: PathBuf) -> Result<usize> {
    let example = ["run", "--quiet", "--package", "tensorferry-agreement", "--bin", bin];
    run(cargo(&example).arg("--").arg(&folder))?;
    let index = std::fs::read(folder.join("index.json"))?;
    let index: serde_json::Value = serde_json::from_slice(&index)?;
    Ok(index["cases"].as_array().map_or(0, Vec::len))
}
