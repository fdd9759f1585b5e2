//! Leaves out what only watches: assertions and prints.
//!
//! `CheckNumerics(x) == x`, `Print(x, …) == x`. Requires: the caller wants it. Leaves: a `NoOp`
//! where nothing came out, an `Identity` where a value went through.

use tensorferry_ir::{Attr, Graph, Model};

use crate::Log;

const NAME: &str = "strip_debug";

/// Strips every graph.
pub(crate) fn strip_debug(model: &mut Model, log: &mut Log) {
    strip_in(&mut model.graph, log);
    for function in model.functions.values_mut() {
        strip_in(&mut function.graph, log);
    }
}

fn strip_in(graph: &mut Graph, log: &mut Log) {
    for id in graph.ids() {
        let node = graph.node_mut(id);
        match node.op.as_str() {
            "Assert" | "PrintV2" => {
                node.op = "NoOp".to_owned();
                node.inputs.clear();
                node.attrs.clear();
            }
            "CheckNumerics" | "CheckNumericsV2" | "Print" | "DebugIdentity" | "DebugIdentityV2"
            | "DebugIdentityV3" => {
                node.op = "Identity".to_owned();
                node.inputs.truncate(1);
                node.attrs.retain(|name, attr| name == "T" && matches!(attr, Attr::Type(_)));
            }
            _ => continue,
        }
        log.applied(NAME);
    }
}
