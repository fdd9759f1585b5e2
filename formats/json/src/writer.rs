//! From a value to the bytes that Python's `json.dumps` gives.

use std::io;

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// The bytes of `json.dumps(value)` with its defaults: one line, `", "` and `": "` between items,
/// everything outside of space to `~` as `\uXXXX`, floats as their `repr`, no newline at the end.
pub fn to_python(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, Python);
    serde::Serialize::serialize(value, &mut serializer)
        .expect("keys are strings and a vector takes every byte");
    out
}

/// Python's `repr` of a float: the shortest digits that read back, an exponent below 1e-4 and from
/// 1e16 on, `.0` behind whole numbers. NaN and infinities come as `nan`, `inf`, `-inf`.
pub fn python_float(value: f64) -> String {
    if !value.is_finite() {
        let sign = if value == f64::NEG_INFINITY { "-" } else { "" };
        return format!("{sign}{}", if value.is_nan() { "nan" } else { "inf" });
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value);
    let (sign, unsigned) = match shortest.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", shortest),
    };
    let (digits, exponent) = digits_and_exponent(unsigned);
    format!("{sign}{}", placed(&digits, exponent))
}

/// Significant digits without zeros at either end, and the decimal exponent of the first one:
/// `0.00120` is (`12`, -3).
fn digits_and_exponent(number: &str) -> (String, i32) {
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let exponent: i32 = exponent.parse().expect("a float's exponent has three digits at most");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let n_leading = count(all.len() - digits.len());
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return ("0".to_owned(), 0);
    }
    (digits.to_owned(), exponent + count(whole.len()) - 1 - n_leading)
}

/// The digits with their point or exponent, by the rule of Python's `float_repr_style` "short".
fn placed(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    if !(-4..16).contains(&exponent) {
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs());
    }
    let shift = usize::try_from(exponent.unsigned_abs()).expect("below 16");
    if exponent < 0 {
        return format!("0.{}{digits}", "0".repeat(shift - 1));
    }
    if digits.len() <= shift + 1 {
        return format!("{digits}{}.0", "0".repeat(shift + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(shift + 1);
    format!("{whole}.{fraction}")
}

/// Lengths here are those of a printed float, at most some 30 characters.
fn count(n: usize) -> i32 {
    i32::try_from(n).expect("a printed float is short")
}

struct Python;

impl Formatter for Python {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        if is_first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        if is_first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.bytes().position(|b| !(b' '..=b'~').contains(&b)) {
            let (plain, odd) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let c =
                odd.chars().next().expect("a character starts at the first byte that is not plain");
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = odd.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}
