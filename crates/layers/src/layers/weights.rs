//! The weights that families share, and their dims.

use crate::Config;
use crate::def::{Shape, Variable};

/// `kernel` and `bias`, and what Keras 3 adds for LoRA and quantization.
pub(crate) fn kernel_and_bias(config: &Config<'_>) -> Vec<Variable> {
    named(config, "kernel", config.flag("use_bias", true))
}

/// The weight called `main`, a bias when asked for, and what Keras 3 adds for LoRA and
/// quantization, in the order of `.keras` files (Keras' `variable_serialization_spec`).
///
/// A `.keras` file holds the kernel with LoRA merged into it, without the two `lora_` weights; an
/// HDF5 file holds them all.
pub(crate) fn named(config: &Config<'_>, main: &str, has_bias: bool) -> Vec<Variable> {
    let mode = quantization(config);
    let has_lora = config.get("lora_rank").is_some();
    let kernel = Variable {
        trainable: !has_lora && !matches!(mode, Some("int8" | "int4" | "gptq" | "awq")),
        ..Variable::trainable(main)
    };
    let bias = has_bias.then(|| Variable::trainable("bias"));
    let fixed = |names: &[&str]| -> Vec<Variable> {
        names.iter().map(|name| Variable::fixed(&name.replace("main", main))).collect()
    };
    let extra = match mode {
        Some("int8") => fixed(&["main_scale"]),
        Some("int4") if block_size(config) => fixed(&["main_scale", "main_zero", "g_idx"]),
        Some("int4") => fixed(&["main_scale"]),
        Some("gptq") => fixed(&["main_scale", "main_zero", "g_idx"]),
        Some("awq") => fixed(&["main_scale", "main_zero", "awq_scales", "g_idx"]),
        Some("float8") => ["inputs", main, "outputs_grad"]
            .iter()
            .flat_map(|of| [format!("{of}_scale"), format!("{of}_amax_history")])
            .map(|name| Variable::trainable(&name))
            .collect(),
        _ => Vec::new(),
    };
    let lora = ["a", "b"].map(|side| Variable::trainable(&format!("lora_{main}_{side}")));
    // GPTQ and AWQ store the bias before the packed kernel.
    let head = match mode {
        Some("gptq" | "awq") => [bias, Some(kernel)],
        _ => [Some(kernel), bias],
    };
    let lora = lora.into_iter().filter(|_| has_lora);
    head.into_iter().flatten().chain(extra).chain(lora).collect()
}

/// Dims of `Dense`: only the input tells the kernel's first.
pub(crate) fn dense_dims(config: &Config<'_>, name: &str) -> Option<Shape> {
    let units = config.size("units");
    match name {
        "kernel" if !is_packed(config) => Some(vec![None, Some(units?)]),
        "bias" => Some(vec![Some(units?)]),
        _ => None,
    }
}

/// Dims of `Embedding`.
pub(crate) fn embedding_dims(config: &Config<'_>, name: &str) -> Option<Shape> {
    if name != "embeddings" || is_packed(config) {
        return None;
    }
    Some(vec![Some(config.size("input_dim")?), Some(config.size("output_dim")?)])
}

/// Dims of a convolution over `rank` axes: `[…, in, filters]`, and of a transposed one:
/// `[…, filters, in]`.
pub(crate) fn conv_dims(
    config: &Config<'_>,
    name: &str,
    rank: usize,
    is_transposed: bool,
) -> Option<Shape> {
    let filters = config.size("filters");
    match name {
        "kernel" => {
            let ends = [None, Some(filters?)];
            let ends = if is_transposed { [ends[1], ends[0]] } else { ends };
            windowed(config, rank, ends)
        }
        "bias" => Some(vec![Some(filters?)]),
        _ => None,
    }
}

/// Dims of a depthwise convolution, and of a separable one, which has a kernel more.
pub(crate) fn depthwise_dims(config: &Config<'_>, name: &str, rank: usize) -> Option<Shape> {
    match name {
        "depthwise_kernel" => {
            windowed(config, rank, [None, Some(config.size("depth_multiplier").unwrap_or(1))])
        }
        "pointwise_kernel" => {
            let ones = std::iter::repeat_n(Some(1), rank);
            Some(ones.chain([None, Some(config.size("filters")?)]).collect())
        }
        // Of a depthwise convolution it follows from the input.
        "bias" => Some(vec![Some(config.size("filters")?)]),
        _ => None,
    }
}

/// Dims of a cell with so many gates. The bias has forms of its own in the classes.
pub(crate) fn cell_dims(config: &Config<'_>, name: &str, gates: u64) -> Option<Shape> {
    let units = config.size("units")?;
    let all = units.checked_mul(gates)?;
    match name {
        "kernel" => Some(vec![None, Some(all)]),
        "recurrent_kernel" => Some(vec![Some(units), Some(all)]),
        _ => None,
    }
}

/// The sizes of the window, then `ends`.
fn windowed(config: &Config<'_>, rank: usize, ends: [Option<u64>; 2]) -> Option<Shape> {
    let sizes = config.sizes("kernel_size", rank).filter(|sizes| sizes.len() == rank)?;
    Some(sizes.into_iter().map(Some).chain(ends).collect())
}

/// Several numbers in one byte, or another layout.
fn is_packed(config: &Config<'_>) -> bool {
    matches!(quantization(config), Some("int4" | "gptq" | "awq"))
}

/// The quantization of a Keras 3 layer: `int8`, `int4`, `float8`, `gptq`, `awq`.
///
/// It is in the dtype policy, `{"config": {"mode": "int4/128", ...}}`.
pub(crate) fn quantization<'a>(config: &Config<'a>) -> Option<&'a str> {
    let mode = policy_mode(config)?;
    Some(mode.split('/').next().unwrap_or(mode))
}

/// Int4 weights in blocks have a zero point for each block.
fn block_size(config: &Config<'_>) -> bool {
    let size = policy_mode(config).and_then(|mode| mode.split('/').nth(1));
    size.is_some_and(|size| !matches!(size, "-1" | "None"))
}

fn policy_mode<'a>(config: &Config<'a>) -> Option<&'a str> {
    config.object("dtype")?.get("config")?.get("mode")?.as_str()
}

/// Those of `names` whose switch in the config is on, all trained.
pub(crate) fn switched(config: &Config<'_>, names: &[(&str, &str)]) -> Vec<Variable> {
    let on = names.iter().filter(|(_, switch)| config.flag(switch, true));
    on.map(|(name, _)| Variable::trainable(name)).collect()
}
