//! `InputLayer`, `Dense` and the other layers of `keras.layers.core`.

use tensorferry_tensor::DType;

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::operators::lower_tensorflow_function;
use crate::layers::shapes::{self, Dim};
use crate::layers::weights::{dense_dims, embedding_dims, kernel_and_bias, named, quantization};
use crate::lower::{Builder, Call, Lowered, Masks, Size, Tensor, Value, one};

const UNKNOWN: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };
/// Its config or its assets hold a program, which is never run nor loaded.
const PROGRAM: LayerDef = LayerDef { output_shapes: |_, _| None, holds_program: true, ..UNKNOWN };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "InputLayer",
        lower: Some(|c| one(c.x()?)),
        masks: Masks::Passes,
        output_shapes: |config, _| shapes::one(input_shape(config)?),
        tfjs: Tfjs::Checks(input_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Dense",
        variables: kernel_and_bias,
        dims: dense_dims,
        output_shapes: |config, inputs| {
            let mut shape = inputs.first()?.clone();
            *shape.last_mut()? = Some(config.size("units")?);
            shapes::one(shape)
        },
        lower: Some(lower_dense),
        masks: Masks::Passes,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "EinsumDense",
        variables: |config| named(config, "kernel", config.get("bias_axes").is_some()),
        output_shapes: einsum,
        lower: Some(lower_einsum_dense),
        ..UNKNOWN
    },
    LayerDef {
        class_name: "Embedding",
        variables: |config| named(config, "embeddings", false),
        dims: embedding_dims,
        output_shapes: embedded,
        lower: Some(lower_embedding),
        masks: Masks::Own,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ReversibleEmbedding",
        variables: |config| {
            let mut variables = named(config, "embeddings", false);
            if !config.flag("tie_weights", true) {
                let quantized = matches!(quantization(config), Some("int8" | "int4"));
                variables.push(Variable {
                    trainable: !quantized,
                    ..Variable::trainable("reverse_embeddings")
                });
                variables.extend(quantized.then(|| Variable::fixed("reverse_embeddings_scale")));
            }
            variables
        },
        output_shapes: embedded,
        lower: Some(lower_reversible_embedding),
        masks: Masks::Own,
        ..UNKNOWN
    },
    LayerDef {
        class_name: "Masking",
        lower: Some(lower_masking),
        masks: Masks::Own,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef { class_name: "Identity", tfjs: Tfjs::Unknown, ..LayerDef::INFERENCE_IDENTITY },
    LayerDef { class_name: "Lambda", ..PROGRAM },
    // They name a function of TensorFlow, some of which are known.
    LayerDef { class_name: "TFOpLambda", lower: Some(lower_tensorflow_function), ..PROGRAM },
    LayerDef { class_name: "SlicingOpLambda", lower: Some(lower_tensorflow_function), ..PROGRAM },
    LayerDef { class_name: "TensorFlowOpLayer", ..PROGRAM },
    LayerDef { class_name: "TFSMLayer", ..PROGRAM },
    LayerDef { class_name: "JaxLayer", ..PROGRAM },
    LayerDef { class_name: "FlaxLayer", ..PROGRAM },
    LayerDef { class_name: "TorchModuleWrapper", ..PROGRAM },
    // Its weights follow from its columns, whose classes are TensorFlow's own.
    LayerDef { class_name: "DenseFeatures", output_shapes: |_, _| None, ..UNKNOWN },
    LayerDef {
        class_name: "RandomFourierFeatures",
        variables: |_| {
            let mut variables = vec![Variable::trainable("kernel_scale")];
            variables.extend(["unscaled_kernel", "bias"].map(Variable::fixed));
            variables
        },
        output_shapes: |config, inputs| {
            shapes::one(vec![*inputs.first()?.first()?, Some(config.size("output_dim")?)])
        },
        lower: Some(lower_fourier_features),
        ..UNKNOWN
    },
];

/// The kernel, with what LoRA and quantization keep beside it.
fn kernel(c: &mut Call<'_, '_>, name: &str) -> Lowered<Value> {
    match quantization(&c.config) {
        // Float8 scales only matter to training and to hardware that has such numbers.
        None | Some("float8") => {}
        Some("int8") => return dequantized(c, name),
        Some(mode) => return Err(format!("weights quantized to {mode} are not read")),
    }
    let weight = c.weight(name)?;
    let (a, b) = (format!("lora_{name}_a"), format!("lora_{name}_b"));
    if !c.has_weight(&a) {
        return Ok(weight);
    }
    let rank = c.config.number("lora_rank").filter(|rank| *rank > 0.0).unwrap_or(1.0);
    let alpha = c.config.number("lora_alpha").unwrap_or(rank);
    let (a, b) = (c.weight(&a)?, c.weight(&b)?);
    let update = c.batch_mat_mul((a, false), (b, false))?;
    let update = c.scale(update, alpha / rank)?;
    c.add(weight, update)
}

/// Keras 3 stores `round(weight * scale)`.
fn dequantized(c: &mut Call<'_, '_>, name: &str) -> Lowered<Value> {
    let dtype = c.compute_dtype();
    let weight = c.weight(name)?;
    let weight = c.cast(weight, dtype)?;
    let mut scale = c.weight(&format!("{name}_scale"))?;
    while c.rank(scale)? < c.rank(weight)? {
        // A scale per row (embeddings) has no axis for the columns, one per column broadcasts.
        let at = if name == "embeddings" { -1 } else { 0 };
        scale = c.expand(scale, at)?;
    }
    c.div(weight, scale)
}

/// `x kernel + bias` over the last axis.
fn lower_dense(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = floating(c)?;
    let kernel = kernel(c, "kernel")?;
    let mut y = multiplied(c, x, kernel)?;
    if c.flag("use_bias", true) {
        let bias = c.weight("bias")?;
        y = c.bias_add(y, bias)?;
    }
    one(c.activation("activation", y)?)
}

/// The last axis times a matrix.
pub(crate) fn multiplied(b: &mut Builder, x: Value, matrix: Value) -> Lowered<Value> {
    let rank = b.rank(x)?;
    if rank <= 2 {
        return b.mat_mul(x, matrix);
    }
    let units = b.known_dim(matrix, 1)?;
    let mut sizes = b.sizes(x)?;
    let flat = b.product(sizes.get(..rank - 1).unwrap_or_default())?;
    let last = sizes.pop().ok_or("a scalar has no last axis")?;
    let rows = b.reshape(x, &[flat, last])?;
    let rows = b.mat_mul(rows, matrix)?;
    sizes.push(Size::Known(units));
    b.reshape(rows, &sizes)
}

/// The first input in the type that the layer computes in.
pub(crate) fn floating(c: &mut Call<'_, '_>) -> Lowered<Value> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    c.cast(x, dtype)
}

fn lower_einsum_dense(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = floating(c)?;
    let kernel = kernel(c, "kernel")?;
    let equation = c.config.text("equation").ok_or("its equation is missing")?.replace(' ', "");
    let mut y = c.einsum(&equation, &[x, kernel])?;
    if c.config.get("bias_axes").is_some() {
        let bias = c.weight("bias")?;
        y = c.add(y, bias)?;
    }
    one(c.activation("activation", y)?)
}

/// Rows of the table. Keras 3 counts negative indices from the end.
fn lower_embedding(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let table = kernel(c, "embeddings")?;
    let is_index = matches!(c.dtype(x)?, DType::Int32 | DType::Int64);
    let mut indices = if is_index { x } else { c.cast(x, DType::Int32)? };
    if c.is_keras3() {
        let zero = c.like(indices, 0.0)?;
        let n = c.known_dim(table, 0)?;
        let is_negative = c.binary("Less", indices, zero)?;
        let from_end = c.shift(indices, n as f64)?;
        indices = c.select(is_negative, from_end, indices)?;
    }
    let value = c.gather(table, indices, 0)?;
    let mut mask = None;
    if c.flag("mask_zero", false) {
        let zero = c.like(x, 0.0)?;
        mask = Some(c.binary("NotEqual", x, zero)?);
    }
    Ok(vec![Tensor { value, mask }])
}

/// Rows of the table, or with `reverse=True` products with all rows.
fn lower_reversible_embedding(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let reverse = c.arguments.get(1, "reverse").and_then(|reverse| reverse.plain().cloned());
    if reverse != Some(serde_json::Value::Bool(true)) {
        return lower_embedding(c);
    }
    let x = floating(c)?;
    let table = match c.flag("tie_weights", true) {
        true => {
            let table = kernel(c, "embeddings")?;
            c.transpose(table, &[1, 0])?
        }
        false => c.weight("reverse_embeddings")?,
    };
    let mut y = c.batch_mat_mul((x, false), (table, false))?;
    if let Some(cap) = c.config.number("logits_soft_cap") {
        y = c.scale(y, cap.recip())?;
        y = c.unary("Tanh", y)?;
        y = c.scale(y, cap)?;
    }
    one(y)
}

/// Steps that are the mask value in all features are 0 and masked.
fn lower_masking(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let masked = c.config.number("mask_value").unwrap_or(0.0);
    let last = c.axis(x, -1)?;
    let masked = c.like(x, masked)?;
    let is_other = c.binary("NotEqual", x, masked)?;
    let is_kept = c.reduce("Any", is_other, &[last], true)?;
    let value = if c.is_keras3() {
        let zero = c.like(x, 0.0)?;
        c.select(is_kept, x, zero)?
    } else {
        let dtype = c.dtype(x)?;
        let factor = c.cast(is_kept, dtype)?;
        c.mul(x, factor)?
    };
    let mask = c.squeeze(is_kept, -1)?;
    Ok(vec![Tensor { value, mask: Some(mask) }])
}

/// cos(x (kernel / scale) + bias), as Keras 2's experimental layer has it.
fn lower_fourier_features(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = floating(c)?;
    let (kernel, scale) = (c.weight("unscaled_kernel")?, c.weight("kernel_scale")?);
    let one_ = c.like(scale, 1.0)?;
    let scale = c.div(one_, scale)?;
    let kernel = c.mul(scale, kernel)?;
    let y = c.mat_mul(x, kernel)?;
    let bias = c.weight("bias")?;
    let y = c.bias_add(y, bias)?;
    one(c.unary("Cos", y)?)
}

/// What an `InputLayer` (or, in a `Sequential` of Keras 2, any first layer) says of its shape, the
/// batch included.
pub(crate) fn input_shape(config: &Config<'_>) -> Option<Shape> {
    let dims = config.get("batch_shape").or_else(|| config.get("batch_input_shape"))?.as_array()?;
    Some(dims.iter().map(|dim| dim.as_u64()).collect())
}

fn input_check(config: &Config<'_>) -> Result<(), String> {
    for key in ["sparse", "ragged"] {
        if config.flag(key, false) {
            return Err(format!("{key}=true is not implemented"));
        }
    }
    match config.text("dtype") {
        None | Some("float32" | "int32" | "bool" | "string" | "complex64") => Ok(()),
        Some(mixed) if mixed.starts_with("mixed_") => Ok(()),
        Some(other) => Err(format!("dtype={other} is not known")),
    }
}

fn embedded(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let mut shape = inputs.first()?.clone();
    // Keras 2 may know the dims behind the batch from the config alone.
    if let Some(lengths) = config.sizes("input_length", 1)
        && lengths.len() + 1 == shape.len()
    {
        for (dim, length) in shape.iter_mut().skip(1).zip(lengths) {
            *dim = dim.or(Some(length));
        }
    }
    shape.push(Some(config.size("output_dim")?));
    shapes::one(shape)
}

/// The output of `equation`, such as `abc,cd->abd`; letters of the input keep their dims, the
/// others come from `output_shape`. `...` stands for all that the input has more.
fn einsum(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let (operands, result) = config.text("equation")?.split_once("->")?;
    let (left, _) = operands.split_once(',')?;
    let (left, result) = (subscripts(left), subscripts(result));
    let given = config.get("output_shape")?;
    let given: Vec<Dim> = match given.as_array() {
        Some(dims) => dims.iter().map(serde_json::Value::as_u64).collect(),
        None => vec![given.as_u64()],
    };
    // `given` has no batch: it belongs to the last letters of the result.
    let letters = result.iter().filter(|letter| **letter != ELLIPSIS).count();
    let hidden = input.len().checked_sub(left.iter().filter(|l| **l != ELLIPSIS).count())?;
    let before = left.iter().position(|letter| *letter == ELLIPSIS);
    let dim_of = |letter: char| -> Option<Dim> {
        let at = left.iter().position(|own| *own == letter)?;
        match before {
            Some(before) if at > before => input.get(at - 1 + hidden).copied(),
            _ => input.get(at).copied(),
        }
    };
    let mut shape = Vec::new();
    let mut nth = 0_usize;
    for letter in result {
        if letter == ELLIPSIS {
            let start = before?;
            shape.extend(input.get(start..start + hidden)?);
            continue;
        }
        let from_given = (nth + given.len()).checked_sub(letters).and_then(|at| given.get(at));
        nth += 1;
        let known = from_given.copied().flatten();
        shape.push(known.or(dim_of(letter).flatten()));
    }
    shapes::one(shape)
}

const ELLIPSIS: char = '.';

/// The letters of one side, `...` as one [`ELLIPSIS`].
fn subscripts(side: &str) -> Vec<char> {
    side.replace("...", ".").chars().filter(|letter| !letter.is_whitespace()).collect()
}
