//! Who computes: this thread, or a pool of threads.

use std::fmt;

/// A number of threads. In WebAssembly it is always one.
#[derive(Clone, Default)]
pub struct Workers {
    #[cfg(not(target_arch = "wasm32"))]
    pool: Option<std::sync::Arc<rayon::ThreadPool>>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workers({})", self.n_threads())
    }
}

/// More threads than this help no model and may exhaust the machine.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) const THREADS_MAX: usize = 256;

impl Workers {
    /// `n` threads, at least one and at most 256. Where threads cannot be started there
    /// is one.
    pub fn new(n: usize) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let n = n.min(THREADS_MAX);
            let build = || rayon::ThreadPoolBuilder::new().num_threads(n).build().ok();
            let pool = (n > 1).then(build).flatten().map(std::sync::Arc::new);
            Self { pool }
        }
        #[cfg(target_arch = "wasm32")]
        {
            let _ = n;
            Self {}
        }
    }

    /// Number of threads.
    pub fn n_threads(&self) -> usize {
        #[cfg(not(target_arch = "wasm32"))]
        {
            self.pool.as_ref().map_or(1, |pool| pool.current_num_threads())
        }
        #[cfg(target_arch = "wasm32")]
        {
            1
        }
    }

    /// Runs `f` on one of the threads, so that splitting work inside it costs little.
    pub fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(pool) = &self.pool {
            return pool.install(f);
        }
        f()
    }

    /// Calls `f` with rows of `out`, each of `row_len` elements (the last may have fewer): the number
    /// of the first row, and the rows. They are shared among the threads in pieces of at least `rows_min`.
    pub fn rows<T: Send>(
        &self,
        out: &mut [T],
        row_len: usize,
        rows_min: usize,
        f: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        let n_rows = if row_len == 0 { 0 } else { out.len().div_ceil(row_len) };
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(pool) = &self.pool {
            let n_pieces = (n_rows / rows_min.max(1)).clamp(1, pool.current_num_threads());
            if n_pieces > 1 {
                return pool.install(|| split(out, row_len, 0, n_pieces, f));
            }
        }
        let _ = rows_min;
        if n_rows > 0 {
            f(0, out);
        }
    }
}

/// Halves the rows until there are so many pieces, and works on the halves side by side.
#[cfg(not(target_arch = "wasm32"))]
fn split<T: Send>(
    out: &mut [T],
    row_len: usize,
    first: usize,
    n_pieces: usize,
    f: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let n_rows = out.len() / row_len;
    if n_pieces <= 1 || n_rows <= 1 {
        return f(first, out);
    }
    let left = n_pieces / 2;
    let n_left = n_rows * left / n_pieces;
    let (a, b) = out.split_at_mut(n_left * row_len);
    rayon::join(
        || split(a, row_len, first, left, f),
        || split(b, row_len, first + n_left, n_pieces - left, f),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_visited_once_whatever_the_number_of_threads() {
        for n_threads in [0, 1, 2, 3, 7] {
            let workers = Workers::new(n_threads);
            let mut short = [0, 0];
            workers.rows(&mut short, 3, 1, &|first, rows| rows.fill(first + 1));
            assert_eq!(short, [1, 1], "fewer than a row");
            for n_rows in [0, 1, 2, 5, 64, 1001] {
                let mut out = vec![0_usize; n_rows * 3];
                workers.rows(&mut out, 3, 4, &|first, rows| {
                    for (i, row) in rows.chunks_exact_mut(3).enumerate() {
                        row.iter_mut().for_each(|place| *place += first + i + 1);
                    }
                });
                let expected: Vec<usize> = (1..=n_rows).flat_map(|row| [row; 3]).collect();
                assert_eq!(out, expected, "{n_threads} threads, {n_rows} rows");
            }
        }
    }

    #[test]
    fn work_inside_a_pool_stays_there() {
        let workers = Workers::new(2);
        assert_eq!(workers.n_threads(), 2);
        let mut out = vec![0_u8; 8];
        workers.enter(|| workers.rows(&mut out, 1, 1, &|_, rows| rows.fill(1)));
        assert_eq!(out, [1; 8]);
    }
}
