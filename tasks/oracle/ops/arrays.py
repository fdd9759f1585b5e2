"""Ops that make, move, choose, count and scatter elements."""
import numpy as np

from record_ops import COMPLEX, FLOATS, INTS, Cases, np_dtype

cases = Cases()
EVERY = FLOATS + INTS + COMPLEX + ["bool"]
NUMBERS = ["float32", "int32", "float64", "int64", "bfloat16", "uint8", "float16", "int8"]
INDEX = ["int32", "int64"]


def ints(all, dtype="int32"):
  return np.array(all, dtype)


def scalar(x, dtype):
  return np.array(x).astype(np_dtype(dtype))


def strings(r, shape):
  words = [b"", b"a", b"bc", "ä€".encode(), b"\x00\xff", b"long word"]
  return np.array([words[r.int(0, 5)] for _ in range(int(np.prod(shape)))], object).reshape(shape)


def anything(r, shape, dtypes=EVERY):
  dtype = r.pick(dtypes + ["string"])
  return strings(r, shape) if dtype == "string" else r.numbers(dtype, shape, -99, 99)


# ---- making ----

@cases.op("Fill", n=18)
def _(r):
  shape = r.pick([r.shape(), [0, 2], []])
  return dict(dims=ints(shape, r.pick(INDEX)), value=anything(r, []))


@cases.op("Range", n=18)
def _(r):
  dtype = r.pick(["int32", "int64", "float32", "float64", "bfloat16", "float16"])
  start, limit, delta = r.pick([(0, 5, 1), (3, 18, 4), (5, 0, -2), (2, 2, 1), (-7, 8, 3)])
  if dtype == "int64" and r.i % 2:
    start, limit = start + (1 << 60), limit + (1 << 60)
  if dtype.startswith("float") and r.i % 2:
    start, delta = start + 0.25 * np.sign(delta) * (start != limit), delta * 0.375
  return dict(start=scalar(start, dtype), limit=scalar(limit, dtype), delta=scalar(delta, dtype))


@cases.op("Range", n=2)
def _(r):
  return dict(start=ints(0), limit=ints(5), delta=ints(r.pick([0, -1])), _error=True)


@cases.op("LinSpace", n=14)
def _(r):
  dtype = r.pick(["float32", "float64"])
  return dict(start=r.numbers(dtype, [], -9, 9), stop=r.numbers(dtype, [], -9, 9), num=ints(r.pick([1, 2, 3, 7, 10]), r.pick(INDEX)))


@cases.op("OneHot", n=16)
def _(r):
  dtype, rank = r.pick(["float32", "int32", "bool", "int64", "uint8", "complex64"]), r.int(0, 2)
  return dict(indices=r.numbers(r.any(["int32", "int64", "uint8"]), r.shape(rank), -2, 5), depth=ints(r.int(0, 5)),
              on_value=r.numbers(dtype, [], 1, 9), off_value=r.numbers(dtype, [], -9, 0), axis=r.int(-1, rank))


# ---- shapes ----

@cases.op("Shape", "Size", n=12)
def _(r):
  return dict(input=anything(r, r.pick([r.shape(), [0, 3], []])), out_type=r.any(INDEX))


@cases.op("Rank", n=12)
def _(r):
  return dict(input=anything(r, r.pick([r.shape(), [0, 3], []])))


@cases.op("ShapeN", n=12)
def _(r):
  dtype = r.pick(EVERY)
  return dict(input=[np.asarray(r.numbers(dtype, r.shape())) for _ in range(r.int(1, 3))], out_type=r.any(INDEX))


@cases.op("Identity", "Snapshot", "StopGradient", "PreventGradient", n=12)
def _(r):
  return dict(input=anything(r, r.shape()))


@cases.op("IdentityN", n=12)
def _(r):
  return dict(input=[np.asarray(r.numbers(r.any(EVERY), r.shape())) for _ in range(r.int(1, 3))])


@cases.op("Reshape", n=14)
def _(r):
  shape = r.shape(r.int(0, 3))
  n = int(np.prod(shape))
  to = r.pick([[n], [-1], [1, -1], [n, 1], list(reversed(shape)) or [1]])
  return dict(tensor=anything(r, shape), shape=ints(to, r.any(INDEX)))


@cases.op("Reshape", n=3)
def _(r):
  return dict(tensor=r.numbers("float32", [2, 3]), shape=ints(r.pick([[4], [-1, -1], [-1, 4]])), _error=True)


@cases.op("ExpandDims", n=12)
def _(r):
  shape = r.shape()
  return dict(input=anything(r, shape), axis=ints(r.int(-len(shape) - 1, len(shape)), r.any(INDEX)))


@cases.op("Squeeze", n=14)
def _(r):
  shape = r.pick([[1, 2, 1], [1], [], [3, 1], [2, 1, 1, 3]])
  ones = [i for i, n in enumerate(shape) if n == 1]
  axis = r.any([[], ones[:1], [i - len(shape) for i in ones[-1:]]])
  return dict(input=anything(r, shape), axis=axis)


@cases.op("Transpose", n=14)
def _(r):
  shape = r.shape(r.int(0, 4))
  return dict(x=anything(r, shape), perm=ints(r.random.permutation(len(shape)), r.any(INDEX)))


@cases.op("BroadcastTo", n=14)
def _(r):
  a, b = r.broadcast()
  both = list(np.broadcast_shapes(a, b))
  dtype = r.pick(["float32", "int32", "bool", "int64", "float64", "uint8", "complex64"])
  return dict(input=r.numbers(dtype, a), shape=ints([2] * r.int(0, 1) + both, r.any(INDEX)))


@cases.op("BroadcastArgs", "BroadcastGradientArgs", n=14)
def _(r):
  a, b = r.broadcast(r.int(0, 4))
  dtype = r.any(INDEX)
  return dict(s0=ints(a, dtype), s1=ints(b, dtype))


@cases.op("EnsureShape", n=12)
def _(r):
  shape = r.shape()
  return dict(input=anything(r, shape), shape=r.pick([shape, [None] * len(shape)]))


# ---- joining and cutting ----

def joined(r, axis_name, values_name, axis_dtype=None):
  rank, n = r.int(1, 3), r.int(2, 4)
  shape, at = r.shape(rank), r.int(0, rank - 1)
  dtype = r.pick(EVERY)
  parts = [np.asarray(r.numbers(dtype, [r.int(0, 3) if i == at else dim for i, dim in enumerate(shape)])) for _ in range(n)]
  return {values_name: parts, axis_name: ints(at - rank * r.int(0, 1), axis_dtype or r.any(INDEX))}


@cases.op("ConcatV2", n=18)
def _(r):
  return joined(r, "axis", "values")


@cases.op("Concat", n=18)
def _(r):
  return joined(r, "concat_dim", "values", "int32")


@cases.op("Pack", n=18)
def _(r):
  shape, dtype = r.shape(), r.pick(EVERY)
  return dict(values=[np.asarray(r.numbers(dtype, shape)) for _ in range(r.int(1, 3))], axis=r.int(-len(shape) - 1, len(shape)))


@cases.op("Unpack", n=14)
def _(r):
  shape = r.shape(r.int(1, 3))
  axis = r.int(-len(shape), len(shape) - 1)
  return dict(value=anything(r, shape), num=shape[axis], axis=axis)


@cases.op("Split", n=14)
def _(r):
  shape, at = r.shape(r.int(1, 3)), 0
  at = r.int(0, len(shape) - 1)
  n = r.int(1, 3)
  shape[at] = n * r.int(0, 2)
  return dict(axis=ints(at - len(shape) * r.int(0, 1)), value=anything(r, shape), num_split=n)


@cases.op("SplitV", n=14)
def _(r):
  shape = r.shape(r.int(1, 3))
  at, n = r.int(0, len(shape) - 1), r.int(1, 3)
  sizes = [r.int(0, 3) for _ in range(n)]
  shape[at] = sum(sizes)
  if r.i % 3 == 0 and n > 1:
    sizes[r.int(0, n - 1)] = -1
  return dict(value=anything(r, shape), size_splits=ints(sizes, r.any(INDEX)), axis=ints(at - len(shape) * r.int(0, 1)), num_split=n)


@cases.op("Slice", n=14)
def _(r):
  shape = r.shape(r.int(0, 3))
  begin = [r.int(0, n) for n in shape]
  size = [r.any([-1, r.int(0, n - b)]) for n, b in zip(shape, begin)]
  dtype = r.any(INDEX)
  return dict(input=anything(r, shape), begin=ints(begin, dtype), size=ints(size, dtype))


@cases.op("StridedSlice", n=60)
def _(r):
  shape = r.shape(r.int(1, 4), 1, 5)
  n = r.int(1, len(shape))
  begin = [r.int(-6, 6) for _ in range(n)]
  end = [r.int(-6, 6) for _ in range(n)]
  steps = [r.any([1, 1, 2, -1, -2, 3]) for _ in range(n)]
  shrink = 0
  for i in range(n):
    if r.random.rand() < 0.2:
      shrink |= 1 << i
      begin[i], steps[i] = r.int(-shape[i], shape[i] - 1), 1
      end[i] = begin[i] + 1
  dtype = r.any(INDEX)
  bits = (1 << n) - 1
  attrs = dict(begin_mask=r.int(0, bits) & ~shrink, end_mask=r.int(0, bits), shrink_axis_mask=shrink)
  if r.i % 3 == 0 and n >= 2:
    # An ellipsis or a new axis in place of an entry; its own numbers are not looked at.
    at = 1 << r.int(0, n - 1)
    attrs = dict(begin_mask=0, end_mask=0, shrink_axis_mask=0, **r.any([dict(ellipsis_mask=at), dict(new_axis_mask=at)]))
  return dict(input=anything(r, shape), begin=ints(begin, dtype), end=ints(end, dtype), strides=ints(steps, dtype), **attrs)


@cases.op("Reverse", n=12)
def _(r):
  shape = r.shape(r.int(0, 3))
  return dict(tensor=anything(r, shape, ["float32", "int32", "bool", "int64", "float64", "uint8", "complex64"]),
              dims=r.numbers("bool", [len(shape)]))


@cases.op("ReverseV2", n=12)
def _(r):
  shape = r.shape(r.int(0, 3))
  axes = [i - len(shape) * r.int(0, 1) for i in range(len(shape)) if r.flag()]
  return dict(tensor=anything(r, shape, ["float32", "int32", "bool", "int64", "float64", "uint8", "complex64"]),
              axis=ints(axes, r.any(INDEX)))


@cases.op("ReverseSequence", n=14)
def _(r):
  shape = r.shape(r.int(2, 4), 1, 4)
  seq, batch = [int(x) for x in r.random.permutation(len(shape))[:2]]
  return dict(input=anything(r, shape), seq_lengths=r.numbers(r.any(INDEX), [shape[batch]], 0, shape[seq]), seq_dim=seq,
              batch_dim=batch)


@cases.op("Tile", n=14)
def _(r):
  shape = r.shape(r.int(0, 3), 1, 3)
  return dict(input=anything(r, shape, ["float32", "int32", "bool", "int64", "float64", "uint8", "complex64"]),
              multiples=ints([r.int(0, 3) for _ in shape], r.any(INDEX)))


@cases.op("Roll", n=14)
def _(r):
  shape = r.shape(r.int(1, 3))
  n = r.int(1, 3)
  return dict(input=anything(r, shape), shift=r.numbers(r.any(INDEX), [n], -7, 7),
              axis=r.numbers(r.any(INDEX), [n], -len(shape), len(shape) - 1))


@cases.op("InvertPermutation", n=12)
def _(r):
  return dict(x=ints(r.random.permutation(r.i % 7), r.any(INDEX)))


@cases.op("InvertPermutation", n=2)
def _(r):
  return dict(x=ints(r.pick([[0, 0], [0, 2]])), _error=True)


# ---- padding and blocks ----

@cases.op("Pad", n=16)
def _(r):
  shape = r.shape(r.int(0, 4), 1, 3)
  pads = r.numbers(r.any(INDEX), [len(shape), 2], 0, 3)
  return dict(input=anything(r, shape, EVERY), paddings=pads)


@cases.op("PadV2", n=16)
def _(r):
  shape, dtype = r.shape(r.int(0, 4), 1, 3), r.pick(EVERY)
  pads = r.numbers(r.any(INDEX), [len(shape), 2], 0, 3)
  return dict(input=r.numbers(dtype, shape), paddings=pads, constant_values=r.numbers(dtype, [], 5, 9))


@cases.op("MirrorPad", n=18)
def _(r):
  shape, mode = r.shape(r.int(1, 4), 2, 4), r.any(["REFLECT", "SYMMETRIC"])
  most = [n - 1 if mode == "REFLECT" else n for n in shape]
  pads = ints([[r.int(0, n), r.int(0, n)] for n in most], r.any(INDEX))
  return dict(input=anything(r, shape), paddings=pads, mode=mode)


@cases.op("MirrorPad", n=2)
def _(r):
  return dict(input=r.numbers("float32", [3]), paddings=ints([[3 + r.i, 0]]), mode=r.pick(["REFLECT", "SYMMETRIC"]), _error=True)


@cases.op("SpaceToDepth", "DepthToSpace", n=14)
def _(r):
  b = r.int(2, 3)
  shape = [r.int(1, 2), b * r.int(1, 2), b * r.int(1, 2), b * b * r.int(1, 2)]
  return dict(input=r.numbers(r.pick(EVERY), shape, -99, 99), block_size=b)


@cases.op("SpaceToBatchND", n=14)
def _(r):
  m = r.int(1, 3)
  block = [r.int(1, 3) for _ in range(m)]
  lens = [b * r.int(1, 3) for b in block]
  pads = [[r.int(0, min(n - 1, 2)), 0] for n in lens]
  shape = [r.int(1, 2)] + [n - p[0] for n, p in zip(lens, pads)] + r.shape(r.int(0, 1))
  return dict(input=r.numbers(r.pick(NUMBERS), shape, -99, 99), block_shape=ints(block, r.any(INDEX)), paddings=ints(pads, r.any(INDEX)))


@cases.op("BatchToSpaceND", n=14)
def _(r):
  m = r.int(1, 3)
  block = [r.int(1, 3) for _ in range(m)]
  lens = [r.int(1, 3) for _ in range(m)]
  crops = [[r.int(0, min(1, b * n - 1)), 0] for b, n in zip(block, lens)]
  shape = [int(np.prod(block)) * r.int(1, 2)] + lens + r.shape(r.int(0, 1))
  return dict(input=r.numbers(r.pick(NUMBERS), shape, -99, 99), block_shape=ints(block, r.any(INDEX)), crops=ints(crops, r.any(INDEX)))


@cases.op("SpaceToBatch", n=12)
def _(r):
  pads = [[r.int(0, 1), 0], [0, r.int(0, 1)]]
  shape = [r.int(1, 2), 4 - sum(pads[0]), 2 - sum(pads[1]), r.int(1, 2)]
  return dict(input=r.numbers(r.pick(NUMBERS), shape), paddings=ints(pads, r.any(INDEX)), block_size=2)


@cases.op("BatchToSpace", n=12)
def _(r):
  return dict(input=r.numbers(r.pick(NUMBERS), [4 * r.int(1, 2), 2, r.int(1, 2), r.int(1, 2)]),
              crops=ints([[r.int(0, 1), 1], [0, r.int(0, 1)]], r.any(INDEX)), block_size=2)


# ---- gathering and scattering ----

@cases.op("Gather", n=12)
def _(r):
  shape = r.shape(r.int(1, 3))
  return dict(params=anything(r, shape), indices=r.numbers(r.any(INDEX), r.shape(), 0, shape[0] - 1))


@cases.op("GatherV2", n=18)
def _(r):
  shape = r.shape(r.int(1, 4))
  batch = r.int(0, min(2, len(shape) - 1))
  at = r.int(batch, len(shape) - 1)
  indices = r.numbers(r.any(INDEX), shape[:batch] + r.shape(r.int(0, 2)), 0, shape[at] - 1)
  return dict(params=anything(r, shape), indices=indices, axis=ints(at - len(shape) * r.int(0, 1), r.any(INDEX)), batch_dims=batch)


@cases.op("GatherV2", n=2)
def _(r):
  return dict(params=r.numbers("float32", [3, 2]), indices=ints([0, r.pick([3, -1])]), axis=ints(0), _error=True)


@cases.op("GatherNd", n=14)
def _(r):
  shape = r.shape(r.int(1, 4))
  k = r.int(0, len(shape))
  outer = r.shape(r.int(0, 2))
  indices = np.stack([r.numbers("int32", outer, 0, n - 1) for n in shape[:k]], -1) if k else np.zeros(outer + [0], "int32")
  return dict(params=anything(r, shape), indices=indices.astype(r.any(INDEX)))


def scattered(r, is_unique):
  """A shape, indices of its first axes, and updates' shape."""
  shape = r.shape(r.int(1, 3), 2, 4)
  k = r.int(1, len(shape))
  n = int(np.prod(shape[:k]))
  count = r.int(1, min(n, 5))
  flat = r.random.permutation(n)[:count] if is_unique else r.random.randint(0, n, count)
  indices = np.stack(np.unravel_index(flat, shape[:k]), -1)
  return shape, indices.astype(r.any(INDEX)), [count] + shape[k:]


@cases.op("ScatterNd", n=16)
def _(r):
  shape, indices, updates = scattered(r, False)
  dtype = r.pick(["float32", "int32", "int64", "float64", "bool", "complex64", "float16", "uint8"])
  return dict(indices=indices, updates=r.numbers(dtype, updates, -9, 9), shape=ints(shape, indices.dtype))


@cases.op("ScatterNd", n=2)
def _(r):
  return dict(indices=ints([[r.pick([3, -1])]]), updates=r.numbers("float32", [1]), shape=ints([3]), _error=True)


@cases.op("TensorScatterUpdate", "TensorScatterAdd", "TensorScatterSub", "TensorScatterMax", "TensorScatterMin", n=14)
def _(r):
  shape, indices, updates = scattered(r, True)
  dtype = r.pick(["float32", "int32", "int64", "float64", "float16", "uint8"])
  return dict(tensor=r.numbers(dtype, shape, -9, 9), indices=indices, updates=r.numbers(dtype, updates, -9, 9))


@cases.op("TensorScatterAdd", "TensorScatterSub", "TensorScatterMax", "TensorScatterMin", n=4)
def _(r):
  shape, indices, updates = scattered(r, False)
  dtype = r.pick(["float32", "int64"])
  return dict(tensor=r.numbers(dtype, shape, -9, 9), indices=indices, updates=r.numbers(dtype, updates, -9, 9))


@cases.op("DynamicPartition", n=14)
def _(r):
  outer = r.shape(r.int(0, 2))
  n = r.int(1, 4)
  return dict(data=anything(r, outer + r.shape(r.int(0, 1))), partitions=r.numbers("int32", outer, 0, n - 1), num_partitions=n)


@cases.op("DynamicStitch", "ParallelDynamicStitch", n=14)
def _(r):
  total = r.int(1, 7)
  order = r.random.permutation(total).astype("int32")
  cut = sorted(r.random.randint(0, total + 1, r.int(0, 2)))
  rest, dtype = r.shape(r.int(0, 2)), r.pick(["float32", "int32", "int64", "bool"])
  parts = np.split(order, cut)
  return dict(indices=parts, data=[np.asarray(r.numbers(dtype, [len(p)] + rest)) for p in parts])


# ---- finding ----

@cases.op("Where", n=16)
def _(r):
  x = r.numbers(r.pick(["bool", "float32", "int32", "int64", "uint8", "float64", "complex64", "int8"]), r.shape(r.int(1, 4)), -1, 1)
  if r.i % 3 == 0:
    x = np.where(r.random.rand(*x.shape) < 0.5, 0, x).astype(x.dtype)
  return dict(condition=x)


@cases.op("Unique", "UniqueWithCounts", n=14)
def _(r):
  x = strings(r, [r.int(0, 8)]) if r.i % 5 == 4 else r.numbers(r.pick(NUMBERS[:6]), [r.int(0, 9)], -3, 3)
  if x.dtype.kind == "f":
    x = np.round(x)
  return dict(x=x, out_idx=r.any(INDEX))


@cases.op("UniqueV2", "UniqueWithCountsV2", n=14)
def _(r):
  shape = r.shape(r.int(1, 3), 1, 5)
  x = np.round(r.numbers(r.pick(["int32", "int64", "float32", "uint8"]), shape, -1, 1))
  axis = [r.int(0, len(shape) - 1)] if len(shape) > 1 or r.flag() else []
  return dict(x=x, axis=ints(axis, r.any(INDEX)), out_idx=r.any(INDEX))


@cases.op("ListDiff", n=14)
def _(r):
  dtype = r.pick(["int32", "int64", "float32", "uint8"])
  return dict(x=np.round(r.numbers(dtype, [r.int(0, 8)], -4, 4)), y=np.round(r.numbers(dtype, [r.int(0, 6)], -4, 4)), out_idx=r.any(INDEX))


@cases.op("LowerBound", "UpperBound", n=14)
def _(r):
  dtype, rows = r.pick(["int32", "int64", "float32", "float64", "int8"]), r.int(1, 3)
  return dict(sorted_inputs=np.sort(r.numbers(dtype, [rows, r.int(0, 6)], -4, 4)), values=r.numbers(dtype, [rows, r.int(0, 5)], -6, 6),
              out_type=r.any(INDEX))


@cases.op("TopKV2", n=18)
def _(r):
  shape = r.shape(r.int(1, 3), 1, 6)
  x = r.wide(r.pick(NUMBERS), shape) if r.i % 3 == 1 else r.numbers(r.pick(NUMBERS), shape, -3, 3)
  if x.dtype.kind not in "iub":
    x = np.where(np.isnan(x.astype("float32")), np.ones_like(x), x)
  return dict(input=x, k=ints(r.int(0, shape[-1])), sorted=True)


@cases.op("NthElement", n=14)
def _(r):
  shape = r.shape(r.int(1, 3), 1, 6)
  return dict(input=r.numbers(r.pick(NUMBERS), shape, -9, 9), n=ints(r.int(0, shape[-1] - 1)), reverse=r.flag())


@cases.op("InTopK", n=12)
def _(r):
  rows, classes = r.int(1, 4), r.int(2, 5)
  return dict(predictions=r.numbers("float32", [rows, classes]), targets=r.numbers(r.any(INDEX), [rows], 0, classes - 1), k=r.int(1, classes))


@cases.op("InTopKV2", n=12)
def _(r):
  rows, classes, dtype = r.int(1, 4), r.int(2, 5), r.any(INDEX)
  x = r.numbers("float32", [rows, classes])
  if r.i % 4 == 0:
    x[0, 0] = r.any([np.nan, np.inf])
  return dict(predictions=x, targets=r.numbers(dtype, [rows], 0, classes), k=ints(r.int(1, classes), dtype))


@cases.op("ArgMax", "ArgMin", n=18)
def _(r):
  shape = r.shape(r.int(1, 3), 1, 5)
  dtype = r.pick(NUMBERS + ["uint32", "int16", "bool"])
  x = r.wide(dtype, shape) if r.i % 3 == 1 else r.numbers(dtype, shape, -3, 3)
  if x.dtype.kind not in "iub":
    x = np.where(np.isnan(x.astype("float32")), np.ones_like(x), x)
  return dict(input=x, dimension=ints(r.int(-len(shape), len(shape) - 1), r.any(INDEX)), output_type=r.any(INDEX))


@cases.op("Bincount", n=14)
def _(r):
  n, dtype = r.int(0, 9), r.pick(["float32", "int32", "int64", "float64"])
  weights = r.numbers(dtype, [n], -3, 3) if r.flag() else np.zeros([0], dtype)
  return dict(arr=r.numbers("int32", [n], 0, 6), size=ints(r.int(0, 6)), weights=weights)


@cases.op("DenseBincount", n=14)
def _(r):
  shape, dtype, index = r.shape(r.int(1, 2), 1, 6), r.pick(["float32", "int32", "int64", "float64"]), r.any(INDEX)
  binary = r.i % 3 == 0
  weights = r.numbers(dtype, shape, -3, 3) if r.flag() and not binary else np.zeros([0], dtype)
  return dict(input=r.numbers(index, shape, 0, 6), size=ints(r.int(1, 6), index), weights=weights, binary_output=binary)


@cases.op("HistogramFixedWidth", n=12)
def _(r):
  dtype = r.pick(["float32", "int32", "int64", "float64"])
  return dict(values=r.numbers(dtype, r.shape(r.int(1, 2)), -9, 9), value_range=np.array([-5, 6], dtype), nbins=ints(r.int(1, 6)),
              dtype=r.any(INDEX))
