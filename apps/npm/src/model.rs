//! A model that was loaded.

use serde::Deserialize;
use serde_json::{Value, json};
use tensorferry::InputFormat;
use tensorferry::engine::{Engine, EngineOptions, TensorSpec};
use tensorferry_diagnostics::Problem;
use wasm_bindgen::prelude::*;

use crate::tensors::Tensors;
use crate::{Files, thrown};

/// How a model is loaded, as JavaScript says it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct LoadOptions {
    input_format: Option<String>,
    signature_name: Option<String>,
    max_steps: Option<u64>,
}

/// A model that can be run.
#[wasm_bindgen]
pub struct Model {
    engine: Engine,
}

#[wasm_bindgen]
impl Model {
    /// Loads a model; `options` is JSON.
    ///
    /// # Errors
    /// What is wrong with the files or the options, and what the engine cannot run.
    pub fn load(files: Files, options: &str) -> Result<Model, JsError> {
        let options: LoadOptions =
            serde_json::from_str(options).map_err(|e| thrown(Problem::usage(e.to_string())))?;
        let default = EngineOptions::default();
        let options = EngineOptions {
            input_format: options.input_format.map(|name| format(&name)).transpose()?,
            signature: options.signature_name,
            steps: options.max_steps.unwrap_or(default.steps),
            bytes: default.bytes,
            threads: 1,
        };
        let engine = Engine::load(&files.into_store(), &options).map_err(thrown)?;
        Ok(Self { engine })
    }

    /// What it is, its inputs and outputs, as JSON.
    pub fn describe(&self) -> String {
        let all = |specs: &[TensorSpec]| specs.iter().map(described).collect::<Vec<_>>();
        let warnings = self.engine.warnings().iter().map(ToString::to_string);
        json!({
            "kind": self.engine.kind(),
            "class": self.engine.class().name(),
            "inputs": all(self.engine.inputs()),
            "outputs": all(self.engine.outputs()),
            "warnings": warnings.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// Gives the content of a file that the model fills a table from.
    pub fn set_asset(&mut self, path: &str, content: Vec<u8>) {
        self.engine.set_asset(path, content);
    }

    /// Runs it once. No outputs means all.
    ///
    /// # Errors
    /// What is wrong with the inputs, and what a node says.
    pub fn run(&mut self, inputs: Tensors, outputs: Vec<String>) -> Result<Tensors, JsError> {
        self.engine.run(&inputs.0, &outputs).map(Tensors).map_err(thrown)
    }
}

fn described(spec: &TensorSpec) -> Value {
    json!({ "name": spec.name, "dtype": spec.type_name(), "shape": spec.shape })
}

/// The format of that name.
pub(crate) fn format(name: &str) -> Result<InputFormat, JsError> {
    InputFormat::from_name(name)
        .ok_or_else(|| thrown(Problem::usage(format!("there is no input format `{name}`"))))
}
