//! What a user types, and what comes back: exit code, standard output, standard error, files.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tensorferry_conformance::fixtures;

/// A folder with a model and metadata in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let model = fixtures::root().join("models/k2_cnn/model.h5");
        for name in ["model.h5", "my model.h5", "two  spaces.h5", "-dash.h5"] {
            fs::copy(&model, place.path().join(name)).unwrap();
        }
        place.write("labels.json", r#"["cat", "dog"]"#);
        place.write("info.json", r#"{"year": 2024}"#);
        place.write("bad.json", "{not json");
        place.write("file", "x");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tensorferry"));
        command.current_dir(self.path()).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path().join(dir))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One of the commands of spec section 9, cases 1 to 13.
struct Case {
    nr: u32,
    args: &'static [&'static str],
    code: i32,
    /// What standard error says, in part; nothing at all when empty.
    stderr: &'static str,
}

const fn case(nr: u32, args: &'static [&'static str], code: i32, stderr: &'static str) -> Case {
    Case { nr, args, code, stderr }
}

const CASES: &[Case] = &[
    case(1, &["--input_format=keras", "my model.h5", "out"], 0, ""),
    case(2, &["--input_format=keras", "two  spaces.h5", "out"], 0, ""),
    case(3, &[], 2, "error: Missing input_path argument. For usage, use the --help flag."),
    case(3, &["model.h5"], 2, "error: Missing output_path argument."),
    case(4, &["--input=keras", "model.h5", "out"], 0, ""),
    case(4, &["--input", "keras", "--output_f=tfjs_layers_model", "model.h5", "out"], 0, ""),
    case(4, &["--quantize_uint", "model.h5", "out"], 2, "ambiguous option: --quantize_uint could"),
    case(5, &["--quantize_uint8", "model.h5", "out"], 0, ""),
    case(5, &["model.h5", "--quantize_uint8", "out"], 0, ""),
    case(5, &["model.h5", "out", "--quantize_uint8"], 0, ""),
    case(5, &["--quantize_uint8=*", "model.h5", "out"], 0, ""),
    case(5, &["--quantize_uint8", "*/kernel", "model.h5", "out"], 0, ""),
    case(5, &["--quantize_uint8", "--", "model.h5", "out"], 0, ""),
    case(5, &["--quantization_bytes=1", "model.h5", "out"], 0, "deprecated"),
    case(5, &["--quantization_bytes=3", "model.h5", "out"], 2, "error: invalid value '3'"),
    case(
        5,
        &["--quantization_bytes=1", "--quantize_uint8", "model.h5", "out"],
        2,
        "--quantization_bytes cannot be used with the new quantization flags",
    ),
    case(
        5,
        &["--quantize_float16", "--quantize_uint8", "model.h5", "out"],
        2,
        "More than one quantization fallthrough provided",
    ),
    case(6, &["--strip_debug_ops=False", "model.h5", "out"], 0, ""),
    case(6, &["--strip_debug_ops=0", "model.h5", "out"], 0, ""),
    case(6, &["--strip_debug_ops=\"\"", "model.h5", "out"], 0, ""),
    case(6, &["--strip_debug_ops=", "model.h5", "out"], 0, ""),
    case(6, &["--strip_debug_ops=perhaps", "model.h5", "out"], 2, "is neither true nor false"),
    case(6, &["--input_format=keras", "--control_flow_v2=False", "model.h5", "out"], 0, ""),
    case(
        6,
        &["--input_format=keras", "--control_flow_v2=True", "model.h5", "out"],
        2,
        "The --control_flow_v2 flag is applicable only to \"tfjs_graph_model\"",
    ),
    case(7, &["--metadata=labels:labels.json,info:info.json", "model.h5", "out"], 0, ""),
    case(7, &["--metadata=labels.json", "model.h5", "out"], 2, "expected `key:path/file.json`"),
    case(
        7,
        &["--metadata=l:C:\\none.json", "model.h5", "out"],
        2,
        "error: C:\\none.json: metadata",
    ),
    case(
        7,
        &["--metadata=l:bad.json", "model.h5", "out"],
        2,
        "Loading metadata error: the path is",
    ),
    case(
        7,
        &["--metadata=l:none.json", "model.h5", "out"],
        2,
        "none.json: metadata cannot be read",
    ),
    case(
        8,
        &["--weight_shard_size_bytes=0", "model.h5", "out"],
        2,
        "Expected weight_shard_size_bytes to be a positive integer, but got 0",
    ),
    case(8, &["--weight_shard_size_bytes", "-5", "model.h5", "out"], 2, "but got -5"),
    case(8, &["--weight_shard_size_bytes=1.5", "model.h5", "out"], 2, "invalid value '1.5'"),
    case(8, &["--weight_shard_size_bytes=7", "model.h5", "out"], 0, ""),
    case(
        8,
        &[
            "--input_format=tfjs_layers_model",
            "--weight_shard_size_bytes=7",
            "model.json",
            "out.h5",
        ],
        2,
        "The --weight_shard_size_bytes flag is only supported when output_format is",
    ),
    case(9, &["--input_format=onnx", "model.h5", "out"], 2, "invalid value 'onnx'"),
    case(9, &["--output_format=onnx", "model.h5", "out"], 2, "invalid value 'onnx'"),
    case(10, &["model.h5", "file"], 2, "file\" already exists as a file"),
    case(
        11,
        &["--input_format=keras", "--signature_name=x", "model.h5", "out"],
        2,
        "applicable only to \"tf_saved_model\" and \"tf_hub\" input format",
    ),
    case(
        11,
        &["--input_format=tf_frozen_model", "file", "out"],
        2,
        "The --output_node_names flag is required for \"tf_frozen_model\"",
    ),
    case(12, &["--help"], 0, ""),
    case(12, &["--version"], 0, ""),
    case(12, &["--no_such_flag", "model.h5", "out"], 2, "unexpected argument '--no_such_flag'"),
    case(12, &["none.h5", "out"], 2, "error: none.h5: does not exist"),
    case(12, &["file", "out"], 2, "error: file: "),
    case(12, &["http://x.test/model", "out"], 2, "only https addresses are downloaded"),
    case(12, &["--input_format", "keras", "--", "-dash.h5", "out"], 0, ""),
];

#[test]
fn the_references_commands_end_as_they_should() {
    for Case { nr, args, code, stderr: words } in CASES {
        let place = Place::new();
        let mut all = vec!["tensorflowjs_converter"];
        all.extend(*args);
        let output = place.run(&all);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(*code), "case {nr} {args:?}: {said}");
        assert!(said.contains(words), "case {nr} {args:?}: {said}");
        assert!(!words.is_empty() || said.is_empty(), "case {nr} {args:?}: {said}");
        let is_conversion = *code == 0 && args.len() > 1;
        assert_eq!(place.path().join("out/model.json").exists(), is_conversion, "{nr} {args:?}");
        for line in said.lines() {
            let is_ours = ["error: ", "hint: ", "warning: "].iter().any(|w| line.starts_with(w));
            assert!(is_ours && line.chars().count() <= 300, "case {nr} {args:?}: {line}");
        }
    }
}

#[test]
fn old_shards_do_not_stay_behind() {
    // Case 13.
    let place = Place::new();
    assert!(
        place
            .run(&["convert", "model.h5", "out", "--weight-shard-size-bytes=100"])
            .status
            .success()
    );
    assert!(place.names("out").len() > 10);
    assert!(place.run(&["convert", "model.h5", "out", "--single-file"]).status.success());
    assert_eq!(place.names("out"), ["group1-shard1of1.bin", "model.json"]);
}

#[test]
fn booleans_quantization_and_metadata_arrive() {
    let place = Place::new();
    let args = ["convert", "model.h5", "out", "--quantize_uint8", "*/kernel"];
    let output =
        place.run(&[&args[..], &["--metadata", "labels:labels.json,info:info.json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let json = place.json("out/model.json");
    assert_eq!(json["userDefinedMetadata"]["labels"][1], "dog");
    assert_eq!(json["userDefinedMetadata"]["info"]["year"], 2024);
    let weights = json["weightsManifest"][0]["weights"].as_array().unwrap();
    for weight in weights {
        let is_kernel = weight["name"].as_str().unwrap().ends_with("/kernel");
        assert_eq!(weight.get("quantization").is_some(), is_kernel, "{weight}");
    }
    assert!(stdout(&output).contains("max error"), "{}", stdout(&output));
}

#[test]
fn paths_may_be_anything() {
    let place = Place::new();
    let newline = place.path().join("a\nb.h5");
    let no_text = place.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe.h5"));
    let long = place.path().join(format!("{}.h5", "x".repeat(250)));
    for (i, path) in [newline, no_text, long].iter().enumerate() {
        fs::copy(place.path().join("model.h5"), path).unwrap();
        let out = place.path().join(format!("out {i} \u{e4}"));
        let output = place.command().arg("convert").arg(path).arg(&out).output().unwrap();
        assert!(output.status.success(), "{path:?}: {}", stderr(&output));
        assert!(out.join("model.json").exists());
        assert!(!stdout(&output).contains("a\nb"));
    }
    let missing = place.path().join("evil\u{1b}[2J\n.h5");
    let output = place.command().arg("convert").arg(missing).arg("out").output().unwrap();
    let said = stderr(&output);
    assert!(said.contains("evil\\u{1b}[2J\\n.h5") && said.lines().count() == 1, "{said}");
}

#[test]
fn keras_files_are_made_from_their_ending() {
    let place = Place::new();
    assert!(place.run(&["convert", "model.h5", "web"]).status.success());
    for name in ["back.h5", "back.keras"] {
        let output = place.run(&["convert", "web/model.json", name]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(place.path().join(name).is_file());
        let output = place.run(&["inspect", name]);
        assert!(stdout(&output).contains("conv1"), "{}", stdout(&output));
    }
    let output = place.run(&["convert", "web", "web"]);
    assert!(!stderr(&output).contains("internal error"), "{}", stderr(&output));
}

#[test]
fn inspect_shows_layers_weights_values_and_bytes() {
    let place = Place::new();
    for (args, words) in [
        (
            &["model.h5"][..],
            &["conv1 (Conv2D)", "(None, 12, 12, 4)", "conv1/kernel", "Total params: 475"][..],
        ),
        (&["model.h5", "--stats"], &["min", "max", "mean", "-0.603593"]),
        (&["model.h5", "--weight", "conv1/bias"], &["conv1/bias float32 [4]"]),
        (&["model.h5", "--weight", "conv1/kernel", "--hex"], &["67 9b ad bc", "-0.021192266"]),
        (&["model.h5", "--weight=conv1/kernel", "--all"], &["104  "]),
        (&["model.h5", "--hex"], &["conv1/kernel", "probs/bias"]),
    ] {
        let output = place.run(&[&["inspect"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        for word in words {
            assert!(stdout(&output).contains(word), "{args:?}: {}", stdout(&output));
        }
        assert!(!stdout(&output).contains('\u{1b}'), "no colors where no terminal is");
    }
    let output = place.run(&["inspect", "model.h5", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["model"]["n_params"], 475);
    let output = place.run(&["inspect", "model.h5", "--weight=conv1/bias", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["values"].as_array().unwrap().len(), 4);
    let output = place.run(&["inspect", "model.h5", "--weight=conv1/bia"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `conv1/bias`?"), "{}", stderr(&output));
}

#[test]
fn reports_and_errors_are_json_when_asked() {
    let place = Place::new();
    let output = place.run(&["convert", "model.h5", "out", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["output_path"], "out");
    assert_eq!(json["n_weights"], 10);
    assert!(json["load_with"].as_str().unwrap().contains("loadLayersModel"));
    for args in [&["convert", "none.h5", "out"][..], &["convert", "--none"]] {
        let output = place.run(&[&["--error-format=json"], args].concat());
        assert_eq!(output.status.code(), Some(2));
        let json: serde_json::Value =
            serde_json::from_str(stderr(&output).lines().next().unwrap()).unwrap();
        assert_eq!(json["level"], "error");
    }
    let output = place.run(&["convert", "--quiet", "model.h5", "out"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    let output = place.run(&["convert", "--color=always", "model.h5", "out"]);
    assert!(stdout(&output).contains("\u{1b}["));
}

#[test]
fn help_fits_on_a_screen_and_a_closed_pipe_is_silence() {
    let place = Place::new();
    let output = place.run(&["convert", "-h"]);
    assert!(stdout(&output).lines().count() <= 60, "{}", stdout(&output));
    for args in
        [&["convert", "--help"][..], &["inspect", "model.h5"], &["completions", "bash"], &["man"]]
    {
        let mut child = place
            .command()
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(stderr(&output), "", "{args:?}");
    }
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage: tensorferry"));
}

#[test]
fn the_name_it_is_called_by_decides() {
    let place = Place::new();
    fs::create_dir(place.path().join("bin")).unwrap();
    for _ in 0..2 {
        let output = place.run(&["aliases", "--install", "bin"]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(place.names("bin"), ["tensorflowjs_converter", "tensorflowjs_wizard"]);
    let converter = place.path().join("bin/tensorflowjs_converter");
    let output = Command::new(&converter).arg("--version").output().unwrap();
    assert!(stdout(&output).starts_with("\ntensorflowjs 4.22.0\n\nDependency versions:\n  "));
    let output = Command::new(&converter)
        .args(["--input_format", "keras", "model.h5", "out"])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let output = place.run(&["--version"]);
    assert!(stdout(&output).starts_with("tensorferry "));
}

#[test]
fn the_wizard_asks_and_prints_the_command() {
    let place = Place::new();
    for (answers, is_dry, expected) in [
        (
            "none.h5\nmy model.h5\n1\n4\n*/kernel\n\n\nout\n",
            true,
            "tensorflowjs_converter '--quantize_uint8=*/kernel' 'my model.h5' out\n",
        ),
        (
            "model.h5\n\n\nsingle\n\nout\n",
            false,
            "tensorflowjs_converter --single_file model.h5 out\n",
        ),
    ] {
        let mut child = place
            .command()
            .arg("tensorflowjs_wizard")
            .args(is_dry.then_some("--dryrun"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains(expected), "{}", stdout(&output));
        assert_eq!(place.path().join("out").exists(), !is_dry);
    }
    let to = |format: &str, input: &str, output: &str| {
        let format = format!("--output-format={format}");
        let output = place.run(&["convert", &format, input, output]);
        assert!(output.status.success(), "{}", stderr(&output));
    };
    to("keras_saved_model", "model.h5", "saved");
    let mut child = place
        .command()
        .args(["wizard", "--dryrun"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"saved\n3\n1\n1\n1\n\n\ngraph\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("Which signature?\n  1) serving_default"));
    let expected = "tensorflowjs_converter --output_format=tfjs_graph_model saved graph\n";
    assert!(stdout(&output).contains(expected), "{}", stdout(&output));
    let output = place.run(&["tensorflowjs_wizard"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the answers ended"), "{}", stderr(&output));
}
