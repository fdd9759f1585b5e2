//! Functions of rows: sums, means, largest, softmax.

use rten_simd::SimdOp;

use crate::Workers;
use crate::vector::vectorized;

/// What a row becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The sum.
    Sum,
    /// The mean.
    Mean,
    /// The largest number; NaN when there is one.
    Max,
}

/// Numbers that are summed one after the other before sums are added in pairs: this bounds the error
/// of long sums.
const SUMMED: usize = 1024;

/// One number per row of `row_len`.
pub fn reduce_rows(workers: &Workers, how: Reduction, x: &[f32], row_len: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len() * row_len, "rows of the input");
    let rows_min = (1_usize << 15).div_ceil(row_len.max(1));
    workers.rows(out, 1, rows_min, &|first, out| {
        for (i, place) in out.iter_mut().enumerate() {
            let row = &x[(first + i) * row_len..][..row_len];
            *place = match how {
                Reduction::Sum => sum(row),
                Reduction::Mean => sum(row) / row_len as f32,
                Reduction::Max => largest(row),
            };
        }
    });
}

fn sum(row: &[f32]) -> f32 {
    if row.len() <= SUMMED {
        return rten_vecmath::Sum::new(row).dispatch();
    }
    let (a, b) = row.split_at((row.len() / 2).next_multiple_of(SUMMED).min(row.len() - 1));
    sum(a) + sum(b)
}

fn largest(row: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; 16];
    vectorized(|| {
        for chunk in row.chunks(16) {
            let pairs = most.iter_mut().zip(chunk);
            pairs.for_each(|(m, x)| *m = if *m > *x || m.is_nan() { *m } else { *x });
        }
    });
    most.into_iter().fold(f32::NEG_INFINITY, |m, x| if m > x || m.is_nan() { m } else { x })
}

/// The mean (or sum) over the middle axis of `[outer, middle, channels]`: what global pooling is.
pub fn mean_middle(
    workers: &Workers,
    how: Reduction,
    x: &[f32],
    middle: usize,
    channels: usize,
    out: &mut [f32],
) {
    assert_eq!(x.len() * channels, out.len() * middle * channels, "rows of the input");
    let rows_min = (1_usize << 15).div_ceil((middle * channels).max(1));
    workers.rows(out, channels, rows_min, &|first, out| {
        for (i, out) in out.chunks_exact_mut(channels.max(1)).enumerate() {
            let x = &x[(first + i) * middle * channels..][..middle * channels];
            sum_lines(x, channels, out);
            if how == Reduction::Mean {
                let n = middle as f32;
                out.iter_mut().for_each(|sum| *sum /= n);
            }
        }
    });
}

/// The sum of lines, added in pairs of sums of many.
fn sum_lines(x: &[f32], len: usize, out: &mut [f32]) {
    let n = x.len().checked_div(len).unwrap_or(0);
    if n > SUMMED {
        let (a, b) = x.split_at(n / 2 * len);
        let mut other = vec![0.0; len];
        sum_lines(a, len, out);
        sum_lines(b, len, &mut other);
        out.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        return;
    }
    out.fill(0.0);
    vectorized(|| {
        for line in x.chunks_exact(len.max(1)) {
            let pairs = out.iter_mut().zip(line);
            pairs.for_each(|(sum, x)| *sum += *x);
        }
    });
}

/// e to the power of each number, divided by the sum of its row.
pub fn softmax_rows(workers: &Workers, xs: &mut [f32], row_len: usize) {
    rows(workers, xs, row_len, |row| {
        let _ = rten_vecmath::Softmax::new_mut(row).dispatch();
    });
}

/// The logarithm of [`softmax_rows`].
pub fn log_softmax_rows(workers: &Workers, xs: &mut [f32], row_len: usize) {
    rows(workers, xs, row_len, |row| {
        let _ = rten_vecmath::LogSoftmax::new_mut(row).dispatch();
    });
}

fn rows(workers: &Workers, xs: &mut [f32], row_len: usize, f: impl Fn(&mut [f32]) + Sync) {
    let rows_min = (1_usize << 13).div_ceil(row_len.max(1));
    workers.rows(xs, row_len, rows_min, &|_, mine| {
        mine.chunks_exact_mut(row_len).for_each(&f);
    });
}
