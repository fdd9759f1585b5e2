//! Random graphs compute the same before and after the passes.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tensorferry_graphs::{RandomGraph, SIGNATURE, graph_of_seed};
use tensorferry_ir::Model;
use tensorferry_ops::ALL;
use tensorferry_passes::{Options, optimize, prepare};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

const GRAPHS: u64 = 300;

fn run(model: &Model, graph: &RandomGraph) -> Result<Vec<DenseTensor>, String> {
    let program = Program::new(model, SIGNATURE, &ALL, Limits::default());
    let program = program.map_err(|e| e.to_string())?;
    let values = program.run(&mut State::default(), &graph.inputs).map_err(|e| e.to_string())?;
    Ok(values.iter().map(|value| value.tensor().unwrap().clone()).collect())
}

/// What is wrong with the graph after the passes.
fn wrong(graph: &RandomGraph) -> Result<(), String> {
    let options = Options { skip_op_check: true, ..Options::default() };
    let expected = run(&graph.model, graph)?;
    let (prepared, mut log) =
        prepare(graph.model.clone(), &ALL, &options).map_err(|e| e.to_string())?;
    let before = run(&prepared, graph)?;
    let after = optimize(prepared, &ALL, &options, &mut log).map_err(|e| e.to_string())?;
    for (what, found) in [("prepared", before), ("optimized", run(&after, graph)?)] {
        let all = expected.iter().zip(&found).zip(&graph.tolerances).enumerate();
        for (i, ((a, b), tolerance)) in all {
            if (a.shape(), a.dtype()) != (b.shape(), b.dtype()) {
                return Err(format!("{what}: output {i} is {b:?} instead of {a:?}"));
            }
            let (a, b) = (a.to_f64().unwrap(), b.to_f64().unwrap());
            if let Some((a, b)) = a.iter().zip(&b).find(|(a, b)| (*a - *b).abs() > *tolerance) {
                return Err(format!("{what}: output {i} has {b} instead of {a} ± {tolerance}"));
            }
        }
    }
    Ok(())
}

#[test]
fn random_graphs_compute_the_same_before_and_after() {
    let mut broken = Vec::new();
    for seed in 0..GRAPHS {
        let graph = graph_of_seed(seed);
        if let Err(what) = wrong(&graph) {
            broken.push(format!("graph {seed}: {what}"));
        }
    }
    assert!(broken.is_empty(), "{} of {GRAPHS}:\n{}", broken.len(), broken.join("\n"));
}
