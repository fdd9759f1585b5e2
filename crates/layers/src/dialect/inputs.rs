//! The shapes of what each layer of a model is called with, as far as they can be told.

use std::collections::HashMap;

use serde_json::Value;

use super::json::{layer_name, layers, text};
use crate::def::Shape;
use crate::summary::layer_rows;
use crate::variables::is_model_class;

/// Input shapes of layers by their place.
#[derive(Default)]
pub(super) struct InputShapes(HashMap<Vec<String>, Vec<Shape>>);

impl InputShapes {
    /// Of a whole model, `{"class_name": …, "config": …}`, in Keras 2's form.
    pub(super) fn of(model: &Value) -> Self {
        let Some(object) = model.as_object() else { return Self::default() };
        let rows = layer_rows(object);
        let mut outputs: HashMap<(&[String], &str), &[Shape]> = HashMap::new();
        for row in &rows {
            outputs.insert((&row.path, &row.name), &row.output_shapes);
        }
        let mut known = HashMap::new();
        for row in &rows {
            let inputs = row.connected_to.iter().map(|(layer, _, index)| {
                outputs.get(&(row.path.as_slice(), layer.as_str()))?.get(*index).cloned()
            });
            if let Some(inputs) = inputs.collect::<Option<Vec<Shape>>>()
                && !inputs.is_empty()
            {
                known.insert(place(&row.path, &row.name), inputs);
            }
        }
        let mut shapes = Self(known);
        shapes.add_firsts(model, &mut Vec::new());
        shapes
    }

    /// Of one layer; empty when not known.
    pub(super) fn get(&self, path: &[String], layer: &str) -> &[Shape] {
        self.0.get(&place(path, layer)).map_or(&[], Vec::as_slice)
    }

    /// The first layer of a `Sequential` is connected to nothing.
    fn add_firsts(&mut self, model: &Value, path: &mut Vec<String>) {
        let Some(object) = model.as_object() else { return };
        let config = object.get("config").unwrap_or(&Value::Null);
        let is_sequential = text(object, "class_name") == "Sequential";
        let mut declared: Option<Shape> = None;
        let mut is_first = is_sequential;
        for layer in layers(config) {
            let class_name = layer.get("class_name").and_then(Value::as_str).unwrap_or_default();
            if is_first {
                let own = layer.get("config").and_then(|own| own.get("batch_input_shape"));
                let dims = own.and_then(Value::as_array);
                let shape = dims.map(|dims| dims.iter().map(Value::as_u64).collect());
                declared = declared.or(shape);
                if class_name != "InputLayer" {
                    is_first = false;
                    let key = place(path, layer_name(layer));
                    declared.clone().into_iter().for_each(|shape| {
                        self.0.entry(key.clone()).or_insert_with(|| vec![shape]);
                    });
                }
            }
            if is_model_class(class_name) {
                path.push(layer_name(layer).to_owned());
                self.add_firsts(layer, path);
                path.pop();
            }
        }
    }
}

fn place(path: &[String], layer: &str) -> Vec<String> {
    let mut place = path.to_vec();
    place.push(layer.to_owned());
    place
}
