//! A graph as a graph model of TensorFlow.js.

use std::sync::Arc;

use serde_json::Value;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Constant, Model, OpTable};
use tensorferry_tensor::Tensor;
use tensorferry_tfjs_files::{Format, ModelJson, NamedTensor};

use crate::graph_json::graph_json;
use crate::tfjs_layers::finish;
use crate::weights::Preparer;
use crate::written::{TfjsOptions, Written};

/// Where TensorFlow.js looks for the names of structured outputs.
const STRUCTURED: &str = "structuredOutputKeys";

/// What is written of a graph beside the graph.
#[derive(Debug, Clone, Default)]
pub struct GraphOptions {
    /// The signature that the model is called by.
    pub signature: String,
    /// What `generatedBy` says.
    pub generated_by: Option<String>,
    /// Write the names of the outputs so that a call gives an object.
    pub structured_outputs: bool,
}

/// Writes the model for `tf.loadGraphModel`, its weights named as their nodes.
///
/// # Errors
/// A signature that is not there, every weight that TensorFlow.js cannot hold.
pub fn tfjs_graph(
    model: &Model,
    ops: &dyn OpTable,
    graph: &GraphOptions,
    options: &TfjsOptions,
) -> Result<Written, Problems> {
    let signature = model.signatures.get(&graph.signature).ok_or_else(|| {
        Problem::usage(format!("Signature \"{}\" does not exist", graph.signature))
    })?;
    let json = graph_json(model, signature, ops)?;
    let mut written = Written::default();
    let mut preparer = Preparer::new(options);
    let mut weights: Vec<NamedTensor> = Vec::new();
    for (name, value) in &json.weights {
        weights.extend(preparer.prepare(name, &tensor(name, value)?));
    }
    preparer.finish(&mut written)?;
    let mut file = ModelJson::new(Format::GraphModel, json.topology);
    file.generated_by.clone_from(&graph.generated_by);
    file.signature = Some(json.signature);
    file.model_initializer = json.initializer;
    file.initializer_signature = json.initializer_signature;
    let mut metadata = options.metadata.clone();
    if graph.structured_outputs {
        // TensorFlow.js names the outputs by place, so both lists have one order.
        let keys: Vec<&str> = signature.outputs.iter().map(|output| &*output.name).collect();
        metadata.insert(STRUCTURED.to_owned(), keys.into());
    }
    file.user_defined_metadata = (!metadata.is_empty()).then_some(Value::Object(metadata));
    finish(file, vec![weights], &[], options, written)
}

/// A constant as a tensor whose bytes can be written.
fn tensor(name: &str, value: &Constant) -> Result<Tensor, Problem> {
    match value {
        Constant::Stored(tensor) => Ok(tensor.clone()),
        Constant::Dense(dense) => {
            Tensor::new(dense.dtype(), value.shape(), Arc::new(dense.to_bytes()))
                .map_err(|error| Problem::input(error.to_string()).at(name))
        }
    }
}
