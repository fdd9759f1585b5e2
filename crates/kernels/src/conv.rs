//! Convolutions of images, channels last, as products.

use crate::gemm::{Rows, product};
use crate::{Finish, Packed, Workers};

/// Where windows lie on images of `[n, height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Number of images.
    pub n: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// The window's rows and columns.
    pub window: [usize; 2],
    /// Steps of the window down and to the right.
    pub stride: [usize; 2],
    /// Distance between neighbours in a window.
    pub dilation: [usize; 2],
    /// Rows above and columns to the left that are zeros.
    pub before: [usize; 2],
    /// Rows and columns of windows.
    pub output: [usize; 2],
}

impl Image {
    /// Numbers under a window.
    pub fn window_len(&self) -> usize {
        self.window[0] * self.window[1] * self.channels
    }

    /// Number of windows.
    pub fn n_windows(&self) -> usize {
        self.n * self.output[0] * self.output[1]
    }

    /// Numbers in all images.
    pub fn len(&self) -> usize {
        self.n * self.height * self.width * self.channels
    }

    /// True when there is no number in them.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when the windows are the pixels in their order.
    fn is_pixels(&self) -> bool {
        self.window == [1, 1]
            && self.stride == [1, 1]
            && self.before == [0, 0]
            && self.output == [self.height, self.width]
    }

    /// Columns of a window that starts at column `start - before` and lie on the image: first, end.
    pub(crate) fn columns(&self, start: usize) -> (usize, usize) {
        taps(start, self.before[1], self.width, self.window[1], self.dilation[1])
    }

    /// Rows of a window that starts at row `start - before` and lie on the image: first, end.
    pub(crate) fn lines(&self, start: usize) -> (usize, usize) {
        taps(start, self.before[0], self.height, self.window[0], self.dilation[0])
    }

    /// Copies windows, from number `first` on, one after the other.
    pub(crate) fn copy_windows(&self, x: &[f32], first: usize, out: &mut [f32]) {
        let per_image = self.output[0] * self.output[1];
        let (mut image, rest) = (first / per_image, first % per_image);
        let (mut row, mut column) = (rest / self.output[1], rest % self.output[1]);
        for window in out.chunks_exact_mut(self.window_len()) {
            self.copy_window(x, image, [row * self.stride[0], column * self.stride[1]], window);
            column += 1;
            if column == self.output[1] {
                (row, column) = (row + 1, 0);
            }
            if row == self.output[0] {
                (image, row) = (image + 1, 0);
            }
        }
    }

    fn copy_window(&self, x: &[f32], image: usize, start: [usize; 2], out: &mut [f32]) {
        let c = self.channels;
        let (first_line, end_line) = self.lines(start[0]);
        let (left, right) = self.columns(start[1]);
        let line_len = self.window[1] * c;
        let is_whole = self.dilation[1] == 1 && [left, right] == [0, self.window[1]];
        if is_whole && [first_line, end_line] == [0, self.window[0]] {
            let y = start[0] - self.before[0];
            let at = ((image * self.height + y) * self.width + start[1] - self.before[1]) * c;
            return copy_lines(out, line_len, &x[at..], self.dilation[0] * self.width * c);
        }
        out[..first_line * line_len].fill(0.0);
        out[end_line * line_len..].fill(0.0);
        for line in first_line..end_line {
            let y = start[0] + line * self.dilation[0] - self.before[0];
            let pixels = &x[(image * self.height + y) * self.width * c..][..self.width * c];
            let out = &mut out[line * line_len..][..line_len];
            out[..left * c].fill(0.0);
            out[right * c..].fill(0.0);
            if left == right {
                continue;
            }
            let at = start[1] + left * self.dilation[1] - self.before[1];
            if self.dilation[1] == 1 {
                copy(&mut out[left * c..right * c], &pixels[at * c..]);
                continue;
            }
            for (i, to) in out[left * c..right * c].chunks_exact_mut(c).enumerate() {
                to.copy_from_slice(&pixels[(at + i * self.dilation[1]) * c..][..c]);
            }
        }
    }
}

/// Copies lines of `len` numbers, `step` apart. Lines of the first layers of models, which have few
/// channels, are too short to call a function for each.
fn copy_lines(out: &mut [f32], len: usize, x: &[f32], step: usize) {
    fn fixed<const LEN: usize>(out: &mut [f32], x: &[f32], step: usize) {
        let lines = x.chunks(step.max(1));
        for (out, line) in out.as_chunks_mut::<LEN>().0.iter_mut().zip(lines) {
            let from = line.first_chunk::<LEN>();
            *out = *from.expect("a window that lies on the image whole ends inside its line");
        }
    }
    match len {
        9 => fixed::<9>(out, x, step),
        12 => fixed::<12>(out, x, step),
        15 => fixed::<15>(out, x, step),
        21 => fixed::<21>(out, x, step),
        _ => {
            for (out, line) in out.chunks_exact_mut(len).zip(x.chunks(step.max(1))) {
                out.copy_from_slice(&line[..len]);
            }
        }
    }
}

/// Short runs are copied here: a call costs more than the copy.
#[inline]
fn copy(out: &mut [f32], from: &[f32]) {
    let n = out.len();
    if n > 32 {
        return out.copy_from_slice(&from[..n]);
    }
    out.iter_mut().zip(&from[..n]).for_each(|(to, from)| *to = *from);
}

/// Of `window` taps, `dilation` apart, from `start - before` on: those in `0..len`.
fn taps(start: usize, before: usize, len: usize, window: usize, dilation: usize) -> (usize, usize) {
    let first = before.saturating_sub(start).div_ceil(dilation).min(window);
    // The tap k is inside when start + k * dilation < len + before.
    let end = (len + before).saturating_sub(start).div_ceil(dilation).min(window);
    (first, end.max(first))
}

/// A convolution: every window times `filter`, whose rows are the numbers under a window (rows,
/// columns, channels) and whose columns are the channels of the result.
///
/// # Panics
/// When the lengths do not go together, which is a mistake of the caller.
pub fn conv2d(
    workers: &Workers,
    image: &Image,
    x: &[f32],
    filter: &Packed,
    finish: &Finish,
    operands: &[&[f32]],
    out: &mut [f32],
) {
    assert_eq!(x.len(), image.len(), "numbers of the images");
    assert_eq!(filter.k(), image.window_len(), "numbers under a window");
    assert_eq!(out.len(), image.n_windows() * filter.n(), "numbers of the result");
    let rows = match image.is_pixels() {
        true => Rows::Matrix(x),
        false => Rows::Windows(image, x),
    };
    product(workers, rows, filter, finish, operands, out);
}
