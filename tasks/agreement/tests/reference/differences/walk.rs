//! Walking two JSON trees side by side.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Calls `f` with every object of `theirs` that has an object of ours at the same path, outer ones
/// first. Lists are walked together as far as both go.
pub(super) fn each_object(
    theirs: &mut Value,
    ours: &Value,
    f: &mut dyn FnMut(&mut Object, &Object),
) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            f(theirs, ours);
            for (key, value) in theirs.iter_mut() {
                if let Some(own) = ours.get(key) {
                    each_object(value, own, f);
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            for (value, own) in theirs.iter_mut().zip(ours) {
                each_object(value, own, f);
            }
        }
        _ => {}
    }
}

/// Calls `f` for each layer of class `class` in `theirs`, beside ours at the same place.
pub(super) fn each_layer(
    theirs: &mut Value,
    ours: &Value,
    class: &str,
    f: &mut dyn FnMut(&mut Object, &Object),
) {
    each_object(theirs, ours, &mut |theirs, ours| {
        if is_class(theirs, class) {
            f(theirs, ours);
        }
    });
}

/// True for an object with this `class_name`.
pub(super) fn is_class(object: &Object, class: &str) -> bool {
    object.get("class_name").and_then(Value::as_str) == Some(class)
}

/// Makes these keys of `theirs` what they are in ours, absent ones included.
pub(super) fn take(theirs: &mut Object, ours: &Object, keys: &[&str]) {
    for key in keys {
        match ours.get(*key) {
            Some(value) => drop(theirs.insert((*key).to_owned(), value.clone())),
            None => drop(theirs.shift_remove(*key)),
        }
    }
}

/// As [`take`], inside both objects' `config`.
pub(super) fn take_config(theirs: &mut Object, ours: &Object, keys: &[&str]) {
    let theirs = theirs.get_mut("config").and_then(Value::as_object_mut);
    if let (Some(theirs), Some(Value::Object(ours))) = (theirs, ours.get("config")) {
        take(theirs, ours, keys);
    }
}

/// A value of an object's `config`.
pub(super) fn config<'a>(object: &'a Object, key: &str) -> &'a Value {
    object.get("config").and_then(|config| config.get(key)).unwrap_or(&Value::Null)
}
