//! What TensorFlow.js 4.22 lacks whatever the layer: activations, initializers, dtypes.
//!
//! Names are TensorFlow.js' own registrations. It turns every text of a config from `snake_case`
//! to `camelCase` before it looks it up, so its activation `gelu_new` can never be found.

use serde_json::{Map, Value};

use crate::Config;
use crate::def::Shape;
use crate::layers::find;
use crate::variables::is_model_class;

/// Activations it has, as Keras 2 spells them.
pub const ACTIVATIONS: &[&str] = &[
    "elu",
    "gelu",
    "hard_sigmoid",
    "linear",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
];

/// Initializer classes it has.
pub const INITIALIZERS: &[&str] = &[
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LeCunNormal",
    "LeCunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
];

/// Regularizer classes it has. Keras' `L1` and `L2` are this one with one of its two factors.
pub const REGULARIZERS: &[&str] = &["L1L2"];

/// Constraint classes it has.
pub const CONSTRAINTS: &[&str] = &["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"];

/// Why TensorFlow.js 4.22 cannot load or run a layer, or computes something else, as a phrase that
/// follows the layer's name; `None` when it can.
///
/// `config` is the one that will be written, in Keras 2's spelling; `inputs` may be empty when they
/// are not known. Models (`Sequential`, `Functional`) always load; ask for their layers.
pub fn problem(class_name: &str, config: &Map<String, Value>, inputs: &[Shape]) -> Option<String> {
    if is_model_class(class_name) {
        return None;
    }
    let view = Config::new(config);
    let Some(def) = find(class_name) else {
        return Some("TensorFlow.js has no such layer".to_owned());
    };
    if let Err(what) = def.check_tfjs(&view, inputs) {
        return Some(what);
    }
    config.iter().find_map(|(key, value)| match key.as_str() {
        // Recurrent layers do not look at it.
        "activity_regularizer" if is_recurrent(def.class_name) => None,
        key => member_problem(key, value),
    })
}

fn is_recurrent(class_name: &str) -> bool {
    crate::layers::recurrent::LAYERS.iter().any(|def| def.class_name == class_name)
}

fn member_problem(key: &str, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    match key {
        "activation" | "recurrent_activation" => activation_problem(key, value),
        "dtype" => dtype_problem(value),
        // TensorFlow.js reads it of these layers only to stop when one is there.
        "activity_regularizer" => Some("activity_regularizer is not implemented".to_owned()),
        _ if key.ends_with("_initializer") => initializer_problem(key, value),
        _ if key.ends_with("_regularizer") => class_problem(key, value, REGULARIZERS),
        _ if key.ends_with("_constraint") => class_problem(key, value, CONSTRAINTS),
        _ => None,
    }
}

fn activation_problem(key: &str, value: &Value) -> Option<String> {
    match value.as_str() {
        Some(name) if ACTIVATIONS.contains(&name) || ACTIVATIONS.contains(&&*snake(name)) => None,
        Some(name) => Some(format!("{key}={name} is not known")),
        None => Some(format!("{key} is not one of Keras' own functions")),
    }
}

/// `hardSigmoid`, as TensorFlow.js itself writes it.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Mixed policies are objects or names that it does not look at; plain ones that it has no tensors
/// for stop it at the first input or weight.
fn dtype_problem(value: &Value) -> Option<String> {
    let name = value.as_str().or_else(|| value.get("config")?.get("name")?.as_str());
    match name {
        Some(name @ ("float64" | "float16" | "bfloat16")) => {
            Some(format!("dtype={name} is not known"))
        }
        _ => None,
    }
}

fn initializer_problem(key: &str, value: &Value) -> Option<String> {
    if let Some(problem) = class_problem(key, value, INITIALIZERS) {
        return Some(problem);
    }
    match value.get("config")?.get("distribution")?.as_str()? {
        "normal" | "uniform" | "truncated_normal" | "truncatedNormal" => None,
        other => Some(format!("{key}: distribution={other} is not known")),
    }
}

/// A class by its name in an object, or a text such as `glorot_uniform`.
fn class_problem(key: &str, value: &Value, known: &[&str]) -> Option<String> {
    let name = value.as_str().or_else(|| value.get("class_name")?.as_str());
    let Some(name) = name else { return Some(format!("{key} is not described")) };
    // A text may be the class itself or its name with a small first letter, in camel case.
    let is_known = known
        .iter()
        .any(|class| *class == name || value.is_string() && first_small(class) == camel(name));
    (!is_known).then(|| format!("{key}={name} is not known"))
}

fn first_small(class: &str) -> String {
    let mut letters = class.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// What TensorFlow.js makes of a text: `glorot_uniform` is `glorotUniform`.
fn camel(name: &str) -> String {
    let mut camel = String::new();
    let mut is_start = false;
    for letter in name.chars() {
        match letter {
            '_' => is_start = true,
            letter if std::mem::take(&mut is_start) => camel.push(letter.to_ascii_uppercase()),
            letter => camel.push(letter),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_tensorflow_js_lacks_is_told() {
        let cases = [
            (json!({"activation": "relu"}), None),
            (json!({"activation": "hardSigmoid"}), None),
            (json!({"activation": "silu"}), Some("activation=silu is not known")),
            (json!({"activation": "gelu_new"}), Some("activation=gelu_new is not known")),
            (json!({"kernel_initializer": "glorot_uniform"}), None),
            (
                json!({"kernel_initializer": "lecun_normal"}),
                Some("kernel_initializer=lecun_normal is not known"),
            ),
            (
                json!({"kernel_initializer": {"class_name": "LecunNormal", "config": {}}}),
                Some("kernel_initializer=LecunNormal is not known"),
            ),
            (
                json!({"kernel_initializer": {"class_name": "VarianceScaling",
                    "config": {"distribution": "untruncated_normal"}}}),
                Some("kernel_initializer: distribution=untruncated_normal is not known"),
            ),
            (
                json!({"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}}),
                Some("kernel_regularizer=L2 is not known"),
            ),
            (json!({"bias_constraint": {"class_name": "NonNeg", "config": {}}}), None),
            (json!({"dtype": "float64"}), Some("dtype=float64 is not known")),
            (json!({"dtype": "mixed_float16"}), None),
            (
                json!({"activity_regularizer": {"class_name": "L1L2", "config": {}}}),
                Some("activity_regularizer is not implemented"),
            ),
        ];
        for (config, expected) in cases {
            let found = problem("Dense", config.as_object().unwrap(), &[]);
            assert_eq!(found.as_deref(), expected, "{config}");
        }
    }
}
