//! Wall-clock and processor time of whole processes, two programs in turn.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::command;
use crate::run::{Result, run};

/// What is started, and what it writes.
pub(super) struct Program {
    /// As the table calls it.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) args: Vec<OsString>,
    /// Removed before each start.
    pub(super) output: PathBuf,
}

impl Program {
    pub(super) fn new(name: &str, path: &Path, output: &Path) -> Self {
        let (name, args) = (name.to_owned(), Vec::new());
        Self { name, path: path.to_owned(), args, output: output.to_owned() }
    }
}

/// A program, and what it is held against.
pub(super) struct Pair {
    pub(super) title: String,
    pub(super) a: Program,
    pub(super) b: Option<Program>,
}

/// One run.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    /// From before the start until the process is reaped.
    pub(super) wall: Duration,
    /// User and system time of the process and its children.
    pub(super) cpu: Duration,
}

/// The counted runs of a pair; the i-th of `b` followed the i-th of `a`.
pub(super) struct Measured {
    pub(super) title: String,
    pub(super) names: (String, String),
    pub(super) a: Vec<Figures>,
    pub(super) b: Vec<Figures>,
}

impl Pair {
    pub(super) fn new(title: &str, a: Program, b: Program) -> Self {
        Self { title: title.to_owned(), a, b: Some(b) }
    }

    /// A program that is compared with nothing.
    pub(super) fn alone(a: Program) -> Self {
        Self { title: a.name.clone(), a, b: None }
    }

    /// Runs the programs in turn, each timed run straight after one of the same program that is
    /// not: what a virtual machine's memory costs when it is first touched depends on who ran
    /// before.
    pub(super) fn run(self, rounds: usize) -> Result<Measured> {
        let b_name = self.b.as_ref().map_or("", |b| b.name.as_str()).to_owned();
        println!("{}: {} / {b_name}, {rounds} rounds", self.title, self.a.name);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            once(&self.a)?;
            a.push(once(&self.a)?);
            if let Some(other) = &self.b {
                once(other)?;
                b.push(once(other)?);
            }
        }
        Ok(Measured { title: self.title, names: (self.a.name, b_name), a, b })
    }
}

/// The median of the wall times.
pub(super) fn middle_ms(runs: &[Figures]) -> f64 {
    super::report::three(runs.iter().map(|run| run.wall.as_secs_f64() * 1e3).collect())[1]
}

/// One run from a clean start: no output there, nothing left for the disk to do.
fn once(program: &Program) -> Result<Figures> {
    remove(&program.output)?;
    run_quietly(&mut Command::new("sync"))?;
    let mut command = command(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let before = usage::of_children()?;
    let start = Instant::now();
    let status = command.status()?;
    let wall = start.elapsed();
    let cpu = usage::of_children()?.saturating_sub(before);
    if !status.success() {
        return Err(format!("`{}` failed", program.name).into());
    }
    Ok(Figures { wall, cpu })
}

fn run_quietly(command: &mut Command) -> Result<()> {
    if command.status()?.success() { Ok(()) } else { run(command) }
}

/// Removes a file or folder, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[expect(unsafe_code, reason = "the standard library does not say what a child has used")]
mod usage {
    use std::io;
    use std::time::Duration;

    /// User and system time of all children that were waited for.
    pub(super) fn of_children() -> io::Result<Duration> {
        // SAFETY: `rusage` is plain integers, for which all-zero is a valid value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `usage` is ours to write and of the type that the call fills.
        if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let time = |time: libc::timeval| {
            let part = |part: i64| u64::try_from(part).unwrap_or_default();
            Duration::from_secs(part(time.tv_sec)) + Duration::from_micros(part(time.tv_usec))
        };
        Ok(time(usage.ru_utime) + time(usage.ru_stime))
    }
}
