//! Graphs at random, of which is known how exactly they can be computed.
//!
//! Whoever rewrites graphs holds the graph before against the graph after on the inputs that come
//! with it. Two ways to compute the same differ by rounding, and a graph may make much of little:
//! so every value is made with a bound of its size and of its error (`bounds`), steps that would
//! lose it are not taken, and a graph says of each output how far from the truth it may be.
#![forbid(unsafe_code)]

mod bounds;
mod control;
mod elementwise;
mod layers;
mod maker;
mod shapes;

use std::collections::BTreeMap;

use tensorferry_ir::{Model, Shape, Signature, SignatureTensor};
use tensorferry_tensor::DenseTensor;

use crate::maker::{Maker, Value};

/// The name of the signature.
pub const SIGNATURE: &str = "serving_default";

/// The most steps of a main graph; each is one to ten nodes.
const STEPS_MAX: u64 = 24;

/// A graph, inputs for it, and how exactly it can be computed.
#[derive(Debug, Clone)]
pub struct RandomGraph {
    /// One signature, [`SIGNATURE`]; functions where some are called.
    pub model: Model,
    /// A value for each input, by name.
    pub inputs: BTreeMap<String, DenseTensor>,
    /// For each output, in the order of the signature, how far two right ways to compute it may be
    /// apart: 0 for integers and truths.
    pub tolerances: Vec<f64>,
}

/// A step of the grammar: it adds nodes, or finds nothing to begin with.
type Step = fn(&mut Maker<'_>) -> Option<()>;

/// Makes a graph. `decide(n)` gives a number below `n`; the same numbers make the same graph.
pub fn random_graph(decide: &mut dyn FnMut(u64) -> u64) -> RandomGraph {
    let mut maker = Maker::new(decide);
    let inputs = maker.placeholders();
    let steps: Vec<Step> = [
        elementwise::STEPS,
        elementwise::STEPS,
        layers::STEPS,
        layers::STEPS,
        shapes::STEPS,
        control::STEPS,
    ]
    .concat();
    for _ in 0..=maker.decide(STEPS_MAX) {
        let step = *maker.one_of(&steps);
        // A step that finds no operand leaves the graph as it is.
        let _ = step(&mut maker);
    }
    finish(maker, inputs)
}

/// The graph of a number, the same on every machine.
pub fn graph_of_seed(seed: u64) -> RandomGraph {
    // Marsaglia's xorshift64*.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    random_graph(&mut |n| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % n.max(1)
    })
}

fn finish(mut maker: Maker<'_>, inputs: Vec<(Value, DenseTensor)>) -> RandomGraph {
    let outputs = maker.outputs();
    let name = |maker: &Maker<'_>, value: &Value| maker.graph.node(value.edge.node).name.clone();
    let tensor = |name: String, value: &Value, shape: Shape| SignatureTensor {
        name,
        edge: value.edge,
        ty: value.dtype.into(),
        shape,
        resource_id: None,
    };
    let mut signature = Signature::default();
    let mut given = BTreeMap::new();
    for (value, content) in inputs {
        let name = name(&maker, &value);
        signature.inputs.push(tensor(name.clone(), &value, value.declared()));
        given.insert(name, content);
    }
    for (i, output) in outputs.iter().enumerate() {
        signature.outputs.push(tensor(format!("out_{i}"), output, Shape::UNKNOWN));
    }
    let mut model = Model { graph: maker.graph, functions: maker.functions, ..Model::default() };
    model.signatures.insert(SIGNATURE.to_owned(), signature);
    let tolerances = outputs.iter().map(|output| output.bounds.tolerance()).collect();
    RandomGraph { model, inputs: given, tolerances }
}
