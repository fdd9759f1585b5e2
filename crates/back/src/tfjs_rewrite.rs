//! A TensorFlow.js model with its weights laid out, quantized or dequantized anew.
//!
//! Nothing but the manifest changes: topology, signatures, training config, optimizer weights and
//! metadata go over as they are, for layers and graph models alike.

use serde_json::{Map, Value};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_store::SourceRef;
use tensorferry_tfjs_files::{Format, ModelJson, NamedTensor, StoredWeight};

use crate::tfjs_layers::{finish, merged};
use crate::weights::Preparer;
use crate::written::{TfjsOptions, Written};

/// Writes the model again. A weight that comes quantized keeps its codes, unless a rule quantizes
/// it otherwise or `dequantize` asks for float32.
///
/// # Errors
/// Every weight that cannot be stored as asked.
pub fn tfjs_rewrite(
    json: &ModelJson,
    weights: &[StoredWeight],
    assets: &[(String, SourceRef)],
    options: &TfjsOptions,
) -> Result<Written, Problems> {
    let mut written = Written::default();
    let mut preparer = Preparer::new(options);
    let mut groups: Vec<Vec<NamedTensor>> = Vec::new();
    let mut layer_of_group: Vec<(usize, String)> = Vec::new();
    let (mut n_requantized, mut n_dequantized, mut n_kept) = (0, 0, 0);
    for weight in weights {
        let name = weight.name();
        let rule = options.quantize.choose_for(name, &weight.loaded()).map_err(Problem::from)?;
        let prepared = match (&weight.entry.quantization, rule) {
            (Some(_), Some(_)) => {
                n_requantized += 1;
                preparer.prepare(name, &weight.loaded())
            }
            (Some(_), None) if options.dequantize => {
                n_dequantized += 1;
                preparer.prepare(name, &weight.loaded())
            }
            (Some(_), None) => {
                n_kept += 1;
                preparer.pass(name);
                Some(NamedTensor::from(weight.clone()))
            }
            (None, _) => preparer.prepare(name, &weight.loaded()),
        };
        let Some(prepared) = prepared.map(|p| p.like(&weight.entry)) else { continue };
        let group = group_of(json.format, weight, options);
        if layer_of_group.last() != Some(&group) {
            groups.push(Vec::new());
            layer_of_group.push(group);
        }
        if let Some(last) = groups.last_mut() {
            last.push(prepared);
        }
    }
    preparer.finish(&mut written)?;
    let mut note = |n: usize, what: &str| {
        if n > 0 {
            written.changed.push(format!("{n} quantized weights {what}"));
        }
    };
    note(n_requantized, "dequantized and quantized anew, which adds to their error");
    note(n_dequantized, "stored as float32");
    if n_kept > 0 {
        written.kept.push(format!("the codes of {n_kept} quantized weights"));
    }
    let mut json = json.clone();
    if !options.metadata.is_empty() {
        let own = match &json.user_defined_metadata {
            Some(Value::Object(members)) => members.clone(),
            _ => Map::new(),
        };
        json.user_defined_metadata = Some(Value::Object(merged(&own, &options.metadata)));
    }
    note_kept(&json, weights, &mut written);
    // Names and hashes of the files before are no longer true.
    json.extra.shift_remove("weightFiles");
    finish(json, groups, assets, options, written)
}

/// Weights of one group of the input stay together; with `split_weights_by_layer` those of one
/// layer do (what comes before the first `/` of the name).
fn group_of(format: Format, weight: &StoredWeight, options: &TfjsOptions) -> (usize, String) {
    match options.split_weights_by_layer && format == Format::LayersModel {
        true => (0, weight.name().split('/').next().unwrap_or_default().to_owned()),
        false => (weight.group_index, String::new()),
    }
}

fn note_kept(json: &ModelJson, weights: &[StoredWeight], written: &mut Written) {
    let n_optimizer =
        weights.iter().filter(|weight| weight.entry.group.as_deref() == Some("optimizer")).count();
    if n_optimizer > 0 {
        written.kept.push(format!("{n_optimizer} weights of the optimizer"));
    }
    for (is_there, what) in [
        (json.training_config.is_some(), "the training configuration"),
        (json.user_defined_metadata.is_some(), "the user's metadata"),
        (json.signature.is_some(), "the signature"),
        (json.model_initializer.is_some(), "the initializer graph"),
    ] {
        if is_there {
            written.kept.push(what.to_owned());
        }
    }
}
