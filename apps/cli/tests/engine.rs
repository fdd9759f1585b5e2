//! `run`, `verify`, `bench` and `convert --verify`, as a user types them, on graphs that TensorFlow ran.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tensorferry_agreement::engine;
use tensorferry_conformance::manifest::{Case, graph_cases};
use tensorferry_store::collect;
use tensorferry_tensor::DenseTensor;

/// Graphs of each kind of number, of text, with tables, loops and several outputs.
const CASES: &[&str] = &[
    "op_bool_input.sm.graph",
    "op_complex.sm.graph",
    "op_conv2d.sm.graph",
    "op_float16.sm.graph",
    "op_int64.sm.graph",
    "op_scalar_io.sm.graph",
    "op_softmax.sm.graph",
    "op_string_passthrough.sm.graph",
    "op_uint8_input.sm.graph",
    "tf1_mlp.sm.graph",
    "tf2_structured_outputs.sm.graph",
    "tf2_table_string_int.sm.graph",
    "tf2_while.sm.graph",
];

fn case(id: &str) -> Case {
    graph_cases().into_iter().find(|case| case.id == id).unwrap_or_else(|| panic!("no {id}"))
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn npy(&self, name: &str, tensor: &DenseTensor) -> String {
        let bytes = collect(tensorferry::write_npy(tensor).as_ref()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
        name.to_owned()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tensorferry"));
        command.current_dir(self.0.path()).args(args).output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a refusal says.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn load(path: &Path) -> DenseTensor {
    tensorferry::read_npy(&fs::read(path).unwrap().into()).unwrap()
}

#[test]
fn recorded_graphs_give_tensorflows_outputs_as_npy() {
    for id in CASES {
        let case = case(id);
        let place = Place::new();
        let golden = case.golden();
        let engine = engine::load(&case).unwrap();
        for (n, call) in engine::calls(&case, &engine).unwrap().iter().enumerate() {
            let out = format!("out{n}");
            let mut args = vec!["run".to_owned(), golden.display().to_string()];
            for (i, (name, tensor)) in call.inputs.iter().enumerate() {
                let file = place.npy(&format!("in{i}.npy"), tensor);
                args.extend(["--input".to_owned(), format!("{name}={file}")]);
            }
            args.extend(["--output".to_owned(), out.clone()]);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let table = place.ok(&args);
            for (name, expected) in &call.outputs {
                let file = place.path(&out).join(format!("{}.npy", name.replace(['/', ':'], "_")));
                let wrong = engine::difference(&case, expected, &load(&file));
                assert_eq!(wrong, None, "{id}: {name}");
                assert!(table.contains(name.as_str()), "{id}: {table}");
            }
        }
    }
}

/// The golden of a case with one input, and that input.
fn one_input(id: &str) -> (String, DenseTensor) {
    let case = case(id);
    let engine = engine::load(&case).unwrap();
    let call = engine::calls(&case, &engine).unwrap().remove(0);
    (case.golden().display().to_string(), call.inputs[0].1.clone())
}

fn softmax() -> (String, DenseTensor) {
    one_input("op_softmax.sm.graph")
}

#[test]
fn the_name_of_the_only_input_may_be_left_out_and_npz_has_names() {
    let (model, input) = softmax();
    let place = Place::new();
    place.npy("in.npy", &input);
    place.ok(&["run", &model, "--input", "in.npy", "--output", "a"]);
    let entry = ("x.npy".to_owned(), tensorferry::write_npy(&input));
    let zip = tensorferry_archive::write(&[entry]).unwrap();
    fs::write(place.path("in.npz"), collect(zip.as_ref()).unwrap()).unwrap();
    place.ok(&["run", &model, "-i", "in.npz", "-o", "b"]);
    let names = |folder: &str| {
        let mut names: Vec<_> =
            fs::read_dir(place.path(folder)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("a"), names("b"));
    for name in names("a") {
        assert_eq!(load(&place.path("a").join(&name)), load(&place.path("b").join(&name)));
    }
    // Nothing is mixed with what is there, and nothing is left behind.
    let error = place.refused(&["run", &model, "--input", "in.npy", "--output", "a"]);
    assert!(error.contains("the output folder is not empty"), "{error}");
}

#[test]
fn classes_are_named() {
    let (model, input) = one_input("tf1_mlp.sm.graph");
    let rows = input.shape()[0];
    let place = Place::new();
    place.npy("in.npy", &input);
    let labels: Vec<String> = (0..3).map(|i| format!("class number {i}")).collect();
    fs::write(place.path("labels.txt"), labels.join("\n")).unwrap();
    // The scores are probabilities, so they are shown unasked.
    let said = place.ok(&["run", &model, "-i", "in.npy"]);
    assert_eq!(said.matches("probs, row ").count(), rows, "{said}");
    let said = place.ok(&["run", &model, "-i", "in.npy", "--labels", "labels.txt", "--top", "2"]);
    assert_eq!(said.matches("class number").count(), 2 * rows, "{said}");
    let json = place.ok(&["run", &model, "-i", "in.npy", "--json", "--top", "1"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outputs"][0]["dtype"], "float32");
    let best = |row: usize| json["classes"][row]["best"][0]["score"].as_f64().unwrap();
    let highest = (0..rows).map(best).fold(0.0, f64::max);
    assert!((highest - json["outputs"][0]["max"].as_f64().unwrap()).abs() < 1e-6, "{json}");
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_nothing_is_written() {
    let (model, input) = softmax();
    let place = Place::new();
    place.npy("in.npy", &input);
    place.npy("other.npy", &DenseTensor::scalar(1.0_f32));
    fs::write(place.path("text.npy"), "no array").unwrap();
    for (args, expected) in [
        (&["run", &model][..], "error: the input `x` is missing"),
        (&["run", &model, "-i", "y=in.npy"], "error: in.npy: the model has no input `y`"),
        (&["run", &model, "-i", "gone.npy"], "error: gone.npy: "),
        (&["run", &model, "-i", "text.npy"], "error: text.npy: the file is no .npy, .npz, .png"),
        (&["run", &model, "-i", "other.npy"], "input x: the shape does not go with the model"),
        (&["run", &model, "-i", "in.npy", "--fetch", "z"], "error: the model has no output `z`"),
        (&["run", &model, "-i", "in.npy", "--resize", "big"], "`--resize big` is no size"),
        (&["run", "nothing"], "error: nothing: "),
        (&["bench", &model, "--shape", "x"], "error: `--shape x` is no shape"),
        (&["verify", &model, "nothing"], "error: nothing: "),
    ] {
        let mut args = args.to_vec();
        if args[0] == "run" {
            args.extend(["--output", "out"]);
        }
        let error = place.refused(&args);
        assert!(error.contains(expected), "{args:?}: {error}");
        assert!(!place.path("out").exists(), "{args:?}");
    }
}

#[test]
fn a_picture_is_an_input() {
    let case = case("op_rgb_to_grayscale.sm.graph");
    let engine = engine::load(&case).unwrap();
    let spec = &engine.inputs()[0];
    assert_eq!(spec.shape.as_ref().unwrap().len(), 4, "{}", spec.shape_text());
    let place = Place::new();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../crates/tensorferry/tests/data/picture.jpg");
    let picture = picture.display().to_string();
    let model = case.golden().display().to_string();
    let args = ["run", &model, "-i", &picture, "--mean", "127.5", "--scale", "127.5", "--json"];
    let json: serde_json::Value = serde_json::from_str(&place.ok(&args)).unwrap();
    let input = &json["inputs"][0];
    assert!(spec.takes(&serde_json::from_value::<Vec<usize>>(input["shape"].clone()).unwrap()));
    let (min, max) = (input["min"].as_f64().unwrap(), input["max"].as_f64().unwrap());
    assert!((-1.0..=1.0).contains(&min) && (-1.0..=1.0).contains(&max) && min < max, "{input}");
}

#[test]
fn a_conversion_is_verified_on_request() {
    let case = case("tf1_mlp.sm.graph");
    let model = case.golden().display().to_string();
    let place = Place::new();
    let said = place.ok(&["convert", &model, "same", "--verify", "--weight-shard-size-bytes=64"]);
    assert!(said.contains("same") && said.contains("max abs"), "{said}");
    assert!(place.ok(&["verify", &model, "same"]).contains("same"));
    let said = place.ok(&["convert", &model, "coarse", "--verify", "--quantize-uint8"]);
    assert!(said.contains("differs"), "{said}");
    let error = place.refused(&["verify", &model, "coarse"]);
    assert!(error.contains("the converted model computes something else"), "{error}");
    let json = place.ok(&["verify", &model, "coarse", "--tolerance", "1", "--json", "--seed=7"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["outputs"][0]["max_abs"].as_f64().unwrap() > 1e-4, "{json}");
    // Another model is no conversion of this one.
    let error = place.refused(&["verify", &model, &softmax().0]);
    assert!(error.starts_with("error: "), "{error}");
}

#[test]
fn keras_files_run_and_their_conversions_compute_the_same() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let place = Place::new();
    let x = DenseTensor::new(&[2, 1], vec![10.0_f64, -1.0]);
    place.npy("x.npy", &x);
    for name in ["tutorial.h5", "tutorial.keras"] {
        let model = examples.join(name).display().to_string();
        let out = format!("{name}.out");
        place.ok(&["run", &model, "-i", "x.npy", "-o", &out]);
        let file = fs::read_dir(place.path(&out)).unwrap().next().unwrap().unwrap().path();
        let y = load(&file).to_f64().unwrap();
        // It learned y = 2x - 1.
        assert!((y[0] - 19.0).abs() < 0.2 && (y[1] + 3.0).abs() < 0.2, "{y:?}");
        let web = format!("{name}.web");
        let said = place.ok(&["convert", &model, &web, "--verify"]);
        assert!(said.contains("3 inputs"), "{said}");
        place.ok(&["verify", &model, &web, "--tolerance", "0"]);
    }
}

#[test]
fn a_model_is_measured() {
    let (model, _) = softmax();
    let place = Place::new();
    let said = place.ok(&["bench", &model, "--runs", "3", "--warmup", "1"]);
    assert!(said.contains("median") && said.contains("Softmax"), "{said}");
    let json = place.ok(&["bench", &model, "--runs", "3", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["runs_ms"].as_array().unwrap().len(), 3);
    assert!(json["median_ms"].as_f64().unwrap() > 0.0 && json["first_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(json["ops"].as_array().unwrap().iter().filter(|o| o["op"] == "Softmax").count(), 1);
    if cfg!(target_os = "linux") {
        assert!(json["peak_bytes"].as_u64().unwrap() > 1 << 20);
    }
}
