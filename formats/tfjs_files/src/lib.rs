//! TensorFlow.js files: `model.json`, weight manifests, shards and weight quantization.
