//! Graphs that call themselves, never end, lie about sizes, or name other files.

use bytes::Bytes;
use tensorferry::OutputFormat;
use tensorferry_hostile::convert::VERIFY_BYTES;
use tensorferry_hostile::files::folder;
use tensorferry_store::MemoryStore;
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::attr_value::Value;
use tensorferry_tf_proto::tensorflow::{
    AssetFileDef, AttrValue, FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, NameAttrList,
    NodeDef, OpDef, SavedModel, SignatureDef, TensorInfo, TensorProto, TensorShapeProto,
    attr_value, meta_graph_def, op_def, tensor_info, tensor_shape_proto,
};

use crate::{Case, Class};

const FLOAT: i32 = 1;
const INT32: i32 = 3;
const STRING: i32 = 7;
const BOOL: i32 = 10;

fn node(name: &str, op: &str, inputs: &[&str], attrs: &[(&str, Value)]) -> NodeDef {
    let attr = |(name, value): &(&str, Value)| {
        ((*name).to_owned(), AttrValue { value: Some(value.clone()) })
    };
    NodeDef {
        name: name.to_owned(),
        op: op.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        attr: attrs.iter().map(attr).collect(),
        ..NodeDef::default()
    }
}

fn shape(dims: &[i64]) -> TensorShapeProto {
    let dim = |size: &i64| tensor_shape_proto::Dim { size: *size, ..Default::default() };
    TensorShapeProto { dim: dims.iter().map(dim).collect(), unknown_rank: false }
}

/// A constant whose only stored element stands for all.
fn constant(name: &str, dtype: i32, dims: &[i64], value: i32) -> NodeDef {
    let mut tensor =
        TensorProto { dtype, tensor_shape: Some(shape(dims)), ..TensorProto::default() };
    match dtype {
        FLOAT => tensor.float_val = vec![value as f32],
        STRING => tensor.string_val = vec![Bytes::from_static(b"text")],
        BOOL => tensor.bool_val = vec![value != 0],
        _ => tensor.int_val = vec![value],
    }
    node(
        name,
        "Const",
        &[],
        &[("dtype", Value::Type(dtype)), ("value", Value::Tensor(Box::new(tensor)))],
    )
}

fn x() -> NodeDef {
    node(
        "x",
        "Placeholder",
        &[],
        &[("dtype", Value::Type(FLOAT)), ("shape", Value::Shape(shape(&[2, 2])))],
    )
}

fn func(name: &str) -> Value {
    Value::Func(NameAttrList { name: name.to_owned(), ..NameAttrList::default() })
}

fn types(all: &[i32]) -> Value {
    Value::List(Box::new(attr_value::ListValue { r#type: all.to_vec(), ..Default::default() }))
}

/// A function of one argument `a` whose result `r` is an output of one of its nodes.
fn function(name: &str, ty: [i32; 2], nodes: Vec<NodeDef>, result: &str) -> FunctionDef {
    let arg = |name: &str, ty: i32| op_def::ArgDef {
        name: name.to_owned(),
        r#type: ty,
        ..op_def::ArgDef::default()
    };
    FunctionDef {
        signature: Some(OpDef {
            name: name.to_owned(),
            input_arg: vec![arg("a", ty[0])],
            output_arg: vec![arg("r", ty[1])],
            ..OpDef::default()
        }),
        node_def: nodes,
        ret: [("r".to_owned(), result.to_owned())].into(),
        ..FunctionDef::default()
    }
}

fn call(name: &str, input: &str, f: &str) -> NodeDef {
    let attrs = [("Tin", types(&[FLOAT])), ("Tout", types(&[FLOAT])), ("f", func(f))];
    node(name, "PartitionedCall", &[input], &attrs)
}

fn branch(name: &str, cond: &str, input: &str, f: &str) -> NodeDef {
    let attrs = [
        ("Tcond", Value::Type(BOOL)),
        ("Tin", types(&[FLOAT])),
        ("Tout", types(&[FLOAT])),
        ("then_branch", func(f)),
        ("else_branch", func(f)),
    ];
    node(name, "If", &[cond, input], &attrs)
}

fn graph(node: Vec<NodeDef>, function: Vec<FunctionDef>) -> GraphDef {
    let library = FunctionDefLibrary { function, ..FunctionDefLibrary::default() };
    GraphDef { node, library: Some(library), ..GraphDef::default() }
}

/// A frozen graph whose output is `y`.
fn frozen_bytes(id: &'static str, class: Class, bytes: Vec<u8>, says: &'static str) -> Case {
    Case::new(id, class, MemoryStore::file("frozen.pb", bytes), says).with(|options| {
        options.output_format = Some(OutputFormat::TfjsGraphModel);
        options.graph.output_node_names = vec!["y".to_owned()];
        options.graph.verify_bytes = VERIFY_BYTES;
    })
}

fn frozen(
    id: &'static str,
    class: Class,
    nodes: Vec<NodeDef>,
    functions: Vec<FunctionDef>,
    says: &'static str,
) -> Case {
    frozen_bytes(id, class, graph(nodes, functions).encode_to_vec(), says)
}

/// A SavedModel from `x` to `y`.
fn saved(nodes: Vec<NodeDef>, change: impl FnOnce(&mut SavedModel)) -> Vec<u8> {
    let info = |name: &str| TensorInfo {
        encoding: Some(tensor_info::Encoding::Name(format!("{name}:0"))),
        dtype: FLOAT,
        tensor_shape: Some(shape(&[2, 2])),
    };
    let signature = SignatureDef {
        inputs: [("x".to_owned(), info("x"))].into(),
        outputs: [("y".to_owned(), info("y"))].into(),
        ..SignatureDef::default()
    };
    let meta = MetaGraphDef {
        meta_info_def: Some(meta_graph_def::MetaInfoDef {
            tags: vec!["serve".to_owned()],
            ..Default::default()
        }),
        graph_def: Some(graph(nodes, Vec::new())),
        signature_def: [("serving_default".to_owned(), signature)].into(),
        ..MetaGraphDef::default()
    };
    let mut saved = SavedModel { saved_model_schema_version: 1, meta_graphs: vec![meta] };
    change(&mut saved);
    saved.encode_to_vec()
}

fn saved_case(
    id: &'static str,
    class: Class,
    nodes: Vec<NodeDef>,
    change: impl FnOnce(&mut SavedModel),
    says: &'static str,
) -> Case {
    let pb = Bytes::from(saved(nodes, change));
    Case::new(id, class, folder(&[("saved_model.pb".to_owned(), pb)]), says).with(|options| {
        options.output_format = Some(OutputFormat::TfjsGraphModel);
        options.graph.verify_bytes = VERIFY_BYTES;
    })
}

pub(crate) fn cases() -> Vec<Case> {
    [recursion(), expansions(), endless(), sizes(), lies(), ambiguous(), saved_models()]
        .into_iter()
        .flatten()
        .collect()
}

/// Functions that call themselves, nodes that wait for themselves, messages in messages.
fn recursion() -> Vec<Case> {
    let nested = (0..40).fold(func("f"), |inner, _| {
        Value::Func(NameAttrList {
            name: "f".to_owned(),
            attr: [("a".to_owned(), AttrValue { value: Some(inner) })].into(),
        })
    });
    // The same by hand, deeper than our own writer would go.
    let deep = (0..300).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut list = vec![0x0a, 1, b'a', 0x12];
        let mut attr = vec![0x52];
        attr.extend(varint(inner.len()));
        attr.extend(inner);
        list.extend(varint(attr.len()));
        list.extend(attr);
        let mut func = vec![0x12];
        func.extend(varint(list.len()));
        func.extend(list);
        func
    });
    let mut node_bytes = vec![0x0a, 1, b'y', 0x12, 1, b'f', 0x2a];
    let mut entry = vec![0x0a, 1, b'a', 0x12];
    let mut attr = vec![0x52];
    attr.extend(varint(deep.len()));
    attr.extend(&deep);
    entry.extend(varint(attr.len()));
    entry.extend(attr);
    node_bytes.extend(varint(entry.len()));
    node_bytes.extend(entry);
    let mut whole = vec![0x0a];
    whole.extend(varint(node_bytes.len()));
    whole.extend(node_bytes);
    let bool_of = || constant("c", BOOL, &[], 1);
    vec![
        frozen(
            "graph: a function calls itself",
            Class::Loop,
            vec![x(), call("y", "x", "f")],
            vec![function("f", [FLOAT; 2], vec![call("b", "a", "f")], "b:output:0")],
            "frozen.pb: node f: the function calls itself, through `f`",
        ),
        frozen(
            "graph: two functions call one another in branches",
            Class::Loop,
            vec![x(), bool_of(), branch("y", "c", "x", "f")],
            vec![
                function(
                    "f",
                    [FLOAT; 2],
                    vec![bool_of(), branch("b", "c:output:0", "a", "g")],
                    "b:output:0",
                ),
                function(
                    "g",
                    [FLOAT; 2],
                    vec![bool_of(), branch("b", "c:output:0", "a", "f")],
                    "b:output:0",
                ),
            ],
            "frozen.pb: node f: the function calls itself, through `g`",
        ),
        frozen(
            "graph: two nodes wait for one another",
            Class::Loop,
            vec![x(), node("z", "Neg", &["y"], &[]), node("y", "AddV2", &["x", "z"], &[])],
            Vec::new(),
            "frozen.pb: node z: it depends on itself, through no loop of TensorFlow's",
        ),
        frozen(
            "graph: a node waits for itself",
            Class::Loop,
            vec![x(), node("y", "Neg", &["x", "^y"], &[])],
            Vec::new(),
            "frozen.pb: node y: it depends on itself, through no loop of TensorFlow's",
        ),
        frozen(
            "graph: attributes in attributes",
            Class::Loop,
            vec![x(), node("y", "Neg", &["x"], &[("f", nested)])],
            Vec::new(),
            "frozen.pb: no GraphDef, or a broken one: failed to decode Protobuf message: NameAttrList.attr: AttrValue.value:…alue.value: NameAttrList.attr: AttrValue.value: NodeDef.attr: GraphDef.node: recursion limit reached",
        ),
        frozen_bytes(
            "graph: messages in messages",
            Class::Loop,
            whole,
            "frozen.pb: no GraphDef, or a broken one: failed to decode Protobuf message: NameAttrList.attr: AttrValue.value:…alue.value: NameAttrList.attr: AttrValue.value: NodeDef.attr: GraphDef.node: recursion limit reached",
        ),
    ]
}

fn varint(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Few functions that stand for very many nodes.
fn expansions() -> Vec<Case> {
    let doubling = |make: &dyn Fn(&str, &str, &str) -> NodeDef| -> Vec<FunctionDef> {
        (0..60)
            .map(|i| {
                let next = format!("f{}", i + 1);
                let nodes = match i {
                    59 => vec![
                        node("b", "Neg", &["a"], &[("T", Value::Type(FLOAT))]),
                        node("d", "Neg", &["b:y:0"], &[("T", Value::Type(FLOAT))]),
                    ],
                    _ => vec![make("b", "a", &next), make("d", "b:output:0", &next)],
                };
                let result = if i == 59 { "d:y:0" } else { "d:output:0" };
                function(&format!("f{i}"), [FLOAT; 2], nodes, result)
            })
            .collect()
    };
    let branches = doubling(&|name, input, f| branch(name, "c:output:0", input, f));
    let branches = branches.into_iter().map(|mut function| {
        function.node_def.push(constant("c", BOOL, &[], 1));
        function
    });
    vec![
        frozen(
            "graph: calls that double 60 times",
            Class::Bomb,
            vec![x(), call("y", "x", "f0")],
            doubling(&call),
            "frozen.pb: node d: functions inside functions make too many nodes",
        ),
        frozen(
            "graph: branches that double 60 times",
            Class::Bomb,
            vec![x(), constant("c", BOOL, &[], 1), branch("y", "c", "x", "f0")],
            branches.collect(),
            "",
        ),
        frozen(
            "graph: texts that double 60 times",
            Class::Bomb,
            (0..60)
                .map(|i| {
                    let before = if i == 0 { "s".to_owned() } else { format!("j{}", i - 1) };
                    let name = if i == 59 { "y".to_owned() } else { format!("j{i}") };
                    node(&name, "StringJoin", &[&before, &before], &[("N", Value::I(2))])
                })
                .chain([constant("s", STRING, &[], 0)])
                .collect(),
            Vec::new(),
            "",
        ),
    ]
}

/// Loops without an end; nothing that is folded or compared may wait for it.
fn endless() -> Vec<Case> {
    let attrs = || [("T", types(&[FLOAT])), ("cond", func("always")), ("body", func("turn"))];
    let always = function("always", [FLOAT, BOOL], vec![constant("c", BOOL, &[], 1)], "c:output:0");
    let turn = function("turn", [FLOAT; 2], vec![node("b", "Neg", &["a"], &[])], "b:y:0");
    let v1 = vec![
        x(),
        constant("c", BOOL, &[], 1),
        node("e", "Enter", &["x"], &[("frame_name", Value::S(Bytes::from_static(b"w")))]),
        node(
            "ec",
            "Enter",
            &["c"],
            &[("frame_name", Value::S(Bytes::from_static(b"w"))), ("is_constant", Value::B(true))],
        ),
        node("m", "Merge", &["e", "n"], &[("N", Value::I(2))]),
        node("l", "LoopCond", &["ec"], &[]),
        node("s", "Switch", &["m", "l"], &[]),
        node("n", "NextIteration", &["s:1"], &[]),
        node("y", "Exit", &["s"], &[]),
    ];
    vec![
        frozen(
            "graph: a loop without an end",
            Class::Loop,
            vec![x(), node("y", "While", &["x"], &attrs())],
            vec![always.clone(), turn.clone()],
            "",
        ),
        frozen(
            "graph: a loop without an end, of constants",
            Class::Loop,
            vec![
                constant("k", FLOAT, &[2], 1),
                node("w", "StatelessWhile", &["k"], &attrs()),
                x(),
                node("y", "AddV2", &["x", "w"], &[]),
            ],
            vec![always, turn],
            "",
        ),
        frozen("graph: a loop of TensorFlow 1 without an end", Class::Loop, v1, Vec::new(), ""),
    ]
}

/// A few bytes that ask for gigabytes.
fn sizes() -> Vec<Case> {
    let two = |id, constant_: NodeDef, op: &str, says| {
        frozen(
            id,
            Class::Bomb,
            vec![x(), constant_, node("y", op, &["x", "k"], &[])],
            Vec::new(),
            says,
        )
    };
    let dims = |values: &[i32]| {
        let mut tensor = constant("k", INT32, &[values.len() as i64], 0);
        let Some(Value::Tensor(proto)) =
            tensor.attr.get_mut("value").and_then(|attr| attr.value.as_mut())
        else {
            panic!("it was put there");
        };
        proto.int_val = values.to_vec();
        tensor
    };
    let y = || node("y", "AddV2", &["x", "k"], &[]);
    let constant_case =
        |id, node, says| frozen(id, Class::Bomb, vec![x(), node, y()], Vec::new(), says);
    let many: Vec<NodeDef> =
        (0..64).map(|i| constant(&format!("k{i}"), FLOAT, &[4 << 20], 1)).collect();
    let names: Vec<String> = (0..64).map(|i| format!("k{i}")).collect();
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let sum = node("y", "AddN", &inputs, &[("N", Value::I(64))]);
    let fill = |n: i32| vec![dims(&[n, n]), constant("z", FLOAT, &[], 0)];
    let filled = |id, n| {
        let mut nodes = fill(n);
        nodes.push(node("y", "Fill", &["k", "z"], &[]));
        // It is written as it is, and no more of it is computed than the comparison may.
        frozen(id, Class::Bomb, nodes, Vec::new(), "")
    };
    let range: Vec<NodeDef> = [("a", 0), ("k", i32::MAX), ("d", 1)]
        .iter()
        .map(|(name, value)| constant(name, INT32, &[], *value))
        .chain([node("y", "Range", &["a", "k", "d"], &[])])
        .collect();
    let list = |n: i32| {
        vec![
            dims(&[2, 2]),
            constant("n", INT32, &[], n),
            node(
                "l",
                "TensorListReserve",
                &["k", "n"],
                &[("element_dtype", Value::Type(FLOAT)), ("shape_type", Value::Type(INT32))],
            ),
            node("y", "TensorListStack", &["l", "k"], &[("element_dtype", Value::Type(FLOAT))]),
        ]
    };
    let splits = |n: i64| {
        vec![
            constant("k", INT32, &[], 0),
            x(),
            node("y", "Split", &["k", "x"], &[("num_split", Value::I(n))]),
        ]
    };
    vec![
        constant_case(
            "graph: a constant of 2^62 elements",
            constant("k", FLOAT, &[1 << 31, 1 << 31], 1),
            "frozen.pb: node k attr value: the tensor cannot be read: the shape is unknown, negative or too large",
        ),
        constant_case(
            "graph: a constant of 2^62 texts",
            constant("k", STRING, &[1 << 31, 1 << 31], 1),
            "frozen.pb: node k attr value: the tensor cannot be read: the shape is unknown, negative or too large",
        ),
        constant_case(
            "graph: a constant of a negative dim",
            constant("k", FLOAT, &[-5], 1),
            "frozen.pb: node k attr value: the tensor cannot be read: the shape is unknown, negative or too large",
        ),
        constant_case(
            "graph: a constant of a gigabyte",
            constant("k", FLOAT, &[1 << 28], 1),
            "frozen.pb: node k attr value: the tensor cannot be read: 1073741820 bytes made of repeated values, which passes the limit of 50339840",
        ),
        frozen(
            "graph: 64 constants of 16 megabytes",
            Class::Bomb,
            many.into_iter().chain([sum]).collect(),
            Vec::new(),
            "frozen.pb: node k3 attr value: the tensor cannot be read: 16777212 bytes made of repeated values, which passes the limit of 254144",
        ),
        filled("graph: 4 gigabytes of zeros", 32_000),
        filled("graph: more zeros than can be counted", i32::MAX),
        frozen("graph: a range of 2^31", Class::Bomb, range, Vec::new(), ""),
        two("graph: tiles of 2^62", dims(&[i32::MAX, i32::MAX]), "Tile", ""),
        two("graph: broadcast to 2^62", dims(&[i32::MAX, 2]), "BroadcastTo", ""),
        two(
            "graph: padding of 2^31",
            {
                let mut k = dims(&[0, i32::MAX, i32::MAX, 0]);
                let Some(Value::Tensor(proto)) =
                    k.attr.get_mut("value").and_then(|attr| attr.value.as_mut())
                else {
                    panic!("it was put there");
                };
                proto.tensor_shape = Some(shape(&[2, 2]));
                k
            },
            "Pad",
            "",
        ),
        frozen("graph: a list of 2^31", Class::Bomb, list(i32::MAX), Vec::new(), ""),
        frozen("graph: a list of a negative length", Class::OutOfBounds, list(-1), Vec::new(), ""),
        frozen(
            "graph: 2^31 pieces",
            Class::Bomb,
            splits(1 << 31),
            Vec::new(),
            "frozen.pb: node y: the output `output` is 2147483648 tensors, over 65536",
        ),
        frozen(
            "graph: a negative number of pieces",
            Class::OutOfBounds,
            splits(-1),
            Vec::new(),
            "frozen.pb: node y: an attribute for `output: num_split*T` is missing",
        ),
        frozen(
            "graph: 2^63 inputs, twice",
            Class::OutOfBounds,
            vec![
                x(),
                node(
                    "y",
                    "SparseConcat",
                    &["x", "x", "x"],
                    &[("N", Value::I(i64::MAX)), ("concat_dim", Value::I(0))],
                ),
            ],
            Vec::new(),
            "frozen.pb: node y: it has 3 inputs, expected 18446744073709551615",
        ),
        frozen(
            "graph: 4000 nodes of 60000 outputs",
            Class::Bomb,
            (0..4000)
                .map(|i| {
                    let name = if i == 0 { "y".to_owned() } else { format!("s{i}") };
                    let control = if i < 3999 { format!("^s{}", i + 1) } else { "^x".to_owned() };
                    node(&name, "Split", &["k", "x", &control], &[("num_split", Value::I(60_000))])
                })
                .chain([constant("k", INT32, &[], 0), x()])
                .collect(),
            Vec::new(),
            "frozen.pb: node s3: with it there are over 195104 outputs",
        ),
        frozen(
            "graph: strides of 2^40",
            Class::OutOfBounds,
            vec![
                node(
                    "i",
                    "Placeholder",
                    &[],
                    &[("dtype", Value::Type(FLOAT)), ("shape", Value::Shape(shape(&[1, 4, 4, 1])))],
                ),
                constant("k", FLOAT, &[1, 1, 1, 1], 1),
                node(
                    "y",
                    "Conv2D",
                    &["i", "k"],
                    &[
                        ("padding", Value::S(Bytes::from_static(b"SAME"))),
                        (
                            "strides",
                            Value::List(Box::new(attr_value::ListValue {
                                i: vec![1, 1 << 40, i64::MAX, 1],
                                ..Default::default()
                            })),
                        ),
                    ],
                ),
            ],
            Vec::new(),
            "frozen.pb: node `y` (Conv2D): `strides` is not positive: [1, 1099511627776, 9223372036854775807, 1]",
        ),
    ]
}

/// Types, attributes and edges that are not what ops take.
fn lies() -> Vec<Case> {
    let one = |id, class, node: NodeDef, says| frozen(id, class, vec![x(), node], Vec::new(), says);
    let text = |text: &'static str| Value::S(Bytes::from_static(text.as_bytes()));
    vec![
        frozen(
            "graph: a sum of numbers and text",
            Class::OutOfBounds,
            vec![x(), constant("k", STRING, &[], 0), node("y", "AddV2", &["x", "k"], &[])],
            Vec::new(),
            "frozen.pb: node `y` (AddV2): the input `y` is string, expected float32",
        ),
        one(
            "graph: a type that is not the input's",
            Class::OutOfBounds,
            node("y", "Neg", &["x"], &[("T", Value::Type(INT32))]),
            "frozen.pb: node `y` (Neg): the input `x` is float32, expected int32",
        ),
        one(
            "graph: a type that does not exist",
            Class::OutOfBounds,
            node("y", "Cast", &["x"], &[("SrcT", Value::Type(FLOAT)), ("DstT", Value::Type(9999))]),
            "frozen.pb: node y: the attribute `DstT` is no type",
        ),
        one(
            "graph: text in the place of a flag",
            Class::OutOfBounds,
            node("y", "MatMul", &["x", "x"], &[("transpose_a", text("yes"))]),
            "frozen.pb: node y: the attribute `transpose_a` is no bool",
        ),
        one(
            "graph: a number in the place of a function",
            Class::OutOfBounds,
            node("y", "PartitionedCall", &["x"], &[("f", Value::I(1)), ("Tout", types(&[FLOAT]))]),
            "frozen.pb: node y: the attribute `f` is no function",
        ),
        one(
            "graph: too many inputs",
            Class::OutOfBounds,
            node("y", "Neg", &["x", "x"], &[]),
            "frozen.pb: node y: it has 2 inputs, expected 1",
        ),
        one(
            "graph: no inputs",
            Class::OutOfBounds,
            node("y", "AddV2", &[], &[]),
            "frozen.pb: node y: it has 0 inputs, expected 2",
        ),
        one(
            "graph: an input that is not there",
            Class::OutOfBounds,
            node("y", "Neg", &["z"], &[]),
            "frozen.pb: node y: there is no node `z`",
        ),
        one(
            "graph: output 4294967295 of a node",
            Class::OutOfBounds,
            node("y", "Neg", &["x:4294967295"], &[]),
            "frozen.pb: node y: it reads output 4294967295 of `x`, a `Placeholder` with 1 outputs",
        ),
        one(
            "graph: output -1 of a node",
            Class::OutOfBounds,
            node("y", "Neg", &["x:-1"], &[]),
            "frozen.pb: node y: `x:-1` is no output of a node",
        ),
        frozen(
            "graph: a call reads more than the function gives",
            Class::OutOfBounds,
            vec![
                x(),
                node(
                    "b",
                    "PartitionedCall",
                    &["x"],
                    &[("f", func("f")), ("Tin", types(&[FLOAT])), ("Tout", types(&[FLOAT, FLOAT]))],
                ),
                node("y", "Neg", &["b:1"], &[]),
            ],
            vec![function("f", [FLOAT; 2], vec![node("n", "Neg", &["a"], &[])], "n:y:0")],
            "frozen.pb: node y: output 1 is read of a call that does not give it",
        ),
        frozen(
            "graph: a call gives fewer arguments than the function takes",
            Class::OutOfBounds,
            vec![node(
                "y",
                "PartitionedCall",
                &[],
                &[("f", func("f")), ("Tin", types(&[])), ("Tout", types(&[FLOAT]))],
            )],
            vec![function("f", [FLOAT; 2], vec![node("n", "Neg", &["a"], &[])], "n:y:0")],
            "frozen.pb: node a: an argument is missing",
        ),
        one(
            "graph: a function that is not there",
            Class::OutOfBounds,
            call("y", "x", "missing"),
            "frozen.pb: node y: there is no function `missing`",
        ),
        one(
            "graph: an op that drives a terminal",
            Class::Name,
            node("y", "Neg\u{1b}[2J\r\n", &["x"], &[]),
            "frozen.pb: Unsupported Ops in the model: Neg\\u{1b}[2J\\r\\n",
        ),
        one(
            "graph: code in a model",
            Class::Code,
            node(
                "y",
                "PyFunc",
                &["x"],
                &[
                    ("token", text("import os")),
                    ("Tin", types(&[FLOAT])),
                    ("Tout", types(&[FLOAT])),
                ],
            ),
            "frozen.pb: Unsupported Ops in the model: PyFunc",
        ),
        frozen(
            "graph: a file that the model names is read",
            Class::OtherFile,
            vec![constant("k", STRING, &[], 0), node("y", "ReadFile", &["k"], &[])],
            Vec::new(),
            "frozen.pb: Unsupported Ops in the model: ReadFile",
        ),
        frozen(
            "graph: a file that the model names is written",
            Class::OutputPath,
            vec![
                constant("k", STRING, &[], 0),
                x(),
                node("w", "WriteFile", &["k", "k"], &[]),
                node("y", "Identity", &["x", "^w"], &[]),
            ],
            Vec::new(),
            "frozen.pb: Unsupported Ops in the model: WriteFile",
        ),
    ]
}

/// Graphs in which two readers would see two things.
fn ambiguous() -> Vec<Case> {
    let f = || function("f", [FLOAT; 2], vec![node("n", "Neg", &["a"], &[])], "n:y:0");
    let g = || function("f", [FLOAT; 2], vec![node("n", "Abs", &["a"], &[])], "n:y:0");
    let both = {
        let mut k = constant("k", FLOAT, &[1], 1);
        if let Some(Value::Tensor(proto)) =
            k.attr.get_mut("value").and_then(|attr| attr.value.as_mut())
        {
            proto.tensor_content = Bytes::from_static(&[0; 4]);
        }
        k
    };
    vec![
        frozen(
            "graph: two nodes of one name",
            Class::Ambiguous,
            vec![x(), node("y", "Neg", &["x"], &[]), node("y", "Abs", &["x"], &[])],
            Vec::new(),
            "frozen.pb: node y: another node has the same name",
        ),
        frozen(
            "graph: two functions of one name",
            Class::Ambiguous,
            vec![x(), call("y", "x", "f")],
            vec![f(), g()],
            "frozen.pb: function f: another function has the same name",
        ),
        frozen(
            "graph: a constant that is said twice",
            Class::Ambiguous,
            vec![x(), both, node("y", "AddV2", &["x", "k"], &[])],
            Vec::new(),
            "frozen.pb: node k attr value: the tensor cannot be read: the elements are stored twice",
        ),
        frozen(
            "graph: a node called as an argument",
            Class::Ambiguous,
            vec![x(), call("y", "x", "f")],
            vec![function("f", [FLOAT; 2], vec![node("a", "Neg", &["a"], &[])], "a")],
            "frozen.pb: node a of function f: another node has the same name",
        ),
    ]
}

/// SavedModels that name what is not theirs.
fn saved_models() -> Vec<Case> {
    let nodes = || vec![x(), node("y", "Neg", &["x"], &[])];
    let asset = |path: &'static str| {
        move |saved: &mut SavedModel| {
            saved.meta_graphs[0].asset_file_def.push(AssetFileDef {
                tensor_info: Some(TensorInfo {
                    encoding: Some(tensor_info::Encoding::Name("x:0".to_owned())),
                    ..TensorInfo::default()
                }),
                filename: path.to_owned(),
            });
        }
    };
    let variable = || {
        vec![
            x(),
            node(
                "v",
                "VarHandleOp",
                &[],
                &[("dtype", Value::Type(FLOAT)), ("shape", Value::Shape(shape(&[2, 2])))],
            ),
            node("r", "ReadVariableOp", &["v"], &[("dtype", Value::Type(FLOAT))]),
            node("y", "AddV2", &["x", "r"], &[]),
        ]
    };
    vec![
        saved_case(
            "SavedModel: an asset outside",
            Class::OtherFile,
            nodes(),
            asset("../../../etc/passwd"),
            "saved_model.pb: asset_file_def.filename: an asset's name leads out of the model, expected a name below `assets`, found `../../../etc/passwd`",
        ),
        saved_case(
            "SavedModel: an asset at the root",
            Class::OtherFile,
            nodes(),
            asset("/etc/passwd"),
            "saved_model.pb: asset_file_def.filename: an asset's name leads out of the model, expected a name below `assets`, found `/etc/passwd`",
        ),
        saved_case(
            "SavedModel: an asset at a URL",
            Class::OtherFile,
            nodes(),
            asset("https://example.com/x"),
            "saved_model.pb: asset_file_def.filename: an asset's name leads out of the model, expected a name below `assets`, found `https://example.com/x`",
        ),
        saved_case(
            "SavedModel: the same meta graph twice",
            Class::Ambiguous,
            nodes(),
            |saved| saved.meta_graphs.push(saved.meta_graphs[0].clone()),
            "saved_model.pb: meta_info_def.tags: several meta graphs have these tags, expected one, found `serve`",
        ),
        saved_case(
            "SavedModel: no meta graph",
            Class::Damage,
            nodes(),
            |saved| saved.meta_graphs.clear(),
            "saved_model.pb: meta_graphs: the SavedModel has no meta graph",
        ),
        saved_case(
            "SavedModel: no graph",
            Class::Damage,
            nodes(),
            |saved| saved.meta_graphs[0].graph_def = None,
            "saved_model.pb: signature x: there is no node `x`",
        ),
        saved_case(
            "SavedModel: an output that is not there",
            Class::OutOfBounds,
            vec![x()],
            |_| (),
            "saved_model.pb: signature y: there is no node `y`",
        ),
        saved_case(
            "SavedModel: a variable without a value",
            Class::WrongWeights,
            variable(),
            |_| (),
            "folder: the checkpoint has no value for the variable `v`",
        ),
    ]
}
