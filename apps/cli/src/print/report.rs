//! The closing report of a conversion.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use tensorferry::{PassReport, Report};
use tensorferry_diagnostics::printable;

use super::{BOLD, DIM, Table, number, size};

/// Lines of the quantization table; the rest is in `--json`.
const LOSSES_MAX: usize = 20;
/// Files that are listed one by one.
const FILES_MAX: usize = 12;

/// The report as JSON, with the output path.
pub(crate) fn json(report: &Report, output: &Path) -> String {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("output_path".to_owned(), json!(output.to_string_lossy()));
        object.insert("load_with".to_owned(), json!(load_with(report, output)));
    }
    format!("{value:#}\n")
}

/// The report for people.
pub(crate) fn human(report: &Report, input: &Path, output: &Path) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{BOLD}{}{BOLD:#} -> {BOLD}{}{BOLD:#}",
        printable(&report.input),
        printable(&report.output)
    );
    for (word, lines) in
        [("kept", &report.kept), ("changed", &report.changed), ("dropped", &report.dropped)]
    {
        for (i, line) in lines.iter().enumerate() {
            let word = if i == 0 { word } else { "" };
            let _ = writeln!(out, "{DIM}{word:<8}{DIM:#} {}", printable(line));
        }
    }
    report.passes.iter().for_each(|pass| explain(&mut out, pass));
    out.push_str(&losses(report));
    if let Some(found) = &report.verification {
        let _ = write!(out, "\n{}", crate::verify::human(found));
    }
    out.push_str(&files(report, input, output));
    if !report.load_with.is_empty() {
        let call = load_with(report, output);
        let _ = writeln!(out, "\nload it with  {BOLD}{}{BOLD:#}", printable(&call));
    }
    out
}

/// What one pass did and what it did not, the latter node by node.
fn explain(out: &mut String, pass: &PassReport) {
    let PassReport { pass: name, n_nodes_before, n_nodes_after, applied, refused } = pass;
    let mut words: Vec<String> = applied
        .iter()
        .map(|(rewrite, n)| match rewrite == name {
            true => format!("{n} times"),
            false => format!("{rewrite}: {n} times"),
        })
        .collect();
    if n_nodes_before != n_nodes_after {
        words.push(format!("{n_nodes_before} -> {n_nodes_after} nodes"));
    }
    if words.is_empty() {
        words.push("nothing to do".to_owned());
    }
    let _ = writeln!(out, "{DIM}pass{DIM:#}     {name}: {}", words.join(", "));
    for refusal in refused {
        let rewrite = match refusal.rewrite == *name {
            true => String::new(),
            false => format!(" ({})", refusal.rewrite),
        };
        let (node, reason) = (printable(&refusal.node), printable(&refusal.reason));
        let _ = writeln!(out, "         not at `{node}`{rewrite}: {reason}");
    }
}

/// The call that loads the result from where it was written.
fn load_with(report: &Report, output: &Path) -> String {
    report.load_with.replace("PATH", &output.to_string_lossy())
}

/// How far quantized weights moved, the worst first.
fn losses(report: &Report) -> String {
    if report.quantization.is_empty() {
        return String::new();
    }
    let mut losses: Vec<_> = report.quantization.iter().collect();
    losses.sort_by(|a, b| b.max_abs_error.total_cmp(&a.max_abs_error));
    let mut table = Table::new(&["quantized weight", "dtype", ">max error", ">rms error"]);
    for loss in losses.iter().take(LOSSES_MAX) {
        table.row(vec![
            loss.name.clone(),
            loss.dtype.clone(),
            number(loss.max_abs_error),
            number(loss.rms_error),
        ]);
    }
    let more = losses.len().saturating_sub(LOSSES_MAX);
    let more =
        if more > 0 { format!("and {more} more with smaller errors\n") } else { String::new() };
    format!("\n{}{more}", table.render())
}

fn files(report: &Report, input: &Path, output: &Path) -> String {
    let change = match report.input_bytes {
        0 => String::new(),
        before => {
            let ratio = report.output_bytes as f64 / before as f64;
            format!(", {:.0} % of the input's", ratio * 100.0)
        }
    };
    let mut out = format!(
        "\n{} ({}) -> {} ({}{change})\n",
        printable(&input.to_string_lossy()),
        size(report.input_bytes),
        printable(&output.to_string_lossy()),
        size(report.output_bytes),
    );
    let mut table = Table::new(&["", ">"]);
    for (name, len) in report.files.iter().take(FILES_MAX) {
        table.row(vec![format!("  {name}"), size(*len)]);
    }
    out.push_str(&table.render());
    if let Some(more) = report.files.len().checked_sub(FILES_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "  and {more} more files");
    }
    out
}

#[cfg(test)]
mod tests {
    use tensorferry::WeightLoss;

    use super::*;
    use crate::print::plain;

    fn report() -> Report {
        Report {
            input: "Keras 3.15.1 model (.keras)".into(),
            output: "TensorFlow.js layers model".into(),
            kept: vec!["2 weights".into(), "the training config".into()],
            changed: vec!["`batch_shape` to `batch_input_shape`".into()],
            dropped: vec!["7 optimizer variables".into()],
            quantization: vec![
                WeightLoss {
                    name: "d/bias".into(),
                    dtype: "uint8".into(),
                    max_abs_error: 0.001,
                    rms_error: 0.0005,
                },
                WeightLoss {
                    name: "d/kernel".into(),
                    dtype: "uint8".into(),
                    max_abs_error: 0.25,
                    rms_error: 0.125,
                },
            ],
            n_weights: 2,
            input_bytes: 20_000,
            output_bytes: 5_000,
            files: vec![("group1-shard1of1.bin".into(), 4_000), ("model.json".into(), 1_000)],
            load_with: "tf.loadLayersModel('model.json')".into(),
            ..Report::default()
        }
    }

    #[test]
    fn a_report_says_what_was_kept_changed_and_dropped() {
        let text = plain(&human(&report(), Path::new("m.keras"), Path::new("out")));
        assert_eq!(
            text,
            "Keras 3.15.1 model (.keras) -> TensorFlow.js layers model\n\
             kept     2 weights\n         the training config\n\
             changed  `batch_shape` to `batch_input_shape`\n\
             dropped  7 optimizer variables\n\
             \n\
             quantized weight  dtype  max error  rms error\n\
             d/kernel          uint8       0.25      0.125\n\
             d/bias            uint8      0.001     0.0005\n\
             \n\
             m.keras (20.0 kB) -> out (5.0 kB, 25 % of the input's)\n  \
               group1-shard1of1.bin  4.0 kB\n  \
               model.json            1.0 kB\n\
             \n\
             load it with  tf.loadLayersModel('model.json')\n"
        );
    }

    #[test]
    fn passes_say_what_they_did_and_what_not() {
        let pass = PassReport {
            pass: "fuse_bias".into(),
            n_nodes_before: 9,
            n_nodes_after: 7,
            applied: [("fuse_bias".to_owned(), 2)].into(),
            refused: vec![tensorferry::RefusedRewrite {
                rewrite: "fuse_bias".into(),
                node: "r".into(),
                reason: "`c` is read by other nodes too".into(),
            }],
        };
        let none = PassReport {
            pass: "find_prelu".into(),
            n_nodes_before: 7,
            n_nodes_after: 7,
            applied: [].into(),
            refused: Vec::new(),
        };
        let report = Report { passes: vec![pass, none], ..report() };
        let text = plain(&human(&report, Path::new("m.keras"), Path::new("out")));
        assert!(
            text.contains(
                "pass     fuse_bias: 2 times, 9 -> 7 nodes\n         \
                 not at `r`: `c` is read by other nodes too\n\
                 pass     find_prelu: nothing to do\n"
            ),
            "{text}"
        );
        let value: serde_json::Value =
            serde_json::from_str(&json(&report, Path::new("out"))).unwrap();
        assert_eq!(value["passes"][0]["refused"][0]["node"], "r");
    }

    #[test]
    fn the_json_report_names_the_output() {
        let value: serde_json::Value =
            serde_json::from_str(&json(&report(), Path::new("out"))).unwrap();
        assert_eq!(value["output_path"], "out");
        assert_eq!(value["quantization"][1]["name"], "d/kernel");
    }
}
