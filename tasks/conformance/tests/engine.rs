//! TensorFlow's graphs, run by our engine and compared with what TensorFlow computes.
//!
//! `docs/ops.md` is written from what this test finds; `BLESS=1` rewrites it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::{env, fs};

use bytes::Bytes;
use tensorferry_conformance::fixtures::repository;
use tensorferry_conformance::manifest::{ArrayRef, Call, Case, graph_cases};
use tensorferry_conformance::npy::{Array, io_of};
use tensorferry_front::{ReadOptions, Source, read, read_graph_model};
use tensorferry_ir::{Model, parse_model, verify};
use tensorferry_ops::{ALL, OpDef};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_store::MemoryStore;
use tensorferry_tensor::{DType, DenseTensor};

/// So many graphs agree with TensorFlow; more is better, fewer is a mistake.
const AGREEING_MIN: usize = 234;

/// What became of one graph.
enum Outcome {
    Agrees,
    /// It uses ops that are not defined.
    Lacks(BTreeSet<String>),
    Differs(String),
}

fn load(case: &Case) -> Result<Model, String> {
    let mut store = MemoryStore::folder("golden");
    for file in &case.reference.files {
        let bytes = fs::read(case.golden().join(&file.path)).map_err(|e| e.to_string())?;
        store = store.with(file.path.clone(), bytes);
    }
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

fn tensor(array: &ArrayRef, arrays: &BTreeMap<String, Array>) -> DenseTensor {
    let dtype = DType::from_name(&array.dtype).expect("a dtype of TensorFlow");
    match (&array.key, &array.values) {
        (Some(key), _) => {
            let data = arrays[key].data.clone();
            DenseTensor::from_bytes(dtype, &array.shape, data).expect("bytes of the shape")
        }
        (None, Some(values)) => {
            let words: Vec<Bytes> = values.iter().map(|word| word.clone().into()).collect();
            DenseTensor::new(&array.shape, words)
        }
        _ => DenseTensor::zeros(dtype, &array.shape).expect("a small tensor"),
    }
}

/// The first difference from TensorFlow's outputs.
fn compare(case: &Case, expected: &DenseTensor, found: &DenseTensor) -> Option<String> {
    if found.dtype() != expected.dtype() || found.shape() != expected.shape() {
        return Some(format!("{found:?} instead of {expected:?}"));
    }
    let (Some(a), Some(b)) = (found.to_f64(), expected.to_f64()) else {
        return (found != expected).then(|| format!("{found:?} instead of {expected:?}"));
    };
    // The oracle's judgement where it has one; else what summing in another order may change.
    let (rtol, atol) =
        case.tolerance.map_or((1e-4, 1e-5), |t| (t.rtol.min(1e-2), t.atol.min(1e-3)));
    // Integers and truth are the same or wrong.
    let is_exact = !(expected.dtype().is_float() || expected.dtype().name().starts_with("complex"));
    let (rtol, atol) = if is_exact { (0.0, 0.0) } else { (rtol, atol) };
    let close = |(x, y): (&f64, &f64)| {
        x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= atol + rtol * y.abs()
    };
    let at = a.iter().zip(&b).position(|pair| !close(pair))?;
    Some(format!("element {at} is {} instead of {}", a[at], b[at]))
}

fn run_call(case: &Case, program: &Program, state: &mut State, call: &Call) -> Result<(), String> {
    let arrays = io_of(case.model.as_deref().unwrap_or_default());
    // The reference keeps some names and gives the tensor's own, `x:0`, for others.
    let short = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let inputs: BTreeMap<String, DenseTensor> = call
        .inputs
        .iter()
        .filter_map(|array| {
            let known = program.inputs();
            let input = known.iter().find(|input| short(&input.name) == short(&array.name))?;
            Some((input.name.clone(), tensor(array, &arrays)))
        })
        .collect();
    let outputs = program.run(state, &inputs).map_err(|error| error.to_string())?;
    let mut n_compared = 0;
    for (i, array) in call.outputs.iter().enumerate() {
        // An output whose name is lost is called by its tensor, which TensorFlow numbers.
        let numbered = if i == 0 { "Identity".to_owned() } else { format!("Identity_{i}") };
        let place = |name: &str| {
            program.outputs().iter().position(|output| short(&output.name) == short(name))
        };
        let place = place(&array.name).or_else(|| place(&numbered));
        // A conversion of some outputs alone has no others.
        let Some(value) = place.and_then(|i| outputs.get(i)).and_then(|value| value.tensor())
        else {
            continue;
        };
        n_compared += 1;
        if let Some(difference) = compare(case, &tensor(array, &arrays), value) {
            return Err(format!("{}: {difference}", array.name));
        }
    }
    if n_compared < program.outputs().len() {
        return Err(format!("only {n_compared} outputs were compared"));
    }
    Ok(())
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
        let program = Program::new(&model, "serving_default", &ALL, Limits::default())
            .map_err(|error| error.to_string())?;
        let mut state = State::default();
        if case.calls().is_empty() {
            return Err("no call is recorded, so nothing would be compared".to_owned());
        }
        case.calls().iter().try_for_each(|call| run_call(case, &program, &mut state, call))
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
    for case in graph_cases() {
        let (ops, outcome) = run_case(&case);
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
    assert!(n_agreeing >= AGREEING_MIN, "only {n_agreeing} agree:\n{}", differing.join("\n"));
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
         {n_ops} names of ops are defined. {n_agreeing} of {} graphs that TensorFlow ran agree.\n\n\
         *infer* and *eval*: every op here has both. *graphs*: in how many agreeing graphs the op is.\n",
        graph_cases().len(),
    );
    for family in ALL.0 {
        let name = family.name.replace('_', " ");
        write!(text, "\n## {name}\n\n| op | what it does | gradient | fast ways | graphs |\n")
            .expect("a string takes all text");
        text.push_str("| --- | --- | --- | --- | --- |\n");
        for def in family.ops {
            let names = names(def);
            let doc = def.doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            let n: usize = names.iter().filter_map(|name| agreeing.get(*name)).sum();
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let grad = if def.has_grad { "yes" } else { "" };
            let names = names.join(", ");
            writeln!(text, "| {names} | {doc} | {grad} | {} | {n} |", def.n_fast)
                .expect("a string takes all text");
        }
    }
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
