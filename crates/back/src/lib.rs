//! Models to files: TensorFlow.js artifacts, Keras HDF5 and `.keras`.
