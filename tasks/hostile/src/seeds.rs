//! What the fuzz targets begin with: the crates' own test data and files made here.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::SavedModel;

use crate::choices::run;
use crate::files::join;
use crate::mutate::Random;
use crate::raw_hdf5 as raw;
use crate::raw_zip::{RawEntry, archive};
use crate::{keras, proto, raw_table};

/// Larger files cost the fuzzer more than they give.
const SEED_BYTES_MAX: usize = 24 << 10;

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("hexadecimal digits") as u8;
    text.as_bytes().as_chunks::<2>().0.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect()
}

/// The files that h5py wrote for the tests of the HDF5 crate, by name.
pub fn hdf5_corpus() -> Vec<(String, Vec<u8>)> {
    let packed = include_bytes!("../../../formats/hdf5/tests/data/corpus.json.gz");
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("a file of this repository");
    let all: Value = serde_json::from_str(&text).expect("a file of this repository");
    let all = all.as_object().expect("a file of this repository");
    all.iter()
        .map(|(name, file)| (name.clone(), unhex(file["file"].as_str().expect("hexadecimal"))))
        .collect()
}

/// HDF5 files of every version and layout, hostile ones included.
pub fn hdf5() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = hdf5_corpus().into_iter().map(|(_, file)| file).collect();
    all.retain(|file| file.len() <= SEED_BYTES_MAX);
    all.extend(keras_h5());
    all.push(keras::keras_weights());
    all.push(gzip_h5());
    all
}

/// A Keras file whose kernel is a chunk packed with zlib.
pub fn gzip_h5() -> Vec<u8> {
    keras::h5_with(&keras::dense_config(|_| ()).to_string(), |file| {
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &keras::shard()[..8]).expect("in memory");
        let packed = encoder.finish().expect("in memory");
        let at = file.put(&packed);
        let kernel = file.object(&[
            raw::dataspace(&[2, 1]),
            raw::float32(),
            raw::filters(&[1]),
            raw::one_chunk(&[2, 1], packed.len() as u64, at),
        ]);
        raw::hard("kernel:0", kernel)
    })
}

/// Random decisions for the targets that build their input.
pub fn choices() -> Vec<Vec<u8>> {
    (0..32)
        .map(|seed| {
            let mut random = Random::new(seed);
            (0..200).map(|_| random.number() as u8).collect()
        })
        .collect()
}

/// Archives, stored and packed, with and without folders and comments.
pub fn zip() -> Vec<Vec<u8>> {
    let mut folder = RawEntry::stored("assets/", b"");
    folder.attributes = 0x10;
    let entries =
        [folder, RawEntry::deflated("assets/v.txt", b"one\ntwo\n"), RawEntry::stored("a", b"b")];
    let mut with_descriptor = RawEntry::deflated("config.json", b"{\"a\": 1}");
    with_descriptor.flags = 8;
    vec![keras::keras(), archive(&entries), archive(&[]), archive(&[with_descriptor])]
}

/// A checkpoint's index and shard: one of TensorFlow's, and smaller ones.
pub fn bundle() -> Vec<Vec<u8>> {
    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../../formats/tensor_bundle/tests/data/", $name))
        };
    }
    let pairs: [(&[u8], &[u8]); 3] = [
        (data!("keras.index"), data!("keras.data-00000-of-00001")),
        (data!("partitioned.index"), data!("partitioned.data-00000-of-00001")),
        (data!("strings.index"), data!("strings.data-00000-of-00001")),
    ];
    let mut all: Vec<Vec<u8>> = pairs.iter().map(|(index, data)| join(&[index, data])).collect();
    for (index, data) in pairs {
        let rows = raw_table::read(index).expect("TensorFlow wrote it");
        all.push(join(&[&raw_table::write(&rows), data]));
    }
    all
}

/// Recorded SavedModels that are small: tables, loops, signatures, Keras 2 and 3, TensorFlow 1.
const SAVED_MODELS: [&str; 15] = [
    "k2_tutorial/saved_model",
    "k3_act_mish/export",
    "k3_attention/export",
    "op_conv2d_const/saved_model",
    "op_one_hot/saved_model",
    "op_random/saved_model",
    "op_string_equal/saved_model",
    "tf1_conv_bn/saved_model",
    "tf1_table/saved_model",
    "tf2_no_signature/saved_model",
    "tf2_signatures/saved_model",
    "tf2_supported_custom/saved_model",
    "tf2_table_file/saved_model",
    "tf2_while/saved_model",
    "tf2_while_nested/saved_model",
];

/// A file of a recorded SavedModel; empty when it has none of that name.
fn saved_file(model: &str, name: &str) -> Vec<u8> {
    let path = tensorferry_conformance::fixtures::root().join("models").join(model).join(name);
    std::fs::read(path).unwrap_or_default()
}

/// Graphs at random.
fn graphs() -> impl Iterator<Item = tensorferry_ir::Model> {
    (0..24).map(|seed| tensorferry_graphs::graph_of_seed(seed).model)
}

/// `saved_model.pb` of recorded models and of graphs at random.
///
/// # Panics
/// When a recorded model is not there.
pub fn saved_model() -> Vec<Vec<u8>> {
    let recorded = SAVED_MODELS.map(|model| saved_file(model, "saved_model.pb"));
    assert!(recorded.iter().all(|file| !file.is_empty()), "a recorded model is missing");
    let made = graphs().map(|model| proto::saved_model(&model).encode_to_vec());
    recorded.into_iter().chain(made).filter(|file| file.len() <= 2 * SEED_BYTES_MAX).collect()
}

/// The checkpoint's index and shard in front of `saved_model.pb`.
pub fn saved_models() -> Vec<Vec<u8>> {
    let one = |model: &&str| {
        let [index, shard, pb] = [
            "variables/variables.index",
            "variables/variables.data-00000-of-00001",
            "saved_model.pb",
        ]
        .map(|name| saved_file(model, name));
        join(&[&index, &shard, &pb])
    };
    let recorded: Vec<Vec<u8>> = SAVED_MODELS.iter().map(one).collect();
    let made = graphs().map(|model| join(&[b"", b"", &proto::saved_model(&model).encode_to_vec()]));
    recorded.into_iter().chain(made).filter(|file| file.len() <= 3 * SEED_BYTES_MAX).collect()
}

/// GraphDefs: graphs at random, and the graphs of recorded SavedModels.
///
/// # Panics
/// When a recorded model is not there.
pub fn graph_def() -> Vec<Vec<u8>> {
    let of = |model: &str| {
        let pb = SavedModel::decode(&saved_file(model, "saved_model.pb")[..]).expect("recorded");
        let graph = pb.meta_graphs.into_iter().next().and_then(|meta| meta.graph_def);
        graph.expect("TensorFlow wrote one").encode_to_vec()
    };
    let made = graphs().map(|model| proto::graph_def(&model).encode_to_vec());
    made.chain(SAVED_MODELS.map(of)).filter(|file| file.len() <= SEED_BYTES_MAX).collect()
}

/// Texts: models, configs, numbers of every kind.
pub fn json() -> Vec<Vec<u8>> {
    let numbers = r#"[0, -0, 1.5, 1e400, -1E-7, 18446744073709551615, NaN, -Infinity, "\ud83d\ude00", null, {"a": {}}]"#;
    let texts = [
        keras::model_json(&["w.bin"]).to_string(),
        keras::dense_config(|_| ()).to_string(),
        keras::dense_config_v3(|_| ()).to_string(),
        numbers.to_owned(),
        "[".repeat(100) + &"]".repeat(100),
        include_str!("../../../formats/tfjs_files/tests/data/tfjs_saved/model.json").to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

/// Manifests with the bytes of their weights.
pub fn weights() -> Vec<Vec<u8>> {
    let entry = |name: &str, shape: &str, dtype: &str, more: &str| {
        format!(r#"{{"name": "{name}", "shape": {shape}, "dtype": "{dtype}"{more}}}"#)
    };
    let affine = |dtype: &str| {
        format!(
            r#", "quantization": {{"dtype": "{dtype}", "min": -1.5, "scale": 0.25, "original_dtype": "float32"}}"#
        )
    };
    let half = r#", "quantization": {"dtype": "float16", "original_dtype": "float32"}"#;
    let cases: [(Vec<String>, Vec<u8>); 6] = [
        (vec![entry("a", "[2, 1]", "float32", ""), entry("b", "[1]", "int32", "")], vec![7; 12]),
        (vec![entry("a", "[3]", "float32", &affine("uint8"))], vec![0, 128, 255]),
        (vec![entry("a", "[2]", "float32", &affine("uint16"))], vec![0, 1, 255, 255]),
        (vec![entry("a", "[2]", "float32", half)], vec![0, 0x3c, 0xff, 0x7b]),
        (vec![entry("s", "[2]", "string", "")], b"\x02\0\0\0hi\0\0\0\0".to_vec()),
        (vec![entry("c", "[1]", "complex64", ""), entry("d", "[]", "bool", "")], vec![1; 9]),
    ];
    cases
        .iter()
        .map(|(entries, bytes)| {
            let manifest =
                format!(r#"[{{"paths": ["w.bin"], "weights": [{}]}}]"#, entries.join(", "));
            [run(manifest.as_bytes()), bytes.clone()].concat()
        })
        .collect()
}

/// Keras HDF5 files: made here, and the Keras ones of h5py's corpus.
pub fn keras_h5() -> Vec<Vec<u8>> {
    let config = keras::dense_config(|_| ()).to_string();
    let mut all = vec![keras::h5(&config), gzip_h5()];
    let corpus = hdf5_corpus().into_iter().filter(|(name, _)| name.starts_with("keras_"));
    all.extend(corpus.map(|(_, file)| file));
    all
}

/// `.keras` archives.
pub fn keras() -> Vec<Vec<u8>> {
    let mut with_asset = keras::keras_members(&keras::dense_config_v3(|_| ()));
    with_asset.push(RawEntry::stored("assets/layers/v/vocabulary.txt", b"a\nb\n"));
    vec![keras::keras(), archive(&with_asset)]
}

/// Names of files, good and bad.
pub fn names() -> Vec<Vec<u8>> {
    let names = [
        "group1-shard1of1.bin",
        "./w.bin",
        "folder/w.bin",
        "../w.bin",
        "a/../../w.bin",
        "/etc/passwd",
        "C:\\w.bin",
        "\\\\server\\w",
        "file:///etc/passwd",
        "http://x/w.bin",
        "//x/w.bin",
        "w.bin?x=1",
        "w.bin#x",
        "%2e%2e/w.bin",
        "a//b",
        ".",
        "..",
        "",
        "a\0b",
        "w\u{1b}[2J.bin",
        "w\u{202e}nib.bin",
        "ｗ.bin",
        "..\\w.bin",
        "a/./b",
        "~/.ssh/id_rsa",
        "CON",
        "assets/",
        "data:text/plain,x",
    ];
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}
