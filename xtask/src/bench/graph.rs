//! SavedModels to graph models: against a copy of their weights, and what checking the result costs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::measure::{Pair, Program, middle_ms};
use super::{Bench, made};
use crate::run::{Result, output};

/// Counted runs with and without verification.
const ROUNDS: usize = 3;

/// The SavedModels.
pub(super) struct Graphs {
    bert: PathBuf,
    mobilenet: PathBuf,
}

/// What checking a result costs.
pub(super) struct Verification {
    pub(super) title: &'static str,
    pub(super) with_ms: f64,
    pub(super) without_ms: f64,
    /// One run of the model by our engine, where that could be measured.
    pub(super) inference_ms: Option<f64>,
}

impl Graphs {
    pub(super) fn make(bench: &Bench) -> Result<Self> {
        let bert = made(&bench.folder, "bert_base_saved_model", "model")?;
        let mobilenet = made(&bench.folder, "mobilenet_v2_saved_model", "model")?;
        Ok(Self { bert, mobilenet })
    }

    /// What is compared.
    pub(super) fn pairs(&self, bench: &Bench) -> Vec<Pair> {
        let weights = self.bert.join("variables/variables.data-00000-of-00001");
        let mut copy = Program::new("cp WEIGHTS", Path::new("cp"), &bench.output("copy"));
        copy.args = vec![weights.into(), bench.output("copy").into()];
        vec![
            Pair::new("BERT base SavedModel, 438 MB", self.bert(bench, "a"), copy),
            Pair::new(
                "MobileNetV2 SavedModel, 14 MB",
                to_graph(bench, &self.mobilenet, "a", false),
                bench.copy(&self.mobilenet),
            ),
        ]
    }

    /// The conversion of the large model that the limits are about.
    pub(super) fn bert(&self, bench: &Bench, output: &str) -> Program {
        to_graph(bench, &self.bert, output, false)
    }

    /// Times with and without verification, beside one inference.
    pub(super) fn verification(&self, bench: &Bench) -> Result<Vec<Verification>> {
        // Of the large model it takes minutes.
        let models: [(&str, &Path, &[&str]); 1] =
            [("MobileNetV2", &self.mobilenet, &["input_1=1,224,224,3"])];
        let mut all = Vec::new();
        for (title, model, shapes) in models {
            let with = to_graph(bench, model, "a", true);
            let measured =
                Pair::new(title, with, to_graph(bench, model, "b", false)).run(ROUNDS)?;
            all.push(Verification {
                title,
                with_ms: middle_ms(&measured.a),
                without_ms: middle_ms(&measured.b),
                inference_ms: inference(&bench.binary, &bench.output("b"), shapes),
            });
        }
        Ok(all)
    }
}

fn to_graph(bench: &Bench, input: &Path, output: &str, verify: bool) -> Program {
    let mut program = bench.convert_unsynced(input, output);
    program.args.push("--output_format=tfjs_graph_model".into());
    if !verify {
        program.name.push_str(" --no-verify");
        program.args.push("--no-verify".into());
    }
    program
}

/// The median time of one run of a converted model.
fn inference(binary: &Path, model: &Path, shapes: &[&str]) -> Option<f64> {
    let mut command = Command::new(binary);
    command.arg("bench").arg(model).args(["--json", "--warmup", "2", "--runs", "5"]);
    for shape in shapes {
        command.args(["--shape", shape]);
    }
    let json: Json = serde_json::from_str(&output(&mut command)?).ok()?;
    json["median_ms"].as_f64()
}
