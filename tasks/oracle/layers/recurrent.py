"""Recurrent layers, their wrappers, and the masks that reach them."""
import keras
import numpy as np

from .common import KERAS2, L, sequential


def options(d, name):
  o = dict(units=d.int(2, 4), activation=d.of("tanh", "relu", "sigmoid"), use_bias=d.flag(), return_sequences=d.flag(),
           go_backwards=d.flag())
  if name != "SimpleRNN":
    o["recurrent_activation"] = d.of("sigmoid", "hard_sigmoid", "tanh")
  if name == "GRU":
    o["reset_after"] = d.flag()
  return o


def plain(name):
  def make(d):
    steps = d.of(None, 4)
    unroll = steps is not None and d.flag()
    return sequential((steps, 3), getattr(L, name)(unroll=unroll, **options(d, name)))
  return make


def masked(name):
  def make(d):
    x = L.Input((5, 3))
    o = options(d, name)
    zeros = d.flag() if KERAS2 else False
    layer = getattr(L, name)(unroll=d.flag(), **({"zero_output_for_mask": True} if zeros else {}), **o)
    y = layer(L.Masking(mask_value=0.0)(x))
    y = L.GlobalAveragePooling1D()(y) if o["return_sequences"] and d.flag() else y
    return keras.Model(x, y), {"*": with_gaps}
  return make


def with_gaps(shape, rng):
  """Numbers with whole steps that are zero."""
  x = rng.uniform(-1.5, 1.5, shape).astype("float32")
  return x * (rng.rand(*shape[:2], *[1] * (len(shape) - 2)) < 0.6).astype("float32")


def states(name):
  def make(d):
    x = L.Input((4, 3))
    o = options(d, name)
    o["return_sequences"] = True
    first = getattr(L, name)(return_state=True, **o)(x)
    second = getattr(L, name)(return_state=True, **o)(first[0], initial_state=first[1:])
    return keras.Model(x, list(second))
  return make


def stateful(name):
  def make(d):
    o = options(d, name)
    x = L.Input(batch_shape=(2, 4, 3))
    return keras.Model(x, getattr(L, name)(stateful=True, **o)(x)), {"calls": 3}
  return make


def time_major(d):
  if not KERAS2:
    return None
  x = L.Input((4, 3))
  y = L.Permute((1, 2))(x)
  return keras.Model(x, L.LSTM(2, time_major=True, return_sequences=True)(y))


def cells(d):
  kinds = [L.LSTMCell(3), L.GRUCell(2, reset_after=d.flag()), L.SimpleRNNCell(4, activation="relu")]
  d.rng.shuffle(kinds)
  cell = kinds[0] if d.flag() else kinds[: d.int(2, 3)]
  o = dict(return_sequences=d.flag(), go_backwards=d.flag())
  if d.flag():
    x = L.Input((4, 3))
    return keras.Model(x, list(L.RNN(cell, return_state=True, **o)(x)))
  return sequential((4, 3), L.Masking(), L.RNN(cell, **o)), {"*": with_gaps}


def cells_stateful(d):
  kinds = [L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)]
  d.rng.shuffle(kinds)
  cell = kinds[0] if d.flag() else kinds[:2]
  x = L.Input(batch_shape=(2, 4, 3))
  return keras.Model(x, L.RNN(cell, stateful=True, return_sequences=d.flag())(x)), {"calls": 3}


def cells_unrolled(d):
  cell = d.of([L.LSTMCell(3), L.LSTMCell(2)], [L.GRUCell(2), L.SimpleRNNCell(3)], L.GRUCell(3))
  y = L.RNN(cell, unroll=True, return_sequences=True)
  return sequential((4, 3), L.Masking(), y), {"*": with_gaps}


def cells_states(d):
  x, h = L.Input((4, 3), name="x"), L.Input((2,), name="h")
  return keras.Model([x, h], L.RNN(L.GRUCell(2), return_sequences=d.flag())(x, initial_state=[h]))


def bidirectional_cells(d):
  layer = L.RNN(d.of(L.LSTMCell(3), L.GRUCell(2)), return_sequences=d.flag())
  return sequential((4, 3), L.Masking(), L.Bidirectional(layer)), {"*": with_gaps}


def bidirectional_stateful(d):
  x = L.Input(batch_shape=(2, 4, 3))
  layer = getattr(L, d.of("LSTM", "GRU"))(2, stateful=True, return_sequences=d.flag())
  return keras.Model(x, L.Bidirectional(layer)(x)), {"calls": 3}


def conv_lstm_stateful(d):
  x = L.Input(batch_shape=(2, 3, 5, 4, 2))
  return keras.Model(x, L.ConvLSTM2D(2, 3, padding="same", stateful=True, return_sequences=d.flag())(x)), {"calls": 2}


def cudnn(name):
  """Keras' own LSTM and GRU stand in: they load what the layer stored, which itself runs on GPUs alone."""
  def make(d):
    if not KERAS2:
      return None
    import tensorflow as tf
    o = dict(units=d.int(2, 4), return_sequences=d.flag(), go_backwards=d.flag())
    wraps, states = d.flag(), d.flag()
    if wraps or states:
      o["go_backwards"] = False
    n_in = d.int(2, 5)

    def model(layer):
      x = L.Input((d.of(4), n_in), name="x")
      if wraps:
        return keras.Model(x, L.Bidirectional(layer(**o))(x))
      y = layer(return_state=states, **o)(x)
      return keras.Model(x, list(y) if states else y)
    same = (lambda **o: L.LSTM(**o)) if name == "LSTM" else (lambda **o: L.GRU(reset_after=True, **o))
    return model(getattr(tf.compat.v1.keras.layers, f"CuDNN{name}")), {"stand_in": model(same)}
  return make


def bidirectional(d):
  name = d.of("LSTM", "GRU", "SimpleRNN")
  o = options(d, name)
  o["go_backwards"] = False
  mode = d.of("concat", "sum", "mul", "ave", None)
  x = L.Input((4, 3))
  y = L.Masking()(x) if d.flag() else x
  layer = getattr(L, name)(**o)
  back = getattr(L, name)(**{**o, "go_backwards": True, "activation": "sigmoid"}) if d.flag() else None
  return keras.Model(x, L.Bidirectional(layer, merge_mode=mode, backward_layer=back)(y)), {"*": with_gaps}


def bidirectional_states(d):
  x = L.Input((4, 3))
  name = d.of("LSTM", "GRU")
  first = L.Bidirectional(getattr(L, name)(2, return_sequences=True, return_state=True))(x)
  second = L.Bidirectional(getattr(L, name)(2, return_state=True))(first[0], initial_state=list(first[1:]))
  return keras.Model(x, list(second))


def time_distributed(d):
  shape, layer = d.of(((None, 4), L.Dense(3, activation="relu")), ((3, 6, 6, 2), L.Conv2D(2, 3)), ((3, 4, 2), L.LSTM(3)),
                      ((3, 5), keras.Sequential([L.Input((5,)), L.Dense(3), L.Activation("tanh")])), ((2, 4, 3), L.Flatten()))
  return sequential(shape, L.TimeDistributed(layer))


def time_distributed_masked(d):
  return sequential((5, 3), L.Masking(), L.TimeDistributed(L.Dense(4)), L.GRU(2)), {"*": with_gaps}


def conv_lstm(n):
  def make(d):
    o = dict(filters=2, kernel_size=d.int(1, 3), padding=d.of("same", "valid"), return_sequences=d.flag(), go_backwards=d.flag(),
             use_bias=d.flag(), activation=d.of("tanh", "relu"), recurrent_activation=d.of("sigmoid", "hard_sigmoid"))
    o["strides"], o["dilation_rate"] = d.of((1, 1), (2, 1), (1, 2))
    x = L.Input([d.of(None, 3)] + [5, 4, 5][:n] + [2])
    layer = getattr(L, f"ConvLSTM{n}D")
    if d.flag():
      return keras.Model(x, list(layer(return_state=True, **o)(x)))
    return keras.Model(x, layer(**o)(x))
  return make


def merged_masks(d):
  ids = L.Input((5,), dtype="int32", name="ids")
  a, b = L.Embedding(6, 3, mask_zero=True)(ids), L.Embedding(6, 3, mask_zero=d.flag())(ids)
  y = d.of(L.Add(), L.Multiply(), L.Average(), L.Concatenate(), L.Maximum())([a, b])
  y = L.Dense(3, activation="relu")(L.LayerNormalization()(y))
  return keras.Model(ids, [L.LSTM(2)(y), L.GlobalAveragePooling1D()(y)]), {"ids": 6}


def joined_masks(d):
  a, b = L.Input((3, 2), name="a"), L.Input((4, 2), name="b")
  y = L.Concatenate(axis=1)([L.Masking()(a), L.Masking()(b) if d.flag() else b])
  return keras.Model([a, b], L.GRU(3, return_sequences=True)(y)), {"*": with_gaps}


NAMES = ("LSTM", "GRU", "SimpleRNN")
CASES = (
    [(f"{name.lower()}", 6, plain(name)) for name in NAMES]
    + [(f"{name.lower()}_masked", 5, masked(name)) for name in NAMES]
    + [(f"{name.lower()}_states", 2, states(name)) for name in NAMES]
    + [(f"{name.lower()}_stateful", 2, stateful(name)) for name in NAMES]
    + [("time_major", 1, time_major), ("rnn_cells", 6, cells), ("bidirectional", 8, bidirectional),
       ("bidirectional_states", 2, bidirectional_states), ("time_distributed", 6, time_distributed),
       ("time_distributed_masked", 1, time_distributed_masked)]
    + [(f"conv_lstm{n}d", 4, conv_lstm(n)) for n in (1, 2, 3)]
    + [("merged_masks", 5, merged_masks), ("joined_masks", 3, joined_masks), ("rnn_cells_stateful", 4, cells_stateful),
       ("rnn_cells_unrolled", 3, cells_unrolled), ("rnn_cells_states", 2, cells_states),
       ("bidirectional_cells", 3, bidirectional_cells), ("bidirectional_stateful", 2, bidirectional_stateful),
       ("conv_lstm_stateful", 2, conv_lstm_stateful)]
    + [(f"cudnn_{name.lower()}", 6, cudnn(name)) for name in ("LSTM", "GRU")]
)
