"""Hash tables."""
import numpy as np
import tensorflow as tf

from record_scenes import Scenes

scenes = Scenes()
raw = tf.raw_ops
TYPES = [("string", "int64"), ("int64", "string"), ("int64", "float32"), ("string", "string"), ("int32", "int32"), ("int64", "int64")]
MUTABLE = [("string", "int64"), ("int64", "string"), ("int64", "float32"), ("string", "float32"), ("int64", "int64"), ("int32", "int32")]


def elements(r, dtype, n, high=6):
  if dtype == "string":
    return np.array([f"w{r.int(0, high)}" for _ in range(n)], object)
  return r.numbers(dtype, [n], 0, high)


def unique(r, dtype, n):
  all = np.array(r.random.permutation(12)[:n])
  return np.array([f"w{x}" for x in all], object) if dtype == "string" else all.astype(dtype)


def default(dtype):
  return tf.constant("?" if dtype == "string" else -1, tf.as_dtype(dtype))


def in_order(keys, values, dtype):
  """TensorFlow exports pairs in no order."""
  if dtype == "string":
    keys_as = tf.strings.to_number(tf.strings.substr(keys, 1, -1), tf.int32)
  else:
    keys_as = tf.cast(keys, tf.int32)
  order = tf.argsort(keys_as)
  return [tf.gather(keys, order), tf.gather(values, order)]


@scenes.add(n=18)
def filled_table(r, s):
  """Filled once, then looked up; a second filling with the same pairs is nothing."""
  key, value = r.pick(TYPES)
  n = r.int(1, 5)
  old = r.flag()
  table = (raw.HashTable if old else raw.HashTableV2)(key_dtype=key, value_dtype=value, shared_name=r.any(["", "words"]))
  find, size, init = [(raw.LookupTableFind, raw.LookupTableSize, raw.InitializeTable),
                      (raw.LookupTableFindV2, raw.LookupTableSizeV2, raw.InitializeTableV2)][0 if old else 1]
  keys, values = unique(r, key, n), elements(r, value, n)
  made = init(table_handle=table, keys=tf.constant(keys), values=tf.constant(values))
  s.n_runs = 2
  shape = r.any([[3], [2, 2], []])
  asked = s.feed(*[elements(r, key, int(np.prod(shape)), 12).reshape(shape) for _ in range(2)], known=r.flag())
  with tf.control_dependencies([made]):
    return [find(table_handle=table, keys=asked, default_value=default(value)), size(table_handle=table)]


@scenes.add(n=12)
def imported_table(r, s):
  """Import takes the place of what a table held; export gives it."""
  key, value = r.pick(MUTABLE)
  table = raw.MutableHashTableV2(key_dtype=key, value_dtype=value, shared_name="t")
  s.n_runs = 2
  n = r.int(1, 5)
  keys, values = s.feed(unique(r, key, n), unique(r, key, n)), s.feed(elements(r, value, n), elements(r, value, n))
  before = raw.LookupTableSizeV2(table_handle=table)
  with tf.control_dependencies([before]):
    made = raw.LookupTableImportV2(table_handle=table, keys=keys, values=values)
  with tf.control_dependencies([made]):
    found, given = raw.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
  return [before] + in_order(found, given, key)


@scenes.add(n=18)
def changing_table(r, s):
  """Insert, size, find, remove, run by run."""
  key, value = r.pick(MUTABLE)
  old = r.i % 3 == 0
  if r.i % 4 == 1:
    table = raw.AnonymousMutableHashTable(key_dtype=key, value_dtype=value)
  elif old:
    table = raw.MutableHashTable(key_dtype=key, value_dtype=value, shared_name="t")
  else:
    table = raw.MutableHashTableV2(key_dtype=key, value_dtype=value, use_node_name_sharing=True)
  insert, find, size = ((raw.LookupTableInsert, raw.LookupTableFind, raw.LookupTableSize) if old and r.i % 4 != 1 else
                        (raw.LookupTableInsertV2, raw.LookupTableFindV2, raw.LookupTableSizeV2))
  s.n_runs = 3
  keys = s.feed(*[elements(r, key, 3) for _ in range(3)], known=r.flag())
  values = s.feed(*[elements(r, value, 3, 99) for _ in range(3)])
  before = find(table_handle=table, keys=keys, default_value=default(value))
  with tf.control_dependencies([before]):
    put = insert(table_handle=table, keys=keys, values=values)
  with tf.control_dependencies([put]):
    n, after = size(table_handle=table), find(table_handle=table, keys=keys, default_value=default(value))
  if old:
    return [before, n, after]
  with tf.control_dependencies([n, after]):
    gone = raw.LookupTableRemoveV2(table_handle=table, keys=keys[:1])
  with tf.control_dependencies([gone]):
    last = size(table_handle=table)
    found, given = raw.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
  return [before, n, after, last] + in_order(found, given, key)


@scenes.add(n=14)
def removed_keys(r, s):
  key, value = r.pick(MUTABLE)
  table = raw.MutableHashTableV2(key_dtype=key, value_dtype=value, shared_name="t")
  keys = unique(r, key, 5)
  put = raw.LookupTableInsertV2(table_handle=table, keys=tf.constant(keys), values=tf.constant(elements(r, value, 5)))
  asked = s.feed(elements(r, key, r.int(0, 4), 12))
  with tf.control_dependencies([put]):
    gone = raw.LookupTableRemoveV2(table_handle=table, keys=asked)
  with tf.control_dependencies([gone]):
    n = raw.LookupTableSizeV2(table_handle=table)
    found, given = raw.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
  return [n] + in_order(found, given, key)


@scenes.add(n=14)
def table_of_tensors(r, s):
  """Values that are tensors."""
  key, value = r.pick([("string", "float32"), ("int64", "int64"), ("int64", "float32"), ("string", "int64"), ("int64", "int32")])
  shape = r.any([[2], [3], [4]])
  if r.flag():
    table = raw.MutableHashTableOfTensorsV2(key_dtype=key, value_dtype=value, value_shape=shape, shared_name="t")
  else:
    table = raw.AnonymousMutableHashTableOfTensors(key_dtype=key, value_dtype=value, value_shape=shape)
  s.n_runs = 2
  keys = s.feed(*[elements(r, key, 3) for _ in range(2)])
  values = s.feed(*[r.numbers(value, [3] + shape) for _ in range(2)])
  none = tf.zeros(shape, value)
  put = raw.LookupTableInsertV2(table_handle=table, keys=keys, values=values)
  with tf.control_dependencies([put]):
    found = raw.LookupTableFindV2(table_handle=table, keys=tf.constant(elements(r, key, 4)), default_value=none)
    n = raw.LookupTableSizeV2(table_handle=table)
  return [found, n]


@scenes.add(n=12)
def anonymous_tables_of_tensors(r, s):
  key, value = r.pick([("string", "float32"), ("int64", "int64")])
  table = raw.AnonymousMutableHashTableOfTensors(key_dtype=key, value_dtype=value, value_shape=[2])
  put = raw.LookupTableInsertV2(table_handle=table, keys=s.feed(unique(r, key, 3)), values=s.feed(r.numbers(value, [3, 2])))
  with tf.control_dependencies([put]):
    found, given = raw.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
  return in_order(found, given, key)


@scenes.add(n=12)
def tables_of_tensors_shared(r, s):
  key, value = r.pick([("string", "float32"), ("int64", "int64")])
  table = raw.MutableHashTableOfTensorsV2(key_dtype=key, value_dtype=value, value_shape=[2], shared_name=r.any(["", "t"]))
  s.n_runs = 2
  keys, values = s.feed(unique(r, key, 3), unique(r, key, 3)), s.feed(r.numbers(value, [3, 2]), r.numbers(value, [3, 2]))
  put = raw.LookupTableImportV2(table_handle=table, keys=keys, values=values) if r.flag() else raw.LookupTableInsertV2(
      table_handle=table, keys=keys, values=values)
  with tf.control_dependencies([put]):
    found, given = raw.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
  return in_order(found, given, key)


@scenes.add(n=12)
def anonymous_table(r, s):
  """A new one in each run."""
  key, value = r.pick(TYPES)
  n = r.int(1, 5)
  table = raw.AnonymousHashTable(key_dtype=key, value_dtype=value)
  keys = unique(r, key, n)
  s.n_runs = 2
  made = raw.InitializeTableV2(table_handle=table, keys=tf.constant(keys), values=s.feed(elements(r, value, n), elements(r, value, n)))
  with tf.control_dependencies([made]):
    return [raw.LookupTableFindV2(table_handle=table, keys=s.feed(elements(r, key, 4, 12)), default_value=default(value))]


@scenes.add(n=12)
def anonymous_changing_table(r, s):
  key, value = r.pick(MUTABLE)
  table = raw.AnonymousMutableHashTable(key_dtype=key, value_dtype=value)
  keys, values = s.feed(elements(r, key, 4)), s.feed(elements(r, value, 4))
  s.n_runs = 2
  put = raw.LookupTableInsertV2(table_handle=table, keys=keys, values=values)
  with tf.control_dependencies([put]):
    return [raw.LookupTableFindV2(table_handle=table, keys=keys, default_value=default(value)), raw.LookupTableSizeV2(table_handle=table)]


@scenes.add(n=20)
def table_of_a_file(r, s):
  words = [f"w{x}" for x in r.random.permutation(9)[:r.int(2, 6)]]
  columns = r.i % 2 == 1
  end = r.any([b"\n", b""])
  if columns:
    content = b"\n".join(f"{i * 3},{word},{i / 2}".encode() for i, word in enumerate(words)) + end
    key, value, key_index, value_index = r.any([("string", "int64", 1, 0), ("string", "float32", 1, 2), ("int64", "string", 0, 1), ("int64", "string", -1, 1)])
    more = dict(delimiter=",")
  else:
    content = "\n".join(words).encode() + end
    key, value, key_index, value_index = r.any([("string", "int64", -2, -1), ("int64", "string", -1, -2)])
    more = {}
  if r.i % 3 == 0:
    more["vocab_size"] = len(words) - 1 if r.flag() else len(words)
  elif r.i % 3 == 1:
    more["offset"] = 1
  s.file("words.txt", content)
  old = r.i % 4 == 0
  table = (raw.HashTable if old else raw.HashTableV2)(key_dtype=key, value_dtype=value)
  made = (raw.InitializeTableFromTextFile if old else raw.InitializeTableFromTextFileV2)(
      table_handle=table, filename=tf.constant("words.txt"), key_index=key_index, value_index=value_index, **more)
  find, size = (raw.LookupTableFind, raw.LookupTableSize) if old else (raw.LookupTableFindV2, raw.LookupTableSizeV2)
  with tf.control_dependencies([made]):
    return [find(table_handle=table, keys=s.feed(elements(r, key, 6, 8)), default_value=default(value)), size(table_handle=table)]


@scenes.add(n=8)
def table_filled_otherwise(r, s):
  """A table that was filled takes no other number of values; as many others are not looked at."""
  key, value = r.pick(TYPES)
  table = raw.HashTableV2(key_dtype=key, value_dtype=value)
  s.n_runs, s.fails = 2, r.i % 2 == 0
  n = 3 if s.fails else 2
  keys, values = unique(r, key, 3), elements(r, value, 3)
  made = raw.InitializeTableV2(table_handle=table, keys=s.feed(keys[:2], keys[3 - n:], known=False),
                               values=s.feed(values[:2], values[::-1][:n], known=False))
  with tf.control_dependencies([made]):
    return [raw.LookupTableSizeV2(table_handle=table), raw.LookupTableFindV2(table_handle=table, keys=tf.constant(keys), default_value=default(value))]
