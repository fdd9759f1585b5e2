//! What is done to a result before it leaves the cache: biases, activations, residuals.

use crate::{Binary, Unary, binary_channels, binary_same, binary_scalar, scale_channels};

/// One step after a product, or of a chain of element-wise ops.
#[derive(Debug, Clone, PartialEq)]
pub enum Post {
    /// A function of each number.
    Unary(Unary),
    /// `x * scale + offset`, per channel.
    Scale {
        /// The factors.
        scale: Vec<f32>,
        /// What is added.
        offset: Vec<f32>,
    },
    /// An operation with something else, which is the second operand.
    Binary(Binary, Other),
}

/// The second operand of a [`Post::Binary`].
#[derive(Debug, Clone, PartialEq)]
pub enum Other {
    /// One number.
    Scalar(f32),
    /// A number per channel.
    Channels(Vec<f32>),
    /// A tensor of the same shape: the next of the operands that are given when it runs.
    Tensor,
    /// A number per channel, given when it runs: the next of the operands.
    ChannelsTensor,
    /// One number, given when it runs: the next of the operands.
    ScalarTensor,
}

impl Post {
    /// True when it needs an operand when it runs.
    pub fn takes_operand(&self) -> bool {
        matches!(self, Self::Binary(_, Other::Tensor | Other::ChannelsTensor | Other::ScalarTensor))
    }
}

/// What follows a product: limits that are applied before a number is stored, and further steps.
#[derive(Debug, Clone)]
pub struct Finish {
    /// No result is less.
    pub low: f32,
    /// No result is more.
    pub high: f32,
    /// What is done then, in order.
    pub posts: Vec<Post>,
}

impl Default for Finish {
    /// Nothing.
    fn default() -> Self {
        Self { low: f32::NEG_INFINITY, high: f32::INFINITY, posts: Vec::new() }
    }
}

impl Finish {
    /// Nothing follows.
    pub const NONE: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY, posts: Vec::new() };

    /// True when nothing follows.
    pub fn is_nothing(&self) -> bool {
        self.low == f32::NEG_INFINITY && self.high == f32::INFINITY && self.posts.is_empty()
    }

    /// Adds a step.
    pub fn push(&mut self, post: Post) {
        match post {
            Post::Unary(f) if self.is_nothing() && f.limits().is_some() => {
                (self.low, self.high) = f.limits().unwrap_or((self.low, self.high));
            }
            other => self.posts.push(other),
        }
    }

    /// Number of operands that it needs when it runs.
    pub fn n_operands(&self) -> usize {
        self.posts.iter().filter(|post| post.takes_operand()).count()
    }
}

/// Does `posts` to `xs`, which are the elements from number `first` on of a whole tensor. `operands`
/// are whole tensors too.
pub(crate) fn apply(posts: &[Post], xs: &mut [f32], first: usize, operands: &[&[f32]]) {
    let mut operands = operands.iter();
    for post in posts {
        match post {
            Post::Unary(f) => f.apply(xs),
            Post::Scale { scale, offset } => scale_channels(xs, scale, offset),
            Post::Binary(op, Other::Scalar(y)) => binary_scalar(*op, xs, *y),
            Post::Binary(op, Other::Channels(ys)) => binary_channels(*op, xs, ys),
            Post::Binary(op, Other::Tensor) => {
                let other = operands.next().copied().unwrap_or_default();
                let n = xs.len();
                binary_same(*op, xs, &other[first..first + n]);
            }
            Post::Binary(op, Other::ChannelsTensor) => {
                let other = operands.next().copied().unwrap_or_default();
                binary_channels(*op, xs, other);
            }
            Post::Binary(op, Other::ScalarTensor) => {
                let other = operands.next().copied().unwrap_or_default();
                binary_scalar(*op, xs, other[0]);
            }
        }
    }
}

/// Does `posts` to a whole tensor, whose rows have `row_len` elements.
pub fn apply_posts(
    workers: &crate::Workers,
    posts: &[Post],
    xs: &mut [f32],
    row_len: usize,
    operands: &[&[f32]],
) {
    // Pieces that stay in the nearest cache while all steps are done to them.
    let rows = (PIECE / row_len.max(1)).max(1);
    workers.rows(xs, row_len.max(1), rows, &|first, mine| {
        for (i, piece) in mine.chunks_mut(rows * row_len.max(1)).enumerate() {
            apply(posts, piece, (first + i * rows) * row_len.max(1), operands);
        }
    });
}

/// Elements that are worked on together.
const PIECE: usize = 4096;
