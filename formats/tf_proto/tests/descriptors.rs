//! Holds our `.proto` files against TensorFlow's own descriptors, dumped by `make_descriptors.py`.

use std::collections::BTreeSet;
use std::path::Path;

use protox::prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use protox::prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto,
};
use serde_json::{Value, json};

/// Fields of TensorFlow's that we do not read: debug information, full types, and whole numbers in a function's description.
const LEFT_OUT: [&str; 4] = [
    "tensorflow.GraphDef.debug_info",
    "tensorflow.NodeDef.experimental_type",
    "tensorflow.OpDef.ArgDef.experimental_full_type",
    "tensorflow.StructuredValue.int64_value",
];

/// Messages that we keep as bytes.
const AS_BYTES: [&str; 5] = [
    "google.protobuf.Any",
    "google.protobuf.BoolValue",
    "tensorflow.BoundedTensorSpecProto",
    "tensorflow.StructuredValue",
    "tensorflow.TypeSpecProto",
];

struct Comparison {
    theirs: Value,
    n_messages: usize,
    left_out: BTreeSet<String>,
}

impl Comparison {
    fn message(&mut self, scope: &str, ours: &DescriptorProto) {
        let name = format!("{scope}.{}", ours.name());
        let theirs = self.theirs["messages"][&name].as_object().cloned();
        let theirs = theirs.unwrap_or_else(|| panic!("TensorFlow has no message {name}"));
        for field in &ours.field {
            let row = theirs.get(field.name());
            let row = row.unwrap_or_else(|| panic!("TensorFlow has no {name}.{}", field.name()));
            assert_eq!(&our_row(field, row), row, "{name}.{}", field.name());
        }
        for field in theirs.keys() {
            if !ours.field.iter().any(|f| f.name() == field) {
                self.left_out.insert(format!("{name}.{field}"));
            }
        }
        for nested in &ours.nested_type {
            self.message(&name, nested);
        }
        for nested in &ours.enum_type {
            self.enumeration(&name, nested);
        }
        self.n_messages += 1;
    }

    fn enumeration(&self, scope: &str, ours: &EnumDescriptorProto) {
        let name = format!("{scope}.{}", ours.name());
        let values: serde_json::Map<_, _> =
            ours.value.iter().map(|v| (v.name().to_owned(), json!(v.number()))).collect();
        assert_eq!(self.theirs["enums"][&name], Value::Object(values), "{name}");
    }
}

/// Number, label and type as `descriptors.json` writes them.
fn our_row(field: &FieldDescriptorProto, theirs: &Value) -> Value {
    let label = if field.label() == Label::Repeated { "repeated" } else { "one" };
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        Type::Bytes if theirs[2].as_str().is_some_and(|name| AS_BYTES.contains(&name)) => {
            theirs[2].as_str().unwrap_or_default().to_owned()
        }
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    json!([field.number(), label, kind])
}

#[test]
fn our_messages_are_those_of_tensorflow() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let theirs = std::fs::read_to_string(here.join("tests/descriptors.json")).unwrap();
    let ours = protox::compile(
        [
            "tensorflow/saved_model.proto",
            "tensorflow/struct.proto",
            "tensorflow/tensor_bundle.proto",
            "keras.proto",
        ],
        [here.join("proto")],
    )
    .unwrap();
    let mut comparison = Comparison {
        theirs: serde_json::from_str(&theirs).unwrap(),
        n_messages: 0,
        left_out: BTreeSet::new(),
    };
    for file in &ours.file {
        for message in &file.message_type {
            comparison.message(file.package(), message);
        }
        for enumeration in &file.enum_type {
            comparison.enumeration(file.package(), enumeration);
        }
    }
    assert_eq!(comparison.left_out, LEFT_OUT.map(str::to_owned).into());
    assert_eq!(comparison.n_messages, 89, "a sweep over too few messages proves nothing");
}
