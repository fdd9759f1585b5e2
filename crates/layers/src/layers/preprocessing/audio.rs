//! Spectrograms of sounds.

use std::f64::consts::PI;

use serde_json::Value as Json;
use tensorferry_ir::{Attr, Dim};
use tensorferry_tensor::DType;

use super::fft_length;
use crate::layers::core::multiplied;
use crate::layers::shapes::Window;
use crate::lower::convolve::{Sliding, conv};
use crate::lower::{Builder, Call, Lowered, Size, Tensor, Value, one};

/// Keras' `epsilon()`.
const EPSILON: f64 = 1e-7;

/// A convolution with the waves of each frequency, which are weights.
pub(super) fn lower_stft(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    if c.rank(x)? != 3 {
        return Err("its input has no three axes".to_owned());
    }
    let waves = Waves::of(c, x)?;
    let mode = c.config.text("mode").unwrap_or("log");
    let power = |c: &mut Call<'_, '_>| {
        let (real, imag) = (waves.signal(c, "real_kernel")?, waves.signal(c, "imag_kernel")?);
        let (real, imag) = (c.unary("Square", real)?, c.unary("Square", imag)?);
        c.add(real, imag)
    };
    let y = match mode {
        "real" => waves.signal(c, "real_kernel")?,
        "imag" => waves.signal(c, "imag_kernel")?,
        "angle" => {
            let (real, imag) = (waves.signal(c, "real_kernel")?, waves.signal(c, "imag_kernel")?);
            c.binary("Atan2", imag, real)?
        }
        "stft" => {
            let (real, imag) = (waves.signal(c, "real_kernel")?, waves.signal(c, "imag_kernel")?);
            c.concat(&[real, imag], 3)?
        }
        "psd" => {
            let power = power(c)?;
            // What is not at either end has a twin among the negative frequencies.
            let inner = c.cut(power, 3, (1, Some(-1), 1))?;
            let inner = c.pad(inner, &[(0, 0), (0, 0), (0, 0), (1, 1)], None)?;
            c.add(power, inner)?
        }
        "magnitude" | "log" => {
            let power = power(c)?;
            let power = at_least(c, power, EPSILON)?;
            let size = c.unary("Sqrt", power)?;
            match mode {
                "log" => {
                    let size = at_least(c, size, EPSILON)?;
                    c.unary("Log", size)?
                }
                _ => size,
            }
        }
        other => return Err(format!("mode={other} is not known")),
    };
    one(arranged(c, y)?)
}

/// All channels as sequences of their own, and what slides over them.
struct Waves {
    x: Value,
    sliding: Sliding,
    batch: Size,
    channels: Size,
}

impl Waves {
    fn of(c: &mut Call<'_, '_>, x: Value) -> Lowered<Self> {
        let x = if c.is_channels_first() { x } else { c.transpose(x, &[0, 2, 1])? };
        let (batch, channels, steps) = (c.size(x, 0)?, c.size(x, 1)?, c.size(x, 2)?);
        let rows = c.product(&[batch, channels])?;
        let x = c.reshape(x, &[rows, steps, Size::Known(1)])?;
        let length = c.config.size("frame_length").unwrap_or(256);
        let stride = c.config.size("frame_step").unwrap_or(length / 2);
        let padding = match c.config.text("padding").unwrap_or("valid") {
            "valid" => "VALID",
            "same" => "SAME",
            other => return Err(format!("padding={other} is not known")),
        };
        let windows = vec![Window { size: length, stride, dilation: 1 }];
        let sliding = Sliding { windows, padding, is_causal: false };
        Ok(Self { x, sliding, batch, channels })
    }

    /// `[batch, channels, frames, frequencies]`.
    fn signal(&self, c: &mut Call<'_, '_>, kernel: &str) -> Lowered<Value> {
        let kernel = c.weight(kernel)?;
        let y = conv(c, self.x, kernel, &self.sliding)?;
        let (frames, bins) = (c.size(y, 1)?, c.size(y, 2)?);
        c.reshape(y, &[self.batch, self.channels, frames, bins])
    }
}

/// Channels, frames and frequencies in the order that the config asks for.
fn arranged(c: &mut Call<'_, '_>, y: Value) -> Lowered<Value> {
    let (expands, is_first) = (c.flag("expand_dims", false), c.is_channels_first());
    if expands {
        return if is_first { Ok(y) } else { c.transpose(y, &[0, 2, 3, 1]) };
    }
    let order = if is_first { [0, 1, 3, 2] } else { [0, 2, 1, 3] };
    let y = c.transpose(y, &order)?;
    let sizes = c.sizes(y)?;
    let [batch, a, b, d] = sizes[..] else { return Err("it has no four axes".to_owned()) };
    let sizes = match is_first {
        true => [batch, c.product(&[a, b])?, d],
        false => [batch, a, c.product(&[b, d])?],
    };
    c.reshape(y, &sizes)
}

fn at_least(b: &mut Builder, x: Value, low: f64) -> Lowered<Value> {
    let low = b.like(x, low)?;
    b.binary("Maximum", x, low)
}

/// The size of each frequency in each frame, summed up in bands as wide as one hears them.
pub(super) fn lower_mel(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    let is_wide = dtype == DType::Float64;
    let x = c.cast(x, if is_wide { DType::Float64 } else { DType::Float32 })?;
    let frames = frames(c, x)?;
    let size = magnitudes(c, frames)?;
    let bands = Bands::of(c)?;
    let n_bins = c.known_dim(size, c.rank(size)? - 1)?;
    let matrix = bands.matrix(n_bins)?;
    let matrix = c.numbers(&matrix, &[n_bins, bands.n], DType::Float32)?;
    let wanted = c.dtype(size)?;
    let matrix = c.cast(matrix, wanted)?;
    let mut y = multiplied(c, size, matrix)?;
    if c.flag("power_to_db", true) {
        y = decibels(c, y)?;
    }
    let rank = c.rank(y)?;
    let order: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
    let y = c.transpose(y, &order)?;
    one(c.cast(y, dtype)?)
}

/// `[..., frames, fft_length]`: the windowed pieces of the sounds, which are mirrored at their ends.
fn frames(c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
    let length = fft_length(&c.config, 2048).ok_or("fft_length is broken")?;
    let length = usize::try_from(length).map_err(|e| e.to_string())?;
    let stride = c.config.size("sequence_stride").unwrap_or(512);
    let stride = usize::try_from(stride).ok().filter(|stride| *stride > 0);
    let stride = stride.ok_or("sequence_stride is broken")?;
    let last = c.axis(x, -1)?;
    let half = i64::try_from(length / 2).map_err(|e| e.to_string())?;
    let pads: Vec<i64> =
        (0..=last).flat_map(|axis| if axis == last { [half; 2] } else { [0; 2] }).collect();
    let pads: Vec<f64> = pads.into_iter().map(|n| n as f64).collect();
    let pads = c.numbers(&pads, &[last + 1, 2], DType::Int32)?;
    let x = c.one("MirrorPad", &[x, pads], &[("mode", Attr::text("REFLECT"))])?;
    let places = places(c, x, last, (length, stride))?;
    let axis = c.int(last as i64);
    let pieces = c.one("GatherV2", &[x, places, axis], &[])?;
    let Some(window) = window(c, length)? else { return Ok(pieces) };
    let dtype = c.dtype(pieces)?;
    let window = c.numbers(&window, &[length], DType::Float32)?;
    let window = c.cast(window, dtype)?;
    c.mul(pieces, window)
}

/// `[frames, length]`: where each sample of each frame lies.
fn places(
    c: &mut Call<'_, '_>,
    x: Value,
    last: usize,
    (length, stride): (usize, usize),
) -> Lowered<Value> {
    let whole = |n: usize| i64::try_from(n).map_err(|e| e.to_string());
    let (zero, step) = (c.int(0), c.int(whole(stride)?));
    let (ends, n_frames) = match c.size(x, last)? {
        Size::Known(n) => {
            let end = (n + 1).checked_sub(length).ok_or("its input is shorter than a frame")?;
            (c.int(whole(end)?), Dim::Known(end.div_ceil(stride)))
        }
        Size::Computed(n) => {
            let short = c.int(1 - whole(length)?);
            (c.add(n, short)?, Dim::Unknown)
        }
    };
    let shape = vec![n_frames, Dim::Known(length)];
    let starts = c.one("Range", &[zero, ends, step], &[])?;
    let (length, next) = (c.int(whole(length)?), c.int(1));
    let inside = c.one("Range", &[zero, length, next], &[])?;
    let starts = c.expand(starts, -1)?;
    let places = c.add(starts, inside)?;
    c.assume_shape(places, &shape.into());
    Ok(places)
}

/// The window of the config in the middle of a frame.
fn window(c: &Call<'_, '_>, length: usize) -> Lowered<Option<Vec<f64>>> {
    let n = match c.config.size("sequence_length") {
        Some(n) => usize::try_from(n).map_err(|e| e.to_string())?,
        None => length,
    };
    let n = Some(n).filter(|n| *n <= length).ok_or("sequence_length is above fft_length")?;
    let (base, swing) = match c.config.members().get("window") {
        Some(Json::Null) => {
            return Ok(None);
        }
        None => (0.5, 0.5),
        Some(Json::String(name)) if name == "hann" => (0.5, 0.5),
        Some(Json::String(name)) if name == "hamming" => (0.54, 0.46),
        Some(other) => return Err(format!("window={other} is not known")),
    };
    // TensorFlow's windows of an odd length are not periodic, whatever is asked for.
    let period = if n.is_multiple_of(2) { n } else { n - 1 };
    let value = |i: usize| match n {
        1 => 1.0,
        _ => base - swing * (2.0 * PI * i as f64 / period as f64).cos(),
    };
    let before = (length - n) / 2;
    let mut all = vec![0.0; length];
    all.iter_mut().skip(before).take(n).enumerate().for_each(|(i, x)| *x = value(i));
    Ok(Some(all))
}

fn magnitudes(c: &mut Call<'_, '_>, frames: Value) -> Lowered<Value> {
    let length = c.known_dim(frames, c.rank(frames)? - 1)?;
    let length = c.ints(&[i64::try_from(length).map_err(|e| e.to_string())?]);
    let is_wide = c.dtype(frames)? == DType::Float64;
    let (real, complex) = match is_wide {
        true => (DType::Float64, DType::Complex128),
        false => (DType::Float32, DType::Complex64),
    };
    let (t_real, t_complex) = (Attr::Type(real.into()), Attr::Type(complex.into()));
    let waves = c.one("RFFT", &[frames, length], &[("Treal", t_real), ("Tcomplex", t_complex)])?;
    let attrs = [("Tout", Attr::Type(real.into()))];
    let (re, im) = (c.one("Real", &[waves], &attrs)?, c.one("Imag", &[waves], &attrs)?);
    let (re, im) = (c.unary("Square", re)?, c.unary("Square", im)?);
    let sum = c.add(re, im)?;
    let size = c.unary("Sqrt", sum)?;
    let exponent = c.config.number("mag_exp").unwrap_or(2.0);
    let exponent = c.like(size, exponent)?;
    c.binary("Pow", size, exponent)
}

/// Ten times the logarithm, and no less than so much below the loudest.
fn decibels(c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
    let least = c.config.number("min_power").unwrap_or(1e-10);
    let x = at_least(c, x, least)?;
    let x = c.unary("Log", x)?;
    let ten = c.like(x, 10.0_f64.ln())?;
    let x = c.div(x, ten)?;
    let mut x = c.scale(x, 10.0)?;
    let reference = c.config.number("ref_power").unwrap_or(1.0).abs().max(least);
    x = c.shift(x, -10.0 * reference.log10())?;
    let axes: Vec<usize> = (0..c.rank(x)?).collect();
    let loudest = c.reduce("Max", x, &axes, false)?;
    let range = c.config.number("top_db").unwrap_or(80.0);
    let low = c.shift(loudest, -range)?;
    c.binary("Maximum", x, low)
}

/// Overlapping triangles on the scale of pitch.
struct Bands {
    n: usize,
    rate: f64,
    low: f64,
    high: f64,
}

impl Bands {
    fn of(c: &Call<'_, '_>) -> Lowered<Self> {
        let n = c.config.size("num_mel_bins").unwrap_or(128);
        let n = usize::try_from(n).ok().filter(|n| *n > 0 && *n <= 1 << 16);
        let rate = c.config.number("sampling_rate").unwrap_or(16_000.0);
        Ok(Self {
            n: n.ok_or("num_mel_bins is broken")?,
            rate,
            low: c.config.number("min_freq").unwrap_or(20.0),
            high: c.config.number("max_freq").unwrap_or((rate / 2.0).trunc()),
        })
    }

    /// `[n_bins, n]`: how much of each frequency each band has. Keras computes in single precision.
    fn matrix(&self, n_bins: usize) -> Lowered<Vec<f64>> {
        let n_elements = n_bins.checked_mul(self.n).filter(|n| *n <= 1 << 26);
        n_elements.ok_or("the matrix of its bands is too large")?;
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
        let (low, high) = (mel(self.low), mel(self.high));
        let edge = |i: usize| low + (high - low) * i as f64 / (self.n + 1) as f64;
        let mut all = vec![0.0; self.n];
        for bin in 1..n_bins {
            let place = mel(self.rate / 2.0 * bin as f64 / (n_bins - 1) as f64);
            for band in 0..self.n {
                let (left, center, right) = (edge(band), edge(band + 1), edge(band + 2));
                let rises = (place - left) / (center - left);
                let falls = (right - place) / (right - center);
                all.push(rises.min(falls).max(0.0));
            }
        }
        Ok(all)
    }
}
