//! Typed access to a layer's `config` object.

use serde_json::{Map, Value};

/// A layer's `config`, spelt as Keras 2 and Keras 3 spell it (`snake_case`).
///
/// Getters answer `None` for a missing key, `null` and a value of another type, so that a broken
/// config is never a panic; what must be there is checked where it is needed.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a>(&'a Map<String, Value>);

impl<'a> Config<'a> {
    /// Over the members of a `config` object.
    pub fn new(members: &'a Map<String, Value>) -> Self {
        Self(members)
    }

    /// The value as it is.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// All members.
    pub fn members(&self) -> &'a Map<String, Value> {
        self.0
    }

    /// A text value.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// A whole number that is not negative.
    pub fn size(&self, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        value.as_u64().or_else(|| whole(value.as_f64()?))
    }

    /// A whole number.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    /// A number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// A switch, with its default in Keras.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A list of whole numbers; a single number counts as a list of `rank` equal ones, as Keras
    /// normalises `kernel_size`, `strides` and the like.
    pub fn sizes(&self, key: &str, rank: usize) -> Option<Vec<u64>> {
        match self.get(key)? {
            Value::Array(items) => items.iter().map(Value::as_u64).collect(),
            single => Some(vec![single.as_u64()?; rank]),
        }
    }

    /// A list of whole numbers of any sign; a single number counts as a list of one.
    pub fn ints(&self, key: &str) -> Option<Vec<i64>> {
        match self.get(key)? {
            Value::Array(items) => items.iter().map(Value::as_i64).collect(),
            single => Some(vec![single.as_i64()?]),
        }
    }

    /// The nested object `{"class_name": …, "config": {…}}` under `key`.
    pub fn object(&self, key: &str) -> Option<&'a Map<String, Value>> {
        self.get(key)?.as_object()
    }
}

fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as u64)
}
