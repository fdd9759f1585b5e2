//! What is called: the signature's function, and the graph that TensorFlow 1 and servers load.
//!
//! The function has the whole model. Its weights are variables that it captures: handles that
//! follow its own arguments.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tensorferry_diagnostics::Problem;
use tensorferry_ir::{
    Attr, Constant, Edge, Function, Graph, Model, NodeId, OpTable, Signature, SignatureTensor,
};
use tensorferry_tensor::Tensor;
use tensorferry_tf_proto::tensorflow::op_def::ArgDef;
use tensorferry_tf_proto::tensorflow::{FunctionDef, NodeDef, OpDef, attr_value::Value};

use super::SIGNATURE;
use super::nodes::{self, node, with};
use super::objects::Variable;

/// The name of the function that the signature calls.
pub(super) const FUNCTION: &str = "__inference_signature_wrapper_1";

/// DT_RESOURCE.
const RESOURCE: i32 = 20;

/// The function of the model, and what it takes.
pub(super) struct Parts {
    /// What it takes and gives, sorted by name: Python sorts the keys of both.
    pub(super) signature: Signature,
    /// Names of the signature's inputs and outputs, as Python takes them for keywords.
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    /// The variables that the function captures, by their place in the list of all.
    pub(super) captured: Vec<usize>,
    /// The function and those that it calls.
    pub(super) library: Vec<FunctionDef>,
}

impl Parts {
    pub(super) fn new(
        model: &Model,
        variables: &[Variable<'_>],
        ops: &dyn OpTable,
    ) -> Result<Self, Problem> {
        let signature = model
            .signatures
            .get(SIGNATURE)
            .ok_or_else(|| Problem::new(tensorferry_diagnostics::Kind::Bug, "no signature"))?;
        let (inputs, sorted_inputs) = sorted(&signature.inputs);
        let (outputs, sorted_outputs) = sorted(&signature.outputs);
        let signature = Signature { inputs: sorted_inputs, outputs: sorted_outputs };
        let (captured, of_node) = captures(&model.graph, variables);
        let writer = Writer { ops };
        let body = Body::new(&signature, &inputs, of_node, captured.len());
        let mut library = vec![writer.signature(model, &body, variables, &captured)?];
        for function in model.functions.values() {
            library.push(writer.function(function)?);
        }
        Ok(Self { signature, inputs, outputs, captured, library })
    }
}

/// Tensors with their keywords, sorted by these.
fn sorted(tensors: &[SignatureTensor]) -> (Vec<String>, Vec<SignatureTensor>) {
    let mut used = HashSet::new();
    let named = tensors.iter().map(|tensor| (keyword(&tensor.name, &mut used), tensor.clone()));
    let mut named: Vec<_> = named.collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named.into_iter().unzip()
}

/// A name that Python takes for a keyword and TensorFlow for part of a node's name.
fn keyword(name: &str, used: &mut HashSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let mut stem: String = name.chars().map(plain).collect();
    if !stem.starts_with(|c: char| c.is_ascii_alphabetic()) {
        stem.insert(0, 'x');
    }
    free(stem, used)
}

/// A name as nodes may have it.
fn node_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-/".contains(c) { c } else { '_' };
    let mut stem: String = name.chars().map(plain).collect();
    if !stem.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.') {
        stem.insert(0, 'n');
    }
    stem
}

/// `stem`, or `stem_1`, `stem_2` … whichever is free.
fn free(stem: String, used: &mut HashSet<String>) -> String {
    let mut name = stem.clone();
    let mut i = 1_usize;
    while !used.insert(name.clone()) {
        name = format!("{stem}_{i}");
        i += 1;
    }
    name
}

/// The variables that the graph's constants are the values of, in the order of first use, and for
/// each such node the place in that list.
fn captures(graph: &Graph, variables: &[Variable<'_>]) -> (Vec<usize>, HashMap<NodeId, usize>) {
    // Lowering passes a weight on as it is, so the handle of its bytes tells which it is.
    let address = |tensor: &Tensor| Arc::as_ptr(tensor.data()).cast::<()>();
    let by_address: HashMap<_, usize> =
        variables.iter().enumerate().map(|(i, v)| (address(v.tensor), i)).collect();
    let mut captured = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut of_node = HashMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        let Some(Attr::Tensor(Constant::Stored(tensor))) = node.attrs.get("value") else {
            continue;
        };
        let Some(variable) = by_address.get(&address(tensor)).copied() else { continue };
        let place = *places.entry(variable).or_insert_with(|| {
            captured.push(variable);
            captured.len() - 1
        });
        of_node.insert(id, place);
    }
    (captured, of_node)
}

/// What stands for arguments in a function's body.
struct Body<'a> {
    signature: Option<&'a Signature>,
    /// Names of all arguments, captured handles at the end.
    arguments: Vec<String>,
    /// Nodes that are an argument's value.
    of_argument: HashMap<NodeId, usize>,
    /// Nodes that read a captured handle, by argument.
    reads: HashMap<NodeId, usize>,
}

impl<'a> Body<'a> {
    fn new(
        signature: &'a Signature,
        inputs: &[String],
        of_node: HashMap<NodeId, usize>,
        n_captured: usize,
    ) -> Self {
        let mut used = HashSet::new();
        let mut arguments: Vec<String> =
            inputs.iter().map(|name| free(name.to_ascii_lowercase(), &mut used)).collect();
        let n = arguments.len();
        for i in 0..n_captured {
            // TensorFlow's own names: `unknown`, `unknown_0`, `unknown_1`.
            let name = i.checked_sub(1).map_or("unknown".to_owned(), |i| format!("unknown_{i}"));
            arguments.push(free(name, &mut used));
        }
        let of_argument =
            signature.inputs.iter().enumerate().map(|(i, input)| (input.edge.node, i)).collect();
        let reads = of_node.into_iter().map(|(node, i)| (node, n + i)).collect();
        Self { signature: Some(signature), arguments, of_argument, reads }
    }

    fn of_function(function: &Function) -> Self {
        let mut used = HashSet::new();
        let arguments = function
            .arguments
            .iter()
            .map(|argument| free(argument.name.to_ascii_lowercase(), &mut used))
            .collect();
        let nodes = function.argument_nodes().into_iter().enumerate();
        let of_argument = nodes.filter_map(|(i, node)| Some((node?, i))).collect();
        Self { signature: None, arguments, of_argument, reads: HashMap::new() }
    }

    /// A name for each node, none of which an argument has.
    fn names(&self, graph: &Graph) -> Vec<String> {
        let mut used: HashSet<String> = self.arguments.iter().cloned().collect();
        graph.nodes().iter().map(|node| free(node_name(&node.name), &mut used)).collect()
    }
}

/// Writes graphs as functions.
struct Writer<'a> {
    ops: &'a dyn OpTable,
}

impl Writer<'_> {
    /// The function of the whole model.
    fn signature(
        &self,
        model: &Model,
        body: &Body<'_>,
        variables: &[Variable<'_>],
        captured: &[usize],
    ) -> Result<FunctionDef, Problem> {
        let inputs = body.signature.map_or(&[][..], |signature| &signature.inputs);
        let outputs = body.signature.map_or(&[][..], |signature| &signature.outputs);
        let types = inputs.iter().map(|input| input.ty.to_proto());
        let types = types.chain(captured.iter().map(|_| RESOURCE));
        let names = body.names(&model.graph);
        let mut function = self.body(&model.graph, body, &names)?;
        let result = |i: usize| match i {
            0 => "identity".to_owned(),
            i => format!("identity_{i}"),
        };
        for (i, output) in outputs.iter().enumerate() {
            let edge = self.edge(&model.graph, body, &names, output.edge);
            function.ret.insert(result(i), edge);
        }
        let mut shapes: Vec<_> = inputs.iter().map(|input| nodes::shape(&input.shape)).collect();
        shapes.extend(captured.iter().map(|_| nodes::dims(&[])));
        let mut attr = |name: &str, value: Value| {
            function.attr.insert(
                name.to_owned(),
                tensorferry_tf_proto::tensorflow::AttrValue { value: Some(value) },
            );
        };
        attr("_input_shapes", nodes::shapes(shapes));
        attr("_construction_context", Value::S("kEagerRuntime".into()));
        let mut arguments: Vec<ArgDef> = arguments(&body.arguments, types);
        let handles = arguments.iter_mut().skip(inputs.len()).zip(captured);
        for (argument, variable) in handles {
            let tensor = variables.get(*variable).map(|variable| variable.tensor);
            argument.handle_data = tensor.map(handle_data).into_iter().collect();
        }
        let results: Vec<String> = (0..outputs.len()).map(result).collect();
        function.signature = Some(OpDef {
            name: FUNCTION.to_owned(),
            input_arg: arguments,
            output_arg: self::arguments(&results, outputs.iter().map(|o| o.ty.to_proto())),
            // Variables are read.
            is_stateful: true,
            ..OpDef::default()
        });
        Ok(function)
    }

    /// A function that the model's calls.
    fn function(&self, function: &Function) -> Result<FunctionDef, Problem> {
        let body = Body::of_function(function);
        let names = body.names(&function.graph);
        let mut written = self.body(&function.graph, &body, &names)?;
        let mut used = HashSet::new();
        let results: Vec<String> = function
            .results
            .iter()
            .map(|(result, _)| free(result.name.to_ascii_lowercase(), &mut used))
            .collect();
        for (name, (_, edge)) in results.iter().zip(&function.results) {
            let edge = self.edge(&function.graph, &body, &names, *edge);
            written.ret.insert(name.clone(), edge);
        }
        for id in &function.control_results {
            let name = &names[id.idx()];
            written.control_ret.insert(name.clone(), name.clone());
        }
        let types = function.arguments.iter().map(|argument| argument.ty.to_proto());
        let result_types = function.results.iter().map(|(result, _)| result.ty.to_proto());
        written.signature = Some(OpDef {
            name: function.name.clone(),
            input_arg: arguments(&body.arguments, types),
            output_arg: arguments(&results, result_types),
            control_output: written.control_ret.keys().cloned().collect(),
            is_stateful: function.is_stateful,
            ..OpDef::default()
        });
        Ok(written)
    }

    /// The nodes of a function.
    fn body(
        &self,
        graph: &Graph,
        body: &Body<'_>,
        names: &[String],
    ) -> Result<FunctionDef, Problem> {
        let mut function = FunctionDef::default();
        for id in graph.ids() {
            if !body.of_argument.contains_key(&id) {
                function.node_def.push(self.node(graph, body, names, id)?);
            }
        }
        Ok(function)
    }

    fn node(
        &self,
        graph: &Graph,
        body: &Body<'_>,
        names: &[String],
        id: NodeId,
    ) -> Result<NodeDef, Problem> {
        let of = graph.node(id);
        let name = &names[id.idx()];
        if let Some(argument) = body.reads.get(&id) {
            let handle = body.arguments[*argument].clone();
            let dtype = of.attrs.get("dtype").and_then(Attr::as_type);
            let dtype = dtype.map_or(0, |ty| ty.to_proto());
            return Ok(with(node(name, "ReadVariableOp", &[handle]), "dtype", Value::Type(dtype)));
        }
        let data = of.inputs.iter().map(|edge| self.edge(graph, body, names, *edge));
        let after = of.control.iter().filter(|id| !body.of_argument.contains_key(id));
        let control = after.map(|id| format!("^{}", names[id.idx()]));
        let inputs: Vec<String> = data.chain(control).collect();
        let mut written = node(name, &of.op, &inputs);
        written.attr = nodes::attrs(&of.attrs).map_err(|problem| problem.at(name))?;
        Ok(written)
    }

    /// An input as text: an argument's name, or `node:output:index`.
    fn edge(&self, graph: &Graph, body: &Body<'_>, names: &[String], edge: Edge) -> String {
        if let Some(argument) = body.of_argument.get(&edge.node) {
            return body.arguments[*argument].clone();
        }
        let name = &names[edge.node.idx()];
        if body.reads.contains_key(&edge.node) {
            return format!("{name}:value:0");
        }
        let node = graph.node(edge.node);
        let place = usize::try_from(edge.output).unwrap_or(usize::MAX);
        let outputs = self.ops.outputs(&node.op, &node.attrs, node.inputs.len());
        match outputs.and_then(Result::ok).and_then(|outputs| outputs.name(place)) {
            Some((output, index)) => format!("{name}:{output}:{index}"),
            None => format!("{name}:output:{place}"),
        }
    }
}

fn arguments(names: &[String], types: impl Iterator<Item = i32>) -> Vec<ArgDef> {
    let one =
        |(name, ty): (&String, i32)| ArgDef { name: name.clone(), r#type: ty, ..ArgDef::default() };
    names.iter().zip(types).map(one).collect()
}

/// What a handle is the handle of.
fn handle_data(
    tensor: &Tensor,
) -> tensorferry_tf_proto::tensorflow::resource_handle_proto::DtypeAndShape {
    tensorferry_tf_proto::tensorflow::resource_handle_proto::DtypeAndShape {
        dtype: tensor.dtype().to_proto(),
        shape: Some(nodes::dims(tensor.shape())),
    }
}

/// The main graph's node of each variable, by the variable's place in the list.
pub(super) fn handles(variables: &[Variable<'_>]) -> BTreeMap<usize, String> {
    let mut used = HashSet::new();
    let names = variables.iter().map(|variable| free(node_name(variable.name), &mut used));
    names.enumerate().collect()
}
