"""Serialized records."""
import numpy as np
import tensorflow as tf

from record_ops import Cases

cases = Cases()
KINDS = ["int64", "float32", "string"]


def some(r, kind, n):
  if kind == "string":
    return [bytes(r.random.randint(0, 256, r.int(0, 5)).astype("uint8")) for _ in range(n)]
  return [int(x) for x in r.random.randint(-1 << 40, 1 << 40, n)] if kind == "int64" else [float(x) for x in r.random.uniform(-3, 3, n)]


def feature(kind, values):
  if kind == "string":
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
  if kind == "int64":
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
  return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def record(r, kinds, lens):
  """A record with features `a`, `b`, ..., each of its kind and length; `None` is left out."""
  all = {chr(97 + i): feature(kind, some(r, kind, n)) for i, (kind, n) in enumerate(zip(kinds, lens)) if n is not None}
  if r.flag():
    all["not wanted"] = feature("int64", [1])
  return tf.train.Example(features=tf.train.Features(feature=all)).SerializeToString()


def array(kind, values):
  return np.array(values, object) if kind == "string" else np.array(values, kind)


def default(r, kind, n):
  return array(kind, some(r, kind, n)) if n else array(kind, [])


def features(r, n_sparse, n_dense, n_ragged, single=False):
  """Kinds, serialized records, names, defaults and shapes; the sparse features come first, then dense and ragged ones."""
  n = n_sparse + n_dense + n_ragged
  kinds = [r.any(KINDS) for _ in range(n)]
  shapes = [r.any([[], [2], [1, 3], [2, 2]] + ([[-1], [-1, 2]] if not single else [])) for _ in range(n_dense)]
  rows = []
  with_default = [r.flag() for _ in range(n_dense)]
  for _ in range(1 if single else r.int(1, 3)):
    lens = [r.any([None, 0, 1, 3]) for _ in range(n_sparse)]
    for shape, has in zip(shapes, with_default):
      size = int(np.prod(shape)) if -1 not in shape else r.int(0, 2) * int(np.prod(shape[1:]))
      lens.append(None if (has or -1 in shape) and r.int(0, 3) == 0 else size)
    lens += [r.any([None, 0, 1, 3]) for _ in range(n_ragged)]
    rows.append(record(r, kinds, lens))
  names = [chr(97 + i).encode() for i in range(n)]
  defaults = []
  for i, (shape, has) in enumerate(zip(shapes, with_default)):
    kind = kinds[n_sparse + i]
    if -1 in shape:
      defaults.append(default(r, kind, 1))
    else:
      # An empty default says that every record has the feature.
      defaults.append(default(r, kind, int(np.prod(shape))).reshape(shape) if has else default(r, kind, 0))
  return kinds, np.array(rows, object), names, defaults, shapes


def texts(all):
  return np.array(all, object) if all else np.array([], object)


def typed(kinds):
  return [tf.as_dtype(kind) for kind in kinds]


def as_shapes(shapes):
  return [tf.TensorShape([None if n < 0 else n for n in shape]) for shape in shapes]


@cases.op("ParseExampleV2", n=24)
def _(r):
  s, d, g = r.int(0, 2), r.int(0, 2), r.int(0, 2)
  kinds, rows, names, defaults, shapes = features(r, s, d, g)
  return dict(serialized=rows, names=texts([]), sparse_keys=texts(names[:s]), dense_keys=texts(names[s:s + d]), ragged_keys=texts(names[s + d:]),
              dense_defaults=defaults, num_sparse=s, sparse_types=typed(kinds[:s]), ragged_value_types=typed(kinds[s + d:]),
              ragged_split_types=[r.any([tf.int32, tf.int64]) for _ in range(g)], dense_shapes=as_shapes(shapes))


@cases.op("ParseExample", n=20)
def _(r):
  s, d = r.int(1, 2), r.int(1, 2)
  kinds, rows, names, defaults, shapes = features(r, s, d, 0)
  return dict(serialized=rows, names=texts([]), sparse_keys=[np.array(name, object) for name in names[:s]],
              dense_keys=[np.array(name, object) for name in names[s:]], dense_defaults=defaults, sparse_types=typed(kinds[:s]),
              dense_shapes=as_shapes(shapes))


@cases.op("ParseSingleExample", n=20)
def _(r):
  s, d = r.int(1, 2), r.int(1, 2)
  kinds, rows, names, defaults, shapes = features(r, s, d, 0, single=True)
  return dict(serialized=np.array(rows[0], object), dense_defaults=defaults, num_sparse=s, sparse_keys=names[:s], dense_keys=names[s:],
              sparse_types=typed(kinds[:s]), dense_shapes=as_shapes(shapes))


@cases.op("ParseExampleV2", n=6)
def _(r):
  """A feature that is not there, of another type or length; a record that ends early."""
  kind = ["string", "int64", "int64"][r.i % 3]
  row = record(r, [kind], [None if r.i % 3 == 1 else 2])
  row = row if r.i < 3 else row[:-1] + b"\xff"
  return dict(serialized=np.array([row], object), names=texts([]), sparse_keys=texts([]), dense_keys=texts([b"a"]), ragged_keys=texts([]),
              dense_defaults=[np.array([], "int64")], num_sparse=0, sparse_types=[], ragged_value_types=[], ragged_split_types=[],
              dense_shapes=as_shapes([[3]]), _error=True)
