//! The oracle's list of cases: each is one run of the reference converter.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use crate::fixtures;

/// One run of the reference converter.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// Its name, such as `k2_cnn.h5.layers.u8`.
    pub id: String,
    /// Which installation of the reference ran: `keras2` or `keras3`.
    pub env: String,
    /// The model's name, for cases that have an input.
    pub model: Option<String>,
    /// The artifact of the model that is the input.
    pub artifact: Option<String>,
    /// The signature that was converted, for SavedModels.
    pub signature: Option<String>,
    /// `--input_format`.
    pub input_format: Option<String>,
    /// `--output_format`, or what the reference infers.
    pub output_format: Option<String>,
    /// The input below the fixtures' root.
    pub input: Option<String>,
    /// The arguments, verbatim.
    pub args: Vec<String>,
    /// The name under which the input is copied into `in/`, when it is not its own.
    pub copy_as: Option<String>,
    /// Weights are quantized.
    #[serde(default)]
    pub quantized: bool,
    /// There are no calls to run.
    #[serde(default)]
    pub no_io: bool,
    /// What the reference did.
    pub reference: Reference,
    /// What a good tool does.
    pub should: Should,
    /// Why, when that is not what the reference did.
    pub why: Option<String>,
    /// What TensorFlow.js 4.22 did with the reference's output.
    pub tfjs: Option<TfjsVerdict>,
    /// How far a runtime may be from Keras, as the oracle judged.
    pub tolerance: Option<Tolerance>,
    /// How many nodes of each op the reference wrote, for [`source_cases`].
    #[serde(default)]
    pub reference_ops: BTreeMap<String, usize>,
}

/// Relative and absolute tolerance of a case.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Tolerance {
    /// Relative; 0.01 where Keras computes in half precision.
    pub rtol: f64,
    /// Absolute.
    pub atol: f64,
}

/// What a good tool does with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Should {
    /// Convert.
    Success,
    /// Refuse clearly.
    Error,
    /// Convert correctly or refuse clearly.
    Either,
    /// No demand.
    Any,
}

/// What the reference did.
#[derive(Debug, Clone, Deserialize)]
pub struct Reference {
    /// `success` or `error`.
    pub status: String,
    /// What it said, when it failed.
    pub error: Option<String>,
    /// What it wrote.
    #[serde(default)]
    pub files: Vec<GoldenFile>,
}

/// One file that the reference wrote.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldenFile {
    /// Its path below the case's golden folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its hash.
    pub sha256: String,
}

/// What TensorFlow.js 4.22 did with the reference's output.
#[derive(Debug, Clone, Deserialize)]
pub struct TfjsVerdict {
    /// `same`, `differs`, `load error`, `run error`, `quantized`, `loaded` or `weights only`.
    pub status: String,
    /// What it said.
    pub message: Option<String>,
}

/// A model's artifacts and their recorded inputs and outputs.
#[derive(Debug, Clone, Deserialize)]
pub struct Model {
    /// Its name.
    pub model: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The files that hold it.
    pub artifacts: Vec<Artifact>,
}

/// One file that holds a model.
#[derive(Debug, Clone, Deserialize)]
pub struct Artifact {
    /// Its id, such as `h5`.
    pub id: String,
    /// Its format, such as `keras_h5`.
    pub format: String,
    /// Its path in the model's folder.
    pub path: String,
    /// Recorded calls.
    #[serde(default)]
    pub calls: Vec<Call>,
}

/// One call of a model.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// The signature that is called, for SavedModels.
    pub signature: Option<String>,
    /// What goes in.
    pub inputs: Vec<ArrayRef>,
    /// What came out.
    pub outputs: Vec<ArrayRef>,
}

/// One array of a call.
#[derive(Debug, Clone, Deserialize)]
pub struct ArrayRef {
    /// The layer's, tensor's or signature's name of it.
    pub name: String,
    /// The element type.
    pub dtype: String,
    /// The dims.
    pub shape: Vec<usize>,
    /// The entry of `io.npz`.
    pub key: Option<String>,
    /// The elements of a string array.
    pub values: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    environments: BTreeMap<String, BTreeMap<String, String>>,
    cases: Vec<Case>,
}

fn manifest(name: &str) -> Manifest {
    let bytes = fs::read(fixtures::root().join(name)).expect("the fixtures hold the manifest");
    serde_json::from_slice(&bytes).expect("it is what `cargo xtask` packed")
}

/// Every case, in the oracle's order; then those of `tasks/oracle/make_extra.py`.
///
/// # Panics
/// When the fixtures cannot be unpacked or are not what `cargo xtask pack-fixtures` wrote.
pub fn cases() -> Vec<Case> {
    let mut cases = manifest("manifest.json").cases;
    cases.extend(manifest("manifest-extra.json").cases);
    assert!(cases.len() > 400, "only {} cases", cases.len());
    cases
}

/// Graph models of single ops and of TensorFlow's own kinds of graph, which prove the engine.
///
/// # Panics
/// As [`cases`].
pub fn graph_cases() -> Vec<Case> {
    let path = fixtures::root().join("graphs.json");
    let bytes = fs::read(&path).expect("the fixtures hold graphs.json");
    let cases: Vec<Case> = serde_json::from_slice(&bytes).expect("`pack-fixtures` wrote it");
    assert!(cases.len() > 250, "only {} graphs", cases.len());
    cases
}

/// Every case that makes a graph model of a SavedModel, a frozen graph or a hub module.
///
/// # Panics
/// As [`cases`].
pub fn source_cases() -> Vec<Case> {
    let path = fixtures::root().join("graph-sources.json");
    let bytes = fs::read(&path).expect("the fixtures hold graph-sources.json");
    let cases: Vec<Case> = serde_json::from_slice(&bytes).expect("`pack-fixtures` wrote it");
    assert!(cases.len() > 400, "only {} graphs", cases.len());
    cases
}

/// Names of the small models of single layers, which prove the lowering of layers.
///
/// # Panics
/// As [`cases`].
pub fn layer_models() -> Vec<String> {
    let mut models: Vec<String> = Vec::new();
    for keras in ["keras2", "keras3"] {
        let path = fixtures::root().join(format!("layers-{keras}.json"));
        let bytes = fs::read(path).expect("the fixtures hold the lists of models");
        let list: Vec<String> =
            serde_json::from_slice(&bytes).expect("`record_layers.py` wrote it");
        models.extend(list);
    }
    assert!(models.len() > 300, "only {} models", models.len());
    models
}

/// Versions of the reference's installations: `keras2` and `keras3`, package to version.
///
/// # Panics
/// As [`cases`].
pub fn environments() -> BTreeMap<String, BTreeMap<String, String>> {
    manifest("manifest.json").environments
}

impl Case {
    /// The input file or folder.
    pub fn input_path(&self) -> Option<PathBuf> {
        self.input.as_ref().map(|input| fixtures::root().join(input))
    }

    /// The folder with what the reference wrote.
    pub fn golden(&self) -> PathBuf {
        fixtures::root().join("goldens").join(&self.id)
    }

    /// TensorFlow.js' outputs for a quantized golden.
    pub fn tfjs_outputs(&self) -> PathBuf {
        fixtures::root().join("tfjs-outputs").join(format!("{}.json", self.id))
    }

    /// The model that the case is about.
    ///
    /// # Panics
    /// When the case has no model.
    pub fn load_model(&self) -> Model {
        let name = self.model.as_ref().expect("the case has a model");
        load_model(name)
    }

    /// The calls recorded for the case's artifact and signature.
    ///
    /// # Panics
    /// When the case has no model or the artifact is not in its list.
    pub fn calls(&self) -> Vec<Call> {
        let model = self.load_model();
        let id = self.artifact.as_deref().unwrap_or_default();
        let artifact = model.artifacts.into_iter().find(|artifact| artifact.id == id);
        let signature = self.signature.as_deref().unwrap_or("serving_default");
        let calls = artifact.unwrap_or_else(|| panic!("{}: no artifact `{id}`", self.id)).calls;
        calls
            .into_iter()
            .filter(|call| call.signature.as_deref().is_none_or(|name| name == signature))
            .collect()
    }
}

/// What is recorded of the model called `name`.
///
/// # Panics
/// When there is no such model.
pub fn load_model(name: &str) -> Model {
    let path = fixtures::root().join("models").join(name).join("meta.json");
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_golden_is_there_with_its_hash() {
        let mut n_files = 0;
        for case in cases() {
            for file in &case.reference.files {
                let path = case.golden().join(&file.path);
                let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                assert_eq!(bytes.len() as u64, file.bytes, "{}", path.display());
                assert_eq!(fixtures::sha256(&bytes), file.sha256, "{}", path.display());
                n_files += 1;
            }
        }
        assert!(n_files > 800, "only {n_files} files");
    }

    #[test]
    fn every_input_and_every_recorded_array_is_there() {
        let mut n_arrays = 0;
        for case in cases() {
            if case.output_format.as_deref() == Some("tfjs_graph_model") {
                continue;
            }
            if let Some(path) = case.input_path() {
                assert!(path.exists(), "{}", path.display());
            }
            if case.model.is_none() || case.artifact.is_none() {
                continue;
            }
            let arrays = crate::npy::io_of(case.model.as_deref().unwrap_or_default());
            for array in
                case.calls().iter().flat_map(|call| call.inputs.iter().chain(&call.outputs))
            {
                if let Some(key) = &array.key {
                    assert_eq!(arrays[key].shape, array.shape, "{}: {key}", case.id);
                    n_arrays += 1;
                }
            }
        }
        assert!(n_arrays > 500, "only {n_arrays} arrays");
    }
}
