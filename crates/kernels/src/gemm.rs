//! Products of a matrix with weights that are packed once.

use std::cell::RefCell;

use rten_simd::SimdOp;

use crate::post::{self, Finish};
use crate::tile::{Block, PANEL_VECTORS, tile_rows};
use crate::vector::lanes;
use crate::{Image, Workers};

/// A matrix of `k` rows and `n` columns, and a bias, in the order in which a product reads them:
/// panels of a few columns, each row after row. The last panel is narrower when few columns are
/// left; missing columns are zeros.
#[derive(Debug, Clone)]
pub struct Packed {
    k: usize,
    n: usize,
    lanes: usize,
    data: Vec<f32>,
    bias: Vec<f32>,
}

impl Packed {
    /// Packs the matrix whose element in row `i` and column `j` is `b[i * steps.0 + j * steps.1]`.
    ///
    /// # Panics
    /// When `b` is shorter than that, which is a mistake of the caller.
    pub fn new(b: &[f32], k: usize, n: usize, steps: (usize, usize)) -> Self {
        Self::for_lanes(lanes(), b, k, n, steps)
    }

    pub(crate) fn for_lanes(
        lanes: usize,
        b: &[f32],
        k: usize,
        n: usize,
        steps: (usize, usize),
    ) -> Self {
        let padded = n.next_multiple_of(lanes);
        let mut data = vec![0.0; k * padded];
        let width = PANEL_VECTORS * lanes;
        for first in (0..n).step_by(width) {
            let columns = (n - first).min(width);
            let panel_width = (padded - first).min(width);
            let panel = &mut data[first * k..][..panel_width * k];
            for (i, row) in panel.chunks_exact_mut(panel_width).enumerate() {
                let from = &b[i * steps.0 + first * steps.1..];
                if steps.1 == 1 {
                    row[..columns].copy_from_slice(&from[..columns]);
                } else {
                    let places = row[..columns].iter_mut().enumerate();
                    places.for_each(|(j, place)| *place = from[j * steps.1]);
                }
            }
        }
        Self { k, n, lanes, data, bias: vec![0.0; padded] }
    }

    /// Rows of the matrix.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns of the matrix.
    pub fn n(&self) -> usize {
        self.n
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Numbers that it holds.
    pub fn len(&self) -> usize {
        self.data.len() + self.bias.len()
    }

    /// True when the matrix has no element.
    pub fn is_empty(&self) -> bool {
        self.k == 0 || self.n == 0
    }

    /// The panel and its bias.
    pub(crate) fn panel(&self, i: usize) -> (&[f32], &[f32]) {
        let width = PANEL_VECTORS * self.lanes;
        let first = i * width;
        let panel_width = (self.bias.len() - first).min(width);
        (&self.data[first * self.k..][..panel_width * self.k], &self.bias[first..][..panel_width])
    }

    /// Multiplies each column, bias included, and adds to the bias: what a normalization or a bias
    /// after the product comes to. Each slice has a number per column, or one for all.
    ///
    /// # Panics
    /// When a slice has another length, which is a mistake of the caller.
    pub fn scale_columns(&mut self, scale: &[f32], offset: &[f32]) {
        let of = |all: &[f32], j: usize| if all.len() == 1 { all[0] } else { all[j] };
        assert!([1, self.n].contains(&scale.len()) && [1, self.n].contains(&offset.len()));
        for j in 0..self.n {
            self.bias[j] = self.bias[j] * of(scale, j) + of(offset, j);
        }
        if scale.iter().all(|factor| *factor == 1.0) {
            return;
        }
        let width = PANEL_VECTORS * self.lanes;
        for first in (0..self.n).step_by(width) {
            let panel_width = (self.bias.len() - first).min(width);
            let panel = &mut self.data[first * self.k..][..panel_width * self.k];
            for row in panel.chunks_exact_mut(panel_width) {
                let columns = row.iter_mut().take(self.n - first).enumerate();
                columns.for_each(|(j, x)| *x *= of(scale, first + j));
            }
        }
    }
}

/// The rows that are multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    /// They lie there, one after the other.
    Matrix(&'a [f32]),
    /// They are the windows of an image.
    Windows(&'a Image, &'a [f32]),
}

/// `out = finish(a · weights + bias)`, `a` having rows of `weights.k()` numbers.
///
/// # Panics
/// When the lengths do not go together, which is a mistake of the caller.
pub fn gemm(
    workers: &Workers,
    a: &[f32],
    weights: &Packed,
    finish: &Finish,
    operands: &[&[f32]],
    out: &mut [f32],
) {
    product(workers, Rows::Matrix(a), weights, finish, operands, out);
}

/// Fewer multiplications than this are not worth waking a thread for.
const WORK_MIN: usize = 1 << 16;

/// Numbers of rows that are worked on together: what stays in the second cache beside a panel.
const BLOCK: usize = 1 << 15;

pub(crate) fn product(
    workers: &Workers,
    rows: Rows<'_>,
    weights: &Packed,
    finish: &Finish,
    operands: &[&[f32]],
    out: &mut [f32],
) {
    let (k, n) = (weights.k, weights.n);
    if n == 0 || out.is_empty() {
        return;
    }
    if let (Rows::Matrix(a), true) = (rows, out.len() == n) {
        return row_product(workers, a, weights, finish, operands, out);
    }
    let rows_min = WORK_MIN.div_ceil((k * n).max(1)).max(tile_rows(weights.lanes));
    workers.rows(out, n, rows_min, &|first, mine| {
        let high = tile_rows(weights.lanes);
        let block = (BLOCK / k.max(1)).next_multiple_of(high).clamp(high, 16 * high);
        for (i, out) in mine.chunks_mut(block * n).enumerate() {
            let (first, n_rows) = (first + i * block, out.len() / n);
            with_rows(rows, first, n_rows, k, |a, a_stride| {
                let (low, high) = (finish.low, finish.high);
                let columns = n;
                let first_panel = 0;
                let out = &mut *out;
                Block {
                    a,
                    a_stride,
                    n_rows,
                    weights,
                    first_panel,
                    out,
                    n_columns: columns,
                    low,
                    high,
                }
                .dispatch();
            });
            post::apply(&finish.posts, out, first * n, operands);
        }
    });
}

/// One row: the columns are shared among the threads.
fn row_product(
    workers: &Workers,
    a: &[f32],
    weights: &Packed,
    finish: &Finish,
    operands: &[&[f32]],
    out: &mut [f32],
) {
    let width = PANEL_VECTORS * weights.lanes;
    let panels_min = WORK_MIN.div_ceil((weights.k * width).max(1));
    workers.rows(out, width, panels_min, &|first_panel, out| {
        let (low, high, n_columns) = (finish.low, finish.high, out.len());
        Block { a, a_stride: 0, n_rows: 1, weights, first_panel, out, n_columns, low, high }
            .dispatch();
    });
    // Steps that know channels want the whole row.
    post::apply(&finish.posts, out, 0, operands);
}

thread_local! {
    /// Windows of an image, copied side by side.
    static WINDOWS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with the rows from `first` on and the distance between them.
fn with_rows(rows: Rows<'_>, first: usize, n: usize, k: usize, f: impl FnOnce(&[f32], usize)) {
    match rows {
        Rows::Matrix(a) => f(&a[first * k..(first + n) * k], k),
        Rows::Windows(image, x) => WINDOWS.with_borrow_mut(|windows| {
            if windows.len() < n * k {
                windows.resize(n * k, 0.0);
            }
            let windows = &mut windows[..n * k];
            image.copy_windows(x, first, windows);
            f(windows, k);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binary, Other, Post, Unary};

    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    fn clear(a: &[f32], b: &[f32], bias: &[f32], k: usize, n: usize) -> Vec<f64> {
        let mut out = Vec::new();
        for row in a.chunks_exact(k) {
            for j in 0..n {
                let terms = (0..k).map(|i| f64::from(row[i]) * f64::from(b[i * n + j]));
                out.push(f64::from(bias[j]) + terms.sum::<f64>());
            }
        }
        out
    }

    /// |sum| of k products of numbers below 1 is off by no more than k rounding errors of a partial
    /// sum, which is below k + 1.
    fn assert_close(found: &[f32], exact: &[f64], k: usize, what: &str) {
        let k = k as f64 + 1.0;
        let allowed = k * (k / 3.0).sqrt().max(1.0) * f64::from(f32::EPSILON);
        for (i, (x, y)) in found.iter().zip(exact).enumerate() {
            assert!((f64::from(*x) - y).abs() <= allowed, "{what}: element {i} is {x}, not {y}");
        }
        assert_eq!(found.len(), exact.len());
    }

    /// Every instruction set that this machine has.
    fn on_every_isa(check: impl Fn(&str, usize, &dyn Fn(Block<'_>))) {
        check("generic", 4, &|block| block.eval(rten_simd::isa::GenericIsa::new()));
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(isa) = rten_simd::isa::Avx2Isa::new() {
                check("avx2", 8, &|block| block.eval(isa));
            }
            if let Some(isa) = rten_simd::isa::Avx512Isa::new() {
                check("avx512", 16, &|block| block.eval(isa));
            }
        }
        check("the best", lanes(), &|block| block.dispatch());
    }

    #[test]
    fn tiles_of_every_height_and_width_agree_with_sums_in_double_precision() {
        on_every_isa(|isa, lanes, run| {
            for n_rows in (1..=14).chain([25, 37]) {
                for n in (1..=2 * lanes + 3).chain([4 * lanes + 1]) {
                    let k = 1 + (n_rows * 7 + n) % 19;
                    let (a, b, bias) = (numbers(n_rows * k, 1), numbers(k * n, 2), numbers(n, 3));
                    let mut weights = Packed::for_lanes(lanes, &b, k, n, (n, 1));
                    weights.scale_columns(&[1.0], &bias);
                    let mut out = vec![9.0; n_rows * n];
                    run(Block {
                        a: &a,
                        a_stride: k,
                        n_rows,
                        weights: &weights,
                        first_panel: 0,
                        out: &mut out,
                        n_columns: n,
                        low: f32::NEG_INFINITY,
                        high: f32::INFINITY,
                    });
                    let what = format!("{isa}, {n_rows} x {k} x {n}");
                    assert_close(&out, &clear(&a, &b, &bias, k, n), k, &what);
                }
            }
        });
    }

    #[test]
    fn products_agree_and_do_not_depend_on_the_number_of_threads() {
        let none = Finish::default();
        for (m, k, n) in
            [(1, 300, 700), (1, 5, 3), (49, 64, 160), (200, 27, 24), (3, 1, 1), (64, 500, 33)]
        {
            let (a, b) = (numbers(m * k, 4), numbers(k * n, 5));
            let weights = Packed::new(&b, k, n, (n, 1));
            let mut first = Vec::new();
            for n_threads in [1, 2, 3] {
                let mut out = vec![0.0; m * n];
                gemm(&Workers::new(n_threads), &a, &weights, &none, &[], &mut out);
                let exact = clear(&a, &b, &vec![0.0; n], k, n);
                assert_close(&out, &exact, k, &format!("{m} x {k} x {n}"));
                first = if n_threads == 1 { out.clone() } else { first };
                assert_eq!(out, first, "{n_threads} threads");
            }
        }
    }

    #[test]
    fn a_transposed_matrix_packs_to_the_same() {
        let (k, n) = (37, 45);
        let b = numbers(k * n, 6);
        let flipped: Vec<f32> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
        let packed = Packed::new(&b, k, n, (n, 1));
        assert_eq!(packed.data, Packed::new(&flipped, k, n, (1, k)).data);
        assert!(packed.len() >= k * n + n && !packed.is_empty());
    }

    #[test]
    fn what_follows_is_done_in_order() {
        let (m, k, n) = (50, 20, 40);
        let (a, b, residual) = (numbers(m * k, 7), numbers(k * n, 8), numbers(m * n, 9));
        let (scale, offset) = (numbers(n, 10), numbers(n, 11));
        let mut weights = Packed::new(&b, k, n, (n, 1));
        weights.scale_columns(&scale, &offset);
        let mut finish = Finish::default();
        finish.push(Post::Unary(Unary::Relu6));
        finish.push(Post::Binary(Binary::Sub, Other::Tensor));
        finish.push(Post::Unary(Unary::Relu));
        assert_eq!((finish.low, finish.high, finish.posts.len()), (0.0, 6.0, 2));
        assert_eq!(finish.n_operands(), 1);
        let mut out = vec![0.0; m * n];
        gemm(&Workers::new(2), &a, &weights, &finish, &[&residual], &mut out);
        let exact = clear(&a, &b, &vec![0.0; n], k, n).into_iter().enumerate().map(|(i, x)| {
            let x = x * f64::from(scale[i % n]) + f64::from(offset[i % n]);
            (x.clamp(0.0, 6.0) - f64::from(residual[i])).max(0.0)
        });
        assert_close(&out, &exact.collect::<Vec<_>>(), k, "scaled, limited, less the residual");
    }

    #[test]
    fn nothing_times_something_is_the_bias() {
        let mut weights = Packed::new(&[], 0, 3, (3, 1));
        weights.scale_columns(&[1.0], &[1.0, 2.0, 3.0]);
        let mut out = vec![0.0; 6];
        gemm(&Workers::default(), &[], &weights, &Finish::NONE, &[], &mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        let mut nan = vec![0.0; 4];
        let weights = Packed::new(&[f32::NAN, 1.0], 1, 2, (2, 1));
        let mut limited = Finish::default();
        limited.push(Post::Unary(Unary::Relu));
        gemm(&Workers::default(), &[1.0, -1.0], &weights, &limited, &[], &mut nan);
        assert!(nan[0].is_nan() && nan[2].is_nan() && nan[1] == 1.0 && nan[3] == 0.0);
    }
}
