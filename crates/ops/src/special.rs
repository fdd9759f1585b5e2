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
