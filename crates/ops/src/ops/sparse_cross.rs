//! Crossed features: each row of the result has every way to take one value of each input's row.

use bytes::Bytes;
use tensorferry_ir::Type;
use tensorferry_tensor::{DType, DenseTensor};

use super::sparse::sparse_shapes;
use crate::hash::{fingerprint_both, fingerprint64, siphash};
use crate::{Args, Result, Value, checked_len};

register![SparseCross, SparseCrossHashed];

op! {
    /// Crosses features, and gives a text or a number for each crossing.
    SparseCross = "SparseCross", Pure {
        /// Number of sparse inputs.
        N: i64 = 0,
        /// Crossings are numbers, not texts.
        hashed_output: bool = false,
        /// The numbers are below it, when it is not 0.
        num_buckets: i64 = 0,
        /// What the hash begins with.
        hash_key: i64 = 0,
        /// The types of the sparse inputs' values.
        sparse_types: Vec<Type> = Vec::new(),
        /// The types of the dense inputs.
        dense_types: Vec<Type> = Vec::new(),
        /// `int64` of numbers, `string` of texts.
        out_type: DType,
        /// The type that values are brought to, which follows from the others.
        internal_type: DType,
    }
    ("indices: N*int64", "values: sparse_types...", "shapes: N*int64", "dense_inputs: dense_types...")
    -> ("output_indices: int64", "output_values: out_type", "output_shape: int64")
    [crate::def::case(
        "string[[\"a\", \"b\"]], int64[[3]]",
        "N=0, sparse_types=[], dense_types=[string, int64], out_type=string, internal_type=string",
        "int64[[0, 0], [0, 1]], string[\"a_X_3\", \"b_X_3\"], int64[1, 2]"
    )]
    infer(op, x) {
        let wanted = if op.hashed_output { DType::Int64 } else { DType::String };
        ensure!(op.out_type == wanted, "crossings of type {}, expected {wanted}", op.out_type);
        Ok(sparse_shapes(Some(2)))
    }
    eval(op, x, context) {
        let n = usize::try_from(op.N).unwrap_or(0);
        if !op.hashed_output {
            return joined(&columns(&x, n, texts)?);
        }
        let features = Features { key: None };
        let mut columns = columns(&x, n, |values| features.all(values))?;
        ensure!(!columns.is_empty(), "there is nothing to cross");
        let n_rows = columns[0].len();
        columns.insert(0, vec![vec![op.hash_key.cast_unsigned()]; n_rows]);
        crossed(&columns, op.num_buckets)
    }
}

/// The values of each input's rows, as `of` reads them: of sparse inputs, then of dense ones.
fn columns<T: Clone>(
    x: &Args,
    n: usize,
    of: impl Fn(&DenseTensor) -> Result<Vec<T>>,
) -> Result<Vec<Vec<Vec<T>>>> {
    let mut columns = Vec::new();
    for i in 0..n {
        let sparse = super::sparse::Sparse::read(x, i, n + i, 2 * n + i)?;
        ensure!(sparse.shape.len() == 2, "a sparse input is no matrix");
        let mut rows = vec![Vec::new(); checked_len(&[sparse.shape[0] as usize])?];
        for (i, value) in of(sparse.values)?.into_iter().enumerate() {
            rows[sparse.row(i)[0] as usize].push(value);
        }
        columns.push(rows);
    }
    for i in 3 * n..x.len() {
        let values = x.tensor(i)?;
        let &[n_rows, width] = values.shape() else { fail!("a dense input is no matrix") };
        let all = of(values)?;
        columns.push((0..n_rows).map(|row| all[row * width..(row + 1) * width].to_vec()).collect());
    }
    let n_rows = columns.first().map_or(0, Vec::len);
    ensure!(columns.iter().all(|column| column.len() == n_rows), "inputs of unlike lengths");
    Ok(columns)
}

/// Strings themselves, and integers as they are written.
fn texts(values: &DenseTensor) -> Result<Vec<Bytes>> {
    if let Some(words) = values.as_slice::<Bytes>() {
        return Ok(words.to_vec());
    }
    ensure!(values.dtype() == DType::Int64, "features of type {}", values.dtype());
    let numbers = values.to_i64().unwrap_or_default();
    Ok(numbers.into_iter().map(|number| Bytes::from(number.to_string())).collect())
}

/// Crossings as texts.
fn joined(columns: &[Vec<Vec<Bytes>>]) -> Result<Vec<Value>> {
    const BETWEEN: &[u8] = b"_X_";
    ensure!(!columns.is_empty(), "there is nothing to cross");
    let (mut indices, mut values, mut widest) = (Vec::new(), Vec::<Bytes>::new(), 0);
    let mut n_bytes = 0_usize;
    for row in 0..columns[0].len() {
        let n = columns.iter().try_fold(1_usize, |n, column| n.checked_mul(column[row].len()));
        let n = n.unwrap_or(usize::MAX);
        let longest = |column: &Vec<Vec<Bytes>>| column[row].iter().map(Bytes::len).max();
        let longest: usize = columns.iter().filter_map(longest).map(|n| n + BETWEEN.len()).sum();
        n_bytes = n_bytes.saturating_add(n.saturating_mul(longest.max(16)));
        checked_len(&[n_bytes])?;
        let mut all: Vec<Vec<u8>> = columns[0][row].iter().map(|word| word.to_vec()).collect();
        for column in &columns[1..] {
            let with = |start: &Vec<u8>| {
                let start = start.clone();
                column[row].iter().map(move |word| [&start[..], BETWEEN, &word[..]].concat())
            };
            all = all.iter().flat_map(with).collect();
        }
        for (i, text) in all.into_iter().enumerate() {
            indices.extend([row as i64, i as i64]);
            values.push(text.into());
        }
        widest = widest.max(n);
    }
    let shape = vec![columns[0].len() as i64, widest as i64];
    Ok(super::sparse::outputs(indices, DenseTensor::vector(values), shape))
}

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
