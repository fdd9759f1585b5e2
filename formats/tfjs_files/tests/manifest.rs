//! Broken `model.json`: each with one thing wrong, and the message it gets.

mod common;

use common::{opener, written};
use tensorferry_json::Limits;
use tensorferry_tensor::Tensor;
use tensorferry_tfjs_files::{
    CodeType, Format, Kind, ModelJson, NamedTensor, WeightFiles, quantize, read_weights,
};

const WEIGHT: &str = r#"{"name": "w", "shape": [2], "dtype": "float32"}"#;

fn with_weight(weight: &str) -> String {
    format!(
        r#"{{"modelTopology": null, "weightsManifest": [{{"paths": [], "weights": [{weight}]}}]}}"#
    )
}

fn with_paths(paths: &str) -> String {
    format!(r#"{{"weightsManifest": [{{"paths": [{paths}], "weights": []}}]}}"#)
}

fn with_quantization(quantization: &str) -> String {
    with_weight(&format!(
        r#"{{"name": "w", "shape": [2], "dtype": "float32", "quantization": {quantization}}}"#
    ))
}

#[test]
fn a_wrong_field_is_named() {
    let w = "weightsManifest[0].weights[0]";
    let p = "weightsManifest[0].paths";
    let long = "9".repeat(4097);
    let cases: Vec<(String, String)> = vec![
        ("[]".into(), "wrong type, expected an object, found an array".into()),
        ("{}".into(), "weightsManifest: the field is missing, expected an array, found nothing".into()),
        (r#"{"weightsManifest": {}}"#.into(), "weightsManifest: wrong type, expected an array, found an object".into()),
        (r#"{"weightsManifest": [3]}"#.into(), "weightsManifest[0]: wrong type, expected an object, found 3".into()),
        (r#"{"weightsManifest": [{}]}"#.into(), "weightsManifest[0].paths: the field is missing, expected an array, found nothing".into()),
        (r#"{"weightsManifest": [], "format": "tflite"}"#.into(), "format: unknown format of model, expected `layers-model` or `graph-model`, found \"tflite\"".into()),
        (r#"{"weightsManifest": [], "modelTopology": "x"}"#.into(), "modelTopology: wrong type, expected an object or null, found the string \"x\"".into()),
        (r#"{"weightsManifest": [], "generatedBy": 3}"#.into(), "generatedBy: wrong type, expected a string, found 3".into()),
        (r#"{"weightsManifest": [], "a": 1, "a": 2}"#.into(), "a: the object has this key twice (line 1, column 33)".into()),
        (with_weight("7"), format!("{w}: wrong type, expected an object, found 7")),
        (with_weight(r#"{"shape": [], "dtype": "bool"}"#), format!("{w}.name: the field is missing, expected a string, found nothing")),
        (with_weight(&WEIGHT.replace("\"w\"", "null")), format!("{w}.name: wrong type, expected a string, found null")),
        (with_weight(&WEIGHT.replace("\"w\"", &format!("\"{long}\""))), format!("{w}.name: a name may have 4096 bytes, none of them NUL")),
        (with_weight(&WEIGHT.replace("[2]", "2")), format!("{w}.shape: wrong type, expected an array, found 2")),
        (with_weight(&WEIGHT.replace("[2]", "[2, -1]")), format!("{w}.shape[1]: wrong type, expected an integer of 0 or more, found -1")),
        (with_weight(&WEIGHT.replace("[2]", "[2.0]")), format!("{w}.shape[0]: wrong type, expected an integer of 0 or more, found 2.0")),
        (with_weight(&WEIGHT.replace("[2]", "[null]")), format!("{w}.shape[0]: wrong type, expected an integer of 0 or more, found null")),
        (with_weight(&WEIGHT.replace("[2]", "[4294967296, 4294967296]")), format!("{w}.shape: [4294967296, 4294967296] has 2^53 elements or more")),
        (with_weight(&WEIGHT.replace("[2]", &format!("[{}1]", "1,".repeat(32)))), format!("{w}.shape: 33 dims, more than the limit of 32")),
        (with_weight(&WEIGHT.replace("float32", "float")), format!("{w}.dtype: unknown dtype, expected one of float32, int32, bool, string, complex64, float16, uint8, uint16, found \"float\"")),
        (with_weight(&WEIGHT.replace("float32", "int64")), format!("{w}.dtype: unknown dtype, expected one of float32, int32, bool, string, complex64, float16, uint8, uint16, found \"int64\"")),
        (with_weight(&format!("{WEIGHT}, {WEIGHT}")), "weightsManifest[0].weights[1].name: duplicate weight name w".into()),
        (with_quantization("1"), format!("{w}.quantization: wrong type, expected an object, found 1")),
        (with_quantization("{}"), format!("{w}.quantization.dtype: the field is missing, expected a string, found nothing")),
        (with_quantization(r#"{"dtype": "int8"}"#), format!("{w}.quantization.dtype: unknown quantization, expected `uint8`, `uint16` or `float16`, found \"int8\"")),
        (with_quantization(r#"{"dtype": "uint8", "scale": 1}"#), format!("{w}.quantization.min: the field is missing, expected a finite number, found nothing")),
        (with_quantization(r#"{"dtype": "uint8", "min": "0", "scale": 1}"#), format!("{w}.quantization.min: wrong type, expected a finite number, found the string \"0\"")),
        (with_quantization(r#"{"dtype": "uint8", "min": 0, "scale": null}"#), format!("{w}.quantization.scale: wrong type, expected a finite number, found null")),
        (with_quantization(r#"{"dtype": "uint8", "min": NaN, "scale": 1}"#), format!("{w}.quantization.min: NaN where only finite numbers are allowed (line 1, column 161)")),
        (with_quantization(r#"{"dtype": "uint8", "min": 0, "scale": 1, "original_dtype": "int32"}"#), format!("{w}.quantization.original_dtype: not the dtype of the weight, expected float32, found \"int32\"")),
        (with_quantization(r#"{"dtype": "float16"}"#).replace("float32", "int32"), format!("{w}.quantization.dtype: int32 as float16 codes")),
        (with_quantization(r#"{"dtype": "uint8", "min": 0, "scale": 1}"#).replace("float32", "bool"), format!("{w}.quantization.dtype: bool as uint8 codes")),
        (with_paths("7"), format!("{p}[0]: wrong type, expected a string, found 7")),
        (with_paths(r#""a.bin", "a.bin""#), format!("{p}[1]: the file `a.bin` is listed twice")),
        (with_paths(r#""a.bin", "./a.bin""#), format!("{p}[1]: the file `a.bin` is listed twice")),
        (with_paths(r#""""#), format!("{p}[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"\"")),
    ];
    for (text, message) in cases {
        let error = ModelJson::parse(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }
}

#[test]
fn no_shard_lies_outside_of_the_folder() {
    for path in [
        "../a.bin",
        "a/../../b",
        "/etc/passwd",
        "C:/x",
        "..\\\\a",
        "http://x/y",
        "./../a",
        ".",
        "a\\u0000",
    ] {
        let text = with_paths(&format!("\"{path}\""));
        let error = ModelJson::parse(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.detail().what, "not a path inside the model's folder", "{path}");
    }
}

#[test]
fn what_the_loaders_accept_is_accepted() {
    let parse = |text: &str| ModelJson::parse(text.as_bytes(), &Limits::default()).unwrap();
    let bare = parse(r#"{"weightsManifest": []}"#);
    assert_eq!((bare.format, bare.topology.is_null()), (Format::LayersModel, true));
    let graph = parse(r#"{"modelTopology": {"node": []}, "weightsManifest": []}"#);
    assert_eq!(graph.format, Format::GraphModel);
    // Converters before 1.3 wrote no `original_dtype`, others whole numbers.
    let old = parse(&with_quantization(r#"{"dtype": "uint8", "min": 0, "scale": 1}"#));
    let quantization = old.weights_manifest[0].weights[0].quantization.unwrap();
    assert_eq!(quantization.original_dtype, None);
    let text = String::from_utf8(old.to_bytes()).unwrap();
    assert!(text.contains(r#""quantization": {"dtype": "uint8", "min": 0.0, "scale": 1.0}"#));
}

#[test]
fn there_are_limits_to_what_is_listed() {
    let paths: Vec<String> = (0..100_001).map(|i| format!("\"{i}\"")).collect();
    let error = ModelJson::parse(with_paths(&paths.join(", ")).as_bytes(), &Limits::default());
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "weightsManifest[0].paths[100000]: more than 100000 shards");
    assert_eq!(error.kind(), Kind::Limit);
}

/// A small model with quantized weights, strings and two shards, as files.
fn small_model() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let floats = Tensor::from_f32(&[3], &[-1.0, 0.0, 2.0]);
    let codes = quantize("q", &floats, CodeType::UInt8, false).expect("finite floats");
    let text = common::tensor(tensorferry_tensor::DType::String, &[1], b"\x02\0\0\0ab".to_vec());
    let weights = vec![
        NamedTensor::new("w", floats),
        NamedTensor::quantized("q", codes),
        NamedTensor::new("s", text),
    ];
    let (manifest, files) = written(vec![weights], WeightFiles::Shards(11));
    let mut model = ModelJson::new(Format::LayersModel, serde_json::json!({"class_name": "M"}));
    model.weights_manifest = manifest;
    (model.to_bytes(), files)
}

#[test]
fn every_prefix_is_an_error() {
    let (whole, _) = small_model();
    for len in 0..whole.len() {
        let error = ModelJson::parse(&whole[..len], &Limits::default()).unwrap_err();
        assert!(matches!(error.kind(), Kind::Truncated | Kind::Malformed), "{len}: {error}");
    }
}

#[test]
fn no_changed_bit_panics() {
    let (whole, files) = small_model();
    let read = |json: &[u8], files: &[(String, Vec<u8>)]| {
        let Ok(model) = ModelJson::parse(json, &Limits::default()) else { return false };
        let Ok(weights) = read_weights(&model.weights_manifest, &opener(files.to_vec())) else {
            return false;
        };
        weights.iter().all(|w| w.loaded().data().for_each_piece(&mut |_| Ok(())).is_ok())
    };
    assert!(read(&whole, &files));
    for i in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[i / 8] ^= 1 << (i % 8);
        read(&changed, &files);
    }
    for f in 0..files.len() {
        for len in 0..files[f].1.len() {
            let mut cut = files.clone();
            cut[f].1.truncate(len);
            assert!(!read(&whole, &cut), "shard {f} of {len} bytes");
        }
        for i in 0..files[f].1.len() * 8 {
            let mut changed = files.clone();
            changed[f].1[i / 8] ^= 1 << (i % 8);
            read(&whole, &changed);
        }
    }
}
