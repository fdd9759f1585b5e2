"""Records TensorFlow's gradients of the ops that the engine has gradients of.

  PYTHON tasks/oracle/record_gradients.py [OP ...]   in the environment `keras3` of setup.sh
                                                     writes fixtures/gradients-ops.tar.gz and its hash

The cases are those of the tables in `ops/` whose numbers are float32 or float64; what arrives at the first output is
random. The archive has one file, `gradients/ops.tsv`, a case per line: the op, its attributes, its inputs, the gradient of
its first output, then one text per input: its gradient, or `-` where it has none.
"""
import importlib
import pathlib
import sys

import record_ops
from record_ops import CONFIG, Rng, attr_text, is_input, node_of, tensor_text

import numpy as np
import tensorflow as tf

sys.modules.setdefault("record_ops", record_ops)
N_CASES = 14
# Where the table takes numbers at which the function has no slope, or no finite one.
LIMITS = {"Log": (0.1, 9), "Log1p": (-0.5, 9), "Sqrt": (0.1, 9), "Rsqrt": (0.1, 9), "Erf": (-2, 2), "Reciprocal": (0.2, 4), "Inv": (0.2, 4)}
WIDE = (-4, 4)


def tables():
  families = sorted(path.stem for path in (pathlib.Path(__file__).parent / "ops").glob("*.py"))
  return {op: rows for family in families for op, rows in importlib.import_module(family).cases.table.items()}


def with_gradient():
  """The ops that `docs/ops.md` says have one."""
  import re
  text = (record_ops.ROOT / "docs" / "ops.md").read_text()
  rows = re.findall(r"^\| (`[^|]*) \|(.*)$", text, re.M)
  return sorted({name for names, rest in rows if re.search(r"\| \d+ \| \d+ \| \d+ \| \d+ \|$", rest) for name in re.findall(r"`(\w+)`", names)})


def tamed(op, value, r):
  """Random numbers of the middle in place of extremes, which have no gradient to speak of."""
  low, high = LIMITS.get(op, WIDE)
  if isinstance(value, list):
    return [tamed(op, one, r) for one in value]
  bad = not np.all(np.isfinite(value)) or np.any(np.abs(value) > 100) or np.any(value == 0) or op in LIMITS
  return r.numbers(str(value.dtype), list(value.shape), low, high) if bad else value


def record(op, arguments, r):
  if arguments.pop("_error", False):
    return None
  arguments.pop("_set", None)
  for name in {"axis", "reduction_indices"} & set(arguments):
    if is_input(arguments[name]):
      # TensorFlow's own rules take no other integers here.
      arguments[name] = np.asarray(arguments[name]).astype("int32")
  floats = lambda v: isinstance(v, (np.ndarray, np.generic)) and v.dtype.kind == "f"
  every = [one for v in arguments.values() if is_input(v) for one in (v if isinstance(v, list) else [v])]
  if not any(floats(v) for v in every) or any(floats(v) and v.dtype not in (np.float32, np.float64) for v in every):
    return None
  if any(v.size == 0 for v in every if floats(v)) or any(v.dtype.kind == "c" for v in every):
    return None
  with tf.Graph().as_default() as graph:
    feeds, given, arrays = {}, {}, {}

    def feed(array):
      array = np.asarray(array)
      place = tf.compat.v1.placeholder(tf.as_dtype(array.dtype), array.shape)
      feeds[place] = arrays[place.name] = array
      return place

    for name, value in arguments.items():
      if is_input(value):
        some = value if isinstance(value, list) else np.asarray(value)
        first = some[0] if isinstance(some, list) else some
        value = tamed(op, some, r) if floats(first) else some
        given[name] = [feed(one) for one in value] if isinstance(value, list) else feed(value)
      else:
        given[name] = value
    before = len(graph.get_operations())
    getattr(tf.raw_ops, op)(**given)
    node = node_of(graph, before, op)
    y = node.outputs[0]
    if y.dtype not in (tf.float32, tf.float64):
      return None
    dy = tf.compat.v1.placeholder(y.dtype, None)
    sources = [t for t in node.inputs if t.dtype in (tf.float32, tf.float64)]
    with tf.compat.v1.Session(graph=graph, config=CONFIG) as session:
      # The gradient functions need static shapes now and then.
      shape = session.run(y, feeds).shape
      if 0 in shape:
        return None
      dy.set_shape(shape)
      grads = tf.gradients([y], sources, grad_ys=[dy])
      feeds[dy] = r.numbers(y.dtype.name, list(shape))
      there = [tf.convert_to_tensor(g) for g in grads if g is not None]
      values = iter(session.run(there, feeds))
    by_input = {t.ref(): next(values) if g is not None else None for t, g in zip(sources, grads)}
    texts = []
    for t in node.inputs:
      g = by_input.get(t.ref())
      texts.append("-" if g is None else tensor_text(np.asarray(g), t.dtype.name))
    attrs = {k: v for k, v in node.node_def.attr.items() if not k.startswith("_")}
    attrs = ", ".join(f"{k}={attr_text(v)}" for k, v in sorted(attrs.items()))
    inputs = ", ".join(tensor_text(arrays[t.name], t.dtype.name) for t in node.inputs)
    return "\t".join([op, attrs, inputs, tensor_text(feeds[dy], y.dtype.name), *texts])


def main():
  names, lines, table = sys.argv[1:], [], tables()
  for op in names or with_gradient():
    found = []
    for make, _ in table.get(op, []):
      for i in range(200):
        if len(found) >= N_CASES:
          break
        r = Rng(f"gradient/{op}", i)
        try:
          arguments = make(r)
          line = arguments and record(op, arguments, r)
        except (tf.errors.OpError, ValueError, TypeError, LookupError) as error:
          # TensorFlow has no gradient for some attributes and types of indices.
          print(f"{op} case {i}: {type(error).__name__} {str(error)[:160]}", file=sys.stderr)
          continue
        if line and line not in found:
          found.append(line)
    if len(found) < 10:
      print(f"{op}: only {len(found)} cases", file=sys.stderr)
    lines += found
  if names:
    print("\n".join(lines))
  else:
    record_ops.write("ops", lines, "gradients")


if __name__ == "__main__":
  main()
