"""What the tables of layers share: which Keras this is, and choices at random."""
import hashlib

import keras
import numpy as np

L = keras.layers
KERAS2 = keras.__version__.startswith("2")

ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid", "elu", "softplus", "swish", "gelu", "selu", "hard_sigmoid", "softsign"]


class Draw:
  """Choices that depend on a name alone."""

  def __init__(self, name):
    self.rng = np.random.RandomState(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little"))
    self.size = int(self.rng.randint(1, 4))

  def of(self, *choices):
    return choices[self.rng.randint(len(choices))]

  def int(self, low, high):
    return int(self.rng.randint(low, high + 1))

  def flag(self):
    return bool(self.rng.rand() < 0.5)

  def activation(self):
    return self.of(*ACTIVATIONS)


def sequential(shape, *layers, **options):
  return keras.Sequential([L.Input(shape, **options), *layers])


def each(shape, layers, **options):
  """One output per layer, of the same input."""
  x = L.Input(shape, **options)
  return keras.Model(x, [layer(x) for layer in layers])
