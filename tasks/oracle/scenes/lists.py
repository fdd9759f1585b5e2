"""Tensor lists, tensor arrays and stacks."""
import numpy as np
import tensorflow as tf

from record_scenes import Scenes

scenes = Scenes()
raw = tf.raw_ops
TYPES = ["float32", "int32", "string", "bool", "int64", "float64"]


def numbers(r, dtype, shape):
  if dtype == "string":
    n = int(np.prod(shape))
    return np.array([f"w{r.int(0, 99)}" for _ in range(n)], object).reshape(shape)
  return r.numbers(dtype, shape, -9, 9)


def ints(all):
  return tf.constant(all, tf.int32)


def shape_input(r, shape):
  """All dims, some, or nothing."""
  how = r.int(0, 2)
  if how == 2:
    return ints(-1)
  return ints([n if how == 0 or r.flag() else -1 for n in shape]) if shape else tf.constant(np.zeros([0], "int32"))


def row(r):
  return r.any([[], [2], [2, 3]])


@scenes.add(n=16)
def list_of_rows(r, s):
  dtype, shape, n = r.pick(TYPES), row(r), r.int(1, 4)
  x = s.feed(numbers(r, dtype, [n] + shape), known=r.flag())
  all = raw.TensorListFromTensor(tensor=x, element_shape=shape_input(r, shape))
  return [raw.TensorListStack(input_handle=all, element_shape=shape_input(r, shape), element_dtype=dtype),
          raw.TensorListLength(input_handle=all),
          raw.TensorListGetItem(input_handle=all, index=ints(r.int(0, n - 1)), element_shape=shape_input(r, shape), element_dtype=dtype)]


@scenes.add(n=16)
def reserved_list(r, s):
  """Items that were never set are zeros."""
  dtype, shape, n = r.pick([t for t in TYPES if t != "string"]), row(r), r.int(1, 4)
  all = raw.TensorListReserve(element_shape=ints(shape) if shape else tf.constant(np.zeros([0], "int32")), num_elements=ints(n), element_dtype=dtype)
  for _ in range(r.int(0, 2)):
    all = raw.TensorListSetItem(input_handle=all, index=s.feed(np.int32(r.int(0, n - 1))), item=s.feed(numbers(r, dtype, shape), known=r.flag()))
  return [raw.TensorListStack(input_handle=all, element_shape=ints(-1), element_dtype=dtype),
          raw.TensorListGather(input_handle=all, indices=ints([r.int(0, n - 1) for _ in range(3)]), element_shape=ints(-1), element_dtype=dtype),
          raw.TensorListGetItem(input_handle=all, index=ints(0), element_shape=ints(-1), element_dtype=dtype)]


@scenes.add(n=12)
def set_items(r, s):
  dtype, shape = r.pick(TYPES), row(r)
  all = raw.TensorListFromTensor(tensor=s.feed(numbers(r, dtype, [3] + shape)), element_shape=shape_input(r, shape))
  # Both lists are kept: a list is a value.
  other = raw.TensorListSetItem(input_handle=all, index=s.feed(np.int32(r.int(0, 2))), item=s.feed(numbers(r, dtype, shape)))
  stack = lambda one: raw.TensorListStack(input_handle=one, element_shape=ints(-1), element_dtype=dtype)
  return [stack(all), stack(other)]


@scenes.add(n=16)
def pushed_and_popped(r, s):
  dtype, shape = r.pick(TYPES), row(r)
  all = raw.EmptyTensorList(element_shape=shape_input(r, shape), max_num_elements=ints(r.any([-1, 9])), element_dtype=dtype)
  empty = raw.TensorListLength(input_handle=all)
  for _ in range(r.int(2, 4)):
    all = raw.TensorListPushBack(input_handle=all, tensor=s.feed(numbers(r, dtype, shape)))
  rest, last = raw.TensorListPopBack(input_handle=all, element_shape=shape_input(r, shape), element_dtype=dtype)
  return [empty, last, raw.TensorListLength(input_handle=all), raw.TensorListLength(input_handle=rest),
          raw.TensorListStack(input_handle=rest, element_shape=shape_input(r, shape), element_dtype=dtype, num_elements=r.any([-1]))]


@scenes.add(n=12)
def resized_list(r, s):
  dtype, shape, n = r.pick([t for t in TYPES if t != "string"]), row(r), r.int(1, 4)
  all = raw.TensorListFromTensor(tensor=s.feed(numbers(r, dtype, [n] + shape)), element_shape=ints(shape) if shape else tf.constant(np.zeros([0], "int32")))
  all = raw.TensorListResize(input_handle=all, size=s.feed(np.int32(r.int(0, 6))))
  return [raw.TensorListStack(input_handle=all, element_shape=ints(shape) if shape else tf.constant(np.zeros([0], "int32")), element_dtype=dtype)]


@scenes.add(n=16)
def scattered_list(r, s):
  """Places may come twice: the later row stays."""
  dtype, shape, n = r.pick([t for t in TYPES if t != "string"]), row(r), r.int(1, 4)
  x, places = s.feed(numbers(r, dtype, [n] + shape)), s.feed(np.array([r.int(0, 5) for _ in range(n)], "int32"))
  exact = ints(shape) if shape else tf.constant(np.zeros([0], "int32"))
  a = raw.TensorListScatter(tensor=x, indices=places, element_shape=exact)
  b = raw.TensorListScatterV2(tensor=x, indices=places, element_shape=exact, num_elements=ints(r.any([-1, 6, 8])))
  stack = lambda one: raw.TensorListStack(input_handle=one, element_shape=exact, element_dtype=dtype)
  return [stack(a), stack(b), raw.TensorListLength(input_handle=a), raw.TensorListLength(input_handle=b)]


@scenes.add(n=12)
def scattered_into(r, s):
  dtype, shape = r.pick(TYPES), row(r)
  all = raw.TensorListFromTensor(tensor=s.feed(numbers(r, dtype, [4] + shape)), element_shape=shape_input(r, shape))
  places = r.random.permutation(4)[:2].astype("int32")
  all = raw.TensorListScatterIntoExistingList(input_handle=all, tensor=s.feed(numbers(r, dtype, [2] + shape)), indices=s.feed(places))
  return [raw.TensorListStack(input_handle=all, element_shape=ints(-1), element_dtype=dtype)]


@scenes.add(n=12)
def gathered_list(r, s):
  dtype, shape = r.pick(TYPES), row(r)
  all = raw.TensorListFromTensor(tensor=s.feed(numbers(r, dtype, [4] + shape)), element_shape=shape_input(r, shape))
  places = s.feed(np.array([r.int(0, 3) for _ in range(r.int(1, 5))], "int32"), known=r.flag())
  return [raw.TensorListGather(input_handle=all, indices=places, element_shape=shape_input(r, shape), element_dtype=dtype)]


@scenes.add(n=16)
def split_and_joined(r, s):
  """Pieces of unlike lengths, one after the other again."""
  dtype, inner = r.pick(TYPES), r.any([[], [2]])
  lengths = [r.int(0, 3) for _ in range(r.int(1, 4))]
  x = s.feed(numbers(r, dtype, [sum(lengths)] + inner))
  shape = ints([-1] + inner)
  all = raw.TensorListSplit(tensor=x, element_shape=shape, lengths=s.feed(np.array(lengths, "int64")))
  lead = tf.constant([], tf.int64)
  a, a_lengths = raw.TensorListConcat(input_handle=all, element_dtype=dtype, element_shape=[None] + inner)
  b, b_lengths = raw.TensorListConcatV2(input_handle=all, element_shape=shape, leading_dims=lead, element_dtype=dtype)
  return [a, a_lengths, b, b_lengths, raw.TensorListLength(input_handle=all)]


@scenes.add(n=12)
def lists_joined(r, s):
  dtype, shape = r.pick(TYPES), row(r)
  make = lambda n: raw.TensorListFromTensor(tensor=s.feed(numbers(r, dtype, [n] + shape)), element_shape=ints(shape) if shape else tf.constant(np.zeros([0], "int32")))
  all = raw.TensorListConcatLists(input_a=make(r.int(1, 3)), input_b=make(r.int(1, 3)), element_dtype=dtype)
  return [raw.TensorListStack(input_handle=all, element_shape=ints(-1), element_dtype=dtype), raw.TensorListLength(input_handle=all)]


@scenes.add(n=14)
def shape_of_items(r, s):
  dtype, shape = r.pick(TYPES), row(r)
  how = shape_input(r, shape)
  all = raw.TensorListReserve(element_shape=how, num_elements=ints(2), element_dtype=dtype)
  if r.flag():
    all = raw.TensorListSetItem(input_handle=all, index=ints(0), item=s.feed(numbers(r, dtype, shape)))
  return [raw.TensorListElementShape(input_handle=all, shape_type=r.any([tf.int32, tf.int64]))]


@scenes.add(n=8)
def items_that_are_not_there(r, s):
  s.fails = True
  all = raw.TensorListFromTensor(tensor=s.feed(np.ones([2, 2], "float32")), element_shape=ints([2]))
  index = s.feed(np.int32([2, -1, 5, -3][r.i % 4]))
  if r.i % 2:
    return [raw.TensorListGetItem(input_handle=all, index=index, element_shape=ints([2]), element_dtype="float32")]
  return [raw.TensorListStack(input_handle=raw.TensorListSetItem(input_handle=all, index=index, item=tf.ones([2])), element_shape=ints([2]),
                              element_dtype="float32")]


# ---- tensor arrays ----

def array(r, dtype, n, shape, **more):
  known = tf.TensorShape(shape) if r.flag() else tf.TensorShape(None)
  return raw.TensorArrayV3(size=ints(n), dtype=dtype, element_shape=known, **more)


@scenes.add(n=16)
def array_written_and_read(r, s):
  dtype, shape, n = r.pick(TYPES), row(r), r.int(2, 4)
  handle, flow = array(r, dtype, n, shape, clear_after_read=r.flag(), dynamic_size=r.i % 3 == 0)
  places = list(r.random.permutation(n + (1 if r.i % 3 == 0 else 0)))
  for place in places:
    flow = raw.TensorArrayWriteV3(handle=handle, index=s.feed(np.int32(place)), value=s.feed(numbers(r, dtype, shape)), flow_in=flow)
  reads = [raw.TensorArrayReadV3(handle=handle, index=ints(int(place)), flow_in=flow, dtype=dtype) for place in places[:2]]
  with tf.control_dependencies(reads):
    return reads + [raw.TensorArraySizeV3(handle=handle, flow_in=flow)]


@scenes.add(n=16)
def array_scattered_and_gathered(r, s):
  dtype, shape, n = r.pick(TYPES), row(r), r.int(1, 4)
  handle, flow = array(r, dtype, n, shape, clear_after_read=False)
  places = s.feed(r.random.permutation(n).astype("int32"))
  flow = raw.TensorArrayScatterV3(handle=handle, indices=places, value=s.feed(numbers(r, dtype, [n] + shape), known=r.flag()), flow_in=flow)
  asked = s.feed(np.array([r.int(0, n - 1) for _ in range(3)], "int32"))
  gathered = raw.TensorArrayGatherV3(handle=handle, indices=asked, flow_in=flow, dtype=dtype)
  one = raw.TensorArrayReadV3(handle=handle, index=ints(0), flow_in=flow, dtype=dtype)
  with tf.control_dependencies([gathered, one]):
    return [gathered, one, raw.TensorArraySizeV3(handle=handle, flow_in=flow)]


@scenes.add(n=16)
def array_split_and_joined(r, s):
  dtype, inner = r.pick(TYPES), r.any([[], [2]])
  lengths = [r.int(1, 3) for _ in range(r.int(1, 4))]
  handle, flow = raw.TensorArrayV3(size=ints(len(lengths)), dtype=dtype)
  flow = raw.TensorArraySplitV3(handle=handle, value=s.feed(numbers(r, dtype, [sum(lengths)] + inner)),
                                lengths=s.feed(np.array(lengths, "int64")), flow_in=flow)
  value, found = raw.TensorArrayConcatV3(handle=handle, flow_in=flow, dtype=dtype)
  return [value, found, raw.TensorArraySizeV3(handle=handle, flow_in=flow)]


@scenes.add(n=12)
def array_joined(r, s):
  dtype, n = r.pick(TYPES), r.int(1, 3)
  handle, flow = raw.TensorArrayV3(size=ints(n), dtype=dtype)
  for i in range(n):
    flow = raw.TensorArrayWriteV3(handle=handle, index=ints(i), value=s.feed(numbers(r, dtype, [r.int(1, 3), 2])), flow_in=flow)
  value, found = raw.TensorArrayConcatV3(handle=handle, flow_in=flow, dtype=dtype)
  return [value, found]


@scenes.add(n=12)
def array_closed(r, s):
  dtype = r.pick(TYPES)
  handle, flow = array(r, dtype, 2, [2])
  flow = raw.TensorArrayScatterV3(handle=handle, indices=ints([0, 1]), value=s.feed(numbers(r, dtype, [2, 2])), flow_in=flow)
  all = raw.TensorArrayGatherV3(handle=handle, indices=ints([1, 0]), flow_in=flow, dtype=dtype)
  with tf.control_dependencies([all]):
    closed = raw.TensorArrayCloseV3(handle=handle)
  with tf.control_dependencies([closed]):
    return [tf.identity(all)]


@scenes.add(n=8)
def array_misused(r, s):
  """An item is read once where arrays are cleared, written once, and has to be inside."""
  s.fails = True
  handle, flow = raw.TensorArrayV3(size=ints(2), dtype="float32", clear_after_read=True)
  flow = raw.TensorArrayWriteV3(handle=handle, index=ints(0), value=s.feed(np.ones([2], "float32")), flow_in=flow)
  read = lambda i, flow: raw.TensorArrayReadV3(handle=handle, index=ints(i), flow_in=flow, dtype="float32")
  if r.i % 4 == 0:
    with tf.control_dependencies([read(0, flow)]):
      return [read(0, tf.identity(flow))]
  if r.i % 4 == 1:
    return [read(0, raw.TensorArrayWriteV3(handle=handle, index=ints(0), value=s.feed(np.ones([2], "float32")), flow_in=flow))]
  if r.i % 4 == 2:
    return [read(r.any([2, -1]), flow)]
  return [read(0, raw.TensorArrayWriteV3(handle=handle, index=ints(r.any([2, -1])), value=s.feed(np.ones([2], "float32")), flow_in=flow))]


# ---- stacks ----

@scenes.add(n=14)
def stack(r, s):
  dtype = r.pick(TYPES)
  s.n_runs = 2
  handle = raw.StackV2(max_size=ints(r.any([-1, 8])), elem_type=dtype, stack_name=r.any(["", "s"]))
  last, shapes = None, [row(r) for _ in range(r.int(1, 4))]
  pushed = []
  for shape in shapes:
    with tf.control_dependencies([last] if last is not None else []):
      last = raw.StackPushV2(handle=handle, elem=s.feed(numbers(r, dtype, shape), numbers(r, dtype, shape)), swap_memory=False)
    pushed.append(last)
  popped = []
  for _ in shapes:
    with tf.control_dependencies([last]):
      last = raw.StackPopV2(handle=handle, elem_type=dtype)
    popped.append(last)
  with tf.control_dependencies([last]):
    closed = raw.StackCloseV2(handle=handle)
  with tf.control_dependencies([closed]):
    end = tf.constant(True) if r.flag() else tf.identity(last)
  return pushed[:1] + popped + [end]


@scenes.add(n=2)
def empty_stack(r, s):
  s.fails = True
  handle = raw.StackV2(max_size=s.feed(np.int32(r.any([-1, 3]))), elem_type="float32")
  return [raw.StackPopV2(handle=handle, elem_type="float32")]
