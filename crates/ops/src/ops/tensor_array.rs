//! TensorFlow 1's arrays of tensors, and stacks.

use tensorferry_ir::{Dim, Shape, Type};
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::{Args, Error, Item, Resource, Result, TensorArray, Value, checked_len};

register![
    StackClose,
    StackPop,
    StackPush,
    StackV2,
    TensorArrayClose,
    TensorArrayConcat,
    TensorArrayGather,
    TensorArrayRead,
    TensorArrayScatter,
    TensorArraySize,
    TensorArraySplit,
    TensorArrayV3,
    TensorArrayWrite,
];

/// What orders the ops that work on one array: a number that says nothing.
fn flow() -> Value {
    DenseTensor::scalar(0.0_f32).into()
}

/// Rows `start` to `start + n` of a tensor, as one tensor of `shape`.
fn piece(tensor: &DenseTensor, start: usize, shape: &[usize]) -> DenseTensor {
    let len: usize = shape.iter().product();
    let row: usize = tensor.shape().iter().skip(1).product();
    assemble(shape, &[tensor], &mut std::iter::once(Run::once(0, start * row, len)))
}

/// `items` as rows of one tensor; `shape` is that of an item where there is none.
fn stacked(items: &[DenseTensor], dtype: DType, shape: &Shape) -> Result<DenseTensor> {
    let Some(first) = items.first() else {
        let inner = shape.known();
        let inner =
            inner.ok_or_else(|| Error::invalid("there is no item and the shape is not known"))?;
        let shape = [&[0], &inner[..]].concat();
        return DenseTensor::zeros(dtype, &shape).ok_or_else(|| Error::limit("too large"));
    };
    ensure!(items.iter().all(|one| one.shape() == first.shape()), "the items have unlike shapes");
    let shape = [&[items.len()], first.shape()].concat();
    checked_len(&shape)?;
    let sources: Vec<&DenseTensor> = items.iter().collect();
    Ok(assemble(&shape, &sources, &mut (0..items.len()).map(|i| Run::once(i, 0, first.len()))))
}

op! {
    /// A new array of tensors.
    TensorArrayV3 = "TensorArrayV3", Stateful {
        /// The type of the items.
        dtype: DType,
        /// What is known of the items' shape.
        element_shape: Shape = Shape::UNKNOWN,
        /// Writing beyond the end makes it longer.
        dynamic_size: bool = false,
        /// An item can be read once.
        clear_after_read: bool = true,
        /// All items have the shape of the first.
        identical_element_shapes: bool = false,
        /// A name for messages.
        tensor_array_name: String = String::new(),
    }
    ("size: int32") -> ("handle: resource", "flow: float32") []
    infer(op, x) { Ok(vec![Shape::scalar(), Shape::scalar()]) }
    eval(op, x, context) {
        let n = usize::try_from(x.int(0)?).map_err(|_| Error::invalid("the size is negative"))?;
        crate::resources::check_items(n)?;
        let array = Resource::array(TensorArray {
            dtype: op.dtype,
            element_shape: op.element_shape.clone(),
            is_dynamic: op.dynamic_size,
            clears_after_read: op.clear_after_read,
            has_identical_shapes: op.identical_element_shapes,
            items: vec![Item::Empty; n],
            n_bytes: 0,
        });
        Ok(vec![Value::Resource(array), flow()])
    }
}

op! {
    /// Writes an item of an array, once.
    TensorArrayWrite = "TensorArrayWriteV3", Stateful {}
    ("handle: resource", "index: int32", "value: T", "flow_in: float32") -> ("flow_out: float32") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        x.resource(0)?.as_array()?.write(x.int(1)?, x.tensor(2)?.clone())?;
        Ok(vec![flow()])
    }
}

op! {
    /// Reads an item of an array.
    TensorArrayRead = "TensorArrayReadV3", Stateful {
        /// The type of the item.
        dtype: DType,
    }
    ("handle: resource", "index: int32", "flow_in: float32") -> ("value: dtype") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        Ok(vec![x.resource(0)?.as_array()?.read(x.int(1)?)?.into()])
    }
}

op! {
    /// Some items of an array as rows of one tensor.
    TensorArrayGather = "TensorArrayGatherV3", Stateful {
        /// The type of the items.
        dtype: DType,
        /// What is known of the items' shape.
        element_shape: Shape = Shape::UNKNOWN,
    }
    ("handle: resource", "indices: int32", "flow_in: float32") -> ("value: dtype") []
    infer(op, x) {
        let n = match x[1].dims() {
            Some([n]) => *n,
            _ => Dim::Unknown,
        };
        let rows = op.element_shape.dims().map(|dims| [&[n], dims].concat());
        Ok(vec![Shape(rows)])
    }
    eval(op, x, context) {
        let mut array = x.resource(0)?.as_array()?;
        let items: Vec<DenseTensor> =
            x.ints(1)?.into_iter().map(|i| array.read(i)).collect::<Result<_>>()?;
        let shape = array.element_shape.merge(&op.element_shape);
        let shape = shape.ok_or_else(|| Error::invalid("the items are of another shape"))?;
        Ok(vec![stacked(&items, array.dtype, &shape)?.into()])
    }
}

op! {
    /// Writes a tensor's rows as items of an array.
    TensorArrayScatter = "TensorArrayScatterV3", Stateful {}
    ("handle: resource", "indices: int32", "value: T", "flow_in: float32") -> ("flow_out: float32") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let (indices, value) = (x.ints(1)?, x.tensor(2)?);
        let Some((n, row)) = value.shape().split_first() else { fail!("a scalar has no rows") };
        ensure!(indices.len() == *n, "{} indices for {n} rows", indices.len());
        let mut array = x.resource(0)?.as_array()?;
        for (i, index) in indices.into_iter().enumerate() {
            array.write(index, piece(value, i, row))?;
        }
        Ok(vec![flow()])
    }
}

op! {
    /// All items of an array one after the other, and the length of each.
    TensorArrayConcat = "TensorArrayConcatV3", Stateful {
        /// The type of the items.
        dtype: DType,
        /// What is known of the items' shape without its first dim.
        element_shape_except0: Shape = Shape::UNKNOWN,
    }
    ("handle: resource", "flow_in: float32") -> ("value: dtype", "lengths: int64") []
    infer(op, x) {
        let rows = op.element_shape_except0.dims().map(|dims| [&[Dim::Unknown], dims].concat());
        Ok(vec![Shape(rows), Shape::of_rank(1)])
    }
    eval(op, x, context) {
        let mut array = x.resource(0)?.as_array()?;
        let n = array.items.len() as i64;
        let items: Vec<DenseTensor> = (0..n).map(|i| array.read(i)).collect::<Result<_>>()?;
        let (value, lengths) = concatenated(&items, array.dtype, &op.element_shape_except0)?;
        Ok(vec![value.into(), lengths.into()])
    }
}

/// Items one after the other along their first axis, and how long each is.
pub(super) fn concatenated(
    items: &[DenseTensor],
    dtype: DType,
    inner: &Shape,
) -> Result<(DenseTensor, DenseTensor)> {
    let lengths: Option<Vec<i64>> =
        items.iter().map(|item| item.shape().first().map(|n| n.cast_signed() as i64)).collect();
    let lengths = lengths.ok_or_else(|| Error::invalid("an item is a scalar"))?;
    let inner = match items.first() {
        Some(first) => first.shape()[1..].to_vec(),
        None => inner.known().ok_or_else(|| Error::invalid("the shape is not known"))?,
    };
    ensure!(items.iter().all(|item| item.shape()[1..] == inner), "the items have unlike shapes");
    let n = lengths.iter().sum::<i64>() as usize;
    let shape = [&[n], &inner[..]].concat();
    checked_len(&shape)?;
    let empty = DenseTensor::zeros(dtype, &[0]).ok_or_else(|| Error::limit("too large"))?;
    let sources: Vec<&DenseTensor> = items.iter().chain([&empty]).collect();
    let mut runs = items.iter().enumerate().map(|(i, item)| Run::once(i, 0, item.len()));
    Ok((assemble(&shape, &sources, &mut runs), DenseTensor::vector(lengths)))
}

/// Pieces of a tensor along its first axis, of these lengths.
pub(super) fn split(tensor: &DenseTensor, lengths: &[usize]) -> Result<Vec<DenseTensor>> {
    let Some((n, row)) = tensor.shape().split_first() else { fail!("a scalar has no rows") };
    let total = lengths.iter().try_fold(0_usize, |sum, len| sum.checked_add(*len));
    ensure!(total == Some(*n), "lengths of {total:?} rows for {n} rows");
    let mut start = 0;
    let one = |len: &usize| {
        let made = piece(tensor, start, &[&[*len], row].concat());
        start += len;
        made
    };
    Ok(lengths.iter().map(one).collect())
}

op! {
    /// Writes pieces of a tensor as the items of an array.
    TensorArraySplit = "TensorArraySplitV3", Stateful {}
    ("handle: resource", "value: T", "lengths: int64", "flow_in: float32") -> ("flow_out: float32") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let pieces = split(x.tensor(1)?, &x.sizes(2)?)?;
        let mut array = x.resource(0)?.as_array()?;
        let n = array.items.len();
        ensure!(
            array.is_dynamic || n == pieces.len(),
            "{} pieces for an array of {n}", pieces.len()
        );
        for (i, piece) in pieces.into_iter().enumerate() {
            array.write(i as i64, piece)?;
        }
        Ok(vec![flow()])
    }
}

op! {
    /// The number of items of an array.
    TensorArraySize = "TensorArraySizeV3", Stateful {}
    ("handle: resource", "flow_in: float32") -> ("size: int32") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let n = i32::try_from(x.resource(0)?.as_array()?.items.len()).unwrap_or(i32::MAX);
        Ok(vec![DenseTensor::scalar(n).into()])
    }
}

op! {
    /// Empties an array.
    TensorArrayClose = "TensorArrayCloseV3", Stateful {}
    ("handle: resource") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        let mut array = x.resource(0)?.as_array()?;
        array.items.clear();
        array.n_bytes = 0;
        Ok(Vec::new())
    }
}

op! {
    /// A new stack.
    StackV2 = "StackV2" | "Stack", Stateful {
        /// The type of the values.
        elem_type: DType,
        /// A name for messages.
        stack_name: String = String::new(),
    }
    ("max_size: int32") -> ("handle: resource") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        Ok(vec![Value::Resource(Resource::stack(op.elem_type, x.int(0)?))])
    }
}

op! {
    /// Puts a value on a stack, and gives it.
    StackPush = "StackPushV2" | "StackPush", Stateful {
        /// The value may be moved to other memory.
        swap_memory: bool = false,
    }
    ("handle: resource", "elem: T") -> ("output: T") []
    infer(op, x) { Ok(vec![x[1].shape.clone()]) }
    eval(op, x, context) {
        x.resource(0)?.as_stack()?.push(x.tensor(1)?.clone())?;
        Ok(vec![x.tensor(1)?.clone().into()])
    }
}

op! {
    /// Takes the value on top of a stack.
    StackPop = "StackPopV2" | "StackPop", Stateful {
        /// The type of the value.
        elem_type: Type,
    }
    ("handle: resource") -> ("elem: elem_type") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) { Ok(vec![x.resource(0)?.as_stack()?.pop()?.into()]) }
}

op! {
    /// Empties a stack.
    StackClose = "StackCloseV2" | "StackClose", Stateful {}
    ("handle: resource") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        let mut stack = x.resource(0)?.as_stack()?;
        stack.items.clear();
        stack.n_bytes = 0;
        Ok(Vec::new())
    }
}

/// The one index in input `i`, below `n`.
pub(super) fn index(inputs: &Args, i: usize, n: usize) -> Result<usize> {
    let index = inputs.int(i)?;
    let found = usize::try_from(index).ok().filter(|index| *index < n);
    found.ok_or_else(|| Error::invalid(format!("item {index} of a list of {n}")))
}
