//! Two models on the same inputs: how far apart their outputs are.

use serde::Serialize;
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_tensor::DenseTensor;

use super::{DrawOptions, Engine, TensorSpec, draw};

/// How two models are compared.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// How the inputs are made; each run has another seed.
    pub draw: DrawOptions,
    /// How many inputs.
    pub runs: u32,
    /// The most that two numbers may differ, relative to values above one.
    pub tolerance: f64,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { draw: DrawOptions::default(), runs: 3, tolerance: 1e-4 }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// The worst of each output.
    pub outputs: Vec<OutputDifference>,
    /// How many inputs.
    pub runs: u32,
    /// What was allowed.
    pub tolerance: f64,
}

/// The worst difference of one output.
#[derive(Debug, Clone, Serialize)]
pub struct OutputDifference {
    /// Its name in the source.
    pub name: String,
    /// Its name in the converted model.
    pub converted_name: String,
    /// The worst of all runs.
    #[serde(flatten)]
    pub difference: Difference,
}

/// How far two tensors are apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Elements that were compared.
    pub elements: u64,
    /// The largest absolute difference.
    pub max_abs: f64,
    /// The largest difference relative to the larger of the two.
    pub max_rel: f64,
    /// The largest difference relative to values above one: what the tolerance bounds.
    pub worst: f64,
    /// Why they cannot be compared, such as another shape, or a number in place of NaN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
}

impl Difference {
    fn mismatched(what: String) -> Self {
        Self { mismatch: Some(what), worst: f64::INFINITY, ..Self::default() }
    }

    fn join(&mut self, other: Self) {
        self.elements += other.elements;
        self.max_abs = self.max_abs.max(other.max_abs);
        self.max_rel = self.max_rel.max(other.max_rel);
        self.worst = self.worst.max(other.worst);
        self.mismatch = self.mismatch.take().or(other.mismatch);
    }
}

impl Verification {
    /// True when every output is within the tolerance.
    pub fn agrees(&self) -> bool {
        self.outputs.iter().all(|output| self.is_near(output))
    }

    /// True when this output is within the tolerance.
    pub fn is_near(&self, output: &OutputDifference) -> bool {
        output.difference.worst <= self.tolerance
    }
}

/// Runs both models on the same seeded inputs.
///
/// # Errors
/// When their inputs or outputs do not correspond, or one of them does not run.
pub fn verify(
    source: &mut Engine,
    converted: &mut Engine,
    options: &VerifyOptions,
) -> Result<Verification, Problems> {
    let inputs = pairs("input", source.inputs(), converted.inputs())?;
    let outputs = pairs("output", source.outputs(), converted.outputs())?;
    let mut found: Vec<OutputDifference> = outputs
        .iter()
        .map(|(name, converted_name)| OutputDifference {
            name: name.clone(),
            converted_name: converted_name.clone(),
            difference: Difference::default(),
        })
        .collect();
    let (ours, theirs): (Vec<String>, Vec<String>) = outputs.into_iter().unzip();
    for run in 0..options.runs {
        let (drawn, expected) = run_source(source, options, run, &ours)?;
        let renamed: Vec<(String, DenseTensor)> = drawn
            .into_iter()
            .map(|(name, tensor)| {
                let pair = inputs.iter().find(|(ours, _)| *ours == name);
                (pair.map_or(name, |(_, theirs)| theirs.clone()), tensor)
            })
            .collect();
        let got = converted.run(&renamed, &theirs)?;
        for ((place, (_, a)), (_, b)) in found.iter_mut().zip(&expected).zip(&got) {
            place.difference.join(difference(a, b));
        }
    }
    Ok(Verification { outputs: found, runs: options.runs, tolerance: options.tolerance })
}

type Named = Vec<(String, DenseTensor)>;

/// Inputs that the source takes, and what it makes of them. Floats that it refuses may be indices
/// or sizes: then they are made again, all positive.
fn run_source(
    source: &mut Engine,
    options: &VerifyOptions,
    run: u32,
    outputs: &[String],
) -> Result<(Named, Named), Problems> {
    let seed = options.draw.seed.wrapping_add(u64::from(run));
    let draw_options = DrawOptions { seed, ..options.draw.clone() };
    let drawn = draw(source.inputs(), &draw_options)?;
    let refused = match source.run(&drawn, outputs) {
        Ok(expected) => return Ok((drawn, expected)),
        Err(problems) => problems,
    };
    let drawn = draw(source.inputs(), &DrawOptions { is_positive: true, ..draw_options })?;
    match source.run(&drawn, outputs) {
        Ok(expected) => Ok((drawn, expected)),
        Err(_) => Err(refused),
    }
}

/// Which of theirs is which of ours: by name where all names are there, else by order.
fn pairs(
    what: &str,
    ours: &[TensorSpec],
    theirs: &[TensorSpec],
) -> Result<Vec<(String, String)>, Problem> {
    if ours.len() != theirs.len() {
        return Err(Problem::new(Kind::Input, format!("the two models have other {what}s"))
            .expected(format!("{} {what}s", ours.len()), theirs.len()));
    }
    let is_there = |name: &str| theirs.iter().any(|spec| spec.name == name);
    let by_name = ours.iter().all(|spec| is_there(&spec.name));
    let other = |(place, spec): (usize, &TensorSpec)| match by_name {
        true => (spec.name.clone(), spec.name.clone()),
        false => (spec.name.clone(), theirs[place].name.clone()),
    };
    Ok(ours.iter().enumerate().map(other).collect())
}

/// How far `b` is from `a`. NaN equals NaN; texts are equal or not.
pub fn difference(a: &DenseTensor, b: &DenseTensor) -> Difference {
    let mismatched =
        |what: &str, a: String, b: String| Difference::mismatched(format!("{what}: {a} and {b}"));
    if a.shape() != b.shape() {
        return mismatched("other shapes", format!("{:?}", a.shape()), format!("{:?}", b.shape()));
    }
    let (Some(x), Some(y)) = (a.to_f64(), b.to_f64()) else {
        return match a == b {
            true => Difference { elements: a.len() as u64, ..Difference::default() },
            false => Difference::mismatched("other texts".to_owned()),
        };
    };
    if x.len() != y.len() {
        return mismatched("other types", a.dtype().to_string(), b.dtype().to_string());
    }
    let mut found = Difference { elements: a.len() as u64, ..Difference::default() };
    for (x, y) in x.into_iter().zip(y) {
        if x == y || (x.is_nan() && y.is_nan()) {
            continue;
        }
        let abs = (x - y).abs();
        if !abs.is_finite() {
            return mismatched("not finite", x.to_string(), y.to_string());
        }
        found.max_abs = found.max_abs.max(abs);
        found.max_rel = found.max_rel.max(abs / x.abs().max(y.abs()));
        found.worst = found.worst.max(abs / x.abs().max(1.0));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_measured_and_what_is_not_a_number_is_named() {
        let a = DenseTensor::vector(vec![1.0_f32, -4.0, f32::NAN]);
        let b = DenseTensor::vector(vec![1.5_f32, -4.0, f32::NAN]);
        let found = difference(&a, &b);
        assert_eq!((found.elements, found.max_abs, found.worst), (3, 0.5, 0.5));
        assert!((found.max_rel - 1.0 / 3.0).abs() < 1e-12);
        let c = DenseTensor::vector(vec![1.0_f32, -4.0, 0.0]);
        assert_eq!(difference(&a, &c).mismatch.as_deref(), Some("not finite: NaN and 0"));
        let d = DenseTensor::scalar(1.0_f32);
        assert_eq!(difference(&a, &d).mismatch.as_deref(), Some("other shapes: [3] and []"));
        assert_eq!(difference(&a, &d).worst, f64::INFINITY);
    }
}
