//! The settings of training: Keras' `training_config` and TensorFlow.js' `trainingConfig`.

use serde_json::{Value, json};

use super::json::{Members, text};

/// Keras' and TensorFlow.js' names of an optimizer's arguments.
type Arguments = &'static [(&'static str, &'static str)];

/// Optimizers: Keras' class, TensorFlow.js' class, and the arguments both have under either name.
const OPTIMIZERS: &[(&str, &str, Arguments)] = &[
    ("SGD", "SGD", &[("learning_rate", "learning_rate")]),
    (
        "SGD",
        "Momentum",
        &[
            ("learning_rate", "learning_rate"),
            ("momentum", "momentum"),
            ("nesterov", "use_nesterov"),
        ],
    ),
    (
        "Adam",
        "Adam",
        &[
            ("learning_rate", "learning_rate"),
            ("beta_1", "beta1"),
            ("beta_2", "beta2"),
            ("epsilon", "epsilon"),
        ],
    ),
    (
        "Adamax",
        "Adamax",
        &[
            ("learning_rate", "learning_rate"),
            ("beta_1", "beta1"),
            ("beta_2", "beta2"),
            ("epsilon", "epsilon"),
        ],
    ),
    (
        "RMSprop",
        "RMSProp",
        &[
            ("learning_rate", "learning_rate"),
            ("rho", "decay"),
            ("momentum", "momentum"),
            ("epsilon", "epsilon"),
            ("centered", "centered"),
        ],
    ),
    (
        "Adagrad",
        "Adagrad",
        &[
            ("learning_rate", "learning_rate"),
            ("initial_accumulator_value", "initial_accumulator_value"),
        ],
    ),
    (
        "Adadelta",
        "Adadelta",
        &[("learning_rate", "learning_rate"), ("rho", "rho"), ("epsilon", "epsilon")],
    ),
];

/// Keras' `training_config` from TensorFlow.js' `trainingConfig`; `None` when its optimizer is not
/// one of Keras' or there is none.
pub fn training_config_to_keras(tfjs: &Value) -> Option<Value> {
    let (class_name, config) = optimizer(tfjs)?;
    let row = OPTIMIZERS.iter().find(|(_, tfjs, _)| *tfjs == class_name)?;
    let mut own = Members::new();
    own.insert("name".to_owned(), json!(row.0));
    for (keras, tfjs) in row.2 {
        config
            .get(*tfjs)
            .into_iter()
            .for_each(|v| drop(own.insert((*keras).to_owned(), v.clone())));
    }
    Some(json!({
        "loss": tfjs.get("loss"),
        "metrics": metrics_for_keras(tfjs.get("metrics")),
        "weighted_metrics": null,
        "loss_weights": null,
        "optimizer_config": {"class_name": row.0, "config": own},
    }))
}

/// TensorFlow.js' `trainingConfig` from Keras' `training_config` (or `compile_config`, whose
/// optimizer goes by another key); `None` when TensorFlow.js has no such optimizer or refuses the
/// settings (`loss_weights`, `weighted_metrics`, losses that are not names).
pub fn training_config_to_tfjs(keras: &Value) -> Option<Value> {
    let (class_name, config) = optimizer(keras)?;
    let class_name = class_name.rsplit('>').next()?;
    let is_fast = config.get("momentum").and_then(Value::as_f64).is_some_and(|m| m != 0.0);
    let row = OPTIMIZERS.iter().find(|(keras, tfjs, _)| {
        *keras == class_name && (class_name != "SGD" || (*tfjs == "Momentum") == is_fast)
    })?;
    let is_set = |key: &str| keras.get(key).is_some_and(|value| !value.is_null());
    if is_set("loss_weights") || is_set("weighted_metrics") || !is_named(keras.get("loss")?) {
        return None;
    }
    let mut own = Members::new();
    for (keras, tfjs) in row.2 {
        let value = config.get(*keras).filter(|value| value.is_number() || value.is_boolean());
        value.into_iter().for_each(|v| drop(own.insert((*tfjs).to_owned(), v.clone())));
    }
    let metrics = keras.get("metrics").filter(|metrics| is_named(metrics));
    Some(json!({
        "loss": keras.get("loss"),
        "metrics": metrics,
        "optimizer_config": {"class_name": row.1, "config": own},
    }))
}

fn optimizer(training: &Value) -> Option<(&str, &Members)> {
    let object = training.get("optimizer_config").or_else(|| training.get("optimizer"))?;
    let object = object.as_object()?;
    Some((text(object, "class_name"), object.get("config")?.as_object()?))
}

/// A name, or lists and dicts of names.
fn is_named(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(_) => {}
            Value::Array(items) => open.extend(items),
            Value::Object(members) if !members.contains_key("class_name") => {
                open.extend(members.values());
            }
            _ => return false,
        }
    }
    true
}

/// `acc` and the like are names in both.
fn metrics_for_keras(metrics: Option<&Value>) -> Value {
    metrics.cloned().unwrap_or_else(|| json!([]))
}
