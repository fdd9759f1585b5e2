"""Writes the text forms in `data/` with TensorFlow; TensorFlow 2.15 or newer.

`table_saved_model.pbtxt` is `table_saved_model.pb` as text. `values.pb` and `values.pbtxt` are one
GraphDef, made of everything that a text can be odd about.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.framework import graph_debug_info_pb2
from tensorflow.core.protobuf import saved_model_pb2

data = Path(__file__).parent / "data"

model = saved_model_pb2.SavedModel()
model.ParseFromString((data / "table_saved_model.pb").read_bytes())
(data / "table_saved_model.pbtxt").write_text(text_format.MessageToString(model))

arrays = {
    "floats": np.array([0.1, -0.0, np.inf, -np.inf, np.nan, 3.4e38, 1e-45, 16777217.0], "float32"),
    "doubles": np.array([0.1, 1e300, -5e-324], "float64"),
    "longs": np.array([2**63 - 1, -(2**63)]),
    "unsigned": np.array([2**64 - 1], "uint64"),
    "bools": np.array([True, False]),
    "complex": np.array([1 - 2j], "complex64"),
    "halves": np.array([1.5, 65504], "float16"),
    "strings": np.array([b"", b"\x00\x01\xff", "ü☃".encode(), b"a'b\"c\\d\n\t\r", b"0\x007"], object),
    "empty": np.zeros([0, 3], "float32"),
    "scalar": np.array(7, "int8"),
}
graph = tf.Graph()
with graph.as_default():
    for name, array in arrays.items():
        tf.constant(array, name=name)
    x = tf.compat.v1.placeholder(tf.float32, [None, 3], "x")
    tf.compat.v1.placeholder(tf.float32, None, "any_rank")
    tf.reduce_sum(x, axis=[1], name="sum")
text = graph.as_graph_def()
# Every list that a tensor may keep its elements in, as older writers do.
for node in text.node:
    if node.name in arrays and arrays[node.name].dtype != object:
        tensor = node.attr["value"].tensor
        array = arrays[node.name]
        whole = tf.make_ndarray(tensor)
        assert whole.shape == array.shape
        lists = {
            "floats": "float_val", "doubles": "double_val", "longs": "int64_val",
            "unsigned": "uint64_val", "bools": "bool_val",
        }
        if node.name in lists:
            tensor.ClearField("tensor_content")
            tensor.ClearField(lists[node.name])
            getattr(tensor, lists[node.name]).extend(array.tolist())
text.debug_info.CopyFrom(graph_debug_info_pb2.GraphDebugInfo(files=["a.py"]))
(data / "values.pbtxt").write_text(text_format.MessageToString(text))
text.ClearField("debug_info")
(data / "values.pb").write_bytes(text.SerializeToString(deterministic=True))
