//! A conversion in memory.

use serde::Deserialize;
use serde_json::{Map, Value};
use tensorferry::{ConvertOptions, OutputFormat, Patterns, QuantizeOptions, WeightFiles};
use tensorferry_diagnostics::{Kind, Problem};
use wasm_bindgen::prelude::*;

use crate::model::format;
use crate::{Files, thrown};

/// The reference's default.
const SHARD_LEN: u64 = 4 << 20;

/// What a conversion can be asked, as JavaScript says it; the names are those of the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    input_format: Option<String>,
    output_format: Option<String>,
    quantize_float16: Option<Weights>,
    quantize_uint8: Option<Weights>,
    quantize_uint16: Option<Weights>,
    quantize_min_elements: Option<u64>,
    dequantize: bool,
    weight_shard_size_bytes: Option<u64>,
    single_file: bool,
    split_weights_by_layer: bool,
    hashed_names: bool,
    clamp: bool,
    allow_unloadable_layers: bool,
    signature_name: Option<String>,
    metadata: Map<String, Value>,
}

/// Which weights: all, or those that match.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Weights {
    All(bool),
    Some(Vec<String>),
}

impl Weights {
    fn patterns(self) -> Option<Patterns> {
        match self {
            Self::All(is_meant) => is_meant.then_some(Patterns::AllOthers),
            Self::Some(globs) => Some(Patterns::Globs(globs)),
        }
    }
}

/// A finished conversion.
#[wasm_bindgen]
pub struct Converted {
    report: String,
    files: Vec<(String, Vec<u8>)>,
}

#[wasm_bindgen]
impl Converted {
    /// The closing report, as JSON.
    pub fn report(&self) -> String {
        self.report.clone()
    }

    /// How many files.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.files.len()
    }

    /// The name of one.
    pub fn name(&self, i: usize) -> Option<String> {
        Some(self.files.get(i)?.0.clone())
    }

    /// The bytes of one; they are given away.
    pub fn take_bytes(&mut self, i: usize) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.files.get_mut(i)?.1))
    }
}

/// Converts files; `options` is JSON.
///
/// # Errors
/// Every problem that was met.
#[wasm_bindgen]
pub fn convert(files: Files, options: &str) -> Result<Converted, JsError> {
    let options: Options =
        serde_json::from_str(options).map_err(|e| thrown(Problem::usage(e.to_string())))?;
    let options = convert_options(options)?;
    let conversion = tensorferry::convert(&files.into_store(), &options).map_err(thrown)?;
    let mut files = Vec::new();
    let written = conversion.package.write(&mut files);
    written.map_err(|e| thrown(Problem::new(Kind::Input, e.to_string())))?;
    let report = serde_json::to_string(&conversion.report).unwrap_or_default();
    Ok(Converted { report, files })
}

fn convert_options(options: Options) -> Result<ConvertOptions, JsError> {
    let output = |name: String| {
        OutputFormat::from_name(&name)
            .ok_or_else(|| thrown(Problem::usage(format!("there is no output format `{name}`"))))
    };
    let patterns = |weights: Option<Weights>| weights.and_then(Weights::patterns);
    Ok(ConvertOptions {
        input_format: options.input_format.map(|name| format(&name)).transpose()?,
        output_format: options.output_format.map(output).transpose()?,
        quantize: QuantizeOptions {
            float16: patterns(options.quantize_float16),
            uint8: patterns(options.quantize_uint8),
            uint16: patterns(options.quantize_uint16),
            min_elements: options.quantize_min_elements,
            dequantize: options.dequantize,
        },
        weight_files: match options.single_file {
            true => WeightFiles::Single,
            false => WeightFiles::Shards(options.weight_shard_size_bytes.unwrap_or(SHARD_LEN)),
        },
        split_weights_by_layer: options.split_weights_by_layer,
        hashed_names: options.hashed_names,
        clamp: options.clamp,
        allow_unloadable_layers: options.allow_unloadable_layers,
        signature_name: options.signature_name,
        metadata: options.metadata,
        ..ConvertOptions::default()
    })
}
