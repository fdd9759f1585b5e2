//! Lists of tensors, TensorFlow 2's way to collect what loops make. A list is a value.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::{Args, Case, Effect, Error, Fact, Op, Result, Spec, TensorList, Value, checked_len};

register![
    EmptyTensorList,
    TensorListFromTensor,
    TensorListGather,
    TensorListGetItem,
    TensorListLength,
    TensorListPopBack,
    TensorListPushBack,
    TensorListReserve,
    TensorListResize,
    TensorListSetItem,
    TensorListStack,
];

/// The shape in input `i`: dims, or -1 alone for nothing known.
fn element_shape(inputs: &Args, i: usize) -> Result<Shape> {
    let dims = inputs.ints(i)?;
    if inputs.tensor(i)?.rank() == 0 {
        return Ok(Shape::UNKNOWN);
    }
    let dim = |n: i64| usize::try_from(n).map_or(Dim::Unknown, Dim::Known);
    Ok(Shape(Some(dims.into_iter().map(dim).collect())))
}

/// An item, zeros where it was never set.
fn item(list: &TensorList, i: usize, shape: &Shape) -> Result<DenseTensor> {
    let n = list.items.len();
    let found = list.items.get(i);
    if let Some(item) = found.ok_or_else(|| Error::invalid(format!("item {i} of a list of {n}")))? {
        return Ok(item.clone());
    }
    let known = list.items.iter().flatten().next().map(|item| Shape::of(item.shape()));
    let shape =
        shape.merge(&list.element_shape).and_then(|s| s.merge(&known.unwrap_or(Shape::UNKNOWN)));
    let shape = shape.and_then(|shape| shape.known());
    let shape =
        shape.ok_or_else(|| Error::invalid("an item was never set and its shape is not known"))?;
    checked_len(&shape)?;
    let zeros = DenseTensor::zeros(list.element_dtype, &shape);
    zeros.ok_or_else(|| Error::limit("the item is too large"))
}

fn stacked(list: &TensorList, places: &[usize], shape: &Shape) -> Result<DenseTensor> {
    let items: Vec<DenseTensor> =
        places.iter().map(|i| item(list, *i, shape)).collect::<Result<_>>()?;
    let Some(first) = items.first() else {
        let inner = shape.merge(&list.element_shape).and_then(|s| s.known()).unwrap_or_default();
        let shape = [&[0], &inner[..]].concat();
        let empty = DenseTensor::zeros(list.element_dtype, &shape);
        return empty.ok_or_else(|| Error::limit("the shape is too large"));
    };
    ensure!(items.iter().all(|one| one.shape() == first.shape()), "the items have unlike shapes");
    let shape = [&[items.len()], first.shape()].concat();
    checked_len(&shape)?;
    let sources: Vec<&DenseTensor> = items.iter().collect();
    let mut runs = (0..items.len()).map(|i| Run::once(i, 0, first.len()));
    Ok(assemble(&shape, &sources, &mut runs))
}

fn index(inputs: &Args, i: usize, n: usize) -> Result<usize> {
    let index = inputs.int(i)?;
    let found = usize::try_from(index).ok().filter(|index| *index < n);
    found.ok_or_else(|| Error::invalid(format!("item {index} of a list of {n}")))
}

fn new_list(dtype: DType, shape: Shape, n: i64) -> Result<Value> {
    let n = usize::try_from(n).map_err(|_| Error::invalid(format!("a list of {n} items")))?;
    checked_len(&[n])?;
    Ok(TensorList { element_dtype: dtype, element_shape: shape, items: vec![None; n] }.into())
}

/// Ops on lists, each with the type of the items.
macro_rules! lists {
    ($($(#[doc = $doc:literal])+ $name:ident $inputs:expr => $outputs:expr,
        |$x:ident| $shapes:expr, |$op:ident, $args:ident| $eval:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of the items.
                    element_dtype: DType = DType::Float32,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: $inputs,
                    outputs: $outputs,
                    // A list is no tensor and cannot be folded.
                    effect: Effect::Stateful,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[];

                fn infer(&self, $x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok($shapes)
                }

                fn eval(&self, $args: Args) -> Result<Vec<Value>> {
                    let $op = self;
                    let _ = $op;
                    $eval
                }
            }
        )*
    };
}

lists! {
    /// A list without items.
    EmptyTensorList &["element_shape: shape_type", "max_num_elements: int32"] => &["handle: variant"],
        |_x| vec![Shape::scalar()],
        |op, x| Ok(vec![new_list(op.element_dtype, element_shape(&x, 0)?, 0)?]);

    /// A list of so many items, none of them set.
    TensorListReserve &["element_shape: shape_type", "num_elements: int32"] => &["handle: variant"],
        |_x| vec![Shape::scalar()],
        |op, x| Ok(vec![new_list(op.element_dtype, element_shape(&x, 0)?, x.int(1)?)?]);

    /// A list of a tensor's rows.
    TensorListFromTensor &["tensor: element_dtype", "element_shape: shape_type"] =>
        &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let (tensor, element_shape) = (x.tensor(0)?, element_shape(&x, 1)?);
            let Some((n, row)) = tensor.shape().split_first() else { fail!("a scalar has no rows") };
            let len: usize = row.iter().product();
            let one = |i| Some(assemble(row, &[tensor], &mut std::iter::once(Run::once(0, i * len, len))));
            let items = (0..*n).map(one).collect();
            Ok(vec![TensorList { element_dtype: tensor.dtype(), element_shape, items }.into()])
        };

    /// The items as rows of one tensor.
    TensorListStack &["input_handle: variant", "element_shape: int32"] => &["tensor: element_dtype"],
        |x| match x[1].as_shape().0 {
            Some(dims) if x[1].rank() == Some(1) => vec![[&[Dim::Unknown], &dims[..]].concat().into()],
            _ => vec![Shape::UNKNOWN],
        },
        |_op, x| {
            let list = x.list(0)?;
            let places: Vec<usize> = (0..list.items.len()).collect();
            Ok(vec![stacked(list, &places, &element_shape(&x, 1)?)?.into()])
        };

    /// Some items as rows of one tensor.
    TensorListGather &["input_handle: variant", "indices: int32", "element_shape: int32"] =>
        &["values: element_dtype"], |_x| vec![Shape::UNKNOWN],
        |_op, x| Ok(vec![stacked(x.list(0)?, &x.sizes(1)?, &element_shape(&x, 2)?)?.into()]);

    /// One item.
    TensorListGetItem &["input_handle: variant", "index: int32", "element_shape: int32"] =>
        &["item: element_dtype"],
        |x| vec![if x[2].rank() == Some(1) { x[2].as_shape() } else { Shape::UNKNOWN }],
        |_op, x| {
            let list = x.list(0)?;
            let i = index(&x, 1, list.items.len())?;
            Ok(vec![item(list, i, &element_shape(&x, 2)?)?.into()])
        };

    /// The list with another item at an index.
    TensorListSetItem &["input_handle: variant", "index: int32", "item: element_dtype"] =>
        &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let mut list = x.list(0)?.clone();
            let i = index(&x, 1, list.items.len())?;
            list.items[i] = Some(x.tensor(2)?.clone());
            Ok(vec![list.into()])
        };

    /// The number of items.
    TensorListLength &["input_handle: variant"] => &["length: int32"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let n = i32::try_from(x.list(0)?.items.len()).unwrap_or(i32::MAX);
            Ok(vec![DenseTensor::scalar(n).into()])
        };

    /// The list with one more item.
    TensorListPushBack &["input_handle: variant", "tensor: element_dtype"] =>
        &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let mut list = x.list(0)?.clone();
            list.items.push(Some(x.tensor(1)?.clone()));
            Ok(vec![list.into()])
        };

    /// The list without its last item, and the item.
    TensorListPopBack &["input_handle: variant", "element_shape: int32"] =>
        &["output_handle: variant", "tensor: element_dtype"],
        |_x| vec![Shape::scalar(), Shape::UNKNOWN],
        |_op, x| {
            let mut list = x.list(0)?.clone();
            let last = list.items.len().checked_sub(1);
            let last = last.ok_or_else(|| Error::invalid("the list is empty"))?;
            let taken = item(&list, last, &element_shape(&x, 1)?)?;
            list.items.pop();
            Ok(vec![list.into(), taken.into()])
        };

    /// The list with another number of items.
    TensorListResize &["input_handle: variant", "size: int32"] => &["output_handle: variant"],
        |_x| vec![Shape::scalar()],
        |_op, x| {
            let n = x.sizes(1)?.first().copied().unwrap_or(0);
            checked_len(&[n])?;
            let mut list = x.list(0)?.clone();
            list.items.resize(n, None);
            Ok(vec![list.into()])
        };
}
