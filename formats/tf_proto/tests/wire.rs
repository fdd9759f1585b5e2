//! Real and broken messages: what decodes, what is refused, and that nothing panics.

use bytes::Bytes;
use tensorferry_tf_proto::{Message, decode_constant, keras, tensorflow};

const SAVED_MODEL: &[u8] = include_bytes!("data/table_saved_model.pb");
const KERAS_METADATA: &[u8] = include_bytes!("data/keras_metadata.pb");

/// Most that a constant of these small files may be filled with.
const FILL_MAX: u64 = 1 << 16;

fn read(bytes: &[u8]) -> Option<tensorflow::SavedModel> {
    let model = tensorflow::SavedModel::decode(Bytes::copy_from_slice(bytes)).ok()?;
    for node in model.meta_graphs.iter().filter_map(|g| g.graph_def.as_ref()).flat_map(|g| &g.node)
    {
        for attr in node.attr.values() {
            if let Some(tensorflow::attr_value::Value::Tensor(tensor)) = &attr.value {
                // Broken constants are the point of the sweeps; only a panic would be wrong.
                let _ = decode_constant(tensor, FILL_MAX);
            }
        }
    }
    Some(model)
}

#[test]
fn a_saved_model_is_read_whole() {
    let model = read(SAVED_MODEL).unwrap();
    assert_eq!(model.saved_model_schema_version, 1);
    let graph = &model.meta_graphs[0];
    assert_eq!(graph.meta_info_def.as_ref().unwrap().tags, ["serve"]);
    assert!(graph.signature_def.contains_key("serving_default"));
    // Maps come back sorted, so bytes differ; nothing is lost when a second reading is equal.
    let again = read(&model.encode_to_vec()).unwrap();
    assert!(again == model);
    assert_eq!(model.encoded_len(), SAVED_MODEL.len());
}

#[test]
fn keras_metadata_holds_a_config_per_layer() {
    let metadata = keras::SavedMetadata::decode(KERAS_METADATA).unwrap();
    let rows: Vec<_> =
        metadata.nodes.iter().map(|n| (n.node_path.as_str(), n.identifier.as_str())).collect();
    assert_eq!(rows[0], ("root", "_tf_keras_sequential"));
    assert!(rows.contains(&("root.layer_with_weights-0", "_tf_keras_layer")), "{rows:?}");
}

#[test]
fn broken_files_are_refused_or_read_without_a_panic() {
    let mut n_refused = 0;
    for len in 0..SAVED_MODEL.len() {
        n_refused += usize::from(read(&SAVED_MODEL[..len]).is_none());
    }
    assert!(n_refused * 10 > SAVED_MODEL.len() * 9, "only {n_refused} prefixes were refused");
    let mut bytes = SAVED_MODEL.to_vec();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        read(&bytes);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn bytes_are_views_of_the_input() {
    let tensor = tensorflow::TensorProto {
        tensor_content: Bytes::from(vec![7; 1000]),
        ..Default::default()
    };
    let file = Bytes::from(tensor.encode_to_vec());
    let content = tensorflow::TensorProto::decode(file.clone()).unwrap().tensor_content;
    assert!(file.as_ptr_range().contains(&content.as_ptr()));
}

#[test]
fn unknown_fields_are_skipped_and_groups_are_refused() {
    // Field 100: a varint, eight bytes, a run of bytes, four bytes.
    for field in [&b"\xa0\x06\x05"[..], b"\xa1\x0612345678", b"\xa2\x06\x02ab", b"\xa5\x061234"] {
        let graph = tensorflow::GraphDef::decode(field).unwrap();
        assert_eq!(graph, tensorflow::GraphDef::default());
    }
    // A group without an end, and a lone end.
    for group in [&b"\xa3\x06"[..], b"\xa4\x06"] {
        assert!(tensorflow::GraphDef::decode(group).is_err());
    }
}

#[test]
fn deep_nesting_is_refused() {
    let mut bytes = Vec::new();
    for _ in 0..50_000 {
        // SavedVariable.experimental_distributed_variable_components, field 8, inside itself.
        let mut outer = vec![0x42];
        prost::encode_length_delimiter(bytes.len(), &mut outer).unwrap();
        outer.append(&mut bytes);
        bytes = outer;
        if bytes.len() > 4000 {
            break;
        }
    }
    assert!(tensorflow::SavedVariable::decode(&bytes[..]).is_err());
}
