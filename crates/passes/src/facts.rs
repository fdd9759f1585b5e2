//! What is known of every value before anything runs.

use tensorferry_ir::{Attr, Edge, EdgeMap, FuncRef, Graph, Model, Node, Shape, Type};
use tensorferry_ops::{Error, Fact, InferContext, Registry, Result};

/// Constants up to this many bytes are read to know their value; axes and shapes are far smaller.
const VALUE_BYTES_MAX: u64 = 1 << 14;

/// Types and shapes of outputs; those of ops that are not known are missing.
pub(crate) type Facts = EdgeMap<Fact>;

/// Functions say their results' types and nothing of shapes.
struct Functions<'a>(&'a Model);

impl InferContext for Functions<'_> {
    fn call(&mut self, function: &FuncRef, _: &[Fact]) -> Result<Vec<Fact>> {
        let found = self.0.functions.get(&function.name);
        let found = found.ok_or_else(|| Error::invalid("there is no such function"))?;
        let results = found.results.iter();
        Ok(results.map(|(result, _)| Fact::new(result.ty, Shape::UNKNOWN)).collect())
    }
}

/// The facts of a constant; its value when it is small.
pub(crate) fn of_constant(node: &Node) -> Option<Fact> {
    let Some(Attr::Tensor(constant)) = node.attrs.get("value") else { return None };
    let shape = constant.shape();
    let dims: Vec<usize> =
        shape.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<_>>()?;
    let mut fact = Fact::new(constant.dtype(), Shape::of(&dims));
    let size = constant.dtype().byte_size().unwrap_or(16) as u64;
    let n = shape.iter().try_fold(1_u64, |n, dim| n.checked_mul(*dim))?;
    if n.saturating_mul(size) <= VALUE_BYTES_MAX {
        fact.value = constant.dense().ok();
    }
    Some(fact)
}

/// What is known of the outputs of `graph`, which is one of `model`'s; `fed` are its inputs.
pub(crate) fn of(model: &Model, graph: &Graph, fed: &Facts, ops: &Registry) -> Facts {
    let mut facts = fed.clone();
    let Ok(order) = graph.topological_order() else { return facts };
    for id in order {
        let node = graph.node(id);
        if facts.contains_key(&id.into()) {
            continue;
        }
        if node.op == "Const" {
            facts.extend(of_constant(node).map(|fact| (id.into(), fact)));
            continue;
        }
        let inputs: Option<Vec<Fact>> =
            node.inputs.iter().map(|edge| facts.get(edge).cloned()).collect();
        let (Some(inputs), Ok(instance)) = (inputs, ops.instance(node)) else { continue };
        let Ok(outputs) = instance.infer(&inputs, &mut Functions(model)) else { continue };
        let outputs = (0_u32..).zip(outputs);
        facts.extend(outputs.map(|(output, fact)| (Edge { node: id, output }, fact)));
    }
    facts
}

/// What the signatures say of the main graph's inputs.
pub(crate) fn fed(model: &Model) -> Facts {
    let inputs = model.signatures.values().flat_map(|signature| &signature.inputs);
    inputs.map(|input| (input.edge, Fact::new(input.ty, input.shape.clone()))).collect()
}

/// Gives outputs that were named by hand their types and shapes.
pub(crate) fn complete_signatures(model: &mut Model, ops: &Registry) {
    let unknown = |ty: Type| ty == Type::Other(0);
    let is_complete =
        model.signatures.values().all(|s| s.outputs.iter().all(|output| !unknown(output.ty)));
    if is_complete {
        return;
    }
    let facts = of(model, &model.graph, &fed(model), ops);
    for signature in model.signatures.values_mut() {
        for output in signature.outputs.iter_mut().filter(|output| unknown(output.ty)) {
            let Some(fact) = facts.get(&output.edge) else { continue };
            (output.ty, output.shape) = (fact.ty, fact.shape.clone());
        }
    }
}
