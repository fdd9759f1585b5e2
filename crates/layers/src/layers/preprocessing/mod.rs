//! `Rescaling`, `StringLookup` and the other layers of `keras.layers.preprocessing`.
//!
//! Vocabularies and bin boundaries of an adapted layer lie in the config or in the assets of a
//! `.keras` file; only `Normalization` and inverse document frequencies are weights.

mod audio;
mod clahe;
mod encode;
mod images;
mod lookup;

use serde_json::Value;

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::shapes::{Dim, Window, is_channels_first, map_dim, one};
use crate::lower::Masks;
use crate::summary::call_layer;

const UNKNOWN: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };
/// A layer that only changes images while it trains.
const AUGMENTATION: LayerDef = LayerDef { lower: Some(images::lower_augmentation), ..UNKNOWN };
const SIZED: LayerDef = LayerDef { output_shapes: sized, ..UNKNOWN };
const LOOKUP: LayerDef = LayerDef {
    variables: |config| {
        let weights = config.get("idf_weights").map(|_| Variable::fixed("idf_weights"));
        weights.into_iter().collect()
    },
    output_shapes: |config, inputs| encoded(inputs, mode(config, "int"), vocabulary_size(config)?),
    lower: Some(lookup::lower_lookup),
    ..UNKNOWN
};
const HASHED: LayerDef = LayerDef {
    output_shapes: |config, inputs| {
        encoded(inputs, mode(config, "int"), Some(config.size("num_bins")?))
    },
    ..UNKNOWN
};

/// The family's definitions; layers that only change an image's values are in [`IMAGE_LAYERS`].
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "Rescaling",
        lower: Some(encode::lower_rescaling),
        masks: Masks::Passes,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Resizing",
        lower: Some(images::lower_resizing),
        tfjs: Tfjs::Checks(|_| Err("TensorFlow.js fails on every input of it".to_owned())),
        ..SIZED
    },
    LayerDef {
        class_name: "CenterCrop",
        lower: Some(images::lower_center_crop),
        tfjs: Tfjs::Checks(|_| Err("TensorFlow.js takes other pixels, if it runs".to_owned())),
        ..SIZED
    },
    LayerDef { class_name: "RandomCrop", lower: Some(images::lower_random_crop), ..SIZED },
    LayerDef {
        class_name: "RandomHeight",
        lower: Some(images::lower_augmentation),
        output_shapes: |_, inputs| unknown_axis(inputs, 3),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "RandomWidth",
        lower: Some(images::lower_augmentation),
        output_shapes: |_, inputs| unknown_axis(inputs, 2),
        tfjs: Tfjs::Checks(|_| Err("TensorFlow.js fails on every input of it".to_owned())),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "Normalization",
        lower: Some(encode::lower_normalization),
        masks: Masks::Passes,
        variables: |config| {
            let is_given = config.get("mean").is_some();
            let names: &[&str] = if is_given { &[] } else { &["mean", "variance", "count"] };
            names.iter().map(|name| Variable::fixed(name)).collect()
        },
        ..UNKNOWN
    },
    LayerDef {
        class_name: "CategoryEncoding",
        lower: Some(encode::lower_category_encoding),
        output_shapes: |config, inputs| {
            encoded(inputs, mode(config, "multi_hot"), Some(config.size("num_tokens")?))
        },
        tfjs: Tfjs::Checks(|_| {
            Err("TensorFlow.js changes the shape that its input is checked against".to_owned())
        }),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "Discretization",
        lower: Some(encode::lower_discretization),
        // Keras 2, whose config says `trainable`, keeps what it counted of the data as a weight.
        variables: |config| {
            let is_counted = config.get("trainable").is_some()
                && config.get("num_bins").is_some()
                && config
                    .get("bin_boundaries")
                    .is_none_or(|bounds| *bounds == Value::Array(vec![]));
            is_counted.then(|| Variable::fixed("summary")).into_iter().collect()
        },
        output_shapes: |config, inputs| encoded(inputs, mode(config, "int"), n_bins(config)),
        ..UNKNOWN
    },
    LayerDef { class_name: "Hashing", lower: Some(encode::lower_hashing), ..HASHED },
    LayerDef { class_name: "HashedCrossing", lower: Some(encode::lower_crossing), ..HASHED },
    LayerDef { class_name: "StringLookup", ..LOOKUP },
    LayerDef { class_name: "IntegerLookup", ..LOOKUP },
    LayerDef {
        class_name: "TextVectorization",
        output_shapes: vectorized,
        lower: Some(lookup::lower_text_vectorization),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "MelSpectrogram",
        output_shapes: mel_spectrogram,
        lower: Some(audio::lower_mel),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "STFTSpectrogram",
        variables: |config| {
            let has_imaginary = config.text("mode") != Some("real");
            let has_real = config.text("mode") != Some("imag");
            let real = has_real.then(|| Variable::trainable("real_kernel"));
            let imaginary = has_imaginary.then(|| Variable::trainable("imag_kernel"));
            real.into_iter().chain(imaginary).collect()
        },
        output_shapes: stft_spectrogram,
        lower: Some(audio::lower_stft),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "Pipeline",
        output_shapes: pipeline,
        lower: Some(images::lower_pipeline),
        masks: Masks::Own,
        ..UNKNOWN
    },
    LayerDef { class_name: "MaxNumBoundingBoxes", ..AUGMENTATION },
];

/// Layers that change the values of an image, all but two of them only while training. TensorFlow.js has
/// none of them.
pub(crate) static IMAGE_LAYERS: &[LayerDef] = &[
    LayerDef { class_name: "AugMix", ..AUGMENTATION },
    LayerDef { class_name: "AutoContrast", lower: Some(images::lower_auto_contrast), ..UNKNOWN },
    LayerDef {
        class_name: "ContrastLimitedAdaptiveHistogramEqualization",
        lower: Some(clahe::lower_clahe),
        ..UNKNOWN
    },
    LayerDef { class_name: "CutMix", ..AUGMENTATION },
    LayerDef { class_name: "Equalization", ..AUGMENTATION },
    LayerDef { class_name: "MixUp", ..AUGMENTATION },
    LayerDef { class_name: "RandAugment", ..AUGMENTATION },
    LayerDef { class_name: "RandomBrightness", ..AUGMENTATION },
    LayerDef { class_name: "RandomColorDegeneration", ..AUGMENTATION },
    LayerDef { class_name: "RandomColorJitter", ..AUGMENTATION },
    LayerDef { class_name: "RandomContrast", ..AUGMENTATION },
    LayerDef { class_name: "RandomElasticTransform", ..AUGMENTATION },
    LayerDef { class_name: "RandomErasing", ..AUGMENTATION },
    LayerDef { class_name: "RandomFlip", ..AUGMENTATION },
    LayerDef { class_name: "RandomGaussianBlur", ..AUGMENTATION },
    LayerDef { class_name: "RandomGrayscale", ..AUGMENTATION },
    LayerDef { class_name: "RandomHue", ..AUGMENTATION },
    LayerDef { class_name: "RandomInvert", ..AUGMENTATION },
    LayerDef { class_name: "RandomPerspective", ..AUGMENTATION },
    LayerDef { class_name: "RandomPosterization", ..AUGMENTATION },
    LayerDef { class_name: "RandomRotation", ..AUGMENTATION },
    LayerDef { class_name: "RandomSaturation", ..AUGMENTATION },
    LayerDef { class_name: "RandomSharpness", ..AUGMENTATION },
    LayerDef { class_name: "RandomShear", ..AUGMENTATION },
    LayerDef { class_name: "RandomTranslation", ..AUGMENTATION },
    LayerDef { class_name: "RandomZoom", ..AUGMENTATION },
    LayerDef { class_name: "Solarization", ..AUGMENTATION },
];

/// Sets height and width, which are the last dims but for the channels.
fn sized(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let mut shape = inputs.first()?.clone();
    let behind = if is_channels_first(config) { 0 } else { 1 };
    let width = shape.len().checked_sub(behind + 1)?;
    *shape.get_mut(width)? = Some(config.size("width")?);
    *shape.get_mut(width.checked_sub(1)?)? = Some(config.size("height")?);
    one(shape)
}

fn unknown_axis(inputs: &[Shape], from_end: usize) -> Option<Vec<Shape>> {
    let mut shape = inputs.first()?.clone();
    let at = shape.len().checked_sub(from_end)?;
    *shape.get_mut(at)? = None;
    one(shape)
}

fn mode<'a>(config: &Config<'a>, default: &'a str) -> &'a str {
    config.text("output_mode").unwrap_or(default)
}

/// Indices keep their shape, one-hot vectors are put behind it (or in place of a last dim of 1),
/// counts take the place of the last dim.
fn encoded(inputs: &[Shape], mode: &str, depth: Dim) -> Option<Vec<Shape>> {
    let mut shape = inputs.first()?.clone();
    match mode {
        "int" => return one(shape),
        "one_hot" if shape.len() < 2 || *shape.last()? != Some(1) => shape.push(depth),
        _ => *shape.last_mut()? = depth,
    }
    one(shape)
}

fn n_bins(config: &Config<'_>) -> Dim {
    match config.get("bin_boundaries").and_then(Value::as_array) {
        Some(boundaries) => u64::try_from(boundaries.len()).ok()?.checked_add(1),
        None => config.size("num_bins"),
    }
}

/// `Some(None)`: the vocabulary lies elsewhere.
fn vocabulary_size(config: &Config<'_>) -> Option<Dim> {
    if config.flag("pad_to_max_tokens", false) {
        return Some(config.size("max_tokens"));
    }
    if let Some(size) = config.size("vocabulary_size") {
        return Some(Some(size));
    }
    let Some(words) = config.get("vocabulary").and_then(Value::as_array) else {
        return Some(None);
    };
    let more = config.size("num_oov_indices").unwrap_or(1);
    let masks = u64::from(config.get("mask_token").is_some());
    let size = u64::try_from(words.len()).ok()?.checked_add(more)?.checked_add(masks)?;
    Some(Some(size))
}

fn vectorized(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let batch = *input.first()?;
    if mode(config, "int") == "int" {
        return one(vec![batch, config.size("output_sequence_length")]);
    }
    let depth = vocabulary_size(config)?;
    // Keras 2 takes the last dim away when it splits words, Keras 3 puts one behind it.
    let is_keras2 = config.text("dtype") == Some("string");
    if is_keras2 || config.get("split").is_none() {
        return one(vec![batch, depth]);
    }
    let mut shape = input.clone();
    shape.push(depth);
    one(shape)
}

fn mel_spectrogram(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let stride = config.size("sequence_stride").filter(|stride| *stride > 0)?;
    let (samples, batch) = input.split_last()?;
    let frames = map_dim(*samples, |n| Some(n.checked_add(stride)?.checked_add(1)? / stride))?;
    let mut shape = batch.to_vec();
    shape.extend([Some(config.size("num_mel_bins")?), frames]);
    one(shape)
}

fn stft_spectrogram(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let [batch, a, b] = inputs.first()?.as_slice() else { return None };
    let is_first = is_channels_first(config);
    let (samples, channels) = if is_first { (*b, *a) } else { (*a, *b) };
    let length = config.size("frame_length")?;
    let step = config.size("frame_step").or_else(|| length.checked_div(2))?;
    let window = Window { size: length, stride: step, dilation: 1 };
    let frames = window.slide(samples, config.text("padding").unwrap_or("valid"))?;
    let bins = fft_length(config, length)? / 2;
    let parts = if config.text("mode") == Some("stft") { 2 } else { 1 };
    let bins = bins.checked_add(1)?.checked_mul(parts)?;
    one(match (config.flag("expand_dims", false), is_first) {
        (true, false) => vec![*batch, frames, Some(bins), channels],
        (true, true) => vec![*batch, channels, frames, Some(bins)],
        (false, false) => {
            vec![*batch, frames, map_dim(channels, |channels| channels.checked_mul(bins))?]
        }
        (false, true) => {
            vec![*batch, map_dim(channels, |channels| channels.checked_mul(bins))?, frames]
        }
    })
}

/// As the config says, or the power of two that a frame fits in.
fn fft_length(config: &Config<'_>, frame: u64) -> Option<u64> {
    match config.size("fft_length") {
        Some(given) => Some(given),
        None => frame.checked_next_power_of_two(),
    }
}

fn pipeline(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let mut shapes = inputs.to_vec();
    for layer in config.get("layers")?.as_array()? {
        let class_name = layer.get("class_name")?.as_str()?;
        let inner = layer.get("config")?.as_object()?;
        shapes = call_layer(class_name, inner, &shapes)?;
    }
    Some(shapes)
}
