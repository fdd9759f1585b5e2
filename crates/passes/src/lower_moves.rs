//! Says ops that only move elements as one gather.
//!
//! `op(x) == gather(flatten(x) ++ padding, op(0, 1, 2, …))`: what the op does to the numbers of the
//! elements says where each element comes from; the padding has the number behind the last.
//! The table is the op's own result, so there is no second implementation of it.
//! Requires: the dims that the op looks at, constants for everything but the elements, and a table
//! that is not large. Leaves: reshapes and a `GatherV2`, called as the node was.

use tensorferry_ir::{Attr, Dim, Edge, NodeId, Type};
use tensorferry_ops::{Instance, NoContext, Registry, Value};
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::{Chain, scalar, shape_of};
use crate::editor::Editor;

/// A table of more elements is larger than what it saves.
const TABLE_MAX: usize = 1 << 20;

const INT: Type = Type::Data(DType::Int32);

/// An op that moves elements.
struct Move {
    name: &'static str,
    /// How many of the first inputs are elements; the others are constants.
    n_data: usize,
    /// The constant that fills places which no element goes to; without one they are 0.
    padding: Option<usize>,
    /// How many of the last dims of each data input the op looks at, `None` for all of them: it does
    /// the same for every index of those before.
    inner: Inner,
}

#[derive(Clone, Copy)]
enum Inner {
    /// All dims.
    All,
    /// So many last dims.
    Last(usize),
    /// As many last dims as a band of diagonals has, by the constant that says which.
    Band(usize),
}

const MOVES: &[Move] = &[
    Move { name: "MatrixDiag", n_data: 1, padding: None, inner: Inner::Last(1) },
    Move { name: "MatrixDiagV2", n_data: 1, padding: Some(4), inner: Inner::Band(1) },
    Move { name: "MatrixDiagV3", n_data: 1, padding: Some(4), inner: Inner::Band(1) },
    Move { name: "MatrixDiagPart", n_data: 1, padding: None, inner: Inner::Last(2) },
    Move { name: "MatrixDiagPartV2", n_data: 1, padding: Some(2), inner: Inner::Last(2) },
    Move { name: "MatrixDiagPartV3", n_data: 1, padding: Some(2), inner: Inner::Last(2) },
    Move { name: "Diag", n_data: 1, padding: None, inner: Inner::All },
    Move { name: "DiagPart", n_data: 1, padding: None, inner: Inner::All },
    Move { name: "ReverseSequence", n_data: 1, padding: None, inner: Inner::All },
    Move { name: "ExtractImagePatches", n_data: 1, padding: None, inner: Inner::Last(3) },
    Move { name: "ExtractVolumePatches", n_data: 1, padding: None, inner: Inner::Last(4) },
    Move { name: "MatrixSetDiag", n_data: 2, padding: None, inner: Inner::Last(2) },
    Move { name: "MatrixSetDiagV2", n_data: 2, padding: None, inner: Inner::Last(2) },
    Move { name: "MatrixSetDiagV3", n_data: 2, padding: None, inner: Inner::Last(2) },
];

/// Lowers a node that moves elements.
pub(crate) fn lower(editor: &mut Editor<'_>, id: NodeId, ops: &Registry) -> Option<()> {
    let op = editor.node(id).op.as_str();
    let is_open = op == "ReverseSequence" && editor.constant(editor.node(id).inputs[1]).is_none();
    if is_open {
        return reverse_sequence(editor, id);
    }
    let moves = MOVES.iter().find(|moves| moves.name == op)?;
    let inputs = editor.node(id).inputs.clone();
    let (data, constants) = inputs.split_at_checked(moves.n_data)?;
    let mut values = Vec::new();
    for edge in constants {
        values.push(editor.constant(*edge)?.dense().ok()?);
    }
    let parts = parts(editor, moves, data, &values)?;
    let table = table(editor, id, moves, &parts, values, ops)?;
    write(editor, id, moves, data, constants, &parts, table)
}

/// The dims of an input that the op looks at, and those before.
struct Part {
    outer: Vec<Dim>,
    inner: Vec<usize>,
}

impl Part {
    fn len(&self) -> Option<usize> {
        self.inner.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim))
    }
}

fn parts(
    editor: &Editor<'_>,
    moves: &Move,
    data: &[Edge],
    constants: &[DenseTensor],
) -> Option<Vec<Part>> {
    let matrix = editor.dims(*data.first()?)?;
    let mut all = Vec::new();
    for (i, edge) in data.iter().enumerate() {
        let dims = editor.dims(*edge)?;
        let n = match moves.inner {
            Inner::All => dims.len(),
            // Diagonals lie in as many dims as are not those of other matrices.
            Inner::Last(n) if i > 0 => dims.len() - (matrix.len().checked_sub(n)?).min(dims.len()),
            Inner::Last(n) => n,
            Inner::Band(k) => {
                let k = constants.get(k.checked_sub(data.len())?)?.to_f64()?;
                if k.len() == 2 && k[0] != k[1] { 2 } else { 1 }
            }
        };
        let (outer, inner) = dims.split_at(dims.len().checked_sub(n)?);
        let inner = inner.iter().map(|dim| dim.known()).collect::<Option<Vec<usize>>>()?;
        all.push(Part { outer: outer.to_vec(), inner });
    }
    let first = all.first()?.outer.len();
    all.iter().all(|part| part.outer.len() == first).then_some(all)
}

/// What the op makes of the numbers of the elements. Numbers begin at 1: 0 is no element.
fn table(
    editor: &Editor<'_>,
    id: NodeId,
    moves: &Move,
    parts: &[Part],
    mut constants: Vec<DenseTensor>,
    ops: &Registry,
) -> Option<DenseTensor> {
    let n_first = parts.first()?.outer.len();
    let mut start = 1_i32;
    let mut values = Vec::new();
    for part in parts {
        let n = part.len().filter(|n| *n <= TABLE_MAX)?;
        let end = start.checked_add(i32::try_from(n).ok()?)?;
        let shape = [vec![1; n_first], part.inner.clone()].concat();
        values.push(Value::from(DenseTensor::new(&shape, (start..end).collect::<Vec<i32>>())));
        start = end;
    }
    if let Some(padding) = moves.padding {
        *constants.get_mut(padding.checked_sub(moves.n_data)?)? = DenseTensor::scalar(0_i32);
    }
    values.extend(constants.into_iter().map(Value::from));
    let node = editor.node(id);
    let mut attrs = node.attrs.clone();
    attrs.insert("T".to_owned(), Attr::Type(INT));
    let instance = Instance::new(ops.find(&node.op)?, &attrs, values.len()).ok()?;
    // Constants may ask for a result of any size: it is known before it is computed.
    let facts: Vec<tensorferry_ops::Fact> =
        values.iter().map(|v| v.tensor().map(tensorferry_ops::Fact::of)).collect::<Option<_>>()?;
    let made = instance.infer(&facts, &mut NoContext::default()).ok()?;
    made.first()?.shape.n_elements().filter(|n| *n <= TABLE_MAX)?;
    let made = instance.eval(values, &mut NoContext::default()).ok()?;
    made.first()?.tensor().cloned()
}

fn write(
    editor: &mut Editor<'_>,
    id: NodeId,
    moves: &Move,
    data: &[Edge],
    constants: &[Edge],
    parts: &[Part],
    table: DenseTensor,
) -> Option<()> {
    let ty = editor.ty(data[0])?;
    let n_first = parts.first()?.outer.len();
    let n: usize = parts.iter().map(Part::len).sum::<Option<usize>>()?;
    let inner: Vec<Dim> = table.shape()[n_first..].iter().map(|dim| Dim::Known(*dim)).collect();
    let shape = shape_of(&[parts[0].outer.clone(), inner].concat())?;
    let mut places: Vec<i32> = table.as_slice::<i32>()?.to_vec();
    let has_holes = places.contains(&0);
    if places.is_empty() || n == 0 {
        return None;
    }
    let end = i32::try_from(n).ok()?;
    places.iter_mut().for_each(|place| *place = if *place == 0 { end } else { *place - 1 });
    let padding = match moves.padding {
        Some(at) => Some(*constants.get(at.checked_sub(moves.n_data)?)?),
        None => None,
    };
    let zero = scalar(ty, 0.0);
    if has_holes && padding.is_none() && zero.is_none() {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let mut flat = Vec::new();
    for (edge, part) in data.iter().zip(parts) {
        let n = i32::try_from(part.len()?).ok()?;
        flat.push(chain.reshape(*edge, ty, vec![-1, n]));
    }
    let mut x = match flat[..] {
        [one] => one,
        _ => chain.concat(&flat, ty, 1),
    };
    if has_holes {
        let padding = match (padding, zero) {
            (Some(padding), _) => padding,
            (None, zero) => chain.constant("padding", zero?),
        };
        let pads = chain.constant("pads", DenseTensor::new(&[2, 2], vec![0_i32, 0, 0, 1]));
        let attrs = Chain::with(ty, &[("Tpaddings", Attr::Type(INT))]);
        x = chain.push("PadV2", &[x, pads, padding], attrs);
    }
    let places = chain.ints("places", places);
    let x = chain.gather(x, ty, places, 1, 0);
    let shape = chain.ints("shape", shape);
    chain.finish("Reshape", &[x, shape], Chain::reshape_attrs(ty))
}

/// `y[b, t] == x[b, where(t < n[b], n[b] - 1 - t, t)]` for lengths that are not known. Requires the
/// length of the whole sequence.
fn reverse_sequence(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, lens] = node.inputs[..] else { return None };
    let dims = editor.dims(x)?;
    let rank = i64::try_from(dims.len()).ok()?;
    let axis = |name: &str| -> Option<usize> {
        let axis = node.attrs.get(name).and_then(Attr::as_int).unwrap_or(0);
        usize::try_from(if axis < 0 { axis + rank } else { axis }).ok()
    };
    let (seq, batch) = (axis("seq_dim")?, axis("batch_dim")?);
    let n = i32::try_from(dims.get(seq)?.known()?).ok()?;
    let (ty, lens_type) = (editor.ty(x)?, editor.ty(lens)?);
    let rest = (0..dims.len()).filter(|axis| *axis != seq && *axis != batch);
    let order: Vec<usize> = [batch, seq].into_iter().chain(rest).collect();
    let back = |axis: usize| order.iter().position(|from| *from == axis);
    let back: Vec<i32> =
        (0..dims.len()).map(|axis| i32::try_from(back(axis)?).ok()).collect::<Option<_>>()?;
    let is_sorted = order.is_sorted();
    let order: Vec<i32> =
        order.iter().map(|axis| i32::try_from(*axis).ok()).collect::<Option<_>>()?;
    let mut chain = Chain::new(editor, id);
    let lens = chain.cast(lens, lens_type, INT);
    let lens = chain.reshape(lens, INT, vec![-1, 1]);
    let steps: Vec<i32> = (0..n).collect();
    let ends: Vec<i32> = (1..=n).collect();
    let row = [1, steps.len()];
    let steps = chain.constant("steps", DenseTensor::new(&row, steps));
    let ends = chain.constant("ends", DenseTensor::new(&row, ends));
    let is_inside = chain.simple("Less", &[steps, lens], INT);
    let mirrored = chain.simple("Sub", &[lens, ends], INT);
    let places = chain.simple("SelectV2", &[is_inside, mirrored, steps], INT);
    if is_sorted {
        let axis = chain.constant("axis", DenseTensor::scalar(1_i32));
        return chain.finish("GatherV2", &[x, places, axis], Chain::gather_attrs(ty, 1));
    }
    let x = chain.transpose(x, ty, order);
    let y = chain.gather(x, ty, places, 1, 1);
    let back = chain.ints("back", back);
    chain.finish("Transpose", &[y, back], Chain::with(ty, &[("Tperm", Attr::Type(INT))]))
}
