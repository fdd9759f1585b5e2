"""Core, activation, normalization, reshaping, merging and regularization layers."""
import keras

from .common import ACTIVATIONS, KERAS2, L, each, sequential


def dense(d):
  rank = d.int(1, 3)
  shape = [d.of(None, 3) if i and i < rank - 1 else d.int(2, 4) for i in range(rank)]
  return sequential(shape, L.Dense(d.int(1, 4), activation=d.activation(), use_bias=d.flag()))


def einsum_dense(d):
  equation, out, axes = d.of(("abc,cd->abd", (None, 5), "d"), ("abc,cde->abde", (None, 2, 3), "de"),
                             ("...x,xy->...y", 4, "y"), ("abc,bd->adc", (6, 3), None), ("ab,bc->ac", 5, "c"))
  shape = (4,) if equation.startswith("ab,") else (d.int(2, 4), 3)
  return sequential(shape, L.EinsumDense(equation, output_shape=out, bias_axes=axes, activation=d.activation()))


def embedding(d):
  x = L.Input((d.of(None, 4),), dtype=d.of("int32", "float32"))
  y = L.Embedding(7, d.int(2, 4), mask_zero=d.flag())(x)
  return keras.Model(x, L.GlobalAveragePooling1D()(L.Dropout(0.5)(y))), {"*": 7}


def activations(d):
  names = ACTIVATIONS + ["exponential", "softmax", "mish"]
  if not KERAS2:
    names += ["relu6", "silu", "leaky_relu", "celu", "glu", "hard_silu", "hard_tanh", "log_sigmoid", "log_softmax",
              "soft_shrink", "hard_shrink", "squareplus", "sparse_plus", "sparse_sigmoid", "sparsemax", "tanh_shrink"]
  return each((3, 4), [L.Activation(name) for name in names])


def every_activation(d):
  """All that this Keras has a name for."""
  import inspect
  found = [name for name, f in vars(keras.activations).items() if inspect.isfunction(f)]
  names = sorted(set(found) - {"get", "serialize", "deserialize", "get_globals"})
  x = L.Input((3, 4))
  def applied(name):
    try:
      L.Activation(name)(keras.ops.zeros((1, 4)) if not KERAS2 else keras.backend.zeros((1, 4)))
      return L.Activation(name)(x)
    except Exception:  # a function of this module that is no activation, or wants more than one argument
      return None
  return keras.Model(x, [y for y in map(applied, names) if y is not None])


def activation_layers(d):
  slope = {"alpha": 0.2} if KERAS2 else {"negative_slope": 0.2}
  layers = [L.ReLU(max_value=d.of(None, 1.0), negative_slope=d.of(0.0, 0.3), threshold=d.of(0.0, 0.4)), L.LeakyReLU(**slope),
            L.ELU(alpha=d.of(1.0, 0.7)), L.PReLU(shared_axes=d.of(None, [1], [1, 2])), L.Softmax(axis=d.of(-1, 1, [1, 2]))]
  if KERAS2:
    layers.append(L.ThresholdedReLU(theta=0.4))
  return each((3, 4), layers)


def softmax_mask(d):
  x, mask = L.Input((3, 4)), L.Input((3, 4), dtype="bool", name="mask")
  return keras.Model([x, mask], L.Softmax()(x, mask=mask)), {"mask": [True, False]}


def batch_normalization(d):
  rank = d.int(1, 4)
  shape = [d.int(2, 4) for _ in range(rank)]
  options = dict(axis=d.of(-1, 1, rank), center=d.flag(), scale=d.flag(), epsilon=d.of(1e-3, 0.1))
  return sequential(shape, L.BatchNormalization(**options))


def layer_normalization(d):
  axis = d.of(-1, 1, [1, 2], [2], [-1])
  options = dict(axis=axis, center=d.flag(), scale=d.flag(), epsilon=d.of(1e-3, 0.1))
  return sequential((3, 4, 5), L.LayerNormalization(**options))


def group_normalization(d):
  options = dict(groups=d.of(1, 2, 4, -1), center=d.flag(), scale=d.flag(), axis=d.of(-1, 1))
  return sequential((4, d.of(None, 3), 4), L.GroupNormalization(**options))


def other_normalizations(d):
  layers = [L.UnitNormalization(axis=d.of(-1, 1, [1, 2]))]
  if not KERAS2:
    layers.append(L.RMSNormalization(axis=d.of(-1, [1, 2])))
  return each((3, 4), layers)


def spectral_normalization(d):
  if KERAS2:
    return sequential((5, 5, 2), L.SpectralNormalization(L.Conv2D(3, 2)), L.Flatten())
  return sequential((5, 5, 2), L.SpectralNormalization(L.Conv2D(3, 2)), L.Flatten(), L.SpectralNormalization(L.Dense(2)))


def shapes(d):
  layers = [L.Flatten(data_format=d.of("channels_last", "channels_first")), L.Reshape(d.of((-1,), (2, -1), (6, 4, 1), (-1, 8))),
            L.Permute(d.of((2, 1, 3), (3, 1, 2), (1, 3, 2)))]
  return each((2, 3, 4), layers)


def shapes_1d(d):
  layers = [L.ZeroPadding1D(d.of(2, (1, 2))), L.Cropping1D(d.of(1, (0, 2))), L.UpSampling1D(3)]
  return each((d.of(None, 5), 3), layers)


def shapes_2d(d):
  form = d.of("channels_last", "channels_first")
  layers = [L.ZeroPadding2D(d.of(1, (1, 2), ((1, 0), (0, 2))), data_format=form),
            L.Cropping2D(d.of(1, (1, 0), ((1, 0), (0, 2))), data_format=form), L.UpSampling2D(d.of(2, (1, 3)), data_format=form)]
  return each((4, 5, 4), layers)


def shapes_3d(d):
  form = d.of("channels_last", "channels_first")
  layers = [L.ZeroPadding3D(d.of(1, (1, 2, 0), ((1, 0), (0, 2), (0, 0))), data_format=form),
            L.Cropping3D(d.of(1, (1, 0, 1), ((1, 0), (0, 2), (0, 0))), data_format=form),
            L.UpSampling3D(d.of(2, (1, 3, 2)), data_format=form)]
  return each((4, 3, 4, 3), layers)


def upsampling(d):
  return sequential((4, 5, 2), L.UpSampling2D(d.of(2, (3, 2)), interpolation=d.of("bilinear", "bicubic", "nearest")))


def repeat_vector(d):
  return sequential((4,), L.RepeatVector(d.int(1, 4)))


def merges(d):
  shapes = d.of([(3, 4), (3, 4), (3, 4)], [(4,), (3, 4), (1, 4)], [(3, 1), (3, 4), (3, 4)])
  xs = [L.Input(shape) for shape in shapes]
  ys = [layer(xs) for layer in (L.Add(), L.Multiply(), L.Average(), L.Maximum(), L.Minimum())] + [L.Subtract()(xs[:2])]
  return keras.Model(xs, ys)


def concatenate(d):
  axis = d.of(1, 2, -1, -2)
  xs = [L.Input((3, 4)), L.Input((3, 4))]
  return keras.Model(xs, L.Concatenate(axis=axis)(xs))


def dot(d):
  a, b, axes = d.of(((4,), (4,), 1), ((3, 4), (5, 4), 2), ((3, 4), (3, 5), 1), ((3, 4), (4, 5), (2, 1)), ((3, 4), (4,), (2, 1)))
  xs = [L.Input(a), L.Input(b)]
  return keras.Model(xs, L.Dot(axes=axes, normalize=d.flag())(xs))


def regularization(d):
  layers = [L.Dropout(0.4), L.GaussianNoise(0.3), L.GaussianDropout(0.3), L.AlphaDropout(0.2), L.ActivityRegularization(0.1),
            L.SpatialDropout1D(0.3), L.Activation("relu")]
  if not KERAS2:
    layers.append(L.Identity())
  return each((3, 4), layers)


def spatial_dropouts(d):
  return sequential((3, 3, 2, 2), L.SpatialDropout3D(0.2), L.Reshape((3, 3, 4)), L.SpatialDropout2D(0.3), L.Dense(2))


def dtypes(d):
  policy = d.of("float64", "float32", "mixed_float16") if KERAS2 else d.of("float64", "float32")
  return sequential((4,), L.Dense(3, activation="relu", dtype=policy), L.BatchNormalization(dtype=policy), L.Dense(2, dtype="float32"))


def reversible_embedding(d):
  if KERAS2:
    return None
  x = L.Input((4,), dtype="int32")
  layer = L.ReversibleEmbedding(6, 3, tie_weights=d.flag())
  return keras.Model(x, layer(layer(x), reverse=True)), {"*": 6}


def fourier_features(d):
  if not KERAS2:
    return None
  from tensorflow import keras as tf_keras
  return sequential((4,), tf_keras.layers.experimental.RandomFourierFeatures(5, scale=2.0))


CASES = [
    ("dense", 6, dense), ("einsum_dense", 6, einsum_dense), ("embedding", 4, embedding), ("activations", 1, activations), ("every_activation", 1, every_activation),
    ("activation_layers", 5, activation_layers), ("softmax_mask", 1, softmax_mask), ("batch_normalization", 6, batch_normalization),
    ("layer_normalization", 6, layer_normalization), ("group_normalization", 5, group_normalization),
    ("other_normalizations", 3, other_normalizations), ("spectral_normalization", 1, spectral_normalization),
    ("shapes", 4, shapes), ("shapes_1d", 3, shapes_1d), ("shapes_2d", 4, shapes_2d), ("shapes_3d", 4, shapes_3d),
    ("upsampling", 4, upsampling), ("repeat_vector", 1, repeat_vector), ("merges", 3, merges), ("concatenate", 3, concatenate),
    ("dot", 8, dot), ("regularization", 1, regularization), ("spatial_dropouts", 1, spatial_dropouts), ("dtypes", 4, dtypes),
    ("reversible_embedding", 3, reversible_embedding), ("fourier_features", 1, fourier_features),
]
