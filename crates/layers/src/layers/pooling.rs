//! `MaxPooling2D`, `GlobalAveragePooling1D` and the other layers of `keras.layers.pooling`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs};
use crate::layers::shapes::{is_channels_first, map_spatial, one, windows};

const POOL_1D: LayerDef = LayerDef {
    output_shapes: |config, inputs| pooled(config, inputs, 1),
    tfjs: Tfjs::Checks(channels_last),
    ..LayerDef::SHAPE_KEEPING
};
const POOL_2D: LayerDef = LayerDef {
    output_shapes: |config, inputs| pooled(config, inputs, 2),
    ..LayerDef::SHAPE_KEEPING
};
const POOL_3D: LayerDef = LayerDef {
    output_shapes: |config, inputs| pooled(config, inputs, 3),
    ..LayerDef::SHAPE_KEEPING
};
const GLOBAL_1D: LayerDef = LayerDef {
    output_shapes: global,
    tfjs: Tfjs::Checks(|config| no_keepdims(config).and_then(|()| channels_last(config))),
    ..LayerDef::SHAPE_KEEPING
};
const GLOBAL_2D: LayerDef =
    LayerDef { output_shapes: global, tfjs: Tfjs::Checks(no_keepdims), ..LayerDef::SHAPE_KEEPING };
const GLOBAL_3D: LayerDef =
    LayerDef { output_shapes: global, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };
const ADAPTIVE: LayerDef =
    LayerDef { output_shapes: adaptive, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef { class_name: "MaxPooling1D", aliases: &["MaxPool1D"], ..POOL_1D },
    LayerDef { class_name: "MaxPooling2D", aliases: &["MaxPool2D"], ..POOL_2D },
    LayerDef { class_name: "MaxPooling3D", aliases: &["MaxPool3D"], ..POOL_3D },
    LayerDef { class_name: "AveragePooling1D", aliases: &["AvgPool1D"], ..POOL_1D },
    LayerDef { class_name: "AveragePooling2D", aliases: &["AvgPool2D"], ..POOL_2D },
    LayerDef { class_name: "AveragePooling3D", aliases: &["AvgPool3D"], ..POOL_3D },
    LayerDef { class_name: "GlobalMaxPooling1D", aliases: &["GlobalMaxPool1D"], ..GLOBAL_1D },
    LayerDef { class_name: "GlobalMaxPooling2D", aliases: &["GlobalMaxPool2D"], ..GLOBAL_2D },
    LayerDef { class_name: "GlobalMaxPooling3D", aliases: &["GlobalMaxPool3D"], ..GLOBAL_3D },
    LayerDef { class_name: "GlobalAveragePooling1D", aliases: &["GlobalAvgPool1D"], ..GLOBAL_1D },
    LayerDef { class_name: "GlobalAveragePooling2D", aliases: &["GlobalAvgPool2D"], ..GLOBAL_2D },
    LayerDef { class_name: "GlobalAveragePooling3D", aliases: &["GlobalAvgPool3D"], ..GLOBAL_3D },
    LayerDef { class_name: "AdaptiveAveragePooling1D", ..ADAPTIVE },
    LayerDef { class_name: "AdaptiveAveragePooling2D", ..ADAPTIVE },
    LayerDef { class_name: "AdaptiveAveragePooling3D", ..ADAPTIVE },
    LayerDef { class_name: "AdaptiveMaxPooling1D", ..ADAPTIVE },
    LayerDef { class_name: "AdaptiveMaxPooling2D", ..ADAPTIVE },
    LayerDef { class_name: "AdaptiveMaxPooling3D", ..ADAPTIVE },
];

fn pooled(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let windows = windows(config, "pool_size", spatial)?;
    let padding = config.text("padding").unwrap_or("valid");
    let slide = |axis: usize, dim| windows.get(axis)?.slide(dim, padding);
    one(map_spatial(config, inputs.first()?, spatial, slide, Some)?)
}

fn global(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let spatial = input.len().checked_sub(2).filter(|spatial| (1..=3).contains(spatial))?;
    if config.flag("keepdims", false) {
        return one(map_spatial(config, input, spatial, |_, _| Some(Some(1)), Some)?);
    }
    let channels = if is_channels_first(config) { input.get(1)? } else { input.last()? };
    one(vec![*input.first()?, *channels])
}

fn adaptive(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let sizes = config.sizes("output_size", 1)?;
    let resize = |axis: usize, _| sizes.get(axis).map(|size| Some(*size));
    one(map_spatial(config, inputs.first()?, sizes.len(), resize, Some)?)
}

fn channels_last(config: &Config<'_>) -> Result<(), String> {
    if is_channels_first(config) {
        return Err("data_format=channels_first is ignored by TensorFlow.js".to_owned());
    }
    Ok(())
}

fn no_keepdims(config: &Config<'_>) -> Result<(), String> {
    if config.flag("keepdims", false) {
        return Err("keepdims=true is ignored by TensorFlow.js".to_owned());
    }
    Ok(())
}
