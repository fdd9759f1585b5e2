//! What runs leave behind: tables, arrays, lists, stacks, variables, random numbers, messages; and
//! what is refused because it would take too much memory.

use std::collections::BTreeMap;

use tensorferry_ir::{parse_model, parse_tensors, tensor_text};
use tensorferry_ops::ALL;
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

fn program(text: &str, limits: Limits) -> Result<Program, String> {
    let model = parse_model(text).map_err(|error| error.to_string())?;
    Program::new(&model, "f", &ALL, limits).map_err(|error| error.to_string())
}

/// Runs a program on `x`, where it is text; the outputs as text, or the error.
fn run(program: &Program, state: &mut State, x: &str) -> Result<String, String> {
    let x = parse_tensors(x).map_err(|error| error.to_string())?;
    let inputs: BTreeMap<String, DenseTensor> =
        x.into_iter().map(|tensor| ("x".to_owned(), tensor)).collect();
    let outputs = program.run(state, &inputs).map_err(|error| error.to_string())?;
    let text = |value: &tensorferry_ops::Value| tensor_text(value.tensor().expect("a tensor"));
    Ok(outputs.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// The runs of a model in a row, each on its input.
fn runs(text: &str, inputs: &[&str]) -> Vec<String> {
    let program = program(text, Limits::default()).expect(text);
    let mut state = State::default();
    inputs
        .iter()
        .map(|x| run(&program, &mut state, x).unwrap_or_else(|error| format!("error: {error}")))
        .collect()
}

/// A graph that gives `y` and takes `x`.
fn graph(types: [&str; 2], nodes: &str) -> String {
    let [x, y] = types;
    format!(
        "signature f {{ input x = x {x} <*> output y = y {y} <*> }}
         graph {{ x = Placeholder() {{dtype={x}}} {nodes} }}"
    )
}

#[test]
fn tables_change_and_keep_what_they_hold() {
    let model = graph(
        ["string", "int64"],
        "t = MutableHashTableV2() {key_dtype=string, value_dtype=int64, shared_name=\"t\"}
         n = LookupTableSizeV2(t)
         v = Shape(x) {out_type=int64}
         d = Const() {dtype=int64, value=int64<>[-1]}
         old = LookupTableFindV2(t, x, d)
         fill = Fill(v, n)
         in = LookupTableInsertV2(t, x, fill, ^old, ^n)
         y = Identity(old, ^in)",
    );
    let found =
        runs(&model, &["string[\"a\", \"b\"]", "string[\"b\", \"c\"]", "string[\"a\", \"c\"]"]);
    assert_eq!(found, ["int64<2>[-1, -1]", "int64<2>[0, -1]", "int64<2>[0, 2]"]);
}

#[test]
fn a_table_is_filled_once_and_from_a_file() {
    let model = "
        signature f { input x = x string <?> input t = t resource <> resource 3
                      output y = y int64 <?> }
        graph {
          x = Placeholder() {dtype=string}
          t = Placeholder() {dtype=resource}
          d = Const() {dtype=int64, value=int64<>[-1]}
          y = LookupTableFindV2(t, x, d)
        }
        initializer {
          h = HashTableV2() {key_dtype=string, value_dtype=int64}
          p = Const() {dtype=string, value=string<>[\"assets/words.txt\"]}
          i = InitializeTableFromTextFileV2(h, p) {key_index=-2, value_index=-1}
        }
        initializer_output t = h resource <> resource 3";
    let program = program(model, Limits::default()).unwrap();
    let mut state = State::default();
    let error = run(&program, &mut state, "string[\"b\"]").unwrap_err();
    assert!(error.contains("the file `assets/words.txt` was not given"), "{error}");
    // The file is found by its name where the path is another.
    state.resources().set_asset("in/words.txt", &b"a\r\nb\nc\n"[..]);
    let found = run(&program, &mut state, "string[\"c\", \"z\", \"a\"]");
    assert_eq!(found.as_deref(), Ok("int64<3>[2, -1, 0]"));
}

#[test]
fn arrays_are_written_and_read_once() {
    let array = |nodes: &str| {
        graph(
            ["float32", "float32"],
            &format!(
                "n = Const() {{dtype=int32, value=int32<>[3]}}
                 a = TensorArrayV3(n) {{dtype=float32, element_shape=<2>}}
                 i = Const() {{dtype=int32, value=int32<2>[2, 0]}}
                 s = TensorArrayScatterV3(a, i, x, a:1)
                 one = Const() {{dtype=int32, value=int32<>[1]}}
                 zero = Const() {{dtype=int32, value=int32<>[0]}}
                 {nodes}"
            ),
        )
    };
    let cases = [
        (
            "all = Const() {dtype=int32, value=int32<3>[0, 1, 2]}
          y = TensorArrayGatherV3(a, all, s) {dtype=float32, element_shape=<2>}",
            "float32<3,2>[3.0, 4.0, 0.0, 0.0, 1.0, 2.0]",
        ),
        (
            "y = TensorArrayConcatV3(a, s) {dtype=float32}",
            "float32<6>[3.0, 4.0, 0.0, 0.0, 1.0, 2.0]",
        ),
        (
            "r = TensorArrayReadV3(a, zero, s) {dtype=float32}
          again = TensorArrayReadV3(a, zero, s, ^r) {dtype=float32}
          y = AddV2(r, again)",
            "error: item 0 was read before",
        ),
        (
            "w = TensorArrayWriteV3(a, zero, r0, s)
          r0 = TensorArrayReadV3(a, one, s) {dtype=float32}
          y = TensorArrayReadV3(a, zero, w) {dtype=float32}",
            "error: item 0 was written before",
        ),
        ("y = TensorArrayReadV3(a, n, s) {dtype=float32}", "error: item 3 of an array of 3"),
    ];
    for (nodes, expected) in cases {
        let found = runs(&array(nodes), &["[[1, 2], [3, 4]]"]);
        assert!(found[0].starts_with(expected), "{}\ninstead of {expected}", found[0]);
    }
}

#[test]
fn lists_are_values() {
    let list = |nodes: &str| {
        graph(
            ["float32", "float32"],
            &format!(
                "shape = Const() {{dtype=int32, value=int32<1>[2]}}
                 open = Const() {{dtype=int32, value=int32<1>[-1]}}
                 n = Const() {{dtype=int32, value=int32<>[2]}}
                 one = Const() {{dtype=int32, value=int32<>[1]}}
                 l = TensorListFromTensor(x, shape) {{element_dtype=float32}}
                 {nodes}"
            ),
        )
    };
    let cases = [
        // What changes a list leaves the list as it was.
        (
            "r = TensorListReserve(shape, n) {element_dtype=float32}
          s = TensorListSetItem(r, one, row) {element_dtype=float32}
          row = TensorListGetItem(l, one, shape) {element_dtype=float32}
          a = TensorListStack(r, shape) {element_dtype=float32}
          b = TensorListStack(s, shape) {element_dtype=float32}
          y = AddV2(a, b)",
            "float32<2,2>[0.0, 0.0, 3.0, 4.0]",
        ),
        (
            "pop = TensorListPopBack(l, shape) {element_dtype=float32}
          back = TensorListPushBack(pop, pop:1) {element_dtype=float32}
          both = TensorListConcatLists(l, back) {element_dtype=float32}
          e = Const() {dtype=int64, value=int64<0>[]}
          y = TensorListConcatV2(both, shape, e) {element_dtype=float32}",
            "float32<8>[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]",
        ),
        (
            "i = Const() {dtype=int32, value=int32<2>[3, 0]}
          s = TensorListScatterV2(x, i, shape, m) {element_dtype=float32}
          m = Const() {dtype=int32, value=int32<>[-1]}
          y = TensorListStack(s, shape) {element_dtype=float32}",
            "float32<4,2>[3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]",
        ),
        (
            "lens = Const() {dtype=int64, value=int64<2>[0, 2]}
          s = TensorListSplit(x, o2, lens) {element_dtype=float32}
          o2 = Const() {dtype=int32, value=int32<2>[-1, 2]}
          z = Const() {dtype=int32, value=int32<>[1]}
          y = TensorListGetItem(s, z, o2) {element_dtype=float32}",
            "float32<2,2>[1.0, 2.0, 3.0, 4.0]",
        ),
        (
            "y = TensorListGetItem(l, n, shape) {element_dtype=float32}",
            "error: item 2 of a list of 2",
        ),
        (
            "s = Cast(x) {DstT=int32}
          p = TensorListPushBack(l, s) {element_dtype=float32}
          y = TensorListStack(p, shape) {element_dtype=float32}",
            "error: ",
        ),
    ];
    for (nodes, expected) in cases {
        let model = list(nodes);
        let found = match program(&model, Limits::default()) {
            Ok(_) => runs(&model, &["[[1, 2], [3, 4]]"]).remove(0),
            Err(error) => format!("error: {error}"),
        };
        assert!(found.starts_with(expected), "{found}\ninstead of {expected}\n{nodes}");
    }
}

#[test]
fn variables_are_kept_from_run_to_run() {
    let resource = graph(
        ["float32", "float32"],
        "v = VarHandleOp() {dtype=float32, shape=<2>, shared_name=\"v\"}
         a = AssignAddVariableOp(v, x)
         i = Const() {dtype=int32, value=int32<1>[1]}
         row = Const() {dtype=float32, value=float32<1>[10]}
         s = ResourceScatterAdd(v, i, row, ^a)
         y = ReadVariableOp(v, ^s) {dtype=float32}",
    );
    let program = program(&resource, Limits::default()).unwrap();
    let mut state = State::default();
    let error = run(&program, &mut state, "[1, 2]").unwrap_err();
    assert!(error.contains("the variable has no value yet; node `a`"), "{error}");
    state.resources().set_variable("v", DenseTensor::vector(vec![0.5_f32, 0.0]));
    assert_eq!(run(&program, &mut state, "[1, 2]").as_deref(), Ok("float32<2>[1.5, 12.0]"));
    assert_eq!(run(&program, &mut state, "[1, 2]").as_deref(), Ok("float32<2>[2.5, 24.0]"));
    assert_eq!(state.resources().variable("v").map(|v| v.len()), Some(2));

    let reference = graph(
        ["float32", "float32"],
        "v = VariableV2() {dtype=float32, shape=<>}
         zero = Const() {dtype=float32, value=float32<>[1]}
         set = Assign(v, zero)
         add = AssignAdd(set, x)
         y = Mul(add, v)",
    );
    assert_eq!(runs(&reference, &["2", "3"]), ["float32<>[9.0]", "float32<>[16.0]"]);
}

#[test]
fn what_is_read_is_what_was_planned_for() {
    let list = |read: &str| {
        graph(
            ["float32", "float32"],
            &format!(
                "open = Const() {{dtype=int32, value=int32<1>[-1]}}
                 three = Const() {{dtype=int32, value=int32<1>[3]}}
                 zero = Const() {{dtype=int32, value=int32<>[0]}}
                 l = TensorListFromTensor(x, open) {{element_dtype=float32}}
                 {read}"
            ),
        )
    };
    let cases = [
        (
            list("y = TensorListGetItem(l, zero, three) {element_dtype=float32}"),
            "item 0 has the shape <2>, expected <3>; node `y`",
        ),
        (
            list(
                "i = TensorListGetItem(l, zero, open) {element_dtype=int32}
                  y = Cast(i) {DstT=float32}",
            ),
            "it gives float32 <2>, expected int32 <?>; node `i`",
        ),
        (
            graph(
                ["float32", "float32"],
                "n = Const() {dtype=int32, value=int32<>[-1]}
                 s = StackV2(n) {elem_type=float32}
                 p = StackPushV2(s, x)
                 q = StackPopV2(s, ^p) {elem_type=int32}
                 y = Cast(q) {DstT=float32}",
            ),
            "it gives float32 <1,2>, expected int32 <*>; node `q`",
        ),
        (
            // TensorFlow 1's loops are not planned: whatever runs looks at its inputs.
            graph(
                ["float32", "float32"],
                "t = Const() {dtype=bool, value=bool<>[true]}
                 w = Switch(x, t)
                 i = Cast(w:1) {DstT=int32}
                 a = Const() {dtype=int32, value=int32<>[0]}
                 c = ConcatV2(w:1, i, a) {N=2}
                 y = Merge(w, c)",
            ),
            "node `c`",
        ),
    ];
    for (model, expected) in cases {
        let found = &runs(&model, &["[[1, 2]]"])[0];
        assert!(found.contains("error") && found.contains(expected), "{found}, not {expected}");
    }
}

#[test]
fn stacks_give_back_in_the_other_order() {
    let model = graph(
        ["float32", "float32"],
        "n = Const() {dtype=int32, value=int32<>[-1]}
         s = StackV2(n) {elem_type=float32}
         a = StackPushV2(s, x)
         b = Neg(a)
         c = StackPushV2(s, b)
         p = StackPopV2(s, ^c) {elem_type=float32}
         q = StackPopV2(s, ^p) {elem_type=float32}
         y = Sub(p, q)",
    );
    assert_eq!(runs(&model, &["2"]), ["float32<>[-4.0]"]);
}

#[test]
fn random_numbers_go_on_from_run_to_run_as_tensorflows_do() {
    let shape = "shape = Const() {dtype=int32, value=int32<1>[5]}";
    let seeded = graph(
        ["float32", "float32"],
        &format!("{shape} y = RandomUniform(shape) {{dtype=float32, seed=1, seed2=2}}"),
    );
    // What a session of TensorFlow 2.19 gave in its first two runs.
    let expected = [
        "float32<5>[0.40639675, 0.8575996, 0.05539584, 0.08587229, 0.4121536]",
        "float32<5>[0.15982985, 0.39126372, 0.9523847, 0.5843681, 0.7269217]",
    ];
    assert_eq!(runs(&seeded, &["0", "0"]), expected);

    // Two nodes without seeds differ, and follow from the seed of the state.
    let free = graph(
        ["float32", "float32"],
        &format!(
            "{shape} a = RandomUniform(shape) {{dtype=float32}}
             b = RandomUniform(shape) {{dtype=float32}} y = Pack(a, b) {{N=2}}"
        ),
    );
    let program = program(&free, Limits::default()).unwrap();
    let with = |seed: u64| {
        let mut state = State::default();
        state.resources().set_seed(seed);
        [run(&program, &mut state, "0").unwrap(), run(&program, &mut state, "0").unwrap()]
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1)[0], with(1)[1]);
    assert_ne!(with(1), with(2));
}

#[test]
fn a_generator_in_a_variable_goes_on() {
    let model = graph(
        ["float32", "int64"],
        "v = VarHandleOp() {dtype=int64, shape=<3>, shared_name=\"g\"}
         alg = Const() {dtype=int32, value=int32<>[1]}
         n = Const() {dtype=uint64, value=uint64<>[3]}
         before = RngReadAndSkip(v, alg, n)
         after = ReadVariableOp(v, ^before) {dtype=int64}
         y = Pack(before, after) {N=2}",
    );
    let program = program(&model, Limits::default()).unwrap();
    let mut state = State::default();
    state.resources().set_variable("g", DenseTensor::vector(vec![5_i64, 0, 0]));
    let found = run(&program, &mut state, "0");
    assert_eq!(found.as_deref(), Ok("int64<2,3>[5, 0, 0, 773, 0, 0]"));
}

#[test]
fn an_input_with_a_default_may_be_left_out() {
    let model = "
        signature f { input x = x float32 <?> input k = k float32 <> output y = y float32 <?> }
        graph {
          x = Placeholder() {dtype=float32}
          two = Const() {dtype=float32, value=float32<>[2]}
          k = PlaceholderWithDefault(two) {shape=<>}
          y = Mul(x, k)
        }";
    let program = program(model, Limits::default()).unwrap();
    assert!(program.is_optional("k") && !program.is_optional("x"));
    let found = run(&program, &mut State::default(), "[1, 2]");
    assert_eq!(found.as_deref(), Ok("float32<2>[2.0, 4.0]"));
    let all = [("x", DenseTensor::vector(vec![1.0_f32])), ("k", DenseTensor::scalar(5.0_f32))];
    let all = all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let found = program.run(&mut State::default(), &all).unwrap();
    assert_eq!(found[0].tensor().map(tensor_text).as_deref(), Some("float32<1>[5.0]"));
}

#[test]
fn assertions_stop_and_prints_are_kept() {
    let model = graph(
        ["float32", "float32"],
        "z = Const() {dtype=float32, value=float32<>[0]}
         p = Greater(x, z)
         c = Assert(p, x)
         t = StringFormat(x) {template=\"x is %s\"}
         w = PrintV2(t)
         y = Identity(x, ^c, ^w)",
    );
    let program = program(&model, Limits::default()).unwrap();
    let mut state = State::default();
    let error = run(&program, &mut state, "-1").unwrap_err();
    assert!(error.contains("an assertion failed: -1; node `c` (`Assert`)"), "{error}");
    assert_eq!(run(&program, &mut state, "2").as_deref(), Ok("float32<>[2.0]"));
    assert!(state.resources().take_messages().contains(&"x is 2".to_owned()));
    assert!(state.resources().take_messages().is_empty());
}

#[test]
fn what_is_too_large_is_refused_before_there_is_memory_for_it() {
    let limits = Limits { steps: 100_000, bytes: 1 << 20, ..Limits::default() };
    let loop_of = |body: &str| {
        format!(
            "signature f {{ input x = x float32 <*> output y = y float32 <*> }}
             graph {{
               x = Placeholder() {{dtype=float32}}
               y = While(x) {{T=[float32], cond=@on, body=@body}}
             }}
             function on(a: float32) returns (r: bool = r) {{
               a = _Arg() {{index=0}}
               r = Const() {{dtype=bool, value=bool<>[true]}}
             }}
             function body(a: float32) returns (r: float32 = r) {{ a = _Arg() {{index=0}} {body} }}"
        )
    };
    let cases = [
        (
            graph(
                ["float32", "float32"],
                "c = Const() {dtype=int32, value=int32<2>[1000, 1000]} y = Fill(c, z)
                 z = Const() {dtype=float32, value=float32<>[0]}",
            ),
            "its outputs take 4000000 bytes, over 1048576; node `y` (`Fill`)",
        ),
        (
            // The shape is known only when the node runs.
            graph(
                ["float32", "float32"],
                "i = Cast(x) {DstT=int32} s = Pack(i, i) {N=2} y = Fill(s, x)",
            ),
            "its outputs take 4000000 bytes, over 1048576; node `y` (`Fill`)",
        ),
        (
            loop_of("z = Const() {dtype=int32, value=int32<>[0]} r = ConcatV2(a, a, z) {N=2}"),
            "node `r` (`ConcatV2`) of function `body`",
        ),
        (
            graph(
                ["float32", "float32"],
                "t = Const() {dtype=bool, value=bool<>[true]}
                 z = Const() {dtype=int32, value=int32<>[0]}
                 enter = Enter(x) {frame_name=\"w\"}
                 on = Enter(t) {frame_name=\"w\", is_constant=true}
                 axis = Enter(z) {frame_name=\"w\", is_constant=true}
                 merge = Merge(enter, next)
                 switch = Switch(merge, on)
                 r = ConcatV2(switch:1, switch:1, axis) {N=2}
                 next = NextIteration(r)
                 y = Exit(switch)",
            ),
            "its outputs take 2097152 bytes, over 1048576; node `r` (`ConcatV2`)",
        ),
        (
            graph(
                ["float32", "float32"],
                "n = Const() {dtype=int32, value=int32<>[2000000000]}
                 s = Const() {dtype=int32, value=int32<0>[]}
                 l = TensorListReserve(s, n) {element_dtype=float32}
                 y = TensorListStack(l, s) {element_dtype=float32}",
            ),
            "2000000000 items are too many to hold; node `l` (`TensorListReserve`)",
        ),
        (
            graph(
                ["float32", "float32"],
                "n = Const() {dtype=int32, value=int32<>[2000000000]}
                 a = TensorArrayV3(n) {dtype=float32}
                 y = TensorArrayReadV3(a, n, a:1) {dtype=float32}",
            ),
            "2000000000 items are too many to hold; node `a` (`TensorArrayV3`)",
        ),
        (
            graph(
                ["float32", "float32"],
                "y = PartitionedCall(x) {f=@g, Tin=[float32], Tout=[float32]}",
            ) + "function g(a: float32) returns (r: float32 = r) {
                   a = _Arg() {index=0}
                   r = PartitionedCall(a) {f=@g, Tin=[float32], Tout=[float32]}
                 }",
            "node `g`: the function calls itself, through `g`",
        ),
    ];
    for (model, expected) in cases {
        let x = if model.contains("ConcatV2") { "[1]" } else { "1000" };
        let found = program(&model, limits)
            .and_then(|program| run(&program, &mut State::default(), x))
            .unwrap_err();
        assert!(found.contains(expected), "{found}\ninstead of {expected}");
    }
}

#[test]
fn a_list_that_grows_for_ever_ends() {
    // The items share their memory, which the list does not know: it counts as if each had its own.
    let model = "
        signature f { input x = x float32 <?> output y = n int32 <> }
        graph {
          x = Placeholder() {dtype=float32}
          s = Const() {dtype=int32, value=int32<1>[-1]}
          m = Const() {dtype=int32, value=int32<>[-1]}
          l = EmptyTensorList(s, m) {element_dtype=float32}
          w = While(l, x) {T=[variant, float32], cond=@on, body=@body}
          n = TensorListLength(w)
        }
        function on(a: variant, b: float32) returns (r: bool = r) {
          a = _Arg() {index=0}
          b = _Arg() {index=1}
          r = Const() {dtype=bool, value=bool<>[true]}
        }
        function body(a: variant, b: float32) returns (r: variant = r, c: float32 = c) {
          a = _Arg() {index=0}
          b = _Arg() {index=1}
          c = Identity(b)
          r = TensorListPushBack(a, c) {element_dtype=float32}
        }";
    let program = program(model, Limits { steps: 100_000, ..Limits::default() }).unwrap();
    let x = DenseTensor::zeros(tensorferry_tensor::DType::Float32, &[1 << 20]).unwrap();
    let inputs = BTreeMap::from([("x".to_owned(), x)]);
    let error = program.run(&mut State::default(), &inputs).unwrap_err().to_string();
    let expected = "bytes are too many to hold; node `r` (`TensorListPushBack`) of function `body`";
    assert!(error.contains(expected), "{error}");
}
