"""Random numbers: those of seeds, and the first run of ops that keep a state."""
import numpy as np

from record_ops import Cases

cases = Cases()
INDEX = ["int32", "int64"]
FLOATS = ["float32", "float64", "float16", "bfloat16"]


def ints(all, dtype="int32"):
  return np.array(all, dtype)


def seed(r):
  return r.numbers(r.any(INDEX), [2], -(1 << 30), 1 << 30)


def shape(r):
  return ints(r.pick([[7], [2, 3], [], [4, 4], [0], [33]]), r.any(INDEX))


def key(r):
  word = lambda: int.from_bytes(r.random.bytes(8), "little")
  # A counter that carries from one word to the next.
  low = (1 << 64) - 2 if r.i % 3 == 0 else word()
  return dict(key=np.array([word()], "uint64"), counter=np.array([low, word()], "uint64"), alg=ints(1))


@cases.op("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal", n=16)
def _(r):
  return dict(shape=shape(r), seed=seed(r), dtype=r.pick(FLOATS))


@cases.op("StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessTruncatedNormalV2", n=16)
def _(r):
  return dict(shape=shape(r), dtype=r.pick(FLOATS), **key(r))


def bounds(r, dtype):
  low, high = r.any([(0, 10), (-7, 8), (0, 1), (-(1 << 31), (1 << 31) - 1)] if not dtype.startswith("u") else [(0, 10), (3, 1 << 31)])
  return dict(minval=ints(low, dtype), maxval=ints(high, dtype))


@cases.op("StatelessRandomUniformInt", n=16)
def _(r):
  dtype = r.pick(INDEX)
  return dict(shape=shape(r), seed=seed(r), **bounds(r, dtype))


@cases.op("StatelessRandomUniformIntV2", n=16)
def _(r):
  dtype = r.pick(INDEX + ["uint32", "uint64"])
  return dict(shape=shape(r), **key(r), **bounds(r, dtype))


@cases.op("StatelessRandomUniformInt", n=1)
def _(r):
  return dict(shape=ints([2]), seed=ints([1, 2]), minval=ints(3), maxval=ints(3), _error=True)


@cases.op("StatelessRandomUniformFullInt", n=14)
def _(r):
  return dict(shape=shape(r), seed=seed(r), dtype=r.pick(INDEX + ["uint32", "uint64"]))


@cases.op("StatelessRandomUniformFullIntV2", n=14)
def _(r):
  return dict(shape=shape(r), dtype=r.pick(INDEX + ["uint32", "uint64"]), **key(r))


@cases.op("StatelessRandomGetKeyCounter", "StatelessRandomGetKeyCounterAlg", n=12)
def _(r):
  return dict(seed=seed(r))


def logits(r):
  x = r.numbers(r.pick(["float32", "float64", "bfloat16"]), [r.int(1, 4), r.int(1, 5)], -3, 3)
  if r.i % 4 == 0:
    x[0, 0] = -np.inf
  return x


@cases.op("StatelessMultinomial", n=14)
def _(r):
  return dict(logits=logits(r), num_samples=ints(r.int(1, 8)), seed=seed(r), output_dtype=r.any(INDEX))


def seeds(r):
  return dict(seed=r.int(1, 1 << 30), seed2=r.pick([0, 7, 1 << 20]))


@cases.op("RandomUniform", "RandomStandardNormal", "TruncatedNormal", n=16)
def _(r):
  return dict(shape=shape(r), dtype=r.pick(FLOATS), **seeds(r))


@cases.op("RandomUniformInt", n=14)
def _(r):
  return dict(shape=shape(r), **bounds(r, r.pick(INDEX)), **seeds(r))


@cases.op("RandomShuffle", n=14)
def _(r):
  return dict(value=r.numbers(r.any(["float32", "int32"]), r.pick([[9], [5, 2], [1], [4, 2, 2]]), -99, 99), **seeds(r))


@cases.op("Multinomial", n=14)
def _(r):
  return dict(logits=logits(r), num_samples=ints(r.int(1, 8)), output_dtype=r.any(INDEX), **seeds(r))
