//! Small walks over any JSON value, none of which can overflow the stack.

use serde_json::{Map, Value};

/// How deep a config's JSON may be nested: eight levels for each of the
/// [`NESTING_MAX`](crate::variables::NESTING_MAX) models that may hold each other.
pub(super) const DEPTH_MAX: usize = 8 * crate::variables::NESTING_MAX;

/// A JSON object's members.
pub(super) type Members = Map<String, Value>;

/// Whether any branch is longer than `limit`.
pub(super) fn is_deeper_than(value: &Value, limit: usize) -> bool {
    let mut open = vec![(value, 1_usize)];
    while let Some((value, depth)) = open.pop() {
        if depth > limit {
            return true;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => open.extend(members.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    false
}

/// Whether any object inside satisfies `test`.
pub(super) fn any_object(value: &Value, test: fn(&Members) -> bool) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) if test(members) => return true,
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    false
}

/// Calls `edit` on every object, the outer ones first.
pub(super) fn edit_objects(value: &mut Value, edit: fn(&mut Members)) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                edit(members);
                open.extend(members.values_mut());
            }
            _ => {}
        }
    }
}

/// Removes what only `.keras` files say about where an object's class comes from.
///
/// A Keras 2 HDF5 file has these keys too, inside initializers, and there the reference converter
/// keeps them; a `.keras` file is told by the model's own `module`.
pub(super) fn strip_saved_keys(model: &mut Value) {
    if model.get("module").is_none() {
        return;
    }
    edit_objects(model, |members| {
        if let Some(Value::String(module)) = members.get("module")
            && !module.starts_with("keras")
            && let Some(Value::String(registered)) = members.get("registered_name")
            && registered.contains('>')
        {
            let registered = registered.clone();
            members.insert("class_name".to_owned(), Value::String(registered));
        }
        for key in ["module", "registered_name", "date_saved"] {
            members.shift_remove(key);
        }
    });
}

/// Gives classes the names that TensorFlow.js and Keras know today.
pub(super) fn rename_classes(model: &mut Value) {
    edit_objects(model, |members| {
        if let Some(Value::String(class_name)) = members.get_mut("class_name") {
            let today = match class_name.as_str() {
                "BatchNormalizationV1" => "BatchNormalization",
                "UnifiedGRU" => "GRU",
                "UnifiedLSTM" => "LSTM",
                _ => return,
            };
            today.clone_into(class_name);
        }
    });
}

/// The text under `key`, or nothing.
pub(super) fn text<'a>(members: &'a Members, key: &str) -> &'a str {
    members.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The class and config of `{"class_name": …, "config": {…}}`.
pub(super) fn class_and_config(object: &mut Members) -> Option<(String, &mut Members)> {
    let class_name = object.get("class_name")?.as_str()?.to_owned();
    Some((class_name, object.get_mut("config")?.as_object_mut()?))
}

/// The layers of a model: members of its config, or the config itself as Keras before 2.2.3 wrote
/// it for `Sequential`.
pub(super) fn layers_mut(config: &mut Value) -> Option<&mut Vec<Value>> {
    match config {
        Value::Array(layers) => Some(layers),
        Value::Object(members) => members.get_mut("layers")?.as_array_mut(),
        _ => None,
    }
}

/// See [`layers_mut`].
pub(super) fn layers(config: &Value) -> &[Value] {
    let list = match config {
        Value::Array(layers) => Some(layers),
        Value::Object(members) => members.get("layers").and_then(Value::as_array),
        _ => None,
    };
    list.map_or(&[], Vec::as_slice)
}

/// A layer's name: in its config, or beside it.
pub(super) fn layer_name(layer: &Value) -> &str {
    let own = layer.get("config").and_then(|config| config.get("name")).and_then(Value::as_str);
    own.or_else(|| layer.get("name").and_then(Value::as_str)).unwrap_or_default()
}
