//! What the runtime does with graphs: control flow of both kinds, limits, state, hostile models.

use std::collections::BTreeMap;

use tensorferry_ir::{parse_model, parse_tensors, tensor_text};
use tensorferry_ops::ALL;
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

/// Runs `f` of a model on `x`; the outputs as text, or the error.
fn run(text: &str, x: &str, limits: Limits) -> Result<String, String> {
    let model = parse_model(text).map_err(|error| error.to_string())?;
    let program = Program::new(&model, "f", &ALL, limits).map_err(|error| error.to_string())?;
    let x = parse_tensors(x).map_err(|error| error.to_string())?;
    let inputs: BTreeMap<String, DenseTensor> =
        x.into_iter().map(|tensor| ("x".to_owned(), tensor)).collect();
    let outputs = program.run(&mut State::default(), &inputs).map_err(|error| error.to_string())?;
    let text = |value: &tensorferry_ops::Value| tensor_text(value.tensor().expect("a tensor"));
    Ok(outputs.iter().map(text).collect::<Vec<_>>().join(", "))
}

const COND_V2: &str = "
    signature f { input x = x float32 <> output y = y float32 <> }
    graph {
      x = Placeholder() {dtype=float32}
      z = Const() {dtype=float32, value=float32<>[0]}
      p = Greater(x, z)
      y = If(p, x) {Tcond=bool, Tin=[float32], Tout=[float32], then_branch=@yes, else_branch=@no}
    }
    function yes(a: float32) returns (r: float32 = n) { a = _Arg() {index=0} n = Square(a) }
    function no(a: float32) returns (r: float32 = n) { a = _Arg() {index=0} n = Neg(a) }";

const WHILE_V2: &str = "
    signature f { input x = x int32 <> output y = y int32 <> }
    graph { x = Placeholder() {dtype=int32} y = While(x) {T=[int32], cond=@less, body=@twice} }
    function less(a: int32) returns (r: bool = r) {
      a = _Arg() {index=0}
      c = Const() {dtype=int32, value=int32<>[100]}
      r = Less(a, c)
    }
    function twice(a: int32) returns (r: int32 = r) { a = _Arg() {index=0} r = AddV2(a, a) }";

/// Doubles until 100, with TensorFlow 1's ops; the limit is there in every turn.
const WHILE_V1: &str = "
    signature f { input x = x int32 <> output y = exit int32 <> }
    graph {
      x = Placeholder() {dtype=int32}
      c = Const() {dtype=int32, value=int32<>[100]}
      enter = Enter(x) {frame_name=\"w\"}
      limit = Enter(c) {frame_name=\"w\", is_constant=true}
      merge = Merge(enter, next)
      less = Less(merge, limit)
      cond = LoopCond(less)
      switch = Switch(merge, cond)
      twice = AddV2(switch:1, switch:1)
      next = NextIteration(twice)
      exit = Exit(switch)
    }";

/// A loop inside a branch: where the branch is not taken, the loop is dead as a whole.
const LOOP_IN_BRANCH: &str = "
    signature f { input x = x int32 <> output y = out int32 <> output i = out:1 int32 <> }
    graph {
      x = Placeholder() {dtype=int32}
      c = Const() {dtype=int32, value=int32<>[10]}
      p = Less(x, c)
      way = Switch(x, p)
      limit = Switch(c, p)
      enter = Enter(way:1) {frame_name=\"w\"}
      in_limit = Enter(limit:1) {frame_name=\"w\", is_constant=true}
      merge = Merge(enter, next)
      less = Less(merge, in_limit)
      cond = LoopCond(less)
      switch = Switch(merge, cond)
      twice = AddV2(switch:1, switch:1)
      next = NextIteration(twice)
      exit = Exit(switch)
      out = Merge(way, exit)
    }";

#[test]
fn both_kinds_of_control_flow_run() {
    let cases = [
        (COND_V2, "3", "float32<>[9.0]"),
        (COND_V2, "-3", "float32<>[3.0]"),
        (WHILE_V2, "int32 3", "int32<>[192]"),
        (WHILE_V2, "int32 200", "int32<>[200]"),
        (WHILE_V1, "int32 3", "int32<>[192]"),
        (WHILE_V1, "int32 200", "int32<>[200]"),
        (LOOP_IN_BRANCH, "int32 3", "int32<>[12], int32<>[1]"),
        (LOOP_IN_BRANCH, "int32 30", "int32<>[30], int32<>[0]"),
    ];
    for (model, x, expected) in cases {
        assert_eq!(run(model, x, Limits::default()).as_deref(), Ok(expected), "{model}");
    }
}

#[test]
fn hostile_models_are_errors_that_name_the_node() {
    let graph = |nodes: &str| {
        format!(
            "signature f {{ input x = x float32 <*> output y = y float32 <*> }}
             graph {{ x = Placeholder() {{dtype=float32}} {nodes} }}"
        )
    };
    let endless = WHILE_V2.replace("value=int32<>[100]", "value=int32<>[2147483647]");
    let cases = [
        (endless, "int32 0", "it ran too many steps: a loop does not end"),
        (
            WHILE_V1.replace("value=int32<>[100]", "value=int32<>[2147483647]"),
            "int32 0",
            "it ran too many steps: a loop does not end",
        ),
        // A loop whose merge waits for what only the loop itself would bring.
        (
            graph("m = Merge(n, n) n = NextIteration(m) y = AddV2(x, m)"),
            "1",
            "the result was never computed",
        ),
        (
            graph("y = PartitionedCall(x) {f=@a, Tin=[float32], Tout=[float32]}")
                + "function a(v: float32) returns (r: float32 = r) {
                     v = _Arg() {index=0}
                     r = PartitionedCall(v) {f=@b, Tin=[float32], Tout=[float32]}
                   }
                   function b(v: float32) returns (r: float32 = r) {
                     v = _Arg() {index=0}
                     r = StatelessIf(v, v) {Tcond=float32, Tin=[float32], Tout=[float32], then_branch=@a, else_branch=@a}
                   }",
            "1",
            "the function calls itself, through",
        ),
        (graph("y = Nonsense(x)"), "1", "the op `Nonsense` is not supported; node `y`"),
        (graph("y = Add(x)"), "1", "node `y`: it has 1 inputs, expected 2"),
        (graph("y = Neg(y)"), "1", "node `y`: it depends on itself"),
        (graph("y = MatMul(x, x)"), "[[1, 2]]", "rows of 2 and columns of 1 elements"),
        (
            graph(
                "c = Const() {dtype=int32, value=int32<2>[2000000000, 2000000000]} y = Fill(c, x)",
            ),
            "1",
            "its outputs take 16000000000000000000 bytes, over 4294967296; node `y` (`Fill`)",
        ),
        (
            graph("i = Const() {dtype=int32, value=int32<>[1]} y = Add(x, i)"),
            "1",
            "the input `y` is int32, expected float32; node `y` (`Add`)",
        ),
        (graph("y = Neg(x)"), "", "the input `x` is missing"),
        (graph("y = Neg(x)"), "int32 1", "input 0 is int32 <>, expected float32 <*>"),
        (
            graph("y = PartitionedCall(x) {f=@y, Tin=[float32], Tout=[float32]}"),
            "1",
            "there is no function `y`",
        ),
    ];
    for (model, x, expected) in cases {
        let error = run(&model, x, Limits { steps: 10_000, ..Limits::default() }).unwrap_err();
        assert!(error.contains(expected), "{error}\ninstead of {expected}");
    }
}

#[test]
fn tables_are_filled_once_and_shared() {
    let model = "
        signature f {
          input x = x string <?>
          input t = t resource <> resource 7
          output y = y int64 <?>
        }
        graph {
          x = Placeholder() {dtype=string}
          t = Placeholder() {dtype=resource}
          d = Const() {dtype=int64, value=int64<>[-1]}
          y = LookupTableFindV2(t, x, d)
        }
        initializer {
          h = HashTableV2() {key_dtype=string, value_dtype=int64}
          k = Const() {dtype=string, value=string<2>[\"a\", \"b\"]}
          v = Const() {dtype=int64, value=int64<2>[10, 20]}
          i = LookupTableImportV2(h, k, v)
        }
        initializer_output t = h resource <> resource 7";
    let found = run(model, "string[\"b\", \"c\", \"a\"]", Limits::default());
    assert_eq!(found.as_deref(), Ok("int64<3>[20, -1, 10]"));
}

/// Writes down what an observer is told.
#[derive(Default)]
struct Seen(Vec<String>);

impl tensorferry_runtime::Observer for Seen {
    fn begin(&mut self, name: &str, op: &'static str) {
        self.0.push(format!("{name}:{op}"));
    }

    fn end(&mut self) {
        self.0.push("end".to_owned());
    }
}

#[test]
fn an_observer_sees_each_node_and_what_runs_inside_it() {
    let model = parse_model(COND_V2).expect("it is a model");
    let program = Program::new(&model, "f", &ALL, Limits::default()).expect("it can be planned");
    let x = parse_tensors("float32<>[3]").expect("a tensor").remove(0);
    let inputs = BTreeMap::from([("x".to_owned(), x)]);
    let mut seen = Seen::default();
    let mut state = State::default();
    program.run_observed(&mut state, &inputs, Some(&mut seen)).expect("it runs");
    assert_eq!(seen.0, ["p:Greater", "end", "y:If", "n:Square", "end", "end"]);
}
