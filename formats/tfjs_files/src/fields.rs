//! Taking fields out of JSON objects, with errors that name the path.

use serde_json::{Map, Value};

use crate::Error;

/// An object whose fields are taken out one by one; what is left at the end is unknown to us.
pub(crate) struct Fields {
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// `value` must be an object.
    pub(crate) fn new(path: impl Into<String>, value: Value) -> Result<Self, Error> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            other => Err(wrong_type(&path, "an object", &other)),
        }
    }

    /// The path of the field `key`.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The field, if the object has it.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        // The order of the fields that stay matters: they are written again.
        self.map.shift_remove(key)
    }

    /// The field, which must be there.
    pub(crate) fn need(&mut self, key: &str, expected: &str) -> Result<Value, Error> {
        self.take(key).ok_or_else(|| {
            Error::malformed(self.path(key), "the field is missing").expected(expected, "nothing")
        })
    }

    /// A string that must be there.
    pub(crate) fn string(&mut self, key: &str) -> Result<String, Error> {
        match self.need(key, "a string")? {
            Value::String(text) => Ok(text),
            other => Err(wrong_type(&self.path(key), "a string", &other)),
        }
    }

    /// A string that may be missing or `null`.
    pub(crate) fn optional_string(&mut self, key: &str) -> Result<Option<String>, Error> {
        match self.take(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(&self.path(key), "a string", &other)),
        }
    }

    /// An array that must be there.
    pub(crate) fn array(&mut self, key: &str) -> Result<Vec<Value>, Error> {
        match self.need(key, "an array")? {
            Value::Array(items) => Ok(items),
            other => Err(wrong_type(&self.path(key), "an array", &other)),
        }
    }

    /// A number that must be there. JSON as we read it holds finite ones only.
    pub(crate) fn number(&mut self, key: &str) -> Result<f64, Error> {
        let value = self.need(key, "a finite number")?;
        value
            .as_f64()
            .filter(|number| number.is_finite())
            .ok_or_else(|| wrong_type(&self.path(key), "a finite number", &value))
    }

    /// The fields that nobody took, in order.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.map
    }
}

/// The error for a value of another type than `expected`.
pub(crate) fn wrong_type(path: &str, expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => {
            format!("the string {:?}", text.chars().take(40).collect::<String>())
        }
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Error::malformed(path, "wrong type").expected(expected, found)
}
