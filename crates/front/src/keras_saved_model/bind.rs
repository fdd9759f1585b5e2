//! A Keras SavedModel's layers as stored layers, bound to the config's variables.

use std::sync::Arc;

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_layers::{Dialect, LayersModel, StoredLayer, StoredWeight, VarNode, bind};
use tensorferry_store::{BlobSource, SourceRef, Store};

use super::{KerasSavedModel, SavedLayer, SavedVariable, read_keras_saved_model};
use crate::errors;
use crate::keras_h5::facts;
use crate::source::Summary;

/// Reads the model and binds its weights.
///
/// # Errors
/// When there is no Keras model in the folder, or the weights of a layer do not fit its config.
pub(crate) fn read_layers(
    store: &dyn Store,
    name: &str,
) -> Result<(LayersModel, Summary), Problems> {
    let saved = read_keras_saved_model(store, name)?;
    let class_name = saved.model_config.get("class_name").and_then(|c| c.as_str());
    let Some(config) = saved.model_config.get("config").and_then(|c| c.as_object()) else {
        return Err(Problem::input("the model has no config").in_file(name).into());
    };
    let tree = VarNode::of_model(class_name.unwrap_or_default(), config);
    let stored = saved
        .layers
        .iter()
        .map(|layer| StoredLayer { name: layer.name.clone(), weights: weights(layer) });
    let bound = bind(&tree, stored.collect()).map_err(|all| {
        let problem = |e: &tensorferry_layers::BindError| {
            Problem::input(e.to_string()).in_file(name).at("object_graph_def")
        };
        Problems(all.iter().map(problem).collect())
    })?;
    let mut summary = describe(&saved);
    summary.note_binding(name, &bound);
    if !saved.optimizer.is_empty() {
        let n = saved.optimizer.len();
        summary
            .dropped
            .push(format!("{n} variables of the optimizer: TensorFlow.js starts a new optimizer"));
    }
    let model = LayersModel {
        dialect: Dialect::of(&saved.model_config),
        topology: saved.model_config,
        keras_version: saved.keras_version,
        backend: Some("tensorflow".to_owned()),
        training_config: saved.training_config,
        weights: bound.weights,
        optimizer: Vec::new(),
        metadata: serde_json::Map::new(),
        assets: assets(store, name)?,
    };
    Ok((model, summary))
}

/// The files in the folder's `assets/`: vocabularies of lookup layers.
fn assets(store: &dyn Store, name: &str) -> Result<Vec<(String, SourceRef)>, Problem> {
    let folder = name.rfind('/').map_or("", |slash| name.get(..=slash).unwrap_or_default());
    let entries = store.list().map_err(|e| errors::store(&e))?;
    let names = entries.iter().filter_map(|entry| {
        let inner = entry.name.strip_prefix(folder)?;
        inner.starts_with("assets/").then_some((entry.name.as_str(), inner))
    });
    names
        .map(|(path, inner)| {
            let blob = store.open(path).map_err(|e| errors::store(&e))?;
            Ok((inner.to_owned(), Arc::new(BlobSource(blob)) as SourceRef))
        })
        .collect()
}

/// The weights of a layer in the order of Keras' `layer.weights`: trained ones first, also when the
/// layer is a nested model whose layers mix them.
fn weights(layer: &SavedLayer) -> Vec<StoredWeight> {
    let mut all = Vec::new();
    let mut pending = vec![layer];
    // Depth first: children are pushed in reverse so that they come in order.
    while let Some(layer) = pending.pop() {
        all.extend(
            layer.variables.iter().map(|variable| (variable.trainable, named(layer, variable))),
        );
        pending.extend(layer.children.iter().rev());
    }
    all.sort_by_key(|(trainable, _)| !trainable);
    all.into_iter().map(|(_, weight)| weight).collect()
}

fn named(layer: &SavedLayer, variable: &SavedVariable) -> StoredWeight {
    let name = match &variable.name {
        Some(name) => name.clone(),
        None => format!("{}/{}", layer.name, variable.path.join("/")),
    };
    StoredWeight { name, tensor: variable.tensor.clone(), location: None }
}

fn describe(saved: &KerasSavedModel) -> Summary {
    let version = saved.keras_version.as_deref().unwrap_or("2");
    Summary {
        kind: format!("Keras {version} model (SavedModel)"),
        facts: facts([
            ("keras_version", &saved.keras_version),
            ("tensorflow_version", &saved.tf_version),
        ]),
        warnings: saved.warnings.clone(),
        ..Summary::default()
    }
}
