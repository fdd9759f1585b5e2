//! `TimeDistributed`, `Bidirectional` and the other layers that hold a layer given by the user.

use serde_json::{Map, Value};

use crate::Config;
use crate::def::{LayerDef, Sublayer};

/// The family's definitions.
pub const LAYERS: &[LayerDef] = &[LayerDef {
    class_name: "Bidirectional",
    sublayers: |config| {
        ["forward", "backward"].into_iter().filter_map(|side| direction(config, side)).collect()
    },
    output_shapes: |_, _| None,
    ..LayerDef::SHAPE_KEEPING
}];

/// The layer of one direction. Keras and TensorFlow.js call them `forward_` and `backward_` and the
/// name that the user's layer has; Keras 3 stores that name with the prefix already on it.
fn direction<'a>(config: &Config<'a>, side: &str) -> Option<Sublayer<'a>> {
    let given = config.object("layer")?;
    let explicit = config.object("backward_layer").filter(|_| side == "backward");
    let (class_name, inner) = class_and_config(explicit.unwrap_or(given))?;
    let base = given_name(given)?;
    let base = base.strip_prefix("forward_").unwrap_or(base);
    let keras_name = match explicit.and_then(given_name) {
        Some(name) => name.to_owned(),
        None => format!("{side}_{base}"),
    };
    Some(Sublayer {
        attribute: format!("{side}_layer"),
        class_name,
        config: Some(inner),
        keras2_scope: Some(keras_name),
        tfjs_scope: Some(format!("{side}_{base}")),
        variables: Vec::new(),
    })
}

fn class_and_config(layer: &Map<String, Value>) -> Option<(&str, &Map<String, Value>)> {
    Some((layer.get("class_name")?.as_str()?, layer.get("config")?.as_object()?))
}

fn given_name(layer: &Map<String, Value>) -> Option<&str> {
    class_and_config(layer)?.1.get("name")?.as_str()
}
