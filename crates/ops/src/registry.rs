//! Ops by name, and an op with the attributes of one node.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use tensorferry_ir::{Attrs, Node, OpTable, Outputs, Type};

use crate::spec::Binding;
use crate::{
    Border, Context, DynOp, Error, Fact, Flow, Follow, InferContext, OpDef, Result, Value, Way,
};

/// The ops of one file.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The file's name, TensorFlow.js' word for the family.
    pub name: &'static str,
    /// Its ops.
    pub ops: &'static [OpDef],
}

/// A choice of ops. It is a value: a program that names few links few.
#[derive(Debug, Clone, Copy)]
pub struct Registry(pub &'static [Family]);

/// Every op there is. A `static`, as everything that it consists of: a `const` would be compiled
/// again, all ops with it, into each crate that names it.
pub static ALL: Registry = Registry(crate::families::FAMILIES);

impl Registry {
    /// Every op.
    pub fn ops(&self) -> impl Iterator<Item = &'static OpDef> + use<> {
        self.0.iter().flat_map(|family| family.ops)
    }

    /// The op of that name or alias.
    pub fn find(&self, name: &str) -> Option<&'static OpDef> {
        if std::ptr::eq(self.0, ALL.0) {
            return all_by_name().get(name).copied();
        }
        self.ops().find(|def| def.spec.name == name || def.spec.aliases.contains(&name))
    }

    /// The op of a node, with the node's attributes.
    ///
    /// # Errors
    /// When the op is not known, or its attributes or number of inputs are wrong.
    pub fn instance(&self, node: &Node) -> Result<Instance> {
        let def = self
            .find(&node.op)
            .ok_or_else(|| Error::unsupported(format!("the op `{}` is not supported", node.op)))?;
        Instance::new(def, &node.attrs, node.inputs.len())
    }
}

/// [`ALL`] by name and alias: converting a graph asks for the op of each node many times. Of ops that
/// share a name, which a test refuses, the first has it.
fn all_by_name() -> &'static HashMap<&'static str, &'static OpDef> {
    static BY_NAME: OnceLock<HashMap<&'static str, &'static OpDef>> = OnceLock::new();
    BY_NAME.get_or_init(|| {
        let mut by_name = HashMap::new();
        for def in ALL.ops() {
            for name in std::iter::once(&def.spec.name).chain(def.spec.aliases) {
                by_name.entry(*name).or_insert(def);
            }
        }
        by_name
    })
}

impl OpTable for Registry {
    fn outputs(&self, op: &str, attrs: &Attrs, n_inputs: usize) -> Option<Result<Outputs, String>> {
        let def = self.find(op)?;
        let binding = Binding::new(&def.spec, attrs, n_inputs);
        let outputs = binding.and_then(|b| b.outputs(&def.spec, attrs, &|| defaults(def)));
        Some(outputs.map_err(|error| error.what))
    }

    fn check(&self, node: &Node) -> Result<(), String> {
        match self.find(&node.op) {
            Some(def) => Instance::new(def, &node.attrs, node.inputs.len())
                .map(drop)
                .map_err(|error| error.what),
            None => Ok(()),
        }
    }
}

fn defaults(def: &OpDef) -> Attrs {
    let all = (def.attrs)().into_iter();
    all.filter_map(|spec| Some((spec.name.to_owned(), spec.default?))).collect()
}

/// An op with the attributes of one node.
pub struct Instance {
    /// Its definition.
    pub def: &'static OpDef,
    attrs: Attrs,
    binding: Binding,
    outputs: Outputs,
    op: Box<dyn DynOp>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{{}}}", self.def.spec.name, tensorferry_ir::attrs_text(&self.attrs))
    }
}

impl Instance {
    /// `def` with attributes, for so many inputs.
    ///
    /// # Errors
    /// When the attributes or the number of inputs are wrong.
    pub fn new(def: &'static OpDef, attrs: &Attrs, n_inputs: usize) -> Result<Self> {
        let binding = Binding::new(&def.spec, attrs, n_inputs)?;
        let outputs = binding.outputs(&def.spec, attrs, &|| defaults(def))?;
        let op = (def.build)(attrs)?;
        Ok(Self { def, attrs: attrs.clone(), binding, outputs, op })
    }

    /// Number of output tensors.
    pub fn n_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// The attributes that the op reads, defaults filled in.
    pub fn attrs(&self) -> Attrs {
        self.op.attrs()
    }

    /// True when it has no effect and the same inputs give the same outputs.
    pub fn is_pure(&self) -> bool {
        self.def.spec.effect == crate::Effect::Pure && self.def.spec.flow == Flow::None
    }

    /// What is known of the outputs: types by the spec, shapes by the op, values where they follow.
    ///
    /// # Errors
    /// When no inputs with these facts could be taken.
    pub fn infer(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Fact>> {
        let mut binding = self.binding.clone();
        let types: Vec<Type> = inputs.iter().map(|fact| fact.ty).collect();
        binding.types(&self.attrs, &types)?;
        let types = binding.output_types(&self.def.spec, &self.attrs, &|| defaults(self.def))?;
        let shapes = self.op.infer(inputs, context)?;
        if shapes.len() != types.len() {
            fail!("{} shapes for {} outputs", shapes.len(), types.len());
        }
        let mut facts: Vec<Fact> =
            types.into_iter().zip(shapes).map(|(ty, shape)| Fact::new(ty, shape)).collect();
        if let Some(values) = self.op.known(inputs) {
            facts.iter_mut().zip(values).for_each(|(fact, value)| fact.value = Some(value));
        }
        if let Some(all) = self.op.known_elements(inputs) {
            facts.iter_mut().zip(all).for_each(|(fact, known)| fact.elements = Some(known));
        } else if self.is_pure() {
            crate::partial::fill(self, inputs, &mut facts);
        }
        Ok(facts)
    }

    /// The type of each input tensor, as the spec has it.
    pub(crate) fn input_types(&self) -> Vec<&'static str> {
        self.binding.input_types()
    }

    /// Computes the outputs.
    ///
    /// # Errors
    /// When the inputs cannot be taken.
    pub fn eval(&self, inputs: Vec<Value>, context: &mut dyn Context) -> Result<Vec<Value>> {
        self.op.eval(inputs.into(), context)
    }

    /// The first faster way from number `start` on that can be used for inputs with these facts, made
    /// ready: its number and name, and what runs.
    pub fn prepare(&self, start: usize, inputs: &[Fact]) -> Option<(usize, &'static str, Way)> {
        self.op.prepare(start, inputs)
    }

    /// The op as a step after whatever gives input `through`.
    pub fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
        self.op.follow(inputs, through)
    }

    /// The zeros that the op puts around images, when that is all it does.
    pub fn border(&self, inputs: &[Fact]) -> Option<Border> {
        self.op.border(inputs)
    }

    pub(crate) fn op(&self) -> &dyn DynOp {
        self.op.as_ref()
    }
}
