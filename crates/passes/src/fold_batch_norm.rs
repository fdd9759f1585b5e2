//! Takes a batch normalization with constant statistics apart into a product and a sum.
//!
//! `scale * (x - mean) / sqrt(variance + epsilon) + offset == x * a + b` where
//! `a = scale / sqrt(variance + epsilon)` and `b = offset - mean * a`.
//! Requires: inference (`is_training` is false), four constants, no other output read.
//! Leaves: `Mul` and `AddV2` with constants, which `fold_scale` takes into a convolution.

use tensorferry_ir::{Attr, Attrs, Edge, NodeId};
use tensorferry_ops::Fact;
use tensorferry_tensor::DenseTensor;

use crate::editor::Editor;

const NAME: &str = "fold_batch_norm";

/// Rewrites every batch normalization of a graph.
pub(crate) fn fold_batch_norm(editor: &mut Editor<'_>) {
    for id in editor.order() {
        let op = editor.node(id).op.as_str();
        let is_norm = matches!(op, "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3");
        let is_old = op == "BatchNormWithGlobalNormalization";
        if !(is_norm || is_old) || editor.is_dead(id) {
            continue;
        }
        match rewrite(editor, id, is_old) {
            Ok(()) => editor.log.applied(NAME),
            Err(reason) => {
                let name = editor.node(id).name.clone();
                editor.log.refused(NAME, &name, reason);
            }
        }
    }
}

fn rewrite(editor: &mut Editor<'_>, id: NodeId, is_old: bool) -> Result<(), &'static str> {
    let node = editor.node(id);
    if node.attrs.get("is_training").is_some_and(|attr| *attr == Attr::Bool(true)) {
        return Err("it computes the statistics itself");
    }
    let [x, first, second, third, fourth] = node.inputs[..] else {
        return Err("it has other inputs");
    };
    // The old op has them in another order, and a flag for the scale.
    let (scale, offset, mean, variance) = match is_old {
        true => (fourth, third, first, second),
        false => (first, second, third, fourth),
    };
    let has_scale = match node.attrs.get("scale_after_normalization") {
        Some(Attr::Bool(flag)) if is_old => *flag,
        _ => true,
    };
    let epsilon = node.attrs.get(if is_old { "variance_epsilon" } else { "epsilon" });
    let epsilon = match epsilon {
        Some(Attr::Float(epsilon)) => f64::from(*epsilon),
        _ => 1e-4,
    };
    let is_nchw = node.attrs.get("data_format").and_then(Attr::as_text) == Some("NCHW");
    if (1..6).any(|output| editor.n_uses(Edge { node: id, output }) > 0) {
        return Err("its statistics are read");
    }
    let all = [scale, offset, mean, variance].map(|edge| editor.floats(edge));
    let [Some(scale), Some(offset), Some(mean), Some(variance)] = all else {
        return Err("its parameters are not constants of type float32");
    };
    let n = variance.len();
    let numbers = [&scale, &offset, &mean, &variance].map(|t| t.to_f64().unwrap_or_default());
    let [scale, offset, mean, variance] = numbers;
    if [&offset, &mean].iter().any(|all| all.len() != n) || (has_scale && scale.len() != n) {
        return Err("its parameters have different lengths");
    }
    let a: Vec<f64> = (0..n)
        .map(|i| if has_scale { scale[i] } else { 1.0 } / (variance[i] + epsilon).sqrt())
        .collect();
    let b: Vec<f32> = (0..n).map(|i| (offset[i] - mean[i] * a[i]) as f32).collect();
    let a: Vec<f32> = a.into_iter().map(|x| x as f32).collect();
    let shape = if is_nchw { vec![n, 1, 1] } else { vec![n] };
    let name = editor.node(id).name.clone();
    let a = editor.push_constant(&format!("{name}/scale"), DenseTensor::new(&shape, a));
    let b = editor.push_constant(&format!("{name}/offset"), DenseTensor::new(&shape, b));
    let ty: Attrs =
        [("T".to_owned(), Attr::Type(tensorferry_tensor::DType::Float32.into()))].into();
    let product = editor.push(&format!("{name}/mul"), "Mul", &[x, a], ty.clone());
    let known = editor.fact(x).cloned();
    if let Some(Fact { ty, shape, .. }) = known {
        editor.know(product.into(), Fact::new(ty, shape));
    }
    editor.set(id, "AddV2", &[product.into(), b], ty);
    Ok(())
}
