//! A graph in the making: nodes, and the values that further nodes may read.

use std::collections::BTreeMap;

use tensorferry_ir::{
    Attr, Constant, Dim, Edge, FuncRef, Function, Graph, Node, NodeId, Parameter, Shape, Type,
};
use tensorferry_tensor::{DType, DenseTensor, dense_len};

use crate::bounds::{Bounds, SIZE_MAX};

/// Values of more elements are not made.
pub(crate) const ELEMENTS_MAX: usize = 600;

/// What numbers of inputs and constants are multiples of.
pub(crate) const UNIT: f64 = 0.25;

/// Ops whose attribute for the type of the first input is not `T`, or that have none.
const WITHOUT_T: [&str; 11] = [
    "Const",
    "Placeholder",
    "Cast",
    "LogicalAnd",
    "LogicalOr",
    "LogicalNot",
    "If",
    "StatelessIf",
    "While",
    "StatelessWhile",
    "All",
];

/// A value that nodes may read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) edge: Edge,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) bounds: Bounds,
    /// Its first dim is declared as unknown.
    pub(crate) is_open: bool,
}

impl Value {
    pub(crate) fn is_float(&self) -> bool {
        self.dtype == DType::Float32
    }

    pub(crate) fn len(&self) -> usize {
        dense_len(&self.shape).unwrap_or(usize::MAX)
    }

    /// The shape that a placeholder says of itself.
    pub(crate) fn declared(&self) -> Shape {
        let known = self.shape.iter().map(|dim| Dim::Known(*dim));
        let mut dims: Vec<Dim> = known.collect();
        if let Some(first) = dims.first_mut().filter(|_| self.is_open) {
            *first = Dim::Unknown;
        }
        dims.into()
    }
}

/// A graph in the making.
pub(crate) struct Maker<'a> {
    decide: &'a mut dyn FnMut(u64) -> u64,
    pub(crate) graph: Graph,
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) values: Vec<Value>,
    /// A function in a function in a function is deep enough.
    pub(crate) depth: usize,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(decide: &'a mut dyn FnMut(u64) -> u64) -> Self {
        Self {
            decide,
            graph: Graph::default(),
            functions: BTreeMap::new(),
            values: Vec::new(),
            depth: 0,
        }
    }

    /// A number below `n`.
    pub(crate) fn decide(&mut self, n: u64) -> u64 {
        (self.decide)(n.max(1)) % n.max(1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.decide(n as u64) as usize
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.decide(2) == 1
    }

    pub(crate) fn one_of<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        &all[self.below(all.len())]
    }

    /// A value that is as wanted: the last one as often as any other, so that chains grow.
    pub(crate) fn pick(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let all: Vec<&Value> = self.values.iter().filter(|value| is_wanted(value)).collect();
        let n = all.len();
        if n == 0 {
            return None;
        }
        let last = all[n - 1].clone();
        let all: Vec<Value> = all.into_iter().cloned().collect();
        Some(if self.flag() { last } else { all[self.below(n)].clone() })
    }

    /// A float value whose numbers can still be computed with.
    pub(crate) fn float(&mut self) -> Option<Value> {
        self.pick(Value::is_float)
    }

    /// Adds a node; some get a name in a scope, some wait for another one.
    pub(crate) fn node(&mut self, op: &str, inputs: &[&Value], attrs: &[(&str, Attr)]) -> NodeId {
        let stem = match self.decide(8) {
            0 => format!("scope/{op}"),
            _ => op.to_owned(),
        };
        let mut node = Node::new(self.graph.free_name(&stem), op);
        node.inputs = inputs.iter().map(|value| value.edge).collect();
        if let Some(first) = inputs.first().filter(|_| !WITHOUT_T.contains(&op)) {
            node.attrs.insert("T".to_owned(), Attr::Type(first.dtype.into()));
        }
        for (name, value) in attrs {
            node.attrs.insert((*name).to_owned(), value.clone());
        }
        if !inputs.is_empty() && self.decide(16) == 0 {
            // Every node that is there already is before this one.
            let earlier = self.below(self.graph.len());
            node.control.extend(self.graph.ids().nth(earlier));
        }
        self.graph.push(node)
    }

    /// Adds a value to those that may be read, if it is one to go on with.
    pub(crate) fn value(
        &mut self,
        edge: impl Into<Edge>,
        dtype: DType,
        shape: &[usize],
        bounds: Bounds,
    ) -> Option<()> {
        let value =
            Value { edge: edge.into(), dtype, shape: shape.to_vec(), bounds, is_open: false };
        let is_good = bounds.max <= SIZE_MAX && bounds.error <= 1e-2 && value.len() <= ELEMENTS_MAX;
        is_good.then(|| self.values.push(value))
    }

    /// A node of one float output.
    pub(crate) fn push(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attrs: &[(&str, Attr)],
        shape: &[usize],
        bounds: Bounds,
    ) -> Option<()> {
        if dense_len(shape).is_none_or(|len| len > ELEMENTS_MAX) {
            return None;
        }
        let id = self.node(op, inputs, attrs);
        self.value(id, DType::Float32, shape, bounds)
    }

    fn constant_of(&mut self, tensor: DenseTensor, bounds: Bounds) -> Value {
        let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
        let value = Attr::Tensor(Constant::Dense(tensor));
        let id = self.node("Const", &[], &[("dtype", Attr::Type(dtype.into())), ("value", value)]);
        Value { edge: id.into(), dtype, shape, bounds, is_open: false }
    }

    /// A constant of small multiples of [`UNIT`].
    pub(crate) fn constant(&mut self, shape: &[usize]) -> Value {
        let (tensor, bounds) = self.numbers(shape);
        self.constant_of(tensor, bounds)
    }

    /// A constant of one number in all places.
    pub(crate) fn filled(&mut self, shape: &[usize], number: f32, unit: f64) -> Value {
        let n = dense_len(shape).unwrap_or(0);
        let bounds = Bounds::multiples(f64::from(number.abs()), unit);
        self.constant_of(DenseTensor::new(shape, vec![number; n]), bounds)
    }

    /// A constant of these numbers.
    pub(crate) fn floats(&mut self, shape: &[usize], numbers: Vec<f32>, unit: f64) -> Value {
        let max = numbers.iter().fold(0.0_f64, |max, x| max.max(f64::from(x.abs())));
        self.constant_of(DenseTensor::new(shape, numbers), Bounds::multiples(max, unit))
    }

    /// A constant that says which axes, sizes or places.
    pub(crate) fn ints(&mut self, all: &[i32]) -> Value {
        let max = all.iter().fold(0.0_f64, |max, x| max.max(f64::from(*x).abs()));
        self.constant_of(DenseTensor::vector(all.to_vec()), Bounds::integers(max))
    }

    /// The same of one number.
    pub(crate) fn int(&mut self, number: i32) -> Value {
        self.constant_of(DenseTensor::scalar(number), Bounds::integers(f64::from(number).abs()))
    }

    /// Multiples of [`UNIT`] from -2 to 2, with zeros among them.
    fn numbers(&mut self, shape: &[usize]) -> (DenseTensor, Bounds) {
        let n = dense_len(shape).unwrap_or(0);
        let mut at = self.decide(0x1_0000);
        let numbers: Vec<f32> = (0..n)
            .map(|_| {
                at = at.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                ((at >> 40) % 17) as f32 * 0.25 - 2.0
            })
            .collect();
        (DenseTensor::new(shape, numbers), Bounds::multiples(2.0, UNIT))
    }

    /// One to three inputs, the first of them an image, with a value for each.
    pub(crate) fn placeholders(&mut self) -> Vec<(Value, DenseTensor)> {
        const SHAPES: [&[usize]; 6] =
            [&[2, 4, 4, 2], &[1, 5, 3, 4], &[2, 3], &[3, 4], &[2, 3, 4], &[4]];
        let n = 1 + self.below(3);
        let mut all = Vec::new();
        for i in 0..n {
            let shape = *self.one_of(if i == 0 { &SHAPES[..4] } else { &SHAPES[..] });
            let (tensor, bounds) = self.numbers(shape);
            let is_open = self.flag();
            let mut value = Value {
                edge: NodeId(0).into(),
                dtype: DType::Float32,
                shape: shape.to_vec(),
                bounds,
                is_open,
            };
            let attrs = [
                ("dtype", Attr::Type(DType::Float32.into())),
                ("shape", Attr::Shape(value.declared())),
            ];
            value.edge = self.node("Placeholder", &[], &attrs).into();
            self.values.push(value.clone());
            all.push((value, tensor));
        }
        all
    }

    /// The last value, and up to two others.
    pub(crate) fn outputs(&mut self) -> Vec<Value> {
        let mut outputs: Vec<Value> = self.values.last().cloned().into_iter().collect();
        for _ in 0..self.decide(3) {
            let other = self.pick(|_| true);
            outputs.extend(other.filter(|value| !outputs.contains(value)));
        }
        outputs
    }

    /// Makes a function of what `body` does with values like `arguments`; gives its name and results.
    pub(crate) fn function(
        &mut self,
        arguments: &[&Value],
        body: impl FnOnce(&mut Maker<'_>, &[Value]) -> Option<Vec<Value>>,
    ) -> Option<(FuncRef, Vec<Value>)> {
        let mut inner = Maker {
            decide: &mut *self.decide,
            graph: Graph::default(),
            functions: std::mem::take(&mut self.functions),
            values: Vec::new(),
            depth: self.depth + 1,
        };
        let mut parameters = Vec::new();
        for (i, argument) in (0_i64..).zip(arguments) {
            let ty = Type::Data(argument.dtype);
            let name = format!("arg_{i}");
            let node = Node::new(name.clone(), "_Arg")
                .attr("T", Attr::Type(ty))
                .attr("index", Attr::Int(i));
            let edge = inner.graph.push(node).into();
            inner.values.push(Value { edge, is_open: false, ..(*argument).clone() });
            parameters.push(Parameter { name, ty });
        }
        let given = inner.values.clone();
        let results = body(&mut inner, &given);
        let Maker { graph, functions, .. } = inner;
        self.functions = functions;
        let results = results?;
        let name = format!("function_{}", self.functions.len());
        let parameter = |(i, value): (usize, &Value)| {
            (Parameter { name: format!("result_{i}"), ty: value.dtype.into() }, value.edge)
        };
        let function = Function {
            name: name.clone(),
            arguments: parameters,
            results: results.iter().enumerate().map(parameter).collect(),
            graph,
            ..Function::default()
        };
        self.functions.insert(name.clone(), function);
        Some((FuncRef { name, attrs: BTreeMap::new() }, results))
    }
}
