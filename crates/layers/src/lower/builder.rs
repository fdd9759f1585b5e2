//! Makes graphs: nodes with inferred facts, scopes of names, loops.
//!
//! Every node is inferred when it is made, so a layer may ask for the rank or the dims of what it
//! got. What follows from constants alone (shapes, mostly) becomes a constant at once; weights are
//! never read for that.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::DerefMut;

use bytes::Bytes;
use tensorferry_ir::{
    Attr, Constant, Edge, FuncRef, Function, Graph, Node, NodeId, Parameter, Shape,
    SignatureTensor, Type,
};
use tensorferry_ops::{ALL, Arg, Count, Error, Fact, InferContext, NoContext};
use tensorferry_tensor::{DType, DenseTensor, Tensor as Stored};

use crate::lower::Lowered;

/// Constants are made of constants up to this size: shapes, axes, small tables.
const FOLDED_BYTES_MAX: usize = 1 << 12;

/// A model lowers to no more nodes. The largest real ones have some ten thousand.
const NODES_MAX: usize = 2_000_000;

/// TensorFlow itself has ops for up to eight axes, most of them.
const RANK_MAX: usize = 32;

/// A tensor is taken apart into no more slices.
pub(crate) const PARTS_MAX: usize = 1 << 16;

/// An output of a node of the graph that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value {
    frame: u32,
    edge: Edge,
}

/// A graph that is being made: the main one, or the body of a loop.
#[derive(Default)]
struct Frame {
    id: u32,
    graph: Graph,
    facts: Vec<Vec<Fact>>,
    names: HashMap<String, usize>,
    arguments: Vec<Parameter>,
    /// Values of the frame around, by the argument that stands for each.
    captures: Vec<(Value, Edge)>,
    constants: HashMap<(DType, Vec<usize>, Bytes), Value>,
}

impl Frame {
    /// `name`, or `name_1`, `name_2` … whichever is free.
    fn free_name(&mut self, name: String) -> String {
        loop {
            let n = self.names.entry(name.clone()).or_insert(0);
            *n += 1;
            if *n == 1 {
                return name;
            }
            let numbered = format!("{name}_{}", *n - 1);
            if !self.names.contains_key(&numbered) {
                self.names.insert(numbered.clone(), 1);
                return numbered;
            }
        }
    }

    fn const_node(&mut self, name: String, constant: Constant, fact: Fact) -> Value {
        let node = Node::new(self.free_name(name), "Const")
            .attr("dtype", Attr::Type(fact.ty))
            .attr("value", Attr::Tensor(constant));
        let id = self.graph.push(node);
        self.facts.push(vec![fact]);
        Value { frame: self.id, edge: id.into() }
    }
}

/// Makes a graph.
#[derive(Default)]
pub struct Builder {
    frames: Vec<Frame>,
    n_frames: u32,
    functions: BTreeMap<String, Function>,
    scope: Vec<String>,
    n_nodes: usize,
    initializer: Graph,
    /// Nodes that run for what they do.
    effects: Vec<NodeId>,
    /// Name, handle, and the handle in the graph that runs once.
    resources: Vec<(String, Value, Edge)>,
}

/// A finished graph.
pub(super) struct Finished {
    pub(super) graph: Graph,
    pub(super) functions: BTreeMap<String, Function>,
    /// Where the values are that were asked for.
    pub(super) edges: Vec<Edge>,
    /// What runs once.
    pub(super) initializer: Graph,
    /// An input of the graph, and what makes it.
    pub(super) resources: Vec<(SignatureTensor, SignatureTensor)>,
}

/// Functions are inferred where they are made, never through a call.
struct NoCalls;

impl InferContext for NoCalls {
    fn call(&mut self, function: &FuncRef, _: &[Fact]) -> tensorferry_ops::Result<Vec<Fact>> {
        Err(Error::unsupported(format!("the function `{}` is not called here", function.name)))
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut builder = Self::default();
        builder.push_frame();
        builder
    }

    fn push_frame(&mut self) {
        let frame = Frame { id: self.n_frames, ..Frame::default() };
        self.n_frames += 1;
        self.frames.push(frame);
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the main frame is never taken away")
    }

    /// Goes into a scope: names of nodes begin with it.
    pub fn enter(&mut self, name: &str) {
        self.scope.push(name.to_owned());
    }

    /// Leaves the innermost scope.
    pub fn leave(&mut self) {
        self.scope.pop();
    }

    /// A name in the current scope that no node of the graph has.
    fn free_name(&mut self, stem: &str) -> String {
        let mut name = self.scope.join("/");
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(stem);
        self.top().free_name(name)
    }

    /// What is known of a value.
    ///
    /// # Panics
    /// When the value is of a loop that is finished, which no layer can hold on to.
    pub fn fact(&self, value: Value) -> &Fact {
        let frame = self.frames.iter().find(|frame| frame.id == value.frame);
        let frame = frame.expect("a value is used inside the loop that made it");
        &frame.facts[value.edge.node.idx()][value.edge.output as usize]
    }

    /// Says that a value has a shape which inference could not tell.
    pub fn assume_shape(&mut self, value: Value, shape: &Shape) {
        let frame = self.frames.iter_mut().find(|frame| frame.id == value.frame);
        let facts = frame.and_then(|frame| frame.facts.get_mut(value.edge.node.idx()));
        if let Some(fact) = facts.and_then(|facts| facts.get_mut(value.edge.output as usize))
            && let Some(merged) = fact.shape.merge(shape)
        {
            fact.shape = merged;
        }
    }

    fn push(&mut self, node: Node, facts: Vec<Fact>) -> Lowered<Vec<Value>> {
        self.n_nodes += 1;
        if self.n_nodes > NODES_MAX {
            return Err(format!("the graph would have over {NODES_MAX} nodes"));
        }
        if facts.iter().any(|fact| fact.shape.rank().is_some_and(|rank| rank > RANK_MAX)) {
            return Err(format!("a tensor would have more than {RANK_MAX} axes"));
        }
        let n = u32::try_from(facts.len()).map_err(|e| e.to_string())?;
        let frame = self.top();
        let id = frame.graph.push(node);
        frame.facts.push(facts);
        let frame = frame.id;
        Ok((0..n).map(|output| Value { frame, edge: Edge { node: id, output } }).collect())
    }

    /// A constant in memory.
    pub fn constant(&mut self, tensor: DenseTensor) -> Value {
        let key = (tensor.dtype(), tensor.shape().to_vec(), tensor.to_bytes());
        if let Some(known) = self.top().constants.get(&key) {
            return *known;
        }
        let is_small = tensor.byte_len() <= FOLDED_BYTES_MAX;
        let fact = match is_small {
            true => Fact::of(&tensor),
            false => Fact::new(tensor.dtype(), Shape::of(tensor.shape())),
        };
        self.n_nodes += 1;
        let scope = self.scope.join("/");
        let name = if scope.is_empty() { "Const".to_owned() } else { format!("{scope}/Const") };
        let frame = self.top();
        let value = frame.const_node(name, Constant::Dense(tensor), fact);
        frame.constants.insert(key, value);
        value
    }

    /// A constant of the main graph that stays where its file has it.
    ///
    /// # Errors
    /// When its dims do not fit memory.
    pub(super) fn stored(&mut self, name: &str, tensor: &Stored) -> Lowered<Value> {
        let dims = tensor.shape().iter().map(|dim| usize::try_from(*dim));
        let dims: Vec<usize> = dims.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        let fact = Fact::new(tensor.dtype(), Shape::of(&dims));
        self.n_nodes += 1;
        let main = self.frames.first_mut().ok_or("the main graph is finished")?;
        Ok(main.const_node(name.to_owned(), Constant::Stored(tensor.clone()), fact))
    }

    /// An input of the whole model.
    pub(super) fn placeholder(&mut self, name: &str, fact: Fact) -> Lowered<Value> {
        let name = self.free_name(name);
        let node = Node::new(name, "Placeholder")
            .attr("dtype", Attr::Type(fact.ty))
            .attr("shape", Attr::Shape(fact.shape.clone()));
        Ok(self.push(node, vec![fact])?[0])
    }

    /// The edge by which the frame at `at` knows a value; values of frames around it become
    /// arguments of its function.
    fn edge(&mut self, value: Value, at: usize) -> Lowered<Edge> {
        let frame = self.frames.get(at).ok_or("a value of a loop is used outside of it")?;
        if frame.id == value.frame {
            return Ok(value.edge);
        }
        let known = frame.captures.iter().find(|(outer, _)| *outer == value);
        if let Some((_, edge)) = known {
            return Ok(*edge);
        }
        let outside = at.checked_sub(1).ok_or("a value of a loop is used outside of it")?;
        self.edge(value, outside)?;
        let fact = self.fact(value).clone();
        let frame = &mut self.frames[at];
        let edge = argument(frame, fact);
        frame.captures.push((value, edge));
        Ok(edge)
    }

    /// A node with one output.
    ///
    /// # Errors
    /// As [`Builder::node`].
    pub fn one(&mut self, op: &str, inputs: &[Value], attrs: &[(&str, Attr)]) -> Lowered<Value> {
        self.node(op, inputs, attrs)?.first().copied().ok_or_else(|| format!("{op} has no output"))
    }

    /// A node. Attributes that follow from the inputs (`T`, `N`) are added.
    ///
    /// # Errors
    /// What the op says of its inputs and attributes.
    pub fn node(
        &mut self,
        op: &str,
        inputs: &[Value],
        attrs: &[(&str, Attr)],
    ) -> Lowered<Vec<Value>> {
        let facts: Vec<Fact> = inputs.iter().map(|value| self.fact(*value).clone()).collect();
        let mut node = Node::new(String::new(), op);
        node.attrs = attrs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        fill_types(&mut node, &facts);
        // Instances count inputs; the edges follow below.
        node.inputs = vec![Edge { node: NodeId(0), output: 0 }; inputs.len()];
        let told = |e: Error| format!("{op}: {e}");
        let instance = ALL.instance(&node).map_err(told)?;
        let outputs = instance.infer(&facts, &mut NoCalls).map_err(told)?;
        if instance.is_pure()
            && let Some(folded) = folded(&instance, &facts, &outputs)
        {
            return Ok(folded.into_iter().map(|tensor| self.constant(tensor)).collect());
        }
        let at = self.frames.len() - 1;
        node.inputs = inputs.iter().map(|v| self.inside(*v, at)).collect::<Lowered<_>>()?;
        node.name = self.free_name(op);
        self.push(node, outputs)
    }

    /// The edge of an input; a small constant is made again inside a loop instead of passed in.
    fn inside(&mut self, value: Value, at: usize) -> Lowered<Edge> {
        if self.frames[at].id != value.frame
            && let Some(tensor) = self.fact(value).value.clone()
        {
            return Ok(self.constant(tensor).edge);
        }
        self.edge(value, at)
    }

    /// Begins a turn of a loop whose values have these facts: the function's arguments.
    fn begin_turn(&mut self, facts: &[Fact]) -> Vec<Value> {
        self.push_frame();
        let frame = self.top();
        let id = frame.id;
        let args =
            facts.iter().map(|fact| Value { frame: id, edge: argument(frame, fact.clone()) });
        args.collect()
    }

    /// Ends a turn: the next turn's counter, the end, and `after`.
    fn end_turn(&mut self, args: &[Value], after: &[Value]) -> Lowered<Vec<(Fact, Edge)>> {
        let (turn, n) = match args {
            [turn, n, ..] => (*turn, *n),
            _ => return Err("a loop has a counter and an end".to_owned()),
        };
        if after.len() + 2 != args.len() {
            return Err(format!("a turn gives {} values, not {}", after.len(), args.len() - 2));
        }
        let one = self.constant(DenseTensor::scalar(1_i32));
        let next = self.one("AddV2", &[turn, one], &[])?;
        let at = self.frames.len() - 1;
        let mut results = Vec::new();
        for value in [next, n].iter().chain(after) {
            let fact = self.fact(*value).clone();
            results.push((fact, self.inside(*value, at)?));
        }
        Ok(results)
    }

    fn while_node(
        &mut self,
        (frame, results): (Frame, Vec<(Fact, Edge)>),
        vars: &[Value],
        facts: Vec<Fact>,
    ) -> Lowered<Vec<Value>> {
        let stem = self.free_name("while");
        let plain: String =
            stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let (body_name, cond_name) =
            (self.free_function(&plain, "body"), self.free_function(&plain, "cond"));
        let parameters = frame.arguments.clone();
        let mut body =
            Function { name: body_name.clone(), graph: frame.graph, ..Function::default() };
        let passed = frame.captures.iter().map(|(_, edge)| *edge);
        let edges = results.iter().map(|(_, edge)| *edge).chain(passed);
        body.results = parameters
            .iter()
            .zip(edges)
            .enumerate()
            .map(|(i, (arg, edge))| (Parameter { name: format!("r{i}"), ty: arg.ty }, edge))
            .collect();
        body.arguments = parameters.clone();
        let cond = condition(&cond_name, &parameters);
        self.functions.insert(body_name.clone(), body);
        self.functions.insert(cond_name.clone(), cond);
        let at = self.frames.len() - 1;
        let captured: Vec<Value> = frame.captures.iter().map(|(outer, _)| *outer).collect();
        let mut node = Node::new(stem, "StatelessWhile");
        for value in vars.iter().chain(&captured) {
            let edge = self.edge(*value, at)?;
            node.inputs.push(edge);
        }
        let func = |name: String| Attr::Func(FuncRef { name, attrs: BTreeMap::new() });
        let types: Vec<Type> = parameters.iter().map(|arg| arg.ty).collect();
        node.attrs.insert("T".to_owned(), Attr::types(&types));
        node.attrs.insert("cond".to_owned(), func(cond_name));
        node.attrs.insert("body".to_owned(), func(body_name));
        let captured = captured.iter().map(|value| {
            let fact = self.fact(*value);
            Fact::new(fact.ty, fact.shape.clone())
        });
        let facts: Vec<Fact> = facts.into_iter().chain(captured).collect();
        let n = vars.len();
        let outputs = self.push(node, facts)?;
        Ok(outputs.get(2..n).unwrap_or_default().to_vec())
    }

    fn free_function(&self, stem: &str, part: &str) -> String {
        let mut name = format!("{stem}_{part}");
        let mut i = 0_usize;
        while self.functions.contains_key(&name) {
            i += 1;
            name = format!("{stem}_{part}_{i}");
        }
        name
    }

    /// A node of its own for an output of the model.
    pub(super) fn output(&mut self, value: Value) -> Lowered<Value> {
        let fact = self.fact(value).clone();
        let edge = self.edge(value, 0)?;
        let name = self.free_name("Identity");
        let mut node = Node::new(name, "Identity").inputs(&[edge]).attr("T", Attr::Type(fact.ty));
        // States are kept whichever output is asked for.
        node.control.clone_from(&self.effects);
        Ok(self.push(node, vec![fact])?[0])
    }

    /// A handle of something that is shared between runs: `make` adds the nodes that make and fill
    /// it to the graph that runs once, and gives the handle there.
    pub(crate) fn resource(
        &mut self,
        stem: &str,
        make: impl FnOnce(&mut Graph, &str) -> Edge,
    ) -> Lowered<Value> {
        let fact = Fact::new(Type::Resource, Shape::scalar());
        let scope = self.scope.join("/");
        let name = self.frames[0].free_name(format!("{scope}/{stem}"));
        let made = make(&mut self.initializer, &name);
        let node = Node::new(name.clone(), "Placeholder")
            .attr("dtype", Attr::Type(fact.ty))
            .attr("shape", Attr::Shape(fact.shape.clone()));
        let main = &mut self.frames[0];
        let id = main.graph.push(node);
        main.facts.push(vec![fact]);
        let value = Value { frame: main.id, edge: id.into() };
        self.resources.push((name, value, made));
        Ok(value)
    }

    /// A table with these pairs, of one type each.
    pub fn table(&mut self, stem: &str, keys: DenseTensor, values: DenseTensor) -> Lowered<Value> {
        self.resource(stem, |graph, name| {
            let (key, value) = (keys.dtype(), values.dtype());
            let table = graph.push(
                Node::new(name, "HashTableV2")
                    .attr("key_dtype", Attr::Type(key.into()))
                    .attr("value_dtype", Attr::Type(value.into()))
                    .attr("shared_name", Attr::text(name)),
            );
            let keys = constant_in(graph, format!("{name}/keys"), keys);
            let values = constant_in(graph, format!("{name}/values"), values);
            let import = Node::new(format!("{name}/import"), "LookupTableImportV2")
                .inputs(&[table.into(), keys, values])
                .attr("Tin", Attr::Type(key.into()))
                .attr("Tout", Attr::Type(value.into()));
            graph.push(import);
            table.into()
        })
    }

    /// A variable that keeps its value between runs, zeros at first, and that value.
    pub fn variable(
        &mut self,
        stem: &str,
        shape: &[usize],
        dtype: DType,
    ) -> Lowered<(Value, Value)> {
        let zeros = DenseTensor::zeros(dtype, shape).ok_or("a state is too large")?;
        let handle = self.resource(stem, |graph, name| {
            let variable = graph.push(
                Node::new(name, "VarHandleOp")
                    .attr("dtype", Attr::Type(dtype.into()))
                    .attr("shape", Attr::Shape(Shape::of(shape)))
                    .attr("shared_name", Attr::text(name)),
            );
            let zeros = constant_in(graph, format!("{name}/zeros"), zeros);
            let assign = Node::new(format!("{name}/assign"), "AssignVariableOp")
                .inputs(&[variable.into(), zeros])
                .attr("dtype", Attr::Type(dtype.into()));
            graph.push(assign);
            variable.into()
        })?;
        let value =
            self.one("ReadVariableOp", &[handle], &[("dtype", Attr::Type(dtype.into()))])?;
        self.assume_shape(value, &Shape::of(shape));
        Ok((handle, value))
    }

    /// Keeps `value` in a variable until the next run.
    pub fn assign(&mut self, variable: Value, value: Value) -> Lowered<()> {
        let dtype = Attr::Type(self.fact(value).ty);
        let before = self.top().graph.len();
        self.node("AssignVariableOp", &[variable, value], &[("dtype", dtype)])?;
        let main = self.frames.len() == 1 && self.top().graph.len() == before + 1;
        let id = u32::try_from(before).map_err(|e| e.to_string())?;
        match main {
            true => self.effects.push(NodeId(id)),
            false => return Err("a state inside a loop cannot be kept".to_owned()),
        }
        Ok(())
    }

    /// The finished main graph and its functions, without what `keep` does not need, and where
    /// each of `keep` is.
    pub(super) fn finish(mut self, keep: &[Value]) -> Lowered<Finished> {
        let main = self.frames.pop().filter(|_| self.frames.is_empty());
        let main = main.ok_or("a loop was not finished")?;
        let mut functions = BTreeMap::new();
        let handles = self.resources.iter().map(|(_, value, _)| *value);
        let wanted: Vec<Edge> = keep.iter().copied().chain(handles).map(|v| v.edge).collect();
        let (graph, mut edges) = pruned(&main.graph, &wanted);
        let handles = edges.split_off(keep.len());
        let mut open: Vec<String> = called(&graph);
        while let Some(name) = open.pop() {
            let Some(mut function) = self.functions.remove(&name) else { continue };
            let results: Vec<Edge> = function.results.iter().map(|(_, edge)| *edge).collect();
            let (graph, edges) = pruned(&function.graph, &results);
            function.graph = graph;
            function.results.iter_mut().zip(edges).for_each(|((_, own), edge)| *own = edge);
            open.extend(called(&function.graph));
            functions.insert(name, function);
        }
        let tensor = |name: &str, edge, id| SignatureTensor {
            name: name.to_owned(),
            edge,
            ty: Type::Resource,
            shape: Shape::scalar(),
            resource_id: Some(id),
        };
        let resources = self.resources.iter().zip(handles).zip(0_i64..);
        let resources = resources
            .map(|(((name, _, made), edge), id)| (tensor(name, edge, id), tensor(name, *made, id)))
            .collect();
        Ok(Finished { graph, functions, edges, initializer: self.initializer, resources })
    }
}

fn called(graph: &Graph) -> Vec<String> {
    let attrs = graph.nodes().iter().flat_map(|node| node.attrs.values());
    attrs.flat_map(|attr| attr.functions()).map(|function| function.name.clone()).collect()
}

fn constant_in(graph: &mut Graph, name: String, tensor: DenseTensor) -> Edge {
    let node = Node::new(name, "Const")
        .attr("dtype", Attr::Type(tensor.dtype().into()))
        .attr("value", Attr::Tensor(Constant::Dense(tensor)));
    graph.push(node).into()
}

/// A new argument of a frame's function.
fn argument(frame: &mut Frame, fact: Fact) -> Edge {
    let i = frame.arguments.len();
    frame.arguments.push(Parameter { name: format!("a{i}"), ty: fact.ty });
    let name = format!("a{i}");
    frame.names.insert(name.clone(), 1);
    let index = i64::try_from(i).unwrap_or(i64::MAX);
    let node =
        Node::new(name, "_Arg").attr("index", Attr::Int(index)).attr("T", Attr::Type(fact.ty));
    let id = frame.graph.push(node);
    frame.facts.push(vec![fact]);
    id.into()
}

/// `turn < n`, of a loop's values.
fn condition(name: &str, parameters: &[Parameter]) -> Function {
    let mut frame = Frame::default();
    let args: Vec<Edge> = parameters
        .iter()
        .map(|parameter| argument(&mut frame, Fact::new(parameter.ty, Shape::UNKNOWN)))
        .collect();
    let node = Node::new("Less", "Less")
        .inputs(args.get(..2).unwrap_or_default())
        .attr("T", Attr::Type(DType::Int32.into()));
    let less = frame.graph.push(node);
    Function {
        name: name.to_owned(),
        arguments: parameters.to_vec(),
        results: vec![(Parameter { name: "r".to_owned(), ty: DType::Bool.into() }, less.into())],
        graph: frame.graph,
        ..Function::default()
    }
}

/// Runs `body` `n` times. It gets the turn's number and the values of the last turn and gives those
/// of the next. `host` is or holds the builder.
///
/// # Errors
/// What `body` says.
pub(super) fn repeat<H: DerefMut<Target = Builder>>(
    host: &mut H,
    n: Value,
    vars: &[Value],
    body: &mut impl FnMut(&mut H, Value, &[Value]) -> Lowered<Vec<Value>>,
) -> Lowered<Vec<Value>> {
    let zero = host.constant(DenseTensor::scalar(0_i32));
    let vars: Vec<Value> = [zero, n].into_iter().chain(vars.iter().copied()).collect();
    let without_value = |fact: &Fact| Fact::new(fact.ty, fact.shape.clone());
    let mut facts: Vec<Fact> = vars.iter().map(|var| without_value(host.fact(*var))).collect();
    loop {
        let (frame, results) = turn(host, &facts, body)?;
        let shapes: Vec<Shape> = facts
            .iter()
            .zip(&results)
            .map(|(fact, (after, _))| fact.shape.common(&after.shape))
            .collect();
        if facts.iter().zip(&results).any(|(fact, (after, _))| fact.ty != after.ty) {
            return Err("a turn of a loop changes the type of a value".to_owned());
        }
        if facts.iter().zip(&shapes).all(|(fact, shape)| fact.shape == *shape) {
            return host.while_node((frame, results), &vars, facts);
        }
        // Each round makes one more dim unknown at least.
        facts.iter_mut().zip(shapes).for_each(|(fact, shape)| fact.shape = shape);
    }
}

/// One turn of a loop as a frame, with the results that it gives.
fn turn<H: DerefMut<Target = Builder>>(
    host: &mut H,
    facts: &[Fact],
    body: &mut impl FnMut(&mut H, Value, &[Value]) -> Lowered<Vec<Value>>,
) -> Lowered<(Frame, Vec<(Fact, Edge)>)> {
    let scope = std::mem::take(&mut host.scope);
    let args = host.begin_turn(facts);
    let vars = args.get(2..).unwrap_or_default();
    let turn = args.first().copied().ok_or("a loop has a counter")?;
    let result = body(host, turn, vars).and_then(|after| host.end_turn(&args, &after));
    host.scope = scope;
    let frame = host.frames.pop().ok_or("the turn was begun")?;
    Ok((frame, result?))
}

/// Attributes that the op's definition derives from the inputs.
fn fill_types(node: &mut Node, facts: &[Fact]) {
    let Some(def) = ALL.find(&node.op) else { return };
    let args: Vec<Arg> = def.spec.inputs.iter().map(|text| Arg::parse(text)).collect();
    let n_open = args.iter().filter(|arg| arg.count != Count::One).count();
    let n_rest = (facts.len() + n_open).saturating_sub(args.len());
    let mut at = 0;
    for arg in args {
        let n = if arg.count == Count::One { 1 } else { n_rest.checked_div(n_open).unwrap_or(1) };
        let found = facts.get(at..at + n).unwrap_or_default();
        at += n;
        if let Count::Attr(name) = arg.count {
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            node.attrs.entry(name.to_owned()).or_insert(Attr::Int(n));
        }
        if arg.count == Count::Types {
            let types: Vec<Type> = found.iter().map(|fact| fact.ty).collect();
            node.attrs.entry(arg.ty.to_owned()).or_insert(Attr::types(&types));
        } else if Type::from_name(arg.ty).is_none()
            && let Some(fact) = found.first()
        {
            node.attrs.entry(arg.ty.to_owned()).or_insert(Attr::Type(fact.ty));
        }
    }
}

/// The outputs of a node of small constants.
fn folded(
    instance: &tensorferry_ops::Instance,
    inputs: &[Fact],
    outputs: &[Fact],
) -> Option<Vec<DenseTensor>> {
    if let Some(known) = outputs.iter().map(|fact| fact.value.clone()).collect::<Option<Vec<_>>>()
        && !known.is_empty()
    {
        return Some(known);
    }
    let values: Vec<tensorferry_ops::Value> =
        inputs.iter().map(|fact| fact.value.clone().map(Into::into)).collect::<Option<_>>()?;
    let is_small = outputs.iter().all(|fact| {
        let size = fact.ty.dtype().and_then(DType::byte_size).unwrap_or(usize::MAX);
        let n = fact.shape.n_elements().and_then(|n| n.checked_mul(size));
        n.is_some_and(|n| n <= FOLDED_BYTES_MAX)
    });
    if values.is_empty() || !is_small {
        return None;
    }
    let made = instance.eval(values, &mut NoContext::default()).ok()?;
    made.iter().map(|value| value.tensor().cloned()).collect()
}

/// The nodes that `keep` needs, arguments and inputs always, in their order.
fn pruned(graph: &Graph, keep: &[Edge]) -> (Graph, Vec<Edge>) {
    let mut needed: HashSet<NodeId> = HashSet::new();
    let is_input = |id: &NodeId| matches!(graph.node(*id).op.as_str(), "_Arg" | "Placeholder");
    let mut open: Vec<NodeId> = keep.iter().map(|edge| edge.node).collect();
    open.extend(graph.ids().filter(is_input));
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            let node = graph.node(id);
            open.extend(node.inputs.iter().map(|edge| edge.node).chain(node.control.clone()));
        }
    }
    let ids: Vec<NodeId> = graph.ids().filter(|id| needed.contains(id)).collect();
    let places: HashMap<NodeId, u32> = ids.iter().copied().zip(0..).collect();
    let moved = |edge: &Edge| Edge {
        node: places.get(&edge.node).map_or(edge.node, |place| NodeId(*place)),
        output: edge.output,
    };
    let mut out = Graph::default();
    for id in ids {
        let mut node = graph.node(id).clone();
        node.inputs = node.inputs.iter().map(&moved).collect();
        node.control = node.control.iter().map(|id| moved(&Edge::from(*id)).node).collect();
        out.push(node);
    }
    (out, keep.iter().map(moved).collect())
}
