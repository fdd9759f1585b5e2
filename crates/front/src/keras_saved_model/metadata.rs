//! The JSON that says what each object of a SavedModel is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tensorferry_diagnostics::Problem;
use tensorferry_json::NonFinite;
use tensorferry_store::Store;
use tensorferry_tf_proto::{Message, keras, tensorflow};

use super::open_message;
use crate::errors;

/// What the identifiers of Keras' objects begin with.
pub(super) const KERAS: &str = "_tf_keras_";

/// Metadata by node of the object graph.
pub(super) struct Metadata {
    file: String,
    by_node: BTreeMap<usize, String>,
}

impl Metadata {
    /// Reads `keras_metadata.pb`; where there is none, takes what the objects say themselves.
    pub(super) fn read(
        store: &dyn Store,
        folder: &str,
        saved_model: &str,
        nodes: &[tensorflow::SavedObject],
    ) -> Result<Self, Problem> {
        let file = format!("{folder}keras_metadata.pb");
        let Some(bytes) = open_message(store, &file)? else {
            return Ok(Self { file: saved_model.to_owned(), by_node: from_objects(nodes) });
        };
        let stored = keras::SavedMetadata::decode(bytes)
            .map_err(|e| Problem::input(format!("no Keras metadata: {e}")).in_file(&file))?;
        let mut by_node = BTreeMap::new();
        for (i, object) in stored.nodes.into_iter().enumerate() {
            let node = usize::try_from(object.node_id).ok().filter(|node| *node < nodes.len());
            let node = node.ok_or_else(|| {
                Problem::input("metadata of an object that is not in saved_model.pb")
                    .in_file(&file)
                    .at(format!("nodes[{i}].node_id"))
                    .expected(format!("less than {}", nodes.len()), object.node_id)
                    .hint("the two files are from different models")
            })?;
            by_node.insert(node, object.metadata);
        }
        Ok(Self { file, by_node })
    }

    /// The file that the metadata is from.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// What is said about a node; `None` when nothing is.
    ///
    /// Numbers that are not finite become null: no layer's name or class is a number.
    pub(super) fn json(&self, node: usize) -> Result<Option<Map<String, Value>>, Problem> {
        let Some(text) = self.by_node.get(&node) else { return Ok(None) };
        let field = format!("nodes[{node}].metadata");
        let limits = tensorferry_json::Limits::default();
        let parsed = tensorferry_json::parse_with(text.as_bytes(), &limits, NonFinite::AsNull);
        match parsed.map_err(|e| errors::json(&self.file, &field, &e))?.value {
            Value::Object(object) => Ok(Some(object)),
            _ => Err(Problem::input("the metadata is no object").in_file(&self.file).at(field)),
        }
    }
}

/// TensorFlow 2.0 to 2.4 kept the metadata in the objects.
fn from_objects(nodes: &[tensorflow::SavedObject]) -> BTreeMap<usize, String> {
    let with_metadata = |(i, node): (usize, &tensorflow::SavedObject)| match &node.kind {
        Some(tensorflow::saved_object::Kind::UserObject(object))
            if object.identifier.starts_with(KERAS) && !object.metadata.is_empty() =>
        {
            Some((i, object.metadata.clone()))
        }
        _ => None,
    };
    nodes.iter().enumerate().filter_map(with_metadata).collect()
}

/// What class of objects TensorFlow takes a node for; empty when it is no user object.
pub(super) fn identifier(node: &tensorflow::SavedObject) -> &str {
    match &node.kind {
        Some(tensorflow::saved_object::Kind::UserObject(object)) => &object.identifier,
        _ => "",
    }
}

/// A config as every other Keras file has it: tuples and shapes, which metadata writes as
/// `{"class_name": "__tuple__", "items": […]}`, become lists, and the numbers by which metadata
/// tells that two objects are one are left out.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(object) => match (object.get("class_name"), object.get("items")) {
            (Some(Value::String(class)), Some(Value::Array(items)))
                if class == "__tuple__" || class == "TensorShape" =>
            {
                items.iter().map(plain).collect()
            }
            (class, _) => {
                let is_number_of_object = |key: &str| class.is_some() && key == "shared_object_id";
                let entries = object.iter().filter(|(key, _)| !is_number_of_object(key));
                entries.map(|(key, value)| (key.clone(), plain(value))).collect()
            }
        },
        other => other.clone(),
    }
}
