//! P8: any text as JSON, as a `model.json`, as a Keras config.

use serde_json::{Map, Value};
use tensorferry_json::{Limits, NonFinite, parse_with, to_python};
use tensorferry_store::MemoryStore;
use tensorferry_tfjs_files::ModelJson;

use crate::{budget, convert, keras};

/// Reads the text as each of them; what is read can be written and read again.
pub fn p8_json(data: &[u8]) {
    let ((), peak) = budget::measure(|| {
        let Ok(parsed) = parse_with(data, &Limits::default(), NonFinite::AsNull) else { return };
        let text = to_python(&parsed.value);
        let again = tensorferry_json::parse(&text, &Limits::default());
        assert_eq!(again.as_ref(), Ok(&parsed.value), "written and read again");
        assert_eq!(to_python(&parsed.value), text, "two writings differ");
        model_json(&parsed.value);
    });
    budget::check("reading JSON", peak, budget::of_refusal(data.len() as u64));
    if let Ok(value) = tensorferry_json::parse(data, &Limits::default()) {
        config(data, value);
    }
}

fn model_json(value: &Value) {
    let Ok(model) = ModelJson::from_value(value.clone()) else { return };
    for path in model.weights_manifest.iter().flat_map(|group| &group.paths) {
        assert!(crate::recorded::is_inside(path), "the shard {path:?} leads out");
    }
    let again = ModelJson::parse(&model.to_bytes(), &Limits::default());
    assert_eq!(again.as_ref(), Ok(&model), "a model.json written and read again");
}

/// The text as a whole `model.json`, and as the config of a model without weights.
fn config(data: &[u8], value: Value) {
    let store = MemoryStore::file("model.json", data.to_vec());
    let byte_len = data.len() as u64;
    let number = crc32c::crc32c(data);
    let _ = convert::run(&store, byte_len, &convert::options(number));
    let mut whole = keras::model_json(&[]);
    whole["weightsManifest"] = Value::Array(vec![]);
    whole["modelTopology"] = Map::from_iter([("model_config".to_owned(), value)]).into();
    let whole = whole.to_string();
    let byte_len = whole.len() as u64;
    let store = MemoryStore::file("model.json", whole);
    let _ = convert::run(&store, byte_len, &convert::options(number));
}
