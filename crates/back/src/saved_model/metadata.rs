//! What Keras builds its layers from: configs, and the shapes that weights follow from.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_layers::{Row, Shape, VarNode, is_model_class, layer_rows};
use tensorferry_tf_proto::keras;

use super::KERAS_VERSION;
use super::objects::{Objects, Place};
use crate::keras_h5::json_text;

/// Adds the model as node 0, its layers, and what is said of each.
pub(super) fn add_model(
    objects: &mut Objects<'_>,
    model: &Json,
    tree: &VarNode,
    training: Option<&Json>,
) -> Result<(), Problem> {
    let rows = model.as_object().map(layer_rows).unwrap_or_default();
    let shapes = rows.iter().map(|row| ((row.path.clone(), row.name.clone()), row));
    let mut walk = Walk { objects, shapes: shapes.collect(), path: Vec::new() };
    let id = walk.objects.add_user(identifier(class_name(model)));
    let mut said = walk.about(model, None);
    said.insert("is_graph_network".to_owned(), true.into());
    said.insert("keras_version".to_owned(), KERAS_VERSION.into());
    said.insert("backend".to_owned(), "tensorflow".into());
    said.insert("model_config".to_owned(), model.clone());
    if let Some(training) = training {
        said.insert("training_config".to_owned(), training.clone());
    }
    walk.say(id, &Place::root(), class_name(model), said);
    walk.layers(model, tree, id, &Place::root())
}

/// Goes through a model's layers and those of models in it.
struct Walk<'a, 'm, 'r> {
    objects: &'a mut Objects<'m>,
    /// By the models around a layer, and its name.
    shapes: HashMap<(Vec<String>, String), &'r Row>,
    path: Vec<String>,
}

impl Walk<'_, '_, '_> {
    /// Adds the layers of a model, in the order of Keras' `model.layers`.
    fn layers(
        &mut self,
        model: &Json,
        tree: &VarNode,
        id: i32,
        place: &Place,
    ) -> Result<(), Problem> {
        let layers = model.pointer("/config/layers").and_then(Json::as_array);
        let layers = layers.map_or(&[][..], Vec::as_slice);
        if layers.len() != tree.children.len() {
            let what = format!("{} layers, {} in the tree", layers.len(), tree.children.len());
            return Err(Problem::new(Kind::Bug, what));
        }
        let (mut n, mut n_with_weights) = (0_usize, 0_usize);
        // The input layer of a `Sequential` is none of its layers.
        let shown =
            layers.iter().zip(&tree.children).filter(|(_, node)| !node.attribute.is_empty());
        for (layer, node) in shown {
            let number = format!("layer-{n}");
            n += 1;
            let child = self.objects.add_user(identifier(class_name(layer)));
            let n_before = self.objects.variables.len();
            let with_weights = format!("layer_with_weights-{n_with_weights}");
            let inner = place.at(&number, &node.attribute);
            let row = self.shapes.get(&(self.path.clone(), node.name.clone())).copied();
            let said = self.about(layer, row);
            self.say(child, &inner, class_name(layer), said);
            if is_model_class(class_name(layer)) {
                self.path.push(node.name.clone());
                self.layers(layer, node, child, &inner)?;
                self.path.pop();
            } else {
                self.objects.add_content(node, child, &inner)?;
            }
            if self.objects.variables.len() > n_before {
                n_with_weights += 1;
                self.objects.link(id, &with_weights, child);
            }
            self.objects.link(id, &number, child);
        }
        Ok(())
    }

    /// What is said of a layer or model.
    fn about(&self, layer: &Json, row: Option<&Row>) -> Map<String, Json> {
        let mut config = layer.get("config").cloned().unwrap_or_else(|| json!({}));
        let name = config.get("name").or_else(|| layer.get("name")).cloned().unwrap_or_default();
        let class_name = class_name(layer);
        let mut said = Map::new();
        let mut put = |key: &str, value: Json| said.insert(key.to_owned(), value);
        put("class_name", class_name.into());
        put("name", name);
        if class_name == "InputLayer" {
            for key in ["dtype", "sparse", "ragged", "batch_input_shape"] {
                let default = if key == "dtype" { json!("float32") } else { json!(false) };
                put(key, config.get(key).cloned().unwrap_or(default));
            }
            put("config", config);
            return said;
        }
        put("trainable", config.get("trainable").cloned().unwrap_or(true.into()));
        put("expects_training_arg", is_model_class(class_name).into());
        put("must_restore_from_config", false.into());
        if let Some(row) = row.filter(|row| !row.input_shapes.is_empty()) {
            if class_name == "MultiHeadAttention" {
                add_attended_shapes(&mut config, &row.input_shapes);
            }
            put("build_input_shape", build_shape(&row.input_shapes));
        }
        put("config", config);
        said
    }

    fn say(&mut self, node: i32, place: &Place, class_name: &str, said: Map<String, Json>) {
        let mut path = "root".to_owned();
        for attribute in &place.attributes {
            path.push('.');
            path.push_str(attribute);
        }
        let version = keras::VersionDef { producer: 2, min_consumer: 1, bad_consumers: Vec::new() };
        self.objects.metadata.push(keras::SavedObject {
            node_id: node,
            node_path: path,
            identifier: identifier(class_name).to_owned(),
            metadata: json_text(&Json::Object(said)),
            version: Some(version),
        });
    }
}

fn class_name(layer: &Json) -> &str {
    layer.get("class_name").and_then(Json::as_str).unwrap_or_default()
}

/// How Keras tells what an object is.
fn identifier(class_name: &str) -> &'static str {
    match class_name {
        "InputLayer" => "_tf_keras_input_layer",
        "Sequential" => "_tf_keras_sequential",
        class_name if is_model_class(class_name) => "_tf_keras_network",
        _ => "_tf_keras_layer",
    }
}

/// The argument of `build`: a shape, or a list of them.
fn build_shape(shapes: &[Shape]) -> Json {
    let shape = |dims: &Shape| json!({"class_name": "TensorShape", "items": dims});
    match shapes {
        [one] => shape(one),
        several => several.iter().map(shape).collect(),
    }
}

/// Keras 2 builds an attention from the shapes of its arguments, which only its own configs have.
fn add_attended_shapes(config: &mut Json, inputs: &[Shape]) {
    let Some(config) = config.as_object_mut() else { return };
    let value = inputs.get(1).or(inputs.first());
    let shapes = [
        ("query_shape", inputs.first()),
        ("value_shape", value),
        ("key_shape", inputs.get(2).or(value)),
    ];
    for (key, shape) in shapes {
        if config.get(key).is_none_or(Json::is_null) {
            config.insert(key.to_owned(), json!(shape));
        }
    }
}
