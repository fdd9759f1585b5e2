//! The figures as a section of `docs/benchmarks.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::graph::Verification;
use super::measure::{Figures, Measured};
use super::memory::{PERIOD, Peak};
use crate::run::{Result, command, output};

/// One of the figures of a run.
type Kind = fn(&Figures) -> Duration;

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What is compared with nothing else.
pub(super) struct Alone {
    pub(super) starts: Measured,
    pub(super) verification: Vec<Verification>,
}

/// Prints the section and puts it into the file.
pub(super) fn write(
    path: &Path,
    pairs: &[Measured],
    alone: &Alone,
    memory: &[(&str, Peak)],
    load_before: &str,
) -> Result<()> {
    let mut text = String::new();
    machine(&mut text, load_before)?;
    table(&mut text, pairs)?;
    writeln!(
        text,
        "\nStart-up, whole process, {} runs of `{}`: wall {}, CPU {}.",
        alone.starts.a.len(),
        alone.starts.title,
        spread(&alone.starts.a, |f| f.wall),
        spread(&alone.starts.a, |f| f.cpu)
    )?;
    verification(&mut text, &alone.verification)?;
    writeln!(
        text,
        "\n| peak memory | anonymous (`RssAnon`) | with mapped files (`VmHWM`) | looks |"
    )?;
    writeln!(text, "| --- | --- | --- | --- |")?;
    for (name, peak) in memory {
        let (own, all) = (mib(peak.anonymous), mib(peak.all));
        writeln!(text, "| {name} | {own} MiB | {all} MiB | {} |", peak.n_looks)?;
    }
    writeln!(
        text,
        "\nLooked at every {} µs or so, in runs that are not timed.",
        PERIOD.as_micros()
    )?;
    println!("\n{text}");
    let old = fs::read_to_string(path)?;
    let (head, rest) = old.split_once(BEGIN).ok_or("docs/benchmarks.md lost its begin marker")?;
    let (_, tail) = rest.split_once(END).ok_or("docs/benchmarks.md lost its end marker")?;
    fs::write(path, format!("{head}{BEGIN}\n\n{text}\n{END}{tail}"))?;
    Ok(())
}

fn verification(text: &mut String, all: &[Verification]) -> Result<()> {
    writeln!(
        text,
        "\n| graph model, wall | `--no-verify` | verified | one inference | verification |\n\
         | --- | --- | --- | --- | --- |"
    )?;
    for one in all {
        let Verification { title, with_ms, without_ms, inference_ms } = one;
        let cost = with_ms - without_ms;
        let inference = inference_ms.map_or("not measured".to_owned(), |ms| format!("{ms:.1} ms"));
        let ratio =
            inference_ms.map_or(String::new(), |ms| format!(", {:.1} inferences", cost / ms));
        writeln!(
            text,
            "| {title} | {without_ms:.0} ms | {with_ms:.0} ms | {inference} | {cost:.0} ms{ratio} |"
        )?;
    }
    Ok(())
}

pub(super) fn machine(text: &mut String, load_before: &str) -> Result<()> {
    let said = |program: &str, args: &[&str]| {
        let text = output(&mut command(program, args)).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let n_cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: u64 = memory.split_whitespace().nth(1).unwrap_or_default().parse().unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let commit = said("git", &["rev-parse", "--short", "HEAD"]);
    let is_changed =
        !said("git", &["status", "--porcelain", "crates", "formats", "apps"]).is_empty();
    let file_system =
        output(Command::new("stat").args(["-f", "-c", "%T"]).arg(crate::run::target()));
    writeln!(
        text,
        "- machine: {n_cpus} × {}, {} GiB, Linux {}, {} (a virtual machine's disk)",
        model.unwrap_or("unknown processor"),
        kib >> 20,
        kernel.trim(),
        file_system.unwrap_or_default().trim()
    )?;
    writeln!(text, "- load average (1, 5, 15 minutes): {load_before} before, {} after", load())?;
    writeln!(
        text,
        "- versions: checkout {commit}{}, {}, {}",
        if is_changed { " with changes" } else { "" },
        said("rustc", &["--version"]),
        said("cp", &["--version"])
    )?;
    writeln!(text, "- date: {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    writeln!(text, "- command: `cargo xtask {}`\n", arguments())?;
    Ok(())
}

/// Our own, paths of this machine left out.
fn arguments() -> String {
    let args = std::env::args().skip(1);
    let shown = args.map(|arg| if arg.contains('/') { "FILE".to_owned() } else { arg });
    shown.collect::<Vec<_>>().join(" ")
}

fn table(text: &mut String, pairs: &[Measured]) -> Result<()> {
    writeln!(text, "| A / B | runs each | | A | B | A/B, by pair |")?;
    writeln!(text, "| --- | --- | --- | --- | --- | --- |")?;
    for pair in pairs {
        let (a, b) = &pair.names;
        let kinds: [(&str, Kind); 2] = [("wall", |f| f.wall), ("CPU", |f| f.cpu)];
        for (kind, of) in kinds {
            let title = if kind == "wall" {
                format!("{}: `{a}` / `{b}`", pair.title)
            } else {
                String::new()
            };
            let ratios =
                pair.a.iter().zip(&pair.b).map(|(a, b)| of(a).as_secs_f64() / of(b).as_secs_f64());
            let [min, median, max] = three(ratios.collect());
            writeln!(
                text,
                "| {title} | {} | {kind} | {} | {} | **{median:.2}** ({min:.2}–{max:.2}) |",
                pair.a.len(),
                spread(&pair.a, of),
                spread(&pair.b, of)
            )?;
        }
    }
    Ok(())
}

/// Median, with the smallest and the largest.
fn spread(runs: &[Figures], of: Kind) -> String {
    let [min, median, max] = three(runs.iter().map(|run| of(run).as_secs_f64() * 1e3).collect());
    if median < 1000.0 {
        return format!("{median:.1} ms ({min:.1}–{max:.1})");
    }
    format!("{:.2} s ({:.2}–{:.2})", median / 1e3, min / 1e3, max / 1e3)
}

/// Smallest, median and largest.
pub(super) fn three(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    [at(0), (at(last / 2) + at(values.len() / 2)) / 2.0, at(last)]
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

/// The three load averages.
pub(super) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
