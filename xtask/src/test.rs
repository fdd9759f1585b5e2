//! `cargo xtask test`: every test, with what it needs installed first.

use std::path::Path;
use std::process::Command;

use crate::run::{Result, cargo, command, find_program, is_ci, output, root, run, succeeds};
use crate::{cases, npm};

const WASM: &str = "wasm32-unknown-unknown";
const BROWSERS: &[&str] =
    &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// One line of the closing table.
struct Outcome {
    what: &'static str,
    how: String,
}

/// Runs everything and closes with one line per part.
pub(crate) fn all(args: &[String]) -> Result<()> {
    let mut outcomes = vec![rust_tests()?, doc_tests()?];
    let (outcome, has_package) = wasm()?;
    outcomes.push(outcome);
    let with_browser = !args.iter().any(|arg| arg == "--no-browser");
    outcomes.extend(javascript(with_browser, has_package)?);
    println!("\nEvery test passed:");
    for Outcome { what, how } in &outcomes {
        println!("  {what:<24} {how}");
    }
    Ok(())
}

fn rust_tests() -> Result<Outcome> {
    let what = "Rust";
    if succeeds(&mut cargo(&["nextest", "--version"])) {
        run(&mut cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))?;
        return Ok(Outcome { what, how: "passed (cargo nextest)".to_owned() });
    }
    run(&mut cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]))?;
    Ok(Outcome { what, how: "passed (cargo test)".to_owned() })
}

fn doc_tests() -> Result<Outcome> {
    run(&mut cargo(&["test", "--workspace", "--doc"]))?;
    Ok(Outcome { what: "examples in documents", how: "passed".to_owned() })
}

/// Makes the npm package, and says whether it is there. Without rustup the target cannot be added;
/// the check is then left to whoever has it, except on a build server.
fn wasm() -> Result<(Outcome, bool)> {
    let what = "WebAssembly build";
    if !has_wasm_target() {
        let has_rustup = find_program(&["rustup"]).is_some();
        if has_rustup {
            println!("installing the Rust target {WASM}");
            run(&mut command("rustup", &["target", "add", WASM]))?;
        } else if is_ci() {
            return Err(format!("the Rust target {WASM} is missing and rustup is too").into());
        } else {
            let how = format!("NOT RUN: the Rust target {WASM} is missing, and rustup is too");
            return Ok((Outcome { what, how }, false));
        }
    }
    Ok((Outcome { what, how: npm::make()? }, true))
}

fn has_wasm_target() -> bool {
    output(Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]))
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

/// TensorFlow.js loads what we write and our package runs it, in Node and in Chromium.
fn javascript(with_browser: bool, has_package: bool) -> Result<Vec<Outcome>> {
    if find_program(&["npm"]).is_none() || find_program(&["node"]).is_none() {
        if is_ci() {
            return Err("Node and npm are missing".into());
        }
        let how = "NOT RUN: Node or npm is missing (Node 20 or newer)".to_owned();
        return Ok(vec![Outcome { what: "TensorFlow.js", how }]);
    }
    install_npm_packages()?;
    let n_cases = cases::make()?;
    run(&mut node_test("node.test.mjs"))?;
    let how = format!("passed ({n_cases} models)");
    let mut outcomes = vec![Outcome { what: "TensorFlow.js in Node", how: how.clone() }];
    if has_package {
        let n_cases = cases::make_engine()?;
        for file in ["npm.test.mjs", "npm.types.test.mjs", "npm.trap.test.mjs"] {
            run(&mut node_test(file))?;
        }
        run(&mut node_test("engine.test.mjs"))?;
        let how = format!("passed ({n_cases} models)");
        outcomes.push(Outcome { what: "npm package in Node", how });
        npm::make_checks()?;
        run(&mut node_test("ops.test.mjs"))?;
        outcomes.push(Outcome { what: "ops in WebAssembly", how: "passed".to_owned() });
    }
    if !with_browser {
        return Ok(outcomes);
    }
    let what = "TensorFlow.js in Chromium";
    if has_browser() {
        run(&mut node_test("browser.test.mjs"))?;
        outcomes.push(Outcome { what, how });
        run(&mut node_test("wasm.browser.test.mjs"))?;
        let how = "passed, as far as it has the kernels".to_owned();
        outcomes.push(Outcome { what: "… on its WebAssembly", how });
        if has_package {
            run(&mut node_test("engine.browser.test.mjs"))?;
            let how = "passed".to_owned();
            outcomes.push(Outcome { what: "npm package in Chromium", how });
        }
    } else if is_ci() {
        return Err("Chromium is missing and could not be installed".into());
    } else {
        let how = "NOT RUN: Chromium is missing and could not be installed".to_owned();
        outcomes.push(Outcome { what, how });
    }
    Ok(outcomes)
}

fn node_test(file: &str) -> Command {
    let mut node = command("node", &["--test", "--test-reporter=dot", file]);
    node.current_dir(root().join("tests-js"))
        .env("TENSORFERRY_JS_CASES", cases::folder())
        .env("TENSORFERRY_ENGINE_CASES", cases::engine_folder())
        .env("TENSORFERRY_NPM", npm::folder())
        .env("TENSORFERRY_OP_CHECKS", npm::checks_folder());
    node
}

/// `npm ci`, unless `node_modules` was already made from this very lock file.
fn install_npm_packages() -> Result<()> {
    let folder = root().join("tests-js");
    let lock = std::fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.made-from-lock");
    if std::fs::read(&stamp).is_ok_and(|made_from| made_from == lock) {
        return Ok(());
    }
    println!("installing npm packages for tests-js");
    run(command("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder))?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

/// A Chromium on the search path; installed from the system's packages where we may.
fn has_browser() -> bool {
    if find_program(BROWSERS).is_some() {
        return true;
    }
    let is_root = output(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if !is_root || find_program(&["apt-get"]).is_none() {
        return false;
    }
    println!("installing Chromium");
    let apt = |args: &[&str]| {
        run(command("apt-get", args).env("DEBIAN_FRONTEND", "noninteractive")).is_ok()
    };
    let install = ["install", "--yes", "--no-install-recommends", "chromium"];
    (apt(&install) || (apt(&["update"]) && apt(&install))) && find_program(BROWSERS).is_some()
}
