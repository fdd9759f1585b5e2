//! Every Keras case of the oracle: our output beside the reference's, each difference accounted for.

mod coverage;
mod differences;
mod documents;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tensorferry::ConvertOptions;
use tensorferry_conformance::layers_model::{self, WrittenModel};
use tensorferry_conformance::manifest::{Case, Should, cases};
use tensorferry_diagnostics::Kind;

use crate::differences::{Pair, explain};
use tensorferry_agreement::run::{convert, options_of, store_of};

/// How a case ended.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// Equal to the reference's output, but for the rules with these ids.
    Agrees(Vec<&'static str>),
    /// Converted where the reference failed; there is nothing to compare with.
    Converted,
    /// Refused, as it should or may be.
    Refused,
    /// Neither.
    Wrong(String),
}

/// Cases that are conversions into a layers model and can be asked of the library.
fn layers_cases() -> Vec<(Case, ConvertOptions)> {
    let cases: Vec<_> = cases()
        .into_iter()
        .filter(|case| case.output_format.as_deref() == Some("tfjs_layers_model"))
        .filter(|case| !case.id.starts_with("cli.") && case.input_format.is_some())
        .filter_map(|case| {
            let options = options_of(&case)?;
            Some((case, options))
        })
        .collect();
    assert!(cases.len() > 400, "only {} cases", cases.len());
    cases
}

fn run(case: &Case, options: &ConvertOptions) -> Verdict {
    let store = store_of(&case.input_path().expect("a conversion has an input"));
    // The reference writes layers that TensorFlow.js does not know; so do we when told to.
    let options = ConvertOptions { allow_unloadable_layers: true, ..options.clone() };
    let converted = match catch_unwind(AssertUnwindSafe(|| convert(&store, &options))) {
        Ok(converted) => converted,
        Err(_) => return Verdict::Wrong("panicked".to_owned()),
    };
    match (case.should, converted) {
        (Should::Error | Should::Either | Should::Any, Err(problems)) => {
            match problems.0.iter().find(|problem| problem.kind == Kind::Bug) {
                Some(bug) => Verdict::Wrong(bug.to_string()),
                None => Verdict::Refused,
            }
        }
        (Should::Error, Ok(_)) => Verdict::Wrong("converted, and should be refused".to_owned()),
        (Should::Success, Err(problems)) => Verdict::Wrong(format!("refused: {problems}")),
        (_, Ok(converted)) => {
            let ours = match layers_model::parse(&converted.files) {
                Ok(ours) => ours,
                Err(why) => return Verdict::Wrong(format!("our own output: {why}")),
            };
            if case.reference.status != "success" {
                return Verdict::Converted;
            }
            compare(case, ours)
        }
    }
}

fn compare(case: &Case, ours: WrittenModel) -> Verdict {
    let theirs = layers_model::parse(&layers_model::files_of(&case.golden()))
        .expect("a test of the library reads every golden");
    match explain(&Pair { case, ours, theirs }) {
        Ok(rules) => Verdict::Agrees(rules),
        Err(difference) => Verdict::Wrong(difference),
    }
}

/// Every verdict by the case's id.
fn verdicts() -> BTreeMap<String, (Case, Verdict)> {
    layers_cases()
        .into_iter()
        .map(|(case, options)| {
            let verdict = run(&case, &options);
            (case.id.clone(), (case, verdict))
        })
        .collect()
}

#[test]
fn every_case_agrees_or_differs_for_a_stated_reason() {
    let wrong: Vec<String> = verdicts()
        .iter()
        .filter_map(|(id, (_, verdict))| match verdict {
            Verdict::Wrong(why) => Some(format!("{id}: {why}")),
            Verdict::Agrees(_) | Verdict::Converted | Verdict::Refused => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{} cases:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn the_documents_are_what_the_cases_say() {
    documents::check(&verdicts());
}
