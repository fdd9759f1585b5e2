//! Softmax and reductions.

use tensorferry_kernels::{
    Reduction, Tools, log_softmax_rows, mean_middle, reduce_rows, softmax_rows,
};
use tensorferry_tensor::DenseTensor;

use super::is_f32;
use crate::families::reduction::axis_flags;
use crate::way::TensorTools;
use crate::{Args, Fact, Kernel, Result, Value, Way, checked_len};

pub(crate) fn softmax(inputs: &[Fact]) -> Option<Way> {
    is_f32(inputs.first()?).then(|| Way::new(vec![0], Softmax { is_log: false }))
}

pub(crate) fn log_softmax(inputs: &[Fact]) -> Option<Way> {
    is_f32(inputs.first()?).then(|| Way::new(vec![0], Softmax { is_log: true }))
}

#[derive(Debug)]
struct Softmax {
    is_log: bool,
}

impl Kernel for Softmax {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        let shape = x.shape().to_vec();
        let row_len = shape.last().copied().unwrap_or(1);
        let mut all = tools.own(x)?;
        match self.is_log {
            true => log_softmax_rows(&tools.workers, &mut all, row_len),
            false => softmax_rows(&tools.workers, &mut all, row_len),
        }
        Ok(vec![DenseTensor::new(&shape, all).into()])
    }
}

/// A reduction along axes that are neighbours.
pub(crate) fn reduction(how: Reduction, keep_dims: bool, inputs: &[Fact]) -> Option<Way> {
    let [x, axes] = inputs else { return None };
    let rank = x.rank().filter(|_| is_f32(x))?;
    let flags = axis_flags(&axes.ints()?, rank).ok()?;
    let first = flags.iter().position(|flag| *flag)?;
    let n = flags[first..].iter().take_while(|flag| **flag).count();
    let end = first + n;
    let is_one_run = flags[end..].iter().all(|flag| !flag);
    let is_known = how != Reduction::Max || end == rank;
    let kernel = Reduce { how, keep_dims, first, end };
    (is_one_run && is_known).then(|| Way::new(vec![0], kernel))
}

#[derive(Debug)]
struct Reduce {
    how: Reduction,
    keep_dims: bool,
    /// The axes that are reduced.
    first: usize,
    end: usize,
}

impl Kernel for Reduce {
    fn run(&self, inputs: &mut Args, tools: &mut Tools) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        ensure!(x.rank() >= self.end, "{} dims, and an axis {}", x.rank(), self.end);
        let (outer, rest) = x.shape().split_at(self.first);
        let (middle, inner) = rest.split_at(self.end - self.first);
        let ones = if self.keep_dims { vec![1; middle.len()] } else { Vec::new() };
        let shape = [outer, &ones, inner].concat();
        let (middle, inner): (usize, usize) = (middle.iter().product(), inner.iter().product());
        let all: &[f32] = inputs.slice(0)?;
        let mut out = tools.buffers.take(checked_len(&shape)?);
        match self.end == x.rank() {
            true => reduce_rows(&tools.workers, self.how, all, middle, &mut out),
            false => mean_middle(&tools.workers, self.how, all, middle, inner, &mut out),
        }
        Ok(vec![DenseTensor::new(&shape, out).into()])
    }
}
