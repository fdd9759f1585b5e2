//! Complex numbers.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A complex number.
#[derive(Clone, Copy, PartialEq, Default)]
pub struct Complex<T> {
    /// The real part.
    pub re: T,
    /// The imaginary part.
    pub im: T,
}

impl<T> Complex<T> {
    /// The number with these parts.
    pub const fn new(re: T, im: T) -> Self {
        Self { re, im }
    }
}

impl Complex<f32> {
    /// The same number in double precision.
    pub fn widen(self) -> Complex<f64> {
        Complex::new(f64::from(self.re), f64::from(self.im))
    }
}

impl Complex<f64> {
    /// The nearest number in single precision.
    pub fn single(self) -> Complex<f32> {
        Complex::new(self.re as f32, self.im as f32)
    }

    /// The absolute value, without overflow on the way.
    pub fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    /// The angle, from −π to π.
    pub fn arg(self) -> f64 {
        self.im.atan2(self.re)
    }

    /// The number with the imaginary part's sign changed.
    pub fn conj(self) -> Self {
        Self::new(self.re, -self.im)
    }

    /// e to the power of the number.
    pub fn exp(self) -> Self {
        Self::from_polar(self.re.exp(), self.im)
    }

    /// The principal natural logarithm.
    pub fn ln(self) -> Self {
        Self::new(self.abs().ln(), self.arg())
    }

    /// The principal square root.
    pub fn sqrt(self) -> Self {
        if self.re == 0.0 && self.im == 0.0 {
            return Self::new(0.0, self.im);
        }
        let half = ((self.abs() + self.re.abs()) * 0.5).sqrt();
        if self.re >= 0.0 {
            Self::new(half, self.im / (2.0 * half))
        } else {
            Self::new(self.im.abs() / (2.0 * half), half.copysign(self.im))
        }
    }

    /// The number of absolute value `r` and angle `theta`.
    pub fn from_polar(r: f64, theta: f64) -> Self {
        Self::new(r * theta.cos(), r * theta.sin())
    }

    /// One over the number.
    pub fn recip(self) -> Self {
        Self::new(1.0, 0.0) / self
    }

    /// The number to the power `exponent`, by way of the logarithm; 0 to the power 0 is 1.
    pub fn pow(self, exponent: Self) -> Self {
        if self == Self::default() {
            let is_one = exponent == Self::default();
            return Self::new(f64::from(u8::from(is_one)), 0.0);
        }
        (exponent * self.ln()).exp()
    }
}

impl Add for Complex<f64> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.re + other.re, self.im + other.im)
    }
}

impl Sub for Complex<f64> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.re - other.re, self.im - other.im)
    }
}

impl Mul for Complex<f64> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let re = self.re * other.re - self.im * other.im;
        Self::new(re, self.re * other.im + self.im * other.re)
    }
}

impl Div for Complex<f64> {
    type Output = Self;
    /// Smith's method: no overflow where the result has none.
    fn div(self, other: Self) -> Self {
        let (a, b, c, d) = (self.re, self.im, other.re, other.im);
        if c.abs() >= d.abs() {
            let (ratio, scale) = (d / c, c + d * (d / c));
            Self::new((a + b * ratio) / scale, (b - a * ratio) / scale)
        } else {
            let (ratio, scale) = (c / d, c * (c / d) + d);
            Self::new((a * ratio + b) / scale, (b * ratio - a) / scale)
        }
    }
}

impl Neg for Complex<f64> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.re, -self.im)
    }
}

impl<T: fmt::Display> fmt::Debug for Complex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}j", self.re, self.im)
    }
}
