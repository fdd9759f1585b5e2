"""Records what TensorFlow gives for small graphs: ops that keep something, ops that run functions, loops.

  PYTHON tasks/oracle/record_scenes.py FAMILY [SCENE ...]   in the environment `keras3` of setup.sh
                                                            writes fixtures/scenes-FAMILY.tar.gz and its hash

A family is a file `scenes/FAMILY.py`: a table of scenes, each a function that builds the graph of one case (see
`Scenes`). With names of scenes nothing is written: their cases are printed.

The archive has one file, `scenes/FAMILY.tsv`, a case per line: the scene, files that the graph reads, the graph in the
engine's text form, then the inputs and the outputs of each run, one run after the other on the same state; `!` and
the error's class in place of the outputs where TensorFlow refuses.
"""
import importlib
import os
import re
import sys
import tempfile

import record_ops
from record_ops import CONFIG, Rng, attr_text, quoted, scalar_text, tensor_text

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenes"))

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

# Loops and branches outside of functions are the switches and merges of TensorFlow 1.
tf.compat.v1.disable_control_flow_v2()


class Stage:
  """What a scene is built on. `feed` is an input, `file` a file, `n_runs` how often the graph runs."""

  def __init__(self, r):
    self.r = r
    self.n_runs = 1
    self.fails = False
    self.files = {}
    self.inputs = []

  def feed(self, *arrays, known=True):
    """An input: an array per run, or one for all. Its shape is known beforehand, or not."""
    arrays = [np.asarray(array, object if np.asarray(array).dtype.kind in "SU" else None) for array in arrays]
    dtype = tf.string if arrays[0].dtype.kind == "O" else tf.as_dtype(arrays[0].dtype)
    # What is fed waits for nothing, and would hide what its users wait for.
    with tf.control_dependencies(None):
      place = tf.compat.v1.placeholder(dtype, arrays[0].shape if known else None, name=f"x{len(self.inputs)}")
    self.inputs.append((place, arrays))
    return place

  def file(self, name, content):
    self.files[name] = content

  def values(self, run):
    return [(place, arrays[min(run, len(arrays) - 1)]) for place, arrays in self.inputs]


class Scenes:
  """The table of a family.

  scenes = Scenes()
  @scenes.add(n=12)
  def name(r, s): return [outputs]

  The function is called `n` times, in an empty graph, with an `Rng` and a `Stage`, and gives the tensors that are
  fetched. `s.fails = True` says that TensorFlow must refuse the last run.
  """

  def __init__(self):
    self.table = {}

  def add(self, n=12):
    def add(build):
      self.table[build.__name__] = (build, n)
      return build
    return add


# ---- the engine's text form ----

def name_text(name):
  return name if re.fullmatch(r"[\w./-]+", name) else quoted(name)


def edge_text(tensor):
  node, index = tensor.name.rsplit(":", 1)
  return name_text(node) + (f":{index}" if index != "0" else "")


def any_attr_text(attr):
  kind = attr.WhichOneof("value")
  if kind == "func":
    return f"@{name_text(attr.func.name)}"
  if kind == "list" and attr.list.func:
    return "[" + ", ".join(f"@{name_text(one.name)}" for one in attr.list.func) + "]"
  return attr_text(attr)


def node_text(node, op=None, attrs=None):
  inputs = [edge_text(t) for t in node.inputs] + ["^" + name_text(c.name) for c in node.control_inputs]
  if attrs is None:
    attrs = {k: any_attr_text(v) for k, v in node.node_def.attr.items() if not k.startswith("_")}
  text = ", ".join(f"{name_text(k)}={v}" for k, v in sorted(attrs.items()))
  return f"{name_text(node.name)} = {op or node.type}({', '.join(inputs)}) {{{text}}}"


def graph_text(graph):
  return "{ " + " ".join(node_text(node) for node in graph.get_operations()) + " }"


def function_text(fdef, graph):
  with graph.as_default():
    body = function_def_to_graph(fdef)
  places = {tensor.op.name: i for i, tensor in enumerate(body.inputs)}
  nodes = []
  for node in body.get_operations():
    if node.name in places:
      index = places[node.name]
      ty = tf.as_dtype(fdef.signature.input_arg[index].type).name
      nodes.append(node_text(node, "_Arg", {"T": ty, "index": str(index)}))
    else:
      nodes.append(node_text(node))
  arg = lambda one: f"{name_text(one.name)}: {tf.as_dtype(one.type).name}"
  takes = ", ".join(arg(one) for one in fdef.signature.input_arg)
  gives = ", ".join(f"{arg(one)} = {edge_text(t)}" for one, t in zip(fdef.signature.output_arg, body.outputs))
  after = ", ".join(name_text(node) for node in fdef.control_ret.values())
  text = f"function {name_text(fdef.signature.name)}({takes}) returns ({gives})"
  text += f" after ({after})" if after else ""
  text += " stateful" if fdef.signature.is_stateful else ""
  return text + " { " + " ".join(nodes) + " }"


def model_text(graph, stage, outputs):
  shape = lambda t: "<*>" if t.shape.rank is None else scalar_text("shape", t.shape.as_proto())
  takes = " ".join(f"input {place.op.name} = {edge_text(place)} {place.dtype.name} {shape(place)}" for place, _ in stage.inputs)
  gives = " ".join(f"output y{i} = {edge_text(t)} {t.dtype.base_dtype.name} <*>" for i, t in enumerate(outputs))
  text = f"signature f {{ {takes} {gives} }} graph {graph_text(graph)}"
  library = graph.as_graph_def().library.function
  return " ".join([text] + [function_text(fdef, graph) for fdef in library])


# ---- TensorFlow ----

def record(build, r):
  stage = Stage(r)
  with tf.Graph().as_default() as graph:
    outputs = build(r, stage)
    if outputs is None:
      return None
    model = model_text(graph, stage, outputs)
    runs, failure = [], None
    with tempfile.TemporaryDirectory() as folder:
      os.chdir(folder)
      for name, content in stage.files.items():
        with open(name, "wb") as file:
          file.write(content)
      with tf.compat.v1.Session(graph=graph, config=CONFIG) as session:
        for run in range(stage.n_runs):
          values = stage.values(run)
          inputs = ", ".join(tensor_text(array, place.dtype.name) for place, array in values)
          try:
            found = session.run(list(outputs), dict(values))
          except tf.errors.OpError as error:
            failure = error
            runs += [inputs, "!" + type(error).__name__]
            break
          texts = [tensor_text(np.asarray(v), t.dtype.base_dtype.name) for t, v in zip(outputs, found)]
          runs += [inputs, ", ".join(texts)]
      os.chdir(record_ops.ROOT)
    if stage.fails != (failure is not None):
      raise RuntimeError(f"it was {'not ' if stage.fails else ''}refused: {failure}")
  files = ", ".join(f"{quoted(name)}={quoted(content)}" for name, content in sorted(stage.files.items()))
  line = [build.__name__, files, model, *runs]
  if any(mark in text for text in line for mark in "\t\n"):
    raise RuntimeError("a text has a tab or a line's end")
  return "\t".join(line)


def main():
  family, names = sys.argv[1], set(sys.argv[2:])
  table = importlib.import_module(family).scenes.table
  lines, n_failures = [], 0
  for name, (build, n) in table.items():
    if names and name not in names:
      continue
    for i in range(n):
      try:
        line = record(build, Rng(name, i))
      except Exception as error:
        n_failures += 1
        why = re.sub(r"(?s)Detected at node.*?(?=Node:|Original stack)|Original stack trace.*", "", str(error))
        print(f"{name} case {i}: {why[-500:]}", file=sys.stderr)
        continue
      if line and line not in lines:
        lines.append(line)
  if names:
    print("\n".join(lines))
  else:
    record_ops.write(family, lines, "scenes")
  sys.exit(1 if n_failures else 0)


if __name__ == "__main__":
  # The tables import this file: it must be one module under one name.
  sys.modules["record_scenes"] = sys.modules["__main__"]
  main()
