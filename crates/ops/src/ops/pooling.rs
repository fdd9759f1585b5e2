//! Largest elements and means of sliding windows.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::DType;

use crate::def::case;
use crate::walk::Odometer;
use crate::wide::{Narrow, Wide, view};
use crate::window::{Axis, Padding, Sliding};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![AvgPool, AvgPool3D, MaxPool, MaxPool3D, MaxPoolWithArgmax];

/// A sliding window over `n` spatial axes whose size is an attribute.
fn pooling(
    n: usize,
    ksize: &[i64],
    strides: &[i64],
    padding: &str,
    explicit: &[i64],
    data_format: &str,
) -> Result<(Sliding, Vec<usize>)> {
    let sliding = Sliding::new(n, strides, &[], padding, explicit, data_format)?;
    ensure!(ksize.len() == n + 2, "`ksize` has {} entries, expected {}", ksize.len(), n + 2);
    let first = if sliding.is_channels_first { 2 } else { 1 };
    let sizes = ksize[first..first + n].iter().map(|k| usize::try_from(*k).ok());
    let sizes: Option<Vec<usize>> = sizes.map(|k| k.filter(|k| (1..1 << 31).contains(k))).collect();
    let sizes = sizes.ok_or_else(|| Error::invalid(format!("`ksize` is {ksize:?}")))?;
    let around =
        if sliding.is_channels_first { &ksize[..2] } else { &[ksize[0], ksize[n + 1]][..] };
    ensure!(around == [1, 1], "pooling over batch or channels is not supported");
    Ok((sliding, sizes))
}

fn infer(sliding: &Sliding, sizes: &[usize], x: &Fact) -> Result<Shape> {
    let windows: Vec<Dim> = sizes.iter().copied().map(Dim::Known).collect();
    sliding.infer(x, &windows, sliding.channels(x))
}

/// Inputs of each window, as pixels of one image: `f` is called with the pixel of the output (of all
/// images), the image, and the pixels inside.
fn windows(n: usize, axes: &[Axis; 3], mut f: impl FnMut(usize, usize, &[usize])) {
    let outputs: Vec<(usize, isize)> = axes.iter().map(|axis| (axis.output, 0)).collect();
    let mut pixels = Vec::new();
    for image in 0..n {
        let mut at = [0_usize; 3];
        let per_image = axes.iter().map(|axis| axis.output).product::<usize>();
        for (i, _) in Odometer::new(outputs.clone(), 0).enumerate() {
            pixels.clear();
            inside(axes, &at, &mut pixels);
            f(image * per_image + i, image, &pixels);
            for (place, axis) in at.iter_mut().zip(axes).rev() {
                *place += 1;
                if *place < axis.output {
                    break;
                }
                *place = 0;
            }
        }
    }
}

fn inside(axes: &[Axis; 3], at: &[usize; 3], pixels: &mut Vec<usize>) {
    let [d, h, w] = axes;
    for z in (0..d.window).filter_map(|k| d.at(at[0], k)) {
        for y in (0..h.window).filter_map(|k| h.at(at[1], k)) {
            for x in (0..w.window).filter_map(|k| w.at(at[2], k)) {
                pixels.push((z * h.input + y) * w.input + x);
            }
        }
    }
}

/// What a window's elements become.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Max,
    Mean,
}

fn pool(inputs: &Args, sliding: &Sliding, sizes: &[usize], kind: Kind) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let n_axes = sizes.len();
    ensure!(x.rank() == n_axes + 2, "the input has {} dims, expected {}", x.rank(), n_axes + 2);
    let last = sliding.to_channels_last(x.clone());
    let axes = sliding.axes(&last.shape()[1..=n_axes], sizes)?;
    let (n, c) = (last.shape()[0], last.shape()[n_axes + 1]);
    let spatial = axes[3 - n_axes..].iter().map(|axis| axis.output);
    let shape: Vec<usize> = [n].into_iter().chain(spatial).chain([c]).collect();
    let mut out = vec![0.0_f64; checked_len(&shape)?];
    let all = last.to_f64().filter(|_| !matches!(x.dtype(), DType::Complex64 | DType::Complex128));
    let all = all.ok_or_else(|| crate::rows::refused(x.dtype()))?;
    let per_image: usize = axes.iter().map(|axis| axis.input).product();
    windows(n, &axes, |to, image, pixels| {
        for (channel, place) in out[to * c..(to + 1) * c].iter_mut().enumerate() {
            let element = |pixel: &usize| all[(image * per_image + pixel) * c + channel];
            let elements = pixels.iter().map(element);
            *place = match kind {
                Kind::Max => {
                    elements.fold(f64::NEG_INFINITY, |m, x| if m > x || m.is_nan() { m } else { x })
                }
                Kind::Mean => elements.sum::<f64>() / pixels.len() as f64,
            };
        }
    });
    let y = match view(x) {
        Wide::F32(_) | Wide::F64(_) => f64::narrow(x.dtype(), &shape, out),
        Wide::I64(_) | Wide::U64(_) => {
            i64::narrow(x.dtype(), &shape, out.into_iter().map(|x| x as i64).collect())
        }
        _ => return Err(crate::rows::refused(x.dtype())),
    };
    Ok(vec![sliding.restored(y).into()])
}

/// Ops that pool.
macro_rules! pools {
    ($($(#[doc = $doc:literal])+ $name:ident $n:literal, $format:literal, $kind:expr, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The window's size along each axis of the input.
                    ksize: Vec<i64>,
                    /// Its step along each axis.
                    strides: Vec<i64>,
                    /// `SAME`, `VALID` or `EXPLICIT`.
                    padding: String,
                    /// Elements before and after each axis, for `EXPLICIT`.
                    explicit_paddings: Vec<i64> = Vec::new(),
                    /// Channels last, or right after the batch.
                    data_format: String = $format.to_owned(),
                }
            }

            impl $name {
                fn window(&self) -> Result<(Sliding, Vec<usize>)> {
                    let explicit = &self.explicit_paddings;
                    pooling($n, &self.ksize, &self.strides, &self.padding, explicit, &self.data_format)
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["input: T"],
                    outputs: &["output: T"],
                    tolerance: Tolerance::Close { rel: 1e-6, abs: 1e-6 },
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    let (sliding, sizes) = self.window()?;
                    Ok(vec![infer(&sliding, &sizes, &x[0])?])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (sliding, sizes) = self.window()?;
                    pool(&inputs, &sliding, &sizes, $kind)
                }
            }
        )*
    };
}

pools! {
    /// The mean of each window; padding is not counted.
    AvgPool 2, "NHWC", Kind::Mean, case(
        "[[[[1], [2], [3]]]]", "ksize=[1, 1, 2, 1], strides=[1, 1, 2, 1], padding=\"SAME\"", "[[[[1.5], [3]]]]");

    /// The largest element of each window.
    MaxPool 2, "NHWC", Kind::Max, case(
        "[[[[1], [2], [3]]]]", "ksize=[1, 1, 2, 1], strides=[1, 1, 1, 1], padding=\"VALID\"", "[[[[2], [3]]]]");

    /// The mean of each window of volumes; padding is not counted.
    AvgPool3D 3, "NDHWC", Kind::Mean, case(
        "[[[[[1]]], [[[3]]]]]", "ksize=[1, 2, 1, 1, 1], strides=[1, 1, 1, 1, 1], padding=\"VALID\"", "[[[[[2]]]]]");

    /// The largest element of each window of volumes.
    MaxPool3D 3, "NDHWC", Kind::Max, case(
        "[[[[[1]]], [[[3]]]]]", "ksize=[1, 2, 1, 1, 1], strides=[1, 1, 1, 1, 1], padding=\"VALID\"", "[[[[[3]]]]]");
}

attrs! {
    /// The largest element of each window, and where it is in the flat image.
    struct MaxPoolWithArgmax {
        /// The window's size along each axis of the input.
        ksize: Vec<i64>,
        /// Its step along each axis.
        strides: Vec<i64>,
        /// `SAME` or `VALID`.
        padding: String,
        /// The type of the places.
        Targmax: DType = DType::Int64,
        /// Places count from the first image of the batch.
        include_batch_in_index: bool = false,
    }
}

impl Op for MaxPoolWithArgmax {
    const SPEC: Spec = Spec {
        name: "MaxPoolWithArgmax",
        inputs: &["input: T"],
        outputs: &["output: T", "argmax: Targmax"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[1], [5], [3]]]]",
        "ksize=[1, 1, 2, 1], strides=[1, 1, 1, 1], padding=\"VALID\"",
        "[[[[5], [5]]]], int64[[[[1], [1]]]]",
    )];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let (sliding, sizes) = pooling(2, &self.ksize, &self.strides, &self.padding, &[], "NHWC")?;
        let shape = infer(&sliding, &sizes, &x[0])?;
        Ok(vec![shape.clone(), shape])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (sliding, sizes) = pooling(2, &self.ksize, &self.strides, &self.padding, &[], "NHWC")?;
        ensure!(sliding.padding != Padding::Explicit(Vec::new()), "no explicit padding");
        let x = inputs.tensor(0)?;
        let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims, not {}", x.rank()) };
        let axes = sliding.axes(&[h, w], &sizes)?;
        let shape = [n, axes[1].output, axes[2].output, c];
        let len = checked_len(&shape)?;
        let (mut most, mut places) = (vec![f64::NEG_INFINITY; len], vec![0_i64; len]);
        if !x.dtype().is_float() {
            return Err(crate::rows::refused(x.dtype()));
        }
        let all = inputs.numbers(0)?;
        windows(n, &axes, |to, image, pixels| {
            for pixel in pixels {
                for channel in 0..c {
                    let (value, at) =
                        (all[(image * h * w + pixel) * c + channel], to * c + channel);
                    if value > most[at] {
                        let first = if self.include_batch_in_index { image * h * w } else { 0 };
                        let place = (first + pixel) * c + channel;
                        (most[at], places[at]) = (value, place.cast_signed() as i64);
                    }
                }
            }
        });
        let most = f64::narrow(x.dtype(), &shape, most);
        Ok(vec![most.into(), i64::narrow(self.Targmax, &shape, places).into()])
    }
}
