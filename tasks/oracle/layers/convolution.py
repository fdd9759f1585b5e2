"""Convolutions and poolings."""
from .common import KERAS2, L, each, sequential


def sizes(d, n, high=3):
  return d.of(d.int(1, high), tuple(d.int(1, high) for _ in range(n)))


def options(d, n, causal=False):
  strides, dilation = d.of((sizes(d, n, 2), 1), (1, sizes(d, n, 2)))
  padding = d.of("valid", "same", "causal") if causal else d.of("valid", "same")
  return dict(kernel_size=sizes(d, n), strides=strides, dilation_rate=dilation, padding=padding, use_bias=d.flag(),
              activation=d.activation())


def spatial(d, n, channels):
  return [d.of(None, 8) if n == 1 else d.int(6, 8) for _ in range(n)] + [channels]


def conv(n):
  def make(d):
    groups = d.of(1, 1, 2)
    layer = getattr(L, f"Conv{n}D")
    return sequential(spatial(d, n, 4), layer(4, groups=groups, **options(d, n, causal=n == 1)))
  return make


def transpose(n):
  def make(d):
    strides = d.of(1, 2, 3)
    kernel = d.int(2, 4)
    extra = d.of(None, None, d.int(0, strides - 1)) if strides > 1 else None
    layer = getattr(L, f"Conv{n}DTranspose")
    return sequential(spatial(d, n, 3), layer(2, kernel, strides=strides, padding=d.of("valid", "same"), output_padding=extra,
                                              use_bias=d.flag(), activation=d.activation()))
  return make


def depthwise(n):
  def make(d):
    o = options(d, n)
    o["strides"] = d.int(1, 2) if o["dilation_rate"] == 1 else 1
    layer = getattr(L, f"DepthwiseConv{n}D")
    return sequential(spatial(d, n, 3), layer(depth_multiplier=d.int(1, 2), **o))
  return make


def separable(n):
  def make(d):
    o = options(d, n, causal=n == 1 and KERAS2)
    o["strides"] = d.int(1, 2) if o["dilation_rate"] == 1 else 1
    layer = getattr(L, f"SeparableConv{n}D")
    return sequential(spatial(d, n, 3), layer(4, depth_multiplier=d.int(1, 2), **o))
  return make


def lead_dims(d):
  if not KERAS2:
    return None
  return sequential((2, 6, 6, 3), L.Conv2D(2, 3, activation="relu"))


def pooling(n):
  def make(d):
    o = dict(pool_size=sizes(d, n), strides=d.of(None, sizes(d, n, 2)), padding=d.of("valid", "same"))
    return each(spatial(d, n, 2), [getattr(L, f"{kind}Pooling{n}D")(**o) for kind in ("Max", "Average")])
  return make


def global_pooling(n):
  def make(d):
    o = dict(keepdims=d.flag(), data_format=d.of("channels_last", "channels_first"))
    return each([d.int(2, 4) for _ in range(n + 1)], [getattr(L, f"Global{kind}Pooling{n}D")(**o) for kind in ("Max", "Average")])
  return make


def adaptive(n):
  def make(d):
    if KERAS2:
      return None
    size = sizes(d, n, 4)
    return each([d.int(4, 7) for _ in range(n)] + [2], [getattr(L, f"Adaptive{kind}Pooling{n}D")(size) for kind in ("Max", "Average")])
  return make


def locally_connected(n):
  def make(d):
    if not KERAS2:
      return None
    layer = getattr(L, f"LocallyConnected{n}D")
    return sequential([5, 6][:n] + [2], layer(3, d.int(1, 3), strides=d.int(1, 2), use_bias=d.flag(), activation=d.activation()))
  return make


CASES = (
    [(f"conv{n}d", count, conv(n)) for n, count in ((1, 8), (2, 8), (3, 5))]
    + [(f"conv{n}d_transpose", 7, transpose(n)) for n in (1, 2, 3)]
    + [(f"depthwise_conv{n}d", 4, depthwise(n)) for n in (1, 2)]
    + [(f"separable_conv{n}d", 4, separable(n)) for n in (1, 2)]
    + [("conv_lead_dims", 1, lead_dims)]
    + [(f"pooling{n}d", 4, pooling(n)) for n in (1, 2, 3)]
    + [(f"global_pooling{n}d", 3, global_pooling(n)) for n in (1, 2, 3)]
    + [(f"adaptive_pooling{n}d", 2, adaptive(n)) for n in (1, 2, 3)]
    + [(f"locally_connected{n}d", 3, locally_connected(n)) for n in (1, 2)]
)
