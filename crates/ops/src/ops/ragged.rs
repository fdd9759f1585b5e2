//! Ragged tensors: values one after the other, and where the rows of each level begin.

use bytes::Bytes;
use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use super::string_split::{row_splits, splits};
use crate::def::case;
use crate::walk::broadcast_to;
use crate::wide::Narrow;
use crate::{Args, Error, Result, Value, checked_len};

register![RaggedBincount, RaggedGather, RaggedRange, RaggedTensorToSparse, RaggedTensorToTensor,];

op! {
    /// Numbers from starts up to limits by steps, one row each.
    RaggedRange = "RaggedRange", Pure {
        /// The type of the splits.
        Tsplits: DType = DType::Int64,
    }
    ("starts: T", "limits: T", "deltas: T") -> ("rt_nested_splits: Tsplits", "rt_dense_values: T")
    [case("int32[0, 5, 8], int32[3, 5, 6], int32[1, 1, -1]", "",
        "int64[0, 3, 3, 5], int32[0, 1, 2, 8, 7]"),
     case("0, [1, 0.5], 0.5", "Tsplits=int32", "int32[0, 2, 3], [0, 0.5, 0]")]
    infer(op, x) { Ok(vec![Shape::of_rank(1), Shape::of_rank(1)]) }
    eval(op, x, context) {
        let n = (0..3).map(|i| x.tensor(i)).collect::<Result<Vec<_>>>()?;
        let rows = n.iter().filter(|x| x.rank() > 0).map(|x| x.len()).next();
        let rows = rows.unwrap_or(1);
        let fit = n.iter().all(|x| x.rank() == 0 || x.rank() == 1 && x.len() == rows);
        ensure!(fit, "starts, limits and deltas of unlike lengths");
        let dtype = n[0].dtype();
        let (ends, values) = match dtype.is_float() {
            true => {
                let (ends, all) = float_ranges([x.numbers(0)?, x.numbers(1)?, x.numbers(2)?], rows)?;
                (ends, f64::narrow(dtype, &[all.len()], all))
            }
            false => {
                let (ends, all) = int_ranges([x.ints(0)?, x.ints(1)?, x.ints(2)?], rows)?;
                (ends, i64::narrow(dtype, &[all.len()], all))
            }
        };
        Ok(vec![splits(op.Tsplits, ends), values.into()])
    }
}

/// Element `i` of each; the only one of a scalar.
fn row<T: Copy>(all: &[Vec<T>; 3], i: usize) -> [T; 3] {
    [0, 1, 2].map(|k| all[k][if all[k].len() == 1 { 0 } else { i }])
}

fn float_ranges(all: [Vec<f64>; 3], rows: usize) -> Result<(Vec<i64>, Vec<f64>)> {
    let (mut ends, mut values) = (vec![0], Vec::new());
    for i in 0..rows {
        let [start, limit, step] = row(&all, i);
        ensure!(step != 0.0, "a step of 0");
        let n = ((limit - start) / step).ceil().max(0.0);
        ensure!(n < crate::ELEMENTS_MAX as f64, "{n} numbers are too many");
        checked_len(&[values.len() + n as usize])?;
        values.extend((0..n as usize).map(|k| start + k as f64 * step));
        ends.push(values.len() as i64);
    }
    Ok((ends, values))
}

fn int_ranges(all: [Vec<i64>; 3], rows: usize) -> Result<(Vec<i64>, Vec<i64>)> {
    let (mut ends, mut values) = (vec![0], Vec::new());
    for i in 0..rows {
        let [start, limit, step] = row(&all, i).map(i128::from);
        ensure!(step != 0, "a step of 0");
        let distance = if step > 0 { limit - start } else { start - limit };
        let n = (distance.max(0) + step.abs() - 1) / step.abs();
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        checked_len(&[values.len().saturating_add(n)])?;
        values.extend((0..n as i128).map(|k| (start + k * step) as i64));
        ends.push(values.len() as i64);
    }
    Ok((ends, values))
}

op! {
    /// Rows of a ragged tensor.
    RaggedGather = "RaggedGather", Pure {
        /// Levels of the result's rows.
        OUTPUT_RAGGED_RANK: i64 = 1,
    }
    ("params_nested_splits: PARAMS_RAGGED_RANK*Tsplits", "params_dense_values: Tvalues",
        "indices: Tindices")
    -> ("output_nested_splits: OUTPUT_RAGGED_RANK*Tsplits", "output_dense_values: Tvalues")
    [case("int64[0, 2, 3], [1, 2, 3], int32[1, 0, 1]", "PARAMS_RAGGED_RANK=1",
        "int64[0, 1, 3, 4], [3, 1, 2, 3]"),
     case("int64[0, 2, 3], [1, 2, 3], int32[[1, 0]]", "PARAMS_RAGGED_RANK=1, OUTPUT_RAGGED_RANK=2",
        "int64[0, 2], int64[0, 1, 3], [3, 1, 2]")]
    infer(op, x) {
        let n = usize::try_from(op.OUTPUT_RAGGED_RANK).unwrap_or(0);
        let dims = x[x.len() - 2].dims();
        let values = dims.map(|dims| [&[Dim::Unknown], dims.get(1..).unwrap_or(&[])].concat());
        Ok([vec![Shape::of_rank(1); n], vec![Shape(values)]].concat())
    }
    eval(op, x, context) {
        let n_levels = x.len() - 2;
        ensure!(n_levels > 0, "no level of rows");
        let (values, indices) = (x.tensor(n_levels)?, x.tensor(n_levels + 1)?);
        let dtype = x.tensor(0)?.dtype();
        let levels = levels(&x, 0, n_levels, values)?;
        let n_rows = levels[0].len() - 1;
        let mut outputs: Vec<Vec<i64>> = uniform(indices.shape())?;
        let place = |i: i64| {
            let place = usize::try_from(i).ok().filter(|place| *place < n_rows);
            place.ok_or_else(|| Error::invalid(format!("index {i} of {n_rows} rows")))
        };
        let rows: Vec<usize> =
            x.ints(n_levels + 1)?.into_iter().map(place).collect::<Result<_>>()?;
        let mut pieces: Vec<(usize, usize)> = rows.into_iter().map(|row| (row, row + 1)).collect();
        for level in &levels {
            let mut ends = vec![0_i64];
            for (start, end) in &pieces {
                checked_len(&[ends.len() + (end - start)])?;
                for row in *start..*end {
                    let len = (level[row + 1] - level[row]) as i64;
                    ends.push(ends[ends.len() - 1] + len);
                }
            }
            pieces.iter_mut().for_each(|(start, end)| (*start, *end) = (level[*start], level[*end]));
            outputs.push(ends);
        }
        let n: usize = pieces.iter().fold(0, |n, (a, b)| n.saturating_add(b - a));
        let shape = [&[n], &values.shape()[1..]].concat();
        checked_len(&shape)?;
        let len: usize = values.shape()[1..].iter().product();
        let mut runs = pieces.iter().map(|(a, b)| Run::once(0, a * len, (b - a) * len));
        let gathered = assemble(&shape, &[values], &mut runs);
        let outputs = outputs.into_iter().map(|ends| splits(dtype, ends));
        Ok(outputs.chain([gathered.into()]).collect())
    }
}

/// The row splits of each level, outermost first; the innermost are those of `values`.
fn levels(x: &Args, from: usize, n: usize, values: &DenseTensor) -> Result<Vec<Vec<usize>>> {
    ensure!(values.rank() > 0, "the values are a scalar");
    let mut all = Vec::with_capacity(n);
    let mut len = values.shape()[0];
    for i in (from..from + n).rev() {
        let level = row_splits(x, i, len)?;
        ensure!(!level.is_empty(), "there are no row splits");
        len = level.len() - 1;
        all.insert(0, level);
    }
    Ok(all)
}

/// Row splits of a shape's axes after the first.
fn uniform(shape: &[usize]) -> Result<Vec<Vec<i64>>> {
    let Some((first, inner)) = shape.split_first() else { fail!("the index is a scalar") };
    let mut rows = *first;
    let mut all = Vec::new();
    for dim in inner {
        checked_len(&[rows + 1])?;
        all.push((0..=rows).map(|i| (i * dim) as i64).collect());
        rows *= dim;
    }
    Ok(all)
}

op! {
    /// A ragged tensor as a dense one, filled up with a default.
    RaggedTensorToTensor = "RaggedTensorToTensor", Pure {
        /// What each tensor says of the rows: `ROW_SPLITS`, `FIRST_DIM_SIZE` or `VALUE_ROWIDS`.
        row_partition_types: Vec<Bytes>,
    }
    ("shape: Tshape", "values: T", "default_value: T",
        "row_partition_tensors: num_row_partition_tensors*Tindex") -> ("result: T")
    [case("int64 -1, [1, 2, 3], 0, int64[0, 2, 3]",
        "num_row_partition_tensors=1, row_partition_types=[\"ROW_SPLITS\"]", "[[1, 2], [3, 0]]"),
     case("int64[3, 1], [1, 2, 3], 9, int64 2, int64[0, 0, 1]",
        "num_row_partition_tensors=2, row_partition_types=[\"FIRST_DIM_SIZE\", \"VALUE_ROWIDS\"]",
        "[[1], [3], [9]]")]
    infer(op, x) {
        let n_levels = x.len() - 3 - usize::from(op.is_by_rows());
        let values = x[1].rank().map(|rank| rank + n_levels);
        let stated = x[0].as_shape();
        Ok(vec![match (values, stated.rank()) {
            (Some(rank), Some(n)) if n == rank && x[0].rank() == Some(1) => stated,
            (Some(rank), _) => Shape::of_rank(rank),
            _ => Shape::UNKNOWN,
        }])
    }
    eval(op, x, context) {
        x.same_dtype(1, 2)?;
        let levels = op.levels(&x)?;
        let (values, default) = (x.tensor(1)?, x.tensor(2)?);
        ensure!(values.rank() > 0, "the values are a scalar");
        let shape = dense_shape(&x, &levels, values)?;
        checked_len(&shape)?;
        let inner = &shape[levels.len() + 1..];
        ensure!(inner == &values.shape()[1..], "values of {:?}", values.shape());
        crate::broadcast::broadcast_shapes(&Shape::of(default.shape()), &Shape::of(inner))?;
        ensure!(default.rank() <= inner.len(), "a default of shape {:?}", default.shape());
        let default = broadcast_to(default, inner);
        let mut cells: Vec<Option<usize>> = rows(0, levels[0].len() - 1, shape[0]).collect();
        for (level, width) in levels.iter().zip(&shape[1..]) {
            let of = |row: &Option<usize>| match row {
                Some(row) => rows(level[*row], level[row + 1], *width),
                None => rows(0, 0, *width),
            };
            cells = cells.iter().flat_map(of).collect();
        }
        let len: usize = inner.iter().product();
        let mut runs = cells.iter().map(|cell| match cell {
            Some(i) => Run::once(0, i * len, len),
            None => Run::once(1, 0, len),
        });
        Ok(vec![assemble(&shape, &[values, &default], &mut runs).into()])
    }
}

/// The values from `start` to `end`, cut or filled up to `width`.
fn rows(start: usize, end: usize, width: usize) -> impl Iterator<Item = Option<usize>> {
    (0..width).map(move |i| (i < end - start).then_some(start + i))
}

/// The shape that is asked for; dims that it leaves open are as large as the rows need.
fn dense_shape(x: &Args, levels: &[Vec<usize>], values: &DenseTensor) -> Result<Vec<usize>> {
    let widest =
        levels.iter().map(|level| level.windows(2).map(|row| row[1] - row[0]).max().unwrap_or(0));
    let needed: Vec<usize> = std::iter::once(levels[0].len() - 1)
        .chain(widest)
        .chain(values.shape()[1..].iter().copied())
        .collect();
    if x.tensor(0)?.rank() == 0 {
        return Ok(needed);
    }
    let stated = x.ints(0)?;
    ensure!(stated.len() == needed.len(), "a shape of {} dims, not {}", stated.len(), needed.len());
    Ok(stated.iter().zip(needed).map(|(n, open)| usize::try_from(*n).unwrap_or(open)).collect())
}

impl RaggedTensorToTensor {
    /// The rows are stated by the row that each value is in.
    fn is_by_rows(&self) -> bool {
        self.row_partition_types.first().is_some_and(|kind| kind == "FIRST_DIM_SIZE")
    }

    /// The row splits of each level, outermost first.
    fn levels(&self, x: &Args) -> Result<Vec<Vec<usize>>> {
        let n = x.len() - 3;
        ensure!(self.row_partition_types.len() == n && n > 0, "{n} partitions");
        let n_values = x.tensor(1)?.shape().first().copied().unwrap_or(0);
        if !self.is_by_rows() {
            let all = self.row_partition_types.iter().all(|kind| kind == "ROW_SPLITS");
            ensure!(all, "partitions of kinds that do not go together");
            return levels(x, 3, n, x.tensor(1)?);
        }
        ensure!(n > 1, "there is no level of rows");
        let mut n_rows = x.sizes(3)?.first().copied().unwrap_or(0);
        let mut all = Vec::new();
        for i in 4..3 + n {
            ensure!(self.row_partition_types[i - 3] == "VALUE_ROWIDS", "partitions of other kinds");
            let ids = x.sizes(i)?;
            checked_len(&[n_rows.saturating_add(1)])?;
            ensure!(ids.windows(2).all(|pair| pair[0] <= pair[1]), "rows are not in order");
            ensure!(ids.last().is_none_or(|last| *last < n_rows), "a row beyond {n_rows}");
            all.push((0..=n_rows).map(|row| ids.partition_point(|id| *id < row)).collect());
            n_rows = ids.len();
        }
        ensure!(n_rows == n_values, "{n_rows} rows for {n_values} values");
        Ok(all)
    }
}

op! {
    /// A ragged tensor as a sparse one.
    RaggedTensorToSparse = "RaggedTensorToSparse", Pure {}
    ("rt_nested_splits: RAGGED_RANK*Tsplits", "rt_dense_values: T")
    -> ("sparse_indices: int64", "sparse_values: T", "sparse_dense_shape: int64")
    [case("int64[0, 2, 2, 3], [1, 2, 3]", "RAGGED_RANK=1",
        "int64[[0, 0], [0, 1], [2, 0]], [1, 2, 3], int64[3, 2]")]
    infer(op, x) {
        let n = x[x.len() - 1].rank().map(|rank| rank + x.len() - 1);
        let columns = n.map_or(Dim::Unknown, Dim::Known);
        Ok(vec![vec![Dim::Unknown, columns].into(), Shape::of_rank(1), Shape::vector(columns)])
    }
    eval(op, x, context) {
        let n = x.len() - 1;
        ensure!(n > 0, "no level of rows");
        let values = x.tensor(n)?;
        let levels = levels(&x, 0, n, values)?;
        let rank = n + values.rank();
        checked_len(&[values.len(), rank])?;
        let mut paths: Vec<Vec<i64>> = (0..levels[0].len() as i64 - 1).map(|i| vec![i]).collect();
        for level in &levels {
            let mut inner = Vec::new();
            for (path, row) in paths.iter().zip(level.windows(2)) {
                inner.extend((0..(row[1] - row[0]) as i64).map(|i| [&path[..], &[i]].concat()));
            }
            paths = inner;
        }
        for dim in &values.shape()[1..] {
            let with = |path: &Vec<i64>| {
                (0..*dim as i64).map(|i| [&path[..], &[i]].concat()).collect::<Vec<_>>()
            };
            paths = paths.iter().flat_map(with).collect();
        }
        let widest = levels.iter().map(|l| l.windows(2).map(|row| row[1] - row[0]).max().unwrap_or(0));
        let shape: Vec<i64> = std::iter::once(levels[0].len() - 1)
            .chain(widest)
            .chain(values.shape()[1..].iter().copied())
            .map(|n| n as i64)
            .collect();
        let n = values.len();
        let flat = values.clone().reshaped(&[n]).ok_or_else(|| Error::invalid("no values"))?;
        Ok(vec![
            DenseTensor::new(&[n, rank], paths.concat()).into(),
            flat.into(),
            DenseTensor::vector(shape).into(),
        ])
    }
}

op! {
    /// How often each number is in each row, or what it weighs there.
    RaggedBincount = "RaggedBincount", Pure {
        /// Whether it is there, not how often.
        binary_output: bool = false,
    }
    ("splits: int64", "values: Tidx", "size: Tidx", "weights: T") -> ("output: T")
    [case("int64[0, 2, 3], int32[1, 1, 0], int32 2, float32<0>[]", "", "[[0, 2], [1, 0]]")]
    infer(op, x) {
        let n = x[2].int().and_then(|n| usize::try_from(n).ok()).map_or(Dim::Unknown, Dim::Known);
        let rows = match x[0].dims() {
            Some([Dim::Known(n)]) => Dim::Known(n.saturating_sub(1)),
            _ => Dim::Unknown,
        };
        Ok(vec![vec![rows, n].into()])
    }
    eval(op, x, context) {
        let values = x.ints(1)?;
        let rows = row_splits(&x, 0, values.len())?;
        let mut ids = Vec::with_capacity(values.len());
        for (i, row) in rows.windows(2).enumerate() {
            ids.extend(std::iter::repeat_n(i, row[1] - row[0]));
        }
        let n = rows.len().saturating_sub(1);
        let size = x.sizes(2)?.first().copied().unwrap_or(0);
        Ok(vec![counted(&ids, &values, [n, size], x.tensor(3)?, op.binary_output)?])
    }
}

/// Adds up weights, or ones, at a row and a column each.
pub(super) fn counted(
    rows: &[usize],
    columns: &[i64],
    shape: [usize; 2],
    weights: &DenseTensor,
    is_binary: bool,
) -> Result<Value> {
    let mut all = vec![0.0; checked_len(&shape)?];
    let numbers = weights.to_f64().unwrap_or_default();
    ensure!(numbers.is_empty() || numbers.len() == columns.len(), "{} weights", numbers.len());
    for (i, (row, column)) in rows.iter().zip(columns).enumerate() {
        let Ok(column) = usize::try_from(*column) else { fail!("a negative number, {column}") };
        if column >= shape[1] || *row >= shape[0] {
            continue;
        }
        let place: &mut f64 = &mut all[row * shape[1] + column];
        match is_binary {
            true => *place = 1.0,
            false => *place += numbers.get(i).copied().unwrap_or(1.0),
        }
    }
    let dtype = weights.dtype();
    Ok(match dtype.is_float() {
        true => f64::narrow(dtype, &shape, all),
        false => i64::narrow(dtype, &shape, all.into_iter().map(|x| x as i64).collect()),
    }
    .into())
}
