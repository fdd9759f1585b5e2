//! `cargo xtask bench`: whole processes against others, in turn, and their figures in the docs.

mod engine;
mod graph;
mod measure;
mod memory;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Result, cargo, option, root, run, target};
use measure::{Pair, Program};

/// Counted runs of each program of a pair.
const ROUNDS: usize = 9;
/// The large file takes seconds a run.
const ROUNDS_LARGE: usize = 5;
/// Starts of the program that does nothing.
const STARTS: usize = 21;
/// A file system in memory: what is left of the times when the disk is taken out.
const RAM: &str = "/dev/shm/tensorferry-bench";
/// Runs of their own, in which memory is looked at and nothing is timed.
const MEMORY_RUNS: usize = 3;

/// Builds, makes the inputs, measures and writes `docs/benchmarks.md`.
pub(crate) fn all(args: &[String]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Err("`cargo xtask bench` reads /proc and needs Linux".into());
    }
    if args.first().is_some_and(|arg| arg == "engine") {
        return engine::all(&args[1..]);
    }
    let rounds = match option(args, "--rounds") {
        Some(text) => {
            let n = text.parse().map_err(|_| format!("`--rounds {text}` is not a number"))?;
            (n, n)
        }
        None => (ROUNDS, ROUNDS_LARGE),
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
    let before = report::load();
    let small = input(&folder, "mobilenet_v2")?;
    let large = input(&folder, "six_dense")?;
    let disk = Bench { binary: binary.clone(), folder };
    let ram = Bench { binary, folder: RAM.into() };
    fs::create_dir_all(&ram.folder)?;
    let mut results = Vec::new();
    for pair in disk.small_pairs(&small) {
        results.push(pair.run(rounds.0)?);
    }
    results.push(ram.pair("MobileNetV2, into memory", &small).run(rounds.0)?);
    for pair in disk.large_pairs(&large) {
        results.push(pair.run(rounds.1)?);
    }
    results.push(ram.pair("1.5 GB, into memory", &large).run(rounds.1)?);
    fs::remove_dir_all(&ram.folder)?;
    let graphs = graph::Graphs::make(&disk)?;
    for pair in graphs.pairs(&disk) {
        results.push(pair.run(rounds.1)?);
    }
    // Its output is what one inference is measured with.
    let verification = graphs.verification(&disk)?;
    let starts = Pair::alone(disk.version()).run(STARTS)?;
    let memory = [
        ("MobileNetV2", disk.convert(&small, "memory")),
        ("1.5 GB", disk.convert(&large, "memory")),
        ("BERT base, SavedModel to graph model", graphs.bert(&disk, "memory")),
    ];
    let memory = memory
        .into_iter()
        .map(|(name, program)| Ok((name, memory::peak(&program, MEMORY_RUNS)?)))
        .collect::<Result<Vec<_>>>()?;
    for (_, path) in disk.outputs() {
        measure::remove(&path)?;
    }
    let alone = report::Alone { starts, verification };
    report::write(&root().join("docs/benchmarks.md"), &results, &alone, &memory, &before)
}

/// The file of a model, made when it is not there: the same bytes each time.
fn input(folder: &Path, name: &str) -> Result<PathBuf> {
    made(folder, name, "model.h5")
}

/// The file or folder `file` that the example makes of the model `name`.
fn made(folder: &Path, name: &str, file: &str) -> Result<PathBuf> {
    let path = folder.join(name).join(file);
    if !path.exists() {
        fs::create_dir_all(folder.join(name))?;
        let part = folder.join(format!("{name}.part"));
        measure::remove(&part)?;
        let example = ["run", "--release", "-p", "tensorferry", "--example", "bench_models", "--"];
        run(cargo(&example).arg(name).arg(&part))?;
        fs::rename(&part, &path)?;
    }
    Ok(path)
}

/// Where the programs are and what they work on.
struct Bench {
    binary: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn small_pairs(&self, input: &Path) -> Vec<Pair> {
        let control = "control: one program twice, MobileNetV2";
        vec![
            self.pair("MobileNetV2, 14 MB", input),
            Pair::new("the same", self.convert_unsynced(input, "a"), self.copy(input)),
            Pair::new("the same", self.convert(input, "a"), self.copy_durably(input)),
            Pair::new(control, self.convert(input, "a"), self.convert(input, "b")),
        ]
    }

    fn large_pairs(&self, input: &Path) -> Vec<Pair> {
        vec![
            self.pair("six Dense(8192), 1.5 GB", input),
            Pair::new("the same", self.convert_unsynced(input, "a"), self.copy(input)),
            Pair::new("the same", self.convert(input, "a"), self.copy_durably(input)),
        ]
    }

    fn pair(&self, title: &str, input: &Path) -> Pair {
        Pair::new(title, self.convert(input, "a"), self.copy(input))
    }

    fn outputs(&self) -> [(&'static str, PathBuf); 4] {
        ["a", "b", "copy", "memory"].map(|name| (name, self.output(name)))
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.join(format!("out-{name}"))
    }

    fn convert(&self, input: &Path, output: &str) -> Program {
        let output = self.output(output);
        let mut program = Program::new("tensorferry convert", &self.binary, &output);
        program.args = vec!["convert".into(), "--quiet".into(), input.into(), output.into()];
        program
    }

    /// What waits for the disk no more than `cp` does.
    fn convert_unsynced(&self, input: &Path, output: &str) -> Program {
        let mut program = self.convert(input, output);
        program.name = "tensorferry convert --no-sync".into();
        program.args.push("--no-sync".into());
        program
    }

    fn version(&self) -> Program {
        let mut program = Program::new("tensorferry --version", &self.binary, &self.output("none"));
        program.args = vec!["--version".into()];
        program
    }

    /// The folder that holds the input and nothing else.
    fn copy(&self, input: &Path) -> Program {
        let output = self.output("copy");
        let mut program = Program::new("cp -r", Path::new("cp"), &output);
        let folder = input.parent().unwrap_or(input);
        program.args = vec!["-r".into(), folder.into(), output.into()];
        program
    }

    /// What a careful user would run to have a copy that survives a power loss.
    fn copy_durably(&self, input: &Path) -> Program {
        let script = r#"cp -r "$1" "$2" && sync "$2"/* "$2" "$3""#;
        let output = self.output("copy");
        let mut program = Program::new("cp -r && sync FILE FOLDERS", Path::new("sh"), &output);
        let folder = input.parent().unwrap_or(input);
        program.args = vec!["-c".into(), script.into(), "sh".into(), folder.into(), output.into()];
        program.args.push((&self.folder).into());
        program
    }
}

/// The command that a program is.
fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.path);
    command.args(&program.args);
    command
}
