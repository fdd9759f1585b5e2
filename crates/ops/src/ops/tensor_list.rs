//! Lists of tensors, TensorFlow 2's way to collect what loops make. A list is a value.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use super::tensor_array::{concatenated, index, split};
use crate::{Args, Case, Effect, Error, Fact, Op, Result, Spec, TensorList, Value, checked_len};

register![
    EmptyTensorList,
    TensorListConcat,
    TensorListConcatLists,
    TensorListConcatV2,
    TensorListElementShape,
    TensorListFromTensor,
    TensorListGather,
    TensorListGetItem,
    TensorListLength,
    TensorListPopBack,
    TensorListPushBack,
    TensorListReserve,
    TensorListResize,
    TensorListScatter,
    TensorListScatterIntoExisting,
    TensorListScatterV2,
    TensorListSetItem,
    TensorListSplit,
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
    let n = list.items().len();
    let found = list.items().get(i);
    if let Some(item) = found.ok_or_else(|| Error::invalid(format!("item {i} of a list of {n}")))? {
        let found = Shape::of(item.shape());
        ensure!(shape.agrees(&found), "item {i} has the shape {found}, expected {shape}");
        return Ok(item.clone());
    }
    let known = list.items().iter().flatten().next().map(|item| Shape::of(item.shape()));
    let shape =
        shape.merge(&list.element_shape).and_then(|s| s.merge(&known.unwrap_or(Shape::UNKNOWN)));
    let shape = shape.and_then(|shape| shape.known());
    let shape =
        shape.ok_or_else(|| Error::invalid("an item was never set and its shape is not known"))?;
    checked_len(&shape)?;
    let zeros = DenseTensor::zeros(list.element_dtype, &shape);
    zeros.ok_or_else(|| Error::limit("the item is too large"))
}

/// What is put into a list is of its type and shape, and does not make it too large.
fn check_item(list: &TensorList, item: &DenseTensor) -> Result<()> {
    let (ty, other) = (list.element_dtype, item.dtype());
    ensure!(ty == other, "{other} into a list of {ty}");
    let (shape, known) = (Shape::of(item.shape()), &list.element_shape);
    ensure!(known.agrees(&shape), "an item of shape {shape} into a list of {known}");
    Ok(())
}

fn stacked(list: &TensorList, places: &[usize], shape: &Shape) -> Result<DenseTensor> {
    // Items that were never set are all the same.
    let mut unset = None;
    let mut one = |i: &usize| match list.items().get(*i) {
        Some(None) => Ok(match &unset {
            Some(zeros) => DenseTensor::clone(zeros),
            None => unset.insert(item(list, *i, shape)?).clone(),
        }),
        _ => item(list, *i, shape),
    };
    let items: Vec<DenseTensor> = places.iter().map(&mut one).collect::<Result<_>>()?;
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

fn new_list(dtype: DType, shape: Shape, n: i64) -> Result<Value> {
    let n = usize::try_from(n).map_err(|_| Error::invalid(format!("a list of {n} items")))?;
    let mut list = TensorList::new(dtype, shape, Vec::new())?;
    list.resize(n)?;
    Ok(list.into())
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
            Ok(vec![TensorList::new(tensor.dtype(), element_shape, items)?.into()])
        };

    /// The items as rows of one tensor.
    TensorListStack &["input_handle: variant", "element_shape: int32"] => &["tensor: element_dtype"],
        |x| match x[1].as_shape().0 {
            Some(dims) if x[1].rank() == Some(1) => vec![[&[Dim::Unknown], &dims[..]].concat().into()],
            _ => vec![Shape::UNKNOWN],
        },
        |_op, x| {
            let list = x.list(0)?;
            let places: Vec<usize> = (0..list.items().len()).collect();
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
            let i = index(&x, 1, list.items().len())?;
            Ok(vec![item(list, i, &element_shape(&x, 2)?)?.into()])
        };

    /// The number of items.
    TensorListLength &["input_handle: variant"] => &["length: int32"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let n = i32::try_from(x.list(0)?.items().len()).unwrap_or(i32::MAX);
            Ok(vec![DenseTensor::scalar(n).into()])
        };

    /// The list with one more item.
    TensorListPushBack &["input_handle: variant", "tensor: element_dtype"] =>
        &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let (mut x, item) = { let item = x.tensor(1)?.clone(); (x, item) };
            let mut list = x.take_list(0)?;
            check_item(&list, &item)?;
            list.set(list.items().len(), Some(item))?;
            Ok(vec![list.into()])
        };

    /// The list without its last item, and the item.
    TensorListPopBack &["input_handle: variant", "element_shape: int32"] =>
        &["output_handle: variant", "tensor: element_dtype"],
        |_x| vec![Shape::scalar(), Shape::UNKNOWN],
        |_op, x| {
            let mut x = x;
            let mut list = x.take_list(0)?;
            let last = list.items().len().checked_sub(1);
            let last = last.ok_or_else(|| Error::invalid("the list is empty"))?;
            let taken = item(&list, last, &element_shape(&x, 1)?)?;
            list.resize(last)?;
            Ok(vec![list.into(), taken.into()])
        };

    /// The list with another number of items.
    TensorListResize &["input_handle: variant", "size: int32"] => &["output_handle: variant"],
        |_x| vec![Shape::scalar()],
        |_op, x| {
            let n = x.sizes(1)?.first().copied().unwrap_or(0);
            let mut x = x;
            let mut list = x.take_list(0)?;
            list.resize(n)?;
            Ok(vec![list.into()])
        };
}

/// `list` with a tensor's rows as the items at these places; it grows as needed.
fn scattered(mut list: TensorList, x: &Args) -> Result<Vec<Value>> {
    let (tensor, places) = (x.tensor(0)?, x.sizes(1)?);
    let (ty, other) = (list.element_dtype, tensor.dtype());
    ensure!(ty == other, "{other} into a list of {ty}");
    let Some((n, row)) = tensor.shape().split_first() else { fail!("a scalar has no rows") };
    ensure!(places.len() == *n, "{} indices for {n} rows", places.len());
    let len: usize = row.iter().product();
    for (i, place) in places.into_iter().enumerate() {
        let mut run = std::iter::once(Run::once(0, i * len, len));
        list.set(place, Some(assemble(row, &[tensor], &mut run)))?;
    }
    Ok(vec![list.into()])
}

lists! {
    /// A list with a tensor's rows at these places.
    TensorListScatter &["tensor: element_dtype", "indices: int32", "element_shape: shape_type"] =>
        &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let (element_dtype, element_shape) = (x.tensor(0)?.dtype(), element_shape(&x, 2)?);
            scattered(TensorList::new(element_dtype, element_shape, Vec::new())?, &x)
        };

    /// A list of so many items with a tensor's rows at these places.
    TensorListScatterV2 &[
        "tensor: element_dtype", "indices: int32", "element_shape: shape_type", "num_elements: int32"
    ] => &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let (element_dtype, element_shape) = (x.tensor(0)?.dtype(), element_shape(&x, 2)?);
            // -1 is as many as the indices ask for.
            let n = usize::try_from(x.int(3)?).unwrap_or(0);
            checked_len(&[n])?;
            if x.int(3)? >= 0 {
                ensure!(x.sizes(1)?.iter().all(|i| *i < n), "an index beyond {n} items");
            }
            let mut list = TensorList::new(element_dtype, element_shape, Vec::new())?;
            list.resize(n)?;
            scattered(list, &x)
        };

    /// The items of one list, then those of another.
    TensorListConcatLists &["input_a: variant", "input_b: variant"] => &["output: variant"],
        |_x| vec![Shape::scalar()],
        |_op, x| {
            let mut x = x;
            let more = x.list(1)?.items().to_vec();
            let mut list = x.take_list(0)?;
            ensure!(list.element_dtype == x.list(1)?.element_dtype, "the lists have unlike types");
            let n = list.items().len();
            for (i, item) in more.into_iter().enumerate() {
                list.set(n + i, item)?;
            }
            Ok(vec![list.into()])
        };

    /// A list of pieces of a tensor.
    TensorListSplit &["tensor: element_dtype", "element_shape: shape_type", "lengths: int64"] =>
        &["output_handle: variant"], |_x| vec![Shape::scalar()],
        |_op, x| {
            let (element_dtype, element_shape) = (x.tensor(0)?.dtype(), element_shape(&x, 1)?);
            let items = split(x.tensor(0)?, &x.sizes(2)?)?.into_iter().map(Some).collect();
            Ok(vec![TensorList::new(element_dtype, element_shape, items)?.into()])
        };

    /// The items one after the other, and the length of each.
    TensorListConcatV2 &["input_handle: variant", "element_shape: shape_type", "leading_dims: int64"]
        => &["tensor: element_dtype", "lengths: int64"],
        |_x| vec![Shape::UNKNOWN, Shape::of_rank(1)],
        |_op, x| {
            let shape = element_shape(&x, 1)?;
            joined(x.list(0)?, &shape, &x.ints(2)?)
        };
}

/// All items one after the other. Items that were never set have the first dims of `leading`.
fn joined(list: &TensorList, shape: &Shape, leading: &[i64]) -> Result<Vec<Value>> {
    let inner =
        |shape: &Shape| Shape(shape.dims().map(|dims| dims.get(1..).unwrap_or(&[]).to_vec()));
    let one = |i: usize| {
        let first = leading.get(i).and_then(|n| usize::try_from(*n).ok());
        let shape = match (first, shape.dims()) {
            (Some(n), Some(dims)) if !dims.is_empty() => {
                Shape::from([&[Dim::Known(n)], &dims[1..]].concat())
            }
            _ => shape.clone(),
        };
        item(list, i, &shape)
    };
    let items: Vec<DenseTensor> = (0..list.items().len()).map(one).collect::<Result<_>>()?;
    let known = inner(shape).merge(&inner(&list.element_shape)).unwrap_or(Shape::UNKNOWN);
    let (tensor, lengths) = concatenated(&items, list.element_dtype, &known)?;
    Ok(vec![tensor.into(), lengths.into()])
}

op! {
    /// The items one after the other, and the length of each.
    TensorListConcat = "TensorListConcat", Stateful {
        /// The type of the items.
        element_dtype: DType,
        /// What is known of the items' shape.
        element_shape: Shape = Shape::UNKNOWN,
    }
    ("input_handle: variant") -> ("tensor: element_dtype", "lengths: int64") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN, Shape::of_rank(1)]) }
    eval(op, x, context) { joined(x.list(0)?, &op.element_shape, &[]) }
}

op! {
    /// The list with a tensor's rows at these places.
    TensorListScatterIntoExisting = "TensorListScatterIntoExistingList", Stateful {
        /// The type of the items.
        element_dtype: DType,
    }
    ("input_handle: variant", "tensor: element_dtype", "indices: int32") -> ("output_handle: variant")
    []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let mut x = x;
        let list = x.take_list(0)?;
        let mut values = x.into_values();
        values.remove(0);
        scattered(list, &values.into())
    }
}

op! {
    /// The list with another item at an index.
    TensorListSetItem = "TensorListSetItem", Stateful {
        /// The type of the items.
        element_dtype: DType,
        /// An index beyond the end makes the list longer.
        resize_if_index_out_of_bounds: bool = false,
    }
    ("input_handle: variant", "index: int32", "item: element_dtype") -> ("output_handle: variant")
    []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let item = x.tensor(2)?.clone();
        let mut x = x;
        let mut list = x.take_list(0)?;
        check_item(&list, &item)?;
        let n = list.items().len();
        let i = index(&x, 1, if op.resize_if_index_out_of_bounds { usize::MAX } else { n })?;
        list.set(i, Some(item))?;
        Ok(vec![list.into()])
    }
}

op! {
    /// The shape of every item, -1 for what is not known.
    TensorListElementShape = "TensorListElementShape", Stateful {
        /// The type of the dims.
        shape_type: DType,
    }
    ("input_handle: variant") -> ("element_shape: shape_type") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        let dim = |dim: &Dim| dim.known().map_or(-1, |n| n.cast_signed() as i64);
        let dims = x.list(0)?.element_shape.dims().map(|dims| dims.iter().map(dim).collect());
        let (shape, dims) = dims.map_or((vec![], vec![-1]), |d: Vec<i64>| (vec![d.len()], d));
        Ok(vec![crate::wide::Narrow::narrow(op.shape_type, &shape, dims).into()])
    }
}
