//! `cargo xtask fuzz`: the fuzz targets, for some seconds each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::run::{
    Result, cargo, command, find_program, is_ci, option, output, run, succeeds, target,
};

/// The default length of one target's run.
const SECONDS: u64 = 60;

/// Targets that run half as long: whatever they read is read by others of the whole length too, and
/// all of them together must leave the whole check under 25 minutes on two cores.
const HALF: [&str; 6] =
    ["d2_passes", "e3_saved_model", "e4_frozen", "p4_hub", "p5_saved_model", "p6_graph_def"];

/// What one execution may take; slowness and memory are findings too.
const LIMITS: [&str; 4] =
    ["-timeout=5", "-rss_limit_mb=512", "-malloc_limit_mb=256", "-print_final_stats=1"];

/// Runs the targets whose names begin so, or all, under libFuzzer where nightly Rust and cargo-fuzz are at hand.
///
/// Elsewhere the same functions run over seeds and mutations as plain tests of `tasks/hostile`, for
/// the same time, which stable Rust can do.
pub(crate) fn all(args: &[String]) -> Result<()> {
    let seconds: u64 = match option(args, "--seconds") {
        Some(text) => text.parse().map_err(|_| format!("`--seconds {text}` is not a number"))?,
        None => SECONDS,
    };
    let seed: u32 = match option(args, "--seed") {
        Some(text) => text.parse().map_err(|_| format!("`--seed {text}` is not a number"))?,
        None => 0,
    };
    let values = [option(args, "--seconds"), option(args, "--seed")];
    let named: Vec<&String> = args
        .iter()
        .filter(|a| !a.starts_with("--") && !values.contains(&Some(a.as_str())))
        .collect();
    if !has_cargo_fuzz() {
        println!("cargo-fuzz or nightly Rust is missing: mutating the corpus in plain tests");
        let mut test = cargo(&["test", "--package", "tensorferry-hostile", "--test", "targets"]);
        return run(test.env("FUZZ_SECONDS", seconds.to_string()));
    }
    let listed = output(&mut fuzz("list")).ok_or("`cargo fuzz list` failed")?;
    let targets: Vec<&str> = listed
        .lines()
        .filter(|target| named.is_empty() || named.iter().any(|name| target.starts_with(*name)))
        .collect();
    if targets.is_empty() {
        return Err("there is no such fuzz target".into());
    }
    run(fuzz("build").arg("--target-dir").arg(folder().join("build")))?;
    let seeds = ["run", "--quiet", "--package", "tensorferry-hostile", "--bin", "seeds", "--"];
    run(cargo(&seeds).arg(folder().join("corpus")))?;
    run_side_by_side(&targets, Length { seconds, seed })
}

/// How long a target runs, and libFuzzer's seed: 0 is another one each time, any other number tries
/// the same inputs in the same order.
#[derive(Clone, Copy)]
struct Length {
    seconds: u64,
    seed: u32,
}

/// As many at once as there are cores; the output of each goes to a file of its own.
fn run_side_by_side(targets: &[&str], length: Length) -> Result<()> {
    let programs = programs()?;
    let queue = Mutex::new(targets.iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(name) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    let log = folder().join(format!("{name}.log"));
                    let mut length = length;
                    if HALF.contains(name) {
                        length.seconds = length.seconds.div_ceil(2);
                    }
                    let passed = run_one(&programs.join(name), length, &log).unwrap_or(false);
                    let told = if passed { "no finding" } else { "FINDING" };
                    println!("{name:<20} {told:<12} {}", executions(&log));
                    if !passed && let Ok(mut failed) = failed.lock() {
                        failed.push(format!("{name} (see {})", log.display()));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    if !failed.is_empty() {
        return Err(format!("fuzz targets with findings: {}", failed.join(", ")).into());
    }
    let Length { seconds, seed } = length;
    let n = targets.len();
    println!("{n} fuzz targets ran {seconds} s each, some half of it, seed {seed}: no finding");
    Ok(())
}

/// Where `cargo fuzz build` puts the programs: below the name of the host's target.
fn programs() -> Result<PathBuf> {
    let version = output(Command::new("rustc").arg("-vV")).ok_or("`rustc -vV` failed")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`rustc -vV` names no host")?;
    Ok(folder().join("build").join(host).join("release"))
}

/// Runs one program on its corpus. New inputs join the corpus; a finding's input stays in
/// `target/fuzz/findings`.
fn run_one(program: &Path, length: Length, log: &Path) -> Result<bool> {
    let name = program.file_name().unwrap_or_default();
    let findings = folder().join("findings").join(name).join("");
    fs::create_dir_all(&findings)?;
    let out = File::create(log)?;
    let error = out.try_clone()?;
    let mut libfuzzer = Command::new(program);
    libfuzzer
        // Freed memory is kept to find its use; 256 MB of it, the default, is half of the limit.
        .env("ASAN_OPTIONS", "quarantine_size_mb=32")
        .args(LIMITS)
        .arg(format!("-max_total_time={}", length.seconds))
        .arg(format!("-seed={}", length.seed))
        .arg(format!("-artifact_prefix={}", findings.display()))
        .arg(folder().join("corpus").join(name));
    Ok(libfuzzer.stdout(out).stderr(error).status()?.success())
}

/// libFuzzer's own count, from the end of its log.
fn executions(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .map_or_else(String::new, |n| format!("{} executions", n.trim()))
}

/// Programs, corpora, findings and logs.
fn folder() -> PathBuf {
    target().join("fuzz")
}

/// `cargo fuzz NAME` with nightly Rust. cargo-fuzz is the user's own or the one in `target/tools`.
fn fuzz(name: &str) -> Command {
    let own = tools().join("bin/cargo-fuzz");
    let program = if own.is_file() { own } else { PathBuf::from("cargo-fuzz") };
    let mut command = command(program, &["fuzz", name]);
    if name != "--version" {
        command.args(["--fuzz-dir", "tasks/fuzz"]);
    }
    command.env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO").env_remove("RUSTC");
    command
}

fn tools() -> PathBuf {
    target().join("tools")
}

/// On a build server with nightly Rust, a missing cargo-fuzz is installed into `target/tools` (two
/// minutes); elsewhere that is the user's choice.
fn has_cargo_fuzz() -> bool {
    let has_nightly = find_program(&["rustup"]).is_some()
        && output(&mut command("rustup", &["toolchain", "list"]))
            .is_some_and(|list| list.contains("nightly"));
    if !has_nightly {
        return false;
    }
    let is_there = || succeeds(&mut fuzz("--version"));
    if !is_there() && is_ci() {
        println!("installing cargo-fuzz into target/tools");
        let mut install = command("cargo", &["install", "--locked", "cargo-fuzz", "--root"]);
        // A failure to install is not a finding: the plain tests take over.
        drop(run(install.arg(tools())));
    }
    is_there()
}
