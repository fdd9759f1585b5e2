//! Configs from one dialect to another: a table of rules, whole models, and broken ones.

use serde_json::{Map, Value, json};
use tensorferry_layers::{
    Converted, Dialect, to_keras2, to_keras3, to_tfjs, training_config_to_keras,
    training_config_to_tfjs, unloadable,
};

/// A tensor in Keras 3's notation.
fn tensor(layer: &str, node: u64, index: u64, shape: Value) -> Value {
    json!({"class_name": "__keras_tensor__", "config": {"shape": shape, "dtype": "float32",
        "keras_history": [layer, node, index]}})
}

fn policy(name: &str) -> Value {
    json!({"module": "keras", "class_name": "DTypePolicy", "config": {"name": name},
        "registered_name": null, "shared_object_id": 7})
}

/// A Keras 3 layer of a Functional that is called once with `args`.
fn layer3(class_name: &str, config: Value, args: Value, kwargs: Value) -> Value {
    let name = config["name"].clone();
    json!({"module": "keras.layers", "class_name": class_name, "config": config,
        "registered_name": null, "build_config": {"input_shape": [null, 4]}, "name": name,
        "inbound_nodes": [{"args": args, "kwargs": kwargs}]})
}

fn input3(name: &str, shape: Value) -> Value {
    json!({"module": "keras.layers", "class_name": "InputLayer", "registered_name": null,
        "config": {"batch_shape": shape, "dtype": "float32", "sparse": false, "ragged": false,
            "name": name, "optional": false}, "name": name, "inbound_nodes": []})
}

fn functional3(layers: Value, inputs: Value, outputs: Value) -> Value {
    json!({"module": "keras.src.models.functional", "class_name": "Functional",
        "registered_name": "Functional", "build_config": {"input_shape": null},
        "config": {"name": "m", "trainable": true, "layers": layers, "input_layers": inputs,
            "output_layers": outputs}})
}

/// One Keras 3 layer `l` on an input of four numbers, converted.
fn one3(class_name: &str, config: Value, shape: Value) -> Converted {
    let call = json!([tensor("x", 0, 0, shape.clone())]);
    let layers = json!([input3("x", shape), layer3(class_name, config, call, json!({}))]);
    let model = functional3(layers, json!(["x", 0, 0]), json!(["l", 0, 0]));
    to_tfjs(&model, Dialect::Keras3).expect("the model is whole")
}

fn layers(converted: &Converted) -> &Vec<Value> {
    converted.model["config"]["layers"].as_array().expect("a model has layers")
}

fn layer<'a>(converted: &'a Converted, name: &str) -> &'a Value {
    layers(converted).iter().find(|layer| layer["config"]["name"] == name).expect("it is there")
}

/// A Keras 2 `Sequential` of an input and one layer.
fn sequential2(class_name: &str, config: Value) -> Value {
    let input = json!({"class_name": "InputLayer",
        "config": {"batch_input_shape": [null, 6, 6, 2], "dtype": "float32", "name": "x"}});
    json!({"class_name": "Sequential", "config": {"name": "s", "layers": [input,
        {"class_name": class_name, "config": config}]}})
}

#[test]
fn the_dialect_is_told_by_its_marks() {
    let input = |key: &str| {
        json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
            {"class_name": "InputLayer", "config": {key: [null, 4], "name": "x"}}]}})
    };
    let scheme = |distribution: &str| {
        sequential2(
            "Dense",
            json!({"name": "d", "units": 1, "kernel_initializer": {
            "class_name": "VarianceScaling", "config": {"distribution": distribution}}}),
        )
    };
    let cases = [
        (input("batch_shape"), Dialect::Keras3),
        (input("batch_input_shape"), Dialect::Keras2),
        (sequential2("Dense", json!({"name": "d", "dtype": policy("float32")})), Dialect::Keras3),
        (scheme("normal"), Dialect::Tfjs),
        (scheme("truncated_normal"), Dialect::Keras2),
        (json!(null), Dialect::Keras2),
        (json!([[[]]]), Dialect::Keras2),
    ];
    for (model, expected) in cases {
        assert_eq!(Dialect::of(&model), expected, "{model}");
    }
}

#[test]
fn a_keras_3_layer_becomes_the_one_that_tensorflow_js_has() {
    struct Case {
        class_name: &'static str,
        config: Value,
        becomes: (&'static str, Value),
    }
    let case =
        |class_name, config, new, becomes| Case { class_name, config, becomes: (new, becomes) };
    let zeros = json!({"module": "keras.initializers", "class_name": "Zeros", "config": {},
        "registered_name": null});
    let cases = [
        case(
            "Dense",
            json!({"name": "l", "trainable": true, "dtype": policy("float32"), "units": 2,
                "activation": "silu", "kernel_initializer": {"module": "keras.initializers",
                    "class_name": "LecunNormal", "config": {"seed": null, "input_axes": null},
                    "registered_name": null},
                "bias_initializer": zeros, "kernel_regularizer": {"module": "keras.regularizers",
                    "class_name": "L2", "config": {"l2": 0.5}, "registered_name": null},
                "quantization_config": null, "lora_rank": null}),
            "Dense",
            json!({"name": "l", "trainable": true, "dtype": "float32", "units": 2,
                "activation": "swish",
                "kernel_initializer": {"class_name": "LeCunNormal", "config": {"seed": null}},
                "bias_initializer": {"class_name": "Zeros", "config": {}},
                "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}}),
        ),
        case(
            "LeakyReLU",
            json!({"name": "l", "dtype": policy("mixed_float16"), "negative_slope": 0.25}),
            "LeakyReLU",
            json!({"name": "l", "dtype": "float32", "alpha": 0.25}),
        ),
        case(
            "ReLU",
            json!({"name": "l", "max_value": null, "negative_slope": 0.5, "threshold": 0.0}),
            "LeakyReLU",
            json!({"name": "l", "alpha": 0.5}),
        ),
        case(
            "ReLU",
            json!({"name": "l", "max_value": null, "negative_slope": 0.0, "threshold": 0.5}),
            "ThresholdedReLU",
            json!({"name": "l", "theta": 0.5}),
        ),
        case(
            "ReLU",
            json!({"name": "l", "max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}),
            "ReLU",
            json!({"name": "l", "max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}),
        ),
        case(
            "Activation",
            json!({"name": "l", "activation": {"module": "builtins", "class_name": "function",
                "config": "leaky_relu", "registered_name": "leaky_relu"}}),
            "LeakyReLU",
            json!({"name": "l", "alpha": 0.2}),
        ),
        case(
            "BatchNormalization",
            json!({"name": "l", "axis": -1, "renorm": false, "renorm_clipping": null,
                "renorm_momentum": 0.99, "synchronized": false}),
            "BatchNormalization",
            json!({"name": "l", "axis": -1}),
        ),
        case(
            "GlobalAveragePooling2D",
            json!({"name": "l", "data_format": "channels_last", "keepdims": true}),
            "AveragePooling2D",
            json!({"name": "l", "data_format": "channels_last", "pool_size": [4, 5],
                "padding": "valid", "strides": [4, 5]}),
        ),
    ];
    for Case { class_name, config, becomes } in cases {
        let converted = one3(class_name, config, json!([null, 4, 5, 3]));
        let got = layer(&converted, "l");
        assert_eq!(got["class_name"], becomes.0);
        assert_eq!(got["config"], becomes.1, "{class_name}");
        assert_eq!(got["inbound_nodes"], json!([[["x", 0, 0, {}]]]));
        assert_eq!(got["module"], Value::Null);
        assert_eq!(unloadable(&converted), [], "{class_name}");
    }
}

#[test]
fn calls_and_ends_are_written_in_keras_2s_notation() {
    let state = |index| tensor("r", 0, index, json!([null, 3]));
    let sequence = json!([tensor("x", 0, 0, json!([null, 5, 2]))]);
    let rnn = |name: &str, args: Value, kwargs: Value| {
        layer3("SimpleRNN", json!({"name": name, "units": 3, "trainable": true}), args, kwargs)
    };
    let model = functional3(
        json!([
            input3("x", json!([null, 5, 2])),
            rnn("r", sequence.clone(), json!({"training": false, "mask": null})),
            rnn("a", sequence.clone(), json!({"initial_state": [state(1)], "training": false})),
            rnn("b", json!([sequence[0], state(1)]), json!({"mask": null})),
            layer3(
                "Add",
                json!({"name": "s", "trainable": true}),
                json!([[tensor("a", 0, 0, json!([null, 3])), tensor("b", 0, 0, json!([null, 3]))]]),
                json!({})
            ),
        ]),
        json!({"k": ["x", 0, 0]}),
        json!({"z": ["s", 0, 0], "y": {"deep": ["r", 0, 0]}}),
    );
    let converted = to_tfjs(&model, Dialect::Keras3).unwrap();
    let nodes = |name: &str| layer(&converted, name)["inbound_nodes"].clone();
    assert_eq!(nodes("x"), json!([]));
    assert_eq!(nodes("r"), json!([[["x", 0, 0, {}]]]));
    assert_eq!(nodes("a"), json!([[["x", 0, 0, {}], ["r", 0, 1, {}]]]));
    assert_eq!(nodes("b"), nodes("a"));
    assert_eq!(nodes("s"), json!([[["a", 0, 0, {}], ["b", 0, 0, {}]]]));
    let config = &converted.model["config"];
    assert_eq!(config["input_layers"], json!([["x", 0, 0]]));
    // Keras flattens a dict sorted by key.
    assert_eq!(config["output_layers"], json!([["r", 0, 0], ["s", 0, 0]]));
    assert_eq!(converted.model["class_name"], "Functional");
    assert_eq!(converted.changes.len(), 2);
}

/// The layer's class and some of its config; `None` when there is none.
type Expected = Option<(&'static str, Value)>;

#[test]
fn an_operator_becomes_a_layer_or_is_reported() {
    let x = || tensor("x", 0, 0, json!([null, 4, 3]));
    let y = || tensor("y", 0, 0, json!([null, 4, 3]));
    let rescaling = |scale: f64, offset: f64| json!({"scale": scale, "offset": offset});
    let done = |class_name, config| Some((class_name, config));
    let cases: Vec<(&str, Value, Value, Expected)> = vec![
        ("Add", json!([x(), 1.5]), json!({}), done("Rescaling", rescaling(1.0, 1.5))),
        ("Subtract", json!([x(), 1.5]), json!({}), done("Rescaling", rescaling(1.0, -1.5))),
        ("Subtract", json!([1.5, x()]), json!({}), done("Rescaling", rescaling(-1.0, 1.5))),
        ("Multiply", json!([2, x()]), json!({}), done("Rescaling", rescaling(2.0, 0.0))),
        ("TrueDivide", json!([x(), 4.0]), json!({}), done("Rescaling", rescaling(0.25, 0.0))),
        ("TrueDivide", json!([x(), 0.0]), json!({}), None),
        ("TrueDivide", json!([1.0, x()]), json!({}), None),
        ("Negative", json!([x()]), json!({}), done("Rescaling", rescaling(-1.0, 0.0))),
        ("Add", json!([x(), y()]), json!({}), done("Add", json!({}))),
        ("Subtract", json!([x(), y()]), json!({}), done("Add", json!({}))),
        ("Multiply", json!([x(), tensor("y", 0, 0, json!([null, 3]))]), json!({}), None),
        (
            "Add",
            json!([x(), {"class_name": "__numpy__", "config": {"value": [1.0]}}]),
            json!({}),
            None,
        ),
        (
            "Concatenate",
            json!([[x(), y()]]),
            json!({"axis": -1}),
            done("Concatenate", json!({"axis": -1})),
        ),
        ("Concatenate", json!([[x(), y()]]), json!({"axis": 0}), None),
        (
            "Reshape",
            json!([x()]),
            json!({"newshape": [-1, 12]}),
            done("Reshape", json!({"target_shape": [12]})),
        ),
        ("Reshape", json!([x()]), json!({"newshape": [-1, 6]}), None),
        (
            "ExpandDims",
            json!([x()]),
            json!({"axis": -1}),
            done("Reshape", json!({"target_shape": [4, 3, 1]})),
        ),
        ("ExpandDims", json!([x()]), json!({"axis": 0}), None),
        ("Squeeze", json!([x()]), json!({"axis": 1}), None),
        (
            "Transpose",
            json!([x()]),
            json!({"axes": [0, 2, 1]}),
            done("Permute", json!({"dims": [2, 1]})),
        ),
        ("Transpose", json!([x()]), json!({"axes": [1, 0, 2]}), None),
        (
            "Mean",
            json!([x()]),
            json!({"axis": 1, "keepdims": false}),
            done("GlobalAveragePooling1D", json!({"data_format": "channels_last"})),
        ),
        ("Max", json!([x()]), json!({"axis": 2, "keepdims": false}), None),
        ("Relu", json!([x()]), json!({}), done("Activation", json!({"activation": "relu"}))),
        ("Softmax", json!([x()]), json!({"axis": -1}), done("Softmax", json!({"axis": -1}))),
        (
            "LeakyRelu",
            json!([x()]),
            json!({"negative_slope": 0.1}),
            done("LeakyReLU", json!({"alpha": 0.1})),
        ),
        ("Gelu", json!([x()]), json!({"approximate": true}), None),
        ("GetItem", json!([x(), [1]]), json!({}), None),
    ];
    for (class_name, args, mut own, expected) in cases {
        own["name"] = json!("o");
        let mut operator = layer3(class_name, own, args.clone(), json!({}));
        operator["module"] = json!("keras.src.ops.numpy");
        let inputs = [input3("x", json!([null, 4, 3])), input3("y", json!([null, 4, 3]))];
        let model = functional3(
            json!([inputs[0], inputs[1], operator]),
            json!([["x", 0, 0], ["y", 0, 0]]),
            json!(["o", 0, 0]),
        );
        let converted = to_tfjs(&model, Dialect::Keras3).unwrap();
        let missing = unloadable(&converted);
        let Some((new_class, own)) = expected else {
            assert_eq!(missing.len(), 1, "{class_name} {args}");
            assert_eq!(
                (missing[0].layer.as_str(), missing[0].class_name.as_str()),
                ("o", class_name)
            );
            continue;
        };
        assert_eq!(missing, [], "{class_name} {args}");
        let got = layer(&converted, "o");
        assert_eq!(got["class_name"], new_class, "{class_name} {args}");
        for (key, value) in own.as_object().unwrap() {
            assert_eq!(&got["config"][key], value, "{class_name} {args}");
        }
    }
}

#[test]
fn what_tensorflow_js_refuses_in_keras_2_configs_is_repaired_and_nothing_else() {
    let kept = [
        (
            "Dense",
            json!({"name": "l", "units": 2, "activation": "relu",
            "kernel_initializer": {"module": "keras.initializers", "class_name": "GlorotUniform",
                "config": {"seed": null}, "registered_name": null, "shared_object_id": 1}}),
        ),
        ("BatchNormalization", json!({"name": "l", "axis": [3]})),
        (
            "Dense",
            json!({"name": "l", "units": 2,
            "dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}}),
        ),
    ];
    for (class_name, config) in kept {
        let model = sequential2(class_name, config);
        assert_eq!(to_tfjs(&model, Dialect::Keras2).unwrap().model, model);
    }
    let changed = [
        (
            "BatchNormalizationV1",
            json!({"name": "l", "unknown": [[{"class_name": "UnifiedLSTM"}]]}),
            "BatchNormalization",
            json!({"name": "l", "unknown": [[{"class_name": "LSTM"}]]}),
        ),
        (
            "SeparableConv2D",
            json!({"name": "l", "kernel_initializer": {"class_name": "Zeros",
            "config": {}}, "kernel_regularizer": null, "kernel_constraint": null, "filters": 2}),
            "SeparableConv2D",
            json!({"name": "l", "filters": 2}),
        ),
        (
            "Dense",
            json!({"name": "l", "activity_regularizer": {"class_name": "L1", "config": {}},
            "kernel_regularizer": {"class_name": "L1", "config": {"l1": 0.25}},
            "kernel_constraint": {"class_name": "MaxNorm", "config": {}},
            "kernel_initializer": {"class_name": "mine>Own", "config": {"a": 1}}}),
            "Dense",
            json!({"name": "l", "activity_regularizer": null,
            "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.25, "l2": 0.0}},
            "kernel_constraint": null,
            "kernel_initializer": {"class_name": "Zeros", "config": {}}}),
        ),
        (
            "Dense",
            json!({"name": "l", "dtype": "float64"}),
            "Dense",
            json!({"name": "l", "dtype": "float32"}),
        ),
    ];
    for (class_name, config, new_class, expected) in changed {
        let converted = to_tfjs(&sequential2(class_name, config), Dialect::Keras2).unwrap();
        let got = &layers(&converted)[1];
        assert_eq!((&got["class_name"], &got["config"]), (&json!(new_class), &expected));
    }
}

#[test]
fn a_saved_file_s_own_keys_go_as_they_go_in_the_reference() {
    let mut model = sequential2(
        "Dense",
        json!({"name": "l", "kernel_initializer": {
        "module": "keras.initializers", "class_name": "Zeros", "config": {},
        "registered_name": null}}),
    );
    model["module"] = json!("keras");
    model["registered_name"] = json!(null);
    model["build_config"] = json!({"input_shape": [null, 4]});
    let converted = to_tfjs(&model, Dialect::Keras2).unwrap();
    let mut expected = sequential2(
        "Dense",
        json!({"name": "l", "kernel_initializer": {
        "class_name": "Zeros", "config": {}}}),
    );
    expected["build_config"] = json!({"input_shape": [null, 4]});
    assert_eq!(converted.model, expected);
}

#[test]
fn subtraction_repeated_outputs_and_bidirectional_layers_are_rewritten() {
    let lstm = |name: &str, backwards: bool, units: u64| {
        json!({"class_name": "LSTM", "config": {"name": name, "go_backwards": backwards,
            "units": units}})
    };
    let call = |name: &str| json!([[[name, 0, 0, {}]]]);
    let model = |backward: Value| {
        json!({"class_name": "Functional", "config": {"name": "m", "layers": [
            {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
                "config": {"batch_input_shape": [null, 5, 2], "dtype": "float32", "name": "x"}},
            {"class_name": "Bidirectional", "name": "b", "inbound_nodes": call("x"),
                "config": {"name": "b", "layer": lstm("l", false, 3), "backward_layer": backward}},
            {"class_name": "Subtract", "name": "d", "config": {"name": "d"},
                "inbound_nodes": [[["b", 0, 0, {}], ["b", 0, 0, {}]]]}],
            "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0], ["d", 0, 0]]}})
    };
    let converted = to_tfjs(&model(lstm("l_1", true, 3)), Dialect::Keras2).unwrap();
    assert_eq!(layer(&converted, "b")["config"].get("backward_layer"), None);
    assert_eq!(layer(&converted, "d")["class_name"], "Add");
    let nodes = json!([[["b", 0, 0, {}], ["d_negated", 0, 0, {}]]]);
    assert_eq!(layer(&converted, "d")["inbound_nodes"], nodes);
    assert_eq!(layer(&converted, "d_negated")["config"]["scale"], -1.0);
    assert_eq!(layer(&converted, "d_copy")["inbound_nodes"], call("d"));
    let outputs = &converted.model["config"]["output_layers"];
    assert_eq!(outputs, &json!([["d", 0, 0], ["d_copy", 0, 0]]));
    assert_eq!(unloadable(&converted), []);

    let converted = to_tfjs(&model(lstm("l_1", true, 4)), Dialect::Keras2).unwrap();
    assert_eq!(unloadable(&converted).len(), 1);
}

#[test]
fn layers_that_tensorflow_js_lacks_are_named_with_their_place_and_a_remedy() {
    struct Case {
        class_name: &'static str,
        config: Value,
        reason: &'static str,
        remedy: &'static str,
    }
    let case = |class_name, config, reason, remedy| Case { class_name, config, reason, remedy };
    let cases = [
        case("Lambda", json!({"function": ["code", null, null]}), "never run", "layers"),
        case("TFOpLambda", json!({"function": "math.add"}), "operator", "graph model"),
        case("mine>Own", json!({}), "custom", "registerClass"),
        case("MultiHeadAttention", json!({"num_heads": 1}), "no such layer", "graph model"),
        case("GRU", json!({"units": 1, "reset_after": true}), "reset_after", "reset_after=False"),
        case("Dense", json!({"units": 1, "activation": "exponential"}), "exponential", "graph"),
        case(
            "TimeDistributed",
            json!({"layer": {"class_name": "Normalization", "config": {}}}),
            "",
            "graph model",
        ),
    ];
    for Case { class_name, mut config, reason, remedy } in cases {
        config["name"] = json!("l");
        let inner = sequential2(class_name, config);
        let mut outer = sequential2("Sequential", inner["config"].clone());
        outer["config"]["layers"][1]["config"]["name"] = json!("inner");
        let converted = to_tfjs(&outer, Dialect::Keras2).unwrap();
        let found = unloadable(&converted);
        assert_eq!(found.len(), 1, "{class_name}: {found:?}");
        assert_eq!((found[0].path.join("/").as_str(), found[0].layer.as_str()), ("inner", "l"));
        assert!(found[0].reason.contains(reason), "{:?}", found[0]);
        assert!(found[0].remedy.contains(remedy), "{:?}", found[0]);
    }
    let hard = json!({"name": "l", "trainable": true, "activation": "hard_sigmoid"});
    let found = unloadable(&one3("Activation", hard, json!([null, 4])));
    assert!(found.len() == 1 && found[0].reason.contains("relu6"), "{found:?}");
}

#[test]
fn names_are_made_such_that_tensorflow_js_takes_them() {
    let dense = |name: &str| json!({"class_name": "Dense", "config": {"name": name, "units": 2}});
    let inner = |name: &str| {
        json!({"class_name": "Sequential", "config": {"name": name, "layers": [
            {"class_name": "InputLayer",
                "config": {"batch_input_shape": [null, 2], "name": "x"}}, dense("d")]}})
    };
    let model = json!({"class_name": "Sequential", "config": {"name": "m", "layers": [
        inner("a"), inner("b"), dense("d"), dense("b_d"), dense("_odd name"), dense("p/q")]}});
    let converted = to_tfjs(&model, Dialect::Keras2).unwrap();
    let renames: Vec<(String, &str)> =
        converted.renames.iter().map(|r| (r.path.join("/"), r.to.as_str())).collect();
    let expected = [("_odd name", "layer_odd_name"), ("a/d", "a_d"), ("b/d", "b_d_1")];
    assert_eq!(renames, expected.map(|(from, to)| (from.to_owned(), to)));

    let converted = to_keras2(&model, Dialect::Keras2).unwrap();
    let renames: Vec<&str> = converted.renames.iter().map(|r| r.to.as_str()).collect();
    assert_eq!(renames, ["p_q"]);
}

#[test]
fn a_nested_model_s_calls_are_numbered_as_each_reader_counts() {
    let nested = |class_name: &str, name: &str| {
        let mut inner = layer3(
            class_name,
            json!({"name": name, "trainable": true, "layers": [
            input3("i", json!([null, 4]))], "input_layers": ["i", 0, 0],
            "output_layers": ["i", 0, 0]}),
            json!([tensor("x", 0, 0, json!([null, 4]))]),
            json!({}),
        );
        inner["module"] = json!("keras");
        inner
    };
    let sum = json!([[tensor("f", 0, 0, json!([null, 4])), tensor("s", 0, 0, json!([null, 4]))]]);
    let model = functional3(
        json!([
            input3("x", json!([null, 4])),
            nested("Functional", "f"),
            nested("Sequential", "s"),
            layer3("Add", json!({"name": "l", "trainable": true}), sum, json!({}))
        ]),
        json!(["x", 0, 0]),
        // Keras 3 counts a Functional from one here, and nowhere else.
        json!([["f", 1, 0], ["s", 0, 0], ["l", 0, 0]]),
    );
    let converted = to_tfjs(&model, Dialect::Keras3).unwrap();
    let nodes = |converted: &Converted, name: &str| layer(converted, name)["inbound_nodes"].clone();
    assert_eq!(nodes(&converted, "l"), json!([[["f", 1, 0, {}], ["s", 1, 0, {}]]]));
    let outputs = &converted.model["config"]["output_layers"];
    assert_eq!(outputs, &json!([["f", 1, 0], ["s", 1, 0], ["l", 0, 0]]));

    // Twice the same call: number 1 is it for Keras 2, which starts at 1, and for Keras 3.
    let converted = to_keras2(&model, Dialect::Keras3).unwrap();
    assert_eq!(nodes(&converted, "f"), json!([[["x", 0, 0, {}]], [["x", 0, 0, {}]]]));
    assert_eq!(nodes(&converted, "l"), json!([[["f", 1, 0, {}], ["s", 1, 0, {}]]]));
}

#[test]
fn configs_for_keras_say_what_both_kerases_read() {
    let config = json!({"name": "l", "units": 2, "batch_input_shape": [null, 3],
        "kernel_initializer": {"class_name": "LeCunNormal", "config": {}}});
    let model = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Dense", "config": config},
        {"class_name": "GRU", "config": {"name": "g", "units": 1, "implementation": null}},
        {"class_name": "ThresholdedReLU", "config": {"name": "t", "theta": 0.5}},
        {"class_name": "BatchNormalization", "config": {"name": "n", "axis": [1]}}]}});
    let hdf5 = to_keras2(&model, Dialect::Tfjs).unwrap();
    let found = layers(&hdf5);
    assert_eq!(found[0]["class_name"], "InputLayer");
    assert_eq!(found[0]["config"]["batch_input_shape"], json!([null, 3]));
    assert_eq!(
        found[1]["config"]["kernel_initializer"],
        json!({"class_name": "LecunNormal",
        "config": {}, "module": "keras.initializers", "registered_name": null})
    );
    assert_eq!(found[1]["config"].get("batch_input_shape"), None);
    assert_eq!(found[2]["config"], json!({"name": "g", "units": 1, "reset_after": false}));
    assert_eq!(found[3], json!({"class_name": "ReLU", "config": {"name": "t", "threshold": 0.5}}));
    assert_eq!(found[4]["config"]["axis"], 1);

    let zip = to_keras3(&model, Dialect::Tfjs).unwrap();
    assert_eq!(zip.model["module"], "keras");
    assert!(layers(&zip).iter().all(|layer| layer["module"] == "keras.layers"));
    // A Keras 3 config is one already, unless it comes from an HDF5 file.
    let model =
        functional3(json!([input3("x", json!([null]))]), json!(["x", 0, 0]), json!(["x", 0, 0]));
    assert_eq!(to_keras3(&model, Dialect::Keras3).unwrap().model, model);
    let mut model = model;
    model.as_object_mut().unwrap().shift_remove("module");
    let zip = to_keras3(&model, Dialect::Keras3).unwrap();
    assert_eq!(
        (&zip.model["module"], &zip.model["class_name"]),
        (&json!("keras"), &json!("Model"))
    );
    assert_eq!(layers(&zip)[0]["config"]["batch_input_shape"], json!([null]));
}

#[test]
fn training_settings_go_both_ways() {
    let keras = json!({"loss": "mse", "metrics": ["accuracy"], "weighted_metrics": null,
        "loss_weights": null, "optimizer_config": {"class_name": "Custom>Adam", "config": {
            "name": "Adam", "learning_rate": 0.5, "beta_1": 0.9, "amsgrad": false}}});
    let tfjs = training_config_to_tfjs(&keras).unwrap();
    assert_eq!(
        tfjs,
        json!({"loss": "mse", "metrics": ["accuracy"], "optimizer_config": {
        "class_name": "Adam", "config": {"learning_rate": 0.5, "beta1": 0.9}}})
    );
    let back = training_config_to_keras(&tfjs).unwrap();
    assert_eq!(
        back["optimizer_config"],
        json!({"class_name": "Adam",
        "config": {"name": "Adam", "learning_rate": 0.5, "beta_1": 0.9}})
    );
    let momentum = json!({"loss": "mse", "optimizer_config": {"class_name": "SGD",
        "config": {"learning_rate": 1.0, "momentum": 0.5, "nesterov": true}}});
    let momentum = training_config_to_tfjs(&momentum).unwrap();
    assert_eq!(
        momentum["optimizer_config"],
        json!({"class_name": "Momentum",
        "config": {"learning_rate": 1.0, "momentum": 0.5, "use_nesterov": true}})
    );
    for none in [
        json!(null),
        json!({"loss": "mse"}),
        json!({"loss": "mse", "optimizer_config": {"class_name": "Lion", "config": {}}}),
        json!({"loss": {"class_name": "MSE"}, "optimizer_config": {"class_name": "SGD",
            "config": {}}}),
        json!({"loss": "mse", "loss_weights": [1], "optimizer_config": {"class_name": "SGD",
            "config": {}}}),
    ] {
        assert_eq!(training_config_to_tfjs(&none), None, "{none}");
    }
}

/// Whole configs as Keras wrote them, and what comes out. `BLESS=1` writes the results anew.
#[test]
fn whole_models_come_out_as_recorded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialect");
    let mut seen = 0;
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(stem) = name.strip_suffix(".json").filter(|stem| !stem.contains(".to_")) else {
            continue;
        };
        seen += 1;
        let model: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let from = Dialect::of(&model);
        let (suffix, converted) = match from {
            Dialect::Tfjs => ("to_keras2", to_keras2(&model, from).unwrap()),
            _ => ("to_tfjs", to_tfjs(&model, from).unwrap()),
        };
        let text = format!("{}\n", converted.model);
        let expected = folder.join(format!("{stem}.{suffix}.json"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&expected).unwrap(), text, "{stem}");
        if from != Dialect::Tfjs {
            assert_eq!(unloadable(&converted), [], "{stem}");
        }
    }
    assert_eq!(seen, 9);
}

fn every_way(model: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for from in [Dialect::Keras2, Dialect::Keras3, Dialect::Tfjs] {
        match to_tfjs(model, from) {
            Ok(converted) => drop(unloadable(&converted)),
            Err(problems) => errors.push(problems.to_string()),
        }
        errors.extend(to_keras2(model, from).err().map(|problems| problems.to_string()));
        errors.extend(to_keras3(model, from).err().map(|problems| problems.to_string()));
    }
    errors
}

#[test]
fn a_broken_graph_is_refused_with_the_layer_s_name() {
    let model = |layers: Value, outputs: Value| {
        json!({"class_name": "Functional", "config": {"name": "m", "layers": layers,
            "input_layers": [], "output_layers": outputs}})
    };
    let layer = |name: &str, from: &str, node: u64| {
        json!({"class_name": "Add", "config": {"name": name, "trainable": true}, "name": name,
            "inbound_nodes": [[[from, node, 0, {}]]]})
    };
    let cases = [
        (model(json!([layer("a", "b", 0), layer("b", "a", 0)]), json!([])), "circle, at layer `a`"),
        (model(json!([layer("a", "gone", 0)]), json!([])), "there is no layer `gone`"),
        (model(json!([layer("a", "a", 7)]), json!([])), "layer `a` has no call 7"),
        (model(json!([]), json!([["gone", 0, 0]])), "`output_layers`: there is no layer `gone`"),
        (model(json!([]), json!([["x", "y", 0]])), "`output_layers` of the model is broken"),
        (
            model(json!([layer("a", "a", 0), layer("a", "a", 0)]), json!([])),
            "two layers are called",
        ),
        (
            model(
                json!([{"class_name": "Add", "config": {"name": "a"},
            "inbound_nodes": [[["x"]]]}]),
                json!([]),
            ),
            "something else than tensors",
        ),
        (json!({"class_name": "Functional"}), "not that of a model"),
        (json!([1]), "not that of a model"),
    ];
    for (model, expected) in cases {
        let error = to_tfjs(&model, Dialect::Keras2).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        every_way(&model);
    }
}

/// Every value of a good model replaced by something else, one at a time.
#[test]
fn wrong_types_anywhere_are_no_panic() {
    let dense = json!({"name": "l", "units": 2, "dtype": policy("float32"),
        "activation": "relu", "kernel_initializer": {"class_name": "Zeros", "config": {}},
        "layer": {"class_name": "LSTM", "config": {"name": "q", "units": 1}}});
    let good = functional3(
        json!([
            input3("x", json!([null, 4])),
            layer3(
                "Bidirectional",
                dense,
                json!([tensor("x", 0, 0, json!([null, 4]))]),
                json!({"mask": null})
            )
        ]),
        json!(["x", 0, 0]),
        json!({"a": ["l", 0, 0]}),
    );
    let mut pointers = Vec::new();
    collect_pointers(&good, String::new(), &mut pointers);
    assert!(pointers.len() > 60);
    for pointer in pointers {
        for other in [json!(null), json!(-1), json!("x"), json!([]), json!({}), json!([[["x", 0]]])]
        {
            let mut model = good.clone();
            *model.pointer_mut(&pointer).unwrap() = other;
            every_way(&model);
        }
    }
}

fn collect_pointers(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                collect_pointers(item, format!("{at}/{i}"), out);
            }
        }
        Value::Object(members) => {
            for (key, item) in members {
                collect_pointers(item, format!("{at}/{key}"), out);
            }
        }
        _ => {}
    }
    out.push(at);
}

#[test]
fn nesting_is_bounded() {
    let mut model = sequential2("Dense", json!({"name": "l", "units": 1}));
    for _ in 0..100 {
        let layers = json!([model]);
        model = json!({"class_name": "Sequential", "config": {"name": "s", "layers": layers}});
    }
    every_way(&model);
    for _ in 0..100 {
        let layers = json!([model]);
        model = json!({"class_name": "Sequential", "config": {"name": "s", "layers": layers}});
    }
    let errors = every_way(&model);
    assert!(errors.iter().any(|error| error.contains("nested too deeply")), "{errors:?}");
    let mut wrapped = json!({"class_name": "Dense", "config": {"name": "l"}});
    for _ in 0..200 {
        wrapped =
            json!({"class_name": "TimeDistributed", "config": {"name": "t", "layer": wrapped}});
    }
    every_way(&json!({"class_name": "Sequential", "config": {"name": "s", "layers": [wrapped]}}));
}

/// What would take hours if any step looked at every layer for every layer.
#[test]
fn many_layers_and_calls_take_linear_time() {
    const MANY: usize = 10_000;
    let input = input3("x", json!([null, 4]));
    let name = |i: usize| if i == 0 { "x".to_owned() } else { format!("l{i}") };
    let chain = (1..MANY).map(|i| {
        let from = tensor(&name(i - 1), 0, 0, json!([null, 4]));
        let mut operator =
            layer3("Add", json!({"name": name(i)}), json!([from, 1.0]), json!({"mask": from}));
        operator["module"] = json!("keras.src.ops.numpy");
        operator
    });
    let layers: Vec<Value> = std::iter::once(input.clone()).chain(chain).collect();
    let last = name(MANY - 1);
    let model = functional3(json!(layers), json!(["x", 0, 0]), json!([last, 0, 0]));
    assert!(to_tfjs(&model, Dialect::Keras3).is_ok());

    // One tensor as many outputs; one shared layer called many times.
    let call = json!([[["x", 0, 0, {}], ["x", 0, 0, {}]]]);
    let calls: Vec<Value> = std::iter::repeat_n(call[0].clone(), MANY).collect();
    let outputs: Vec<Value> = std::iter::repeat_n(json!(["s", 0, 0]), MANY).collect();
    let mut first: Map<String, Value> = Map::new();
    first.insert("batch_input_shape".to_owned(), json!([null, 4]));
    first.insert("name".to_owned(), json!("x"));
    let model = json!({"class_name": "Functional", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config": first, "name": "x", "inbound_nodes": []},
        {"class_name": "Subtract", "config": {"name": "s", "trainable": true}, "name": "s",
            "inbound_nodes": calls}],
        "input_layers": [["x", 0, 0]], "output_layers": outputs}});
    let converted = to_tfjs(&model, Dialect::Keras2).unwrap();
    assert_eq!(layers_len(&converted), 2 + MANY + MANY - 1);
    assert!(to_keras2(&model, Dialect::Keras2).is_ok());
}

fn layers_len(converted: &Converted) -> usize {
    layers(converted).len()
}
