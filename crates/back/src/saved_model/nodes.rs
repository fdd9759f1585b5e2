//! Our graph's nodes, attributes and types as TensorFlow's messages.

use bytes::Bytes;
use tensorferry_diagnostics::Problem;
use tensorferry_ir::{Attr, Attrs, Constant, Shape, Type};
use tensorferry_tensor::{DType, DenseTensor};
use tensorferry_tf_proto::tensorflow::attr_value::{ListValue, Value};
use tensorferry_tf_proto::tensorflow::tensor_shape_proto::Dim;
use tensorferry_tf_proto::tensorflow::{
    AttrValue, NameAttrList, NodeDef, TensorProto, TensorShapeProto,
};

/// A node without attributes.
pub(super) fn node(name: &str, op: &str, inputs: &[String]) -> NodeDef {
    NodeDef {
        name: name.to_owned(),
        op: op.to_owned(),
        input: inputs.to_vec(),
        ..NodeDef::default()
    }
}

/// The same node with one more attribute.
pub(super) fn with(mut node: NodeDef, name: &str, value: Value) -> NodeDef {
    node.attr.insert(name.to_owned(), AttrValue { value: Some(value) });
    node
}

/// Attributes; those of bookkeeping, which begin with an underscore, are left out.
pub(super) fn attrs(
    attrs: &Attrs,
) -> Result<std::collections::BTreeMap<String, AttrValue>, Problem> {
    let own = attrs.iter().filter(|(name, _)| !name.starts_with('_'));
    own.map(|(name, attr)| {
        let value = value(attr).map_err(|problem| problem.at(format!("attr {name}")))?;
        Ok((name.clone(), AttrValue { value: Some(value) }))
    })
    .collect()
}

fn value(attr: &Attr) -> Result<Value, Problem> {
    Ok(match attr {
        Attr::Bool(value) => Value::B(*value),
        Attr::Int(value) => Value::I(*value),
        Attr::Float(value) => Value::F(*value),
        Attr::Str(bytes) => Value::S(bytes.clone()),
        Attr::Type(ty) => Value::Type(ty.to_proto()),
        Attr::Shape(value) => Value::Shape(shape(value)),
        Attr::Tensor(value) => Value::Tensor(Box::new(constant(value)?)),
        Attr::Func(function) => {
            Value::Func(NameAttrList { name: function.name.clone(), attr: attrs(&function.attrs)? })
        }
        Attr::List(all) => Value::List(Box::new(list(all)?)),
    })
}

fn list(all: &[Attr]) -> Result<ListValue, Problem> {
    let mut list = ListValue::default();
    for one in all {
        match value(one)? {
            Value::S(bytes) => list.s.push(bytes),
            Value::I(value) => list.i.push(value),
            Value::F(value) => list.f.push(value),
            Value::B(value) => list.b.push(value),
            Value::Type(ty) => list.r#type.push(ty),
            Value::Shape(shape) => list.shape.push(shape),
            Value::Tensor(tensor) => list.tensor.push(*tensor),
            Value::Func(function) => list.func.push(function),
            Value::List(_) | Value::Placeholder(_) => {
                return Err(Problem::input("a list inside a list"));
            }
        }
    }
    Ok(list)
}

/// A list of types.
pub(super) fn types(all: impl IntoIterator<Item = Type>) -> Value {
    let list =
        ListValue { r#type: all.into_iter().map(Type::to_proto).collect(), ..Default::default() };
    Value::List(Box::new(list))
}

/// A list of shapes.
pub(super) fn shapes(all: Vec<TensorShapeProto>) -> Value {
    Value::List(Box::new(ListValue { shape: all, ..Default::default() }))
}

/// A vector of strings.
pub(super) fn strings(all: &[String]) -> Value {
    let tensor = TensorProto {
        dtype: DType::String.to_proto(),
        tensor_shape: Some(dims(&[u64::try_from(all.len()).unwrap_or(u64::MAX)])),
        string_val: all.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect(),
        ..Default::default()
    };
    Value::Tensor(Box::new(tensor))
}

fn constant(value: &Constant) -> Result<TensorProto, Problem> {
    let dense = value.dense().map_err(|e| Problem::input(e.to_string()))?;
    Ok(tensor(&dense, &value.shape()))
}

fn tensor(dense: &DenseTensor, shape: &[u64]) -> TensorProto {
    let (mut string_val, mut tensor_content) = (Vec::new(), Bytes::new());
    match dense.as_slice::<Bytes>() {
        Some(strings) => string_val = strings.to_vec(),
        None => tensor_content = dense.to_bytes(),
    }
    TensorProto {
        dtype: dense.dtype().to_proto(),
        tensor_shape: Some(dims(shape)),
        string_val,
        tensor_content,
        ..TensorProto::default()
    }
}

/// Known dims.
pub(super) fn dims(dims: &[u64]) -> TensorShapeProto {
    let dim = |size: &u64| Dim { size: i64::try_from(*size).unwrap_or(i64::MAX), ..Dim::default() };
    TensorShapeProto { dim: dims.iter().map(dim).collect(), unknown_rank: false }
}

/// Dims of which some may be unknown.
pub(super) fn shape(shape: &Shape) -> TensorShapeProto {
    let Some(dims) = shape.dims() else {
        return TensorShapeProto { dim: Vec::new(), unknown_rank: true };
    };
    let size = |dim: &tensorferry_ir::Dim| dim.known().map_or(Some(-1), |n| i64::try_from(n).ok());
    let dim = |dim| Dim { size: size(dim).unwrap_or(-1), ..Dim::default() };
    TensorShapeProto { dim: dims.iter().map(dim).collect(), unknown_rank: false }
}
