//! A graph model's `model.json` as our graph: GraphDef in the JSON of protobuf, weights apart.

use std::collections::HashMap;

use serde_json::{Map, Value};
use tensorferry_diagnostics::Problem;
use tensorferry_ir::{
    Attr, Attrs, Constant, Dim, FuncRef, Graph, Model, OpTable, Parameter, Shape, Signature,
    SignatureTensor, Type,
};
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tf_proto::tensorflow::DataType;
use tensorferry_tfjs_files::ModelJson;

use crate::TfjsModel;
use crate::graph_parts::{self, NamedFunction, NamedNode, edge};

/// The signature under which a graph model's only one is kept.
const SIGNATURE: &str = "serving_default";

/// Attributes inside attributes; our JSON reader has its own limit.
const ATTR_DEPTH_MAX: usize = 32;

/// Weights by name: what JSON leaves out of `Const`.
type Weights = HashMap<String, Tensor>;

/// The graph of a TensorFlow.js graph model, its constants bound to the weights (dequantized, and of
/// the type that the graph says: the converter stores `int64` as `int32`).
///
/// # Errors
/// A weight that is missing, an input that no node has, an attribute that cannot be read.
pub fn read_graph_model(model: &TfjsModel, ops: &dyn OpTable) -> Result<Model, Problem> {
    let named =
        |weight: &tensorferry_tfjs_files::StoredWeight| (weight.name().to_owned(), weight.loaded());
    let weights: Weights = model.weights.iter().map(named).collect();
    read(&model.json, &weights, ops).map_err(|problem| problem.in_file(&model.file))
}

fn read(json: &ModelJson, weights: &Weights, ops: &dyn OpTable) -> Result<Model, Problem> {
    let reader = Reader { weights, ops };
    let mut model = reader.graph_def(&json.topology)?;
    if let Some(initializer) = &json.model_initializer {
        let read = reader.graph_def(initializer).map_err(|p| p.at("modelInitializer"))?;
        model.initializer = read.graph;
        model.functions.extend(read.functions);
    }
    let signature = match &json.signature {
        Some(signature) if signature.get("outputs").is_some() => {
            reader.signature(signature, &model.graph)?
        }
        _ => whole_graph(&model.graph),
    };
    model.signatures.insert(SIGNATURE.to_owned(), signature);
    if let Some(signature) = &json.initializer_signature {
        model.initializer_outputs = reader.signature(signature, &model.initializer)?.outputs;
    }
    Ok(model)
}

/// Without a signature TensorFlow.js takes the placeholders, and what nobody reads.
fn whole_graph(graph: &Graph) -> Signature {
    let users = graph.users();
    let mut signature = Signature::default();
    for id in graph.ids() {
        let node = graph.node(id);
        let ty = node.attrs.get("dtype").or(node.attrs.get("T")).and_then(Attr::as_type);
        let shape = match node.attrs.get("shape") {
            Some(Attr::Shape(shape)) => shape.clone(),
            _ => Shape::UNKNOWN,
        };
        let (ty, name) = (ty.unwrap_or(Type::Data(DType::Float32)), node.name.clone());
        let tensor = SignatureTensor { name, edge: id.into(), ty, shape, resource_id: None };
        if node.op.starts_with("Placeholder") {
            signature.inputs.push(tensor);
        } else if users[id.idx()].is_empty() {
            signature.outputs.push(tensor);
        }
    }
    signature
}

struct Reader<'a> {
    weights: &'a Weights,
    ops: &'a dyn OpTable,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

impl Reader<'_> {
    fn graph_def(&self, json: &Value) -> Result<Model, Problem> {
        let mut model = Model::default();
        for function in json.get("library").map(|l| list(l, "function")).unwrap_or_default() {
            let function = graph_parts::function(self.function(function)?, self.ops)?;
            model.functions.insert(function.name.clone(), function);
        }
        model.graph = graph_parts::graph(self.nodes(list(json, "node"))?, self.ops)?;
        Ok(model)
    }

    fn function(&self, json: &Value) -> Result<NamedFunction, Problem> {
        let signature = json.get("signature").unwrap_or(&Value::Null);
        let name = text(signature, "name").to_owned();
        let at = |problem: Problem| problem.at(format!("function {name}"));
        let parameter = |arg: &Value| -> Result<Parameter, Problem> {
            let ty = read_type(arg.get("type").unwrap_or(&Value::Null)).map_err(at)?;
            Ok(Parameter { name: text(arg, "name").to_owned(), ty })
        };
        let parameters = |key: &str| -> Result<Vec<Parameter>, Problem> {
            list(signature, key).iter().map(parameter).collect()
        };
        let pair = |(name, source): (&String, &Value)| {
            (name.clone(), source.as_str().unwrap_or_default().to_owned())
        };
        Ok(NamedFunction {
            arguments: parameters("inputArg")?,
            results: parameters("outputArg")?,
            nodes: self.nodes(list(json, "nodeDef")).map_err(at)?,
            ret: members(json, "ret").map(pair).collect(),
            control: members(json, "controlRet").map(|member| pair(member).1).collect(),
            is_stateful: signature.get("isStateful").and_then(Value::as_bool).unwrap_or(false),
            attrs: attrs(json.get("attr"), 0).map_err(at)?,
            name,
        })
    }

    fn nodes(&self, all: &[Value]) -> Result<Vec<NamedNode>, Problem> {
        all.iter().map(|node| self.node(node)).collect()
    }

    fn node(&self, json: &Value) -> Result<NamedNode, Problem> {
        let name = text(json, "name").to_owned();
        let op = text(json, "op").to_owned();
        let at = |problem: Problem| problem.at(format!("node {name}"));
        let mut json_attrs =
            json.get("attr").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut own = Attrs::new();
        if op == "Const" {
            // Its elements are not in the JSON; what is there says type and shape alone.
            json_attrs.remove("value");
            own = object_attrs(&json_attrs, 0).map_err(at)?;
            own.insert("value".to_owned(), Attr::Tensor(self.weight(&name, &own).map_err(at)?));
        } else {
            own.append(&mut object_attrs(&json_attrs, 0).map_err(at)?);
        }
        let inputs = list(json, "input").iter().filter_map(Value::as_str).map(str::to_owned);
        Ok(NamedNode { op, inputs: inputs.collect(), attrs: own, name })
    }

    fn weight(&self, name: &str, attrs: &Attrs) -> Result<Constant, Problem> {
        let tensor = self.weights.get(name).ok_or_else(|| {
            Problem::input("the weight of the constant is missing from `weightsManifest`")
        })?;
        let dtype = attrs.get("dtype").and_then(Attr::as_type).and_then(Type::dtype);
        let dtype = dtype.unwrap_or(tensor.dtype());
        let cast = tensorferry_tensor::cast(tensor, dtype, false)
            .map_err(|error| Problem::input(error.to_string()))?;
        Ok(Constant::Stored(cast))
    }

    fn signature(&self, json: &Value, graph: &Graph) -> Result<Signature, Problem> {
        let tensors = |key: &str| -> Result<Vec<SignatureTensor>, Problem> {
            members(json, key)
                .map(|(name, info)| self.signature_tensor(name, info, graph))
                .collect()
        };
        // That of a frozen graph names outputs alone: what it takes are its placeholders.
        let inputs = match json.get("inputs") {
            Some(_) => tensors("inputs")?,
            None => whole_graph(graph).inputs,
        };
        Ok(Signature { inputs, outputs: tensors("outputs")? })
    }

    fn signature_tensor(
        &self,
        name: &str,
        info: &Value,
        graph: &Graph,
    ) -> Result<SignatureTensor, Problem> {
        let at = |problem: Problem| problem.at(format!("signature {name}"));
        Ok(SignatureTensor {
            name: name.to_owned(),
            edge: edge(graph, text(info, "name"), self.ops).map_err(at)?,
            ty: info.get("dtype").map_or(Ok(Type::Other(0)), read_type).map_err(at)?,
            shape: info.get("tensorShape").map_or(Ok(Shape::UNKNOWN), read_shape).map_err(at)?,
            resource_id: info.get("resourceId").and_then(read_int),
        })
    }
}

fn attrs(json: Option<&Value>, depth: usize) -> Result<Attrs, Problem> {
    json.and_then(Value::as_object).map_or(Ok(Attrs::new()), |all| object_attrs(all, depth))
}

fn object_attrs(all: &Map<String, Value>, depth: usize) -> Result<Attrs, Problem> {
    let mut attrs = Attrs::new();
    for (name, value) in all {
        let read = value.as_object().and_then(|value| value.iter().next());
        if let Some((kind, value)) = read {
            let value = attr(kind, value, depth).map_err(|p| p.at(format!("attr {name}")))?;
            attrs.insert(name.clone(), value);
        }
    }
    Ok(attrs)
}

fn attr(kind: &str, value: &Value, depth: usize) -> Result<Attr, Problem> {
    if depth > ATTR_DEPTH_MAX {
        return Err(Problem::input("attributes are too deep"));
    }
    let wrong = || Problem::input(format!("`{value}` is no value of kind `{kind}`"));
    Ok(match kind {
        "s" => Attr::Str(base64(value.as_str().ok_or_else(wrong)?).ok_or_else(wrong)?.into()),
        "i" => Attr::Int(read_int(value).ok_or_else(wrong)?),
        "f" => Attr::Float(read_float(value).ok_or_else(wrong)?),
        "b" => Attr::Bool(value.as_bool().ok_or_else(wrong)?),
        "type" => Attr::Type(read_type(value)?),
        "shape" => Attr::Shape(read_shape(value)?),
        "placeholder" => Attr::text(value.as_str().ok_or_else(wrong)?),
        "func" => {
            let name = text(value, "name").to_owned();
            Attr::Func(FuncRef { name, attrs: attrs(value.get("attr"), depth + 1)? })
        }
        "list" => {
            let lists = value.as_object().into_iter().flatten();
            let all = lists.flat_map(|(kind, all)| {
                all.as_array().into_iter().flatten().map(move |one| attr(kind, one, depth + 1))
            });
            Attr::List(all.collect::<Result<_, _>>()?)
        }
        _ => return Err(Problem::unsupported(format!("attributes of kind `{kind}` are not read"))),
    })
}

/// A number, or its decimal digits: protobuf writes 64-bit integers as strings.
fn read_int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A number, or `NaN`, `Infinity`, `-Infinity` as strings.
fn read_float(value: &Value) -> Option<f32> {
    let double = value.as_f64().or_else(|| match value.as_str()? {
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        other => other.parse().ok(),
    })?;
    Some(double as f32)
}

/// `DT_FLOAT`, or the number.
fn read_type(value: &Value) -> Result<Type, Problem> {
    let number = match value.as_str() {
        Some(name) => DataType::from_str_name(name).map(i32::from),
        None => value.as_i64().and_then(|n| i32::try_from(n).ok()),
    };
    let number = number.ok_or_else(|| Problem::input(format!("`{value}` is no type")))?;
    Ok(Type::from_proto(number))
}

fn read_shape(value: &Value) -> Result<Shape, Problem> {
    if value.get("unknownRank").and_then(Value::as_bool) == Some(true) {
        return Ok(Shape::UNKNOWN);
    }
    let dims = list(value, "dim").iter().map(|dim| {
        // A dim of 0 is written as `{}`.
        let size = dim.get("size").map_or(Some(0), read_int);
        match size {
            Some(size) if size < 0 => Ok(Dim::Unknown),
            Some(size) => usize::try_from(size)
                .map(Dim::Known)
                .map_err(|_| Problem::input(format!("a dim of {size} does not fit memory"))),
            None => Err(Problem::input(format!("`{dim}` is no dim"))),
        }
    });
    Ok(dims.collect::<Result<Vec<_>, _>>()?.into())
}

/// Standard base64, padding optional.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut n_bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            out.push(u8::try_from(bits >> n_bits & 0xff).ok()?);
        }
    }
    Some(out)
}
