//! Functions of one number.

use tensorferry_tensor::Complex;

use crate::Tolerance;
use crate::special::{digamma, erf, erfc, lgamma, sigmoid, softplus};

register![
    Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, Ceil, Conj, Cos, Cosh, Digamma, Elu, Erf, Erfc,
    Exp, Expm1, Floor, Inv, Invert, Lgamma, Log, Log1p, Neg, Reciprocal, Relu, Relu6, Rint, Round,
    Rsqrt, Selu, Sigmoid, Sign, Sin, Sinh, Softplus, Softsign, Sqrt, Square, Tan, Tanh,
];

/// TensorFlow's vectorized functions are themselves 1 to 4 away from the true value.
const FUNCTION: Tolerance = Tolerance::Ulps(4);
/// TensorFlow subtracts 1 from a power, or meets a root of the function, where only the absolute
/// error stays small.
const ROOTED: Tolerance = Tolerance::Close { rel: 1e-6, abs: 1e-6 };
/// The vector form takes something from 1, whose last digit the result keeps.
const FROM_ONE: Tolerance = Tolerance::Close { rel: 5e-7, abs: 1.2e-7 };
const EXACT: Tolerance = Tolerance::Exact;

/// e^x − 1 for negative x, x otherwise, scaled: the constants of "Self-Normalizing Neural Networks".
pub(crate) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
pub(crate) const SELU_SCALE_ALPHA: f64 = 1.758_099_340_847_376_6;

/// Computes in double precision and rounds once, whatever the type of `x`.
trait Doubled: Sized {
    fn by(self, f: impl Fn(f64) -> f64) -> Self;
}

impl Doubled for f32 {
    fn by(self, f: impl Fn(f64) -> f64) -> Self {
        f(f64::from(self)) as f32
    }
}

impl Doubled for f64 {
    fn by(self, f: impl Fn(f64) -> f64) -> Self {
        f(self)
    }
}

unary! {
    /// The distance from 0.
    Abs EXACT, ["[-1.5, 2, nan]" => "[1.5, 2, nan]", "int32[-3]" => "int32[3]"] {
        real: |x| x.abs(), signed: |x| x.wrapping_abs(), unsigned: |x| x,
    } grad crate::grads::abs, fast Abs;

    /// The angle whose cosine is `x`.
    Acos FUNCTION, ["[1, 0]" => "[0, 1.5707964]"] { real: |x| x.acos() };

    /// The number whose hyperbolic cosine is `x`.
    Acosh FUNCTION, ["[1, 2]" => "[0, 1.316958]"] { real: |x| x.by(f64::acosh) };

    /// The angle whose sine is `x`.
    Asin FUNCTION, ["[1, 0]" => "[1.5707964, 0]"] { real: |x| x.asin() };

    /// The number whose hyperbolic sine is `x`.
    Asinh FUNCTION, ["[0, -2]" => "[0, -1.4436355]"] { real: |x| x.by(f64::asinh) };

    /// The angle whose tangent is `x`.
    Atan FUNCTION, ["[1, 0]" => "[0.7853982, 0]"] { real: |x| x.atan() };

    /// The number whose hyperbolic tangent is `x`.
    Atanh FUNCTION, ["[0, 0.5]" => "[0, 0.54930615]"] { real: |x| x.by(f64::atanh) };

    /// The next integer up.
    Ceil EXACT, ["[1.2, -1.2]" => "[2, -1]"] { real: |x| x.ceil() };

    /// Complex numbers with the other sign of the imaginary part.
    Conj -> "output: T" EXACT, ["complex64[(1, 2)]" => "complex64[(1, -2)]"] {
        complex: |z| z.conj(),
    };

    /// The cosine of an angle.
    Cos FUNCTION, ["[0]" => "[1]"] {
        real: |x| x.cos(),
        complex: |z| Complex::new(z.re.cos() * z.im.cosh(), -z.re.sin() * z.im.sinh()),
    } grad crate::grads::cos;

    /// (e^x + e^-x) / 2.
    Cosh FUNCTION, ["[0, 1]" => "[1, 1.5430806]"] {
        real: |x| x.cosh(),
        complex: |z| Complex::new(z.re.cosh() * z.im.cos(), z.re.sinh() * z.im.sin()),
    };

    /// The derivative of `Lgamma`.
    Digamma ROOTED, ["[1]" => "[-0.5772157]"] { real: |x| x.by(digamma) };

    /// x, and e^x - 1 where x is negative.
    Elu -> "activations: T" ROOTED, ["[2, -1]" => "[2, -0.63212055]"] {
        real: |x| if x < 0.0 { x.exp_m1() } else { x },
    } grad crate::grads::elu, fast Elu;

    /// Gauss' error function.
    Erf FROM_ONE, ["[0, 0.5]" => "[0, 0.5204999]"] { real: |x| x.by(erf) } grad crate::grads::erf, fast Erf;

    /// One minus the error function, precise where that is small.
    Erfc FUNCTION, ["[0, 0.5]" => "[1, 0.47950011]"] { real: |x| x.by(erfc) };

    /// e to the power x.
    Exp FUNCTION, ["[0, 1]" => "[1, 2.7182817]"] { real: |x| x.exp(), complex: |z| z.exp() } grad crate::grads::exp, fast Exp;

    /// e^x - 1, precise near 0.
    Expm1 FUNCTION, ["[0, 1]" => "[0, 1.7182819]"] { real: |x| x.exp_m1() };

    /// The next integer down.
    Floor EXACT, ["[1.2, -1.2]" => "[1, -2]"] { real: |x| x.floor() };

    /// The old name of `Reciprocal`.
    Inv FUNCTION, ["[4]" => "[0.25]"] { real: |x| x.recip(), complex: |z| z.recip() } grad crate::grads::reciprocal;

    /// Every bit changed.
    Invert EXACT, ["int32[0, 5]" => "int32[-1, -6]", "uint8[1]" => "uint8[254]"] {
        int: |x| !x,
    };

    /// Logarithm of the absolute value of the gamma function.
    Lgamma ROOTED, ["[1, 5]" => "[0, 3.1780539]"] { real: |x| x.by(lgamma) };

    /// The natural logarithm.
    Log FUNCTION, ["[1, 0]" => "[0, -inf]"] { real: |x| x.ln(), complex: |z| z.ln() } grad crate::grads::log;

    /// ln(1 + x), precise near 0.
    Log1p FUNCTION, ["[0, 1]" => "[0, 0.6931472]"] { real: |x| x.ln_1p() } grad crate::grads::log1p;

    /// Changes the sign of every element.
    Neg EXACT, ["[1, -0.5]" => "[-1, 0.5]", "int32[3]" => "int32[-3]"] {
        real: |x| -x, int: |x| x.wrapping_neg(), complex: |z| -z,
    } grad crate::grads::neg, fast Neg;

    /// One over x.
    Reciprocal FUNCTION, ["[4, -0.5]" => "[0.25, -2]"] {
        real: |x| x.recip(), complex: |z| z.recip(),
    } grad crate::grads::reciprocal, fast Reciprocal;

    /// x, and 0 where x is negative.
    Relu -> "activations: T" EXACT, ["[2, -1, nan]" => "[2, 0, nan]"] {
        real: |x| if x < 0.0 { 0.0 } else { x }, signed: |x| x.max(0), unsigned: |x| x,
    } grad crate::grads::relu, fast Relu;

    /// x, no less than 0 and no more than 6.
    Relu6 -> "activations: T" EXACT, ["[2, -1, 7]" => "[2, 0, 6]"] {
        real: |x| x.clamp(0.0, 6.0),
        signed: |x| x.clamp(0, 6), unsigned: |x| x.min(6),
    } grad crate::grads::relu6, fast Relu6;

    /// The nearest integer, the even one of two.
    Rint EXACT, ["[0.5, 1.5, -1.2]" => "[0, 2, -1]"] { real: |x| x.round_ties_even() };

    /// The nearest integer, the even one of two.
    Round EXACT, ["[0.5, 1.5, -2.7]" => "[0, 2, -3]", "int32[5]" => "int32[5]"] {
        real: |x| x.round_ties_even(), int: |x| x,
    };

    /// One over the square root.
    Rsqrt FUNCTION, ["[4, 0.25]" => "[0.5, 2]"] {
        real: |x| x.sqrt().recip(), complex: |z| z.sqrt().recip(),
    } grad crate::grads::rsqrt, fast Rsqrt;

    /// x, and e^x - 1 where x is negative, scaled so that variance 1 stays.
    Selu -> "activations: T" ROOTED, ["[1, -1]" => "[1.050701, -1.1113307]"] {
        real: |x| x.by(|x| {
            if x < 0.0 { SELU_SCALE_ALPHA * x.exp_m1() } else { SELU_SCALE * x }
        }),
    } grad crate::grads::selu, fast Selu;

    /// 1 / (1 + e^-x).
    Sigmoid FUNCTION, ["[0, -1000]" => "[0.5, 0]"] {
        real: |x| x.by(sigmoid),
        complex: |z| (Complex::new(1.0, 0.0) + (-z).exp()).recip(),
    } grad crate::grads::sigmoid, fast Sigmoid;

    /// -1, 0 or 1; NaN for NaN.
    Sign EXACT, ["[-2, 0, 3, nan]" => "[-1, 0, 1, nan]", "int32[-7]" => "int32[-1]"] {
        real: |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        signed: |x| x.signum(), unsigned: |x| x.min(1),
    };

    /// The sine of an angle.
    Sin FUNCTION, ["[0]" => "[0]"] {
        real: |x| x.sin(),
        complex: |z| Complex::new(z.re.sin() * z.im.cosh(), z.re.cos() * z.im.sinh()),
    } grad crate::grads::sin;

    /// (e^x - e^-x) / 2.
    Sinh FUNCTION, ["[0, 1]" => "[0, 1.1752012]"] {
        real: |x| x.sinh(),
        complex: |z| Complex::new(z.re.sinh() * z.im.cos(), z.re.cosh() * z.im.sin()),
    };

    /// ln(1 + e^x).
    Softplus -> "activations: T" FUNCTION, ["[0, 100]" => "[0.6931472, 100]"] { real: |x| x.by(softplus) } grad crate::grads::softplus;

    /// x / (1 + |x|).
    Softsign -> "activations: T" FUNCTION, ["[1, -3]" => "[0.5, -0.75]"] { real: |x| x / (1.0 + x.abs()) } grad crate::grads::softsign;

    /// The square root.
    Sqrt FUNCTION, ["[4, 0.25]" => "[2, 0.5]"] { real: |x| x.sqrt(), complex: |z| z.sqrt() } grad crate::grads::sqrt, fast Sqrt;

    /// x times x.
    Square EXACT, ["[3, -0.5]" => "[9, 0.25]", "int32[-3]" => "int32[9]"] {
        real: |x| x * x, int: |x| x.wrapping_mul(x), complex: |z| z * z,
    } grad crate::grads::square, fast Square;

    /// The tangent of an angle.
    Tan Tolerance::Ulps(8), ["[0, 1]" => "[0, 1.5574077]"] {
        real: |x| x.by(f64::tan),
        complex: |z| {
            // Half of cos 2a + cosh 2b, without taking one number from another.
            let (a, b) = (z.re.sin_cos(), z.im);
            let scale = a.1 * a.1 + b.sinh() * b.sinh();
            Complex::new(a.0 * a.1 / scale, b.sinh() * b.cosh() / scale)
        },
    };

    /// The hyperbolic tangent.
    Tanh FUNCTION, ["[0, 1]" => "[0, 0.7615942]"] {
        real: |x| x.tanh(),
        complex: |z| {
            let (up, down) = (z.exp(), (-z).exp());
            (up - down) / (up + down)
        },
    } grad crate::grads::tanh, fast Tanh;
}
