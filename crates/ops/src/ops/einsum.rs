//! Einstein's sums: products of tensors whose axes have letters.

use std::collections::BTreeMap;

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::DenseTensor;

use crate::def::case;
use crate::families::matrices::Scalar;
use crate::walk::{Odometer, strides};
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![Einsum];

attrs! {
    /// Multiplies tensors and sums over axes: letters name axes, those that the output lacks are
    /// summed over, `...` stands for axes without a letter.
    struct Einsum {
        /// Such as `bij,bjk->bik`.
        equation: String,
    }
}

/// The most axes that an equation may name; a letter each.
const AXES_MAX: usize = 128;

/// An axis in an equation: a letter, or one of those under the dots counted from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Axis {
    Letter(char),
    Dots(usize),
}

/// One side of an equation, apart at its dots.
fn term(text: &str) -> Result<(Vec<char>, Option<Vec<char>>)> {
    let letters = |text: &str| -> Result<Vec<char>> {
        let all: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        let wrong = all.iter().find(|c| !c.is_ascii_alphabetic());
        match wrong {
            Some(c) => fail!("`{c}` in an equation is no letter"),
            None => Ok(all),
        }
    };
    ensure!(text.len() <= AXES_MAX, "an equation names too many axes");
    Ok(match text.split_once("...") {
        Some((before, after)) => (letters(before)?, Some(letters(after)?)),
        None => (letters(text)?, None),
    })
}

/// The axes of a tensor of `rank` dims under a term.
fn axes((before, after): &(Vec<char>, Option<Vec<char>>), rank: usize) -> Result<Vec<Axis>> {
    let n = before.len() + after.as_ref().map_or(0, Vec::len);
    let n_dots = match after {
        Some(_) => rank.checked_sub(n),
        None => (rank == n).then_some(0),
    };
    let n_dots = n_dots.ok_or_else(|| Error::invalid(format!("{n} letters for {rank} axes")))?;
    let letters = |all: &[char]| all.iter().copied().map(Axis::Letter).collect::<Vec<_>>();
    let dots = (0..n_dots).rev().map(Axis::Dots).collect();
    Ok([letters(before), dots, letters(after.as_deref().unwrap_or_default())].concat())
}

impl Einsum {
    /// The axes of each input and of the output.
    fn axes(&self, ranks: &[usize]) -> Result<(Vec<Vec<Axis>>, Vec<Axis>)> {
        let arrow = self.equation.split_once("->");
        let (left, right) =
            arrow.ok_or_else(|| Error::invalid(format!("`{}` has no `->`", self.equation)))?;
        let terms: Vec<&str> = left.split(',').collect();
        ensure!(terms.len() == ranks.len(), "{} terms for {} inputs", terms.len(), ranks.len());
        let inputs = terms
            .iter()
            .zip(ranks)
            .map(|(text, rank)| axes(&term(text)?, *rank))
            .collect::<Result<Vec<_>>>()?;
        let n_dots = inputs
            .iter()
            .map(|all| all.iter().filter(|axis| matches!(axis, Axis::Dots(_))).count())
            .max()
            .unwrap_or(0);
        let right = term(right)?;
        let n = right.0.len() + right.1.as_ref().map_or(0, |all| all.len() + n_dots);
        let output = axes(&right, n)?;
        let is_known = |axis: &&Axis| inputs.iter().any(|all| all.contains(axis));
        let unknown = output.iter().find(|axis| !is_known(axis));
        ensure!(unknown.is_none(), "the output of `{}` has axes of its own", self.equation);
        Ok((inputs, output))
    }

    fn run<T: Scalar>(&self, plan: &Plan, inputs: &[&[T]], one: T) -> Vec<T> {
        let mut out = vec![T::default(); plan.shape.iter().product()];
        let odometer = |dims: &[(usize, isize)]| Odometer::new(dims.to_vec(), 0);
        let mut kept: Vec<Odometer> = plan.kept.iter().map(|dims| odometer(dims)).collect();
        let inner: Vec<Vec<usize>> =
            plan.summed.iter().map(|dims| odometer(dims).collect()).collect();
        let n_inner = inner.first().map_or(1, Vec::len);
        for place in odometer(&plan.places) {
            let starts: Vec<usize> = kept.iter_mut().map(|at| at.next().unwrap_or(0)).collect();
            let mut sum = T::default();
            for i in 0..n_inner {
                let mut product = one;
                for (j, all) in inputs.iter().enumerate() {
                    let factor = all[starts[j] + inner[j][i]];
                    product = T::default().plus_product(product, factor);
                }
                sum = sum.plus_product(product, one);
            }
            out[place] = sum;
        }
        out
    }
}

/// How to walk through inputs and output: per tensor a length and a stride for each axis that is
/// kept, and for each that is summed over.
struct Plan {
    shape: Vec<usize>,
    kept: Vec<Vec<(usize, isize)>>,
    summed: Vec<Vec<(usize, isize)>>,
    places: Vec<(usize, isize)>,
}

impl Plan {
    fn new(op: &Einsum, inputs: &[&DenseTensor]) -> Result<Self> {
        let ranks: Vec<usize> = inputs.iter().map(|x| x.rank()).collect();
        let (in_axes, out_axes) = op.axes(&ranks)?;
        let mut lens: BTreeMap<Axis, usize> = BTreeMap::new();
        for (x, axes) in inputs.iter().zip(&in_axes) {
            for (axis, len) in axes.iter().zip(x.shape()) {
                let known = lens.entry(*axis).or_insert(*len);
                if *known == 1 {
                    *known = *len;
                }
                ensure!(*known == *len || *len == 1, "an axis of {known} and {len} elements");
            }
        }
        let shape: Vec<usize> = out_axes.iter().map(|axis| lens[axis]).collect();
        checked_len(&shape)?;
        let mut kept = out_axes.clone();
        kept.sort_unstable();
        kept.dedup();
        let summed: Vec<Axis> = lens.keys().filter(|axis| !kept.contains(axis)).copied().collect();
        let steps = |axes: &[Axis], shape: &[usize], wanted: &[Axis]| -> Vec<(usize, isize)> {
            let strides = strides(shape);
            // An axis that is named twice is walked along its diagonal; one that is 1 long, repeated.
            let step = |axis: &Axis| {
                let places = (0..axes.len()).filter(|i| axes[*i] == *axis && shape[*i] != 1);
                (lens[axis], places.map(|i| strides[i]).sum())
            };
            wanted.iter().map(step).collect()
        };
        let side = |wanted: &[Axis]| {
            inputs.iter().zip(&in_axes).map(|(x, axes)| steps(axes, x.shape(), wanted)).collect()
        };
        let n_summed: Vec<usize> = summed.iter().map(|axis| lens[axis]).collect();
        checked_len(&n_summed)?;
        let places = steps(&out_axes, &shape, &kept);
        Ok(Self { kept: side(&kept), summed: side(&summed), places, shape })
    }
}

impl Op for Einsum {
    const SPEC: Spec = Spec {
        name: "Einsum",
        inputs: &["inputs: N*T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[[1, 2], [3, 4]], [[5], [6]]", "equation=\"ij,jk->ik\"", "[[17], [39]]"),
        case("[[1, 2], [3, 4]]", "equation=\"ii->i\"", "[1, 4]"),
        case(
            "[[[1, 2]], [[3, 4]]], [[5], [6]]",
            "equation=\"...ij,...jk->...ik\"",
            "[[[17]], [[39]]]",
        ),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let ranks: Option<Vec<usize>> = inputs.iter().map(Fact::rank).collect();
        let Some(ranks) = ranks else { return Ok(vec![Shape::UNKNOWN]) };
        let (in_axes, out_axes) = self.axes(&ranks)?;
        let mut dims: BTreeMap<Axis, Dim> = BTreeMap::new();
        for (fact, axes) in inputs.iter().zip(&in_axes) {
            for (axis, dim) in axes.iter().zip(fact.dims().unwrap_or_default()) {
                let known = dims.entry(*axis).or_insert(*dim);
                *known = match (*known, *dim) {
                    (Dim::Known(1), other) | (other, Dim::Known(1)) => other,
                    (a, b) => a.merge(b).ok_or_else(|| {
                        Error::invalid(format!("an axis of {a} and {b} elements"))
                    })?,
                };
            }
        }
        Ok(vec![out_axes.iter().map(|axis| dims[axis]).collect::<Vec<_>>().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let all = inputs.tensors(0, inputs.len())?;
        let Some(first) = all.first() else { fail!("there is nothing to multiply") };
        let dtype = first.dtype();
        ensure!(all.iter().all(|x| x.dtype() == dtype), "the inputs have unlike types");
        let plan = Plan::new(self, &all)?;
        macro_rules! run {
            ($variant:ident, $one:expr) => {{
                let wide: Vec<_> = all
                    .iter()
                    .map(|x| match view(x) {
                        Wide::$variant(all) => all,
                        _ => Default::default(),
                    })
                    .collect();
                let slices: Vec<_> = wide.iter().map(|all| &all[..]).collect();
                Narrow::narrow(dtype, &plan.shape, self.run(&plan, &slices, $one))
            }};
        }
        Ok(vec![
            match view(first) {
                Wide::F32(_) => run!(F32, 1.0),
                Wide::F64(_) => run!(F64, 1.0),
                Wide::I64(_) => run!(I64, 1),
                Wide::U64(_) => run!(U64, 1),
                Wide::C128(_) => run!(C128, tensorferry_tensor::Complex::new(1.0, 0.0)),
                _ => return Err(crate::rows::refused(dtype)),
            }
            .into(),
        ])
    }
}
