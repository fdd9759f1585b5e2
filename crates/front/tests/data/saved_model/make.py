"""Writes the SavedModels beside it. Needs TensorFlow 2.15 with Keras 2; run it in this folder.

Functions and graphs are taken out of `saved_model.pb`: nothing here reads them, and they are most of it.
"""

import os
import shutil

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.keras.protobuf import saved_metadata_pb2

K = tf.keras
L = K.layers


def save(model, name, metadata_in_objects=False):
    """Saves without graphs; with metadata where TensorFlow 2.0 to 2.4 kept it, if asked."""
    shutil.rmtree(name, ignore_errors=True)
    if isinstance(model, K.Model):
        model.save(name, save_format="tf")
    else:
        tf.saved_model.save(model, name)
    path = f"{name}/saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(open(path, "rb").read())
    for graph in saved.meta_graphs:
        graph.ClearField("graph_def")
        graph.ClearField("signature_def")
        graph.meta_info_def.ClearField("stripped_op_list")
        graph.object_graph_def.ClearField("concrete_functions")
        for node in graph.object_graph_def.nodes:
            if node.WhichOneof("kind") == "function":
                node.function.Clear()
        if metadata_in_objects:
            metadata = saved_metadata_pb2.SavedMetadata.FromString(open(f"{name}/keras_metadata.pb", "rb").read())
            for node in metadata.nodes:
                graph.object_graph_def.nodes[node.node_id].user_object.metadata = node.metadata
            os.remove(f"{name}/keras_metadata.pb")
    open(path, "wb").write(saved.SerializeToString(deterministic=True))
    os.remove(f"{name}/fingerprint.pb")
    if os.path.isdir(f"{name}/assets"):
        os.rmdir(f"{name}/assets")


def trained(model, optimizer):
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(np.ones((4, 3), np.float32), np.ones((4, 1), np.float32), verbose=0)
    return model


K.utils.set_random_seed(1)
first = [L.Dense(2, input_shape=(3,), name="d"), L.BatchNormalization(name="bn"), L.Dense(1, name="out")]
save(trained(K.Sequential(first, name="adam"), K.optimizers.Adam(0.01)), "adam")

old = [L.Dense(2, input_shape=(3,), name="d"), L.Dense(1, name="out")]
save(trained(K.Sequential(old, name="old"), K.optimizers.legacy.Adam(0.01)), "old", metadata_in_objects=True)

inner = K.Sequential([L.Dense(2, name="in1"), L.BatchNormalization(name="in2")], name="inner")
x = y = K.Input((4, 3), name="x")
y = K.Sequential([L.Dense(3, name="e"), inner], name="encoder")(y)
y = L.SimpleRNN(2, name="rnn", return_sequences=True)(y)
y = L.TimeDistributed(L.Dense(1, name="each"), name="td")(y)
save(K.Model(x, y, name="nested"), "nested")


class Subclassed(K.Model):
    def __init__(self):
        super().__init__()
        self.d = L.Dense(1)

    def call(self, x):
        return self.d(x)


subclassed = Subclassed()
subclassed(np.ones((1, 3), np.float32))
save(subclassed, "subclassed")

module = tf.Module()
module.v = tf.Variable(1.0)
save(module, "module")
