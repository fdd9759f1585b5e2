"""Writes `partitioned.*`: variables in parts along rows and along columns. Needs TensorFlow 2.15."""

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()


def variable(name, array, axis):
    def initial(shape=None, dtype=None, partition_info=None):
        box = tuple(slice(o, o + n) for o, n in zip(partition_info.var_offset, shape))
        return tf.constant(array[box])

    partitioner = v1.fixed_size_partitioner(3, axis=axis)
    v1.get_variable(
        name, shape=array.shape, dtype=array.dtype, initializer=initial, partitioner=partitioner, use_resource=False
    )


with tf.Graph().as_default(), v1.Session() as session:
    variable("rows", np.arange(140, dtype=np.float32).reshape(70, 2), 0)
    variable("cols", np.arange(12, dtype=np.int32).reshape(2, 6), 1)
    v1.get_variable("plain", initializer=np.float32([1, 2]))
    session.run(v1.global_variables_initializer())
    v1.train.Saver().save(session, "./partitioned", write_meta_graph=False, write_state=False)
