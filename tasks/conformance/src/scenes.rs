//! What TensorFlow gives for small graphs that keep something or run functions, as
//! `tasks/oracle/record_scenes.py` recorded it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::fixtures;

/// A graph, and what its runs give one after the other; all texts are in the engine's text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// File and line.
    pub place: String,
    /// What it is about.
    pub name: String,
    /// Files that the graph reads, as attributes: a path and its bytes.
    pub files: String,
    /// The model, whose signature is `f`.
    pub model: String,
    /// Its runs.
    pub runs: Vec<SceneRun>,
}

/// One run of a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneRun {
    /// The inputs.
    pub inputs: String,
    /// The outputs; `None` when TensorFlow refuses.
    pub outputs: Option<String>,
}

impl Scene {
    /// The ops of all its nodes.
    pub fn ops(&self) -> BTreeSet<String> {
        let mut ops = BTreeSet::new();
        // Text in quotes is no node: every second piece between quotes.
        for piece in self.model.replace("\\\"", "").split('"').step_by(2) {
            for (i, _) in piece.match_indices(" = ") {
                let word = piece[i + 3..].split(|c: char| !c.is_alphanumeric() && c != '_');
                let word = word.into_iter().next().unwrap_or_default();
                if piece[i + 3 + word.len()..].starts_with('(') {
                    ops.insert(word.to_owned());
                }
            }
        }
        ops
    }
}

/// Every recorded scene, in the order of the files.
///
/// # Panics
/// When there is no file, or a line has not an output to each input.
pub fn scenes() -> Vec<Scene> {
    let folder = fixtures::root().join("scenes");
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a listed file").path()).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let file_name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file_name}: {e}"));
        for (i, line) in text.lines().enumerate() {
            let place = format!("{file_name}:{}", i + 1);
            let parts: Vec<&str> = line.split('\t').collect();
            let [name, files, model, runs @ ..] = &parts[..] else {
                panic!("{place} has {} texts", parts.len())
            };
            let (runs, rest) = runs.as_chunks::<2>();
            assert!(rest.is_empty() && !runs.is_empty(), "{place} has a run without outputs");
            let run = |[inputs, outputs]: &[&str; 2]| SceneRun {
                inputs: (*inputs).to_owned(),
                outputs: (!outputs.starts_with('!')).then(|| (*outputs).to_owned()),
            };
            let [name, files, model] = [name, files, model].map(|text| (*text).to_owned());
            all.push(Scene { place, name, files, model, runs: runs.iter().map(run).collect() });
        }
    }
    all
}

/// In how many scenes each op is.
pub fn n_scenes() -> BTreeMap<String, usize> {
    let mut n = BTreeMap::new();
    scenes().iter().flat_map(Scene::ops).for_each(|op| *n.entry(op).or_default() += 1);
    n
}
