//! What is known of shapes that graphs compute from shapes: the batch is unknown, the rest is not.

use std::collections::BTreeMap;

use tensorferry_ir::{Dim, Shape, parse_model};
use tensorferry_ops::{ALL, Fact, NoContext};
use tensorferry_tensor::DType;

/// Facts of every node of a graph whose node `x` has this shape.
fn facts(nodes: &str, x: Shape) -> BTreeMap<String, Fact> {
    let model = parse_model(&format!("graph {{ x = Placeholder() {{dtype=float32}} {nodes} }}"));
    let graph = model.expect(nodes).graph;
    let mut facts: BTreeMap<String, Fact> = BTreeMap::new();
    facts.insert("x".to_owned(), Fact::new(DType::Float32, x));
    for id in graph.topological_order().expect("no cycle") {
        let node = graph.node(id);
        if node.name == "x" {
            continue;
        }
        let input = |edge: &tensorferry_ir::Edge| {
            assert_eq!(edge.output, 0, "the test reads first outputs alone");
            facts[&graph.node(edge.node).name].clone()
        };
        let inputs: Vec<Fact> = node.inputs.iter().map(input).collect();
        let instance = ALL.instance(node).expect(&node.name);
        let mut outputs =
            instance.infer(&inputs, &mut NoContext::default()).expect(&node.name).into_iter();
        let mut fact = outputs.next().expect("an output");
        if node.op == "Const" {
            let value = instance.eval(Vec::new(), &mut NoContext::default()).expect(&node.name);
            fact = Fact::of(value[0].tensor().expect("a tensor"));
        }
        facts.insert(node.name.clone(), fact);
    }
    facts
}

fn dims(all: &[Option<usize>]) -> Shape {
    Shape(Some(all.iter().map(|dim| dim.map_or(Dim::Unknown, Dim::Known)).collect()))
}

#[test]
fn reshapes_to_computed_shapes_have_facts() {
    const BATCH: &str = "
        s = Shape(x)
        zero = Const() {dtype=int32, value=int32<1>[0]}
        one = Const() {dtype=int32, value=int32<1>[1]}
        b = StridedSlice(s, zero, one, one) {shrink_axis_mask=1}
        ten = Const() {dtype=int32, value=int32<>[10]}";
    const AXIS: &str = "axis = Const() {dtype=int32, value=int32<>[0]}";
    let cases = [
        // What Flatten and Reshape of Keras make.
        ("p = Pack(b, ten) {N=2} y = Reshape(x, p)", vec![None, Some(10)]),
        // Dims counted together: 2 times 5.
        ("two = Const() {dtype=int32, value=int32<1>[2]} three = Const() {dtype=int32, value=int32<1>[3]}
          h = StridedSlice(s, one, two, one) {shrink_axis_mask=1}
          w = StridedSlice(s, two, three, one) {shrink_axis_mask=1}
          hw = Mul(h, w) p = Pack(b, hw) {N=2} y = Reshape(x, p)", vec![None, Some(10)]),
        ("r = Const() {dtype=int32, value=int32<2>[5, 2]} t = Slice(s, zero, one)
          p = ConcatV2(t, r, axis) {N=2} y = Reshape(x, p)", vec![None, Some(5), Some(2)]),
        ("i = Const() {dtype=int32, value=int32<3>[2, 0, 1]}
          p = GatherV2(s, i, axis) c = Cast(p) {DstT=int64} y = Reshape(x, c)",
         vec![Some(5), None, Some(2)]),
        ("z = Const() {dtype=float32, value=float32<>[0]}
          p = Pack(b, ten) {N=2} y = Fill(p, z)", vec![None, Some(10)]),
        // An unknown dim by an unknown dim is unknown, not 1.
        ("q = FloorDiv(b, b) p = Pack(q, ten) {N=2} y = Reshape(x, p)", vec![None, Some(10)]),
        // What says where elements come from must be known itself.
        ("p = GatherV2(ten2, b, axis) ten2 = Const() {dtype=int32, value=int32<2>[10, 10]}
          k = Pack(p, ten) {N=2} y = Reshape(x, k)", vec![None, Some(10)]),
    ];
    for (nodes, expected) in cases {
        let found = facts(&format!("{BATCH} {AXIS} {nodes}"), dims(&[None, Some(2), Some(5)]));
        assert_eq!(found["y"].shape, dims(&expected), "{nodes}");
    }
}

#[test]
fn a_shape_that_is_known_is_a_value() {
    let found = facts(
        "s = Shape(x) one = Const() {dtype=int32, value=int32<>[1]} p = AddV2(s, one)",
        dims(&[Some(3), None]),
    );
    assert_eq!(found["s"].elements(), Some(vec![Some(3), None]));
    assert_eq!(found["p"].elements(), Some(vec![Some(4), None]));
    let found = facts("s = Shape(x)", dims(&[Some(3), Some(4)]));
    assert_eq!(found["s"].ints(), Some(vec![3, 4]));
}
