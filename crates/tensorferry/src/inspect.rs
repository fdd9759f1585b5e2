//! What is inside an input.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_front::{
    ReadOptions, SavedModelOutline, SavedTensorInfo, Source, TfjsModel, read, stored_weight,
};
use tensorferry_layers::{
    BoundWeight, LayersModel, StoredWeight, WeightsOnly, layer_rows, to_tfjs, unloadable,
};
use tensorferry_store::Store;
use tensorferry_tensor::{Tensor, stats};
use tensorferry_tfjs_files::{Codes, Format, storable};

use crate::convert::{input_format, name_input, unpacked};
use crate::inspection::{
    Connection, GraphSummary, Inspection, LayerRow, ModelSummary, Signature, SignatureTensor,
    StoredQuantization, WeightRow, WeightView,
};
use crate::options::InputFormat;

/// How much an inspection reads.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// Read every weight for its smallest, largest and mean value.
    pub stats: bool,
    /// Overrides the look at the input's bytes.
    pub input_format: Option<InputFormat>,
}

/// Looks inside whatever the store holds.
///
/// # Errors
/// Every problem that keeps it from being read.
pub fn inspect(store: &dyn Store, options: &InspectOptions) -> Result<Inspection, Problems> {
    inspect_named(store, options).map_err(|problems| name_input(store, problems))
}

fn inspect_named(store: &dyn Store, options: &InspectOptions) -> Result<Inspection, Problems> {
    if let Some(folder) = unpacked(store)? {
        return inspect_named(&folder, options);
    }
    let format = input_format(store, options.input_format)?;
    let (source, summary) =
        read(store, &ReadOptions { format: Some(format), allow_no_layers: true })?;
    let mut inspection = Inspection {
        kind: summary.kind.clone(),
        facts: summary.facts.clone(),
        warnings: summary.warnings.clone(),
        ..Inspection::default()
    };
    match &source {
        Source::Layers(model) => inspect_layers(model, &mut inspection),
        Source::Weights(_) => {}
        Source::Tfjs(model) => inspect_tfjs(model, &mut inspection),
        Source::SavedModel => {}
    }
    for weight in weights(&source) {
        inspection.weights.push(row(&weight, options.stats)?);
    }
    if let Some(outline) = &summary.saved_model {
        inspect_saved_model(outline, &mut inspection);
    }
    Ok(inspection)
}

/// One weight with its values and its stored bytes.
///
/// # Errors
/// When there is no weight of that name; the nearest names are in the hint.
pub fn weight(store: &dyn Store, name: &str) -> Result<WeightView, Problems> {
    if let Some(folder) = unpacked(store)? {
        return weight(&folder, name);
    }
    let format = input_format(store, None)?;
    let (source, _) = read(store, &ReadOptions { format: Some(format), allow_no_layers: true })?;
    let all = weights(&source);
    let Some(found) = all.iter().find(|weight| weight.name == name) else {
        let problem = Problem::usage(format!("there is no weight `{name}`")).in_file(store.label());
        let similar = nearest(name, all.iter().map(|weight| weight.name.as_str()));
        return Err(match similar {
            Some(similar) => problem.hint(format!("did you mean `{similar}`?")),
            None => problem.hint("`tensorferry inspect` lists the names"),
        }
        .into());
    };
    let loaded = match &found.loaded {
        Some(loaded) => loaded.clone(),
        None => storable(name, &found.stored.tensor, true).map_err(Problem::from)?.tensor,
    };
    Ok(WeightView { row: row(found, true)?, loaded, stored: found.stored.tensor.clone() })
}

/// A weight as any kind of input gives it.
struct AnyWeight {
    name: String,
    /// As stored: codes, big-endian floats made little-endian.
    stored: StoredWeight,
    /// Dequantized, where that differs.
    loaded: Option<Tensor>,
    quantization: Option<StoredQuantization>,
}

fn weights(source: &Source) -> Vec<AnyWeight> {
    let plain = |stored: &StoredWeight| AnyWeight {
        name: stored.name.clone(),
        stored: stored.clone(),
        loaded: None,
        quantization: None,
    };
    match source {
        Source::Layers(model) => model.weights.iter().map(bound_weight).collect(),
        Source::Weights(WeightsOnly { weights, .. }) => {
            weights.iter().map(|w| plain(&w.weight)).collect()
        }
        Source::Tfjs(model) => model.weights.iter().map(tfjs_weight).collect(),
        Source::SavedModel => Vec::new(),
    }
}

/// A weight under the name that people know it by: `.keras` files store numbers only.
fn bound_weight(weight: &BoundWeight) -> AnyWeight {
    let is_numbered = weight.stored.name.rsplit('/').nth(1) == Some("vars");
    AnyWeight {
        name: match is_numbered {
            true => weight.leaf.keras2_name.clone(),
            false => weight.stored.name.clone(),
        },
        stored: weight.stored.clone(),
        loaded: None,
        quantization: None,
    }
}

fn tfjs_weight(weight: &tensorferry_tfjs_files::StoredWeight) -> AnyWeight {
    let quantization = weight.entry.quantization.as_ref().map(|quantization| {
        let affine = match quantization.codes {
            Codes::Float16 => None,
            Codes::UInt8(affine) | Codes::UInt16(affine) => Some(affine),
        };
        StoredQuantization {
            dtype: quantization.code_type().dtype().to_string(),
            scale: affine.map(|a| a.scale),
            min: affine.map(|a| a.min),
        }
    });
    let loaded = quantization.is_some().then(|| weight.loaded());
    let stored = StoredWeight { tensor: weight.stored.clone(), ..stored_weight(weight) };
    AnyWeight { name: weight.name().to_owned(), stored, loaded, quantization }
}

fn row(weight: &AnyWeight, with_stats: bool) -> Result<WeightRow, Problem> {
    let tensor = weight.loaded.as_ref().unwrap_or(&weight.stored.tensor);
    let mut row = WeightRow {
        name: weight.name.clone(),
        dtype: tensor.dtype().to_string(),
        shape: tensor.shape().to_vec(),
        file: weight.stored.location.as_ref().map(|location| location.file.clone()),
        byte_range: weight.stored.location.as_ref().map(|at| (at.start, at.byte_len)),
        quantization: weight.quantization.clone(),
        min: None,
        max: None,
        mean: None,
        n_non_finite: None,
    };
    if with_stats {
        let found = stats(tensor).map_err(|e| Problem::input(e.to_string()).at(&weight.name))?;
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        (row.min, row.max, row.mean) = (finite(found.min), finite(found.max), finite(found.mean));
        let n = found.n_nan + found.n_infinite;
        row.n_non_finite = (n > 0).then_some(n);
    }
    Ok(row)
}

fn inspect_layers(model: &LayersModel, inspection: &mut Inspection) {
    inspection.model = Some(model_summary(model));
    inspection.training_config.clone_from(&model.training_config);
    inspection.assets = model.assets.iter().map(|(name, _)| name.clone()).collect();
}

fn inspect_tfjs(model: &TfjsModel, inspection: &mut Inspection) {
    if model.json.format == Format::GraphModel {
        inspection.signatures = graph_signatures(model.json.signature.as_ref());
        inspection.graph = Some(graph_of_json(&model.json.topology));
        return;
    }
    match model.to_layers() {
        Ok((layers, summary)) => {
            inspect_layers(&layers, inspection);
            inspection.warnings.extend(summary.warnings);
        }
        // A weight that is missing does not keep the rest from being shown.
        Err(Problems(problems)) if model.topology().is_some() => {
            inspection.warnings.extend(problems);
        }
        Err(_) => {}
    }
}

fn inspect_saved_model(outline: &SavedModelOutline, inspection: &mut Inspection) {
    let side = |infos: &[SavedTensorInfo]| {
        let tensor = |info: &SavedTensorInfo| SignatureTensor {
            name: info.key.clone(),
            tensor: info.tensor.clone(),
            dtype: info.dtype.clone(),
            shape: info.shape.clone(),
        };
        infos.iter().map(tensor).collect()
    };
    let signatures = outline.signatures.iter().map(|signature| Signature {
        name: signature.name.clone(),
        inputs: side(&signature.inputs),
        outputs: side(&signature.outputs),
    });
    inspection.signatures = signatures.collect();
    inspection.graph = Some(GraphSummary {
        n_nodes: outline.n_nodes,
        n_functions: outline.n_functions,
        ops: outline.ops.clone(),
    });
}

fn model_summary(model: &LayersModel) -> ModelSummary {
    let config = model.config();
    let mut per_layer: HashMap<&[String], u64> = HashMap::new();
    let (mut n_trainable, mut n_non_trainable) = (0, 0);
    for BoundWeight { leaf, stored, .. } in &model.weights {
        let n = stored.tensor.len();
        // A nested model has the weights of its layers, each of these its own.
        for end in 1..=leaf.layer_path.len() {
            *per_layer.entry(leaf.layer_path.get(..end).unwrap_or_default()).or_default() += n;
        }
        *(if leaf.trainable { &mut n_trainable } else { &mut n_non_trainable }) += n;
    }
    let refused = unloadable_layers(model);
    let rows = model.topology.as_object().map_or_else(Vec::new, layer_rows);
    let layers = rows.into_iter().map(|row| {
        let path: Vec<String> = row.path.iter().chain([&row.name]).cloned().collect();
        let connection = |(layer, node, tensor)| Connection { layer, node, tensor };
        LayerRow {
            n_params: per_layer.get(path.as_slice()).copied().unwrap_or(0),
            unloadable: refused.get(&path.join("/")).cloned(),
            name: row.name,
            class_name: row.class_name,
            output_shapes: row.output_shapes,
            connected_to: row.connected_to.into_iter().map(connection).collect(),
            depth: row.depth,
        }
    });
    ModelSummary {
        name: config.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        class_name: model.class_name().to_owned(),
        layers: layers.collect(),
        n_params: n_trainable + n_non_trainable,
        n_trainable,
        n_non_trainable,
    }
}

/// What TensorFlow.js says of each layer that it cannot load, by the layer's path.
fn unloadable_layers(model: &LayersModel) -> BTreeMap<String, String> {
    let Ok(converted) = to_tfjs(&model.topology, model.dialect) else { return BTreeMap::new() };
    let all = unloadable(&converted).into_iter();
    all.map(|layer| {
        let path = layer.path.iter().chain([&layer.layer]).cloned().collect::<Vec<_>>();
        (path.join("/"), layer.reason)
    })
    .collect()
}

/// The signature of a graph model, as its JSON has it.
fn graph_signatures(signature: Option<&Value>) -> Vec<Signature> {
    let Some(signature) = signature.and_then(Value::as_object) else { return Vec::new() };
    let side = |key: &str| {
        let members = signature.get(key).and_then(Value::as_object);
        members.into_iter().flatten().map(|(name, info)| signature_tensor(name, info)).collect()
    };
    vec![Signature { name: String::new(), inputs: side("inputs"), outputs: side("outputs") }]
}

fn signature_tensor(name: &str, info: &Value) -> SignatureTensor {
    let text = |key: &str| info.get(key).and_then(Value::as_str).unwrap_or_default();
    let dim = |dim: &Value| match dim.get("size") {
        Some(Value::String(size)) => size.parse().ok(),
        Some(size) => size.as_u64(),
        None => None,
    };
    let shape = info.get("tensorShape").filter(|shape| shape.get("unknownRank").is_none());
    SignatureTensor {
        name: name.to_owned(),
        tensor: text("name").to_owned(),
        dtype: text("dtype").trim_start_matches("DT_").to_ascii_lowercase(),
        shape: shape.map(|shape| {
            let dims = shape.get("dim").and_then(Value::as_array);
            dims.into_iter().flatten().map(dim).collect()
        }),
    }
}

fn graph_of_json(topology: &Value) -> GraphSummary {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let nodes = list(topology, "node");
    let functions = topology.get("library").map(|library| list(library, "function"));
    let functions = functions.unwrap_or_default();
    let mut summary =
        GraphSummary { n_nodes: nodes.len(), n_functions: functions.len(), ops: BTreeMap::new() };
    let inner = functions.iter().flat_map(|function| list(function, "nodeDef"));
    for node in nodes.into_iter().chain(inner) {
        let op = node.get("op").and_then(Value::as_str).unwrap_or("?");
        *summary.ops.entry(op.to_owned()).or_default() += 1;
    }
    summary
}

/// The known name that differs from `name` in the fewest letters, when that is few.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|other| (edit_distance(name, other), other));
    let (distance, other) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len() / 3 + 1).then_some(other)
}

/// Letters to insert, delete or replace to get from `a` to `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    const LONG: usize = 256;
    if a.len() > LONG || b.len() > LONG {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = *above;
            left = replaced.min(left + 1).min(above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let names = ["dense/kernel", "dense/bias", "lstm/kernel"];
        assert_eq!(nearest("dense/kernal", names.into_iter()), Some("dense/kernel"));
        assert_eq!(nearest("bias", names.into_iter()), None);
    }
}
