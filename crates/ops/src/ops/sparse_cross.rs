//! Crossed features: each row of the result has every way to take one value of each input's row.

use bytes::Bytes;
use tensorferry_ir::Type;
use tensorferry_tensor::{DType, DenseTensor};

use super::sparse::sparse_shapes;
use crate::hash::{fingerprint_both, fingerprint64, siphash};
use crate::{Args, Result, Value, checked_len};

register![SparseCrossHashed];

op! {
    /// Crosses features, and gives a number below a bound for each crossing.
    SparseCrossHashed = "SparseCrossHashed", Pure {
        /// Number of sparse inputs.
        N: i64 = 0,
        /// The types of their values.
        sparse_types: Vec<Type> = Vec::new(),
        /// The types of the dense inputs.
        dense_types: Vec<Type> = Vec::new(),
    }
    ("indices: N*int64", "values: sparse_types...", "shapes: N*int64", "dense_inputs: dense_types...",
        "num_buckets: int64", "strong_hash: bool", "salt: int64")
    -> ("output_indices: int64", "output_values: int64", "output_shape: int64")
    [crate::def::case(
        "string[[\"a\", \"b\"]], int64[[3]], int64 100, bool false, int64[1, 2]",
        "N=0, sparse_types=[], dense_types=[string, int64]",
        "int64[[0, 0], [0, 1]], int64[9, 85], int64[1, 2]"
    )]
    infer(op, x) { Ok(sparse_shapes(Some(2))) }
    eval(op, x, context) {
        let n = usize::try_from(op.N).unwrap_or(0);
        let last = x.len() - 3;
        let salt = match x.ints(last + 2)?[..] {
            [a, b] => [a, b].map(i64::cast_unsigned),
            ref all => fail!("a salt of {} words, expected 2", all.len()),
        };
        let is_strong = x.slice::<bool>(last + 1)?.first() == Some(&true);
        let features = Features { key: is_strong.then_some(salt) };
        let mut columns = Vec::new();
        for i in 0..n {
            columns.push(features.sparse(&x, i, n + i, 2 * n + i)?);
        }
        for i in 3 * n..last {
            columns.push(features.dense(x.tensor(i)?)?);
        }
        crossed(&columns, x.int(last)?)
    }
}

/// How a value becomes a number.
struct Features {
    /// Strings are hashed with it.
    key: Option<[u64; 2]>,
}

impl Features {
    /// Features of strings are hashes, those of integers themselves.
    fn all(&self, values: &DenseTensor) -> Result<Vec<u64>> {
        if let Some(words) = values.as_slice::<Bytes>() {
            let hash = |word: &Bytes| match self.key {
                Some(key) => siphash(key, word),
                None => fingerprint64(word),
            };
            return Ok(words.iter().map(hash).collect());
        }
        ensure!(values.dtype() == DType::Int64, "features of type {}", values.dtype());
        Ok(values.to_i64().unwrap_or_default().into_iter().map(i64::cast_unsigned).collect())
    }

    /// The rows of a dense matrix.
    fn dense(&self, values: &DenseTensor) -> Result<Vec<Vec<u64>>> {
        let &[rows, columns] = values.shape() else { fail!("a dense input is no matrix") };
        let all = self.all(values)?;
        Ok((0..rows).map(|row| all[row * columns..(row + 1) * columns].to_vec()).collect())
    }

    /// The rows of a sparse matrix.
    fn sparse(&self, x: &Args, i: usize, j: usize, k: usize) -> Result<Vec<Vec<u64>>> {
        let sparse = super::sparse::Sparse::read(x, i, j, k)?;
        ensure!(sparse.shape.len() == 2, "a sparse input is no matrix");
        let mut rows = vec![Vec::new(); checked_len(&[sparse.shape[0] as usize])?];
        let is_text = sparse.values.dtype() == DType::String;
        for (i, feature) in self.all(sparse.values)?.into_iter().enumerate() {
            // TensorFlow hashes integers of sparse inputs, alone, and only their low half.
            let low = &feature.to_le_bytes()[..4];
            let feature = match self.key {
                _ if is_text => feature,
                Some(key) => siphash(key, low),
                None => fingerprint64(low),
            };
            rows[sparse.row(i)[0] as usize].push(feature);
        }
        Ok(rows)
    }
}

fn crossed(columns: &[Vec<Vec<u64>>], n_buckets: i64) -> Result<Vec<Value>> {
    ensure!(!columns.is_empty(), "there is nothing to cross");
    let n_rows = columns[0].len();
    ensure!(columns.iter().all(|column| column.len() == n_rows), "inputs of unlike lengths");
    // Without a bound any number that is not negative will do.
    let bound = if n_buckets > 0 { n_buckets } else { i64::MAX }.cast_unsigned();
    let (mut indices, mut values, mut widest) = (Vec::new(), Vec::new(), 0);
    for row in 0..n_rows {
        let n = columns.iter().try_fold(1_usize, |n, column| n.checked_mul(column[row].len()));
        let n = n.unwrap_or(usize::MAX);
        checked_len(&[values.len().saturating_add(n), 2])?;
        let mut hashes = columns[0][row].clone();
        for column in &columns[1..] {
            let with = |hash: &u64| {
                let hash = *hash;
                column[row].iter().map(move |feature| fingerprint_both(hash, *feature))
            };
            hashes = hashes.iter().flat_map(with).collect();
        }
        for (i, hash) in hashes.into_iter().enumerate() {
            indices.extend([row as i64, i as i64]);
            values.push((hash % bound).cast_signed());
        }
        widest = widest.max(n);
    }
    let shape = vec![n_rows as i64, widest as i64];
    Ok(super::sparse::outputs(indices, DenseTensor::vector(values), shape))
}
