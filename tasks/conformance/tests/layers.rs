//! Keras models, lowered to ops, run by our engine and compared with what Keras predicted.
//!
//! `docs/layers.md` is written from what this test finds; `BLESS=1` rewrites it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::{env, fs};

use serde_json::{Value as Json, json};
use tensorferry_agreement::engine::EngineCall;
use tensorferry_agreement::engine_layers::{Subject, single_layers, subjects};
use tensorferry_conformance::fixtures::repository;
use tensorferry_conformance::manifest::layer_models;
use tensorferry_conformance::results;
use tensorferry_front::{ReadOptions, Source, read};
use tensorferry_ir::{Attr, Graph, Model, Node, parse_model, verify};
use tensorferry_layers::lower::SIGNATURE;
use tensorferry_layers::{LayersModel, LowerOptions, all, find, lower};
use tensorferry_ops::{ALL, NoContext};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_store::MemoryStore;
use tensorferry_tensor::{DType, DenseTensor};

/// So many models agree with Keras; more is better, fewer is a mistake.
const AGREEING_MIN: usize = 1657;

/// What became of one model.
enum Outcome {
    Agrees,
    /// A layer or an op of it is not there yet.
    Lacks(String),
    Differs(String),
    /// It has no Keras layers, or none is to be run.
    NoModel,
}

fn load(store: &MemoryStore) -> Result<Option<LayersModel>, String> {
    let (source, _) = read(store, &ReadOptions::default()).map_err(|p| p.to_string())?;
    match source {
        Source::Layers(model) => Ok(Some(*model)),
        Source::Tfjs(model) => {
            let (model, _) = model.to_layers().map_err(|problems| problems.to_string())?;
            Ok(Some(model))
        }
        Source::Weights(_) | Source::SavedModel => Ok(None),
    }
}

/// As Keras casts what it is fed to the type of the input.
fn cast(tensor: &DenseTensor, to: DType) -> DenseTensor {
    if tensor.dtype() == to || tensor.dtype() == DType::String {
        return tensor.clone();
    }
    let node = Node::new("cast", "Cast").attr("DstT", Attr::Type(to.into()));
    let node = node.inputs(&[tensorferry_ir::NodeId(0).into()]);
    let cast = ALL.instance(&node).expect("`Cast` takes one input");
    let cast = cast.eval(vec![tensor.clone().into()], &mut NoContext::default());
    cast.expect("numbers can be cast")[0].tensor().expect("a tensor").clone()
}

fn run_call(
    subject: &Subject,
    program: &Program,
    state: &mut State,
    call: &EngineCall,
) -> Result<(), String> {
    let known = program.inputs();
    let mut inputs = BTreeMap::new();
    if known.len() != call.inputs.len() {
        return Err(format!("it has {} inputs, not {}", known.len(), call.inputs.len()));
    }
    for (i, input) in known.iter().enumerate() {
        let by_name = call.inputs.iter().find(|(name, _)| *name == input.name);
        let (_, tensor) = by_name.unwrap_or(&call.inputs[i]);
        let tensor = input.ty.dtype().map_or_else(|| tensor.clone(), |dtype| cast(tensor, dtype));
        inputs.insert(input.name.clone(), tensor);
    }
    let outputs = program.run(state, &inputs).map_err(|error| error.to_string())?;
    if outputs.len() != call.outputs.len() {
        return Err(format!("it has {} outputs, not {}", outputs.len(), call.outputs.len()));
    }
    // Keras 3 may give several outputs one name; then the order says which is which.
    let has_names = call.outputs.iter().all(|(name, _)| {
        program.outputs().iter().filter(|output| output.name == *name).count() == 1
            && call.outputs.iter().filter(|(other, _)| other == name).count() == 1
    });
    for (i, (name, expected)) in call.outputs.iter().enumerate() {
        let named = program.outputs().iter().position(|o| o.name == *name);
        let place = named.filter(|_| has_names).unwrap_or(i);
        let found = outputs[place].tensor().ok_or("an output is no tensor")?;
        if let Some(difference) = subject.difference(expected, found) {
            return Err(format!("{name}: {difference}"));
        }
    }
    Ok(())
}

/// The layer classes of a model, each with the ops that it became.
type Classes = BTreeMap<&'static str, BTreeSet<String>>;

fn run(subject: &Subject) -> (Classes, Outcome) {
    let model = match load(&subject.store()) {
        Ok(Some(model)) => model,
        Ok(None) => return (Classes::new(), Outcome::NoModel),
        Err(what) => return (Classes::new(), Outcome::Lacks(what)),
    };
    let mut classes: Classes =
        classes_of(&model.topology).into_iter().map(|class| (class, BTreeSet::new())).collect();
    let lowered = match lower(&model, &LowerOptions::default()) {
        Ok(lowered) => lowered,
        Err(problems) => return (classes, Outcome::Lacks(problems.to_string())),
    };
    add_ops(&mut classes, &model.topology, &lowered);
    let run = || -> Result<(), String> {
        if let Some(defect) = verify(&lowered, &ALL).first() {
            return Err(defect.to_string());
        }
        let text = lowered.to_string();
        let again = parse_model(&text).map_err(|error| format!("{error}"))?;
        if again.to_string() != text {
            return Err("the text form is not read back".to_owned());
        }
        let program = Program::new(&lowered, SIGNATURE, &ALL, Limits::default())
            .map_err(|error| error.to_string())?;
        let mut state = State::default();
        subject.calls.iter().try_for_each(|call| run_call(subject, &program, &mut state, call))
    };
    match run() {
        Ok(()) => (classes, Outcome::Agrees),
        Err(what) => (classes, Outcome::Differs(what)),
    }
}

/// The layer classes of a model, those inside others too.
fn classes_of(topology: &Json) -> BTreeSet<&'static str> {
    let mut classes = BTreeSet::new();
    let mut open = vec![topology];
    while let Some(value) = open.pop() {
        match value {
            Json::Array(items) => open.extend(items),
            Json::Object(members) => {
                let class = members.get("class_name").and_then(Json::as_str).and_then(find);
                let is_layer = members.get("config").is_some_and(|c| c.get("name").is_some());
                classes.extend(class.filter(|_| is_layer).map(|def| def.class_name));
                open.extend(members.values());
            }
            _ => {}
        }
    }
    classes
}

/// The ops that the layers of the outermost model became: their nodes are named after them.
fn add_ops(classes: &mut Classes, topology: &Json, lowered: &Model) {
    let layers = topology["config"]["layers"].as_array().into_iter().flatten();
    let by_name: BTreeMap<&str, &'static str> = layers
        .filter_map(|layer| {
            let class = layer["class_name"].as_str().and_then(find)?.class_name;
            Some((layer["config"]["name"].as_str()?, class))
        })
        .collect();
    for node in lowered.graph.nodes() {
        let layer = node.name.split('/').next().unwrap_or_default();
        if let Some(ops) = by_name.get(layer).and_then(|class| classes.get_mut(class)) {
            add_node(ops, node, lowered);
        }
    }
}

/// The op of a node, and those of the functions that it calls.
fn add_node(ops: &mut BTreeSet<String>, node: &Node, lowered: &Model) {
    if matches!(node.op.as_str(), "Const" | "Placeholder" | "Identity" | "_Arg") {
        return;
    }
    ops.insert(node.op.clone());
    let called = node.attrs.values().flat_map(|attr| attr.functions());
    for function in called.filter_map(|function| lowered.functions.get(&function.name)) {
        let graph: &Graph = &function.graph;
        graph.nodes().iter().for_each(|inner| add_node(ops, inner, lowered));
    }
}

/// What is known of one layer class.
#[derive(Default)]
struct Found {
    /// In how many models it agrees.
    models: usize,
    /// In how many of them in WebAssembly, too.
    wasm: usize,
    ops: BTreeSet<String>,
}

/// Each layer class with what is known of it, for `docs/coverage.md`.
fn results_of(found: &BTreeMap<&str, Found>) -> Json {
    let none = Found::default();
    let result = |class: &'static str| {
        let found = found.get(class).unwrap_or(&none);
        let has_grad = |op: &&String| ALL.find(op).is_some_and(|def| def.has_grad);
        let result = json!({
            "models": found.models,
            "wasm_models": found.wasm,
            "ops": found.ops.len(),
            "ops_with_gradient": found.ops.iter().filter(has_grad).count(),
        });
        (class.to_owned(), result)
    };
    all().map(|def| result(def.class_name)).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn keras_models_compute_what_keras_computes() {
    let only = env::var("ONLY").ok();
    let (mut n_agreeing, mut n) = (0, 0);
    let (mut differing, mut lacking) = (Vec::new(), Vec::new());
    let mut found = BTreeMap::<&str, Found>::new();
    let wasm = results::wasm();
    let in_wasm = wasm["layers"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let in_wasm: BTreeSet<&str> = in_wasm.collect();
    for subject in subjects() {
        if only.as_ref().is_some_and(|only| !subject.name.contains(only.as_str())) {
            continue;
        }
        let (classes, outcome) = run(&subject);
        n += 1;
        match outcome {
            Outcome::Agrees => {
                n_agreeing += 1;
                for (class, ops) in classes {
                    let found = found.entry(class).or_default();
                    found.models += 1;
                    found.wasm += usize::from(in_wasm.contains(subject.name.as_str()));
                    found.ops.extend(ops);
                }
            }
            Outcome::Lacks(what) => lacking.push(format!("{}: {what}", subject.name)),
            Outcome::Differs(what) => differing.push(format!("{}: {what}", subject.name)),
            Outcome::NoModel => n -= 1,
        }
    }
    if env::var_os("VERBOSE").is_some() {
        println!("{n_agreeing} agree\n\n{}\n\n{}", lacking.join("\n"), differing.join("\n"));
    }
    if only.is_some() {
        return;
    }
    let uncounted: BTreeSet<&str> = all()
        .map(|def| def.class_name)
        .filter(|class| found.get(class).is_none_or(|found| found.models == 0))
        .collect();
    scoreboard((n_agreeing, n), &uncounted, &lacking, &differing);
    results::compare("layers-results.json", &results_of(&found));
    assert!(n_agreeing >= AGREEING_MIN, "only {n_agreeing} agree:\n{}", differing.join("\n"));
}

#[test]
fn unrolled_loops_compute_the_same() {
    let names = ["lstm_", "gru_", "simplernn_", "bidirectional", "rnn_cells", "conv_lstm"];
    let mut n = 0;
    for name in layer_models().iter().filter(|name| names.iter().any(|part| name.contains(part))) {
        let Some(subject) = single_layers(name).into_iter().next() else { continue };
        let model = load(&subject.store()).expect("it is read").expect("it has layers");
        let lowered = lower(&model, &LowerOptions { unroll_max: 8 }).expect("it is lowered");
        // What has no known number of steps stays a loop.
        if !lowered.functions.is_empty() {
            continue;
        }
        let program = Program::new(&lowered, SIGNATURE, &ALL, Limits::default());
        let program = program.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut state = State::default();
        for call in &subject.calls {
            let outcome = run_call(&subject, &program, &mut state, call);
            assert_eq!(outcome, Ok(()), "{name}");
        }
        n += 1;
    }
    assert!(n > 60, "only {n} models have loops that unroll");
}

/// Classes that no recorded model has, each with its reason.
const WITHOUT_MODEL: &[(&str, &str)] = &[
    ("ConvLSTM1DCell", "only `ConvLSTM1D` has it, which makes it by itself"),
    ("ConvLSTM2DCell", "only `ConvLSTM2D` has it, which makes it by itself"),
    ("ConvLSTM3DCell", "only `ConvLSTM3D` has it, which makes it by itself"),
    (
        "DenseFeatures",
        "refused: it takes a dictionary of features and columns of TensorFlow 1; Keras' own advice is its \
         preprocessing layers",
    ),
    ("Equalization", "Keras builds no model of it; when it predicts, it leaves images as they are"),
    ("FlaxLayer", "refused: it holds a program, which is never run"),
    ("JaxLayer", "refused: it holds a program, which is never run"),
    ("Lambda", "refused: it holds a program, which is never run"),
    ("TFSMLayer", "refused: it holds a program, which is never run"),
    ("TensorFlowOpLayer", "refused: it holds a program, which is never run"),
    ("TorchModuleWrapper", "refused: it holds a program, which is never run"),
];

fn scoreboard(
    (n_agreeing, n): (usize, usize),
    uncounted: &BTreeSet<&str>,
    lacking: &[String],
    differing: &[String],
) {
    let n_lowered = all().filter(|def| def.lower.is_some()).count();
    let reasons: BTreeMap<&str, &str> = WITHOUT_MODEL.iter().copied().collect();
    let listed: BTreeSet<&str> = reasons.keys().copied().collect();
    assert!(*uncounted == listed, "without a model: {uncounted:?}, with a reason: {listed:?}");
    let mut text = format!(
        "# Layers\n\nWritten by `tasks/conformance/tests/layers.rs`; run it with `BLESS=1`.\n\n\
         {n_lowered} of {} layer classes lower to ops; cells do so inside of others. {n_agreeing} of {n} \
         models that Keras ran agree. Each class is counted in [coverage](coverage.md).\n\n\
         ## Classes without a model\n\n",
        all().count(),
    );
    for (class, reason) in reasons {
        writeln!(text, "- `{class}`: {reason}").expect("a string takes all text");
    }
    for (title, lines) in
        [("Models that are refused", lacking), ("Models that do not agree", differing)]
    {
        write!(text, "\n## {title}\n\n").expect("a string takes all text");
        for line in lines {
            writeln!(text, "- {}", line.replace('\n', " ")).expect("a string takes all text");
        }
    }
    let file = repository().join("docs/layers.md");
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &text).expect("docs/layers.md can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "docs/layers.md is out of date; run this test with `BLESS=1`");
}
