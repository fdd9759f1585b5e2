//! The objects inside a layer's config: dtype policies, activations, initializers and their kin.

use serde_json::{Value, json};

use super::json::{Members, edit_objects, text};
use super::keras3::Target;

/// Makes the name of a policy out of Keras' object for it, and returns the name.
pub(super) fn lower_dtype(dtype: &mut Value) -> String {
    if let Some(object) = dtype.as_object() {
        let config = object.get("config");
        let name = config.and_then(|config| config.get("name").or(config.get("default_policy")));
        let name = name.and_then(|name| name.as_str().or_else(|| name.get("name")?.as_str()));
        *dtype = json!(name.unwrap_or("float32"));
    }
    dtype.as_str().unwrap_or("float32").to_owned()
}

/// A policy that the target has not.
pub(super) struct PolicyChange {
    /// The dtype to write instead.
    pub dtype: &'static str,
    /// What that means.
    pub what: String,
}

/// What becomes of a dtype policy that the target cannot follow.
pub(super) fn policy_change(policy: &str, target: Target) -> Option<PolicyChange> {
    let is_known_to_keras = matches!(
        policy,
        "mixed_float16" | "mixed_bfloat16" | "float16" | "bfloat16" | "float64" | "float32"
    );
    let is_float = policy.contains("float");
    match target {
        Target::Tfjs if policy != "float32" && is_float => {
            let what = format!("computed in float32 instead of {policy}");
            Some(PolicyChange { dtype: "float32", what })
        }
        Target::Keras2 if !is_known_to_keras && is_float => {
            let what = format!("computed in float32: Keras 2 has no policy `{policy}`");
            Some(PolicyChange { dtype: "float32", what })
        }
        _ => None,
    }
}

/// Makes the name of an activation out of Keras 3's object for a function.
pub(super) fn lower_activation(value: &mut Value) {
    lower_nested(value);
    if let Some(object) = value.as_object()
        && text(object, "class_name") == "function"
        && let Some(Value::String(name)) = object.get("config")
    {
        *value = json!(name);
    }
}

/// Removes what Keras 3 adds to objects such as initializers, at any depth.
pub(super) fn lower_nested(value: &mut Value) {
    edit_objects(value, |members| {
        let is_object = members.contains_key("class_name") && members.contains_key("config");
        if !is_object {
            return;
        }
        let module = text(members, "module");
        let registered = text(members, "registered_name").to_owned();
        if !module.is_empty() && !module.starts_with("keras") && registered.contains('>') {
            members.insert("class_name".to_owned(), Value::String(registered));
        }
        for key in ["module", "registered_name", "build_config", "shared_object_id"] {
            members.shift_remove(key);
        }
        if let Some(config) = members.get_mut("config").and_then(Value::as_object_mut) {
            for key in ["input_axes", "output_axes"] {
                config.shift_remove(key);
            }
        }
    });
}

/// Arguments of single classes that Keras 2.15 refuses and whose loss changes nothing.
pub(super) fn keys_unknown_to_keras2(class_name: &str) -> &'static [&'static str] {
    match class_name {
        "Resizing" => &["data_format", "fill_mode", "fill_value"],
        "CenterCrop" | "RandomFlip" | "RandomRotation" | "RandomZoom" => &["data_format"],
        "ZeroPadding1D" => &["data_format"],
        "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D" => &["seed", "noise_shape"],
        "AlphaDropout" => &["noise_shape"],
        "Discretization" => &["sparse"],
        "Bidirectional" | "TimeDistributed" => &["zero_output_for_mask"],
        _ => &[],
    }
}

/// Whether the backward layer of a `Bidirectional` is the forward one but for its name and its
/// direction, so that leaving it away changes nothing.
pub(super) fn is_mirrored(bidirectional: &Members) -> bool {
    let parts = |key: &str| {
        let layer = bidirectional.get(key)?.as_object()?;
        let mut config = layer.get("config")?.as_object()?.clone();
        config.shift_remove("name");
        let goes_back = config.shift_remove("go_backwards").and_then(|v| v.as_bool());
        Some((text(layer, "class_name").to_owned(), config, goes_back.unwrap_or(false)))
    };
    match (parts("layer"), parts("backward_layer")) {
        (Some(forward), Some(backward)) => {
            forward.0 == backward.0 && forward.1 == backward.1 && forward.2 != backward.2
        }
        _ => false,
    }
}
