//! What a layer is called with: tensors and plain values, by place and by name.

use serde_json::Value as Json;

use super::Tensor;

/// One argument.
#[derive(Debug, Clone)]
pub enum Argument {
    /// A tensor.
    Tensor(Tensor),
    /// A list that holds tensors.
    List(Vec<Argument>),
    /// Anything without tensors.
    Plain(Json),
}

/// The arguments of a call.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// By place.
    pub args: Vec<Argument>,
    /// By name.
    pub kwargs: Vec<(String, Argument)>,
}

impl Argument {
    /// The tensors in it, in order.
    pub fn tensors(&self) -> Vec<Tensor> {
        match self {
            Self::Tensor(tensor) => vec![*tensor],
            Self::List(items) => items.iter().flat_map(Self::tensors).collect(),
            Self::Plain(_) => Vec::new(),
        }
    }

    /// Changes every tensor in it.
    pub(super) fn edit<E>(
        &mut self,
        edit: &mut impl FnMut(&mut Tensor) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Tensor(tensor) => edit(tensor),
            Self::List(items) => items.iter_mut().try_for_each(|item| item.edit(edit)),
            Self::Plain(_) => Ok(()),
        }
    }

    /// The plain value, unless it is `null`.
    pub fn plain(&self) -> Option<&Json> {
        match self {
            Self::Plain(value) if !value.is_null() => Some(value),
            _ => None,
        }
    }
}

impl Arguments {
    /// One input, as most layers are called.
    pub fn of(inputs: Vec<Tensor>) -> Self {
        let first = match inputs.as_slice() {
            [only] => Argument::Tensor(*only),
            _ => Argument::List(inputs.into_iter().map(Argument::Tensor).collect()),
        };
        Self { args: vec![first], kwargs: Vec::new() }
    }

    /// The argument at a place or of a name, unless it is `null`.
    pub fn get(&self, place: usize, name: &str) -> Option<&Argument> {
        let named = || self.kwargs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let found = self.args.get(place).or_else(named);
        found.filter(|argument| !matches!(argument, Argument::Plain(Json::Null)))
    }

    /// The argument of a name, unless it is `null`.
    pub fn named(&self, name: &str) -> Option<&Argument> {
        self.get(usize::MAX, name)
    }
}
