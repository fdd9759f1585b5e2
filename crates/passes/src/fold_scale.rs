//! Takes products and sums with constants into the convolution or matrix product before them.
//!
//! `conv(x, w) * c == conv(x, w * c)`; `(conv(x, w) + b) * c == conv(x, w * c) + b * c`;
//! `(conv(x, w) + b) + c == conv(x, w) + (b + c)`; `conv(x, w) + c == BiasAdd(conv(x, w), c)`.
//! Requires: the filter is constant, `c` is a constant with one number for each output channel or
//! one for all, and nothing else reads what lies between. A filter that others read too is copied.
//! Leaves: one convolution, and a `BiasAdd` when something was added.

use tensorferry_ir::{Attr, Attrs, Edge, NodeId};
use tensorferry_tensor::{DType, DenseTensor};

use crate::editor::Editor;

const NAME: &str = "fold_scale";

/// Rewrites every product and sum with a constant that can go.
pub(crate) fn fold_scale(editor: &mut Editor<'_>) {
    for id in editor.order() {
        let node = editor.node(id);
        let is_wanted = matches!(
            node.op.as_str(),
            "Mul" | "Add" | "AddV2" | "Sub" | "RealDiv" | "Div" | "BiasAdd"
        );
        if is_wanted
            && node.inputs.len() == 2
            && !editor.is_dead(id)
            && rewrite(editor, id).is_some()
        {
            editor.log.applied(NAME);
        }
    }
}

/// An op that is linear in its filter.
struct Linear {
    id: NodeId,
    filter: Edge,
    n_channels: usize,
    /// Rank of what it gives.
    rank: usize,
}

/// The linear op that `edge` is, when its channels are its last axis.
fn linear(editor: &Editor<'_>, edge: Edge) -> Option<Linear> {
    let node = editor.node(edge.node);
    if edge.output != 0 || node.attrs.get("data_format").and_then(Attr::as_text) == Some("NCHW") {
        return None;
    }
    let filter = *node.inputs.get(1)?;
    let dims = editor.constant(filter)?.shape();
    let dim = |axis: usize| dims.get(axis).and_then(|dim| usize::try_from(*dim).ok());
    let (n_channels, rank) = match node.op.as_str() {
        "Conv2D" => (dim(3)?, 4),
        "DepthwiseConv2dNative" => (dim(2)?.checked_mul(dim(3)?)?, 4),
        "Conv3D" if node.attrs.get("data_format").and_then(Attr::as_text) != Some("NCDHW") => {
            (dim(4)?, 5)
        }
        "MatMul" => {
            let is_transposed = node.attrs.get("transpose_b") == Some(&Attr::Bool(true));
            (dim(if is_transposed { 0 } else { 1 })?, 2)
        }
        _ => return None,
    };
    let is_float = editor.constant(filter)?.dtype() == DType::Float32;
    is_float.then_some(Linear { id: edge.node, filter, n_channels, rank })
}

/// One number for each channel, out of a constant that has one for each or one for all.
fn per_channel(editor: &Editor<'_>, edge: Edge, linear: &Linear) -> Option<Vec<f64>> {
    let value = editor.constant(edge)?;
    let dims = value.shape();
    let (last, outer) = match dims.split_last() {
        Some((last, outer)) => (*last, outer),
        None => (1, &[][..]),
    };
    let fits = outer.iter().all(|dim| *dim == 1)
        && dims.len() <= linear.rank
        && (last == 1 || usize::try_from(last).ok()? == linear.n_channels);
    if !fits {
        return None;
    }
    let numbers = editor.floats(edge)?.to_f64()?;
    match numbers[..] {
        [one] => Some(vec![one; linear.n_channels]),
        _ => Some(numbers),
    }
}

fn rewrite(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let op = node.op.clone();
    let (a, b) = (node.inputs[0], node.inputs[1]);
    if editor.ty(a)? != DType::Float32.into()
        || node.attrs.get("data_format").and_then(Attr::as_text) == Some("NCHW")
    {
        return None;
    }
    let is_commutative = matches!(op.as_str(), "Mul" | "Add" | "AddV2");
    let (x, c) = match editor.constant(b).is_some() {
        true => (a, b),
        false if is_commutative && editor.constant(a).is_some() => (b, a),
        false => return None,
    };
    // What is added before, when there is something.
    let is_biased = editor.op(x) == "BiasAdd" && editor.is_sole(x);
    let biased = is_biased.then(|| editor.node(x.node).inputs.clone());
    let inner = biased.as_ref().map_or(x, |inputs| inputs[0]);
    let linear = linear(editor, inner)?;
    if editor.is_held(NAME, id, inner) {
        return None;
    }
    let numbers = per_channel(editor, c, &linear)?;
    let bias = match &biased {
        Some(inputs) => Some(per_channel(editor, inputs[1], &linear)?),
        None => None,
    };
    let factors: Option<Vec<f64>> = match op.as_str() {
        "Mul" => Some(numbers.clone()),
        "RealDiv" | "Div" => Some(numbers.iter().map(|n| 1.0 / n).collect()),
        _ => None,
    };
    match factors {
        // Dividing by nothing gives what no filter can hold.
        Some(factors) if factors.iter().any(|f| !f.is_finite()) => None,
        Some(factors) => scale(editor, id, &linear, &factors, bias),
        None => {
            let sign = if op == "Sub" { -1.0 } else { 1.0 };
            let is_plain_bias = op == "BiasAdd" && bias.is_none();
            if is_plain_bias {
                return None;
            }
            let bias = bias.unwrap_or_else(|| vec![0.0; linear.n_channels]);
            let sum = bias.iter().zip(&numbers).map(|(b, n)| b + sign * n).collect();
            add_bias(editor, id, inner, sum);
            Some(())
        }
    }
}

fn scale(
    editor: &mut Editor<'_>,
    id: NodeId,
    linear: &Linear,
    factors: &[f64],
    bias: Option<Vec<f64>>,
) -> Option<()> {
    let filter = editor.floats(linear.filter)?;
    let node = editor.node(linear.id);
    let is_transposed =
        node.op == "MatMul" && node.attrs.get("transpose_b") == Some(&Attr::Bool(true));
    // Elements that follow each other and belong to one channel.
    let run = if is_transposed { filter.shape().get(1).copied()? } else { 1 };
    let scaled = scaled(filter.as_slice::<f32>()?, factors, run)?;
    let name = editor.node(linear.filter.node).name.clone();
    let filter =
        editor.push_constant(&format!("{name}_scaled"), DenseTensor::new(filter.shape(), scaled));
    let (op, attrs) = (editor.node(linear.id).op.clone(), editor.node(linear.id).attrs.clone());
    let x = editor.node(linear.id).inputs[0];
    match bias {
        None => editor.set(id, &op, &[x, filter], attrs),
        Some(bias) => {
            editor.set(linear.id, &op, &[x, filter], attrs);
            let bias = bias.iter().zip(factors).map(|(b, f)| b * f).collect();
            add_bias(editor, id, linear.id.into(), bias);
        }
    }
    Some(())
}

/// Weights times the factors of their channels, of which `run` that follow each other are one; `None`
/// when one of them grows beyond what can be stored.
fn scaled(weights: &[f32], factors: &[f64], run: usize) -> Option<Vec<f32>> {
    let product = |w: f32, factor: f64| (f64::from(w) * factor) as f32;
    let mut all = Vec::with_capacity(weights.len());
    for row in weights.chunks((factors.len() * run).max(1)) {
        if run == 1 {
            all.extend(row.iter().zip(factors).map(|(w, factor)| product(*w, *factor)));
            continue;
        }
        for (channel, factor) in row.chunks(run.max(1)).zip(factors) {
            all.extend(channel.iter().map(|w| product(*w, *factor)));
        }
    }
    let is_finite = all.len() == weights.len() && all.iter().fold(true, |ok, w| ok & w.is_finite());
    is_finite.then_some(all)
}

fn add_bias(editor: &mut Editor<'_>, id: NodeId, x: Edge, bias: Vec<f64>) {
    let name = format!("{}/bias", editor.node(id).name);
    let bias: Vec<f32> = bias.into_iter().map(|b| b as f32).collect();
    let bias = editor.push_constant(&name, DenseTensor::vector(bias));
    let attrs: Attrs = [
        ("T".to_owned(), Attr::Type(DType::Float32.into())),
        ("data_format".to_owned(), Attr::text("NHWC")),
    ]
    .into();
    editor.set(id, "BiasAdd", &[x, bias], attrs);
}
