//! The walk over a SavedModel's objects: from the model to its layers to their variables.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_tensor::Tensor;
use tensorferry_tf_proto::tensorflow;
use tensorferry_tf_proto::tensorflow::saved_object::Kind as ObjectKind;

use super::checkpoint::Checkpoint;
use super::metadata::Metadata;
use super::{SavedLayer, SavedVariable};

/// The model's own node.
pub(super) const ROOT: usize = 0;

/// Models in models, and layers in layers: no model in the field has more than five.
const DEPTH_MAX: usize = 64;

/// Layers may share objects, so some are visited more than once; a small file of layers that all
/// share much must not keep us for hours.
const VISITS_PER_REFERENCE: usize = 16;
const VISITS_FREE: usize = 10_000;

/// Attributes that say again what other attributes say.
const BOOKKEEPING: [&str; 11] = [
    "variables",
    "trainable_variables",
    "non_trainable_variables",
    "regularization_losses",
    "keras_api",
    "signatures",
    "layers",
    "metrics",
    "layer_metrics",
    "layer_regularization_losses",
    "_metrics",
];

/// A node, and its twin in the checkpoint's own graph.
#[derive(Debug, Clone, Copy)]
struct Place {
    node: usize,
    stored: Option<usize>,
}

/// A variable on the way from a layer.
struct Found {
    place: Place,
    path: Vec<String>,
}

/// Walks the objects; what is wrong is collected.
pub(super) struct Objects<'a> {
    file: &'a str,
    nodes: &'a [tensorflow::SavedObject],
    metadata: &'a Metadata,
    checkpoint: &'a Checkpoint,
    visits_left: usize,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(
        file: &'a str,
        nodes: &'a [tensorflow::SavedObject],
        metadata: &'a Metadata,
        checkpoint: &'a Checkpoint,
    ) -> Self {
        let n_references: usize = nodes.iter().map(|node| node.children.len()).sum();
        let visits_left = VISITS_FREE + n_references.saturating_mul(VISITS_PER_REFERENCE);
        let problems = dangling_references(file, nodes);
        Self { file, nodes, metadata, checkpoint, visits_left, problems, warnings: Vec::new() }
    }

    /// Problems and warnings that were met.
    pub(super) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems, self.warnings)
    }

    /// The layers of the model with their variables.
    pub(super) fn layers_of_model(&mut self) -> Vec<SavedLayer> {
        self.layers(Place { node: ROOT, stored: Some(ROOT) }, "root", 0)
    }

    /// The variables of the optimizer and the slots it keeps for the model's variables.
    pub(super) fn optimizer(&mut self) -> Vec<(String, Tensor)> {
        let root = Place { node: ROOT, stored: Some(ROOT) };
        let Some((_, optimizer)) = self.child(root, "optimizer") else { return Vec::new() };
        let mut found = Vec::new();
        self.collect(optimizer, &mut Vec::new(), &mut HashSet::new(), &mut found);
        for slot in &self.nodes[optimizer.node].slot_variables {
            if let Ok(node) = usize::try_from(slot.slot_variable_node_id) {
                // Slots hang on no attribute; both graphs number them alike.
                let place = Place { node, stored: Some(node) };
                found.push(Found { place, path: vec![slot.slot_name.clone()] });
            }
        }
        let variables =
            found.into_iter().filter_map(|found| self.variable("root.optimizer", found));
        let named = |variable: SavedVariable| {
            (variable.name.unwrap_or_else(|| variable.path.join("/")), variable.tensor)
        };
        variables.map(named).collect()
    }

    /// The layers that a model has as `layer-0`, `layer-1`, ….
    fn layers(&mut self, model: Place, path: &str, depth: usize) -> Vec<SavedLayer> {
        if depth > DEPTH_MAX {
            self.limit(path, "models nested in models pass the limit", DEPTH_MAX);
            return Vec::new();
        }
        let mut numbered: Vec<(u32, Place)> = self
            .children(model)
            .filter_map(|(name, place)| Some((layer_number(name)?, place)))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        let mut layers = Vec::new();
        for (number, place) in numbered {
            if !self.visit(path) {
                break;
            }
            let path = format!("{path}.layer-{number}");
            match self.layer(place, path, depth) {
                Ok(layer) => layers.push(layer),
                Err(problem) => self.problems.push(problem),
            }
        }
        layers
    }

    fn layer(&mut self, place: Place, path: String, depth: usize) -> Result<SavedLayer, Problem> {
        let json = self.metadata.json(place.node)?.ok_or_else(|| {
            Problem::input("no metadata for this layer").in_file(self.metadata.file()).at(&path)
        })?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let name = text(json.get("name"))
            .or_else(|| text(json.get("config").and_then(|config| config.get("name"))))
            .ok_or_else(|| {
                Problem::input("the layer has no name").in_file(self.metadata.file()).at(&path)
            })?;
        let children = self.layers(place, &path, depth + 1);
        let mut variables = Vec::new();
        if children.is_empty() {
            let mut found = Vec::new();
            let mut at = Vec::new();
            self.collect(place, &mut at, &mut HashSet::new(), &mut found);
            for found in self.in_order_of_weights(place, &path, found) {
                variables.extend(self.variable(&path, found));
            }
        }
        let class_name = text(json.get("class_name")).unwrap_or_default();
        Ok(SavedLayer { name, path, class_name, variables, children })
    }

    /// Every variable below `place`, each at the first path that leads to it.
    fn collect(
        &mut self,
        place: Place,
        path: &mut Vec<String>,
        seen: &mut HashSet<usize>,
        found: &mut Vec<Found>,
    ) {
        if path.len() > DEPTH_MAX {
            self.limit(&path.join("."), "attributes of attributes pass the limit", DEPTH_MAX);
            return;
        }
        let children: Vec<(&str, Place)> = self.children(place).collect();
        for (name, child) in children {
            if is_bookkeeping(name) || !seen.insert(child.node) {
                continue;
            }
            if !self.visit(name) {
                return;
            }
            path.push(name.to_owned());
            match self.nodes[child.node].kind {
                Some(ObjectKind::Variable(_)) => {
                    found.push(Found { place: child, path: path.clone() });
                }
                Some(ObjectKind::UserObject(_)) => self.collect(child, path, seen, found),
                _ => {}
            }
            path.pop();
        }
    }

    /// `found` in the order of the layer's list `variables`, which is that of Keras'
    /// `layer.weights`; what is not on the list is no weight.
    fn in_order_of_weights(&mut self, layer: Place, path: &str, found: Vec<Found>) -> Vec<Found> {
        let Some((_, list)) = self.child(layer, "variables") else { return found };
        let mut listed: Vec<(u32, Place)> = self
            .children(list)
            .filter_map(|(name, place)| Some((name.parse().ok()?, place)))
            .collect();
        listed.sort_by_key(|(number, _)| *number);
        let mut by_node: HashMap<usize, Found> =
            found.into_iter().map(|found| (found.place.node, found)).collect();
        let mut weights = Vec::new();
        for (number, place) in listed {
            // A weight that no attribute leads to is still on the list.
            let path = || vec!["variables".to_owned(), number.to_string()];
            let found = by_node.remove(&place.node);
            weights.push(found.unwrap_or_else(|| Found { place, path: path() }));
        }
        let mut others: Vec<Found> = by_node.into_values().collect();
        others.sort_by_key(|other| other.place.node);
        for other in others {
            let what = "this variable is none of the layer's weights and is left out";
            let at = format!("{path}.{}", other.path.join("."));
            self.warnings.push(Problem::input(what).in_file(self.file).at(at));
        }
        weights
    }

    fn variable(&mut self, layer: &str, found: Found) -> Option<SavedVariable> {
        let field = format!("{layer}.{}", found.path.join("."));
        let declared = self.nodes.get(found.place.node).and_then(|node| node.kind.as_ref());
        let Some(ObjectKind::Variable(declared)) = declared else {
            self.problems.push(Problem::input("no variable").in_file(self.file).at(field));
            return None;
        };
        match self.checkpoint.variable(found.place.stored, declared) {
            Ok((name, tensor)) => {
                let trainable = declared.trainable;
                Some(SavedVariable { path: found.path, name, trainable, tensor })
            }
            Err(problem) => {
                self.problems.push(problem.in_file(self.checkpoint.file()).at(field));
                None
            }
        }
    }

    /// The attributes of an object that lead to a node that exists.
    fn children(&self, place: Place) -> impl Iterator<Item = (&'a str, Place)> + use<'a> {
        let nodes = self.nodes;
        let stored =
            place.stored.map(|stored| self.checkpoint.children(stored)).unwrap_or_default();
        let children = nodes.get(place.node).map_or(&[][..], |node| &node.children[..]);
        children.iter().filter_map(move |child| {
            let node = usize::try_from(child.node_id).ok().filter(|node| *node < nodes.len())?;
            let name = child.local_name.as_str();
            Some((name, Place { node, stored: stored.get(name).copied() }))
        })
    }

    fn child(&self, place: Place, name: &str) -> Option<(&'a str, Place)> {
        self.children(place).find(|(other, _)| *other == name)
    }

    /// Counts a step; false when there were too many.
    fn visit(&mut self, field: &str) -> bool {
        let left = self.visits_left.checked_sub(1);
        match left {
            Some(left) => self.visits_left = left,
            None => {
                let what = "the layers share so much that the visits of an object pass the limit";
                self.limit(field, what, VISITS_PER_REFERENCE);
            }
        }
        left.is_some()
    }

    fn limit(&mut self, field: &str, what: &str, limit: usize) {
        // One is enough: a loop of objects would repeat it without end.
        if !self.problems.iter().any(|problem| problem.kind == Kind::Limit) {
            let what = format!("{what} of {limit}");
            self.problems.push(Problem::new(Kind::Limit, what).in_file(self.file).at(field));
        }
    }
}

/// One problem for each object that refers to one that is not there.
fn dangling_references(file: &str, nodes: &[tensorflow::SavedObject]) -> Vec<Problem> {
    let exists = |id: i32| usize::try_from(id).is_ok_and(|id| id < nodes.len());
    let dangling = |(i, node): (usize, &tensorflow::SavedObject)| {
        let child = node.children.iter().find(|child| !exists(child.node_id))?;
        Some(
            Problem::input(format!("`{}` refers to no object", child.local_name))
                .in_file(file)
                .at(format!("object_graph_def.nodes[{i}]"))
                .expected(format!("a number below {}", nodes.len()), child.node_id),
        )
    };
    nodes.iter().enumerate().filter_map(dangling).collect()
}

/// The number in `layer-3`.
fn layer_number(name: &str) -> Option<u32> {
    name.strip_prefix("layer-")?.parse().ok()
}

fn is_bookkeeping(name: &str) -> bool {
    BOOKKEEPING.contains(&name) || name.starts_with("layer_with_weights-")
}
