//! `InputLayer`, `Dense` and the other layers of `keras.layers.core`.

use crate::def::{LayerDef, Variable};

/// The family's definitions.
pub const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "InputLayer",
        output_shapes: |config, _| {
            let dims = config.get("batch_shape").or_else(|| config.get("batch_input_shape"))?;
            Some(vec![dims.as_array()?.iter().map(|dim| dim.as_u64()).collect()])
        },
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Dense",
        variables: |config| {
            let bias = config.flag("use_bias", true).then(|| Variable::trainable("bias"));
            [Some(Variable::trainable("kernel")), bias].into_iter().flatten().collect()
        },
        output_shapes: |config, inputs| {
            let mut shape = inputs.first()?.clone();
            *shape.last_mut()? = Some(config.size("units")?);
            Some(vec![shape])
        },
        ..LayerDef::SHAPE_KEEPING
    },
];
