//! The graph of a SavedModel's objects while it is made: layers, variables, lists.

use std::collections::HashMap;

use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_layers::{BoundWeight, Leaf, VarNode, is_model_class};
use tensorferry_tensor::Tensor;
use tensorferry_tf_proto::tensorflow::saved_object::Kind as ObjectKind;
use tensorferry_tf_proto::tensorflow::trackable_object_graph::TrackableObject;
use tensorferry_tf_proto::tensorflow::trackable_object_graph::trackable_object::{
    ObjectReference, SerializedTensor,
};
use tensorferry_tf_proto::{keras, tensorflow};

use super::nodes;

/// The suffix of a variable's key, and the name of its only attribute.
const VALUE: &str = "VARIABLE_VALUE";

/// The graph, and what is stored beside it.
pub(super) struct Objects<'m> {
    pub(super) nodes: Vec<tensorflow::SavedObject>,
    pub(super) metadata: Vec<keras::SavedObject>,
    pub(super) variables: Vec<Variable<'m>>,
    /// Weights by the object that holds them, and their names in it.
    weights: HashMap<(String, String), (&'m Leaf, &'m Tensor)>,
}

/// A variable with its value.
pub(super) struct Variable<'m> {
    /// Its node in the graph of objects.
    pub(super) node: i32,
    /// Its name in Keras, such as `dense/kernel`.
    pub(super) name: &'m str,
    /// Where the checkpoint has it.
    pub(super) key: String,
    pub(super) tensor: &'m Tensor,
}

/// Where the walk is: attributes from the root, in this graph and in Keras 3's tree.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) attributes: Vec<String>,
    pub(super) object_path: String,
}

impl Place {
    pub(super) fn root() -> Self {
        Self { attributes: Vec::new(), object_path: String::new() }
    }

    /// The place of a child.
    pub(super) fn at(&self, attribute: &str, object: &str) -> Self {
        let mut place = self.clone();
        place.attributes.push(attribute.to_owned());
        if !place.object_path.is_empty() && !object.is_empty() {
            place.object_path.push('/');
        }
        place.object_path.push_str(object);
        place
    }
}

impl<'m> Objects<'m> {
    pub(super) fn new(weights: &'m [(Leaf, &'m BoundWeight)]) -> Self {
        let by_place = weights.iter().map(|(leaf, weight)| {
            let key = (leaf.object_path.clone(), leaf.variable.clone());
            (key, (leaf, &weight.stored.tensor))
        });
        Self {
            nodes: Vec::new(),
            metadata: Vec::new(),
            variables: Vec::new(),
            weights: by_place.collect(),
        }
    }

    /// Adds an object; its number.
    pub(super) fn add(&mut self, kind: ObjectKind) -> i32 {
        let id = i32::try_from(self.nodes.len()).unwrap_or(i32::MAX);
        self.nodes.push(tensorflow::SavedObject { kind: Some(kind), ..Default::default() });
        id
    }

    /// Adds an object of a class that TensorFlow or Keras has registered under `identifier`.
    pub(super) fn add_user(&mut self, identifier: &str) -> i32 {
        let version = tensorflow::VersionDef { producer: 1, min_consumer: 1, ..Default::default() };
        self.add(ObjectKind::UserObject(tensorflow::SavedUserObject {
            identifier: identifier.to_owned(),
            version: Some(version),
            metadata: String::new(),
        }))
    }

    /// Makes `child` an attribute of `parent`.
    pub(super) fn link(&mut self, parent: i32, name: &str, child: i32) {
        let node = usize::try_from(parent).ok().and_then(|at| self.nodes.get_mut(at));
        let node = node.expect("the parent was added before");
        node.children.push(ObjectReference { node_id: child, local_name: name.to_owned() });
    }

    /// Adds what a layer holds under its node: variables, and the layers inside it.
    pub(super) fn add_content(
        &mut self,
        node: &VarNode,
        id: i32,
        place: &Place,
    ) -> Result<(), Problem> {
        for variable in &node.variables {
            let child = self.add_variable(place, &variable.name, variable.trainable)?;
            self.link(id, &variable.name, child);
        }
        if is_model_class(&node.class_name) {
            return self.add_layers_of(node, id, place);
        }
        let mut lists: HashMap<&str, (i32, usize)> = HashMap::new();
        for part in &node.children {
            let (parent, attribute, inner) = match part.attribute.split_once('/') {
                // An item of a list is named by its place; the list is an object of its own.
                Some((list, _)) => {
                    let next = match lists.get(list) {
                        Some(known) => *known,
                        None => {
                            let made = self.add_user("trackable_list_wrapper");
                            self.link(id, list, made);
                            (made, 0)
                        }
                    };
                    lists.insert(list, (next.0, next.1 + 1));
                    let item = next.1.to_string();
                    let mut inner = place.at(list, &part.attribute);
                    inner.attributes.push(item.clone());
                    (next.0, item, inner)
                }
                None => (id, part.attribute.clone(), place.at(&part.attribute, &part.attribute)),
            };
            let child = self.add_user("_tf_keras_layer");
            self.link(parent, &attribute, child);
            self.add_content(part, child, &inner)?;
        }
        Ok(())
    }

    /// The layers of a model that a layer holds: Keras makes them from that layer's config, so they
    /// have no metadata of their own.
    fn add_layers_of(&mut self, node: &VarNode, id: i32, place: &Place) -> Result<(), Problem> {
        let layers = node.children.iter().filter(|layer| !layer.attribute.is_empty());
        for (i, layer) in layers.enumerate() {
            let name = format!("layer-{i}");
            let child = self.add_user("_tf_keras_layer");
            self.link(id, &name, child);
            self.add_content(layer, child, &place.at(&name, &layer.attribute))?;
        }
        Ok(())
    }

    fn add_variable(&mut self, place: &Place, name: &str, trainable: bool) -> Result<i32, Problem> {
        let key = (place.object_path.clone(), name.to_owned());
        let (leaf, tensor) = self.weights.get(&key).copied().ok_or_else(|| {
            let what = format!("the weight `{name}` of `{}` has no value", place.object_path);
            Problem::new(Kind::Bug, what)
        })?;
        let id = self.add(ObjectKind::Variable(tensorflow::SavedVariable {
            dtype: tensor.dtype().to_proto(),
            shape: Some(nodes::dims(tensor.shape())),
            trainable,
            name: leaf.keras2_name.clone(),
            ..Default::default()
        }));
        let path: Vec<String> =
            place.attributes.iter().map(String::as_str).chain([name]).map(escaped).collect();
        let key = format!("{}/.ATTRIBUTES/{VALUE}", path.join("/"));
        self.variables.push(Variable { node: id, name: &leaf.keras2_name, key, tensor });
        Ok(id)
    }

    /// The same graph as the checkpoint has it: with the keys of values.
    pub(super) fn checkpoint_graph(&self) -> tensorflow::TrackableObjectGraph {
        let node = |node: &tensorflow::SavedObject| TrackableObject {
            children: node.children.clone(),
            ..Default::default()
        };
        let mut nodes: Vec<TrackableObject> = self.nodes.iter().map(node).collect();
        for variable in &self.variables {
            let node = usize::try_from(variable.node).ok().and_then(|at| nodes.get_mut(at));
            node.expect("variables are nodes").attributes.push(SerializedTensor {
                name: VALUE.to_owned(),
                full_name: variable.name.to_owned(),
                checkpoint_key: variable.key.clone(),
            });
        }
        tensorflow::TrackableObjectGraph { nodes }
    }
}

/// A name as a segment of a key: slashes and what escapes them are told apart.
fn escaped(name: &str) -> String {
    name.replace('.', "..").replace('/', ".S")
}
