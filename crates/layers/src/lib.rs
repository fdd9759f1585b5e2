//! One definition per Keras layer; the layer graph; the config dialects of Keras 2, Keras 3 and TensorFlow.js.
