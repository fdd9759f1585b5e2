//! `cargo xtask bench engine`: our engine on image models, against others that are installed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::{input, report};
use crate::npm;
use crate::run::{Result, cargo, command, option, output, root, run, target};

/// Fresh processes of each engine, in turn.
const ROUNDS: usize = 5;

/// A model, and how often a process runs it.
struct Model {
    name: &'static str,
    title: &'static str,
    input: &'static str,
    /// Runs that are not counted: V8 compiles what is hot while they run.
    warm_up: &'static str,
    runs: &'static str,
}

const MODELS: &[Model] = &[
    Model {
        name: "mobilenet_v2",
        title: "MobileNetV2 224",
        input: "input_1",
        warm_up: "15",
        runs: "30",
    },
    Model { name: "resnet50", title: "ResNet50 224", input: "input_2", warm_up: "4", runs: "10" },
];

const BEGIN: &str = "<!-- engine: begin -->";
const END: &str = "<!-- engine: end -->";

/// npm packages of the peers, as `npm install` takes them.
const PEERS: &[&str] = &[
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
    "onnxruntime-node@1.30.0",
    "onnxruntime-web@1.30.0",
];

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
    let package = match option(args, "--package") {
        Some(path) => PathBuf::from(path),
        None => {
            println!("{}", npm::make()?);
            npm::folder()
        }
    };
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    let onnx = option(args, "--onnx").map(PathBuf::from);
    let bench = Bench { binary, package, peers: folder.join("peers"), onnx, folder };
    bench.install()?;
    let before = report::load();
    let mut rows = Vec::new();
    for model in MODELS {
        let keras = input(&bench.folder, model.name)?;
        let graph = bench.converted(model.name, &keras)?;
        for threads in [1, 2] {
            let title = format!("{}, {threads} thread{}", model.title, plural(threads));
            println!("{title}: {rounds} rounds");
            let contest = Contest::run(bench.engines(model, &keras, &graph, threads), rounds)?;
            rows.extend(contest.rows(&title));
        }
    }
    write(&rows, &before)
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

struct Bench {
    binary: PathBuf,
    /// The npm package.
    package: PathBuf,
    folder: PathBuf,
    peers: PathBuf,
    onnx: Option<PathBuf>,
}

/// A program and its arguments; it prints JSON with `median_ms` and `cpu_ms`.
struct Engine {
    name: &'static str,
    /// What it is compared with: the engine of that number in the same contest.
    against: Option<usize>,
    program: PathBuf,
    args: Vec<String>,
    folder: PathBuf,
}

impl Bench {
    /// Puts the peers into a folder of their own, where they are not there yet.
    fn install(&self) -> Result<()> {
        let is_there = |name: &&str| {
            let name = name.rfind('@').filter(|at| *at > 0).map_or(*name, |at| &name[..at]);
            self.peers.join("node_modules").join(name).is_dir()
        };
        if PEERS.iter().all(&is_there) {
            return Ok(());
        }
        fs::create_dir_all(&self.peers)?;
        let mut install = command("npm", &["install", "--no-save", "--no-audit", "--no-fund"]);
        // Its scripts would fetch libraries for graphics cards.
        install.arg("--ignore-scripts").arg("--prefix");
        run(install.arg(&self.peers).args(PEERS).current_dir(&self.peers))
    }

    /// The model as TF.js loads it, and our package too.
    fn converted(&self, name: &str, model: &Path) -> Result<PathBuf> {
        let output = self.folder.join(name).join("graph");
        if !output.join("model.json").is_file() {
            let mut convert = Command::new(&self.binary);
            convert.args(["convert", "--quiet", "--output-format", "tfjs_graph_model"]);
            run(convert.arg(model).arg(&output))?;
        }
        Ok(output)
    }

    /// All engines that run this model on so many threads. TF.js' wasm backend has no threads in
    /// Node, nor has our package: with two they are left out.
    fn engines(&self, model: &Model, keras: &Path, graph: &Path, threads: usize) -> Vec<Engine> {
        let mut all = vec![self.native(model, keras, threads, None)];
        if threads == 1 {
            all.push(self.native(model, keras, threads, Some(0)));
        }
        let onnx = self.onnx.as_ref().map(|folder| folder.join(model.name).with_extension("onnx"));
        let peer = |name, file: &Path, against| {
            self.in_node(name, file.display().to_string(), model, threads, against)
        };
        all.extend(onnx.as_ref().map(|onnx| peer("onnxruntime-node", onnx, Some(0))));
        let ours = all.len();
        let package = format!("{},{}", self.package.display(), graph.display());
        let wasm = |against| self.in_node("tensorferry-wasm", package.clone(), model, 1, against);
        all.push(wasm(None));
        if threads == 1 {
            all.push(wasm(Some(ours)));
            all.push(peer("tfjs-wasm", &graph.join("model.json"), Some(ours)));
        }
        all.extend(onnx.as_ref().map(|onnx| peer("onnxruntime-web", onnx, Some(ours))));
        all
    }

    fn native(&self, model: &Model, file: &Path, threads: usize, against: Option<usize>) -> Engine {
        let mut args: Vec<String> =
            vec!["bench".into(), file.display().to_string(), "--json".into()];
        args.extend(["--warmup", model.warm_up, "--runs", model.runs].map(str::to_owned));
        args.extend(["--threads".to_owned(), threads.to_string()]);
        args.extend(["--shape".to_owned(), format!("{}=1,224,224,3", model.input)]);
        let (program, folder) = (self.binary.clone(), root());
        Engine { name: "tensorferry", against, program, args, folder }
    }

    fn in_node(
        &self,
        name: &'static str,
        file: String,
        model: &Model,
        threads: usize,
        against: Option<usize>,
    ) -> Engine {
        let script = root().join("xtask/peers/bench.cjs").display().to_string();
        let words = [script, name.to_owned(), file, threads.to_string()];
        let counts = [model.warm_up, model.runs].map(str::to_owned);
        let args = words.into_iter().chain(counts).collect();
        Engine { name, against, program: "node".into(), args, folder: self.peers.clone() }
    }
}

/// One of the figures of a process.
type Kind = fn(&Figures) -> f64;

/// What one process measured, per run.
#[derive(Clone, Copy)]
struct Figures {
    /// Median of the runs, milliseconds.
    wall: f64,
    /// Mean processor time of a run, all threads, milliseconds.
    cpu: f64,
}

impl Engine {
    fn measure(&self) -> Option<Figures> {
        let text = output(Command::new(&self.program).args(&self.args).current_dir(&self.folder))?;
        let json: Json = serde_json::from_str(&text).ok()?;
        Some(Figures { wall: json["median_ms"].as_f64()?, cpu: json["cpu_ms"].as_f64()? })
    }

    /// As the table calls it.
    fn title(&self) -> &'static str {
        match self.name {
            "tensorferry" => "tensorferry",
            "tensorferry-wasm" => "tensorferry in wasm",
            "tfjs-wasm" => "TF.js wasm",
            "onnxruntime-node" => "ONNX Runtime",
            "onnxruntime-web" => "ONNX Runtime Web",
            other => other,
        }
    }
}

/// Engines on one model, one after the other, round after round.
struct Contest {
    engines: Vec<Engine>,
    /// By round, then by engine.
    rounds: Vec<Vec<Figures>>,
}

impl Contest {
    fn run(engines: Vec<Engine>, rounds: usize) -> Result<Self> {
        let mut all = Vec::new();
        for _ in 0..rounds {
            let figures = engines.iter().map(|engine| {
                let failed = || format!("`{}` gave no figures: {:?}", engine.name, engine.args);
                engine.measure().ok_or_else(failed)
            });
            all.push(figures.collect::<std::result::Result<Vec<_>, _>>()?);
        }
        Ok(Self { engines, rounds: all })
    }

    fn rows(&self, title: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for (b, engine) in self.engines.iter().enumerate() {
            let Some(a) = engine.against else { continue };
            let other = match engine.name == self.engines[a].name {
                true => "itself (control)",
                false => engine.title(),
            };
            let kinds: [(&str, Kind); 2] = [("wall", |f| f.wall), ("CPU", |f| f.cpu)];
            for (kind, of) in kinds {
                let named = format!("{title}: {} / {other}", self.engines[a].title());
                let title = if kind == "wall" { named } else { String::new() };
                let values = |i: usize| self.rounds.iter().map(|all| of(&all[i])).collect();
                let ratios = self.rounds.iter().map(|all| of(&all[a]) / of(&all[b])).collect();
                let [min, ratio, max] = report::three(ratios);
                rows.push(format!(
                    "| {title} | {} | {kind} | {} | {} | **{ratio:.2}** ({min:.2}–{max:.2}) |",
                    self.rounds.len(),
                    spread(values(a)),
                    spread(values(b)),
                ));
            }
        }
        rows
    }
}

/// Median, with the smallest and the largest.
fn spread(values: Vec<f64>) -> String {
    let [min, median, max] = report::three(values);
    format!("{median:.1} ms ({min:.1}–{max:.1})")
}

fn write(rows: &[String], load_before: &str) -> Result<()> {
    let mut text = String::new();
    report::machine(&mut text, load_before)?;
    text.push_str("| A / B | processes each | per run | A | B | A/B, by round |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for row in rows {
        writeln!(text, "{row}")?;
    }
    println!("\n{text}");
    let path = root().join("docs/benchmarks.md");
    let old = fs::read_to_string(&path)?;
    let (head, rest) = old.split_once(BEGIN).ok_or("docs/benchmarks.md lost its engine marker")?;
    let (_, tail) = rest.split_once(END).ok_or("docs/benchmarks.md lost its engine marker")?;
    fs::write(path, format!("{head}{BEGIN}\n\n{text}\n{END}{tail}"))?;
    Ok(())
}
