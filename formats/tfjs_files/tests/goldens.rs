//! Reading and rewriting what the reference converter wrote (`data/goldens`).

mod common;

use common::{bytes_of, data, golden, golden_weights, opener, tensor, written};
use tensorferry_json::{Limits, to_python};
use tensorferry_store::Store;
use tensorferry_tensor::DType;
use tensorferry_tfjs_files::{
    CodeType, Format, ModelJson, NamedTensor, Patterns, QuantizeRules, WeightFiles, quantize,
    read_weights,
};

const CASES: [&str; 14] = [
    "k2_cnn.h5.layers",
    "k2_cnn.h5.layers.f16",
    "k2_cnn.h5.layers.metadata",
    "k2_cnn.h5.layers.split_shard",
    "k2_cnn.h5.layers.u16",
    "k2_cnn.h5.layers.u8",
    "k2_tutorial.weights.layers",
    "k2_unit_norm.h5.layers",
    "k3_cnn.h5.layers",
    "k3_cnn.h5.layers.u8",
    "op_empty_tensor.sm.graph",
    "tf1_table.sm.graph",
    "tf2_structured_outputs.sm.graph.structured",
    "tf2_weight_dtypes.sm.graph.u8",
];

#[test]
fn model_json_is_written_as_it_was() {
    for case in CASES {
        let bytes = data(&format!("goldens/{case}/model.json"));
        let model = ModelJson::parse(&bytes, &Limits::default()).unwrap();
        let written = String::from_utf8(model.to_bytes()).unwrap();
        assert_eq!(written, String::from_utf8(bytes).unwrap(), "{case}");
        let is_graph = case.contains(".graph");
        assert_eq!(model.format == Format::GraphModel, is_graph, "{case}");
    }
}

#[test]
fn weights_go_over_byte_for_byte() {
    for case in CASES.iter().filter(|case| !case.ends_with("metadata")) {
        let (model, store) = golden(case);
        let weights = read_weights(&model.weights_manifest, &|path| store.open(path)).unwrap();
        let n_groups = model.weights_manifest.len();
        let mut groups: Vec<Vec<NamedTensor>> = vec![Vec::new(); n_groups];
        let mut joined = Vec::new();
        for weight in weights {
            joined.extend(bytes_of(&weight.stored));
            groups[weight.group_index].push(weight.into());
        }
        // The size of a shard is that of the first of several.
        let size = if *case == "k2_cnn.h5.layers.split_shard" { 256 } else { 4 << 20 };
        let (manifest, files) = written(groups.clone(), WeightFiles::Shards(size));
        assert_eq!(manifest, model.weights_manifest, "{case}");
        for (name, bytes) in &files {
            assert_eq!(*bytes, data(&format!("goldens/{case}/{name}")), "{case} {name}");
        }
        let (manifest, files) = written(groups, WeightFiles::Single);
        assert_eq!(manifest.len(), 1);
        let all: Vec<u8> = files.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(all, joined, "{case}");
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expected = if joined.is_empty() { &[][..] } else { &["group1-shard1of1.bin"] };
        assert_eq!(names, expected, "{case}");
    }
}

#[test]
fn weights_know_where_they_lie() {
    let weights = golden_weights("k2_cnn.h5.layers.split_shard");
    let place = |name: &str| {
        let weight = weights.iter().find(|weight| weight.name() == name).unwrap();
        let (file, at) = weight.first_byte.clone().unwrap();
        (weight.group_index, weight.byte_range.clone(), file, at)
    };
    let first = place(weights[0].name());
    assert_eq!(first, (0, 0..16, "group1-shard1of1.bin".to_owned(), 0));
    let last = weights.iter().rfind(|weight| weight.group_index == 2).unwrap();
    let (_, range, file, at) = place(last.name());
    assert_eq!(range.start, at + 256 * (file[12..13].parse::<u64>().unwrap() - 1));
    // A weight within one shard is a slice of it; one that spans several is streamed.
    assert!(weights[0].stored.data().as_bytes().is_some());
    let spanning = weights.iter().find(|weight| weight.byte_range.end > 256).unwrap();
    assert_eq!(bytes_of(&spanning.stored).len() as u64, spanning.stored.byte_len());
}

#[test]
fn strings_are_found_by_their_lengths() {
    let weights = golden_weights("tf1_table.sm.graph");
    let text = weights.iter().find(|weight| weight.name() == "Const").unwrap();
    assert_eq!(bytes_of(&text.stored), b"\x01\0\0\0x\x01\0\0\0y\x01\0\0\0z");
    let after = weights.iter().find(|weight| weight.name() == "Const_1").unwrap();
    assert_eq!(after.loaded().to_f64().unwrap(), [7.0, 8.0, 9.0]);
}

/// The oracle's Keras 2 environment has NumPy 1, which computes codes in `float32`: they may
/// differ from ours by one. Keras 3 has NumPy 2 and must be equal. Parameters are equal in both.
#[test]
fn quantized_bytes_are_those_of_the_reference() {
    let cases = [
        ("k2_cnn.h5.layers", "k2_cnn.h5.layers.u8", CodeType::UInt8, 1),
        ("k2_cnn.h5.layers", "k2_cnn.h5.layers.u16", CodeType::UInt16, 1),
        ("k2_cnn.h5.layers", "k2_cnn.h5.layers.f16", CodeType::Float16, 0),
        ("k3_cnn.h5.layers", "k3_cnn.h5.layers.u8", CodeType::UInt8, 0),
    ];
    for (plain, quantized, to, most) in cases {
        let rules = QuantizeRules::new(vec![(to, Patterns::AllOthers)], None).unwrap();
        let reference = golden_weights(quantized);
        let ours = golden_weights(plain);
        assert!(ours.len() > 8 && ours.len() == reference.len());
        let mut groups = vec![Vec::new()];
        for (ours, reference) in ours.into_iter().zip(&reference) {
            let name = ours.name().to_owned();
            assert_eq!(rules.choose_for(&name, &ours.stored).unwrap(), Some(to));
            let made = quantize(&name, &ours.stored, to, false).unwrap();
            assert_eq!(Some(made.quantization), reference.entry.quantization, "{name}");
            let codes = made.tensor.to_f64().unwrap();
            let theirs = reference.stored.to_f64().unwrap();
            for (a, b) in codes.iter().zip(&theirs) {
                assert!((a - b).abs() <= f64::from(most), "{quantized} {name}: {a} {b}");
            }
            groups[0].push(NamedTensor::quantized(name, made));
        }
        let (manifest, files) = written(groups, WeightFiles::Shards(4 << 20));
        let mut model = golden(quantized).0;
        model.weights_manifest = manifest;
        let json = data(&format!("goldens/{quantized}/model.json"));
        assert!(model.to_bytes() == json, "{quantized}");
        let bin = data(&format!("goldens/{quantized}/group1-shard1of1.bin"));
        assert!(most > 0 || files[0].1 == bin, "{quantized}");
    }
}

#[test]
fn only_float32_is_quantized() {
    let weights = golden_weights("tf2_weight_dtypes.sm.graph.u8");
    let rules = QuantizeRules::new(vec![(CodeType::UInt8, Patterns::AllOthers)], None).unwrap();
    for weight in weights {
        let is_quantized = weight.entry.quantization.is_some();
        let loaded = weight.loaded();
        let chosen = rules.choose_for(weight.name(), &loaded).unwrap();
        assert_eq!(chosen.is_some(), is_quantized, "{}", weight.name());
    }
}

#[test]
fn a_model_saved_by_tensorflow_js_is_read_and_kept() {
    let text = r#"{"modelTopology":{"class_name":"Sequential","config":{"name":"s","layers":[]},
        "keras_version":"tfjs-layers 4.22.0","backend":"tensor_flow.js"},"format":"layers-model",
        "generatedBy":"TensorFlow.js tfjs-layers v4.22.0","convertedBy":null,"weightsManifest":
        [{"paths":["./weights.bin"],"weights":[{"name":"d/kernel","shape":[1,1],"dtype":"float32"},
        {"name":"d/kernel/m","shape":[1,1],"dtype":"float32","group":"optimizer","x":[1]}]}],
        "trainingConfig":{"loss":"meanSquaredError","metrics":[]},"weightData":0,"zz":{"b":1}}"#;
    let model = ModelJson::parse(text.as_bytes(), &Limits::default()).unwrap();
    let group = &model.weights_manifest[0];
    assert_eq!(group.paths, ["weights.bin"]);
    assert_eq!(group.weights[1].group.as_deref(), Some("optimizer"));
    let open = opener(vec![("weights.bin".to_owned(), vec![0, 0, 128, 63, 0, 0, 0, 64])]);
    let weights = read_weights(&model.weights_manifest, &open).unwrap();
    assert_eq!(weights[1].loaded().to_f64().unwrap(), [2.0]);
    let kept = NamedTensor::new("d/kernel/m", tensor(DType::Float32, &[1, 1], vec![0; 4]))
        .like(&weights[1].entry);
    assert_eq!(kept.entry().group.as_deref(), Some("optimizer"));

    let again = String::from_utf8(model.to_bytes()).unwrap();
    let keys = ["format", "generatedBy", "convertedBy", "modelTopology", "weightsManifest"];
    let at: Vec<usize> =
        keys.iter().map(|key| again.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(at.is_sorted());
    assert!(again.contains(r#""dtype": "float32", "group": "optimizer", "x": [1]}"#));
    assert!(again.ends_with(
        r#""trainingConfig": {"loss": "meanSquaredError", "metrics": []}, "weightData": 0, "zz": {"b": 1}}"#
    ));
    assert_eq!(ModelJson::parse(again.as_bytes(), &Limits::default()).unwrap(), model);
    assert_eq!(to_python(&model.topology).first(), Some(&b'{'));
}

/// `data/tfjs_saved` was written by TensorFlow.js in Node: another order of fields, the state of
/// the optimizer among the weights.
#[test]
fn nothing_is_lost_of_what_tensorflow_js_saved() {
    let text = data("tfjs_saved/model.json");
    let model = ModelJson::parse(&text, &Limits::default()).unwrap();
    let open = opener(vec![("weights.bin".to_owned(), data("tfjs_saved/weights.bin"))]);
    let weights = read_weights(&model.weights_manifest, &open).unwrap();
    let n_optimizer = weights.iter().filter(|w| w.entry.group.is_some()).count();
    assert!(n_optimizer > 0 && n_optimizer < weights.len());
    assert!(model.training_config.is_some() && model.user_defined_metadata.is_some());
    // As values, objects are equal whatever the order of their fields.
    let limits = Limits::default();
    let again = tensorferry_json::parse(&model.to_bytes(), &limits).unwrap();
    assert_eq!(again, tensorferry_json::parse(&text, &limits).unwrap());
}
