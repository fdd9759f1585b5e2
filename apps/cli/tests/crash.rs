//! Killed at any moment, or racing with others, the program leaves the old model or the new one.
//!
//! `TENSORFERRY_FULL=1` runs the full numbers (500 kills, 200 races).
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tensorferry_conformance::fixtures;

/// What is converted: an input, and two sets of options whose results take turns.
#[derive(Debug, Clone, Copy)]
struct Kind {
    input: &'static str,
    options: [&'static [&'static str]; 2],
}

/// A Keras model as layers.
const LAYERS: Kind = Kind {
    input: "models/k2_cnn/model.h5",
    options: [&["--weight_shard_size_bytes=700"], &["--quantize_uint8"]],
};

/// A SavedModel as a graph, compared with its source before it is written.
const GRAPH: Kind = Kind {
    input: "models/tf1_conv_bn/saved_model",
    options: [
        &["--output_format=tfjs_graph_model", "--weight_shard_size_bytes=300"],
        &["--output_format=tfjs_graph_model", "--quantize_uint8"],
    ],
};

/// How often, in continuous integration and in full.
fn n_runs(short: usize, full: usize) -> usize {
    if std::env::var_os("TENSORFERRY_FULL").is_some() { full } else { short }
}

fn start(kind: Kind, model: usize, target: &Path) -> Child {
    let input = fixtures::root().join(kind.input);
    Command::new(env!("CARGO_BIN_EXE_tensorferry"))
        .args(["convert", "--quiet"])
        .args(kind.options[model])
        .args([input.as_path(), target])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a page would load: the topology with the list of weights, and all their bytes.
type Loaded = (String, Vec<u8>);

/// The model in a folder; panics when a page could not load it whole.
fn load(dir: &Path, context: &str) -> Loaded {
    let text = fs::read(dir.join("model.json")).unwrap_or_else(|e| panic!("{context}: {e}"));
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let group = &json["weightsManifest"][0];
    let mut bytes = Vec::new();
    for path in group["paths"].as_array().unwrap() {
        let shard = dir.join(path.as_str().unwrap());
        let shard = fs::read(&shard).unwrap_or_else(|e| panic!("{context}: {shard:?}: {e}"));
        bytes.extend(shard);
    }
    (format!("{}{}", json["modelTopology"], group["weights"]), bytes)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A folder to write into, and what the two models look like there.
struct Arena {
    dir: tempfile::TempDir,
    kind: Kind,
    whole: Vec<Loaded>,
    seed: u64,
    /// How long a conversion takes here.
    duration: Duration,
}

impl Arena {
    fn new(kind: Kind, parent: &Path) -> Self {
        let dir = tempfile::tempdir_in(parent).unwrap();
        let mut whole = Vec::new();
        let began = Instant::now();
        for model in [0, 1] {
            let target = dir.path().join(format!("whole{model}"));
            assert!(start(kind, model, &target).wait().unwrap().success());
            whole.push(load(&target, "alone"));
        }
        assert_ne!(whole[0], whole[1]);
        let duration = began.elapsed() / 2;
        let seed = u64::from(std::process::id()) << 20 | 0x9e37;
        Self { dir, kind, whole, seed, duration }
    }

    fn target(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Which of the models is at the target.
    fn which(&self, context: &str) -> usize {
        let found = load(&self.target(), context);
        let which = self.whole.iter().position(|whole| *whole == found);
        which.unwrap_or_else(|| panic!("{context}: neither of the models: {}", found.0))
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn litter(&self) -> Vec<String> {
        names(self.dir.path()).into_iter().filter(|name| name.starts_with('.')).collect()
    }
}

/// The folders to try: what the machine has of disks and memory.
fn places() -> Vec<PathBuf> {
    let memory = Path::new("/dev/shm");
    let is_usable = tempfile::tempdir_in(memory).is_ok();
    let mut places = vec![std::env::temp_dir()];
    places.extend(is_usable.then(|| memory.to_owned()));
    places
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    // It may have ended already; then there is nobody to tell.
    let _ = Command::new("kill").args(["-s", name, &pid]).stderr(Stdio::null()).status();
}

#[test]
fn killed_at_any_time_it_leaves_one_whole_model() {
    let places = places();
    let of_layers = places.iter().flat_map(|place| [(LAYERS, place, false), (LAYERS, place, true)]);
    let of_graphs = [(GRAPH, &places[0], false)];
    for (kind, place, has_foreign_files) in of_layers.chain(of_graphs) {
        let mut arena = Arena::new(kind, place);
        let target = arena.target();
        assert!(start(arena.kind, 0, &target).wait().unwrap().success());
        if has_foreign_files {
            fs::write(target.join("index.html"), "page").unwrap();
        }
        let mut outcomes = BTreeMap::new();
        for run in 0..n_runs(25, 125) {
            let before = arena.which("before");
            let mut child = start(arena.kind, 1 - before, &target);
            let longest = arena.duration.as_micros() as u64 * 5 / 4 + 1;
            std::thread::sleep(Duration::from_micros(arena.random(longest)));
            child.kill().unwrap();
            let is_done = child.wait().unwrap().success();
            let context = format!("{kind:?} {place:?}, foreign {has_foreign_files}, run {run}");
            let after = arena.which(&context);
            assert!(!is_done || after != before, "{context}: done means done");
            assert_eq!(target.join("index.html").exists(), has_foreign_files, "{context}");
            *outcomes.entry((is_done, after == before)).or_insert(0) += 1;
        }
        println!("{place:?} foreign {has_foreign_files} (done, still old): {outcomes:?}");
        // The next run that is let finish leaves no litter.
        assert!(start(arena.kind, 0, &target).wait().unwrap().success());
        assert_eq!(arena.litter(), [""; 0]);
        assert_eq!(arena.which("at last"), 0);
    }
}

#[test]
fn asked_to_stop_it_cleans_up_and_says_so_by_its_exit_code() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut arena = Arena::new(LAYERS, &std::env::temp_dir());
        let target = arena.target();
        assert!(start(arena.kind, 0, &target).wait().unwrap().success());
        for run in 0..n_runs(15, 100) {
            let before = arena.which("before");
            let child = start(arena.kind, 1 - before, &target);
            let longest = arena.duration.as_micros() as u64;
            std::thread::sleep(Duration::from_micros(arena.random(longest)));
            signal(&child, name);
            let output = child.wait_with_output().unwrap();
            let context = format!("{name}, run {run}: {output:?}");
            match output.status.code() {
                Some(0) => assert_ne!(arena.which(&context), before, "{context}"),
                Some(found) => {
                    assert_eq!(found, code, "{context}");
                    assert_eq!(arena.which(&context), before, "{context}");
                }
                // It came before our first instruction.
                None => assert_eq!(arena.which(&context), before, "{context}"),
            }
            assert_eq!(arena.litter(), [""; 0], "{context}");
        }
    }
}

#[test]
fn of_several_writers_one_wins_as_a_whole() {
    for (n_writers, runs) in [(2, n_runs(10, 200)), (8, n_runs(4, 200))] {
        for is_there in [false, true] {
            let arena = Arena::new(LAYERS, &std::env::temp_dir());
            for run in 0..runs {
                if !is_there {
                    let _ = fs::remove_dir_all(arena.target());
                }
                let writers: Vec<Child> =
                    (0..n_writers).map(|i| start(arena.kind, i % 2, &arena.target())).collect();
                for writer in writers {
                    let output = writer.wait_with_output().unwrap();
                    assert!(output.status.success(), "run {run}: {output:?}");
                }
                let which = arena.which(&format!("{n_writers} writers, run {run}"));
                let whole = arena.dir.path().join(format!("whole{which}"));
                assert_eq!(names(&arena.target()), names(&whole), "run {run}");
                assert_eq!(arena.litter(), [""; 0], "run {run}");
            }
        }
    }
}

/// A disk that takes no more: files may have so many blocks and no larger ones are written, as when a
/// quota is used up. Nothing is left, and the model that was there still is.
#[test]
fn what_cannot_be_written_leaves_the_old_model() {
    for kind in [LAYERS, GRAPH] {
        let arena = Arena::new(kind, &std::env::temp_dir());
        let target = arena.target();
        assert!(start(kind, 1, &target).wait().unwrap().success());
        let mut n_refused = 0;
        for blocks in [0, 1] {
            // The signal is ignored, so that writing fails as it does on a full disk.
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
            let output = Command::new("sh")
                .args([
                    "-c",
                    &script,
                    "sh",
                    env!("CARGO_BIN_EXE_tensorferry"),
                    "convert",
                    "--quiet",
                ])
                .args(kind.options[0])
                .args([fixtures::root().join(kind.input).as_path(), &target])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                continue;
            }
            n_refused += 1;
            assert_eq!(output.status.code(), Some(2), "{kind:?}, {blocks} blocks: {said}");
            assert_eq!(said.lines().filter(|line| line.starts_with("error")).count(), 1, "{said}");
            assert_eq!(arena.which("refused"), 1, "{kind:?}, {blocks} blocks");
            assert_eq!(arena.litter(), [""; 0], "{kind:?}, {blocks} blocks");
        }
        assert!(n_refused > 0, "{kind:?}: everything was written");
    }
}

/// A folder that nobody may write into, and one that is a file.
#[test]
fn a_place_that_takes_nothing_is_refused_before_anything_is_made() {
    for kind in [LAYERS, GRAPH] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "text").unwrap();
        for target in [dir.path().join("file/out"), PathBuf::from("/proc/out")] {
            let output = start(kind, 0, &target).wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{kind:?}, {target:?}: {said}");
            assert_eq!(said.lines().filter(|line| line.starts_with("error")).count(), 1, "{said}");
        }
        assert_eq!(names(dir.path()), ["file"], "{kind:?}");
    }
}
