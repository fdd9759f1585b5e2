//! TensorFlow's protobuf messages as plain structs.
