//! Ops that lay a window over an image: its elements as they are, or the largest of sums.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DenseTensor, Run, assemble};

use crate::def::case;
use crate::wide::{Narrow, Real};
use crate::window::{Axis, Sliding};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Value, checked_len};

register![Dilation2D, ExtractImagePatches, ExtractVolumePatches];

/// A window of given size, from attributes with an entry per axis.
fn window(
    n: usize,
    sizes: &[i64],
    (strides, rates): (&[i64], &[i64]),
    padding: &str,
) -> Result<(Sliding, Vec<usize>)> {
    let format = if n == 3 { "NDHWC" } else { "NHWC" };
    let sliding = Sliding::new(n, strides, rates, padding, &[], format)?;
    ensure!(sizes.len() == n + 2, "`ksizes` has {} entries, expected {}", sizes.len(), n + 2);
    let size = |k: &i64| usize::try_from(*k).ok().filter(|k| (1..1 << 31).contains(k));
    let sizes = sizes[1..=n].iter().map(size).collect::<Option<Vec<usize>>>();
    Ok((sliding, sizes.ok_or_else(|| Error::invalid("a window without elements"))?))
}

fn infer_patches(x: &Fact, sliding: &Sliding, sizes: &[usize]) -> Result<Vec<Shape>> {
    let windows: Vec<Dim> = sizes.iter().copied().map(Dim::Known).collect();
    let taps = sizes.iter().try_fold(1_usize, |n, k| n.checked_mul(*k));
    let channels = sliding.channels(x).map(|c| c.checked_mul(taps?));
    Ok(vec![sliding.infer(x, &windows, channels)?])
}

/// The elements under each window, those of the border being 0, as channels.
fn patches(x: &DenseTensor, sliding: &Sliding, sizes: &[usize]) -> Result<Vec<Value>> {
    let n_axes = sizes.len();
    ensure!(x.rank() == n_axes + 2, "the input has {} dims, expected {}", x.rank(), n_axes + 2);
    let axes = sliding.axes(&x.shape()[1..=n_axes], sizes)?;
    let (n, c) = (x.shape()[0], x.shape()[n_axes + 1]);
    let spatial = axes[3 - n_axes..].iter().map(|axis| axis.output);
    let taps = sizes.iter().try_fold(c, |n, k| n.checked_mul(*k));
    let taps = taps.ok_or_else(|| Error::limit("the window is too large"))?;
    let shape: Vec<usize> = [n].into_iter().chain(spatial).chain([taps]).collect();
    checked_len(&shape)?;
    let zeros = DenseTensor::zeros(x.dtype(), &[c]);
    let zeros = zeros.ok_or_else(|| Error::limit("there are too many channels"))?;
    let mut runs = Vec::new();
    each_window(&axes, n, |image, at| {
        for tap in 0..axes.iter().map(|axis| axis.window).product::<usize>() {
            runs.push(match pixel(&axes, at, tap) {
                Some(pixel) => Run::once(0, (image * plane(&axes) + pixel) * c, c),
                None => Run::once(1, 0, c),
            });
        }
    });
    Ok(vec![assemble(&shape, &[x, &zeros], &mut runs.into_iter()).into()])
}

/// Pixels of one image.
fn plane(axes: &[Axis; 3]) -> usize {
    axes.iter().map(|axis| axis.input).product()
}

/// The pixel of an image under tap `tap` of the window at `at`.
fn pixel([d, h, w]: &[Axis; 3], at: [usize; 3], tap: usize) -> Option<usize> {
    let z = d.at(at[0], tap / (h.window * w.window))?;
    let y = h.at(at[1], tap / w.window % h.window)?;
    let x = w.at(at[2], tap % w.window)?;
    Some((z * h.input + y) * w.input + x)
}

fn each_window(axes: &[Axis; 3], n: usize, mut f: impl FnMut(usize, [usize; 3])) {
    let [d, h, w] = axes.map(|axis| axis.output);
    for image in 0..n {
        for place in 0..d * h * w {
            f(image, [place / (h * w), place / w % h, place % w]);
        }
    }
}

/// Windows over images and over volumes: their rank differs, and `rates`, which is listed where it is
/// an attribute.
macro_rules! extractions {
    ($($(#[doc = $doc:literal])+ $name:ident $n:literal, $input:literal,
        [$($(#[doc = $rates_doc:literal])+ $rates:ident)?] $case:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The window's size along each axis.
                    ksizes: Vec<i64>,
                    /// Its step.
                    strides: Vec<i64>,
                    $($(#[doc = $rates_doc])+ $rates: Vec<i64>,)?
                    /// `SAME` or `VALID`.
                    padding: String,
                }
            }

            impl $name {
                fn window(&self) -> Result<(Sliding, Vec<usize>)> {
                    let rates: &[i64] = &[];
                    $(let rates = { let _ = rates; &self.$rates };)?
                    window($n, &self.ksizes, (&self.strides, rates), &self.padding)
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &[$input],
                    outputs: &["patches: T"],
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    let (sliding, sizes) = self.window()?;
                    infer_patches(&x[0], &sliding, &sizes)
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (sliding, sizes) = self.window()?;
                    patches(inputs.tensor(0)?, &sliding, &sizes)
                }
            }
        )*
    };
}

extractions! {
    /// The pixels of windows over images, as channels.
    ExtractImagePatches 2, "images: T", [
        /// The distance of neighbours in it.
        rates
    ] case(
        "[[[[1], [2]], [[3], [4]]]]",
        "ksizes=[1, 1, 2, 1], strides=[1, 1, 1, 1], rates=[1, 1, 1, 1], padding=\"SAME\"",
        "[[[[1, 2], [2, 0]], [[3, 4], [4, 0]]]]",
    );

    /// The elements of windows over volumes, as channels.
    ExtractVolumePatches 3, "input: T", [] case(
        "[[[[[1], [2]]]]]",
        "ksizes=[1, 1, 1, 2, 1], strides=[1, 1, 1, 1, 1], padding=\"VALID\"",
        "[[[[[1, 2]]]]]",
    );
}

attrs! {
    /// The largest sum of a pixel and the filter's element above it, each channel by itself.
    struct Dilation2D {
        /// Step of the window along each axis.
        strides: Vec<i64>,
        /// The distance of neighbours in it.
        rates: Vec<i64>,
        /// `SAME` or `VALID`.
        padding: String,
    }
}

impl Dilation2D {
    fn sliding(&self) -> Result<Sliding> {
        Sliding::new(2, &self.strides, &self.rates, &self.padding, &[], "NHWC")
    }
}

impl Op for Dilation2D {
    const SPEC: Spec = Spec {
        name: "Dilation2D",
        inputs: &["input: T", "filter: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[1], [5], [2]]]], [[[0], [10]]]",
        "strides=[1, 1, 1, 1], rates=[1, 1, 1, 1], padding=\"VALID\"",
        "[[[[15], [12]]]]",
    )];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let dims = inputs[1].dims().unwrap_or(&[Dim::Unknown; 3]);
        let &[height, width, _] = dims else { fail!("a filter has 3 dims, not {}", dims.len()) };
        let sliding = self.sliding()?;
        Ok(vec![sliding.infer(&inputs[0], &[height, width], sliding.channels(&inputs[0]))?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, filter) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (&[n, h, w, c], &[kh, kw, kc]) = (x.shape(), filter.shape()) else {
            fail!("images have 4 dims and a filter 3, not {} and {}", x.rank(), filter.rank())
        };
        ensure!(c == kc, "a filter of {kc} channels does not fit {c}");
        let axes = self.sliding()?.axes(&[h, w], &[kh, kw])?;
        let shape = [n, axes[1].output, axes[2].output, c];
        checked_len(&shape)?;
        fn dilated<T: Real>(
            (x, filter): (&[T], &[T]),
            axes: &[Axis; 3],
            (n, c): (usize, usize),
            lowest: T,
        ) -> Vec<T> {
            let mut out = Vec::new();
            let taps = axes[1].window * axes[2].window;
            each_window(axes, n, |image, at| {
                for channel in 0..c {
                    let sums = (0..taps).filter_map(|tap| {
                        let from = image * plane(axes) + pixel(axes, at, tap)?;
                        Some(x[from * c + channel].plus(filter[tap * c + channel]))
                    });
                    out.push(sums.fold(lowest, |most, x| if x > most { x } else { most }));
                }
            });
            out
        }
        let dtype = x.dtype();
        Ok(vec![
            both_real!(x, filter, |a, b| {
                let all = dilated((&a, &b), &axes, (n, c), Real::lowest(dtype));
                Narrow::narrow(dtype, &shape, all)
            })
            .into(),
        ])
    }
}
