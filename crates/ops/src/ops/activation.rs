//! Activations with a parameter, limits, and parts of complex numbers.

use tensorferry_ir::{Attr, Shape};
use tensorferry_kernels::Unary;
use tensorferry_tensor::{Complex, DType};

use crate::broadcast::Broadcast;
use crate::def::case;
use crate::fast::{chain, unary_follow};
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Fact, Fast, Follow, Gradient, Op, Result, Spec, Tolerance, Value};

register![Angle, BiasAddGrad, ClipByValue, ComplexAbs, Imag, LeakyRelu, LeakyReluGrad, Prelu, Real];

attrs! {
    /// x, and a part of it where it is negative.
    struct LeakyRelu {
        /// The part.
        alpha: f32 = 0.2,
    }
}

impl Op for LeakyRelu {
    const SPEC: Spec = Spec {
        name: "LeakyRelu",
        inputs: &["features: T"],
        outputs: &["activations: T"],
        tolerance: Tolerance::Ulps(1),
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, -1]", "alpha=0.5", "[1, -0.5]")];
    const GRAD: Option<Gradient<Self>> = Some(|op, g| {
        let (x, dy) = (g.inputs[0], g.dy()?);
        let alpha = [("alpha", Attr::Float(op.alpha))];
        Ok(vec![Some(g.build.add("LeakyReluGrad", &[dy, x], &alpha))])
    });
    const FAST: &'static [Fast<Self>] = &[chain()];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
        unary_follow(Unary::Leaky(self.alpha), inputs, through)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let slope = |x: f64| if x < 0.0 { x * f64::from(self.alpha) } else { x };
        match view(x) {
            Wide::F32(_) | Wide::F64(_) => {
                let all = inputs.numbers(0)?.into_iter().map(slope).collect();
                Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
            }
            _ => Err(crate::rows::refused(x.dtype())),
        }
    }
}

attrs! {
    /// The gradient of `LeakyRelu`.
    struct LeakyReluGrad {
        /// The part that passes where x is negative.
        alpha: f32 = 0.2,
    }
}

impl Op for LeakyReluGrad {
    const SPEC: Spec = Spec {
        name: "LeakyReluGrad",
        inputs: &["gradients: T", "features: T"],
        outputs: &["backprops: T"],
        tolerance: Tolerance::Ulps(1),
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 1], [2, -2]", "alpha=0.5", "[1, 0.5]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (g, x) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(g.shape() == x.shape() && x.dtype().is_float(), "the inputs have unlike shapes");
        let alpha = f64::from(self.alpha);
        let pairs = inputs.numbers(0)?.into_iter().zip(inputs.numbers(1)?);
        let all = pairs.map(|(g, x)| if x > 0.0 { g } else { g * alpha }).collect();
        Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
    }
}

binary! {
    /// x, and alpha times x where it is negative. The converter makes it; TensorFlow has no such op.
    Prelu Tolerance::Ulps(1), crate::rows::ELEMENTWISE, ["[1, -2], [0.5]" => "[1, -1]"] {
        real: |x, alpha| if x < 0.0 { x * alpha } else { x },
    }, fast Slope;
}

attrs! {
    /// x, no less than one number and no more than another.
    struct ClipByValue {}
}

impl Op for ClipByValue {
    const SPEC: Spec = Spec {
        name: "ClipByValue",
        aliases: &["_ClipByValue"],
        inputs: &["t: T", "clip_value_min: T", "clip_value_max: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[-5, 0.5, 5], -1, 1", "", "[-1, 0.5, 1]")];
    const FAST: &'static [Fast<Self>] = &[chain()];

    fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
        let [x, low, high] = inputs else { return None };
        let one = |fact| crate::fast::constant(fact).filter(|all| all.len() == 1).map(|all| all[0]);
        unary_follow(Unary::Clip(one(low)?, one(high)?), std::slice::from_ref(x), through)
    }

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let [x, low, high] = [inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?];
        let (lower, upper) =
            (Broadcast::new(x.shape(), low.shape())?, Broadcast::new(x.shape(), high.shape())?);
        ensure!(
            lower.shape == x.shape() && upper.shape == x.shape(),
            "the limits are larger than what they limit"
        );
        if let (Wide::I64(x_all), Wide::I64(low), Wide::I64(high)) =
            (view(x), view(low), view(high))
        {
            let all = lower.map(&x_all, &low, i64::max);
            return Ok(vec![
                i64::narrow(x.dtype(), x.shape(), upper.map(&all, &high, i64::min)).into(),
            ]);
        }
        if let (Wide::U64(x_all), Wide::U64(low), Wide::U64(high)) =
            (view(x), view(low), view(high))
        {
            let all = lower.map(&x_all, &low, u64::max);
            return Ok(vec![
                u64::narrow(x.dtype(), x.shape(), upper.map(&all, &high, u64::min)).into(),
            ]);
        }
        if !x.dtype().is_float() {
            return Err(crate::rows::refused(x.dtype()));
        }
        let all = lower
            .map(&inputs.numbers(0)?, &inputs.numbers(1)?, |x, low| if x < low { low } else { x });
        let all = upper.map(&all, &inputs.numbers(2)?, |x, high| if x > high { high } else { x });
        Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
    }
}

/// Numbers made of complex ones.
macro_rules! of_complex {
    ($($(#[doc = $doc:literal])+ $name:ident -> $out:literal, $input:literal => $output:literal, |$z:ident| $formula:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of the result.
                    Tout: DType = DType::Float32,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["x: T"],
                    outputs: &[$out],
                    tolerance: Tolerance::Ulps(2),
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[case($input, "", $output)];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![x[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.tensor(0)?;
                    let Wide::C128(all) = view(x) else { return Err(crate::rows::refused(x.dtype())) };
                    let all = all.iter().map(|$z: &Complex<f64>| $formula).collect();
                    Ok(vec![f64::narrow(self.Tout, x.shape(), all).into()])
                }
            }
        )*
    };
}

of_complex! {
    /// The real part.
    Real -> "output: Tout", "complex64[(1, 2)]" => "[1]", |z| z.re;

    /// The imaginary part.
    Imag -> "output: Tout", "complex64[(1, 2)]" => "[2]", |z| z.im;

    /// The angle, from -π to π.
    Angle -> "output: Tout", "complex64[(0, 1)]" => "[1.5707964]", |z| z.arg();

    /// The absolute value.
    ComplexAbs -> "y: Tout", "complex64[(3, 4)]" => "[5]", |z| z.abs();
}

attrs! {
    /// The gradient of `BiasAdd` by the bias: sums per channel.
    struct BiasAddGrad {
        /// Channels are the last axis (`NHWC`) or the second (`NCHW`).
        data_format: String = "NHWC".to_owned(),
    }
}

impl Op for BiasAddGrad {
    const SPEC: Spec = Spec {
        name: "BiasAddGrad",
        inputs: &["out_backprop: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2], [3, 4]]", "", "[4, 6]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let Some(dims) = x[0].dims() else { return Ok(vec![Shape::of_rank(1)]) };
        let at = if self.data_format.starts_with("NC") { 1 } else { dims.len().wrapping_sub(1) };
        Ok(vec![dims.get(at).map_or(Shape::of_rank(1), |dim| Shape::vector(*dim))])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let at = if self.data_format.starts_with("NC") { 1 } else { x.rank().wrapping_sub(1) };
        ensure!(at < x.rank(), "there are no channels in {} dims", x.rank());
        let c = x.shape()[at];
        let inner: usize = x.shape()[at + 1..].iter().product();
        fn sums<T: crate::families::matrices::Scalar>(
            all: &[T],
            one: T,
            inner: usize,
            c: usize,
        ) -> Vec<T> {
            let mut sums = vec![T::default(); c];
            for (i, x) in all.iter().enumerate() {
                let sum = &mut sums[i / inner % c];
                *sum = sum.plus_product(*x, one);
            }
            sums
        }
        let dtype = x.dtype();
        Ok(vec![
            match view(x) {
                Wide::F32(_) | Wide::F64(_) => {
                    f64::narrow(dtype, &[c], sums(&inputs.numbers(0)?, 1.0, inner, c))
                }
                Wide::I64(all) => i64::narrow(dtype, &[c], sums(&all, 1, inner, c)),
                Wide::U64(all) => u64::narrow(dtype, &[c], sums(&all, 1, inner, c)),
                _ => return Err(crate::rows::refused(dtype)),
            }
            .into(),
        ])
    }
}
