"""Loads the Keras files and SavedModels that tensorferry writes in real Keras and compares predictions with the recorded ones.

  cargo xtask oracle-check --keras2 PYTHON --keras3 PYTHON

calls this once in each environment of setup.sh. Results go to fixtures/keras-load-results.json; a Rust test
checks that they are about exactly the files that are written now.
"""
import argparse
import base64
import json
import os
import re
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

warnings.filterwarnings("ignore")  # Keras 3 warns of every single input that is not in a list

import keras
import numpy as np
import tensorflow as tf


def array(ref):
  if ref["dtype"] == "string":
    return np.array(ref["values"], dtype=object).reshape(ref["shape"])
  dtype = {"float32": "<f4", "int32": "<i4", "bool": "?"}[ref["dtype"]]
  return np.frombuffer(base64.b64decode(ref["base64"]), dtype=dtype).reshape(ref["shape"])


def flat(outputs):
  """Outputs in the model's order, as a list."""
  if isinstance(outputs, dict):
    return list(outputs.values())
  return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def named(model, outputs):
  """A SavedModel's recorded outputs are sorted by name; bring the model's into that order where names tell."""
  names = [n.split("/")[0] for n in getattr(model, "output_names", [])]
  return dict(zip(names, outputs)) if len(set(names)) == len(outputs) else {}


def of_model(model, inputs, by_name):
  """What a Keras model predicts, in its order and, where names tell, by name."""
  outputs = [np.asarray(o) for o in flat(model(inputs[0] if len(inputs) == 1 else inputs, training=False))]
  return outputs, named(model, outputs) if by_name else {}


def of_signature(loaded, entry, inputs, by_name):
  """What the function gives that a server calls; `entry` has the model's order of inputs and outputs."""
  keyword = lambda name: re.sub("[^A-Za-z0-9_]", "_", name)
  call = loaded.signatures["serving_default"]
  # TensorFlow.js declares every input as float32; Keras casts, a function does not.
  wanted = call.structured_input_signature[1]
  named_inputs = {keyword(name): value for name, value in zip(entry["inputs"], inputs)}
  got = call(**{name: tf.cast(value, wanted[name].dtype) for name, value in named_inputs.items()})
  outputs = {name: np.asarray(got[keyword(name)]) for name in entry["outputs"]}
  return list(outputs.values()), outputs if by_name else {}


def largest_difference(entry, run):
  worst = 0.0
  for call in entry["calls"]:
    inputs = [array(ref) for ref in call["inputs"]]
    outputs, by_name = run(inputs, call["by_name"])
    if len(outputs) != len(call["outputs"]):
      raise ValueError("%d outputs instead of %d" % (len(outputs), len(call["outputs"])))
    for i, ref in enumerate(call["outputs"]):
      got, wanted = by_name.get(ref["name"], outputs[i]), array(ref)
      if got.shape != wanted.shape:
        raise ValueError("%s: shape %s instead of %s" % (ref["name"], got.shape, wanted.shape))
      if ref["dtype"] == "string" or got.size == 0:
        continue
      apart = np.abs(got.astype(np.float64) - wanted) / np.maximum(1, np.abs(wanted))
      worst = max(worst, float(np.max(apart)))
  return worst


def check(entry, folder):
  keras.backend.clear_session()
  path = os.path.join(folder, entry["file"])
  try:
    found = []
    if not entry["is_folder"] or keras.__version__.startswith("2."):
      model = keras.models.load_model(path, compile=False)
      found.append(largest_difference(entry, lambda *args: of_model(model, *args)))
    if entry["is_folder"]:
      # Keras 3 has no loader of its own for such folders: their function is all that it takes of them.
      loaded = tf.saved_model.load(path)
      found.append(largest_difference(entry, lambda *args: of_signature(loaded, entry, *args)))
    return {"max_difference": max(found)}
  except Exception as error:  # pylint: disable=broad-except
    return {"error": "%s: %s" % (type(error).__name__, " ".join(str(error).split())[:300])}


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--name", required=True, choices=["keras2", "keras3"])
  parser.add_argument("--files", required=True)
  parser.add_argument("--results", required=True)
  args = parser.parse_args()
  with open(os.path.join(args.files, "index.json"), encoding="utf-8") as f:
    entries = json.load(f)["files"]
  results = {"versions": {}, "files": {}}
  if os.path.exists(args.results):
    with open(args.results, encoding="utf-8") as f:
      results = json.load(f)
  results["versions"][args.name] = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
  kept, bad = {}, 0
  for entry in entries:
    old = results["files"].get(entry["file"], {})
    record = old if old.get("sha256") == entry["sha256"] else {"sha256": entry["sha256"]}
    record[args.name] = check(entry, args.files)
    kept[entry["file"]] = record
    allowed = entry.get("tolerance", 1e-5)
    if not record[args.name].get("max_difference", 1) <= allowed:
      bad += 1
      print(entry["file"], record[args.name], flush=True)
  results["files"] = kept
  with open(args.results, "w", encoding="utf-8") as f:
    json.dump(results, f, indent=1, sort_keys=True)
    f.write("\n")
  print("%s %s: %d of %d files load and predict the same" % (args.name, keras.__version__, len(entries) - bad, len(entries)))
  sys.exit(1 if bad else 0)


if __name__ == "__main__":
  main()
