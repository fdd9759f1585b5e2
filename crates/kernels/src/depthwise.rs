//! Depthwise convolutions: each channel by itself, vectors along the channels.
#![expect(unsafe_code, reason = "vectors are loaded through pointers that are checked once a row")]

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::post::{self, Finish};
use crate::{Image, Workers};

/// A filter `[rows, columns, channels]` and a bias.
#[derive(Debug, Clone)]
pub struct DepthwiseFilter {
    taps: Vec<f32>,
    bias: Vec<f32>,
}

impl DepthwiseFilter {
    /// A filter for so many channels, without bias.
    pub fn new(taps: Vec<f32>, channels: usize) -> Self {
        Self { taps, bias: vec![0.0; channels] }
    }

    /// Multiplies each channel, bias included, and adds to the bias. Each slice has a number per
    /// channel, or one for all.
    pub fn scale_channels(&mut self, scale: &[f32], offset: &[f32]) {
        let of = |all: &[f32], c: usize| if all.len() == 1 { all[0] } else { all[c] };
        for (c, bias) in self.bias.iter_mut().enumerate() {
            *bias = *bias * of(scale, c) + of(offset, c);
        }
        for row in self.taps.chunks_exact_mut(self.bias.len().max(1)) {
            row.iter_mut().enumerate().for_each(|(c, x)| *x *= of(scale, c));
        }
    }
}

/// Fewer multiplications than this are not worth waking a thread for.
const WORK_MIN: usize = 1 << 15;

/// A depthwise convolution; the result has the channels of the images.
///
/// # Panics
/// When the lengths do not go together, which is a mistake of the caller.
pub fn depthwise2d(
    workers: &Workers,
    image: &Image,
    x: &[f32],
    filter: &DepthwiseFilter,
    finish: &Finish,
    operands: &[&[f32]],
    out: &mut [f32],
) {
    let c = image.channels;
    assert_eq!(x.len(), image.len(), "numbers of the images");
    assert_eq!(filter.taps.len(), image.window_len(), "numbers under a window");
    assert_eq!(filter.bias.len(), c, "a bias per channel");
    assert_eq!(out.len(), image.n_windows() * c, "numbers of the result");
    let row_len = image.output[1] * c;
    let work = row_len * image.window[0] * image.window[1];
    workers.rows(out, row_len, WORK_MIN.div_ceil(work.max(1)), &|first, mine| {
        for (i, out) in mine.chunks_exact_mut(row_len).enumerate() {
            let row = first + i;
            Row { image, x, filter, finish, row, out }.dispatch();
            post::apply(&finish.posts, out, row * row_len, operands);
        }
    });
}

/// One row of the result.
struct Row<'a> {
    image: &'a Image,
    x: &'a [f32],
    filter: &'a DepthwiseFilter,
    finish: &'a Finish,
    /// Its number, over all images.
    row: usize,
    out: &'a mut [f32],
}

impl SimdOp for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let image = self.image;
        let c = image.channels;
        let (n, line) = (self.row / image.output[0], self.row % image.output[0]);
        let start = line * image.stride[0];
        let (first, end) = image.lines(start);
        let y = start + first * image.dilation[0];
        let first_line = n * image.height + y.saturating_sub(image.before[0]);
        let line_len = image.width * c;
        let whole = Lines {
            image,
            // With no line on the image no tap is read.
            x: if first < end { &self.x[first_line * line_len..] } else { &[] },
            x_step: image.dilation[0] * line_len,
            taps: &self.filter.taps[first * image.window[1] * c..],
            n_lines: end - first,
            bias: &self.filter.bias,
            low: self.finish.low,
            high: self.finish.high,
        };
        let lanes = isa.f32().len();
        let is_three = image.window[1] == 3 && image.dilation[1] == 1 && end - first == 3;
        for channel in (0..c).step_by(lanes) {
            let n = (c - channel).min(lanes);
            if n < lanes {
                // SAFETY: `n` channels are left; see `Lines` for the rest.
                unsafe { whole.any::<I, false>(isa, channel, n, 0..image.output[1], self.out) };
            } else if is_three {
                // SAFETY: a whole vector of channels is left.
                unsafe { whole.three(isa, channel, self.out) };
            } else {
                // SAFETY: a whole vector of channels is left.
                unsafe { whole.any::<I, true>(isa, channel, n, 0..image.output[1], self.out) };
            }
        }
    }
}

/// The lines of pixels under a row of windows.
struct Lines<'a> {
    image: &'a Image,
    /// From the first line that a tap falls on.
    x: &'a [f32],
    /// Distance between lines that taps fall on.
    x_step: usize,
    /// From the first tap that falls on a line.
    taps: &'a [f32],
    n_lines: usize,
    bias: &'a [f32],
    low: f32,
    high: f32,
}

impl Lines<'_> {
    /// Windows `columns` of the row, `n` channels from `channel` on, which `IS_WHOLE` says is a
    /// vector.
    ///
    /// # Safety
    /// There are so many channels.
    #[inline(always)]
    unsafe fn any<I: Isa, const IS_WHOLE: bool>(
        &self,
        isa: I,
        channel: usize,
        n: usize,
        columns: std::ops::Range<usize>,
        out: &mut [f32],
    ) {
        let (ops, image) = (isa.f32(), self.image);
        let c = image.channels;
        let mask = ops.first_n_mask(n);
        let load = |p: &[f32]| {
            let p = &p[..n];
            // SAFETY: `p` has `n` numbers, a vector when `IS_WHOLE`.
            unsafe {
                match IS_WHOLE {
                    true => ops.load_ptr(p.as_ptr()),
                    false => ops.load_ptr_mask(p.as_ptr(), mask),
                }
            }
        };
        let (low, high) = (ops.splat(self.low), ops.splat(self.high));
        for column in columns {
            let start = column * image.stride[1];
            let (left, right) = image.columns(start);
            let mut sum = load(&self.bias[channel..]);
            for line in 0..self.n_lines {
                for tap in left..right {
                    let at = start + tap * image.dilation[1] - image.before[1];
                    let x = load(&self.x[line * self.x_step + at * c + channel..]);
                    let k = load(&self.taps[(line * image.window[1] + tap) * c + channel..]);
                    sum = ops.mul_add(x, k, sum);
                }
            }
            let y = ops.min(high, ops.max(low, sum));
            let to = &mut out[column * c + channel..][..n];
            // SAFETY: `to` has `n` numbers, a vector when `IS_WHOLE`.
            unsafe {
                match IS_WHOLE {
                    true => ops.store_ptr(y, to.as_mut_ptr()),
                    false => ops.store_ptr_mask(y, to.as_mut_ptr(), mask),
                }
            }
        }
    }

    /// The whole row for windows of three by three on three lines: the nine taps stay in registers.
    ///
    /// # Safety
    /// A whole vector of channels is there from `channel` on.
    #[inline(always)]
    unsafe fn three<I: Isa>(&self, isa: I, channel: usize, out: &mut [f32]) {
        let (ops, image) = (isa.f32(), self.image);
        let (c, lanes, stride) = (image.channels, ops.len(), image.stride[1]);
        // The windows that lie on the image whole.
        let first = image.before[1].div_ceil(stride).min(image.output[1]);
        let fit = (image.width + image.before[1]).saturating_sub(3);
        let has_fit = image.width + image.before[1] >= 3;
        let end = if has_fit { (fit / stride + 1).clamp(first, image.output[1]) } else { first };
        // SAFETY: the caller's promise.
        unsafe {
            self.any::<I, true>(isa, channel, lanes, 0..first, out);
            self.any::<I, true>(isa, channel, lanes, end..image.output[1], out);
        }
        if first == end {
            return;
        }
        let mut taps = [[ops.zero(); 3]; 3];
        for (i, place) in taps.iter_mut().flatten().enumerate() {
            *place = ops.load(&self.taps[i * c + channel..]);
        }
        let bias = ops.load(&self.bias[channel..]);
        let (low, high) = (ops.splat(self.low), ops.splat(self.high));
        let last = ((end - 1) * stride - image.before[1] + 2) * c + channel + lanes;
        assert!(self.x.len() >= 2 * self.x_step + last, "three lines under the last window");
        assert!(out.len() >= (end - 1) * c + channel + lanes, "the last window of the row");
        for column in first..end {
            let at = (column * stride - image.before[1]) * c + channel;
            let mut sum = bias;
            for (line, taps) in taps.iter().enumerate() {
                for (i, tap) in taps.iter().enumerate() {
                    // SAFETY: no further than under the last window, which is asserted above.
                    let x = unsafe {
                        ops.load_ptr(self.x.as_ptr().add(line * self.x_step + at + i * c))
                    };
                    sum = ops.mul_add(x, *tap, sum);
                }
            }
            let y = ops.min(high, ops.max(low, sum));
            // SAFETY: no further than the last window, which is asserted above.
            unsafe { ops.store_ptr(y, out.as_mut_ptr().add(column * c + channel)) };
        }
    }
}
