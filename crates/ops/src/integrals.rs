//! Functions that are integrals, in double precision.

use std::f64::consts::PI;

use tensorferry_tensor::Complex;

/// Where terms stop to count.
const EPSILON: f64 = 1e-17;

/// Bessel's function K of order `n`, times eˣ: ∫ e^(x - x cosh t) cosh nt dt from 0 on. Sums at even
/// steps converge as fast as steps get small; relative error below 1e-13.
pub(crate) fn bessel_ke(n: u8, x: f64) -> f64 {
    if x <= 0.0 || x.is_nan() {
        // As TensorFlow has it, the function is as high below 0 as at it.
        return if x <= 0.0 { f64::INFINITY } else { f64::NAN };
    }
    if x.is_infinite() {
        return 0.0;
    }
    // The integrand is a bell of width 1/√x.
    let step = (0.5 / x.sqrt()).min(0.125);
    let mut sum = 0.5;
    for i in 1_u32.. {
        let t = f64::from(i) * step;
        let half = (t / 2.0).sinh();
        let term = (-2.0 * x * half * half).exp() * (f64::from(n) * t).cosh();
        sum += term;
        if term < EPSILON * sum {
            break;
        }
    }
    sum * step
}

/// Dawson's integral, by Rybicki's sum of Gaussians, and its asymptotic series far out. Relative error
/// below 1e-13.
pub(crate) fn dawson(x: f64) -> f64 {
    const STEP: f64 = 0.2;
    const FAR: f64 = 12.0;
    /// Gaussians further away than 6.8 are below 1e-20.
    const REACH: f64 = 6.8;
    let size = x.abs();
    if size.is_nan() {
        return x;
    }
    if size > FAR {
        let inverse = 0.5 / (x * x);
        // Σ (2k-1)!! / (2x²)ᵏ, of which these terms count.
        let tail =
            (1_u8..=9).rev().fold(1.0, |tail, k| 1.0 + f64::from(2 * k - 1) * inverse * tail);
        return 0.5 / x * tail;
    }
    // The terms of n and -n together lose nothing near 0.
    let mut sum = 0.0;
    let mut n = 1.0;
    while n * STEP < size + REACH {
        let at = n * STEP;
        let (near, far) = (size - at, size + at);
        sum += match 2.0 * size * at {
            small if small < 1.0 => (-size * size - at * at).exp() * 2.0 * small.sinh() / n,
            _ => ((-near * near).exp() - (-far * far).exp()) / n,
        };
        n += 2.0;
    }
    (sum / PI.sqrt()).copysign(x)
}

/// The exponential integral of a positive number: its series, far out the asymptotic one. Relative
/// error below 1e-13 but near its zero.
pub(crate) fn expint(x: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    const FAR: f64 = 50.0;
    if x < 0.0 || x.is_nan() {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x >= FAR {
        let (mut sum, mut term) = (1.0, 1.0);
        for k in 1_u8..=40 {
            term *= f64::from(k) / x;
            sum += term;
        }
        return x.exp() / x * sum;
    }
    let (mut sum, mut power) = (0.0, 1.0);
    for k in 1_u8..=u8::MAX {
        power *= x / f64::from(k);
        let term = power / f64::from(k);
        sum += term;
        if term < EPSILON * sum {
            break;
        }
    }
    EULER + x.ln() + sum
}

/// Fresnel's integrals of cosine and sine: their series, far out the continued fraction of the
/// complementary error function. Absolute error below 1e-14 up to 10,
/// then that of the angle.
pub(crate) fn fresnel(x: f64) -> (f64, f64) {
    const FAR: f64 = 1.5;
    /// Beyond it what is left is below the precision.
    const OVER: f64 = 1e16;
    let size = x.abs();
    if size > OVER {
        return (0.5_f64.copysign(x), 0.5_f64.copysign(x));
    }
    let (c, s) = if size > FAR { fresnel_far(size) } else { fresnel_near(size) };
    (c.copysign(x), s.copysign(x))
}

/// Σ (iπx²/2)ᵏ x / (k! (2k+1)): the real terms are the cosine's, the imaginary ones the sine's.
fn fresnel_near(x: f64) -> (f64, f64) {
    let angle = PI / 2.0 * x * x;
    let mut sums = [0.0_f64; 2];
    let mut power = x;
    for k in 0_u8..40 {
        let term = power / f64::from(2 * u16::from(k) + 1);
        let sign = if k % 4 < 2 { 1.0 } else { -1.0 };
        sums[usize::from(k % 2)] += sign * term;
        power *= angle / f64::from(k + 1);
    }
    (sums[0], sums[1])
}

fn fresnel_far(x: f64) -> (f64, f64) {
    let complex = |re: f64, im: f64| Complex { re, im };
    let inverse = |z: Complex<f64>| complex(1.0, 0.0) / z;
    let angle = PI * x * x;
    // Lentz's way to evaluate a continued fraction.
    let mut b = complex(1.0, -angle);
    let mut c = complex(1e300, 0.0);
    let mut d = inverse(b);
    let mut h = d;
    for k in 0_u8..200 {
        let n = f64::from(2 * u16::from(k) + 1);
        let a = complex(-n * (n + 1.0), 0.0);
        b = b + complex(4.0, 0.0);
        d = inverse(a * d + b);
        c = b + a / c;
        let change = c * d;
        h = h * change;
        if (change.re - 1.0).abs() + change.im.abs() < 1e-15 {
            break;
        }
    }
    let h = h * complex(x, -x);
    let turn = complex((angle / 2.0).cos(), (angle / 2.0).sin());
    let all = complex(0.5, 0.5) * (complex(1.0, 0.0) - turn * h);
    (all.re, all.im)
}

/// Spence's integral, which is the dilogarithm of 1 - x: brought near 1 by its two reflections, there
/// its series. Relative error below 1e-14.
pub(crate) fn spence(x: f64) -> f64 {
    if x < 0.0 || x.is_nan() {
        return f64::NAN;
    }
    if x == 0.0 {
        return PI * PI / 6.0;
    }
    if x > 1.5 {
        return -0.5 * x.ln() * x.ln() - spence(1.0 / x);
    }
    if x < 0.5 {
        return PI * PI / 6.0 - x.ln() * (-x).ln_1p() - spence(1.0 - x);
    }
    let z = 1.0 - x;
    let (mut sum, mut power) = (0.0, 1.0);
    for k in 1_u8..60 {
        power *= z;
        sum += power / (f64::from(k) * f64::from(k));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_meet() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-10 * a.abs().max(1.0), "{a} {b}");
        let (near, far) = (fresnel_near(1.5), fresnel_far(1.5));
        close(near.0, far.0);
        close(near.1, far.1);
        close(dawson(11.999_999_999), dawson(12.000_000_001));
        close(expint(50.0_f64.next_down()) / expint(50.0), 1.0);
        close(spence(0.499_999_999_999), spence(0.500_000_000_001));
        close(spence(1.499_999_999_999), spence(1.500_000_000_001));
    }

    #[test]
    fn known_values_are_met() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs(), "{a} {b}");
        close(bessel_ke(0, 2.0) * (-2.0_f64).exp(), 0.113_893_872_749_533_43);
        close(bessel_ke(1, 0.1), 9.853_844_780_870_606 * 0.1_f64.exp());
        close(bessel_ke(0, 1e4), 0.012_532_984_717_699_288);
        close(dawson(0.5), 0.424_436_383_502_022_3);
        close(expint(2.0), 4.954_234_356_001_891);
        close(fresnel(3.0).0, 0.605_720_789_297_685_6);
        close(fresnel(3.0).1, 0.496_312_998_967_375);
        close(spence(3.0), -1.436_746_366_883_680_9);
    }
}
