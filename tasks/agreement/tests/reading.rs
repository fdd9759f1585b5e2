//! Ways to give a model: as text, packed, frozen, cut. Numbers are cases of the specification.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tensorferry::engine::{Engine, EngineOptions};
use tensorferry::{ConvertOptions, GraphOptions, OutputFormat};
use tensorferry_agreement::run::{convert, store_of};
use tensorferry_conformance::layers_model::Files;
use tensorferry_conformance::manifest::source_cases;
use tensorferry_store::{MemoryStore, Store, read_all};
use tensorferry_tensor::DenseTensor;

/// `y = 2 x + 1` and `z = split(x)`, as TensorFlow prints a GraphDef; one node is for nothing.
const FROZEN: &str = include_str!("data/frozen.pbtxt");

fn options(outputs: &[&str], inputs: &[&str]) -> ConvertOptions {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let graph = GraphOptions {
        output_node_names: list(outputs),
        input_node_names: list(inputs),
        ..GraphOptions::default()
    };
    ConvertOptions {
        output_format: Some(OutputFormat::TfjsGraphModel),
        graph,
        ..Default::default()
    }
}

fn run(files: &Files, inputs: &[(&str, &[f32])]) -> Vec<(String, Vec<f64>)> {
    let store = files.iter().fold(MemoryStore::folder("model"), |store, (name, bytes)| {
        store.with(name.clone(), bytes.clone())
    });
    let mut engine = Engine::load(&store, &EngineOptions::default()).unwrap();
    let tensor = |numbers: &[f32]| DenseTensor::new(&[1, numbers.len()], numbers.to_vec());
    let inputs: Vec<(String, DenseTensor)> =
        inputs.iter().map(|(name, numbers)| ((*name).to_owned(), tensor(numbers))).collect();
    let outputs = engine.run(&inputs, &[]).unwrap();
    outputs.into_iter().map(|(name, tensor)| (name, tensor.to_f64().unwrap())).collect()
}

fn frozen() -> MemoryStore {
    MemoryStore::file("frozen.pbtxt", FROZEN.as_bytes().to_vec())
}

/// TensorFlow reads `saved_model.pbtxt` where there is no `saved_model.pb`.
#[test]
fn a_saved_model_in_text_converts_to_the_same_bytes() {
    let model = |name: &str, bytes: &[u8]| MemoryStore::folder("model").with(name, bytes.to_vec());
    let bytes = include_bytes!("../../../formats/tf_proto/tests/data/table_saved_model.pb");
    let text = include_bytes!("../../../formats/tf_proto/tests/data/table_saved_model.pbtxt");
    let expected = convert(&model("saved_model.pb", bytes), &options(&[], &[])).unwrap().files;
    let found = convert(&model("saved_model.pbtxt", text), &options(&[], &[])).unwrap().files;
    assert!(expected == found);
    let broken = model("saved_model.pbtxt", b"node { }");
    let error = convert(&broken, &options(&[], &[])).err().unwrap();
    assert!(error.to_string().contains("tensorflow.SavedModel has no field `node`"), "{error}");
}

/// Case 66: text, `name:1`, spaces in the list, a node that is missing.
#[test]
fn case_66_a_frozen_graph_in_text_with_any_of_its_nodes() {
    let x: &[(&str, &[f32])] = &[("x", &[1.0, 2.0])];
    let files = convert(&frozen(), &options(&["y"], &[])).unwrap().files;
    assert_eq!(run(&files, x), [("y".to_owned(), vec![3.0, 5.0])]);
    let files = convert(&frozen(), &options(&["split:1", " double"], &[])).unwrap().files;
    let both = [("split:1".to_owned(), vec![2.0]), ("double".to_owned(), vec![2.0, 4.0])];
    assert_eq!(run(&files, x), both);
    let error = convert(&frozen(), &options(&["y", "none", "split:7"], &[])).err().unwrap();
    assert!(error.to_string().contains("the graph has no node `none`"), "{error}");
    let error = convert(&frozen(), &options(&[], &[])).err().unwrap();
    assert!(error.0[0].hint.as_deref().unwrap().contains("--output_node_names"), "{error}");
    // Text by its content, whatever the file is called; and the place of what is wrong in it.
    let store = MemoryStore::file("graph.pb", FROZEN.as_bytes().to_vec());
    assert!(convert(&store, &options(&["y"], &[])).is_ok());
    let broken = FROZEN.replace("DT_FLOAT", "DT_FLOOT");
    let store = MemoryStore::file("frozen.pbtxt", broken.into_bytes());
    let error = convert(&store, &options(&["y"], &[])).err().unwrap();
    assert!(error.to_string().contains("line 7, column 13: `DT_FLOOT` is not known"), "{error}");
}

#[test]
fn a_frozen_graph_is_cut_at_inputs() {
    let files = convert(&frozen(), &options(&["y"], &["double"])).unwrap().files;
    assert_eq!(run(&files, &[("double", &[7.0])]), [("y".to_owned(), vec![8.0])]);
    let error = convert(&frozen(), &options(&["y"], &["split"])).err().unwrap();
    assert!(error.to_string().contains("the graph has no node `split`"), "{error}");
}

/// It says nothing of its outputs: those are the nodes that nobody reads, and any others on request.
#[test]
fn a_frozen_graph_runs_as_it_is() {
    let mut engine = Engine::load(&frozen(), &EngineOptions::default()).unwrap();
    let names: Vec<String> = engine.outputs().iter().map(|output| output.name.clone()).collect();
    assert_eq!(names, ["y", "split"]);
    let inputs = [("x".to_owned(), DenseTensor::new(&[1, 2], vec![1.0_f32, 2.0]))];
    let outputs = engine.run(&inputs, &["double".to_owned()]).unwrap();
    assert_eq!(outputs[0].1.to_f64().unwrap(), [2.0, 4.0]);
}

fn tar_gz(store: &MemoryStore, prefix: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for entry in store.list().unwrap() {
        let bytes = read_all(store.open(&entry.name).unwrap().as_ref()).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{prefix}{}", entry.name), &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Case 70, and archives: what is packed converts to the same bytes as its folder.
#[test]
fn case_70_hub_modules_as_folders_and_archives() {
    let mut n_modules = 0;
    let mut n_with_mark = 0;
    for case in source_cases() {
        if case.input_format.as_deref() != Some("tf_hub") || n_modules >= 6 {
            continue;
        }
        let Some(path) = case.input_path() else { continue };
        let folder = store_of(&path);
        // One of them is an archive already.
        if folder.open("saved_model.pb").is_err() {
            assert!(convert(&folder, &options(&[], &[])).is_ok(), "{}", case.id);
            continue;
        }
        let Ok(expected) = convert(&folder, &options(&[], &[])) else { continue };
        n_with_mark += usize::from(folder.open("tfhub_module.pb").is_ok());
        for prefix in ["./", "module/"] {
            let archive = MemoryStore::file("module.tar.gz", tar_gz(&folder, prefix));
            let found = convert(&archive, &options(&[], &[])).unwrap();
            assert!(found.files == expected.files, "{} {prefix}", case.id);
            Engine::load(&archive, &EngineOptions::default()).unwrap();
        }
        n_modules += 1;
    }
    assert!(n_modules >= 2 && n_with_mark >= 1, "{n_modules} modules, {n_with_mark} of TF1");
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(b"<html>").unwrap();
    let page = MemoryStore::file("module.tar.gz", gz.finish().unwrap());
    assert!(convert(&page, &options(&[], &[])).is_err());
}
