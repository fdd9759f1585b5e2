//! Every layer says what real Keras says of it: weights, their names and order, output shapes.
//!
//! The data was written by `keras_layers.py` beside this file with Keras 2.15 and Keras 3.15.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use tensorferry_layers::{
    Config, Leaf, Shape, VarNode, find, find_operator, is_model_class, layer_rows, tfjs_problem,
};

/// Classes of `keras.layers` that are no layers of a model.
const NO_LAYERS: &[(&str, &str)] = &[
    ("AbstractRNNCell", "a base class"),
    ("InputSpec", "a description of inputs"),
    ("Layer", "the base class"),
    ("Wrapper", "a base class"),
];

/// Groups of `.keras` files that hold no weights.
const NO_WEIGHTS: &[(&str, &str)] = &[
    ("seed_generator", "the state of a random generator"),
    ("_random_generator", "the state of a random generator"),
    ("_dropout_layer", "a layer without weights, with a random generator"),
    ("metrics", "what training counts"),
    ("optimizer", "what training remembers"),
];

fn data(version: u32) -> Value {
    let bytes: &[u8] = match version {
        2 => include_bytes!("data/keras2.json.gz"),
        _ => include_bytes!("data/keras3.json.gz"),
    };
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn shapes(value: &Value) -> Vec<Shape> {
    let dims = |shape: &Value| shape.as_array().unwrap().iter().map(Value::as_u64).collect();
    value.as_array().unwrap().iter().map(dims).collect()
}

/// Fails with all that was found, not the first.
fn report(checked: usize, at_least: usize, problems: &[String]) {
    assert!(problems.is_empty(), "{} of {checked}:\n{}", problems.len(), problems.join("\n"));
    assert!(checked >= at_least, "only {checked} were checked");
}

#[test]
fn every_public_class_is_defined() {
    let mut classes = BTreeSet::new();
    for version in [2, 3] {
        let data = data(version);
        classes.extend(list(&data, "classes").iter().map(|name| name.as_str().unwrap().to_owned()));
        for operator in list(&data, "operators") {
            let name = operator[0].as_str().unwrap();
            assert!(name == "Function" || find_operator(name).is_some(), "operator {name}");
        }
    }
    let missing: Vec<_> = classes
        .iter()
        .filter(|name| find(name).is_none() && NO_LAYERS.iter().all(|(other, _)| other != name))
        .cloned()
        .collect();
    report(classes.len(), 170, &missing);
}

/// A model with one layer.
fn tree_of(case: &Value) -> VarNode {
    let model = json!({"name": "m", "input_layers": [], "layers": [
        {"class_name": case["class_name"], "config": case["config"]},
    ]});
    VarNode::of_model("Functional", model.as_object().unwrap())
}

/// Names as HDF5 files of this Keras hold them, for all layers in a row.
fn stored_names(case: &Value) -> Vec<String> {
    let names = list(case, "h5").iter().flat_map(|layer| layer[1].as_array().unwrap());
    names.map(|name| name.as_str().unwrap().trim_end_matches(":0").to_owned()).collect()
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap()
}

/// What is wrong with the names in HDF5: Keras 2's whole names, Keras 3's variable names.
fn name_problem(version: u32, leaves: &[Leaf], stored: &[String]) -> Option<String> {
    let whole = leaves.iter().map(|leaf| leaf.keras2_name.clone());
    // Keras 3 calls a depthwise convolution's weight `kernel`; its attribute has the longer name.
    let short = leaves.iter().zip(stored.iter().map(Some).chain(std::iter::repeat(None))).map(
        |(leaf, stored)| match (leaf.variable.as_str(), stored.map(|name| last(name))) {
            ("depthwise_kernel", Some("kernel")) => "kernel".to_owned(),
            (own, _) => own.to_owned(),
        },
    );
    // A Normalization that was built by its Sequential has no scope of its own in Keras 2.
    let has_scopes = version == 2 && stored.iter().all(|name| name.contains('/'));
    let (ours, theirs): (Vec<_>, Vec<_>) = if has_scopes {
        (whole.collect(), stored.to_vec())
    } else {
        (short.collect(), stored.iter().map(|name| last(name).to_owned()).collect())
    };
    (ours != theirs).then(|| format!("ours {ours:?}, stored {theirs:?}"))
}

/// What is wrong with the groups of `.keras`: each `vars` group with how many variables it has.
fn group_problem(leaves: &[Leaf], groups: &Map<String, Value>) -> Option<String> {
    let mut ours: BTreeMap<String, usize> = BTreeMap::new();
    for leaf in leaves {
        let count = ours.entry(format!("{}/vars", leaf.object_path)).or_default();
        *count = (*count).max(leaf.index + 1);
    }
    let theirs: BTreeMap<String, usize> = groups
        .iter()
        .filter(|(path, _)| !NO_WEIGHTS.iter().any(|(part, _)| path.split('/').any(|p| p == *part)))
        .map(|(path, what)| (path.clone(), what[0].as_u64().unwrap() as usize))
        .collect();
    (ours != theirs).then(|| format!("ours {ours:?}, stored {theirs:?}"))
}

#[test]
fn weights_of_each_layer_are_those_of_keras() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for version in [2, 3] {
        for case in list(&data(version), "cases") {
            let leaves = tree_of(case).leaves();
            let name = format!("Keras {version}: {}", text(case, "case"));
            // Keras 2 has no name for a lookup's document frequencies, Keras 3 no place in HDF5.
            if case["h5"].is_array() && !text(case, "case").contains("tf_idf") {
                let problem = name_problem(version, &leaves, &stored_names(case));
                problems.extend(problem.map(|problem| format!("{name}: h5: {problem}")));
            }
            // LoRA weights are merged into the kernel in `.keras` files, and gone.
            let merged: Vec<_> =
                leaves.into_iter().filter(|leaf| !leaf.variable.starts_with("lora_")).collect();
            if let Some(groups) = case["keras"].as_object() {
                let problem = group_problem(&merged, groups);
                problems.extend(problem.map(|problem| format!("{name}: .keras: {problem}")));
            }
            checked += 1;
        }
    }
    report(checked, 500, &problems);
}

/// Equal but for dims that Keras does not tell.
fn agree(ours: &[Shape], theirs: &[Shape]) -> bool {
    let dims = |(a, b): (&Shape, &Shape)| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || b.is_none())
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(dims)
}

#[test]
fn output_shapes_of_each_layer_are_those_of_keras() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for version in [2, 3] {
        for case in list(&data(version), "cases") {
            let class_name = text(case, "class_name");
            if is_model_class(class_name) {
                continue;
            }
            let def = find(class_name).unwrap_or_else(|| panic!("{class_name}"));
            let config = Config::new(case["config"].as_object().unwrap());
            let ours = (def.output_shapes)(&config, &shapes(&case["inputs"]));
            let theirs = shapes(&case["outputs"]);
            // Before it has seen data Keras 2 counts one bin.
            let is_unadapted = version == 2 && class_name == "Discretization";
            if !ours.as_ref().is_some_and(|ours| agree(ours, &theirs)) && !is_unadapted {
                let name = text(case, "case");
                let inputs = &case["inputs"];
                problems.push(format!("Keras {version}: {name} {inputs}: {ours:?}, {theirs:?}"));
            }
            checked += 1;
        }
    }
    report(checked, 500, &problems);
}

#[test]
fn weights_of_each_model_are_those_of_its_files() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for version in [2, 3] {
        for model in list(&data(version), "fixtures") {
            let name = text(model, "model");
            let Some(config) = model["config"]["config"].as_object() else { continue };
            let tree = VarNode::of_model(text(&model["config"], "class_name"), config);
            if tree.children.iter().any(|layer| layer.is_unknown) || config.get("layers").is_none()
            {
                // A custom class: nothing is known of its weights.
                problems.extend(
                    (!name.contains("custom") && !name.contains("subclassed"))
                        .then(|| format!("{name}: unknown layer")),
                );
                continue;
            }
            let leaves = tree.leaves();
            if model["h5"].is_array() {
                let problem = name_problem(version, &leaves, &stored_names(model));
                problems.extend(problem.map(|problem| format!("{name}: h5: {problem}")));
            }
            if let Some(groups) = model["keras"].as_object() {
                let problem = group_problem(&leaves, groups);
                problems.extend(problem.map(|problem| format!("{name}: .keras: {problem}")));
                problems.extend(layer_names_differ(&tree, groups).map(|p| format!("{name}: {p}")));
            }
            checked += 1;
        }
    }
    report(checked, 230, &problems);
}

/// The `name` attribute of a group is the name of the object there.
fn layer_names_differ(tree: &VarNode, groups: &Map<String, Value>) -> Option<String> {
    fn walk(node: &VarNode, path: &str, out: &mut BTreeMap<String, String>) {
        for child in &node.children {
            let path = format!("{path}{}/", child.attribute);
            out.insert(format!("{path}vars"), child.name.clone());
            walk(child, &path, out);
        }
    }
    let mut ours = BTreeMap::new();
    walk(tree, "", &mut ours);
    groups.iter().find_map(|(path, what)| {
        let theirs = what[1].as_str()?;
        let own = ours.get(path)?;
        // A cell that a layer makes by itself is called after its class.
        let is_own_cell = path.ends_with("/cell/vars");
        (own != theirs && !is_own_cell && !path.contains("_dense"))
            .then(|| format!("{path}: ours `{own}`, stored `{theirs}`"))
    })
}

/// Every `__keras_tensor__` of a model: layer, call, tensor and shape.
fn stored_tensors(value: &Value, out: &mut Vec<(String, u64, usize, Shape)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| stored_tensors(item, out)),
        Value::Object(members) if members.get("class_name") == Some(&json!("__keras_tensor__")) => {
            let history = &members["config"]["keras_history"];
            let shape = members["config"]["shape"].as_array().unwrap();
            out.push((
                history[0].as_str().unwrap().to_owned(),
                history[1].as_u64().unwrap(),
                history[2].as_u64().unwrap() as usize,
                shape.iter().map(Value::as_u64).collect(),
            ));
        }
        Value::Object(members) => members.values().for_each(|item| stored_tensors(item, out)),
        _ => {}
    }
}

#[test]
fn shapes_inside_keras3_models_are_those_that_keras_stored() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for model in list(&data(3), "fixtures") {
        let mut config = model["config"].clone();
        let with_stored = layer_rows(config.as_object().unwrap());
        let Some(layers) = config["config"]["layers"].as_array() else { continue };
        let mut tensors = Vec::new();
        for layer in layers {
            stored_tensors(&layer["inbound_nodes"], &mut tensors);
        }
        // Without what it stores: only rules tell.
        forget_shapes(&mut config["config"]["layers"]);
        let rows = layer_rows(config.as_object().unwrap());
        for (layer, call, tensor, shape) in tensors {
            let row = rows.iter().find(|row| row.depth == 0 && row.name == layer).unwrap();
            if call > u64::from(is_model_class(&row.class_name)) {
                continue;
            }
            checked += 1;
            let stored =
                with_stored.iter().find(|row| row.depth == 0 && row.name == layer).unwrap();
            let stored = stored.output_shapes.get(tensor);
            // The rules do not know operators with options, programs, nor what follows them.
            let name = text(model, "model");
            let is_told = name != "k3_k3_ops" && !name.contains("lambda");
            let ours = row.output_shapes.get(tensor);
            if (is_told || ours.is_some()) && ours != Some(&shape) || stored != Some(&shape) {
                problems.push(format!("{name}: {layer}/{call}/{tensor}: {ours:?} {shape:?}"));
            }
        }
    }
    report(checked, 300, &problems);
}

fn forget_shapes(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget_shapes),
        Value::Object(members) if members.get("class_name") == Some(&json!("__keras_tensor__")) => {
            members["config"].as_object_mut().unwrap().remove("shape");
        }
        Value::Object(members) => members.values_mut().for_each(forget_shapes),
        _ => {}
    }
}

#[test]
fn shapes_inside_keras2_models_are_those_of_keras() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for model in list(&data(2), "fixtures") {
        let Some(expected) = model["shapes"].as_object() else { continue };
        let rows = layer_rows(model["config"].as_object().unwrap());
        for (layer, shapes_of_layer) in expected {
            let Some(row) = rows.iter().find(|row| row.depth == 0 && row.name == *layer) else {
                problems.push(format!("{}: no row for {layer}", text(model, "model")));
                continue;
            };
            checked += 1;
            let theirs = shapes(shapes_of_layer);
            // A program's output, and what depends on it, cannot be told in Keras 2.
            let is_told = !text(model, "model").contains("lambda");
            if row.output_shapes != theirs && (is_told || !row.output_shapes.is_empty()) {
                let name = text(model, "model");
                problems.push(format!("{name}: {layer}: {:?} {theirs:?}", row.output_shapes));
            }
        }
    }
    report(checked, 400, &problems);
}
