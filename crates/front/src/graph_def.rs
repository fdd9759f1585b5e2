//! A GraphDef in protobuf as our graph.

use std::cell::Cell;

use tensorferry_diagnostics::Problem;
use tensorferry_ir::{Attr, Attrs, Constant, Dim, FuncRef, Model, OpTable, Shape, Type};
use tensorferry_tensor::{DType, DenseTensor};
use tensorferry_tf_proto::tensorflow::{
    AttrValue, FunctionDef, GraphDef, NameAttrList, NodeDef, TensorProto, TensorShapeProto,
    attr_value,
};
use tensorferry_tf_proto::{Message, decode_constant};

use crate::graph_parts::{self, NamedFunction, NamedNode, parameter};

/// Constants whose elements are not stored as they are may take so many bytes in all, and
/// [`FILL_FACTOR`] times what the graph takes: a message of ten bytes may stand for gigabytes.
const FILL_BYTES_MIN: u64 = 48 << 20;

/// See [`FILL_BYTES_MIN`].
const FILL_FACTOR: u64 = 64;

/// Attributes inside attributes; prost itself stops at 100 messages.
const ATTR_DEPTH_MAX: usize = 32;

/// Bytes that constants may still take which are not stored as they are.
type Fill = Cell<u64>;

/// The graph and the functions of a GraphDef. Signatures are not among what it says.
///
/// # Errors
/// An input that no node has, or an attribute that cannot be read; the problem names the node.
pub fn read_graph_def(graph: &GraphDef, ops: &dyn OpTable) -> Result<Model, Problem> {
    let fill = FILL_BYTES_MIN.saturating_add(FILL_FACTOR * graph.encoded_len() as u64);
    let fill = &Cell::new(fill);
    let mut model =
        Model { graph: graph_parts::graph(nodes(&graph.node, fill)?, ops)?, ..Model::default() };
    for function in graph.library.iter().flat_map(|library| &library.function) {
        let function = graph_parts::function(named_function(function, fill)?, ops)?;
        let name = function.name.clone();
        if model.functions.insert(name.clone(), function).is_some() {
            let what = "another function has the same name";
            return Err(Problem::input(what).at(format!("function {name}")));
        }
    }
    Ok(model)
}

fn nodes(all: &[NodeDef], fill: &Fill) -> Result<Vec<NamedNode>, Problem> {
    let named = |node: &NodeDef| {
        let at = |mut problem: Problem| {
            let field = std::mem::take(&mut problem.field);
            let place = if field.is_empty() { field } else { format!(" {field}") };
            problem.at(format!("node {}{place}", node.name))
        };
        Ok(NamedNode {
            name: node.name.clone(),
            op: node.op.clone(),
            inputs: node.input.clone(),
            attrs: attrs(node.attr.iter(), 0, fill).map_err(at)?,
        })
    };
    all.iter().map(named).collect()
}

fn named_function(function: &FunctionDef, fill: &Fill) -> Result<NamedFunction, Problem> {
    let signature = function.signature.clone().unwrap_or_default();
    let at = |problem: Problem| problem.at(format!("function {}", signature.name));
    let arguments = signature.input_arg.iter().map(|arg| parameter(&arg.name, arg.r#type));
    let results = signature.output_arg.iter().map(|arg| parameter(&arg.name, arg.r#type));
    Ok(NamedFunction {
        name: signature.name.clone(),
        arguments: arguments.collect(),
        results: results.collect(),
        nodes: nodes(&function.node_def, fill).map_err(at)?,
        ret: function.ret.iter().map(|(name, source)| (name.clone(), source.clone())).collect(),
        control: function.control_ret.values().cloned().collect(),
        is_stateful: signature.is_stateful,
        attrs: attrs(function.attr.iter(), 0, fill).map_err(at)?,
    })
}

fn attrs<'a>(
    all: impl Iterator<Item = (&'a String, &'a AttrValue)>,
    depth: usize,
    fill: &Fill,
) -> Result<Attrs, Problem> {
    let mut attrs = Attrs::new();
    for (name, value) in all {
        if let Some(value) = &value.value {
            let value =
                attr(value, depth, fill).map_err(|problem| problem.at(format!("attr {name}")))?;
            attrs.insert(name.clone(), value);
        }
    }
    Ok(attrs)
}

fn attr(value: &attr_value::Value, depth: usize, fill: &Fill) -> Result<Attr, Problem> {
    use attr_value::Value;
    if depth > ATTR_DEPTH_MAX {
        return Err(Problem::input("attributes are too deep"));
    }
    Ok(match value {
        Value::S(bytes) => Attr::Str(bytes.clone()),
        Value::I(int) => Attr::Int(*int),
        Value::F(float) => Attr::Float(*float),
        Value::B(bool) => Attr::Bool(*bool),
        Value::Type(ty) => Attr::Type(Type::from_proto(*ty)),
        Value::Shape(shape) => Attr::Shape(read_shape(shape)?),
        Value::Tensor(tensor) => Attr::Tensor(read_tensor(tensor, fill)?),
        Value::Placeholder(name) => Attr::text(name),
        Value::Func(function) => Attr::Func(func(function, depth, fill)?),
        Value::List(list) => {
            let mut all: Vec<Attr> = list.s.iter().cloned().map(Attr::Str).collect();
            all.extend(list.i.iter().copied().map(Attr::Int));
            all.extend(list.f.iter().copied().map(Attr::Float));
            all.extend(list.b.iter().copied().map(Attr::Bool));
            all.extend(list.r#type.iter().map(|ty| Attr::Type(Type::from_proto(*ty))));
            for shape in &list.shape {
                all.push(Attr::Shape(read_shape(shape)?));
            }
            for tensor in &list.tensor {
                all.push(Attr::Tensor(read_tensor(tensor, fill)?));
            }
            for function in &list.func {
                all.push(Attr::Func(func(function, depth, fill)?));
            }
            Attr::List(all)
        }
    })
}

fn func(function: &NameAttrList, depth: usize, fill: &Fill) -> Result<FuncRef, Problem> {
    Ok(FuncRef {
        name: function.name.clone(),
        attrs: attrs(function.attr.iter(), depth + 1, fill)?,
    })
}

pub(crate) fn read_shape(shape: &TensorShapeProto) -> Result<Shape, Problem> {
    if shape.unknown_rank {
        return Ok(Shape::UNKNOWN);
    }
    let dims = shape.dim.iter().map(|dim| match dim.size {
        size if size < 0 => Ok(Dim::Unknown),
        size => usize::try_from(size)
            .map(Dim::Known)
            .map_err(|_| Problem::input(format!("a dim of {size} does not fit memory"))),
    });
    Ok(dims.collect::<Result<Vec<_>, _>>()?.into())
}

fn read_tensor(tensor: &TensorProto, fill: &Fill) -> Result<Constant, Problem> {
    let constant = decode_constant(tensor, fill.get())
        .map_err(|error| Problem::input(format!("the tensor cannot be read: {error}")))?;
    if tensor.tensor_content.is_empty() {
        fill.set(fill.get().saturating_sub(constant.data.len() as u64));
    }
    let dtype = DType::from_proto(constant.dtype).ok_or_else(|| {
        Problem::unsupported(format!("element type {} is not supported", constant.dtype))
    })?;
    let shape: Option<Vec<usize>> =
        constant.shape.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    let shape = shape.ok_or_else(|| Problem::input("a dim does not fit memory"))?;
    let tensor = DenseTensor::from_bytes(dtype, &shape, constant.data)
        .map_err(|error| Problem::input(error.to_string()))?;
    Ok(Constant::Dense(tensor))
}
