//! Sparse tensors: where values are, the values, and the shape.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::def::case;
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Error, Fact, Result, Tolerance, Value, checked_len};

register![
    SparseBincount,
    SparseConcat,
    SparseFillEmptyRows,
    SparseReduceMax,
    SparseReduceSum,
    SparseReorder,
    SparseReshape,
    SparseSegmentMean,
    SparseSegmentMeanWithNumSegments,
    SparseSegmentSqrtN,
    SparseSegmentSqrtNWithNumSegments,
    SparseSegmentSum,
    SparseSegmentSumWithNumSegments,
    SparseSlice,
    SparseTensorDenseAdd,
    SparseTensorDenseMatMul,
    SparseToDense,
];

/// A sparse tensor, its indices inside its shape.
pub(super) struct Sparse<'a> {
    pub(super) indices: Vec<i64>,
    pub(super) values: &'a DenseTensor,
    pub(super) shape: Vec<i64>,
}

impl<'a> Sparse<'a> {
    /// Inputs `i`, `j` and `k`: indices, values, shape.
    pub(super) fn read(x: &'a Args, i: usize, j: usize, k: usize) -> Result<Self> {
        let (indices, values, shape) = (x.ints(i)?, x.tensor(j)?, x.ints(k)?);
        let &[n, rank] = x.tensor(i)?.shape() else { fail!("the indices are no matrix") };
        ensure!(values.shape() == [n], "{n} indices, values of shape {:?}", values.shape());
        ensure!(rank == shape.len(), "indices of {rank} axes in a shape of {}", shape.len());
        for row in indices.chunks(rank.max(1)).take(n) {
            let inside = row.iter().zip(&shape).all(|(i, dim)| (0..*dim).contains(i));
            ensure!(inside, "the index {row:?} is not within {shape:?}");
        }
        ensure!(shape.iter().all(|dim| *dim >= 0), "the shape {shape:?}");
        Ok(Self { indices, values, shape })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn row(&self, i: usize) -> &[i64] {
        let rank = self.shape.len();
        &self.indices[i * rank..(i + 1) * rank]
    }
}

/// A sparse tensor's three outputs.
pub(super) fn outputs(indices: Vec<i64>, values: DenseTensor, shape: Vec<i64>) -> Vec<Value> {
    let matrix = DenseTensor::new(&[values.len(), shape.len()], indices);
    vec![matrix.into(), values.into(), DenseTensor::vector(shape).into()]
}

/// What is known of a sparse tensor of so many axes.
pub(super) fn sparse_shapes(rank: Option<usize>) -> Vec<Shape> {
    let rank = rank.map_or(Dim::Unknown, Dim::Known);
    vec![vec![Dim::Unknown, rank].into(), Shape::of_rank(1), Shape::vector(rank)]
}

/// The number of axes of the sparse tensor whose shape is `fact`.
fn rank_of(fact: &Fact) -> Option<usize> {
    fact.dims().and_then(|dims| dims.first().copied()?.known())
}

/// Some elements of a vector, in this order.
pub(super) fn picked(values: &DenseTensor, places: &[usize]) -> DenseTensor {
    let mut runs = places.iter().map(|i| Run::once(0, *i, 1));
    assemble(&[places.len()], &[values], &mut runs)
}

op! {
    /// A dense tensor with values at some places and a default elsewhere.
    SparseToDense = "SparseToDense", Pure {
        /// The places must be in order, none twice.
        validate_indices: bool = true,
    }
    ("sparse_indices: Tindices", "output_shape: Tindices", "sparse_values: T", "default_value: T")
    -> ("dense: T")
    [case("int32[[0, 1], [1, 0]], int32[2, 2], [5, 6], 0", "", "[[0, 5], [6, 0]]"),
     case("int32[1, 3], int32[4], int32 7, int32 -1", "", "int32[-1, 7, -1, 7]")]
    infer(op, x) { Ok(vec![x[1].as_shape()]) }
    eval(op, x, context) {
        x.same_dtype(2, 3)?;
        let (shape, values, default) = (x.sizes(1)?, x.tensor(2)?, x.tensor(3)?);
        ensure!(x.tensor(1)?.rank() == 1, "the shape is no vector");
        ensure!(default.len() == 1, "the default has {} elements", default.len());
        let len = checked_len(&shape)?;
        let (n, rank) = match *x.tensor(0)?.shape() {
            [] => (1, 1),
            [n] => (n, 1),
            [n, rank] => (n, rank),
            ref other => fail!("indices of shape {other:?}"),
        };
        ensure!(rank == shape.len(), "indices of {rank} axes for {shape:?}");
        let is_one = values.rank() == 0;
        ensure!(is_one || values.shape() == [n], "values of shape {:?}", values.shape());
        let strides = crate::walk::strides(&shape);
        let indices = x.ints(0)?;
        let mut places = Vec::with_capacity(n);
        for row in indices.chunks(rank.max(1)).take(n) {
            let inside = row.iter().zip(&shape).all(|(i, dim)| (0..*dim as i64).contains(i));
            ensure!(inside, "the index {row:?} is not within {shape:?}");
            let place: isize = row.iter().zip(&strides).map(|(i, step)| *i as isize * step).sum();
            let place = place.cast_unsigned();
            if let (true, Some(last)) = (op.validate_indices, places.last()) {
                ensure!(place != *last, "the index {row:?} is repeated");
                ensure!(place > *last, "the index {row:?} is out of order");
            }
            places.push(place);
        }
        let mut from: Vec<Option<usize>> = vec![None; len];
        places.iter().enumerate().for_each(|(i, place)| from[*place] = Some(i));
        let mut runs = from.iter().map(|from| match from {
            Some(i) => Run::once(0, if is_one { 0 } else { *i }, 1),
            None => Run::once(1, 0, 1),
        });
        Ok(vec![assemble(&shape, &[values, default], &mut runs).into()])
    }
}

op! {
    /// A sparse matrix each row of which has a value: a default where it had none.
    SparseFillEmptyRows = "SparseFillEmptyRows", Pure {}
    ("indices: int64", "values: T", "dense_shape: int64", "default_value: T")
    -> ("output_indices: int64", "output_values: T", "empty_row_indicator: bool",
        "reverse_index_map: int64")
    [case("int64[[0, 1], [2, 0]], [5, 6], int64[3, 2], 9", "",
        "int64[[0, 1], [1, 0], [2, 0]], [5, 9, 6], bool[false, true, false], int64[0, 2]")]
    infer(op, x) {
        let [indices, values, _] = &sparse_shapes(rank_of(&x[2]))[..] else { fail!("three shapes") };
        let rows = x[2].as_shape().dims().and_then(|dims| dims.first().copied());
        let rows = rows.unwrap_or(Dim::Unknown);
        Ok(vec![indices.clone(), values.clone(), Shape::vector(rows), x[1].shape.clone()])
    }
    eval(op, x, context) {
        x.same_dtype(1, 3)?;
        let (sparse, default) = (Sparse::read(&x, 0, 1, 2)?, x.tensor(3)?);
        ensure!(default.len() == 1, "the default has {} elements", default.len());
        ensure!(!sparse.shape.is_empty(), "a sparse scalar has no rows");
        let n_rows = checked_len(&[sparse.shape[0] as usize])?;
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); n_rows];
        (0..sparse.len()).for_each(|i| rows[sparse.row(i)[0] as usize].push(i));
        let mut indices = Vec::new();
        let mut places = Vec::new();
        let mut back = vec![0_i64; sparse.len()];
        for (i, row) in rows.iter().enumerate() {
            if row.is_empty() {
                indices.push(i as i64);
                indices.resize(indices.len() + sparse.shape.len() - 1, 0);
                places.push(None);
            }
            for place in row {
                back[*place] = places.len() as i64;
                indices.extend_from_slice(sparse.row(*place));
                places.push(Some(*place));
            }
        }
        let is_empty: Vec<bool> = rows.iter().map(Vec::is_empty).collect();
        let mut runs = places.iter().map(|place| match place {
            Some(i) => Run::once(0, *i, 1),
            None => Run::once(1, 0, 1),
        });
        let values = assemble(&[places.len()], &[sparse.values, default], &mut runs);
        let indices = DenseTensor::new(&[places.len(), sparse.shape.len()], indices);
        Ok(vec![
            indices.into(),
            values.into(),
            DenseTensor::vector(is_empty).into(),
            DenseTensor::vector(back).into(),
        ])
    }
}

op! {
    /// A sparse tensor's indices in another shape; one dim may be -1, which is what is left.
    SparseReshape = "SparseReshape", Pure {}
    ("input_indices: int64", "input_shape: int64", "new_shape: int64")
    -> ("output_indices: int64", "output_shape: int64")
    [case("int64[[0, 1], [1, 2]], int64[2, 3], int64[3, -1]", "",
        "int64[[0, 1], [2, 1]], int64[3, 2]")]
    infer(op, x) {
        let rank = rank_of(&x[2]).map_or(Dim::Unknown, Dim::Known);
        let n = x[0].dims().and_then(|dims| dims.first().copied()).unwrap_or(Dim::Unknown);
        Ok(vec![vec![n, rank].into(), Shape::vector(rank)])
    }
    eval(op, x, context) {
        let &[n, rank] = x.tensor(0)?.shape() else { fail!("the indices are no matrix") };
        let (indices, old) = (x.ints(0)?, x.sizes(1)?);
        ensure!(rank == old.len(), "indices of {rank} axes in a shape of {}", old.len());
        let new = new_shape(&old, &x.ints(2)?)?;
        let [from, to] = [&old, &new].map(|shape| crate::walk::strides(shape));
        let mut all = Vec::with_capacity(checked_len(&[n, new.len()])?);
        for row in indices.chunks(rank.max(1)).take(n) {
            let inside = row.iter().zip(&old).all(|(i, dim)| (0..*dim as i64).contains(i));
            ensure!(inside, "the index {row:?} is not within {old:?}");
            let flat = row.iter().zip(&from).map(|(i, step)| i.wrapping_mul(*step as i64));
            let flat = flat.fold(0_i64, i64::wrapping_add);
            all.extend(to.iter().zip(&new).map(|(step, dim)| {
                flat / (*step as i64).max(1) % (*dim as i64).max(1)
            }));
        }
        let shape: Vec<i64> = new.iter().map(|dim| *dim as i64).collect();
        let indices = DenseTensor::new(&[n, new.len()], all);
        Ok(vec![indices.into(), DenseTensor::vector(shape).into()])
    }
}

/// `stated` with its -1 replaced by what is left of `old`'s elements.
fn new_shape(old: &[usize], stated: &[i64]) -> Result<Vec<usize>> {
    let product = |dims: Vec<usize>| {
        dims.into_iter()
            .try_fold(1_usize, |n, dim| n.checked_mul(dim).filter(|n| i64::try_from(*n).is_ok()))
            .ok_or_else(|| Error::limit("the shape is too large"))
    };
    let n = product(old.to_vec())?;
    let open = stated.iter().filter(|dim| **dim == -1).count();
    ensure!(open <= 1 && stated.iter().all(|dim| *dim >= -1), "the new shape {stated:?}");
    let known = product(stated.iter().filter_map(|d| usize::try_from(*d).ok()).collect())?;
    let fits = if open == 1 { known > 0 && n % known == 0 } else { known == n };
    ensure!(fits, "{n} elements do not fit {stated:?}");
    Ok(stated.iter().map(|dim| usize::try_from(*dim).unwrap_or(n / known.max(1))).collect())
}

/// What becomes of a segment's sum over `n` rows.
type Scale = fn(n: f64) -> f64;

/// The sum of some rows per segment; segments are in order.
fn segments(x: &Args, n_segments: Option<i64>, scale: Scale) -> Result<Vec<Value>> {
    let (data, rows, ids) = (x.tensor(0)?, x.ints(1)?, x.ints(2)?);
    let Some((n_rows, inner)) = data.shape().split_first() else { fail!("a scalar has no rows") };
    ensure!(rows.len() == ids.len(), "{} rows, {} segments", rows.len(), ids.len());
    ensure!(ids.windows(2).all(|pair| pair[0] <= pair[1]), "segments are not in order");
    ensure!(ids.first().is_none_or(|first| *first >= 0), "a negative segment");
    let n = n_segments.unwrap_or(ids.last().map_or(0, |last| last.saturating_add(1)));
    let n = usize::try_from(n).map_err(|_| Error::invalid(format!("{n} segments")))?;
    ensure!(ids.last().is_none_or(|last| (*last as usize) < n), "a segment beyond {n}");
    let shape = [&[n], inner].concat();
    let len: usize = inner.iter().product();
    let mut sums = vec![0.0_f64; checked_len(&shape)?];
    let mut counts = vec![0.0_f64; n];
    let numbers = x.numbers(0)?;
    for (row, id) in rows.iter().zip(&ids) {
        let row = usize::try_from(*row).ok().filter(|row| row < n_rows);
        let Some(row) = row else { fail!("a row beyond {n_rows}") };
        let id = *id as usize;
        counts[id] += 1.0;
        let sum = &mut sums[id * len..(id + 1) * len];
        sum.iter_mut().zip(&numbers[row * len..]).for_each(|(sum, x)| *sum += x);
    }
    for (sum, count) in sums.chunks_mut(len.max(1)).zip(counts) {
        let by = scale(count.max(1.0));
        sum.iter_mut().for_each(|sum| *sum /= by);
    }
    let dtype = data.dtype();
    Ok(vec![
        match dtype.is_float() {
            true => f64::narrow(dtype, &shape, sums),
            false => i64::narrow(dtype, &shape, sums.into_iter().map(|x| x as i64).collect()),
        }
        .into(),
    ])
}

fn segment_shape(x: &[Fact], n: Option<&Fact>) -> Vec<Shape> {
    let n = n.and_then(Fact::int).and_then(|n| usize::try_from(n).ok());
    let n = n.map_or(Dim::Unknown, Dim::Known);
    vec![Shape(x[0].dims().map(|dims| [&[n], dims.get(1..).unwrap_or(&[])].concat()))]
}

/// Ops on segments, with and without their number.
macro_rules! segment_ops {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal, $with:ident $with_tf:literal,
        $scale:expr, $out:literal;)*
    ) => {
        $(op! {
            $(#[doc = $doc])+
            $name = $tf, Pure within Tolerance::SUM; {}
            ("data: T", "indices: Tidx", "segment_ids: Tsegmentids") -> ("output: T")
            [case("[[1, 2], [3, 4], [5, 6]], int32[0, 2, 1], int32[0, 0, 2]", "", $out)]
            infer(op, x) { Ok(segment_shape(x, None)) }
            eval(op, x, context) { segments(&x, None, $scale) }
        }

        op! {
            $(#[doc = $doc])+
            $with = $with_tf, Pure within Tolerance::SUM; {}
            ("data: T", "indices: Tidx", "segment_ids: Tsegmentids", "num_segments: Tnumsegments")
            -> ("output: T")
            [case("[[1, 2], [3, 4], [5, 6]], int32[0, 2, 1], int32[0, 0, 2], int32 3", "", $out)]
            infer(op, x) { Ok(segment_shape(x, Some(&x[3]))) }
            eval(op, x, context) { segments(&x, Some(x.int(3)?), $scale) }
        })*
    };
}

segment_ops! {
    /// The sum of the rows of each segment.
    SparseSegmentSum "SparseSegmentSum",
        SparseSegmentSumWithNumSegments "SparseSegmentSumWithNumSegments",
        |_| 1.0, "[[6, 8], [0, 0], [3, 4]]";
    /// The mean of the rows of each segment.
    SparseSegmentMean "SparseSegmentMean",
        SparseSegmentMeanWithNumSegments "SparseSegmentMeanWithNumSegments",
        |n| n, "[[3, 4], [0, 0], [3, 4]]";
    /// The sum of the rows of each segment by the root of their number.
    SparseSegmentSqrtN "SparseSegmentSqrtN",
        SparseSegmentSqrtNWithNumSegments "SparseSegmentSqrtNWithNumSegments",
        f64::sqrt, "[[4.2426405, 5.656854], [0, 0], [3, 4]]";
}

op! {
    /// A sparse matrix times a dense one.
    SparseTensorDenseMatMul = "SparseTensorDenseMatMul", Pure within Tolerance::SUM; {
        /// The sparse matrix is transposed, and conjugate.
        adjoint_a: bool = false,
        /// The dense matrix is transposed, and conjugate.
        adjoint_b: bool = false,
    }
    ("a_indices: Tindices", "a_values: T", "a_shape: int64", "b: T") -> ("product: T")
    [case("int64[[0, 1], [1, 0]], [2, 3], int64[2, 2], [[1, 2], [3, 4]]", "", "[[6, 8], [3, 6]]")]
    infer(op, x) {
        let a = x[2].as_shape();
        let rows = a.dims().and_then(|dims| dims.get(usize::from(op.adjoint_a)).copied());
        let columns = x[3].dims().and_then(|dims| dims.get(usize::from(!op.adjoint_b)).copied());
        Ok(vec![vec![rows.unwrap_or(Dim::Unknown), columns.unwrap_or(Dim::Unknown)].into()])
    }
    eval(op, x, context) {
        let (a, b) = (Sparse::read(&x, 0, 1, 2)?, x.tensor(3)?);
        let (&[rows, inner], &[k, n]) = (&a.shape[..], b.shape()) else { fail!("no two matrices") };
        let [rows, inner] = if op.adjoint_a { [inner, rows] } else { [rows, inner] };
        let [k, n] = if op.adjoint_b { [n, k] } else { [k, n] };
        ensure!(inner == k as i64, "rows of {inner} and columns of {k} elements");
        let dtype = b.dtype();
        ensure!(dtype.is_float() || dtype == DType::Int32, "a product of {dtype}");
        let (values, dense) = (x.numbers(1)?, x.numbers(3)?);
        let shape = [rows as usize, n];
        let mut sums = vec![0.0_f64; checked_len(&shape)?];
        for (i, value) in values.iter().enumerate() {
            let (row, column) = (a.row(i)[0] as usize, a.row(i)[1] as usize);
            let (row, column) = if op.adjoint_a { (column, row) } else { (row, column) };
            for (j, sum) in sums[row * n..(row + 1) * n].iter_mut().enumerate() {
                let at = if op.adjoint_b { j * k + column } else { column * n + j };
                *sum += value * dense[at];
            }
        }
        Ok(vec![match dtype.is_float() {
            true => f64::narrow(dtype, &shape, sums),
            false => i64::narrow(dtype, &shape, sums.into_iter().map(|x| x as i64).collect()),
        }.into()])
    }
}

op! {
    /// A sparse tensor with its values in the order of their places.
    SparseReorder = "SparseReorder", Pure {}
    ("input_indices: int64", "input_values: T", "input_shape: int64")
    -> ("output_indices: int64", "output_values: T")
    [case("int64[[1, 0], [0, 1]], [5, 6], int64[2, 2]", "", "int64[[0, 1], [1, 0]], [6, 5]")]
    infer(op, x) { Ok(vec![x[0].shape.clone(), x[1].shape.clone()]) }
    eval(op, x, context) {
        let sparse = Sparse::read(&x, 0, 1, 2)?;
        let mut order: Vec<usize> = (0..sparse.len()).collect();
        order.sort_by_key(|i| sparse.row(*i));
        let indices = order.iter().flat_map(|i| sparse.row(*i)).copied().collect();
        Ok(outputs(indices, picked(sparse.values, &order), sparse.shape)[..2].to_vec())
    }
}

op! {
    /// A piece of a sparse tensor.
    SparseSlice = "SparseSlice", Pure {}
    ("indices: int64", "values: T", "shape: int64", "start: int64", "size: int64")
    -> ("output_indices: int64", "output_values: T", "output_shape: int64")
    [case("int64[[0, 1], [1, 0]], [5, 6], int64[2, 2], int64[0, 1], int64[2, 5]", "",
        "int64[[0, 0]], [5], int64[2, 1]")]
    infer(op, x) { Ok(sparse_shapes(rank_of(&x[2]))) }
    eval(op, x, context) {
        let (sparse, start, size) = (Sparse::read(&x, 0, 1, 2)?, x.sizes(3)?, x.sizes(4)?);
        let rank = sparse.shape.len();
        ensure!(start.len() == rank && size.len() == rank, "starts and sizes of {rank} axes");
        let axes = || start.iter().zip(&size).map(|(start, size)| (*start as i64, *size as i64));
        let inside = |i: &usize| {
            let mut all = sparse.row(*i).iter().zip(axes());
            all.all(|(at, (start, size))| *at >= start && *at - start < size)
        };
        let places: Vec<usize> = (0..sparse.len()).filter(inside).collect();
        let moved = |i: &usize| {
            sparse.row(*i).iter().zip(axes()).map(|(at, (start, _))| at - start).collect::<Vec<_>>()
        };
        let indices = places.iter().flat_map(moved).collect();
        let dims = sparse.shape.iter().zip(axes());
        let shape = dims.map(|(dim, (start, size))| size.min((dim - start).max(0))).collect();
        Ok(outputs(indices, picked(sparse.values, &places), shape))
    }
}

op! {
    /// Sparse tensors after one another along an axis.
    SparseConcat = "SparseConcat", Pure {
        /// The axis.
        concat_dim: i64,
        /// Number of sparse tensors.
        N: i64,
    }
    ("indices: N*int64", "values: N*T", "shapes: N*int64")
    -> ("output_indices: int64", "output_values: T", "output_shape: int64")
    [case("int64[[0, 1]], int64[[0, 0]], [5], [6], int64[1, 2], int64[1, 2]", "N=2, concat_dim=1",
        "int64[[0, 1], [0, 2]], [5, 6], int64[1, 4]")]
    infer(op, x) { Ok(sparse_shapes(rank_of(&x[x.len() - 1]))) }
    eval(op, x, context) {
        let n = x.len() / 3;
        let all: Vec<Sparse<'_>> =
            (0..n).map(|i| Sparse::read(&x, i, n + i, 2 * n + i)).collect::<Result<_>>()?;
        let Some(first) = all.first() else { fail!("there is nothing to concatenate") };
        (0..n).try_for_each(|i| x.same_dtype(n, n + i))?;
        let along = super::reduction::axis(op.concat_dim, first.shape.len())?;
        let mut shape = first.shape.clone();
        shape[along] = 0;
        let mut entries: Vec<(Vec<i64>, usize, usize)> = Vec::new();
        for (k, one) in all.iter().enumerate() {
            let same = one.shape.len() == shape.len()
                && (0..shape.len()).all(|i| i == along || one.shape[i] == shape[i]);
            ensure!(same, "shapes {:?} and {:?} do not go together", one.shape, first.shape);
            for i in 0..one.len() {
                let mut row = one.row(i).to_vec();
                row[along] += shape[along];
                entries.push((row, k, i));
            }
            shape[along] = shape[along].saturating_add(one.shape[along]);
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let sources: Vec<&DenseTensor> = all.iter().map(|one| one.values).collect();
        let mut runs = entries.iter().map(|(_, k, i)| Run::once(*k, *i, 1));
        let values = assemble(&[entries.len()], &sources, &mut runs);
        Ok(outputs(entries.iter().flat_map(|(row, _, _)| row.clone()).collect(), values, shape))
    }
}

op! {
    /// A dense tensor and a sparse one added up.
    SparseTensorDenseAdd = "SparseTensorDenseAdd", Pure within Tolerance::Ulps(1); {}
    ("a_indices: Tindices", "a_values: T", "a_shape: Tindices", "b: T") -> ("output: T")
    [case("int64[[0, 1]], [2], int64[1, 2], [[1, 1]]", "", "[[1, 3]]")]
    infer(op, x) { Ok(vec![x[3].shape.clone()]) }
    eval(op, x, context) {
        let (a, b) = (Sparse::read(&x, 0, 1, 2)?, x.tensor(3)?);
        let shape: Vec<i64> = b.shape().iter().map(|dim| *dim as i64).collect();
        ensure!(a.shape == shape, "shapes {:?} and {shape:?}", a.shape);
        let strides = crate::walk::strides(b.shape());
        let place = |i: usize| -> usize {
            let steps = a.row(i).iter().zip(&strides);
            steps.map(|(at, step)| *at as isize * step).sum::<isize>().cast_unsigned()
        };
        let dtype = b.dtype();
        Ok(vec![match (view(b), view(a.values)) {
            (Wide::F32(b), Wide::F32(a)) => {
                let mut all = b.into_owned();
                a.iter().enumerate().for_each(|(i, x)| all[place(i)] += x);
                f32::narrow(dtype, x.tensor(3)?.shape(), all)
            }
            (Wide::F64(b), Wide::F64(a)) => {
                let mut all = b.into_owned();
                a.iter().enumerate().for_each(|(i, x)| all[place(i)] += x);
                f64::narrow(dtype, x.tensor(3)?.shape(), all)
            }
            (Wide::I64(b), Wide::I64(a)) => {
                let mut all = b.into_owned();
                for (i, x) in a.iter().enumerate() {
                    all[place(i)] = all[place(i)].wrapping_add(*x);
                }
                i64::narrow(dtype, x.tensor(3)?.shape(), all)
            }
            _ => return Err(crate::rows::refused(dtype)),
        }.into()])
    }
}

/// The values of a sparse tensor brought together along axes, as a dense tensor.
fn reduced(x: &Args, keeps: bool, start: f64, f: impl Fn(f64, f64) -> f64) -> Result<Vec<Value>> {
    let sparse = Sparse::read(x, 0, 1, 2)?;
    let rank = sparse.shape.len();
    let flags = super::reduction::axis_flags(&x.ints(3)?, rank)?;
    let dims = sparse.shape.iter().map(|dim| *dim as usize);
    let kept: Vec<usize> =
        dims.zip(&flags).map(|(dim, gone)| if *gone { 1 } else { dim }).collect();
    let strides = crate::walk::strides(&kept);
    let mut all: Vec<Option<f64>> = vec![None; checked_len(&kept)?];
    for (i, value) in x.numbers(1)?.into_iter().enumerate() {
        let steps = sparse.row(i).iter().zip(&strides).zip(&flags);
        let at: isize = steps.filter(|(_, gone)| !**gone).map(|((i, s), _)| *i as isize * s).sum();
        let place = &mut all[at.cast_unsigned()];
        *place = Some(f(place.unwrap_or(start), value));
    }
    let shape: Vec<usize> =
        kept.iter().zip(&flags).filter(|(_, gone)| keeps || !**gone).map(|(dim, _)| *dim).collect();
    // Where nothing is, the result is 0.
    let all: Vec<f64> = all.into_iter().map(Option::unwrap_or_default).collect();
    let dtype = sparse.values.dtype();
    Ok(vec![
        match dtype.is_float() {
            true => f64::narrow(dtype, &shape, all),
            false => i64::narrow(dtype, &shape, all.into_iter().map(|x| x as i64).collect()),
        }
        .into(),
    ])
}

fn reduced_shape(x: &[Fact], keeps: bool) -> Vec<Shape> {
    match (rank_of(&x[2]), keeps) {
        (Some(rank), true) => vec![Shape::of_rank(rank)],
        _ => vec![Shape::UNKNOWN],
    }
}

op! {
    /// The sums of a sparse tensor's values along axes.
    SparseReduceSum = "SparseReduceSum", Pure within Tolerance::SUM; {
        /// The axes stay, with length 1.
        keep_dims: bool = false,
    }
    ("input_indices: int64", "input_values: T", "input_shape: int64", "reduction_axes: int32")
    -> ("output: T")
    [case("int64[[0, 1], [0, 0]], [5, 6], int64[2, 2], int32[1]", "", "[11, 0]")]
    infer(op, x) { Ok(reduced_shape(x, op.keep_dims)) }
    eval(op, x, context) { reduced(&x, op.keep_dims, 0.0, |a, b| a + b) }
}

op! {
    /// The largest of a sparse tensor's values along axes.
    SparseReduceMax = "SparseReduceMax", Pure {
        /// The axes stay, with length 1.
        keep_dims: bool = false,
    }
    ("input_indices: int64", "input_values: T", "input_shape: int64", "reduction_axes: int32")
    -> ("output: T")
    [case("int64[[0, 1], [0, 0]], [-5, -6], int64[2, 2], int32[1]", "keep_dims=true", "[[-5], [0]]")]
    infer(op, x) { Ok(reduced_shape(x, op.keep_dims)) }
    eval(op, x, context) { reduced(&x, op.keep_dims, f64::NEG_INFINITY, f64::max) }
}

op! {
    /// How often each number is in each row of a sparse matrix, or what it weighs there.
    SparseBincount = "SparseBincount", Pure {
        /// Whether it is there, not how often.
        binary_output: bool = false,
    }
    ("indices: int64", "values: Tidx", "dense_shape: int64", "size: Tidx", "weights: T")
    -> ("output: T")
    [case("int64[[0, 0], [0, 1], [1, 0]], int32[1, 1, 0], int64[2, 2], int32 2, float32<0>[]", "",
        "[[0, 2], [1, 0]]")]
    infer(op, x) {
        Ok(vec![match rank_of(&x[2]) {
            Some(rank @ 1..=2) => Shape::of_rank(rank),
            _ => Shape::UNKNOWN,
        }])
    }
    eval(op, x, context) {
        let sparse = Sparse::read(&x, 0, 1, 2)?;
        let size = x.sizes(3)?.first().copied().unwrap_or(0);
        let (values, weights) = (x.ints(1)?, x.tensor(4)?);
        let is_matrix = match sparse.shape.len() {
            1 => false,
            2 => true,
            rank => fail!("a sparse tensor of {rank} axes"),
        };
        let row = |i: usize| if is_matrix { sparse.row(i)[0] as usize } else { 0 };
        let rows: Vec<usize> = (0..values.len()).map(row).collect();
        let n = if is_matrix { sparse.shape[0] as usize } else { 1 };
        let counts = super::ragged::counted(&rows, &values, [n, size], weights, op.binary_output)?;
        if is_matrix {
            return Ok(vec![counts]);
        }
        let flat = counts.tensor().and_then(|counts| counts.clone().reshaped(&[size]));
        Ok(vec![flat.ok_or_else(|| Error::invalid("no counts"))?.into()])
    }
}
