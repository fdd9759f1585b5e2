//! A Keras model as a SavedModel folder of Keras 2.
//!
//! Four files say the same model in three ways: `keras_metadata.pb` has the layers' configs, from
//! which Keras builds the model; `saved_model.pb` has the graph of objects that the checkpoint in
//! `variables/` is restored into, and a function for those who only call the model
//! (`tf.saved_model.load`, TensorFlow Serving).

mod graph;
mod meta_graph;
mod metadata;
mod nodes;
mod objects;

use std::sync::Arc;

use bytes::Bytes;
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_ir::OpTable;
use tensorferry_layers::{LayersModel, LowerOptions, lower, to_keras2};
use tensorferry_store::{Package, Part, SourceRef};
use tensorferry_tensor_bundle::BundleWriter;
use tensorferry_tf_proto::{Message, keras, tensorflow};

use crate::keras_h5::{describe, refuse_blockers, tree_of, zip_leaves};
use crate::written::Written;
use objects::Objects;

/// The Keras that writes this layout, and the TensorFlow it comes with.
const KERAS_VERSION: &str = "2.15.0";
const TENSORFLOW_VERSION: &str = "2.15.1";

/// The signature that a server calls.
const SIGNATURE: &str = "serving_default";

/// Key of the object graph in the checkpoint.
const OBJECT_GRAPH: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

/// Writes the model as `model.save(…, save_format="tf")` of Keras 2 does.
///
/// # Errors
/// When the config cannot be said in Keras' terms, or a layer cannot be said in ops.
pub fn keras_saved_model(model: &LayersModel, ops: &dyn OpTable) -> Result<Written, Problems> {
    let converted = to_keras2(&model.topology, model.dialect)?;
    refuse_blockers(&converted)?;
    let lowered = lower(model, &LowerOptions::default())?;
    if !lowered.initializer.is_empty() {
        return Err(Problem::unsupported(
            "tables and states of Keras layers are not written to a SavedModel",
        )
        .hint("write keras or keras_keras")
        .into());
    }
    let tree = tree_of(&converted.model);
    let weights = zip_leaves(model, &tree)?;
    if let Some((leaf, _)) = weights.iter().find(|(_, weight)| weight.is_guess) {
        return Err(Problem::unsupported("the place of a weight is not known")
            .at(&leaf.tfjs_name)
            .hint("write keras or keras_keras")
            .into());
    }
    let training = model.training_config.as_ref();
    let mut objects = Objects::new(&weights);
    metadata::add_model(&mut objects, &converted.model, &tree, training)?;
    let graph = graph::Parts::new(&lowered, &objects.variables, ops)?;
    let signature = graph.add_objects(&mut objects);
    let stored = objects.checkpoint_graph();
    let files = checkpoint(&objects, &stored)?;
    let saved_model = tensorflow::SavedModel {
        saved_model_schema_version: 1,
        meta_graphs: vec![graph.meta_graph(&objects, signature)],
    };
    let metadata = keras::SavedMetadata { nodes: objects.metadata };
    let message = |bytes: Vec<u8>| -> SourceRef { Arc::new(Bytes::from(bytes)) };
    let mut parts = Vec::new();
    let assets = model.assets.iter().filter(|(path, _)| path.starts_with("assets/"));
    parts.extend(assets.map(|(path, source)| Part::file(path.clone(), source.clone())));
    parts.extend(files);
    parts.push(Part::file("keras_metadata.pb", message(metadata.encode_to_vec())));
    // Last: a folder without it is no SavedModel.
    parts.push(Part::file("saved_model.pb", message(saved_model.encode_to_vec())));
    let mut written = describe(model, &converted, training.is_some());
    written.package = Package { parts, is_single_file: false };
    Ok(written)
}

/// The files of the checkpoint, the data first.
fn checkpoint(
    objects: &Objects<'_>,
    stored: &tensorflow::TrackableObjectGraph,
) -> Result<[Part; 2], Problem> {
    let wrong =
        |e: tensorferry_tensor_bundle::Error| Problem::new(Kind::Unsupported, e.to_string());
    let mut writer = BundleWriter::new();
    for variable in &objects.variables {
        let tensor = variable.tensor;
        let dtype = tensor.dtype().to_proto();
        writer
            .tensor(&variable.key, dtype, tensor.shape(), tensor.data().clone())
            .map_err(wrong)?;
    }
    writer.strings(OBJECT_GRAPH, &[], &[stored.encode_to_vec().into()]).map_err(wrong)?;
    Ok(writer.finish().map_err(wrong)?.into_parts("variables/variables"))
}
