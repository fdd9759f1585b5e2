//! Passes run nothing that has an effect: it stays in the graph, or nobody needs it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tensorferry_ir::{Edge, Model, Shape, Signature, SignatureTensor, Type, parse_model};
use tensorferry_ops::ALL;
use tensorferry_passes::{Options, optimize, prepare};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DType;

/// From nothing to `y`: everything in it is known before it runs.
fn model(nodes: &str) -> Model {
    let mut model = parse_model(&format!("graph {{ {nodes} }}")).unwrap();
    let output = SignatureTensor {
        name: "y".to_owned(),
        edge: Edge::from(model.graph.find("y").unwrap()),
        ty: Type::Data(DType::Float32),
        shape: Shape::UNKNOWN,
        resource_id: None,
    };
    let signature = Signature { inputs: Vec::new(), outputs: vec![output] };
    model.signatures.insert("serving_default".to_owned(), signature);
    model
}

fn after(model: Model) -> Model {
    let options = Options { strip_debug_ops: false, skip_op_check: true, ..Options::default() };
    let (prepared, mut log) = prepare(model, &ALL, &options).unwrap();
    optimize(prepared, &ALL, &options, &mut log).unwrap()
}

#[test]
fn what_has_an_effect_is_not_folded_however_constant_its_inputs_are() {
    const CASES: [(&str, &str); 6] = [
        (
            "Print",
            "k = Const() {dtype=float32, value=float32[1, 2]} y = Print(k, k) {U=[float32], message=\"m\"}",
        ),
        (
            "RandomUniform",
            "k = Const() {dtype=int32, value=int32[2]} y = RandomUniform(k) {dtype=float32, seed=1}",
        ),
        (
            "RandomStandardNormal",
            "k = Const() {dtype=int32, value=int32[2]} y = RandomStandardNormal(k) {dtype=float32}",
        ),
        (
            "Multinomial",
            "k = Const() {dtype=float32, value=float32[[1, 2]]} n = Const() {dtype=int32, value=int32<>[3]} \
            m = Multinomial(k, n) {output_dtype=int64} y = Cast(m) {SrcT=int64, DstT=float32}",
        ),
        (
            "PyFunc",
            "k = Const() {dtype=float32, value=float32[1, 2]} y = PyFunc(k) {token=\"t\", Tin=[float32], Tout=[float32]}",
        ),
        ("ReadFile", "k = Const() {dtype=string, value=string<>[\"/etc/passwd\"]} y = ReadFile(k)"),
    ];
    for (op, nodes) in CASES {
        let model = after(model(nodes));
        let is_there = model.graph.nodes().iter().any(|node| node.op == op);
        assert!(is_there, "`{op}` was run, or left out:\n{model}");
    }
}

#[test]
fn an_assertion_is_not_run_by_passes() {
    let nodes = "c = Const() {dtype=bool, value=bool<>[false]} k = Const() {dtype=float32, value=float32[1, 2]} \
        a = Assert(c, k) {T=[float32]} y = Neg(k, ^a)";
    let model = after(model(nodes));
    let program = Program::new(&model, "serving_default", &ALL, Limits::default()).unwrap();
    // Passes went well with it; only a run finds that it does not hold.
    let error = program.run(&mut State::default(), &Default::default()).unwrap_err();
    assert!(error.to_string().contains("an assertion failed"), "{error}");
}

/// What a comparison of two graphs runs is what a run of the engine is: its prints are kept in its
/// own state, and go nowhere.
#[test]
fn what_a_run_prints_stays_in_its_state() {
    let nodes = "k = Const() {dtype=float32, value=float32[1, 2]} y = Print(k, k) {U=[float32], message=\"m\"}";
    let model = model(nodes);
    let program = Program::new(&model, "serving_default", &ALL, Limits::default()).unwrap();
    let mut state = State::default();
    program.run(&mut state, &Default::default()).unwrap();
    assert_eq!(state.resources().take_messages(), ["m[1 2]"]);
    let mut other = State::default();
    assert_eq!(other.resources().take_messages(), [""; 0]);
}
