//! Every command that the oracle gave to the reference, given to ours under its name.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tensorferry_conformance::fixtures;
use tensorferry_conformance::manifest::{Case, Should, cases};

/// Cases that end otherwise than the oracle judged: the exit code, and why that is right.
const OTHERWISE: &[(&str, i32, &str)] = &[
    ("cli.saved_model_to_layers", 0, "the SavedModel is Keras's, so it has layers"),
    ("cli.keras_keras_wrong_extension", 0, "the bytes tell what the file is"),
    ("k2_cnn.h5.from_layers.err_dir", 0, "a folder with a model.json is meant"),
    (
        "k2_mlp.weights.from_layers.keras_keras",
        2,
        "weights without a model make no .keras file; its sister cases are judged so",
    ),
];

/// The folder in which a case runs, as the oracle laid it out.
struct Place(PathBuf);

impl Place {
    fn new(case: &Case) -> Self {
        let place = fixtures::target().join("cli-cases").join(&case.id);
        if place.exists() {
            fs::remove_dir_all(&place).unwrap();
        }
        fs::create_dir_all(place.join("in")).unwrap();
        for (name, text) in [
            ("labels.json", r#"["cat", "dog", "bird", "fish", "other"]"#),
            ("info.json", r#"{"author": "oracle", "year": 2024}"#),
            ("bad.json", "{not json"),
        ] {
            fs::write(place.join("in").join(name), text).unwrap();
        }
        if let Some(input) = case.input_path() {
            let name = input.file_name().unwrap().to_string_lossy().into_owned();
            copy(&input, &place.join("in").join(case.copy_as.as_ref().unwrap_or(&name)));
        }
        // The program looks at the name that it was called by.
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tensorferry"), place.join(PROGRAM)).unwrap();
        Self(place)
    }

    fn run(&self, args: &[String]) -> Output {
        Command::new(self.0.join(PROGRAM)).args(args).current_dir(&self.0).output().unwrap()
    }

    fn outputs(&self) -> Vec<&'static str> {
        ["out", "out.h5", "out.keras"]
            .into_iter()
            .filter(|name| self.0.join(name).exists())
            .collect()
    }
}

const PROGRAM: &str = "tensorflowjs_converter";

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that stays behind is no failure.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// What is wrong with how the command ended.
fn judge(case: &Case) -> Option<String> {
    let place = Place::new(case);
    let mut args = case.args.clone();
    let is_conversion = case.input.is_some();
    if is_conversion {
        args.insert(0, "--allow-unloadable-layers".to_owned());
    }
    let output = place.run(&args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = stderr.lines().last().unwrap_or_default().to_owned();
    let code = output.status.code();
    let otherwise = OTHERWISE.iter().find(|(id, ..)| *id == case.id);
    let wanted: &[i32] = match case.should {
        Should::Success => &[0],
        Should::Error => &[2],
        Should::Either | Should::Any => &[0, 2],
    };
    let wanted = otherwise.map_or(wanted, |(_, code, _)| std::slice::from_ref(code));
    if !code.is_some_and(|code| wanted.contains(&code)) {
        return Some(format!("{}: exit code {code:?}: {told}", case.id));
    }
    let outputs = place.outputs();
    if code == Some(0) && is_conversion && outputs.is_empty() {
        return Some(format!("{}: exit code 0 and no output", case.id));
    }
    if code == Some(2) && !outputs.is_empty() {
        return Some(format!("{}: refused and left {outputs:?} behind", case.id));
    }
    if code == Some(2) && !stderr.contains("error: ") {
        return Some(format!("{}: refused without a word", case.id));
    }
    None
}

#[test]
fn every_recorded_command_ends_as_it_should() {
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.input_path().is_none_or(|path| path.exists()))
        .filter(|case| {
            case.input_format.as_deref() != Some("tf_saved_model") || case.id.starts_with("cli.")
        })
        .collect();
    assert!(cases.len() > 450, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(judge).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n  {}",
        wrong.len(),
        cases.len(),
        wrong.join("\n  ")
    );
}
