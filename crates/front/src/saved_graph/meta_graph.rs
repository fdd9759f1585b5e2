//! One meta graph: what a signature needs of it, variables and assets with their values.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{
    ASSET_ATTR, Attr, Constant, Edge, Graph, OpTable, Shape, Signature, SignatureTensor, Type,
    VALUE_ATTR,
};
use tensorferry_store::{Store, is_contained, read_all};
use tensorferry_tensor::{DType, DenseTensor};
use tensorferry_tf_proto::tensorflow::{
    GraphDef, MetaGraphDef, SignatureDef, TensorInfo, collection_def, tensor_info::Encoding,
};

use super::frozen::{SIGNATURE, placeholders};
use super::needed::{Index, node_of};
use super::variables::Values;
use super::{GraphRequest, SavedGraph};
use crate::errors;
use crate::graph_def::{read_graph_def, read_shape};
use crate::graph_parts::edge;

/// A signature of this name fills tables; it is no signature to call.
const INIT_SIGNATURE: &str = "__saved_model_init_op";

/// Ops whose node is a variable.
const VARIABLES: [&str; 4] = ["VarHandleOp", "VariableV2", "Variable", "AutoReloadVariable"];

/// Where a SavedModel is.
pub(super) struct Place<'a> {
    pub(super) store: &'a dyn Store,
    /// The folder, with its slash; empty for the store's own.
    pub(super) folder: &'a str,
    pub(super) file: &'a str,
}

/// Reads the part of a meta graph that the wanted signature needs.
pub(super) fn read(
    place: &Place<'_>,
    meta: &MetaGraphDef,
    request: &GraphRequest,
    ops: &dyn OpTable,
) -> Result<SavedGraph, Problems> {
    let in_file = |problem: Problem| problem.in_file(place.file);
    let own = SignatureDef::default();
    let is_made_up = meta.signature_def.keys().all(|name| name == INIT_SIGNATURE)
        && request.signature.is_none()
        && !request.outputs.is_empty();
    let (name, def) = match is_made_up {
        // Outputs that are named need no signature.
        true => (SIGNATURE, &own),
        false => signature(meta, request).map_err(in_file)?,
    };
    let none = GraphDef::default();
    let graph_def = meta.graph_def.as_ref().unwrap_or(&none);
    let index = Index::new(graph_def);
    let sides = def.inputs.values().chain(def.outputs.values());
    let mut roots: Vec<&str> = sides.filter_map(tensor_name).map(node_of).collect();
    roots.extend(request.outputs.iter().map(|output| node_of(output.trim())));
    let init = init_nodes(meta);
    let main = index.needed(graph_def, &roots);
    let filling = index.needed(graph_def, &init.iter().map(String::as_str).collect::<Vec<_>>());
    let mut model = read_graph_def(&main, ops).map_err(in_file)?;
    let initializer = read_graph_def(&filling, ops).map_err(in_file)?;
    model.initializer = initializer.graph;
    model.functions.extend(initializer.functions);
    let values = Values::open(place, meta, &index)?;
    let assets = assets(place, meta)?;
    let mut problems = Vec::new();
    for graph in [&mut model.graph, &mut model.initializer] {
        set_assets(graph, &assets);
        set_values(graph, &index, &values, &mut problems);
    }
    let signature = match is_made_up {
        true => {
            let outputs = request.outputs.iter().map(|name| tensor(name, &model.graph, ops));
            let outputs = outputs.collect::<Result<_, _>>().map_err(in_file)?;
            Signature { inputs: placeholders(&model.graph), outputs }
        }
        false => read_signature(def, &model.graph, ops).map_err(in_file)?,
    };
    model.signatures.insert(name.to_owned(), signature);
    if !problems.is_empty() {
        return Err(Problems(problems.into_iter().map(in_file).collect()));
    }
    let info = meta.meta_info_def.as_ref();
    Ok(SavedGraph {
        model,
        signature: name.to_owned(),
        tf_version: info.map(|info| info.tensorflow_version.clone()).filter(|v| !v.is_empty()),
        warnings: Vec::new(),
    })
}

/// The wanted signature.
fn signature<'a>(
    meta: &'a MetaGraphDef,
    request: &GraphRequest,
) -> Result<(&'a str, &'a SignatureDef), Problem> {
    let all: Vec<(&str, &SignatureDef)> = meta
        .signature_def
        .iter()
        .map(|(name, def)| (name.as_str(), def))
        .filter(|(name, _)| *name != INIT_SIGNATURE)
        .collect();
    let find = |wanted: &str| all.iter().copied().find(|(name, _)| *name == wanted);
    let there = || all.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match &request.signature {
        Some(wanted) => find(wanted).ok_or_else(|| {
            Problem::usage(format!("Signature \"{wanted}\" does not exist in the saved model"))
                .at("signature_def")
                .expected(there(), format!("`{wanted}`"))
        }),
        None => match &all[..] {
            [] => Err(Problem::input("the SavedModel has no signature")
                .at("signature_def")
                .hint("save it with signatures=…, or as a Keras model")),
            [only] => Ok(*only),
            _ => find("serving_default").or_else(|| find("default")).ok_or_else(|| {
                Problem::usage("the SavedModel has several signatures")
                    .at("signature_def")
                    .expected("one of them in --signature_name", there())
            }),
        },
    }
}

fn tensor_name(info: &TensorInfo) -> Option<&str> {
    match &info.encoding {
        Some(Encoding::Name(name)) => Some(name),
        _ => None,
    }
}

/// Nodes that fill tables when the model is loaded.
fn init_nodes(meta: &MetaGraphDef) -> Vec<String> {
    if let Some(def) = meta.signature_def.get(INIT_SIGNATURE) {
        let names = def.outputs.values().filter_map(tensor_name);
        return names.map(|name| node_of(name).to_owned()).collect();
    }
    for collection in ["saved_model_main_op", "legacy_init_op", "table_initializer"] {
        let kind = meta.collection_def.get(collection).and_then(|all| all.kind.as_ref());
        if let Some(collection_def::Kind::NodeList(list)) = kind {
            return list.value.iter().map(|name| node_of(name).to_owned()).collect();
        }
    }
    Vec::new()
}

fn read_signature(
    def: &SignatureDef,
    graph: &Graph,
    ops: &dyn OpTable,
) -> Result<Signature, Problem> {
    let side = |infos: &BTreeMap<String, TensorInfo>| -> Result<Vec<SignatureTensor>, Problem> {
        infos.iter().map(|(key, info)| signature_tensor(key, info, graph, ops)).collect()
    };
    Ok(Signature { inputs: side(&def.inputs)?, outputs: side(&def.outputs)? })
}

/// A tensor of the graph as an output that is called as the tensor.
pub(super) fn tensor(
    name: &str,
    graph: &Graph,
    ops: &dyn OpTable,
) -> Result<SignatureTensor, Problem> {
    let edge = edge(graph, name.trim(), ops).map_err(|problem| {
        problem.at("--output_node_names").hint("`tensorferry inspect` lists what a model holds")
    })?;
    // Its type and shape are found out when the graph is looked at as a whole.
    Ok(SignatureTensor {
        name: name.trim().to_owned(),
        edge,
        ty: Type::Other(0),
        shape: Shape::UNKNOWN,
        resource_id: None,
    })
}

fn signature_tensor(
    key: &str,
    info: &TensorInfo,
    graph: &Graph,
    ops: &dyn OpTable,
) -> Result<SignatureTensor, Problem> {
    let at = |problem: Problem| problem.at(format!("signature {key}"));
    let name = tensor_name(info).ok_or_else(|| {
        at(Problem::unsupported("sparse and composite tensors are not read")
            .hint("export a signature whose inputs and outputs are plain tensors"))
    })?;
    Ok(SignatureTensor {
        name: key.to_owned(),
        edge: edge(graph, name, ops).map_err(at)?,
        ty: Type::from_proto(info.dtype),
        shape: info.tensor_shape.as_ref().map_or(Ok(Shape::UNKNOWN), read_shape).map_err(at)?,
        resource_id: None,
    })
}

/// Path and content of each asset, by the node that holds the path.
type Assets = HashMap<String, (String, Bytes)>;

fn assets(place: &Place<'_>, meta: &MetaGraphDef) -> Result<Assets, Problem> {
    let mut assets = Assets::new();
    for asset in &meta.asset_file_def {
        let Some(node) = asset.tensor_info.as_ref().and_then(tensor_name) else { continue };
        if !is_contained(&asset.filename) {
            return Err(Problem::input("an asset's name leads out of the model")
                .in_file(place.file)
                .at("asset_file_def.filename")
                .expected("a name below `assets`", format!("`{}`", asset.filename)));
        }
        let path = format!("{}assets/{}", place.folder, asset.filename);
        let blob = place.store.open(&path).map_err(|e| errors::store(&e))?;
        let content = read_all(blob.as_ref()).map_err(|e| errors::io(&path, "", &e))?;
        assets.insert(node_of(node).to_owned(), (asset.filename.clone(), content));
    }
    Ok(assets)
}

/// Gives the nodes that hold paths of assets the path and the content, and so the variables too
/// that TensorFlow 2 keeps the path in.
fn set_assets(graph: &mut Graph, assets: &Assets) {
    for id in graph.ids() {
        let node = graph.node(id);
        let source = |edge: &Edge| assets.get(&graph.node(edge.node).name);
        let (target, asset) = match (node.op.as_str(), &node.inputs[..]) {
            ("AssignVariableOp", [handle, value, ..]) => (handle.node, source(value)),
            _ => (id, assets.get(&node.name)),
        };
        let Some((path, content)) = asset else { continue };
        let path = Constant::Dense(DenseTensor::scalar(Bytes::from(path.clone())));
        let node = graph.node_mut(target);
        node.attrs.insert(ASSET_ATTR.to_owned(), Attr::Str(content.clone()));
        if VARIABLES.contains(&node.op.as_str()) {
            node.attrs.insert(VALUE_ATTR.to_owned(), Attr::Tensor(path));
        } else {
            node.op = "Const".to_owned();
            node.attrs.insert("dtype".to_owned(), Attr::Type(DType::String.into()));
            node.attrs.insert("value".to_owned(), Attr::Tensor(path));
        }
    }
}

/// Gives every variable its value.
fn set_values(graph: &mut Graph, index: &Index<'_>, values: &Values, problems: &mut Vec<Problem>) {
    for id in graph.ids() {
        let node = graph.node(id);
        if !VARIABLES.contains(&node.op.as_str()) || node.attrs.contains_key(VALUE_ATTR) {
            continue;
        }
        let Some(def) = index.nodes.get(node.name.as_str()) else { continue };
        match values.of(def) {
            Ok(Some(tensor)) => match declared(node, &tensor) {
                Ok(()) => {
                    let value = Attr::Tensor(Constant::Stored(tensor));
                    graph.node_mut(id).attrs.insert(VALUE_ATTR.to_owned(), value);
                }
                Err(problem) => problems.push(problem),
            },
            // One that nobody reads may have none; who reads it, is told.
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
}

/// The checkpoint must hold what the graph says of a variable.
fn declared(
    node: &tensorferry_ir::Node,
    tensor: &tensorferry_tensor::Tensor,
) -> Result<(), Problem> {
    let ty = node.attrs.get("dtype").and_then(Attr::as_type);
    let dims: Option<Vec<usize>> =
        tensor.shape().iter().map(|dim| usize::try_from(*dim).ok()).collect();
    let fits = match node.attrs.get("shape") {
        Some(Attr::Shape(shape)) => dims.is_some_and(|dims| shape.agrees(&Shape::of(&dims))),
        _ => dims.is_some(),
    };
    if fits && ty.is_none_or(|ty| ty == Type::Data(tensor.dtype())) {
        return Ok(());
    }
    let declared = tensorferry_ir::attrs_text(&node.attrs);
    Err(Problem::input("the checkpoint holds another tensor")
        .at(format!("variable {}", node.name))
        .expected(declared, format!("{tensor:?}")))
}
