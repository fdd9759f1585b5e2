//! A Keras model as an HDF5 file in the layout of Keras 2, which Keras 3 reads too.

use serde_json::Value as Json;
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_hdf5::{GroupBuilder, Value, Writer};
use tensorferry_json::to_python;
use tensorferry_layers::{BoundWeight, Converted, LayersModel, Leaf, VarNode, to_keras2};
use tensorferry_store::{Package, Part};

use crate::hdf5_tensor;
use crate::written::Written;

/// The version the file claims: the last Keras 2, whose layout this is. Keras 3 reads such files
/// through its own way for old ones.
const KERAS_VERSION: &str = "2.15.0";

/// Writes the model as `model.save("….h5")` of Keras 2 does.
///
/// # Errors
/// When the config cannot be said in Keras' terms.
pub fn keras_h5(model: &LayersModel) -> Result<Written, Problems> {
    let converted = to_keras2(&model.topology, model.dialect)?;
    refuse_blockers(&converted)?;
    let tree = tree_of(&converted.model);
    let leaves = zip_leaves(model, &tree)?;
    let mut writer = Writer::new();
    let root = writer.root();
    root.attr("keras_version", Value::Text(KERAS_VERSION.to_owned()));
    root.attr("backend", Value::Text("tensorflow".to_owned()));
    root.attr("model_config", Value::Text(json_text(&converted.model)));
    let training = model.training_config.as_ref();
    if let Some(training) = training {
        root.attr("training_config", Value::Text(json_text(training)));
    }
    let weights = root.group("model_weights");
    weights.attr("keras_version", Value::Text(KERAS_VERSION.to_owned()));
    weights.attr("backend", Value::Text("tensorflow".to_owned()));
    let names: Vec<String> = tree.children.iter().map(|layer| layer.name.clone()).collect();
    weights.string_list("layer_names", &names);
    for layer in &names {
        layer_group(weights.group(layer), layer, &leaves)?;
    }
    weights.group("top_level_model_weights").string_list("weight_names", &[]);
    let content = writer
        .finish()
        .map_err(|e| Problem::new(Kind::Unsupported, e.to_string()).at("model_weights"))?;
    let mut written = describe(model, &converted, training.is_some());
    written.package =
        Package { parts: vec![Part::file("model.h5", content)], is_single_file: true };
    Ok(written)
}

fn layer_group(
    group: &mut GroupBuilder,
    layer: &str,
    leaves: &[(Leaf, &BoundWeight)],
) -> Result<(), Problem> {
    let own: Vec<_> = leaves.iter().filter(|(leaf, _)| leaf.layer == layer).collect();
    let names: Vec<String> =
        own.iter().map(|(leaf, _)| format!("{}:0", leaf.keras2_name)).collect();
    group.string_list("weight_names", &names);
    for ((_, weight), name) in own.into_iter().zip(&names) {
        hdf5_tensor::add(group, name, &weight.stored.tensor)?;
    }
    Ok(())
}

/// Refuses a model that holds what Keras has no layer for, every such place named.
pub(crate) fn refuse_blockers(converted: &Converted) -> Result<(), Problems> {
    if converted.blockers.is_empty() {
        return Ok(());
    }
    let problem = |layer: &tensorferry_layers::Unloadable| {
        let place = layer.path.iter().chain([&layer.layer]).cloned().collect::<Vec<_>>();
        let what = format!("Keras cannot hold this {}: {}", layer.class_name, layer.reason);
        Problem::unsupported(what).at(format!("layer `{}`", place.join("/")))
    };
    Err(Problems(converted.blockers.iter().map(problem).collect()))
}

/// The tree of a rewritten config.
pub(crate) fn tree_of(model: &Json) -> VarNode {
    let class_name = model.get("class_name").and_then(Json::as_str).unwrap_or_default();
    let empty = serde_json::Map::new();
    let config = model.get("config").and_then(Json::as_object).unwrap_or(&empty);
    VarNode::of_model(class_name, config)
}

/// Each weight with its place in the rewritten config. The dialects keep layers and their order,
/// so both trees have the same leaves.
pub(crate) fn zip_leaves<'a>(
    model: &'a LayersModel,
    tree: &VarNode,
) -> Result<Vec<(Leaf, &'a BoundWeight)>, Problem> {
    let leaves = tree.leaves();
    let bound: Vec<&BoundWeight> = model.weights.iter().filter(|w| !w.is_guess).collect();
    if leaves.len() != bound.len() {
        let what = format!(
            "{} weights before the config was rewritten, {} after",
            bound.len(),
            leaves.len()
        );
        return Err(Problem::new(Kind::Bug, what));
    }
    let guessed = model.weights.iter().filter(|w| w.is_guess).map(|w| (w.leaf.clone(), w));
    Ok(leaves.into_iter().zip(bound).chain(guessed).collect())
}

pub(crate) fn json_text(value: &Json) -> String {
    String::from_utf8(to_python(value)).expect("the writer escapes everything beyond ASCII")
}

/// What is to be said of a Keras file, whichever its layout.
pub(crate) fn describe(model: &LayersModel, converted: &Converted, has_training: bool) -> Written {
    let mut written = Written { n_weights: model.weights.len(), ..Written::default() };
    written.note_changes(converted);
    if has_training {
        written.kept.push("the training configuration".to_owned());
    }
    if !model.optimizer.is_empty() {
        let n = model.optimizer.len();
        written.dropped.push(format!("{n} weights of the optimizer: Keras starts a new one"));
    }
    if !model.metadata.is_empty() {
        written.dropped.push("the user's metadata: Keras files have no place for it".to_owned());
    }
    written
}
