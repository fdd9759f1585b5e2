//! Our graph as a GraphDef in the JSON of protobuf, constants apart.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};
use tensorferry_diagnostics::Problem;
use tensorferry_ir::{
    Attr, Attrs, Constant, Edge, FuncRef, Function, Graph, Model, Node, NodeId, OpTable, Shape,
    Signature, Type,
};
use tensorferry_tensor::DType;
use tensorferry_tf_proto::tensorflow::DataType;

/// The version of GraphDef that TensorFlow 2.15 writes; readers must know it or be newer.
pub(crate) const PRODUCER: i32 = 1645;

/// Readers older than this know no functions.
pub(crate) const MIN_CONSUMER: i32 = 12;

/// A model's graphs as JSON, and its constants with the names that their nodes have there.
pub(crate) struct GraphJson {
    pub(crate) topology: Value,
    pub(crate) signature: Value,
    pub(crate) initializer: Option<Value>,
    pub(crate) initializer_signature: Option<Value>,
    pub(crate) weights: Vec<(String, Constant)>,
}

/// The JSON of a model called by `signature`.
pub(crate) fn graph_json(
    model: &Model,
    signature: &Signature,
    ops: &dyn OpTable,
) -> Result<GraphJson, Problem> {
    let mut writer = Writer { ops, used: HashSet::new(), weights: Vec::new() };
    let main = writer.names(&model.graph, None, &[]);
    let nodes = writer.nodes(&Place { graph: &model.graph, names: &main, in_function: false })?;
    let functions: Vec<Value> =
        model.functions.values().map(|f| writer.function(f)).collect::<Result<_, _>>()?;
    let mut versions = Map::new();
    versions.insert("producer".to_owned(), PRODUCER.into());
    let mut library = Map::new();
    if !functions.is_empty() {
        versions.insert("minConsumer".to_owned(), MIN_CONSUMER.into());
        library.insert("function".to_owned(), functions.into());
    }
    let topology = json!({ "node": nodes, "library": library, "versions": versions });
    let signature = json!({
        "inputs": tensors(&signature.inputs, &main),
        "outputs": tensors(&signature.outputs, &main),
    });
    let (mut initializer, mut initializer_signature) = (None, None);
    if !model.initializer.is_empty() {
        // Tables are found by the names of their nodes, so those stay what they are.
        let names = writer.names(&model.initializer, None, &[]);
        let graph = &model.initializer;
        let nodes = writer.nodes(&Place { graph, names: &names, in_function: false })?;
        initializer = Some(json!({ "node": nodes, "versions": { "producer": PRODUCER } }));
        if !model.initializer_outputs.is_empty() {
            let outputs = tensors(&model.initializer_outputs, &names);
            initializer_signature = Some(json!({ "outputs": outputs }));
        }
    }
    Ok(GraphJson {
        topology,
        signature,
        initializer,
        initializer_signature,
        weights: writer.weights,
    })
}

struct Writer<'a> {
    ops: &'a dyn OpTable,
    /// Names of constants: all graphs share one list of weights.
    used: HashSet<String>,
    weights: Vec<(String, Constant)>,
}

/// A graph with the names of its nodes.
struct Place<'a> {
    graph: &'a Graph,
    names: &'a [String],
    in_function: bool,
}

impl Writer<'_> {
    /// The names of a graph's nodes: those of constants differ in the whole model, and those in a
    /// function have the function's in front.
    fn names(
        &mut self,
        graph: &Graph,
        function: Option<&str>,
        arguments: &[String],
    ) -> Vec<String> {
        let mut own: HashSet<String> = graph.nodes().iter().map(|n| n.name.clone()).collect();
        let mut names = Vec::with_capacity(graph.len());
        for node in graph.nodes() {
            if node.op == "_Arg" && function.is_some() {
                let index = node.attrs.get("index").and_then(Attr::as_int);
                let index = index.and_then(|i| usize::try_from(i).ok());
                let name = index.and_then(|i| arguments.get(i)).unwrap_or(&node.name);
                names.push(name.clone());
                continue;
            }
            if node.op != "Const" {
                names.push(node.name.clone());
                continue;
            }
            let stem = match function {
                Some(function) => format!("{function}/{}", node.name),
                None => node.name.clone(),
            };
            let mut name = stem.clone();
            let mut i = 1_usize;
            while self.used.contains(&name) || (name != node.name && own.contains(&name)) {
                name = format!("{stem}_{i}");
                i += 1;
            }
            self.used.insert(name.clone());
            own.insert(name.clone());
            names.push(name);
        }
        names
    }

    fn nodes(&mut self, place: &Place<'_>) -> Result<Vec<Value>, Problem> {
        let mut nodes = Vec::with_capacity(place.graph.len());
        for id in place.graph.ids() {
            let node = place.graph.node(id);
            if node.op == "_Arg" && place.in_function {
                continue;
            }
            nodes.push(self.node(place, id, node)?);
        }
        Ok(nodes)
    }

    fn node(&mut self, place: &Place<'_>, id: NodeId, node: &Node) -> Result<Value, Problem> {
        let name = &place.names[id.idx()];
        let mut json = Map::new();
        json.insert("name".to_owned(), name.clone().into());
        json.insert("op".to_owned(), node.op.clone().into());
        let data = node.inputs.iter().map(|edge| self.edge(place, *edge));
        let control = node.control.iter().map(|id| format!("^{}", place.names[id.idx()]));
        let inputs: Vec<String> = data.chain(control).collect();
        if !inputs.is_empty() {
            json.insert("input".to_owned(), inputs.into());
        }
        let mut attrs = attrs_json(&node.attrs)?;
        if node.op == "Const" {
            let value = match node.attrs.get("value") {
                Some(Attr::Tensor(value)) => value,
                _ => return Err(Problem::input("a constant without value").at(name.clone())),
            };
            self.weights.push((name.clone(), value.clone()));
            // The node keeps its type although the weight may be stored in another.
            attrs.insert("value".to_owned(), tensor_json(value)?);
        }
        if !attrs.is_empty() {
            json.insert("attr".to_owned(), attrs.into());
        }
        Ok(json.into())
    }

    /// An input as text: `node`, `node:1`; in functions `node:output:0`, arguments by name.
    fn edge(&self, place: &Place<'_>, edge: Edge) -> String {
        let name = &place.names[edge.node.idx()];
        let node = place.graph.node(edge.node);
        if place.in_function {
            if node.op == "_Arg" {
                return name.clone();
            }
            let outputs = self.ops.outputs(&node.op, &node.attrs, node.inputs.len());
            return match outputs.and_then(Result::ok).and_then(|o| o.name(edge.output as usize)) {
                Some((output, index)) => format!("{name}:{output}:{index}"),
                None => format!("{name}:output:{}", edge.output),
            };
        }
        match edge.output {
            0 => name.clone(),
            output => format!("{name}:{output}"),
        }
    }

    fn function(&mut self, function: &Function) -> Result<Value, Problem> {
        let parameters =
            |all: &mut dyn Iterator<Item = (&String, Type)>| -> Result<Value, Problem> {
                all.map(|(name, ty)| Ok(json!({ "name": name, "type": type_name(ty)? }))).collect()
            };
        let arguments: Vec<String> = function.arguments.iter().map(|a| a.name.clone()).collect();
        let names = self.names(&function.graph, Some(&function.name), &arguments);
        let place = Place { graph: &function.graph, names: &names, in_function: true };
        let mut signature = Map::new();
        signature.insert("name".to_owned(), function.name.clone().into());
        let mut all = function.arguments.iter().map(|a| (&a.name, a.ty));
        signature.insert("inputArg".to_owned(), parameters(&mut all)?);
        let mut all = function.results.iter().map(|(r, _)| (&r.name, r.ty));
        signature.insert("outputArg".to_owned(), parameters(&mut all)?);
        if function.is_stateful {
            signature.insert("isStateful".to_owned(), true.into());
        }
        let nodes = self.nodes(&place)?;
        let ret: Map<String, Value> = function
            .results
            .iter()
            .map(|(result, edge)| (result.name.clone(), self.edge(&place, *edge).into()))
            .collect();
        let mut json = Map::new();
        let control: Map<String, Value> = function
            .control_results
            .iter()
            .map(|id| (names[id.idx()].clone(), names[id.idx()].clone().into()))
            .collect();
        if !control.is_empty() {
            let names: Vec<&String> = control.keys().collect();
            signature.insert("controlOutput".to_owned(), json!(names));
        }
        json.insert("signature".to_owned(), signature.into());
        json.insert("nodeDef".to_owned(), nodes.into());
        json.insert("ret".to_owned(), ret.into());
        if !control.is_empty() {
            json.insert("controlRet".to_owned(), control.into());
        }
        Ok(json.into())
    }
}

fn tensors(all: &[tensorferry_ir::SignatureTensor], names: &[String]) -> Value {
    let mut map = Map::new();
    for tensor in all {
        let name = format!("{}:{}", names[tensor.edge.node.idx()], tensor.edge.output);
        let mut info = Map::new();
        info.insert("name".to_owned(), name.into());
        if let Ok(ty) = type_name(tensor.ty) {
            info.insert("dtype".to_owned(), ty.into());
        }
        info.insert("tensorShape".to_owned(), shape_json(&tensor.shape));
        if let Some(id) = tensor.resource_id {
            info.insert("resourceId".to_owned(), id.into());
        }
        map.insert(tensor.name.clone(), info.into());
    }
    map.into()
}

/// Attributes; those of TensorFlow's own bookkeeping, which begin with an underscore, are left out.
fn attrs_json(attrs: &Attrs) -> Result<Map<String, Value>, Problem> {
    let mut json = Map::new();
    for (name, attr) in attrs.iter().filter(|(name, _)| !name.starts_with('_')) {
        let value = attr_json(attr).map_err(|problem| problem.at(format!("attr {name}")))?;
        json.insert(name.clone(), value);
    }
    Ok(json)
}

fn attr_json(attr: &Attr) -> Result<Value, Problem> {
    let Attr::List(all) = attr else {
        let (kind, value) = plain_json(attr)?;
        return Ok(json!({ kind: value }));
    };
    let mut lists: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for one in all {
        let (kind, value) = plain_json(one)?;
        lists.entry(kind).or_default().push(value);
    }
    Ok(json!({ "list": lists }))
}

/// A value and the name of its kind.
fn plain_json(attr: &Attr) -> Result<(&'static str, Value), Problem> {
    Ok(match attr {
        Attr::Bool(value) => ("b", (*value).into()),
        // 64-bit integers are strings in protobuf's JSON.
        Attr::Int(value) => ("i", value.to_string().into()),
        Attr::Float(value) => ("f", float_json(*value)),
        Attr::Str(bytes) => ("s", base64(bytes).into()),
        Attr::Type(ty) => ("type", type_name(*ty)?.into()),
        Attr::Shape(shape) => ("shape", shape_json(shape)),
        Attr::Tensor(value) => match tensor_json(value)? {
            Value::Object(mut object) => ("tensor", object.remove("tensor").unwrap_or_default()),
            other => ("tensor", other),
        },
        Attr::Func(function) => ("func", func_json(function)?),
        Attr::List(_) => return Err(Problem::input("a list inside a list")),
    })
}

fn func_json(function: &FuncRef) -> Result<Value, Problem> {
    let mut json = Map::new();
    json.insert("name".to_owned(), function.name.clone().into());
    let attrs = attrs_json(&function.attrs)?;
    if !attrs.is_empty() {
        json.insert("attr".to_owned(), attrs.into());
    }
    Ok(json.into())
}

/// The shortest digits that lead back to the number.
fn float_json(value: f32) -> Value {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let digits: f64 = value.to_string().parse().unwrap_or(f64::from(value));
    digits.into()
}

fn tensor_json(value: &Constant) -> Result<Value, Problem> {
    let dims: Vec<Value> =
        value.shape().iter().map(|dim| json!({ "size": dim.to_string() })).collect();
    let shape = if dims.is_empty() { json!({}) } else { json!({ "dim": dims }) };
    let dtype = type_name(value.dtype().into())?;
    Ok(json!({ "tensor": { "dtype": dtype, "tensorShape": shape } }))
}

fn shape_json(shape: &Shape) -> Value {
    let Some(dims) = shape.dims() else { return json!({ "unknownRank": true }) };
    if dims.is_empty() {
        return json!({});
    }
    // Protobuf leaves out a size of 0, and TensorFlow.js takes that for no number.
    let size =
        |dim: &tensorferry_ir::Dim| dim.known().map_or_else(|| "-1".to_owned(), |n| n.to_string());
    let dims: Vec<Value> = dims.iter().map(|dim| json!({ "size": size(dim) })).collect();
    json!({ "dim": dims })
}

/// The name of a type. TensorFlow.js knows no narrower or wider numbers than these: their weights
/// are stored so too.
fn type_name(ty: Type) -> Result<&'static str, Problem> {
    let ty = match ty {
        Type::Data(DType::BFloat16) => DType::Float32.into(),
        Type::Data(DType::Int16 | DType::UInt16 | DType::UInt32 | DType::UInt64) => {
            DType::Int32.into()
        }
        ty => ty,
    };
    DataType::try_from(ty.to_proto())
        .ok()
        .filter(|ty| *ty != DataType::DtInvalid)
        .map(|ty| ty.as_str_name())
        .ok_or_else(|| Problem::input(format!("`{ty}` is no type of TensorFlow's")))
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| chunk.get(i).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * i) & 63).expect("six bits");
            out.push(if i <= chunk.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_writes_bytes_and_numbers_so() {
        let cases =
            [("", ""), ("N", "Tg=="), ("NH", "Tkg="), ("NHW", "TkhX"), ("NHWC", "TkhXQw==")];
        for (text, expected) in cases {
            assert_eq!(base64(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(float_json(0.1).to_string(), "0.1");
        assert_eq!(float_json(1e-7).to_string(), "1e-7");
        assert_eq!(float_json(f32::NEG_INFINITY).to_string(), "\"-Infinity\"");
        assert_eq!(attr_json(&Attr::List(Vec::new())).unwrap().to_string(), r#"{"list":{}}"#);
        assert_eq!(attr_json(&Attr::Int(-2)).unwrap().to_string(), r#"{"i":"-2"}"#);
        let shape = Shape(Some(vec![tensorferry_ir::Dim::Unknown, 0.into()]));
        assert_eq!(shape_json(&shape).to_string(), r#"{"dim":[{"size":"-1"},{"size":"0"}]}"#);
        assert_eq!(shape_json(&Shape::UNKNOWN).to_string(), r#"{"unknownRank":true}"#);
    }
}
