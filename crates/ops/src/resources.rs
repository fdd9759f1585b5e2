//! What graphs share and change: tables, arrays of tensors, variables.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor};

use crate::{Error, Result};

/// A handle. Clones are the same thing.
#[derive(Debug, Clone)]
pub enum Resource {
    /// A hash table.
    Table(Arc<Mutex<Table>>),
    /// TensorFlow 1's array of tensors.
    Array(Arc<Mutex<TensorArray>>),
    /// A variable.
    Variable(Arc<Mutex<Variable>>),
}

/// A hash table of single elements.
#[derive(Debug, Clone)]
pub struct Table {
    /// The type of the keys.
    pub key: DType,
    /// The type of the values.
    pub value: DType,
    /// Place in `values` of each key.
    pub places: HashMap<Key, usize>,
    /// The values, of one element each.
    pub values: Vec<DenseTensor>,
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// An integer of any size.
    Int(i64),
    /// A string.
    Text(Bytes),
}

/// TensorFlow 1's array of tensors.
#[derive(Debug, Clone)]
pub struct TensorArray {
    /// The type of the items.
    pub dtype: DType,
    /// What is known of the items' shape.
    pub element_shape: Shape,
    /// Writing beyond the end makes it longer.
    pub is_dynamic: bool,
    /// An item can be read once.
    pub clears_after_read: bool,
    /// All items have the shape of the first.
    pub has_identical_shapes: bool,
    /// The items that were written.
    pub items: Vec<Option<DenseTensor>>,
}

/// A variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its value; `None` until one is assigned.
    pub value: Option<DenseTensor>,
}

/// Resources by the name under which graphs share them.
#[derive(Debug, Default)]
pub struct Resources {
    by_name: BTreeMap<String, Resource>,
}

impl Resources {
    /// The resource of that name, made when it is not there.
    pub fn get_or_insert(&mut self, name: &str, make: impl FnOnce() -> Resource) -> Resource {
        self.by_name.entry(name.to_owned()).or_insert_with(make).clone()
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // An op that failed midway leaves whole items: nothing is half written.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resource {
    /// A new table.
    pub fn table(key: DType, value: DType) -> Self {
        let table = Table { key, value, places: HashMap::new(), values: Vec::new() };
        Self::Table(Arc::new(Mutex::new(table)))
    }

    /// A new array.
    pub fn array(array: TensorArray) -> Self {
        Self::Array(Arc::new(Mutex::new(array)))
    }

    /// The table, when it is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn as_table(&self) -> Result<MutexGuard<'_, Table>> {
        match self {
            Self::Table(table) => Ok(locked(table)),
            _ => Err(Error::invalid("the handle is that of no table")),
        }
    }

    /// The array, when it is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn as_array(&self) -> Result<MutexGuard<'_, TensorArray>> {
        match self {
            Self::Array(array) => Ok(locked(array)),
            _ => Err(Error::invalid("the handle is that of no array")),
        }
    }

    /// The variable, when it is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn as_variable(&self) -> Result<MutexGuard<'_, Variable>> {
        match self {
            Self::Variable(variable) => Ok(locked(variable)),
            _ => Err(Error::invalid("the handle is that of no variable")),
        }
    }
}

impl Key {
    /// The elements of `tensor` as keys.
    ///
    /// # Errors
    /// When they are neither integers nor strings.
    pub fn all(tensor: &DenseTensor) -> Result<Vec<Self>> {
        if let Some(words) = tensor.as_slice::<Bytes>() {
            return Ok(words.iter().cloned().map(Self::Text).collect());
        }
        let ints = tensor.to_i64().ok_or_else(|| {
            Error::unsupported(format!("{} cannot be the key of a table", tensor.dtype()))
        })?;
        Ok(ints.into_iter().map(Self::Int).collect())
    }
}
