//! Weights on their way into a TensorFlow.js manifest: types that it has, and quantization.

use std::collections::BTreeMap;

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tfjs_files::{NamedTensor, error_figures, quantize, storable};

use crate::written::{TfjsOptions, WeightLoss, Written};

/// Prepares weights one by one and counts what was done to them.
pub(crate) struct Preparer<'a> {
    options: &'a TfjsOptions,
    /// Number of weights by the type they had, for types that were changed.
    cast: BTreeMap<(DType, DType), usize>,
    losses: Vec<WeightLoss>,
    problems: Vec<Problem>,
    names: Vec<String>,
}

impl<'a> Preparer<'a> {
    pub(crate) fn new(options: &'a TfjsOptions) -> Self {
        Self {
            options,
            cast: BTreeMap::new(),
            losses: Vec::new(),
            problems: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The weight as it will be stored; `None` when that cannot be, which is noted.
    pub(crate) fn prepare(&mut self, name: &str, tensor: &Tensor) -> Option<NamedTensor> {
        self.names.push(name.to_owned());
        match self.try_prepare(name, tensor) {
            Ok(weight) => Some(weight),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// Notes a weight that goes over as it is stored.
    pub(crate) fn pass(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    fn try_prepare(&mut self, name: &str, tensor: &Tensor) -> Result<NamedTensor, Problem> {
        let stored = storable(name, tensor, self.options.clamp)?;
        if let Some(was) = stored.was {
            *self.cast.entry((was, stored.tensor.dtype())).or_default() += 1;
        }
        let Some(to) = self.options.quantize.choose_for(name, &stored.tensor)? else {
            return Ok(NamedTensor::new(name, stored.tensor));
        };
        let quantized = quantize(name, &stored.tensor, to, self.options.clamp)?;
        let figures = error_figures(&stored.tensor, &quantized.quantization)
            .map_err(|e| Problem::input(e.to_string()).at(name))?;
        self.losses.push(WeightLoss {
            name: name.to_owned(),
            dtype: to.dtype().to_string(),
            max_abs: figures.max_abs,
            rms: figures.rms,
        });
        Ok(NamedTensor::quantized(name, quantized))
    }

    /// Moves what was noted into `written`.
    ///
    /// # Errors
    /// Everything that could not be stored.
    pub(crate) fn finish(self, written: &mut Written) -> Result<(), Problems> {
        if !self.problems.is_empty() {
            return Err(Problems(self.problems));
        }
        for ((from, to), n) in self.cast {
            let weights = if n == 1 { "weight" } else { "weights" };
            written
                .changed
                .push(format!("{n} {from} {weights} stored as {to}: TensorFlow.js has no {from}"));
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        for pattern in self.options.quantize.unmatched(&names) {
            let problem = Problem::usage(format!("the pattern `{pattern}` matches no weight"));
            written.warnings.push(problem.hint("`tensorferry inspect` lists the names"));
        }
        written.losses = self.losses;
        written.n_weights = self.names.len();
        Ok(())
    }
}
