//! Faster ways to compute what `eval` computes: found and made ready while a graph is planned.

use std::fmt;

use tensorferry_kernels::{Post, Tools};
use tensorferry_tensor::DenseTensor;

use crate::{Args, Error, Fact, Result, Value};

/// A faster way to compute what `eval` computes, under some condition.
#[derive(Debug)]
pub struct Fast<O> {
    /// What it is called in profiles and tests.
    pub name: &'static str,
    /// Makes it ready for inputs with these facts; `None` when it cannot be used for them. Constants
    /// are packed here, once.
    pub prepare: fn(&O, &[Fact]) -> Option<Way>,
}

/// A faster way, made ready.
#[derive(Debug)]
pub struct Way {
    /// The inputs of the op that it still takes, in this order; it has the others already.
    pub inputs: Vec<usize>,
    /// So many outputs are computed, from the first on. A way that leaves outputs out is for those
    /// who do not read them.
    pub n_outputs: usize,
    /// What runs.
    pub kernel: Box<dyn Kernel>,
}

impl Way {
    /// A way that takes `inputs` and gives one output.
    pub(crate) fn new(inputs: Vec<usize>, kernel: impl Kernel + 'static) -> Self {
        Self { inputs, n_outputs: 1, kernel: Box::new(kernel) }
    }

    /// The same, taking one more input; `None` when the kernel does not do such a step.
    pub(crate) fn then(mut self, follow: &Follow, operand: Option<usize>) -> Option<Self> {
        if !self.kernel.absorb(&follow.post) {
            return None;
        }
        self.inputs.extend(operand);
        Some(self)
    }
}

/// What runs in a faster way.
pub trait Kernel: Send + Sync + fmt::Debug {
    /// Computes the outputs. `inputs` are those that [`Way::inputs`] names, then an operand for each
    /// absorbed step that needs one.
    ///
    /// # Errors
    /// When the inputs cannot be taken.
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>>;

    /// Takes over a step that follows; false when it cannot.
    fn absorb(&mut self, post: &Post) -> bool {
        let _ = post;
        false
    }

    /// Takes over zeros that are put around the images of its first input; false when it cannot.
    fn widen(&mut self, border: &Border) -> bool {
        let _ = border;
        false
    }
}

/// Zeros around images of `[n, height, width, channels]`: rows, then columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// Above and to the left.
    pub before: [usize; 2],
    /// Below and to the right.
    pub after: [usize; 2],
}

impl Border {
    /// Of the paddings of a tensor, when they are known and only around images.
    pub(crate) fn of(paddings: &Fact) -> Option<Self> {
        let all: Vec<usize> =
            paddings.ints()?.into_iter().map(|n| usize::try_from(n).ok()).collect::<Option<_>>()?;
        match all[..] {
            [0, 0, top, bottom, left, right, 0, 0] => {
                Some(Self { before: [top, left], after: [bottom, right] })
            }
            _ => None,
        }
    }
}

/// An op as a step after whatever gives one of its inputs.
#[derive(Debug, Clone)]
pub struct Follow {
    /// The step.
    pub post: Post,
    /// The input that is its operand.
    pub operand: Option<usize>,
}

impl From<Post> for Follow {
    fn from(post: Post) -> Self {
        Self { post, operand: None }
    }
}

/// What ops do with tools.
pub(crate) trait TensorTools {
    /// The numbers of `x`, in its own memory when nobody else reads it.
    fn own(&mut self, x: DenseTensor) -> Result<Vec<f32>>;
}

impl TensorTools for Tools {
    fn own(&mut self, x: DenseTensor) -> Result<Vec<f32>> {
        let x = match x.try_into_vec::<f32>() {
            Ok(all) => return Ok(all),
            Err(x) => x,
        };
        let all = x.as_slice::<f32>().ok_or_else(|| crate::rows::refused(x.dtype()))?;
        let mut copy = self.buffers.take(all.len());
        copy.copy_from_slice(all);
        Ok(copy)
    }
}

/// The operands of `posts`, from input `first` on. Each is as long as its step wants it for a tensor
/// of `len` elements in rows of `channels`.
pub(crate) fn operands<'a>(
    posts: &[Post],
    inputs: &'a Args,
    first: usize,
    (len, channels): (usize, usize),
) -> Result<Vec<&'a [f32]>> {
    use tensorferry_kernels::Other;
    let mut all = Vec::new();
    for post in posts {
        let expected = match post {
            Post::Binary(_, Other::Tensor) => len,
            Post::Binary(_, Other::ChannelsTensor) => channels,
            Post::Binary(_, Other::ScalarTensor) => 1,
            _ => {
                let own = match post {
                    Post::Scale { scale, .. } => scale.len(),
                    Post::Binary(_, Other::Channels(all)) => all.len(),
                    _ => channels,
                };
                ensure!(own == channels, "{own} numbers for {channels} channels");
                continue;
            }
        };
        let operand: &[f32] = inputs.slice(first + all.len())?;
        if operand.len() != expected {
            let found = operand.len();
            return Err(Error::invalid(format!("{found} elements, expected {expected}")));
        }
        all.push(operand);
    }
    Ok(all)
}
