//! SavedModels that Keras wrote, and broken ones.

use serde_json::json;
use tensorferry_diagnostics::Kind;
use tensorferry_store::{MemoryStore, collect, read_all};
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::trackable_object_graph::trackable_object::ObjectReference;
use tensorferry_tf_proto::tensorflow::{
    MetaGraphDef, SavedModel, SavedObject, SavedObjectGraph, SavedUserObject, saved_object,
};

use super::*;

macro_rules! file {
    ($($name:expr),*) => {
        include_bytes!(concat!("../../tests/data/saved_model/", $($name),*)) as &[u8]
    };
}

macro_rules! folder {
    ($name:literal) => {
        MemoryStore::folder($name)
            .with("saved_model.pb", file!($name, "/saved_model.pb"))
            .with("variables/variables.index", file!($name, "/variables/variables.index"))
            .with(SHARD, file!($name, "/variables/variables.data-00000-of-00001"))
    };
}

const SHARD: &str = "variables/variables.data-00000-of-00001";

fn adam() -> MemoryStore {
    folder!("adam").with("keras_metadata.pb", file!("adam/keras_metadata.pb"))
}

fn nested() -> MemoryStore {
    folder!("nested").with("keras_metadata.pb", file!("nested/keras_metadata.pb"))
}

fn read(store: &MemoryStore) -> Result<KerasSavedModel, Problems> {
    read_keras_saved_model(store, "saved_model.pb")
}

fn refusal(store: &MemoryStore) -> Problem {
    match read(store) {
        Ok(_) => panic!("accepted"),
        Err(problems) => problems.0.into_iter().next().expect("at least one problem"),
    }
}

/// A line per layer and variable, indented by depth.
fn outline(layers: &[SavedLayer], indent: usize, out: &mut Vec<String>) {
    for layer in layers {
        out.push(format!("{:indent$}{} {} {}", "", layer.name, layer.class_name, layer.path));
        for variable in &layer.variables {
            let (path, name) = (variable.path.join("."), variable.name.as_deref().unwrap_or("?"));
            let mark = if variable.trainable { "" } else { " frozen" };
            out.push(format!("{:indent$}- {path} {name} {:?}{mark}", "", variable.tensor));
        }
        outline(&layer.children, indent + 2, out);
    }
}

fn outlined(model: &KerasSavedModel) -> Vec<String> {
    let mut out = Vec::new();
    outline(&model.layers, 0, &mut out);
    out
}

#[test]
fn a_compiled_model_is_read_with_its_optimizer() {
    let model = read(&adam()).unwrap();
    assert_eq!(
        outlined(&model),
        [
            "d Dense root.layer-0",
            "- kernel d/kernel float32 [3, 2]",
            "- bias d/bias float32 [2]",
            "bn BatchNormalization root.layer-1",
            "- gamma bn/gamma float32 [2]",
            "- beta bn/beta float32 [2]",
            "- moving_mean bn/moving_mean float32 [2] frozen",
            "- moving_variance bn/moving_variance float32 [2] frozen",
            "out Dense root.layer-2",
            "- kernel out/kernel float32 [2, 1]",
            "- bias out/bias float32 [1]",
        ]
    );
    assert_eq!(model.keras_version.as_deref(), Some("2.15.0"));
    assert_eq!(model.tf_version.as_deref(), Some("2.15.1"));
    assert_eq!(model.model_config["class_name"], "Sequential");
    let layers = &model.model_config["config"]["layers"];
    assert_eq!(layers[0]["config"]["batch_input_shape"], json!([null, 3]));
    let training = model.training_config.unwrap();
    assert_eq!(training["loss"], "mse");
    assert_eq!(training["optimizer_config"]["class_name"], "Custom>Adam");
    assert!(training["metrics"][0][0].get("shared_object_id").is_none());
    let names: Vec<&str> = model.optimizer.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["iteration", "Adam/m/d/kernel", "Adam/v/d/kernel"]);
    assert_eq!(names.len(), 14);
    assert_eq!(model.optimizer[0].1.data().byte_len(), 8);
    assert!(model.warnings.is_empty());
}

#[test]
fn metadata_may_be_in_the_objects() {
    let model = read(&folder!("old")).unwrap();
    assert_eq!(
        outlined(&model),
        [
            "d Dense root.layer-0",
            "- kernel d/kernel float32 [3, 2]",
            "- bias d/bias float32 [2]",
            "out Dense root.layer-1",
            "- kernel out/kernel float32 [2, 1]",
            "- bias out/bias float32 [1]",
        ]
    );
    let names: Vec<&str> = model.optimizer.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Adam/iter",
            "Adam/beta_1",
            "Adam/beta_2",
            "Adam/decay",
            "Adam/learning_rate",
            "Adam/d/kernel/m",
            "Adam/d/bias/m",
            "Adam/out/kernel/m",
            "Adam/out/bias/m",
            "Adam/d/kernel/v",
            "Adam/d/bias/v",
            "Adam/out/kernel/v",
            "Adam/out/bias/v",
        ]
    );
}

#[test]
fn models_and_layers_may_be_nested() {
    let model = read(&nested()).unwrap();
    assert_eq!(
        outlined(&model),
        [
            "x InputLayer root.layer-0",
            "encoder Sequential root.layer-1",
            "  e Dense root.layer-1.layer-0",
            "  - kernel e/kernel float32 [3, 3]",
            "  - bias e/bias float32 [3]",
            "  inner Sequential root.layer-1.layer-1",
            "    in1 Dense root.layer-1.layer-1.layer-0",
            "    - kernel in1/kernel float32 [3, 2]",
            "    - bias in1/bias float32 [2]",
            "    in2 BatchNormalization root.layer-1.layer-1.layer-1",
            "    - gamma in2/gamma float32 [2]",
            "    - beta in2/beta float32 [2]",
            "    - moving_mean in2/moving_mean float32 [2] frozen",
            "    - moving_variance in2/moving_variance float32 [2] frozen",
            "rnn SimpleRNN root.layer-2",
            "- cell.kernel rnn/simple_rnn_cell/kernel float32 [2, 2]",
            "- cell.recurrent_kernel rnn/simple_rnn_cell/recurrent_kernel float32 [2, 2]",
            "- cell.bias rnn/simple_rnn_cell/bias float32 [2]",
            "td TimeDistributed root.layer-3",
            "- layer.kernel td/kernel float32 [2, 1]",
            "- layer.bias td/bias float32 [1]",
        ]
    );
    let ones = model.layers[1].children[1].children[1].variables[3].tensor.to_f64().unwrap();
    assert_eq!(ones, [1.0, 1.0]);
    assert!(model.training_config.is_none() && model.optimizer.is_empty());
}

#[test]
fn the_folder_may_lie_in_another() {
    let store = MemoryStore::folder("zoo")
        .with("a/saved_model.pb", file!("old/saved_model.pb"))
        .with("a/variables/variables.index", file!("old/variables/variables.index"))
        .with(format!("a/{SHARD}"), file!("old/variables/variables.data-00000-of-00001"));
    assert_eq!(read_keras_saved_model(&store, "a/saved_model.pb").unwrap().layers.len(), 2);
}

#[test]
fn what_is_no_keras_model_is_told_apart() {
    let export = objects(&[("", "", &[("_misc_assets", 1), ("serve", 1)]), ("", "", &[])]);
    let cases = [
        (
            folder!("subclassed").with("keras_metadata.pb", file!("subclassed/keras_metadata.pb")),
            "keras_metadata.pb: root.config: `Subclassed` is a subclassed model: only its Python \
             code knows how its layers connect",
            "only a graph model is possible",
        ),
        (
            folder!("module"),
            "saved_model.pb: object_graph_def.nodes[0]: no Keras model: this SavedModel has no layers",
            "convert it to a graph model",
        ),
        (
            folder!("adam"),
            "saved_model.pb: object_graph_def.nodes[0]: a Keras model without its metadata",
            "copy keras_metadata.pb into the folder",
        ),
        (
            MemoryStore::folder("export").with("saved_model.pb", export),
            "saved_model.pb: object_graph_def.nodes[0]: a Keras 3 export: it holds functions and \
             variables, and no layers",
            "convert the .keras or .h5 file",
        ),
        (
            MemoryStore::folder("tf1").with("saved_model.pb", b"\x08\x01\x12\x00".as_slice()),
            "saved_model.pb: object_graph_def: this SavedModel has no objects: TensorFlow 1 or \
             another tool wrote it",
            "convert it to a graph model",
        ),
        (
            MemoryStore::folder("empty"),
            "saved_model.pb: the file does not exist",
            "give the folder that model.save() wrote",
        ),
    ];
    for (store, expected, hint) in cases {
        let problem = refusal(&store);
        assert_eq!(problem.to_string(), expected);
        assert!(problem.hint.as_ref().is_some_and(|h| h.starts_with(hint)), "{:?}", problem.hint);
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let mixed = MemoryStore::folder("mixed")
        .with("saved_model.pb", file!("adam/saved_model.pb"))
        .with("keras_metadata.pb", file!("adam/keras_metadata.pb"))
        .with("variables/variables.index", file!("old/variables/variables.index"))
        .with(SHARD, file!("old/variables/variables.data-00000-of-00001"));
    let problems = read(&mixed).unwrap_err().0;
    // All four variables of the batch normalization and both slots of each weight are missing.
    assert!(problems.len() > 4, "{problems:?}");
    assert!(problems[0].to_string().starts_with("variables/variables.index: "), "{}", problems[0]);
    let without = adam();
    let files = ["saved_model.pb", "keras_metadata.pb"].map(|name| (name, without.open(name)));
    let store = files.into_iter().fold(MemoryStore::folder("m"), |store, (name, blob)| {
        store.with(name, read_all(blob.unwrap().as_ref()).unwrap())
    });
    assert_eq!(refusal(&store).to_string(), "variables/variables.index: the file does not exist");
}

#[test]
fn damaged_values_name_their_key() {
    let mut shard = file!("old/variables/variables.data-00000-of-00001").to_vec();
    for byte in &mut shard[..24] {
        *byte ^= 1;
    }
    let model = read(&folder!("old").with(SHARD, shard)).unwrap();
    let errors: Vec<String> = model
        .layers
        .iter()
        .flat_map(|layer| &layer.variables)
        .filter_map(|variable| collect(variable.tensor.data().as_ref()).err())
        .map(|error| error.to_string())
        .collect();
    assert!(!errors.is_empty());
    assert!(errors[0].starts_with("`layer_with_weights-0/"), "{errors:?}");
}

#[test]
fn broken_files_are_refused_or_read_without_a_panic() {
    let whole = file!("old/saved_model.pb");
    let try_read = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        read(&folder!("old").with("saved_model.pb", bytes)).is_ok()
    };
    for len in (0..whole.len()).step_by(97) {
        try_read(&whole[..len]);
    }
    let mut bytes = whole.to_vec();
    for i in (0..bytes.len()).step_by(37) {
        bytes[i] ^= 1 << (i % 8);
        try_read(&bytes);
        bytes[i] ^= 1 << (i % 8);
    }
    assert!(try_read(&bytes));
    let metadata = file!("adam/keras_metadata.pb");
    for len in (0..metadata.len()).step_by(97) {
        let store = folder!("adam").with("keras_metadata.pb", &metadata[..len]);
        // Metrics come last, and nobody asks for them.
        let is_whole = read(&store).map_or(true, |model| outlined(&model).len() == 11);
        assert!(is_whole, "{len} bytes of metadata");
    }
}

/// A user object: identifier, metadata, children by name.
type Node<'a> = (&'a str, &'a str, &'a [(&'a str, i32)]);

/// A `saved_model.pb` of user objects.
fn objects(nodes: &[Node]) -> Vec<u8> {
    let node = |(identifier, metadata, children): &Node| SavedObject {
        children: children
            .iter()
            .map(|(name, id)| ObjectReference { node_id: *id, local_name: (*name).to_owned() })
            .collect(),
        kind: Some(saved_object::Kind::UserObject(SavedUserObject {
            identifier: (*identifier).to_owned(),
            metadata: (*metadata).to_owned(),
            version: None,
        })),
        ..SavedObject::default()
    };
    let graph = SavedObjectGraph { nodes: nodes.iter().map(node).collect(), ..Default::default() };
    let graph = MetaGraphDef { object_graph_def: Some(graph), ..Default::default() };
    SavedModel { saved_model_schema_version: 1, meta_graphs: vec![graph] }.encode_to_vec()
}

#[test]
fn loops_and_towers_of_objects_come_to_an_end() {
    const MODEL: &str = r#"{"class_name": "Sequential", "name": "m", "config": {"layers": []}}"#;
    const ID: &str = "_tf_keras_sequential";
    // A model in itself, and forty models that each hold the next one twice.
    let tower: Vec<[(&str, i32); 2]> =
        (1..=40).map(|next| [("layer-0", next % 40), ("layer-1", next % 40)]).collect();
    let tower: Vec<Node> = tower.iter().map(|children| (ID, MODEL, &children[..])).collect();
    // A layer that is its own attribute is no more than odd.
    let odd: [Node; 2] =
        [(ID, MODEL, &[("layer-0", 1)]), ("_tf_keras_layer", MODEL, &[("a", 1), ("b", 1)])];
    let dangling: [Node; 1] = [(ID, MODEL, &[("layer-0", 7)])];
    let read = |nodes: &[Node]| read(&folder!("module").with("saved_model.pb", objects(nodes)));
    for nodes in [&[(ID, MODEL, &[("layer-0", 0)][..])][..], &tower] {
        let problems = read(nodes).unwrap_err();
        assert!(problems.0.iter().any(|problem| problem.kind == Kind::Limit), "{problems}");
    }
    assert_eq!(read(&odd).unwrap().layers.len(), 1);
    assert_eq!(
        read(&dangling).unwrap_err().to_string(),
        "saved_model.pb: object_graph_def.nodes[0]: `layer-0` refers to no object, \
         expected a number below 1, found 7"
    );
}
