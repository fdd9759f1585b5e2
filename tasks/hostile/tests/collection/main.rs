//! A collection of hostile inputs: each is refused in one line that names file and field.
//!
//! Classes are those of published attacks on model loaders (code in the model, files named by the
//! model, output paths out of the model, bombs, loops, ambiguity), rows are our own parts. Every
//! input is made in code; nothing here is a real attack's file.

mod checkpoints;
mod configs;
mod disk;
mod graphs;
mod hdf5;
mod json;
mod tfjs;
mod zip;

use std::collections::BTreeMap;

use bytes::Bytes;
use tensorferry::{ConvertOptions, OutputFormat, convert};
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_hostile::convert::{check_problems, collect};
use tensorferry_hostile::recorded::{Recorded, is_inside};
use tensorferry_hostile::{budget, keras};
use tensorferry_store::{MemoryStore, Store};

/// A line on a terminal, as the command line cuts it.
const LINE_LEN_MAX: usize = 300;

/// What an attack is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Code in the model runs when it is loaded.
    Code,
    /// A file or a URL that the model names is read.
    OtherFile,
    /// The model says where to write.
    OutputPath,
    /// A small file asks for much memory, disk or time.
    Bomb,
    /// A loop or a depth without end.
    Loop,
    /// Two readers would see two contents.
    Ambiguous,
    /// Numbers and pointers that lead out of the file.
    OutOfBounds,
    /// Silently wrong weights.
    WrongWeights,
    /// Names that mean something to a terminal, a shell or JavaScript.
    Name,
    /// Files of other tools, cut or damaged files.
    Damage,
}

/// One hostile input.
pub(crate) struct Case {
    id: &'static str,
    class: Class,
    store: MemoryStore,
    options: ConvertOptions,
    /// The line of the first problem; empty where the input is converted: it is harmless, or is
    /// passed on as it is to TensorFlow.js, which refuses it (a shape that is not the config's).
    says: &'static str,
}

impl Case {
    pub(crate) fn new(
        id: &'static str,
        class: Class,
        store: MemoryStore,
        says: &'static str,
    ) -> Self {
        Self { id, class, store, options: ConvertOptions::default(), says }
    }

    /// A Keras HDF5 file.
    pub(crate) fn h5(id: &'static str, class: Class, bytes: Vec<u8>, says: &'static str) -> Self {
        Self::new(id, class, MemoryStore::file("m.h5", bytes), says)
    }

    /// A Keras HDF5 file whose weights are fine.
    pub(crate) fn config(
        id: &'static str,
        class: Class,
        config: &serde_json::Value,
        says: &'static str,
    ) -> Self {
        Self::h5(id, class, keras::h5(&config.to_string()), says)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut ConvertOptions)) -> Self {
        change(&mut self.options);
        self
    }
}

fn all() -> Vec<Case> {
    [
        hdf5::cases(),
        configs::cases(),
        zip::cases(),
        tfjs::cases(),
        json::cases(),
        checkpoints::cases(),
        graphs::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The whole conversion, as a face does it; nothing but the store is there to be read.
fn outcome(store: &dyn Store, options: &ConvertOptions) -> Result<Vec<(String, Bytes)>, Problems> {
    let package = convert(store, options)?.package;
    let file = store.main().unwrap_or(store.label()).to_owned();
    // What cannot be decoded while it is written; the faces name the input there.
    collect(&package).map_err(|e| Problem::input(e.to_string()).in_file(file).into())
}

/// What is wrong with the way a case ended.
fn look(case: &Case) -> Vec<String> {
    let store = Recorded::with_bait(&case.store, b"a secret of the user");
    let start = std::time::Instant::now();
    let (result, peak) = budget::measure(|| outcome(&store, &case.options));
    let took = start.elapsed();
    let byte_len: u64 =
        case.store.list().expect("it is in memory").iter().map(|entry| entry.byte_len).sum();
    let mut wrong = Vec::new();
    let line = match &result {
        Ok(_) => String::new(),
        Err(problems) => problems.0.first().map_or("no problem".to_owned(), ToString::to_string),
    };
    if line != case.says {
        wrong.push(format!("said\n      {line}\n    instead of\n      {}", case.says));
    }
    // A refusal may take a second; tests are not optimized and run side by side.
    if took.as_secs() >= 10 + (byte_len >> 20) {
        wrong.push(format!("took {took:?}"));
    }
    let is_long_text = case.store.main() == Some("model.json") && byte_len > 2 << 20;
    let allowed = match &result {
        _ if is_long_text => budget::of_text(byte_len),
        Ok(files) => budget::of_conversion(files.iter().map(|(_, b)| b.len() as u64).sum()),
        Err(_) => budget::of_refusal(byte_len),
    };
    if peak > allowed {
        wrong.push(format!("held {peak} bytes, where {allowed} are allowed for {byte_len}"));
    }
    if let Err(problems) = &result {
        check_problems(problems);
        if problems.0.iter().any(|problem| matches!(problem.kind, Kind::Usage | Kind::Environment))
        {
            wrong.push(format!("{problems:?} is no problem of the input"));
        }
    }
    let n_chars = line.chars().count();
    // The longest names are the user's own; the command line cuts the line there.
    if n_chars > LINE_LEN_MAX && case.class != Class::Name {
        wrong.push(format!("a line of {n_chars} characters"));
    }
    wrong.extend(outside(&store, &result));
    wrong
}

/// Names that were opened or written and are none of the input's.
fn outside(store: &Recorded<'_>, result: &Result<Vec<(String, Bytes)>, Problems>) -> Vec<String> {
    let opened = store.outside().map(|name| format!("opened {name:?}"));
    let files = result.as_deref().unwrap_or_default();
    let written = files.iter().find(|(name, _)| !is_inside(name));
    let leaked = files.iter().find(|(_, bytes)| bytes.windows(8).any(|w| w == b"a secret"));
    opened
        .into_iter()
        .chain(written.map(|(name, _)| format!("wrote {name:?}")))
        .chain(leaked.map(|(name, _)| format!("{name:?} holds bytes of another file")))
        .collect()
}

/// As graphs they are refused or converted; which of both, and in which words, depends on the part
/// of the graph that is asked for.
#[test]
fn hostile_saved_models_as_graphs_do_no_harm() {
    let mut n_refused = 0;
    let cases = checkpoints::cases();
    for case in &cases {
        let store = Recorded::with_bait(&case.store, b"a secret of the user");
        let options = ConvertOptions {
            output_format: Some(OutputFormat::TfjsGraphModel),
            ..ConvertOptions::default()
        };
        let result = outcome(&store, &options);
        if let Err(problems) = &result {
            check_problems(problems);
            n_refused += 1;
        }
        assert_eq!(outside(&store, &result), [""; 0], "{}", case.id);
    }
    assert!(n_refused * 2 > cases.len(), "only {n_refused} of {} are refused", cases.len());
}

#[test]
fn every_hostile_input_is_refused_in_one_line() {
    let cases = all();
    let mut broken = Vec::new();
    let mut by_class: BTreeMap<Class, usize> = BTreeMap::new();
    for case in &cases {
        *by_class.entry(case.class).or_default() += 1;
        broken.extend(look(case).into_iter().map(|wrong| format!("{}: {wrong}", case.id)));
    }
    assert!(broken.is_empty(), "{} findings:\n  {}", broken.len(), broken.join("\n  "));
    let mut ids: Vec<&str> = cases.iter().map(|case| case.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), cases.len(), "two cases have one name");
    assert!(cases.len() >= 200, "only {} cases", cases.len());
    assert!(by_class.len() == 10 && by_class.values().all(|n| *n >= 3), "{by_class:?}");
}
