//! P6: any bytes as a GraphDef, and what the validator promises of it.

use tensorferry_diagnostics::Kind;
use tensorferry_front::read_graph_def;
use tensorferry_ir::{
    Attr, Model, OpTable, Shape, Signature, SignatureTensor, Type, parse_model, verify,
};
use tensorferry_ops::ALL;
use tensorferry_passes::{Options, optimize, prepare};
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::GraphDef;

use crate::budget;

/// Reads and verifies it. What the validator accepts, the passes accept: they refuse for what the
/// graph asks of TensorFlow.js, never because they left a graph that does not verify.
pub fn p6_graph_def(data: &[u8]) {
    let ((), peak) = budget::measure(|| {
        let Ok(proto) = GraphDef::decode(data) else { return };
        let Ok(mut model) = read_graph_def(&proto, &ALL) else { return };
        name_ends(&mut model);
        if !verify(&model, &ALL).is_empty() {
            return;
        }
        text(&model);
        passes(model);
    });
    budget::check("reading a GraphDef", peak, budget::of_graph(data.len() as u64));
}

/// The outputs kept: without any, all nodes would be left out.
const ENDS: usize = 4;

/// Placeholders are inputs and the last nodes are outputs: a GraphDef says neither.
fn name_ends(model: &mut Model) {
    let graph = &model.graph;
    let tensor = |id: tensorferry_ir::NodeId| SignatureTensor {
        name: graph.node(id).name.clone(),
        edge: id.into(),
        ty: Type::Other(0),
        shape: Shape::UNKNOWN,
        resource_id: None,
    };
    let is_fed = |id: &tensorferry_ir::NodeId| graph.node(*id).op == "Placeholder";
    let has_output = |id: &tensorferry_ir::NodeId| {
        let node = graph.node(*id);
        let outputs = ALL.outputs(&node.op, &node.attrs, node.inputs.len());
        outputs.is_none_or(|outputs| outputs.is_ok_and(|outputs| !outputs.is_empty()))
    };
    let ty = |id| graph.node(id).attrs.get("dtype").and_then(Attr::as_type);
    let inputs = graph
        .ids()
        .filter(is_fed)
        .map(|id| SignatureTensor { ty: ty(id).unwrap_or(Type::Other(0)), ..tensor(id) });
    let mut ends: Vec<_> = graph.ids().filter(has_output).collect();
    let outputs = ends.split_off(ends.len().saturating_sub(ENDS)).into_iter().map(tensor);
    let signature = Signature { inputs: inputs.collect(), outputs: outputs.collect() };
    model.signatures.insert("serving_default".to_owned(), signature);
}

/// The text form says everything.
fn text(model: &Model) {
    let text = model.to_string();
    let again =
        parse_model(&text).unwrap_or_else(|e| panic!("our own text is refused: {e}\n{text}"));
    assert_eq!(again.to_string(), text, "written and read again");
}

fn passes(model: Model) {
    let options = Options { skip_op_check: true, ..Options::default() };
    let Ok((prepared, mut log)) = prepare(model, &ALL, &options) else { return };
    let prepared_text = prepared.to_string();
    if let Err(problems) = optimize(prepared, &ALL, &options, &mut log) {
        let is_ours = problems.0.iter().any(|problem| problem.kind != Kind::Limit);
        assert!(!is_ours, "the passes left a broken graph: {problems}\n{prepared_text}");
    }
}
