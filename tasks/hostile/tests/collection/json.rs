//! JSON texts that are deep, large, ambiguous or no JSON; and files of other tools.

use tensorferry_hostile::keras;
use tensorferry_store::MemoryStore;

use crate::{Case, Class};

fn text(id: &'static str, class: Class, text: impl Into<String>, says: &'static str) -> Case {
    Case::new(id, class, MemoryStore::file("model.json", text.into().into_bytes()), says)
}

fn file(id: &'static str, class: Class, name: &str, bytes: &[u8], says: &'static str) -> Case {
    Case::new(id, class, MemoryStore::file(name, bytes.to_vec()), says)
}

/// A `model.json` that holds this text as a field.
fn with(field: &str) -> String {
    format!(r#"{{"modelTopology": null, "weightsManifest": [], "userDefinedMetadata": {field}}}"#)
}

pub(crate) fn cases() -> Vec<Case> {
    [deep(), large(), ambiguous(), broken(), of_other_tools(), of_no_tool()]
        .into_iter()
        .flatten()
        .collect()
}

fn deep() -> Vec<Case> {
    use Class::Loop;
    let deep = with(&("[".repeat(100_000) + &"]".repeat(100_000)));
    let deep_objects = with(&(r#"{"a":"#.repeat(200) + "1" + &"}".repeat(200)));
    let config = keras::h5(&("[".repeat(10_000) + &"]".repeat(10_000)));
    vec![
        text(
            "json deep",
            Loop,
            deep,
            "model.json: userDefinedMetadata[0][0][0][0][0][0][0][0][0][0][0][0][0][0…[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: arrays and objects are nested too deeply (line 1, column 198)",
        ),
        text(
            "json deep objects",
            Loop,
            deep_objects,
            "model.json: userDefinedMetadata.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.….a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: arrays and objects are nested too deeply (line 1, column 706)",
        ),
        Case::h5(
            "json deep in h5",
            Loop,
            config,
            "m.h5: model_config.[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0…[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: arrays and objects are nested too deeply (line 1, column 129)",
        ),
    ]
}

fn large() -> Vec<Case> {
    use Class::{Bomb, Name};
    let numbers = with(&format!("[{}0]", "0,".repeat(2_000_000)));
    let objects = with(&format!("[{}0]", "{\"a\":0},".repeat(400_000)));
    let lists = with(&format!("[{}0]", "[0],".repeat(400_000)));
    let digits = with(&"9".repeat(1_000_000));
    let long_key = with(&format!(r#"{{"{}": nul}}"#, "k".repeat(100_000)));
    let mut bytes = with("1").into_bytes();
    bytes.extend(b"\xff");
    vec![
        text(
            "json two million numbers",
            Bomb,
            numbers,
            "model.json: userDefinedMetadata[500005]: more values than a text of this length may hold (line 1, column 1000082)",
        ),
        text(
            "json 400,000 objects",
            Bomb,
            objects,
            "model.json: userDefinedMetadata[200002].a: more values than a text of this length may hold (line 1, column 1600093)",
        ),
        text(
            "json 400,000 lists",
            Bomb,
            lists,
            "model.json: userDefinedMetadata[131070]: more values than a text of this length may hold (line 1, column 524352)",
        ),
        text(
            "json number of a million digits",
            Bomb,
            digits,
            "model.json: userDefinedMetadata: an integer that does not fit 64 bits (line 1, column 71)",
        ),
        text(
            "json key of 100,000 bytes",
            Name,
            long_key,
            "model.json: userDefinedMetadata[\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\"…]: expected a value, found `n` (line 1, column 100076)",
        ),
    ]
}

fn ambiguous() -> Vec<Case> {
    use Class::{Ambiguous, Name};
    vec![
        text(
            "json key twice",
            Ambiguous,
            with(r#"{"a": 1, "\u0061": 2}"#),
            "model.json: userDefinedMetadata.a: the object has this key twice (line 1, column 80)",
        ),
        text(
            "json two values",
            Ambiguous,
            with("1") + "{}",
            "model.json: expected nothing after the value, found `{` (line 1, column 73)",
        ),
        text(
            "json escape codes in a key",
            Name,
            with("{\"\u{1b}[2J\u{202e}\": nul}"),
            "model.json: userDefinedMetadata: a control character in a string (line 1, column 73)",
        ),
    ]
}

fn broken() -> Vec<Case> {
    use Class::{Ambiguous, Damage};
    let mut bytes = with("1").into_bytes();
    bytes.extend(b"\xff");
    vec![
        text(
            "json half a surrogate",
            Damage,
            with(r#""\ud800""#),
            "model.json: userDefinedMetadata: half of a surrogate pair, which is no character (line 1, column 72)",
        ),
        text(
            "json comment",
            Damage,
            with("1 /* evil */"),
            "model.json: expected `,` or `}`, found `/` (line 1, column 73)",
        ),
        text(
            "json cut",
            Damage,
            &with("1")[..40],
            "model.json: the text ends inside a string (line 1, column 25)",
        ),
        file(
            "json not UTF-8",
            Damage,
            "model.json",
            &bytes,
            "model.json: not UTF-8 text (line 1, column 73)",
        ),
        text(
            "json empty object",
            Damage,
            "{}",
            "model.json: weightsManifest: the field is missing, expected an array, found nothing",
        ),
        Case::h5(
            "json config twice in h5",
            Ambiguous,
            keras::h5(r#"{"class_name": "Sequential", "config": {"name": "a", "name": "b"}}"#),
            "m.h5: model_config.config.name: the object has this key twice (line 1, column 54)",
        ),
        Case::h5(
            "json config is code",
            Class::Code,
            keras::h5("__import__('os').system('id')"),
            "m.h5: model_config: expected a value, found `_` (line 1, column 1)",
        ),
    ]
}

fn of_other_tools() -> Vec<Case> {
    use Class::{Code, Damage};
    vec![
        file(
            "file of Git LFS",
            Damage,
            "m.h5",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "m.h5: this is a Git LFS pointer, not the file itself",
        ),
        file(
            "file is a web page",
            Damage,
            "m.keras",
            b"<!DOCTYPE html><html></html>",
            "m.keras: this is a web page",
        ),
        file(
            "file is a pickle",
            Code,
            "m.pkl",
            b"\x80\x04\x95\x0a\0\0\0\0\0\0\0cos\nsystem\n.",
            "m.pkl: this is a PyTorch or pickle file",
        ),
        file(
            "file of PyTorch",
            Code,
            "m.pt",
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
            "m.pt: this is a PyTorch or pickle file",
        ),
        file(
            "file of TensorFlow Lite",
            Damage,
            "m.tflite",
            b"\x1c\0\0\0TFL3\0\0\0\0",
            "m.tflite: this is a TensorFlow Lite model",
        ),
        file(
            "file of ONNX",
            Damage,
            "m.onnx",
            b"\x08\x07\x12\x05torch",
            "m.onnx: this is an ONNX model",
        ),
        file(
            "file is a script",
            Code,
            "m.h5",
            b"#!/bin/sh\nid\n",
            "m.h5: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found bytes 23 21 2f 62 69 6e 2f 73",
        ),
    ]
}

fn of_no_tool() -> Vec<Case> {
    use Class::{Code, Damage};
    vec![
        file(
            "file is NumPy's",
            Damage,
            "m.npy",
            b"\x93NUMPY\x01\0v\0{'descr': '|O'}",
            "m.npy: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found bytes 93 4e 55 4d 50 59 01 00",
        ),
        file(
            "file is YAML",
            Code,
            "m.yaml",
            b"!!python/object/apply:os.system ['id']\n",
            "m.yaml: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found bytes 21 21 70 79 74 68 6f 6e",
        ),
        file(
            "file is empty",
            Damage,
            "m.h5",
            b"",
            "m.h5: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found an empty file",
        ),
        file(
            "file of zeros",
            Damage,
            "m.h5",
            &[0; 4096],
            "m.h5: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found bytes 00 00 00 00 00 00 00 00",
        ),
    ]
}
