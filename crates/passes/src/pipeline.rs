//! Every pass in its order, and why it is there.

use std::collections::HashSet;

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Model, verify};
use tensorferry_ops::Registry;

use crate::check_ops::check_ops;
use crate::correct_tfjs::correct_tfjs;
use crate::cut_graph::{cut_graph, find_early};
use crate::drop_control::drop_control;
use crate::each_graph::{Known, each_graph};
use crate::editor::Editor;
use crate::find_prelu::find_prelu;
use crate::fold_batch_norm::fold_batch_norm;
use crate::fold_constants::fold_constants;
use crate::fold_scale::fold_scale;
use crate::freeze_variables::freeze_variables;
use crate::fuse_bias::fuse_bias;
use crate::inline_calls::inline_calls;
use crate::lower_control_flow::lower_control_flow;
use crate::lower_ops::lower_ops;
use crate::merge_duplicates::merge_duplicates;
use crate::name_tables::{is_table, name_tables};
use crate::prune::prune;
use crate::read_assets::read_assets;
use crate::remove_identity::remove_identity;
use crate::simplify::simplify;
use crate::sink_squeeze::sink_squeeze;
use crate::state_defaults::state_defaults;
use crate::strip_debug::strip_debug;
use crate::{Log, facts};

/// What a caller decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leave out `Assert`, `Print` and the like.
    pub strip_debug_ops: bool,
    /// Write ops that TensorFlow.js does not run.
    pub skip_op_check: bool,
    /// Nodes or tensors that are the inputs, in place of the signature's.
    pub inputs: Vec<String>,
    /// Nodes or tensors that are the outputs, in place of the signature's.
    pub outputs: Vec<String>,
    /// Leave `If` and `While` as they are; otherwise they become `Switch`, `Merge` and frames.
    pub control_flow_v2: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strip_debug_ops: true,
            skip_op_check: false,
            inputs: Vec::new(),
            outputs: Vec::new(),
            control_flow_v2: true,
        }
    }
}

/// Makes a graph as TensorFlow stores it stand for itself.
///
/// # Errors
/// What the verifier finds, variables that change or have no value, tables whose file is missing.
pub fn prepare(
    mut model: Model,
    ops: &Registry,
    options: &Options,
) -> Result<(Model, Log), Problems> {
    check(&model, ops)?;
    let mut log = Log::default();
    // First of all: from here on a table is a node like any other.
    log.step("name_tables", &mut model, name_tables)?;
    let early = find_early(&mut model, options, ops);
    // What is called may read variables and fill tables: both must be seen.
    log.step("inline_calls", &mut model, |model, _| inline_calls(model, ops))?;
    // As soon as every node has its name: what is cut off need not be understood.
    log.step("cut_graph", &mut model, |model, log| cut_graph(model, options, &early, ops, log))?;
    // Before ops are checked and control edges mean something: nobody waits for an assertion.
    if options.strip_debug_ops {
        log.step("strip_debug", &mut model, strip_debug);
    }
    // Before variables: an assignment that only a control edge asks for is not one that is read.
    log.step("drop_control", &mut model, |model, _| drop_control(model, ops));
    log.step("prune", &mut model, |model, _| prune(model));
    log.step("freeze_variables", &mut model, freeze_variables)?;
    log.step("remove_identity", &mut model, remove_identity);
    log.step("drop_control", &mut model, |model, _| drop_control(model, ops));
    log.step("prune", &mut model, |model, _| prune(model));
    log.step("read_assets", &mut model, read_assets)?;
    clean_initializer(&mut model, ops);
    facts::complete_signatures(&mut model, ops);
    check(&model, ops)?;
    Ok((model, log))
}

/// Rewrites a graph that [`prepare`] made into ops that TensorFlow.js runs, fewer and faster ones.
///
/// # Errors
/// Every op that TensorFlow.js does not run, unless that is allowed.
pub fn optimize(
    mut model: Model,
    ops: &Registry,
    options: &Options,
    log: &mut Log,
) -> Result<Model, Problems> {
    log.step("remove_identity", &mut model, remove_identity);
    log.step("prune", &mut model, |model, _| prune(model));
    let mut known = Known::default();
    let mut each = |name, pass: &mut dyn FnMut(&mut Editor<'_>)| {
        log.step(name, &mut model, |model, log| each_graph(model, ops, log, &mut known, pass));
    };
    // Before anything is folded: what it makes has constants too.
    each("lower_ops", &mut |editor| lower_ops(editor, ops));
    // Then what needs no pattern: everything after it sees constants and fewer nodes.
    each("fold_constants", &mut |editor| fold_constants(editor, ops));
    each("simplify", &mut simplify);
    // Behind it: to TensorFlow a reshape that it makes changes nothing.
    each("correct_tfjs", &mut correct_tfjs);
    each("fold_constants", &mut |editor| fold_constants(editor, ops));
    // Before products are looked for: it makes some.
    each("fold_batch_norm", &mut fold_batch_norm);
    // Before sums are folded: its sum has a form of its own.
    each("find_prelu", &mut find_prelu);
    each("sink_squeeze", &mut sink_squeeze);
    // What it makes of filters is constant already.
    each("fold_scale", &mut fold_scale);
    each("fuse_bias", &mut fuse_bias);
    // Last, when no pattern must be read any more whose parts would be shared.
    each("merge_duplicates", &mut |editor| merge_duplicates(editor, ops));
    // When all else is done: no pattern spans a switch.
    if !options.control_flow_v2 {
        log.step("lower_control_flow", &mut model, |model, log| {
            lower_control_flow(model, ops, log);
        });
    }
    // So that what passes made has them too.
    state_defaults(&mut model, ops);
    if !options.skip_op_check {
        check_ops(&model)?;
    }
    check(&model, ops)?;
    Ok(model)
}

/// What the verifier says, as problems.
fn check(model: &Model, ops: &Registry) -> Result<(), Problems> {
    let defects = verify(model, ops);
    if defects.is_empty() {
        return Ok(());
    }
    let problem = |defect: tensorferry_ir::Defect| {
        let place = match &defect.function {
            Some(function) => format!("node {} of function {function}", defect.node),
            None => format!("node {}", defect.node),
        };
        Problem::input(defect.what).at(place)
    };
    Err(Problems(defects.into_iter().map(problem).collect()))
}

/// Leaves in the initializer what fills tables that the main graph has.
fn clean_initializer(model: &mut Model, ops: &Registry) {
    let graph = &model.initializer;
    // The main graph finds a table by its node's name, or is given the handle.
    let given = model.initializer_outputs.iter().map(|output| graph.node(output.edge.node));
    let own = model.graph.nodes().iter();
    let tables: HashSet<&str> =
        own.chain(given).filter(|node| is_table(&node.op)).map(|node| node.name.as_str()).collect();
    let fills = |id: &tensorferry_ir::NodeId| {
        let node = graph.node(*id);
        let table = node.inputs.first().map(|edge| graph.node(edge.node));
        table.is_some_and(|table| is_table(&table.op) && tables.contains(table.name.as_str()))
            && ops.find(&node.op).is_none_or(|def| def.spec.effect != tensorferry_ops::Effect::Pure)
    };
    let mut roots: Vec<tensorferry_ir::NodeId> = graph.ids().filter(fills).collect();
    roots.extend(model.initializer_outputs.iter().map(|output| output.edge.node));
    for id in &roots {
        model.initializer.node_mut(*id).control.clear();
    }
    let map = crate::prune::compact(&mut model.initializer, &roots);
    for output in &mut model.initializer_outputs {
        output.edge.node = map[&output.edge.node];
    }
}
