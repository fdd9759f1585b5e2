//! Comparisons, logic and choice.

use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::broadcast::{Broadcast, broadcast_shapes};
use crate::def::case;
use crate::rows::{COMMUTATIVE, ELEMENTWISE};
use crate::{Args, Case, Fact, Gradient, Op, Result, Spec, Tolerance, Value};

register![
    ApproximateEqual,
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
    Select,
    SelectV2,
];

compare! {
    /// Whether both are equal; NaN is not.
    Equal COMMUTATIVE, ["[1, nan], [1, nan]" => "bool[true, false]", "string[\"a\"], string \"b\"" => "bool[false]"] {
        ordered, complex, bool, text,
    } |a, b| a == b;

    /// Whether they differ.
    NotEqual COMMUTATIVE, ["[1, nan], [1, nan]" => "bool[false, true]"] {
        ordered, complex, bool, text,
    } |a, b| a != b;

    /// Whether the first is larger.
    Greater ELEMENTWISE, ["[1, 2, 3], [2]" => "bool[false, false, true]"] { ordered } |a, b| a > b;

    /// Whether the first is not smaller.
    GreaterEqual ELEMENTWISE, ["[1, 2, 3], [2]" => "bool[false, true, true]"] { ordered } |a, b| a >= b;

    /// Whether the first is smaller.
    Less ELEMENTWISE, ["[1, 2, 3], [2]" => "bool[true, false, false]"] { ordered } |a, b| a < b;

    /// Whether the first is not larger.
    LessEqual ELEMENTWISE, ["[1, 2, 3], [2]" => "bool[true, true, false]"] { ordered } |a, b| a <= b;
}

binary! {
    /// Whether both are true.
    LogicalAnd Tolerance::Exact, COMMUTATIVE, ["bool[true, false], bool[true]" => "bool[true, false]"] {
        bool: |a, b| a && b,
    };

    /// Whether either is true.
    LogicalOr Tolerance::Exact, COMMUTATIVE, ["bool[true, false], bool[false]" => "bool[true, false]"] {
        bool: |a, b| a || b,
    };

    /// Whether one of both is true.
    LogicalXor Tolerance::Exact, COMMUTATIVE, ["bool[true, false], bool[true]" => "bool[false, true]"] {
        bool: |a, b| a != b,
    };
}

unary! {
    /// Whether it is false.
    LogicalNot Tolerance::Exact, ["bool[true, false]" => "bool[false, true]"] { bool: |x| !x };
}

/// Tests of single numbers.
macro_rules! tests {
    ($($(#[doc = $doc:literal])+ $name:ident $input:literal => $output:literal, $f32:expr, $f64:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["x: T"],
                    outputs: &["y: bool"],
                    algebra: ELEMENTWISE,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[case($input, "", $output)];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![inputs[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.tensor(0)?;
                    let all: Vec<bool> = match crate::wide::view(x) {
                        crate::wide::Wide::F32(all) => all.iter().copied().map($f32).collect(),
                        crate::wide::Wide::F64(all) => all.iter().copied().map($f64).collect(),
                        _ => return Err(crate::rows::refused(x.dtype())),
                    };
                    Ok(vec![DenseTensor::new(x.shape(), all).into()])
                }
            }
        )*
    };
}

tests! {
    /// Whether it is neither infinite nor NaN.
    IsFinite "[1, inf, nan]" => "bool[true, false, false]", f32::is_finite, f64::is_finite;

    /// Whether it is infinite.
    IsInf "[1, -inf, nan]" => "bool[false, true, false]", f32::is_infinite, f64::is_infinite;

    /// Whether it is NaN.
    IsNan "[1, inf, nan]" => "bool[false, false, true]", f32::is_nan, f64::is_nan;
}

attrs! {
    /// Whether two numbers are less than a distance apart.
    struct ApproximateEqual {
        /// The distance.
        tolerance: f32 = 1e-5,
    }
}

impl Op for ApproximateEqual {
    const SPEC: Spec = Spec {
        name: "ApproximateEqual",
        inputs: &["x: T", "y: T"],
        outputs: &["z: bool"],
        algebra: COMMUTATIVE,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[1, 2], [1.05, 3]", "tolerance=0.1", "bool[true, false]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![broadcast_shapes(&inputs[0].shape, &inputs[1].shape)?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, y) = (inputs.numbers(0)?, inputs.numbers(1)?);
        let both = Broadcast::new(inputs.tensor(0)?.shape(), inputs.tensor(1)?.shape())?;
        let limit = f64::from(self.tolerance);
        let all: Vec<bool> = both.map(&x, &y, |x, y| (x - y).abs() < limit);
        Ok(vec![DenseTensor::new(&both.shape, all).into()])
    }
}

/// Elements of `a` where the condition holds, of `b` elsewhere; all of one shape.
fn chosen(condition: &[bool], a: &DenseTensor, b: &DenseTensor, shape: &[usize]) -> Value {
    let mut runs = condition.iter().enumerate().map(|(i, c)| Run::once(usize::from(!c), i, 1));
    assemble(shape, &[a, b], &mut runs).into()
}

attrs! {
    /// Elements of one tensor or another; a condition with one dim chooses whole rows.
    struct Select {}
}

impl Op for Select {
    const SPEC: Spec = Spec {
        name: "Select",
        inputs: &["condition: bool", "t: T", "e: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("bool[true, false], [1, 2], [3, 4]", "", "[1, 4]"),
        case("bool[true, false], [[1, 2], [3, 4]], [[5, 6], [7, 8]]", "", "[[1, 2], [7, 8]]"),
    ];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::select);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let merged = inputs[1].shape.merge(&inputs[2].shape);
        Ok(vec![merged.ok_or_else(|| crate::Error::invalid("the inputs have unlike shapes"))?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (condition, a, b) = (inputs.slice::<bool>(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
        ensure!(a.shape() == b.shape() && a.dtype() == b.dtype(), "the inputs have unlike shapes");
        let rank = inputs.tensor(0)?.rank();
        let is_same = inputs.tensor(0)?.shape() == a.shape();
        let rows = if rank == 0 { 1 } else { a.shape().first().copied().unwrap_or(1) };
        ensure!(
            is_same || (rank <= 1 && condition.len() == rows),
            "the condition has another shape"
        );
        let len = a.len().checked_div(condition.len()).unwrap_or(0);
        let runs = condition.iter().enumerate();
        let mut runs = runs.map(|(i, c)| Run::once(usize::from(!c), i * len, len));
        Ok(vec![assemble(a.shape(), &[a, b], &mut runs).into()])
    }
}

attrs! {
    /// Elements of one tensor or another, all brought to one shape.
    struct SelectV2 {}
}

impl Op for SelectV2 {
    const SPEC: Spec = Spec {
        name: "SelectV2",
        inputs: &["condition: bool", "t: T", "e: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("bool[[true], [false]], [1, 2], 0", "", "[[1, 2], [0, 0]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::select);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let values = broadcast_shapes(&inputs[1].shape, &inputs[2].shape)?;
        Ok(vec![broadcast_shapes(&inputs[0].shape, &values)?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (c, a, b) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
        ensure!(c.dtype() == DType::Bool && a.dtype() == b.dtype(), "the inputs have unlike types");
        let shape = Broadcast::new(a.shape(), b.shape())?.shape;
        let shape = Broadcast::new(c.shape(), &shape)?.shape;
        let all = [c, a, b].map(|x| crate::walk::broadcast_to(x, &shape));
        let condition = all[0].as_slice::<bool>().unwrap_or_default();
        Ok(vec![chosen(condition, &all[1], &all[2], &shape)])
    }
}
