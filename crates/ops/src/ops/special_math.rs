//! Functions of statistics and physics.

use tensorferry_ir::Shape;

use crate::broadcast::{Broadcast, broadcast_shapes};
use crate::def::case;
use crate::integrals::{bessel_ke, dawson, expint, fresnel, spence};
use crate::rows::ELEMENTWISE;
use crate::special::{
    bessel_i0e, bessel_i1e, erfinv, gamma_p, gamma_q, hurwitz_zeta, incomplete_beta, ndtri,
};
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Fact, Op, Result, Spec, Tolerance, Value};

register![
    BesselI0,
    BesselI0e,
    BesselI1,
    BesselI1e,
    BesselJ0,
    BesselJ1,
    BesselK0,
    BesselK0e,
    BesselK1,
    BesselK1e,
    BesselY0,
    BesselY1,
    Betainc,
    Dawsn,
    Erfinv,
    Expint,
    FresnelCos,
    FresnelSin,
    Igamma,
    Igammac,
    Ndtri,
    NextAfter,
    PopulationCount,
    Spence,
    Zeta,
];

/// TensorFlow's polynomials are of single precision, and cross roots.
const SERIES: Tolerance = Tolerance::Close { rel: 3e-6, abs: 1e-6 };

/// Computes in double precision and rounds once, whatever the type of `x`.
trait Doubled: Sized {
    fn by(self, f: impl Fn(f64) -> f64) -> Self;
    fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self;
    fn after(self, other: Self) -> Self;
}

macro_rules! doubled {
    ($($ty:ty)*) => {
        $(impl Doubled for $ty {
            #[allow(clippy::unnecessary_cast, reason = "half of the types are f64 already")]
            fn by(self, f: impl Fn(f64) -> f64) -> Self {
                f(self as f64) as $ty
            }

            #[allow(clippy::unnecessary_cast, reason = "half of the types are f64 already")]
            fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
                f(self as f64, other as f64) as $ty
            }

            fn after(self, other: Self) -> Self {
                if self.is_nan() || other.is_nan() {
                    return <$ty>::NAN;
                }
                if self == other {
                    return other;
                }
                if other > self { self.next_up() } else { self.next_down() }
            }
        })*
    };
}

doubled!(f32 f64);

/// As TensorFlow has it, there is no limit at infinity.
fn finite(x: f64, f: fn(f64) -> f64) -> f64 {
    if x.is_infinite() { f64::NAN } else { f(x) }
}

/// As TensorFlow has it, the functions that end at 0 are as low below it.
fn positive(x: f64, f: fn(f64) -> f64) -> f64 {
    if x <= 0.0 { f64::NEG_INFINITY } else { finite(x, f) }
}

unary! {
    /// The number whose error function is `x`.
    Erfinv SERIES, ["[0, 0.5204999]" => "[0, 0.5]"] { real: |x| x.by(erfinv) };

    /// The number below which a part `x` of the normal distribution lies.
    Ndtri SERIES, ["[0.5, 0.97724986]" => "[0, 2]"] { real: |x| x.by(ndtri) };

    /// Bessel's function I of order 0.
    BesselI0 SERIES, ["[0, 1]" => "[1, 1.2660658]"] { real: |x| x.by(|x| bessel_i0e(x) * x.abs().exp()) };

    /// Bessel's function I of order 1.
    BesselI1 SERIES, ["[0, 1]" => "[0, 0.5651591]"] { real: |x| x.by(|x| bessel_i1e(x) * x.abs().exp()) };

    /// Bessel's function I of order 0, times e^-|x|.
    BesselI0e SERIES, ["[0, 1]" => "[1, 0.46575961]"] { real: |x| x.by(bessel_i0e) };

    /// Bessel's function I of order 1, times e^-|x|.
    BesselI1e SERIES, ["[0, 1]" => "[0, 0.20791042]"] { real: |x| x.by(bessel_i1e) };

    /// Bessel's function J of order 0.
    BesselJ0 SERIES, ["[0, 1]" => "[1, 0.7651977]"] { real: |x| x.by(libm::j0) };

    /// Bessel's function J of order 1.
    BesselJ1 SERIES, ["[0, 1]" => "[0, 0.44005059]"] { real: |x| x.by(|x| finite(x, libm::j1)) };

    /// Bessel's function K of order 0.
    BesselK0 SERIES, ["[1]" => "[0.42102444]"] { real: |x| x.by(|x| bessel_ke(0, x) * (-x).exp()) };

    /// Bessel's function K of order 1.
    BesselK1 SERIES, ["[1]" => "[0.6019072]"] { real: |x| x.by(|x| bessel_ke(1, x) * (-x).exp()) };

    /// Bessel's function K of order 0, times eˣ.
    BesselK0e SERIES, ["[1]" => "[1.1444631]"] { real: |x| x.by(|x| bessel_ke(0, x)) };

    /// Bessel's function K of order 1, times eˣ.
    BesselK1e SERIES, ["[1]" => "[1.6361535]"] { real: |x| x.by(|x| bessel_ke(1, x)) };

    /// Bessel's function Y of order 0.
    BesselY0 SERIES, ["[1]" => "[0.088256964]"] { real: |x| x.by(|x| positive(x, libm::y0)) };

    /// Bessel's function Y of order 1.
    BesselY1 SERIES, ["[1]" => "[-0.7812128]"] { real: |x| x.by(|x| positive(x, libm::y1)) };

    /// Dawson's integral e^-x² ∫ e^t² dt from 0 to x.
    Dawsn SERIES, ["[0, 1]" => "[0, 0.5380795]"] { real: |x| x.by(dawson) };

    /// The exponential integral ∫ eᵗ/t dt up to x, of positive numbers.
    Expint SERIES, ["[1]" => "[1.8951178]"] { real: |x| x.by(expint) };

    /// Fresnel's integral ∫ cos(πt²/2) dt from 0 to x.
    FresnelCos SERIES, ["[0, 1]" => "[0, 0.7798934]"] { real: |x| x.by(|x| fresnel(x).0) };

    /// Fresnel's integral ∫ sin(πt²/2) dt from 0 to x.
    FresnelSin SERIES, ["[0, 1]" => "[0, 0.43825915]"] { real: |x| x.by(|x| fresnel(x).1) };

    /// Spence's integral -∫ ln t/(t-1) dt from 1 to x.
    Spence SERIES, ["[1, 0, 2]" => "[0, 1.644934, -0.82246703]"] { real: |x| x.by(spence) };
}

binary! {
    /// The lower incomplete gamma function, of 1.
    Igamma SERIES, ELEMENTWISE, ["[1], [1]" => "[0.63212056]"] { real: |a, x| a.with(x, gamma_p) };

    /// The upper incomplete gamma function, of 1.
    Igammac SERIES, ELEMENTWISE, ["[1], [1]" => "[0.36787944]"] { real: |a, x| a.with(x, gamma_q) };

    /// The next number on the way from one to another.
    NextAfter -> "output: T" Tolerance::Exact, ELEMENTWISE, ["[1], [2]" => "[1.0000001]"] { real: |a, b| a.after(b) };

    /// Hurwitz' zeta function Σ 1/(q+k)ˣ.
    Zeta SERIES, ELEMENTWISE, ["[2], [1]" => "[1.644934]"] { real: |x, q| x.with(q, hurwitz_zeta) };
}

attrs! {
    /// The incomplete beta function of a and b, of 1.
    struct Betainc {}
}

impl Op for Betainc {
    const SPEC: Spec = Spec {
        name: "Betainc",
        inputs: &["a: T", "b: T", "x: T"],
        outputs: &["z: T"],
        algebra: ELEMENTWISE,
        tolerance: SERIES,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[2], [2], [0.5]", "", "[0.5]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let both = broadcast_shapes(&inputs[0].shape, &inputs[1].shape)?;
        Ok(vec![broadcast_shapes(&both, &inputs[2].shape)?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let [a, b, x] = [inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?];
        let (Wide::F32(_) | Wide::F64(_)) = view(x) else {
            return Err(crate::rows::refused(x.dtype()));
        };
        ensure!(a.dtype() == x.dtype() && b.dtype() == x.dtype(), "the inputs have unlike types");
        let both = Broadcast::new(a.shape(), b.shape())?;
        let pairs: Vec<(f64, f64)> =
            both.map(&inputs.numbers(0)?, &inputs.numbers(1)?, |a, b| (a, b));
        let all = Broadcast::new(&both.shape, x.shape())?;
        let out = all.map(&pairs, &inputs.numbers(2)?, |(a, b), x| incomplete_beta(a, b, x));
        Ok(vec![f64::narrow(x.dtype(), &all.shape, out).into()])
    }
}

attrs! {
    /// How many bits are set.
    struct PopulationCount {}
}

impl Op for PopulationCount {
    const SPEC: Spec = Spec {
        name: "PopulationCount",
        inputs: &["x: T"],
        outputs: &["y: uint8"],
        algebra: ELEMENTWISE,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("int8[7, -1]", "", "uint8[3, 8]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let bits = 8 * u32::try_from(x.dtype().byte_size().unwrap_or(8)).unwrap_or(8);
        // A widened negative number has ones above its own bits.
        let own = if bits < 64 { (1_u64 << bits) - 1 } else { u64::MAX };
        let count = |x: u64| u64::from((x & own).count_ones());
        let all = match view(x) {
            Wide::I64(all) => all.iter().map(|x| count(x.cast_unsigned())).collect(),
            Wide::U64(all) => all.iter().map(|x| count(*x)).collect(),
            _ => return Err(crate::rows::refused(x.dtype())),
        };
        Ok(vec![u64::narrow(tensorferry_tensor::DType::UInt8, x.shape(), all).into()])
    }
}
