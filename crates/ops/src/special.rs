//! Functions that the standard library lacks, in double precision.

use std::f64::consts::PI;

pub(crate) use libm::{erf, erfc, lgamma};

/// The derivative of [`lgamma`]: recurrence up to 10, then the asymptotic series (Abramowitz and
/// Stegun 6.3.18). Error below 1e-13.
pub(crate) fn digamma(x: f64) -> f64 {
    const ASYMPTOTIC_MIN: f64 = 10.0;
    if x <= 0.0 && x == x.floor() {
        return f64::NAN;
    }
    if x < 0.0 {
        // The tangent has period 1: near a pole what is left of x counts.
        return digamma(1.0 - x) - PI / (PI * (x - x.round())).tan();
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < ASYMPTOTIC_MIN {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series =
        [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 5.0 / 660.0, -691.0 / 32_760.0];
    let tail = series.iter().rev().fold(0.0, |tail, c| (tail + c) * inverse);
    shift + x.ln() - 0.5 / x - tail
}

/// Hurwitz' zeta function Σ 1/(x+k)ˢ for s > 1: the first terms, the rest by Euler and Maclaurin.
/// Relative error below 1e-14 for x > 0.
pub(crate) fn hurwitz_zeta(s: f64, x: f64) -> f64 {
    const TERMS: i32 = 20;
    /// Bernoulli's numbers B₂, B₄, … over (2j)!.
    const COEFFICIENTS: [f64; 6] = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30_240.0,
        -1.0 / 1_209_600.0,
        1.0 / 47_900_160.0,
        -691.0 / 1_307_674_368_000.0,
    ];
    if s == 1.0 {
        return f64::INFINITY;
    }
    if s < 1.0 || s.is_nan() || x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        if x == x.floor() {
            return f64::INFINITY;
        }
        if s != s.floor() {
            return f64::NAN;
        }
    }
    let sum: f64 = (0..TERMS).map(|k| (x + f64::from(k)).powf(-s)).sum();
    let y = x + f64::from(TERMS);
    let mut rest = y.powf(1.0 - s) / (s - 1.0) + 0.5 * y.powf(-s);
    let (mut factor, mut power) = (s, y.powf(-s - 1.0));
    for (j, coefficient) in (1_u8..).zip(COEFFICIENTS) {
        rest += coefficient * factor * power;
        let next = s + 2.0 * f64::from(j);
        factor *= (next - 1.0) * next;
        power /= y * y;
    }
    sum + rest
}

/// The inverse of `erf`: an estimate by S. Winitzki, then Newton's and Halley's steps on `erf`, or on
/// `erfc` where that is small. Relative error below 1e-14.
pub(crate) fn erfinv(x: f64) -> f64 {
    const STEPS: usize = 4;
    if x.abs() >= 1.0 || x == 0.0 || x.is_nan() {
        return match x {
            0.0 => x,
            1.0 => f64::INFINITY,
            -1.0 => f64::NEG_INFINITY,
            _ => f64::NAN,
        };
    }
    let log = (-x * x).ln_1p();
    let a = 0.147;
    let half = 2.0 / (PI * a) + log / 2.0;
    let mut y = ((half * half - log / a).sqrt() - half).sqrt();
    let size = x.abs();
    for _ in 0..STEPS {
        let error = if size > 0.5 { (1.0 - size) - erfc(y) } else { erf(y) - size };
        let step = error / (2.0 / PI.sqrt() * (-y * y).exp());
        y -= step / (1.0 + y * step);
    }
    y.copysign(x)
}

/// The inverse of the normal distribution.
pub(crate) fn ndtri(p: f64) -> f64 {
    // Below a quarter 2p - 1 would lose digits: the inverse of erfc, by steps from the estimate.
    if p >= 0.25 || p <= 0.0 || p.is_nan() {
        return std::f64::consts::SQRT_2 * erfinv(2.0 * p - 1.0);
    }
    let t = (-2.0 * p.ln()).sqrt();
    // Abramowitz and Stegun 26.2.23; its error of 4.5e-4 is gone after the steps.
    let mut x = -(t
        - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308))));
    for _ in 0..4 {
        let error = 0.5 * erfc(-x / std::f64::consts::SQRT_2) - p;
        let step = error * (2.0 * PI).sqrt() * (x * x / 2.0).exp();
        x -= step / (1.0 + x * step / 2.0);
    }
    x
}

/// The most terms of a series or fraction; those of the incomplete functions need √a of them.
const TERMS_MAX: usize = 100_000;

/// x^a e^-x / Γ(a+1), by logarithms.
fn gamma_factor(a: f64, x: f64) -> f64 {
    (a * x.ln() - x - lgamma(a + 1.0)).exp()
}

/// The lower incomplete gamma function, of 1: its series, or one minus the fraction of the upper.
pub(crate) fn gamma_p(a: f64, x: f64) -> f64 {
    if x < 0.0 || a < 0.0 || a.is_nan() || x.is_nan() || (a == 0.0 && x == 0.0) {
        return f64::NAN;
    }
    if x == 0.0 {
        return 0.0;
    }
    if a == 0.0 || x.is_infinite() {
        return if a.is_infinite() { f64::NAN } else { 1.0 };
    }
    if a.is_infinite() {
        return 0.0;
    }
    if x > 1.0 && x > a {
        return 1.0 - gamma_fraction(a, x);
    }
    let (mut term, mut sum, mut n) = (1.0, 1.0, a);
    for _ in 0..TERMS_MAX {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term <= sum * f64::EPSILON {
            break;
        }
    }
    sum * gamma_factor(a, x)
}

/// The upper one.
pub(crate) fn gamma_q(a: f64, x: f64) -> f64 {
    if x > 1.0 && x > a && a > 0.0 && x.is_finite() {
        return gamma_fraction(a, x);
    }
    1.0 - gamma_p(a, x)
}

/// The upper incomplete gamma function by its continued fraction (Lentz).
fn gamma_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    let mut i = 0.0;
    for _ in 0..TERMS_MAX {
        i += 1.0;
        let an = -i * (i - a);
        b += 2.0;
        let down = an * d + b;
        d = 1.0 / if down.abs() < TINY { TINY } else { down };
        c = b + an / c;
        if c.abs() < TINY {
            c = TINY;
        }
        h *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    h * a * gamma_factor(a, x)
}

/// The regularized incomplete beta function by its continued fraction (Lentz), on the side where
/// that converges fast.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    let is_valid = a > 0.0 && b > 0.0 && (0.0..=1.0).contains(&x);
    if !is_valid {
        return f64::NAN;
    }
    if x == 0.0 || x == 1.0 {
        return x;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    const TINY: f64 = 1e-300;
    let keep = |x: f64| if x.abs() < TINY { TINY } else { x };
    let (mut c, mut d) = (1.0, 1.0 / keep(1.0 - (a + b) * x / (a + 1.0)));
    let mut h = d;
    let mut m = 0.0;
    for _ in 0..TERMS_MAX {
        m += 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / keep(1.0 + even * d);
        c = keep(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / keep(1.0 + odd * d);
        c = keep(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    let factor = a * x.ln() + b * (-x).ln_1p() + lgamma(a + b) - lgamma(a) - lgamma(b);
    factor.exp() * h / a
}

/// e^-|x| times Bessel's function I of an order: its series, or its asymptotic one for large `x`.
fn bessel_ie(order: f64, x: f64) -> f64 {
    const ASYMPTOTIC_MIN: f64 = 30.0;
    let size = x.abs();
    if size.is_infinite() {
        return 0.0;
    }
    if size < ASYMPTOTIC_MIN {
        let quarter = size * size / 4.0;
        let mut term = if order == 0.0 { 1.0 } else { size / 2.0 };
        let (mut sum, mut k) = (term, 0.0);
        while term > sum * f64::EPSILON * 0.1 {
            k += 1.0;
            term *= quarter / (k * (k + order));
            sum += term;
        }
        return sum * (-size).exp();
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..=20 {
        let k = f64::from(k);
        let odd = 2.0 * k - 1.0;
        term *= -(4.0 * order * order - odd * odd) / (k * 8.0 * size);
        sum += term;
    }
    sum / (2.0 * PI * size).sqrt()
}

/// e^-|x| I₀(x).
pub(crate) fn bessel_i0e(x: f64) -> f64 {
    if x.is_nan() { x } else { bessel_ie(0.0, x) }
}

/// e^-|x| I₁(x).
pub(crate) fn bessel_i1e(x: f64) -> f64 {
    if x.is_nan() { x } else { bessel_ie(1.0, x).copysign(x) }
}

/// 1/(1+e^-x), without overflow.
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// ln(1+e^x), without overflow.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        type Function = fn(f64) -> f64;
        let cases: [(Function, f64, f64); 7] = [
            (|x| hurwitz_zeta(2.0, x), 1.0, PI * PI / 6.0),
            (|x| hurwitz_zeta(4.0, x), 1.0, PI.powi(4) / 90.0),
            (|x| hurwitz_zeta(3.5, x), 2.5, 0.065_171_251_589_659_7),
            (digamma, 1.0, -0.577_215_664_901_532_9),
            (digamma, -0.5, 0.036_489_973_978_576_52),
            (sigmoid, -800.0, 0.0),
            (softplus, 800.0, 800.0),
        ];
        for (i, (f, x, expected)) in cases.into_iter().enumerate() {
            let error = (f(x) - expected).abs() / expected.abs().max(1.0);
            assert!(error < 1e-13, "case {i}: {} instead of {expected}", f(x));
        }
    }
}
