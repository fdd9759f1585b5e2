"""Ops that slide windows over images, and those that resize, crop and choose parts of them."""
import numpy as np

from record_ops import Cases

cases = Cases()
REAL = ["float32", "float64", "float16", "bfloat16"]


def numbers(r, dtype, shape):
  """Sums in half precision lose digits of their largest term: it is kept small."""
  most = 1 if dtype in ("float16", "bfloat16") else 3
  return r.numbers(dtype, shape, -most, most)


def ints(all, dtype="int32"):
  return np.array(all, dtype)


def out_len(n, k, stride, dilation, padding, explicit=(0, 0)):
  reach = (k - 1) * dilation + 1
  if padding == "SAME":
    return -(-n // stride)
  return (n + sum(explicit) - reach) // stride + 1


def window(r, n_axes, explicit=True, dilated=True, same_stride=False):
  """Lengths, window, strides, dilations, padding: such that there is at least one window."""
  k = [r.int(1, 3) for _ in range(n_axes)]
  strides = [r.int(1, 2) for _ in range(n_axes)]
  if same_stride:
    strides = [strides[0]] * n_axes
  dilations = [r.int(1, 2) if dilated and r.i % 3 == 0 else 1 for _ in range(n_axes)]
  if max(dilations) > 1:
    strides = [1] * n_axes
  padding = r.any(["SAME", "VALID"] + (["EXPLICIT"] if explicit else []))
  pads = [(r.int(0, 1), r.int(0, 1)) if padding == "EXPLICIT" else (0, 0) for _ in range(n_axes)]
  lens = [(k[i] - 1) * dilations[i] + 1 + r.int(0, 4) for i in range(n_axes)]
  return lens, k, strides, dilations, padding, pads


def conv_case(r, n_axes, depthwise=False, same_stride=False, dilated=True):
  lens, k, strides, dilations, padding, pads = window(r, n_axes, n_axes == 2, dilated, same_stride)
  batch, channels = r.int(1, 2), r.int(1, 3)
  outs = r.int(1, 3)
  dtype = r.pick(REAL if n_axes == 2 else REAL[:3])
  attrs = dict(strides=[1] + strides + [1], padding=padding, dilations=[1] + dilations + [1])
  if padding == "EXPLICIT":
    attrs["explicit_paddings"] = [0, 0] + [p for pair in pads for p in pair] + [0, 0]
  x, f = [batch] + lens + [channels], k + [channels, outs]
  y = [out_len(*args) for args in zip(lens, k, strides, dilations, [padding] * n_axes, pads)]
  y = [batch] + y + [channels * outs if depthwise else outs]
  return dtype, attrs, x, f, y


@cases.op("Conv2D", n=24)
def _(r):
  dtype, attrs, x, f, _ = conv_case(r, 2)
  return dict(input=numbers(r, dtype, x), filter=numbers(r, dtype, f), **attrs)


@cases.op("Conv2D", n=6)
def _(r):
  """Groups of channels."""
  groups = r.int(2, 3)
  return dict(input=r.numbers("float32", [1, 4, 3, 2 * groups]), filter=r.numbers("float32", [2, 2, 2, groups * r.int(1, 2)]),
              strides=[1, 1, 1, 1], padding=r.any(["SAME", "VALID"]))


@cases.op("Conv2DBackpropInput", n=20)
def _(r):
  dtype, attrs, x, f, y = conv_case(r, 2, dilated=False)
  return dict(input_sizes=ints(x), filter=numbers(r, dtype, f), out_backprop=numbers(r, dtype, y), **attrs)


@cases.op("Conv2DBackpropFilter", n=20)
def _(r):
  dtype, attrs, x, f, y = conv_case(r, 2, dilated=False)
  return dict(input=numbers(r, dtype, x), filter_sizes=ints(f), out_backprop=numbers(r, dtype, y), **attrs)


@cases.op("DepthwiseConv2dNative", n=20)
def _(r):
  dtype, attrs, x, f, _ = conv_case(r, 2, True, True, False)
  return dict(input=numbers(r, dtype, x), filter=numbers(r, dtype, f), **attrs)


@cases.op("DepthwiseConv2dNativeBackpropInput", n=14)
def _(r):
  dtype, attrs, x, f, y = conv_case(r, 2, True, True, False)
  return dict(input_sizes=ints(x), filter=numbers(r, dtype, f), out_backprop=numbers(r, dtype, y), **attrs)


@cases.op("DepthwiseConv2dNativeBackpropFilter", n=14)
def _(r):
  dtype, attrs, x, f, y = conv_case(r, 2, True, True, False)
  return dict(input=numbers(r, dtype, x), filter_sizes=ints(f), out_backprop=numbers(r, dtype, y), **attrs)


@cases.op("Conv3D", n=16)
def _(r):
  dtype, attrs, x, f, _ = conv_case(r, 3, dilated=False)
  return dict(input=numbers(r, dtype, x), filter=numbers(r, dtype, f), **attrs)


@cases.op("Conv3DBackpropInputV2", n=16)
def _(r):
  dtype, attrs, x, f, y = conv_case(r, 3, dilated=False)
  return dict(input_sizes=ints(x, r.any(["int32", "int64"])), filter=numbers(r, dtype, f), out_backprop=numbers(r, dtype, y), **attrs)


@cases.op("Conv3DBackpropFilterV2", n=14)
def _(r):
  dtype, attrs, x, f, y = conv_case(r, 3, dilated=False)
  return dict(input=numbers(r, dtype, x), filter_sizes=ints(f), out_backprop=numbers(r, dtype, y), **attrs)


@cases.op("Dilation2D", n=16)
def _(r):
  lens, k, strides, rates, padding, _ = window(r, 2, False)
  dtype, c = r.pick(["float32", "int32", "float64", "uint8", "int64"]), r.int(1, 2)
  return dict(input=r.numbers(dtype, [r.int(1, 2)] + lens + [c], -9, 9), filter=r.numbers(dtype, k + [c], -3, 3), strides=[1] + strides + [1],
              rates=[1] + rates + [1], padding=padding)


def pool_case(r, n_axes, explicit):
  lens, k, strides, _, padding, pads = window(r, n_axes, explicit, False)
  attrs = dict(ksize=[1] + k + [1], strides=[1] + strides + [1], padding=padding)
  # A window of padding alone has no largest element.
  pads = [(min(a, n - 1), min(b, n - 1)) for (a, b), n in zip(pads, k)]
  if padding == "EXPLICIT":
    attrs["explicit_paddings"] = [0, 0] + [p for pair in pads for p in pair] + [0, 0]
  return [r.int(1, 2)] + lens + [r.int(1, 3)], attrs


@cases.op("MaxPool", n=18)
def _(r):
  shape, attrs = pool_case(r, 2, True)
  dtype = r.pick(["float32", "int32", "float64", "float16", "uint8", "int64", "bfloat16", "int8"])
  return dict(input=r.numbers(dtype, shape, -9, 9), **attrs)


@cases.op("MaxPoolV2", n=14)
def _(r):
  shape, attrs = pool_case(r, 2, False)
  return dict(input=r.numbers(r.pick(REAL), shape, -9, 9), ksize=ints(attrs.pop("ksize")), strides=ints(attrs.pop("strides")), **attrs)


@cases.op("AvgPool", n=16)
def _(r):
  shape, attrs = pool_case(r, 2, False)
  return dict(value=r.numbers(r.pick(REAL), shape, -9, 9), **attrs)


@cases.op("MaxPoolGrad", n=16)
def _(r):
  shape, attrs = pool_case(r, 2, True)
  x = r.numbers(r.pick(["float32", "float64", "float16", "bfloat16"]), shape, -9, 9)
  dims = [shape[1:3], attrs["ksize"][1:3], attrs["strides"][1:3]]
  pads = attrs.get("explicit_paddings", [0] * 8)
  out = [out_len(dims[0][i], dims[1][i], dims[2][i], 1, attrs["padding"], pads[2 * i + 2:2 * i + 4]) for i in range(2)]
  # The kernel looks the largest elements up itself: the recorded ones are not read.
  y = np.zeros([shape[0]] + out + [shape[3]], x.dtype)
  return dict(orig_input=x, orig_output=y, grad=r.numbers(str(x.dtype), list(y.shape), -3, 3), **attrs)


@cases.op("AvgPoolGrad", n=16)
def _(r):
  shape, attrs = pool_case(r, 2, False)
  out = [out_len(n, k, s, 1, attrs["padding"]) for n, k, s in zip(shape[1:3], attrs["ksize"][1:3], attrs["strides"][1:3])]
  dtype = r.pick(["float32", "float64", "float16"])
  return dict(orig_input_shape=ints(shape), grad=r.numbers(dtype, [shape[0]] + out + [shape[3]], -3, 3), **attrs)


@cases.op("MaxPool3D", "AvgPool3D", n=14)
def _(r):
  shape, attrs = pool_case(r, 3, False)
  return dict(input=r.numbers(r.pick(REAL[:1] + REAL[3:] + REAL[:1]), shape, -9, 9), **attrs)


@cases.op("MaxPoolWithArgmax", n=16)
def _(r):
  shape, attrs = pool_case(r, 2, False)
  return dict(input=r.numbers(r.pick(["float32", "int32", "float64", "int64", "float16"]), shape, -9, 9), Targmax=r.any(["int32", "int64"]),
              include_batch_in_index=r.flag(), **attrs)


@cases.op("FractionalMaxPool", "FractionalAvgPool", n=16)
def _(r):
  shape = [r.int(1, 2), r.int(3, 9), r.int(3, 9), r.int(1, 2)]
  ratio = [1.0, r.any([1.0, 1.3, 1.44, 2.0]), r.any([1.2, 1.73, 1.9]), 1.0]
  return dict(value=r.numbers(r.pick(["float32", "float64", "int32", "int64"]), shape, -9, 9), pooling_ratio=ratio, deterministic=True,
              seed=5 + r.i, seed2=7, overlapping=r.flag(), pseudo_random=r.flag())


@cases.op("ExtractImagePatches", n=14)
def _(r):
  lens, k, strides, rates, padding, _ = window(r, 2, False)
  return dict(images=r.numbers(r.pick(["float32", "int32", "float64", "uint8"]), [r.int(1, 2)] + lens + [r.int(1, 2)], -9, 9),
              ksizes=[1] + k + [1], strides=[1] + strides + [1], rates=[1] + rates + [1], padding=padding)


@cases.op("ExtractVolumePatches", n=12)
def _(r):
  lens, k, strides, _, padding, _ = window(r, 3, False, False)
  return dict(input=r.numbers(r.pick(["float32", "int32", "float64"]), [1] + lens + [r.int(1, 2)], -9, 9), ksizes=[1] + k + [1],
              strides=[1] + strides + [1], padding=padding)


# ---- images ----

def corners(r):
  return r.pick([dict(), dict(align_corners=True), dict(half_pixel_centers=True)])


@cases.op("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea", n=24)
def _(r):
  dtype = r.pick(["float32", "float32", "float32", "uint8", "float64", "int32", "int8", "float16", "bfloat16"])
  return dict(images=r.numbers(dtype, [r.int(1, 2), r.int(1, 5), r.int(1, 5), r.int(1, 3)], 0, 99), size=ints([r.int(1, 7), r.int(1, 7)]),
              **corners(r))


for _name in ["ResizeArea"]:
  _make, _n = cases.table[_name].pop()
  # Areas have no centres.
  cases.op(_name, n=_n)(lambda r, make=_make: {k: v for k, v in make(r).items() if k != "half_pixel_centers"})


KERNELS = ["lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"]


@cases.op("ScaleAndTranslate", n=32)
def _(r):
  """As `tf.image.resize` uses it, and anywhere."""
  dtype = r.any(["float32", "float32", "uint8", "float64", "int32", "int8", "float16", "bfloat16"])
  shape, size = [r.int(1, 2), r.int(1, 9), r.int(1, 9), r.int(1, 3)], [r.int(1, 9), r.int(1, 9)]
  scale = np.array([size[0] / shape[1], size[1] / shape[2]], "float32")
  if r.flag():
    scale, translation = r.numbers("float32", [2], 0.3, 2.5), r.numbers("float32", [2], -2, 2)
  else:
    translation = np.zeros([2], "float32")
  return dict(images=r.numbers(dtype, shape, 0, 99), size=ints(size), scale=scale, translation=translation, kernel_type=r.pick(KERNELS),
              antialias=r.flag())


@cases.op("ScaleAndTranslate", n=2)
def _(r):
  return dict(images=r.numbers("float32", [1, 2, 2, 1]), size=ints([2, 2]), scale=np.array([r.pick([0, -1]), 1], "float32"),
              translation=np.zeros([2], "float32"), _error=True)


@cases.op("CropAndResize", n=16)
def _(r):
  n = r.int(1, 3)
  low, high = r.random.uniform(-0.3, 0.6, [n, 2]), r.random.uniform(0.2, 1.3, [n, 2])
  return dict(image=r.numbers(r.pick(["float32", "uint8", "float64", "int32"]), [r.int(1, 2), r.int(2, 5), r.int(2, 5), r.int(1, 2)], 0, 99),
              boxes=np.concatenate([low, high], 1).astype("float32"), box_ind=np.zeros([n], "int32"),
              crop_size=ints([r.int(1, 4), r.int(1, 4)]), method=r.any(["bilinear", "nearest"]), extrapolation_value=r.any([0.0, 2.5]))


@cases.op("ImageProjectiveTransformV3", n=18)
def _(r):
  batch = r.int(1, 2)
  dtype = r.pick(["float32", "uint8", "float64", "int32"])
  t = np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32") + r.numbers("float32", [r.any([1, batch]), 8], -0.5, 0.5) * np.array(
      [1, 1, 4, 1, 1, 4, 0.05, 0.05], "float32")
  return dict(images=r.numbers(dtype, [batch, r.int(2, 5), r.int(2, 5), r.int(1, 2)], 0, 99), transforms=t,
              output_shape=ints([r.int(1, 5), r.int(1, 5)]), fill_value=np.float32(r.any([0, 7])), interpolation=r.any(["NEAREST", "BILINEAR"]),
              fill_mode=r.pick(["CONSTANT", "REFLECT", "WRAP", "NEAREST"]))


@cases.op("ImageProjectiveTransformV2", n=14)
def _(r):
  t = np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32") + r.numbers("float32", [1, 8], -0.5, 0.5) * np.array([1, 1, 4, 1, 1, 4, 0, 0], "float32")
  return dict(images=r.numbers("float32", [1, r.int(2, 5), r.int(2, 5), 1], 0, 99), transforms=t, output_shape=ints([r.int(1, 5), r.int(1, 5)]),
              interpolation=r.any(["NEAREST", "BILINEAR"]), fill_mode=r.pick(["CONSTANT", "REFLECT", "WRAP", "NEAREST"]))


@cases.op("RGBToHSV", "HSVToRGB", n=12)
def _(r):
  return dict(images=r.numbers(r.pick(["float32", "float64"]), r.shape(r.int(0, 3)) + [3], 0, 1))


@cases.op("AdjustContrastv2", n=12)
def _(r):
  return dict(images=r.numbers("float32", r.shape(r.int(0, 1)) + [r.int(1, 4), r.int(1, 4), r.int(1, 3)], 0, 1),
              contrast_factor=np.float32(r.pick([0.0, 0.5, 2.0])))


@cases.op("AdjustHue", n=12)
def _(r):
  return dict(images=r.numbers("float32", [2, r.int(1, 3), 3], 0, 1), delta=np.float32(r.pick([-0.7, -0.2, 0.3, 1.0])))


@cases.op("AdjustSaturation", n=12)
def _(r):
  return dict(images=r.numbers("float32", [2, r.int(1, 3), 3], 0, 1), scale=np.float32(r.pick([0.0, 0.5, 1.7])))


def boxes(r, n):
  """Corners in either order, some boxes near one another."""
  low = r.random.uniform(0, 1, [n, 2])
  all = np.concatenate([low, low + r.random.uniform(0.2, 0.7, [n, 2])], 1)
  if n and r.flag():
    all[0] = all[0][[2, 3, 0, 1]]
  return all.astype("float32")


def suppression(r, threshold=True):
  n = r.int(0, 12)
  scores = r.numbers("float32", [n], 0, 1)
  if n > 2 and r.i % 4 == 0:
    scores[1] = scores[0]
  return dict(boxes=boxes(r, n), scores=scores, max_output_size=ints(r.int(0, 8)), iou_threshold=np.float32(r.any([0.1, 0.3, 0.5, 0.9])),
              **({"score_threshold": np.float32(r.any([0.0, 0.3, -np.inf]))} if threshold else {}))


@cases.op("NonMaxSuppressionV2", n=16)
def _(r):
  return suppression(r, False)


@cases.op("NonMaxSuppression", n=14)
def _(r):
  given = suppression(r, False)
  return dict(given, iou_threshold=float(given["iou_threshold"]))


@cases.op("NonMaxSuppressionV3", n=16)
def _(r):
  return suppression(r)


@cases.op("NonMaxSuppressionV4", n=16)
def _(r):
  return dict(suppression(r), pad_to_max_output_size=r.flag())


@cases.op("NonMaxSuppressionV5", n=18)
def _(r):
  return dict(suppression(r), soft_nms_sigma=np.float32(r.pick([0.0, 0.3, 1.0])), pad_to_max_output_size=r.flag())


@cases.op("NonMaxSuppressionWithOverlaps", n=14)
def _(r):
  n = r.int(1, 8)
  overlaps = r.numbers("float32", [n, n], 0, 1)
  return dict(overlaps=np.maximum(overlaps, overlaps.T), scores=r.numbers("float32", [n], 0, 1), max_output_size=ints(r.int(0, 6)),
              overlap_threshold=np.float32(0.6), score_threshold=np.float32(0.2))


@cases.op("CombinedNonMaxSuppression", n=16)
def _(r):
  batch, n, classes = r.int(1, 2), r.int(1, 8), r.int(1, 3)
  q = r.any([1, classes])
  all = np.stack([np.stack([boxes(r, n) for _ in range(q)], 1) for _ in range(batch)])
  return dict(boxes=all, scores=r.numbers("float32", [batch, n, classes], 0, 1), max_output_size_per_class=ints(r.int(1, 4)),
              max_total_size=ints(r.int(1, 6)), iou_threshold=np.float32(0.4), score_threshold=np.float32(r.any([0.0, 0.3])),
              pad_per_class=r.flag(), clip_boxes=r.flag())
