"""Branches, loops and calls: functions of TensorFlow 2, switches and merges of TensorFlow 1."""
import numpy as np
import tensorflow as tf

from record_scenes import Scenes

scenes = Scenes()
raw = tf.raw_ops
v1 = tf.compat.v1
NUMBERS = ["float32", "int32", "float64", "int64"]


def function(f, *like):
  """`f` as a function of a graph, for arguments such as these."""
  specs = [tf.TensorSpec(None if t.shape.rank is None else t.shape, t.dtype) for t in like]
  return tf.function(f, autograph=False).get_concrete_function(*specs)


def open_like(t):
  """The type of a tensor whose shape is not said."""
  return tf.TensorSpec(None, t.dtype)


def open_function(f, *like):
  return tf.function(f, autograph=False).get_concrete_function(*[open_like(t) for t in like])


def pair(r, s, dtype, shape=None):
  shape = shape or r.any([[], [3], [2, 2]])
  s.n_runs = 2
  known = r.flag()
  return [s.feed(*[r.numbers(dtype, shape, -5, 5) for _ in range(2)], known=known) for _ in range(2)]


BRANCHES = [lambda a, b: (a + b, a * b), lambda a, b: (a - b, tf.maximum(a, b)), lambda a, b: (b, tf.negative(a)),
            lambda a, b: (tf.reduce_max(a) + b, tf.square(b))]


def condition(r, s):
  """Truth, and what counts as such."""
  kind = r.i % 4
  if kind == 3:
    return s.feed(np.int32(0), np.int32(r.any([2, -1])))
  if kind == 2:
    return s.feed(np.array("", object), np.array("x", object))
  if kind == 1:
    return s.feed(np.zeros([0], "float32"), np.ones([2], "float32"), known=False)
  return s.feed(np.bool_(False), np.bool_(True))


@scenes.add(n=28)
def branch(r, s):
  dtype = r.pick(NUMBERS)
  a, b = pair(r, s, dtype)
  make = function if r.flag() else open_function
  f, g = [make(BRANCHES[i], a, b) for i in r.random.permutation(len(BRANCHES))[:2]]
  op = raw.StatelessIf if r.flag() else raw.If
  return list(op(cond=condition(r, s), input=[a, b], Tout=[a.dtype, a.dtype], then_branch=f, else_branch=g))


@scenes.add(n=28)
def case(r, s):
  """An index out of range is the last branch."""
  dtype = r.pick(NUMBERS)
  a, b = pair(r, s, dtype)
  s.n_runs = 3
  order = r.random.permutation(len(BRANCHES))[:r.int(1, 4)]
  op = raw.StatelessCase if r.flag() else raw.Case
  index = s.feed(*[np.int32(x) for x in (r.int(0, 3), r.any([-1, 7]), 1)])
  return list(op(branch_index=index, input=[a, b], Tout=[a.dtype, a.dtype], branches=[open_function(BRANCHES[i], a, b) for i in order]))


@scenes.add(n=28)
def loop(r, s):
  """From `start` up to `end`, which may be none at all."""
  dtype = r.pick(NUMBERS)
  start, end = s.feed(np.int32(0)), s.feed(np.int32(r.int(0, 5)), np.int32(r.int(0, 5)))
  x, y = pair(r, s, dtype)
  bodies = [lambda i, n, x, y: (i + 1, n, x + y, y), lambda i, n, x, y: (i + 1, n, y, x), lambda i, n, x, y: (i + 2, n, x - tf.cast(i, x.dtype), x),
            lambda i, n, x, y: (i + 1, n, tf.where(x > y, x, y), tf.negative(x))]
  body = r.pick(bodies)
  like = [start, end, x, y]
  op = raw.StatelessWhile if r.flag() else raw.While
  cond = function(lambda i, n, x, y: i < n, *like)
  return list(op(input=like, cond=cond, body=function(body, *like), output_shapes=[], parallel_iterations=10))


@scenes.add(n=12)
def growing_loop(r, s):
  """What goes around has another shape in each turn."""
  n, x = s.feed(np.int32(r.int(0, 4))), s.feed(r.numbers("float32", [1, 2]), known=False)
  like = [n, x]
  cond = open_function(lambda n, x: tf.reshape(n, []) > 0, *like)
  body = open_function(lambda n, x: (n - 1, tf.concat([x, x[:1] + tf.cast(n, tf.float32)], 0)), *like)
  return list(raw.StatelessWhile(input=like, cond=cond, body=body))


@scenes.add(n=12)
def loop_in_loop(r, s):
  x = s.feed(r.numbers("int32", [2], 1, 5))
  outer, inner = s.feed(np.int32(r.int(1, 3))), s.feed(np.int32(r.int(0, 3)))

  def inner_body(j, m, x):
    return j + 1, m, x * 2 + j

  def body(i, n, m, x):
    _, _, y = raw.StatelessWhile(input=[tf.constant(0), m, x], cond=function(lambda j, m, x: j < m, i, m, x), body=function(inner_body, i, m, x))
    return i + 1, n, m, y - i

  like = [tf.constant(0), outer, inner, x]
  return list(raw.While(input=like, cond=function(lambda i, n, m, x: i < n, *like), body=function(body, *like)))[2:]


@scenes.add(n=12)
def branch_in_loop(r, s):
  x, n = s.feed(r.numbers("int32", [3], -5, 5)), s.feed(np.int32(r.int(0, 5)))

  def body(i, n, x):
    down = function(lambda x: (x - 1,), x)
    up = function(lambda x: (x * 2,), x)
    (y,) = raw.StatelessIf(cond=tf.reduce_sum(x) > 4, input=[x], Tout=[x.dtype], then_branch=down, else_branch=up)
    return i + 1, n, tf.ensure_shape(y, [3])

  like = [tf.constant(0), n, x]
  return list(raw.StatelessWhile(input=like, cond=function(lambda i, n, x: i < n, *like), body=function(body, *like)))


@scenes.add(n=24)
def call(r, s):
  """Functions that call functions."""
  dtype = r.pick(NUMBERS)
  a, b = pair(r, s, dtype)
  inner = open_function(BRANCHES[r.int(0, 3)], a, b)
  op = raw.PartitionedCall if r.flag() else raw.StatefulPartitionedCall
  if r.flag():
    return list(op(args=[a, b], Tout=[a.dtype, a.dtype], f=inner))

  def outer(a, b):
    c, d = raw.PartitionedCall(args=[a, b], Tout=[a.dtype, a.dtype], f=inner)
    return d, c + a

  return list(op(args=[a, b], Tout=[a.dtype, a.dtype], f=open_function(outer, a, b)))


@scenes.add(n=12)
def call_with_effects(r, s):
  """A function changes a variable, though nobody asks for what it gives."""
  v = raw.VarHandleOp(dtype="float32", shape=[2], shared_name="v")
  x = s.feed(r.numbers("float32", [2]), r.numbers("float32", [2]))
  s.n_runs = 2

  def f(v, x):
    done = raw.AssignVariableOp(resource=v, value=x * 2)
    with tf.control_dependencies([done]):
      return tf.identity(x) - 1.0

  specs = [tf.TensorSpec([], tf.resource), tf.TensorSpec([2], tf.float32)]
  f = tf.function(f, autograph=False).get_concrete_function(*specs)
  (y,) = raw.StatefulPartitionedCall(args=[v, x], Tout=[tf.float32], f=f)
  with tf.control_dependencies([y]):
    return [y, raw.ReadVariableOp(resource=v, dtype=tf.float32)]


@scenes.add(n=12)
def loop_over_a_list(r, s):
  """A list of variants goes around: what Keras' recurrent layers become."""
  x = s.feed(r.numbers("float32", [r.int(1, 4), 2]))
  n = tf.shape(x)[0]
  all = raw.TensorListFromTensor(tensor=x, element_shape=tf.constant([2]))
  out = raw.TensorListReserve(element_shape=tf.constant([2]), num_elements=n, element_dtype=tf.float32)

  def body(i, n, all, out, h):
    row = raw.TensorListGetItem(input_handle=all, index=i, element_shape=tf.constant([2]), element_dtype=tf.float32)
    h = h * 0.5 + row
    return i + 1, n, all, raw.TensorListSetItem(input_handle=out, index=i, item=h), h

  like = [tf.constant(0), n, all, out, tf.zeros([2])]
  cond = function(lambda i, n, all, out, h: i < n, *like)
  found = raw.StatelessWhile(input=like, cond=cond, body=function(body, *like))
  return [raw.TensorListStack(input_handle=found[3], element_shape=tf.constant([2]), element_dtype=tf.float32), found[4]]


# ---- TensorFlow 1 ----

@scenes.add(n=24)
def switch_and_merge(r, s):
  dtype = r.pick(NUMBERS)
  a, b = pair(r, s, dtype)
  pred = s.feed(np.bool_(r.flag()), np.bool_(r.flag()))
  no, yes = raw.Switch(data=a, pred=pred)
  f, g = [BRANCHES[i] for i in r.random.permutation(2)]
  b_no, b_yes = raw.Switch(data=b, pred=pred)
  value, index = raw.Merge(inputs=[f(no, b_no)[0], g(yes, b_yes)[1]])
  return [value, index]


@scenes.add(n=14)
def conditional(r, s):
  """As `tf.cond` builds it, one in the other."""
  dtype = r.pick(NUMBERS)
  a, b = pair(r, s, dtype, [2])
  p, q = [s.feed(np.bool_(r.flag()), np.bool_(r.flag())) for _ in range(2)]
  inner = lambda: v1.cond(q, lambda: a + b, lambda: a - b)
  return [v1.cond(p, inner, lambda: b * 2), v1.cond(q, lambda: tf.constant(1), lambda: tf.constant(2))]


@scenes.add(n=24)
def older_loop(r, s):
  """Enter, Merge, LoopCond, Switch, NextIteration, Exit."""
  dtype = r.pick(NUMBERS)
  x, y = [tf.ensure_shape(t, [2]) for t in pair(r, s, dtype, [2])]
  n = s.feed(np.int32(r.int(0, 5)), np.int32(r.int(0, 5)))
  bodies = [lambda i, x: (i + 1, x + y), lambda i, x: (i + 1, y - x), lambda i, x: (i + 2, x * tf.cast(i, x.dtype))]
  return list(v1.while_loop(lambda i, x: i < n, r.pick(bodies), [tf.constant(0), x], parallel_iterations=r.any([1, 10])))


@scenes.add(n=14)
def older_loop_in_loop(r, s):
  x = s.feed(r.numbers("int32", [2], 1, 5))
  outer, inner = s.feed(np.int32(r.int(0, 3))), s.feed(np.int32(r.int(0, 3)))

  def body(i, x):
    _, y = v1.while_loop(lambda j, y: j < inner, lambda j, y: (j + 1, y + i * j), [tf.constant(0), x])
    return i + 1, v1.cond(tf.reduce_sum(y) > 9, lambda: y - 5, lambda: y * 2)

  return list(v1.while_loop(lambda i, x: i < outer, body, [tf.constant(0), x]))


@scenes.add(n=12)
def older_loop_over_an_array(r, s):
  n = r.int(1, 4)
  x = s.feed(r.numbers("float32", [n, 2]))
  handle, flow = raw.TensorArrayV3(size=tf.constant(n), dtype=tf.float32, element_shape=[2])
  out, out_flow = raw.TensorArrayV3(size=tf.constant(n), dtype=tf.float32, element_shape=[2])
  flow = raw.TensorArrayScatterV3(handle=handle, indices=tf.range(n), value=x, flow_in=flow)

  def body(i, h, out_flow):
    h = h * 0.5 + tf.ensure_shape(raw.TensorArrayReadV3(handle=handle, index=i, flow_in=flow, dtype=tf.float32), [2])
    return i + 1, h, raw.TensorArrayWriteV3(handle=out, index=i, value=h, flow_in=out_flow)

  _, h, out_flow = v1.while_loop(lambda i, h, f: i < n, body, [tf.constant(0), tf.zeros([2]), out_flow])
  return [h, raw.TensorArrayGatherV3(handle=out, indices=tf.range(n), flow_in=out_flow, dtype=tf.float32)]
