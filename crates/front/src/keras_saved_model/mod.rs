//! Keras 2 models in a SavedModel folder: the config out of the metadata, weights out of the checkpoint.
//!
//! `saved_model.pb` holds a graph of objects: the model, its layers as `layer-0`, `layer-1`, …, their
//! variables under the attributes that Python code gave them. The checkpoint in `variables/` holds
//! the same graph and says under which key each variable is stored. What a layer is, is JSON: in
//! `keras_metadata.pb`, or in the objects themselves for models saved by TensorFlow 2.0 to 2.4.

mod bind;
mod checkpoint;
mod metadata;
mod objects;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_store::{Store, StoreError};
use tensorferry_tensor::Tensor;
use tensorferry_tf_proto::tensorflow;

use crate::{errors, messages};
pub(crate) use bind::read_layers;
use checkpoint::Checkpoint;
use metadata::Metadata;
use objects::{Objects, ROOT};

/// A Keras model as a SavedModel folder holds it.
#[derive(Debug, Clone)]
pub struct KerasSavedModel {
    /// `{"class_name": …, "config": …}`, tuples and shapes as plain lists.
    pub model_config: Value,
    /// Loss, metrics and optimizer, when the model was compiled.
    pub training_config: Option<Value>,
    /// The Keras that wrote the model.
    pub keras_version: Option<String>,
    /// The TensorFlow that wrote the folder.
    pub tf_version: Option<String>,
    /// The model's layers, in the order of Keras' `model.layers` (so without the input layer of a
    /// `Sequential`).
    pub layers: Vec<SavedLayer>,
    /// The optimizer's variables with their full names, in the order in which they are stored.
    pub optimizer: Vec<(String, Tensor)>,
    /// Things the user should look at.
    pub warnings: Vec<Problem>,
}

/// A layer as it was saved.
#[derive(Debug, Clone)]
pub struct SavedLayer {
    /// The layer's name in the config.
    pub name: String,
    /// Where it is in the object graph, such as `root.layer-1`.
    pub path: String,
    /// The class, such as `Dense`.
    pub class_name: String,
    /// Its own variables and those of layers that it wraps, in the order of Keras'
    /// `layer.weights`. Empty for a nested model, whose layers are `children`.
    pub variables: Vec<SavedVariable>,
    /// The layers of a nested model.
    pub children: Vec<SavedLayer>,
}

/// A variable as it was saved.
#[derive(Debug, Clone)]
pub struct SavedVariable {
    /// Attributes from the layer to the variable, such as `["forward_layer", "cell", "bias"]`.
    pub path: Vec<String>,
    /// The variable's own full name, such as `dense/kernel`, where it is stored.
    pub name: Option<String>,
    /// False for moving averages and the like. A frozen layer does not change this.
    pub trainable: bool,
    /// The value. Its checksum is compared when it is read.
    pub tensor: Tensor,
}

/// Reads the Keras model of the folder in which `name` is the `saved_model.pb`.
///
/// # Errors
/// One problem when there is no Keras model that can be rebuilt from its config; else every layer
/// and variable that is broken. The hint says what can be done with the folder instead.
pub fn read_keras_saved_model(store: &dyn Store, name: &str) -> Result<KerasSavedModel, Problems> {
    let folder = &name[..name.rfind('/').map_or(0, |slash| slash + 1)];
    let saved_model = read_message(store, name)?;
    let graph = saved_model.meta_graphs.iter().find(|graph| graph.object_graph_def.is_some());
    let (graph, nodes) = graph
        .and_then(|graph| Some((graph, graph.object_graph_def.as_ref()?.nodes.as_slice())))
        .ok_or_else(|| no_objects(name))?;
    let metadata = Metadata::read(store, folder, name, nodes)?;
    let root = root_metadata(&metadata, name, nodes)?;
    let model_config = model_config(&metadata, &root)?;
    let checkpoint = Checkpoint::open(store, folder)?;
    let mut objects = Objects::new(name, nodes, &metadata, &checkpoint);
    let layers = objects.layers_of_model();
    let optimizer = objects.optimizer();
    let (problems, warnings) = objects.finish();
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let text = |key: &str| root.get(key).and_then(Value::as_str).map(str::to_owned);
    let info = graph.meta_info_def.as_ref();
    Ok(KerasSavedModel {
        model_config,
        training_config: root
            .get("training_config")
            .filter(|value| value.is_object())
            .map(metadata::plain),
        keras_version: text("keras_version"),
        tf_version: info.map(|info| info.tensorflow_version.clone()).filter(|v| !v.is_empty()),
        layers,
        optimizer,
        warnings,
    })
}

fn read_message(store: &dyn Store, name: &str) -> Result<tensorflow::SavedModel, Problem> {
    match store.open(name) {
        Err(error @ StoreError::NotFound(_)) => Err(errors::store(&error)
            .hint("give the folder that model.save() wrote; it has a saved_model.pb")),
        _ => messages::saved_model(store, name),
    }
}

/// The bytes of a protobuf file; `None` when it does not exist.
fn open_message(store: &dyn Store, name: &str) -> Result<Option<bytes::Bytes>, Problem> {
    match store.open(name) {
        Err(StoreError::NotFound(_)) => Ok(None),
        _ => messages::bytes(store, name).map(Some),
    }
}

fn no_objects(name: &str) -> Problem {
    Problem::unsupported("this SavedModel has no objects: TensorFlow 1 or another tool wrote it")
        .in_file(name)
        .at("object_graph_def")
        .hint(GRAPH_MODEL)
}

/// What can be done with any SavedModel.
const GRAPH_MODEL: &str =
    "convert it to a graph model: --input_format=tf_saved_model --output_format=tfjs_graph_model";

/// The JSON of the model itself, or what the folder holds instead of a Keras model.
fn root_metadata(
    metadata: &Metadata,
    name: &str,
    nodes: &[tensorflow::SavedObject],
) -> Result<Map<String, Value>, Problem> {
    if let Some(root) = metadata.json(ROOT)? {
        return Ok(root);
    }
    let root = nodes.first().ok_or_else(|| no_objects(name))?;
    let has_child = |name: &str| root.children.iter().any(|child| child.local_name == name);
    let problem = if metadata::identifier(root).starts_with(metadata::KERAS) {
        Problem::input("a Keras model without its metadata")
            .hint("copy keras_metadata.pb into the folder (model.save writes it), or convert to a graph model")
    } else if has_child("_misc_assets") || has_child("_endpoint_names") {
        Problem::unsupported("a Keras 3 export: it holds functions and variables, and no layers")
            .hint(format!("convert the .keras or .h5 file of the model, or {GRAPH_MODEL}"))
    } else {
        Problem::unsupported("no Keras model: this SavedModel has no layers").hint(GRAPH_MODEL)
    };
    Err(problem.in_file(name).at("object_graph_def.nodes[0]"))
}

/// Class and config, when the model can be rebuilt from them.
fn model_config(metadata: &Metadata, root: &Map<String, Value>) -> Result<Value, Problem> {
    let class_name = root.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let old = root.get("model_config").and_then(|old| old.get("config"));
    let with_layers = |config: &&Value| config.get("layers").is_some_and(Value::is_array);
    let config = [root.get("config"), old].into_iter().flatten().find(with_layers);
    let Some(config) = config else {
        let what = format!(
            "`{class_name}` is a subclassed model: only its Python code knows how its layers connect"
        );
        return Err(Problem::unsupported(what)
            .in_file(metadata.file())
            .at("root.config")
            .hint(format!("only a graph model is possible: {GRAPH_MODEL}")));
    };
    let mut model = Map::new();
    model.insert("class_name".to_owned(), class_name.into());
    model.insert("config".to_owned(), metadata::plain(config));
    Ok(model.into())
}
