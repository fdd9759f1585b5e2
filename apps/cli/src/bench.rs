//! `bench`: how long a model takes, and where the time goes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tensorferry::engine::{Engine, Observer, draw};

use crate::engine_args::BenchArgs;
use crate::errors::{self, Failure, Outcome};
use crate::print::{self, Table};
use crate::{run, verify};

/// Runs in which every node is timed; they are not among those that are measured.
const OBSERVED_RUNS: u32 = 5;
/// Ops that the table shows.
const OPS_SHOWN: usize = 20;

/// What was measured.
struct Measured {
    load: Duration,
    first: Duration,
    /// Sorted.
    runs: Vec<Duration>,
    /// Of a run on average, all threads.
    cpu: Option<Duration>,
    peak_bytes: Option<u64>,
    ops: Vec<OpTime>,
}

/// All nodes of one op, in one run.
struct OpTime {
    op: &'static str,
    calls: f64,
    time: Duration,
}

/// Measures a model.
pub(crate) fn run(args: &BenchArgs) -> Outcome {
    let (mut engine, load) = {
        let start = Instant::now();
        (run::load(&args.model, &args.of)?, start.elapsed())
    };
    errors::enter("measuring");
    let measured = measure(&mut engine, args, load)?;
    errors::enter("reporting");
    match args.json {
        true => print::text(&format!("{:#}\n", as_json(&engine, args, &measured))),
        false => print::text(&human(&engine, &measured)),
    }
}

fn measure(engine: &mut Engine, args: &BenchArgs, load: Duration) -> Result<Measured, Failure> {
    // Models that look numbers up take no negative ones.
    let options = verify::draw_options(&args.draw)?;
    let options = tensorferry::engine::DrawOptions { is_positive: true, ..options };
    let inputs = draw(engine.inputs(), &options)?;
    let once = |engine: &mut Engine| -> Result<Duration, Failure> {
        let start = Instant::now();
        engine.run(&inputs, &[])?;
        Ok(start.elapsed())
    };
    let first = once(engine)?;
    for _ in 0..args.warmup {
        once(engine)?;
    }
    let mut runs = Vec::new();
    let cpu_before = cpu_time();
    for _ in 0..args.runs {
        runs.push(once(engine)?);
    }
    let cpu = cpu_before.zip(cpu_time()).map(|(before, after)| after.saturating_sub(before));
    let cpu = cpu.and_then(|all| all.checked_div(args.runs));
    runs.sort_unstable();
    let peak_bytes = peak_bytes();
    let mut clock = Clock::default();
    for _ in 0..OBSERVED_RUNS {
        engine.run_observed(&inputs, &[], Some(&mut clock))?;
    }
    Ok(Measured { load, first, runs, cpu, peak_bytes, ops: clock.ops(OBSERVED_RUNS) })
}

/// Adds up the time of each op, without that of the nodes inside.
#[derive(Default)]
struct Clock {
    /// Op, begin, and the time of nodes inside so far.
    open: Vec<(&'static str, Instant, Duration)>,
    total: BTreeMap<&'static str, (u32, Duration)>,
}

impl Observer for Clock {
    fn begin(&mut self, _name: &str, op: &'static str) {
        self.open.push((op, Instant::now(), Duration::ZERO));
    }

    fn end(&mut self) {
        let Some((op, start, inside)) = self.open.pop() else { return };
        let whole = start.elapsed();
        let (calls, time) = self.total.entry(op).or_default();
        *calls += 1;
        *time += whole.saturating_sub(inside);
        if let Some((_, _, inside)) = self.open.last_mut() {
            *inside += whole;
        }
    }
}

impl Clock {
    /// Per run, the longest first.
    fn ops(self, n_runs: u32) -> Vec<OpTime> {
        let mut ops: Vec<OpTime> = self
            .total
            .into_iter()
            .map(|(op, (calls, time))| OpTime {
                op,
                calls: f64::from(calls) / f64::from(n_runs),
                time: time / n_runs,
            })
            .collect();
        ops.sort_by_key(|op| std::cmp::Reverse(op.time));
        ops
    }
}

impl Measured {
    /// The run that `percent` of all are not slower than.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.runs.len() * percent).div_ceil(100).max(1) - 1;
        self.runs.get(rank).copied().unwrap_or_default()
    }
}

/// The processor time of all threads so far, where the system tells to the nanosecond.
fn cpu_time() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds = |thread: std::fs::DirEntry| -> Option<u64> {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let all: Option<u64> = threads.map(|thread| nanoseconds(thread.ok()?)).sum();
    all.map(Duration::from_nanos)
}

/// The most memory that this process had, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn human(engine: &Engine, measured: &Measured) -> String {
    let ms = |time: Duration| format!("{} ms", print::number(milliseconds(time)));
    let mut table = Table::new(&["", ">"]);
    let mut row = |what: &str, value: String| table.row(vec![what.to_owned(), value]);
    row("load", ms(measured.load));
    row("first run", ms(measured.first));
    row("median", ms(measured.percentile(50)));
    row("fastest", ms(measured.percentile(0)));
    row("90 % within", ms(measured.percentile(90)));
    row("99 % within", ms(measured.percentile(99)));
    if let Some(cpu) = measured.cpu {
        row("processor time", ms(cpu));
    }
    if let Some(peak) = measured.peak_bytes {
        row("peak memory", print::size(peak));
    }
    let runs = print::plural(measured.runs.len(), "run");
    let mut text = format!("{}, {runs}\n{}", engine.kind(), table.render());
    let all: Duration = measured.ops.iter().map(|op| op.time).sum();
    let mut table = Table::new(&["op", ">calls", ">ms", ">share"]);
    for op in measured.ops.iter().take(OPS_SHOWN) {
        let share = 100.0 * op.time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
        table.row(vec![
            op.op.to_owned(),
            print::number(op.calls),
            print::number(milliseconds(op.time)),
            format!("{share:.1} %"),
        ]);
    }
    text.push_str(&format!("\nper run, each node timed\n{}", table.render()));
    if let Some(hidden) = measured.ops.len().checked_sub(OPS_SHOWN).filter(|n| *n > 0) {
        text.push_str(&format!("and {}\n", print::plural(hidden, "more op")));
    }
    text
}

fn as_json(engine: &Engine, args: &BenchArgs, measured: &Measured) -> Value {
    let ops: Vec<Value> = measured
        .ops
        .iter()
        .map(|op| json!({ "op": op.op, "calls": op.calls, "ms": milliseconds(op.time) }))
        .collect();
    let runs: Vec<f64> = measured.runs.iter().map(|run| milliseconds(*run)).collect();
    json!({
        "model": engine.kind(),
        "threads": args.of.threads,
        "warmup": args.warmup,
        "load_ms": milliseconds(measured.load),
        "first_ms": milliseconds(measured.first),
        "median_ms": milliseconds(measured.percentile(50)),
        "min_ms": milliseconds(measured.percentile(0)),
        "p90_ms": milliseconds(measured.percentile(90)),
        "p99_ms": milliseconds(measured.percentile(99)),
        "cpu_ms": measured.cpu.map(milliseconds),
        "runs_ms": runs,
        "peak_bytes": measured.peak_bytes,
        "ops": ops,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_runs_that_happened() {
        let measured = |n: u64| Measured {
            load: Duration::ZERO,
            first: Duration::ZERO,
            runs: (1..=n).map(Duration::from_millis).collect(),
            cpu: None,
            peak_bytes: None,
            ops: Vec::new(),
        };
        let of = |n, percent| measured(n).percentile(percent).as_millis();
        assert_eq!([of(1, 0), of(1, 50), of(1, 99)], [1, 1, 1]);
        assert_eq!([of(100, 0), of(100, 50), of(100, 90), of(100, 99)], [1, 50, 90, 99]);
        assert_eq!([of(20, 50), of(20, 99)], [10, 20]);
    }

    #[test]
    fn time_inside_a_node_is_not_its_own() {
        let mut clock = Clock::default();
        clock.begin("w", "While");
        clock.begin("x", "Mul");
        std::thread::sleep(Duration::from_millis(20));
        clock.end();
        clock.end();
        let ops = clock.ops(1);
        assert_eq!((ops[0].op, ops[1].op), ("Mul", "While"));
        assert!(ops[0].time >= Duration::from_millis(20) && ops[1].time < ops[0].time);
    }
}
