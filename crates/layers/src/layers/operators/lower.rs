//! What operators compute, as ops.

use serde_json::Value as Json;
use tensorferry_ir::Attr;
use tensorferry_tensor::{DType, DenseTensor};

use super::index::lower_get_item;
use super::shapes;
use crate::lower::{Argument, Call, Lower, Lowered, Tensor, Value, activations, one};

/// What an operator computes; `None` for those that are not run.
pub(crate) fn operator_lowering(class_name: &str) -> Option<Lower> {
    let is_in = |table: &[(&str, &str)]| table.iter().any(|(name, _)| *name == class_name);
    if is_in(EXACT) || is_in(FLOATING) || is_in(ACTIVATIONS) {
        return Some(lower_unary);
    }
    if is_in(BINARY) {
        return Some(lower_binary);
    }
    if is_in(REDUCTIONS) {
        return Some(lower_reduction);
    }
    OTHERS.iter().find(|(name, _)| *name == class_name).map(|(_, lower)| *lower)
}

/// Of any numbers.
const EXACT: &[(&str, &str)] = &[
    ("Abs", "Abs"),
    ("Absolute", "Abs"),
    ("BitwiseInvert", "Invert"),
    ("BitwiseNot", "Invert"),
    ("ConvertToTensor", "Identity"),
    ("Copy", "Identity"),
    ("Fabs", "Abs"),
    ("Isfinite", "IsFinite"),
    ("Isinf", "IsInf"),
    ("Isnan", "IsNan"),
    ("LogicalNot", "LogicalNot"),
    ("Negative", "Neg"),
    ("OnesLike", "OnesLike"),
    ("Sign", "Sign"),
    ("Square", "Square"),
    ("StopGradient", "Identity"),
    ("ZerosLike", "ZerosLike"),
];

/// Of floating-point numbers; integers become some.
const FLOATING: &[(&str, &str)] = &[
    ("Arccos", "Acos"),
    ("Arccosh", "Acosh"),
    ("Arcsin", "Asin"),
    ("Arcsinh", "Asinh"),
    ("Arctan", "Atan"),
    ("Arctanh", "Atanh"),
    ("Ceil", "Ceil"),
    ("Cos", "Cos"),
    ("Cosh", "Cosh"),
    ("Erf", "Erf"),
    ("Erfc", "Erfc"),
    ("Exp", "Exp"),
    ("Expm1", "Expm1"),
    ("Floor", "Floor"),
    ("Log", "Log"),
    ("Log1p", "Log1p"),
    ("Reciprocal", "Reciprocal"),
    ("Round", "Round"),
    ("Rsqrt", "Rsqrt"),
    ("Sin", "Sin"),
    ("Sinh", "Sinh"),
    ("Sqrt", "Sqrt"),
    ("Tan", "Tan"),
    ("Tanh", "Tanh"),
];

/// Activations without options, by the name that layers have for them.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("HardSigmoid", "hard_sigmoid"),
    ("HardSilu", "hard_silu"),
    ("HardTanh", "hard_tanh"),
    ("LogSigmoid", "log_sigmoid"),
    ("Relu", "relu"),
    ("Relu6", "relu6"),
    ("Selu", "selu"),
    ("Sigmoid", "sigmoid"),
    ("Silu", "silu"),
    ("Softplus", "softplus"),
    ("Softsign", "softsign"),
    ("SparsePlus", "sparse_plus"),
    ("SparseSigmoid", "sparse_sigmoid"),
    ("Sparsemax", "sparsemax"),
    ("TanhShrink", "tanh_shrink"),
];

/// Of two tensors or a tensor and a number.
const BINARY: &[(&str, &str)] = &[
    ("Add", "AddV2"),
    ("Arctan2", "Atan2"),
    ("BitwiseAnd", "BitwiseAnd"),
    ("BitwiseLeftShift", "LeftShift"),
    ("BitwiseOr", "BitwiseOr"),
    ("BitwiseRightShift", "RightShift"),
    ("BitwiseXor", "BitwiseXor"),
    ("Divide", "RealDiv"),
    ("DivideNoNan", "DivNoNan"),
    ("Equal", "Equal"),
    ("FloorDivide", "FloorDiv"),
    ("Greater", "Greater"),
    ("GreaterEqual", "GreaterEqual"),
    ("LeftShift", "LeftShift"),
    ("Less", "Less"),
    ("LessEqual", "LessEqual"),
    ("LogicalAnd", "LogicalAnd"),
    ("LogicalOr", "LogicalOr"),
    ("LogicalXor", "LogicalXor"),
    ("Maximum", "Maximum"),
    ("Minimum", "Minimum"),
    ("Mod", "FloorMod"),
    ("Multiply", "Mul"),
    ("NotEqual", "NotEqual"),
    ("Power", "Pow"),
    ("RightShift", "RightShift"),
    ("Subtract", "Sub"),
    ("TrueDivide", "RealDiv"),
];

/// Along axes.
const REDUCTIONS: &[(&str, &str)] = &[
    ("All", "All"),
    ("Amax", "Max"),
    ("Amin", "Min"),
    ("Any", "Any"),
    ("Logsumexp", ""),
    ("Max", "Max"),
    ("Mean", "Mean"),
    ("Min", "Min"),
    ("Prod", "Prod"),
    ("Std", ""),
    ("Sum", "Sum"),
    ("Var", ""),
];

/// Those with options of their own.
const OTHERS: &[(&str, Lower)] = &[
    ("Argmax", |c| lower_arg(c, "ArgMax")),
    ("Argmin", |c| lower_arg(c, "ArgMin")),
    ("BroadcastTo", shapes::lower_broadcast_to),
    ("Cast", lower_cast),
    ("Celu", |c| with_number(c, &["alpha"], 1.0, activations::celu)),
    ("Clip", lower_clip),
    ("Concatenate", shapes::lower_concatenate),
    ("Cumprod", |c| lower_scan(c, "Cumprod")),
    ("Cumsum", |c| lower_scan(c, "Cumsum")),
    ("Einsum", lower_einsum),
    ("Elu", |c| with_number(c, &["alpha"], 1.0, activations::elu)),
    ("ExpandDims", shapes::lower_expand_dims),
    ("Flip", shapes::lower_flip),
    ("Gelu", lower_gelu),
    ("GetItem", lower_get_item),
    ("Glu", lower_glu),
    ("HardShrink", |c| with_number(c, &["threshold"], 0.5, activations::hard_shrink)),
    ("LeakyRelu", |c| with_number(c, &["negative_slope", "alpha"], 0.2, activations::leaky_relu)),
    ("LogSoftmax", lower_log_softmax),
    ("Matmul", lower_matmul),
    ("Moveaxis", shapes::lower_moveaxis),
    ("OneHot", lower_one_hot),
    ("Pad", shapes::lower_pad),
    ("Ravel", shapes::lower_ravel),
    ("Repeat", shapes::lower_repeat),
    ("Reshape", shapes::lower_reshape),
    ("Roll", shapes::lower_roll),
    ("SoftShrink", |c| with_number(c, &["threshold"], 0.5, activations::soft_shrink)),
    ("Softmax", lower_softmax),
    ("Split", shapes::lower_split),
    ("Squareplus", |c| with_number(c, &["b"], 4.0, activations::squareplus)),
    ("Squeeze", shapes::lower_squeeze),
    ("Stack", shapes::lower_stack),
    ("Swapaxes", shapes::lower_swapaxes),
    ("Take", shapes::lower_take),
    ("Tile", shapes::lower_tile),
    ("TopK", lower_top_k),
    ("Transpose", shapes::lower_transpose),
    ("Unstack", shapes::lower_unstack),
    ("Where", lower_where),
];

/// An option, which Keras 3 keeps in the config, and TensorFlow's functions among the arguments.
pub(super) fn option(c: &Call<'_, '_>, keys: &[&str]) -> Option<Json> {
    // The config of a TensorFlow function is the layer's own: its `dtype` is no argument.
    let is_function = c.config.get("function").is_some();
    keys.iter().find_map(|key| {
        let own = c.config.get(key).filter(|_| !is_function).cloned();
        own.or_else(|| c.arguments.named(key)?.plain().cloned())
    })
}

/// Whole numbers of an option; one number counts as a list of one.
pub(super) fn ints(c: &Call<'_, '_>, keys: &[&str]) -> Lowered<Option<Vec<i64>>> {
    let Some(value) = option(c, keys) else { return Ok(None) };
    let all = match &value {
        Json::Array(items) => items.iter().map(Json::as_i64).collect(),
        single => single.as_i64().map(|n| vec![n]),
    };
    all.map(Some).ok_or_else(|| format!("`{}` holds no integers", keys.join(", ")))
}

pub(super) fn flag(c: &Call<'_, '_>, keys: &[&str]) -> bool {
    option(c, keys).and_then(|value| value.as_bool()).unwrap_or(false)
}

fn number(c: &Call<'_, '_>, keys: &[&str]) -> Option<f64> {
    option(c, keys)?.as_f64()
}

fn row<'t>(table: &[(&str, &'t str)], class_name: &str) -> Option<&'t str> {
    table.iter().find(|(name, _)| *name == class_name).map(|(_, op)| *op)
}

/// The tensor in first place.
pub(super) fn first(c: &Call<'_, '_>) -> Lowered<Value> {
    let argument = c.arguments.args.first();
    let named = ["x", "input", "inputs", "tensor", "features", "logits", "input_tensor", "values"];
    let argument = argument.or_else(|| named.iter().find_map(|name| c.arguments.named(name)));
    let tensor = argument.and_then(|argument| argument.tensors().first().copied());
    tensor.map(|tensor| tensor.value).ok_or_else(|| "it is called without a tensor".to_owned())
}

/// Integers as floating-point numbers.
fn floating(c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
    if c.dtype(x)?.is_float() { Ok(x) } else { c.cast(x, DType::Float32) }
}

fn lower_unary(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    if let Some(op) = row(EXACT, c.class_name) {
        let y = c.unary(op, x)?;
        // `zeros_like` and `ones_like` may be asked for another type.
        let dtype = option(c, &["dtype"]).filter(|_| op.ends_with("Like"));
        let dtype = dtype.and_then(|name| DType::from_name(name.as_str()?));
        return one(dtype.map_or(Ok(y), |dtype| c.cast(y, dtype))?);
    }
    let x = floating(c, x)?;
    if let Some(name) = row(ACTIVATIONS, c.class_name) {
        let keras3 = c.is_keras3();
        return one(activations::named(c, name, x, keras3)?);
    }
    let op = row(FLOATING, c.class_name).ok_or("it has no lowering")?;
    one(c.unary(op, x)?)
}

/// Both arguments as tensors of one type.
fn operands(c: &mut Call<'_, '_>, a: &Argument, b: &Argument) -> Lowered<(Value, Value)> {
    let tensor = |argument: &Argument| argument.tensors().first().map(|tensor| tensor.value);
    let (mut x, mut y) = match (tensor(a), tensor(b)) {
        (Some(x), Some(y)) => (x, y),
        (Some(x), None) => (x, constant(c, b, c.dtype(x)?)?),
        (None, Some(y)) => (constant(c, a, c.dtype(y)?)?, y),
        (None, None) => return Err("it is called without a tensor".to_owned()),
    };
    let wide = wider(c.dtype(x)?, c.dtype(y)?);
    (x, y) = (c.cast(x, wide)?, c.cast(y, wide)?);
    Ok((x, y))
}

/// The type of what two types make together.
fn wider(a: DType, b: DType) -> DType {
    let order = [
        DType::Float64,
        DType::Float32,
        DType::BFloat16,
        DType::Float16,
        DType::Int64,
        DType::Int32,
        DType::Int16,
        DType::UInt8,
        DType::Int8,
        DType::Bool,
    ];
    let found = order.into_iter().find(|dtype| *dtype == a || *dtype == b);
    if a == b { a } else { found.unwrap_or(a) }
}

/// A number, a list of numbers or an array, as a constant: of the tensor's type, but for a fraction
/// beside integers.
pub(super) fn constant(c: &mut Call<'_, '_>, argument: &Argument, dtype: DType) -> Lowered<Value> {
    let Argument::Plain(value) = argument else {
        return Err("a list of tensors stands where one tensor may".to_owned());
    };
    let value = value.get("config").and_then(|config| config.get("value")).unwrap_or(value);
    let (mut all, mut shape) = (vec![value], Vec::new());
    while let Some(Json::Array(items)) = all.first() {
        shape.push(items.len());
        let n = items.len();
        let inner = all.iter().map(|item| item.as_array().filter(|items| items.len() == n));
        let inner: Option<Vec<&Vec<Json>>> = inner.collect();
        all = inner.ok_or("a list is ragged")?.into_iter().flatten().collect();
    }
    let numbers = all.iter().map(|item| match item {
        Json::Bool(is) => Some(f64::from(u8::from(*is))),
        other => other.as_f64(),
    });
    let numbers: Option<Vec<f64>> = numbers.collect();
    let numbers = numbers.ok_or("an argument holds something else than numbers")?;
    let is_fraction = all.iter().any(|item| item.is_f64());
    let dtype = if is_fraction && !dtype.is_float() { DType::Float32 } else { dtype };
    c.numbers(&numbers, &shape, dtype)
}

/// The second argument, under the names that Keras and TensorFlow have for it.
fn second(c: &Call<'_, '_>) -> Lowered<Argument> {
    let found = ["x2", "y", "b"].iter().find_map(|name| c.arguments.get(1, name));
    found.cloned().ok_or_else(|| "its second argument is missing".to_owned())
}

fn lower_binary(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let op = row(BINARY, c.class_name).ok_or("it has no lowering")?;
    let a = c.arguments.args.first().or_else(|| c.arguments.named("x"));
    let a = a.cloned().ok_or("its first argument is missing")?;
    let b = second(c)?;
    let (mut x, mut y) = operands(c, &a, &b)?;
    if op == "RealDiv" {
        (x, y) = (floating(c, x)?, floating(c, y)?);
    } else if op.starts_with("Logical") {
        (x, y) = (c.cast(x, DType::Bool)?, c.cast(y, DType::Bool)?);
    }
    one(c.binary(op, x, y)?)
}

/// The axes of an option; all when it is not given.
pub(super) fn axes(c: &Call<'_, '_>, x: Value) -> Lowered<Vec<usize>> {
    match ints(c, &["axis"])? {
        Some(axes) => axes.into_iter().map(|axis| c.axis(x, axis)).collect(),
        None => Ok((0..c.rank(x)?).collect()),
    }
}

fn lower_reduction(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let op = row(REDUCTIONS, c.class_name).ok_or("it has no lowering")?;
    let mut x = first(c)?;
    let (axes, keep) = (axes(c, x)?, flag(c, &["keepdims"]));
    if matches!(op, "All" | "Any") {
        x = c.cast(x, DType::Bool)?;
    } else if matches!(op, "Mean" | "") {
        x = floating(c, x)?;
    }
    if !op.is_empty() {
        return one(c.reduce(op, x, &axes, keep)?);
    }
    if c.class_name == "Logsumexp" {
        let most = c.reduce("Max", x, &axes, true)?;
        let y = c.sub(x, most)?;
        let y = c.unary("Exp", y)?;
        let sum = c.reduce("Sum", y, &axes, keep)?;
        let sum = c.unary("Log", sum)?;
        let most = if keep { most } else { c.reduce("Max", x, &axes, false)? };
        return one(c.add(sum, most)?);
    }
    let mean = c.reduce("Mean", x, &axes, true)?;
    let squares = c.binary("SquaredDifference", x, mean)?;
    let variance = c.reduce("Mean", squares, &axes, keep)?;
    one(if c.class_name == "Std" { c.unary("Sqrt", variance)? } else { variance })
}

fn with_number(
    c: &mut Call<'_, '_>,
    keys: &[&str],
    default: f64,
    f: fn(&mut crate::lower::Builder, Value, f64) -> Lowered<Value>,
) -> Lowered<Vec<Tensor>> {
    let (x, number) = (first(c)?, number(c, keys).unwrap_or(default));
    let x = floating(c, x)?;
    one(f(c, x, number)?)
}

fn lower_gelu(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    // Keras' operator approximates unless it is told otherwise, TensorFlow's function does not.
    let given = option(c, &["approximate"]).and_then(|value| value.as_bool());
    let approximate = given.unwrap_or(c.is_keras3());
    one(activations::gelu(c, x, approximate)?)
}

fn lower_softmax(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, axes) = (first(c)?, ints(c, &["axis"])?.unwrap_or_else(|| vec![-1]));
    one(activations::softmax(c, x, &axes)?)
}

fn lower_log_softmax(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, axes) = (first(c)?, ints(c, &["axis"])?.unwrap_or_else(|| vec![-1]));
    let [axis] = axes.as_slice() else { return Err("several axes are not run".to_owned()) };
    one(activations::log_softmax(c, x, *axis)?)
}

fn lower_glu(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, axes) = (first(c)?, ints(c, &["axis"])?.unwrap_or_else(|| vec![-1]));
    one(activations::glu(c, x, axes.first().copied().unwrap_or(-1))?)
}

fn lower_arg(c: &mut Call<'_, '_>, op: &str) -> Lowered<Vec<Tensor>> {
    let mut x = first(c)?;
    let given = ints(c, &["axis"])?;
    if given.is_none() {
        let all = c.ints(&[-1]);
        x = c.binary("Reshape", x, all)?;
    }
    let axis = c.axis(x, given.and_then(|axes| axes.first().copied()).unwrap_or(0))?;
    let at = c.int(axis as i64);
    let dtype = if c.is_keras3() { DType::Int32 } else { DType::Int64 };
    let mut y = c.one(op, &[x, at], &[("output_type", Attr::Type(dtype.into()))])?;
    if flag(c, &["keepdims"]) {
        y = c.expand(y, axis as i64)?;
    }
    one(y)
}

fn lower_scan(c: &mut Call<'_, '_>, op: &str) -> Lowered<Vec<Tensor>> {
    let mut x = first(c)?;
    let given = ints(c, &["axis"])?;
    if given.is_none() && c.is_keras3() {
        let all = c.ints(&[-1]);
        x = c.binary("Reshape", x, all)?;
    }
    let axis = c.axis(x, given.and_then(|axes| axes.first().copied()).unwrap_or(0))?;
    let axis = c.int(axis as i64);
    let attrs = [
        ("exclusive", Attr::Bool(flag(c, &["exclusive"]))),
        ("reverse", Attr::Bool(flag(c, &["reverse"]))),
    ];
    one(c.one(op, &[x, axis], &attrs)?)
}

fn lower_cast(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let name = option(c, &["dtype"]).ok_or("its dtype is missing")?;
    let dtype = name.as_str().and_then(DType::from_name);
    let dtype = dtype.ok_or_else(|| format!("dtype={name} is not known"))?;
    one(c.cast(x, dtype)?)
}

fn lower_clip(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let low = number(c, &["x_min", "clip_value_min"]).ok_or("its bounds are no numbers")?;
    let high = number(c, &["x_max", "clip_value_max"]).ok_or("its bounds are no numbers")?;
    one(c.clip(x, low, high)?)
}

fn lower_einsum(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let equation = option(c, &["subscripts"]).ok_or("its equation is missing")?;
    let equation = equation.as_str().ok_or("its equation is no text")?.replace(' ', "");
    let tensors: Vec<Value> =
        c.arguments.args.iter().flat_map(Argument::tensors).map(|tensor| tensor.value).collect();
    one(c.einsum(&equation, &tensors)?)
}

/// NumPy's product: the first axis of a vector is a row, the second's a column.
fn lower_matmul(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let a = c.arguments.args.first().or_else(|| c.arguments.named("a"));
    let a = a.cloned().ok_or("its first argument is missing")?;
    let b = second(c)?;
    let (mut x, mut y) = operands(c, &a, &b)?;
    let (is_row, is_column) = (c.rank(x)? == 1, c.rank(y)? == 1);
    if is_row {
        x = c.expand(x, 0)?;
    }
    if is_column {
        y = c.expand(y, -1)?;
    }
    let (turns_x, turns_y) = (flag(c, &["transpose_a"]), flag(c, &["transpose_b"]));
    let mut product = c.batch_mat_mul((x, turns_x), (y, turns_y))?;
    if is_row {
        product = c.squeeze(product, -2)?;
    }
    if is_column {
        product = c.squeeze(product, -1)?;
    }
    one(product)
}

fn lower_one_hot(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let depth = ints(c, &["num_classes", "depth"])?.and_then(|all| all.first().copied());
    let depth = depth.ok_or("its number of classes is missing")?;
    let axis = ints(c, &["axis"])?.and_then(|all| all.first().copied()).unwrap_or(-1);
    let dtype = option(c, &["dtype"]).and_then(|name| DType::from_name(name.as_str()?));
    let dtype = dtype.unwrap_or(DType::Float32);
    let (on, off) = (c.number(1.0, dtype)?, c.number(0.0, dtype)?);
    let depth = c.int(depth);
    one(c.one("OneHot", &[x, depth, on, off], &[("axis", Attr::Int(axis))])?)
}

fn lower_top_k(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let k = ints(c, &["k"])?.and_then(|all| all.first().copied()).ok_or("k is missing")?;
    let k = c.int(k);
    let both = c.node("TopKV2", &[x, k], &[("sorted", Attr::Bool(true))])?;
    Ok(both.into_iter().map(Tensor::from).collect())
}

fn lower_where(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let condition = first(c)?;
    let condition = c.cast(condition, DType::Bool)?;
    let argument = |place: usize, names: [&str; 2]| {
        let found = names.iter().find_map(|name| c.arguments.get(place, name));
        found.cloned().ok_or_else(|| "it is called without two branches".to_owned())
    };
    let (a, b) = (argument(1, ["x1", "x"])?, argument(2, ["x2", "y"])?);
    let (x, y) = match (&a, &b) {
        (Argument::Plain(_), Argument::Plain(_)) => {
            let numbers = (constant(c, &a, DType::Float32)?, constant(c, &b, DType::Float32)?);
            (numbers.0, numbers.1)
        }
        _ => operands(c, &a, &b)?,
    };
    one(c.select(condition, x, y)?)
}

/// `TFOpLambda` and `SlicingOpLambda` of Keras 2 name a function of TensorFlow. Those that an
/// operator of Keras 3 stands for are run as that; no other is.
pub(crate) fn lower_tensorflow_function(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let name = c.config.text("function").unwrap_or_default();
    let class_name = row(FUNCTIONS, name);
    let class_name = class_name.ok_or_else(|| format!("it calls tf.{name}, which is not run"))?;
    let lower = operator_lowering(class_name).ok_or("it has no lowering")?;
    c.class_name = class_name;
    lower(c)
}

/// TensorFlow's functions and Keras' operators that compute the same.
const FUNCTIONS: &[(&str, &str)] = &[
    ("__operators__.add", "Add"),
    ("__operators__.eq", "Equal"),
    ("__operators__.getitem", "GetItem"),
    ("__operators__.ne", "NotEqual"),
    ("cast", "Cast"),
    ("compat.v1.transpose", "Transpose"),
    ("clip_by_value", "Clip"),
    ("concat", "Concatenate"),
    ("expand_dims", "ExpandDims"),
    ("linalg.matmul", "Matmul"),
    ("math.abs", "Absolute"),
    ("math.add", "Add"),
    ("math.ceil", "Ceil"),
    ("math.cos", "Cos"),
    ("math.divide", "Divide"),
    ("math.equal", "Equal"),
    ("math.erf", "Erf"),
    ("math.exp", "Exp"),
    ("math.expm1", "Expm1"),
    ("math.floor", "Floor"),
    ("math.floordiv", "FloorDivide"),
    ("math.floormod", "Mod"),
    ("math.greater", "Greater"),
    ("math.greater_equal", "GreaterEqual"),
    ("math.less", "Less"),
    ("math.less_equal", "LessEqual"),
    ("math.log", "Log"),
    ("math.log1p", "Log1p"),
    ("math.logical_and", "LogicalAnd"),
    ("math.logical_not", "LogicalNot"),
    ("math.logical_or", "LogicalOr"),
    ("math.maximum", "Maximum"),
    ("math.minimum", "Minimum"),
    ("math.multiply", "Multiply"),
    ("math.negative", "Negative"),
    ("math.not_equal", "NotEqual"),
    ("math.pow", "Power"),
    ("math.reciprocal", "Reciprocal"),
    ("math.reduce_all", "All"),
    ("math.reduce_any", "Any"),
    ("math.reduce_logsumexp", "Logsumexp"),
    ("math.reduce_max", "Max"),
    ("math.reduce_mean", "Mean"),
    ("math.reduce_min", "Min"),
    ("math.reduce_prod", "Prod"),
    ("math.reduce_std", "Std"),
    ("math.reduce_sum", "Sum"),
    ("math.reduce_variance", "Var"),
    ("math.round", "Round"),
    ("math.rsqrt", "Rsqrt"),
    ("math.sigmoid", "Sigmoid"),
    ("math.sign", "Sign"),
    ("math.sin", "Sin"),
    ("math.softplus", "Softplus"),
    ("math.sqrt", "Sqrt"),
    ("math.square", "Square"),
    ("math.subtract", "Subtract"),
    ("math.tan", "Tan"),
    ("math.tanh", "Tanh"),
    ("math.truediv", "TrueDivide"),
    ("nn.elu", "Elu"),
    ("nn.gelu", "Gelu"),
    ("nn.leaky_relu", "LeakyRelu"),
    ("nn.log_softmax", "LogSoftmax"),
    ("nn.relu", "Relu"),
    ("nn.relu6", "Relu6"),
    ("nn.selu", "Selu"),
    ("nn.sigmoid", "Sigmoid"),
    ("nn.silu", "Silu"),
    ("nn.softmax", "Softmax"),
    ("nn.softplus", "Softplus"),
    ("nn.softsign", "Softsign"),
    ("nn.tanh", "Tanh"),
    ("one_hot", "OneHot"),
    ("ones_like", "OnesLike"),
    ("reshape", "Reshape"),
    ("split", "Split"),
    ("squeeze", "Squeeze"),
    ("stack", "Stack"),
    ("stop_gradient", "StopGradient"),
    ("tile", "Tile"),
    ("transpose", "Transpose"),
    ("unstack", "Unstack"),
    ("where", "Where"),
    ("zeros_like", "ZerosLike"),
];

/// A vector of `int64` as a constant.
pub(super) fn longs(c: &mut Call<'_, '_>, all: &[i64]) -> Value {
    c.constant(DenseTensor::vector(all.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::operators::find_operator;

    #[test]
    fn tables_name_operators_once() {
        let tables = [EXACT, FLOATING, ACTIVATIONS, BINARY, REDUCTIONS];
        let names = tables.into_iter().flatten().map(|(name, _)| *name);
        let mut names: Vec<&str> = names.chain(OTHERS.iter().map(|(name, _)| *name)).collect();
        let n = names.len();
        assert!(names.iter().all(|name| find_operator(name).is_some()), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
        for (function, class_name) in FUNCTIONS {
            assert!(operator_lowering(class_name).is_some(), "{function}");
        }
    }
}
