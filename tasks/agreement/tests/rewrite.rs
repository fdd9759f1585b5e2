//! TensorFlow.js models to TensorFlow.js models: other files, the same weights and the same rest.

use serde_json::Value;
use tensorferry::{ConvertOptions, Patterns, QuantizeOptions, WeightFiles};
use tensorferry_conformance::compare::json_difference;
use tensorferry_conformance::layers_model::{Files, WrittenModel, files_of, parse};
use tensorferry_conformance::manifest::cases;

use tensorferry_agreement::run::{convert, folder_store, saved_by_tfjs};

/// Every model of TensorFlow.js among the fixtures: the reference's and TensorFlow.js' own.
fn models() -> Vec<(String, Files)> {
    let goldens = cases().into_iter().filter_map(|case| {
        let files = case.golden().join("model.json").is_file().then(|| files_of(&case.golden()))?;
        Some((case.id, files))
    });
    let saved = saved_by_tfjs().into_iter().map(|saved| (saved.id, saved.files));
    let models: Vec<_> = goldens.chain(saved).collect();
    assert!(models.len() > 400, "only {} models", models.len());
    models
}

/// Takes a model apart; TensorFlow.js writes `./` before its shards' names.
fn parsed(files: &Files) -> WrittenModel {
    let mut files = files.clone();
    let json = String::from_utf8(files["model.json"].clone()).expect("JSON is UTF-8");
    files.insert("model.json".to_owned(), json.replace("\"./", "\"").into_bytes());
    parse(&files).expect("the fixture holds together")
}

fn rewritten(id: &str, files: &Files, options: &ConvertOptions) -> Result<WrittenModel, String> {
    let converted = convert(&folder_store("model", files.clone()), options)
        .map_err(|problems| format!("{id}: {problems}"))?;
    parse(&converted.files).map_err(|why| format!("{id}: {why}"))
}

/// The first difference in names, entries or bytes of weights, or in the rest of `model.json`.
fn difference(ours: &WrittenModel, theirs: &WrittenModel) -> Option<String> {
    let (a, b): (Vec<_>, Vec<_>) = (ours.weights().collect(), theirs.weights().collect());
    if a != b {
        return Some("weights differ".to_owned());
    }
    // Who converted it last is allowed to say so.
    let rest = |model: &WrittenModel| {
        let mut json: Value = model.json.clone();
        json.as_object_mut().map(|fields| fields.shift_remove("convertedBy"));
        json
    };
    json_difference(&rest(ours), &rest(theirs))
}

#[test]
fn cutting_weights_into_other_files_changes_nothing_else() {
    let mut findings = Vec::new();
    for (id, files) in models() {
        let theirs = parsed(&files);
        for weight_files in [WeightFiles::Shards(100), WeightFiles::Single] {
            let options = ConvertOptions { weight_files, ..ConvertOptions::default() };
            match rewritten(&id, &files, &options) {
                Ok(ours) => {
                    findings.extend(difference(&ours, &theirs).map(|why| format!("{id}: {why}")));
                    findings.extend(layout(&id, &ours, weight_files));
                }
                Err(why) => findings.push(why),
            }
        }
    }
    assert!(findings.is_empty(), "{} findings:\n  {}", findings.len(), findings.join("\n  "));
}

fn layout(id: &str, model: &WrittenModel, weight_files: WeightFiles) -> Option<String> {
    let n_bytes: usize = model.weights().map(|weight| weight.bytes.len()).sum();
    let lens: Vec<usize> =
        model.groups.iter().flat_map(|group| group.shards.iter().map(|(_, len)| *len)).collect();
    let fits = match weight_files {
        WeightFiles::Single => lens.len() == usize::from(n_bytes > 0),
        WeightFiles::Shards(max) => lens.iter().all(|len| *len as u64 <= max && *len > 0),
    };
    (!fits).then(|| format!("{id}: {weight_files:?} gave files of {lens:?} bytes"))
}

#[test]
fn quantized_weights_become_float32_when_asked() {
    let mut n_quantized = 0;
    for (id, files) in models() {
        if !parsed(&files).weights().any(|weight| weight.spec.get("quantization").is_some()) {
            continue;
        }
        let quantize = QuantizeOptions { dequantize: true, ..QuantizeOptions::default() };
        let options = ConvertOptions { quantize, ..ConvertOptions::default() };
        let ours = rewritten(&id, &files, &options).unwrap();
        for weight in ours.weights() {
            assert!(weight.spec.get("quantization").is_none(), "{id}: {}", weight.name);
        }
        n_quantized += 1;
    }
    assert!(n_quantized > 20, "only {n_quantized} models");
}

#[test]
fn a_conversion_gives_the_same_bytes_twice() {
    for (id, files) in models().into_iter().step_by(7) {
        let quantize =
            QuantizeOptions { uint8: Some(Patterns::AllOthers), ..QuantizeOptions::default() };
        let options = ConvertOptions { quantize, ..ConvertOptions::default() };
        let once = convert(&folder_store("model", files.clone()), &options);
        let twice = convert(&folder_store("model", files), &options);
        match (once, twice) {
            (Ok(once), Ok(twice)) => assert!(once.files == twice.files, "{id}"),
            (Err(once), Err(twice)) => assert_eq!(once, twice, "{id}"),
            _ => panic!("{id}: converted once and refused once"),
        }
    }
}
