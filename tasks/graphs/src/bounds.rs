//! How large the elements of a value may be, and how far from the truth.

/// The distance from 1 to the next number of single precision.
const EPSILON: f64 = f32::EPSILON as f64;

/// Sums and products of numbers that are multiples of one unit are exact up to 2^24 units. Another
/// order of computing has larger steps in between, so that less is counted on.
const UNITS_MAX: f64 = (1 << 18) as f64;

/// Values that may be larger are not computed with any more.
pub(crate) const SIZE_MAX: f64 = 65_536.0;

/// How often rounding may be worse than counted: a rewritten graph takes other steps.
const SLACK: f64 = 16.0;

/// What is known of the elements of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// None is larger, signs left out.
    pub(crate) max: f64,
    /// All are multiples of it and exact; 0 when they are not.
    pub(crate) unit: f64,
    /// How far from the truth they may be.
    pub(crate) error: f64,
}

impl Bounds {
    /// Integers and truths.
    pub(crate) const fn integers(max: f64) -> Self {
        Self { max, unit: 1.0, error: 0.0 }
    }

    /// Multiples of `unit`.
    pub(crate) const fn multiples(max: f64, unit: f64) -> Self {
        Self { max, unit, error: 0.0 }
    }

    /// True when another way to compute it gives the same bits.
    pub(crate) fn is_exact(self) -> bool {
        self.unit > 0.0
    }

    /// What is left of a unit when numbers up to `max` are made of it.
    fn of(max: f64, unit: f64, error: f64) -> Self {
        if unit > 0.0 && error == 0.0 && max <= unit * UNITS_MAX {
            return Self { max, unit, error };
        }
        Self { max, unit: 0.0, error: error + EPSILON * max }
    }

    /// `a + b` or `a - b`.
    pub(crate) fn plus(self, other: Self) -> Self {
        let unit = self.unit.min(other.unit);
        Self::of(self.max + other.max, unit, self.error + other.error)
    }

    /// `a * b`.
    pub(crate) fn times(self, other: Self) -> Self {
        let error = self.error * other.max + other.error * self.max + self.error * other.error;
        Self::of(self.max * other.max, self.unit * other.unit, error)
    }

    /// A sum of `n` such numbers.
    pub(crate) fn sum(self, n: usize) -> Self {
        let n = n.max(1) as f64;
        let sum = Self::of(self.max * n, self.unit, self.error * n);
        match sum.is_exact() {
            true => sum,
            false => Self { error: sum.error + n * EPSILON * sum.max, ..sum },
        }
    }

    /// One of both.
    pub(crate) fn either(self, other: Self) -> Self {
        Self {
            max: self.max.max(other.max),
            unit: self.unit.min(other.unit),
            error: self.error.max(other.error),
        }
    }

    /// A function of it that is nowhere steeper than `slope`, has values up to `max`, and is rounded
    /// some units in the last place off.
    pub(crate) fn through(self, slope: f64, max: f64) -> Self {
        Self { max, unit: 0.0, error: self.error * slope + 8.0 * EPSILON * max }
    }

    /// How far apart two ways to compute it may be.
    pub(crate) fn tolerance(self) -> f64 {
        match self.is_exact() {
            true => 0.0,
            false => SLACK * self.error,
        }
    }
}
