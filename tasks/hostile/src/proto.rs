//! Our graphs as TensorFlow's messages, for inputs that are made here.

use std::collections::{BTreeMap, HashMap};

use tensorferry_ir::{Attr, Attrs, Constant, Edge, Function, Graph, Model, OpTable, Shape};
use tensorferry_ops::ALL;
use tensorferry_tensor::{DType, DenseTensor};
use tensorferry_tf_proto::tensorflow::{
    self as tf, AttrValue, FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, NameAttrList,
    NodeDef, OpDef, SavedModel, SignatureDef, TensorInfo, TensorProto, TensorShapeProto,
    attr_value, op_def, tensor_info, tensor_shape_proto,
};

/// The graph and the functions of a model.
///
/// # Panics
/// When a constant cannot be read: these models are made in memory.
pub fn graph_def(model: &Model) -> GraphDef {
    let function = model.functions.values().map(function_def).collect();
    GraphDef {
        node: nodes(&model.graph, &HashMap::new(), false),
        library: Some(FunctionDefLibrary { function, ..FunctionDefLibrary::default() }),
        ..GraphDef::default()
    }
}

/// A SavedModel of one meta graph with the tag `serve` and the model's signatures.
pub fn saved_model(model: &Model) -> SavedModel {
    let info = |tensor: &tensorferry_ir::SignatureTensor| {
        let name = edge(&model.graph, tensor.edge, &HashMap::new(), false);
        let info = TensorInfo {
            encoding: Some(tensor_info::Encoding::Name(name)),
            dtype: tensor.ty.to_proto(),
            tensor_shape: Some(shape_proto(&tensor.shape)),
        };
        (tensor.name.clone(), info)
    };
    let signatures = model.signatures.iter().map(|(name, signature)| {
        let def = SignatureDef {
            inputs: signature.inputs.iter().map(info).collect(),
            outputs: signature.outputs.iter().map(info).collect(),
            ..SignatureDef::default()
        };
        (name.clone(), def)
    });
    let meta = MetaGraphDef {
        meta_info_def: Some(tf::meta_graph_def::MetaInfoDef {
            tags: vec!["serve".to_owned()],
            ..Default::default()
        }),
        graph_def: Some(graph_def(model)),
        signature_def: signatures.collect(),
        ..MetaGraphDef::default()
    };
    SavedModel { saved_model_schema_version: 1, meta_graphs: vec![meta] }
}

fn function_def(function: &Function) -> FunctionDef {
    let arguments = function.argument_nodes();
    // An argument is called by its parameter's name and has no number behind it.
    let names: HashMap<usize, &str> = arguments
        .iter()
        .zip(&function.arguments)
        .filter_map(|(node, argument)| Some((node.as_ref()?.idx(), argument.name.as_str())))
        .collect();
    let args = |all: &[tensorferry_ir::Parameter]| {
        let one = |parameter: &tensorferry_ir::Parameter| op_def::ArgDef {
            name: parameter.name.clone(),
            r#type: parameter.ty.to_proto(),
            ..op_def::ArgDef::default()
        };
        all.iter().map(one).collect()
    };
    let results: Vec<tensorferry_ir::Parameter> =
        function.results.iter().map(|(result, _)| result.clone()).collect();
    let ret = function
        .results
        .iter()
        .map(|(result, from)| (result.name.clone(), edge(&function.graph, *from, &names, true)));
    FunctionDef {
        signature: Some(OpDef {
            name: function.name.clone(),
            input_arg: args(&function.arguments),
            output_arg: args(&results),
            is_stateful: function.is_stateful,
            ..OpDef::default()
        }),
        node_def: nodes(&function.graph, &names, true),
        ret: ret.collect(),
        ..FunctionDef::default()
    }
}

fn nodes(graph: &Graph, arguments: &HashMap<usize, &str>, is_inner: bool) -> Vec<NodeDef> {
    let ids = graph.ids().filter(|id| !arguments.contains_key(&id.idx()));
    ids.map(|id| {
        let node = graph.node(id);
        let name = |id: usize| match arguments.get(&id) {
            Some(name) => (*name).to_owned(),
            None => graph.nodes()[id].name.clone(),
        };
        let data = node.inputs.iter().map(|from| edge(graph, *from, arguments, is_inner));
        let control = node.control.iter().map(|id| format!("^{}", name(id.idx())));
        NodeDef {
            name: node.name.clone(),
            op: node.op.clone(),
            input: data.chain(control).collect(),
            attr: attrs(&node.attrs),
            ..NodeDef::default()
        }
    })
    .collect()
}

/// `node` or `node:1`; inside functions `node:output:0`.
fn edge(graph: &Graph, from: Edge, arguments: &HashMap<usize, &str>, is_inner: bool) -> String {
    let node = graph.node(from.node);
    if let Some(name) = arguments.get(&from.node.idx()) {
        return (*name).to_owned();
    }
    if !is_inner {
        return match from.output {
            0 => node.name.clone(),
            output => format!("{}:{output}", node.name),
        };
    }
    let outputs = ALL.outputs(&node.op, &node.attrs, node.inputs.len());
    let outputs = outputs.and_then(Result::ok).unwrap_or_default();
    let (name, index) = outputs.name(from.output as usize).unwrap_or(("output", 0));
    format!("{}:{name}:{index}", node.name)
}

fn attrs(all: &Attrs) -> BTreeMap<String, AttrValue> {
    all.iter().map(|(name, value)| (name.clone(), attr(value))).collect()
}

fn attr(value: &Attr) -> AttrValue {
    use attr_value::Value;
    let value = match value {
        Attr::Bool(flag) => Value::B(*flag),
        Attr::Int(int) => Value::I(*int),
        Attr::Float(float) => Value::F(*float),
        Attr::Str(bytes) => Value::S(bytes.clone()),
        Attr::Type(ty) => Value::Type(ty.to_proto()),
        Attr::Shape(shape) => Value::Shape(shape_proto(shape)),
        Attr::Tensor(tensor) => Value::Tensor(Box::new(tensor_proto(tensor))),
        Attr::Func(function) => Value::Func(name_attrs(function)),
        Attr::List(all) => Value::List(Box::new(list(all))),
    };
    AttrValue { value: Some(value) }
}

fn name_attrs(function: &tensorferry_ir::FuncRef) -> NameAttrList {
    NameAttrList { name: function.name.clone(), attr: attrs(&function.attrs) }
}

fn list(all: &[Attr]) -> attr_value::ListValue {
    let mut list = attr_value::ListValue::default();
    for one in all {
        match one {
            Attr::Bool(flag) => list.b.push(*flag),
            Attr::Int(int) => list.i.push(*int),
            Attr::Float(float) => list.f.push(*float),
            Attr::Str(bytes) => list.s.push(bytes.clone()),
            Attr::Type(ty) => list.r#type.push(ty.to_proto()),
            Attr::Shape(shape) => list.shape.push(shape_proto(shape)),
            Attr::Tensor(tensor) => list.tensor.push(tensor_proto(tensor)),
            Attr::Func(function) => list.func.push(name_attrs(function)),
            Attr::List(_) => {}
        }
    }
    list
}

fn shape_proto(shape: &Shape) -> TensorShapeProto {
    let dim = |dim: &tensorferry_ir::Dim| tensor_shape_proto::Dim {
        size: dim.known().and_then(|dim| i64::try_from(dim).ok()).unwrap_or(-1),
        ..tensor_shape_proto::Dim::default()
    };
    match shape.dims() {
        Some(dims) => TensorShapeProto { dim: dims.iter().map(dim).collect(), unknown_rank: false },
        None => TensorShapeProto { dim: Vec::new(), unknown_rank: true },
    }
}

fn tensor_proto(constant: &Constant) -> TensorProto {
    let dense: DenseTensor = constant.dense().expect("it is in memory");
    let mut proto = TensorProto {
        dtype: dense.dtype().to_proto(),
        tensor_shape: Some(shape_proto(&Shape::of(dense.shape()))),
        ..TensorProto::default()
    };
    match dense.as_slice::<bytes::Bytes>() {
        Some(texts) if dense.dtype() == DType::String => proto.string_val = texts.to_vec(),
        _ => proto.tensor_content = dense.to_bytes(),
    }
    proto
}
