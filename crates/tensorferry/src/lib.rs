//! tensorferry: inspect and convert TensorFlow and Keras models for the web.
