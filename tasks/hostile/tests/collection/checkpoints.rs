//! SavedModel folders whose checkpoint, objects or metadata are wrong.

use bytes::Bytes;
use tensorferry::OutputFormat;
use tensorferry_conformance::fixtures;
use tensorferry_hostile::files::folder;
use tensorferry_hostile::raw_table;
use tensorferry_tf_proto::{Message, tensorflow};

use crate::{Case, Class};

const PB: &str = "saved_model.pb";
const METADATA: &str = "keras_metadata.pb";
const INDEX: &str = "variables/variables.index";
const DATA: &str = "variables/variables.data-00000-of-00001";

/// A good folder with one file of it changed; `None` takes the file away.
fn case(
    id: &'static str,
    class: Class,
    name: &'static str,
    change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>,
    says: &'static str,
) -> Case {
    let root = fixtures::root().join("models/k2_tutorial/saved_model");
    let read = |name: &str| std::fs::read(root.join(name)).expect("the fixture has it");
    let mut files: Vec<(String, Bytes)> = [PB, METADATA, INDEX, DATA]
        .iter()
        .filter(|file| **file != name)
        .map(|file| ((*file).to_owned(), read(file).into()))
        .collect();
    files.extend(change(read(name)).map(|bytes| (name.to_owned(), bytes.into())));
    // As layers: without that wish, what has no readable layers becomes a graph model.
    Case::new(id, class, folder(&files), says)
        .with(|options| options.output_format = Some(OutputFormat::TfjsLayersModel))
}

/// The index with the entry of the kernel changed, all checksums right.
fn entry(
    id: &'static str,
    class: Class,
    change: impl FnOnce(&mut tensorflow::BundleEntryProto),
    says: &'static str,
) -> Case {
    let change = |index: Vec<u8>| {
        let mut rows = raw_table::read(&index).expect("TensorFlow wrote it");
        let is_kernel =
            |key: &[u8]| String::from_utf8_lossy(key).contains("layer_with_weights-0/kernel");
        let (_, value) = rows.iter_mut().find(|(key, _)| is_kernel(key)).expect("it has a kernel");
        let mut proto =
            tensorflow::BundleEntryProto::decode(&value[..]).expect("TensorFlow wrote it");
        change(&mut proto);
        *value = proto.encode_to_vec();
        Some(raw_table::write(&rows))
    };
    case(id, class, INDEX, change, says)
}

/// The rows of the index changed, all checksums right.
fn rows(
    id: &'static str,
    class: Class,
    change: impl FnOnce(&mut Vec<raw_table::Row>),
    says: &'static str,
) -> Case {
    let change = |index: Vec<u8>| {
        let mut rows = raw_table::read(&index).expect("TensorFlow wrote it");
        change(&mut rows);
        Some(raw_table::write(&rows))
    };
    case(id, class, INDEX, change, says)
}

/// `saved_model.pb` changed.
fn objects(
    id: &'static str,
    class: Class,
    change: impl FnOnce(&mut tensorflow::SavedObjectGraph),
    says: &'static str,
) -> Case {
    let change = |bytes: Vec<u8>| {
        let mut pb = tensorflow::SavedModel::decode(&bytes[..]).expect("TensorFlow wrote it");
        let graph = pb.meta_graphs[0].object_graph_def.as_mut().expect("it has objects");
        change(graph);
        Some(pb.encode_to_vec())
    };
    case(id, class, PB, change, says)
}

pub(crate) fn cases() -> Vec<Case> {
    [damaged(), entries(), tables(), messages(), graphs()].into_iter().flatten().collect()
}

fn flip(at: usize) -> impl FnOnce(Vec<u8>) -> Option<Vec<u8>> {
    move |mut bytes| {
        bytes[at] ^= 1;
        Some(bytes)
    }
}

/// Files cut, changed and gone.
fn damaged() -> Vec<Case> {
    use Class::{Damage, WrongWeights};
    vec![
        case(
            "bundle data changed",
            WrongWeights,
            DATA,
            flip(1),
            "folder: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: the checksum is 0x7f1e0e67, expected 0xda5f9c19: the file was damaged",
        ),
        case(
            "bundle index changed",
            WrongWeights,
            INDEX,
            flip(20),
            "variables/variables.index: block at byte 0 of the index: the checksum is 0x13c8b142, expected 0x118237d2: the file was damaged",
        ),
        case(
            "bundle data cut",
            Damage,
            DATA,
            |bytes| Some(bytes[..3].to_vec()),
            "variables/variables.index: `_CHECKPOINTABLE_OBJECT_GRAPH`: 1741 bytes at 16 of data shard 0, which has 3 bytes",
        ),
        case(
            "bundle without data",
            Damage,
            DATA,
            |_| None,
            "variables/variables.data-00000-of-00001: the file does not exist",
        ),
        case(
            "bundle without index",
            Damage,
            INDEX,
            |_| None,
            "variables/variables.index: the file does not exist",
        ),
        case(
            "bundle index cut",
            Damage,
            INDEX,
            |bytes| Some(bytes[..100].to_vec()),
            "variables/variables.index: byte 52 of the index: no checkpoint index (its last eight bytes are others)",
        ),
        case(
            "bundle index is text",
            Damage,
            INDEX,
            |_| Some(vec![b'x'; 100]),
            "variables/variables.index: byte 52 of the index: no checkpoint index (its last eight bytes are others)",
        ),
    ]
}

fn shape(dims: &[i64]) -> Option<tensorflow::TensorShapeProto> {
    let dim =
        |size: &i64| tensorflow::tensor_shape_proto::Dim { size: *size, ..Default::default() };
    Some(tensorflow::TensorShapeProto { dim: dims.iter().map(dim).collect(), ..Default::default() })
}

/// Entries that lie about where a tensor is and what it is.
fn entries() -> Vec<Case> {
    use Class::{Bomb, OutOfBounds, WrongWeights};
    vec![
        entry(
            "bundle shard 7 of 1",
            OutOfBounds,
            |entry| entry.shard_id = 7,
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: in shard 7 of 1",
        ),
        entry(
            "bundle negative shard",
            OutOfBounds,
            |entry| entry.shard_id = -1,
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: negative shard",
        ),
        entry(
            "bundle entry beyond the end",
            OutOfBounds,
            |entry| entry.offset = 1 << 40,
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: 4 bytes at 1099511627776 of data shard 0, which has 1757 bytes",
        ),
        entry(
            "bundle negative offset",
            OutOfBounds,
            |entry| entry.offset = -8,
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: negative offset",
        ),
        entry(
            "bundle offset that overflows",
            OutOfBounds,
            |entry| entry.offset = i64::MAX,
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: 4 bytes at 9223372036854775807 of data shard 0, which has 1757 bytes",
        ),
        entry(
            "bundle other size than its shape",
            WrongWeights,
            |entry| entry.size = 8,
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: 8 bytes are stored, expected 4 for shape [1, 1]",
        ),
        entry(
            "bundle shape of 2^60",
            Bomb,
            |entry| entry.shape = shape(&[1 << 40, 1 << 20]),
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: the shape is unknown, negative or too large",
        ),
        entry(
            "bundle negative dim",
            WrongWeights,
            |entry| entry.shape = shape(&[-1, 1]),
            "variables/variables.index: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: the shape is unknown, negative or too large",
        ),
        entry(
            "bundle unknown dtype",
            WrongWeights,
            |entry| entry.dtype = 999,
            "variables/variables.index: root.layer-0.kernel: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: elements of type 999 cannot be read",
        ),
        entry(
            "bundle text for a kernel",
            WrongWeights,
            |entry| entry.dtype = 7,
            "variables/variables.index: root.layer-0.kernel: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`: no checksum of string lengths",
        ),
    ]
}

fn tables() -> Vec<Case> {
    use Class::{Ambiguous, Bomb, Damage, WrongWeights};
    vec![
        rows(
            "bundle key twice",
            Ambiguous,
            |rows| rows.push(rows[rows.len() - 1].clone()),
            "variables/variables.index: byte 0 of the index: keys out of order",
        ),
        rows(
            "bundle keys out of order",
            Ambiguous,
            |rows| rows[1..].reverse(),
            "variables/variables.index: byte 0 of the index: keys out of order",
        ),
        rows(
            "bundle without header",
            Damage,
            |rows| drop(rows.remove(0)),
            "variables/variables.index: byte 0 of the index: no header entry",
        ),
        rows(
            "bundle 2^31 shards",
            Bomb,
            |rows| rows[0].1 = vec![0x08, 0xff, 0xff, 0xff, 0xff, 0x07],
            "variables/variables.index: the data shards pass the limit of 100000",
        ),
        rows(
            "bundle of the other byte order",
            WrongWeights,
            |rows| rows[0].1.extend([0x10, 1]),
            "variables/variables.index: the checkpoint is big-endian; save it again on a little-endian machine",
        ),
        rows(
            "bundle without the kernel",
            WrongWeights,
            |rows| rows.retain(|(key, _)| !String::from_utf8_lossy(key).contains("kernel")),
            "variables/variables.index: root.layer-0.kernel: `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE` is not in the checkpoint",
        ),
    ]
}

fn messages() -> Vec<Case> {
    use Class::{Bomb, Damage, Loop};
    vec![
        case(
            "pb garbage",
            Damage,
            PB,
            |_| Some(b"garbage".to_vec()),
            "saved_model.pb: no SavedModel, or a broken one: line 1, column 1: tensorflow.SavedModel has no field `garbage`",
        ),
        case(
            "pb empty",
            Damage,
            PB,
            |_| Some(vec![]),
            "saved_model.pb: meta_graphs: the SavedModel has no meta graph, expected at least one, found none",
        ),
        // Field 15, which nobody knows, begins a group, again and again.
        case(
            "pb groups in groups",
            Loop,
            PB,
            |_| Some(vec![0x7b; 100_000]),
            "saved_model.pb: no SavedModel, or a broken one: failed to decode Protobuf message: recursion limit reached",
        ),
        case(
            "pb attributes in attributes",
            Loop,
            PB,
            |bytes| Some(nested_attributes(&bytes)),
            "saved_model.pb: no SavedModel, or a broken one: failed to decode Protobuf message: NameAttrList.attr: AttrValue.valu…NodeDef.attr: GraphDef.node: MetaGraphDef.graph_def: SavedModel.meta_graphs: recursion limit reached",
        ),
        case(
            "pb length of 2^63",
            Bomb,
            PB,
            |_| Some(vec![0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            "saved_model.pb: no SavedModel, or a broken one: failed to decode Protobuf message: SavedModel.meta_graphs: buffer underflow",
        ),
        case(
            "pb metadata garbage",
            Damage,
            METADATA,
            |_| Some(b"garbage".to_vec()),
            "keras_metadata.pb: no Keras metadata: failed to decode Protobuf message: invalid wire type value: 7",
        ),
        case(
            "pb metadata missing",
            Damage,
            METADATA,
            |_| None,
            "saved_model.pb: object_graph_def.nodes[0]: a Keras model without its metadata",
        ),
        case(
            "pb metadata cut",
            Damage,
            METADATA,
            |bytes| Some(bytes[..bytes.len() / 2].to_vec()),
            "keras_metadata.pb: no Keras metadata: failed to decode Protobuf message: SavedMetadata.nodes: buffer underflow",
        ),
    ]
}

fn graphs() -> Vec<Case> {
    use Class::{Damage, Loop, OutOfBounds};
    vec![
        objects(
            "pb child out of range",
            OutOfBounds,
            |graph| {
                for child in &mut graph.nodes[0].children {
                    child.node_id = 1_000_000;
                }
            },
            "saved_model.pb: object_graph_def.nodes[0]: `layer_with_weights-0` refers to no object, expected a number below 40, found 1000000",
        ),
        objects(
            "pb negative child",
            OutOfBounds,
            |graph| {
                for child in &mut graph.nodes[0].children {
                    child.node_id = -5;
                }
            },
            "saved_model.pb: object_graph_def.nodes[0]: `layer_with_weights-0` refers to no object, expected a number below 40, found -5",
        ),
        objects(
            "pb objects in a circle",
            Loop,
            |graph| {
                for node in &mut graph.nodes {
                    for child in &mut node.children {
                        child.node_id = 0;
                    }
                }
            },
            "saved_model.pb: root.layer-0.layer-0.layer-0.layer-0.layer-0.layer-0.layer-0…er-0.layer-0.layer-0.layer-0.layer-0.layer-0.layer-0.layer-0: models nested in models pass the limit of 64",
        ),
        objects(
            "pb no objects",
            Damage,
            |graph| graph.nodes.clear(),
            "keras_metadata.pb: nodes[0].node_id: metadata of an object that is not in saved_model.pb, expected less than 0, found 0",
        ),
    ]
}

/// A node whose attribute is a function whose attribute is a function, two hundred times.
fn nested_attributes(bytes: &[u8]) -> Vec<u8> {
    use tensorflow::{AttrValue, GraphDef, NameAttrList, NodeDef, attr_value::Value};
    let attribute = (0..200).fold(AttrValue::default(), |inner, _| {
        let attr = [("a".to_owned(), inner)].into_iter().collect();
        AttrValue { value: Some(Value::Func(NameAttrList { name: "f".to_owned(), attr })) }
    });
    let attr = [("a".to_owned(), attribute)].into_iter().collect();
    let node = NodeDef { name: "n".to_owned(), attr, ..NodeDef::default() };
    let mut pb = tensorflow::SavedModel::decode(bytes).expect("TensorFlow wrote it");
    pb.meta_graphs[0].graph_def = Some(GraphDef { node: vec![node], ..GraphDef::default() });
    pb.encode_to_vec()
}
