//! Says what sorts rows into groups with comparisons, gathers and scatters.
//!
//! Each rewrite has its equation. Requires: what the equation needs to know of shapes and constants.
//! Leaves: the node's name on the last op.

use tensorferry_ir::{Attr, Edge, NodeId, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::{Chain, scalar};
use crate::editor::Editor;

const INT: Type = Type::Data(DType::Int32);

/// A mask of more elements is slower than anyone wants.
const MASK_MAX: usize = 1 << 20;

/// Lowers a node that works on groups of rows.
pub(crate) fn lower(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    match editor.node(id).op.as_str() {
        "SegmentSum" | "UnsortedSegmentSum" => segment_sum(editor, id),
        "SegmentMax" => segments(editor, id, "Max"),
        "SegmentMin" => segments(editor, id, "Min"),
        "SegmentProd" => segments(editor, id, "Prod"),
        "SegmentMean" => segments(editor, id, "Mean"),
        "UnsortedSegmentMax" => segments(editor, id, "Max"),
        "UnsortedSegmentMin" => segments(editor, id, "Min"),
        "UnsortedSegmentProd" => segments(editor, id, "Prod"),
        "DynamicPartition" => partition(editor, id),
        "DynamicStitch" | "ParallelDynamicStitch" => stitch(editor, id),
        _ => None,
    }
}

/// The number that changes nothing, and what comes out of a group without rows.
fn neutral(reduction: &str, ty: Type, is_sorted: bool) -> Option<(f64, f64)> {
    let (low, high) = match ty.dtype()? {
        DType::Float32 => (f64::from(f32::MIN), f64::from(f32::MAX)),
        DType::Float64 => (f64::MIN, f64::MAX),
        DType::Int32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => return None,
    };
    let own = match reduction {
        "Max" => low,
        "Min" => high,
        "Prod" => 1.0,
        _ => 0.0,
    };
    // Sorted groups that are missing are 0, but products of nothing are 1.
    let empty = if is_sorted && reduction != "Prod" { 0.0 } else { own };
    Some((own, empty))
}

/// `segment_sum(x, s)[k] == sum of x[i] where s[i] == k`: a scatter that adds up. Rows of negative
/// groups are left out: where there may be some they go to one group more, which is cut off.
/// Requires the number of groups and the shape of a row.
fn segment_sum(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let (x, ids) = (node.inputs[0], node.inputs[1]);
    let is_sorted = node.inputs.len() == 2;
    let known = editor.fact(ids)?.ints();
    let n_groups = match node.inputs.get(2) {
        Some(n) => editor.fact(*n)?.int()?,
        None => known.as_ref()?.last()? + 1,
    };
    let has_negative = !is_sorted && known.is_none_or(|ids| ids.iter().any(|id| *id < 0));
    let n_groups = i32::try_from(n_groups).ok().filter(|n| (1..i32::MAX).contains(n))?;
    let dims = editor.dims(x)?;
    if editor.dims(ids)?.len() != 1 || dims.is_empty() {
        return None;
    }
    let row = dims.iter().skip(1).map(|dim| i32::try_from(dim.known()?).ok());
    let row: Vec<i32> = row.collect::<Option<_>>()?;
    let (ty, ids_type) = (editor.ty(x)?, editor.ty(ids)?);
    let mut chain = Chain::new(editor, id);
    let mut ids = chain.cast(ids, ids_type, INT);
    let mut n_rows = n_groups;
    if has_negative {
        n_rows += 1;
        let (zero, last) = (chain.number("zero", INT, 0.0)?, chain.ints("last", vec![n_groups]));
        let is_negative = chain.simple("Less", &[ids, zero], INT);
        ids = chain.simple("SelectV2", &[is_negative, last, ids], INT);
    }
    let axis = chain.constant("axis", DenseTensor::scalar(-1_i32));
    let rows =
        chain.push("ExpandDims", &[ids, axis], Chain::with(INT, &[("Tdim", Attr::Type(INT))]));
    let shape = chain.ints("shape", [&[n_rows][..], &row].concat());
    let attrs = Chain::with(ty, &[("Tindices", Attr::Type(INT))]);
    if !has_negative {
        return chain.finish("ScatterNd", &[rows, x, shape], attrs);
    }
    let all = chain.push("ScatterNd", &[rows, x, shape], attrs);
    let begin = chain.ints("begin", vec![0; row.len() + 1]);
    let size = chain.ints("size", [&[n_groups][..], &row].concat());
    chain.finish("Slice", &[all, begin, size], Chain::with(ty, &[("Index", Attr::Type(INT))]))
}

/// `segment_max(x, s)[k] == max over i of where(s[i] == k, x[i], lowest)`, and so for the others.
/// Requires the number of groups and of rows.
fn segments(editor: &mut Editor<'_>, id: NodeId, reduction: &str) -> Option<()> {
    let node = editor.node(id);
    let (x, ids) = (node.inputs[0], node.inputs[1]);
    let is_sorted = node.inputs.len() == 2;
    let known = editor.fact(ids)?.ints();
    let n_groups = match node.inputs.get(2) {
        Some(n) => editor.fact(*n)?.int()?,
        None => known.as_ref()?.iter().max().map_or(0, |last| last + 1),
    };
    let (ty, ids_type) = (editor.ty(x)?, editor.ty(ids)?);
    let (own, empty) = neutral(reduction, ty, is_sorted)?;
    let (dims, ids_dims) = (editor.dims(x)?, editor.fact(ids)?.shape.known()?);
    let rows: usize = ids_dims.iter().product();
    let groups = usize::try_from(n_groups).ok().filter(|n| *n > 0)?;
    let inner = dims.get(ids_dims.len()..)?;
    let inner: Vec<usize> = inner.iter().map(|dim| dim.known()).collect::<Option<_>>()?;
    let size = inner.iter().try_fold(groups.checked_mul(rows)?, |n, dim| n.checked_mul(*dim))?;
    // Means need the number of rows in each group: it must be known, and sums must be of floats.
    let is_mean = reduction == "Mean";
    if size > MASK_MAX || size == 0 || (is_mean && !ty.dtype()?.is_float()) {
        return None;
    }
    let ones = vec![1; inner.len()];
    let x_shape = to_dims(&[&[1, rows][..], &inner].concat())?;
    let group_shape = [&[groups, 1][..], &ones].concat();
    let row_shape = to_dims(&[&[1, rows][..], &ones].concat())?;
    let numbers: Vec<i32> = (0..i32::try_from(groups).ok()?).collect();
    let found = |k: usize| {
        known.as_ref().is_none_or(|all| all.iter().any(|id| usize::try_from(*id) == Ok(k)))
    };
    let has_empty = is_sorted && (0..groups).any(|k| !found(k));
    let counts: Vec<f64> = (0..groups)
        .map(|k| {
            known.iter().flatten().filter(|id| usize::try_from(**id) == Ok(k)).count().max(1) as f64
        })
        .collect();
    let mut chain = Chain::new(editor, id);
    let x = chain.reshape(x, ty, x_shape);
    let ids = chain.cast(ids, ids_type, INT);
    let ids = chain.reshape(ids, INT, row_shape);
    let groups_at = chain.constant("groups", DenseTensor::new(&group_shape, numbers));
    let mask = chain.simple("Equal", &[ids, groups_at], INT);
    let other = chain.number("neutral", ty, own)?;
    let all = chain.simple("SelectV2", &[mask, x, other], ty);
    let axes = chain.ints("axes", vec![1]);
    let attrs = Chain::reduce_attrs(ty, false);
    if is_mean {
        let sum = chain.push("Sum", &[all, axes], attrs);
        let shape = [&[groups][..], &ones].concat();
        let counts = match ty.dtype()? {
            DType::Float64 => DenseTensor::new(&shape, counts),
            _ => DenseTensor::new(&shape, counts.iter().map(|n| *n as f32).collect::<Vec<f32>>()),
        };
        let counts = chain.constant("counts", counts);
        return chain.finish("RealDiv", &[sum, counts], Chain::typed(ty));
    }
    if !has_empty || own == empty {
        return chain.finish(reduction, &[all, axes], attrs);
    }
    let best = chain.push(reduction, &[all, axes], attrs);
    let shape = [&[groups][..], &ones].concat();
    let is_there = chain.constant(
        "is_there",
        DenseTensor::new(&shape, (0..groups).map(found).collect::<Vec<bool>>()),
    );
    let nothing = chain.constant("nothing", scalar(ty, empty)?);
    chain.finish("SelectV2", &[is_there, best, nothing], Chain::typed(ty))
}

fn to_dims(dims: &[usize]) -> Option<Vec<i32>> {
    dims.iter().map(|dim| i32::try_from(*dim).ok()).collect()
}

/// `partition(x, p)[k] == gather_nd(x, where(p == k))`.
fn partition(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, partitions] = node.inputs[..] else { return None };
    let n = node.attrs.get("num_partitions").and_then(Attr::as_int)?;
    let n = u32::try_from(n).ok().filter(|n| *n <= PARTS_MAX)?;
    let ty = editor.ty(x)?;
    if editor.is_result(id) || editor.dims(partitions)?.is_empty() || n == 0 {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let mut last = None;
    for output in (0..n).rev() {
        let number = chain.constant("number", DenseTensor::scalar(output.cast_signed()));
        let is_here = chain.simple("Equal", &[partitions, number], INT);
        let places = chain.push("Where", &[is_here], Chain::typed(DType::Bool.into()));
        last = Some(places);
        if output > 0 {
            let part = chain.push("GatherNd", &[x, places], nd(ty));
            chain.answer(output, part);
        }
    }
    chain.finish("GatherNd", &[x, last?], nd(ty))
}

/// Where is int64 in TensorFlow.
fn nd(ty: Type) -> tensorferry_ir::Attrs {
    [
        ("Tparams".to_owned(), Attr::Type(ty)),
        ("Tindices".to_owned(), Attr::Type(DType::Int64.into())),
    ]
    .into()
}

/// More parts than this make a graph that nobody wants.
const PARTS_MAX: u32 = 64;

/// `stitch(i, x) == gather(concat(x), table)` for constant places, the table saying which row comes to
/// each place, the last one where several do; for others
/// `stitch(i, x) == tensor_scatter_update(zeros, concat(i), concat(x))`.
/// Requires the shape of a row. Places that no row goes to are not set in TensorFlow, and 0 here.
fn stitch(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let inputs = editor.node(id).inputs.clone();
    let (places, data) = inputs.split_at_checked(inputs.len() / 2)?;
    let first = *data.first()?;
    let rank = editor.dims(places[0])?.len();
    let row = editor.dims(first)?.get(rank..)?.to_vec();
    let row: Vec<i32> =
        row.iter().map(|dim| i32::try_from(dim.known()?).ok()).collect::<Option<_>>()?;
    let ty = editor.ty(first)?;
    let known: Option<Vec<Vec<i64>>> =
        places.iter().map(|edge| editor.fact(*edge)?.ints()).collect();
    if row.contains(&0) {
        return None;
    }
    let table = match &known {
        Some(known) => Some(table(known)?),
        None => None,
    };
    let mut chain = Chain::new(editor, id);
    let rows_shape = [vec![-1], row.clone()].concat();
    let rows: Vec<Edge> = data.iter().map(|x| chain.reshape(*x, ty, rows_shape.clone())).collect();
    let rows = if rows.len() == 1 { rows[0] } else { chain.concat(&rows, ty, 0) };
    if let Some(table) = table {
        let table = chain.ints("table", table);
        let axis = chain.constant("axis", DenseTensor::scalar(0_i32));
        return chain.finish("GatherV2", &[rows, table, axis], Chain::gather_attrs(ty, 0));
    }
    let lists: Vec<Edge> = places.iter().map(|i| chain.reshape(*i, INT, vec![-1])).collect();
    let list = if lists.len() == 1 { lists[0] } else { chain.concat(&lists, INT, 0) };
    let one = chain.constant("one", DenseTensor::vector(vec![1_i32]));
    let last = chain.reduce("Max", list, INT, vec![0], true);
    let n = chain.simple("AddV2", &[last, one], INT);
    let row = chain.ints("row", row);
    let shape = chain.concat(&[n, row], INT, 0);
    let zero = chain.number("zero", ty, 0.0)?;
    let attrs = Chain::with(ty, &[("index_type", Attr::Type(INT))]);
    let zeros = chain.push("Fill", &[shape, zero], attrs);
    let list = chain.reshape(list, INT, vec![-1, 1]);
    let attrs = Chain::with(ty, &[("Tindices", Attr::Type(INT))]);
    chain.finish("TensorScatterUpdate", &[zeros, list, rows], attrs)
}

/// Which row comes to each place; every place must have one.
fn table(places: &[Vec<i64>]) -> Option<Vec<i32>> {
    let n = places.iter().flatten().max().map_or(0, |last| last + 1);
    let n = usize::try_from(n).ok().filter(|n| (1..=MASK_MAX).contains(n))?;
    let mut table = vec![None; n];
    for (row, place) in (0_i32..).zip(places.iter().flatten()) {
        *table.get_mut(usize::try_from(*place).ok()?)? = Some(row);
    }
    table.into_iter().collect()
}
