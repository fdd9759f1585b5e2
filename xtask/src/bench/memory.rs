//! The memory that a process has for itself, looked at while it runs.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::command;
use super::measure::{Program, remove};
use crate::run::Result;

/// How long the watcher sleeps between two looks.
pub(super) const PERIOD: Duration = Duration::from_micros(500);

/// What was seen, in KiB.
#[derive(Clone, Copy, Default)]
pub(super) struct Peak {
    /// Largest `RssAnon`: memory of the process's own, without mapped files.
    pub(super) anonymous: u64,
    /// `VmHWM`, which the kernel keeps: mapped file pages and the program's own code included.
    pub(super) all: u64,
    /// How often it was looked.
    pub(super) n_looks: u64,
}

/// The largest of some runs.
pub(super) fn peak(program: &Program, n_runs: usize) -> Result<Peak> {
    let mut peak = Peak::default();
    for _ in 0..n_runs {
        remove(&program.output)?;
        let mut child = command(program).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        while child.try_wait()?.is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            if text.contains("Name:\ttensorferry") {
                peak.anonymous = peak.anonymous.max(field(&text, "RssAnon:"));
                peak.all = peak.all.max(field(&text, "VmHWM:"));
                peak.n_looks += 1;
            }
            thread::sleep(PERIOD);
        }
    }
    Ok(peak)
}

/// A line such as `RssAnon:     812 kB`.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}
