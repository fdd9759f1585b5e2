//! Quantization against tensorflowjs 4.22 on NumPy 2 (`data/make.py`), and its bounds.

mod common;

use common::{bytes_of, data, le, tensor};
use proptest::prelude::*;
use serde_json::Value;
use tensorferry_json::{Limits, parse};
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tfjs_files::{
    Affine, CodeType, Codes, Kind, Patterns, Quantization, QuantizeRules, dequantize,
    error_figures, fnmatch, quantize,
};

fn rows(name: &str) -> Vec<Value> {
    let value = parse(&data(name), &Limits::default()).expect("made by Python");
    value.as_array().expect("a list").clone()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().expect("a list").iter().map(|n| n.as_u64().expect("a number")).collect()
}

#[test]
fn codes_and_parameters_are_those_of_numpy_2() {
    let rows = rows("quantization.json");
    assert_eq!(rows.len(), 46);
    for row in rows {
        let bits = numbers(&row["bits"]);
        let floats =
            tensor(DType::Float32, &[bits.len() as u64], le(&bits, |b| (b as u32).to_le_bytes()));
        let to = if row["dtype"] == "uint8" { CodeType::UInt8 } else { CodeType::UInt16 };
        let made = quantize("w", &floats, to, false).unwrap();
        let (Codes::UInt8(affine) | Codes::UInt16(affine)) = made.quantization.codes else {
            panic!("affine codes")
        };
        for (ours, key) in [(affine.min, "min"), (affine.scale, "scale")] {
            let python = row[key].as_f64().unwrap();
            assert_eq!(ours.to_bits(), python.to_bits(), "{key}: {ours} {python} of {row}");
        }
        let codes: Vec<u64> = made.tensor.to_f64().unwrap().iter().map(|c| *c as u64).collect();
        assert_eq!(codes, numbers(&row["codes"]), "{row}");
        let figures = error_figures(&floats, &made.quantization).unwrap();
        assert_eq!(figures.max_abs, row["max_abs"].as_f64().unwrap(), "{row}");
        let rms = row["rms"].as_f64().unwrap();
        assert!((figures.rms - rms).abs() <= 1e-12 * rms, "{} {rms}", figures.rms);
    }
}

#[test]
fn patterns_match_as_in_python() {
    let rows = rows("fnmatch.json");
    assert_eq!(rows.len(), 600);
    for row in rows {
        let (name, pattern) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        assert_eq!(fnmatch(name, pattern), row[2] == true, "{name:?} {pattern:?}");
    }
}

#[test]
fn values_that_codes_cannot_hold_are_named() {
    let cases: &[(&[f32], CodeType, bool, Option<&str>)] = &[
        (
            &[1.0, f32::NAN],
            CodeType::UInt8,
            true,
            Some("w: element 1 is NaN, which uint8 codes cannot hold"),
        ),
        (
            &[f32::NEG_INFINITY],
            CodeType::UInt16,
            true,
            Some("w: element 0 is -inf, which uint16 codes cannot hold"),
        ),
        (&[1.0, f32::NAN, f32::INFINITY], CodeType::Float16, false, None),
        (&[65519.0, -65519.0], CodeType::Float16, false, None),
        (&[0.0, -65520.0], CodeType::Float16, false, Some("w: element 1 is -65520")),
        (&[f32::NAN, 1e9], CodeType::Float16, false, Some("w: element 1 is 1000000000")),
        (&[f32::NAN, 1e9], CodeType::Float16, true, None),
        (&[3e38, -3e38], CodeType::UInt8, false, None),
    ];
    for (values, to, clamp, message) in cases {
        let floats = Tensor::from_f32(&[values.len() as u64], values);
        match (quantize("w", &floats, *to, *clamp), message) {
            (Ok(_), None) => {}
            (Err(error), Some(message)) => {
                assert_eq!(error.to_string(), *message);
                assert_eq!(error.kind(), Kind::Value);
                assert!(error.detail().index.is_some() && error.detail().hint.is_some());
            }
            (result, _) => panic!("{values:?}: {result:?}"),
        }
    }
    let end = Tensor::from_f32(&[2], &[-6e35, f32::MAX]);
    let error = quantize("w", &end, CodeType::UInt8, true).unwrap_err().to_string();
    assert!(error.starts_with("w: its elements lie between -6e35 and 3.4028235e38"), "{error}");
    let big = Tensor::from_f32(&[2], &[-1e9, f32::INFINITY]);
    let made = quantize("w", &big, CodeType::Float16, true).unwrap();
    assert_eq!(made.tensor.to_f64().unwrap(), [-65504.0, f64::INFINITY]);
    let figures = error_figures(&big, &made.quantization).unwrap();
    assert_eq!(figures.max_abs, 1e9 - 65504.0);
}

#[test]
fn what_is_no_float32_or_is_empty_stays() {
    let rules = QuantizeRules::new(vec![(CodeType::UInt8, Patterns::AllOthers)], None).unwrap();
    let all = [
        (tensor(DType::Float32, &[0, 4], vec![]), false),
        (tensor(DType::Float32, &[], vec![0; 4]), true),
        (tensor(DType::Int32, &[2], vec![0; 8]), false),
        (tensor(DType::Bool, &[2], vec![0; 2]), false),
        (tensor(DType::Complex64, &[1], vec![0; 8]), false),
        (tensor(DType::String, &[1], vec![0; 4]), false),
    ];
    for (tensor, is_quantized) in &all {
        assert_eq!(rules.choose_for("w", tensor).unwrap().is_some(), *is_quantized);
        assert_eq!(quantize("w", tensor, CodeType::UInt8, false).is_ok(), *is_quantized);
    }
    let large = QuantizeRules::new(vec![(CodeType::UInt8, Patterns::AllOthers)], Some(4)).unwrap();
    for (shape, is_quantized) in
        [(&[4][..], false), (&[2, 2], true), (&[3, 1], false), (&[], false), (&[1, 4], true)]
    {
        let n = shape.iter().product::<u64>() as usize;
        let floats = Tensor::from_f32(shape, &vec![1.0; n]);
        assert_eq!(large.choose_for("w", &floats).unwrap().is_some(), is_quantized, "{shape:?}");
    }
}

#[test]
fn rules_in_conflict_are_refused() {
    let globs = |globs: &[&str]| Patterns::Globs(globs.iter().map(ToString::to_string).collect());
    let rules = QuantizeRules::new(
        vec![
            (CodeType::UInt8, globs(&["conv*", "*/bias"])),
            (CodeType::Float16, globs(&["conv1/*", "slip"])),
            (CodeType::UInt16, Patterns::AllOthers),
        ],
        None,
    )
    .unwrap();
    assert_eq!(rules.choose("conv2/kernel").unwrap(), Some(CodeType::UInt8));
    assert_eq!(rules.choose("conv2/bias").unwrap(), Some(CodeType::UInt8));
    assert_eq!(rules.choose("dense/kernel").unwrap(), Some(CodeType::UInt16));
    let error = rules.choose("conv1/kernel").unwrap_err();
    assert_eq!(
        error.to_string(),
        "conv1/kernel: two quantizations match: uint8 by `conv*` and float16 by `conv1/*`"
    );
    assert_eq!(rules.unmatched(&["conv1/kernel", "d/bias"]), ["slip"]);
    let two = vec![(CodeType::UInt8, Patterns::AllOthers), (CodeType::UInt16, Patterns::AllOthers)];
    let error = QuantizeRules::new(two, None).unwrap_err();
    assert_eq!(error.to_string(), "uint8 and uint16 are both to take all other weights");
    assert_eq!(QuantizeRules::default().choose("x").unwrap(), None);
}

#[test]
fn codes_load_as_in_javascript() {
    let affine = Affine { min: -2.5, scale: 0.5 };
    let q = |codes| Quantization { codes, original_dtype: None };
    let bytes = tensor(DType::UInt8, &[4], vec![0, 3, 4, 255]);
    let floats = dequantize(&bytes, &q(Codes::UInt8(affine)), DType::Float32).unwrap();
    assert_eq!(floats.to_f64().unwrap(), [-2.5, -1.0, -0.5, 125.0]);
    // `Math.round` takes halves up: -2.5 becomes -2, -0.5 becomes 0.
    let integers = dequantize(&bytes, &q(Codes::UInt8(affine)), DType::Int32).unwrap();
    assert_eq!(integers.to_f64().unwrap(), [-2.0, -1.0, 0.0, 125.0]);
    let wide = tensor(DType::UInt16, &[2], le(&[1_u16, 65535], u16::to_le_bytes));
    let floats = dequantize(&wide, &q(Codes::UInt16(affine)), DType::Float32).unwrap();
    assert_eq!(floats.to_f64().unwrap(), [-2.0, 32765.0]);
    let halves = tensor(DType::Float16, &[2], vec![0x00, 0x3c, 0x00, 0xc0]);
    let floats = dequantize(&halves, &q(Codes::Float16), DType::Float32).unwrap();
    assert_eq!(floats.to_f64().unwrap(), [1.0, -2.0]);
    assert!(dequantize(&halves, &q(Codes::Float16), DType::Int32).is_err());
    assert!(dequantize(&halves, &q(Codes::UInt8(affine)), DType::Float32).is_err());
}

#[test]
fn a_stream_of_many_pieces_gives_the_same_codes() {
    let values: Vec<f32> =
        (0..200_000).map(|i| ((i * 7919) % 10007) as f32 / 100.0 - 30.0).collect();
    let whole = Tensor::from_f32(&[200_000], &values);
    let made = quantize("w", &whole, CodeType::UInt16, false).unwrap();
    let mut largest = 0;
    made.tensor
        .data()
        .for_each_piece(&mut |piece| {
            largest = largest.max(piece.len());
            Ok(())
        })
        .unwrap();
    assert!(largest <= 1 << 17, "pieces are bounded");
    let (Codes::UInt8(a) | Codes::UInt16(a)) = made.quantization.codes else { panic!("affine") };
    let codes = made.tensor.to_f64().unwrap();
    for (x, code) in values.iter().zip(codes) {
        assert_eq!(code, ((f64::from(*x) - a.min) / a.scale).round_ties_even());
    }
}

proptest! {
    #[test]
    fn affine_codes_move_a_value_by_half_a_step_at_most(
        values in prop::collection::vec(-1e6_f32..1e6, 1..60),
        shift in -1e4_f32..1e4,
        wide in any::<bool>(),
    ) {
        let values: Vec<f32> = values.iter().map(|x| x * 1e-3 + shift).collect();
        let floats = Tensor::from_f32(&[values.len() as u64], &values);
        let to = if wide { CodeType::UInt16 } else { CodeType::UInt8 };
        let made = quantize("w", &floats, to, false).unwrap();
        let (Codes::UInt8(a) | Codes::UInt16(a)) = made.quantization.codes else { panic!("affine") };
        let loaded = dequantize(&made.tensor, &made.quantization, DType::Float32).unwrap();
        // Moving the range so that zero is a code takes up to half a step more off one end, and
        // the result is rounded to float32.
        let crosses_zero = values.iter().any(|x| *x <= 0.0) && values.iter().any(|x| *x >= 0.0);
        let steps = if crosses_zero { 1.0 } else { 0.5 };
        let mut max_abs = 0.0_f64;
        for (x, y) in values.iter().zip(loaded.to_f64().unwrap()) {
            let error = (f64::from(*x) - y).abs();
            let rounding = f64::from(x.abs()) * f64::from(f32::EPSILON);
            prop_assert!(error <= steps * a.scale * (1.0 + 1e-9) + rounding, "{x} {y} {}", a.scale);
            max_abs = max_abs.max(error);
        }
        let figures = error_figures(&floats, &made.quantization).unwrap();
        prop_assert_eq!(figures.max_abs, max_abs);
        prop_assert!(figures.rms <= figures.max_abs * (1.0 + 1e-12));
        // What is loaded holds zero exactly where the weight did.
        if crosses_zero {
            let zero = Tensor::from_f32(&[1], &[0.0]);
            prop_assert_eq!(error_figures(&zero, &made.quantization).unwrap().max_abs, 0.0);
        }
    }

    #[test]
    fn halves_are_exact_to_eleven_bits(values in prop::collection::vec(-60000.0_f32..60000.0, 1..50)) {
        let floats = Tensor::from_f32(&[values.len() as u64], &values);
        let made = quantize("w", &floats, CodeType::Float16, false).unwrap();
        for (x, y) in values.iter().zip(made.tensor.to_f64().unwrap()) {
            prop_assert!((f64::from(*x) - y).abs() <= f64::from(x.abs()).max(6.2e-5) / 2048.0);
        }
        prop_assert_eq!(bytes_of(&made.tensor).len(), values.len() * 2);
    }
}
