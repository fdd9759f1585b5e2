//! Element-wise ops one after the other, in one pass over the memory.

use tensorferry_ir::Dim;
use tensorferry_kernels::{Binary, Other, Post, Tools, Unary, apply_posts};
use tensorferry_tensor::DenseTensor;

use super::{constant, is_f32, known};
use crate::way::{TensorTools, operands};
use crate::{Args, Fact, Fast, Follow, Kernel, Op, Result, Value, Way};

/// The way of every op that can follow another: a chain of one step, which may grow.
pub(crate) const fn chain<O: Op>() -> Fast<O> {
    Fast {
        name: "chain",
        prepare: |op, facts| {
            // The input that is changed in place is one as large as the output.
            let (through, follow) =
                (0..facts.len()).find_map(|i| Some((i, op.follow(facts, i)?)))?;
            let inputs = [through].into_iter().chain(follow.operand).collect();
            Some(Way::new(inputs, Chain { posts: vec![follow.post] }))
        },
    }
}

#[derive(Debug)]
struct Chain {
    posts: Vec<Post>,
}

impl Kernel for Chain {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        let shape = x.shape().to_vec();
        let mut all = tools.own(x)?;
        let channels = shape.last().copied().unwrap_or(1);
        let operands = operands(&self.posts, inputs, 1, (all.len(), channels))?;
        apply_posts(&tools.workers, &self.posts, &mut all, channels, &operands);
        Ok(vec![DenseTensor::new(&shape, all).into()])
    }

    fn absorb(&mut self, post: &Post) -> bool {
        self.posts.push(post.clone());
        true
    }
}

/// A function of each number, for [`Op::follow`].
pub(crate) fn unary_follow(f: Unary, inputs: &[Fact], through: usize) -> Option<Follow> {
    let is_taken = through == 0 && inputs.first().is_some_and(is_f32);
    is_taken.then(|| Post::Unary(f).into())
}

/// An operation between two tensors, for [`Op::follow`], where the result has the shape of `through`.
pub(crate) fn binary_follow(op: Binary, inputs: &[Fact], through: usize) -> Option<Follow> {
    let [a, b] = inputs else { return None };
    let (x, other, at, op) = match through {
        0 => (a, b, 1, op),
        1 => (b, a, 0, op.swapped()?),
        _ => return None,
    };
    if !is_f32(x) || !is_f32(other) {
        return None;
    }
    let (dims, other_dims) = (x.dims()?, other.shape.known()?);
    let (operand, is_constant) = (Some(at), constant(other));
    if other_dims.len() <= dims.len() && other_dims.iter().all(|dim| *dim == 1) {
        return Some(match is_constant {
            Some(all) => Post::Binary(op, Other::Scalar(*all.first()?)).into(),
            None => Follow { post: Post::Binary(op, Other::ScalarTensor), operand },
        });
    }
    if x.shape.known().is_some_and(|dims| dims == other_dims) {
        return Some(Follow { post: Post::Binary(op, Other::Tensor), operand });
    }
    let (last, outer) = other_dims.split_last()?;
    let is_channels = other_dims.len() <= dims.len()
        && outer.iter().all(|dim| *dim == 1)
        && dims.last() == Some(&Dim::Known(*last));
    is_channels.then(|| match is_constant {
        Some(all) => Post::Binary(op, Other::Channels(all.to_vec())).into(),
        None => Follow { post: Post::Binary(op, Other::ChannelsTensor), operand },
    })
}

/// Normalization of channels (the last axis) with constant statistics: scale, offset, mean, variance.
///
/// (x − mean) / √(variance + ε) · scale + offset = x · s + (offset − mean · s), s = scale / √(…)
pub(crate) fn norm_follow(epsilon: f64, inputs: &[Fact], through: usize) -> Option<Follow> {
    let [x, scale, offset, mean, variance] = inputs else { return None };
    let channels = known(x.dims()?.last())?;
    if through != 0 || !is_f32(x) {
        return None;
    }
    let all = [constant(scale)?, constant(offset)?, constant(mean)?, constant(variance)?];
    if all.iter().any(|one| one.len() != channels) {
        return None;
    }
    let [scale, offset, mean, variance] = all.map(|one| one.iter().map(|x| f64::from(*x)));
    let pairs = scale.zip(variance).map(|(scale, v)| scale / (v + epsilon).sqrt());
    let pairs = pairs.zip(offset.zip(mean)).map(|(s, (offset, mean))| (s, offset - mean * s));
    let (scale, offset) = pairs.map(|(s, o)| (s as f32, o as f32)).unzip();
    Some(Post::Scale { scale, offset }.into())
}

/// The step that fused ops mean by a name, with the tensor `arg` for those that take one.
pub(crate) fn tensor_follow(
    name: &str,
    y: &Fact,
    arg: Option<&Fact>,
    alpha: f32,
) -> Option<Follow> {
    let pair = || Some([y.clone(), arg?.clone()]);
    match name {
        // The converter makes biases of any summand that it finds, an activation's too.
        "BiasAdd" => binary_follow(Binary::Add, &pair()?, 0),
        "Prelu" => binary_follow(Binary::Slope, &pair()?, 0),
        "LeakyRelu" => unary_follow(Unary::Leaky(alpha), std::slice::from_ref(y), 0),
        _ => {
            let def = crate::ALL.find(name)?;
            let instance = crate::Instance::new(def, &tensorferry_ir::Attrs::new(), 1).ok()?;
            instance.follow(std::slice::from_ref(y), 0)
        }
    }
}
