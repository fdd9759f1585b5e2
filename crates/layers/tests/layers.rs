//! Every layer says what real Keras says of it: weights, their names and order, output shapes.
//!
//! The data was written by `keras_layers.py` beside this file with Keras 2.15 and Keras 3.15.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use tensorferry_layers::{
    Config, Dialect, Leaf, Shape, VarNode, find, find_operator, is_model_class, layer_rows,
    tfjs_problem, to_tfjs, unloadable,
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

/// What TensorFlow.js 4.22 does not load or computes otherwise, as running it on the reference
/// converter's output showed; every other Keras 2 model of the data loads there and computes what
/// Keras computes.
const NOT_IN_TFJS: &[(&str, &str)] = &[
    ("k2_act_exponential", "Activation: activation=exponential is not known"),
    ("k2_additive_attention", "AdditiveAttention: TensorFlow.js has no such layer"),
    ("k2_advanced_activations", "ELU: alpha=0.699999988079071 is not implemented"),
    ("k2_advanced_activations", "Softmax: axis=1 is not implemented, only the last axis is"),
    ("k2_attention", "Attention: TensorFlow.js has no such layer"),
    ("k2_augmentation", "RandomFlip: TensorFlow.js has no such layer"),
    ("k2_augmentation", "RandomRotation: TensorFlow.js has no such layer"),
    ("k2_augmentation", "RandomZoom: TensorFlow.js has no such layer"),
    (
        "k2_batchnorm_axes",
        "BatchNormalization: axis=1 computes other values, only the last axis is right",
    ),
    ("k2_bidirectional_layers", "Bidirectional: a backward_layer with another `units` is ignored"),
    (
        "k2_category_encoding",
        "CategoryEncoding: TensorFlow.js changes the shape that its input is checked against",
    ),
    ("k2_center_crop", "CenterCrop: TensorFlow.js takes other pixels, if it runs"),
    ("k2_conv1d_transpose", "Conv1DTranspose: TensorFlow.js has no such layer"),
    ("k2_conv1d_variants", "Conv1D: padding=causal is not implemented"),
    ("k2_conv2d_groups", "Conv2D: groups=2 is not implemented"),
    ("k2_custom_layer", "oracle>Scale: it is a custom layer"),
    ("k2_depthwise_conv1d", "DepthwiseConv1D: TensorFlow.js has no such layer"),
    ("k2_depthwise_separable", "DepthwiseConv2D: dilation_rate=[2, 2] is ignored by TensorFlow.js"),
    ("k2_discretization", "Discretization: TensorFlow.js has no such layer"),
    ("k2_einsum_dense", "EinsumDense: TensorFlow.js has no such layer"),
    ("k2_groupnorm", "GroupNormalization: TensorFlow.js has no such layer"),
    ("k2_gru", "GRU: reset_after=true is not implemented"),
    ("k2_hashing", "Hashing: TensorFlow.js has no such layer"),
    ("k2_integer_lookup", "InputLayer: dtype=int64 is not known"),
    ("k2_integer_lookup", "IntegerLookup: TensorFlow.js has no such layer"),
    ("k2_lambda_layer", "Lambda: it holds Python code, which is never run"),
    ("k2_locally_connected", "LocallyConnected1D: TensorFlow.js has no such layer"),
    ("k2_mha", "MultiHeadAttention: TensorFlow.js has no such layer"),
    ("k2_mha_causal", "MultiHeadAttention: TensorFlow.js has no such layer"),
    ("k2_normalization", "Normalization: TensorFlow.js has no such layer"),
    ("k2_pooling_global3d", "GlobalMaxPooling3D: TensorFlow.js has no such layer"),
    ("k2_pooling_global3d", "GlobalAveragePooling3D: TensorFlow.js has no such layer"),
    ("k2_random_width", "RandomWidth: TensorFlow.js fails on every input of it"),
    ("k2_relu_options", "ReLU: negative_slope=0.20000000298023224 is ignored by TensorFlow.js"),
    ("k2_reshaping_more", "ZeroPadding1D: TensorFlow.js has no such layer"),
    ("k2_reshaping_more", "Cropping1D: TensorFlow.js has no such layer"),
    ("k2_reshaping_more", "UpSampling1D: TensorFlow.js has no such layer"),
    ("k2_reshaping_more", "UpSampling2D: interpolation=bilinear computes other values"),
    ("k2_reshaping_more", "ZeroPadding3D: TensorFlow.js has no such layer"),
    ("k2_reshaping_more", "Cropping3D: TensorFlow.js has no such layer"),
    ("k2_reshaping_more", "UpSampling3D: TensorFlow.js has no such layer"),
    ("k2_resizing", "Resizing: TensorFlow.js fails on every input of it"),
    ("k2_resizing_crop", "Resizing: TensorFlow.js fails on every input of it"),
    ("k2_separable_conv1d", "SeparableConv1D: TensorFlow.js has no such layer"),
    ("k2_spatial_dropout", "ActivityRegularization: TensorFlow.js has no such layer"),
    ("k2_string_lookup", "StringLookup: TensorFlow.js has no such layer"),
    ("k2_string_lookup_embedding", "StringLookup: TensorFlow.js has no such layer"),
    ("k2_text_vectorization", "TextVectorization: TensorFlow.js has no such layer"),
    ("k2_tf_op_lambda", "TFOpLambda: it is a TensorFlow operator and not a layer"),
    ("k2_tf_op_lambda", "SlicingOpLambda: it is a TensorFlow operator and not a layer"),
    ("k2_transformer_block", "MultiHeadAttention: TensorFlow.js has no such layer"),
    ("k2_unit_norm", "UnitNormalization: TensorFlow.js has no such layer"),
    ("k2_upsampling_bilinear", "UpSampling2D: interpolation=bilinear computes other values"),
    ("k2_zero_padding1d", "ZeroPadding1D: TensorFlow.js has no such layer"),
];

/// What TensorFlow.js 4.22 does not load or computes otherwise as the reference converter writes it,
/// and does as our dialect conversion writes it.
const REPAIRED_FOR_TFJS: &[&str] = &[
    "k2_dense_regularized",
    "k2_depthwise_separable",
    "k2_float16_weights",
    "k2_float64_weights",
    "k2_merge_subtract",
    "k2_mobilenet_like",
    "k2_multi_io_dict",
    "k2_passthrough_output",
    "k2_pooling_keepdims",
];

#[test]
fn what_tensorflow_js_cannot_do_is_foretold() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for model in list(&data(2), "fixtures") {
        let name = text(model, "model");
        let converted = to_tfjs(&model["config"], Dialect::Keras2).expect(name);
        let mut found: Vec<_> = unloadable(&converted)
            .into_iter()
            .map(|layer| format!("{}: {}", layer.class_name, layer.reason))
            .collect();
        let mut seen = BTreeSet::new();
        found.retain(|what| seen.insert(what.clone()));
        if REPAIRED_FOR_TFJS.contains(&name) && converted.model == model["config"] {
            problems.push(format!("{name}: nothing was repaired"));
        }
        let expected: Vec<_> =
            NOT_IN_TFJS.iter().filter(|(model, _)| *model == name).map(|(_, what)| *what).collect();
        if found != expected {
            problems.push(format!("(\"{name}\", {found:?}),"));
        }
        checked += 1;
    }
    report(checked, 110, &problems);
}

/// Values that no Keras writes where numbers, names and lists stand.
fn hostile_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(0.5),
        json!("x"),
        json!("same"),
        json!(""),
        json!([]),
        json!([0]),
        json!([u64::MAX, u64::MAX, u64::MAX]),
        json!([[1, u64::MAX], [u64::MAX, 0]]),
        json!(["a", null, -5]),
        json!({}),
        json!({"class_name": "Bidirectional", "config": {"name": "x"}}),
        json!({"class_name": 3, "config": []}),
    ]
}

#[test]
fn no_config_makes_a_layer_panic() {
    let mut checked: usize = 0;
    for version in [2, 3] {
        let mut seen = BTreeSet::new();
        for case in list(&data(version), "cases") {
            let class_name = text(case, "class_name");
            if !seen.insert(class_name.to_owned()) {
                continue;
            }
            let config = case["config"].as_object().unwrap();
            let inputs = shapes(&case["inputs"]);
            for key in config.keys().chain([&"batch_input_shape".to_owned()]) {
                for value in hostile_values() {
                    let mut changed = config.clone();
                    changed.insert(key.clone(), value);
                    try_all(class_name, &changed, &inputs);
                    checked += 1;
                }
                let mut changed = config.clone();
                changed.remove(key);
                try_all(class_name, &changed, &inputs);
            }
            for hostile in [
                vec![],
                vec![vec![]],
                vec![vec![None]],
                vec![vec![Some(u64::MAX); 6]],
                vec![vec![Some(0); 3], vec![None; 40]],
            ] {
                try_all(class_name, config, &hostile);
            }
        }
    }
    assert!(checked > 30_000, "{checked}");
}

/// All that reads a layer's config.
fn try_all(class_name: &str, config: &Map<String, Value>, inputs: &[Shape]) {
    if let Some(def) = find(class_name) {
        let view = Config::new(config);
        (def.variables)(&view);
        (def.sublayers)(&view);
        (def.output_shapes)(&view, inputs);
    }
    tfjs_problem(class_name, config, inputs);
    let layer = json!({"class_name": class_name, "config": config});
    let model = json!({"class_name": "Sequential", "config": {"name": "m", "layers": [layer]}});
    layer_rows(model.as_object().unwrap());
    VarNode::of_model("Sequential", model["config"].as_object().unwrap()).leaves();
}

#[test]
fn rows_name_nested_models_and_what_they_take() {
    let dense = |name: &str, units: u64| {
        json!({"class_name": "Dense", "name": name,
        "config": {"name": name, "units": units}})
    };
    let input = |name: &str| {
        json!({"class_name": "InputLayer", "name": name,
        "config": {"name": name, "batch_input_shape": [null, 4]}, "inbound_nodes": []})
    };
    let inner = json!({"class_name": "Sequential", "name": "inner", "config": {"name": "inner",
        "layers": [input("inner_in"), dense("a", 3), dense("b", 2)]},
        "inbound_nodes": [[["in", 0, 0, {}]]]});
    let mut last = dense("last", 5);
    last["inbound_nodes"] = json!([[["inner", 1, 0, {"mask": ["in", 0, 0]}]]]);
    let model = json!({"class_name": "Functional", "config": {"name": "m",
        "layers": [input("in"), inner, last],
        "input_layers": [["in", 0, 0]], "output_layers": [["last", 0, 0]]}});
    let rows: Vec<_> = layer_rows(model.as_object().unwrap())
        .into_iter()
        .map(|row| {
            let from = row.connected_to.iter().map(|(layer, call, _)| format!("{layer}/{call}"));
            let path = row.path.join("/");
            (row.name, row.output_shapes.concat(), from.collect::<Vec<_>>().join(" "), path)
        })
        .collect();
    let row = |name: &str, units, from: &str, path: &str| {
        (name.to_owned(), vec![None, Some(units)], from.to_owned(), path.to_owned())
    };
    assert_eq!(
        rows,
        [
            row("in", 4, "", ""),
            row("inner", 2, "in/0", ""),
            row("a", 3, "", "inner"),
            row("b", 2, "a/0", "inner"),
            row("last", 5, "inner/1 in/0", ""),
        ]
    );
}

#[test]
fn cycles_and_doubling_calls_end() {
    let call = |name: &str, of: &str| {
        json!({"class_name": "Dense", "name": name,
        "config": {"name": name, "units": 1}, "inbound_nodes": [[[of, 0, 0, {}]]]})
    };
    let cycle = json!({"class_name": "Functional", "config": {"name": "m", "input_layers": [],
        "layers": [call("a", "b"), call("b", "a")], "output_layers": [["a", 0, 0]]}});
    for row in layer_rows(cycle.as_object().unwrap()) {
        assert!(row.output_shapes.is_empty());
    }
    // Each model calls the one inside it a hundred times.
    let input = json!({"class_name": "InputLayer", "name": "in",
        "config": {"name": "in", "batch_input_shape": [null, 4]}, "inbound_nodes": []});
    let mut model =
        json!({"class_name": "Dense", "name": "x", "config": {"name": "x", "units": 4}});
    for _ in 0..20 {
        model["inbound_nodes"] = vec![json!([["in", 0, 0, {}]]); 100].into();
        model["name"] = json!("x");
        model = json!({"class_name": "Functional", "config": {"name": "x",
            "layers": [input, model], "input_layers": [["in", 0, 0]],
            "output_layers": [["x", 1, 0]]}});
    }
    assert_eq!(layer_rows(model.as_object().unwrap()).len(), 40);
    // The same with wrappers around layers that hold two.
    let mut layer = json!({"class_name": "LSTM", "config": {"name": "l", "units": 4}});
    for class_name in ["Bidirectional", "TimeDistributed"].repeat(20) {
        layer = json!({"class_name": class_name, "config": {"name": "w", "layer": layer}});
    }
    try_all("TimeDistributed", layer["config"].as_object().unwrap(), &[vec![None; 5]]);
}

#[test]
fn ten_thousand_layers_take_linear_time() {
    let layer = |at: usize| {
        let before = if at == 0 { "in".to_owned() } else { format!("l{}", at - 1) };
        json!({"class_name": "Dense", "name": format!("l{at}"),
            "config": {"name": format!("l{at}"), "units": 4},
            "inbound_nodes": [[[before, 0, 0, {}]]]})
    };
    let mut layers = vec![json!({"class_name": "InputLayer", "name": "in",
        "config": {"name": "in", "batch_input_shape": [null, 4]}, "inbound_nodes": []})];
    // The order of the config may be any.
    layers.extend((0..10_000).rev().map(layer));
    let model = json!({"class_name": "Functional", "config": {"name": "m", "layers": layers,
        "input_layers": [["in", 0, 0]], "output_layers": [["l9999", 0, 0]]}});
    let rows = layer_rows(model.as_object().unwrap());
    assert_eq!(rows.len(), 10_001);
    assert!(rows.iter().all(|row| row.output_shapes == [vec![None, Some(4)]]));
}
