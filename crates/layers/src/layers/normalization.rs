//! `BatchNormalization` and the other layers of `keras.layers.normalization`.

use crate::def::{LayerDef, Variable};

/// The family's definitions.
pub const LAYERS: &[LayerDef] = &[LayerDef {
    class_name: "BatchNormalization",
    aliases: &["BatchNormalizationV1", "BatchNormalizationV2"],
    variables: |config| {
        let gamma = config.flag("scale", true).then(|| Variable::trainable("gamma"));
        let beta = config.flag("center", true).then(|| Variable::trainable("beta"));
        let fixed = ["moving_mean", "moving_variance"].map(|name| Some(Variable::fixed(name)));
        [gamma, beta].into_iter().chain(fixed).flatten().collect()
    },
    ..LayerDef::SHAPE_KEEPING
}];
