//! `BatchNormalization` and the other layers of `keras.layers.normalization`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::shapes::axis_of;
use crate::layers::weights::switched;

/// The family's definitions. `SpectralNormalization` is with the wrappers, `Normalization` with
/// the preprocessing layers.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "BatchNormalization",
        aliases: &["BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"],
        variables: batch_normalization,
        tfjs: Tfjs::ChecksInputs(batch_normalization_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "LayerNormalization",
        variables: layer_normalization,
        tfjs: Tfjs::Checks(|config| {
            if config.flag("rms_scaling", false) {
                return Err("rms_scaling=true is ignored by TensorFlow.js".to_owned());
            }
            Ok(())
        }),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "GroupNormalization",
        variables: |config| switched(config, &[("gamma", "scale"), ("beta", "center")]),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "RMSNormalization",
        variables: |_| vec![Variable::trainable("scale")],
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef { class_name: "UnitNormalization", tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING },
];

fn batch_normalization(config: &Config<'_>) -> Vec<Variable> {
    let mut variables = switched(config, &[("gamma", "scale"), ("beta", "center")]);
    let mut fixed = vec!["moving_mean", "moving_variance"];
    if config.flag("renorm", false) {
        // Keras 2 calls the first `moving_stddev` and keeps it before the renorm ones, Keras 3
        // has none of them: there the option is gone.
        fixed.extend(["moving_stddev", "renorm_mean", "renorm_stddev"]);
    }
    variables.extend(fixed.into_iter().map(Variable::fixed));
    variables
}

/// TensorFlow.js repeats the statistics over the last axis, whatever `axis` says, on its CPU
/// backend; several axes are not known to it at all.
fn batch_normalization_check(config: &Config<'_>, inputs: &[Shape]) -> Result<(), String> {
    let axes = config.ints("axis").unwrap_or_else(|| vec![-1]);
    let [axis] = axes.as_slice() else {
        return Err(format!("axis={axes:?} is not implemented, only one axis is"));
    };
    let Some(input) = inputs.first() else { return Ok(()) };
    if input.len() > 4 {
        return Err(format!("an input of rank {} is not implemented", input.len()));
    }
    if axis_of(*axis, input.len()) != input.len().checked_sub(1) {
        return Err(format!("axis={axis} computes other values, only the last axis is right"));
    }
    Ok(())
}

fn layer_normalization(config: &Config<'_>) -> Vec<Variable> {
    if config.flag("rms_scaling", false) {
        return vec![Variable::trainable("gamma")];
    }
    switched(config, &[("gamma", "scale"), ("beta", "center")])
}
