//! TensorFlow's graphs, run by our engine and compared with what TensorFlow computes.
//!
//! `docs/ops.md` is written from what this test finds; `BLESS=1` rewrites it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::{env, fs};

use serde_json::{Value, json};
use tensorferry_agreement::engine;
use tensorferry_conformance::fixtures::repository;
use tensorferry_conformance::gradients::n_gradient_cases;
use tensorferry_conformance::manifest::{Case, graph_cases};
use tensorferry_conformance::op_cases::{FEW_CASES, n_op_cases};
use tensorferry_conformance::results;
use tensorferry_front::{ReadOptions, Source, read, read_graph_model};
use tensorferry_ir::{Model, parse_model, verify};
use tensorferry_ops::{ALL, OpDef};

/// So many graphs agree with TensorFlow; more is better, fewer is a mistake.
const AGREEING_MIN: usize = 291;

/// What became of one graph.
enum Outcome {
    Agrees,
    /// It uses ops that are not defined.
    Lacks(BTreeSet<String>),
    Differs(String),
}

fn load(case: &Case) -> Result<Model, String> {
    let store = engine::golden_store(case)?;
    let (source, _) =
        read(&store, &ReadOptions::default()).map_err(|problems| format!("{problems}"))?;
    let Source::Tfjs(model) = source else { return Err("it is no TensorFlow.js model".into()) };
    read_graph_model(&model, &ALL).map_err(|problem| problem.to_string())
}

fn ops_of(model: &Model) -> BTreeSet<String> {
    let graphs = [&model.graph, &model.initializer].into_iter();
    let graphs = graphs.chain(model.functions.values().map(|function| &function.graph));
    let nodes = graphs.flat_map(|graph| graph.nodes());
    nodes.map(|node| node.op.clone()).filter(|op| op != "_Arg").collect()
}

fn run_case(case: &Case) -> (BTreeSet<String>, Outcome) {
    let model = match load(case) {
        Ok(model) => model,
        Err(what) => return (BTreeSet::new(), Outcome::Differs(what)),
    };
    let ops = ops_of(&model);
    let lacks: BTreeSet<String> = ops.iter().filter(|op| ALL.find(op).is_none()).cloned().collect();
    if !lacks.is_empty() {
        return (ops, Outcome::Lacks(lacks));
    }
    let run = || -> Result<(), String> {
        let text = model.to_string();
        let again = parse_model(&text).map_err(|error| error.to_string())?;
        if again.to_string() != text {
            return Err("the text form is not read back".to_owned());
        }
        if let Some(defect) = verify(&model, &ALL).first() {
            return Err(defect.to_string());
        }
        engine::run(case, &mut engine::load(case)?)
    };
    match run() {
        Ok(()) => (ops, Outcome::Agrees),
        Err(what) => (ops, Outcome::Differs(what)),
    }
}

#[test]
fn graphs_compute_what_tensorflow_computes() {
    let mut n_agreeing = 0;
    let (mut differing, mut lacking) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut agreeing_by_op = BTreeMap::<String, usize>::new();
    let mut of_ops = BTreeMap::<String, Graphs>::new();
    let wasm = results::wasm();
    let in_wasm: BTreeSet<&str> = texts(&wasm["graph"]);
    for case in graph_cases() {
        let (ops, outcome) = run_case(&case);
        let in_tfjs = case.tfjs.as_ref().is_some_and(|verdict| verdict.status == "same");
        for op in &ops {
            let graphs = of_ops.entry(op.clone()).or_default();
            graphs.wasm += usize::from(in_wasm.contains(case.id.as_str()));
            graphs.tfjs += usize::from(in_tfjs);
        }
        match outcome {
            Outcome::Agrees => {
                n_agreeing += 1;
                ops.into_iter().for_each(|op| *agreeing_by_op.entry(op).or_default() += 1);
            }
            Outcome::Lacks(ops) => {
                ops.into_iter().for_each(|op| *lacking.entry(op).or_default() += 1);
            }
            Outcome::Differs(what) => differing.push(format!("{}: {what}", case.id)),
        }
    }
    if env::var_os("VERBOSE").is_some() {
        println!("{n_agreeing} agree\n\nlacking: {lacking:?}\n\n{}", differing.join("\n"));
    }
    scoreboard(n_agreeing, &agreeing_by_op, &lacking, &differing);
    results::compare("ops-results.json", &results_of(&agreeing_by_op, &of_ops));
    assert!(n_agreeing >= AGREEING_MIN, "only {n_agreeing} agree:\n{}", differing.join("\n"));
}

/// In how many graphs an op is that agree elsewhere.
#[derive(Default)]
struct Graphs {
    wasm: usize,
    tfjs: usize,
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Each op with what is known of it, for `docs/coverage.md`.
fn results_of(native: &BTreeMap<String, usize>, elsewhere: &BTreeMap<String, Graphs>) -> Value {
    let cases = n_op_cases();
    let result = |def: &OpDef| {
        let names = names(def);
        let graphs = |of: fn(&Graphs) -> usize| -> usize {
            names.iter().filter_map(|name| elsewhere.get(*name)).map(of).sum()
        };
        let n: usize = names.iter().filter_map(|name| native.get(*name)).sum();
        let n_cases: usize = names.iter().filter_map(|name| cases.get(*name)).sum();
        let result = json!({
            "names": names,
            "gradient": def.has_grad,
            "cases": n_cases,
            "graphs": n,
            "wasm_graphs": graphs(|graphs| graphs.wasm),
            "tfjs_graphs": graphs(|graphs| graphs.tfjs),
        });
        (def.spec.name.to_owned(), result)
    };
    ALL.ops().map(result).collect::<serde_json::Map<_, _>>().into()
}

fn scoreboard(
    n_agreeing: usize,
    agreeing: &BTreeMap<String, usize>,
    lacking: &BTreeMap<String, usize>,
    differing: &[String],
) {
    let n_ops: usize = ALL.ops().map(|def| 1 + def.spec.aliases.len()).sum();
    let mut text = format!(
        "# Ops\n\nWritten by `tasks/conformance/tests/engine.rs`; run it with `BLESS=1`.\n\n\
         {n_ops} names of ops are defined. {n_agreeing} of {} graphs that TensorFlow ran agree.\n\
         What runs in WebAssembly and in TensorFlow.js is in [coverage](coverage.md).\n\n\
         *infer* and *eval*: every op here has both. *cases*: on how many recorded inputs the op gives\n\
         what TensorFlow's kernel gives (`tests/ops.rs`); of an op that is never recorded alone, in how many\n\
         recorded scenes it is (`tests/scenes.rs`). *graphs*: in how many agreeing graphs it is.\n\
         *gradient*: on how many recorded inputs of those that have one it is TensorFlow's\n\
         (`tests/gradients.rs`).\n",
        graph_cases().len(),
    );
    let (cases, gradients) = (n_op_cases(), n_gradient_cases());
    for family in ALL.0 {
        let name = family.name.replace('_', " ");
        write!(
            text,
            "\n## {name}\n\n| op | what it does | gradient | fast ways | cases | graphs |\n"
        )
        .expect("a string takes all text");
        text.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for def in family.ops {
            let names = names(def);
            let doc = def.doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            let n: usize = names.iter().filter_map(|name| agreeing.get(*name)).sum();
            let n_cases: usize = names.iter().filter_map(|name| cases.get(*name)).sum();
            let n_grads: usize = names.iter().filter_map(|name| gradients.get(*name)).sum();
            let grad = if def.has_grad { n_grads.to_string() } else { String::new() };
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let names = names.join(", ");
            writeln!(text, "| {names} | {doc} | {grad} | {} | {n_cases} | {n} |", def.n_fast)
                .expect("a string takes all text");
        }
    }
    text.push_str("\n## Ops with fewer cases than ten\n\n");
    FEW_CASES
        .iter()
        .for_each(|(op, why)| writeln!(text, "- `{op}`: {why}").expect("a string takes all text"));
    text.push_str("\n## Missing ops that graphs use\n\n");
    lacking
        .iter()
        .for_each(|(op, n)| writeln!(text, "- `{op}` ({n})").expect("a string takes all text"));
    text.push_str("\n## Graphs that do not agree\n\n");
    differing.iter().for_each(|line| {
        writeln!(text, "- {}", line.replace('\n', " ")).expect("a string takes all text")
    });
    let file = repository().join("docs/ops.md");
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &text).expect("docs/ops.md can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "docs/ops.md is out of date; run this test with `BLESS=1`");
}

fn names(def: &OpDef) -> Vec<&'static str> {
    std::iter::once(def.spec.name).chain(def.spec.aliases.iter().copied()).collect()
}
