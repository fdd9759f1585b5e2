//! What graphs share and change: tables, arrays of tensors, variables.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::philox::Philox;
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
    /// Values put on one another.
    Stack(Arc<Mutex<Stack>>),
}

/// A hash table.
#[derive(Debug, Clone)]
pub struct Table {
    /// The type of the keys.
    pub key: DType,
    /// The type of the values.
    pub value: DType,
    /// The shape of each value.
    pub value_shape: Vec<usize>,
    /// It was filled once and for all.
    pub is_filled: bool,
    places: HashMap<Key, Row>,
    /// Keys in the order in which they came, those that were removed included.
    order: Vec<Key>,
    /// Values, as they were put in: several rows each.
    chunks: Vec<DenseTensor>,
}

/// Where a table has a value.
#[derive(Debug, Clone, Copy)]
struct Row {
    chunk: usize,
    row: usize,
}

/// Values put on one another.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The type of the values.
    pub ty: DType,
    /// The most values; none when it is negative.
    pub n_max: i64,
    /// The values, the topmost last.
    pub items: Vec<DenseTensor>,
    /// Bytes of all values.
    pub n_bytes: usize,
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
    pub items: Vec<Item>,
    /// Bytes of all items.
    pub n_bytes: usize,
}

/// A place in an array.
#[derive(Debug, Clone, Default)]
pub enum Item {
    /// Nothing was written.
    #[default]
    Empty,
    /// Written.
    Full(DenseTensor),
    /// Written, read, and gone.
    Read,
}

/// A variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The type of its value.
    pub dtype: DType,
    /// Its value; `None` until one is assigned.
    pub value: Option<DenseTensor>,
}

/// What graphs share, and what runs leave for the next run.
#[derive(Debug, Default)]
pub struct Resources {
    by_name: BTreeMap<String, Resource>,
    generators: BTreeMap<String, Philox>,
    seed: u64,
    messages: Vec<String>,
    assets: BTreeMap<String, Bytes>,
}

/// Messages that are kept; a loop may print for ever.
const MESSAGES_MAX: usize = 10_000;

/// The most bytes that one array, stack or list of a graph holds.
const HELD_BYTES_MAX: usize = 1 << 31;

/// The most items of one array, stack or list: even those that are empty have some dozens of bytes.
const ITEMS_MAX: usize = 1 << 22;

/// Refuses a number of items.
pub(crate) fn check_items(n: usize) -> Result<()> {
    if n > ITEMS_MAX {
        return Err(Error::limit(format!("{n} items are too many to hold")));
    }
    Ok(())
}

/// Refuses what grows beyond memory.
pub(crate) fn check_held(n_bytes: usize) -> Result<()> {
    if n_bytes > HELD_BYTES_MAX {
        return Err(Error::limit(format!("{n_bytes} bytes are too many to hold")));
    }
    Ok(())
}

impl Resources {
    /// The resource of that name, made when it is not there.
    pub fn get_or_insert(&mut self, name: &str, make: impl FnOnce() -> Resource) -> Resource {
        self.by_name.entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// Gives a variable its value before graphs run.
    pub fn set_variable(&mut self, name: &str, value: DenseTensor) {
        self.by_name.insert(name.to_owned(), Resource::variable(value.dtype(), Some(value)));
    }

    /// The value of a variable, when it has one.
    pub fn variable(&self, name: &str) -> Option<DenseTensor> {
        self.by_name.get(name)?.as_variable().ok()?.value.clone()
    }

    /// Gives the content of a file that graphs read by its path.
    pub fn set_asset(&mut self, path: &str, content: impl Into<Bytes>) {
        self.assets.insert(path.to_owned(), content.into());
    }

    /// The content of a file: of that path, or else the only one of that name.
    pub fn asset(&self, path: &str) -> Option<Bytes> {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut same = self.assets.iter().filter(|(other, _)| name(other) == name(path));
        let exact = self.assets.get(path).cloned();
        exact.or_else(|| {
            same.next().map(|(_, found)| found.clone()).filter(|_| same.next().is_none())
        })
    }

    /// Random ops without a seed of their own follow from this number and the order of their first
    /// runs. It is 0 unless set: who wants another sequence each time gives another number.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// A seed for an op that has none.
    pub(crate) fn fresh_seed(&mut self) -> [u64; 2] {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut hash = Philox::new(self.seed, [0, 0]);
        let [a, b, c, d] = hash.next4().map(u64::from);
        [a << 32 | b, c << 32 | d]
    }

    /// The generator of the op at a place in the model, made where there is none.
    pub(crate) fn generator(&mut self, site: &str, seeds: [i64; 2]) -> &mut Philox {
        if !self.generators.contains_key(site) {
            let made = match seeds {
                [0, 0] => self.fresh_seed(),
                seeds => seeds.map(i64::cast_unsigned),
            };
            self.generators.insert(site.to_owned(), Philox::seeded(made[0], made[1]));
        }
        self.generators.get_mut(site).expect("it was put there")
    }

    /// Keeps what a graph prints.
    pub(crate) fn say(&mut self, message: String) {
        if self.messages.len() < MESSAGES_MAX {
            self.messages.push(message);
        }
    }

    /// What graphs printed since this was asked last.
    pub fn take_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // An op that failed midway leaves whole items: nothing is half written.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resource {
    /// A new table.
    pub fn table(key: DType, value: DType, value_shape: &[usize]) -> Self {
        Self::Table(Arc::new(Mutex::new(Table {
            key,
            value,
            value_shape: value_shape.to_vec(),
            is_filled: false,
            places: HashMap::new(),
            order: Vec::new(),
            chunks: Vec::new(),
        })))
    }

    /// A new variable.
    pub fn variable(dtype: DType, value: Option<DenseTensor>) -> Self {
        Self::Variable(Arc::new(Mutex::new(Variable { dtype, value })))
    }

    /// A new stack.
    pub fn stack(ty: DType, n_max: i64) -> Self {
        Self::Stack(Arc::new(Mutex::new(Stack { ty, n_max, items: Vec::new(), n_bytes: 0 })))
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

    /// The stack, when it is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn as_stack(&self) -> Result<MutexGuard<'_, Stack>> {
        match self {
            Self::Stack(stack) => Ok(locked(stack)),
            _ => Err(Error::invalid("the handle is that of no stack")),
        }
    }
}

impl Variable {
    /// Its value.
    ///
    /// # Errors
    /// When none was assigned.
    pub fn read(&self) -> Result<DenseTensor> {
        let value = self.value.clone();
        value.ok_or_else(|| Error::invalid("the variable has no value yet"))
    }
}

impl Table {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True when there is no key.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Compares the types and shapes of keys and values with the table's.
    ///
    /// # Errors
    /// When they differ.
    pub fn check(&self, key: DType, value: DType) -> Result<()> {
        let (k, v) = (self.key, self.value);
        ensure!(k == key && v == value, "the table has {k} and {v}, not {key} and {value}");
        Ok(())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.places.clear();
        self.order.clear();
        self.chunks.clear();
    }

    /// Puts in pairs; a key that is there gets another value.
    ///
    /// # Errors
    /// When the tensors are not of the table's types, or not as many.
    pub fn insert(&mut self, keys: &DenseTensor, values: &DenseTensor) -> Result<()> {
        self.check(keys.dtype(), values.dtype())?;
        let shape = [keys.shape(), &self.value_shape].concat();
        ensure!(values.shape() == shape, "values of shape {:?}, not {shape:?}", values.shape());
        let chunk = self.chunks.len();
        for (row, key) in Key::all(keys)?.into_iter().enumerate() {
            if self.places.insert(key.clone(), Row { chunk, row }).is_none() {
                self.order.push(key);
            }
        }
        self.chunks.push(values.clone());
        self.compact()
    }

    /// Takes out keys; those that are not there are passed over.
    ///
    /// # Errors
    /// When the keys are not of the table's type.
    pub fn remove(&mut self, keys: &DenseTensor) -> Result<()> {
        self.check(keys.dtype(), self.value)?;
        for key in Key::all(keys)? {
            self.places.remove(&key);
        }
        self.order.retain(|key| self.places.contains_key(key));
        self.compact()
    }

    /// The rows of the keys, and `default`'s for keys that are not there: one row for all keys, or a
    /// row for each.
    ///
    /// # Errors
    /// When the tensors are not of the table's types.
    pub fn find(&self, keys: &DenseTensor, default: &DenseTensor) -> Result<DenseTensor> {
        self.check(keys.dtype(), default.dtype())?;
        let len: usize = self.value_shape.iter().product();
        let shape = [keys.shape(), &self.value_shape].concat();
        crate::checked_len(&shape)?;
        let has_rows = default.shape() == shape && default.shape() != self.value_shape;
        ensure!(
            has_rows || default.len() == len,
            "a default of shape {:?} for values of shape {:?}",
            default.shape(),
            self.value_shape
        );
        let sources: Vec<&DenseTensor> = std::iter::once(default).chain(&self.chunks).collect();
        let keys = Key::all(keys)?;
        let mut runs = keys.iter().enumerate().map(|(i, key)| match self.places.get(key) {
            Some(Row { chunk, row }) => Run::once(chunk + 1, row * len, len),
            None => Run::once(0, if has_rows { i * len } else { 0 }, len),
        });
        Ok(assemble(&shape, &sources, &mut runs))
    }

    /// All keys and values, in the order in which the keys came.
    pub fn export(&self) -> (DenseTensor, DenseTensor) {
        let n = self.order.len();
        let shape = [&[n], &self.value_shape[..]].concat();
        let empty = DenseTensor::zeros(self.value, &[0]).expect("nothing is small");
        let keys = match self.key {
            DType::String => {
                let text = self.order.iter().map(|key| match key {
                    Key::Text(text) => text.clone(),
                    Key::Int(_) => Bytes::new(),
                });
                DenseTensor::vector(text.collect::<Vec<_>>())
            }
            dtype => {
                let number = self.order.iter().map(|key| match key {
                    Key::Int(number) => *number,
                    Key::Text(_) => 0,
                });
                crate::wide::Narrow::narrow(dtype, &[n], number.collect::<Vec<i64>>())
            }
        };
        let len: usize = self.value_shape.iter().product();
        let sources: Vec<&DenseTensor> = std::iter::once(&empty).chain(&self.chunks).collect();
        let places = self.order.iter().filter_map(|key| self.places.get(key));
        let mut runs = places.map(|place| Run::once(place.chunk + 1, place.row * len, len));
        (keys, assemble(&shape, &sources, &mut runs))
    }

    /// Copies the values together when most rows, or many pieces, are out of use.
    fn compact(&mut self) -> Result<()> {
        const PIECES_MAX: usize = 64;
        let width = self.value_shape.iter().product::<usize>().max(1);
        let n_rows: usize = self.chunks.iter().map(|chunk| chunk.len() / width).sum();
        check_held(self.chunks.iter().map(DenseTensor::byte_len).sum())?;
        if self.chunks.len() <= PIECES_MAX && n_rows <= 2 * self.places.len() + PIECES_MAX {
            return Ok(());
        }
        let (_, values) = self.export();
        self.chunks = vec![values];
        for (row, key) in self.order.iter().enumerate() {
            self.places.insert(key.clone(), Row { chunk: 0, row });
        }
        Ok(())
    }
}

impl TensorArray {
    /// Writes an item.
    ///
    /// # Errors
    /// When the place is beyond the end, or was written before, or the item is another type or shape.
    pub fn write(&mut self, index: i64, item: DenseTensor) -> Result<()> {
        let n = self.items.len();
        let i = usize::try_from(index).ok().filter(|i| *i < n || self.is_dynamic);
        let Some(i) = i else { fail!("item {index} of an array of {n}") };
        ensure!(item.dtype() == self.dtype, "{} into an array of {}", item.dtype(), self.dtype);
        let shape = Shape::of(item.shape());
        let Some(merged) = self.element_shape.merge(&shape) else {
            fail!("an item of shape {shape} into an array of {}", self.element_shape)
        };
        if self.has_identical_shapes {
            self.element_shape = merged;
        }
        self.n_bytes = self.n_bytes.saturating_add(item.byte_len());
        check_held(self.n_bytes)?;
        if i >= n {
            check_items(i.saturating_add(1))?;
            self.items.resize(i + 1, Item::Empty);
        }
        match self.items[i] {
            Item::Empty => self.items[i] = Item::Full(item),
            Item::Full(_) => fail!("item {i} was written before"),
            Item::Read => fail!("item {i} was read before"),
        }
        Ok(())
    }

    /// Reads an item: zeros where nothing was written and the shape is known.
    ///
    /// # Errors
    /// When the place is beyond the end, or its item was read and is gone.
    pub fn read(&mut self, index: i64) -> Result<DenseTensor> {
        let n = self.items.len();
        let place = usize::try_from(index).ok().and_then(|i| self.items.get_mut(i));
        let Some(place) = place else { fail!("item {index} of an array of {n}") };
        match place {
            Item::Full(item) => {
                let item = item.clone();
                if self.clears_after_read {
                    self.n_bytes = self.n_bytes.saturating_sub(item.byte_len());
                    *place = Item::Read;
                }
                Ok(item)
            }
            Item::Read => fail!("item {index} was read before; it is there once"),
            Item::Empty => {
                let shape = self.element_shape.known();
                let Some(shape) = shape else {
                    fail!("item {index} was never written and its shape is not known")
                };
                crate::checked_len(&shape)?;
                let zeros = DenseTensor::zeros(self.dtype, &shape);
                zeros.ok_or_else(|| Error::limit("the item is too large"))
            }
        }
    }
}

impl Stack {
    /// Puts a value on top.
    ///
    /// # Errors
    /// When it is full, or the value is of another type.
    pub fn push(&mut self, item: DenseTensor) -> Result<()> {
        let n = self.items.len() as i64;
        ensure!(self.n_max < 0 || n < self.n_max, "the stack is full with {n} values");
        ensure!(item.dtype() == self.ty, "{} onto a stack of {}", item.dtype(), self.ty);
        self.n_bytes = self.n_bytes.saturating_add(item.byte_len());
        check_held(self.n_bytes)?;
        check_items(self.items.len() + 1)?;
        self.items.push(item);
        Ok(())
    }

    /// Takes the topmost value.
    ///
    /// # Errors
    /// When there is none.
    pub fn pop(&mut self) -> Result<DenseTensor> {
        let item = self.items.pop().ok_or_else(|| Error::invalid("the stack is empty"))?;
        self.n_bytes = self.n_bytes.saturating_sub(item.byte_len());
        Ok(item)
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
