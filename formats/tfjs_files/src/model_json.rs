//! `model.json` as data: the topology is kept as it is, the manifest is typed.

use std::borrow::Cow;

use serde_json::{Map, Value};
use tensorferry_json::{Limits, parse, to_python};

use crate::fields::Fields;
use crate::manifest::{manifest_to_json, parse_manifest};
use crate::{Error, Group, Kind};

/// Which of TensorFlow.js' two kinds of model it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For `tf.loadLayersModel`: a Keras config.
    LayersModel,
    /// For `tf.loadGraphModel`: a TensorFlow graph.
    GraphModel,
}

impl Format {
    /// As written under `format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LayersModel => "layers-model",
            Self::GraphModel => "graph-model",
        }
    }
}

/// The content of a `model.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelJson {
    /// Which kind of model it is.
    pub format: Format,
    /// What made the model, such as `keras v2.15.0`; written as `null` when absent.
    pub generated_by: Option<String>,
    /// What converted it; written as `null` when absent.
    pub converted_by: Option<String>,
    /// `modelTopology`: a Keras config or a GraphDef as JSON; `null` for weights alone.
    pub topology: Value,
    /// `weightsManifest`.
    pub weights_manifest: Vec<Group>,
    /// `trainingConfig`, which TensorFlow.js writes for compiled layers models.
    pub training_config: Option<Value>,
    /// `userDefinedMetadata`.
    pub user_defined_metadata: Option<Value>,
    /// `signature` of a graph model.
    pub signature: Option<Value>,
    /// `modelInitializer` of a graph model: the graph that fills its tables.
    pub model_initializer: Option<Value>,
    /// `initializerSignature` of a graph model.
    pub initializer_signature: Option<Value>,
    /// Other fields of the file, in their order.
    pub extra: Map<String, Value>,
}

impl ModelJson {
    /// A model with a topology and nothing else.
    pub fn new(format: Format, topology: Value) -> Self {
        Self {
            format,
            generated_by: None,
            converted_by: None,
            topology,
            weights_manifest: Vec::new(),
            training_config: None,
            user_defined_metadata: None,
            signature: None,
            model_initializer: None,
            initializer_signature: None,
            extra: Map::new(),
        }
    }

    /// Reads a `model.json`. A file without `format` is a layers model, unless its topology is a
    /// graph (`node`).
    ///
    /// # Errors
    /// What is no JSON, has no `weightsManifest`, or has a field of the wrong type; see
    /// [`parse_manifest`] for the manifest.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::from_value(parse(bytes, limits)?)
    }

    /// Reads a `model.json` that is parsed already, such as one read with NaN replaced.
    ///
    /// # Errors
    /// As [`ModelJson::parse`].
    pub fn from_value(value: Value) -> Result<Self, Error> {
        let mut fields = Fields::new("", value)
            .map_err(|error| error.hint("a model.json is an object with `modelTopology`"))?;
        let format = fields.take("format");
        let topology = fields.take("modelTopology");
        let manifest = fields.take("weightsManifest").ok_or_else(|| {
            Error::malformed("weightsManifest", "the field is missing")
                .expected("an array", "nothing")
                .hint("this is no model.json of TensorFlow.js; those have `weightsManifest`")
        })?;
        let topology = topology.unwrap_or(Value::Null);
        if !matches!(topology, Value::Object(_) | Value::Null) {
            let at = "modelTopology";
            return Err(crate::fields::wrong_type(at, "an object or null", &topology));
        }
        Ok(Self {
            format: parse_format(format, &topology)?,
            generated_by: fields.optional_string("generatedBy")?,
            converted_by: fields.optional_string("convertedBy")?,
            topology,
            weights_manifest: parse_manifest(manifest)?,
            training_config: fields.take("trainingConfig"),
            user_defined_metadata: fields.take("userDefinedMetadata"),
            signature: fields.take("signature"),
            model_initializer: fields.take("modelInitializer"),
            initializer_signature: fields.take("initializerSignature"),
            extra: fields.rest(),
        })
    }

    /// The bytes of the file as the converter writes it: its order of fields, Python's JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![b'{'];
        for (key, value) in self.fields() {
            if out.len() > 1 {
                out.extend_from_slice(b", ");
            }
            out.extend(to_python(&Value::from(key)));
            out.extend_from_slice(b": ");
            out.extend(to_python(&value));
        }
        out.push(b'}');
        out
    }

    /// All fields in the order of the file.
    fn fields(&self) -> impl Iterator<Item = (&str, Cow<'_, Value>)> {
        let text = |text: &Option<String>| Some(Cow::Owned(Value::from(text.clone())));
        let own = |value: Value| Some(Cow::Owned(value));
        let metadata = self.user_defined_metadata.as_ref().map(Cow::Borrowed);
        let is_graph = self.format == Format::GraphModel;
        let known = [
            ("format", own(self.format.name().into())),
            ("generatedBy", text(&self.generated_by)),
            ("convertedBy", text(&self.converted_by)),
            // The converter puts metadata before a layers model's topology and behind a graph's.
            ("userDefinedMetadata", metadata.clone().filter(|_| !is_graph)),
            ("signature", self.signature.as_ref().map(Cow::Borrowed)),
            ("modelTopology", Some(Cow::Borrowed(&self.topology))),
            ("userDefinedMetadata", metadata.filter(|_| is_graph)),
            ("modelInitializer", self.model_initializer.as_ref().map(Cow::Borrowed)),
            ("initializerSignature", self.initializer_signature.as_ref().map(Cow::Borrowed)),
            ("weightsManifest", own(manifest_to_json(&self.weights_manifest))),
            ("trainingConfig", self.training_config.as_ref().map(Cow::Borrowed)),
        ];
        let extra = self.extra.iter().map(|(key, value)| (key.as_str(), Cow::Borrowed(value)));
        known.into_iter().filter_map(|(key, value)| Some((key, value?))).chain(extra)
    }
}

fn parse_format(value: Option<Value>, topology: &Value) -> Result<Format, Error> {
    match value.as_ref() {
        None | Some(Value::Null) if topology.get("node").is_some() => Ok(Format::GraphModel),
        None | Some(Value::Null) => Ok(Format::LayersModel),
        Some(Value::String(text)) if text == "layers-model" => Ok(Format::LayersModel),
        Some(Value::String(text)) if text == "graph-model" => Ok(Format::GraphModel),
        Some(other) => Err(Error::new(Kind::Unsupported, "unknown format of model")
            .at("format")
            .expected("`layers-model` or `graph-model`", other)),
    }
}
