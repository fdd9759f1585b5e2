"""Reductions, running totals, segments, matrices, transforms."""
import numpy as np

from record_ops import COMPLEX, FLOATS, INTS, SIGNED, Cases

cases = Cases()
INDEX = ["int32", "int64"]
REAL = ["float32", "float64"]


def ints(all, dtype="int32"):
  return np.array(all, dtype)


# ---- reductions ----

def reduced(names, dtypes, n=24, wide=False):
  for name in names.split():
    def make(r):
      shape = r.shape(r.int(0, 4), 1, 4) if r.i % 9 else r.pick([[0], [2, 0], [0, 3]])
      axes = [i - len(shape) * r.int(0, 1) for i in range(len(shape)) if r.flag()]
      dtype = r.pick(dtypes)
      x = r.wide(dtype, shape) if wide and r.i % 3 == 1 else r.numbers(dtype, shape, -5, 5)
      axis = ints(axes[0] if len(axes) == 1 and r.flag() else axes, r.any(INDEX))
      return dict(input=x, axis=axis, keep_dims=r.flag())
    cases.op(name, n=n)(make)


reduced("Sum Prod Mean", FLOATS[:3] + SIGNED + ["uint8", "complex64", "complex128"])
reduced("Max Min", FLOATS + INTS, wide=True)
reduced("All Any", ["bool"], n=16)
reduced("EuclideanNorm", FLOATS[:3] + ["complex64"], n=16)


@cases.op("Sum", "Max", "Prod", n=2)
def _(r):
  return dict(input=r.numbers("float32", [2, 3]), axis=ints(r.pick([2, -3])), _error=True)


@cases.op("Sum", "Prod", "Max", "Min", n=3)
def _(r):
  """Integers beyond what a double keeps."""
  x = r.numbers("int64", [2, 3], -9, 9) + (np.int64(1) << 60) + 1
  return dict(input=x, axis=ints(r.int(0, 1)))


@cases.op("Cumsum", "Cumprod", n=20)
def _(r):
  shape = r.shape(r.int(1, 3))
  dtype = r.pick(FLOATS[:3] + SIGNED + ["uint8", "complex64", "complex128"])
  return dict(x=r.numbers(dtype, shape, -3, 3), axis=ints(r.int(-len(shape), len(shape) - 1), r.any(INDEX)), exclusive=r.flag(),
              reverse=r.flag())


@cases.op("Cumsum", n=2)
def _(r):
  return dict(x=np.array([(1 << 60) + 1, 3, 5], "int64"), axis=ints(0))


@cases.op("CumulativeLogsumexp", n=16)
def _(r):
  shape = r.shape(r.int(1, 3))
  return dict(x=r.numbers(r.pick(REAL + ["float16"]), shape, -9, r.pick([9, 90])), axis=ints(r.int(-len(shape), len(shape) - 1)),
              exclusive=r.flag(), reverse=r.flag())


@cases.op("SegmentSum", "SegmentProd", "SegmentMax", "SegmentMin", "SegmentMean", n=14)
def _(r):
  n = r.int(0, 7)
  dtype = r.pick(["float32", "float64", "int32", "int64", "float16", "uint8"])
  ids = np.sort(r.numbers(r.any(INDEX), [n], 0, 5))
  return dict(data=r.numbers(dtype, [n] + r.shape(r.int(0, 2)), -9, 9), segment_ids=ids)


@cases.op("SegmentSum", n=2)
def _(r):
  return dict(data=r.numbers("float32", [2]), segment_ids=ints(r.pick([[1, 0], [-1, 0]])), _error=True)


@cases.op("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin", n=16)
def _(r):
  outer = r.shape(r.int(0, 2))
  dtype = r.pick(["float32", "float64", "int32", "int64", "float16", "uint8", "bfloat16"])
  return dict(data=r.numbers(dtype, outer + r.shape(r.int(0, 2)), -9, 9), segment_ids=r.numbers(r.any(INDEX), outer, -1, 4),
              num_segments=ints(r.int(5, 6), r.any(INDEX)))


# ---- matrices ----

@cases.op("MatMul", n=24)
def _(r):
  m, k, n = r.int(1, 4), r.int(0 if r.i % 5 == 0 else 1, 5), r.int(1, 4)
  a, b = r.flag(), r.flag()
  dtype = r.pick(REAL + ["float16", "bfloat16", "int32", "int64", "complex64", "complex128"])
  return dict(a=r.numbers(dtype, [k, m] if a else [m, k]), b=r.numbers(dtype, [n, k] if b else [k, n]), transpose_a=a, transpose_b=b)


@cases.op("MatMul", n=1)
def _(r):
  return dict(a=r.numbers("float32", [2, 3]), b=r.numbers("float32", [2, 3]), _error=True)


@cases.op("BatchMatMul", "BatchMatMulV2", n=20)
def _(r):
  m, k, n = r.int(1, 4), r.int(1, 5), r.int(1, 4)
  a, b = r.flag(), r.flag()
  x, y = r.broadcast(r.int(0, 2))
  dtype = r.pick(REAL + ["float16", "bfloat16", "int32", "int64", "complex64", "complex128"])
  return dict(x=r.numbers(dtype, x + ([k, m] if a else [m, k])), y=r.numbers(dtype, y + ([n, k] if b else [k, n])), adj_x=a, adj_y=b)


del cases.table["BatchMatMul"]


@cases.op("BatchMatMulV3", n=14)
def _(r):
  x, y = r.broadcast(r.int(0, 2))
  dtype, out = r.pick([("float32", "float32"), ("bfloat16", "float32"), ("int8", "int32"), ("float64", "float64"), ("uint8", "int32")])
  return dict(x=r.numbers(dtype, x + [2, 3]), y=r.numbers(dtype, y + [3, 2]), Tout=out)


EINSUMS = ["ij,jk->ik", "bij,bjk->bik", "ij->ji", "ii->i", "ij->", "i,j->ij", "abc,cd->abd", "...ij,...jk->...ik", "ii->", "ij,ij->ij",
           "aecd,abcd->acbe", "acbe,aecd->abcd", "abc,cde->abde", "b...a,...ac->b...c", "ij,kj->ik", "i->", "...i->...", "ijk->kji",
           "iij->ij", "ij,j->i", "bhqd,bhkd->bhqk", ",->", ",i->i", "ii,ij->j"]


@cases.op("Einsum", n=48)
def _(r):
  equation, dtype = EINSUMS[r.i % len(EINSUMS)], r.any(REAL + ["int32", "int64", "complex64", "bfloat16", "float16"])
  sizes = {c: r.int(1, 4) for c in "abcdehijkq"}
  inputs = []
  for term in equation.split("->")[0].split(","):
    shape = []
    for part in ([term] if "..." not in term else [term.split("...")[0], None, term.split("...")[1]]):
      shape += [2, 3] if part is None else [sizes[c] for c in part]
    inputs.append(np.asarray(r.numbers(dtype, shape)))
  return dict(inputs=inputs, equation=equation)


@cases.op("MatrixBandPart", n=14)
def _(r):
  shape = r.shape(r.int(2, 4), 1, 4)
  dtype, index = r.pick(["float32", "int32", "bool", "int64", "complex64", "float64"]), r.any(INDEX)
  return dict(input=r.numbers(dtype, shape), num_lower=ints(r.int(-1, shape[-2] - 1), index), num_upper=ints(r.int(-1, shape[-1] - 1), index))


DIAG = ["float32", "int32", "bool", "int64", "complex64", "float64"]


@cases.op("Diag", n=12)
def _(r):
  return dict(diagonal=r.numbers(r.pick(["float32", "int32", "int64", "complex64", "float64"]), r.shape(r.int(1, 2), 1, 3)))


@cases.op("DiagPart", n=12)
def _(r):
  half = r.shape(r.int(1, 2), 1, 3)
  return dict(input=r.numbers(r.pick(["float32", "int32", "int64", "complex64", "float64"]), half + half))


@cases.op("MatrixDiag", n=12)
def _(r):
  return dict(diagonal=r.numbers(r.pick(DIAG), r.shape(r.int(1, 3))))


@cases.op("MatrixDiagPart", n=12)
def _(r):
  return dict(input=r.numbers(r.pick(DIAG), r.shape(r.int(2, 4))))


@cases.op("MatrixSetDiag", n=12)
def _(r):
  shape = r.shape(r.int(2, 4))
  dtype = r.pick(DIAG)
  return dict(input=r.numbers(dtype, shape), diagonal=r.numbers(dtype, shape[:-2] + [min(shape[-2:])]))


def band(r, rows, columns):
  low = r.int(-rows + 1, columns - 1)
  high = r.int(low, columns - 1)
  longest = min(rows + min(high, 0), columns - max(low, 0))
  k = ints([low, high]) if low != high or r.flag() else ints(low)
  return k, [longest] if low == high else [high - low + 1, longest]


ALIGN = ["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"]


@cases.op("MatrixDiagPartV2", "MatrixDiagPartV3", n=20)
def _(r):
  shape, dtype = r.shape(r.int(2, 3), 1, 5), r.pick(DIAG)
  k, _ = band(r, *shape[-2:])
  return dict(input=r.numbers(dtype, shape), k=k, padding_value=r.numbers(dtype, [], 7, 9), align=r.any(ALIGN))


@cases.op("MatrixDiagV2", "MatrixDiagV3", n=20)
def _(r):
  rows, columns, dtype = r.int(1, 5), r.int(1, 5), r.pick(DIAG)
  k, diag = band(r, rows, columns)
  return dict(diagonal=r.numbers(dtype, r.shape(r.int(0, 1)) + diag), k=k, num_rows=ints(rows), num_cols=ints(columns),
              padding_value=r.numbers(dtype, [], 7, 9), align=r.any(ALIGN))


@cases.op("MatrixSetDiagV2", "MatrixSetDiagV3", n=20)
def _(r):
  shape, dtype = r.shape(r.int(2, 3), 1, 5), r.pick(DIAG)
  k, diag = band(r, *shape[-2:])
  return dict(input=r.numbers(dtype, shape), diagonal=r.numbers(dtype, shape[:-2] + diag), k=k, align=r.any(ALIGN))


for _name in ["MatrixDiagPartV2", "MatrixDiagV2", "MatrixSetDiagV2"]:
  # The second version has no alignment.
  _make, _n = cases.table[_name].pop()
  cases.op(_name, n=_n)(lambda r, make=_make: {k: v for k, v in make(r).items() if k != "align"})


def definite(r, dtype, shape):
  """Symmetric matrices without a small eigenvalue."""
  n = shape[-1]
  a = r.random.uniform(-1, 1, shape)
  if dtype.startswith("complex"):
    a = a + 1j * r.random.uniform(-1, 1, shape)
  return (a @ np.conj(np.swapaxes(a, -1, -2)) + n * np.eye(n)).astype(dtype)


@cases.op("Cholesky", n=14)
def _(r):
  n = r.int(1, 4)
  return dict(input=definite(r, r.pick(REAL + COMPLEX), r.shape(r.int(0, 2)) + [n, n]))


@cases.op("MatrixInverse", n=16)
def _(r):
  n = r.int(1, 4)
  shape = r.shape(r.int(0, 2)) + [n, n]
  dtype = r.pick(REAL + COMPLEX)
  return dict(input=(r.numbers(dtype, shape, -1, 1) + 2 * np.eye(n)).astype(dtype), adjoint=r.flag())


@cases.op("MatrixInverse", n=1)
def _(r):
  return dict(input=np.array([[1, 2], [2, 4]], "float32"), _error=True)


@cases.op("MatrixDeterminant", "LogMatrixDeterminant", n=14)
def _(r):
  n = r.int(1, 4)
  dtype = r.pick(REAL + COMPLEX)
  return dict(input=r.numbers(dtype, r.shape(r.int(0, 2)) + [n, n], -2, 2))


@cases.op("MatrixSolve", n=16)
def _(r):
  n, dtype, outer = r.int(1, 4), r.pick(REAL + COMPLEX), r.shape(r.int(0, 1))
  return dict(matrix=(r.numbers(dtype, outer + [n, n], -1, 1) + 2 * np.eye(n)).astype(dtype),
              rhs=r.numbers(dtype, outer + [n, r.int(1, 3)]), adjoint=r.flag())


@cases.op("MatrixTriangularSolve", n=16)
def _(r):
  n, dtype, outer = r.int(1, 4), r.pick(REAL + COMPLEX), r.shape(r.int(0, 1))
  return dict(matrix=(r.numbers(dtype, outer + [n, n], -1, 1) + 2 * np.eye(n)).astype(dtype),
              rhs=r.numbers(dtype, outer + [n, r.int(1, 3)]), lower=r.flag(), adjoint=r.flag())


@cases.op("MatrixSolveLs", n=12)
def _(r):
  m, n, dtype = r.int(3, 5), r.int(1, 3), r.pick(REAL)
  return dict(matrix=r.numbers(dtype, [m, n]), rhs=r.numbers(dtype, [m, r.int(1, 2)]), l2_regularizer=np.float64(r.pick([0.0, 0.1])),
              fast=True)


@cases.op("Qr", n=16)
def _(r):
  return dict(input=r.numbers(r.pick(REAL + COMPLEX), r.shape(r.int(0, 1)) + [r.int(1, 4), r.int(1, 4)]), full_matrices=r.flag())


@cases.op("Svd", n=14)
def _(r):
  return dict(input=r.numbers(r.pick(REAL), r.shape(r.int(0, 1)) + [r.int(1, 4), r.int(1, 4)]), compute_uv=False, _set=1)


@cases.op("SelfAdjointEigV2", n=14)
def _(r):
  n = r.int(1, 4)
  return dict(input=definite(r, r.pick(REAL), r.shape(r.int(0, 1)) + [n, n]), compute_v=False, _set=1)


@cases.op("Svd", n=16)
def _(r):
  """Vectors too; they are compared but for their phase."""
  n = r.int(1, 4)
  shape = [n, n] if r.i % 3 == 0 else [r.int(1, 4), r.int(1, 4)]
  return dict(input=r.numbers(r.pick(["float32", "float64", "complex64", "complex128"]), r.shape(r.int(0, 1)) + shape), compute_uv=True,
              full_matrices=r.i % 3 == 0)


@cases.op("SelfAdjointEigV2", n=14)
def _(r):
  n = r.int(1, 4)
  return dict(input=definite(r, r.pick(REAL), r.shape(r.int(0, 1)) + [n, n]), compute_v=True)


@cases.op("MatrixExponential", n=12)
def _(r):
  n = r.int(1, 4)
  return dict(input=r.numbers(r.pick(REAL), r.shape(r.int(0, 1)) + [n, n], -1, 1))


@cases.op("Cross", n=12)
def _(r):
  shape, dtype = r.shape(r.int(0, 2)) + [3], r.pick(REAL + ["int32", "int64", "float16"])
  return dict(a=r.numbers(dtype, shape), b=r.numbers(dtype, shape))


@cases.op("L2Loss", n=12)
def _(r):
  return dict(t=r.numbers(r.pick(FLOATS[:3]), r.shape()))


# ---- normalization ----

@cases.op("LRN", n=12)
def _(r):
  attrs = r.pick([dict(), dict(depth_radius=1, bias=0.5, alpha=0.3, beta=0.7), dict(depth_radius=2, bias=2.0, alpha=1.0, beta=1.0)])
  return dict(input=r.numbers(r.pick(["float32", "float16", "bfloat16"]), [r.int(1, 2), r.int(1, 2), 2, r.int(1, 6)]), **attrs)


@cases.op("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", n=20)
def _(r):
  dtype = "float32"
  c, data_format = r.int(1, 3), r.any(["NHWC", "NHWC", "NCHW"])
  shape = [r.int(1, 3), 2, r.int(1, 3)]
  x = r.numbers(dtype, shape[:1] + [c] + shape[1:] if data_format == "NCHW" else shape + [c])
  training = r.i % 2 == 0
  given = not training or r.i % 4 == 0
  stats = lambda low, high: r.numbers("float32", [c], low, high) if given else np.zeros([0], "float32")
  factor = 0.3 if training and given else 1.0
  if training and x.size // c < 2:
    return None
  return dict(x=x, scale=r.numbers("float32", [c], 0.5, 2), offset=r.numbers("float32", [c]), mean=stats(-1, 1), variance=stats(0.5, 2),
              epsilon=r.any([1e-4, 1e-3]), is_training=training, data_format=data_format, exponential_avg_factor=factor, **({} if training else {"_set": 3}))


@cases.op("FusedBatchNormGradV3", n=20)
def _(r):
  c, data_format, training = r.int(1, 3), r.any(["NHWC", "NCHW"]) if r.i % 2 == 0 else "NHWC", r.i % 2 == 0
  shape = [r.int(1, 3), 2, r.int(1, 3)]
  shape = shape[:1] + [c] + shape[1:] if data_format == "NCHW" else shape + [c]
  x = r.numbers("float32", shape)
  axes = (0, 2, 3) if data_format == "NCHW" else (0, 1, 2)
  mean, variance = (x.mean(axes), x.var(axes)) if training else (r.numbers("float32", [c], -1, 1), r.numbers("float32", [c], 0.5, 2))
  return dict(y_backprop=r.numbers("float32", shape), x=x, scale=r.numbers("float32", [c], 0.5, 2), reserve_space_1=mean, reserve_space_2=variance,
              reserve_space_3=np.zeros([c], "float32"), epsilon=r.any([1e-4, 1e-3]), data_format=data_format, is_training=training, _set=3)


# ---- transforms ----

@cases.op("FFT", "IFFT", n=14)
def _(r):
  return dict(input=r.numbers(r.pick(COMPLEX), r.shape(r.int(0, 2)) + [r.pick([1, 2, 3, 4, 5, 7, 8, 12, 13])]))


@cases.op("FFT2D", "IFFT2D", n=12)
def _(r):
  return dict(input=r.numbers(r.pick(COMPLEX), r.shape(r.int(0, 1)) + r.shape(2, 1, 6)))


@cases.op("FFT3D", "IFFT3D", n=12)
def _(r):
  return dict(input=r.numbers(r.pick(COMPLEX), r.shape(r.int(0, 1)) + r.shape(3, 1, 4)))


def real_transform(rank, inverse):
  def make(r):
    kind, outer = r.pick([("float32", "complex64"), ("float64", "complex128")]), r.shape(r.int(0, 1))
    shape = r.shape(rank, 1, 7)
    lengths = [max(1, n - r.int(0, 1)) for n in shape]
    if inverse:
      lengths[-1] = max(1, 2 * (shape[-1] - 1) + r.int(-1, 1))
    return dict(input=r.numbers(kind[1 if inverse else 0], outer + shape), fft_length=ints(lengths),
                **({"Treal": kind[0]} if inverse else {"Tcomplex": kind[1]}))
  return make


for _rank, _suffix in [(1, ""), (2, "2D"), (3, "3D")]:
  cases.op("RFFT" + _suffix, n=14)(real_transform(_rank, False))
  cases.op("IRFFT" + _suffix, n=14)(real_transform(_rank, True))


@cases.op("RFFT", n=2)
def _(r):
  return dict(input=r.numbers("float32", [3]), fft_length=ints([4 + r.i]), _error=True)
