//! SavedModels to measure with: the graphs of real ones, with made-up variables.
//!
//! `NAME.pb.gz` is the `saved_model.pb` that TensorFlow 2.15 wrote, `variables.json.gz` says which
//! variables its checkpoint has: `mobilenet_v2` is `keras.applications.MobileNetV2`, `bert_base` twelve
//! encoder layers of Keras (`MultiHeadAttention`, `LayerNormalization`, `Dense`) in the sizes of BERT
//! base, 128 tokens long.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use tensorferry_store::SourceRef;
use tensorferry_tensor_bundle::BundleWriter;

use crate::models::Noise;

/// Key, type as TensorFlow numbers it, and shape of a variable.
type Variable = (String, i32, Vec<u64>);

/// Writes the SavedModel of that name into a folder. The same bytes each time.
pub(crate) fn write(name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let graph: &[u8] = match name {
        "bert_base" => include_bytes!("bert_base.pb.gz"),
        "mobilenet_v2" => include_bytes!("mobilenet_v2.pb.gz"),
        _ => return Err(format!("there is no SavedModel `{name}`").into()),
    };
    fs::create_dir_all(folder.join("variables"))?;
    fs::write(folder.join("saved_model.pb"), unpacked(graph)?)?;
    let text = unpacked(include_bytes!("variables.json.gz"))?;
    let all: BTreeMap<String, Vec<Variable>> = serde_json::from_slice(&text)?;
    let mut bundle = BundleWriter::new();
    for (seed, (key, dtype, shape)) in (1..).zip(&all[name]) {
        // A variance is positive.
        let center = if key.contains("moving_variance") { 1.0 } else { 0.0 };
        let noise = Noise { seed, n_floats: shape.iter().product(), center };
        bundle.tensor(key, *dtype, shape, Arc::new(noise))?;
    }
    let files = bundle.finish()?;
    // The index has the checksums of what was written before it.
    write_file(&folder.join("variables/variables.data-00000-of-00001"), &files.data)?;
    write_file(&folder.join("variables/variables.index"), &files.index)
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut all = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut all)?;
    Ok(all)
}

fn write_file(path: &Path, content: &SourceRef) -> Result<(), Box<dyn Error>> {
    let mut file = File::create(path)?;
    content.for_each_piece(&mut |piece| file.write_all(piece))?;
    Ok(file.sync_all()?)
}
