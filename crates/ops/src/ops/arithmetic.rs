//! Functions of two numbers.

use tensorferry_ir::{Attr, Shape};
use tensorferry_tensor::{Complex, DType, DenseTensor};

use crate::broadcast::Broadcast;
use crate::def::case;
use crate::fast::{binary_follow, chain};
use crate::rows::{COMMUTATIVE, ELEMENTWISE};
use crate::special::{digamma, hurwitz_zeta, lgamma};
use crate::wide::{Narrow, Wide, view};
use crate::{
    Algebra, Args, Case, Error, Fact, Fast, Follow, Gradient, Op, Result, Spec, Tolerance, Value,
};

register![
    Add,
    AddN,
    Atan2,
    BiasAdd,
    BitwiseAnd,
    BitwiseOr,
    BitwiseXor,
    ComplexOf,
    Div,
    DivNoNan,
    FloorDiv,
    FloorMod,
    LeftShift,
    Maximum,
    Minimum,
    Mod,
    Mul,
    MulNoNan,
    Pow,
    RealDiv,
    ReluGrad,
    RightShift,
    SquaredDifference,
    Sub,
    Xdivy,
    Xlogy,
    Xlog1py,
    TruncateDiv,
    Polygamma,
];

const EXACT: Tolerance = Tolerance::Exact;
const FUNCTION: Tolerance = Tolerance::Ulps(4);

const fn neutral(is_commutative: bool, neutral: i8) -> Algebra {
    Algebra { is_elementwise: true, is_commutative, neutral: Some(neutral) }
}

fn no_zero_divisor(_: &DenseTensor, y: &DenseTensor) -> Result<()> {
    let is_zero = y.to_i64().is_some_and(|all| all.contains(&0));
    // Booleans never reach a division; floats divide by 0 as IEEE says.
    ensure!(!is_zero, "integer division by zero");
    Ok(())
}

fn no_negative_exponent(_: &DenseTensor, y: &DenseTensor) -> Result<()> {
    let is_negative = y.to_i64().is_some_and(|all| all.iter().any(|n| *n < 0));
    ensure!(!is_negative, "integers to negative integer powers are not allowed");
    Ok(())
}

/// Integer operations that the two widths of integers share.
trait Whole: Copy + Ord {
    /// Quotient rounded down.
    fn floor_div(self, by: Self) -> Self;
    /// What is left of it; the sign is the divisor's.
    fn floor_mod(self, by: Self) -> Self;
    /// A power, wrapping around.
    fn power(self, exponent: Self) -> Self;
    /// Shifted up by no less than 0 and no more than `most` bits.
    fn up(self, bits: Self, most: Self) -> Self;
    /// Shifted down likewise.
    fn down(self, bits: Self, most: Self) -> Self;
}

macro_rules! whole {
    ($($ty:ty)*) => {
        $(impl Whole for $ty {
            fn floor_div(self, by: Self) -> Self {
                let quotient = self.wrapping_div(by);
                #[allow(unused_comparisons, reason = "half of the types have no sign")]
                let is_below = self.wrapping_rem(by) != 0 && ((self < 0) != (by < 0));
                if is_below { quotient.wrapping_sub(1) } else { quotient }
            }

            fn floor_mod(self, by: Self) -> Self {
                let rest = self.wrapping_rem(by);
                #[allow(unused_comparisons, reason = "half of the types have no sign")]
                let is_below = rest != 0 && ((rest < 0) != (by < 0));
                if is_below { rest.wrapping_add(by) } else { rest }
            }

            fn power(self, exponent: Self) -> Self {
                let (mut result, mut base, mut left) = (1, self, exponent);
                while left > 0 {
                    if left & 1 == 1 {
                        result = Self::wrapping_mul(result, base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }

            fn up(self, bits: Self, most: Self) -> Self {
                self << bits.clamp(0, most)
            }

            fn down(self, bits: Self, most: Self) -> Self {
                self >> bits.clamp(0, most)
            }
        })*
    };
}

whole!(i64 u64);

/// Floating-point operations that the two precisions share.
trait Number: Copy {
    fn floor_mod(self, by: Self) -> Self;
    fn trunc_mod(self, by: Self) -> Self;
    fn polygamma(self, x: Self) -> Self;
}

macro_rules! numbers {
    ($($ty:ty)*) => {
        $(impl Number for $ty {
            fn floor_mod(self, by: Self) -> Self {
                let rest = self % by;
                if rest != 0.0 && ((rest < 0.0) != (by < 0.0)) { rest + by } else { rest }
            }

            fn trunc_mod(self, by: Self) -> Self {
                self % by
            }

            #[allow(clippy::unnecessary_cast, reason = "half of the types are f64 already")]
            fn polygamma(self, x: Self) -> Self {
                polygamma(self as f64, x as f64) as Self
            }
        })*
    };
}

numbers!(f32 f64);

binary! {
    /// The sum.
    Add as "AddV2" EXACT, neutral(true, 0),
    ["[1, 2], [10, 20]" => "[11, 22]", "[[1], [2]], [10, 20]" => "[[11, 21], [12, 22]]",
     "int32[2147483647], int32[1]" => "int32[-2147483648]", "string[\"a\"], string \"b\"" => "string[\"ab\"]"] {
        real: |a, b| a + b, int: |a, b| a.wrapping_add(b), complex: |a, b| a + b,
        text: |a, b| [&a[..], &b[..]].concat().into(),
    }, grad crate::grads::add, fast Add;

    /// The angle of the point (y, x).
    Atan2 FUNCTION, ELEMENTWISE, ["[1], [1]" => "[0.7853982]"] { real: |y, x| y.atan2(x) };

    /// Bits set in both.
    BitwiseAnd EXACT, COMMUTATIVE, ["int32[6], int32[3]" => "int32[2]"] { int: |a, b| a & b };

    /// Bits set in either.
    BitwiseOr EXACT, COMMUTATIVE, ["int32[6], int32[3]" => "int32[7]"] { int: |a, b| a | b };

    /// Bits set in one of both.
    BitwiseXor EXACT, COMMUTATIVE, ["int32[6], int32[3]" => "int32[5]"] { int: |a, b| a ^ b };

    /// The quotient; of integers, rounded toward zero.
    Div EXACT, neutral(false, 1), ["[7], [2]" => "[3.5]", "int32[-7], int32[2]" => "int32[-3]"] {
        real: |a, b| a / b, int: |a, b| a.wrapping_div(b), complex: |a, b| a / b,
    } check integers_no_zero_divisor, grad crate::grads::div, fast Div;

    /// The quotient, 0 where the divisor is 0.
    DivNoNan EXACT, neutral(false, 1), ["[7, 1], [2, 0]" => "[3.5, 0]"] {
        real: |a, b| if b == 0.0 { 0.0 } else { a / b },
        complex: |a, b| if b == Complex::default() { b } else { a / b },
    };

    /// The quotient rounded down.
    FloorDiv EXACT, neutral(false, 1), ["[-7], [2]" => "[-4]", "int32[-7], int32[2]" => "int32[-4]"] {
        real: |a, b| (a / b).floor(), int: |a, b| a.floor_div(b),
    } check integers_no_zero_divisor;

    /// What `FloorDiv` leaves; its sign is the divisor's.
    FloorMod EXACT, ELEMENTWISE, ["[-7], [3]" => "[2]", "int32[-7], int32[3]" => "int32[2]"] {
        real: |a, b| a.floor_mod(b), int: |a, b| a.floor_mod(b),
    } check integers_no_zero_divisor;

    /// The larger one; NaN if either is.
    Maximum EXACT, COMMUTATIVE, ["[1, nan], [2, 0]" => "[2, nan]"] {
        real: |a, b| if a > b || a.is_nan() { a } else { b }, int: |a, b| a.max(b),
    }, grad crate::grads::maximum;

    /// The smaller one; NaN if either is.
    Minimum EXACT, COMMUTATIVE, ["[1, nan], [2, 0]" => "[1, nan]"] {
        real: |a, b| if a < b || a.is_nan() { a } else { b }, int: |a, b| a.min(b),
    }, grad crate::grads::minimum;

    /// What `TruncateDiv` leaves; its sign is the dividend's.
    Mod as "TruncateMod" EXACT, ELEMENTWISE, ["int32[-7], int32[3]" => "int32[-1]", "[-7], [3]" => "[-1]"] {
        real: |a, b| a.trunc_mod(b), int: |a, b| a.wrapping_rem(b),
    } check integers_no_zero_divisor;

    /// The product.
    Mul EXACT, neutral(true, 1), ["[2, 3], [4]" => "[8, 12]", "int32[2147483647], int32[2147483647]" => "int32[1]"] {
        real: |a, b| a * b, int: |a, b| a.wrapping_mul(b), complex: |a, b| a * b,
    }, grad crate::grads::mul, fast Mul;

    /// The product, 0 where the second factor is 0.
    MulNoNan EXACT, ELEMENTWISE, ["[inf, 2], [0, 3]" => "[0, 6]"] {
        real: |a, b| if b == 0.0 { 0.0 } else { a * b },
        complex: |a, b| if b == Complex::default() { b } else { a * b },
    };

    /// The power.
    Pow FUNCTION, neutral(false, 1), ["[2, 9], [3, 0.5]" => "[8, 3]", "int32[-2], int32[3]" => "int32[-8]"] {
        real: |a, b| a.powf(b), int: |a, b| a.power(b), complex: |a, b| a.pow(b),
    } check no_negative_exponent, grad crate::grads::pow;

    /// The quotient of numbers that are not whole.
    RealDiv EXACT, neutral(false, 1), ["[7], [2]" => "[3.5]"] {
        real: |a, b| a / b, int: |a, b| a.wrapping_div(b), complex: |a, b| a / b,
    } check integers_no_zero_divisor, grad crate::grads::div, fast Div;

    /// The gradient of `Relu`: the first input where the second is positive.
    ReluGrad -> "backprops: T" EXACT, ELEMENTWISE, ["[5, 5], [1, 0]" => "[5, 0]"] {
        real: |g, x| if x > 0.0 { g } else { 0.0 },
    };

    /// The square of the difference.
    SquaredDifference Tolerance::Ulps(2), COMMUTATIVE, ["[1, 5], [3]" => "[4, 4]"] {
        real: |a, b| (a - b) * (a - b),
        int: |a, b| a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)),
        complex: |a, b| (a - b).conj() * (a - b),
    }, grad crate::grads::squared_difference, fast SquaredDifference;

    /// The difference.
    Sub EXACT, neutral(false, 0), ["[5], [3, 7]" => "[2, -2]"] {
        real: |a, b| a - b, int: |a, b| a.wrapping_sub(b), complex: |a, b| a - b,
    }, grad crate::grads::sub, fast Sub;

    /// The quotient of integers, rounded toward zero.
    TruncateDiv EXACT, neutral(false, 1), ["int32[-7], int32[2]" => "int32[-3]"] {
        int: |a, b| a.wrapping_div(b),
    } check no_zero_divisor;

    /// x / y, 0 where x is 0.
    Xdivy EXACT, neutral(false, 1), ["[0, 3], [0, 2]" => "[0, 1.5]"] {
        real: |a, b| if a == 0.0 { 0.0 } else { a / b },
        complex: |a, b| if a == Complex::default() { a } else { a / b },
    };

    /// x ln y, 0 where x is 0.
    Xlogy FUNCTION, ELEMENTWISE, ["[0, 2], [0, 1]" => "[0, 0]"] {
        real: |a, b| if a == 0.0 { 0.0 } else { a * b.ln() },
        complex: |a, b| if a == Complex::default() { a } else { a * b.ln() },
    };

    /// x ln(1 + y), 0 where x is 0.
    Xlog1py FUNCTION, ELEMENTWISE, ["[0, 2], [-1, 0]" => "[0, 0]"] {
        real: |a, b| if a == 0.0 { 0.0 } else { a * b.ln_1p() },
        complex: |a, b| {
            if a == Complex::default() { a } else { a * (Complex::new(1.0, 0.0) + b).ln() }
        },
    };

    /// The derivative of `Digamma`'s order `a`, for orders 0 and 1.
    Polygamma Tolerance::Close { rel: 1e-4, abs: 1e-4 }, ELEMENTWISE,
    ["[0, 1], [1, 1]" => "[-0.5772157, 1.644934]"] {
        real: |a, b| a.polygamma(b),
    };
}

/// ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n+1, x); order 0 as such.
fn polygamma(order: f64, x: f64) -> f64 {
    if order == 0.0 {
        return digamma(x);
    }
    if order < 0.0 || order != order.floor() {
        return f64::NAN;
    }
    let sum = hurwitz_zeta(order + 1.0, x);
    let sign = if order % 2.0 == 0.0 { -1.0 } else { 1.0 };
    sign * lgamma(order + 1.0).exp() * sum
}

/// Ops that move bits. No type loses more than all but one, however far they are moved.
macro_rules! shifts {
    ($($(#[doc = $doc:literal])+ $name:ident $input:literal => $output:literal, $f:ident;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["x: T", "y: T"],
                    outputs: &["z: T"],
                    algebra: ELEMENTWISE,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[case($input, "", $output)];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    let (x, y) = (&inputs[0].shape, &inputs[1].shape);
                    Ok(vec![crate::broadcast::broadcast_shapes(x, y)?])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
                    let dtype = x.dtype();
                    let both = Broadcast::new(x.shape(), y.shape())?;
                    let most = 8 * dtype.byte_size().unwrap_or(1) as u64 - 1;
                    Ok(vec![match (view(x), view(y)) {
                        (Wide::I64(x), Wide::I64(y)) => {
                            let most = most.cast_signed();
                            let all = both.map(&x, &y, |x, y| x.$f(y, most));
                            i64::narrow(dtype, &both.shape, all)
                        }
                        (Wide::U64(x), Wide::U64(y)) => {
                            let all = both.map(&x, &y, |x, y| x.$f(y, most));
                            u64::narrow(dtype, &both.shape, all)
                        }
                        _ => return Err(crate::rows::refused(dtype)),
                    }.into()])
                }
            }
        )*
    };
}

shifts! {
    /// Bits moved up.
    LeftShift "int32[3], int32[2]" => "int32[12]", up;

    /// Bits moved down, the sign kept.
    RightShift "int32[-8], int32[1]" => "int32[-4]", down;
}

/// Only integers cannot be divided by zero.
fn integers_no_zero_divisor(x: &DenseTensor, y: &DenseTensor) -> Result<()> {
    if y.dtype() == DType::Bool { Ok(()) } else { no_zero_divisor(x, y) }
}

attrs! {
    /// Adds up tensors of one shape.
    struct AddN {}
}

impl Op for AddN {
    const SPEC: Spec = Spec {
        name: "AddN",
        aliases: &["AccumulateNV2"],
        inputs: &["inputs: N*T"],
        outputs: &["sum: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2], [3, 4], [5, 6]", "", "[9, 12]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::add_n);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let mut shape = Shape::UNKNOWN;
        for fact in inputs {
            let merged = shape.merge(&fact.shape);
            shape = merged.ok_or_else(|| Error::invalid("the inputs have unlike shapes"))?;
        }
        Ok(vec![shape])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let mut all = inputs.into_values().into_iter();
        let Some(mut sum) = all.next() else { fail!("there is nothing to add") };
        for value in all {
            ensure!(sum.shape() == value.shape(), "the inputs have unlike shapes");
            let pair = Args::from(vec![sum, value]);
            sum = Add {}.eval(pair)?.remove(0);
        }
        Ok(vec![sum])
    }
}

attrs! {
    /// Adds one number per channel.
    struct BiasAdd {
        /// Channels are the last axis (`NHWC`) or the second (`NCHW`).
        data_format: String = "NHWC".to_owned(),
    }
}

impl Op for BiasAdd {
    const SPEC: Spec = Spec {
        name: "BiasAdd",
        inputs: &["value: T", "bias: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[[1, 2], [3, 4]], [10, 20]", "", "[[11, 22], [13, 24]]"),
        case("[[[1, 2], [3, 4]]], [10, 20]", "data_format=\"NCHW\"", "[[[11, 12], [23, 24]]]"),
    ];
    const FAST: &'static [Fast<Self>] = &[chain()];
    const GRAD: Option<Gradient<Self>> = Some(|op, g| {
        let dy = g.dy()?;
        let format = Attr::text(&op.data_format);
        Ok(vec![Some(dy), Some(g.build.add("BiasAddGrad", &[dy], &[("data_format", format)]))])
    });

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        if let Some(rank) = inputs[1].rank() {
            ensure!(rank == 1, "a bias has 1 dim, not {rank}");
        }
        Ok(vec![inputs[0].shape.clone()])
    }

    fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
        let is_last = !self.data_format.starts_with("NC") && inputs.get(1)?.rank() == Some(1);
        (is_last && through == 0)
            .then(|| binary_follow(tensorferry_kernels::Binary::Add, inputs, 0))?
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, bias) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(bias.rank() == 1 && x.rank() >= 2, "a bias has 1 dim, and what it is added to 2");
        let channels = if self.data_format.starts_with("NC") { 1 } else { x.rank() - 1 };
        let mut shape = vec![1; x.rank()];
        shape[channels] = bias.len();
        ensure!(
            x.shape()[channels] == bias.len(),
            "{} channels, {} biases",
            x.shape()[channels],
            bias.len()
        );
        let bias = bias.clone().reshaped(&shape).ok_or_else(|| Error::invalid("bias"))?;
        Add {}.eval(vec![x.clone().into(), bias.into()].into())
    }
}

attrs! {
    /// Complex numbers of real and imaginary parts.
    struct ComplexOf {
        /// The type of the result.
        Tout: DType = DType::Complex64,
    }
}

impl Op for ComplexOf {
    const SPEC: Spec = Spec {
        name: "Complex",
        inputs: &["real: T", "imag: T"],
        outputs: &["out: Tout"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2], [3]", "", "complex64[(1, 3), (2, 3)]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![crate::broadcast::broadcast_shapes(&inputs[0].shape, &inputs[1].shape)?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (re, im) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let both = Broadcast::new(re.shape(), im.shape())?;
        let all = match (view(re), view(im)) {
            (Wide::F32(re), Wide::F32(im)) => {
                both.map(&re, &im, |re, im| Complex::new(f64::from(re), f64::from(im)))
            }
            (Wide::F64(re), Wide::F64(im)) => both.map(&re, &im, Complex::new),
            _ => return Err(crate::rows::refused(re.dtype())),
        };
        Ok(vec![<Complex<f64> as Narrow>::narrow(self.Tout, &both.shape, all).into()])
    }
}
