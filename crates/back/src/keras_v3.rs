//! A Keras model as a `.keras` archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_hdf5::{GroupBuilder, Value, Writer};
use tensorferry_layers::{BoundWeight, LayersModel, Leaf, VarNode, to_keras3};
use tensorferry_store::{Package, Part, SourceRef};

use crate::hdf5_tensor;
use crate::keras_h5::{describe, json_text, refuse_blockers, tree_of, zip_leaves};
use crate::written::Written;

/// The version the archive claims: the first whose config this is.
const KERAS_VERSION: &str = "3.0.0";

/// A date for `metadata.json`. The same model gives the same bytes, so it is none of today's.
const DATE_SAVED: &str = "1980-01-01@00:00:00";

/// Writes the model as `model.save("….keras")` does: `metadata.json`, `config.json`,
/// `model.weights.h5`, and the assets.
///
/// # Errors
/// When the config cannot be said in Keras' terms.
pub fn keras_v3(model: &LayersModel) -> Result<Written, Problems> {
    let mut converted = to_keras3(&model.topology, model.dialect)?;
    refuse_blockers(&converted)?;
    let training = model.training_config.as_ref();
    if let (Some(training), Some(members)) = (training, converted.model.as_object_mut()) {
        members.insert("compile_config".to_owned(), training.clone());
    }
    let weights = weights_file(model, &tree_of(&converted.model))?;
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": DATE_SAVED});
    let text = |value| Arc::new(Bytes::from(json_text(value))) as SourceRef;
    let mut entries = vec![
        ("metadata.json".to_owned(), text(&metadata)),
        ("config.json".to_owned(), text(&converted.model)),
        ("model.weights.h5".to_owned(), weights),
    ];
    entries.extend(model.assets.iter().cloned());
    let content = tensorferry_archive::write(&entries)
        .map_err(|e| Problem::new(Kind::Input, e.to_string()))?;
    let mut written = describe(model, &converted, training.is_some());
    written.package =
        Package { parts: vec![Part::file("model.keras", content)], is_single_file: true };
    Ok(written)
}

/// Weights along the object tree: every object has a group `vars`, whose attribute `name` is the
/// layer's name and whose datasets are `0`, `1`, ….
fn weights_file(model: &LayersModel, tree: &VarNode) -> Result<SourceRef, Problems> {
    let mut by_object: BTreeMap<String, Vec<(Leaf, &BoundWeight)>> = BTreeMap::new();
    for (leaf, weight) in zip_leaves(model, tree)? {
        by_object.entry(leaf.object_path.clone()).or_default().push((leaf, weight));
    }
    let mut writer = Writer::new();
    write_object(writer.root(), tree, "", &mut by_object)?;
    // What is left belongs to layers of unknown class.
    for (path, weights) in by_object {
        let vars = writer.root().group(&path).group("vars");
        write_vars(vars, &weights)?;
    }
    let content = writer
        .finish()
        .map_err(|e| Problem::new(Kind::Unsupported, e.to_string()).at("model.weights.h5"))?;
    Ok(content)
}

fn write_object(
    group: &mut GroupBuilder,
    node: &VarNode,
    path: &str,
    by_object: &mut BTreeMap<String, Vec<(Leaf, &BoundWeight)>>,
) -> Result<(), Problem> {
    let vars = group.group("vars");
    vars.attr("name", Value::Text(node.name.clone()));
    write_vars(vars, &by_object.remove(path).unwrap_or_default())?;
    for child in node.children.iter().filter(|child| !child.attribute.is_empty()) {
        let inner = match path.is_empty() {
            true => child.attribute.clone(),
            false => format!("{path}/{}", child.attribute),
        };
        write_object(group.group(&child.attribute), child, &inner, by_object)?;
    }
    Ok(())
}

fn write_vars(vars: &mut GroupBuilder, weights: &[(Leaf, &BoundWeight)]) -> Result<(), Problem> {
    for (leaf, weight) in weights {
        hdf5_tensor::add(vars, &leaf.index.to_string(), &weight.stored.tensor)?;
    }
    Ok(())
}
