//! Convolution over up to three spatial axes, channels last: the clear version of every kind.
//!
//! Shapes: input `[n, d, h, w, c]`, filter `[kd, kh, kw, c / groups, out]`, output
//! `[n, od, oh, ow, out]`. Fewer axes have length 1; a depthwise filter `[kh, kw, c, m]` is the
//! filter `[1, kh, kw, 1, c * m]` of `c` groups, element for element.

use tensorferry_tensor::DenseTensor;

use crate::families::matrices::Scalar;
use crate::wide::{Narrow, Wide, view};
use crate::window::{Axis, Sliding};
use crate::{Result, checked_len};

/// Everything about a convolution but the numbers.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    pub(crate) n: usize,
    pub(crate) axes: [Axis; 3],
    pub(crate) channels: usize,
    pub(crate) groups: usize,
    pub(crate) out: usize,
    /// Number of spatial axes that the tensors really have.
    rank: usize,
}

impl Conv {
    /// Of an input (channels last) and a filter of these shapes.
    pub(crate) fn new(
        sliding: &Sliding,
        x: &[usize],
        filter: &[usize],
        is_depthwise: bool,
    ) -> Result<Self> {
        let rank = sliding.strides.len();
        ensure!(x.len() == rank + 2, "the input has {} dims, expected {}", x.len(), rank + 2);
        ensure!(
            filter.len() == rank + 2,
            "the filter has {} dims, expected {}",
            filter.len(),
            rank + 2
        );
        let (n, channels) = (x[0], x[rank + 1]);
        let (per_group, out) = match is_depthwise {
            true => (1, filter[rank].saturating_mul(filter[rank + 1])),
            false => (filter[rank], filter[rank + 1]),
        };
        let fits = match is_depthwise {
            true => filter[rank] == channels,
            false => per_group > 0 && channels.is_multiple_of(per_group),
        };
        ensure!(fits, "a filter of shape {filter:?} does not fit {channels} channels");
        let groups = channels.checked_div(per_group).unwrap_or(1);
        ensure!(groups > 0 && out.is_multiple_of(groups), "{out} outputs in {groups} groups");
        let axes = sliding.axes(&x[1..=rank], &filter[..rank])?;
        let conv = Self { n, axes, channels, groups, out, rank };
        checked_len(&conv.out_shape())?;
        Ok(conv)
    }

    /// The shape of the output, channels last.
    pub(crate) fn out_shape(&self) -> Vec<usize> {
        let spatial = self.axes[3 - self.rank..].iter().map(|axis| axis.output);
        [self.n].into_iter().chain(spatial).chain([self.out]).collect()
    }

    /// Calls `f` with the pixel of the input, the tap of the filter and the pixel of the output,
    /// wherever a tap meets the input.
    fn meet(&self, mut f: impl FnMut(usize, usize, usize)) {
        let [d, h, w] = &self.axes;
        let pixel = |n: usize, a: &[usize; 3], z: usize, y: usize, x: usize| {
            ((n * a[0] + z) * a[1] + y) * a[2] + x
        };
        let inputs = [d.input, h.input, w.input];
        let outputs = [d.output, h.output, w.output];
        for n in 0..self.n {
            for (oz, kz) in pairs(d) {
                let Some(z) = d.at(oz, kz) else { continue };
                for (oy, ky) in pairs(h) {
                    let Some(y) = h.at(oy, ky) else { continue };
                    for (ox, kx) in pairs(w) {
                        let Some(x) = w.at(ox, kx) else { continue };
                        let tap = (kz * h.window + ky) * w.window + kx;
                        f(pixel(n, &inputs, z, y, x), tap, pixel(n, &outputs, oz, oy, ox));
                    }
                }
            }
        }
    }

    fn per_group(&self) -> (usize, usize) {
        (self.channels / self.groups, self.out / self.groups)
    }

    /// The output.
    pub(crate) fn forward<T: Scalar>(&self, x: &[T], filter: &[T]) -> Vec<T> {
        let (ci, co) = self.per_group();
        let n_out = self.out_shape().iter().product();
        let mut y = vec![T::default(); n_out];
        self.meet(|from, tap, to| {
            let x = &x[from * self.channels..][..self.channels];
            let y = &mut y[to * self.out..][..self.out];
            let filter = &filter[tap * ci * self.out..][..ci * self.out];
            for group in 0..self.groups {
                for i in 0..ci {
                    let factor = x[group * ci + i];
                    let row = &filter[i * self.out + group * co..][..co];
                    let sums = &mut y[group * co..][..co];
                    sums.iter_mut()
                        .zip(row)
                        .for_each(|(sum, k)| *sum = sum.plus_product(factor, *k));
                }
            }
        });
        y
    }

    /// The gradient by the input, which is what a transposed convolution computes.
    pub(crate) fn backward_input<T: Scalar>(&self, filter: &[T], dy: &[T]) -> Vec<T> {
        let (ci, co) = self.per_group();
        let n_in: usize = self.axes.iter().map(|axis| axis.input).product();
        let mut dx = vec![T::default(); self.n * n_in * self.channels];
        self.meet(|to, tap, from| {
            let dx = &mut dx[to * self.channels..][..self.channels];
            let dy = &dy[from * self.out..][..self.out];
            let filter = &filter[tap * ci * self.out..][..ci * self.out];
            for group in 0..self.groups {
                for i in 0..ci {
                    let row = &filter[i * self.out + group * co..][..co];
                    let sum = &mut dx[group * ci + i];
                    let terms = row.iter().zip(&dy[group * co..][..co]);
                    *sum = terms.fold(*sum, |sum, (k, g)| sum.plus_product(*k, *g));
                }
            }
        });
        dx
    }

    /// The gradient by the filter.
    pub(crate) fn backward_filter<T: Scalar>(&self, x: &[T], dy: &[T]) -> Vec<T> {
        let (ci, co) = self.per_group();
        let taps: usize = self.axes.iter().map(|axis| axis.window).product();
        let mut dk = vec![T::default(); taps * ci * self.out];
        self.meet(|from, tap, to| {
            let x = &x[from * self.channels..][..self.channels];
            let dy = &dy[to * self.out..][..self.out];
            let dk = &mut dk[tap * ci * self.out..][..ci * self.out];
            for group in 0..self.groups {
                for i in 0..ci {
                    let factor = x[group * ci + i];
                    let row = &mut dk[i * self.out + group * co..][..co];
                    let terms = row.iter_mut().zip(&dy[group * co..][..co]);
                    terms.for_each(|(sum, g)| *sum = sum.plus_product(factor, *g));
                }
            }
        });
        dk
    }
}

/// Every output position with every tap.
fn pairs(axis: &Axis) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (output, window) = (axis.output, axis.window);
    (0..output).flat_map(move |o| (0..window).map(move |k| (o, k)))
}

/// The convolution of `x` (any format) with `filter`.
pub(crate) fn forward(
    sliding: &Sliding,
    x: DenseTensor,
    filter: &DenseTensor,
    is_depthwise: bool,
) -> Result<DenseTensor> {
    let x = sliding.to_channels_last(x);
    let conv = Conv::new(sliding, x.shape(), filter.shape(), is_depthwise)?;
    let shape = conv.out_shape();
    let y = match (view(&x), view(filter)) {
        (Wide::F32(a), Wide::F32(b)) => f32::narrow(x.dtype(), &shape, conv.forward(&a, &b)),
        (Wide::F64(a), Wide::F64(b)) => f64::narrow(x.dtype(), &shape, conv.forward(&a, &b)),
        (Wide::I64(a), Wide::I64(b)) => i64::narrow(x.dtype(), &shape, conv.forward(&a, &b)),
        _ => return Err(crate::rows::refused(x.dtype())),
    };
    Ok(sliding.restored(y))
}

/// The gradient by an input of `shape` (in the format's order).
pub(crate) fn backward_input(
    sliding: &Sliding,
    shape: &[usize],
    filter: &DenseTensor,
    dy: DenseTensor,
    is_depthwise: bool,
) -> Result<DenseTensor> {
    let mut last = shape.to_vec();
    if sliding.is_channels_first && last.len() > 1 {
        let channels = last.remove(1);
        last.push(channels);
    }
    checked_len(&last)?;
    let conv = Conv::new(sliding, &last, filter.shape(), is_depthwise)?;
    let dy = sliding.to_channels_last(dy);
    let expected = conv.out_shape();
    ensure!(
        dy.shape() == expected,
        "the gradient has shape {:?}, expected {expected:?}",
        dy.shape()
    );
    let dx = match (view(filter), view(&dy)) {
        (Wide::F32(k), Wide::F32(g)) => f32::narrow(dy.dtype(), &last, conv.backward_input(&k, &g)),
        (Wide::F64(k), Wide::F64(g)) => f64::narrow(dy.dtype(), &last, conv.backward_input(&k, &g)),
        _ => return Err(crate::rows::refused(dy.dtype())),
    };
    Ok(sliding.restored(dx))
}

/// The gradient by a filter of `shape`.
pub(crate) fn backward_filter(
    sliding: &Sliding,
    x: DenseTensor,
    shape: &[usize],
    dy: DenseTensor,
    is_depthwise: bool,
) -> Result<DenseTensor> {
    checked_len(shape)?;
    let (x, dy) = (sliding.to_channels_last(x), sliding.to_channels_last(dy));
    let conv = Conv::new(sliding, x.shape(), shape, is_depthwise)?;
    let expected = conv.out_shape();
    ensure!(
        dy.shape() == expected,
        "the gradient has shape {:?}, expected {expected:?}",
        dy.shape()
    );
    Ok(match (view(&x), view(&dy)) {
        (Wide::F32(x), Wide::F32(g)) => {
            f32::narrow(dy.dtype(), shape, conv.backward_filter(&x, &g))
        }
        (Wide::F64(x), Wide::F64(g)) => {
            f64::narrow(dy.dtype(), shape, conv.backward_filter(&x, &g))
        }
        _ => return Err(crate::rows::refused(dy.dtype())),
    })
}
