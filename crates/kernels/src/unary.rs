//! Functions of one number, over slices.
//!
//! `exp`, `tanh`, `erf` and what is made of them are those of `rten-vecmath`; the bounds in
//! [`Unary::ulps`] are asserted by the tests of this crate.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdUnaryOp};

use crate::vector::vectorized;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unary {
    /// |x|
    Abs,
    /// x, no less than the first and no more than the second.
    Clip(f32, f32),
    /// x, or eˣ − 1 where it is negative.
    Elu,
    /// The error function.
    Erf,
    /// eˣ
    Exp,
    /// x, or so much of it where it is negative.
    Leaky(f32),
    /// −x
    Neg,
    /// 1 / x
    Reciprocal,
    /// x, or 0 where it is negative.
    Relu,
    /// x, no less than 0 and no more than 6.
    Relu6,
    /// 1 / √x
    Rsqrt,
    /// Self-normalizing `Elu`.
    Selu,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// √x
    Sqrt,
    /// x²
    Square,
    /// x / (1 + e⁻ˣ)
    Swish,
    /// The hyperbolic tangent.
    Tanh,
}

const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;

impl Unary {
    /// Replaces every number by the function of it. NaN stays NaN.
    pub fn apply(self, xs: &mut [f32]) {
        match self {
            Self::Abs => each(xs, |x| x.abs()),
            Self::Clip(low, high) => Clamp { low, high }.map_mut(xs),
            Self::Elu => Elu { scale: 1.0, alpha: 1.0 }.map_mut(xs),
            Self::Erf => rten_vecmath::Erf {}.map_mut(xs),
            Self::Exp => rten_vecmath::Exp {}.map_mut(xs),
            Self::Leaky(alpha) => rten_vecmath::LeakyRelu { alpha }.map_mut(xs),
            Self::Neg => each(xs, |x| -x),
            Self::Reciprocal => each(xs, |x| 1.0 / x),
            Self::Relu => Clamp { low: 0.0, high: f32::INFINITY }.map_mut(xs),
            Self::Relu6 => Clamp { low: 0.0, high: 6.0 }.map_mut(xs),
            Self::Rsqrt => each(xs, |x| 1.0 / x.sqrt()),
            Self::Selu => Elu { scale: SELU_SCALE, alpha: SELU_ALPHA }.map_mut(xs),
            Self::Sigmoid => rten_vecmath::Sigmoid {}.map_mut(xs),
            Self::Sqrt => each(xs, |x| x.sqrt()),
            Self::Square => each(xs, |x| x * x),
            Self::Swish => rten_vecmath::Silu {}.map_mut(xs),
            Self::Tanh => rten_vecmath::Tanh {}.map_mut(xs),
        }
    }

    /// The limits, for functions that are nothing but limits.
    pub fn limits(self) -> Option<(f32, f32)> {
        match self {
            Self::Clip(low, high) => Some((low, high)),
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Relu6 => Some((0.0, 6.0)),
            _ => None,
        }
    }

    /// The most units in the last place that a result may be off.
    pub fn ulps(self) -> u32 {
        match self {
            Self::Exp | Self::Reciprocal | Self::Sqrt => 1,
            Self::Rsqrt | Self::Tanh => 3,
            Self::Sigmoid | Self::Swish => 5,
            // They subtract: near 0 only the absolute error is bounded, see `abs_error`.
            Self::Elu | Self::Selu | Self::Erf => 8,
            Self::Leaky(_) | Self::Square | Self::Abs | Self::Clip(..) => 0,
            Self::Neg | Self::Relu | Self::Relu6 => 0,
        }
    }

    /// An error that is allowed besides that.
    pub fn abs_error(self) -> f32 {
        match self {
            Self::Erf => 8e-7,
            Self::Elu => 1.2e-7,
            Self::Selu => 4e-7,
            _ => f32::MIN_POSITIVE,
        }
    }
}

#[inline(always)]
fn each(xs: &mut [f32], f: impl Fn(f32) -> f32) {
    vectorized(|| xs.iter_mut().for_each(|x| *x = f(*x)));
}

struct Clamp {
    low: f32,
    high: f32,
}

impl SimdUnaryOp<f32> for Clamp {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
        let ops = isa.f32();
        // The second operand is what comes of NaN, on every instruction set.
        let x = ops.max(ops.splat(self.low), x);
        ops.min(ops.splat(self.high), x)
    }
}

struct Elu {
    scale: f32,
    alpha: f32,
}

impl SimdUnaryOp<f32> for Elu {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
        let ops = isa.f32();
        let scale = ops.splat(self.scale);
        let below = ops.sub(rten_vecmath::Exp {}.eval(isa, x), ops.one());
        let below = ops.mul(ops.splat(self.scale * self.alpha), below);
        ops.select(below, ops.mul(scale, x), ops.lt(x, ops.zero()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(f: Unary, x: f64) -> f64 {
        let elu = |x: f64| if x < 0.0 { x.exp_m1() } else { x };
        match f {
            Unary::Abs => x.abs(),
            Unary::Clip(low, high) => x.max(f64::from(low)).min(f64::from(high)),
            Unary::Elu => elu(x),
            Unary::Erf => erf(x),
            Unary::Exp => x.exp(),
            Unary::Leaky(alpha) => f64::from(if x < 0.0 { x as f32 * alpha } else { x as f32 }),
            Unary::Neg => -x,
            Unary::Reciprocal => 1.0 / x,
            Unary::Relu => x.max(0.0),
            Unary::Relu6 => x.clamp(0.0, 6.0),
            Unary::Rsqrt => 1.0 / x.sqrt(),
            Unary::Selu => {
                let x = if x < 0.0 { f64::from(SELU_ALPHA) * x.exp_m1() } else { x };
                f64::from(SELU_SCALE) * x
            }
            Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Unary::Sqrt => x.sqrt(),
            Unary::Square => f64::from(x as f32 * x as f32),
            Unary::Swish => x / (1.0 + (-x).exp()),
            Unary::Tanh => x.tanh(),
        }
    }

    /// The Maclaurin series, good to double precision up to 3; beyond, the continued fraction.
    fn erf(x: f64) -> f64 {
        let a = x.abs();
        if a < 3.0 {
            let (mut term, mut sum) = (a, a);
            for n in 1..80 {
                term *= -a * a / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            return (sum * 2.0 / std::f64::consts::PI.sqrt()).copysign(x);
        }
        let fraction = (1..60).rev().fold(0.0, |f, n| f64::from(n) / 2.0 / (a + f));
        let tail = (-a * a).exp() / std::f64::consts::PI.sqrt() / (a + fraction);
        (1.0 - tail).copysign(x)
    }

    const ALL: &[Unary] = &[
        Unary::Abs,
        Unary::Clip(-1.5, 2.5),
        Unary::Elu,
        Unary::Erf,
        Unary::Exp,
        Unary::Leaky(0.3),
        Unary::Neg,
        Unary::Reciprocal,
        Unary::Relu,
        Unary::Relu6,
        Unary::Rsqrt,
        Unary::Selu,
        Unary::Sigmoid,
        Unary::Sqrt,
        Unary::Square,
        Unary::Swish,
        Unary::Tanh,
    ];

    #[test]
    fn errors_stay_within_the_stated_bounds() {
        // Every magnitude and both signs, and a length that no vector divides.
        let magnitudes = (-60..30).flat_map(|e| (0..41).map(move |i| (e, i)));
        let positive = magnitudes.map(|(e, i)| (1.0 + i as f32 / 41.0) * 2_f32.powi(e) / 4.0e6);
        let positive: Vec<f32> = positive.filter(|x| *x < 80.0).collect();
        let all: Vec<f32> = positive.iter().flat_map(|x| [*x, -*x]).chain([0.0]).collect();
        for f in ALL {
            let mut found = all.clone();
            f.apply(&mut found);
            for (x, y) in all.iter().zip(&found) {
                let exact = exact(*f, f64::from(*x));
                if exact.is_nan() {
                    assert!(y.is_nan(), "{f:?}({x}) is {y}");
                    continue;
                }
                let rounded = exact as f32;
                if rounded.is_infinite() {
                    assert_eq!(*y, rounded, "{f:?}({x})");
                    continue;
                }
                let ulp = f64::from(rounded.abs().next_up() - rounded.abs());
                let allowed = f64::from(f.abs_error()) + (f64::from(f.ulps()) + 0.51) * ulp;
                let error = (f64::from(*y) - exact).abs();
                assert!(error <= allowed, "{f:?}({x}) is {y}, not {exact}: {} ulp", error / ulp);
            }
        }
    }

    #[test]
    fn extremes_are_what_they_are_in_the_limit() {
        let inf = f32::INFINITY;
        for (f, x, y) in [
            (Unary::Exp, inf, inf),
            (Unary::Exp, -inf, 0.0),
            (Unary::Exp, 200.0, inf),
            (Unary::Sigmoid, -200.0, 0.0),
            (Unary::Sigmoid, inf, 1.0),
            (Unary::Tanh, -inf, -1.0),
            (Unary::Relu, inf, inf),
            (Unary::Relu6, inf, 6.0),
            (Unary::Elu, -inf, -1.0),
            (Unary::Erf, inf, 1.0),
        ] {
            let mut all = [x; 19];
            f.apply(&mut all);
            assert_eq!(all, [y; 19], "{f:?}({x})");
        }
        for f in ALL {
            let mut all = [f32::NAN; 19];
            f.apply(&mut all);
            assert!(all.iter().all(|x| x.is_nan()), "{f:?}(NaN) is {all:?}");
        }
    }
}
