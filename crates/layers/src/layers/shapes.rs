//! The arithmetic of output shapes that families share.
//!
//! `None` outside means "cannot be told", `None` inside a [`Shape`] means a dim that is not known.
//! Configs are untrusted: all arithmetic is checked, no size is used to allocate.

use crate::Config;
use crate::def::Shape;

/// One dim; `None` is not known.
pub(crate) type Dim = Option<u64>;

/// The shape rule of most layers: one input, one output.
pub(crate) fn one(shape: Shape) -> Option<Vec<Shape>> {
    Some(vec![shape])
}

/// True for the layout `[batch, channels, ...]`.
pub(crate) fn is_channels_first(config: &Config<'_>) -> bool {
    config.text("data_format") == Some("channels_first")
}

/// An axis counted from the end when negative.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let rank_signed = i64::try_from(rank).ok()?;
    let at = if axis < 0 { axis.checked_add(rank_signed)? } else { axis };
    usize::try_from(at).ok().filter(|at| *at < rank)
}

/// Applies a rule to a dim when it is known.
pub(crate) fn map_dim(dim: Dim, rule: impl FnOnce(u64) -> Option<u64>) -> Option<Dim> {
    match dim {
        Some(dim) => Some(Some(rule(dim)?)),
        None => Some(None),
    }
}

/// The product of dims: not known as soon as one is not known.
pub(crate) fn product(dims: &[Dim]) -> Option<Dim> {
    let Some(known) = dims.iter().copied().collect::<Option<Vec<u64>>>() else {
        return Some(None);
    };
    Some(Some(known.into_iter().try_fold(1, u64::checked_mul)?))
}

/// `[batch, ..., spatial dims, ..., channels]` with both replaced; leading dims beyond the batch
/// (Keras 2 accepts them before convolutions) stay.
pub(crate) fn map_spatial(
    config: &Config<'_>,
    input: &Shape,
    spatial: usize,
    rule: impl Fn(usize, Dim) -> Option<Dim>,
    channels: impl Fn(Dim) -> Option<Dim>,
) -> Option<Shape> {
    let first = input.len().checked_sub(spatial + 1).filter(|lead| *lead >= 1)?;
    let mut shape = input.clone();
    let (channel, start) =
        if is_channels_first(config) { (first, first + 1) } else { (first + spatial, first) };
    let dim = shape.get_mut(channel)?;
    *dim = channels(*dim)?;
    for axis in 0..spatial {
        let dim = shape.get_mut(start + axis)?;
        *dim = rule(axis, *dim)?;
    }
    Some(shape)
}

/// Kernel, stride and dilation of one spatial axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) size: u64,
    pub(crate) stride: u64,
    pub(crate) dilation: u64,
}

impl Window {
    /// `(size - 1) * dilation + 1`: the span that the kernel covers.
    fn span(self) -> Option<u64> {
        self.size.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    /// The length after a convolution or pooling with this window.
    pub(crate) fn slide(self, dim: Dim, padding: &str) -> Option<Dim> {
        if self.stride == 0 {
            return None;
        }
        map_dim(dim, |length| match padding {
            "same" | "causal" => Some(length.div_ceil(self.stride)),
            "valid" => {
                let steps = length.checked_add(1)?.checked_sub(self.span()?)?;
                Some(steps.div_ceil(self.stride))
            }
            _ => None,
        })
    }

    /// The length after a transposed convolution with this window.
    pub(crate) fn spread(
        self,
        dim: Dim,
        padding: &str,
        output_padding: Option<u64>,
    ) -> Option<Dim> {
        let span = self.span()?;
        map_dim(dim, |length| {
            let strided = length.checked_mul(self.stride)?;
            match (output_padding, padding) {
                (None, "same") => Some(strided),
                (None, "valid") => strided.checked_add(span.saturating_sub(self.stride)),
                (Some(extra), _) => {
                    // Keras 3 and 2 agree: (length - 1) * stride + span - 2 * pad + extra.
                    let pad = if padding == "same" { span / 2 } else { 0 };
                    let begun = length.checked_sub(1)?.checked_mul(self.stride)?;
                    begun.checked_add(span)?.checked_add(extra)?.checked_sub(pad.checked_mul(2)?)
                }
                _ => None,
            }
        })
    }
}

/// The windows of a convolution or pooling over `spatial` axes.
pub(crate) fn windows(config: &Config<'_>, size_key: &str, spatial: usize) -> Option<Vec<Window>> {
    let sizes = config.sizes(size_key, spatial)?;
    let strides = match config.get("strides") {
        Some(_) => config.sizes("strides", spatial)?,
        // A pooling without strides moves by its own size, a convolution by one.
        None if size_key == "pool_size" => sizes.clone(),
        None => vec![1; spatial],
    };
    let dilations = match config.get("dilation_rate") {
        Some(_) => config.sizes("dilation_rate", spatial)?,
        None => vec![1; spatial],
    };
    if [sizes.len(), strides.len(), dilations.len()] != [spatial; 3] {
        return None;
    }
    let window = |((size, stride), dilation)| Window { size, stride, dilation };
    Some(sizes.into_iter().zip(strides).zip(dilations).map(window).collect())
}

/// NumPy's broadcasting, with dims that may not be known: an unknown one gives way to a known one
/// above 1.
pub(crate) fn broadcast(a: &[Dim], b: &[Dim]) -> Option<Shape> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let lead = long.len() - short.len();
    let mut shape = long.to_vec();
    for (dim, other) in shape.iter_mut().skip(lead).zip(short) {
        *dim = match (*dim, *other) {
            (Some(1), other) => other,
            (dim, Some(1)) => dim,
            (None, other) => other,
            (dim, None) => dim,
            (dim, other) if dim == other => dim,
            _ => return None,
        };
    }
    Some(shape)
}

/// Pairs such as `padding` or `cropping`: `n`, `[a, b]` or `[[a, b], ...]` for each axis.
pub(crate) fn pairs(config: &Config<'_>, key: &str, spatial: usize) -> Option<Vec<(u64, u64)>> {
    use serde_json::Value;
    let pair = |value: &Value| match value {
        Value::Array(two) => match two.as_slice() {
            [a, b] => Some((a.as_u64()?, b.as_u64()?)),
            _ => None,
        },
        single => Some((single.as_u64()?, single.as_u64()?)),
    };
    match config.get(key)? {
        whole @ Value::Array(_) if spatial == 1 => Some(vec![pair(whole)?]),
        Value::Array(axes) if axes.len() == spatial => axes.iter().map(pair).collect(),
        Value::Array(_) => None,
        single => Some(vec![pair(single)?; spatial]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_numbers_give_no_shape() {
        let huge = Window { size: u64::MAX, stride: u64::MAX, dilation: u64::MAX };
        assert_eq!(huge.slide(Some(u64::MAX), "valid"), None);
        assert_eq!(huge.spread(Some(u64::MAX), "same", None), None);
        assert_eq!(Window { size: 0, stride: 0, dilation: 0 }.slide(Some(4), "same"), None);
        assert_eq!(product(&[Some(u64::MAX), Some(2)]), None);
        assert_eq!(axis_of(i64::MIN, 3), None);
        assert_eq!(broadcast(&[Some(2)], &[Some(3)]), None);
        assert_eq!(broadcast(&[None, Some(1)], &[Some(3)]), Some(vec![None, Some(3)]));
    }
}
