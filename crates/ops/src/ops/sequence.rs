//! Ops along the axis of time.

use tensorferry_ir::Shape;
use tensorferry_tensor::{Run, assemble};

use crate::def::case;
use crate::families::reduction::axis;
use crate::families::scan::lines;
use crate::walk::{Odometer, strides};
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Fact, Op, Result, Spec, Tolerance, Value};

register![CumulativeLogsumexp, L2Loss, ReverseSequence];

attrs! {
    /// Turns the first elements of an axis around, of each batch as many as are said.
    struct ReverseSequence {
        /// The axis that is turned.
        seq_dim: i64,
        /// The axis of batches.
        batch_dim: i64 = 0,
    }
}

impl Op for ReverseSequence {
    const SPEC: Spec = Spec {
        name: "ReverseSequence",
        inputs: &["input: T", "seq_lengths: Tlen"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2, 3], [4, 5, 6]], int32[2, 3]", "seq_dim=1", "[[2, 1, 3], [6, 5, 4]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, lens) = (inputs.tensor(0)?, inputs.sizes(1)?);
        let (seq, batch) = (axis(self.seq_dim, x.rank())?, axis(self.batch_dim, x.rank())?);
        ensure!(seq != batch, "one axis cannot be both");
        ensure!(
            lens.len() == x.shape()[batch] && lens.iter().all(|len| *len <= x.shape()[seq]),
            "lengths {lens:?} of {} in {} batches",
            x.shape()[seq],
            x.shape()[batch]
        );
        // What lies behind both axes is copied as a whole.
        let split = seq.max(batch) + 1;
        let (outer, inner) = x.shape().split_at(split);
        let len: usize = inner.iter().product();
        let steps = strides(x.shape());
        let dims = outer.iter().copied().zip(steps.iter().copied()).collect();
        let at = |flat: usize, axis: usize| flat / steps[axis].cast_unsigned() % x.shape()[axis];
        let mut runs = Odometer::new(dims, 0).filter(|_| len > 0).map(|start| {
            let (time, n) = (at(start, seq), lens[at(start, batch)]);
            let from = if time < n { n - 1 - time } else { time };
            let step = steps[seq].cast_unsigned();
            Run::once(0, start - time * step + from * step, len)
        });
        Ok(vec![assemble(x.shape(), &[x], &mut runs).into()])
    }
}

attrs! {
    /// The logarithm of running sums of powers of e.
    struct CumulativeLogsumexp {
        /// The element itself is left out.
        exclusive: bool = false,
        /// From the last element to the first.
        reverse: bool = false,
    }
}

impl Op for CumulativeLogsumexp {
    const SPEC: Spec = Spec {
        name: "CumulativeLogsumexp",
        inputs: &["x: T", "axis: Tidx"],
        outputs: &["out: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[0, 0], int32 0", "", "[0, 0.6931472]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let at = axis(inputs.int(1)?, x.rank())?;
        let (Wide::F32(_) | Wide::F64(_)) = view(x) else {
            return Err(crate::rows::refused(x.dtype()));
        };
        let mut all = inputs.numbers(0)?;
        let (starts, stride) = lines(x.shape(), at);
        let n = x.shape()[at];
        // Where there is nothing to sum, TensorFlow gives the lowest number there is.
        let lowest = crate::wide::Real::lowest(x.dtype());
        for start in starts {
            let mut total = f64::NEG_INFINITY;
            for i in 0..n {
                let place = start + if self.reverse { n - 1 - i } else { i } * stride;
                let (high, low) = (total.max(all[place]), total.min(all[place]));
                let next =
                    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() };
                all[place] = match (self.exclusive, i) {
                    (false, _) => next,
                    (true, 0) => lowest,
                    (true, _) => total,
                };
                total = next;
            }
        }
        Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
    }
}

attrs! {
    /// Half of the sum of squares.
    struct L2Loss {}
}

impl Op for L2Loss {
    const SPEC: Spec = Spec {
        name: "L2Loss",
        inputs: &["t: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[3, 4]", "", "12.5")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::scalar()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (Wide::F32(_) | Wide::F64(_)) = view(x) else {
            return Err(crate::rows::refused(x.dtype()));
        };
        let sum: f64 = inputs.numbers(0)?.into_iter().map(|x| x * x).sum();
        Ok(vec![f64::narrow(x.dtype(), &[], vec![sum / 2.0]).into()])
    }
}
