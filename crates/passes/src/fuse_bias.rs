//! Takes the bias and the activation into the convolution or matrix product before them.
//!
//! `act(BiasAdd(conv(x, w), b)) == _FusedConv2D(x, w, b)` with `fused_ops = [BiasAdd, act]`; the same
//! for `MatMul` and `DepthwiseConv2dNative`.
//! Requires: float32, channels last, a bias with one dim, nothing else reads what lies between, and
//! an activation that TensorFlow.js runs fused. Leaves: one node, called as the last one was.

use tensorferry_ir::{Attr, Attrs, Edge, NodeId};
use tensorferry_tensor::DType;

use crate::editor::Editor;

const NAME: &str = "fuse_bias";

/// Activations that TensorFlow.js runs inside a product, `Prelu` and `LeakyRelu` beside them.
const ACTIVATIONS: [&str; 6] = ["Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu", "Prelu"];

/// What an activation may be taken into.
const PRODUCTS: [&str; 5] = [
    "_FusedConv2D",
    "_FusedMatMul",
    "FusedDepthwiseConv2dNative",
    "Conv2D",
    "DepthwiseConv2dNative",
];

const NOT_PLAIN: &str = "TensorFlow.js fuses only float32 with the channels last";

/// Fuses biases, then activations.
pub(crate) fn fuse_bias(editor: &mut Editor<'_>) {
    for id in editor.order() {
        if editor.is_dead(id) {
            continue;
        }
        let op = editor.node(id).op.clone();
        let done = match op.as_str() {
            "BiasAdd" => bias(editor, id),
            op if ACTIVATIONS.contains(&op) => activation(editor, id),
            _ => None,
        };
        if done.is_some() {
            editor.log.applied(NAME);
        }
    }
}

fn fused_name(op: &str) -> Option<&'static str> {
    Some(match op {
        "Conv2D" => "_FusedConv2D",
        "MatMul" => "_FusedMatMul",
        "DepthwiseConv2dNative" => "FusedDepthwiseConv2dNative",
        _ => return None,
    })
}

/// The attributes that a product keeps when it is fused.
fn attrs(editor: &Editor<'_>, id: NodeId, fused_ops: &[&str], n_args: usize) -> Attrs {
    const KEPT: [&str; 8] = [
        "T",
        "strides",
        "padding",
        "explicit_paddings",
        "data_format",
        "dilations",
        "transpose_a",
        "transpose_b",
    ];
    let node = editor.node(id);
    let mut attrs: Attrs = node
        .attrs
        .iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()))
        .map(|(name, attr)| (name.clone(), attr.clone()))
        .collect();
    let ops = fused_ops.iter().map(|op| Attr::text(op)).collect();
    attrs.insert("fused_ops".to_owned(), Attr::List(ops));
    attrs.insert("num_args".to_owned(), Attr::Int(i64::try_from(n_args).unwrap_or(0)));
    attrs
}

fn is_plain(editor: &Editor<'_>, id: NodeId) -> bool {
    let node = editor.node(id);
    let is_float = editor.ty(node.inputs[0]) == Some(DType::Float32.into());
    is_float && node.attrs.get("data_format").and_then(Attr::as_text) != Some("NCHW")
}

fn bias(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let (x, b) = (editor.node(id).inputs[0], editor.node(id).inputs[1]);
    let fused = fused_name(editor.op(x))?;
    if editor.is_held(NAME, id, x) {
        return None;
    }
    if !is_plain(editor, id) || !is_plain(editor, x.node) {
        let name = editor.node(id).name.clone();
        editor.log.refused(NAME, &name, NOT_PLAIN);
        return None;
    }
    let attrs = attrs(editor, x.node, &["BiasAdd"], 1);
    let inputs = [editor.node(x.node).inputs.clone(), vec![b]].concat();
    editor.set(id, fused, &inputs, attrs);
    Some(())
}

fn activation(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = *editor.node(id).inputs.first()?;
    let is_product = PRODUCTS.contains(&editor.op(x));
    if (is_product && editor.is_held(NAME, id, x)) || !editor.is_sole(x) || !is_plain(editor, id) {
        return None;
    }
    let act = editor.node(id).op.clone();
    let product = editor.node(x.node);
    let (fused, first) = match product.op.as_str() {
        "_FusedConv2D" | "_FusedMatMul" | "FusedDepthwiseConv2dNative" => {
            let is_bias_alone = product
                .attrs
                .get("fused_ops")
                .and_then(Attr::as_list)
                .is_some_and(|ops| ops.len() == 1);
            is_bias_alone.then(|| (product.op.clone(), "BiasAdd"))?
        }
        // Without a bias the first place is taken by what does nothing.
        "Conv2D" | "DepthwiseConv2dNative" if is_plain(editor, x.node) => {
            (fused_name(&product.op)?.to_owned(), "NoOp")
        }
        _ => return None,
    };
    let mut inputs: Vec<Edge> = product.inputs.clone();
    let mut n_args = usize::from(first == "BiasAdd");
    // TensorFlow.js does not read the slope of a depthwise convolution, nor knows its sigmoid.
    if fused == "FusedDepthwiseConv2dNative" && matches!(&*act, "LeakyRelu" | "Sigmoid") {
        return None;
    }
    if act == "Prelu" {
        let alpha = *editor.node(id).inputs.get(1)?;
        inputs.push(alpha);
        n_args += 1;
    }
    let mut attrs = attrs(editor, x.node, &[first, &act], n_args);
    if act == "LeakyRelu" {
        let alpha = editor.node(id).attrs.get("alpha").cloned();
        attrs.insert("leakyrelu_alpha".to_owned(), alpha.unwrap_or(Attr::Float(0.2)));
    }
    editor.set(id, &fused, &inputs, attrs);
    Some(())
}
