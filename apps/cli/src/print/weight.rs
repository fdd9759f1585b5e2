//! The values of one weight, and its stored bytes beside them.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tensorferry::WeightView;
use tensorferry_diagnostics::{Problem, printable};
use tensorferry_tensor::{DType, Tensor};

use super::inspection::weight_line;
use super::{DIM, count};

/// Elements that are printed unless all are asked for.
const ELEMENTS_MAX: u64 = 64;
/// Lines of bytes that are printed of each weight when all weights are.
pub(crate) const HEX_BRIEF: u64 = 16;
const VALUES_PER_LINE: usize = 8;
const BYTES_PER_LINE: usize = 16;

/// The values as people read them.
pub(crate) fn values(view: &WeightView, is_all: bool) -> Result<String, Problem> {
    let n_max = if is_all { u64::MAX } else { ELEMENTS_MAX };
    let values = first_values(&view.loaded, n_max)?;
    let mut out = weight_line(&view.row);
    // Whole innermost rows on a line where they are short, so that a matrix looks like one.
    let row = view.loaded.shape().last().and_then(|dim| usize::try_from(*dim).ok());
    let per_line = row.filter(|dim| (1..=VALUES_PER_LINE).contains(dim)).unwrap_or(VALUES_PER_LINE);
    let width = values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
    for (i, line) in values.chunks(per_line).enumerate() {
        let cells: Vec<String> = line.iter().map(|value| format!("{value:>width$}")).collect();
        let _ = writeln!(out, "{DIM}{:>8}{DIM:#}  {}", i * per_line, cells.join("  "));
    }
    out.push_str(&rest(view.loaded.len(), values.len() as u64));
    Ok(out)
}

fn rest(len: u64, n_shown: u64) -> String {
    match len.saturating_sub(n_shown) {
        0 => String::new(),
        more => format!("          and {} more (--all prints them)\n", count(more)),
    }
}

/// The stored bytes, in the order of the file, beside the numbers that they are after loading.
pub(crate) fn hex(view: &WeightView, n_max: u64) -> Result<String, Problem> {
    let mut out = weight_line(&view.row);
    let dtype = view.stored.dtype();
    let Some(size) = dtype.byte_size() else { return Ok(out + &string_bytes(view, n_max)?) };
    let per_line = (BYTES_PER_LINE / size).clamp(1, VALUES_PER_LINE);
    let stored = first_bytes(&view.stored, n_max.saturating_mul(size as u64))?;
    let loaded = first_values(&view.loaded, n_max)?;
    let start = view.row.byte_range.map_or(0, |(first, _)| first);
    for (i, line) in stored.chunks(per_line * size).enumerate() {
        let bytes: Vec<String> = line.chunks(size).map(hex_of).collect();
        let from = i * per_line;
        let values = loaded.iter().skip(from).take(per_line).cloned().collect::<Vec<_>>();
        let width = per_line * (size * 3 + 1) - 2;
        let offset = start.saturating_add((i * per_line * size) as u64);
        let _ = writeln!(
            out,
            "{DIM}{offset:08x}{DIM:#}  {:<width$}  {}",
            bytes.join("  "),
            values.join("  ")
        );
    }
    out.push_str(&rest(view.stored.len(), (stored.len() / size) as u64));
    Ok(out)
}

fn string_bytes(view: &WeightView, n_max: u64) -> Result<String, Problem> {
    let bytes = first_bytes(&view.stored, n_max.saturating_mul(BYTES_PER_LINE as u64))?;
    let start = view.row.byte_range.map_or(0, |(first, _)| first);
    let mut out = String::new();
    for (i, line) in bytes.chunks(BYTES_PER_LINE).enumerate() {
        let text: String = line
            .iter()
            .map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' })
            .collect();
        let offset = start.saturating_add((i * BYTES_PER_LINE) as u64);
        let width = BYTES_PER_LINE * 3;
        let _ = writeln!(out, "{DIM}{offset:08x}{DIM:#}  {:<width$} {text}", hex_of(line));
    }
    Ok(out)
}

fn hex_of(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// The weight as JSON. Numbers that JSON does not have are strings, as Python names them.
pub(crate) fn as_json(view: &WeightView) -> Result<Value, Problem> {
    let values: Vec<Value> = first_values(&view.loaded, u64::MAX)?
        .into_iter()
        .map(|text| match view.loaded.dtype() {
            DType::String => Value::String(text),
            DType::Bool => Value::Bool(text == "true"),
            _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
        .collect();
    let mut value = serde_json::to_value(&view.row).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("values".to_owned(), json!(values));
    }
    Ok(value)
}

/// The first values as text, one each element.
fn first_values(tensor: &Tensor, n_max: u64) -> Result<Vec<String>, Problem> {
    let dtype = tensor.dtype();
    let n = tensor.len().min(n_max);
    let Some(size) = dtype.byte_size() else { return strings(tensor, n) };
    let bytes = first_bytes(tensor, n.saturating_mul(size as u64))?;
    let exact = match dtype {
        // These do not fit a double.
        DType::Int64 => {
            bytes.chunks_exact(8).map(|b| i64::from_le_bytes(le(b)).to_string()).collect()
        }
        DType::UInt64 => {
            bytes.chunks_exact(8).map(|b| u64::from_le_bytes(le(b)).to_string()).collect()
        }
        // The shortest decimal of the narrow number, not of its double.
        DType::Float32 => bytes.chunks_exact(4).map(|b| float(f32::from_le_bytes(le(b)))).collect(),
        _ => Vec::new(),
    };
    if !exact.is_empty() || n == 0 {
        return Ok(exact);
    }
    let prefix = Tensor::new(dtype, vec![n], Arc::new(bytes)).map_err(undecodable)?;
    let numbers = prefix.to_f64().map_err(undecodable)?;
    Ok(match dtype {
        DType::Bool => numbers.iter().map(|v| (*v != 0.0).to_string()).collect(),
        DType::Complex64 | DType::Complex128 => {
            numbers.chunks(2).map(|c| format!("{}{:+}i", c[0], c.get(1).unwrap_or(&0.0))).collect()
        }
        DType::Float16 | DType::BFloat16 => numbers.iter().map(|v| float(*v as f32)).collect(),
        _ => numbers.iter().map(ToString::to_string).collect(),
    })
}

fn le<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("`chunks_exact` gives whole chunks")
}

/// Shortest text that reads back as the same number; an exponent where zeros would fill the line.
fn float(value: f32) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-5..1e16).contains(&magnitude) {
        return format!("{value:e}");
    }
    value.to_string()
}

/// String elements: a little-endian `u32` length before each.
fn strings(tensor: &Tensor, n_max: u64) -> Result<Vec<String>, Problem> {
    let bytes = first_bytes(tensor, u64::MAX)?;
    let mut rest: &[u8] = &bytes;
    let mut values = Vec::new();
    while let Some((len, tail)) = rest.split_first_chunk::<4>() {
        if values.len() as u64 >= n_max {
            break;
        }
        let len = u32::from_le_bytes(*len) as usize;
        let text = tail.get(..len).ok_or_else(|| Problem::input("a string is cut short"))?;
        values.push(format!("\"{}\"", printable(&String::from_utf8_lossy(text))));
        rest = &tail[len..];
    }
    Ok(values)
}

/// The first bytes of a tensor, without producing the rest.
fn first_bytes(tensor: &Tensor, n_max: u64) -> Result<Bytes, Problem> {
    let n_max = usize::try_from(n_max).unwrap_or(usize::MAX);
    if let Some(bytes) = tensor.data().as_bytes() {
        return Ok(bytes.slice(..bytes.len().min(n_max)));
    }
    let mut bytes = Vec::new();
    let mut is_enough = false;
    let result = tensor.data().for_each_piece(&mut |piece| {
        bytes.extend_from_slice(&piece[..piece.len().min(n_max - bytes.len())]);
        is_enough = bytes.len() == n_max;
        if is_enough { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    match result {
        Err(e) if !is_enough => Err(undecodable(e)),
        _ => Ok(bytes.into()),
    }
}

fn undecodable(error: io::Error) -> Problem {
    Problem::input(format!("the weight cannot be decoded: {error}"))
}

#[cfg(test)]
mod tests {
    use tensorferry::{StoredQuantization, WeightRow};

    use super::*;
    use crate::print::plain;

    fn row(dtype: &str, shape: &[u64]) -> WeightRow {
        WeightRow {
            name: "w".into(),
            dtype: dtype.into(),
            shape: shape.to_vec(),
            file: Some("f.bin".into()),
            byte_range: Some((16, 8)),
            quantization: None,
            min: None,
            max: None,
            mean: None,
            n_non_finite: None,
        }
    }

    fn tensor(dtype: DType, shape: &[u64], bytes: &[u8]) -> Tensor {
        Tensor::new(dtype, shape.to_vec(), Arc::new(Bytes::copy_from_slice(bytes))).unwrap()
    }

    #[test]
    fn values_are_the_shortest_that_read_back() {
        let cases: [(DType, &[u8], &str); 7] = [
            (DType::Float32, &0.1_f32.to_le_bytes(), "0.1"),
            (DType::Float32, &1e-20_f32.to_le_bytes(), "1e-20"),
            (DType::Float32, &f32::NAN.to_le_bytes(), "NaN"),
            (DType::Float16, &[0x66, 0x2e], "0.099975586"),
            (DType::Int64, &i64::MIN.to_le_bytes(), "-9223372036854775808"),
            (DType::Bool, &[1], "true"),
            (DType::Complex64, &[0, 0, 128, 63, 0, 0, 0, 192], "1-2i"),
        ];
        for (dtype, bytes, expected) in cases {
            assert_eq!(first_values(&tensor(dtype, &[], bytes), 9).unwrap(), [expected]);
        }
        let bytes = [2, 0, 0, 0, b'h', b'i', 0, 0, 0, 0];
        let strings = tensor(DType::String, &[2], &bytes);
        assert_eq!(first_values(&strings, 9).unwrap(), ["\"hi\"", "\"\""]);
    }

    #[test]
    fn bytes_stand_beside_the_numbers() {
        let loaded = Tensor::from_f32(&[2, 2], &[-1.0, -0.5, 0.0, 126.5]);
        let mut row = row("float32", &[2, 2]);
        row.quantization =
            Some(StoredQuantization { dtype: "uint8".into(), scale: Some(0.5), min: Some(-1.0) });
        let stored = tensor(DType::UInt8, &[2, 2], &[0, 1, 2, 255]);
        let view = WeightView { row, loaded: loaded.clone(), stored };
        let text = plain(&hex(&view, 64).unwrap());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("stored as uint8: 0.5 * code - 1"), "{text}");
        assert!(lines[1].starts_with("00000010  00  01  02  ff "), "{text}");
        assert!(lines[1].ends_with("  -1  -0.5  0  126.5"), "{text}");

        let view =
            WeightView { row: self::row("float32", &[2, 2]), stored: loaded.clone(), loaded };
        let text = plain(&hex(&view, 2).unwrap());
        assert!(text.contains("00 00 80 bf  00 00 00 bf "), "{text}");
        assert!(text.contains("and 2 more"), "{text}");
        assert_eq!(as_json(&view).unwrap()["values"], json!([-1, -0.5, 0, 126.5]));
    }

    #[test]
    fn a_matrix_looks_like_one() {
        let loaded = Tensor::from_f32(&[2, 2], &[1.0, -2.5, 3.0, 4.0]);
        let view = WeightView { row: row("float32", &[2, 2]), stored: loaded.clone(), loaded };
        let text = plain(&values(&view, false).unwrap());
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, ["       0     1  -2.5", "       2     3     4"]);
    }
}
