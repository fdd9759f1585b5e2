"""Nested, shared and branching models, and operators between layers."""
import keras

from .common import KERAS2, L


def shared(d):
  a, b = L.Input((4, 3), name="a"), L.Input((4, 3), name="b")
  inner = keras.Sequential([L.Input((4, 3)), L.LSTM(3), L.Dense(2, activation="relu")], name="inner")
  dense = L.Dense(3, name="twice")
  x, y = inner(dense(a)), inner(dense(b))
  return keras.Model([a, b], [L.Subtract()([x, y]), x, dense(dense(a))])


def nested(d):
  x = L.Input((4,), name="i")
  p, q = L.Dense(3)(x), L.Dense(3)(x)
  two = keras.Model(x, [p, L.Add()([p, q])], name="two")
  outer = L.Input((4,), name="o")
  u, v = two(outer)
  w, z = two(L.Dense(4)(u))
  return keras.Model(outer, [v, L.Concatenate()([u, w]), z])


def masks_through_models(d):
  ids = L.Input((5,), dtype="int32", name="ids")
  encoder = keras.Sequential([L.Input((5,), dtype="int32"), L.Embedding(6, 3, mask_zero=True), L.Dense(4)], name="encoder")
  return keras.Model(ids, L.GRU(2, return_sequences=True)(encoder(ids))), {"ids": 6}


def passthrough(d):
  x = L.Input((4,), name="x")
  y = L.Dense(4)(x)
  return keras.Model(x, [x, y, y])


def operators(d):
  if KERAS2:
    import tensorflow as ops
  else:
    from keras import ops
  x = L.Input((4, 6), name="x")
  if KERAS2:
    parts = [ops.reduce_mean(x, axis=-1, keepdims=True), ops.reshape(x, (-1, 8)), ops.transpose(x, (0, 2, 1)), x[:, 0, 1:3],
             ops.concat([x, x], axis=-1), ops.clip_by_value(x, 0.0, 1.0), ops.expand_dims(x, 1), ops.stack([x, x], axis=1),
             2.0 - x, x * x / 3.0, ops.nn.softmax(x, axis=1), ops.reduce_max(x, axis=[1, 2]), ops.cast(x, "int32"),
             ops.matmul(x, x, transpose_b=True), x[..., -1], ops.split(x, 2, axis=1)[1], ops.exp(x), ops.where(x > 0, x, x * 2)]
  else:
    parts = [ops.mean(x, axis=-1, keepdims=True), ops.reshape(x, (-1, 8)), ops.transpose(x, (0, 2, 1)), x[:, 0, 1:3],
             ops.concatenate([x, x], axis=-1), ops.clip(x, 0, 1), ops.expand_dims(x, 1), ops.stack([x, x], axis=1), 2.0 - x,
             x * x / 3.0, ops.softmax(x, axis=1), ops.max(x, axis=(1, 2)), ops.cast(x, "int32"),
             ops.matmul(x, ops.swapaxes(x, 1, 2)), x[..., -1], ops.split(x, 2, axis=1)[1], ops.exp(x), ops.where(x > 0, x, 0.0),
             ops.pad(x, ((0, 0), (1, 1), (0, 2))), ops.take(x, [0, -1], axis=1), ops.repeat(x, 2, axis=1), ops.tile(x, (1, 2, 1)),
             ops.flip(x, axis=1), ops.roll(x, 1, axis=1), ops.std(x, axis=1), ops.var(x, axis=-1), ops.cumsum(x, axis=1),
             ops.argmax(x, axis=-1), ops.top_k(x, 2)[0], ops.gelu(x), ops.leaky_relu(x, 0.1), ops.logsumexp(x, axis=1),
             ops.einsum("abc,abd->acd", x, x), ops.one_hot(ops.cast(ops.abs(x), "int32"), 3), x ** 2, ops.moveaxis(x, 1, 2)]
  return keras.Model(x, parts)


CASES = [("shared", 1, shared), ("nested", 1, nested), ("masks_through_models", 1, masks_through_models),
         ("passthrough", 1, passthrough), ("operators", 1, operators)]
