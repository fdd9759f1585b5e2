//! Gradients of single ops: ours against TensorFlow's.

use std::collections::BTreeMap;

use tensorferry_conformance::gradients::{GradientCase, gradient_cases, n_gradient_cases};
use tensorferry_ir::{
    Attr, Edge, Graph, Model, Node, Shape, SignatureTensor, parse_attrs, parse_tensors,
};
use tensorferry_ops::{ALL, Builder, Tolerance, gradients};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

/// Gradients are sums of many products, in any order, of values that are rounded themselves.
const CLOSE: Tolerance = Tolerance::Close { rel: 1e-5, abs: 2e-5 };

/// Ops that have a gradient and fewer cases than ten, each with its reason.
const FEW_CASES: &[(&str, &str)] = &[];

/// A graph of placeholders, the op, and the gradients of its inputs.
struct Built {
    model: Model,
    names: Vec<String>,
}

fn placeholder(graph: &mut Graph, name: String, tensor: &DenseTensor) -> Edge {
    let mut node = Node::new(name, "Placeholder");
    node.attrs.insert("dtype".to_owned(), Attr::Type(tensor.dtype().into()));
    graph.push(node).into()
}

fn build(case: &GradientCase, inputs: &[DenseTensor], dy: &DenseTensor) -> Result<Built, String> {
    let mut model = Model::default();
    let names: Vec<String> =
        (0..inputs.len()).map(|i| format!("x{i}")).chain(["dy".to_owned()]).collect();
    let tensors = || inputs.iter().chain([dy]);
    let edges: Vec<Edge> = names
        .iter()
        .zip(tensors())
        .map(|(name, tensor)| placeholder(&mut model.graph, name.clone(), tensor))
        .collect();
    let xs = &edges[..inputs.len()];
    let mut node = Node::new("op".to_owned(), &case.op).inputs(xs);
    node.attrs = parse_attrs(&case.attrs).map_err(|e| e.to_string())?;
    let y: Edge = model.graph.push(node).into();
    // What arrives at y is dy: the gradient of Σ y·dy.
    let weighted =
        Builder::new(&mut model.graph, "test").add("Mul", &[y, edges[inputs.len()]], &[]);
    let wanted: Vec<Edge> =
        xs.iter().zip(&case.gradients).filter(|(_, g)| g.is_some()).map(|(x, _)| *x).collect();
    let found =
        gradients(&mut model.graph, &ALL, &[weighted], &wanted).map_err(|e| e.to_string())?;
    let found: Option<Vec<Edge>> = found.into_iter().collect();
    let found = found.ok_or("an input has no gradient")?;
    let tensor = |name: &str, edge: Edge, ty: &DenseTensor| SignatureTensor {
        name: name.to_owned(),
        edge,
        ty: ty.dtype().into(),
        shape: Shape::UNKNOWN,
        resource_id: None,
    };
    let signature = model.signatures.entry("f".to_owned()).or_default();
    let all = names.iter().zip(&edges).zip(tensors());
    signature.inputs = all.map(|((name, edge), ty)| tensor(name, *edge, ty)).collect();
    signature.outputs = found.iter().map(|edge| tensor("gradient", *edge, dy)).collect();
    Ok(Built { model, names })
}

fn check(case: &GradientCase) -> Result<(), String> {
    let inputs = parse_tensors(&case.inputs).map_err(|e| format!("inputs: {e}"))?;
    let dy = parse_tensors(&case.arriving).map_err(|e| format!("arriving: {e}"))?;
    let [dy] = &dy[..] else { return Err("there is not one gradient that arrives".to_owned()) };
    let text = case.gradients.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    let expected = parse_tensors(&text).map_err(|e| format!("gradients: {e}"))?;
    let built = build(case, &inputs, dy)?;
    let program = Program::new(&built.model, "f", &ALL, Limits::default());
    let program = program.map_err(|e| e.to_string())?;
    let fed: BTreeMap<String, DenseTensor> =
        built.names.iter().cloned().zip(inputs.iter().chain([dy]).cloned()).collect();
    let found = program.run(&mut State::default(), &fed).map_err(|e| e.to_string())?;
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let found = found.tensor().ok_or("a gradient is no tensor")?;
        if let Some(what) = CLOSE.difference(found, expected) {
            return Err(format!("gradient {i}: {what}"));
        }
    }
    Ok(())
}

#[test]
fn gradients_are_tensorflows() {
    let mut failures = Vec::new();
    for case in gradient_cases() {
        if let Err(what) = check(&case) {
            failures.push(format!("{} {}: {what}", case.place, case.op));
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), failures.len());
}

#[test]
fn what_is_stopped_has_no_gradient() {
    let mut graph = Graph::default();
    let x: Edge = placeholder(&mut graph, "x".to_owned(), &DenseTensor::scalar(1.0_f32));
    let y: Edge = graph.push(Node::new("y", "StopGradient").inputs(&[x])).into();
    assert_eq!(gradients(&mut graph, &ALL, &[y], &[x]).unwrap(), [None]);
    let z: Edge = graph.push(Node::new("z", "PreventGradient").inputs(&[x])).into();
    assert!(gradients(&mut graph, &ALL, &[z], &[x]).is_err());
}

#[test]
fn every_gradient_has_ten_cases_or_a_reason() {
    let n = n_gradient_cases();
    let few: Vec<&str> = ALL
        .ops()
        .filter(|def| def.has_grad)
        .filter(|def| {
            let names = std::iter::once(&def.spec.name).chain(def.spec.aliases);
            names.filter_map(|name| n.get(*name)).sum::<usize>() < 10
        })
        .map(|def| def.spec.name)
        .collect();
    let excused: Vec<&str> = FEW_CASES.iter().map(|(name, _)| *name).collect();
    assert_eq!(few, excused, "have fewer than ten cases");
}
