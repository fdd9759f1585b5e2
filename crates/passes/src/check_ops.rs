//! Names every op that TensorFlow.js does not run.

use std::collections::{BTreeMap, BTreeSet};

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Graph, Model};

use crate::tfjs_ops::is_tfjs_op;

/// Nodes that a problem names; the others are counted.
const SHOWN: usize = 4;

/// What makes a graph and is no op of its own.
fn is_frame(op: &str) -> bool {
    op == "_Arg"
}

/// Every op of the model that TensorFlow.js does not run, with the nodes that use it.
///
/// # Errors
/// One problem for each op.
pub(crate) fn check_ops(model: &Model) -> Result<(), Problems> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let functions = model.functions.iter().map(|(name, f)| (Some(name.as_str()), &f.graph));
    let graphs: Vec<(Option<&str>, &Graph)> =
        [(None, &model.graph), (Some("modelInitializer"), &model.initializer)]
            .into_iter()
            .chain(functions)
            .collect();
    for (function, graph) in graphs {
        for node in graph.nodes().iter().filter(|n| !is_frame(&n.op) && !is_tfjs_op(&n.op)) {
            let place = match function {
                Some(function) => format!("`{}` of `{function}`", node.name),
                None => format!("`{}`", node.name),
            };
            found.entry(&node.op).or_default().push(place);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let all: BTreeSet<&str> = found.keys().copied().collect();
    let all = all.into_iter().collect::<Vec<_>>().join(", ");
    let problems = found.into_iter().map(|(op, nodes)| {
        let n = nodes.len();
        let mut places = nodes.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        if n > SHOWN {
            places.push_str(&format!(" and {} more", n - SHOWN));
        }
        Problem::unsupported(format!("TensorFlow.js has no op `{op}`"))
            .at(format!("node {places}"))
            .hint("--output_node_names cuts the graph before it; --skip_op_check writes it anyway")
    });
    let headline = format!("Unsupported Ops in the model: {all}");
    Err(Problems(std::iter::once(Problem::unsupported(headline)).chain(problems).collect()))
}
