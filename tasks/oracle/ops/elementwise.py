"""Ops of one, two or three numbers."""
import numpy as np

from record_ops import BFLOAT16, COMPLEX, FLOATS, INTS, SIGNED, UNSIGNED, Cases, np_dtype

cases = Cases()


def unary(names, dtypes, low=None, high=None, argument="x", n=14, wide=True):
  """Numbers of every size in turn with numbers from low to high."""
  for name in names.split():
    def make(r):
      dtype, shape = r.pick(dtypes), r.shape(r.int(1, 3), 1, 4) if r.i % 7 else r.pick([[0], [], [2, 0]])
      if (wide and r.i % 3 == 1) or low is None:
        return {argument: r.wide(dtype, shape)}
      return {argument: r.numbers(dtype, shape, low, high)}
    cases.op(name, n=n)(make)


unary("Abs", FLOATS + SIGNED, -4, 4, n=16)
unary("Neg", FLOATS + INTS + COMPLEX, -4, 4, n=20)
unary("Sign", FLOATS + SIGNED, -4, 4, n=16)
unary("Square", FLOATS + SIGNED[:2] + COMPLEX, -4, 4, n=16)
unary("Acos Asin", FLOATS, -1, 1)
unary("Acosh", FLOATS, 1, 20)
unary("Asinh Atan Cosh Sinh", FLOATS, -9, 9)
unary("Cos Sin Tan", FLOATS, -20, 20, wide=False)
unary("Atanh", FLOATS, -1, 1)
unary("Tanh Sigmoid Expm1 Erf Erfc", FLOATS, -4, 4)
unary("Exp", FLOATS, -10, 10)
unary("Sqrt Rsqrt Log", FLOATS, 0, 9)
unary("Log1p", FLOATS, -1, 9)
unary("Cos Sin Cosh Sinh Exp Log Sqrt Rsqrt Sigmoid Tanh Tan", COMPLEX, -2, 2, n=6, wide=False)
unary("Ceil Floor Rint", FLOATS, -9, 9)
# The kernel for integers leaves zeros (TF 2.19); `tf.round` never runs it.
unary("Round", FLOATS, -9, 9, n=18)
unary("Inv Reciprocal", FLOATS + COMPLEX, -4, 4)
unary("Invert", INTS, n=16)
unary("Lgamma", FLOATS[:3], -6, 9)
unary("Digamma", FLOATS[:3], -6, 9)
unary("IsFinite IsInf IsNan", FLOATS)
unary("LogicalNot", ["bool"])
unary("Ndtri", FLOATS[:2], 0, 1)
unary("Erfinv", FLOATS[:2], -1, 1)
unary("BesselI0e BesselI1e", FLOATS[:3], -9, 9, n=16)
unary("Dawsn BesselJ0 BesselJ1 BesselK0 BesselK1 BesselK0e BesselK1e BesselI0 BesselI1 "
      "BesselY0", FLOATS[:2], 0.1, 9)
# Of large numbers TensorFlow knows the angle badly, and where they overflow it gives NaN.
unary("Expint FresnelCos FresnelSin Spence", FLOATS[:2], 0.1, 9, wide=False)
# In single precision it is NaN at 0, in double precision -inf.
unary("BesselY1", FLOATS[:2], 0.1, 9, wide=False)
unary("PopulationCount", INTS)
unary("Elu Selu Softplus Softsign", FLOATS, -9, 9, argument="features")
unary("Relu Relu6", FLOATS + SIGNED + UNSIGNED[:2], -9, 9, argument="features", n=20)


@cases.op("LeakyRelu")
def _(r):
  attrs = {} if r.i % 3 == 0 else {"alpha": r.pick([0.0, 0.5, 1.5])}
  return dict(features=r.wide(r.pick(FLOATS), r.shape()), **attrs)


def binary(names, dtypes, low=None, high=None, n=20, wide=True, y_low=None, y_high=None):
  for name in names.split():
    def make(r):
      dtype = r.pick(dtypes)
      a, b = r.broadcast() if r.i % 8 else r.pick([([0], [1]), ([2, 0], []), ([0, 3], [3]), ([], [])])
      if (wide and r.i % 3 == 1) or low is None:
        return dict(x=r.wide(dtype, a), y=r.wide(dtype, b))
      return dict(x=r.numbers(dtype, a, low, high),
                  y=r.numbers(dtype, b, low if y_low is None else y_low, high if y_high is None else y_high))
    cases.op(name, n=n)(make)


binary("Add AddV2 Sub Mul", FLOATS + INTS + COMPLEX, -9, 9, n=28)
binary("Maximum Minimum", FLOATS + INTS, -9, 9, n=24)
binary("SquaredDifference", FLOATS + SIGNED[:2] + COMPLEX, -9, 9)
binary("Div RealDiv", FLOATS + COMPLEX, -9, 9)
binary("DivNoNan", FLOATS + COMPLEX, -2, 2)
binary("MulNoNan", FLOATS + COMPLEX, -2, 2)
binary("FloorDiv", FLOATS, -9, 9)
binary("FloorMod", FLOATS[:2] + ["bfloat16"], -9, 9)
binary("Mod", FLOATS[:2], -9, 9)
binary("Atan2", FLOATS, -4, 4)
binary("Pow", FLOATS, 0, 4, y_low=-3, y_high=3)
binary("Pow", COMPLEX, -2, 2, n=4, wide=False)
binary("Xdivy Xlogy Xlog1py", FLOATS + COMPLEX, -2, 4, wide=False)
binary("BitwiseAnd BitwiseOr BitwiseXor", INTS)
binary("LogicalAnd LogicalOr", ["bool"])
binary("Equal NotEqual", FLOATS + INTS + COMPLEX + ["bool"], -1, 1, n=24)
binary("Greater GreaterEqual Less LessEqual", FLOATS + INTS, -2, 2, n=24)


@cases.op("Igamma", "Igammac", "IgammaGradA", n=16)
def _(r):
  a, b = r.broadcast()
  dtype = r.pick(FLOATS[:2])
  return dict(a=r.numbers(dtype, a, 0.05, r.pick([3, 30])), x=r.numbers(dtype, b, 0, r.pick([3, 30])))


@cases.op("Betainc", n=16)
def _(r):
  shape = r.shape(r.int(1, 2))
  dtype = r.pick(FLOATS[:2])
  return dict(a=r.numbers(dtype, shape, 0.1, 9), b=r.numbers(dtype, shape, 0.1, 9), x=r.numbers(dtype, shape, 0, 1))


@cases.op("Polygamma", n=16)
def _(r):
  a, b = r.broadcast()
  dtype = r.pick(FLOATS[:2])
  return dict(a=r.numbers("int32", a, 0, 5).astype(dtype), x=r.numbers(dtype, b, 0.3, 8))


@cases.op("Div", "FloorDiv", "TruncateDiv", "RealDiv", "Mod", "FloorMod", "TruncateMod", n=18)
def _(r):
  """Division of integers, the extremes among them."""
  dtype = r.pick(INTS)
  a, b = r.broadcast()
  x, y = r.wide(dtype, a), r.numbers(dtype, b, -7, 7)
  if r.i % 4 == 0:
    y = r.wide(dtype, b)
  # The lowest number by -1 overflows, which traps where the CPU divides.
  return dict(x=np.where(x == np.iinfo(dtype).min, 5, x).astype(dtype), y=np.where(y == 0, 3, y).astype(dtype))


@cases.op("Div", "FloorDiv", "FloorMod", "TruncateDiv", n=2)
def _(r):
  return dict(x=r.numbers(r.pick(SIGNED[:2]), [3]), y=np.array([1, 0, 2], r.pick(SIGNED[:2])), _error=True)


@cases.op("Pow", n=6)
def _(r):
  dtype = r.pick(["int32", "int64"])
  return dict(x=r.numbers(dtype, [2, 3], -9, 9), y=r.numbers(dtype, [3], 0, 12))


@cases.op("Pow", n=2)
def _(r):
  return dict(x=r.numbers("int32", [2]), y=np.array([2, -1], "int32"), _error=True)


@cases.op("LeftShift", "RightShift", n=16)
def _(r):
  dtype = r.pick(INTS)
  a, b = r.broadcast()
  return dict(x=r.wide(dtype, a), y=r.numbers(dtype, b, -2, 9) if r.i % 2 else r.wide(dtype, b))


@cases.op("ApproximateEqual")
def _(r):
  dtype, shape = r.pick(FLOATS[:2] + ["int32"]), r.shape(r.int(1, 3))
  x = r.numbers(dtype, shape)
  attrs = {"tolerance": 0.5} if r.i % 2 else {}
  return dict(x=x, y=np.asarray(x + r.pick([0, 1e-6, 0.4, 1])).astype(dtype), **attrs)


@cases.op("AddN")
def _(r):
  dtype, shape = r.pick(FLOATS + INTS + ["complex64"]), r.shape()
  return dict(inputs=[np.array(r.numbers(dtype, shape, -9, 9)) for _ in range(r.int(1, 5))])


@cases.op("BiasAdd", n=14)
def _(r):
  dtype = r.pick(FLOATS + ["int32", "int64"])
  x = r.numbers(dtype, r.shape(r.int(3, 5)), -9, 9)
  data_format = r.any(["NHWC", "NCHW"])
  n = x.shape[1 if data_format == "NCHW" else -1]
  return dict(value=x, bias=r.numbers(dtype, [n], -9, 9), data_format=data_format)


@cases.op("BiasAddGrad", n=14)
def _(r):
  dtype = r.pick(FLOATS + ["int32", "int64"])
  x = r.numbers(dtype, r.shape(r.int(3, 5)), -9, 9)
  return dict(out_backprop=x, data_format=r.any(["NHWC", "NCHW"]))


@cases.op("Complex", n=12)
def _(r):
  dtype = r.pick(["float32", "float64"])
  a, b = r.broadcast()
  return dict(real=r.wide(dtype, a), imag=r.wide(dtype, b), Tout="complex64" if dtype == "float32" else "complex128")


@cases.op("Real", "Imag", "Angle", n=12)
def _(r):
  dtype = r.pick(COMPLEX)
  return dict(input=r.numbers(dtype, r.shape()), Tout="float32" if dtype == "complex64" else "float64")


@cases.op("ComplexAbs", n=12)
def _(r):
  dtype = r.pick(COMPLEX)
  return dict(x=r.numbers(dtype, r.shape()), Tout="float32" if dtype == "complex64" else "float64")


@cases.op("Conj", n=12)
def _(r):
  return dict(input=r.numbers(r.pick(COMPLEX), r.shape()))


@cases.op("ReluGrad", "Relu6Grad", "SoftplusGrad", "SoftsignGrad", "LeakyReluGrad", n=14)
def _(r):
  dtype, shape = r.pick(FLOATS), r.shape()
  return dict(gradients=r.numbers(dtype, shape), features=r.numbers(dtype, shape, -9, 9))


@cases.op("EluGrad", "SeluGrad", n=14)
def _(r):
  dtype, shape = r.pick(FLOATS), r.shape()
  return dict(gradients=r.numbers(dtype, shape), outputs=r.numbers(dtype, shape, -1, 2))


@cases.op("SigmoidGrad", "TanhGrad", "SqrtGrad", "RsqrtGrad", "InvGrad", "ReciprocalGrad", n=14)
def _(r):
  dtype, shape = r.pick(FLOATS), r.shape()
  return dict(y=r.numbers(dtype, shape, 0.1, 0.9), dy=r.numbers(dtype, shape))


@cases.op("ClipByValue", n=14)
def _(r):
  dtype, shape = r.pick(FLOATS[:3] + SIGNED + ["uint8"]), r.shape()
  low, high = r.numbers(dtype, [], -2, 0), r.numbers(dtype, [], 1, 3)
  if r.i % 3 == 0:
    low = r.numbers(dtype, shape, -2, 0)
    high = r.numbers(dtype, shape, 1, 3)
  return dict(t=r.wide(dtype, shape) if r.i % 2 else r.numbers(dtype, shape, -5, 5), clip_value_min=low, clip_value_max=high)


@cases.op("Select", n=14)
def _(r):
  dtype = r.pick(FLOATS + INTS + ["bool", "complex64"])
  shape = r.shape(r.int(1, 3))
  condition = r.pick([shape, shape[:1], []])
  return dict(condition=r.numbers("bool", condition), x=r.numbers(dtype, shape), y=r.numbers(dtype, shape))


@cases.op("SelectV2", n=14)
def _(r):
  dtype = r.pick(FLOATS + INTS + ["bool", "complex64"])
  a, b = r.broadcast(2)
  return dict(condition=r.numbers("bool", r.any([a, b, []])), t=r.numbers(dtype, a), e=r.numbers(dtype, b))


@cases.op("Bitcast", n=24)
def _(r):
  sizes = {1: ["int8", "uint8"], 2: ["int16", "uint16", "float16", "bfloat16"], 4: ["int32", "uint32", "float32"],
           8: ["int64", "uint64", "float64", "complex64"]}
  source, to = r.pick([1, 2, 4, 8]), r.any([1, 2, 4, 8])
  shape = r.shape() + ([to // source] if to > source else [])
  dtype = r.any(sizes[source])
  x = r.numbers(dtype, shape, -9, 9) if source > 1 and to > 1 else r.wide(dtype, shape)
  return dict(input=x, type=r.any(sizes[to]))


@cases.op("Cast", n=60)
def _(r):
  every = FLOATS + INTS + COMPLEX + ["bool"]
  to = every[r.i * 7 % len(every)]
  source = every[r.i % len(every)]
  # What a float beyond an integer's range becomes is the CPU's business, and not the same on all.
  x = r.numbers(source, r.shape(), -90, 90) if "int" in to and "int" not in source else r.wide(source, r.shape())
  if to.startswith("u") and "int" not in source and source != "bool":
    x = np.abs(x).astype(x.dtype)
  return dict(x=x, DstT=to)


@cases.op("Bucketize", n=14)
def _(r):
  dtype = r.pick(["int32", "int64", "float32", "float64"])
  limits = sorted(float(x) for x in r.random.randint(-5, 6, r.int(0, 4)))
  return dict(input=r.numbers(dtype, r.shape(), -7, 7), boundaries=limits)


@cases.op("ZerosLike", "OnesLike", n=16)
def _(r):
  return dict(x=r.numbers(r.pick(FLOATS + INTS + COMPLEX + ["bool"]), r.shape()))


FAKE = [dict(min=-6.0, max=6.0), dict(min=0.0, max=1.0, num_bits=4), dict(min=0.1, max=0.9, num_bits=8), dict(min=-1.0, max=-0.2),
        dict(min=-3.0, max=5.0, narrow_range=True), dict(min=-1.3, max=2.7, num_bits=3, narrow_range=True)]


@cases.op("FakeQuantWithMinMaxArgs", n=12)
def _(r):
  return dict(inputs=r.numbers("float32", r.shape(r.int(1, 3)), -8, 8), **r.pick(FAKE))


@cases.op("FakeQuantWithMinMaxVars", n=12)
def _(r):
  attrs = dict(r.pick(FAKE))
  low, high = np.float32(attrs.pop("min")), np.float32(attrs.pop("max"))
  return dict(inputs=r.numbers("float32", r.shape(r.int(1, 3)), -8, 8), min=low, max=high, **attrs)


@cases.op("FakeQuantWithMinMaxVarsPerChannel", n=12)
def _(r):
  shape = r.shape(r.int(1, 3))
  attrs = {k: v for k, v in r.pick(FAKE).items() if k not in ("min", "max")}
  return dict(inputs=r.numbers("float32", shape, -8, 8), min=r.numbers("float32", shape[-1:], -6, -0.1),
              max=r.numbers("float32", shape[-1:], 0.1, 6), **attrs)


@cases.op("QuantizeV2", n=16)
def _(r):
  attrs = r.pick([dict(mode="MIN_COMBINED"), dict(mode="MIN_FIRST"), dict(mode="SCALED"), dict(mode="SCALED", narrow_range=True)])
  T = r.any(["quint8", "qint8"])
  return dict(input=r.numbers("float32", r.shape(r.int(1, 2)), -8, 8), min_range=np.float32(-6), max_range=np.float32(5), T=T,
              **attrs)


@cases.op("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4", n=14)
def _(r):
  dtype = r.pick(["float32", "float64"])
  attrs = r.pick([dict(), dict(signed_input=False), dict(range_given=True), dict(range_given=True, narrow_range=True)])
  return dict(input=r.numbers(dtype, r.shape(r.int(1, 2)), 0 if attrs.get("signed_input") is False else -8, 8),
              input_min=np.array(-5, dtype), input_max=np.array(6, dtype), **attrs)


@cases.op("QuantizeAndDequantizeV3", n=14)
def _(r):
  dtype = r.pick(["float32", "float64"])
  attrs = r.pick([dict(), dict(signed_input=False), dict(range_given=True), dict(range_given=True, narrow_range=True)])
  return dict(input=r.numbers(dtype, r.shape(r.int(1, 2)), 0 if attrs.get("signed_input") is False else -8, 8),
              input_min=np.array(-5, dtype), input_max=np.array(6, dtype), num_bits=np.int32(r.pick([8, 4])), **attrs)


@cases.op("Softmax", "LogSoftmax", n=14)
def _(r):
  shape = r.shape(r.int(1, 3))
  return dict(logits=r.numbers(r.pick(FLOATS), shape, -9, r.pick([9, 200])))


@cases.op("NextAfter", n=14)
def _(r):
  a, b = r.broadcast()
  dtype = r.pick(FLOATS[:2])
  return dict(x1=r.wide(dtype, a), x2=r.wide(dtype, b))


@cases.op("Zeta", n=14)
def _(r):
  a, b = r.broadcast()
  dtype = r.pick(FLOATS[:2])
  return dict(x=r.numbers(dtype, a, 1.1, 6), q=r.numbers(dtype, b, 0.2, 5))
