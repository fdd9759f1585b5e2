//! One definition per TensorFlow op.
