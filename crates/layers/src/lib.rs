//! One definition per Keras layer; the layer graph; the config dialects of Keras 2, Keras 3 and
//! TensorFlow.js.
//!
//! To add a layer, add its [`LayerDef`] to the file of its family in `layers/`. To teach a config
//! difference between Keras 2, Keras 3 and TensorFlow.js, see `dialect/`.

mod bind;
mod config;
mod def;
mod layers;
mod variables;

pub use bind::{
    BindError, Bound, BoundWeight, Location, StoredLayer, StoredWeight, bind, tfjs_resolves,
};
pub use config::Config;
pub use def::{LayerDef, Shape, Sublayer, Tfjs, Variable};
pub use layers::{all, find};
pub use variables::{Leaf, Scope, VarNode, is_model_class, to_snake_case};
