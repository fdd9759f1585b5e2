//! Ops that make images larger or smaller, and cut and bend them.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::wide::{Narrow, Real};
use crate::{Args, Case, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![
    CropAndResize,
    ImageProjectiveTransformV2,
    ImageProjectiveTransformV3,
    ResizeArea,
    ResizeBicubic,
    ResizeBilinear,
    ResizeNearestNeighbor,
];

/// TensorFlow computes weights in single precision.
const WEIGHTED: Tolerance = Tolerance::Close { rel: 1e-5, abs: 1e-4 };

/// Where the pixels of one axis of the result lie in the input.
#[derive(Clone, Copy)]
struct Scaler {
    input: usize,
    output: usize,
    scale: f32,
    is_half_pixel: bool,
    align_corners: bool,
}

impl Scaler {
    fn new(input: usize, output: usize, align_corners: bool, is_half_pixel: bool) -> Self {
        let scale = match align_corners && output > 1 {
            true => (input as f32 - 1.0) / (output as f32 - 1.0),
            false => input as f32 / output as f32,
        };
        Self { input, output, scale, is_half_pixel, align_corners }
    }

    /// The place of pixel `i`; with half pixels that of its centre.
    fn place(&self, i: usize) -> f32 {
        match self.is_half_pixel {
            true => (i as f32 + 0.5) * self.scale - 0.5,
            false => i as f32 * self.scale,
        }
    }

    /// An index brought inside.
    fn inside(&self, at: i64) -> usize {
        usize::try_from(at).map_or(0, |at| at.min(self.input - 1))
    }

    /// The pixel nearest to pixel `i` of the result.
    fn nearest(&self, i: usize) -> usize {
        let place = match self.is_half_pixel {
            true => (i as f32 + 0.5) * self.scale,
            false => i as f32 * self.scale,
        };
        let place = if self.align_corners { place.round() } else { place.floor() };
        self.inside(place as i64)
    }

    /// The two neighbours and the weight of the second.
    fn linear(&self, i: usize) -> Vec<(usize, f32)> {
        let place = self.place(i);
        let low = place.floor();
        let weight = place - low;
        vec![(self.inside(low as i64), 1.0 - weight), (self.inside(place.ceil() as i64), weight)]
    }

    /// Four neighbours with the weights of a cubic, read from a table as TensorFlow does. With half
    /// pixels it is Keys' (A = -0.5), and those outside have no weight; else A = -0.75.
    fn cubic(&self, i: usize) -> Vec<(usize, f32)> {
        const STEPS: f32 = 1024.0;
        let a = if self.is_half_pixel { -0.5_f64 } else { -0.75 };
        let place = self.place(i);
        let low = place.floor();
        let offset = ((place - low) * STEPS).round_ties_even();
        let near = |step: f32| {
            let x = f64::from(step / STEPS);
            (((a + 2.0) * x - (a + 3.0)) * x * x + 1.0) as f32
        };
        let far = |step: f32| {
            let x = f64::from(step / STEPS) + 1.0;
            (((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a) as f32
        };
        let weights = [far(offset), near(offset), near(STEPS - offset), far(STEPS - offset)];
        let mut all: Vec<(usize, f32)> = Vec::new();
        for (at, weight) in (low as i64 - 1..).zip(weights) {
            let inside = self.inside(at);
            let is_inside = inside.cast_signed() as i64 == at;
            all.push((inside, if is_inside || !self.is_half_pixel { weight } else { 0.0 }));
        }
        let sum: f32 = all.iter().map(|(_, weight)| weight).sum();
        if self.is_half_pixel && sum.abs() >= 1000.0 * f32::MIN_POSITIVE {
            all.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        all
    }

    /// The pixels under pixel `i`, each with the part that is covered.
    fn area(&self, i: usize) -> Vec<(usize, f32)> {
        if self.scale == 0.0 {
            // One pixel with both corners on one another covers all.
            return vec![(0, 1.0)];
        }
        let (start, end) = (i as f32 * self.scale, (i as f32 + 1.0) * self.scale);
        let covered = |at: i64| {
            let at = at as f32;
            match (at < start, at + 1.0 > end) {
                (true, true) => self.scale,
                (true, false) => at + 1.0 - start,
                (false, true) => end - at,
                (false, false) => 1.0,
            }
        };
        let pixels = start.floor() as i64..end.ceil() as i64;
        pixels.map(|at| (self.inside(at), covered(at) / self.scale)).collect()
    }

    fn all(&self, f: impl Fn(&Self, usize) -> Vec<(usize, f32)>) -> Vec<Vec<(usize, f32)>> {
        (0..self.output).map(|i| f(self, i)).collect()
    }
}

fn infer_size(x: &Fact, size: &Fact) -> Result<Vec<Shape>> {
    let known = size.ints().filter(|size| size.len() == 2);
    let dim = |i: usize| {
        let n = known.as_ref().and_then(|size| usize::try_from(size[i]).ok());
        n.map_or(Dim::Unknown, Dim::Known)
    };
    let dims = x.dims().unwrap_or(&[Dim::Unknown; 4]);
    let &[n, _, _, c] = dims else { fail!("images have 4 dims, not {}", dims.len()) };
    Ok(vec![vec![n, dim(0), dim(1), c].into()])
}

/// The dims of the images and the size asked for; what comes out has elements, and so what goes in.
fn sizes(inputs: &Args) -> Result<([usize; 4], [usize; 2])> {
    let x = inputs.tensor(0)?;
    let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims, not {}", x.rank()) };
    let size = inputs.sizes(1)?;
    let &[height, width] = &size[..] else { fail!("a size has 2 numbers, not {}", size.len()) };
    ensure!(height > 0 && width > 0, "a size of {height} x {width}");
    ensure!(h > 0 && w > 0, "an image of {h} x {w}");
    checked_len(&[n, height, width, c])?;
    Ok(([n, h, w, c], [height, width]))
}

/// Weighted sums of pixels, in single precision as TensorFlow has them.
fn weighted(
    inputs: &Args,
    (align_corners, is_half_pixel): (bool, bool),
    weights: impl Fn(&Scaler, usize) -> Vec<(usize, f32)>,
) -> Result<Vec<Value>> {
    ensure!(!(align_corners && is_half_pixel), "corners cannot be aligned with half pixels");
    let ([n, h, w, c], [height, width]) = sizes(inputs)?;
    let rows = Scaler::new(h, height, align_corners, is_half_pixel).all(&weights);
    let columns = Scaler::new(w, width, align_corners, is_half_pixel).all(&weights);
    let all: Vec<f32> = inputs.numbers(0)?.into_iter().map(|x| x as f32).collect();
    ensure!(all.len() == n * h * w * c, "the images are no numbers");
    let mut out = Vec::with_capacity(n * height * width * c);
    for image in 0..n {
        for row in &rows {
            for column in &columns {
                for channel in 0..c {
                    let mut sum = 0.0_f32;
                    for (y, weight) in row {
                        let line = (image * h + y) * w;
                        let terms =
                            column.iter().map(|(x, weight)| all[(line + x) * c + channel] * weight);
                        sum += terms.sum::<f32>() * weight;
                    }
                    out.push(sum);
                }
            }
        }
    }
    Ok(vec![DenseTensor::new(&[n, height, width, c], out).into()])
}

/// Ops that resize by weighted sums.
macro_rules! resizes {
    ($($(#[doc = $doc:literal])+ $name:ident $weights:expr, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The outermost pixels of both images lie on one another.
                    align_corners: bool = false,
                    /// Pixels lie at their centres.
                    half_pixel_centers: bool = false,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["images: T", "size: int32"],
                    outputs: &["resized_images: float32"],
                    tolerance: WEIGHTED,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    infer_size(&inputs[0], &inputs[1])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    weighted(&inputs, (self.align_corners, self.half_pixel_centers), $weights)
                }
            }
        )*
    };
}

resizes! {
    /// Images of another size: between pixels on a straight line.
    ResizeBilinear Scaler::linear, case(
        "[[[[0], [4]]]], int32[1, 4]", "half_pixel_centers=true", "[[[[0], [1], [3], [4]]]]");

    /// Images of another size: between pixels on a cubic.
    ResizeBicubic Scaler::cubic, case(
        "[[[[0], [8]]]], int32[1, 4]", "", "[[[[0], [4], [8], [8.75]]]]");
}

attrs! {
    /// Images of another size: the mean of what a pixel covers.
    struct ResizeArea {
        /// The outermost pixels of both images lie on one another.
        align_corners: bool = false,
    }
}

impl Op for ResizeArea {
    const SPEC: Spec = Spec {
        name: "ResizeArea",
        inputs: &["images: T", "size: int32"],
        outputs: &["resized_images: float32"],
        tolerance: WEIGHTED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[[[0], [4], [2], [4]]]], int32[1, 2]", "", "[[[[2], [3]]]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_size(&inputs[0], &inputs[1])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        weighted(&inputs, (self.align_corners, false), Scaler::area)
    }
}

attrs! {
    /// Images of another size: each pixel is the nearest one.
    struct ResizeNearestNeighbor {
        /// The outermost pixels of both images lie on one another.
        align_corners: bool = false,
        /// Pixels lie at their centres.
        half_pixel_centers: bool = false,
    }
}

impl Op for ResizeNearestNeighbor {
    const SPEC: Spec = Spec {
        name: "ResizeNearestNeighbor",
        inputs: &["images: T", "size: int32"],
        outputs: &["resized_images: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[[[1], [2]]]], int32[1, 4]", "", "[[[[1], [1], [2], [2]]]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_size(&inputs[0], &inputs[1])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (align, half) = (self.align_corners, self.half_pixel_centers);
        ensure!(!(align && half), "corners cannot be aligned with half pixels");
        let ([n, h, w, c], [height, width]) = sizes(&inputs)?;
        let places = |input: usize, output: usize| -> Vec<usize> {
            let scaler = Scaler::new(input, output, align, half);
            (0..output).map(|i| scaler.nearest(i)).collect()
        };
        let (rows, columns) = (places(h, height), places(w, width));
        let mut runs = (0..n).flat_map(|image| {
            let columns = &columns;
            rows.iter().flat_map(move |y| {
                columns.iter().map(move |x| {
                    tensorferry_tensor::Run::once(0, ((image * h + y) * w + x) * c, c)
                })
            })
        });
        let shape = [n, height, width, c];
        let y = tensorferry_tensor::assemble(&shape, &[inputs.tensor(0)?], &mut runs);
        Ok(vec![y.into()])
    }
}

attrs! {
    /// Parts of images, all brought to one size. A box is in parts of the image's height and width.
    struct CropAndResize {
        /// `bilinear` or `nearest`.
        method: String = "bilinear".to_owned(),
        /// What lies outside of the image.
        extrapolation_value: f32 = 0.0,
    }
}

/// The places of a box along one axis of `n` pixels.
fn crop(low: f32, high: f32, n: usize, size: usize) -> Vec<f32> {
    let last = n as f32 - 1.0;
    let scale = if size > 1 { (high - low) * last / (size as f32 - 1.0) } else { 0.0 };
    let place = |i: usize| match size > 1 {
        true => low * last + i as f32 * scale,
        false => 0.5 * (low + high) * last,
    };
    (0..size).map(place).collect()
}

impl CropAndResize {
    fn pixel(
        &self,
        [y, x]: [f32; 2],
        [h, w]: [usize; 2],
        read: impl Fn(usize, usize) -> f32,
    ) -> f32 {
        let is_inside = |at: f32, n: usize| at >= 0.0 && at <= n as f32 - 1.0;
        if !(is_inside(y, h) && is_inside(x, w)) {
            return self.extrapolation_value;
        }
        if self.method == "nearest" {
            return read(y.round() as usize, x.round() as usize);
        }
        let (top, left) = (y.floor(), x.floor());
        let line = |y: f32| {
            let (a, b) = (read(y as usize, left as usize), read(y as usize, x.ceil() as usize));
            a + (b - a) * (x - left)
        };
        let (above, below) = (line(top), line(y.ceil()));
        above + (below - above) * (y - top)
    }
}

impl Op for CropAndResize {
    const SPEC: Spec = Spec {
        name: "CropAndResize",
        inputs: &["image: T", "boxes: float32", "box_ind: int32", "crop_size: int32"],
        outputs: &["crops: float32"],
        tolerance: WEIGHTED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[1], [2]], [[3], [4]]]], [[0, 0, 1, 1], [0, 0, 2, 2]], int32[0, 0], int32[2, 2]",
        "",
        "[[[[1], [2]], [[3], [4]]], [[[1], [0]], [[0], [0]]]]",
    )];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let boxes = inputs[1].dims().and_then(|dims| dims.first().copied());
        let mut shapes = infer_size(&inputs[0], &inputs[3])?;
        if let Some(Shape(Some(dims))) = shapes.first_mut() {
            dims[0] = boxes.unwrap_or(Dim::Unknown);
        }
        Ok(shapes)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        ensure!(
            matches!(self.method.as_str(), "bilinear" | "nearest"),
            "there is no method `{}`",
            self.method
        );
        let x = inputs.tensor(0)?;
        let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims, not {}", x.rank()) };
        let &[m, 4] = inputs.tensor(1)?.shape() else { fail!("boxes are not of shape [n, 4]") };
        let (boxes, owners, size) = (inputs.slice::<f32>(1)?, inputs.ints(2)?, inputs.sizes(3)?);
        let &[height, width] = &size[..] else { fail!("a size has 2 numbers, not {}", size.len()) };
        ensure!(owners.len() == m, "{m} boxes of {} images", owners.len());
        ensure!(height > 0 && width > 0 && h > 0 && w > 0, "crops of {height} x {width}");
        let shape = [m, height, width, c];
        let mut out = Vec::with_capacity(checked_len(&shape)?);
        let all = inputs.numbers(0)?;
        ensure!(all.len() == x.len(), "the images are no numbers");
        for (i, owner) in owners.into_iter().enumerate() {
            let image = crate::families::slice_join::index(owner, n)?;
            let corners = &boxes[4 * i..][..4];
            let rows = crop(corners[0], corners[2], h, height);
            let columns = crop(corners[1], corners[3], w, width);
            for y in &rows {
                for x in &columns {
                    for channel in 0..c {
                        let read = |y: usize, x: usize| {
                            all[((image * h + y) * w + x) * c + channel] as f32
                        };
                        out.push(self.pixel([*y, *x], [h, w], read));
                    }
                }
            }
        }
        Ok(vec![DenseTensor::new(&shape, out).into()])
    }
}

/// What lies outside of an image.
#[derive(Clone, Copy)]
enum Outside {
    Constant,
    Reflect,
    Wrap,
    Nearest,
}

impl Outside {
    fn new(name: &str) -> Result<Self> {
        Ok(match name {
            "CONSTANT" => Self::Constant,
            "REFLECT" => Self::Reflect,
            "WRAP" => Self::Wrap,
            "NEAREST" => Self::Nearest,
            other => fail!("there is no fill mode `{other}`"),
        })
    }

    /// A place along an axis of `len` pixels, brought inside.
    fn map(self, at: f32, len: usize) -> f32 {
        let n = len as f32;
        let last = n - 1.0;
        let inside = |at: f32| at.clamp(0.0, last);
        match self {
            Self::Constant => at,
            Self::Nearest => inside(at),
            _ if len <= 1 && !(0.0..=last).contains(&at) => 0.0,
            Self::Reflect if at < 0.0 => {
                let twice = 2.0 * n;
                let at = if at < twice { twice * (-at / twice).trunc() + at } else { at };
                inside(if at < -n { at + twice } else { -at - 1.0 })
            }
            Self::Reflect if at > last => {
                let twice = 2.0 * n;
                let at = at - twice * (at / twice).trunc();
                inside(if at >= n { twice - at - 1.0 } else { at })
            }
            Self::Wrap if at < 0.0 => inside(at + n * ((-at / last).trunc() + 1.0)),
            Self::Wrap if at > last => inside(at - n * (at / last).trunc()),
            Self::Reflect | Self::Wrap => inside(at),
        }
    }
}

/// A bending of images.
struct Bend {
    shape: [usize; 4],
    size: [usize; 2],
    outside: Outside,
    is_bilinear: bool,
    fill: f32,
}

impl Bend {
    fn run<T: Real>(&self, all: &[T], transforms: &[f32]) -> Vec<T> {
        let ([n, h, w, c], [height, width]) = (self.shape, self.size);
        let mut out = Vec::with_capacity(n * height * width * c);
        let fill = T::from_f64(f64::from(self.fill));
        for image in 0..n {
            let t = &transforms[if transforms.len() == 8 { 0 } else { 8 * image }..][..8];
            for y in 0..height {
                for x in 0..width {
                    let (x, y) = (x as f32, y as f32);
                    let scale = t[6] * x + t[7] * y + 1.0;
                    if scale == 0.0 {
                        out.extend(std::iter::repeat_n(fill, c));
                        continue;
                    }
                    let x_in = self.outside.map((t[0] * x + t[1] * y + t[2]) / scale, w);
                    let y_in = self.outside.map((t[3] * x + t[4] * y + t[5]) / scale, h);
                    for channel in 0..c {
                        let read = |y: f32, x: f32| match self.at(image, y, x) {
                            Some(pixel) => all[pixel * c + channel],
                            None => fill,
                        };
                        out.push(self.sample(y_in, x_in, read));
                    }
                }
            }
        }
        out
    }

    /// The pixel of an image at a whole place, if it is inside.
    fn at(&self, image: usize, y: f32, x: f32) -> Option<usize> {
        let [_, h, w, _] = self.shape;
        let is_inside = y >= 0.0 && x >= 0.0 && y < h as f32 && x < w as f32;
        is_inside.then(|| (image * h + y as usize) * w + x as usize)
    }

    fn sample<T: Real>(&self, y: f32, x: f32, read: impl Fn(f32, f32) -> T) -> T {
        if !self.is_bilinear {
            return read(y.round(), x.round());
        }
        let (top, left) = (y.floor(), x.floor());
        let line = |row: f32| {
            let (a, b) = (read(row, left).to_f64() as f32, read(row, left + 1.0).to_f64() as f32);
            (left + 1.0 - x) * a + (x - left) * b
        };
        let value = (top + 1.0 - y) * line(top) + (y - top) * line(top + 1.0);
        T::from_f64(f64::from(value))
    }
}

fn bent(inputs: &Args, interpolation: &str, fill_mode: &str, fill: f32) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims, not {}", x.rank()) };
    let &[m, 8] = inputs.tensor(1)?.shape() else { fail!("transforms are not of shape [n, 8]") };
    ensure!(m == 1 || m == n, "{m} transforms of {n} images");
    let size = inputs.sizes(2)?;
    let &[height, width] = &size[..] else { fail!("a size has 2 numbers, not {}", size.len()) };
    ensure!(height > 0 && width > 0 && h > 0 && w > 0, "an image of {height} x {width}");
    let is_bilinear = match interpolation {
        "BILINEAR" => true,
        "NEAREST" => false,
        other => fail!("there is no interpolation `{other}`"),
    };
    checked_len(&[n, height, width, c])?;
    let outside = Outside::new(fill_mode)?;
    let bend = Bend { shape: [n, h, w, c], size: [height, width], outside, is_bilinear, fill };
    let transforms = inputs.slice::<f32>(1)?;
    let shape = [n, height, width, c];
    Ok(vec![
        each_real!(x, |all| Narrow::narrow(x.dtype(), &shape, bend.run(&all, transforms))).into(),
    ])
}

/// The versions of the projective transform.
macro_rules! projective {
    ($($(#[doc = $doc:literal])+ $name:ident [$($fill:literal)?] $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of the images.
                    dtype: Option<DType>,
                    /// `NEAREST` or `BILINEAR`.
                    interpolation: String,
                    /// What lies outside: `CONSTANT`, `REFLECT`, `WRAP` or `NEAREST`.
                    fill_mode: String = "CONSTANT".to_owned(),
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["images: dtype", "transforms: float32", "output_shape: int32", $($fill)?],
                    outputs: &["transformed_images: dtype"],
                    tolerance: WEIGHTED,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    infer_size(&inputs[0], &inputs[2])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let fill = if inputs.len() > 3 { inputs.number(3)? as f32 } else { 0.0 };
                    bent(&inputs, &self.interpolation, &self.fill_mode, fill)
                }
            }
        )*
    };
}

projective! {
    /// Images seen through a projection: pixel (x, y) comes from ((a x + b y + c) / k,
    /// (d x + e y + f) / k), where k = g x + h y + 1.
    ImageProjectiveTransformV2 [] case(
        "[[[[1], [2], [3]]]], [[1, 0, 1, 0, 1, 0, 0, 0]], int32[1, 3]",
        "interpolation=\"NEAREST\"", "[[[[2], [3], [0]]]]");

    /// The same with a value for what lies outside.
    ImageProjectiveTransformV3 ["fill_value: float32"] case(
        "[[[[1], [2], [3]]]], [[1, 0, 0.5, 0, 1, 0, 0, 0]], int32[1, 3], 9",
        "interpolation=\"BILINEAR\"", "[[[[1.5], [2.5], [6]]]]");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one() {
        for (input, output) in [(1, 1), (2, 5), (7, 3), (5, 5)] {
            for is_half_pixel in [false, true] {
                let scaler = Scaler::new(input, output, false, is_half_pixel);
                for weights in [scaler.all(Scaler::linear), scaler.all(Scaler::cubic)].concat() {
                    let sum: f32 = weights.iter().map(|(_, weight)| weight).sum();
                    assert!((sum - 1.0).abs() < 1e-3, "{input} to {output}: {weights:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_outside_comes_inside() {
        for outside in [Outside::Reflect, Outside::Wrap, Outside::Nearest] {
            for at in [-1e9_f32, -7.3, -0.5, 0.0, 2.9, 3.1, 1e9, f32::INFINITY] {
                let inside = outside.map(at, 4);
                assert!(inside.is_nan() || (0.0..=3.0).contains(&inside), "{at}: {inside}");
            }
        }
    }
}
