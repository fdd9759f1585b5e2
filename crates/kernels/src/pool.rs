//! Pooling of images, channels last.

use crate::vector::vectorized;
use crate::{Image, Workers};

/// What a window's numbers become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// The largest.
    Max,
    /// The mean of those on the image.
    Mean,
}

/// Pools every window of `image`, each channel by itself. A window that lies beside the image gives
/// −∞ or NaN, as the largest and the mean of nothing.
///
/// # Panics
/// When the lengths do not go together, which is a mistake of the caller.
pub fn pool2d(workers: &Workers, image: &Image, kind: PoolKind, x: &[f32], out: &mut [f32]) {
    let c = image.channels;
    assert_eq!(x.len(), image.len(), "numbers of the images");
    assert_eq!(out.len(), image.n_windows() * c, "numbers of the result");
    let row_len = image.output[1] * c;
    let work = (row_len * image.window[0] * image.window[1]).max(1);
    workers.rows(out, row_len, (1_usize << 15).div_ceil(work), &|first, mine| {
        for (i, row) in mine.chunks_exact_mut(row_len).enumerate() {
            vectorized(|| pool_row(image, kind, x, first + i, row));
        }
    });
}

#[inline(always)]
fn pool_row(image: &Image, kind: PoolKind, x: &[f32], row: usize, out: &mut [f32]) {
    let c = image.channels;
    let (n, start) = (row / image.output[0], row % image.output[0] * image.stride[0]);
    let (first, end) = image.lines(start);
    for (column, out) in out.chunks_exact_mut(c.max(1)).enumerate() {
        let at = column * image.stride[1];
        let (left, right) = image.columns(at);
        out.fill(if kind == PoolKind::Max { f32::NEG_INFINITY } else { 0.0 });
        for line in first..end {
            let y = start + line * image.dilation[0] - image.before[0];
            for tap in left..right {
                let pixel = at + tap * image.dilation[1] - image.before[1];
                let x = &x[((n * image.height + y) * image.width + pixel) * c..][..c];
                let pairs = out.iter_mut().zip(x);
                match kind {
                    // NaN is kept wherever it comes.
                    PoolKind::Max => {
                        pairs.for_each(|(m, x)| *m = if *m > *x || m.is_nan() { *m } else { *x })
                    }
                    PoolKind::Mean => pairs.for_each(|(sum, x)| *sum += *x),
                }
            }
        }
        if kind == PoolKind::Mean {
            let n = ((end - first) * (right - left)) as f32;
            out.iter_mut().for_each(|sum| *sum /= n);
        }
    }
}
