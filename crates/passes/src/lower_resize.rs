//! Says resizing that TensorFlow.js lacks as two products with matrices, and a transposed convolution
//! in space as a convolution.
//!
//! `resize(x)[b, y, x, c] == sum over h, w of V[y, h] * H[x, w] * x[b, h, w, c]`: the op is linear in
//! the image and treats the axes apart, and what it makes of the columns of an identity are the
//! columns of `V`. Requires: the dims of the image, a constant size. Leaves: two `Einsum`.

use tensorferry_ir::{Attr, Edge, NodeId, Type};
use tensorferry_ops::{Instance, NoContext, Registry};
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::Chain;
use crate::editor::Editor;

const INT: Type = Type::Data(DType::Int32);
const FLOAT: Type = Type::Data(DType::Float32);

/// Longer axes make matrices that are larger than the image.
const SIDE_MAX: usize = 2048;

/// Lowers a node that resizes, or a transposed convolution in space.
pub(crate) fn lower(editor: &mut Editor<'_>, id: NodeId, ops: &Registry) -> Option<()> {
    match editor.node(id).op.as_str() {
        "ResizeBicubic" | "ResizeArea" => resize(editor, id, ops),
        "Conv3DBackpropInputV2" => transposed(editor, id),
        _ => None,
    }
}

fn resize(editor: &mut Editor<'_>, id: NodeId, ops: &Registry) -> Option<()> {
    let node = editor.node(id);
    let [x, size] = node.inputs[..] else { return None };
    let size = editor.fact(size)?.ints()?;
    let [_, height, width, _] = editor.dims(x)?[..] else { return None };
    let from = [height.known()?, width.known()?];
    let to: Vec<usize> = size.iter().map(|n| usize::try_from(*n).ok()).collect::<Option<_>>()?;
    if to.len() != 2 || from.iter().chain(&to).any(|n| !(1..=SIDE_MAX).contains(n)) {
        return None;
    }
    let ty = editor.ty(x)?;
    let vertical = weights(editor, id, ops, from[0], to[0])?;
    let horizontal = weights(editor, id, ops, from[1], to[1])?;
    let mut chain = Chain::new(editor, id);
    let x = chain.cast(x, ty, FLOAT);
    let vertical = chain.constant("vertical", vertical);
    let horizontal = chain.constant("horizontal", horizontal);
    let product = |equation: &str| {
        Chain::with(FLOAT, &[("equation", Attr::text(equation)), ("N", Attr::Int(2))])
    };
    let rows = chain.push("Einsum", &[vertical, x], product("ph,bhwc->bpwc"));
    chain.finish("Einsum", &[horizontal, rows], product("qw,bpwc->bpqc"))
}

/// What the op makes of the columns of an identity: an image with a channel for each of its rows.
fn weights(
    editor: &Editor<'_>,
    id: NodeId,
    ops: &Registry,
    from: usize,
    to: usize,
) -> Option<DenseTensor> {
    let node = editor.node(id);
    let mut attrs = node.attrs.clone();
    attrs.insert("T".to_owned(), Attr::Type(FLOAT));
    let instance = Instance::new(ops.find(&node.op)?, &attrs, 2).ok()?;
    let identity: Vec<f32> =
        (0..from * from).map(|i| f32::from(u8::from(i / from == i % from))).collect();
    let image = DenseTensor::new(&[1, from, 1, from], identity);
    let size = DenseTensor::vector(vec![i32::try_from(to).ok()?, 1]);
    let made = instance.eval(vec![image.into(), size.into()], &mut NoContext::default()).ok()?;
    let made = made.first()?.tensor()?;
    Some(DenseTensor::new(&[to, from], made.as_slice::<f32>()?.to_vec()))
}

/// One axis of a transposed convolution.
struct Axis {
    /// Of the gradient.
    n: i32,
    stride: i32,
    /// Zeros to put before and behind the spread elements.
    pads: [i32; 2],
}

/// `conv_transpose(g, f) == conv(pad(spread(g)), flip(f))`: `stride - 1` zeros behind each element, zeros
/// around until the size is right, the filter backwards with its channels exchanged.
/// Requires: all dims but the batch's, no dilation, channels last.
fn transposed(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [size, filter, g] = node.inputs[..] else { return None };
    let ints = |name: &str| -> Option<Vec<i64>> {
        node.attrs.get(name)?.as_list()?.iter().map(Attr::as_int).collect()
    };
    let is_dilated = ints("dilations").is_some_and(|all| all.iter().any(|rate| *rate != 1));
    let format = node.attrs.get("data_format").and_then(Attr::as_text);
    let is_same = node.attrs.get("padding").and_then(Attr::as_text) == Some("SAME");
    let strides = ints("strides").filter(|all| all.len() == 5)?;
    if is_dilated || format == Some("NCDHW") || editor.ty(g)? != FLOAT {
        return None;
    }
    let sizes = editor.fact(size)?.elements()?;
    let kernel = editor.fact(filter)?.shape.known().filter(|dims| dims.len() == 5)?;
    let dims = editor.dims(g).filter(|dims| dims.len() == 5)?;
    let mut axes = Vec::new();
    for at in 1..4 {
        let n = i32::try_from(dims[at].known()?).ok()?;
        let out = i32::try_from((*sizes.get(at)?)?).ok()?;
        let taps = i32::try_from(kernel[at - 1]).ok()?;
        let stride = i32::try_from(strides[at]).ok().filter(|stride| (1..1024).contains(stride))?;
        let spread = (n - 1).checked_mul(stride)?.checked_add(1)?;
        let border = if is_same { (spread - 1 + taps - out).max(0) } else { 0 };
        let before = taps - 1 - border / 2;
        let behind = out + taps - 1 - spread - before;
        if before < 0 || behind < 0 || n < 1 {
            return None;
        }
        axes.push(Axis { n, stride, pads: [before, behind] });
    }
    let depth = i32::try_from(dims[4].known()?).ok()?;
    let mut chain = Chain::new(editor, id);
    let mut x = spread(&mut chain, g, &axes, depth)?;
    let mut pads = vec![0, 0];
    pads.extend(axes.iter().flat_map(|axis| axis.pads));
    pads.extend([0, 0]);
    if pads.iter().any(|n| *n > 0) {
        let pads = chain.constant("pads", DenseTensor::new(&[5, 2], pads));
        x = chain.push("Pad", &[x, pads], Chain::with(FLOAT, &[("Tpaddings", Attr::Type(INT))]));
    }
    let taps = chain.ints("taps", vec![0, 1, 2]);
    let flipped =
        chain.push("ReverseV2", &[filter, taps], Chain::with(FLOAT, &[("Tidx", Attr::Type(INT))]));
    let flipped = chain.transpose(flipped, FLOAT, vec![0, 1, 2, 4, 3]);
    let attrs = Chain::with(
        FLOAT,
        &[
            ("strides", Attr::ints(&[1; 5])),
            ("padding", Attr::text("VALID")),
            ("data_format", Attr::text("NDHWC")),
            ("dilations", Attr::ints(&[1; 5])),
        ],
    );
    chain.finish("Conv3D", &[x, flipped], attrs)
}

/// `stride - 1` zeros behind each element but the last, axis by axis: as rows of one element, padded
/// to rows of `stride`, and the last zeros cut off.
fn spread(chain: &mut Chain<'_, '_>, mut x: Edge, axes: &[Axis], depth: i32) -> Option<Edge> {
    let mut sizes: Vec<i32> = axes.iter().map(|axis| axis.n).collect();
    for (at, axis) in axes.iter().enumerate().filter(|(_, axis)| axis.stride > 1) {
        let inner = sizes[at + 1..].iter().try_fold(depth, |n, size| n.checked_mul(*size))?;
        x = chain.reshape(x, FLOAT, vec![-1, 1, inner]);
        let pads = chain
            .constant("zeros", DenseTensor::new(&[3, 2], vec![0, 0, 0, axis.stride - 1, 0, 0]));
        x = chain.push("Pad", &[x, pads], Chain::with(FLOAT, &[("Tpaddings", Attr::Type(INT))]));
        let wide = axis.n.checked_mul(axis.stride)?;
        x = chain.reshape(x, FLOAT, vec![-1, wide, inner]);
        let begin = chain.ints("begin", vec![0, 0, 0]);
        let size = chain.ints("size", vec![-1, wide - axis.stride + 1, -1]);
        x = chain.push(
            "Slice",
            &[x, begin, size],
            Chain::with(FLOAT, &[("Index", Attr::Type(INT))]),
        );
        sizes[at] = wide - axis.stride + 1;
    }
    if axes.iter().all(|axis| axis.stride == 1) {
        return Some(x);
    }
    Some(chain.reshape(x, FLOAT, vec![-1, sizes[0], sizes[1], sizes[2], depth]))
}
