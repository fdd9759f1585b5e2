//! Whole checkpoints: those that TensorFlow wrote, and broken ones.

mod broken;
mod real;
mod support;
mod written;
