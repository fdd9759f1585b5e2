//! Every SavedModel, frozen graph and hub module of the oracle: converted, run, compared.
//!
//! `docs/graphs.md` is written from what this test finds; `BLESS=1` rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::{env, fs};

use tensorferry_agreement::graphs::{Outcome, ops_of, options_of, outcome};
use tensorferry_conformance::fixtures::repository;
use tensorferry_conformance::manifest::{Case, Should, source_cases};

/// So many results compute TensorFlow's numbers in our engine; fewer is a mistake.
const AGREEING_MIN: usize = 450;

struct Row {
    id: String,
    nodes: BTreeMap<String, usize>,
    reference: BTreeMap<String, usize>,
    verdict: String,
}

#[derive(Default)]
struct Found {
    n_agreeing: usize,
    rows: Vec<Row>,
    refused: Vec<String>,
    wrong: Vec<String>,
}

fn look(case: &Case, found: &mut Found) {
    let Some(options) = options_of(case).filter(|_| !case.quantized) else { return };
    let Some(outcome) = outcome(case, &options) else { return };
    let (files, verdict) = match outcome {
        Outcome::Agrees(files) => (files, String::new()),
        Outcome::Differs(files, what) => (files, what.replace(['\n', '|'], " ")),
        Outcome::Refused(problems) => {
            let what = problems.0[0].to_string().replace(['\n', '|'], " ");
            if case.should == Should::Success {
                found.wrong.push(format!("{}: refused: {what}", case.id));
            }
            return found.refused.push(format!("{}: {what}", case.id));
        }
    };
    found.n_agreeing += usize::from(verdict.is_empty());
    found.rows.push(Row {
        id: case.id.clone(),
        nodes: ops_of(&files),
        reference: case.reference_ops.clone(),
        verdict,
    });
}

#[test]
fn tensorflow_graphs_compute_the_same_once_converted() {
    let mut found = Found::default();
    source_cases().iter().for_each(|case| look(case, &mut found));
    scoreboard(&found);
    assert!(found.wrong.len() <= WRONG_MAX, "refused:\n{}", found.wrong.join("\n"));
    let differing: Vec<String> = found
        .rows
        .iter()
        .filter(|row| !row.verdict.is_empty())
        .map(|row| format!("{}: {}", row.id, row.verdict))
        .collect();
    assert!(
        found.n_agreeing >= AGREEING_MIN,
        "only {} agree:\n{}",
        found.n_agreeing,
        differing.join("\n")
    );
}

/// Cases that should be converted and are refused; they are listed in `docs/graphs.md`.
const WRONG_MAX: usize = 4;

fn scoreboard(found: &Found) {
    let total = |ops: &BTreeMap<String, usize>| ops.values().sum::<usize>();
    let compared = || found.rows.iter().filter(|row| !row.reference.is_empty());
    let (ours, theirs): (usize, usize) =
        compared().fold((0, 0), |(a, b), row| (a + total(&row.nodes), b + total(&row.reference)));
    let n_more = compared().filter(|row| total(&row.nodes) > total(&row.reference)).count();
    let mut text = format!(
        "# Graphs\n\nWritten by `tasks/agreement/tests/graphs.rs`; run it with `BLESS=1`.\n\n\
         {} graphs are converted; {} of them compute TensorFlow's numbers in our engine.\n\
         {ours} nodes where the reference has {theirs}; more than the reference's in {n_more} graphs.\n\n\
         Nodes of functions are counted. *more of*: ops of which our graph has more nodes than the \
         reference's.\n\n| case | nodes | reference | more of | engine |\n| --- | --- | --- | --- | --- |\n",
        found.rows.len(),
        found.n_agreeing,
    );
    for row in &found.rows {
        let reference = match total(&row.reference) {
            0 => String::new(),
            n => n.to_string(),
        };
        let more: Vec<String> = row
            .nodes
            .iter()
            .filter(|_| !row.reference.is_empty())
            .filter_map(|(op, n)| {
                let theirs = row.reference.get(op).copied().unwrap_or(0);
                (*n > theirs).then(|| format!("{op} {n}:{theirs}"))
            })
            .collect();
        let verdict = if row.verdict.is_empty() { "agrees" } else { &row.verdict };
        let (nodes, more) = (total(&row.nodes), more.join(", "));
        writeln!(text, "| {} | {nodes} | {reference} | {more} | {verdict} |", row.id)
            .expect("a string takes all text");
    }
    text.push_str("\n## Refused\n\n");
    found
        .refused
        .iter()
        .for_each(|line| writeln!(text, "- {line}").expect("a string takes all text"));
    let file = repository().join("docs/graphs.md");
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &text).expect("docs/graphs.md can be written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/graphs.md is out of date; run this test with `BLESS=1`");
}
