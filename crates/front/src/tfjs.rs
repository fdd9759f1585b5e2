//! `model.json` of TensorFlow.js with its shards: layers models, graph models, weights alone.

use std::sync::Arc;

use serde_json::Value;
use tensorferry_archive::Archive;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_json::NonFinite;
use tensorferry_layers::{
    Dialect, LayersModel, Location, StoredWeight, VarNode, bind_flat, training_config_to_keras,
};
use tensorferry_store::{BlobSource, SourceRef, Store, StoreError, is_contained, read_all};
use tensorferry_tfjs_files::{Format, ModelJson, read_weights};

use crate::errors;
use crate::keras_h5::check_model;
use crate::source::{Source, Summary};

/// A TensorFlow.js model as stored: nothing is bound or dequantized yet.
pub struct TfjsModel {
    /// The name of the `model.json`.
    pub file: String,
    /// Its content.
    pub json: ModelJson,
    /// The weights in the manifest's order.
    pub weights: Vec<tensorferry_tfjs_files::StoredWeight>,
    /// The files in `assets.zip`, by path.
    pub assets: Vec<(String, SourceRef)>,
}

/// Reads the model whose `model.json` is called `file`.
///
/// # Errors
/// What is broken in `model.json`, the manifest or the shards.
pub(crate) fn read(store: &dyn Store, file: &str) -> Result<(Source, Summary), Problems> {
    let mut summary = Summary::default();
    let blob = store.open(file).map_err(|e| errors::store(&e))?;
    let limits = tensorferry_json::Limits::default();
    if blob.byte_len() > limits.bytes {
        return Err(Problem::new(tensorferry_diagnostics::Kind::Limit, "the text is too long")
            .in_file(file)
            .expected(format!("at most {} bytes", limits.bytes), blob.byte_len())
            .into());
    }
    let bytes = read_all(blob.as_ref()).map_err(|e| errors::io(file, "", &e))?;
    let parsed = tensorferry_json::parse_with(&bytes, &limits, NonFinite::AsNull)
        .map_err(|e| errors::json(file, "", &e))?;
    summary.note_non_finite(file, "", &parsed);
    let json = ModelJson::from_value(parsed.value).map_err(|e| Problem::from(e).in_file(file))?;
    // Shards lie beside the model.json, which may itself be in a folder of the store.
    let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let open = |path: &str| match is_contained(path) {
        true => store.open(&format!("{folder}{path}")),
        false => store.open(path),
    };
    let weights =
        read_weights(&json.weights_manifest, &open).map_err(|e| Problem::from(e).in_file(file))?;
    summary.kind = match (json.format, json.topology.is_null()) {
        (Format::GraphModel, _) => "TensorFlow.js graph model".to_owned(),
        (Format::LayersModel, false) => "TensorFlow.js layers model".to_owned(),
        (Format::LayersModel, true) => "TensorFlow.js weights without a model".to_owned(),
    };
    let text = |key: &str, value: Option<&str>| Some((key.to_owned(), value?.to_owned()));
    summary.facts.extend(text("generatedBy", json.generated_by.as_deref()));
    summary.facts.extend(text("convertedBy", json.converted_by.as_deref()));
    let keras_version = json.topology.get("keras_version").and_then(Value::as_str);
    summary.facts.extend(text("keras_version", keras_version));
    let assets = assets(store, &format!("{folder}assets.zip"))?;
    let model = TfjsModel { file: file.to_owned(), json, weights, assets };
    Ok((Source::Tfjs(Box::new(model)), summary))
}

/// The files of the archive that we and the reference put beside `model.json`; none when it is
/// not there.
fn assets(store: &dyn Store, name: &str) -> Result<Vec<(String, SourceRef)>, Problem> {
    let blob = match store.open(name) {
        Ok(blob) => blob,
        Err(StoreError::NotFound(_)) => return Ok(Vec::new()),
        Err(error) => return Err(errors::store(&error)),
    };
    let problem = |e: tensorferry_archive::Error| Problem::input(e.to_string()).in_file(name);
    let archive = Archive::open(blob, &tensorferry_archive::Limits::default()).map_err(problem)?;
    let names = archive.names().filter(|entry| !entry.ends_with('/'));
    names
        .map(|entry| {
            let blob = archive.open_entry(entry).map_err(problem)?;
            Ok((entry.to_owned(), Arc::new(BlobSource(blob)) as SourceRef))
        })
        .collect()
}

impl TfjsModel {
    /// The Keras model in it, weights bound and dequantized, and what is to be said about that.
    ///
    /// # Errors
    /// When it is a graph model or has no model, or a weight is missing.
    pub fn to_layers(&self) -> Result<(LayersModel, Summary), Problems> {
        if self.json.format == Format::GraphModel {
            return Err(Problem::unsupported("a graph model has no Keras layers")
                .in_file(&self.file)
                .at("format")
                .expected("layers-model", "graph-model")
                .into());
        }
        let topology = self.topology().ok_or_else(|| {
            Problem::input("there are weights and no model")
                .in_file(&self.file)
                .at("modelTopology")
                .expected("a Keras model", "null")
                .hint("only the weights can be converted, to another layout of shards")
        })?;
        let mut summary = Summary::default();
        let class_name = topology.get("class_name").and_then(Value::as_str).unwrap_or_default();
        // TensorFlow.js writes a Sequential's config as the bare list of its layers.
        let config = match topology.get("config") {
            Some(Value::Object(config)) => config.clone(),
            Some(Value::Array(layers)) => {
                [("layers".to_owned(), Value::Array(layers.clone()))].into_iter().collect()
            }
            _ => {
                return Err(Problem::input("the model has no config")
                    .in_file(&self.file)
                    .at("modelTopology.config")
                    .into());
            }
        };
        check_model(topology, &config, "modelTopology.config")
            .map_err(|problem| problem.in_file(&self.file))?;
        let tree = VarNode::of_model(class_name, &config);
        let (optimizer, weights): (Vec<_>, Vec<_>) = self
            .weights
            .iter()
            .partition(|weight| weight.entry.group.as_deref() == Some("optimizer"));
        let bound =
            bind_flat(&tree, weights.into_iter().map(stored_weight).collect()).map_err(|all| {
                let problem = |e: &tensorferry_layers::BindError| {
                    Problem::input(e.to_string()).in_file(&self.file).at("weightsManifest")
                };
                Problems(all.iter().map(problem).collect())
            })?;
        summary.note_binding(&self.file, &bound);
        let mut topology = topology.clone();
        topology["config"] = Value::Object(config);
        let text =
            |key: &str| self.json.topology.get(key).and_then(Value::as_str).map(str::to_owned);
        let model = LayersModel {
            dialect: Dialect::of(&topology),
            topology,
            keras_version: text("keras_version"),
            backend: text("backend"),
            training_config: self.training_config(&mut summary),
            weights: bound.weights,
            optimizer: optimizer.iter().map(|w| (w.name().to_owned(), w.loaded())).collect(),
            metadata: match &self.json.user_defined_metadata {
                Some(Value::Object(members)) => members.clone(),
                _ => serde_json::Map::new(),
            },
            assets: self.assets.clone(),
        };
        Ok((model, summary))
    }

    /// The `{"class_name", "config"}` object: TensorFlow.js writes it bare, the converter wraps it
    /// in `model_config`.
    pub fn topology(&self) -> Option<&Value> {
        let topology = &self.json.topology;
        topology.get("model_config").or(Some(topology)).filter(|t| t.get("class_name").is_some())
    }

    /// The training configuration in Keras' form: the converter carries Keras' own along, and
    /// TensorFlow.js writes one in its own words.
    fn training_config(&self, summary: &mut Summary) -> Option<Value> {
        let Some(own) = &self.json.training_config else {
            return self.json.topology.get("training_config").cloned();
        };
        let translated = training_config_to_keras(own);
        if translated.is_none() {
            let what = "the training configuration: Keras has no such optimizer or loss";
            summary.dropped.push(what.to_owned());
        }
        translated
    }
}

/// A weight of a manifest as a stored weight, dequantized.
pub fn stored_weight(weight: &tensorferry_tfjs_files::StoredWeight) -> StoredWeight {
    let location = weight.first_byte.as_ref().map(|(file, start)| Location {
        file: file.clone(),
        start: *start,
        byte_len: weight.byte_range.end - weight.byte_range.start,
    });
    StoredWeight { name: weight.name().to_owned(), tensor: weight.loaded(), location }
}
