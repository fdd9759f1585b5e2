//! `cargo xtask oracle-check`: real Keras loads the Keras files that we write.

use crate::run::{Result, cargo, command, option, root, run, target};

/// Writes the files, then runs the check in each Keras that is at hand.
pub(crate) fn check(args: &[String]) -> Result<()> {
    let folder = target().join("keras-files");
    let example = ["run", "--quiet", "--package", "tensorferry-agreement", "--bin", "keras_files"];
    run(cargo(&example).arg("--").arg(&folder))?;
    let mut n_checked = 0;
    let mut failures = Vec::new();
    for name in ["keras2", "keras3"] {
        let variable = format!("TENSORFERRY_{}", name.to_uppercase());
        let from_environment = std::env::var(&variable).ok();
        let python = option(args, &format!("--{name}")).or(from_environment.as_deref());
        let Some(python) = python else {
            println!("{name}: not checked; give --{name} PYTHON or set {variable}");
            continue;
        };
        let script = root().join("tasks/oracle/check_keras_files.py");
        let results = root().join("fixtures/keras-load-results.json");
        let checked = run(command(python, &[])
            .arg(script)
            .args(["--name", name, "--files"])
            .arg(&folder)
            .arg("--results")
            .arg(results));
        failures.extend(checked.err().map(|error| error.to_string()));
        n_checked += 1;
    }
    if n_checked == 0 {
        println!("make the two Pythons with tasks/oracle/setup.sh DIR (TensorFlow, about 5 GB)");
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}
