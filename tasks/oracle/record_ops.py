"""Records what TensorFlow's CPU kernels give for every op that the engine defines.

  PYTHON tasks/oracle/record_ops.py FAMILY [OP ...]   in the environment `keras3` of setup.sh
                                                      writes fixtures/ops-FAMILY.tar.gz and its hash

A family is a file `ops/FAMILY.py`: a table of ops, each a function that makes the inputs and attributes of one
case (see `Cases`). An op that is not in `docs/ops.md` is left out, so a table may be ahead of the engine. With
names of ops nothing is written: their cases are printed.

The archive has one file, `ops/FAMILY.tsv`, a case per line: the op, its attributes, its inputs, its outputs, all
in the engine's text form; `!` and the error's class in place of the outputs where TensorFlow refuses, `...` after them
where there are more.
"""
import gzip
import hashlib
import importlib
import io
import os
import pathlib
import re
import sys
import tarfile
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops"))

import numpy as np
import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parents[2]
BFLOAT16 = tf.bfloat16.as_numpy_dtype

FLOATS = ["float32", "float64", "float16", "bfloat16"]
SIGNED = ["int32", "int64", "int8", "int16"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTS = SIGNED + UNSIGNED
COMPLEX = ["complex64", "complex128"]


def np_dtype(name):
  return np.dtype(BFLOAT16) if name == "bfloat16" else np.dtype(name)


class Rng:
  """Random inputs of one case. `i` is the number of the case: generators walk their tables with it."""

  def __init__(self, op, i):
    self.i = i
    self.random = np.random.RandomState(zlib.crc32(f"{op}/{i}".encode()))

  def pick(self, options):
    """Each option in turn."""
    return options[self.i % len(options)]

  def any(self, options):
    """One option by chance."""
    return options[self.random.randint(len(options))]

  def int(self, low, high):
    """An integer from low to high, both included."""
    return int(self.random.randint(low, high + 1))

  def flag(self):
    return bool(self.random.randint(2))

  def shape(self, rank=None, low=1, high=4):
    rank = self.int(0, 3) if rank is None else rank
    return [self.int(low, high) for _ in range(rank)]

  def broadcast(self, rank=None):
    """Two shapes that go together."""
    both = self.shape(rank)
    a = [1 if self.random.rand() < 0.3 else n for n in both]
    b = [n if x == 1 or self.random.rand() < 0.7 else 1 for n, x in zip(both, a)]
    cut = self.random.randint(3)
    return (a[self.int(0, len(a)):] if cut == 1 else a), (b[self.int(0, len(b)):] if cut == 2 else b)

  def numbers(self, dtype, shape, low=-3.0, high=3.0):
    """Numbers of any type, from low to high."""
    if dtype == "bool":
      return np.asarray(self.random.rand(*shape) < 0.5)
    if dtype.startswith("complex"):
      z = self.random.uniform(low, high, shape) + 1j * self.random.uniform(low, high, shape)
      return np.asarray(z).astype(dtype)
    if "int" in dtype:
      low = max(int(low), 0) if dtype.startswith("u") else int(low)
      return np.asarray(self.random.randint(low, int(high) + 1, shape)).astype(dtype)
    return np.asarray(self.random.uniform(low, high, shape)).astype(np_dtype(dtype))

  def wide(self, dtype, shape):
    """Numbers of every size, the extremes among them."""
    if dtype == "bool" or dtype.startswith("complex"):
      return self.numbers(dtype, shape)
    n = int(np.prod(shape))
    if "int" in dtype:
      info = np.iinfo(dtype)
      edges = [info.min, info.max, 0, 1, info.max - 1, info.max // 2 + 1, 3, 7]
      bits = self.random.randint(1, info.bits, n)
      all = [int.from_bytes(self.random.bytes(8), "little") % (1 << int(b)) for b in bits]
      all = [x if info.min == 0 or self.flag() else -x for x in all]
      all = [min(max(x, int(info.min)), int(info.max)) for x in all]
    else:
      top = float(tf.as_dtype(dtype).max)
      edges = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, top, -top]
      all = list(self.random.normal(0, 1, n) * 10.0 ** self.random.uniform(-3, 3, n))
    for at in self.random.permutation(n)[:n // 3]:
      all[at] = edges[self.random.randint(len(edges))]
    with np.errstate(all="ignore"):
      return np.array(all, np_dtype(dtype)).reshape(shape)


class Cases:
  """The table of a family.

  cases = Cases()
  @cases.op("Name", n=12)
  def _(r): return dict(x=r.numbers("float32", [2, 3]), axis=1)

  The function is called `n` times with an `Rng` and gives the arguments of `tf.raw_ops.Name`: arrays (and lists of
  arrays) are inputs, the rest are attributes. `_error=True` says that TensorFlow must refuse the case; without it a
  refusal ends the recording. `_set=n` says that TensorFlow leaves outputs after the first n as memory has them.
  `None` leaves the case out.
  """

  def __init__(self):
    self.table = {}

  def op(self, *names, n=12):
    def add(make):
      for name in names:
        self.table.setdefault(name, []).append((make, n))
      return make
    return add


# ---- the engine's text form ----

def quoted(data):
  if isinstance(data, str):
    data = data.encode()
  out = ""
  for b in data:
    if b in b'"\\':
      out += "\\" + chr(b)
    elif b == 10:
      out += "\\n"
    else:
      out += chr(b) if 0x20 <= b <= 0x7e else f"\\x{b:02x}"
  return f'"{out}"'


def float_text(x):
  text = str(x).replace("+", "")
  return text[:-2] if text.endswith(".0") else text


def element_text(x, dtype):
  if dtype == "bool":
    return "true" if x else "false"
  if dtype == "string":
    return quoted(x)
  if dtype.startswith("complex"):
    return f"({float_text(x.real)}, {float_text(x.imag)})"
  if "int" in dtype:
    return str(int(x))
  return float_text(np.float32(x) if dtype == "bfloat16" else x)


def tensor_text(array, dtype):
  dims = ",".join(map(str, array.shape))
  return f"{dtype}<{dims}>[" + ", ".join(element_text(x, dtype) for x in array.reshape(-1)) + "]"


def shape_text(shape):
  if shape.unknown_rank:
    return "<*>"
  return "<" + ",".join("?" if dim.size < 0 else str(dim.size) for dim in shape.dim) + ">"


def attr_text(attr):
  kind = attr.WhichOneof("value")
  value = getattr(attr, kind)
  if kind == "list":
    field = next((f.name for f, _ in value.ListFields()), None)
    if field is None:
      return "[]"
    return "[" + ", ".join(scalar_text(field, x) for x in getattr(value, field)) + "]"
  return scalar_text(kind, value)


def scalar_text(kind, value):
  if kind == "b":
    return "true" if value else "false"
  if kind == "f":
    text = str(np.float32(value)).replace("+", "")
    return text if re.search(r"[.einf]", text) else text + ".0"
  if kind == "type":
    return tf.as_dtype(value).name
  if kind == "shape":
    return shape_text(value)
  if kind == "s":
    return quoted(value)
  if kind == "tensor":
    array = tf.make_ndarray(value)
    return tensor_text(array, tf.as_dtype(value.dtype).name)
  return str(value)


# ---- TensorFlow ----

# Arithmetic is what is recorded, not what an optimizer makes of it.
CONFIG = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
CONFIG.graph_options.rewrite_options.disable_meta_optimizer = True
CONFIG.graph_options.optimizer_options.opt_level = -1

NO_KERNEL = re.compile(r"No OpKernel was registered|not supported by CPU|only supports|Unimplemented|not implemented|"
                       r"not in list of allowed values|is not supported|unsupported")


def is_input(value):
  return isinstance(value, (np.ndarray, np.generic)) or \
      (isinstance(value, list) and bool(value) and isinstance(value[0], np.ndarray))


def node_of(graph, before, op):
  return next(node for node in graph.get_operations()[before:] if node.type == op)


def run(op, arguments, n_set=None):
  """The node's attributes, inputs and outputs (the first `n_set`) as text."""
  feeds, inputs = {}, []

  def feed(array):
    array = np.asarray(array)
    dtype = tf.string if array.dtype.kind in "SUO" else tf.as_dtype(array.dtype)
    place = tf.compat.v1.placeholder(dtype, array.shape)
    feeds[place] = array
    inputs.append((place, array))
    return place

  with tf.Graph().as_default() as graph:
    given = {}
    for name, value in arguments.items():
      if isinstance(value, list) and is_input(value):
        given[name] = [feed(one) for one in value]
      else:
        given[name] = feed(value) if is_input(value) else value
    before = len(graph.get_operations())
    outputs = getattr(tf.raw_ops, op)(**given)
    node = node_of(graph, before, op)
    with tf.compat.v1.Session(graph=graph, config=CONFIG) as session:
      values = session.run(list(node.outputs), feeds)
    attrs = {k: v for k, v in node.node_def.attr.items() if not k.startswith("_")}
    text = ", ".join(f"{k}={attr_text(v)}" for k, v in sorted(attrs.items()))
    arrays = {place.name: array for place, array in inputs}
    ins = ", ".join(tensor_text(arrays[t.name], t.dtype.name) for t in node.inputs)
    pairs = list(zip(node.outputs, values))[:n_set]
    outs = ", ".join(tensor_text(np.asarray(v), t.dtype.name) for t, v in pairs) + (" ..." if n_set else "")
    del outputs
    return text, ins, outs


def refused(op, arguments):
  """Attributes and inputs of a case that has no outputs, as text."""
  with tf.Graph().as_default() as graph:
    # Unknown shapes, so that the graph can be built.
    given, inputs = {}, []

    def feed(array):
      array = np.asarray(array)
      place = tf.compat.v1.placeholder(tf.as_dtype(array.dtype), None)
      inputs.append((place.name, array))
      return place

    for name, value in arguments.items():
      if isinstance(value, list) and is_input(value):
        given[name] = [feed(one) for one in value]
      else:
        given[name] = feed(value) if is_input(value) else value
    before = len(graph.get_operations())
    getattr(tf.raw_ops, op)(**given)
    node = node_of(graph, before, op)
    attrs = {k: v for k, v in node.node_def.attr.items() if not k.startswith("_")}
    text = ", ".join(f"{k}={attr_text(v)}" for k, v in sorted(attrs.items()))
    arrays = dict(inputs)
    return text, ", ".join(tensor_text(arrays[t.name], t.dtype.name) for t in node.inputs)


def record(op, arguments):
  """One line, or `None` when this machine's kernels lack the types."""
  is_error, n_set = arguments.pop("_error", False), arguments.pop("_set", None)
  try:
    attrs, ins, outs = run(op, arguments, n_set)
  except (tf.errors.OpError, ValueError, TypeError) as error:
    if not is_error:
      if NO_KERNEL.search(str(error)):
        return None
      raise RuntimeError(error) from error
    return "\t".join([op, *refused(op, arguments), "!" + type(error).__name__])
  if is_error:
    raise RuntimeError(f"{op} {arguments} was expected to be refused and gave {outs}")
  return "\t".join([op, attrs, ins, outs])


def known_ops():
  text = (ROOT / "docs" / "ops.md").read_text()
  rows = re.findall(r"^\| (`[^|]*) \|", text, re.M)
  return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def lines_of(table, names):
  out, failures = [], []
  for op in sorted(table):
    if names and op not in names:
      continue
    lines = []
    for make, n in table[op]:
      i, n_made = -1, 0
      # Cases that no kernel takes are made up for.
      while n_made < n and i < 4 * n:
        i += 1
        try:
          arguments = make(Rng(op, i))
          line = arguments and record(op, arguments)
        except RuntimeError as error:
          failures.append(f"{op} case {i}: {re.sub(r'(?s)Detected at node.*?ning this error|Original stack trace.*', '', str(error))[-300:]}")
          continue
        except Exception as error:
          raise RuntimeError(f"{op} case {i}") from error
        if line and line not in lines:
          lines.append(line)
          n_made += 1
    n_values = sum("\t!" not in line for line in lines)
    if n_values < 10:
      print(f"{op}: only {n_values} cases", file=sys.stderr)
    out += lines
  for failure in failures:
    print(failure, file=sys.stderr)
  return out, failures


def write(family, lines, folder="ops"):
  data = ("\n".join(lines) + "\n").encode()
  packed = io.BytesIO()
  # No times, no names: the same cases give the same bytes.
  with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=9) as zipped:
    with tarfile.open(fileobj=zipped, mode="w") as archive:
      entry = tarfile.TarInfo(f"{folder}/{family}.tsv")
      entry.size = len(data)
      archive.addfile(entry, io.BytesIO(data))
  path = ROOT / "fixtures" / f"{folder}-{family}.tar.gz"
  path.write_bytes(packed.getvalue())
  archives = sorted(path.parent.glob("*.tar.gz"), key=lambda archive: archive.name)
  sums = [f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n" for archive in archives]
  (path.parent / "SHA256SUMS").write_text("".join(sums))
  print(f"{len(lines)} cases, {len(data)} bytes, packed {len(packed.getvalue())}: {path}")


def main():
  family, names = sys.argv[1], set(sys.argv[2:])
  table = importlib.import_module(family).cases.table
  known = known_ops()
  lines, failures = lines_of({op: rows for op, rows in table.items() if op in known or op in names}, names)
  if names:
    print("\n".join(lines))
  else:
    write(family, lines)
  sys.exit(1 if failures else 0)


if __name__ == "__main__":
  # The tables import this file: it must be one module under one name.
  sys.modules["record_ops"] = sys.modules["__main__"]
  main()
