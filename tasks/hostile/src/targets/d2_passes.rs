//! D2: a random graph before and after the passes.

use tensorferry_graphs::{RandomGraph, SIGNATURE, random_graph};
use tensorferry_ir::Model;
use tensorferry_ops::ALL;
use tensorferry_passes::{Options, optimize, prepare};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

use crate::choices::Choices;

/// Makes a graph of the bytes and wants the same outputs of it after each half of the passes.
pub fn d2_passes(data: &[u8]) {
    let mut choices = Choices::new(data);
    let graph = random_graph(&mut |n| choices.below(n));
    let options = Options { skip_op_check: true, ..Options::default() };
    let expected = run(&graph.model, &graph);
    let (prepared, mut log) = prepare(graph.model.clone(), &ALL, &options)
        .unwrap_or_else(|e| panic!("it is refused: {e}\n{}", graph.model));
    compare("prepared", &graph, &expected, &run(&prepared, &graph));
    let after = optimize(prepared, &ALL, &options, &mut log)
        .unwrap_or_else(|e| panic!("it is refused: {e}\n{}", graph.model));
    compare("optimized", &graph, &expected, &run(&after, &graph));
}

fn run(model: &Model, graph: &RandomGraph) -> Vec<DenseTensor> {
    let values = Program::new(model, SIGNATURE, &ALL, Limits::default())
        .and_then(|program| program.run(&mut State::default(), &graph.inputs))
        .unwrap_or_else(|e| panic!("it does not run: {e}\n{model}"));
    values.iter().map(|value| value.tensor().expect("an array").clone()).collect()
}

fn compare(what: &str, graph: &RandomGraph, expected: &[DenseTensor], found: &[DenseTensor]) {
    for (i, (a, b)) in expected.iter().zip(found).enumerate() {
        let kind = |x: &DenseTensor| (x.dtype(), x.shape().to_vec());
        assert_eq!(kind(a), kind(b), "{what}: output {i} of\n{}", graph.model);
        let tolerance = graph.tolerances[i];
        let (a, b) = (a.to_f64().unwrap_or_default(), b.to_f64().unwrap_or_default());
        let apart =
            a.iter().zip(&b).find(|(a, b)| (*a - *b).abs() > tolerance || a.is_nan() != b.is_nan());
        assert_eq!(apart, None, "{what}: output {i}, ± {tolerance}, of\n{}", graph.model);
    }
}
