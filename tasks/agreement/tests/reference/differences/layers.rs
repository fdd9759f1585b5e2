//! Differences of single layers, which make TensorFlow.js load them and compute what Keras computes.

use serde_json::{Value, json};

use super::walk::{Object, config, each_layer, each_object, is_class, take, take_config};
use super::{Pair, Rule};

/// Initializers, regularizers, optimizers: what a `module` or `registered_name` may stand beside.
pub(super) const MODULE_KEYS: Rule = Rule {
    id: "module-keys",
    title: "`module` and `registered_name` are not added",
    reason: "For SavedModels the reference saves the model again with its own Keras, which adds them. \
             TensorFlow.js does not read them.",
    apply: |pair| {
        if pair.case.input_format.as_deref() != Some("keras_saved_model") {
            return;
        }
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            theirs.retain(|key, _| {
                ours.contains_key(key) || !["module", "registered_name"].contains(&key.as_str())
            });
        });
    },
};

pub(super) const DICT_IO: Rule = Rule {
    id: "dict-io",
    title: "named inputs and outputs are a list",
    reason: "Keras writes an object when a model takes or gives a dict; TensorFlow.js iterates over a list \
             and fails on an object.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, _| {
            for key in ["input_layers", "output_layers"] {
                if let Some(list) = theirs.get_mut(key)
                    && let Some(object) = list.as_object()
                {
                    *list = object.values().cloned().collect();
                }
            }
        });
    },
};

pub(super) const REGULARIZERS: Rule = Rule {
    id: "l2-regularizers",
    title: "`L1` and `L2` regularizers are `L1L2`",
    reason: "TensorFlow.js 4.22 knows only `L1L2` by name.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            if (is_class(theirs, "L1") || is_class(theirs, "L2")) && is_class(ours, "L1L2") {
                let absent = if is_class(theirs, "L1") { "l2" } else { "l1" };
                if config(ours, absent).as_f64() == Some(0.0) {
                    take(theirs, ours, &["class_name"]);
                    take_config(theirs, ours, &[absent]);
                }
            }
        });
    },
};

pub(super) const CONSTRAINTS: Rule = Rule {
    id: "training-only",
    title: "constraints and activity regularizers that TensorFlow.js lacks are left out",
    reason: "They act in training only and would keep the model from loading.",
    apply: |pair| {
        const KEYS: [&str; 4] = [
            "activity_regularizer",
            "bias_constraint",
            "kernel_constraint",
            "recurrent_constraint",
        ];
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            for key in KEYS.iter().filter(|key| ours.get(**key) == Some(&Value::Null)) {
                take(theirs, ours, &[key]);
            }
        });
    },
};

pub(super) const SEPARABLE: Rule = Rule {
    id: "separable-keys",
    title: "SeparableConv2D has no keys of a kernel",
    reason: "Keras writes them and ignores them; TensorFlow.js refuses them.",
    apply: |pair| {
        each_layer(
            &mut pair.theirs.json,
            &pair.ours.json,
            "SeparableConv2D",
            &mut |theirs, ours| {
                let keys = ["kernel_initializer", "kernel_regularizer", "kernel_constraint"];
                take_config(theirs, ours, &keys);
            },
        );
    },
};

pub(super) const LEAKY_RELU: Rule = Rule {
    id: "leaky-relu",
    title: "a leaky ReLU is a `LeakyReLU` layer with `alpha`",
    reason: "Keras has it as an activation, as `ReLU(negative_slope)` and as `LeakyReLU(negative_slope)`; \
             TensorFlow.js has `LeakyReLU(alpha)` and ignores the slope elsewhere.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            if !is_class(ours, "LeakyReLU") {
                return;
            }
            let slope = match config(theirs, "activation").as_str() {
                Some("leaky_relu") => json!(0.2),
                _ => config(theirs, "negative_slope").clone(),
            };
            if config(ours, "alpha") == &slope {
                take(theirs, ours, &["class_name"]);
                let keys = ["activation", "alpha", "max_value", "negative_slope", "threshold"];
                take_config(theirs, ours, &keys);
            }
        });
    },
};

pub(super) const SILU: Rule = Rule {
    id: "silu",
    title: "`silu` is `swish`",
    reason: "TensorFlow.js knows the function by its older name.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            if theirs.get("activation").and_then(Value::as_str) == Some("silu")
                && ours.get("activation").and_then(Value::as_str) == Some("swish")
            {
                take(theirs, ours, &["activation"]);
            }
        });
    },
};

pub(super) const KEEPDIMS: Rule = Rule {
    id: "global-pooling-keepdims",
    title: "global pooling that keeps its dims is pooling over the whole",
    reason: "TensorFlow.js ignores `keepdims` and gives another shape; a window of the input's size computes \
             the same and keeps them.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            let class = |object: &Object| {
                object.get("class_name").and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let keeps = config(theirs, "keepdims") == &Value::Bool(true);
            if keeps && class(theirs) == format!("Global{}", class(ours)) {
                take(theirs, ours, &["class_name"]);
                take_config(theirs, ours, &["keepdims", "padding", "pool_size", "strides"]);
            }
        });
    },
};

pub(super) const SUBTRACT: Rule = Rule {
    id: "subtract",
    title: "`Subtract` is an addition of the negated second input",
    reason: "TensorFlow.js has no such layer; `Rescaling` and `Add` compute the same.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            let (Some(Value::Array(theirs)), Some(Value::Array(ours))) =
                (theirs.get_mut("layers"), ours.get("layers"))
            else {
                return;
            };
            for (at, own) in ours.iter().enumerate() {
                let negates = own.pointer("/config/scale") == Some(&json!(-1.0))
                    && own["class_name"] == "Rescaling";
                let is_subtract = theirs.get(at).is_some_and(|t| t["class_name"] == "Subtract");
                let sum = ours.get(at + 1).filter(|sum| sum["class_name"] == "Add");
                if let (true, true, Some(sum)) = (negates, is_subtract, sum) {
                    theirs.insert(at, own.clone());
                    if let Some(subtract) = theirs.get_mut(at + 1).and_then(Value::as_object_mut)
                        && let Some(sum) = sum.as_object()
                    {
                        take(subtract, sum, &["class_name", "inbound_nodes"]);
                    }
                }
            }
        });
    },
};

pub(super) const OUTPUT_TWICE: Rule = Rule {
    id: "output-twice",
    title: "a tensor that is given out twice is given out through a copy",
    reason: "TensorFlow.js fails on a model that has the same tensor as two outputs; a linear activation \
             makes a second one.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            let Some(Value::Array(own_layers)) = ours.get("layers") else { return };
            let is_copy = |layer: &Value| {
                layer.pointer("/config/activation") == Some(&json!("linear"))
                    && layer["name"].as_str().is_some_and(|name| name.ends_with("_copy"))
            };
            let copies: Vec<Value> = own_layers.iter().filter(|l| is_copy(l)).cloned().collect();
            if copies.is_empty() {
                return;
            }
            if let Some(Value::Array(layers)) = theirs.get_mut("layers") {
                layers.extend(copies);
            }
            take(theirs, ours, &["output_layers"]);
        });
    },
};

pub(super) const OPERATORS: Rule = Rule {
    id: "operators",
    title: "operators of Keras 3 are the layers that do the same",
    reason: "Keras 3 stores `x + y` as a layer of class `Add` in module `keras.src.ops`, `x * 2` as \
             `Multiply`, and so on; TensorFlow.js would find no class or the wrong one. An operator that no \
             layer can stand for is named as such and refused.",
    apply: |pair| {
        if pair.case.env != "keras3" {
            return;
        }
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            // Every layer's config says `trainable`; an operator's does not. A model's has layers.
            let lacks = |key: &str| config(theirs, key).is_null();
            let has_name = !lacks("name");
            let is_operator = has_name && lacks("trainable") && lacks("layers");
            if is_operator && !is_class(theirs, "InputLayer") {
                take(theirs, ours, &["class_name", "config", "inbound_nodes"]);
            }
        });
    },
};

pub(super) const BIDIRECTIONAL: Rule = Rule {
    id: "bidirectional",
    title: "`Bidirectional` holds one layer, under its own name",
    reason: "Keras 3 stores both directions and renames the inner layer to `forward_…`; TensorFlow.js makes \
             the second from the first and adds `forward_` and `backward_` itself.",
    apply: |pair| {
        each_layer(&mut pair.theirs.json, &pair.ours.json, "Bidirectional", &mut |theirs, ours| {
            take_config(theirs, ours, &["backward_layer"]);
            let name = config(ours, "layer").pointer("/config/name").cloned();
            let inner = theirs.get_mut("config").and_then(|c| c.pointer_mut("/layer/config/name"));
            if let (Some(inner), Some(name)) = (inner, name) {
                let renamed = name.as_str().map(|name| format!("forward_{name}"));
                if inner.as_str() == renamed.as_deref() {
                    *inner = name;
                }
            }
        });
    },
};

pub(super) const PLAIN_DTYPE: Rule = Rule {
    id: "plain-dtype",
    title: "layers of half and double precision are of single precision",
    reason: "TensorFlow.js has float32 only: it fails at run time on a `float64` layer, and the weights are \
             stored as float32 anyway.",
    apply: |pair| {
        each_object(&mut pair.theirs.json, &pair.ours.json, &mut |theirs, ours| {
            let wide = ["float16", "float64", "mixed_float16"];
            let theirs_dtype = theirs.get("dtype").and_then(Value::as_str).unwrap_or_default();
            if wide.contains(&theirs_dtype) && ours.get("dtype") == Some(&json!("float32")) {
                take(theirs, ours, &["dtype"]);
            }
        });
    },
};

pub(super) const LAMBDA_CODE: Rule = Rule {
    id: "lambda-code",
    title: "a Lambda layer's code is carried as it is",
    reason: "For SavedModels the reference loads the code and stores it again. We never load it; without \
             `--allow-unloadable-layers` the layer is refused.",
    apply: |pair: &mut Pair<'_>| {
        if pair.case.input_format.as_deref() != Some("keras_saved_model") {
            return;
        }
        each_layer(&mut pair.theirs.json, &pair.ours.json, "Lambda", &mut |theirs, ours| {
            take_config(theirs, ours, &["function", "module"]);
        });
    },
};
