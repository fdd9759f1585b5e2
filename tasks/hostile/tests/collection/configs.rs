//! Keras configs that carry code, ask for other files, or never end.

use serde_json::{Value, json};
use tensorferry_hostile::keras::{dense_config, dense_config_v3, keras_members, sequential};
use tensorferry_hostile::raw_zip::archive;
use tensorferry_store::MemoryStore;

use crate::{Case, Class};

/// A `.keras` archive whose one layer is this.
fn v3(id: &'static str, class: Class, layer: &Value, says: &'static str) -> Case {
    let config = dense_config_v3(|own| *own = layer.clone());
    let bytes = archive(&keras_members(&config));
    Case::new(id, class, MemoryStore::file("m.keras", bytes), says)
}

/// A Keras 2 file whose one layer is this.
fn v2(id: &'static str, class: Class, layer: &Value, says: &'static str) -> Case {
    Case::config(id, class, &sequential(vec![layer.clone()]), says)
}

pub(crate) fn cases() -> Vec<Case> {
    [code(), modules(), other_files(), endless(), names(), broken()].into_iter().flatten().collect()
}

/// What marshalled Python code looks like in a config; it does nothing.
const BYTECODE: &str = "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMIAAAAfABkARQAUwApAk7pAgAAAKkA";

fn code() -> Vec<Case> {
    use Class::Code;
    let lambda = json!({"class_name": "Lambda", "config": {
        "name": "evil", "trainable": true, "dtype": "float32", "batch_input_shape": [null, 2],
        "function": {"class_name": "__tuple__", "items": [BYTECODE, null, null]},
        "function_type": "lambda", "module": "__main__", "output_shape": null,
        "output_shape_type": "raw", "output_shape_module": null, "arguments": {},
    }});
    let lambda_v3 = json!({"module": "keras.layers", "class_name": "Lambda",
        "registered_name": null, "config": {"name": "evil", "trainable": true, "arguments": {},
        "function": {"class_name": "__lambda__", "config": {"code": BYTECODE}}}});
    let op = |class: &str| {
        json!({"class_name": class, "name": "op", "inbound_nodes": [], "config": {
            "name": "op", "trainable": true, "dtype": "float32", "function": "io.read_file"}})
    };
    vec![
        v2(
            "config Lambda in h5",
            Code,
            &lambda,
            "m.h5: layer `evil`: TensorFlow.js cannot load this Lambda: it holds Python code, which is never run",
        ),
        v3(
            "config Lambda in .keras",
            Code,
            &lambda_v3,
            "m.keras: layer `evil`: TensorFlow.js cannot load this Lambda: it holds Python code, which is never run",
        ),
        v2(
            "config TFOpLambda",
            Code,
            &op("TFOpLambda"),
            "m.h5: layer `op`: TensorFlow.js cannot load this TFOpLambda: it is a TensorFlow operator and not a layer",
        ),
        v2(
            "config SlicingOpLambda",
            Code,
            &op("SlicingOpLambda"),
            "m.h5: layer `op`: TensorFlow.js cannot load this SlicingOpLambda: it is a TensorFlow operator and not a layer",
        ),
    ]
}

/// Modules and functions of Python, named where a layer or an activation is.
fn modules() -> Vec<Case> {
    use Class::Code;
    let module = |module: &str, class: &str| {
        json!({"module": module, "class_name": class, "registered_name": class,
            "config": {"name": "evil", "args": ["id"]}})
    };
    let dense = dense_config(|layer| {
        layer["config"]["activation"] = json!({"class_name": "function", "module": "os",
            "config": "system", "registered_name": "system"});
    });
    vec![
        v3(
            "config registered class",
            Code,
            &module("evil", "evil>Payload"),
            "m.keras: layer `evil`: TensorFlow.js cannot load this evil>Payload: it is a custom layer",
        ),
        v3(
            "config os.system as a layer",
            Code,
            &module("os", "system"),
            "m.keras: layer `evil`: TensorFlow.js cannot load this system: TensorFlow.js has no such layer",
        ),
        v3(
            "config switch of safe mode",
            Code,
            &module("keras.config", "enable_unsafe_deserialization"),
            "m.keras: layer `evil`: TensorFlow.js cannot load this enable_unsafe_deserialization: TensorFlow.js has no such layer",
        ),
        v3(
            "config PyTorch module",
            Code,
            &module("keras.utils.torch_utils", "TorchModuleWrapper"),
            "m.keras: layer `evil`: TensorFlow.js cannot load this TorchModuleWrapper: it holds a program of its own, which is never run",
        ),
        Case::config(
            "config function as activation",
            Code,
            &dense,
            "m.h5: layer `d`: TensorFlow.js cannot load this Dense: activation is not one of Keras' own functions",
        ),
    ]
}

fn other_files() -> Vec<Case> {
    use Class::OtherFile;
    let lookup = json!({"class_name": "StringLookup", "config": {"name": "lookup",
        "batch_input_shape": [null, 1], "vocabulary": "/etc/passwd", "invert": false,
        "max_tokens": null, "num_oov_indices": 1, "oov_token": "[UNK]", "mask_token": null,
        "encoding": "utf-8", "output_mode": "int", "sparse": false, "dtype": "int64"}});
    let file = json!({"module": "keras.utils", "class_name": "get_file", "registered_name": null,
        "config": {"name": "f", "origin": "http://169.254.169.254/", "extract": true}});
    vec![
        v2(
            "config vocabulary of another file",
            OtherFile,
            &lookup,
            "m.h5: layer `lookup`: TensorFlow.js cannot load this StringLookup: TensorFlow.js has no such layer",
        ),
        v3(
            "config download as a layer",
            OtherFile,
            &file,
            "m.keras: layer `f`: TensorFlow.js cannot load this get_file: TensorFlow.js has no such layer",
        ),
    ]
}

fn nested(depth: usize) -> Value {
    let dense = dense_config(|_| ())["config"]["layers"][0].clone();
    (0..depth).fold(
        dense,
        |inner, _| json!({"class_name": "Sequential", "config": {"name": "s", "layers": [inner]}}),
    )
}

fn functional(layers: Value, inputs: Value, outputs: Value) -> Value {
    json!({"class_name": "Functional", "config": {"name": "f", "layers": layers,
        "input_layers": inputs, "output_layers": outputs}})
}

fn endless() -> Vec<Case> {
    use Class::Loop;
    let node = |name: &str, from: Value| {
        json!({"class_name": "Dense", "name": name, "inbound_nodes": [[from]], "config": {
            "name": name, "units": 1, "activation": "linear", "use_bias": true, "dtype": "float32"}})
    };
    let input = json!({"class_name": "InputLayer", "name": "i", "inbound_nodes": [], "config": {
        "name": "i", "batch_input_shape": [null, 2], "dtype": "float32", "sparse": false}});
    let cycle = functional(
        json!([input, node("d", json!(["e", 0, 0, {}])), node("e", json!(["d", 0, 0, {}]))]),
        json!([["i", 0, 0]]),
        json!([["e", 0, 0]]),
    );
    let missing = functional(
        json!([input, node("d", json!(["nobody", 0, 0, {}]))]),
        json!([["i", 0, 0]]),
        json!([["d", 0, 0]]),
    );
    let far = functional(
        json!([input, node("d", json!(["i", 4294967295_u64, -1, {}]))]),
        json!([["i", 0, 0]]),
        json!([["d", 7, 0]]),
    );
    vec![
        Case::config(
            "config models in models",
            Loop,
            &nested(60),
            "m.h5: model_config.config.layers[0].config.layers[0].config.layers…ig.layers[0].config.layers[0].config.layers[0].config.layers: arrays and objects are nested too deeply (line 1, column 2494)",
        ),
        Case::config(
            "config thirty models in models",
            Loop,
            &nested(28),
            "m.h5: model_weights: layer `s` has 0 stored weights, its config makes 2; missing: d/kernel, d/bias",
        ),
        Case::config(
            "config layers in a circle",
            Loop,
            &cycle,
            "m.h5: model_weights: layer `e` has 0 stored weights, its config makes 2; missing: e/kernel, e/bias",
        ),
        Case::config(
            "config input that is not there",
            Class::OutOfBounds,
            &missing,
            "m.h5: layer `d`: there is no layer `nobody`",
        ),
        Case::config(
            "config node 2^32",
            Class::OutOfBounds,
            &far,
            "m.h5: layer `d`: a call takes something else than tensors",
        ),
    ]
}

fn names() -> Vec<Case> {
    use Class::{Name, OutputPath};
    let named = |name: &str| {
        let mut config = dense_config(|_| ());
        config["config"]["name"] = name.into();
        config
    };
    let layer = |name: &str| {
        let name = name.to_owned();
        dense_config(move |layer| layer["config"]["name"] = name.into())
    };
    vec![
        Case::config("name model __proto__", Name, &named("__proto__"), ""),
        Case::config(
            "name layer constructor",
            Name,
            &layer("constructor"),
            "m.h5: model_weights: layer `constructor` has 0 stored weights, its config makes 2; missing: constructor/kernel, constructor/bias",
        ),
        Case::config(
            "name layer __proto__",
            Name,
            &layer("__proto__"),
            "m.h5: model_weights: layer `__proto__` has 0 stored weights, its config makes 2; missing: __proto__/kernel, __proto__/bias",
        ),
        Case::config(
            "name layer with escape codes",
            Name,
            &layer("\u{1b}]0;evil\u{7}\u{202e}"),
            "m.h5: model_weights: layer `\\u{1b}]0;evil\\u{7}\\u{202e}` has 0 stored weights, its config makes 2; missing: \\u{1b}]0;evil\\u{7}\\u{202e}/kernel, \\u{1b}]0;evil\\u{7}\\u{202e}/bias",
        ),
        Case::config(
            "name layer that climbs",
            OutputPath,
            &layer("../../evil"),
            "m.h5: model_weights: layer `../../evil` has 0 stored weights, its config makes 2; missing: ../../evil/kernel, ../../evil/bias",
        ),
        Case::config("name model that climbs", OutputPath, &named("../../evil"), ""),
        Case::config(
            "name layer absolute",
            OutputPath,
            &layer("/etc/cron.d/evil"),
            "m.h5: model_weights: layer `/etc/cron.d/evil` has 0 stored weights, its config makes 2; missing: /etc/cron.d/evil/kernel, /etc/cron.d/evil/bias",
        ),
        Case::config(
            "name layer as HTML",
            Name,
            &layer("<img src=x onerror=alert(1)>"),
            "m.h5: model_weights: layer `<img src=x onerror=alert(1)>` has 0 stored weights, its config makes 2; missing: <img src=x onerror=alert(1)>/kernel, <img src=x onerror=alert(1)>/bias",
        ),
    ]
}

fn broken() -> Vec<Case> {
    use Class::{Bomb, Damage, WrongWeights};
    let units = |units: Value| dense_config(move |layer| layer["config"]["units"] = units);
    vec![
        Case::config(
            "config 10^15 units",
            Bomb,
            &units(json!(1_000_000_000_000_000_u64)),
            "m.h5: layer `d`, weight `d/kernel`: the weight does not fit its layer's config, expected [?, 1000000000000000], \
             found [2, 1]",
        ),
        Case::config("config -1 units", WrongWeights, &units(json!(-1)), ""),
        Case::config("config units as text", WrongWeights, &units(json!("1")), ""),
        Case::config(
            "config without layers",
            Damage,
            &json!({"class_name": "Sequential", "config": {}}),
            "m.h5: model_config.config.layers: the model has no layers, expected a list, found nothing",
        ),
        Case::config(
            "config that is a list",
            Damage,
            &json!([1, 2]),
            "m.h5: model_config.config: the model has no config, expected an object, found nothing",
        ),
        Case::config(
            "config layers that are numbers",
            Damage,
            &sequential(vec![json!(7), json!(null)]),
            "m.h5: model_config.config.layers[0]: this is no layer, expected an object with class_name, found a single value",
        ),
        Case::config(
            "config layer without config",
            Damage,
            &sequential(vec![json!({"class_name": "Dense"})]),
            "",
        ),
        Case::config(
            "config subclassed",
            Class::Code,
            &json!({"class_name": "MyModel", "config": {"layers": []}}),
            "m.h5: the model: TensorFlow.js cannot load this MyModel: it is a model class of its own",
        ),
        Case::config(
            "config subclassed without layers",
            Class::Code,
            &json!({"class_name": "MyModel", "config": {"width": 3}}),
            "m.h5: model_config.config: the model is a subclass of keras.Model and has no layer graph, expected Sequential or Functional, found MyModel",
        ),
    ]
}
