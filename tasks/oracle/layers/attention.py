"""Attention layers, with and without masks."""
import keras

from .common import KERAS2, L
from .recurrent import with_gaps


def attention(d):
  q, v, k = L.Input((4, 3), name="q"), L.Input((5, 3), name="v"), L.Input((5, 3), name="k")
  if d.flag():
    layer = L.Attention(use_scale=d.flag(), score_mode=d.of("dot", "concat"))
  else:
    layer = L.AdditiveAttention(use_scale=d.flag())
  masks = d.flag()
  tensors = [L.Masking()(x) if masks else x for x in (q, v)] + ([k] if d.flag() else [])
  options = dict(use_causal_mask=d.flag())
  if d.flag():
    options["return_attention_scores"] = True
  y = layer(tensors, **options)
  return keras.Model([q, v, k][: len(tensors)], list(y) if isinstance(y, (list, tuple)) else y), {"*": with_gaps}


def multi_head(d):
  q, v = L.Input((4, 6), name="q"), L.Input((5, 6), name="v")
  layer = L.MultiHeadAttention(d.int(1, 3), d.int(2, 4), value_dim=d.of(None, 3), use_bias=d.flag(),
                               output_shape=d.of(None, 5), dropout=d.of(0.0, 0.2))
  a, b = (L.Masking()(q), L.Masking()(v)) if d.flag() else (q, v)
  options = dict(use_causal_mask=d.flag())
  if d.flag():
    options["return_attention_scores"] = True
  y = layer(a, b, **options)
  return keras.Model([q, v], list(y) if isinstance(y, (list, tuple)) else y), {"*": with_gaps}


def multi_head_self(d):
  x, mask = L.Input((4, 6), name="x"), L.Input((4, 4), dtype="bool", name="mask")
  y = L.MultiHeadAttention(2, 3)(x, x, attention_mask=mask)
  return keras.Model([x, mask], L.LayerNormalization()(L.Add()([x, y]))), {"mask": [True, False, True]}


def multi_head_axes(d):
  x = L.Input((3, 4, 6))
  return keras.Model(x, L.MultiHeadAttention(2, 3, attention_axes=d.of((1,), (2,), (1, 2)))(x, x))


def multi_head_key(d):
  q, v, k = L.Input((4, 6), name="q"), L.Input((5, 3), name="v"), L.Input((5, 7), name="k")
  return keras.Model([q, v, k], L.MultiHeadAttention(2, 3)(q, v, key=k))


def group_query(d):
  if KERAS2:
    return None
  x = L.Input((5, 6), name="x")
  heads = d.of((4, 2), (2, 1), (3, 3))
  layer = L.GroupQueryAttention(4, *heads, use_bias=d.flag())
  return keras.Model(x, layer(x, x, use_causal_mask=d.flag()))


def embedded(d):
  ids = L.Input((5,), dtype="int32", name="ids")
  x = L.Embedding(7, 4, mask_zero=True)(ids)
  y = L.MultiHeadAttention(2, 2)(x, x)
  y = L.GlobalAveragePooling1D()(y)
  return keras.Model(ids, L.Dense(2)(y)), {"ids": 7}


CASES = [
    ("attention", 10, attention), ("multi_head", 10, multi_head), ("multi_head_self", 1, multi_head_self),
    ("multi_head_axes", 3, multi_head_axes), ("multi_head_key", 1, multi_head_key), ("group_query", 3, group_query),
    ("attention_embedded", 1, embedded),
]
