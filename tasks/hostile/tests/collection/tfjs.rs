//! `model.json` files whose shards lead out, whose numbers lie, whose bytes are others.

use serde_json::{Value, json};
use tensorferry_hostile::keras::{model_json, shard};
use tensorferry_store::MemoryStore;

use crate::{Case, Class};

fn folder(json: impl Into<String>, shard: Vec<u8>) -> MemoryStore {
    MemoryStore::folder("model")
        .with("model.json", json.into().into_bytes())
        .with("w.bin", shard)
        .pointing_at("model.json")
}

/// A model whose only shard has this path.
fn path(id: &'static str, path: &str, says: &'static str) -> Case {
    let store = folder(model_json(&[path]).to_string(), shard());
    Case::new(id, Class::OtherFile, store, says)
}

/// A model whose `model.json` was changed.
fn json(
    id: &'static str,
    class: Class,
    change: impl FnOnce(&mut Value),
    says: &'static str,
) -> Case {
    let mut json = model_json(&["w.bin"]);
    change(&mut json);
    Case::new(id, class, folder(json.to_string(), shard()), says)
}

/// The same as text, for what no JSON value can say.
fn text(id: &'static str, class: Class, from: &str, to: &str, says: &'static str) -> Case {
    let text = model_json(&["w.bin"]).to_string();
    assert!(text.contains(from), "{from} is not in {text}");
    Case::new(id, class, folder(text.replacen(from, to, 1), shard()), says)
}

/// A model whose shard has these bytes.
fn bytes(id: &'static str, class: Class, bytes: Vec<u8>, says: &'static str) -> Case {
    Case::new(id, class, folder(model_json(&["w.bin"]).to_string(), bytes), says)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all: Vec<Case> =
        [paths(), quantizations(), shapes(), shards(), structure()].into_iter().flatten().collect();
    if tensorferry_hostile::sweep::is_full() {
        all.push(many_weights());
    }
    all
}

fn paths() -> Vec<Case> {
    vec![
        path(
            "tfjs ../",
            "../../secret.bin",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"../../secret.bin\"",
        ),
        path(
            "tfjs ../ in the middle",
            "a/../../secret.bin",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"a/../../secret.bin\"",
        ),
        path(
            "tfjs absolute",
            "/etc/passwd",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"/etc/passwd\"",
        ),
        path(
            "tfjs file URL",
            "file:///etc/passwd",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"file:///etc/passwd\"",
        ),
        path(
            "tfjs http URL",
            "http://169.254.169.254/latest",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"http://169.254.169.254/latest\"",
        ),
        path(
            "tfjs other server",
            "//evil.example/w.bin",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"//evil.example/w.bin\"",
        ),
        path(
            "tfjs drive",
            "C:\\secret.bin",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"C:\\\\secret.bin\"",
        ),
        path(
            "tfjs backslashes",
            "..\\secret.bin",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"..\\\\secret.bin\"",
        ),
        path(
            "tfjs query",
            "w.bin?token=1",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"w.bin?token=1\"",
        ),
        path(
            "tfjs NUL",
            "w.bin\0.png",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"w.bin\\0.png\"",
        ),
        path(
            "tfjs empty",
            "",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"\"",
        ),
        path("tfjs ./ is harmless", "./w.bin", ""),
        path(
            "tfjs escape codes",
            "\u{1b}[2J.bin",
            "model.json: weightsManifest[0].paths[0]: not a path inside the model's folder, expected a name such as `group1-shard1of1.bin`, found \"\\u{1b}[2J.bin\"",
        ),
    ]
}

fn quantization(fields: &str) -> String {
    format!(r#""quantization":{{"dtype":"uint8",{fields}}},"name":"d/kernel""#)
}

fn quantizations() -> Vec<Case> {
    use Class::WrongWeights;
    let kernel = r#""name":"d/kernel""#;
    let quantized =
        |id, fields: &str, says| text(id, WrongWeights, kernel, &quantization(fields), says);
    vec![
        quantized(
            "tfjs NaN in quantization",
            r#""min":NaN,"scale":1"#,
            "model.json: weightsManifest[0].weights[0].quantization.min: wrong type, expected a finite number, found null",
        ),
        quantized(
            "tfjs min as text",
            r#""min":"0","scale":1"#,
            "model.json: weightsManifest[0].weights[0].quantization.min: wrong type, expected a finite number, found the string \"0\"",
        ),
        quantized(
            "tfjs min as null",
            r#""min":null,"scale":1"#,
            "model.json: weightsManifest[0].weights[0].quantization.min: wrong type, expected a finite number, found null",
        ),
        quantized(
            "tfjs infinite scale",
            r#""min":0,"scale":1e999"#,
            "model.json: weightsManifest[0].weights[0].quantization.scale: wrong type, expected a finite number, found null",
        ),
        quantized(
            "tfjs quantization without scale",
            r#""min":0"#,
            "model.json: weightsManifest[0].weights[0].quantization.scale: the field is missing, expected a finite number, found nothing",
        ),
        text(
            "tfjs int32 as float16 codes",
            WrongWeights,
            kernel,
            r#""quantization":{"dtype":"float16","original_dtype":"int32"},"name":"d/kernel""#,
            "model.json: weightsManifest[0].weights[0].quantization.original_dtype: not the dtype of the weight, expected float32, found \"int32\"",
        ),
    ]
}

fn shapes() -> Vec<Case> {
    use Class::{Bomb, WrongWeights};
    let shape = |id, class, shape: Value, says| {
        json(id, class, move |json| json["weightsManifest"][0]["weights"][0]["shape"] = shape, says)
    };
    vec![
        shape(
            "tfjs shape of 2^60",
            Bomb,
            json!([1_u64 << 40, 1 << 20]),
            "model.json: weightsManifest[0].weights[0].shape: [1099511627776, 1048576] has 2^53 elements or more",
        ),
        shape(
            "tfjs shape that overflows",
            Bomb,
            json!([u64::MAX, 3]),
            "model.json: weightsManifest[0].weights[0].shape: [18446744073709551615, 3] has 2^53 elements or more",
        ),
        shape(
            "tfjs negative dim",
            WrongWeights,
            json!([-2, 1]),
            "model.json: weightsManifest[0].weights[0].shape[0]: wrong type, expected an integer of 0 or more, found -2",
        ),
        shape(
            "tfjs half a dim",
            WrongWeights,
            json!([2.5, 1]),
            "model.json: weightsManifest[0].weights[0].shape[0]: wrong type, expected an integer of 0 or more, found 2.5",
        ),
        shape(
            "tfjs dim as text",
            WrongWeights,
            json!(["2", 1]),
            "model.json: weightsManifest[0].weights[0].shape[0]: wrong type, expected an integer of 0 or more, found the string \"2\"",
        ),
        shape(
            "tfjs rank 100",
            Bomb,
            json!(vec![1; 100]),
            "model.json: weightsManifest[0].weights[0].shape: 100 dims, more than the limit of 32",
        ),
        shape(
            "tfjs 2^50 elements",
            Bomb,
            json!([1_u64 << 50]),
            "w.bin: bytes are missing, expected 4503599627370500 bytes, found 12 bytes",
        ),
        shape("tfjs shape of its own", WrongWeights, json!([1, 2]), ""),
        json(
            "tfjs 2^40 strings",
            Bomb,
            |json| {
                let weight = &mut json["weightsManifest"][0]["weights"][0];
                weight["dtype"] = "string".into();
                weight["shape"] = json!([1_u64 << 40]);
            },
            "w.bin: d/kernel: 1099511627776 strings in 12 bytes",
        ),
        json(
            "tfjs unknown dtype",
            WrongWeights,
            |json| json["weightsManifest"][0]["weights"][0]["dtype"] = "float128".into(),
            "model.json: weightsManifest[0].weights[0].dtype: unknown dtype, expected one of float32, int32, bool, string, complex64, float16, uint8, uint16, found \"float128\"",
        ),
    ]
}

fn shards() -> Vec<Case> {
    use Class::{Ambiguous, Damage};
    let surplus = [shard(), vec![0; 4]].concat();
    let html = b"<!DOCTYPE html><title>404</title>".to_vec();
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n".to_vec();
    vec![
        bytes(
            "tfjs shard cut",
            Damage,
            shard()[..11].to_vec(),
            "w.bin: bytes are missing, expected 12 bytes, found 11 bytes",
        ),
        bytes(
            "tfjs shard empty",
            Damage,
            vec![],
            "w.bin: bytes are missing, expected 12 bytes, found 0 bytes",
        ),
        bytes(
            "tfjs shard with more",
            Ambiguous,
            surplus,
            "w.bin: too many bytes, expected 12 bytes, found 16 bytes",
        ),
        bytes(
            "tfjs shard is a web page",
            Damage,
            html,
            "w.bin: too many bytes, expected 12 bytes, found 33 bytes",
        ),
        bytes(
            "tfjs shard is of Git LFS",
            Damage,
            lfs,
            "w.bin: too many bytes, expected 12 bytes, found 64 bytes",
        ),
        json(
            "tfjs shard twice",
            Ambiguous,
            |json| json["weightsManifest"][0]["paths"] = json!(["w.bin", "./w.bin"]),
            "model.json: weightsManifest[0].paths[1]: the file `w.bin` is listed twice",
        ),
        json(
            "tfjs shard of two groups",
            Ambiguous,
            |json| {
                let group = json["weightsManifest"][0].clone();
                json["weightsManifest"] = json!([group, {"paths": ["w.bin"], "weights": []}]);
            },
            "model.json: weightsManifest[1].paths[0]: the file `w.bin` is listed twice",
        ),
        json(
            "tfjs no shard",
            Damage,
            |json| json["weightsManifest"][0]["paths"] = json!([]),
            "model.json: no shard is listed, expected 12 bytes, found no file",
        ),
    ]
}

fn structure() -> Vec<Case> {
    use Class::{Ambiguous, Bomb, Damage, Name, WrongWeights};
    let long = "n".repeat(5000);
    let weight = |name: &str| {
        let name = name.to_owned();
        move |json: &mut Value| json["weightsManifest"][0]["weights"][1]["name"] = name.into()
    };
    let shards: Vec<String> = (0..100_001).map(|i| format!("{i}")).collect();
    vec![
        json(
            "tfjs weight twice",
            Ambiguous,
            weight("d/kernel"),
            "model.json: weightsManifest[0].weights[1].name: duplicate weight name d/kernel",
        ),
        json("tfjs weight missing", WrongWeights, weight("d/other"), ""),
        json("tfjs weight __proto__", Name, weight("__proto__"), ""),
        json("tfjs weight with escape codes", Name, weight("\u{1b}[2J\n"), ""),
        json(
            "tfjs weight of 5,000 bytes",
            Name,
            weight(&long),
            "model.json: weightsManifest[0].weights[1].name: a name may have 4096 bytes, none of them NUL",
        ),
        json(
            "tfjs weight with NUL",
            Name,
            weight("a\0b"),
            "model.json: weightsManifest[0].weights[1].name: a name may have 4096 bytes, none of them NUL",
        ),
        json(
            "tfjs 100,001 shards",
            Bomb,
            move |json| json["weightsManifest"][0]["paths"] = json!(shards),
            "model.json: weightsManifest[0].paths[100000]: more than 100000 shards",
        ),
        json(
            "tfjs unknown format",
            Damage,
            |json| json["format"] = "executable".into(),
            "model.json: format: unknown format of model, expected `layers-model` or `graph-model`, found \"executable\"",
        ),
        json(
            "tfjs topology as a list",
            Damage,
            |json| json["modelTopology"] = json!([1]),
            "model.json: modelTopology: wrong type, expected an object or null, found an array",
        ),
        json(
            "tfjs manifest as an object",
            Damage,
            |json| json["weightsManifest"] = json!({}),
            "model.json: weightsManifest: wrong type, expected an array, found an object",
        ),
        text(
            "tfjs manifest twice",
            Ambiguous,
            r#""format""#,
            r#""weightsManifest":[],"format""#,
            "model.json: weightsManifest: the object has this key twice (line 1, column 635)",
        ),
        text(
            "tfjs constructor in the manifest",
            Name,
            r#""paths""#,
            r#""__proto__":{"polluted":true},"constructor":1,"paths""#,
            "",
        ),
    ]
}

/// 44 MB of text; it takes a second, and half a minute where nothing is optimized.
fn many_weights() -> Case {
    let entry = |i: usize| format!(r#"{{"name":"{i}","shape":[],"dtype":"bool"}}"#);
    let weights: Vec<String> = (0..1_000_001).map(entry).collect();
    let json = format!(
        r#"{{"modelTopology":null,"weightsManifest":[{{"paths":["w.bin"],"weights":[{}]}}]}}"#,
        weights.join(",")
    );
    let says = "model.json: weightsManifest[0].weights[1000000]: more than 1000000 weights";
    Case::new("tfjs 1,000,001 weights", Class::Bomb, folder(json, vec![]), says)
}
