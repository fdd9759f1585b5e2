//! Which classes of a model have a lowering, asked before any node is made.

use serde_json::Value as Json;
use tensorferry_diagnostics::Problem;

use crate::layers::find;
use crate::layers::operators::{is_operator, operator_lowering};
use crate::variables::is_model_class;

/// The keys under which a layer's config holds other layers. A cell is no layer by itself: the layer
/// that holds it says what it can run.
const HOLDERS: [&str; 3] = ["layers", "layer", "backward_layer"];

/// True when models with this layer class can be lowered.
pub fn is_lowered(class_name: &str) -> bool {
    is_model_class(class_name) || find(class_name).is_some_and(|def| def.lower.is_some())
}

/// One problem for each layer that has no lowering. The model's nesting was checked when it was
/// read.
pub(super) fn problems(model: &Json) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut open: Vec<&Json> = vec![model];
    while let Some(layer) = open.pop() {
        let Some(members) = layer.as_object() else { continue };
        let class_name = members.get("class_name").and_then(Json::as_str).unwrap_or_default();
        let config = members.get("config");
        let name = config.and_then(|config| config.get("name")).or_else(|| members.get("name"));
        let name = name.and_then(Json::as_str).unwrap_or_default();
        if is_operator(members) {
            if operator_lowering(class_name).is_none() {
                let what = format!("the operator {class_name} cannot be run");
                problems.push(Problem::unsupported(what).at(name));
            }
            continue;
        }
        if !is_lowered(class_name) {
            problems.push(problem(class_name).at(name));
        }
        for key in HOLDERS {
            let held = match config.and_then(|config| config.get(key)) {
                Some(Json::Array(layers)) => layers.as_slice(),
                Some(one) => std::slice::from_ref(one),
                None => continue,
            };
            open.extend(held);
        }
    }
    problems.reverse();
    problems
}

fn problem(class_name: &str) -> Problem {
    match find(class_name) {
        Some(def) if def.holds_program => Problem::unsupported(format!(
            "{class_name} holds a program of its own, which is never run"
        )),
        Some(_) => Problem::unsupported(format!("{class_name} cannot be run")),
        None => Problem::unsupported(format!("the layer class {class_name} is not known")),
    }
}
