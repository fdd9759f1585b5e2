//! `cargo xtask fuzz`: the fuzz targets, for some seconds each.

use std::process::Command;

use crate::run::{Result, command, find_program, is_ci, option, output, root, run};

/// Runs the named targets, or all, under libFuzzer where nightly Rust and cargo-fuzz are at hand.
///
/// Elsewhere nothing is lost for good: the same functions run over a mutated corpus as plain tests
/// in `cargo test --manifest-path tasks/fuzz/Cargo.toml`, for the same time.
pub(crate) fn all(args: &[String]) -> Result<()> {
    let folder = root().join("tasks/fuzz");
    if !folder.join("Cargo.toml").is_file() {
        return Err("there is no tasks/fuzz".into());
    }
    let seconds: u64 = match option(args, "--seconds") {
        Some(text) => text.parse().map_err(|_| format!("`--seconds {text}` is not a number"))?,
        None => 60,
    };
    let named: Vec<&String> = {
        let value = option(args, "--seconds");
        args.iter().filter(|a| !a.starts_with("--") && Some(a.as_str()) != value).collect()
    };
    if !has_cargo_fuzz() {
        println!("cargo-fuzz or nightly Rust is missing: mutating the corpus in plain tests");
        let mut test = command("cargo", &["test", "--release", "--manifest-path"]);
        test.arg(folder.join("Cargo.toml")).env("FUZZ_SECONDS", seconds.to_string());
        return run(&mut test);
    }
    let listed = output(fuzz(&["list"]).current_dir(&folder)).ok_or("`cargo fuzz list` failed")?;
    let targets: Vec<&str> = listed
        .lines()
        .filter(|target| named.is_empty() || named.iter().any(|name| name.as_str() == *target))
        .collect();
    if targets.is_empty() {
        return Err("there is no such fuzz target".into());
    }
    for target in &targets {
        let time = format!("-max_total_time={seconds}");
        // Limits of one execution: reliability is a promise about time and memory too.
        let limits =
            ["-timeout=5", "-rss_limit_mb=512", "-malloc_limit_mb=256", "-print_final_stats=1"];
        let mut libfuzzer = fuzz(&["run", target, "--", &time]);
        run(libfuzzer.args(limits).current_dir(&folder))?;
    }
    println!("\n{} fuzz targets ran {seconds} s each without a finding", targets.len());
    Ok(())
}

fn fuzz(args: &[&str]) -> Command {
    let mut command = command("cargo", &["+nightly", "fuzz"]);
    command.args(args);
    // Cargo sets the toolchain that runs us; `+nightly` must win.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}

/// cargo-fuzz is installed on a build server that has nightly Rust; elsewhere that is the user's
/// choice.
fn has_cargo_fuzz() -> bool {
    let has_nightly = find_program(&["rustup"]).is_some()
        && output(&mut command("rustup", &["toolchain", "list"]))
            .is_some_and(|list| list.contains("nightly"));
    if !has_nightly {
        return false;
    }
    let is_there = || output(&mut fuzz(&["--version"])).is_some();
    if !is_there() && is_ci() {
        println!("installing cargo-fuzz");
        let _ = run(&mut command("cargo", &["install", "--locked", "cargo-fuzz"]));
    }
    is_there()
}
