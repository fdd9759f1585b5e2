//! Numbers as C prints them, tensors as TensorFlow prints them, and what strings may weigh.

use bytes::Bytes;
use tensorferry_tensor::{DenseTensor, Storage};

use crate::{Error, Result};

/// The most bytes that the strings of one output have: joining few strings many times makes more
/// than any model needs.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// Strings as a tensor; `None` for a shape of another size.
pub(crate) fn strings(
    shape: &[usize],
    all: impl Iterator<Item = Result<Vec<u8>>>,
) -> Result<DenseTensor> {
    let mut left = TEXT_BYTES_MAX;
    let mut made = Vec::new();
    for one in all {
        let one = one?;
        left = left
            .checked_sub(one.len() + size_of::<Bytes>())
            .ok_or_else(|| Error::limit(format!("strings of over {TEXT_BYTES_MAX} bytes")))?;
        made.push(Bytes::from(one));
    }
    let n = made.len();
    if tensorferry_tensor::dense_len(shape) != Some(n) {
        fail!("{n} strings for the shape {shape:?}");
    }
    Ok(DenseTensor::new(shape, made))
}

/// Refuses a string before it is made.
pub(crate) fn check_text(n_bytes: usize) -> Result<()> {
    if n_bytes > TEXT_BYTES_MAX {
        return Err(Error::limit(format!("a string of {n_bytes} bytes is too long")));
    }
    Ok(())
}

/// `%.*f`, `%.*e` or `%.*g` of C.
pub(crate) fn c_float(x: f64, conversion: char, precision: usize) -> String {
    if !x.is_finite() {
        let sign = if x.is_sign_negative() && !x.is_nan() { "-" } else { "" };
        return format!("{sign}{}", if x.is_nan() { "nan" } else { "inf" });
    }
    match conversion {
        'f' => format!("{x:.precision$}"),
        'e' => {
            let text = format!("{x:.precision$e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => c_general(x, precision.max(1)),
    }
}

fn c_general(x: f64, precision: usize) -> String {
    let scientific = c_float(x, 'e', precision - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i64 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if power < -4 || power >= precision as i64 {
        return format!("{}e{exponent}", trimmed(digits));
    }
    let decimals = usize::try_from(precision as i64 - 1 - power).unwrap_or(0);
    trimmed(&format!("{x:.decimals$}"))
}

/// A number in as many digits as say which one it is: 6, or 9; of double precision 15, or 17.
fn short(x: f64, is_double: bool) -> String {
    let (few, many) = if is_double { (15, 17) } else { (6, 9) };
    let text = c_float(x, 'g', few);
    let same = match is_double {
        true => text.parse() == Ok(x),
        false => text.parse::<f32>() == Ok(x as f32),
    };
    if same || !x.is_finite() { text } else { c_float(x, 'g', many) }
}

/// An element as TensorFlow prints it.
fn element(x: &DenseTensor, i: usize) -> String {
    match x.storage() {
        Storage::String(all) => format!("\"{}\"", escaped(&all[i])),
        Storage::Bool(all) => u8::from(all[i]).to_string(),
        Storage::Float64(all) => short(all[i], true),
        Storage::Complex64(all) => {
            format!("({},{})", short(all[i].re.into(), false), short(all[i].im.into(), false))
        }
        Storage::Complex128(all) => {
            format!("({},{})", short(all[i].re, true), short(all[i].im, true))
        }
        Storage::UInt64(all) => all[i].to_string(),
        storage if storage.dtype().is_float() => {
            short(x.to_f64().and_then(|all| all.get(i).copied()).unwrap_or(f64::NAN), false)
        }
        _ => x.to_i64().and_then(|all| all.get(i).copied()).unwrap_or(0).to_string(),
    }
}

/// Bytes with those that cannot be seen in C's notation.
fn escaped(text: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'"' => "\\\"".to_owned(),
        b'\'' => "\\'".to_owned(),
        b'\\' => "\\\\".to_owned(),
        0x20..0x7f => char::from(*byte).to_string(),
        _ => format!("\\{byte:03o}"),
    };
    text.iter().map(one).collect()
}

/// A tensor as `tf.print` prints it: of each axis the first and last `n`, all when it is negative.
pub(crate) fn summary(x: &DenseTensor, n: i64) -> String {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    let mut text = String::new();
    summarize(x, 0, 0, n, &mut text);
    text
}

fn summarize(x: &DenseTensor, axis: usize, start: usize, n: usize, text: &mut String) {
    /// Longer text is of no use to anybody.
    const LEN_MAX: usize = 1 << 20;
    let Some(len) = x.shape().get(axis).copied() else {
        text.push_str(&element(x, start));
        return;
    };
    let step: usize = x.shape()[axis + 1..].iter().product();
    let spacing = |text: &mut String| match x.rank() - axis - 1 {
        0 => text.push(' '),
        rest => {
            text.push_str(&"\n".repeat(rest));
            text.push_str(&" ".repeat(axis + 1));
        }
    };
    text.push('[');
    let tail = n.max(len.saturating_sub(n));
    for i in (0..n.min(len)).chain(tail..len) {
        if i > 0 {
            spacing(text);
        }
        if i == tail && len > n.saturating_mul(2) {
            text.push_str("...");
            spacing(text);
        }
        if text.len() > LEN_MAX {
            break;
        }
        summarize(x, axis + 1, start + i * step, n, text);
    }
    text.push(']');
}
