//! Keras 3's operators that stand in a model as layers (`x + y`, `ops.relu(x)`), as real layers.

use serde_json::{Value, json};

use super::calls::{Argument, Call, Tensor};
use super::json::{Members, text};
use super::names::Names;
pub(super) use crate::layers::operators::is_operator;

/// Why an operator has no layer of its own.
const NO_LAYER: &str = "it is an operator (keras.ops) and no layer does the same";

/// Makes a layer of the operator, with the calls it is to get; `before` takes layers that must
/// stand before it. Answers what was done, for the report.
///
/// # Errors
///
/// Why no layer does the same; nothing is changed then.
pub(super) fn to_layer(
    object: &mut Members,
    calls: &mut [Call],
    names: &mut Names,
    before: &mut Vec<Value>,
) -> Result<String, String> {
    let class_name = text(object, "class_name").to_owned();
    let name = text(object, "name").to_owned();
    // An operator is made anew for every call.
    let [call] = calls else { return Err("it is called more than once".to_owned()) };
    let empty = Members::new();
    let config = object.get("config").and_then(Value::as_object).unwrap_or(&empty);
    let layer = layer_for(&class_name, config, call)?;
    let mut tensors = layer.inputs;
    if let Some(at) = layer.negated
        && let Some(tensor) = tensors.get_mut(at)
    {
        let helper = names.fresh(format!("{name}_negated"));
        before.push(negation(&helper, tensor));
        *tensor = Tensor { layer: helper, node: 0, index: 0, ..tensor.clone() };
    }
    let what = format!("the operator {class_name} is the layer {} now", layer.class_name);
    let mut config = json!({"name": name, "trainable": true, "dtype": "float32"});
    if let (Value::Object(all), Value::Object(own)) = (&mut config, layer.config) {
        all.extend(own);
    }
    *call = Call {
        args: vec![Argument::List(tensors.into_iter().map(Argument::Tensor).collect())],
        kwargs: Vec::new(),
    };
    for key in ["module", "registered_name"] {
        object.shift_remove(key);
    }
    object.insert("class_name".to_owned(), json!(layer.class_name));
    object.insert("config".to_owned(), config);
    Ok(what)
}

/// A layer that does what an operator does.
struct Layer {
    class_name: &'static str,
    config: Value,
    inputs: Vec<Tensor>,
    /// Which of the inputs is to be negated first.
    negated: Option<usize>,
}

fn layer_for(class_name: &str, config: &Members, call: &Call) -> Result<Layer, String> {
    match class_name {
        "Add" | "Multiply" | "Maximum" | "Minimum" | "Subtract" | "Divide" | "TrueDivide" => {
            arithmetic(class_name, call)
        }
        "Negative" => one("Rescaling", json!({"scale": -1.0, "offset": 0.0}), float(call)?),
        "Concatenate" => concatenate(config, call),
        "Reshape" | "Squeeze" | "ExpandDims" => reshape(class_name, config, input(call)?),
        "Transpose" => transpose(config, input(call)?),
        "Mean" | "Max" => reduction(class_name, config, input(call)?),
        _ => activation(class_name, config, call),
    }
}

fn one(class_name: &'static str, config: Value, input: Tensor) -> Result<Layer, String> {
    Ok(Layer { class_name, config, inputs: vec![input], negated: None })
}

/// The only argument of the call.
fn input(call: &Call) -> Result<Tensor, String> {
    match (call.args.as_slice(), call.kwargs.is_empty()) {
        ([Argument::Tensor(tensor)], true) => Ok(tensor.clone()),
        _ => Err(NO_LAYER.to_owned()),
    }
}

fn float(call: &Call) -> Result<Tensor, String> {
    input(call).and_then(|tensor| only_float(&tensor))
}

fn only_float(tensor: &Tensor) -> Result<Tensor, String> {
    match tensor.is_float() {
        true => Ok(tensor.clone()),
        false => Err("it computes with whole numbers, which layers do not".to_owned()),
    }
}

/// Two tensors, or a tensor and a number.
fn arithmetic(class_name: &str, call: &Call) -> Result<Layer, String> {
    match call.args.as_slice() {
        [Argument::Tensor(a), Argument::Tensor(b)] => of_two(class_name, a, b),
        [Argument::Tensor(x), Argument::Value(number)] => {
            let number = number.as_f64().ok_or("it computes with a constant array")?;
            let (scale, offset) = match class_name {
                "Add" => (1.0, number),
                "Subtract" => (1.0, -number),
                "Multiply" => (number, 0.0),
                "Divide" | "TrueDivide" if number != 0.0 => (1.0 / number, 0.0),
                _ => return Err(NO_LAYER.to_owned()),
            };
            one("Rescaling", json!({"scale": scale, "offset": offset}), only_float(x)?)
        }
        [Argument::Value(number), Argument::Tensor(x)] => {
            let number = number.as_f64().ok_or("it computes with a constant array")?;
            let (scale, offset) = match class_name {
                "Add" => (1.0, number),
                "Subtract" => (-1.0, number),
                "Multiply" => (number, 0.0),
                _ => return Err(NO_LAYER.to_owned()),
            };
            one("Rescaling", json!({"scale": scale, "offset": offset}), only_float(x)?)
        }
        _ => Err(NO_LAYER.to_owned()),
    }
}

/// The merge layers line up the first axes, the operators the last ones: the same for equal ranks.
fn of_two(class_name: &str, a: &Tensor, b: &Tensor) -> Result<Layer, String> {
    let rank = |tensor: &Tensor| tensor.shape.as_ref().map(Vec::len);
    if rank(a) != rank(b) || rank(a).is_none() {
        return Err("it combines tensors of different ranks".to_owned());
    }
    let (class_name, negated) = match class_name {
        "Add" => ("Add", None),
        "Multiply" => ("Multiply", None),
        "Maximum" => ("Maximum", None),
        "Minimum" => ("Minimum", None),
        // a - b is a + (-1 b), exactly.
        "Subtract" => ("Add", Some(1)),
        _ => return Err(NO_LAYER.to_owned()),
    };
    let inputs = vec![only_float(a)?, only_float(b)?];
    Ok(Layer { class_name, config: json!({}), inputs, negated })
}

fn concatenate(config: &Members, call: &Call) -> Result<Layer, String> {
    let mut found = Vec::new();
    match call.args.as_slice() {
        [Argument::List(items)] if items.iter().all(|i| matches!(i, Argument::Tensor(_))) => {
            items.iter().for_each(|item| item.tensors(&mut found));
        }
        _ => return Err(NO_LAYER.to_owned()),
    }
    let axis = config.get("axis").and_then(Value::as_i64).filter(|axis| *axis != 0);
    let axis = axis.ok_or("it joins along the batch")?;
    let inputs = found.into_iter().cloned().collect();
    Ok(Layer { class_name: "Concatenate", config: json!({"axis": axis}), inputs, negated: None })
}

/// Layers leave the batch alone; so must the operator, which the known dims of its input show.
fn reshape(class_name: &str, config: &Members, input: Tensor) -> Result<Layer, String> {
    let unknown = || "its shapes are not fixed".to_owned();
    let dims = input.shape.clone().ok_or_else(unknown)?;
    let own: Option<Vec<u64>> = dims.iter().skip(1).copied().collect();
    let own = own.ok_or_else(unknown)?;
    let target: Vec<u64> = match class_name {
        "Reshape" => {
            let shape = config.get("newshape").and_then(Value::as_array).ok_or_else(unknown)?;
            let rest: Option<Vec<u64>> = shape.iter().skip(1).map(Value::as_u64).collect();
            rest.ok_or_else(unknown)?
        }
        "ExpandDims" => {
            let at = axis_of(config, dims.len() + 1)?;
            let mut rest = own.clone();
            rest.insert(at - 1, 1);
            rest
        }
        _ => {
            let at = axis_of(config, dims.len())?;
            let mut rest = own.clone();
            if rest.remove(at - 1) != 1 {
                return Err(unknown());
            }
            rest
        }
    };
    let count =
        |dims: &[u64]| dims.iter().try_fold(1_u64, |product, dim| product.checked_mul(*dim));
    if count(&own) != count(&target) || count(&own).is_none() {
        return Err("it moves values between the examples of a batch".to_owned());
    }
    one("Reshape", json!({"target_shape": target}), input)
}

/// The axis, counted from the front; never the batch.
fn axis_of(config: &Members, rank: usize) -> Result<usize, String> {
    let axis = match config.get("axis") {
        Some(Value::Array(axes)) => axes.first().filter(|_| axes.len() == 1),
        axis => axis,
    };
    let axis = axis.and_then(Value::as_i64).ok_or(NO_LAYER)?;
    let rank = i64::try_from(rank).map_err(|_| NO_LAYER)?;
    let axis = if axis < 0 { axis + rank } else { axis };
    let is_in = axis > 0 && axis < rank;
    usize::try_from(axis).ok().filter(|_| is_in).ok_or_else(|| NO_LAYER.to_owned())
}

fn transpose(config: &Members, input: Tensor) -> Result<Layer, String> {
    let axes = config.get("axes").and_then(Value::as_array);
    let axes: Option<Vec<u64>> = axes.and_then(|axes| axes.iter().map(Value::as_u64).collect());
    match axes.as_deref() {
        Some([0, rest @ ..]) => one("Permute", json!({"dims": rest}), input),
        _ => Err("it moves the batch".to_owned()),
    }
}

/// The mean or maximum over all places of a sequence or an image.
fn reduction(class_name: &str, config: &Members, input: Tensor) -> Result<Layer, String> {
    if config.get("keepdims").and_then(Value::as_bool) == Some(true) {
        return Err("it keeps the reduced dims".to_owned());
    }
    let rank = input.shape.as_ref().map(Vec::len);
    let axes: Vec<i64> = match config.get("axis") {
        Some(Value::Array(axes)) => axes.iter().filter_map(Value::as_i64).collect(),
        axis => axis.and_then(Value::as_i64).into_iter().collect(),
    };
    let class_name = match (class_name, rank, axes.as_slice()) {
        ("Mean", Some(3), [1]) => "GlobalAveragePooling1D",
        ("Max", Some(3), [1]) => "GlobalMaxPooling1D",
        ("Mean", Some(4), [1, 2]) => "GlobalAveragePooling2D",
        ("Max", Some(4), [1, 2]) => "GlobalMaxPooling2D",
        _ => return Err(NO_LAYER.to_owned()),
    };
    one(class_name, json!({"data_format": "channels_last"}), only_float(&input)?)
}

fn activation(class_name: &str, config: &Members, call: &Call) -> Result<Layer, String> {
    let number = |key: &str| config.get(key).and_then(Value::as_f64);
    let name = match class_name {
        "Relu" => "relu",
        "Relu6" => "relu6",
        "Sigmoid" => "sigmoid",
        "Tanh" => "tanh",
        "Selu" => "selu",
        "Softplus" => "softplus",
        "Softsign" => "softsign",
        "Silu" => "swish",
        "Mish" => "mish",
        "Elu" if number("alpha").is_none_or(|alpha| alpha == 1.0) => "elu",
        "Gelu" if config.get("approximate") == Some(&Value::Bool(false)) => "gelu",
        "LeakyRelu" => {
            let alpha = number("negative_slope").unwrap_or(0.2);
            return one("LeakyReLU", json!({"alpha": alpha}), float(call)?);
        }
        "Softmax" => {
            let axis = config.get("axis").and_then(Value::as_i64).unwrap_or(-1);
            return one("Softmax", json!({"axis": axis}), float(call)?);
        }
        "LogSoftmax" if config.get("axis").and_then(Value::as_i64) == Some(-1) => "log_softmax",
        _ => return Err(NO_LAYER.to_owned()),
    };
    one("Activation", json!({"activation": name}), float(call)?)
}

/// A layer that gives `-x`.
pub(super) fn negation(name: &str, of: &Tensor) -> Value {
    json!({
        "class_name": "Rescaling",
        "config": {"name": name, "trainable": true, "dtype": "float32",
            "scale": -1.0, "offset": 0.0},
        "name": name,
        "inbound_nodes": [[[of.layer, of.node, of.index, {}]]],
    })
}
