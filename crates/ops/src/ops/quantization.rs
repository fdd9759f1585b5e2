//! Numbers rounded to those that a few bits can say.

use tensorferry_ir::Shape;
use tensorferry_tensor::DType;

use crate::def::case;
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value};

register![
    FakeQuantWithMinMaxArgs,
    FakeQuantWithMinMaxVars,
    FakeQuantWithMinMaxVarsPerChannel,
    QuantizeAndDequantizeV2,
    QuantizeAndDequantizeV3,
    QuantizeAndDequantizeV4,
];

/// A step may be reached from either limit.
const STEPPED: Tolerance = Tolerance::Close { rel: 1e-6, abs: 1e-6 };

/// The steps between two limits, moved so that 0 is one of them.
struct Steps {
    low: f32,
    high: f32,
    scale: f32,
}

impl Steps {
    /// TensorFlow's "nudge", in its order and precision.
    fn new(low: f32, high: f32, num_bits: i64, narrow_range: bool) -> Result<Self> {
        ensure!((2..=16).contains(&num_bits), "{num_bits} bits are not 2 to 16");
        ensure!(low <= high, "the limits are {low} and {high}");
        let first = if narrow_range { 1.0_f32 } else { 0.0 };
        let last = ((1_u32 << num_bits) - 1) as f32;
        let scale = (high - low) / (last - first);
        let zero = first - low / scale;
        let zero = if zero < first {
            first
        } else if zero > last {
            last
        } else {
            zero.round()
        };
        Ok(Self { low: (first - zero) * scale, high: (last - zero) * scale, scale })
    }

    fn nearest(&self, x: f32) -> f32 {
        if self.scale == 0.0 {
            return 0.0;
        }
        let inside = x.clamp(self.low.min(self.high), self.high);
        let step = ((inside - self.low) * (1.0 / self.scale) + 0.5).floor();
        step * self.scale + self.low
    }
}

attrs! {
    /// Rounds to as many steps between two limits as so many bits can say, 0 being one of them.
    struct FakeQuantWithMinMaxArgs {
        /// The lower limit.
        min: f32 = -6.0,
        /// The upper limit.
        max: f32 = 6.0,
        /// How many bits.
        num_bits: i64 = 8,
        /// One step less, so that there are as many below as above.
        narrow_range: bool = false,
    }
}

fn quantized(inputs: &Args, steps: &[Steps]) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let all = inputs.slice::<f32>(0)?;
    let n = steps.len().max(1);
    let out = all.iter().enumerate().map(|(i, x)| steps[i % n].nearest(*x)).collect::<Vec<_>>();
    Ok(vec![tensorferry_tensor::DenseTensor::new(x.shape(), out).into()])
}

impl Op for FakeQuantWithMinMaxArgs {
    const SPEC: Spec = Spec {
        name: "FakeQuantWithMinMaxArgs",
        inputs: &["inputs: float32"],
        outputs: &["outputs: float32"],
        tolerance: STEPPED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[-1, 0.4, 0.6, 9]", "min=0.0, max=3.0, num_bits=2", "[0, 0, 1, 3]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let steps = Steps::new(self.min, self.max, self.num_bits, self.narrow_range)?;
        quantized(&inputs, &[steps])
    }
}

/// Versions whose limits are inputs.
macro_rules! fake_quants {
    ($($(#[doc = $doc:literal])+ $name:ident $rank:literal, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// How many bits.
                    num_bits: i64 = 8,
                    /// One step less, so that there are as many below as above.
                    narrow_range: bool = false,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["inputs: float32", "min: float32", "max: float32"],
                    outputs: &["outputs: float32"],
                    tolerance: STEPPED,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![x[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (low, high) = (inputs.slice::<f32>(1)?, inputs.slice::<f32>(2)?);
                    let (rank, x) = (inputs.tensor(1)?.rank(), inputs.tensor(0)?);
                    let n = if $rank == 0 { 1 } else { x.shape().last().copied().unwrap_or(1) };
                    ensure!(
                        rank == $rank && low.len() == n && high.len() == n,
                        "{} limits, expected {n}",
                        low.len()
                    );
                    let steps = low.iter().zip(high);
                    let steps = steps.map(|(low, high)| {
                        Steps::new(*low, *high, self.num_bits, self.narrow_range)
                    });
                    quantized(&inputs, &steps.collect::<Result<Vec<_>>>()?)
                }
            }
        )*
    };
}

fake_quants! {
    /// The same with limits that are inputs.
    FakeQuantWithMinMaxVars 0, case("[-1, 0.4, 0.6, 9], 0, 3", "num_bits=2", "[0, 0, 1, 3]");

    /// The same with limits for each channel, which is the last axis.
    FakeQuantWithMinMaxVarsPerChannel 1,
        case("[[0.6, 0.6]], [0, 0], [3, 6]", "num_bits=2", "[[1, 0]]");
}

/// How to quantize and go back.
struct RoundTrip<'a> {
    signed_input: bool,
    num_bits: i64,
    range_given: bool,
    round_mode: &'a str,
    narrow_range: bool,
    axis: i64,
}

impl RoundTrip<'_> {
    /// All elements, or those of one channel, in place. Limits are doubles of the tensor's numbers.
    fn run(&self, all: &mut [f64], limits: Option<(f64, f64)>, is_single: bool) -> Result<()> {
        let (low, high) = match limits {
            Some(limits) => limits,
            None => all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
                (low.min(*x), high.max(*x))
            }),
        };
        ensure!(low <= high || all.is_empty(), "the limits are {low} and {high}");
        let bits = u32::try_from(self.num_bits).ok().filter(|bits| (1..=62).contains(bits));
        let bits = bits.ok_or_else(|| Error::invalid(format!("{} bits", self.num_bits)))?;
        let (first, last) = match (self.signed_input, self.narrow_range) {
            (true, true) => (
                -(2_f64.powi(bits.cast_signed() - 1)) + 1.0,
                2_f64.powi(bits.cast_signed() - 1) - 1.0,
            ),
            (true, false) => {
                (-(2_f64.powi(bits.cast_signed() - 1)), 2_f64.powi(bits.cast_signed() - 1) - 1.0)
            }
            (false, true) => (1.0, 2_f64.powi(bits.cast_signed()) - 1.0),
            (false, false) => (0.0, 2_f64.powi(bits.cast_signed()) - 1.0),
        };
        // The side that needs the larger steps decides.
        let most = f64::MAX;
        let from_low = if first * low > 0.0 { first / low } else { most };
        let from_high = if last * high > 0.0 { last / high } else { most };
        let (scale, low, high) = match from_low < from_high {
            true => (from_low, low, last / from_low),
            false => (from_high, first / from_high, high),
        };
        let single = |x: f64| if is_single { f64::from(x as f32) } else { x };
        let (scale, back) = (single(scale), single(1.0 / single(scale)));
        let is_up = self.round_mode == "HALF_UP";
        for x in all.iter_mut() {
            let inside = if self.range_given { x.clamp(low.min(high), high) } else { *x };
            let scaled = single(inside * scale);
            let whole = if is_up { (scaled + 0.5).floor() } else { scaled.round_ties_even() };
            *x = whole * back;
        }
        Ok(())
    }

    fn eval(&self, inputs: &Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (Wide::F32(_) | Wide::F64(_)) = view(x) else {
            return Err(crate::rows::refused(x.dtype()));
        };
        let mut all = inputs.numbers(0)?;
        let (lows, highs) = (inputs.numbers(1)?, inputs.numbers(2)?);
        let is_single = x.dtype() != DType::Float64;
        let n = match self.axis {
            -1 => 1,
            axis => x.shape()[crate::families::reduction::axis(axis, x.rank())?],
        };
        if self.range_given {
            ensure!(lows.len() == n && highs.len() == n, "{} limits, expected {n}", lows.len());
        }
        let inner: usize = match self.axis {
            -1 => all.len(),
            axis => {
                let at = crate::families::reduction::axis(axis, x.rank())?;
                x.shape()[at + 1..].iter().product()
            }
        };
        for channel in 0..n {
            let is_own = |i: &usize| n == 1 || i / inner.max(1) % n == channel;
            let places: Vec<usize> = (0..all.len()).filter(is_own).collect();
            let mut own: Vec<f64> = places.iter().map(|i| all[*i]).collect();
            let limits = self.range_given.then(|| (lows[channel], highs[channel]));
            self.run(&mut own, limits, is_single)?;
            places.into_iter().zip(own).for_each(|(i, x)| all[i] = x);
        }
        Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
    }
}

/// Versions with the number of bits as an attribute.
macro_rules! round_trips {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// There are steps below 0.
                    signed_input: bool = true,
                    /// How many bits.
                    num_bits: i64 = 8,
                    /// The limits are inputs; else they are the smallest and largest number.
                    range_given: bool = false,
                    /// `HALF_TO_EVEN` or `HALF_UP`.
                    round_mode: String = "HALF_TO_EVEN".to_owned(),
                    /// One step less, so that there are as many below as above.
                    narrow_range: bool = false,
                    /// The axis along which there are limits of their own; -1 for none.
                    axis: i64 = -1,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["input: T", "input_min: T", "input_max: T"],
                    outputs: &["output: T"],
                    tolerance: Tolerance::Ulps(4),
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[case(
                    "[-2, 0.6, 1.4], -2, 1.5",
                    "num_bits=3, range_given=true",
                    "[-2, 0.5, 1.5]",
                )];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![x[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    RoundTrip {
                        signed_input: self.signed_input,
                        num_bits: self.num_bits,
                        range_given: self.range_given,
                        round_mode: &self.round_mode,
                        narrow_range: self.narrow_range,
                        axis: self.axis,
                    }
                    .eval(&inputs)
                }
            }
        )*
    };
}

round_trips! {
    /// Rounds to as many steps as so many bits can say, and goes back.
    QuantizeAndDequantizeV2;

    /// The same; it differs in its gradient alone.
    QuantizeAndDequantizeV4;
}

attrs! {
    /// The same with the number of bits as an input.
    struct QuantizeAndDequantizeV3 {
        /// There are steps below 0.
        signed_input: bool = true,
        /// The limits are inputs; else they are the smallest and largest number.
        range_given: bool = true,
        /// One step less, so that there are as many below as above.
        narrow_range: bool = false,
        /// The axis along which there are limits of their own; -1 for none.
        axis: i64 = -1,
    }
}

impl Op for QuantizeAndDequantizeV3 {
    const SPEC: Spec = Spec {
        name: "QuantizeAndDequantizeV3",
        inputs: &["input: T", "input_min: T", "input_max: T", "num_bits: int32"],
        outputs: &["output: T"],
        tolerance: Tolerance::Ulps(4),
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[-2, 0.6, 1.4], -2, 1.5, int32 3", "", "[-2, 0.5, 1.5]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        RoundTrip {
            signed_input: self.signed_input,
            num_bits: inputs.int(3)?,
            range_given: self.range_given,
            round_mode: "HALF_TO_EVEN",
            narrow_range: self.narrow_range,
            axis: self.axis,
        }
        .eval(&inputs)
    }
}
