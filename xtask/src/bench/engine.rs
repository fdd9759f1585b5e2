//! `cargo xtask bench engine`: our engine on image models, against others that are installed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::{input, report};
use crate::run::{Result, cargo, find_program, option, output, root, run, succeeds, target};

/// Fresh processes of each engine, in turn.
const ROUNDS: usize = 5;
/// Runs in each process: the first ones are not counted.
const WARM_UP: &str = "5";
const RUNS: &str = "20";

/// A model, its input, and what the table calls it.
const MODELS: &[(&str, &str, &str)] =
    &[("mobilenet_v2", "input_1", "MobileNetV2 224"), ("resnet50", "input_2", "ResNet50 224")];

const BEGIN: &str = "<!-- engine: begin -->";
const END: &str = "<!-- engine: end -->";

/// npm packages of the peers, as `npm install` takes them.
const PEERS: &[&str] =
    &["@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0", "onnxruntime-node"];

/// Builds, makes the models, measures and writes its section of `docs/benchmarks.md`.
///
/// ONNX Runtime needs the models as ONNX, which we do not write: `--onnx DIR` names a folder with
/// `mobilenet_v2.onnx` and `resnet50.onnx`.
pub(super) fn all(args: &[String]) -> Result<()> {
    let rounds = match option(args, "--rounds") {
        Some(text) => text.parse().map_err(|_| format!("`--rounds {text}` is not a number"))?,
        None => ROUNDS,
    };
    let binary = match option(args, "--binary") {
        Some(path) => PathBuf::from(path),
        None => {
            run(&mut cargo(&["build", "--release", "-p", "tensorferry-cli"]))?;
            target().join("release/tensorferry")
        }
    };
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    let bench = Bench {
        binary,
        peers: folder.join("peers"),
        onnx: option(args, "--onnx").map(PathBuf::from),
        folder,
    };
    let has_peers = bench.install();
    let before = report::load();
    let mut rows = Vec::new();
    for (name, input_name, title) in MODELS {
        let model = input(&bench.folder, name)?;
        let layers = bench.converted(name, &model)?;
        for threads in [1, 2] {
            let ours = bench.ours(&model, input_name, threads);
            let title = format!("{title}, {threads} thread{}", if threads == 1 { "" } else { "s" });
            rows.push(Row::measure(format!("{title}: itself"), &ours, &ours, rounds));
            if has_peers && threads == 1 {
                let peer = bench.peer("tfjs-wasm", &layers.join("model.json"), threads);
                rows.push(Row::measure(format!("{title}: TF.js wasm"), &ours, &peer, rounds));
            }
            if let Some(onnx) = bench.onnx.as_ref().filter(|_| has_peers) {
                let peer = bench.peer(
                    "onnxruntime-node",
                    &onnx.join(name).with_extension("onnx"),
                    threads,
                );
                rows.push(Row::measure(format!("{title}: ONNX Runtime"), &ours, &peer, rounds));
            }
        }
    }
    write(&rows, &before)
}

struct Bench {
    binary: PathBuf,
    folder: PathBuf,
    peers: PathBuf,
    onnx: Option<PathBuf>,
}

/// A program and its arguments; it prints JSON with `median_ms`.
struct Engine {
    program: PathBuf,
    args: Vec<String>,
    folder: PathBuf,
}

impl Bench {
    /// Puts the peers into a folder of their own, where they are not there yet.
    fn install(&self) -> bool {
        let Some(npm) = find_program(&["npm"]) else { return false };
        let is_there = |name: &&str| {
            let name = name.rfind('@').filter(|at| *at > 0).map_or(*name, |at| &name[..at]);
            self.peers.join("node_modules").join(name).is_dir()
        };
        if PEERS.iter().all(&is_there) {
            return true;
        }
        if fs::create_dir_all(&self.peers).is_err() {
            return false;
        }
        let mut install = Command::new(npm);
        // Its script would fetch libraries for graphics cards.
        install.args(["install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund"]);
        install.arg("--prefix");
        succeeds(install.arg(&self.peers).args(PEERS).current_dir(&self.peers))
    }

    /// The model as TF.js loads it.
    fn converted(&self, name: &str, model: &Path) -> Result<PathBuf> {
        let output = self.folder.join(name).join("tfjs");
        if !output.join("model.json").is_file() {
            run(Command::new(&self.binary).args(["convert", "--quiet"]).arg(model).arg(&output))?;
        }
        Ok(output)
    }

    fn ours(&self, model: &Path, input: &str, threads: usize) -> Engine {
        let mut args: Vec<String> =
            vec!["bench".into(), model.display().to_string(), "--json".into()];
        args.extend(["--warmup", WARM_UP, "--runs", RUNS].map(str::to_owned));
        args.extend(["--threads".to_owned(), threads.to_string()]);
        args.extend(["--shape".to_owned(), format!("{input}=1,224,224,3")]);
        Engine { program: self.binary.clone(), args, folder: root() }
    }

    fn peer(&self, engine: &str, model: &Path, threads: usize) -> Engine {
        let script = root().join("xtask/peers/bench.cjs").display().to_string();
        let model = model.display().to_string();
        let words = [script, engine.to_owned(), model, threads.to_string()];
        let args = words.into_iter().chain([WARM_UP, RUNS].map(str::to_owned)).collect();
        Engine { program: "node".into(), args, folder: self.peers.clone() }
    }
}

impl Engine {
    /// The median of the runs of one process, in milliseconds.
    fn median(&self) -> Option<f64> {
        let text = output(Command::new(&self.program).args(&self.args).current_dir(&self.folder))?;
        let json: Json = serde_json::from_str(&text).ok()?;
        json["median_ms"].as_f64()
    }
}

/// Two engines on one model.
struct Row {
    title: String,
    /// The medians of the i-th processes.
    pairs: Vec<(f64, f64)>,
}

impl Row {
    fn measure(title: String, a: &Engine, b: &Engine, rounds: usize) -> Self {
        let pairs = (0..rounds).filter_map(|_| Some((a.median()?, b.median()?))).collect();
        Self { title, pairs }
    }

    fn text(&self) -> String {
        let Self { title, pairs } = self;
        let of = |f: fn(&(f64, f64)) -> f64| report::three(pairs.iter().map(f).collect());
        let ([_, a, _], [_, b, _]) = (of(|pair| pair.0), of(|pair| pair.1));
        let [min, ratio, max] = of(|pair| pair.0 / pair.1);
        match pairs.len() {
            0 => format!("| {title} | 0 | | it did not run | |"),
            n => format!(
                "| {title} | {n} | {a:.2} ms | {b:.2} ms | **{ratio:.2}** ({min:.2}–{max:.2}) |"
            ),
        }
    }
}

fn write(rows: &[Row], load_before: &str) -> Result<()> {
    let mut text = String::new();
    report::machine(&mut text, load_before)?;
    text.push_str(
        "| model: compared with | processes each | ours | the other | ours / other, by pair |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for row in rows {
        writeln!(text, "{}", row.text())?;
    }
    println!("\n{text}");
    let path = root().join("docs/benchmarks.md");
    let old = fs::read_to_string(&path)?;
    let (head, rest) = old.split_once(BEGIN).ok_or("docs/benchmarks.md lost its engine marker")?;
    let (_, tail) = rest.split_once(END).ok_or("docs/benchmarks.md lost its engine marker")?;
    fs::write(path, format!("{head}{BEGIN}\n\n{text}\n{END}{tail}"))?;
    Ok(())
}
