//! Fourier transforms.

use std::f64::consts::PI;

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{Complex, DType, DenseTensor};

use crate::def::case;
use crate::families::scan::lines;
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![Fft, Fft2D, Fft3D, Ifft, Ifft2D, Ifft3D, Irfft, Irfft2D, Irfft3D, Rfft, Rfft2D, Rfft3D,];

type C = Complex<f64>;

/// Lengths with a prime factor above this go through a convolution of a power of two.
const PRIME_MAX: usize = 64;

/// TensorFlow transforms in the type of its input, where each of log n steps rounds.
const TRANSFORM: Tolerance = Tolerance::Close { rel: 1e-5, abs: 1e-5 };

/// e to the power of 2πi k / n, backwards for the inverse.
fn root(k: usize, n: usize, sign: f64) -> C {
    Complex::from_polar(1.0, sign * 2.0 * PI * (k % n) as f64 / n as f64)
}

/// Σ x[j] e^(sign 2πi jk/n) for each k, without scaling.
fn transform(x: &[C], sign: f64) -> Vec<C> {
    let n = x.len();
    let Some(p) = (2..=PRIME_MAX.min(n)).find(|p| n.is_multiple_of(*p)) else {
        return if n <= 1 { x.to_vec() } else { by_convolution(x, sign) };
    };
    if p == n {
        let sum = |k: usize| {
            let terms = x.iter().enumerate().map(|(j, x)| *x * root(j * k, n, sign));
            terms.fold(C::default(), |sum, term| sum + term)
        };
        return (0..n).map(sum).collect();
    }
    // Cooley and Tukey: p transforms of every p-th element, put together with twiddle factors.
    let m = n / p;
    let parts: Vec<Vec<C>> = (0..p)
        .map(|r| transform(&x.iter().skip(r).step_by(p).copied().collect::<Vec<_>>(), sign))
        .collect();
    let sum = |k: usize| {
        let terms = parts.iter().enumerate().map(|(r, part)| part[k % m] * root(r * k, n, sign));
        terms.fold(C::default(), |sum, term| sum + term)
    };
    (0..n).map(sum).collect()
}

/// Bluestein: jk = (j² + k² − (k−j)²) / 2 makes a convolution of the sum.
fn by_convolution(x: &[C], sign: f64) -> Vec<C> {
    let n = x.len();
    // Squares are taken modulo 2n, the period of the chirp, lest they lose bits.
    let square = |j: usize| {
        let wide = (j as u128 * j as u128) % (2 * n as u128);
        usize::try_from(wide).unwrap_or(0)
    };
    let chirp: Vec<C> = (0..n).map(|j| root(square(j), 2 * n, sign)).collect();
    let m = (2 * n).next_power_of_two();
    let (mut a, mut b) = (vec![C::default(); m], vec![C::default(); m]);
    for j in 0..n {
        a[j] = x[j] * chirp[j];
        b[j] = chirp[j].conj();
        if j > 0 {
            b[m - j] = b[j];
        }
    }
    let (a, b) = (transform(&a, 1.0), transform(&b, 1.0));
    let product: Vec<C> = a.iter().zip(&b).map(|(a, b)| *a * *b).collect();
    let back = transform(&product, -1.0);
    let scale = Complex::new(1.0 / m as f64, 0.0);
    (0..n).map(|k| back[k] * chirp[k] * scale).collect()
}

/// Transforms along one axis; the inverse is divided by the length.
fn along(all: &mut [C], shape: &[usize], at: usize, is_inverse: bool) {
    let n = shape[at];
    let (starts, stride) = lines(shape, at);
    let scale = if is_inverse { 1.0 / n as f64 } else { 1.0 };
    for start in starts {
        let line: Vec<C> = (0..n).map(|i| all[start + i * stride]).collect();
        let line = transform(&line, if is_inverse { 1.0 } else { -1.0 });
        for (i, x) in line.into_iter().enumerate() {
            all[start + i * stride] = x * Complex::new(scale, 0.0);
        }
    }
}

/// `all` cut to other lengths of its last axes.
fn fitted(all: &[C], shape: &[usize], lens: &[usize]) -> (Vec<C>, Vec<usize>) {
    let outer = shape.len() - lens.len();
    let to = [&shape[..outer], lens].concat();
    let mut out = vec![C::default(); to.iter().product()];
    let strides = crate::walk::strides(shape);
    let walk = crate::walk::Odometer::new(to.iter().copied().zip(strides).collect(), 0);
    out.iter_mut().zip(walk).for_each(|(place, from)| *place = all[from]);
    (out, to)
}

/// The elements as complex numbers.
fn complex(x: &DenseTensor) -> Result<Vec<C>> {
    Ok(match view(x) {
        Wide::C128(all) => all.into_owned(),
        Wide::F32(all) => all.iter().map(|x| Complex::new(f64::from(*x), 0.0)).collect(),
        Wide::F64(all) => all.iter().map(|x| Complex::new(*x, 0.0)).collect(),
        _ => return Err(crate::rows::refused(x.dtype())),
    })
}

fn check_rank(x: &DenseTensor, n_axes: usize) -> Result<()> {
    ensure!(x.rank() >= n_axes, "{} dims, and {n_axes} are transformed", x.rank());
    Ok(())
}

/// Transforms of complex numbers.
macro_rules! complex_transforms {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $n:literal, $is_inverse:literal, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: $tf,
                    inputs: &["input: Tcomplex"],
                    outputs: &["output: Tcomplex"],
                    tolerance: TRANSFORM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![x[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.tensor(0)?;
                    check_rank(x, $n)?;
                    let Wide::C128(all) = view(x) else { return Err(crate::rows::refused(x.dtype())) };
                    let mut all = all.into_owned();
                    for at in x.rank() - $n..x.rank() {
                        along(&mut all, x.shape(), at, $is_inverse);
                    }
                    Ok(vec![Complex::narrow(x.dtype(), x.shape(), all).into()])
                }
            }
        )*
    };
}

complex_transforms! {
    /// The discrete Fourier transform of the last axis.
    Fft "FFT" 1, false, case("complex64[1, 2, 3, 4]", "", "complex64[(10, 0), (-2, 2), (-2, 0), (-2, -2)]");

    /// The discrete Fourier transform of the last two axes.
    Fft2D "FFT2D" 2, false, case("complex64[[1, 2], [3, 4]]", "", "complex64[[10, -2], [-4, 0]]");

    /// The discrete Fourier transform of the last three axes.
    Fft3D "FFT3D" 3, false, case("complex64[[[1, 2]]]", "", "complex64[[[3, -1]]]");

    /// The inverse of `FFT`.
    Ifft "IFFT" 1, true, case("complex64[10, -2]", "", "complex64[4, 6]");

    /// The inverse of `FFT2D`.
    Ifft2D "IFFT2D" 2, true, case("complex64[[10, -2], [-4, 0]]", "", "complex64[[1, 2], [3, 4]]");

    /// The inverse of `FFT3D`.
    Ifft3D "IFFT3D" 3, true, case("complex64[[[3, -1]]]", "", "complex64[[[1, 2]]]");
}

/// The lengths that input 1 asks for. What is read of each axis must be there; whoever wants zeros
/// after it pads first.
fn lengths(inputs: &Args, n_axes: usize, last: fn(usize) -> usize) -> Result<Vec<usize>> {
    let x = inputs.tensor(0)?;
    ensure!(x.rank() >= n_axes, "{} dims, and {n_axes} are transformed", x.rank());
    let lens = inputs.sizes(1)?;
    ensure!(lens.len() == n_axes, "{} lengths, expected {n_axes}", lens.len());
    for (i, (len, dim)) in lens.iter().zip(&x.shape()[x.rank() - n_axes..]).enumerate() {
        let needed = if i + 1 == n_axes { last(*len) } else { *len };
        ensure!(needed <= *dim, "an axis of {dim} elements, and {needed} are needed");
    }
    Ok(lens)
}

fn infer_real(inputs: &[Fact], n_axes: usize, last: impl Fn(usize) -> usize) -> Result<Vec<Shape>> {
    let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
    ensure!(dims.len() >= n_axes, "{} dims, and {n_axes} are transformed", dims.len());
    let mut dims = dims.to_vec();
    let outer = dims.len() - n_axes;
    let lens = inputs[1].ints().filter(|lens| lens.len() == n_axes);
    for (i, dim) in dims[outer..].iter_mut().enumerate() {
        let len = lens.as_ref().and_then(|lens| usize::try_from(lens[i]).ok());
        *dim = len.map_or(Dim::Unknown, |n| Dim::Known(if i + 1 == n_axes { last(n) } else { n }));
    }
    Ok(vec![dims.into()])
}

fn half(n: usize) -> usize {
    if n == 0 { 0 } else { n / 2 + 1 }
}

/// The half of the transform that says all, the other being its mirror.
fn forward(inputs: &Args, n_axes: usize, to: DType) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let lens = lengths(inputs, n_axes, |n| n)?;
    let outer = x.rank() - n_axes;
    checked_len(&[&x.shape()[..outer], &lens].concat())?;
    let (mut all, shape) = fitted(&complex(x)?, x.shape(), &lens);
    (outer..x.rank()).for_each(|at| along(&mut all, &shape, at, false));
    let mut kept = lens;
    if let Some(last) = kept.last_mut() {
        *last = half(*last);
    }
    let (all, shape) = fitted(&all, &shape, &kept);
    Ok(vec![Complex::narrow(to, &shape, all).into()])
}

/// The inverse: the outer axes first, then the last with its mirror put back.
fn backward(inputs: &Args, n_axes: usize, to: DType) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let lens = lengths(inputs, n_axes, half)?;
    let outer = x.rank() - n_axes;
    let n = lens.last().copied().unwrap_or(0);
    let mut kept = lens.clone();
    if let Some(last) = kept.last_mut() {
        *last = half(n);
    }
    let out_shape = [&x.shape()[..outer], &lens].concat();
    checked_len(&out_shape)?;
    checked_len(&[&x.shape()[..outer], &kept].concat())?;
    let (mut all, shape) = fitted(&complex(x)?, x.shape(), &kept);
    (outer..x.rank() - 1).for_each(|at| along(&mut all, &shape, at, true));
    let mut out = Vec::new();
    for row in all.chunks_exact(half(n).max(1)) {
        let mirrored = |k: usize| match k {
            // What has no mirror is real.
            0 => Complex::new(row[0].re, 0.0),
            k if 2 * k == n => Complex::new(row[k].re, 0.0),
            k if 2 * k < n => row[k],
            k => row[n - k].conj(),
        };
        let line: Vec<C> = (0..n).map(mirrored).collect();
        out.extend(transform(&line, 1.0).into_iter().map(|z| z.re / n as f64));
    }
    Ok(vec![f64::narrow(to, &out_shape, out).into()])
}

/// Transforms from and to real numbers.
macro_rules! real_transforms {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $n:literal, $from:ident $to:ident = $default:ident,
        $last:expr, $run:ident, $case:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of the result.
                    $to: DType = DType::$default,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: $tf,
                    inputs: &[concat!("input: ", stringify!($from)), "fft_length: int32"],
                    outputs: &[concat!("output: ", stringify!($to))],
                    tolerance: TRANSFORM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    infer_real(inputs, $n, $last)
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let to = if self.$to == DType::Float16 { return Err(Error::unsupported("float16")) } else { self.$to };
                    $run(&inputs, $n, to)
                }
            }
        )*
    };
}

real_transforms! {
    /// The transform of real numbers along the last axis, its first half.
    Rfft "RFFT" 1, Treal Tcomplex = Complex64, half, forward,
        case("[1, 2, 3, 4], int32[4]", "", "complex64[(10, 0), (-2, 2), (-2, 0)]");

    /// The transform of real numbers along the last two axes, the first half of the last.
    Rfft2D "RFFT2D" 2, Treal Tcomplex = Complex64, half, forward,
        case("[[1, 2], [3, 4]], int32[2, 2]", "", "complex64[[10, -2], [-4, 0]]");

    /// The transform of real numbers along the last three axes, the first half of the last.
    Rfft3D "RFFT3D" 3, Treal Tcomplex = Complex64, half, forward,
        case("[[[1, 2]]], int32[1, 1, 2]", "", "complex64[[[3, -1]]]");

    /// The inverse of `RFFT`.
    Irfft "IRFFT" 1, Tcomplex Treal = Float32, |n| n, backward,
        case("complex64[(10, 0), (-2, 2), (-2, 0)], int32[4]", "", "[1, 2, 3, 4]");

    /// The inverse of `RFFT2D`.
    Irfft2D "IRFFT2D" 2, Tcomplex Treal = Float32, |n| n, backward,
        case("complex64[[10, -2], [-4, 0]], int32[2, 2]", "", "[[1, 2], [3, 4]]");

    /// The inverse of `RFFT3D`.
    Irfft3D "IRFFT3D" 3, Tcomplex Treal = Float32, |n| n, backward,
        case("complex64[[[3, -1]]], int32[1, 1, 2]", "", "[[[1, 2]]]");
}
