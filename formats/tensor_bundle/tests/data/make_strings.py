"""Writes `strings.*`: a checkpoint with every kind of value. Needs TensorFlow 2."""

import numpy as np
import tensorflow as tf

m = tf.Module()
m.words = tf.Variable(["", "ab", "äöü", "x" * 200])
m.grid = tf.Variable([["a", "b"], ["c", "d"]])
m.half = tf.Variable(tf.constant([1, 2, 3], tf.float16))
m.b = tf.Variable([True, False])
m.bf = tf.Variable(tf.constant([1, 2], tf.bfloat16))
m.c = tf.Variable(tf.constant([1 + 2j], tf.complex64))
m.empty = tf.Variable(np.zeros((0, 3), np.float32))
m.scalar = tf.Variable(np.int64(-5))
m.c128 = tf.Variable(tf.constant([1 + 2j], tf.complex128))
tf.train.Checkpoint(m=m).write("./strings")
