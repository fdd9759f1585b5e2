//! A Keras model as a layers model of TensorFlow.js.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_layers::{
    BoundWeight, Converted, LayersModel, WeightsOnly, tfjs_resolves, to_tfjs, unloadable,
};
use tensorferry_store::{Package, Part, SourceRef};
use tensorferry_tfjs_files::{Format, ModelJson, NamedTensor, plan};

use crate::hashed::hash_names;
use crate::keras_h5::{tree_of, zip_leaves};
use crate::weights::Preparer;
use crate::written::{TfjsOptions, Written};

/// The archive beside `model.json` that holds vocabularies and other files of the model.
const ASSETS: &str = "assets.zip";

/// Writes the model for `tf.loadLayersModel`: the config in the form that TensorFlow.js 4.22
/// loads, weights named `<layer>/<variable>`, layers in the byte order of their names (as the
/// reference converter has them).
///
/// # Errors
/// Every layer that TensorFlow.js cannot load (unless allowed), every weight that it cannot hold.
pub fn tfjs_layers(model: &LayersModel, options: &TfjsOptions) -> Result<Written, Problems> {
    let converted = to_tfjs(&model.topology, model.dialect)?;
    let mut written = Written::default();
    check_loadable(&converted, options, &mut written)?;
    note_changes(&converted, &mut written);
    let groups = weight_groups(model, &converted, options, &mut written)?;
    let mut json = ModelJson::new(Format::LayersModel, topology(model, converted.model));
    json.generated_by = model.keras_version.as_ref().map(|version| format!("keras v{version}"));
    let metadata = merged(&model.metadata, &options.metadata);
    json.user_defined_metadata = (!metadata.is_empty()).then(|| Value::Object(metadata));
    finish(json, groups, &model.assets, options, written)
}

/// Writes weights without a model: a manifest whose topology is `null`.
///
/// # Errors
/// Every weight that TensorFlow.js cannot hold.
pub fn tfjs_weights(weights: &WeightsOnly, options: &TfjsOptions) -> Result<Written, Problems> {
    let mut written = Written::default();
    let mut preparer = Preparer::new(options);
    let mut groups: Vec<(String, Vec<NamedTensor>)> = Vec::new();
    for weight in &weights.weights {
        let prepared = preparer.prepare(&weight.weight.name, &weight.weight.tensor);
        push_weight(&mut groups, &weight.layer, prepared);
    }
    preparer.finish(&mut written)?;
    let mut json = ModelJson::new(Format::LayersModel, Value::Null);
    json.generated_by = None;
    json.user_defined_metadata =
        (!options.metadata.is_empty()).then(|| Value::Object(options.metadata.clone()));
    let groups = split(groups, options);
    finish(json, groups, &[], options, written)
}

/// Plans the files and puts `model.json` last. Assets go into one archive of a fixed name, as the
/// reference packs those of decision forests: no name from a model becomes an output path.
pub(crate) fn finish(
    mut json: ModelJson,
    groups: Vec<Vec<NamedTensor>>,
    assets: &[(String, SourceRef)],
    options: &TfjsOptions,
    mut written: Written,
) -> Result<Written, Problems> {
    let mut plan = plan(groups, options.weight_files).map_err(Problem::from)?;
    if options.hashed_names {
        json.extra.insert("weightFiles".to_owned(), hash_names(&mut plan)?);
    }
    json.converted_by = Some(options.converted_by.clone());
    json.weights_manifest = plan.groups;
    let mut parts = plan.parts;
    if !assets.is_empty() {
        let content = tensorferry_archive::write(assets)
            .map_err(|e| Problem::input(e.to_string()).at(ASSETS))?;
        parts.push(Part::file(ASSETS, content));
        written.kept.push(format!("{} assets, in {ASSETS}", assets.len()));
    }
    parts.push(Part::file("model.json", Arc::new(Bytes::from(json.to_bytes()))));
    written.package = Package { parts, is_single_file: false };
    Ok(written)
}

fn check_loadable(
    converted: &Converted,
    options: &TfjsOptions,
    written: &mut Written,
) -> Result<(), Problems> {
    let problems: Vec<Problem> = unloadable(converted)
        .into_iter()
        .map(|layer| {
            let place = layer.path.iter().chain([&layer.layer]).cloned().collect::<Vec<_>>();
            let what =
                format!("TensorFlow.js cannot load this {}: {}", layer.class_name, layer.reason);
            Problem::unsupported(what)
                .at(match place.join("/") {
                    name if name.is_empty() => "the model".to_owned(),
                    name => format!("layer `{name}`"),
                })
                .hint(format!("{}; --allow-unloadable-layers writes it anyway", layer.remedy))
        })
        .collect();
    if problems.is_empty() || options.allow_unloadable_layers {
        written.warnings.extend(problems);
        return Ok(());
    }
    Err(Problems(problems))
}

fn note_changes(converted: &Converted, written: &mut Written) {
    written.note_changes(converted);
    for rename in &converted.renames {
        written.changed.push(format!(
            "{}: renamed from `{}` to `{}`, since TensorFlow.js needs names that differ",
            rename.path.join("/"),
            rename.from,
            rename.to
        ));
    }
}

/// The weights in groups: one for all, or one for each of the model's layers.
fn weight_groups(
    model: &LayersModel,
    converted: &Converted,
    options: &TfjsOptions,
    written: &mut Written,
) -> Result<Vec<Vec<NamedTensor>>, Problems> {
    let mut order = tfjs_names(model, &converted.model)?;
    order.sort_by(|(a, _), (b, _)| a.leaf.layer.split('/').cmp(b.leaf.layer.split('/')));
    let mut preparer = Preparer::new(options);
    let mut groups = Vec::new();
    for (weight, name) in order {
        let prepared = preparer.prepare(&name, &weight.stored.tensor);
        push_weight(&mut groups, &weight.leaf.layer, prepared);
    }
    preparer.finish(written)?;
    Ok(split(groups, options))
}

/// Each weight with its name: its stored one where TensorFlow.js finds its variable by it, as the
/// reference keeps it, and `<layer>/<variable>` otherwise.
fn tfjs_names<'a>(
    model: &'a LayersModel,
    converted: &Value,
) -> Result<Vec<(&'a BoundWeight, String)>, Problem> {
    let mut used = HashSet::new();
    let named = zip_leaves(model, &tree_of(converted))?.into_iter().map(|(leaf, weight)| {
        let stored = &weight.stored.name;
        let keep = tfjs_resolves(stored, &leaf.tfjs_name) && !used.contains(stored);
        let name = if keep { stored.clone() } else { leaf.tfjs_name };
        used.insert(name.clone());
        (weight, name)
    });
    Ok(named.collect())
}

fn push_weight(
    groups: &mut Vec<(String, Vec<NamedTensor>)>,
    layer: &str,
    weight: Option<NamedTensor>,
) {
    let Some(weight) = weight else { return };
    match groups.last_mut() {
        Some((name, weights)) if name == layer => weights.push(weight),
        _ => groups.push((layer.to_owned(), vec![weight])),
    }
}

fn split(groups: Vec<(String, Vec<NamedTensor>)>, options: &TfjsOptions) -> Vec<Vec<NamedTensor>> {
    let weights = groups.into_iter().map(|(_, weights)| weights);
    match options.split_weights_by_layer {
        true => weights.collect(),
        false => vec![weights.flatten().collect()],
    }
}

/// `modelTopology` as the reference writes it.
fn topology(model: &LayersModel, model_config: Value) -> Value {
    let mut topology = Map::new();
    topology.insert("keras_version".to_owned(), model.keras_version.clone().into());
    if let Some(backend) = &model.backend {
        topology.insert("backend".to_owned(), backend.clone().into());
    }
    topology.insert("model_config".to_owned(), model_config);
    if let Some(training) = &model.training_config {
        topology.insert("training_config".to_owned(), training.clone());
    }
    Value::Object(topology)
}

pub(crate) fn merged(own: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut all = own.clone();
    all.extend(over.clone());
    all
}
