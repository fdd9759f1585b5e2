//! The innermost loops of a product: a tile of the result kept in registers.
//!
//! A tile is `MR` rows by `NV` vectors. Each step of `k` loads `NV` vectors of the packed weights and
//! multiplies each with one number of every row. The tiles are as large as the registers of an
//! instruction set allow: 12 × 32 with AVX-512, 6 × 16 with AVX2, 4 × 8 where a vector has four
//! numbers (V8 keeps no more than eight accumulators in registers).
#![expect(
    unsafe_code,
    reason = "vectors are loaded through pointers that are checked once a block"
)]

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::gemm::Packed;

/// Vectors that a full panel of the weights is wide.
pub(crate) const PANEL_VECTORS: usize = 2;

/// Rows of a tile where a vector has so many numbers.
pub(crate) const fn tile_rows(lanes: usize) -> usize {
    match lanes {
        16.. => 12,
        8.. => 6,
        _ => 4,
    }
}

/// Some rows of a product, and some panels of its columns.
pub(crate) struct Block<'a> {
    /// The rows, the first numbers of each being what is multiplied.
    pub(crate) a: &'a [f32],
    /// Distance between rows of `a`.
    pub(crate) a_stride: usize,
    pub(crate) n_rows: usize,
    pub(crate) weights: &'a Packed,
    /// The first panel of columns.
    pub(crate) first_panel: usize,
    /// Rows of the result; `n_columns` numbers each, from the first panel's first column on.
    pub(crate) out: &'a mut [f32],
    pub(crate) n_columns: usize,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

/// Where one tile is.
struct Place<'a> {
    a: &'a [f32],
    a_stride: usize,
    panel: &'a [f32],
    bias: &'a [f32],
    out: *mut f32,
    out_stride: usize,
    n_columns: usize,
    low: f32,
    high: f32,
}

impl SimdOp for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let lanes = isa.f32().len();
        let k = self.weights.k();
        assert_eq!(lanes, self.weights.lanes(), "weights are packed for this machine");
        assert_eq!(self.out.len(), self.n_rows * self.n_columns, "rows of the result");
        if self.n_rows == 0 || self.n_columns == 0 {
            return;
        }
        let last = (self.n_rows - 1) * self.a_stride;
        assert!(self.a.len() >= last + k, "rows that are multiplied");
        // Tiles of nearly the same height do better than high ones and a low rest.
        let n_tiles = self.n_rows.div_ceil(tile_rows(lanes));
        let width = PANEL_VECTORS * lanes;
        for (i, column) in (0..self.n_columns).step_by(width).enumerate() {
            let (panel, bias) = self.weights.panel(self.first_panel + i);
            let n_columns = (self.n_columns - column).min(width);
            for tile in 0..n_tiles {
                let first = self.n_rows * tile / n_tiles;
                let n_rows = self.n_rows * (tile + 1) / n_tiles - first;
                let place = Place {
                    a: &self.a[first * self.a_stride..],
                    a_stride: self.a_stride,
                    panel,
                    bias,
                    out: self.out[first * self.n_columns + column..].as_mut_ptr(),
                    out_stride: self.n_columns,
                    n_columns,
                    low: self.low,
                    high: self.high,
                };
                // SAFETY: `n_rows` rows of `a` have `k` numbers (asserted above for the last one),
                // the panel has `k` times its width and the bias its width (`Packed::panel`), and
                // the rows of `out` from this column on have `n_columns` numbers each.
                unsafe {
                    match bias.len() / lanes {
                        1 => any_height::<I, 1>(isa, n_rows, k, &place),
                        _ => any_height::<I, PANEL_VECTORS>(isa, n_rows, k, &place),
                    }
                }
            }
        }
    }
}

/// A tile of `n_rows` rows.
///
/// # Safety
/// `place` has so many rows of `k` numbers, a panel of `k` × `NV` vectors, and room for the result.
#[inline(always)]
unsafe fn any_height<I: Isa, const NV: usize>(isa: I, n_rows: usize, k: usize, place: &Place<'_>) {
    macro_rules! heights {
        ($($rows:literal)*) => {
            match n_rows {
                // SAFETY: the caller's promise, for this number of rows.
                $($rows => unsafe { tile::<I, $rows, NV>(isa, k, place) },)*
                _ => unreachable!("a tile has no more rows than `tile_rows`"),
            }
        };
    }
    match tile_rows(isa.f32().len()) {
        12 => heights!(1 2 3 4 5 6 7 8 9 10 11 12),
        6 => heights!(1 2 3 4 5 6),
        _ => heights!(1 2 3 4),
    }
}

/// One tile: the bias, plus the rows times the panel, limited, stored.
///
/// # Safety
/// As [`any_height`], for `MR` rows.
#[inline(always)]
unsafe fn tile<I: Isa, const MR: usize, const NV: usize>(isa: I, k: usize, place: &Place<'_>) {
    let ops = isa.f32();
    let lanes = ops.len();
    let mut sums = [[ops.zero(); NV]; MR];
    let a = place.a.as_ptr();
    let mut b = place.panel.as_ptr();
    // SAFETY: the bias has NV vectors, `b` passes over k × NV vectors of the panel, and each of the
    // MR rows of `a` has k numbers: all by the caller's promise.
    unsafe {
        for row in &mut sums {
            for (v, sum) in row.iter_mut().enumerate() {
                *sum = ops.load_ptr(place.bias.as_ptr().add(v * lanes));
            }
        }
        for i in 0..k {
            let mut vectors = [ops.zero(); NV];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = ops.load_ptr(b.add(v * lanes));
            }
            for (r, row) in sums.iter_mut().enumerate() {
                let factor = ops.splat(*a.add(r * place.a_stride + i));
                for (sum, vector) in row.iter_mut().zip(vectors) {
                    *sum = ops.mul_add(factor, vector, *sum);
                }
            }
            b = b.add(NV * lanes);
        }
    }
    let (low, high) = (ops.splat(place.low), ops.splat(place.high));
    for (r, row) in sums.iter().enumerate() {
        for (v, sum) in row.iter().enumerate() {
            // NaN is the second operand, so it stays.
            let y = ops.min(high, ops.max(low, *sum));
            let left = place.n_columns.saturating_sub(v * lanes);
            // SAFETY: row `r` of the result has `n_columns` numbers from `out` on; a whole vector is
            // stored where so many are left, else as many as are left.
            unsafe {
                let to = place.out.add(r * place.out_stride + v * lanes);
                if left >= lanes {
                    ops.store_ptr(y, to);
                } else if left > 0 {
                    ops.store_ptr_mask(y, to, ops.first_n_mask(left));
                }
            }
        }
    }
}
