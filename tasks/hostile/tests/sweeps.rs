//! Every prefix, every flipped bit, every byte at its extremes, every integer field: each format.
//!
//! What takes too long is sampled, every `step`th change of the list; `TENSORFERRY_FULL=1` runs
//! them all. The table below says which seeds are sampled.

#![allow(clippy::print_stderr, reason = "what was tried, for those who ask with --nocapture")]

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::Value;
use tensorferry::{ConvertOptions, OutputFormat, convert};
use tensorferry_conformance::fixtures;
use tensorferry_hostile::convert::{VERIFY_BYTES, check_problems};
use tensorferry_hostile::files::Digest;
use tensorferry_hostile::repair::Checksums;
use tensorferry_hostile::sweep::{self, Change, changes, extremes, fields};
use tensorferry_hostile::targets::{read_bundle, read_hdf5, read_zip};
use tensorferry_hostile::{budget, files, keras, proto, raw_table, seeds};
use tensorferry_store::{MemoryStore, PackageSink, Store};
use tensorferry_tf_proto::{Message, tensorflow};

type Read<'a> = Box<dyn Fn(Bytes) -> Result<Digest, String> + Sync + 'a>;

/// A good file, how it is read, and what is wanted of its changes.
struct Seed<'a> {
    name: &'static str,
    bytes: Vec<u8>,
    read: Read<'a>,
    /// A flipped bit in here must be found or do no harm: it lies under a checksum, or is said twice.
    guarded: Guarded,
    /// Where changes of integer fields are made right again.
    checksums: Checksums,
    /// One of so many changes is tried.
    step: usize,
    /// A part of it may be a whole file too: messages have no end.
    has_whole_prefixes: bool,
}

enum Guarded {
    Nothing,
    Everything,
    Range(std::ops::Range<usize>),
}

impl Guarded {
    fn holds(&self, at: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Range(range) => range.contains(&at),
        }
    }
}

impl<'a> Seed<'a> {
    fn new(
        name: &'static str,
        bytes: Vec<u8>,
        read: impl Fn(Bytes) -> Result<Digest, String> + Sync + 'a,
    ) -> Self {
        Self {
            name,
            bytes,
            read: Box::new(read),
            guarded: Guarded::Nothing,
            checksums: Checksums::default(),
            step: 1,
            has_whole_prefixes: false,
        }
    }

    fn step(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// Protobuf messages can be cut between two fields, and nobody can tell.
    fn unchecked_prefixes(self) -> Self {
        Self { has_whole_prefixes: true, ..self }
    }

    fn guarded(self, guarded: Guarded) -> Self {
        Self { guarded, ..self }
    }

    /// Reads a change and holds it against memory and time.
    fn try_change(&self, change: Change, is_repaired: bool) -> Result<Digest, String> {
        let mut bytes = change.apply(&self.bytes);
        if is_repaired {
            self.checksums.repair(&mut bytes, change.range());
        }
        let byte_len = bytes.len() as u64;
        let start = std::time::Instant::now();
        let (result, peak) = budget::measure(|| (self.read)(bytes.into()));
        let given = result.as_ref().map_or(0, |digest| digest.byte_len);
        budget::check(self.name, peak, budget::of_reading(byte_len, given));
        assert!(start.elapsed().as_secs() < 10, "it took {:?}", start.elapsed());
        result
    }

    fn sweep(&self) {
        let good = (self.read)(self.bytes.clone().into());
        let good = good.unwrap_or_else(|e| panic!("{} is no good seed: {e}", self.name));
        let all = changes(self.bytes.len());
        let (refused, same) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let case = |i: usize| {
            let change = all[i];
            let result = self.try_change(change, false);
            match &result {
                Err(_) => refused.fetch_add(1, Ordering::Relaxed),
                Ok(digest) => same.fetch_add(usize::from(*digest == good), Ordering::Relaxed),
            };
            let must_be_found = match change {
                Change::Prefix(_) => !self.has_whole_prefixes,
                _ => self.guarded.holds(change.range().start),
            };
            if must_be_found && let Ok(digest) = result {
                assert_eq!(digest, good, "it was not found, and another model came");
            }
        };
        let n = sweep::run(self.name, all.len(), self.step, |i| format!("{:?}", all[i]), case);
        let fields = fields(&self.bytes);
        let case = |i: usize| {
            let _ = self.try_change(fields[i], true);
        };
        let name = |i: usize| format!("{:?}", fields[i]);
        // Every offset in four widths is some forty times the fields that are there; one in seven of
        // them hits each field several times.
        let n_fields = sweep::run(self.name, fields.len(), 7 * self.step, name, case);
        eprintln!(
            "{:<28} {n} changes of {} ({} refused, {} the same), {n_fields} fields of {}",
            self.name,
            all.len(),
            refused.into_inner(),
            same.into_inner(),
            fields.len(),
        );
    }
}

/// What becomes of a model, without its second run, which the fuzz targets make.
fn converted(store: &dyn Store) -> Result<Digest, String> {
    convert_with(store, &ConvertOptions::default())
}

fn convert_with(store: &dyn Store, options: &ConvertOptions) -> Result<Digest, String> {
    let said = |problems| {
        check_problems(&problems);
        problems.to_string()
    };
    let package = convert(store, options).map_err(said)?.package;
    let mut sink = Hashed(Digest::default());
    package.write(&mut sink).map_err(|e| e.to_string())?;
    Ok(sink.0)
}

struct Hashed(Digest);

impl PackageSink for Hashed {
    fn begin(&mut self, name: &str, _byte_len: u64) -> std::io::Result<()> {
        self.0.add_text(name);
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.add(bytes);
        Ok(())
    }
}

fn one_file(name: &'static str) -> impl Fn(Bytes) -> Result<Digest, String> + Sync {
    move |bytes| converted(&MemoryStore::file(name, bytes))
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(fixtures::root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn hdf5_files() {
    let own = keras::h5(&keras::dense_config(|_| ()).to_string());
    let gzip = seeds::gzip_h5();
    // The packed chunk: its address is in the layout, eight bytes before the checksum's place.
    let zlib = gzip.windows(2).position(|w| w == [0x78, 0x9c]).expect("a zlib stream");
    let read = |bytes: Bytes| read_hdf5(&bytes);
    let old = seeds::hdf5_corpus().into_iter().find(|(name, _)| name == "keras_v0").expect("there");
    let own_checksums = Checksums::of_hdf5(&own);
    assert!(own_checksums.len() >= 6, "{}", own_checksums.len());
    let guarded = Guarded::Range(zlib..zlib + 16);
    for seed in [
        Seed { checksums: own_checksums.clone(), ..Seed::new("HDF5, walked", own.clone(), read) },
        Seed {
            checksums: own_checksums,
            ..Seed::new("HDF5, converted", own, one_file("m.h5")).step(3)
        },
        Seed::new("HDF5 with gzip", gzip, one_file("m.h5")).guarded(guarded).step(3),
        Seed::new("HDF5 of h5py, walked", old.1, read).step(13),
        Seed::new(
            "Keras 2 model.h5",
            fixture("models/k2_merge_subtract/model.h5"),
            one_file("m.h5"),
        )
        .step(31),
        Seed::new("Keras 3 model.h5", fixture("models/k3_tutorial/model.h5"), one_file("m.h5"))
            .step(97),
    ] {
        seed.sweep();
    }
}

#[test]
fn weights_without_a_model() {
    let own = keras::keras_weights();
    let checksums = Checksums::of_hdf5(&own);
    let old = fixture("models/k2_tutorial/weights.h5");
    for seed in [
        Seed { checksums, ..Seed::new("Keras 3 weights", own, one_file("w.weights.h5")).step(5) },
        Seed::new("Keras 2 weights", old, one_file("w.h5")).step(61),
    ] {
        seed.sweep();
    }
}

#[test]
fn keras_archives() {
    let real = fixture("models/k2_tutorial/model.keras");
    for seed in [
        Seed::new("ZIP, read", keras::keras(), |bytes| read_zip(&bytes)).step(3),
        Seed::new(".keras", keras::keras(), one_file("m.keras")).step(7),
        Seed::new("Keras 2 .keras", real, one_file("m.keras")).step(41),
    ] {
        seed.guarded(Guarded::Everything).sweep();
    }
}

/// A folder with one of its files changed.
fn in_folder(
    files: &[(String, Bytes)],
    name: &'static str,
) -> impl Fn(Bytes) -> Result<Digest, String> + Sync {
    move |bytes| converted(&files::folder(files).with(name, bytes))
}

fn bytes_of(files: &[(String, Bytes)], name: &str) -> Vec<u8> {
    files.iter().find(|(file, _)| file == name).expect("it is there").1.to_vec()
}

/// A SavedModel without what a converter to layers does not look at: the graph's functions.
fn saved_model() -> Vec<(String, Bytes)> {
    let folder = "models/k2_tutorial/saved_model";
    let mut pb = tensorflow::SavedModel::decode(&fixture(&format!("{folder}/saved_model.pb"))[..])
        .expect("TensorFlow wrote it");
    for graph in &mut pb.meta_graphs {
        graph.graph_def = None;
        graph.signature_def.clear();
    }
    let mut files = vec![("saved_model.pb".to_owned(), Bytes::from(pb.encode_to_vec()))];
    for name in [
        "keras_metadata.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
    ] {
        files.push((name.to_owned(), fixture(&format!("{folder}/{name}")).into()));
    }
    files
}

#[test]
fn saved_models() {
    const INDEX: &str = "variables/variables.index";
    const DATA: &str = "variables/variables.data-00000-of-00001";
    let files = saved_model();
    let [index, data] = files::split(&seeds::bundle()[0]);
    let of_tensorflow = Checksums::of_table(&bytes_of(&files, INDEX));
    let other = Checksums::of_table(&index);
    assert_eq!((of_tensorflow.len(), other.len()), (3, 3));
    let seed =
        |name, file: &'static str| Seed::new(name, bytes_of(&files, file), in_folder(&files, file));
    let index_read = |bytes: Bytes| read_bundle(&bytes, &data);
    let data_read = |bytes: Bytes| read_bundle(&index, &bytes);
    for seed in [
        Seed {
            checksums: of_tensorflow,
            ..seed("variables.index", INDEX).guarded(Guarded::Everything)
        },
        seed("variables.data", DATA).guarded(Guarded::Everything).step(5),
        seed("saved_model.pb", "saved_model.pb").step(11),
        seed("keras_metadata.pb", "keras_metadata.pb").step(5),
        Seed {
            checksums: other,
            ..Seed::new("bundle's index, read", index.to_vec(), index_read)
                .guarded(Guarded::Everything)
        },
        Seed::new("bundle's data, read", data.to_vec(), data_read).guarded(Guarded::Everything),
    ] {
        seed.sweep();
    }
}

/// What becomes of a graph. Its comparison may make little, so that memory stays what it must be.
fn as_graph(store: &dyn Store, outputs: &[&str]) -> Result<Digest, String> {
    let mut options = ConvertOptions {
        output_format: Some(OutputFormat::TfjsGraphModel),
        ..ConvertOptions::default()
    };
    options.graph.verify_bytes = VERIFY_BYTES;
    options.graph.output_node_names = outputs.iter().map(|name| (*name).to_owned()).collect();
    convert_with(store, &options)
}

/// The files of a recorded SavedModel.
fn recorded(model: &str) -> Vec<(String, Bytes)> {
    let names =
        ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"];
    let root = fixtures::root().join("models").join(model);
    let file = |name: &str| Some((name.to_owned(), std::fs::read(root.join(name)).ok()?.into()));
    names.iter().filter_map(|name| file(name)).collect()
}

/// A graph with variables, tables and loops: the whole conversion for each change of each file.
#[test]
fn saved_models_as_graphs() {
    const INDEX: &str = "variables/variables.index";
    const DATA: &str = "variables/variables.data-00000-of-00001";
    const PB: &str = "saved_model.pb";
    let of = |files: &[(String, Bytes)], name: &'static str| {
        let files = files.to_vec();
        move |bytes: Bytes| as_graph(&files::folder(&files).with(name, bytes), &[])
    };
    let variables = recorded("tf2_signatures/saved_model");
    let table = recorded("tf1_table/saved_model");
    let turns = recorded("tf2_while/saved_model");
    assert_eq!((variables.len(), table.len(), turns.len()), (3, 1, 3));
    let index = bytes_of(&variables, INDEX);
    let checksums = Checksums::of_table(&index);
    for seed in [
        Seed { checksums, ..Seed::new("graph: variables.index", index, of(&variables, INDEX)) }
            .guarded(Guarded::Everything)
            .step(61),
        Seed::new("graph: variables.data", bytes_of(&variables, DATA), of(&variables, DATA))
            .guarded(Guarded::Everything)
            .step(61),
        Seed::new("graph: tables", bytes_of(&table, PB), of(&table, PB))
            .unchecked_prefixes()
            .step(401),
        Seed::new("graph: variables", bytes_of(&variables, PB), of(&variables, PB))
            .unchecked_prefixes()
            .step(9_001),
        Seed::new("graph: loops", bytes_of(&turns, PB), of(&turns, PB))
            .unchecked_prefixes()
            .step(9_001),
    ] {
        seed.sweep();
    }
}

/// Frozen graphs, with and without functions.
#[test]
fn frozen_graphs() {
    let mut n = 0;
    for (name, seed, step) in
        [("frozen graph 1", 1, 301), ("frozen graph 3", 3, 301), ("frozen graph 4", 4, 301)]
    {
        let model = tensorferry_graphs::graph_of_seed(seed).model;
        let outputs = &model.signatures[tensorferry_graphs::SIGNATURE].outputs;
        let outputs: Vec<String> = outputs
            .iter()
            .map(|o| format!("{}:{}", model.graph.node(o.edge.node).name, o.edge.output))
            .collect();
        let bytes = proto::graph_def(&model).encode_to_vec();
        n += bytes.len();
        let read = move |bytes: Bytes| {
            let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
            as_graph(&MemoryStore::file("frozen.pb", bytes), &names)
        };
        Seed::new(name, bytes, read).unchecked_prefixes().step(step).sweep();
    }
    assert!(n > 3_000, "only {n} bytes");
}

#[test]
fn tfjs_models() {
    let json = keras::model_json(&["w.bin"]).to_string();
    let quantized = json.replace(
        r#""dtype":"float32","name":"d/kernel""#,
        r#""dtype":"float32","name":"d/kernel","quantization":{"dtype":"uint8","min":-1.5,"scale":0.1}"#,
    );
    assert_eq!(quantized.contains("quantization"), quantized != json);
    let with = |json: String, shard: Vec<u8>| {
        [("model.json".to_owned(), Bytes::from(json)), ("w.bin".to_owned(), Bytes::from(shard))]
    };
    let plain = with(json, keras::shard());
    let saved: [(String, Bytes); 2] = [
        (
            "model.json".to_owned(),
            include_bytes!("../../../formats/tfjs_files/tests/data/tfjs_saved/model.json")[..]
                .into(),
        ),
        (
            "weights.bin".to_owned(),
            include_bytes!("../../../formats/tfjs_files/tests/data/tfjs_saved/weights.bin")[..]
                .into(),
        ),
    ];
    for (name, files, file, step) in [
        ("model.json", &plain, "model.json", 2),
        ("a shard", &plain, "w.bin", 1),
        ("model.json of TensorFlow.js", &saved, "model.json", 5),
        ("weights of TensorFlow.js", &saved, "weights.bin", 3),
    ] {
        Seed::new(name, bytes_of(files, file), in_folder(files, file)).step(step).sweep();
    }
    integers("model.json", &plain);
    integers("model.json of TensorFlow.js", &saved);
}

/// Places of all numbers in a value.
fn numbers(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Number(_) => out.push(path),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                numbers(item, format!("{path}/{i}"), out);
            }
        }
        Value::Object(members) => {
            for (key, item) in members {
                numbers(item, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        _ => {}
    }
}

/// Every number of a `model.json` at its extremes.
fn integers(name: &str, files: &[(String, Bytes)]) {
    let bytes = bytes_of(files, "model.json");
    let value: Value = serde_json::from_slice(&bytes).expect("it is JSON");
    let mut places = Vec::new();
    numbers(&value, String::new(), &mut places);
    let mut cases = Vec::new();
    for place in &places {
        let own = value.pointer(place).and_then(Value::as_u64).unwrap_or(0);
        let all = [4, 8].into_iter().flat_map(|width| extremes(own, width, bytes.len() as u64));
        cases.extend(all.map(|value| (place, Value::from(value))));
        let floats = [-1.0, 0.5, -0.0, 1e300, 5e-324, f64::MAX];
        cases.extend(floats.map(|value| (place, Value::from(value))));
        cases.extend([(place, Value::Null), (place, Value::from(i64::MIN)), (place, "1".into())]);
    }
    let n = sweep::run(
        name,
        cases.len(),
        1,
        |i| format!("{:?}", cases[i]),
        |i| {
            let (place, number) = &cases[i];
            let mut value = value.clone();
            *value.pointer_mut(place).expect("it was found there") = number.clone();
            let text = Bytes::from(value.to_string());
            let byte_len = text.len() as u64;
            let read = in_folder(files, "model.json");
            let (result, peak) = budget::measure(|| read(text));
            let given = result.map_or(0, |digest| digest.byte_len);
            budget::check(name, peak, budget::of_reading(byte_len, given));
        },
    );
    eprintln!("{name:<28} {n} numbers in {} places", places.len());
}

/// A table that we wrote is read by us as TensorFlow's own is; the collection relies on it.
#[test]
fn tables_are_written_as_they_are_read() {
    let [index, data] = files::split(&seeds::bundle()[0]);
    let good = read_bundle(&index, &data).expect("TensorFlow wrote it");
    let rows = raw_table::read(&index).expect("TensorFlow wrote it");
    assert_eq!(read_bundle(&raw_table::write(&rows).into(), &data), Ok(good));
}
