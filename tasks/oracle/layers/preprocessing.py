"""Preprocessing layers: numbers, categories, words, images."""
import keras
import numpy as np

from .common import KERAS2, L, each, sequential

WORDS = ["cat", "dog", "bird", "fish", "", "zebra"]


def numbers(d):
  return each((3, 4), [L.Rescaling(0.3, offset=-0.5), L.Rescaling([0.1, 0.2, 0.3, 0.4], offset=[1.0, 2.0, 3.0, 4.0])])


def normalization(d):
  axis, shape = d.of((-1, (3, 4)), (None, (3, 4)), ((1, 2), (3, 4)), (1, (3, 4)), (-1, (4,)))
  layer = L.Normalization(axis=axis, invert=d.flag())
  layer.adapt(d.rng.uniform(-2, 5, (6, *shape)).astype("float32"))
  return sequential(shape, layer), {"keep": True}


def normalization_given(d):
  layer = L.Normalization(axis=d.of(-1, None), mean=0.7, variance=2.3)
  return sequential((3, 4), layer), {"keep": True}


def category_encoding(d):
  x, w = L.Input((3,), dtype="int32", name="x"), L.Input((3,), name="w")
  single = L.Input((1,), dtype="int32", name="single")
  ys = [L.CategoryEncoding(5, output_mode="multi_hot")(x), L.CategoryEncoding(5, output_mode="count")(x),
        L.CategoryEncoding(5, output_mode="count")(x, count_weights=w), L.CategoryEncoding(5, output_mode="one_hot")(single)]
  return keras.Model([x, w, single], ys), {"x": 5, "single": 5}


def discretization(d):
  bounds = sorted(float(x) for x in d.rng.uniform(-1, 1, d.int(1, 5)).round(3))
  return sequential((d.of(1, 3),), L.Discretization(bin_boundaries=bounds, output_mode=d.of("int", "multi_hot", "count", "int")))


def hashing(d):
  words = d.flag()
  salt = d.of(None, None, 7, [133, 137])
  mask = d.of(None, "" if words else 3)
  layer = L.Hashing(d.int(2, 9), salt=salt, mask_value=mask, output_mode=d.of("int", "int", "multi_hot", "count"))
  return sequential((3,), layer, dtype="string" if words else "int64"), {"*": WORDS if words else 20, "keep": True}


def string_lookup(d):
  mode = d.of("int", "int", "multi_hot", "count", "tf_idf")
  o = dict(vocabulary=WORDS[:4], num_oov_indices=d.of(1, 1, 3), mask_token=d.of(None, ""), output_mode=mode)
  if mode == "tf_idf":
    o["idf_weights"] = [0.1, 0.7, 0.4, 0.9]
  if mode != "int" and d.flag():
    o.update(pad_to_max_tokens=True, max_tokens=9)
  return sequential((3,), L.StringLookup(**o), dtype="string"), {"*": WORDS, "keep": True}


def string_lookup_inverse(d):
  layer = L.StringLookup(vocabulary=WORDS[:4], invert=True, mask_token=d.of(None, ""))
  return sequential((3,), layer, dtype="int64"), {"*": 7, "keep": True}


def integer_lookup(d):
  o = dict(vocabulary=[3, 7, 11, 2], num_oov_indices=d.of(1, 2), mask_token=d.of(None, 0), output_mode=d.of("int", "multi_hot", "count"))
  return sequential((3,), L.IntegerLookup(**o), dtype="int64"), {"*": 13, "keep": True}


def adapted_lookup(d):
  layer = L.StringLookup()
  layer.adapt(np.array(["b", "a", "b", "c", "c", "c"]))
  return sequential((2,), layer, dtype="string"), {"*": ["a", "b", "c", "d"], "keep": True}


def text_vectorization(d):
  texts = ["The cat sat, down!", "a Dog & a cat", "", "  two  birds. fly. high! "]
  mode = d.of("int", "int", "multi_hot", "count", "tf_idf")
  o = dict(vocabulary=["cat", "dog", "the", "a", "sat"], output_mode=mode,
           standardize=d.of("lower_and_strip_punctuation", "lower", "strip_punctuation", None))
  if mode == "int":
    o["output_sequence_length"] = d.of(None, 3, 6)
  if mode == "tf_idf":
    o["idf_weights"] = [0.1, 0.7, 0.4, 0.9, 0.3]
  return sequential((1,), L.TextVectorization(**o), dtype="string"), {"*": texts, "keep": True}


def resizing(d):
  how = d.of("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic") if KERAS2 else d.of(
      "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
  o = dict(interpolation=how, crop_to_aspect_ratio=d.flag())
  if not KERAS2 and not o["crop_to_aspect_ratio"]:
    o["pad_to_aspect_ratio"] = d.flag()
    o["antialias"] = d.flag()
  return sequential((d.int(5, 9), d.int(5, 9), 2), L.Resizing(d.int(3, 11), d.int(3, 11), **o))


def center_crop(d):
  return sequential((d.int(4, 7), d.int(4, 7), 2), L.CenterCrop(d.int(3, 8), d.int(3, 8)))


AUGMENTATIONS = {
    "RandomFlip": {}, "RandomRotation": {"factor": 0.2}, "RandomZoom": {"height_factor": 0.2}, "RandomContrast": {"factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2}, "RandomBrightness": {"factor": 0.2}, "RandomCrop": None,
    "RandomHeight": {"factor": 0.2}, "RandomWidth": {"factor": 0.2}, "AugMix": {"value_range": (0, 1)},
    "AutoContrast": {"value_range": (0, 1)}, "CutMix": {}, "Equalization": {"value_range": (0, 1)}, "MixUp": {},
    "RandAugment": {"value_range": (0, 1)}, "RandomColorDegeneration": {"factor": 0.2}, "RandomColorJitter": {"value_range": (0, 1)},
    "RandomElasticTransform": {"value_range": (0, 1)}, "RandomErasing": {}, "RandomGaussianBlur": {"value_range": (0, 1)},
    "RandomGrayscale": {}, "RandomHue": {"factor": 0.2, "value_range": (0, 1)}, "RandomInvert": {"value_range": (0, 1)},
    "RandomPerspective": {}, "RandomPosterization": {"factor": 4, "value_range": (0, 1)}, "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2, "value_range": (0, 1)}, "RandomShear": {"x_factor": 0.2}, "Solarization": {"value_range": (0, 1)},
    "MaxNumBoundingBoxes": {"max_number": 3},
}


def augmentation(name):
  def make(d):
    if not hasattr(L, name):
      return None
    options = AUGMENTATIONS[name]
    layer = getattr(L, name)(4, 5) if options is None else getattr(L, name)(**options)
    return sequential((6, 7, 3), layer), {"keep": True, "*": lambda shape, rng: rng.uniform(0, 1, shape).astype("float32")}
  return make


def hashed_crossing(d):
  kinds = [d.of("string", "int64", "int32") for _ in range(d.int(2, 3))]
  shape = d.of((1,), ())
  d.size = max(d.size, 2)  # a batch of one looks like a column to Keras, when it runs eagerly
  xs = [L.Input(shape, dtype=kind, name=f"x{i}") for i, kind in enumerate(kinds)]
  layer = L.HashedCrossing(d.int(3, 30), output_mode=d.of("int", "int", "one_hot"))
  return keras.Model(xs, layer(xs)), {f"x{i}": WORDS if kind == "string" else 50 for i, kind in enumerate(kinds)}


def stft(mode):
  def make(d):
    if KERAS2:
      return None
    # TensorFlow has no convolution on CPUs with the channels first.
    o = dict(mode=mode, frame_length=d.int(6, 12), expand_dims=d.flag(), padding=d.of("valid", "same"),
             scaling=d.of("density", "spectrum", None), window=d.of("hann", "hamming"), periodic=d.flag())
    o["frame_step"] = d.of(None, d.int(2, o["frame_length"]))
    o["fft_length"] = d.of(None, 16, 20)
    return sequential((40, 2), L.STFTSpectrogram(**o)), {"keep": True}
  return make


def mel(d):
  if KERAS2:
    return None
  o = dict(fft_length=d.of(32, 64), sequence_stride=d.int(7, 20), window=d.of("hann", "hamming", None), num_mel_bins=d.int(4, 9),
           sampling_rate=d.of(8000, 16000), min_freq=d.of(20.0, 125.0), max_freq=d.of(None, 3800.0), power_to_db=d.flag(),
           mag_exp=d.of(2.0, 1.0), top_db=d.of(80.0, 20.0), ref_power=d.of(1.0, 3.0))
  o["sequence_length"] = d.of(None, 32, 25)
  return sequential((d.of(150, 200),), L.MelSpectrogram(**o)), {"keep": True}


def clahe(d):
  if not hasattr(L, "CLAHE") and not hasattr(L, "ContrastLimitedAdaptiveHistogramEqualization"):
    return None
  high = d.of(1, 255)
  o = dict(value_range=(0, high), clip_limit=d.of(4.0, 1.5, 0.0), tile_grid_size=d.of((2, 2), (3, 4), (2, 3)))
  layer = L.ContrastLimitedAdaptiveHistogramEqualization(**o)
  return sequential((d.int(9, 14), d.int(9, 14), d.of(1, 3)), layer), \
      {"keep": True, "*": lambda shape, rng: (rng.uniform(0, 1, shape) ** 2 * high).astype("float32")}


def sparse_inputs(d):
  x = L.Input((6,), sparse=True, name="x")
  return keras.Model(x, L.Dense(3, activation=d.activation())(x)), \
      {"*": lambda shape, rng: (rng.uniform(-1, 1, shape) * (rng.rand(*shape) < 0.4)).astype("float32")}


def sparse_categories(d):
  x, words = L.Input((4,), dtype="int64", name="x"), L.Input((3,), dtype="string", name="words")
  mode = d.of("multi_hot", "count")
  found = L.StringLookup(vocabulary=WORDS[:4], output_mode=mode, sparse=True)(words)
  return keras.Model([x, words], [L.Dense(3)(L.CategoryEncoding(6, output_mode=mode, sparse=True)(x)), L.Dense(2)(found)]), \
      {"x": 6, "words": WORDS, "keep": True}


def pipeline(d):
  if KERAS2:
    return None
  return sequential((6, 7, 3), L.Pipeline([L.RandomFlip(), L.Resizing(4, 4), L.Rescaling(0.5)])), {"keep": True}


CASES = [
    ("rescaling", 1, numbers), ("normalization", 6, normalization), ("normalization_given", 2, normalization_given),
    ("category_encoding", 1, category_encoding), ("discretization", 4, discretization), ("hashing", 8, hashing),
    ("string_lookup", 8, string_lookup), ("string_lookup_inverse", 2, string_lookup_inverse), ("integer_lookup", 6, integer_lookup),
    ("adapted_lookup", 1, adapted_lookup), ("text_vectorization", 8, text_vectorization), ("resizing", 10, resizing),
    ("center_crop", 5, center_crop), ("pipeline", 1, pipeline), ("hashed_crossing", 8, hashed_crossing), ("mel", 10, mel),
    ("clahe", 6, clahe), ("sparse_inputs", 2, sparse_inputs), ("sparse_categories", 2, sparse_categories),
] + [(f"stft_{mode}", 2, stft(mode)) for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
] + [(name.lower(), 1, augmentation(name)) for name in AUGMENTATIONS]
