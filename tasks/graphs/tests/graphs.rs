//! Graphs at random are graphs: they verify, run, and reach every step of their grammar.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeSet;

use tensorferry_graphs::{SIGNATURE, graph_of_seed, random_graph};
use tensorferry_ops::ALL;
use tensorferry_runtime::{Limits, Program, State};

const GRAPHS: u64 = 400;

#[test]
fn every_graph_runs_and_gives_finite_numbers() {
    let mut ops = BTreeSet::new();
    let mut n_exact = 0;
    for seed in 0..GRAPHS {
        let graph = graph_of_seed(seed);
        let at = |e: tensorferry_ops::Error| format!("graph {seed}: {e}\n{}", graph.model);
        let program = Program::new(&graph.model, SIGNATURE, &ALL, Limits::default());
        let program = program.map_err(at).unwrap();
        let outputs = program.run(&mut State::default(), &graph.inputs).map_err(at).unwrap();
        assert_eq!(outputs.len(), graph.tolerances.len());
        for (output, tolerance) in outputs.iter().zip(&graph.tolerances) {
            let numbers = output.tensor().unwrap().to_f64().unwrap();
            assert!(numbers.iter().all(|x| x.is_finite()), "graph {seed}: {numbers:?}");
            assert!(tolerance.is_finite() && *tolerance < 1.0, "graph {seed}: {tolerance}");
            n_exact += usize::from(*tolerance == 0.0);
        }
        let functions = graph.model.functions.values().map(|function| &function.graph);
        let graphs = functions.chain([&graph.model.graph]);
        ops.extend(graphs.flat_map(|graph| graph.nodes()).map(|node| node.op.clone()));
    }
    assert!(ops.len() >= 85, "only {} ops: {ops:?}", ops.len());
    assert!(n_exact >= 50, "only {n_exact} outputs are exact");
}

#[test]
fn the_same_decisions_make_the_same_graph() {
    for seed in 0..20 {
        let (a, b) = (graph_of_seed(seed), graph_of_seed(seed));
        assert_eq!(a.model.to_string(), b.model.to_string());
        assert_eq!(a.inputs, b.inputs);
    }
    // A fuzzer that has no bytes left decides the first of everything.
    let graph = random_graph(&mut |_| 0);
    assert!(!graph.model.signatures[SIGNATURE].outputs.is_empty());
}
