"""Variables, generators in variables, and what is printed or asserted."""
import numpy as np
import tensorflow as tf

from record_scenes import Scenes

scenes = Scenes()
raw = tf.raw_ops
NUMBERS = ["float32", "int32", "float64", "int64", "float16", "uint8", "int16", "bfloat16"]
TYPES = NUMBERS + ["bool", "string"]


def numbers(r, dtype, shape, low=-9, high=9):
  if dtype == "string":
    return np.array([f"w{r.int(0, 99)}" for _ in range(int(np.prod(shape)))], object).reshape(shape)
  return r.numbers(dtype, shape, low, high)


def shapes(r):
  return r.any([[], [3], [2, 3], [0, 2]])


def variable(r, dtype, shape):
  known = tf.TensorShape(shape) if r.flag() else tf.TensorShape(None)
  return raw.VarHandleOp(dtype=dtype, shape=known, shared_name=r.any(["", "v"]))


def after(*ops):
  return tf.control_dependencies([op for op in ops if op is not None])


@scenes.add(n=20)
def assigned_and_read(r, s):
  dtype, shape = r.pick(TYPES), shapes(r)
  v = variable(r, dtype, shape)
  s.n_runs = 2
  ready = raw.VarIsInitializedOp(resource=v)
  with after(ready):
    put = raw.AssignVariableOp(resource=v, value=s.feed(numbers(r, dtype, shape), numbers(r, dtype, shape)))
  with after(put):
    return [ready, raw.ReadVariableOp(resource=v, dtype=dtype), raw.VariableShape(input=v, out_type=r.any([tf.int32, tf.int64])),
            raw.VarIsInitializedOp(resource=v)]


@scenes.add(n=20)
def counted(r, s):
  """Additions and subtractions add up over runs."""
  dtype, shape = r.pick(NUMBERS), shapes(r)
  v = variable(r, dtype, shape)
  s.n_runs = 3
  first = tf.constant(numbers(r, dtype, shape, 0, 5))
  ready = raw.VarIsInitializedOp(resource=v)
  with after(ready):
    put = tf.cond(ready, lambda: tf.no_op(), lambda: raw.AssignVariableOp(resource=v, value=first))
  more, less = [s.feed(*[numbers(r, dtype, shape, 0, 5) for _ in range(3)]) for _ in range(2)]
  with after(put):
    add = raw.AssignAddVariableOp(resource=v, value=more)
  with after(add):
    middle = raw.ReadVariableOp(resource=v, dtype=dtype)
  with after(middle):
    sub = raw.AssignSubVariableOp(resource=v, value=less)
  with after(sub):
    return [middle, raw.ReadVariableOp(resource=v, dtype=dtype)]


@scenes.add(n=12)
def destroyed(r, s):
  dtype, shape = r.pick(TYPES), shapes(r)
  v = variable(r, dtype, shape)
  put = raw.AssignVariableOp(resource=v, value=s.feed(numbers(r, dtype, shape)))
  with after(put):
    before = raw.VarIsInitializedOp(resource=v)
    value = raw.ReadVariableOp(resource=v, dtype=dtype)
  with after(before, value):
    gone = raw.DestroyResourceOp(resource=v, ignore_lookup_error=r.flag())
  with after(gone):
    return [before, value, tf.constant(1)]


@scenes.add(n=4)
def read_too_early(r, s):
  s.fails = True
  v = variable(r, "float32", [2])
  return [raw.ReadVariableOp(resource=v, dtype="float32") + s.feed(np.ones([2], "float32"))]


@scenes.add(n=16)
def gathered(r, s):
  dtype = r.pick(NUMBERS + ["bool"])
  v = variable(r, dtype, [4, 2])
  put = raw.AssignVariableOp(resource=v, value=s.feed(numbers(r, dtype, [4, 2])))
  indices = r.numbers(r.any(["int32", "int64"]), r.any([[3], [2, 2], [], [0]]), 0, 3)
  places = r.numbers(r.any(["int32", "int64"]), r.any([[3, 2], [2, 1], [2, 2, 2]]), 0, 1)
  indices, places = s.feed(indices, known=r.flag()), s.feed(places)
  with after(put):
    return [raw.ResourceGather(resource=v, indices=indices, dtype=dtype), raw.ResourceGatherNd(resource=v, indices=places, dtype=dtype)]


@scenes.add(n=84)
def scattered(r, s):
  """Rows may come twice; one row may go to all."""
  op = r.pick(["Add", "Sub", "Mul", "Min", "Max", "Update"])
  dtype = r.any(["float32", "int32", "float64", "int64"])
  v = variable(r, dtype, [4, 2])
  s.n_runs = 2
  start = tf.constant(numbers(r, dtype, [4, 2]))
  ready = raw.VarIsInitializedOp(resource=v)
  with after(ready):
    put = tf.cond(ready, lambda: tf.no_op(), lambda: raw.AssignVariableOp(resource=v, value=start))
  places = [r.numbers("int32", [3], 0, 3) for _ in range(2)]
  if op == "Update":
    places = [r.random.permutation(4)[:3].astype("int32") for _ in range(2)]
  shape = r.any([[3, 2], []])
  rows = s.feed(*[numbers(r, dtype, shape, -3, 3) for _ in range(2)])
  indices = s.feed(*places)
  with after(put):
    done = getattr(raw, f"ResourceScatter{op}")(resource=v, indices=indices, updates=rows)
  with after(done):
    return [raw.ReadVariableOp(resource=v, dtype=dtype)]


@scenes.add(n=6)
def scattered_outside(r, s):
  s.fails = True
  v = variable(r, "float32", [4, 2])
  put = raw.AssignVariableOp(resource=v, value=s.feed(np.zeros([4, 2], "float32")))
  indices, rows = s.feed(np.array([0, r.any([4, -1])], "int32")), s.feed(np.zeros([2, 2], "float32"))
  with after(put):
    done = getattr(raw, "ResourceScatter" + r.pick(["Add", "Update", "Max"]))(resource=v, indices=indices, updates=rows)
  with after(done):
    return [raw.ReadVariableOp(resource=v, dtype="float32")]


# ---- variables of TensorFlow 1 ----

@scenes.add(n=16)
def references(r, s):
  dtype, shape = r.pick(["float32", "int32", "float64", "int64"]), r.any([[3], [2, 3], []])
  v = (raw.VariableV2 if r.flag() else raw.Variable)(shape=shape, dtype=dtype)
  s.n_runs = 2
  value, more, less = [s.feed(*[numbers(r, dtype, shape) for _ in range(2)]) for _ in range(3)]
  before = raw.IsVariableInitialized(ref=v)
  with after(before):
    put = raw.Assign(ref=v, value=value)
  with after(put):
    ready = raw.IsVariableInitialized(ref=v)
  with after(ready):
    add = raw.AssignAdd(ref=v, value=more)
  with after(add):
    middle = tf.identity(add + tf.zeros_like(value))
  with after(middle):
    sub = raw.AssignSub(ref=v, value=less)
  with after(sub):
    return [before, ready, middle, tf.identity(sub + tf.zeros_like(value))]


@scenes.add(n=12)
def scattered_references(r, s):
  dtype = r.pick(["float32", "int32", "float64", "int64"])
  v = raw.VariableV2(shape=[4, 2], dtype=dtype)
  put = raw.Assign(ref=v, value=s.feed(numbers(r, dtype, [4, 2])))
  places = s.feed(r.random.permutation(4)[:2].astype(r.any(["int32", "int64"])))
  done = raw.ScatterUpdate(ref=put, indices=places, updates=s.feed(numbers(r, dtype, [2, 2])))
  return [tf.identity(done)]


# ---- generators ----

@scenes.add(n=14)
def generator(r, s):
  """Philox in a variable: a counter of two words and a key."""
  v = raw.VarHandleOp(dtype="int64", shape=[3])
  start = tf.constant(np.array([r.int(0, 1 << 30), r.int(0, 99), r.int(-(1 << 30), 1 << 30)], "int64"))
  s.n_runs = 3
  ready = raw.VarIsInitializedOp(resource=v)
  with after(ready):
    put = tf.cond(ready, lambda: tf.no_op(), lambda: raw.AssignVariableOp(resource=v, value=start))
  delta, more = s.feed(np.uint64(r.int(0, 1000))), s.feed(np.int64(r.int(0, 1000)))
  with after(put):
    state = raw.RngReadAndSkip(resource=v, alg=tf.constant(1), delta=delta)
  with after(state):
    skipped = raw.RngSkip(resource=v, algorithm=tf.constant(1, tf.int64), delta=more)
  with after(skipped):
    return [state, raw.ReadVariableOp(resource=v, dtype="int64")]


@scenes.add(n=12)
def numbers_of_a_generator(r, s):
  """As `tf.random.Generator` draws them."""
  v = raw.VarHandleOp(dtype="int64", shape=[3])
  start = tf.constant(np.array([0, 0, r.int(1, 1 << 30)], "int64"))
  s.n_runs = 2
  ready = raw.VarIsInitializedOp(resource=v)
  with after(ready):
    put = tf.cond(ready, lambda: tf.no_op(), lambda: raw.AssignVariableOp(resource=v, value=start))
  with after(put):
    state = raw.RngReadAndSkip(resource=v, alg=tf.constant(1), delta=tf.constant(256, tf.uint64))
  counter, key = tf.bitcast(state[:2], tf.uint64), tf.bitcast(state[2:], tf.uint64)
  shape = s.feed(np.array([r.int(1, 4), 3], "int32"))
  return [raw.StatelessRandomUniformV2(shape=shape, key=key, counter=counter, alg=tf.constant(1), dtype=tf.float32),
          raw.StatelessRandomUniformFullIntV2(shape=shape, key=key, counter=counter, alg=tf.constant(1), dtype=r.any([tf.int32, tf.int64]))]


# ---- messages ----

@scenes.add(n=12)
def asserted(r, s):
  s.fails = r.i % 3 == 2
  x = s.feed(r.numbers("float32", [2]))
  done = raw.Assert(condition=s.feed(np.bool_(not s.fails)), data=[x, tf.constant("is wrong")], summarize=r.any([3, 1]))
  with after(done):
    return [tf.identity(x)]


@scenes.add(n=12)
def printed(r, s):
  dtype = r.pick(TYPES)
  x = s.feed(numbers(r, dtype, shapes(r)))
  y = raw.Print(input=x, data=[tf.constant(1), tf.constant("a")], message="x is ", first_n=r.any([-1, 0, 1]))
  done = raw.PrintV2(input=tf.constant("a text"), output_stream="stderr", end=r.any(["", "\n"]))
  with after(done):
    return [y, tf.constant(True)]
