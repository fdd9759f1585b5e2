//! The text form and the verifier.

use tensorferry_ir::{Attrs, OpTable, Outputs, parse_model, verify};

/// Every op has one output, but `Split`, which has as many as it says.
struct Ops;

impl OpTable for Ops {
    fn outputs(&self, op: &str, attrs: &Attrs, _: usize) -> Option<Result<Outputs, String>> {
        let n = match op {
            "Split" => attrs.get("n").and_then(|n| n.as_int()).unwrap_or(1),
            _ => 1,
        };
        Some(Ok(Outputs(vec![("output", usize::try_from(n).ok()?)])))
    }
}

const MODEL: &str = r#"signature serving_default {
  input x = x float32 <?,3>
  input table = "t>1" resource <> resource 4
  output y = add float32 <*>
}
graph {
  x = Placeholder() {dtype=float32, shape=<?,3>}
  "t>1" = Placeholder() {dtype=resource}
  c = Const() {dtype=int64, value=int64<2>[1, -2]}
  s = Split(c, x) {n=2}
  add = Add(s:1, call, ^c) {T=float32, alpha=0.5, list=[1, 2], names=["a", "b\"\x00"], no=[]}
  call = If(x) {else_branch=@g, then_branch=@f{T=float32}}
}
initializer {
  h = HashTableV2()
}
initializer_output table = h resource <> resource 4
function f(a: float32) returns (r: float32 = a) after (a) stateful attrs {_x=true} {
  a = _Arg() {T=float32, index=0}
}
function g(a: float32) returns (r: float32 = n) {
  a = _Arg() {T=float32, index=0}
  n = Neg(a)
}
"#;

#[test]
fn a_model_survives_its_text() {
    let model = parse_model(MODEL).unwrap();
    assert_eq!(model.to_string(), MODEL);
    assert_eq!(parse_model(&model.to_string()).unwrap(), model);
    assert_eq!(verify(&model, &Ops), []);
}

#[test]
fn every_defect_is_named() {
    let cases = [
        ("graph { a = A() a = A() }", "node `a`: another node has the same name"),
        (
            "graph { a = Split() {n=2} b = A(a:2) }",
            "node `b`: it reads output 2 of `a`, a `Split` with 2 outputs",
        ),
        (
            "graph { a = A(b) b = A(a) }",
            "node `a`: it depends on itself, through no loop of TensorFlow's",
        ),
        ("graph { a = A() {f=@nowhere} }", "node `a`: there is no function `nowhere`"),
        (
            "function f() returns () { a = A() {f=@g} } function g() returns () { b = B() {f=@f} }",
            "node `f`: the function calls itself, through `g`",
        ),
        (
            "function f(x: bool) returns () { }",
            "node `x` of function `f`: the argument has no node",
        ),
    ];
    for (text, expected) in cases {
        let defects = verify(&parse_model(text).unwrap(), &Ops);
        let found: Vec<String> = defects.iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected], "{text}");
    }
    let loops = "graph { e = Enter() m = Merge(e, n) n = NextIteration(m) }";
    assert_eq!(verify(&parse_model(loops).unwrap(), &Ops), []);
}

#[test]
fn functions_may_be_64_deep() {
    let chain = |n: usize| -> String {
        let link =
            |i: usize| format!("function f{i}() returns () {{ a = A() {{f=@f{}}} }}\n", i + 1);
        (0..n - 1).map(link).collect::<String>()
            + &format!("function f{}() returns () {{ }}", n - 1)
    };
    assert_eq!(verify(&parse_model(&chain(64)).unwrap(), &Ops), []);
    assert_eq!(verify(&parse_model(&chain(65)).unwrap(), &Ops).len(), 1);
}

#[test]
fn broken_text_names_its_line() {
    let cases = [
        ("graph {\n a = A(b) }", "line 2: there is no node `b`"),
        ("graph {\n a = A( }", "line 2: a word is missing"),
        ("grap", "line 1: `grap` begins nothing"),
        ("graph { a = A() {x=\"} }", "line 1: the quote does not end"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_model(text).unwrap_err().to_string(), expected);
    }
}
