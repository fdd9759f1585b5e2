//! `InputLayer`, `Dense` and the other layers of `keras.layers.core`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::shapes::{Dim, one};
use crate::layers::weights::{kernel_and_bias, named, quantization};

const UNKNOWN: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };
/// Its config or its assets hold a program, which is never run nor loaded.
const PROGRAM: LayerDef = LayerDef { output_shapes: |_, _| None, holds_program: true, ..UNKNOWN };

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "InputLayer",
        output_shapes: |config, _| one(input_shape(config)?),
        tfjs: Tfjs::Checks(input_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Dense",
        variables: kernel_and_bias,
        output_shapes: |config, inputs| {
            let mut shape = inputs.first()?.clone();
            *shape.last_mut()? = Some(config.size("units")?);
            one(shape)
        },
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "EinsumDense",
        variables: |config| named(config, "kernel", config.get("bias_axes").is_some()),
        output_shapes: einsum,
        ..UNKNOWN
    },
    LayerDef {
        class_name: "Embedding",
        variables: |config| named(config, "embeddings", false),
        output_shapes: embedded,
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
        ..UNKNOWN
    },
    LayerDef { class_name: "Masking", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "Identity", ..UNKNOWN },
    LayerDef { class_name: "Lambda", ..PROGRAM },
    LayerDef { class_name: "TFOpLambda", ..PROGRAM },
    LayerDef { class_name: "SlicingOpLambda", ..PROGRAM },
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
            one(vec![*inputs.first()?.first()?, Some(config.size("output_dim")?)])
        },
        ..UNKNOWN
    },
];

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
    one(shape)
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
    one(shape)
}

const ELLIPSIS: char = '.';

/// The letters of one side, `...` as one [`ELLIPSIS`].
fn subscripts(side: &str) -> Vec<char> {
    side.replace("...", ".").chars().filter(|letter| !letter.is_whitespace()).collect()
}
