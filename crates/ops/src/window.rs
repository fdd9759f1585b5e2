//! Windows that slide over an image: where each lies and what of it is inside.

use tensorferry_ir::{Dim, Shape};

use crate::walk::transposed;
use crate::{Error, Fact, Result};
use tensorferry_tensor::DenseTensor;

/// How the border is treated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Padding {
    /// Zeros so that every stride-th position has a window; the odd one at the end.
    Same,
    /// No window passes the border.
    Valid,
    /// So many zeros before and after, per spatial axis.
    Explicit(Vec<(usize, usize)>),
}

/// The attributes of a sliding window, spatial axes only.
#[derive(Debug, Clone)]
pub(crate) struct Sliding {
    pub(crate) strides: Vec<usize>,
    pub(crate) dilations: Vec<usize>,
    pub(crate) padding: Padding,
    /// Channels come right after the batch.
    pub(crate) is_channels_first: bool,
}

/// One spatial axis of a sliding window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) input: usize,
    pub(crate) window: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Zeros before the first element.
    pub(crate) before: usize,
    pub(crate) output: usize,
}

impl Axis {
    /// The input that element `k` of window `o` falls on; `None` for padding.
    pub(crate) fn at(&self, o: usize, k: usize) -> Option<usize> {
        let i = (o * self.stride + k * self.dilation).checked_sub(self.before)?;
        (i < self.input).then_some(i)
    }
}

impl Sliding {
    /// Reads TensorFlow's attributes for `n` spatial axes; an empty list stands for ones.
    pub(crate) fn new(
        n: usize,
        strides: &[i64],
        dilations: &[i64],
        padding: &str,
        explicit: &[i64],
        data_format: &str,
    ) -> Result<Self> {
        let is_channels_first = data_format.starts_with("NC");
        let first = if is_channels_first { 2 } else { 1 };
        let spatial = |name: &str, all: &[i64]| -> Result<Vec<usize>> {
            if all.is_empty() {
                return Ok(vec![1; n]);
            }
            ensure!(all.len() == n + 2, "`{name}` has {} entries, expected {}", all.len(), n + 2);
            let sizes = all[first..first + n].iter().map(|x| usize::try_from(*x).ok());
            let sizes = sizes.map(|size| size.filter(|size| *size > 0 && *size < 1 << 31));
            sizes
                .collect::<Option<_>>()
                .ok_or_else(|| Error::invalid(format!("`{name}` is not positive: {all:?}")))
        };
        let padding = match padding {
            "SAME" => Padding::Same,
            "VALID" => Padding::Valid,
            "EXPLICIT" => {
                ensure!(explicit.len() == 2 * (n + 2), "`explicit_paddings` has the wrong length");
                let size = |x: i64| usize::try_from(x).ok().filter(|size| *size < 1 << 31);
                let pair = |pair: &[i64]| Some((size(pair[0])?, size(pair[1])?));
                let all = explicit[2 * first..].chunks(2).take(n).map(pair);
                let all = all.collect::<Option<_>>();
                Padding::Explicit(all.ok_or_else(|| Error::invalid("a padding is negative"))?)
            }
            other => fail!("there is no padding `{other}`"),
        };
        let (strides, dilations) = (spatial("strides", strides)?, spatial("dilations", dilations)?);
        Ok(Self { strides, dilations, padding, is_channels_first })
    }

    /// Spatial axis `i` of an input of `input` elements under a window of `window`.
    pub(crate) fn axis(&self, i: usize, input: usize, window: usize) -> Result<Axis> {
        let (stride, dilation) = (self.strides[i], self.dilations[i]);
        let reach = window
            .checked_sub(1)
            .and_then(|n| n.checked_mul(dilation))
            .and_then(|n| n.checked_add(1))
            .ok_or_else(|| Error::invalid("the window is empty"))?;
        let (before, output) = match &self.padding {
            Padding::Valid => (0, (input + stride).saturating_sub(reach) / stride),
            Padding::Same => {
                let output = input.div_ceil(stride);
                let total = (output.saturating_sub(1) * stride + reach).saturating_sub(input);
                // TensorFlow pads SAME with the odd row at the bottom.
                (total / 2, output)
            }
            Padding::Explicit(all) => {
                let (before, after) = all[i];
                (before, (input + before + after + stride).saturating_sub(reach) / stride)
            }
        };
        Ok(Axis { input, window, stride, dilation, before, output })
    }

    /// The three spatial axes of a window, outer ones of length 1 where there are fewer.
    pub(crate) fn axes(&self, inputs: &[usize], windows: &[usize]) -> Result<[Axis; 3]> {
        let one = Axis { input: 1, window: 1, stride: 1, dilation: 1, before: 0, output: 1 };
        let mut axes = [one; 3];
        let first = 3 - inputs.len();
        for (i, (input, window)) in inputs.iter().zip(windows).enumerate() {
            axes[first + i] = self.axis(i, *input, *window)?;
        }
        Ok(axes)
    }

    /// The shape after sliding over `x` (batch, spatial, channels in the order of the format):
    /// `windows` has the spatial sizes, `channels` what comes out.
    pub(crate) fn infer(&self, x: &Fact, windows: &[Dim], channels: Dim) -> Result<Shape> {
        let Some(dims) = x.dims() else { return Ok(Shape::of_rank(windows.len() + 2)) };
        let n = windows.len();
        ensure!(dims.len() == n + 2, "the input has {} dims, expected {}", dims.len(), n + 2);
        let first = if self.is_channels_first { 2 } else { 1 };
        let mut out = vec![dims[0]];
        for (i, window) in windows.iter().enumerate() {
            out.push(match (dims[first + i], window) {
                (Dim::Known(input), Dim::Known(window)) => {
                    Dim::Known(self.axis(i, input, *window)?.output)
                }
                _ => Dim::Unknown,
            });
        }
        out.insert(if self.is_channels_first { 1 } else { n + 1 }, channels);
        Ok(out.into())
    }

    /// The dim of channels of `x`.
    pub(crate) fn channels(&self, x: &Fact) -> Dim {
        let dims = x.dims().unwrap_or_default();
        let dim = if self.is_channels_first { dims.get(1) } else { dims.last() };
        dim.copied().unwrap_or(Dim::Unknown)
    }

    /// `x` with its channels last.
    pub(crate) fn to_channels_last(&self, x: DenseTensor) -> DenseTensor {
        // An input of another rank is refused when the window is laid over it.
        if !self.is_channels_first || x.rank() != self.strides.len() + 2 {
            return x;
        }
        let order: Vec<usize> = [0].into_iter().chain(2..x.rank()).chain([1]).collect();
        transposed(&x, &order)
    }

    /// `x`, whose channels are last, in the order of the format.
    pub(crate) fn restored(&self, x: DenseTensor) -> DenseTensor {
        if !self.is_channels_first {
            return x;
        }
        let last = x.rank() - 1;
        let order: Vec<usize> = [0, last].into_iter().chain(1..last).collect();
        transposed(&x, &order)
    }
}
