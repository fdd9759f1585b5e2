//! Largest elements and means of sliding windows.

use tensorferry_ir::{Dim, Shape};
use tensorferry_kernels::PoolKind;
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::fast;
use crate::walk::Odometer;
use crate::wide::{Narrow, Wide, view};
use crate::window::{Axis, Padding, Sliding};
use crate::{
    Args, Attributes, Case, Error, Fact, Fast, Gradient, Op, Result, Spec, Tolerance, Value,
    checked_len,
};

register![AvgPool, AvgPool3D, MaxPool, MaxPool3D, MaxPoolWithArgmax];

/// A sliding window over `n` spatial axes whose size is an attribute.
pub(super) fn pooling(
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
pub(super) fn windows(n: usize, axes: &[Axis; 3], mut f: impl FnMut(usize, usize, &[usize])) {
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

/// A pooling of one tensor, channels last.
struct Pooled {
    n: usize,
    c: usize,
    axes: [Axis; 3],
    shape: Vec<usize>,
}

impl Pooled {
    /// `f` of the elements of each window.
    fn run<T: Copy + Default>(
        &self,
        all: &[T],
        f: impl Fn(&mut dyn ExactSizeIterator<Item = T>) -> T,
    ) -> Vec<T> {
        let (c, n_out) = (self.c, self.shape.iter().product());
        let mut out = vec![T::default(); n_out];
        let per_image: usize = self.axes.iter().map(|axis| axis.input).product();
        windows(self.n, &self.axes, |to, image, pixels| {
            for (channel, place) in out[to * c..(to + 1) * c].iter_mut().enumerate() {
                let element = |pixel: &usize| all[(image * per_image + pixel) * c + channel];
                *place = f(&mut pixels.iter().map(element));
            }
        });
        out
    }
}

impl Kind {
    fn of_kernels(self) -> PoolKind {
        match self {
            Self::Max => PoolKind::Max,
            Self::Mean => PoolKind::Mean,
        }
    }
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
    checked_len(&shape)?;
    let plan = Pooled { n, c, axes, shape };
    let dtype = x.dtype();
    let y = match (view(&last), kind) {
        (Wide::F32(_) | Wide::F64(_), Kind::Mean) => {
            let all = last.to_f64().unwrap_or_default();
            f64::narrow(
                dtype,
                &plan.shape,
                plan.run(&all, |all| {
                    let n = all.len() as f64;
                    all.sum::<f64>() / n
                }),
            )
        }
        // Windows hold an element each; NaN is the largest there is.
        (Wide::F32(all), Kind::Max) => f32::narrow(
            dtype,
            &plan.shape,
            plan.run(&all, |all| {
                all.fold(f32::NEG_INFINITY, |m, x| if m > x || m.is_nan() { m } else { x })
            }),
        ),
        (Wide::F64(all), Kind::Max) => f64::narrow(
            dtype,
            &plan.shape,
            plan.run(&all, |all| {
                all.fold(f64::NEG_INFINITY, |m, x| if m > x || m.is_nan() { m } else { x })
            }),
        ),
        (Wide::I64(all), Kind::Max) => {
            i64::narrow(dtype, &plan.shape, plan.run(&all, |all| all.max().unwrap_or(i64::MIN)))
        }
        (Wide::U64(all), Kind::Max) => {
            u64::narrow(dtype, &plan.shape, plan.run(&all, |all| all.max().unwrap_or(0)))
        }
        _ => return Err(crate::rows::refused(dtype)),
    };
    Ok(vec![sliding.restored(y).into()])
}

/// Ops that pool.
macro_rules! pools {
    ($($(#[doc = $doc:literal])+ $name:ident $n:literal, $format:literal, $kind:expr, $case:expr $(, grad $grad:expr)?;)*) => {
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
                $(const GRAD: Option<Gradient<Self>> = Some($grad);)?
                const FAST: &'static [Fast<Self>] = match $n {
                    2 => &[Fast {
                        name: "vectors",
                        prepare: |op, x| fast::pool(op.window(), $kind.of_kernels(), x),
                    }],
                    _ => &[],
                };

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
        "[[[[1], [2], [3]]]]", "ksize=[1, 1, 2, 1], strides=[1, 1, 2, 1], padding=\"SAME\"", "[[[[1.5], [3]]]]"), grad |op, g| {
            let (x, dy) = (g.inputs[0], g.dy()?);
            let shape = g.build.shape_of(x);
            Ok(vec![Some(g.build.add_like("AvgPoolGrad", &[shape, dy], op.write()))])
        };

    /// The largest element of each window.
    MaxPool 2, "NHWC", Kind::Max, case(
        "[[[[1], [2], [3]]]]", "ksize=[1, 1, 2, 1], strides=[1, 1, 1, 1], padding=\"VALID\"", "[[[[2], [3]]]]"), grad |op, g| {
            let (x, y, dy) = (g.inputs[0], g.outputs[0], g.dy()?);
            Ok(vec![Some(g.build.add_like("MaxPoolGrad", &[x, y, dy], op.write()))])
        };

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
        checked_len(&shape)?;
        let find = Argmax { n, image: h * w, c, axes, is_over_batch: self.include_batch_in_index };
        let (most, places) = match view(x) {
            Wide::F32(all) => find.run(x, &shape, &all, f32::NEG_INFINITY),
            Wide::F64(all) => find.run(x, &shape, &all, f64::NEG_INFINITY),
            Wide::I64(all) => find.run(x, &shape, &all, i64::MIN),
            Wide::U64(all) => find.run(x, &shape, &all, u64::MIN),
            _ => return Err(crate::rows::refused(x.dtype())),
        };
        Ok(vec![most.into(), i64::narrow(self.Targmax, &shape, places).into()])
    }
}

/// The search for the places of the largest elements.
struct Argmax {
    n: usize,
    image: usize,
    c: usize,
    axes: [Axis; 3],
    is_over_batch: bool,
}

impl Argmax {
    /// The largest elements of each window and where they are; `least` is below or at all.
    fn run<T: Copy + PartialOrd + Narrow>(
        &self,
        x: &DenseTensor,
        shape: &[usize],
        all: &[T],
        least: T,
    ) -> (DenseTensor, Vec<i64>) {
        let c = self.c;
        let len = shape.iter().product();
        let (mut most, mut places) = (vec![least; len], vec![-1_i64; len]);
        windows(self.n, &self.axes, |to, image, pixels| {
            for pixel in pixels {
                for channel in 0..c {
                    let value = all[(image * self.image + pixel) * c + channel];
                    let at = to * c + channel;
                    if value > most[at] || places[at] < 0 {
                        let first = if self.is_over_batch { image * self.image } else { 0 };
                        let place = (first + pixel) * c + channel;
                        (most[at], places[at]) = (value, place.cast_signed() as i64);
                    }
                }
            }
        });
        (T::narrow(x.dtype(), shape, most), places)
    }
}
