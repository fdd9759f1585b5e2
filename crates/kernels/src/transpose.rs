//! Transposing matrices in blocks.

use crate::Workers;

/// Side of a block: two of them fit the nearest cache.
const BLOCK: usize = 32;

/// Transposes each of the matrices `[rows, columns]` that lie in `x` one after the other.
///
/// # Panics
/// When the lengths do not go together, which is a mistake of the caller.
pub fn transpose2d<T: Copy + Send + Sync>(
    workers: &Workers,
    x: &[T],
    rows: usize,
    columns: usize,
    out: &mut [T],
) {
    assert_eq!(x.len(), out.len(), "as many elements come out");
    if rows * columns == 0 {
        return;
    }
    for (x, out) in x.chunks_exact(rows * columns).zip(out.chunks_exact_mut(rows * columns)) {
        let rows_min = ((1_usize << 15).div_ceil(rows)).next_multiple_of(BLOCK);
        workers.rows(out, rows, rows_min, &|first, mine| {
            let n = mine.len() / rows;
            for top in (0..rows).step_by(BLOCK) {
                for left in (0..n).step_by(BLOCK) {
                    for j in left..(left + BLOCK).min(n) {
                        let end = (top + BLOCK).min(rows);
                        let to = &mut mine[j * rows + top..j * rows + end];
                        let from = x[top * columns + first + j..].iter().step_by(columns);
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for (n, rows, columns) in [(1, 1, 1), (3, 5, 7), (1, 33, 64), (2, 70, 100), (1, 0, 4)] {
            let x: Vec<usize> = (0..n * rows * columns).collect();
            let mut out = vec![0; x.len()];
            transpose2d(&Workers::new(3), &x, rows, columns, &mut out);
            for (i, found) in out.iter().enumerate() {
                let (matrix, at) = (i / (rows * columns), i % (rows * columns));
                let expected = matrix * rows * columns + at % rows * columns + at / rows;
                assert_eq!(*found, expected, "{rows} x {columns}");
            }
        }
    }
}
