//! How a command ends: exit codes, one line per problem, and a request for a report after a panic.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::styling::{AnsiColor, Style};
use tensorferry_diagnostics::{Kind, Problem, Problems, printable};
use tensorferry_disk::interrupt;

/// Longer lines are cut: names in a model may have 4,096 bytes.
const LINE_LEN_MAX: usize = 300;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Problems, to be printed.
    Problems(Problems),
    /// Nobody reads our output any more. Nothing is to be said, and nobody to say it to.
    BrokenPipe,
}

pub(crate) type Outcome = Result<(), Failure>;

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(problem.into())
    }
}

/// From writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Problem::new(Kind::Environment, format!("cannot print: {error}")).into()
    }
}

/// What we are doing, for the report of a panic.
static PHASE: Mutex<&str> = Mutex::new("starting");
/// Set by `--error-format json`, which must hold for errors in the arguments too.
static JSON: AtomicBool = AtomicBool::new(false);
/// Set by `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Says what we are about to do.
pub(crate) fn enter(phase: &'static str) {
    if let Ok(mut now) = PHASE.lock() {
        *now = phase;
    }
}

/// Says how errors and warnings are to be printed.
pub(crate) fn set_style(is_json: bool, is_quiet: bool) {
    JSON.store(is_json, Ordering::Relaxed);
    QUIET.store(is_quiet, Ordering::Relaxed);
}

/// True when only errors are to be printed.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Runs the whole program and gives its exit code: 0 done, 2 refused, 1 a bug of ours, 130 and
/// 143 on signals.
pub(crate) fn guarded(run: impl FnOnce() -> Outcome) -> ExitCode {
    static PANIC: Mutex<String> = Mutex::new(String::new());
    let ordinary = panic::take_hook();
    let wants_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0");
    panic::set_hook(Box::new(move |info| {
        if let Ok(mut text) = PANIC.lock() {
            let what = info.payload_as_str().unwrap_or("no message");
            let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line()));
            *text = format!("{what}{}", place.unwrap_or_default());
        }
        if wants_backtrace {
            ordinary(info);
        }
    }));
    let failure = match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) | Ok(Err(Failure::BrokenPipe)) => return ExitCode::SUCCESS,
        Ok(Err(Failure::Problems(problems))) => problems,
        Err(_) => {
            let text = PANIC.lock().map(|text| text.clone()).unwrap_or_default();
            let phase = PHASE.lock().map(|phase| *phase).unwrap_or("?");
            let version = env!("CARGO_PKG_VERSION");
            let what = format!("internal error, please report: {text}");
            let hint = format!("it happened while {phase}, in version {version}");
            Problem::new(Kind::Bug, what).hint(hint).into()
        }
    };
    print("error", &failure.0);
    let code = if let Some(signal) = interrupt::pending() {
        u8::try_from(128 + signal).unwrap_or(2)
    } else if failure.0.iter().any(|problem| problem.kind == Kind::Bug) {
        1
    } else {
        2
    };
    ExitCode::from(code)
}

/// Says what happened, where people read.
pub(crate) fn note(text: &str) {
    if !is_quiet() && !JSON.load(Ordering::Relaxed) {
        let _ = writeln!(anstream::stderr(), "note: {}", printable(text));
    }
}

/// Prints warnings, unless only errors are to be printed.
pub(crate) fn warn(problems: &[Problem]) {
    if !is_quiet() {
        print("warning", problems);
    }
}

fn print(level: &str, problems: &[Problem]) {
    let color = if level == "error" { AnsiColor::Red } else { AnsiColor::Yellow };
    let text = if JSON.load(Ordering::Relaxed) {
        as_json(level, problems)
    } else {
        as_text(level, color.on_default().bold(), problems)
    };
    // There is nowhere left to say that standard error cannot be written.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// One object a line.
fn as_json(level: &str, problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        let mut object = serde_json::json!({ "level": level });
        if let (Some(object), Ok(serde_json::Value::Object(fields))) =
            (object.as_object_mut(), serde_json::to_value(problem))
        {
            object.extend(fields);
        }
        let _ = writeln!(text, "{object}");
        text
    })
}

/// One line a problem, and a line for what to do, once where neighbours have the same.
fn as_text(level: &str, style: Style, problems: &[Problem]) -> String {
    let mut text = String::new();
    for (i, problem) in problems.iter().enumerate() {
        let line = cut(&format!("{level}: {problem}"));
        let words = line.strip_prefix(level).unwrap_or(&line);
        let _ = writeln!(text, "{style}{level}{style:#}{words}");
        let next = problems.get(i + 1).and_then(|next| next.hint.as_ref());
        if let Some(hint) = &problem.hint
            && next != Some(hint)
        {
            let bold = Style::new().bold();
            let _ = writeln!(text, "{bold}hint{bold:#}: {}", printable(hint));
        }
    }
    text
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE_LEN_MAX - 1) {
        Some((at, _)) if line.chars().count() > LINE_LEN_MAX => format!("{}…", &line[..at]),
        _ => line.to_owned(),
    }
}

/// True when someone watches standard error.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && !is_quiet()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_short_line_and_a_hint_comes_once() {
        let problems = [
            Problem::input("bad\u{1b}[2J").in_file("m.h5").hint("do this"),
            Problem::input("worse").in_file("m.h5").hint("do this"),
            Problem::input("worst").in_file("x".repeat(1000)),
        ];
        let text = crate::print::plain(&as_text("error", Style::new(), &problems));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "error: m.h5: bad\\u{1b}[2J");
        assert_eq!(lines[1], "error: m.h5: worse");
        assert_eq!(lines[2], "hint: do this");
        assert_eq!(lines[3].chars().count(), LINE_LEN_MAX);
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_panic_is_a_bug_of_ours_and_a_refusal_is_not() {
        assert_eq!(guarded(|| panic!("for this test")), ExitCode::from(1));
        assert_eq!(guarded(|| Err(Problem::input("bad").into())), ExitCode::from(2));
        assert_eq!(guarded(|| Err(Problem::new(Kind::Bug, "odd").into())), ExitCode::from(1));
        assert_eq!(guarded(|| Err(Failure::BrokenPipe)), ExitCode::SUCCESS);
        drop(panic::take_hook()); // the other tests' panics are to be seen
    }

    #[test]
    fn json_has_one_object_a_line() {
        let problem = Problem::input("bad").in_file("m.h5").at("x").expected(1, 2);
        assert_eq!(
            as_json("error", &[problem]),
            "{\"level\":\"error\",\"kind\":\"input\",\"file\":\"m.h5\",\"field\":\"x\",\
             \"what\":\"bad\",\"expected\":\"1\",\"found\":\"2\"}\n"
        );
    }
}
