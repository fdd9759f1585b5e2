//! The values of the objects: which key a variable is stored under, and the tensor behind it.

use std::collections::HashMap;

use tensorferry_diagnostics::Problem;
use tensorferry_store::Store;
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tensor_bundle::Bundle;
use tensorferry_tf_proto::tensorflow::trackable_object_graph::TrackableObject;
use tensorferry_tf_proto::{Message, known_shape, tensorflow};

use crate::errors;

/// Key of the object graph in a checkpoint.
const OBJECTS: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

/// Name of the only attribute that a variable has.
const VALUE: &str = "VARIABLE_VALUE";

/// An open checkpoint with its object graph.
pub(super) struct Checkpoint {
    file: String,
    bundle: Bundle,
    nodes: Vec<TrackableObject>,
}

impl Checkpoint {
    pub(super) fn open(store: &dyn Store, folder: &str) -> Result<Self, Problem> {
        let prefix = format!("{folder}variables/variables");
        let file = format!("{prefix}.index");
        let index = store.open(&file).map_err(|e| errors::store(&e))?;
        let bundle = Bundle::open(index.as_ref(), &prefix, &|name| store.open(name))
            .map_err(|e| errors::bundle(&file, &e))?;
        let objects = bundle.strings(OBJECTS).map_err(|e| errors::bundle(&file, &e))?;
        let objects = objects.into_iter().next().unwrap_or_default();
        let objects = tensorflow::TrackableObjectGraph::decode(objects).map_err(|e| {
            Problem::input(format!("broken object graph: {e}")).in_file(&file).at(OBJECTS)
        })?;
        Ok(Self { file, bundle, nodes: objects.nodes })
    }

    /// The file that the values are found through.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The children of a node by name.
    pub(super) fn children(&self, node: usize) -> HashMap<&str, usize> {
        let children = self.nodes.get(node).map_or(&[][..], |node| &node.children[..]);
        let number = |id: i32| usize::try_from(id).ok();
        children.iter().filter_map(|c| Some((c.local_name.as_str(), number(c.node_id)?))).collect()
    }

    /// Full name and value of a variable; it must be what `declared` says it is.
    pub(super) fn variable(
        &self,
        node: Option<usize>,
        declared: &tensorflow::SavedVariable,
    ) -> Result<(Option<String>, Tensor), Problem> {
        let object = node.and_then(|node| self.nodes.get(node));
        let attribute =
            object.and_then(|object| object.attributes.iter().find(|a| a.name == VALUE));
        let attribute = attribute.ok_or_else(|| {
            Problem::input("the checkpoint has no value for this variable")
                .in_file(&self.file)
                .hint("save the model again: the two graphs of objects differ")
        })?;
        let tensor = self.tensor(&attribute.checkpoint_key)?;
        let shape = declared.shape.as_ref().and_then(known_shape);
        let is_declared = tensor.dtype().to_proto() == declared.dtype
            && shape.as_ref().is_none_or(|shape| shape == tensor.shape());
        if !is_declared {
            let dtype = DType::from_proto(declared.dtype).map_or("?", DType::name);
            let declared = format!("{dtype} {:?} as in saved_model.pb", shape.unwrap_or_default());
            return Err(Problem::input("the checkpoint holds another tensor")
                .in_file(&self.file)
                .at(&attribute.checkpoint_key)
                .expected(declared, format!("{tensor:?}")));
        }
        let name = [&attribute.full_name, &declared.name].into_iter().find(|n| !n.is_empty());
        Ok((name.cloned(), tensor))
    }

    fn tensor(&self, key: &str) -> Result<Tensor, Problem> {
        let source = self.bundle.tensor(key).map_err(|e| errors::bundle(&self.file, &e))?;
        let entry = self.bundle.entry(key);
        let entry = entry.expect("the bundle gave the tensor of this key");
        let dtype = DType::from_proto(entry.dtype).ok_or_else(|| {
            Problem::unsupported(format!("tensors of type {} are not read", entry.dtype))
                .in_file(&self.file)
                .at(key)
        })?;
        Tensor::new(dtype, entry.shape.clone(), source).map_err(|e| errors::io(&self.file, key, &e))
    }
}
