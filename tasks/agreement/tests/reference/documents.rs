//! The documents that tests write, and the first of them: the rules and the cases that need them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use tensorferry_conformance::fixtures;
use tensorferry_conformance::manifest::{Case, environments};

use crate::Verdict;
use crate::coverage;
use crate::differences::RULES;

/// A rule that more cases need only says how many.
const LISTED_MAX: usize = 60;

/// Compares the documents with what the cases say, or rewrites them under `BLESS=1`.
pub(crate) fn check(verdicts: &BTreeMap<String, (Case, Verdict)>) {
    compare("differences.md", &differences(verdicts));
    compare("coverage.md", &coverage::document(verdicts));
}

fn compare(name: &str, text: &str) {
    let path = fixtures::repository().join("docs").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).expect("docs/ can be written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "docs/{name} is out of date: run `BLESS=1 cargo test`");
}

fn differences(verdicts: &BTreeMap<String, (Case, Verdict)>) -> String {
    let mut text = String::from(
        "# Where our output differs from the reference's\n\n\
         Written by the tests of `tasks/agreement`; do not edit (`BLESS=1 cargo test` rewrites it).\n\n",
    );
    for (name, versions) in environments() {
        let list: Vec<String> = ["tensorflowjs", "tensorflow", "keras", "numpy"]
            .iter()
            .filter_map(|package| Some(format!("{package} {}", versions.get(*package)?)))
            .collect();
        writeln!(text, "- `{name}`: {}", list.join(", ")).expect("a String takes it");
    }
    let count = |wanted: fn(&Verdict) -> bool| verdicts.values().filter(|v| wanted(&v.1)).count();
    writeln!(
        text,
        "\n{} cases that end in a layers model. Equal to the reference (weight bytes equal, \
         `model.json` equal as JSON) but for `converted-by`: {}. Equal but for more of the rules \
         below: {}. Converted where the \
         reference fails: {}. Refused, as the reference does or should: {}.\n\nA rule undoes one \
         difference and nothing else; a case passes only when the rules listed for it leave no \
         difference at all, and when none of them can be left out.",
        verdicts.len(),
        count(|v| matches!(v, Verdict::Agrees(rules) if rules.len() <= 1)),
        count(|v| matches!(v, Verdict::Agrees(rules) if rules.len() > 1)),
        count(|v| *v == Verdict::Converted),
        count(|v| *v == Verdict::Refused),
    )
    .expect("a String takes it");
    for rule in RULES {
        let ids: Vec<&str> = verdicts
            .iter()
            .filter(|(_, (_, v))| matches!(v, Verdict::Agrees(rules) if rules.contains(&rule.id)))
            .map(|(id, _)| id.as_str())
            .collect();
        assert!(!ids.is_empty(), "no case needs the rule `{}`: remove it", rule.id);
        let list = match ids.len() {
            1..=LISTED_MAX => format!(": `{}`", ids.join("`, `")),
            _ => String::new(),
        };
        write!(
            text,
            "\n## `{}`: {}\n\n{}\n\nCases: {}{list}.\n",
            rule.id,
            rule.title,
            rule.reason,
            ids.len()
        )
        .expect("a String takes it");
    }
    text
}
