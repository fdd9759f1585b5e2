//! Models to measure with: the layers of real Keras files, filled with made-up weights.
//!
//! `keras.json.gz` holds what Keras 2.15 wrote for three models, without the weights' values:
//! `keras.applications.MobileNetV2` and `ResNet50`, and six `Dense(8192)` after each other (1.5 GB).

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use tensorferry_hdf5::{Datatype, Value, Writer};
use tensorferry_store::{ByteSource, SourceRef};

/// A weight's name and shape.
type Weight = (String, Vec<u64>);

/// What a file says of a model, but for the weights' values.
pub(crate) struct Model {
    config: String,
    keras_version: String,
    backend: String,
    /// By name, in the file's order.
    layers: Vec<(String, Vec<Weight>)>,
}

impl Model {
    /// `mobilenet_v2`, `resnet50` or `six_dense`.
    pub(crate) fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        let mut text = String::new();
        GzDecoder::new(&include_bytes!("keras.json.gz")[..]).read_to_string(&mut text)?;
        let mut all: Json = serde_json::from_str(&text)?;
        let mut model = all[name].take();
        let mut text = |key: &str| model[key].take().as_str().unwrap_or_default().to_owned();
        let (config, keras_version, backend) =
            (text("model_config"), text("keras_version"), text("backend"));
        let layers = serde_json::from_value(model["layers"].take())?;
        Ok(Self { config, keras_version, backend, layers })
    }

    /// The config, as JSON.
    #[allow(dead_code, reason = "only one of those who share this file needs it")]
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// The model as Keras would save it, every weight noise. The same each time.
    pub(crate) fn to_hdf5(&self) -> Result<SourceRef, Box<dyn Error>> {
        let mut file = Writer::new();
        let root = file.root();
        root.attr("keras_version", Value::Text(self.keras_version.clone()));
        root.attr("backend", Value::Text(self.backend.clone()));
        root.attr("model_config", Value::Text(self.config.clone()));
        let weights = root.group("model_weights");
        let names: Vec<String> = self.layers.iter().map(|(name, _)| name.clone()).collect();
        weights.string_list("layer_names", &names);
        let mut seed = 0;
        for (layer, stored) in &self.layers {
            let group = weights.group(layer);
            let names: Vec<String> = stored.iter().map(|(name, _)| name.clone()).collect();
            group.string_list("weight_names", &names);
            for (name, shape) in stored {
                seed += 1;
                // A variance is positive.
                let center = if name.contains("moving_variance") { 1.0 } else { 0.0 };
                let noise = Noise { seed, n_floats: shape.iter().product(), center };
                let float32 = Datatype::Float { size: 4, big_endian: false };
                group.dataset(name, float32, shape, Arc::new(noise));
            }
        }
        Ok(file.finish()?)
    }
}

/// Floats within 0.1 of `center` that do not compress, from a counter.
pub(crate) struct Noise {
    pub(crate) seed: u64,
    pub(crate) n_floats: u64,
    pub(crate) center: f32,
}

impl Noise {
    /// SplitMix64 (Steele, Lea, Flood 2014), its upper half as a number.
    fn float(&self, index: u64) -> f32 {
        let mut z = (self.seed << 40).wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32 - 0.5) / 5.0 + self.center
    }
}

impl ByteSource for Noise {
    fn byte_len(&self) -> u64 {
        4 * self.n_floats
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        const PIECE: u64 = 1 << 18;
        let mut piece = Vec::new();
        for first in (0..self.n_floats).step_by(PIECE as usize) {
            let last = self.n_floats.min(first + PIECE);
            piece.clear();
            piece.extend((first..last).flat_map(|index| self.float(index).to_le_bytes()));
            sink(&piece)?;
        }
        Ok(())
    }
}
