//! One definition per Keras layer; the layer graph; the config dialects of Keras 2, Keras 3 and
//! TensorFlow.js; lowering to ops.
//!
//! To add a layer, add its [`LayerDef`] to the file of its family in `layers/`. To teach a config
//! difference between Keras 2, Keras 3 and TensorFlow.js, see `dialect/`.

mod bind;
mod bind_flat;
mod config;
mod def;
mod dialect;
mod fit;
mod layers;
pub mod lower;
mod model;
mod summary;
mod variables;

pub use bind::{
    BindError, Bound, BoundWeight, Location, StoredLayer, StoredWeight, bind, tfjs_resolves,
};
pub use bind_flat::bind_flat;
pub use config::Config;
pub use def::{LayerDef, Shape, Sublayer, Tfjs, Variable};
pub use dialect::{
    Change, Converted, Dialect, LayerRename, Unloadable, to_keras2, to_keras3, to_tfjs,
    training_config_to_keras, training_config_to_tfjs, unloadable,
};
pub use fit::check_weights;
pub use layers::operators::{
    OperatorDef, OperatorLayer, OperatorShape, find_operator, is_operator,
};
pub use layers::tfjs::{self, problem as tfjs_problem};
pub use layers::{all, find};
pub use lower::{LowerOptions, lower};
pub use model::{LayerWeight, LayersModel, WeightsOnly, default_variables};
pub use summary::{Row, layer_rows};
pub use variables::{Leaf, Scope, VarNode, is_model_class, to_snake_case};
