//! TensorFlow checkpoint v2: the sorted-table index and its data shards.
