//! The calls of layers (`inbound_nodes`) and the inputs and outputs of models, in both notations.
//!
//! Keras 2: `[[layer, node, tensor, kwargs], …]`, one list for each call. Keras 3:
//! `{"args": […], "kwargs": {…}}` in which `{"class_name": "__keras_tensor__", "config":
//! {"shape", "dtype", "keras_history": [layer, node, tensor]}}` stands for a tensor.

use serde_json::{Value, json};

use super::json::Members;

/// A tensor: an output of a call of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    /// The layer's name.
    pub layer: String,
    /// Which of the layer's calls.
    pub node: u64,
    /// Which of the call's outputs.
    pub index: u64,
    /// Dims as Keras 3 notes them beside the reference.
    pub shape: Option<Vec<Option<u64>>>,
    /// The dtype as Keras 3 notes it.
    pub dtype: Option<String>,
}

/// What a layer is called with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument {
    /// A tensor.
    Tensor(Tensor),
    /// A list, tuple or (sorted) dict that holds tensors.
    List(Vec<Argument>),
    /// Anything without tensors.
    Value(Value),
}

/// One call of a layer in Keras 3's notation.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Call {
    /// Arguments by position.
    pub args: Vec<Argument>,
    /// Arguments by name.
    pub kwargs: Vec<(String, Argument)>,
}

impl Tensor {
    /// Reads `[layer, node, tensor]`, with or without more behind it.
    pub(crate) fn from_triple(triple: &Value) -> Option<Self> {
        let items = triple.as_array()?;
        Some(Self {
            layer: items.first()?.as_str()?.to_owned(),
            node: items.get(1)?.as_u64()?,
            index: items.get(2)?.as_u64()?,
            shape: None,
            dtype: None,
        })
    }

    /// Reads Keras 3's object for a tensor.
    fn from_object(object: &Members) -> Option<Self> {
        if object.get("class_name")?.as_str()? != "__keras_tensor__" {
            return None;
        }
        let config = object.get("config")?;
        let mut tensor = Self::from_triple(config.get("keras_history")?)?;
        let dims = config.get("shape").and_then(Value::as_array);
        tensor.shape = dims.map(|dims| dims.iter().map(Value::as_u64).collect());
        tensor.dtype = config.get("dtype").and_then(Value::as_str).map(str::to_owned);
        Some(tensor)
    }

    /// `[layer, node, tensor]`.
    pub(crate) fn triple(&self) -> Value {
        json!([self.layer, self.node, self.index])
    }

    /// True when the tensor's values are floating-point numbers, as far as is known.
    pub(crate) fn is_float(&self) -> bool {
        self.dtype.as_deref().is_none_or(|dtype| dtype.contains("float"))
    }
}

impl Argument {
    /// Reads one of Keras 3's arguments.
    pub(crate) fn read(value: &Value) -> Self {
        match value {
            Value::Object(object) => match Tensor::from_object(object) {
                Some(tensor) => Self::Tensor(tensor),
                None => Self::read_object(value, object),
            },
            Value::Array(items) => {
                let items: Vec<Self> = items.iter().map(Self::read).collect();
                if items.iter().any(Self::holds_tensors) {
                    Self::List(items)
                } else {
                    Self::Value(value.clone())
                }
            }
            _ => Self::Value(value.clone()),
        }
    }

    /// A tuple, or a dict of tensors: Keras passes those on sorted by key.
    fn read_object(value: &Value, object: &Members) -> Self {
        if object.get("class_name").and_then(Value::as_str) == Some("__tuple__")
            && let Some(items) = object.get("config").and_then(|config| config.get("value"))
        {
            return Self::read(items);
        }
        let mut keys: Vec<&String> = object.keys().collect();
        keys.sort();
        let items: Vec<Self> =
            keys.into_iter().filter_map(|key| object.get(key)).map(Self::read).collect();
        if items.iter().any(Self::holds_tensors) {
            Self::List(items)
        } else {
            Self::Value(value.clone())
        }
    }

    /// Whether there is any tensor in it.
    pub(crate) fn holds_tensors(&self) -> bool {
        match self {
            Self::Tensor(_) => true,
            Self::List(items) => items.iter().any(Self::holds_tensors),
            Self::Value(_) => false,
        }
    }

    /// All tensors in it, in order.
    pub(crate) fn tensors<'a>(&'a self, out: &mut Vec<&'a Tensor>) {
        match self {
            Self::Tensor(tensor) => out.push(tensor),
            Self::List(items) => items.iter().for_each(|item| item.tensors(out)),
            Self::Value(_) => {}
        }
    }

    /// Calls `edit` on every tensor in it.
    pub(crate) fn edit(&mut self, edit: &mut impl FnMut(&mut Tensor)) {
        match self {
            Self::Tensor(tensor) => edit(tensor),
            Self::List(items) => items.iter_mut().for_each(|item| item.edit(edit)),
            Self::Value(_) => {}
        }
    }

    /// Keras 2's notation for a keyword argument: a tensor is its triple.
    pub(crate) fn to_keras2(&self) -> Value {
        match self {
            Self::Tensor(tensor) => tensor.triple(),
            Self::List(items) => Value::Array(items.iter().map(Self::to_keras2).collect()),
            Self::Value(value) => value.clone(),
        }
    }

    /// True for `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }
}

impl Call {
    /// Reads Keras 3's object for a call.
    pub(crate) fn read(node: &Value) -> Option<Self> {
        let node = node.as_object()?;
        let args = node.get("args")?.as_array()?.iter().map(Argument::read).collect();
        let kwargs = node.get("kwargs").and_then(Value::as_object);
        let kwargs = kwargs.into_iter().flatten();
        let kwargs = kwargs.map(|(name, value)| (name.clone(), Argument::read(value))).collect();
        Some(Self { args, kwargs })
    }

    /// Every tensor of the call.
    pub(crate) fn tensors(&self) -> Vec<&Tensor> {
        let mut out = Vec::new();
        self.args.iter().for_each(|arg| arg.tensors(&mut out));
        self.kwargs.iter().for_each(|(_, arg)| arg.tensors(&mut out));
        out
    }

    /// Calls `edit` on every tensor of the call.
    pub(crate) fn edit(&mut self, mut edit: impl FnMut(&mut Tensor)) {
        self.args.iter_mut().for_each(|arg| arg.edit(&mut edit));
        self.kwargs.iter_mut().for_each(|(_, arg)| arg.edit(&mut edit));
    }

    /// Takes the keyword argument of that name away.
    pub(crate) fn take(&mut self, name: &str) -> Option<Argument> {
        let at = self.kwargs.iter().position(|(key, _)| key == name)?;
        Some(self.kwargs.remove(at).1)
    }
}

/// Keras 2's notation for a call: Keras notes the keyword arguments beside each of the tensors.
pub(crate) fn keras2_node(tensors: &[Tensor], kwargs: &Members) -> Value {
    let entry = |t: &Tensor| json!([t.layer, t.node, t.index, kwargs]);
    Value::Array(tensors.iter().map(entry).collect())
}

/// The tensors of `input_layers` or `output_layers`: one triple, a list, a dict (which Keras
/// flattens sorted by key), or any nesting of these. `None` when something else is in there.
pub(crate) fn boundary(value: &Value) -> Option<Vec<Tensor>> {
    let mut out = Vec::new();
    collect_boundary(value, &mut out)?;
    Some(out)
}

fn collect_boundary(value: &Value, out: &mut Vec<Tensor>) -> Option<()> {
    match value {
        Value::Array(items) if items.first().is_some_and(Value::is_string) => {
            out.push(Tensor::from_triple(value)?);
        }
        Value::Array(items) => {
            for item in items {
                collect_boundary(item, out)?;
            }
        }
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort();
            for key in keys {
                collect_boundary(members.get(key)?, out)?;
            }
        }
        _ => return None,
    }
    Some(())
}

/// Keras 3's notation for a call: the inputs, the states of an RNN, and keyword arguments in
/// Keras 2's notation. The shape beside a reference is not looked at on loading.
pub(crate) fn keras3_node(inputs: &[Tensor], states: &[Tensor], kwargs: &Members) -> Value {
    let object = |tensor: &Tensor| {
        json!({"class_name": "__keras_tensor__", "config": {
            "shape": [null], "dtype": "float32", "keras_history": tensor.triple()}})
    };
    let args = match inputs {
        [only] => json!([object(only)]),
        many => json!([many.iter().map(object).collect::<Vec<_>>()]),
    };
    let mut named = Members::new();
    for (key, value) in kwargs {
        let tensor = Tensor::from_triple(value);
        named.insert(key.clone(), tensor.as_ref().map_or_else(|| value.clone(), object));
    }
    if !states.is_empty() {
        let states: Vec<Value> = states.iter().map(object).collect();
        named.insert("initial_state".to_owned(), Value::Array(states));
    }
    json!({"args": args, "kwargs": named})
}
