//! The meta graph: the signature's node, and the nodes that save and restore variables.
//!
//! TensorFlow 2 restores along the graph of objects. Servers written in C++ and TensorFlow 1 run
//! nodes instead, by the names in the `SaverDef`.

use std::collections::BTreeMap;

use tensorferry_ir::{Shape, SignatureTensor, Type};
use tensorferry_tensor::DType;
use tensorferry_tf_proto::tensorflow::attr_value::Value;
use tensorferry_tf_proto::tensorflow::saved_object::Kind as ObjectKind;
use tensorferry_tf_proto::tensorflow::structured_value::Kind as Structured;
use tensorferry_tf_proto::tensorflow::{self, NodeDef, tensor_info};
use tensorferry_tf_proto::{Message, tensorflow::StructuredValue};

use super::graph::{FUNCTION, Parts, handles};
use super::nodes::{self, node, with};
use super::objects::{Objects, Variable};
use super::{SIGNATURE, TENSORFLOW_VERSION};
use crate::graph_json::{MIN_CONSUMER, PRODUCER};

/// Names of nodes that are looked up by name.
const INIT: &str = "NoOp";
const CALL: &str = "StatefulPartitionedCall";
const FILENAME: &str = "saver_filename";
const SAVED: &str = "save/saved_filename";
const RESTORE: &str = "save/restore_all";

/// Key of the signature that says which node runs after restoring.
const INIT_SIGNATURE: &str = "__saved_model_init_op";

impl Parts {
    /// Adds the signature to the root object; what its function is.
    pub(super) fn add_objects(
        &self,
        objects: &mut Objects<'_>,
    ) -> tensorflow::SavedConcreteFunction {
        let map = objects.add_user("signature_map");
        let function = tensorflow::SavedBareConcreteFunction {
            concrete_function_name: FUNCTION.to_owned(),
            argument_keywords: self.inputs.clone(),
            allowed_positional_arguments: i64::try_from(self.inputs.len()).unwrap_or(i64::MAX),
            function_spec: None,
        };
        let function = objects.add(ObjectKind::BareConcreteFunction(function));
        objects.link(map, SIGNATURE, function);
        objects.link(0, "signatures", map);
        let captured = self.captured.iter().filter_map(|i| objects.variables.get(*i));
        let encoded = |kind| Some(StructuredValue { kind: Some(kind) }.encode_to_vec().into());
        let arguments = tuple(vec![tuple(Vec::new()), dict(&self.inputs, &self.signature.inputs)]);
        tensorflow::SavedConcreteFunction {
            bound_inputs: captured.map(|variable| variable.node).collect(),
            canonicalized_input_signature: encoded(arguments),
            output_signature: encoded(dict(&self.outputs, &self.signature.outputs)),
        }
    }

    /// The whole meta graph.
    pub(super) fn meta_graph(
        self,
        objects: &Objects<'_>,
        function: tensorflow::SavedConcreteFunction,
    ) -> tensorflow::MetaGraphDef {
        let (signature, mut graph) = self.call(&objects.variables);
        graph.push(node(INIT, "NoOp", &[]));
        graph.extend(saver(&objects.variables));
        let init = tensorflow::SignatureDef {
            outputs: [(INIT_SIGNATURE.to_owned(), info(INIT, 0, &Shape::UNKNOWN))].into(),
            ..Default::default()
        };
        let version = tensorflow::VersionDef {
            producer: PRODUCER,
            min_consumer: MIN_CONSUMER,
            ..Default::default()
        };
        tensorflow::MetaGraphDef {
            meta_info_def: Some(tensorflow::meta_graph_def::MetaInfoDef {
                tags: vec!["serve".to_owned()],
                tensorflow_version: TENSORFLOW_VERSION.to_owned(),
                stripped_default_attrs: true,
                ..Default::default()
            }),
            graph_def: Some(tensorflow::GraphDef {
                node: graph,
                versions: Some(version),
                library: Some(tensorflow::FunctionDefLibrary {
                    function: self.library,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            saver_def: Some(tensorflow::SaverDef {
                filename_tensor_name: format!("{FILENAME}:0"),
                save_tensor_name: format!("{SAVED}:0"),
                restore_op_name: RESTORE.to_owned(),
                version: tensorflow::saver_def::CheckpointFormatVersion::V2.into(),
                ..Default::default()
            }),
            signature_def: [(INIT_SIGNATURE.to_owned(), init), (SIGNATURE.to_owned(), signature)]
                .into(),
            object_graph_def: Some(tensorflow::SavedObjectGraph {
                nodes: objects.nodes.clone(),
                concrete_functions: [(FUNCTION.to_owned(), function)].into(),
            }),
            ..Default::default()
        }
    }

    /// Variables, inputs and the node that calls the function, and the signature that names them.
    fn call(&self, variables: &[Variable<'_>]) -> (tensorflow::SignatureDef, Vec<NodeDef>) {
        let names = handles(variables);
        let mut graph = Vec::new();
        for (variable, name) in variables.iter().zip(names.values()) {
            let shape = nodes::dims(variable.tensor.shape());
            let dtype = Value::Type(variable.tensor.dtype().to_proto());
            let handle = with(node(name, "VarHandleOp", &[]), "dtype", dtype);
            let handle = with(handle, "shape", Value::Shape(shape));
            graph.push(with(handle, "shared_name", Value::S(name.clone().into())));
        }
        let mut arguments = Vec::new();
        let mut signature = tensorflow::SignatureDef {
            method_name: "tensorflow/serving/predict".to_owned(),
            ..Default::default()
        };
        for (name, input) in self.inputs.iter().zip(&self.signature.inputs) {
            let place = format!("{SIGNATURE}_{name}");
            let placeholder = node(&place, "Placeholder", &[]);
            let placeholder = with(placeholder, "dtype", Value::Type(input.ty.to_proto()));
            graph.push(with(placeholder, "shape", Value::Shape(nodes::shape(&input.shape))));
            let about = info(&format!("{place}:0"), input.ty.to_proto(), &input.shape);
            signature.inputs.insert(name.clone(), about);
            arguments.push(place);
        }
        arguments.extend(self.captured.iter().filter_map(|i| names.get(i).cloned()));
        let types = self.signature.inputs.iter().map(|input| input.ty);
        let types = types.chain(self.captured.iter().map(|_| Type::Resource));
        let call = with(node(CALL, CALL, &arguments), "Tin", nodes::types(types));
        let results = self.signature.outputs.iter().map(|output| output.ty);
        let call = with(call, "Tout", nodes::types(results));
        let function =
            tensorflow::NameAttrList { name: FUNCTION.to_owned(), attr: BTreeMap::new() };
        graph.push(with(call, "f", Value::Func(function)));
        for (i, (name, output)) in self.outputs.iter().zip(&self.signature.outputs).enumerate() {
            let about = info(&format!("{CALL}:{i}"), output.ty.to_proto(), &output.shape);
            signature.outputs.insert(name.clone(), about);
        }
        (signature, graph)
    }
}

/// The nodes that save and restore all variables.
fn saver(variables: &[Variable<'_>]) -> Vec<NodeDef> {
    let string = Value::Type(DType::String.to_proto());
    let filename = with(node(FILENAME, "Placeholder", &[]), "dtype", string.clone());
    let mut all = vec![with(filename, "shape", Value::Shape(nodes::dims(&[])))];
    let file = FILENAME.to_owned();
    if variables.is_empty() {
        let saved = with(node(SAVED, "Identity", &[file]), "T", string);
        all.extend([saved, node(RESTORE, "NoOp", &[])]);
        return all;
    }
    let text = |name: &str, values: &[String]| {
        let constant = with(node(name, "Const", &[]), "dtype", string.clone());
        with(constant, "value", nodes::strings(values))
    };
    let keys: Vec<String> = variables.iter().map(|variable| variable.key.clone()).collect();
    let (names, slices) = ("save/tensor_names".to_owned(), "save/shape_and_slices".to_owned());
    all.push(text(&names, &keys));
    all.push(text(&slices, &vec![String::new(); keys.len()]));
    let types = || nodes::types(variables.iter().map(|variable| variable.tensor.dtype().into()));
    let mut restored = Vec::new();
    let mut saved = vec![file.clone(), names.clone(), slices.clone()];
    let restore = node("save/RestoreV2", "RestoreV2", &[file.clone(), names, slices]);
    all.push(with(restore, "dtypes", types()));
    for ((i, handle), variable) in handles(variables).into_iter().zip(variables) {
        let dtype = || Value::Type(variable.tensor.dtype().to_proto());
        let assign = format!("save/Assign_{i}");
        let inputs = [handle.clone(), format!("save/RestoreV2:{i}")];
        all.push(with(node(&assign, "AssignVariableOp", &inputs), "dtype", dtype()));
        restored.push(format!("^{assign}"));
        let read = format!("save/Read_{i}");
        all.push(with(node(&read, "ReadVariableOp", &[handle]), "dtype", dtype()));
        saved.push(read);
    }
    all.push(node(RESTORE, "NoOp", &restored));
    all.push(with(node("save/SaveV2", "SaveV2", &saved), "dtypes", types()));
    let result = node(SAVED, "Identity", &[file, "^save/SaveV2".to_owned()]);
    all.push(with(result, "T", string));
    all
}

fn info(name: &str, dtype: i32, shape: &Shape) -> tensorflow::TensorInfo {
    tensorflow::TensorInfo {
        dtype,
        tensor_shape: Some(nodes::shape(shape)),
        encoding: Some(tensor_info::Encoding::Name(name.to_owned())),
    }
}

fn tuple(kinds: Vec<Structured>) -> Structured {
    let values = kinds.into_iter().map(|kind| StructuredValue { kind: Some(kind) }).collect();
    Structured::TupleValue(tensorflow::TupleValue { values })
}

/// What is known of named tensors.
fn dict(names: &[String], tensors: &[SignatureTensor]) -> Structured {
    let field = |(name, tensor): (&String, &SignatureTensor)| {
        let spec = tensorflow::TensorSpecProto {
            name: name.clone(),
            shape: Some(nodes::shape(&tensor.shape)),
            dtype: tensor.ty.to_proto(),
        };
        (name.clone(), StructuredValue { kind: Some(Structured::TensorSpecValue(spec)) })
    };
    Structured::DictValue(tensorflow::DictValue {
        fields: names.iter().zip(tensors).map(field).collect(),
    })
}
