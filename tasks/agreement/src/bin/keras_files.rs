//! Writes Keras files from TensorFlow.js models into a folder, for real Keras to load.
//!
//! Usage: `keras_files FOLDER`. `cargo xtask oracle-check` calls it.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tensorferry_agreement::keras_files;

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).expect("usage: keras_files FOLDER");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old folder can be removed");
    }
    fs::create_dir_all(&folder).expect("the folder can be made");
    let mut entries = Vec::new();
    for file in keras_files::all() {
        let place = folder.join(&file.name);
        for (name, bytes) in &file.files {
            let path = if name.is_empty() { place.clone() } else { place.join(name) };
            let parent = path.parent().expect("the folder is above it");
            fs::create_dir_all(parent).expect("the folder can be made");
            fs::write(path, bytes).expect("the folder can be written");
        }
        let mut entry = file.calls.clone();
        entry["file"] = json!(file.name);
        entry["is_folder"] = json!(file.is_folder());
        entry["sha256"] = json!(file.sha256());
        entries.push(entry);
    }
    let index = serde_json::to_vec(&json!({ "files": entries })).expect("it is JSON");
    fs::write(folder.join("index.json"), index).expect("the folder can be written");
}
