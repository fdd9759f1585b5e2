//! Ops that make tensors of few numbers.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DenseTensor, Run, assemble};

use crate::def::case;
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![Fill, LinSpace, OneHot, OnesLike, Range, ZerosLike];

attrs! {
    /// A tensor of one value.
    struct Fill {}
}

impl Op for Fill {
    const SPEC: Spec = Spec {
        name: "Fill",
        inputs: &["dims: index_type", "value: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("int32[2, 1], 7", "", "[[7], [7]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].as_shape()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (shape, value) = (inputs.sizes(0)?, inputs.tensor(1)?);
        ensure!(value.len() == 1, "the value has {} elements", value.len());
        let n = checked_len(&shape)?;
        let run = Run { source: 0, start: 0, len: 1, repeat: n };
        Ok(vec![assemble(&shape, &[value], &mut std::iter::once(run)).into()])
    }
}

attrs! {
    /// Zeros in the shape of a tensor.
    struct ZerosLike {}
}

impl Op for ZerosLike {
    const SPEC: Spec =
        Spec { name: "ZerosLike", inputs: &["x: T"], outputs: &["y: T"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("int32[3, 4]", "", "int32[0, 0]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let zeros = DenseTensor::zeros(x.dtype(), x.shape());
        Ok(vec![zeros.ok_or_else(|| Error::limit("the tensor is too large"))?.into()])
    }
}

attrs! {
    /// Ones in the shape of a tensor.
    struct OnesLike {}
}

impl Op for OnesLike {
    const SPEC: Spec =
        Spec { name: "OnesLike", inputs: &["x: T"], outputs: &["y: T"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("int32[3, 4]", "", "int32[1, 1]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (dtype, shape, n) = (x.dtype(), x.shape(), x.len());
        let one = tensorferry_tensor::Complex::new(1.0, 0.0);
        Ok(vec![
            match view(x) {
                Wide::F32(_) | Wide::F64(_) => f64::narrow(dtype, shape, vec![1.0; n]),
                Wide::I64(_) | Wide::U64(_) => i64::narrow(dtype, shape, vec![1; n]),
                Wide::C128(_) => Narrow::narrow(dtype, shape, vec![one; n]),
                Wide::Bool(_) => DenseTensor::new(shape, vec![true; n]),
                Wide::Text(_) => return Err(crate::rows::refused(dtype)),
            }
            .into(),
        ])
    }
}

attrs! {
    /// Numbers from a start up to a limit that is not reached, by a step.
    struct Range {}
}

impl Op for Range {
    const SPEC: Spec = Spec {
        name: "Range",
        inputs: &["start: Tidx", "limit: Tidx", "delta: Tidx"],
        outputs: &["output: Tidx"],
        tolerance: Tolerance::Ulps(2),
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("int32 1, int32 6, int32 2", "", "int32[1, 3, 5]"),
        case("1, 0, -0.5", "", "[1, 0.5]"),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let ints = || Some([inputs[0].int()?, inputs[1].int()?, inputs[2].int()?]);
        let float = |fact: &Fact| match fact.value.as_ref()?.to_f64()?[..] {
            [x] if fact.ty.dtype()?.is_float() => Some(x),
            _ => None,
        };
        let floats = || Some([float(&inputs[0])?, float(&inputs[1])?, float(&inputs[2])?]);
        let n = match (floats(), ints()) {
            (Some([start, limit, step]), _) => n_of_floats(start, limit, step)?,
            (None, Some([start, limit, step])) => n_of_ints(start, limit, step)?,
            (None, None) => return Ok(vec![Shape::of_rank(1)]),
        };
        Ok(vec![Shape::of(&[n])])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        if dtype.is_float() {
            let (start, limit, step) = (inputs.number(0)?, inputs.number(1)?, inputs.number(2)?);
            let n = n_of_floats(start, limit, step)?;
            let all: Vec<f64> = (0..n).map(|i| start + i as f64 * step).collect();
            return Ok(vec![f64::narrow(dtype, &[all.len()], all).into()]);
        }
        let (start, limit, step) = (inputs.int(0)?, inputs.int(1)?, inputs.int(2)?);
        let n = n_of_ints(start, limit, step)?;
        let all: Vec<i64> =
            (0..n).map(|i| start.wrapping_add(step.wrapping_mul(i.cast_signed() as i64))).collect();
        Ok(vec![i64::narrow(dtype, &[n], all).into()])
    }
}

/// How many numbers a range has.
fn n_of_floats(start: f64, limit: f64, step: f64) -> Result<usize> {
    ensure!(
        step != 0.0 && (limit - start) / step >= 0.0 || start == limit,
        "a step of {step} from {start} to {limit}"
    );
    let n = ((limit - start) / step).ceil();
    ensure!(n < crate::ELEMENTS_MAX as f64, "{n} numbers are too many");
    Ok(n as usize)
}

/// How many numbers a range has.
fn n_of_ints(start: i64, limit: i64, step: i64) -> Result<usize> {
    let distance = i128::from(limit) - i128::from(start);
    let step_wide = i128::from(step);
    ensure!(step != 0 && distance * step_wide >= 0, "a step of {step} from {start} to {limit}");
    let n = usize::try_from((distance.abs() + step_wide.abs() - 1) / step_wide.abs());
    checked_len(&[n.unwrap_or(usize::MAX)])
}

attrs! {
    /// So many numbers from a start to a stop, both included.
    struct LinSpace {}
}

impl Op for LinSpace {
    const SPEC: Spec = Spec {
        name: "LinSpace",
        inputs: &["start: T", "stop: T", "num: Tidx"],
        outputs: &["output: T"],
        tolerance: Tolerance::Ulps(2),
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("0, 1, int32 3", "", "[0, 0.5, 1]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = inputs[2].int().and_then(|n| usize::try_from(n).ok());
        Ok(vec![Shape::vector(n.map_or(Dim::Unknown, Dim::Known))])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (start, stop) = (inputs.number(0)?, inputs.number(1)?);
        let n = usize::try_from(inputs.int(2)?).ok().filter(|n| *n > 0);
        let n = checked_len(&[n.ok_or_else(|| Error::invalid("at least one number is made"))?])?;
        let step = if n > 1 { (stop - start) / (n - 1) as f64 } else { 0.0 };
        let mut all: Vec<f64> = (0..n).map(|i| start + i as f64 * step).collect();
        if let (Some(last), true) = (all.last_mut(), n > 1) {
            *last = stop;
        }
        Ok(vec![f64::narrow(inputs.tensor(0)?.dtype(), &[n], all).into()])
    }
}

attrs! {
    /// A row per index, of one value at the index and another elsewhere.
    struct OneHot {
        /// The new axis.
        axis: i64 = -1,
    }
}

impl Op for OneHot {
    const SPEC: Spec = Spec {
        name: "OneHot",
        inputs: &["indices: TI", "depth: int32", "on_value: T", "off_value: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("int32[0, 2, -1], int32 3, 1, 0", "", "[[1, 0, 0], [0, 0, 1], [0, 0, 0]]"),
        case("int32[0, 1], int32 3, 1, 0", "axis=0", "[[1, 0], [0, 1], [0, 0]]"),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
        let depth = inputs[1].int().and_then(|n| usize::try_from(n).ok());
        let mut dims = dims.to_vec();
        let at = crate::families::reduction::axis(self.axis, dims.len() + 1)?;
        dims.insert(at, depth.map_or(Dim::Unknown, Dim::Known));
        Ok(vec![dims.into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (indices, all) = (inputs.tensor(0)?, inputs.ints(0)?);
        let depth =
            usize::try_from(inputs.int(1)?).map_err(|_| Error::invalid("a negative depth"))?;
        let (on, off) = (inputs.tensor(2)?, inputs.tensor(3)?);
        ensure!(
            on.len() == 1 && off.len() == 1 && on.dtype() == off.dtype(),
            "the values are not scalars of one type"
        );
        let at = crate::families::reduction::axis(self.axis, indices.rank() + 1)?;
        let mut shape = indices.shape().to_vec();
        let (outer, inner): (usize, usize) =
            (shape[..at].iter().product(), shape[at..].iter().product());
        shape.insert(at, depth);
        checked_len(&shape)?;
        let all = &all;
        let mut runs = (0..outer).flat_map(|row| {
            (0..depth).flat_map(move |d| {
                let is_on = move |i: &i64| usize::try_from(*i) == Ok(d);
                all[row * inner..][..inner]
                    .iter()
                    .map(move |i| Run::once(usize::from(!is_on(i)), 0, 1))
            })
        });
        Ok(vec![assemble(&shape, &[on, off], &mut runs).into()])
    }
}
