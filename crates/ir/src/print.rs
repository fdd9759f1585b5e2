//! A model as text. [`crate::parse_model`] reads it back.

use std::fmt::{self, Display, Write};

use tensorferry_tensor::{Complex, DType, DenseTensor, Storage};

use crate::text::{name_text, quoted};
use crate::{
    Attr, Attrs, Constant, Edge, Function, Graph, Model, Node, NodeId, Signature, SignatureTensor,
};

/// Tensors of more elements are printed as the bytes they are.
const ELEMENTS_PRINTED_MAX: usize = 32;

impl Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, signature) in &self.signatures {
            print_signature(f, name, signature, &self.graph)?;
        }
        writeln!(f, "graph {{\n{}}}", self.graph)?;
        if !self.initializer.is_empty() {
            writeln!(f, "initializer {{\n{}}}", self.initializer)?;
        }
        for tensor in &self.initializer_outputs {
            print_tensor(f, "initializer_output", tensor, &self.initializer)?;
        }
        self.functions.values().try_for_each(|function| write!(f, "{function}"))
    }
}

fn print_signature(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    signature: &Signature,
    graph: &Graph,
) -> fmt::Result {
    writeln!(f, "signature {} {{", name_text(name))?;
    for tensor in &signature.inputs {
        print_tensor(f, "  input", tensor, graph)?;
    }
    for tensor in &signature.outputs {
        print_tensor(f, "  output", tensor, graph)?;
    }
    writeln!(f, "}}")
}

fn print_tensor(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    tensor: &SignatureTensor,
    graph: &Graph,
) -> fmt::Result {
    let edge = edge_text(graph, tensor.edge);
    write!(f, "{keyword} {} = {edge} {} {}", name_text(&tensor.name), tensor.ty, tensor.shape)?;
    match tensor.resource_id {
        Some(id) => writeln!(f, " resource {id}"),
        None => writeln!(f),
    }
}

impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes().iter().try_for_each(|node| print_node(f, node, self))
    }
}

fn print_node(f: &mut fmt::Formatter<'_>, node: &Node, graph: &Graph) -> fmt::Result {
    let data = node.inputs.iter().map(|edge| edge_text(graph, *edge));
    let control = node.control.iter().map(|id| format!("^{}", node_text(graph, *id)));
    let inputs: Vec<String> = data.chain(control).collect();
    write!(f, "  {} = {}({})", name_text(&node.name), name_text(&node.op), inputs.join(", "))?;
    if node.attrs.is_empty() {
        writeln!(f)
    } else {
        writeln!(f, " {{{}}}", attrs_text(&node.attrs))
    }
}

fn node_text(graph: &Graph, id: NodeId) -> String {
    // A graph with an edge that leads nowhere can still be looked at.
    graph.nodes().get(id.idx()).map_or_else(|| format!("\"#{}\"", id.0), |n| name_text(&n.name))
}

fn edge_text(graph: &Graph, edge: Edge) -> String {
    let node = node_text(graph, edge.node);
    if edge.output == 0 { node } else { format!("{node}:{}", edge.output) }
}

impl Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| format!("{}: {}", name_text(&argument.name), argument.ty))
            .collect();
        let results: Vec<String> = self
            .results
            .iter()
            .map(|(result, edge)| {
                let edge = edge_text(&self.graph, *edge);
                format!("{}: {} = {edge}", name_text(&result.name), result.ty)
            })
            .collect();
        let (name, arguments) = (name_text(&self.name), arguments.join(", "));
        write!(f, "function {name}({arguments}) returns ({})", results.join(", "))?;
        if !self.control_results.is_empty() {
            let nodes = self.control_results.iter().map(|id| node_text(&self.graph, *id));
            write!(f, " after ({})", nodes.collect::<Vec<_>>().join(", "))?;
        }
        if self.is_stateful {
            write!(f, " stateful")?;
        }
        if !self.attrs.is_empty() {
            write!(f, " attrs {{{}}}", attrs_text(&self.attrs))?;
        }
        writeln!(f, " {{\n{}}}", self.graph)
    }
}

/// Attributes as text, without braces around.
pub fn attrs_text(attrs: &Attrs) -> String {
    let one = |(name, attr): (&String, &Attr)| format!("{}={}", name_text(name), attr_text(attr));
    attrs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// An attribute's value as text.
pub fn attr_text(attr: &Attr) -> String {
    match attr {
        Attr::Bool(value) => value.to_string(),
        Attr::Int(value) => value.to_string(),
        Attr::Float(value) => number_text(f64::from(*value), format!("{value:?}")),
        Attr::Str(bytes) => quoted(bytes),
        Attr::Type(ty) => ty.to_string(),
        Attr::Shape(shape) => shape.to_string(),
        Attr::Tensor(constant) => constant_text(constant),
        Attr::Func(function) if function.attrs.is_empty() => {
            format!("@{}", name_text(&function.name))
        }
        Attr::Func(function) => {
            format!("@{}{{{}}}", name_text(&function.name), attrs_text(&function.attrs))
        }
        Attr::List(all) => {
            format!("[{}]", all.iter().map(attr_text).collect::<Vec<_>>().join(", "))
        }
    }
}

fn constant_text(constant: &Constant) -> String {
    match constant.dense() {
        Ok(tensor) => tensor_text(&tensor),
        Err(error) => quoted(format!("cannot be read: {error}").as_bytes()),
    }
}

/// A tensor as text: type, dims, elements.
pub fn tensor_text(tensor: &DenseTensor) -> String {
    let dims: Vec<String> = tensor.shape().iter().map(ToString::to_string).collect();
    let mut out = format!("{}<{}>", tensor.dtype(), dims.join(","));
    if tensor.len() > ELEMENTS_PRINTED_MAX && tensor.dtype() != DType::String {
        out.push_str("hex \"");
        for byte in tensor.to_bytes() {
            write!(out, "{byte:02x}").expect("a string takes all text");
        }
        out.push('"');
        return out;
    }
    out.push('[');
    out.push_str(&elements(tensor.storage()).join(", "));
    out.push(']');
    out
}

fn elements(storage: &Storage) -> Vec<String> {
    fn float<T: Copy + Into<f64> + fmt::Debug>(all: &[T]) -> Vec<String> {
        all.iter().map(|x| number_text((*x).into(), format!("{x:?}"))).collect()
    }
    fn complex<T: Copy + Into<f64> + fmt::Debug>(all: &[Complex<T>]) -> Vec<String> {
        let part = |x: T| number_text(x.into(), format!("{x:?}"));
        all.iter().map(|z| format!("({}, {})", part(z.re), part(z.im))).collect()
    }
    fn plain<T: Display>(all: &[T]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }
    match storage {
        Storage::Float16(all) => {
            all.iter().map(|x| number_text(f64::from(*x), x.to_string())).collect()
        }
        Storage::BFloat16(all) => {
            all.iter().map(|x| number_text(f64::from(*x), x.to_string())).collect()
        }
        Storage::Float32(all) => float(all),
        Storage::Float64(all) => float(all),
        Storage::Int8(all) => plain(all),
        Storage::Int16(all) => plain(all),
        Storage::Int32(all) => plain(all),
        Storage::Int64(all) => plain(all),
        Storage::UInt8(all) => plain(all),
        Storage::UInt16(all) => plain(all),
        Storage::UInt32(all) => plain(all),
        Storage::UInt64(all) => plain(all),
        Storage::Bool(all) => plain(all),
        Storage::Complex64(all) => complex(all),
        Storage::Complex128(all) => complex(all),
        Storage::String(all) => all.iter().map(|bytes| quoted(bytes)).collect(),
    }
}

/// `shortest`, or the words for what is no number.
fn number_text(value: f64, shortest: String) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() }
    } else {
        shortest
    }
}
