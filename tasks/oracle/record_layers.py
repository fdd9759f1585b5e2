"""Records what Keras predicts with small models of every layer class, at options drawn at random.

  PYTHON tasks/oracle/record_layers.py DIR [CASE...]     in each environment of setup.sh; only these cases anew
  cargo xtask pack-layers --from DIR                     packs them into fixtures/layers-*.tar.gz

For each model: the file that Keras saves, inputs and outputs, in the layout of the other fixtures (see crate
tensorferry-conformance). The same seed gives the same models. The tables are in tasks/oracle/layers/.
"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
from layers import attention, basic, convolution, functional, preprocessing, recurrent
from layers.common import KERAS2, Draw

TABLES = (basic, convolution, recurrent, attention, preprocessing, functional)
ENV, PREFIX = ("keras2", "l2") if KERAS2 else ("keras3", "l3")


def randomized(model, rng):
  """Other values than zeros and ones, so that a mix-up of weights shows."""
  values = []
  for weight in model.weights:
    value = rng.uniform(0.1, 0.7, weight.shape) * np.where(rng.rand(*weight.shape) < 0.5, -1, 1)
    name = weight.path if hasattr(weight, "path") else weight.name
    kept = "seed" in name or "count" in name or str(weight.dtype).startswith(("int", "uint", "string", "<dtype: 'int"))
    values.append(weight.numpy() if kept else np.abs(value) if "variance" in name else value)
  model.set_weights(values)
  return model


def inputs_for(model, draw, spec):
  """Numbers for each input, of the kind that `spec` says for its name: a largest integer, or a list to choose from."""
  arrays = []
  for tensor in model.inputs:
    dims = [draw.size if i == 0 else 5 for i in range(len(tensor.shape))]
    shape = [int(dim) if dim is not None else other for dim, other in zip(tensor.shape, dims)]
    name = tensor.name.split(":")[0]
    kind = spec.get(name, spec.get("*"))
    dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
    if callable(kind):
      arrays.append(kind(shape, draw.rng))
    elif isinstance(kind, list):
      chosen = draw.rng.randint(0, len(kind), shape)
      arrays.append(np.array(kind, dtype=object if isinstance(kind[0], str) else dtype)[chosen])
    elif isinstance(kind, int) or "int" in dtype:
      arrays.append(draw.rng.randint(0, kind or 4, shape).astype(dtype))
    else:
      arrays.append(draw.rng.uniform(-1.5, 1.5, shape).astype(dtype))
  return arrays


def array_ref(name, array, key, store):
  entry = {"name": name, "dtype": "string" if array.dtype == object else array.dtype.name, "shape": list(array.shape)}
  if array.dtype == object or array.dtype.kind in "SU":
    entry.update(dtype="string", values=[x.decode() if isinstance(x, bytes) else str(x) for x in array.ravel()])
  else:
    store[key] = array
    entry["key"] = key
  return entry


def fed(tensor, array):
  """The array as the input `tensor` takes it."""
  import tensorflow as tf
  is_sparse = getattr(tensor, "sparse", False) or isinstance(getattr(tensor, "type_spec", None), tf.SparseTensorSpec)
  value = tf.constant(array.tolist()) if array.dtype == object else tf.constant(array)
  return tf.sparse.from_dense(value) if is_sparse else value


def record(folder, name, model, arrays, spec):
  """Saves the model, predicts, and writes everything down. A `stand_in` of the spec loads the file and predicts instead."""
  suffix = "h5" if KERAS2 else "keras"
  os.makedirs(folder, exist_ok=True)
  path = os.path.join(folder, f"model.{suffix}")
  model.save(path)
  runs = spec.get("stand_in", model)
  if runs is not model:
    runs.load_weights(path)
  store, calls = {}, []
  for _ in range(spec.get("calls", 1)):
    tensors = [fed(tensor, a) for tensor, a in zip(model.inputs, arrays)]
    outputs = runs(tensors[0] if len(tensors) == 1 else tensors, training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    outputs = [np.asarray(y) for y in outputs]
    names = [tensor.name.split(":")[0] for tensor in model.inputs]
    at = len(store)
    calls.append({
        "inputs": [array_ref(n, a, f"in{at}_{i}", store) for i, (n, a) in enumerate(zip(names, arrays))],
        "outputs": [array_ref(f"output_{i}", y, f"out{at}_{i}", store) for i, y in enumerate(outputs)],
    })
  np.savez(os.path.join(folder, "io.npz"), **store)
  form = "keras_h5" if suffix == "h5" else "keras_v3"
  meta = {"model": name, "artifacts": [{"id": suffix, "format": form, "path": f"model.{suffix}", "calls": calls}]}
  with open(os.path.join(folder, "meta.json"), "w") as f:
    json.dump(meta, f, indent=1)


def main(out, *wanted):
  path = os.path.join(out, f"layers-{ENV}.json")
  before = json.load(open(path)) if wanted else []
  names, failed = [], []
  for table in TABLES:
    for case, n, make in table.CASES:
      for i in range(n):
        name = f"{PREFIX}_{case}" + (f"_{i}" if n > 1 else "")
        if wanted and case not in wanted:
          names += [name] if name in before else []
          continue
        draw = Draw(f"{case}/{i}")
        keras.backend.clear_session()
        keras.utils.set_random_seed(draw.rng.randint(1 << 30))
        try:
          made = make(draw)
          if made is None:
            continue
          model, spec = made if isinstance(made, tuple) else (made, {})
          model = model if spec.get("keep") else randomized(model, draw.rng)
          arrays = inputs_for(model, draw, spec)
          record(os.path.join(out, "models", name), name, model, arrays, spec)
        except Exception as error:  # what Keras itself cannot build or run is no case
          failed.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:150]}")
          continue
        names.append(name)
  with open(path, "w") as f:
    json.dump(names, f, indent=1)
  print(len(names), "models; not possible in this Keras:", *failed, sep="\n")


if __name__ == "__main__":
  main(*sys.argv[1:])
