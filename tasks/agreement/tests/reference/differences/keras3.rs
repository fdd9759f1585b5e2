//! Differences because TensorFlow.js does not read configs of Keras 3.

use serde_json::{Value, json};

use super::walk::{Object, each_layer, each_object, is_class};
use super::{Pair, Rule};

/// Keys that only Keras 3 knows. TensorFlow.js takes none of them.
const NEW_KEYS_LIST: &[&str] = &[
    "antialias",
    "build_config",
    "build_input_shape",
    "compile_config",
    "data_format",
    "fill_mode",
    "fill_value",
    "input_axes",
    "module",
    "noise_shape",
    "oov_method",
    "optional",
    "output_axes",
    "pad_to_aspect_ratio",
    "quantization_config",
    "registered_name",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
    "rms_scaling",
    "salt",
    "seed",
    "shared_object_id",
    "sliding_window",
    "sparse",
    "synchronized",
    "use_gate",
    "zero_output_for_mask",
];

fn is_keras3(pair: &Pair<'_>) -> bool {
    pair.case.env == "keras3"
}

pub(super) const NEW_KEYS: Rule = Rule {
    id: "keras3-new-keys",
    title: "keys that only Keras 3 knows are left out",
    reason: "TensorFlow.js reads none of them, and some of its constructors refuse unknown keys. A model's \
             own `dtype` policy is left out too; its layers have theirs.",
    apply: |pair| {
        let zip = pair.case.input_format.as_deref() == Some("keras_keras");
        if !is_keras3(pair) && !zip {
            return;
        }
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            theirs
                .retain(|key, _| ours.contains_key(key) || !NEW_KEYS_LIST.contains(&key.as_str()));
            let is_model_config = theirs.contains_key("layers");
            if is_model_config && !ours.contains_key("dtype") {
                theirs.shift_remove("dtype");
            }
        });
    },
};

pub(super) const DTYPE_POLICY: Rule = Rule {
    id: "keras3-dtype-policy",
    title: "a dtype is a string",
    reason: "Keras 3 writes a `DTypePolicy` object where TensorFlow.js wants `float32`.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, _| {
            let Some(dtype) = theirs.get_mut("dtype") else { return };
            let is_policy = dtype.get("class_name").and_then(Value::as_str) == Some("DTypePolicy");
            if let (true, Some(name)) = (is_policy, dtype.pointer("/config/name").cloned()) {
                *dtype = name;
            }
        });
    },
};

pub(super) const BATCH_SHAPE: Rule = Rule {
    id: "keras3-batch-shape",
    title: "`batch_shape` is `batch_input_shape`",
    reason: "TensorFlow.js' InputLayer refuses to load without it.",
    apply: |pair| {
        if !is_keras3(pair) {
            return;
        }
        each_layer(&mut pair.theirs.json, &pair.ours.json, "InputLayer", &mut |theirs, _| {
            let config = theirs.get_mut("config").and_then(Value::as_object_mut);
            if let Some(config) = config
                && let Some(shape) = config.shift_remove("batch_shape")
            {
                config.insert("batch_input_shape".to_owned(), shape);
            }
        });
    },
};

pub(super) const CONNECTIONS: Rule = Rule {
    id: "keras3-connections",
    title: "connections are lists of layer, node and tensor",
    reason: "Keras 3 writes `args` and `kwargs` with tensors as objects, and a single input or output \
             without its outer list; TensorFlow.js finds such a configuration corrupted. That a model was \
             built with `training=False` is not carried: inference does not train.",
    apply: |pair| {
        if !is_keras3(pair) {
            return;
        }
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, _| {
            for key in ["input_layers", "output_layers"] {
                if let Some(list) = theirs.get_mut(key)
                    && list.get(0).is_some_and(Value::is_string)
                {
                    *list = json!([list.take()]);
                }
            }
            if let Some(Value::Array(nodes)) = theirs.get_mut("inbound_nodes") {
                nodes.iter_mut().for_each(as_triples);
                let attends =
                    ["MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"];
                if attends.iter().any(|class| is_class(theirs, class))
                    && let Some(Value::Array(nodes)) = theirs.get_mut("inbound_nodes")
                {
                    nodes.iter_mut().for_each(name_arguments);
                }
            }
        });
    },
};

/// One call of a layer: the tensors of its `args` and an RNN's initial state, in order, as
/// `[layer, node, tensor, kwargs]`; what else was given by name goes with the first.
fn as_triples(node: &mut Value) {
    let (Some(args), Some(Value::Object(kwargs))) = (node.get("args"), node.get("kwargs")) else {
        return;
    };
    let mut triples = Vec::new();
    tensors(args, &mut triples);
    let mut named = Object::new();
    for (key, value) in kwargs {
        let mut given = Vec::new();
        tensors(value, &mut given);
        match given.into_iter().next() {
            _ if key == "initial_state" => tensors(value, &mut triples),
            Some(Value::Array(mut tensor)) => {
                tensor.truncate(3);
                named.insert(key.clone(), Value::Array(tensor));
            }
            _ if value.is_null() || key == "training" => {}
            _ => drop(named.insert(key.clone(), value.clone())),
        }
    }
    if let Some(kwargs) = triples.first_mut().and_then(|triple| triple.get_mut(3)) {
        *kwargs = Value::Object(named);
    }
    *node = Value::Array(triples);
}

/// Keras 2 gives an attention its query by place and the others by name.
fn name_arguments(node: &mut Value) {
    let Value::Array(triples) = node else { return };
    let others: Vec<Value> = triples.drain(1..).collect();
    let named = triples.first_mut().and_then(|first| first.get_mut(3)?.as_object_mut());
    if let Some(named) = named {
        for (name, other) in ["value", "key"].into_iter().zip(others) {
            let place: Value = other.as_array().into_iter().flatten().take(3).cloned().collect();
            named.insert(name.to_owned(), place);
        }
    }
}

fn tensors(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| tensors(value, found)),
        Value::Object(object) if is_class(object, "__keras_tensor__") => {
            if let Some(Value::Array(history)) = value.pointer("/config/keras_history") {
                found.push(history.iter().cloned().chain([json!({})]).collect());
            }
        }
        Value::Object(object) => object.values().for_each(|value| tensors(value, found)),
        _ => {}
    }
}

pub(super) const NESTED_NODES: Rule = Rule {
    id: "keras3-nested-nodes",
    title: "calls of nested models count from one",
    reason: "In TensorFlow.js the making of a nested model is its first node, so that its first call is \
             node 1, as in Keras 2. Keras 3 counts calls alone.",
    apply: |pair| {
        if !is_keras3(pair) {
            return;
        }
        let mut models = Vec::new();
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, _| {
            models.extend(name_of_model(theirs));
        });
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            for key in ["inbound_nodes", "output_layers"] {
                if let (Some(theirs), Some(ours)) = (theirs.get_mut(key), ours.get(key)) {
                    raise(theirs, ours, &models);
                }
            }
        });
    },
};

fn name_of_model(object: &Object) -> Option<String> {
    let is_model = is_class(object, "Sequential") || is_class(object, "Functional");
    let name = object.get("config")?.get("name")?.as_str()?;
    is_model.then(|| name.to_owned())
}

/// Adds one to a node's number where ours is higher by one and the layer is a nested model.
fn raise(theirs: &mut Value, ours: &Value, models: &[String]) {
    let (Value::Array(theirs), Value::Array(ours)) = (theirs, ours) else { return };
    if let (Some(Value::String(layer)), Some(node)) = (theirs.first(), theirs.get(1)) {
        let raised = node.as_u64().map(|node| json!(node + 1));
        if models.contains(layer)
            && raised.as_ref() == ours.get(1)
            && let (Some(raised), Some(node)) = (raised, theirs.get_mut(1))
        {
            *node = raised;
        }
        return;
    }
    for (theirs, ours) in theirs.iter_mut().zip(ours) {
        raise(theirs, ours, models);
    }
}
