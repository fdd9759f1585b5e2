//! Packing the SavedModels, frozen graphs and hub modules that graph models are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::pack::add;
use crate::run::Result;

/// Files by path, by group; and the list of cases.
pub(crate) type Groups = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Adds what is not packed yet of every case that makes a graph model of a TensorFlow input, and
/// `graph-sources.json` with the cases and how many nodes of each op the reference wrote.
pub(crate) fn add_sources(from: &Path, manifest: &Value, groups: &mut Groups) -> Result<()> {
    let packed: BTreeSet<String> = groups.values().flat_map(BTreeMap::keys).cloned().collect();
    let mut cases = Vec::new();
    let mut own = Groups::new();
    for case in manifest["cases"].as_array().into_iter().flatten().filter(|case| is_source(case)) {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let mut files = BTreeMap::new();
        let model = text("model");
        for path in [text("input").to_owned(), format!("models/{model}/io.npz")]
            .into_iter()
            .chain([format!("models/{model}/meta.json")])
        {
            if from.join(&path).exists() {
                add(from, &path, &mut files)?;
            }
        }
        files.retain(|path, _| !packed.contains(path));
        own.entry(group(text("id"))).or_default().append(&mut files);
        let mut case = crate::pack::trimmed(case);
        case["reference_ops"] = json!(reference_ops(from, text("id"))?);
        cases.push(case);
    }
    let list = serde_json::to_vec_pretty(&cases)?;
    own.entry("graph-sources".to_owned())
        .or_default()
        .insert("graph-sources.json".to_owned(), list);
    own.retain(|_, files| !files.is_empty());
    groups.append(&mut own);
    Ok(())
}

fn is_source(case: &Value) -> bool {
    let format = case["input_format"].as_str().unwrap_or_default();
    case["output_format"] == "tfjs_graph_model"
        && ["tf_saved_model", "tf_frozen_model", "tf_hub"].contains(&format)
        && case["model"].is_string()
}

/// The group of a case: Keras 3 has two halves, so that no archive is large.
fn group(id: &str) -> String {
    let (kind, rest) = id.split_once('_').unwrap_or((id, ""));
    match kind {
        "k3" if rest < "h" => "graph-sources-k3-a".to_owned(),
        "k3" => "graph-sources-k3-h".to_owned(),
        "hub" | "tf1" | "tf2" => "graph-sources-tf".to_owned(),
        _ => format!("graph-sources-{kind}"),
    }
}

/// How many nodes of each op the reference's graph has, functions included.
fn reference_ops(from: &Path, id: &str) -> Result<BTreeMap<String, usize>> {
    let mut ops = BTreeMap::new();
    let file = from.join("goldens").join(id).join("model.json");
    if !file.exists() {
        return Ok(ops);
    }
    let json: Value = serde_json::from_slice(&fs::read(file)?)?;
    let topology = &json["modelTopology"];
    let functions = topology["library"]["function"].as_array().into_iter().flatten();
    let inner = functions.flat_map(|function| function["nodeDef"].as_array().into_iter().flatten());
    for node in topology["node"].as_array().into_iter().flatten().chain(inner) {
        *ops.entry(node["op"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(ops)
}
