//! Images of another size and place, by a kernel that is chosen by name.

use std::f32::consts::PI;

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::DenseTensor;

use crate::def::case;
use crate::{Args, Result, Tolerance, Value, checked_len};

register![ScaleAndTranslate];

/// How much pixels count by their distance from the place that is looked at.
#[derive(Clone, Copy)]
enum Kernel {
    Lanczos(f32),
    Gaussian,
    Box,
    Triangle,
    KeysCubic,
    MitchellCubic,
}

impl Kernel {
    fn read(name: &str) -> Result<Self> {
        Ok(match name {
            "lanczos1" => Self::Lanczos(1.0),
            "lanczos3" => Self::Lanczos(3.0),
            "lanczos5" => Self::Lanczos(5.0),
            "gaussian" => Self::Gaussian,
            "box" => Self::Box,
            "triangle" => Self::Triangle,
            "keyscubic" => Self::KeysCubic,
            "mitchellcubic" => Self::MitchellCubic,
            _ => fail!("there is no kernel `{name}`"),
        })
    }

    /// Pixels further away do not count.
    fn radius(self) -> f32 {
        match self {
            Self::Lanczos(radius) => radius,
            Self::Gaussian => 1.5,
            Self::Box | Self::Triangle => 1.0,
            Self::KeysCubic | Self::MitchellCubic => 2.0,
        }
    }

    /// The weight at distance `x`, which is not negative.
    fn weight(self, x: f32) -> f32 {
        match self {
            Self::Lanczos(radius) if x > radius => 0.0,
            Self::Lanczos(_) if x <= 1e-3 => 1.0,
            Self::Lanczos(radius) => {
                radius * (PI * x).sin() * (PI * x / radius).sin() / (PI * PI * x * x)
            }
            Self::Gaussian if x >= self.radius() => 0.0,
            // Three standard deviations fit into the radius.
            Self::Gaussian => (-x * x / 0.5).exp(),
            Self::Box if x < 0.5 => 1.0,
            Self::Box if x == 0.5 => 0.5,
            Self::Box => 0.0,
            Self::Triangle => (1.0 - x).max(0.0),
            Self::KeysCubic => cubic(x, [1.5, -2.5, 0.0, 1.0], [-0.5, 2.5, -4.0, 2.0]),
            Self::MitchellCubic => cubic(
                x,
                [7.0 / 6.0, -2.0, 0.0, 8.0 / 9.0],
                [-7.0 / 18.0, 2.0, -10.0 / 3.0, 16.0 / 9.0],
            ),
        }
    }
}

/// One polynomial below 1, another below 2, nothing beyond.
fn cubic(x: f32, near: [f32; 4], far: [f32; 4]) -> f32 {
    let value = |c: [f32; 4]| ((c[0] * x + c[1]) * x + c[2]) * x + c[3];
    match x {
        _ if x < 1.0 => value(near),
        _ if x < 2.0 => value(far),
        _ => 0.0,
    }
}

/// The pixels of one axis that make a pixel of the result: the first one, and weights from it on.
type Span = (usize, Vec<f32>);

/// How one axis is resized.
#[derive(Clone, Copy)]
struct Axis {
    input: usize,
    output: usize,
    scale: f32,
    translation: f32,
}

impl Axis {
    fn spans(self, kernel: Kernel, antialias: bool) -> Vec<Span> {
        let inverse = 1.0 / self.scale;
        let shift = -inverse * self.translation;
        // Where pixels get fewer the kernel is as wide as what one of them covers.
        let width = if antialias { inverse.max(1.0) } else { 1.0 };
        let one = |i: usize| self.span(kernel, width, (i as f32 + 0.5) * inverse + shift);
        (0..self.output).map(one).collect()
    }

    /// The span around `place` of the input.
    fn span(self, kernel: Kernel, width: f32, place: f32) -> Span {
        // Zeros from outside of the image.
        if !(0.0..=self.input as f32).contains(&place) {
            return (0, Vec::new());
        }
        let reach = kernel.radius() * width;
        let last = self.input as f32 - 1.0;
        let start = (place - reach - 0.5).ceil().clamp(0.0, last) as usize;
        let end = (place + reach - 0.5).floor().clamp(0.0, last) as usize + 1;
        let weight = |i: usize| kernel.weight(((i as f32 + 0.5 - place) / width).abs());
        let weights: Vec<f32> = (start..end).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        if sum.abs() < 1000.0 * f32::MIN_POSITIVE {
            return (start, Vec::new());
        }
        (start, weights.iter().map(|weight| weight / sum).collect())
    }
}

/// `x` as `[outer, spans' input, inner]`, its middle axis resized.
fn resampled(x: &[f32], spans: &[Span], input: usize, inner: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len() / input * spans.len());
    for plane in x.chunks_exact(input * inner) {
        for (start, weights) in spans {
            let at = out.len();
            out.resize(at + inner, 0.0);
            for (row, weight) in plane.chunks_exact(inner).skip(*start).zip(weights) {
                out[at..].iter_mut().zip(row).for_each(|(sum, x)| *sum += x * weight);
            }
        }
    }
    out
}

/// The two numbers of input `i`.
fn two(inputs: &Args, i: usize) -> Result<[f32; 2]> {
    match *inputs.slice::<f32>(i)? {
        [a, b] => Ok([a, b]),
        ref all => fail!("input {i} has {} numbers, not 2", all.len()),
    }
}

fn resize(inputs: &Args, kernel: Kernel, antialias: bool) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims, not {}", x.rank()) };
    let &[height, width] = &inputs.sizes(1)?[..] else { fail!("a size has 2 numbers") };
    ensure!(height > 0 && width > 0, "a size of {height} x {width}");
    ensure!(n > 0 && h > 0 && w > 0 && c > 0, "an image of {n} x {h} x {w} x {c}");
    let (scale, translation) = (two(inputs, 2)?, two(inputs, 3)?);
    ensure!(scale.iter().all(|scale| *scale > 0.0), "a scale of {scale:?}");
    let shape = [n, height, width, c];
    checked_len(&shape)?;
    checked_len(&[n, height, w, c])?;
    let axis = |input, output, i: usize| Axis {
        input,
        output,
        scale: scale[i],
        translation: translation[i],
    };
    let rows = axis(h, height, 0).spans(kernel, antialias);
    let columns = axis(w, width, 1).spans(kernel, antialias);
    let all: Vec<f32> = inputs.numbers(0)?.into_iter().map(|x| x as f32).collect();
    ensure!(all.len() == n * h * w * c, "the images are no numbers");
    let tall = resampled(&all, &rows, h, w * c);
    let out = resampled(&tall, &columns, w, c);
    Ok(vec![DenseTensor::new(&shape, out).into()])
}

op! {
    /// Images scaled and moved, pixels between others by a kernel.
    ScaleAndTranslate = "ScaleAndTranslate", Pure within Tolerance::Close { rel: 1e-5, abs: 1e-4 }; {
        /// `lanczos1`, `lanczos3`, `lanczos5`, `gaussian`, `box`, `triangle`, `keyscubic` or
        /// `mitchellcubic`.
        kernel_type: String = "lanczos3".to_owned(),
        /// Where pixels get fewer each is made of all that it covers.
        antialias: bool = true,
    }
    ("images: T", "size: int32", "scale: float32", "translation: float32")
        -> ("resized_images: float32")
    [case("[[[[0], [4], [2], [4]]]], int32[1, 2], [1, 0.5], [0, 0]", "kernel_type=\"box\"",
        "[[[[2], [3]]]]"),
     case("[[[[0], [4]]]], int32[1, 4], [1, 2], [0, 0]", "kernel_type=\"triangle\"",
        "[[[[0], [1], [3], [4]]]]")]
    infer(op, x) {
        let known = x[1].ints().filter(|size| size.len() == 2);
        let dim = |i: usize| {
            let n = known.as_ref().and_then(|size| usize::try_from(size[i]).ok());
            n.map_or(Dim::Unknown, Dim::Known)
        };
        let dims = x[0].dims().unwrap_or(&[Dim::Unknown; 4]);
        let &[n, _, _, c] = dims else { fail!("images have 4 dims, not {}", dims.len()) };
        Ok(vec![Shape::from(vec![n, dim(0), dim(1), c])])
    }
    eval(op, x, context) { resize(&x, Kernel::read(&op.kernel_type)?, op.antialias) }
}
