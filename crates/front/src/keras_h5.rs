//! Keras HDF5 files: whole models, weights of the old layout, and weights of the Keras 3 layout.
//!
//! A whole model has the attribute `model_config` and the group `model_weights`; a file of weights
//! has `layer_names` and the layers' groups at its root. Both hold, for each layer, a group with
//! `weight_names` and the datasets they name.

use std::collections::BTreeMap;

use serde_json::Value;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_hdf5::{Child, File, Group};
use tensorferry_json::NonFinite;
use tensorferry_layers::{
    Dialect, LayersModel, Location, StoredLayer, StoredWeight, VarNode, WeightsOnly, bind,
};

use crate::errors;
use crate::hdf5_tensor::tensor;
use crate::keras_v3;
use crate::source::{Source, Summary};

/// Groups are nested this deep under a layer at most: layer names with `/` make groups.
const LAYER_GROUP_DEPTH_MAX: usize = 32;

/// Reads `file`, whichever of the three kinds it is.
///
/// # Errors
/// All layers whose weights do not fit the config, or the first structural problem of the file.
pub(crate) fn read(name: &str, file: &File) -> Result<(Source, Summary), Problems> {
    let root = file.root().map_err(|e| errors::hdf5(name, &e))?;
    let has = |attr: &str| {
        let names = root.attr_names().map_err(|e| errors::hdf5(name, &e))?;
        Ok::<_, Problem>(names.iter().any(|name| name == attr))
    };
    let layer_names = root.string_list("layer_names").map_err(|e| errors::hdf5(name, &e))?;
    match layer_names {
        Some(layers) => weights_only(name, &root, &layers),
        None if has("model_config")? => whole_model(name, &root),
        None => match root.get("layers").map_err(|e| errors::hdf5(name, &e))? {
            Some(Child::Group(_)) => keras_v3::weights_only(name, &root),
            _ => Err(not_keras(name, &root).into()),
        },
    }
}

fn whole_model(name: &str, root: &Group) -> Result<(Source, Summary), Problems> {
    let mut summary = Summary::default();
    let keras_version = text(name, root, "keras_version")?;
    let backend = text(name, root, "backend")?;
    let topology = json(name, root, "model_config", &mut summary)?.ok_or_else(|| {
        Problem::input("there is no model in the file").in_file(name).at("model_config")
    })?;
    let training_config = json(name, root, "training_config", &mut summary)?;
    let dialect = Dialect::of(&topology);
    let class_name = topology.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let config = topology.get("config").and_then(Value::as_object).ok_or_else(|| {
        Problem::input("the model has no config")
            .in_file(name)
            .at("model_config.config")
            .expected("an object", kind_of(topology.get("config")))
            .hint("a subclassed model is stored without its layers; export it as a SavedModel")
    })?;
    check_model(&topology, config, "model_config.config").map_err(|p| p.in_file(name))?;
    let tree = VarNode::of_model(class_name, config);
    let stored = stored_layers(name, root, &tree)?;
    let bound = bind(&tree, stored).map_err(|all| {
        let problem = |e: &tensorferry_layers::BindError| {
            Problem::input(e.to_string()).in_file(name).at("model_weights")
        };
        Problems(all.iter().map(problem).collect())
    })?;
    summary.note_binding(name, &bound);
    summary.kind = format!("Keras {} model (HDF5)", keras_version.as_deref().unwrap_or("?"));
    summary.facts = facts([("keras_version", &keras_version), ("backend", &backend)]);
    if has_optimizer(name, root)? {
        summary.dropped.push("optimizer_weights: TensorFlow.js starts a new optimizer".to_owned());
    }
    let model = LayersModel {
        dialect,
        topology,
        keras_version,
        backend,
        training_config,
        weights: bound.weights,
        optimizer: Vec::new(),
        metadata: serde_json::Map::new(),
        assets: Vec::new(),
    };
    Ok((Source::Layers(Box::new(model)), summary))
}

/// A model must hold a list of layers, each with a class; `at` is where its config lies.
///
/// # Errors
/// `Unsupported` for a subclass of `keras.Model` without layers: only its own code knows them.
/// Otherwise the first place that is no layer: everything else would take it for a model without
/// layers, and write one.
pub(crate) fn check_model(
    topology: &Value,
    config: &serde_json::Map<String, Value>,
    at: &str,
) -> Result<(), Problem> {
    let text = |key: &str| topology.get(key).and_then(Value::as_str);
    let class_name = text("class_name").unwrap_or_default();
    if tensorferry_layers::is_model_class(class_name) || config.contains_key("layers") {
        return check_layers(config, at);
    }
    let name = text("registered_name").or(text("class_name")).unwrap_or("a custom class");
    Err(Problem::unsupported("the model is a subclass of keras.Model and has no layer graph")
        .at(at)
        .expected("Sequential or Functional", name)
        .hint("export it with model.export() and convert the SavedModel to a graph model"))
}

fn check_layers(config: &serde_json::Map<String, Value>, at: &str) -> Result<(), Problem> {
    let wrong = |what: &str, at: String, expected: &str, found: Option<&Value>| {
        Problem::input(what).at(at).expected(expected, kind_of(found))
    };
    let layers = config.get("layers");
    let items = layers.and_then(Value::as_array).ok_or_else(|| {
        wrong("the model has no layers", format!("{at}.layers"), "a list", layers)
    })?;
    for (i, layer) in items.iter().enumerate() {
        let at = format!("{at}.layers[{i}]");
        let class = layer.get("class_name").and_then(Value::as_str).ok_or_else(|| {
            wrong("this is no layer", at.clone(), "an object with class_name", Some(layer))
        })?;
        // Depth is bounded by that of the JSON text.
        if let Some(Value::Object(config)) = layer.get("config")
            && tensorferry_layers::is_model_class(class)
        {
            check_layers(config, &format!("{at}.config"))?;
        }
    }
    Ok(())
}

fn weights_only(
    name: &str,
    root: &Group,
    layers: &[String],
) -> Result<(Source, Summary), Problems> {
    let mut weights =
        WeightsOnly { keras_version: text(name, root, "keras_version")?, ..WeightsOnly::default() };
    for layer in layers {
        let group = root.group(layer).map_err(|e| errors::hdf5(name, &e))?;
        for weight in group_weights(name, &group)? {
            weights.push(layer.clone(), weight);
        }
    }
    let kind = match &weights.keras_version {
        Some(version) => format!("Keras {version} weights without a model (HDF5)"),
        None => "Keras weights without a model (HDF5)".to_owned(),
    };
    let facts = facts([("keras_version", &weights.keras_version)]);
    let summary = Summary { kind, facts, ..Summary::default() };
    Ok((Source::Weights(weights), summary))
}

/// The weights of every layer of the tree. Layer names with `/` lie in nested groups.
fn stored_layers(name: &str, root: &Group, tree: &VarNode) -> Result<Vec<StoredLayer>, Problem> {
    let hdf5 = |e| errors::hdf5(name, &e);
    let Some(Child::Group(weights)) = root.get("model_weights").map_err(hdf5)? else {
        return Err(Problem::input("the group is missing").in_file(name).at("model_weights"));
    };
    let mut layers = Vec::new();
    let mut names: Vec<String> = match weights.string_list("layer_names").map_err(hdf5)? {
        Some(names) => names,
        None => tree.children.iter().map(|layer| layer.name.clone()).collect(),
    };
    names.push("top_level_model_weights".to_owned());
    for layer in names {
        if let Some(Child::Group(group)) = weights.get(&layer).map_err(hdf5)? {
            layers.push(StoredLayer { weights: group_weights(name, &group)?, name: layer });
        }
    }
    Ok(layers)
}

/// The datasets that a group's `weight_names` name; without the attribute those of the groups in
/// it, in the file's order.
fn group_weights(name: &str, group: &Group) -> Result<Vec<StoredWeight>, Problem> {
    let mut weights = Vec::new();
    collect_weights(name, group, 0, &mut weights)?;
    Ok(weights)
}

fn collect_weights(
    name: &str,
    group: &Group,
    depth: usize,
    out: &mut Vec<StoredWeight>,
) -> Result<(), Problem> {
    let hdf5 = |e| errors::hdf5(name, &e);
    if let Some(names) = group.string_list("weight_names").map_err(hdf5)? {
        for weight in names {
            let dataset = group.dataset(&weight).map_err(hdf5)?;
            out.push(stored_weight(name, strip_port(&weight).to_owned(), &dataset)?);
        }
        return Ok(());
    }
    if depth < LAYER_GROUP_DEPTH_MAX {
        for child in group.groups().map_err(hdf5)? {
            collect_weights(name, &child, depth + 1, out)?;
        }
    }
    Ok(())
}

/// The dataset as a stored weight called `weight`.
pub(crate) fn stored_weight(
    file: &str,
    weight: String,
    dataset: &tensorferry_hdf5::Dataset,
) -> Result<StoredWeight, Problem> {
    let location = dataset.byte_range().map(|range| Location {
        file: file.to_owned(),
        start: range.start,
        byte_len: range.end - range.start,
    });
    Ok(StoredWeight { name: weight, tensor: tensor(file, dataset)?, location })
}

fn strip_port(name: &str) -> &str {
    name.strip_suffix(":0").unwrap_or(name)
}

fn has_optimizer(name: &str, root: &Group) -> Result<bool, Problem> {
    let found = root.get("optimizer_weights").map_err(|e| errors::hdf5(name, &e))?;
    Ok(found.is_some())
}

/// A text attribute of the root.
fn text(name: &str, root: &Group, attr: &str) -> Result<Option<String>, Problem> {
    let found = root.attr(attr).map_err(|e| errors::hdf5(name, &e))?;
    Ok(found.and_then(|attr| attr.as_str().map(str::to_owned)))
}

/// An attribute of the root that is JSON text.
fn json(
    name: &str,
    root: &Group,
    attr: &str,
    summary: &mut Summary,
) -> Result<Option<Value>, Problem> {
    let Some(text) = text(name, root, attr)? else { return Ok(None) };
    let limits = tensorferry_json::Limits::default();
    let parsed = tensorferry_json::parse_with(text.as_bytes(), &limits, NonFinite::AsNull)
        .map_err(|e| errors::json(name, attr, &e))?;
    summary.note_non_finite(name, attr, &parsed);
    Ok(Some(parsed.value))
}

fn not_keras(name: &str, root: &Group) -> Problem {
    let names = root.names().unwrap_or_default();
    let problem = Problem::input("this HDF5 file holds no Keras model and no Keras weights")
        .in_file(name)
        .expected(
            "the attribute model_config or layer_names",
            match names.is_empty() {
                true => "an empty file".to_owned(),
                false => names.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
            },
        );
    problem.hint("convert the file that model.save() wrote")
}

fn kind_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
        Some(_) => "a single value",
    }
}

/// The facts that are there.
pub(crate) fn facts<const N: usize>(
    rows: [(&str, &Option<String>); N],
) -> BTreeMap<String, String> {
    rows.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect()
}
