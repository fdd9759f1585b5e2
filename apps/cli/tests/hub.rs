//! Handles of TensorFlow Hub, frozen graphs and cuts, as a user types them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use tensorferry_conformance::manifest::source_cases;

fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tensorferry"));
    command.env("TFHUB_CACHE_DIR", dir.join("cache")).current_dir(dir).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Serves one archive for every path, as often as asked.
fn serve(archive: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                archive.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &archive].concat());
        }
    });
    url
}

fn packed(folder: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    builder.append_dir_all(".", folder).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_handle_converts_to_what_its_folder_does() {
    let case = source_cases().into_iter().find(|case| case.id.starts_with("tf1_mlp")).unwrap();
    let folder = case.input_path().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = serve(packed(&folder)) + "/google/model/1";
    let folder = folder.to_str().unwrap();
    for (input, output) in [(url.as_str(), "first"), (&url, "again"), (folder, "folder")] {
        let args = ["convert", "--input-format=tf_hub", input, output];
        let found = run(dir.path(), &args);
        assert!(found.status.success(), "{}", text(&found.stderr));
        let is_told = text(&found.stderr).contains("sha256 ");
        assert_eq!(is_told, output == "first", "{}", text(&found.stderr));
    }
    for file in fs::read_dir(dir.path().join("folder")).unwrap() {
        let name = file.unwrap().file_name();
        let read = |folder: &str| fs::read(dir.path().join(folder).join(&name)).unwrap();
        assert!(read("first") == read("folder") && read("again") == read("folder"), "{name:?}");
    }
    let found = run(dir.path(), &["inspect", "gs://bucket/model"]);
    assert_eq!(found.status.code(), Some(2));
    assert!(text(&found.stderr).contains("Google Cloud Storage"), "{}", text(&found.stderr));
}

#[test]
fn a_frozen_graph_is_cut_explained_and_run() {
    let dir = tempfile::tempdir().unwrap();
    let graph =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tasks/agreement/tests/data/frozen.pbtxt");
    let args = [
        "convert",
        "--output_node_names=y",
        "--input_node_names=double",
        "--explain",
        graph,
        "out",
    ];
    let found = run(dir.path(), &args);
    assert!(found.status.success(), "{}", text(&found.stderr));
    let told = text(&found.stdout);
    assert!(told.contains("pass     cut_graph: "), "{told}");
    assert!(told.contains("dropped  input `x`: nothing needs it any more"), "{told}");
    let found = run(dir.path(), &["inspect", "--json", "out"]);
    let value: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert!(value.to_string().contains("double"), "{value}");
    let found =
        run(dir.path(), &["bench", "--json", "--runs=1", "--warmup=0", "--shape=x=1,4", graph]);
    assert!(found.status.success(), "{}", text(&found.stderr));
    let args = ["bench", "--runs=1", "--warmup=0", "--max-bytes=1000", "--shape=x=1,1000", graph];
    let found = run(dir.path(), &args);
    assert_eq!(found.status.code(), Some(2));
    assert!(text(&found.stderr).contains("over 1000"), "{}", text(&found.stderr));
}
