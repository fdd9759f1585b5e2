//! What any SavedModel says of itself: versions, tag sets, signatures, ops.

use std::collections::BTreeMap;

use tensorferry_diagnostics::Problem;
use tensorferry_store::Store;
use tensorferry_tensor::DType;
use tensorferry_tf_proto::tensorflow::{
    GraphDef, MetaGraphDef, SignatureDef, TensorInfo, tensor_info::Encoding,
};

use crate::messages;

/// A SavedModel in outline.
#[derive(Debug, Clone, Default)]
pub struct SavedModelOutline {
    /// The TensorFlow version that wrote it.
    pub tensorflow_version: Option<String>,
    /// The tag set of each meta graph.
    pub tag_sets: Vec<Vec<String>>,
    /// The signatures of the first meta graph.
    pub signatures: Vec<SavedSignature>,
    /// Nodes of its main graph.
    pub n_nodes: usize,
    /// Functions in its library.
    pub n_functions: usize,
    /// Nodes by op, functions included.
    pub ops: BTreeMap<String, usize>,
}

/// A signature, its inputs and outputs sorted by key, as TensorFlow keeps them.
#[derive(Debug, Clone)]
pub struct SavedSignature {
    /// Its key.
    pub name: String,
    /// Inputs.
    pub inputs: Vec<SavedTensorInfo>,
    /// Outputs.
    pub outputs: Vec<SavedTensorInfo>,
}

/// An input or output of a signature.
#[derive(Debug, Clone)]
pub struct SavedTensorInfo {
    /// Its key.
    pub key: String,
    /// The tensor, such as `serving_default_x:0`; empty for sparse and composite ones.
    pub tensor: String,
    /// The element type, such as `float32`.
    pub dtype: String,
    /// The dims; `None` for unknown rank, inner `None` for an unknown dim.
    pub shape: Option<Vec<Option<u64>>>,
}

/// Reads the outline of the SavedModel whose graph is the file `name`.
///
/// # Errors
/// When the file is not a SavedModel.
pub(crate) fn outline(store: &dyn Store, name: &str) -> Result<SavedModelOutline, Problem> {
    let model = messages::saved_model(store, name)?;
    let Some(first) = model.meta_graphs.first() else {
        return Err(Problem::input("the SavedModel has no meta graph")
            .in_file(name)
            .at("meta_graphs")
            .expected("at least one", "none"));
    };
    let tags = |graph: &MetaGraphDef| graph.meta_info_def.as_ref().map(|info| info.tags.clone());
    let mut outline = SavedModelOutline {
        tensorflow_version: first
            .meta_info_def
            .as_ref()
            .map(|info| info.tensorflow_version.clone())
            .filter(|version| !version.is_empty()),
        tag_sets: model.meta_graphs.iter().map(|graph| tags(graph).unwrap_or_default()).collect(),
        signatures: first.signature_def.iter().map(|(name, def)| signature(name, def)).collect(),
        ..SavedModelOutline::default()
    };
    // What TensorFlow 2 adds to start the loaded object; it has neither inputs nor outputs.
    outline.signatures.retain(|signature| signature.name != "__saved_model_init_op");
    if let Some(graph) = &first.graph_def {
        count(graph, &mut outline);
    }
    Ok(outline)
}

fn count(graph: &GraphDef, outline: &mut SavedModelOutline) {
    let functions = graph.library.as_ref().map_or(&[][..], |library| &library.function);
    outline.n_nodes = graph.node.len();
    outline.n_functions = functions.len();
    let inner = functions.iter().flat_map(|function| &function.node_def);
    for node in graph.node.iter().chain(inner) {
        *outline.ops.entry(node.op.clone()).or_default() += 1;
    }
}

fn signature(name: &str, def: &SignatureDef) -> SavedSignature {
    let side = |infos: &BTreeMap<String, TensorInfo>| {
        infos.iter().map(|(key, info)| tensor_info(key, info)).collect()
    };
    SavedSignature { name: name.to_owned(), inputs: side(&def.inputs), outputs: side(&def.outputs) }
}

fn tensor_info(key: &str, info: &TensorInfo) -> SavedTensorInfo {
    let shape = info.tensor_shape.as_ref().filter(|shape| !shape.unknown_rank);
    SavedTensorInfo {
        key: key.to_owned(),
        tensor: match &info.encoding {
            Some(Encoding::Name(name)) => name.clone(),
            _ => String::new(),
        },
        dtype: match DType::from_proto(info.dtype) {
            Some(dtype) => dtype.name().to_owned(),
            None => format!("dtype {}", info.dtype),
        },
        shape: shape
            .map(|shape| shape.dim.iter().map(|dim| u64::try_from(dim.size).ok()).collect()),
    }
}
