"""Makes small models of layers that the oracle's fixtures have only beside layers that TensorFlow.js lacks.

  PYTHON tasks/oracle/make_extra.py DIR     in each environment of setup.sh, keras2 first
  cargo xtask pack-extra --from DIR         packs them into fixtures/extra.tar.gz

For each model: the files as Keras saves them, inputs and Keras's outputs, and what the reference converter makes of it, in
the layout of the other fixtures (see crate tensorferry-conformance).
"""
import hashlib
import json
import os
import shutil
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from tensorflowjs.converters import converter

L = keras.layers
KERAS2 = keras.__version__.startswith("2")
ENV, PREFIX = ("keras2", "x2") if KERAS2 else ("keras3", "x3")


def separable_conv2d():
  return keras.Sequential([
      L.Input((7, 7, 3)), L.SeparableConv2D(4, 3, padding="same", activation="relu", depth_multiplier=2),
      L.SeparableConv2D(5, 2, strides=2, use_bias=False), L.GlobalAveragePooling2D(), L.Dense(3)])


def conv1d():
  return keras.Sequential([
      L.Input((9, 3)), L.Conv1D(4, 3, padding="same", activation="relu"), L.SpatialDropout1D(0.3),
      L.Conv1D(4, 2, strides=2, use_bias=False), L.Conv1D(3, 2, dilation_rate=2), L.Flatten(), L.Dense(2)])


def activation_layers():
  x = L.Input((6,))
  layers = [L.ELU(), L.Softmax(), L.ReLU(max_value=1.5), L.LeakyReLU(), L.PReLU(alpha_initializer="glorot_uniform")]
  if KERAS2:
    layers.append(L.ThresholdedReLU(theta=0.4))
  return keras.Model(x, L.Concatenate()([layer(x) for layer in layers]))


def sha256(path):
  with open(path, "rb") as f:
    return hashlib.sha256(f.read()).hexdigest()


def randomized(model, rng):
  """Other values than zeros and ones, so that a mix-up of weights shows."""
  model.set_weights([rng.uniform(0.2, 1, w.shape).astype(w.dtype) * np.where(rng.rand(*w.shape) < 0.5, -1, 1).astype(w.dtype)
                     for w in model.get_weights()])
  return model


def convert(case, out):
  """Runs the reference; what it wrote goes to goldens/<case>."""
  place = tempfile.mkdtemp()
  here = os.getcwd()
  try:
    os.makedirs(os.path.join(place, "in"))
    shutil.copy(os.path.join(out, case["input"]), os.path.join(place, "in"))
    os.chdir(place)
    converter.main([" ".join(case["args"])])
    os.chdir(here)
    golden = os.path.join(out, "goldens", case["id"])
    shutil.rmtree(golden, ignore_errors=True)
    shutil.copytree(os.path.join(place, "out"), golden)
    files = sorted(os.listdir(golden))
    return {"status": "success", "files": [
        {"path": f, "bytes": os.path.getsize(os.path.join(golden, f)), "sha256": sha256(os.path.join(golden, f))} for f in files]}
  finally:
    os.chdir(here)
    shutil.rmtree(place)


def make(build, out):
  keras.utils.set_random_seed(1)
  keras.backend.clear_session()
  rng = np.random.RandomState(1)
  model = randomized(build(), rng)
  name = "%s_%s" % (PREFIX, build.__name__)
  folder = os.path.join(out, "models", name)
  os.makedirs(folder, exist_ok=True)
  x = rng.uniform(-2, 2, (2,) + tuple(model.inputs[0].shape[1:])).astype("float32")
  y = np.asarray(model(x))
  np.savez(os.path.join(folder, "io.npz"), in0=x, out0=y)
  call = {"inputs": [{"name": "in", "dtype": "float32", "shape": list(x.shape), "key": "in0"}],
          "outputs": [{"name": "out", "dtype": "float32", "shape": list(y.shape), "key": "out0"}]}
  cases, artifacts = [], []
  for artifact, file, fmt in (("h5", "model.h5", "keras"), ("keras", "model.keras", "keras_keras")):
    model.save(os.path.join(folder, file))
    artifacts.append({"id": artifact, "format": fmt, "path": file, "calls": [call]})
    case = {"id": "%s.%s.layers" % (name, artifact), "env": ENV, "model": name, "artifact": artifact, "input_format": fmt,
            "output_format": "tfjs_layers_model", "input": "models/%s/%s" % (name, file), "should": "success",
            "args": ["--input_format=" + fmt, "--output_format=tfjs_layers_model", "in/" + file, "out"]}
    case["reference"] = convert(case, out)
    cases.append(case)
  with open(os.path.join(folder, "meta.json"), "w", encoding="utf-8") as f:
    json.dump({"model": name, "description": build.__doc__ or "", "artifacts": artifacts}, f, indent=1)
  return cases


def main():
  out = os.path.abspath(sys.argv[1])
  manifest = os.path.join(out, "manifest-extra.json")
  cases = []
  if os.path.exists(manifest):
    with open(manifest, encoding="utf-8") as f:
      cases = [case for case in json.load(f)["cases"] if case["env"] != ENV]
  for build in (separable_conv2d, conv1d, activation_layers):
    cases += make(build, out)
  with open(manifest, "w", encoding="utf-8") as f:
    json.dump({"cases": cases}, f, indent=1)
  print("%s: %d cases in all" % (keras.__version__, len(cases)))


if __name__ == "__main__":
  main()
