//! The safety net: two graphs run on the same inputs must give the same outputs.

use std::collections::BTreeMap;

use tensorferry_diagnostics::{Kind, Problems};
use tensorferry_ir::{Graph, Model};
use tensorferry_ops::{ALL, Effect};
use tensorferry_runtime::Limits;
use tensorferry_tensor::DenseTensor;

use crate::engine::{DrawOptions, Engine, EngineOptions, TensorSpec, difference, draw};

/// What became of the comparison.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Both gave the same, as far as numbers of single precision can be.
    Same {
        /// On how many inputs.
        n_runs: u64,
        /// The largest, relative to the largest number of its output.
        max_difference: f64,
    },
    /// It could not be made.
    Skipped(String),
    /// The source is no graph that could run, whatever is fed: types or shapes do not go together.
    Broken(Problems),
    /// It would take too long or too much memory, whatever is fed.
    TooMuch(String),
    /// They differ.
    Differs(String),
}

/// Unknown dims that are tried where those that are usual do not go with the model.
const DIMS: [u64; 3] = [2, 1, 16];

/// Inputs of more elements are not made up: the run would take longer than the conversion.
const ELEMENTS_MAX: u64 = 1 << 22;

/// Inputs per model, each of other values.
const RUNS: u64 = 2;

/// Relative to the largest number of an output: what another order of adding up may change.
const TOLERANCE: f64 = 1e-4;

/// Nodes that one run of the comparison executes. Recurrent layers take some ten thousand; a loop
/// that does not end is given up before it costs more than the conversion.
const STEPS_MAX: u64 = 200_000;

/// Runs both on seeded inputs. `bytes_max` is what the outputs of all nodes of a run may take.
pub(crate) fn verify(source: &Model, result: &Model, signature: &str, bytes_max: u64) -> Verdict {
    if let Some(op) = random_op(source) {
        return Verdict::Skipped(format!("`{op}` gives other numbers every time"));
    }
    let options =
        EngineOptions { signature: Some(signature.to_owned()), ..EngineOptions::default() };
    let limits = Limits { steps: STEPS_MAX, bytes: bytes_max, bytes_in_all: bytes_max };
    let mut before = match Engine::of_graph(source.clone(), &options, limits) {
        Ok(engine) => engine,
        Err(problems) if problems.0.iter().any(|problem| problem.kind == Kind::Input) => {
            return Verdict::Broken(problems);
        }
        Err(problems) => return Verdict::Skipped(format!("the source does not run: {problems}")),
    };
    let mut after = match Engine::of_graph(
        result.clone(),
        &options,
        Limits {
            // What the source may do, another way to say it may do too.
            steps: STEPS_MAX * 2,
            bytes_in_all: bytes_max.saturating_mul(4),
            bytes: bytes_max.saturating_mul(4),
        },
    ) {
        Ok(engine) => engine,
        Err(problems) => return Verdict::Differs(format!("it does not run: {problems}")),
    };
    let mut why = "it takes too large inputs".to_owned();
    for shapes in shapes(before.inputs()) {
        for is_positive in [false, true] {
            let draw =
                DrawOptions { shapes: shapes.clone(), is_positive, ..DrawOptions::default() };
            match runs(&mut before, &mut after, &draw) {
                Verdict::Skipped(what) => why = what,
                other => return other,
            }
        }
    }
    Verdict::Skipped(format!("the source does not run on made-up inputs: {why}"))
}

fn runs(before: &mut Engine, after: &mut Engine, options: &DrawOptions) -> Verdict {
    let mut max_difference: f64 = 0.0;
    let mut n_runs = 0;
    for seed in 0..RUNS {
        let options = DrawOptions { seed, ..options.clone() };
        let inputs = match draw(before.inputs(), &options) {
            Ok(inputs) => inputs,
            Err(problem) => return Verdict::Skipped(problem.to_string()),
        };
        let expected = match before.run(&inputs, &[]) {
            Ok(expected) => expected,
            Err(problems) if n_runs == 0 && is_limit(&problems) => {
                return Verdict::TooMuch(problems.to_string());
            }
            Err(problems) if n_runs == 0 => return Verdict::Skipped(problems.to_string()),
            Err(_) => break,
        };
        let found = match after.run(&inputs, &[]) {
            Ok(found) => found,
            Err(problems) => return Verdict::Differs(problems.to_string()),
        };
        match farthest(&expected, &found) {
            Ok(difference) => max_difference = max_difference.max(difference),
            Err(what) => return Verdict::Differs(what),
        }
        n_runs += 1;
    }
    Verdict::Same { n_runs, max_difference }
}

fn is_limit(problems: &Problems) -> bool {
    problems.0.iter().any(|problem| problem.kind == Kind::Limit)
}

type Named = [(String, DenseTensor)];

/// The largest difference of all outputs, or what is too far apart.
fn farthest(expected: &Named, found: &Named) -> Result<f64, String> {
    if expected.len() != found.len() {
        return Err(format!("{} outputs instead of {}", found.len(), expected.len()));
    }
    let mut max: f64 = 0.0;
    for ((name, a), (_, b)) in expected.iter().zip(found) {
        if a.dtype() != b.dtype() {
            return Err(format!("output `{name}` is {} instead of {}", b.dtype(), a.dtype()));
        }
        let difference = difference(a, b);
        if let Some(what) = difference.mismatch {
            return Err(format!("output `{name}`: {what}"));
        }
        let numbers = a.to_f64().unwrap_or_default();
        let finite = numbers.iter().filter(|x| x.is_finite());
        // Where everything is nearly nothing, nearly nothing is what differs too.
        let scale = finite.fold(1e-3_f64, |scale, x| scale.max(x.abs()));
        let apart = difference.max_abs / scale;
        if apart > TOLERANCE {
            return Err(format!("output `{name}` is up to {} apart", difference.max_abs));
        }
        max = max.max(apart);
    }
    Ok(max)
}

fn random_op(model: &Model) -> Option<&str> {
    let graphs: Vec<&Graph> = std::iter::once(&model.graph)
        .chain(model.functions.values().map(|function| &function.graph))
        .collect();
    let mut ops = graphs.into_iter().flat_map(|graph| graph.nodes()).map(|node| node.op.as_str());
    ops.find(|op| ALL.find(op).is_some_and(|def| def.spec.effect == Effect::Random))
}

/// Shapes to try: those that are usual, then unknown dims of one size.
fn shapes(specs: &[TensorSpec]) -> Vec<BTreeMap<String, Vec<usize>>> {
    let with = |size: u64| -> Option<BTreeMap<String, Vec<usize>>> {
        let one = |spec: &TensorSpec| {
            let dims = spec.shape.clone().unwrap_or_else(|| vec![None]);
            let dims: Vec<u64> = dims.into_iter().map(|dim| dim.unwrap_or(size)).collect();
            let n = dims.iter().try_fold(1_u64, |n, dim| n.checked_mul(*dim));
            n.filter(|n| *n <= ELEMENTS_MAX)?;
            let dims = dims.into_iter().map(|dim| usize::try_from(dim).ok());
            Some((spec.name.clone(), dims.collect::<Option<Vec<usize>>>()?))
        };
        specs.iter().map(one).collect()
    };
    // The usual shapes are made by `draw`; unknown dims there are no larger than 64.
    let usual = with(64).is_some().then(BTreeMap::new);
    usual.into_iter().chain(DIMS.into_iter().filter_map(with)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(numbers: &[f32]) -> Vec<(String, DenseTensor)> {
        vec![("y".to_owned(), DenseTensor::vector(numbers.to_vec()))]
    }

    #[test]
    fn outputs_that_differ_are_found() {
        let source = outputs(&[100.0, 0.0]);
        assert!(farthest(&source, &outputs(&[100.001, 0.001])).is_ok());
        let what = farthest(&source, &outputs(&[100.1, 0.0])).unwrap_err();
        assert!(what.starts_with("output `y` is up to 0.0999"), "{what}");
        assert!(farthest(&source, &outputs(&[100.0, f32::NAN])).is_err());
        assert!(farthest(&source, &outputs(&[100.0])).is_err());
        assert!(farthest(&source, &[]).is_err());
        let other = vec![("y".to_owned(), DenseTensor::vector(vec![100_i32, 0]))];
        assert!(farthest(&source, &other).is_err());
    }
}
