//! Singular and eigenvectors, which are determined but for a phase each.
//!
//! A column of V may be multiplied by any number of size 1 (by ±1 where numbers are real), when the same
//! column of U is multiplied by the same number. Ours are turned to TensorFlow's before they are
//! compared: by the phase of Σ conj(ours)·theirs over the column of V. That both still are a
//! decomposition of the input is a check of its own.

use tensorferry_tensor::{Complex, DType, DenseTensor, Storage};

type Numbers = Vec<Complex<f64>>;

fn numbers(x: &DenseTensor) -> Numbers {
    match x.storage() {
        Storage::Complex64(all) => all.iter().map(|z| z.widen()).collect(),
        Storage::Complex128(all) => all.to_vec(),
        _ => {
            let all = x.to_f64().unwrap_or_default();
            all.into_iter().map(|x| Complex::new(x, 0.0)).collect()
        }
    }
}

fn tensor(like: &DenseTensor, all: &[Complex<f64>]) -> DenseTensor {
    let shape = like.shape();
    match like.dtype() {
        DType::Complex64 => {
            DenseTensor::new(shape, all.iter().map(|z| z.single()).collect::<Vec<_>>())
        }
        DType::Complex128 => DenseTensor::new(shape, all.to_vec()),
        DType::Float32 => {
            DenseTensor::new(shape, all.iter().map(|z| z.re as f32).collect::<Vec<_>>())
        }
        _ => DenseTensor::new(shape, all.iter().map(|z| z.re).collect::<Vec<_>>()),
    }
}

/// Rows and columns of the matrices in `x`.
fn dims(x: &DenseTensor) -> [usize; 2] {
    let shape = x.shape();
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}

/// The outputs of `op` with vectors as TensorFlow's, where it gives any.
pub(crate) fn aligned(
    op: &str,
    found: Vec<DenseTensor>,
    expected: &[DenseTensor],
) -> Vec<DenseTensor> {
    let (vectors, turned): (usize, &[usize]) = match op {
        "Svd" if found.len() == 3 && expected.len() == 3 => (2, &[1, 2]),
        "SelfAdjointEigV2" if found.len() == 2 && expected.len() == 2 => (1, &[1]),
        _ => return found,
    };
    let is_one_shape = found.iter().zip(expected).all(|(a, b)| a.shape() == b.shape());
    if !is_one_shape || found[vectors].rank() < 2 || found[vectors].is_empty() {
        return found;
    }
    let [rows, columns] = dims(&found[vectors]);
    let (ours, theirs) = (numbers(&found[vectors]), numbers(&expected[vectors]));
    let n_matrices = ours.len() / (rows * columns);
    let phase = |matrix: usize, column: usize| {
        let at = |row: usize| (matrix * rows + row) * columns + column;
        let zero = Complex::new(0.0, 0.0);
        let sum = (0..rows).fold(zero, |sum, row| sum + ours[at(row)].conj() * theirs[at(row)]);
        let size = sum.abs();
        if size == 0.0 {
            Complex::new(1.0, 0.0)
        } else {
            Complex::new(sum.re / size, sum.im / size)
        }
    };
    let mut out = found.clone();
    for i in turned {
        let mut all = numbers(&found[*i]);
        let [rows, columns] = dims(&found[*i]);
        for matrix in 0..n_matrices {
            for column in 0..columns {
                let phase = phase(matrix, column);
                for row in 0..rows {
                    let place = &mut all[(matrix * rows + row) * columns + column];
                    *place = *place * phase;
                }
            }
        }
        out[*i] = tensor(&found[*i], &all);
    }
    out
}

/// What is wrong with A = U diag(s) V*, when these are all there.
pub(crate) fn misfit(op: &str, input: &DenseTensor, found: &[DenseTensor]) -> Option<String> {
    let (values, u, v) = match (op, found) {
        ("Svd", [s, u, v]) if v.rank() >= 2 => (s, u, v),
        ("SelfAdjointEigV2", [e, v]) if v.rank() >= 2 => (e, v, v),
        _ => return None,
    };
    let ([m, u_columns], [n, v_columns]) = (dims(u), dims(v));
    let k = values.shape().last().copied().unwrap_or(0);
    let (a, s, u, v) = (numbers(input), numbers(values), numbers(u), numbers(v));
    let single = matches!(input.dtype(), DType::Float32 | DType::Complex64);
    let most = if single { 1e-4 } else { 1e-10 };
    for (place, expected) in a.iter().enumerate() {
        let (matrix, row, column) = (place / (m * n), place / n % m, place % n);
        let term = |i: usize| {
            let u = u[(matrix * m + row) * u_columns + i];
            let v = v[(matrix * n + column) * v_columns + i];
            u * s[matrix * k + i] * v.conj()
        };
        let sum = (0..k).map(term).fold(Complex::new(0.0, 0.0), |sum, term| sum + term);
        if (sum - *expected).abs() > most * expected.abs().max(1.0) {
            return Some(format!("element {place} of the product is {sum:?}, not {expected:?}"));
        }
    }
    None
}
