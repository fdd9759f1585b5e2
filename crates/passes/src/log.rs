//! What passes did, and what they would not do.

use std::collections::BTreeMap;

use tensorferry_diagnostics::Problem;
use tensorferry_ir::Model;

/// What passes say of their work.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// How often each rewrite was applied, by its name.
    pub applied: BTreeMap<&'static str, usize>,
    /// Rewrites that looked likely and were not done.
    pub refused: Vec<Refusal>,
    /// What was left out that a user may miss, one line each.
    pub dropped: Vec<String>,
    /// Things the user should look at.
    pub warnings: Vec<Problem>,
    /// Every pass in the order in which it ran.
    pub steps: Vec<Step>,
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The pass.
    pub pass: &'static str,
    /// Nodes of all graphs before it.
    pub n_nodes_before: usize,
    /// Nodes of all graphs behind it.
    pub n_nodes_after: usize,
    /// How often each of its rewrites was applied.
    pub applied: BTreeMap<&'static str, usize>,
    /// What it would not do although it looked likely.
    pub refused: Vec<Refusal>,
}

/// A rewrite that looked likely and was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rewrite.
    pub rewrite: &'static str,
    /// The node that it would have changed.
    pub node: String,
    /// Why not.
    pub reason: String,
}

impl Log {
    /// Counts one rewrite.
    pub(crate) fn applied(&mut self, rewrite: &'static str) {
        *self.applied.entry(rewrite).or_default() += 1;
    }

    /// Notes a rewrite that was not done.
    pub(crate) fn refused(&mut self, rewrite: &'static str, node: &str, reason: impl Into<String>) {
        self.refused.push(Refusal { rewrite, node: node.to_owned(), reason: reason.into() });
    }

    /// Runs a pass, and notes what it says of its work as a step of its own.
    pub(crate) fn step<T>(
        &mut self,
        pass: &'static str,
        model: &mut Model,
        run: impl FnOnce(&mut Model, &mut Self) -> T,
    ) -> T {
        let (before, n_refused) = (self.applied.clone(), self.refused.len());
        let n_nodes_before = n_nodes(model);
        let result = run(model, self);
        let more = |(rewrite, n): (&&'static str, &usize)| {
            let n = n - before.get(rewrite).copied().unwrap_or(0);
            (n > 0).then_some((*rewrite, n))
        };
        self.steps.push(Step {
            pass,
            n_nodes_before,
            n_nodes_after: n_nodes(model),
            applied: self.applied.iter().filter_map(more).collect(),
            refused: self.refused[n_refused..].to_vec(),
        });
        result
    }
}

fn n_nodes(model: &Model) -> usize {
    let functions = model.functions.values().map(|function| function.graph.len());
    model.graph.len() + functions.sum::<usize>()
}
