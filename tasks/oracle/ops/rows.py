"""Ragged and sparse tensors."""
import numpy as np

from record_ops import Cases, np_dtype

cases = Cases()
INDEX = ["int32", "int64"]
NUMBERS = ["float32", "int32", "float64", "int64"]


def ints(all, dtype="int64"):
  return np.array(all, dtype)


def splits(r, rows, dtype="int64", high=3):
  return ints(np.cumsum([0] + [r.int(0, high) for _ in range(rows)]), dtype)


@cases.op("RaggedRange", n=20)
def _(r):
  dtype = r.pick(["int32", "int64", "float32", "float64"])
  n = r.int(1, 4)
  some = lambda low, high: r.numbers(dtype, r.any([[n], []]), low, high)
  deltas = np.asarray(r.random.choice([-2, -1, 1, 2], r.any([[n], []]))).astype(dtype)
  return dict(starts=r.numbers(dtype, [n], -5, 5), limits=some(-9, 9), deltas=deltas, Tsplits=r.any(INDEX))


@cases.op("RaggedRange", n=1)
def _(r):
  return dict(starts=ints([1], "int32"), limits=ints([2], "int32"), deltas=ints([0], "int32"), _error=True)


@cases.op("RaggedGather", n=20)
def _(r):
  dtype = r.pick(INDEX)
  outer = splits(r, r.int(1, 4), dtype)
  nested = [outer] + ([splits(r, int(outer[-1]), dtype)] if r.flag() else [])
  values = r.numbers(r.any(NUMBERS), [int(nested[-1][-1])] + r.any([[], [2]]), -9, 9)
  indices = r.numbers(r.any(INDEX), r.pick([[3], [2, 2], [0]]), 0, len(outer) - 2)
  return dict(params_nested_splits=nested, params_dense_values=values, indices=indices, OUTPUT_RAGGED_RANK=len(nested) + indices.ndim - 1)


@cases.op("RaggedTensorToTensor", n=40)
def _(r):
  dtype = r.any(INDEX)
  by_rows = r.flag()
  outer = splits(r, r.int(1, 4), dtype)
  nested = [outer] + ([splits(r, int(outer[-1]), dtype)] if r.flag() else [])
  inner = r.any([[], [2]])
  values = r.numbers(r.any(NUMBERS), [int(nested[-1][-1])] + inner, -9, 9)
  if by_rows:
    parts = [ints(len(outer) - 1, dtype)] + [ints(np.repeat(np.arange(len(s) - 1), np.diff(s)), dtype) for s in nested]
    kinds = ["FIRST_DIM_SIZE"] + ["VALUE_ROWIDS"] * len(nested)
  else:
    parts, kinds = nested, ["ROW_SPLITS"] * len(nested)
  rank = len(nested) + 1
  shape = r.pick([ints([-1] * rank + inner, dtype), ints([r.int(1, 4) if r.flag() else -1 for _ in range(rank)] + inner, dtype)])
  return dict(shape=shape, values=values, default_value=r.numbers(values.dtype.name, r.any([[], inner]), -1, 1), row_partition_tensors=parts, row_partition_types=kinds)


@cases.op("RaggedTensorToSparse", n=14)
def _(r):
  dtype = r.pick(INDEX)
  outer = splits(r, r.int(1, 4), dtype)
  nested = [outer] + ([splits(r, int(outer[-1]), dtype)] if r.flag() else [])
  values = r.numbers(r.any(NUMBERS), [int(nested[-1][-1])] + r.any([[], [2]]), -9, 9)
  return dict(rt_nested_splits=nested, rt_dense_values=values)


@cases.op("RaggedBincount", n=14)
def _(r):
  s = splits(r, r.int(1, 4), high=4)
  dtype = r.pick(INDEX)
  weights = r.numbers(r.any(["float32", "float64", "int32"]), [int(s[-1])] if r.flag() else [0], -3, 3)
  binary = len(weights) == 0 and r.flag()
  return dict(splits=s, values=r.numbers(dtype, [int(s[-1])], 0, 5), size=ints(5, dtype), weights=weights, binary_output=binary)


def sparse(r, shape, dtype, density=0.5, order=True):
  places = np.argwhere(r.random.rand(*shape) < density)
  if not order:
    places = places[r.random.permutation(len(places))]
  return places.astype("int64").reshape(-1, len(shape)), r.numbers(dtype, [len(places)], -9, 9), ints(shape)


@cases.op("SparseToDense", n=24)
def _(r):
  dtype = r.pick(NUMBERS + ["bool", "int8", "uint8"])
  index = r.any(INDEX)
  shape = r.shape(r.int(1, 3))
  places, values, _ = sparse(r, shape, dtype)
  if len(shape) == 1 and r.flag():
    places = places[:, 0]
  if r.flag():
    values = r.numbers(dtype, [], -9, 9)
  return dict(sparse_indices=places.astype(index), output_shape=ints(shape, index), sparse_values=values, default_value=r.numbers(dtype, [], -1, 1), validate_indices=r.flag())


@cases.op("SparseToDense", n=4)
def _(r):
  places = r.pick([[[1], [0]], [[1], [1]], [[4]], [[-1]]])
  return dict(sparse_indices=ints(places), output_shape=ints([3]), sparse_values=np.float32(1), default_value=np.float32(0), validate_indices=True, _error=True)


@cases.op("SparseFillEmptyRows", n=18)
def _(r):
  dtype = r.pick(NUMBERS + ["bool"])
  places, values, shape = sparse(r, r.shape(r.int(1, 3), 1, 5), dtype, 0.3, r.i % 3 != 0)
  return dict(indices=places, values=values, dense_shape=shape, default_value=r.numbers(dtype, [], -1, 1))


@cases.op("SparseReshape", n=14)
def _(r):
  places, _, shape = sparse(r, r.pick([[2, 6], [12], [3, 2, 2]]), "float32")
  return dict(input_indices=places, input_shape=shape, new_shape=ints(r.any([[12], [-1], [3, 4], [2, -1], [2, 3, 2], [-1, 1, 6]])))


@cases.op("SparseReshape", n=2)
def _(r):
  return dict(input_indices=ints([[0, 0]]), input_shape=ints([2, 3]), new_shape=ints(r.pick([[5], [-1, 4]])), _error=True)


def segment(r):
  dtype = r.pick(["float32", "float64", "bfloat16", "float16"])
  n = r.int(1, 6)
  return dict(data=r.numbers(dtype, [4] + r.any([[], [2], [2, 2]])), indices=r.numbers(r.any(INDEX), [n], 0, 3), segment_ids=np.sort(r.numbers(r.any(INDEX), [n], 0, 4)))


@cases.op("SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN", n=14)
def _(r):
  return segment(r)


@cases.op("SparseSegmentSumWithNumSegments", "SparseSegmentMeanWithNumSegments", "SparseSegmentSqrtNWithNumSegments", n=14)
def _(r):
  return dict(num_segments=ints(r.int(5, 7), r.any(INDEX)), **segment(r))


@cases.op("SparseSegmentSum", n=2)
def _(r):
  return dict(data=r.numbers("float32", [3]), indices=ints([0, 1]), segment_ids=ints(r.pick([[1, 0], [-1, 0]])), _error=True)


@cases.op("SparseTensorDenseMatMul", n=20)
def _(r):
  dtype = r.pick(["float32", "float64", "int32", "bfloat16"])
  m, k, n = r.int(1, 4), r.int(1, 4), r.int(1, 4)
  adjoint_a, adjoint_b = r.flag(), r.flag()
  places, values, shape = sparse(r, [k, m] if adjoint_a else [m, k], dtype)
  return dict(a_indices=places.astype(r.any(INDEX)), a_values=values, a_shape=shape, b=r.numbers(dtype, [n, k] if adjoint_b else [k, n]), adjoint_a=adjoint_a, adjoint_b=adjoint_b)


@cases.op("SparseReorder", n=14)
def _(r):
  places, values, shape = sparse(r, r.shape(r.int(1, 3)), r.pick(NUMBERS), order=False)
  return dict(input_indices=places, input_values=values, input_shape=shape)


@cases.op("SparseSlice", n=16)
def _(r):
  shape = r.shape(r.int(1, 3), 1, 5)
  places, values, dense = sparse(r, shape, r.pick(NUMBERS))
  start = [r.int(0, n) for n in shape]
  return dict(indices=places, values=values, shape=dense, start=ints(start), size=ints([r.int(0, n) for n in shape]))


@cases.op("SparseConcat", n=16)
def _(r):
  dtype = r.pick(NUMBERS)
  shape = r.shape(r.int(1, 3))
  along = r.int(0, len(shape) - 1)
  all = [sparse(r, [r.int(1, 3) if i == along else n for i, n in enumerate(shape)], dtype) for _ in range(r.int(2, 3))]
  return dict(indices=[a[0] for a in all], values=[a[1] for a in all], shapes=[a[2] for a in all], concat_dim=along - (len(shape) if r.flag() else 0))


@cases.op("SparseTensorDenseAdd", n=14)
def _(r):
  dtype = r.pick(NUMBERS)
  shape = r.shape(r.int(1, 3))
  places, values, dense = sparse(r, shape, dtype)
  return dict(a_indices=places, a_values=values, a_shape=dense, b=r.numbers(dtype, shape, -9, 9))


@cases.op("SparseReduceSum", "SparseReduceMax", n=18)
def _(r):
  shape = r.shape(r.int(1, 3))
  places, values, dense = sparse(r, shape, r.pick(NUMBERS))
  axes = list(r.random.permutation(len(shape)))[:r.int(0, len(shape))]
  return dict(input_indices=places, input_values=values, input_shape=dense, reduction_axes=ints([int(a) for a in axes], "int32"), keep_dims=r.flag())


@cases.op("SparseBincount", n=16)
def _(r):
  dtype = r.pick(INDEX)
  places, values, dense = sparse(r, r.any([[4], [3, 4]]), "float32")
  weights = r.numbers(r.any(["float32", "float64", "int64"]), [len(values)] if r.flag() else [0], -3, 3)
  return dict(indices=places, values=r.numbers(dtype, [len(values)], 0, 5), dense_shape=dense, size=ints(5, dtype), weights=weights,
              binary_output=len(weights) == 0 and r.flag())


@cases.op("SparseCross", n=16)
def _(r):
  rows, hashed = r.int(1, 3), r.flag()
  kinds = ["int64", "string"]
  feature = lambda kind, shape: (r.numbers("int64", shape, 0, 1 << 40) if kind == "int64" else
                                 np.array([b"w%d" % r.int(0, 99) for _ in range(int(np.prod(shape)))], object).reshape(shape))
  dense = [feature(r.any(kinds), [rows, r.int(1, 2)]) for _ in range(r.int(1, 3))]
  found = []
  for _ in range(r.int(0, 2)):
    places, _values, shape = sparse(r, [rows, 2], "float32", 0.7)
    found.append((places, feature(r.any(kinds), [len(places)]), shape))
  values = [f[1] for f in found]
  has_ints = any(x.dtype != object for x in values + dense)
  return dict(indices=[f[0] for f in found], values=values, shapes=[f[2] for f in found], dense_inputs=dense,
              hashed_output=hashed, num_buckets=r.pick([1000, 0, 7]), hash_key=r.int(0, 1 << 40),
              out_type="int64" if hashed else "string", internal_type="int64" if has_ints else "string")


@cases.op("SparseCrossHashed", n=16)
def _(r):
  rows, strong = r.int(1, 3), r.flag()
  # TensorFlow's strong hash of numbers reads memory that is not its own.
  kinds = ["string"] if strong else ["int64", "string"]
  feature = lambda kind, shape: (r.numbers("int64", shape, 0, 1 << 40) if kind == "int64" else
                                 np.array([bytes(r.random.bytes(r.int(0, 20))) for _ in range(int(np.prod(shape)))], object).reshape(shape))
  dense = [feature(r.any(kinds), [rows, r.int(1, 2)]) for _ in range(r.int(1, 3))]
  found = []
  for _ in range(r.int(0, 2)):
    places, _values, shape = sparse(r, [rows, 2], "float32", 0.7)
    found.append((places, feature(r.any(["int64", "string"]), [len(places)]), shape))
  return dict(indices=[f[0] for f in found], values=[f[1] for f in found], shapes=[f[2] for f in found], dense_inputs=dense,
              num_buckets=ints(r.pick([1000, 0, 7])), strong_hash=np.asarray(strong), salt=ints([r.int(0, 99), r.int(0, 99)]))
