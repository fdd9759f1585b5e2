//! The rules of this repository, as tests.
//!
//! Each file in `tests/` is one kind of rule. A rule that needs an exception has a short list of
//! them with a reason each; an exception that is no longer needed fails the test too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies two folders below the root").to_owned()
}

/// Every tracked file, by its path from the root, sorted.
///
/// # Panics
/// When there are suspiciously few: a rule over no files proves nothing.
pub fn files() -> Vec<String> {
    let mut files = tracked().unwrap_or_else(|| walk(&root()));
    files.retain(|file| root().join(file).is_file());
    files.sort();
    assert!(files.len() > 50, "only {} files found", files.len());
    files
}

/// The text of a file of the repository.
///
/// # Panics
/// When it is not there or not UTF-8.
pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Fails with all findings at once.
///
/// # Panics
/// When there is a finding.
pub fn report(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

fn tracked() -> Option<Vec<String>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let names: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
    (output.status.success() && !names.is_empty()).then_some(names)
}

/// For copies of the sources without git.
fn walk(root: &Path) -> Vec<String> {
    const NOT_OURS: [&str; 3] = ["target", "node_modules", ".git"];
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                    folders.push(path);
                }
            } else if let Ok(name) = path.strip_prefix(root) {
                files.push(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files
}
