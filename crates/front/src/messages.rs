//! TensorFlow's messages out of a file, in binary form or as text.

use bytes::Bytes;
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_store::{Store, read_all};
use tensorferry_tf_proto::tensorflow::{GraphDef, SavedModel};
use tensorferry_tf_proto::{Message, TextError, graph_def_from_text, saved_model_from_text};

use crate::errors;

/// Protobuf lengths are signed 32-bit numbers.
const MESSAGE_BYTES_MAX: u64 = (1 << 31) - 1;

/// The SavedModel in the file `name`.
pub(crate) fn saved_model(store: &dyn Store, name: &str) -> Result<SavedModel, Problem> {
    decoded(store, name, "SavedModel", saved_model_from_text)
}

/// The GraphDef in the file `name`.
pub(crate) fn graph_def(store: &dyn Store, name: &str) -> Result<GraphDef, Problem> {
    decoded(store, name, "GraphDef", graph_def_from_text)
}

fn decoded<M: Message + Default>(
    store: &dyn Store,
    name: &str,
    what: &str,
    from_text: fn(&[u8]) -> Result<M, TextError>,
) -> Result<M, Problem> {
    let bytes = bytes(store, name)?;
    let result = match is_text(name, &bytes) {
        true => from_text(&bytes).map_err(|error| error.to_string()),
        false => M::decode(bytes).map_err(|error| error.to_string()),
    };
    result.map_err(|error| {
        Problem::input(format!("no {what}, or a broken one: {error}")).in_file(name)
    })
}

/// True for text. The binary form begins with the key of a field, of which no SavedModel and no
/// GraphDef has one that is a letter.
fn is_text(name: &str, bytes: &[u8]) -> bool {
    let starts_as_text =
        bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'#');
    name.to_ascii_lowercase().ends_with(".pbtxt") || starts_as_text
}

/// The bytes of a protobuf file.
pub(crate) fn bytes(store: &dyn Store, name: &str) -> Result<Bytes, Problem> {
    let blob = store.open(name).map_err(|e| errors::store(&e))?;
    if blob.byte_len() > MESSAGE_BYTES_MAX {
        return Err(Problem::new(Kind::Limit, "larger than a protobuf message can be")
            .in_file(name)
            .expected(format!("{MESSAGE_BYTES_MAX} bytes at most"), blob.byte_len()));
    }
    read_all(blob.as_ref()).map_err(|e| errors::io(name, "", &e))
}
