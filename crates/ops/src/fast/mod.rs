//! The faster ways of ops, on the kernels of `tensorferry-kernels`: single precision only.
//!
//! Each is named in its op's `FAST` and compared with `eval` in the tests.

mod chain;
mod conv;
mod matmul;
mod pooling;
mod rows;

use tensorferry_ir::Dim;
use tensorferry_kernels::{Binary, Finish, Other, Packed, Post};
use tensorferry_tensor::DType;

use crate::{Fact, Way};

use chain::tensor_follow;
pub(crate) use chain::{binary_follow, chain, norm_follow, unary_follow};
pub(crate) use conv::{conv, depthwise};
pub(crate) use matmul::{batch_matmul, matmul};
pub(crate) use pooling::pool;
pub(crate) use rows::{log_softmax, reduction, softmax};

/// A way followed by what the fused ops `names` say; `args` are the op's inputs from number 2 on.
pub(crate) fn fused(
    mut way: Way,
    y: &Fact,
    names: &[String],
    args: &[Fact],
    alpha: f32,
) -> Option<Way> {
    let mut args = args.iter().enumerate();
    for name in names {
        if name == "NoOp" || name == "Identity" {
            continue;
        }
        let takes_one = matches!(name.as_str(), "BiasAdd" | "Prelu");
        let arg = takes_one.then(|| args.next()).flatten();
        let follow = tensor_follow(name, y, arg.map(|(_, fact)| fact), alpha)?;
        let operand = follow.operand.and(arg).map(|(i, _)| 2 + i);
        way = way.then(&follow, operand)?;
    }
    Some(way)
}

pub(crate) fn is_f32(fact: &Fact) -> bool {
    fact.ty == DType::Float32.into()
}

/// The numbers of a constant of single precision.
pub(crate) fn constant(fact: &Fact) -> Option<&[f32]> {
    fact.value.as_ref()?.as_slice()
}

fn known(dim: Option<&Dim>) -> Option<usize> {
    match dim {
        Some(Dim::Known(n)) => Some(*n),
        _ => None,
    }
}

/// Weights whose columns, or channels, can be multiplied and added to.
trait Columns {
    fn scale(&mut self, scale: &[f32], offset: &[f32]);
}

impl Columns for Packed {
    fn scale(&mut self, scale: &[f32], offset: &[f32]) {
        self.scale_columns(scale, offset);
    }
}

impl Columns for tensorferry_kernels::DepthwiseFilter {
    fn scale(&mut self, scale: &[f32], offset: &[f32]) {
        self.scale_channels(scale, offset);
    }
}

/// Takes a step over into the weights, when nothing was done after them yet, or into what follows.
///
/// scale * (x · w + b) + offset = x · (scale * w) + (scale * b + offset)
fn absorb<W: Columns>(
    weights: Option<&mut W>,
    finish: &mut Finish,
    channels: usize,
    post: &Post,
) -> bool {
    let n = match post {
        Post::Scale { scale, .. } => scale.len(),
        Post::Binary(_, Other::Channels(all)) => all.len(),
        _ => channels,
    };
    if n != channels {
        return false;
    }
    if let (Some(weights), true, Some((scale, offset))) =
        (weights, finish.is_nothing(), as_scale(post))
    {
        weights.scale(&scale, &offset);
        return true;
    }
    finish.push(post.clone());
    true
}

/// The factors and summands that a step comes to, one for all channels or one each.
fn as_scale(post: &Post) -> Option<(Vec<f32>, Vec<f32>)> {
    let (op, all) = match post {
        Post::Scale { scale, offset } => return Some((scale.clone(), offset.clone())),
        Post::Binary(op, Other::Channels(all)) => (op, all.clone()),
        Post::Binary(op, Other::Scalar(x)) => (op, vec![*x]),
        _ => return None,
    };
    match op {
        Binary::Add => Some((vec![1.0], all)),
        Binary::Sub => Some((vec![1.0], all.iter().map(|x| -x).collect())),
        Binary::Mul => Some((all, vec![0.0])),
        _ => None,
    }
}
