//! Broken configs of layers: lowering gives an error or a graph, never a panic, in bounded memory.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value as Json, json};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::manifest::{layer_models, load_model};
use tensorferry_front::{ReadOptions, Source, read};
use tensorferry_layers::{LayersModel, LowerOptions, lower};
use tensorferry_store::MemoryStore;

/// What takes the place of a number, a switch or a word.
fn hostile() -> Vec<Json> {
    vec![
        json!(null),
        json!(0),
        json!(-1),
        json!(-7),
        json!(1),
        json!(33),
        json!(100_000),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0.5),
        json!(true),
        json!("same"),
        json!([]),
        json!([0, 0]),
        json!([3, -2, 9_000_000_000_u64]),
        json!({"class_name": "Dense", "config": {}}),
    ]
}

fn load(name: &str) -> LayersModel {
    let artifact = load_model(name).artifacts.swap_remove(0);
    let path = fixtures::root().join("models").join(name).join(&artifact.path);
    let bytes = fs::read(path).expect("the fixture is there");
    let store = MemoryStore::file(artifact.path, bytes);
    let (source, _) = read(&store, &ReadOptions::default()).expect("Keras wrote it");
    match source {
        Source::Layers(model) => *model,
        _ => panic!("{name} has no layers"),
    }
}

/// Places of all values that hold no others, as JSON pointers.
fn leaves(value: &Json, at: &str, out: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            for (key, inner) in members.iter().filter(|(key, _)| !key.ends_with("_initializer")) {
                leaves(inner, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, inner)| leaves(inner, &format!("{at}/{i}"), out));
        }
        _ => out.push(at.to_owned()),
    }
}

#[test]
fn broken_configs_are_no_panics() {
    let values = hostile();
    let (mut n, mut n_errors) = (0_usize, 0_usize);
    // A part of the models is enough for each run: every class is there several times.
    for (which, name) in layer_models().iter().enumerate().filter(|(i, _)| i % 12 == 0) {
        let model = load(name);
        let mut places = Vec::new();
        leaves(&model.topology, "", &mut places);
        for (i, place) in places.iter().enumerate() {
            if (i + which) % 2 != 0 {
                continue;
            }
            let mut broken = model.clone();
            let value = &values[(i * 7 + which) % values.len()];
            *broken.topology.pointer_mut(place).expect("it was found above") = value.clone();
            n += 1;
            let options = LowerOptions { unroll_max: 8 };
            let result = catch_unwind(AssertUnwindSafe(|| lower(&broken, &options).is_err()));
            match result {
                Ok(is_error) => n_errors += usize::from(is_error),
                Err(_) => panic!("{name}: {place} = {value}"),
            }
        }
    }
    assert!(n > 800 && n_errors > 50, "{n} configs, {n_errors} errors");
}
