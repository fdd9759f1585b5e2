//! Ops on the colours of images.

use tensorferry_ir::Shape;

use crate::def::case;
use crate::wide::Narrow;
use crate::{Args, Case, Fact, Op, Result, Spec, Tolerance, Value};

register![AdjustContrastV2, AdjustHue, AdjustSaturation, HsvToRgb, RgbToHsv];

const COLOR: Tolerance = Tolerance::Close { rel: 1e-5, abs: 1e-5 };

/// Hue, saturation and value, each from 0 to 1.
fn to_hsv([r, g, b]: [f64; 3]) -> [f64; 3] {
    let most = r.max(g).max(b);
    let range = most - r.min(g).min(b);
    let saturation = if most > 0.0 { range / most } else { 0.0 };
    if range <= 0.0 {
        return [0.0, saturation, most];
    }
    let sixth = 1.0 / (6.0 * range);
    let hue = if r == most {
        sixth * (g - b)
    } else if g == most {
        sixth * (b - r) + 2.0 / 6.0
    } else {
        sixth * (r - g) + 4.0 / 6.0
    };
    [if hue < 0.0 { hue + 1.0 } else { hue }, saturation, most]
}

fn to_rgb([hue, saturation, value]: [f64; 3]) -> [f64; 3] {
    let six = hue * 6.0;
    let parts = [(six - 3.0).abs() - 1.0, 2.0 - (six - 2.0).abs(), 2.0 - (six - 4.0).abs()];
    parts.map(|part| (1.0 - saturation + saturation * part.clamp(0.0, 1.0)) * value)
}

/// `f` of each pixel; the last axis has three channels.
fn pixels(inputs: &Args, f: impl Fn([f64; 3]) -> [f64; 3]) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    ensure!(x.shape().last() == Some(&3), "colours of shape {:?}, expected [.., 3]", x.shape());
    if !x.dtype().is_float() {
        return Err(crate::rows::refused(x.dtype()));
    }
    let mut all = inputs.numbers(0)?;
    all.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = f(*pixel));
    Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
}

/// Ops of each pixel.
macro_rules! colors {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal [$($input:literal)?] $t:literal, $outputs:expr,
        $case:expr, |$pixel:ident, $by:ident| $formula:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: $tf,
                    inputs: &[concat!("images: ", $t), $($input)?],
                    outputs: $outputs,
                    tolerance: COLOR,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![x[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let $by = if inputs.len() > 1 { inputs.number(1)? } else { 0.0 };
                    let _ = $by;
                    pixels(&inputs, |$pixel| $formula)
                }
            }
        )*
    };
}

colors! {
    /// Red, green and blue as hue, saturation and value.
    RgbToHsv "RGBToHSV" [] "T", &["output: T"], case("[1, 0.5, 0.5]", "", "[0, 0.5, 1]"), |pixel, by| to_hsv(pixel);

    /// Hue, saturation and value as red, green and blue.
    HsvToRgb "HSVToRGB" [] "T", &["output: T"], case("[0, 0.5, 1]", "", "[1, 0.5, 0.5]"), |pixel, by| to_rgb(pixel);

    /// Colours moved around the circle of hues.
    AdjustHue "AdjustHue" ["delta: float32"] "T", &["output: T"], case("[[1, 0, 0]], 0.5", "", "[[0, 1, 1]]"),
    |pixel, by| {
        let [hue, saturation, value] = to_hsv(pixel);
        to_rgb([(hue + by).rem_euclid(1.0), saturation, value])
    };

    /// Colours made stronger or weaker.
    AdjustSaturation "AdjustSaturation" ["scale: float32"] "T", &["output: T"],
    case("[[1, 0.5, 0.5]], 2", "", "[[1, 0, 0]]"), |pixel, by| {
        let [hue, saturation, value] = to_hsv(pixel);
        to_rgb([hue, (saturation * by).clamp(0.0, 1.0), value])
    };
}

attrs! {
    /// Moves each channel of each image away from its mean, or toward it.
    struct AdjustContrastV2 {}
}

impl Op for AdjustContrastV2 {
    const SPEC: Spec = Spec {
        name: "AdjustContrastv2",
        inputs: &["images: T", "contrast_factor: float32"],
        outputs: &["output: T"],
        tolerance: COLOR,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[[1], [3]]], 2", "", "[[[0], [4]]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, factor) = (inputs.tensor(0)?, inputs.number(1)?);
        let &[.., h, w, c] = x.shape() else { fail!("images have 3 dims, not {}", x.rank()) };
        if !x.dtype().is_float() {
            return Err(crate::rows::refused(x.dtype()));
        }
        let mut all = inputs.numbers(0)?;
        for image in all.chunks_exact_mut((h * w * c).max(1)) {
            for channel in 0..c {
                let own = image.iter().skip(channel).step_by(c);
                let mean = own.sum::<f64>() / (h * w) as f64;
                let own = image.iter_mut().skip(channel).step_by(c);
                own.for_each(|x| *x = (*x - mean) * factor + mean);
            }
        }
        Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
    }
}
