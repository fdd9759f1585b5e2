//! Says arithmetic that TensorFlow.js lacks in arithmetic that it has.
//!
//! Each rewrite has its equation. Requires: what the equation needs to know of types, shapes and
//! constants. Leaves: the node's name on the last op.

use tensorferry_ir::{Attr, Edge, NodeId, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::Chain;
use crate::editor::Editor;

const INT: Type = Type::Data(DType::Int32);
const FLOAT: Type = Type::Data(DType::Float32);

/// Lowers a node of arithmetic.
pub(crate) fn lower(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    match editor.node(id).op.as_str() {
        "TruncateDiv" => truncate_div(editor, id),
        "ApproximateEqual" => approximate_equal(editor, id),
        "Invert" => invert(editor, id),
        "L2Loss" => l2_loss(editor, id),
        "Cross" => cross(editor, id),
        "TensorScatterSub" => tensor_scatter_sub(editor, id),
        "AdjustContrastv2" => adjust_contrast(editor, id),
        "HSVToRGB" => hsv_to_rgb(editor, id),
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => batch_norm(editor, id),
        "FakeQuantWithMinMaxArgs"
        | "FakeQuantWithMinMaxVars"
        | "FakeQuantWithMinMaxVarsPerChannel" => fake_quant(editor, id),
        "MaxPoolV2" => max_pool(editor, id),
        "SpaceToBatch" => blocks(editor, id, "SpaceToBatchND"),
        "BatchToSpace" => blocks(editor, id, "BatchToSpaceND"),
        "NonMaxSuppression" => suppression(editor, id),
        "ImageProjectiveTransformV2" => projective(editor, id),
        "UniqueWithCounts" | "UniqueWithCountsV2" => unique_with_counts(editor, id),
        _ => None,
    }
}

/// `truncate_div(x, y) == sign(x) * sign(y) * floor_div(|x|, |y|)`.
fn truncate_div(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, y] = editor.node(id).inputs[..] else { return None };
    let ty = editor.ty(x)?;
    // There is no sign of numbers that have none.
    if !matches!(ty.dtype()?, DType::Int32 | DType::Int64 | DType::Int16 | DType::Int8) {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let signs = [x, y].map(|edge| chain.simple("Sign", &[edge], ty));
    let sizes = [x, y].map(|edge| chain.simple("Abs", &[edge], ty));
    let sign = chain.simple("Mul", &signs, ty);
    let size = chain.simple("FloorDiv", &sizes, ty);
    chain.finish("Mul", &[sign, size], Chain::typed(ty))
}

/// `approximate_equal(x, y) == |x - y| < tolerance`.
fn approximate_equal(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, y] = node.inputs[..] else { return None };
    let tolerance = match node.attrs.get("tolerance") {
        Some(Attr::Float(tolerance)) => f64::from(*tolerance),
        _ => 1e-5,
    };
    let ty = editor.ty(x)?;
    if !ty.dtype()?.is_float() {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let tolerance = chain.number("tolerance", ty, tolerance)?;
    let apart = chain.simple("Sub", &[x, y], ty);
    let apart = chain.simple("Abs", &[apart], ty);
    chain.finish("Less", &[apart, tolerance], Chain::typed(ty))
}

/// `!x == -1 - x` of numbers with a sign.
fn invert(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = *editor.node(id).inputs.first()?;
    let ty = editor.ty(x)?;
    if !matches!(ty.dtype()?, DType::Int32 | DType::Int64 | DType::Int16 | DType::Int8) {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let ones = chain.number("ones", ty, -1.0)?;
    chain.finish("Sub", &[ones, x], Chain::typed(ty))
}

/// `l2_loss(x) == sum(x * x) / 2`.
fn l2_loss(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = *editor.node(id).inputs.first()?;
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    let half = chain.number("half", ty, 0.5)?;
    let squares = chain.simple("Square", &[x], ty);
    let flat = chain.reshape(squares, ty, vec![-1]);
    let sum = chain.reduce("Sum", flat, ty, vec![0], false);
    chain.finish("Mul", &[sum, half], Chain::typed(ty))
}

/// `a x b == a[1, 2, 0] * b[2, 0, 1] - a[2, 0, 1] * b[1, 2, 0]` along the last axis.
fn cross(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [a, b] = editor.node(id).inputs[..] else { return None };
    let last = i32::try_from(editor.dims(a)?.len()).ok()? - 1;
    let ty = editor.ty(a)?;
    let mut chain = Chain::new(editor, id);
    let left = chain.ints("left", vec![1, 2, 0]);
    let right = chain.ints("right", vec![2, 0, 1]);
    let mut product = |x: Edge, y: Edge, of_x: Edge, of_y: Edge| {
        let x = chain.gather(x, ty, of_x, last, 0);
        let y = chain.gather(y, ty, of_y, last, 0);
        chain.simple("Mul", &[x, y], ty)
    };
    let plus = product(a, b, left, right);
    let minus = product(a, b, right, left);
    chain.finish("Sub", &[plus, minus], Chain::typed(ty))
}

/// `tensor_scatter_sub(x, i, u) == x - scatter(i, u)`. Requires the shape of `x`.
fn tensor_scatter_sub(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, indices, updates] = editor.node(id).inputs[..] else { return None };
    let dims = editor.fact(x)?.shape.known()?;
    let dims = dims.into_iter().map(|dim| i32::try_from(dim).ok()).collect::<Option<Vec<_>>>()?;
    let (ty, index_type) = (editor.ty(x)?, editor.ty(indices)?);
    let mut chain = Chain::new(editor, id);
    let indices = chain.cast(indices, index_type, INT);
    let shape = chain.ints("shape", dims);
    let attrs = Chain::with(ty, &[("Tindices", Attr::Type(INT))]);
    let sum = chain.push("ScatterNd", &[indices, updates, shape], attrs);
    chain.finish("Sub", &[x, sum], Chain::typed(ty))
}

/// `adjust_contrast(x, f) == (x - m) * f + m`, `m` being the mean of each channel of each image.
fn adjust_contrast(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, factor] = editor.node(id).inputs[..] else { return None };
    let rank = i32::try_from(editor.dims(x)?.len()).ok().filter(|rank| *rank >= 3)?;
    let ty = editor.ty(x).filter(|ty| *ty == FLOAT)?;
    let mut chain = Chain::new(editor, id);
    let mean = chain.reduce("Mean", x, ty, vec![rank - 3, rank - 2], true);
    let apart = chain.simple("Sub", &[x, mean], ty);
    let apart = chain.simple("Mul", &[apart, factor], ty);
    chain.finish("AddV2", &[apart, mean], Chain::typed(ty))
}

/// `rgb == (1 - s + s * d) * v` with
/// `d == clip([|6 h - 3| - 1, 2 - |6 h - 2|, 2 - |6 h - 4|], 0, 1)`, which is
/// `clip(a + b * |6 h - c|)` for three constants with an entry per color.
fn hsv_to_rgb(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = *editor.node(id).inputs.first()?;
    let rank = i32::try_from(editor.dims(x)?.len()).ok()?;
    let ty = editor.ty(x).filter(|ty| *ty == FLOAT)?;
    let mut chain = Chain::new(editor, id);
    let axis = chain.constant("axis", DenseTensor::scalar(rank - 1));
    let parts = chain.push("Split", &[axis, x], Chain::with(ty, &[("num_split", Attr::Int(3))]));
    let [h, s, v] = [0, 1, 2].map(|output| Edge { node: parts.node, output });
    let row = |chain: &mut Chain<'_, '_>, what: &str, all: [f32; 3]| {
        chain.constant(what, DenseTensor::vector(all.to_vec()))
    };
    let six = chain.number("six", ty, 6.0)?;
    let zero = chain.number("zero", ty, 0.0)?;
    let one = chain.number("one", ty, 1.0)?;
    let (a, b, c) = (
        row(&mut chain, "a", [-1.0, 2.0, 2.0]),
        row(&mut chain, "b", [1.0, -1.0, -1.0]),
        row(&mut chain, "c", [3.0, 2.0, 4.0]),
    );
    let h = chain.simple("Mul", &[h, six], ty);
    let d = chain.simple("Sub", &[h, c], ty);
    let d = chain.simple("Abs", &[d], ty);
    let d = chain.simple("Mul", &[d, b], ty);
    let d = chain.simple("AddV2", &[d, a], ty);
    let d = chain.simple("Maximum", &[d, zero], ty);
    let d = chain.simple("Minimum", &[d, one], ty);
    let d = chain.simple("Mul", &[d, s], ty);
    let gray = chain.simple("Sub", &[one, s], ty);
    let sum = chain.simple("AddV2", &[gray, d], ty);
    chain.finish("Mul", &[sum, v], Chain::typed(ty))
}

/// A batch normalization that computes its statistics:
/// `(x - mean(x)) * (scale / sqrt(variance(x) + epsilon)) + offset` over all axes but the channels'.
/// TensorFlow.js does not read `is_training`.
fn batch_norm(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    if node.attrs.get("is_training") == Some(&Attr::Bool(false)) {
        return None;
    }
    let [x, scale, offset, ..] = node.inputs[..] else { return None };
    let is_nchw = node.attrs.get("data_format").and_then(Attr::as_text) == Some("NCHW");
    let epsilon = match node.attrs.get("epsilon") {
        Some(Attr::Float(epsilon)) => f64::from(*epsilon),
        _ => 1e-4,
    };
    let read = (1..6).any(|output| editor.n_uses(Edge { node: id, output }) > 0);
    if read || editor.ty(x)? != FLOAT {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let axes = if is_nchw { vec![0, 2, 3] } else { vec![0, 1, 2] };
    let per_channel = |chain: &mut Chain<'_, '_>, edge: Edge| match is_nchw {
        true => chain.reshape(edge, FLOAT, vec![1, -1, 1, 1]),
        false => edge,
    };
    let epsilon = chain.number("epsilon", FLOAT, epsilon)?;
    let (scale, offset) = (per_channel(&mut chain, scale), per_channel(&mut chain, offset));
    let mean = chain.reduce("Mean", x, FLOAT, axes.clone(), true);
    let squares = chain.simple("SquaredDifference", &[x, mean], FLOAT);
    let variance = chain.reduce("Mean", squares, FLOAT, axes, true);
    let sum = chain.simple("AddV2", &[variance, epsilon], FLOAT);
    let root = chain.simple("Rsqrt", &[sum], FLOAT);
    let factor = chain.simple("Mul", &[root, scale], FLOAT);
    let apart = chain.simple("Sub", &[x, mean], FLOAT);
    let apart = chain.simple("Mul", &[apart, factor], FLOAT);
    chain.finish("AddV2", &[apart, offset], Chain::typed(FLOAT))
}

/// A grid of numbers that quantization knows.
struct Grid {
    low: f32,
    high: f32,
    step: f32,
}

impl Grid {
    /// TensorFlow moves the limits so that 0 is on the grid (`fake_quant_ops_functor.h`).
    fn new(low: f32, high: f32, n_bits: i64, is_narrow: bool) -> Option<Self> {
        let n_bits = u32::try_from(n_bits).ok().filter(|n| (2..=16).contains(n))?;
        let (first, last) = (f32::from(u8::from(is_narrow)), ((1_u32 << n_bits) - 1) as f32);
        let step = (high - low) / (last - first);
        let zero = first - low / step;
        let zero = if zero < first {
            first
        } else if zero > last {
            last
        } else {
            (zero + 0.5).floor()
        };
        let grid = Self { low: (first - zero) * step, high: (last - zero) * step, step };
        (step.is_finite() && step > 0.0).then_some(grid)
    }
}

/// `fake_quant(x) == floor((clip(x, low, high) - low) / step + 0.5) * step + low` on the grid of the
/// constants; TensorFlow.js gives `x`.
fn fake_quant(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let x = *node.inputs.first()?;
    let attr = |name: &str, default: f32| match node.attrs.get(name) {
        Some(Attr::Float(value)) => *value,
        _ => default,
    };
    let (lows, highs) = match node.inputs[..] {
        [_, low, high] => (editor.floats(low)?, editor.floats(high)?),
        _ => (DenseTensor::scalar(attr("min", -6.0)), DenseTensor::scalar(attr("max", 6.0))),
    };
    let n_bits = node.attrs.get("num_bits").and_then(Attr::as_int).unwrap_or(8);
    let is_narrow = node.attrs.get("narrow_range") == Some(&Attr::Bool(true));
    let grids: Vec<Grid> = lows
        .as_slice::<f32>()?
        .iter()
        .zip(highs.as_slice::<f32>()?)
        .map(|(low, high)| Grid::new(*low, *high, n_bits, is_narrow))
        .collect::<Option<_>>()?;
    let shape = lows.shape().to_vec();
    let mut chain = Chain::new(editor, id);
    let mut each = |what: &str, value: fn(&Grid) -> f32| {
        chain
            .constant(what, DenseTensor::new(&shape, grids.iter().map(value).collect::<Vec<f32>>()))
    };
    let (low, high) = (each("low", |grid| grid.low), each("high", |grid| grid.high));
    let (step, steps) = (each("step", |grid| grid.step), each("steps", |grid| 1.0 / grid.step));
    let half = chain.constant("half", DenseTensor::scalar(0.5_f32));
    let y = chain.simple("Minimum", &[x, high], FLOAT);
    let y = chain.simple("Maximum", &[y, low], FLOAT);
    let y = chain.simple("Sub", &[y, low], FLOAT);
    let y = chain.simple("Mul", &[y, steps], FLOAT);
    let y = chain.simple("AddV2", &[y, half], FLOAT);
    let y = chain.simple("Floor", &[y], FLOAT);
    let y = chain.simple("Mul", &[y, step], FLOAT);
    chain.finish("AddV2", &[y, low], Chain::typed(FLOAT))
}

/// Sizes and strides are attributes in the older op.
fn max_pool(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, sizes, strides] = node.inputs[..] else { return None };
    let (sizes, strides) = (editor.fact(sizes)?.ints()?, editor.fact(strides)?.ints()?);
    let mut attrs = node.attrs.clone();
    attrs.insert("ksize".to_owned(), Attr::ints(&sizes));
    attrs.insert("strides".to_owned(), Attr::ints(&strides));
    editor.set(id, "MaxPool", &[x], attrs);
    Some(())
}

/// One block size for both axes is two block sizes.
fn blocks(editor: &mut Editor<'_>, id: NodeId, op: &str) -> Option<()> {
    let node = editor.node(id);
    let [x, borders] = node.inputs[..] else { return None };
    let size = i32::try_from(node.attrs.get("block_size").and_then(Attr::as_int)?).ok()?;
    let (ty, border_type) = (editor.ty(x)?, editor.ty(borders)?);
    let name = if op == "SpaceToBatchND" { "Tpaddings" } else { "Tcrops" };
    let mut chain = Chain::new(editor, id);
    let sizes = chain.ints("block", vec![size, size]);
    let attrs =
        Chain::with(ty, &[("Tblock_shape", Attr::Type(INT)), (name, Attr::Type(border_type))]);
    chain.finish(op, &[x, sizes, borders], attrs)
}

/// What was an attribute is an input, and no score is too low.
fn suppression(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [boxes, scores, n_max] = node.inputs[..] else { return None };
    let overlap = match node.attrs.get("iou_threshold") {
        Some(Attr::Float(overlap)) => *overlap,
        _ => 0.5,
    };
    let mut chain = Chain::new(editor, id);
    let overlap = chain.constant("iou_threshold", DenseTensor::scalar(overlap));
    let lowest = chain.constant("score_threshold", DenseTensor::scalar(f32::MIN));
    let attrs = Chain::with(FLOAT, &[("T_threshold", Attr::Type(FLOAT))]);
    chain.finish("NonMaxSuppressionV3", &[boxes, scores, n_max, overlap, lowest], attrs)
}

/// What lies outside is 0 in the older op.
fn projective(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, transforms, shape] = node.inputs[..] else { return None };
    let mut attrs = node.attrs.clone();
    attrs.insert("dtype".to_owned(), Attr::Type(editor.ty(x)?));
    let mut chain = Chain::new(editor, id);
    let outside = chain.constant("fill_value", DenseTensor::scalar(0.0_f32));
    chain.finish("ImageProjectiveTransformV3", &[x, transforms, shape, outside], attrs)
}

/// `count == bincount(idx, length(y))`. Requires a list, and 32-bit indices.
fn unique_with_counts(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let (op, inputs, attrs) = (node.op.clone(), node.inputs.clone(), node.attrs.clone());
    let index_type = attrs.get("out_idx").and_then(Attr::as_type).unwrap_or(INT);
    let is_list = editor.dims(*inputs.first()?)?.len() == 1;
    if editor.is_result(id) || index_type != INT || !is_list {
        return None;
    }
    let is_counted = editor.n_uses(Edge { node: id, output: 2 }) > 0;
    let ty = attrs.get("T").and_then(Attr::as_type)?;
    let mut chain = Chain::new(editor, id);
    if is_counted {
        let (y, idx) = (Edge { node: id, output: 0 }, Edge { node: id, output: 1 });
        let no_weights = chain.constant("weights", DenseTensor::vector::<i32>(Vec::new()));
        let n = chain.push("Size", &[y], Chain::with(ty, &[("out_type", Attr::Type(INT))]));
        let counts = chain.simple("Bincount", &[idx, n, no_weights], INT);
        chain.answer(2, counts);
    }
    let op = if op == "UniqueWithCountsV2" { "UniqueV2" } else { "Unique" };
    chain.finish(op, &inputs, attrs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_on_every_grid() {
        for (low, high) in [(-1.0_f32, 2.0_f32), (0.5, 3.0), (-4.0, -1.0), (-0.1, 6.0)] {
            let grid = Grid::new(low, high, 8, false).expect("a grid");
            let place = -grid.low / grid.step;
            assert!((place - place.round()).abs() < 1e-3, "{low} to {high}: {place}");
            assert!((grid.high - grid.low - 255.0 * grid.step).abs() < 1e-3);
        }
        assert!(Grid::new(1.0, 1.0, 8, false).is_none());
    }
}
