//! `LSTM`, `GRU`, `SimpleRNN`, their cells, `RNN` and the convolutional ones.

mod cells;
mod scan;

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::Config;
use crate::def::{LayerDef, Shape, Sublayer, Tfjs, Variable};
use crate::layers::convolutional::convolved;
use crate::layers::weights::{cell_dims, kernel_and_bias};
use crate::layers::wrappers::{class_and_config, given_name};
use crate::lower::Masks;
use crate::variables::to_snake_case;

pub(crate) use scan::lower_bidirectional;

const CELL: LayerDef =
    LayerDef { variables: cell_variables, output_shapes: cell_shapes, ..LayerDef::SHAPE_KEEPING };
const CONV_CELL: LayerDef = LayerDef {
    variables: cell_variables,
    output_shapes: |_, _| None,
    tfjs: Tfjs::Unknown,
    ..LayerDef::SHAPE_KEEPING
};
/// A layer that takes a cell along a sequence.
const SEQUENCE: LayerDef = LayerDef {
    lower: Some(|c| scan::lower_recurrent(c, scan::Within::default())),
    masks: Masks::Own,
    ..LayerDef::SHAPE_KEEPING
};
const CONV: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..SEQUENCE };
/// A layer of Keras 1 and 2 that keeps its weights as NVIDIA's library wants them.
const CUDNN: LayerDef = LayerDef { tfjs: Tfjs::Unknown, variables: cell_variables, ..SEQUENCE };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "LSTM",
        aliases: &["UnifiedLSTM"],
        sublayers: |config| vec![own_cell("LSTMCell", Some("lstm_cell"), config)],
        output_shapes: |config, inputs| sequence_shapes(config, inputs, 2),
        tfjs: Tfjs::Checks(sequence_check),
        ..SEQUENCE
    },
    LayerDef {
        class_name: "GRU",
        aliases: &["UnifiedGRU"],
        sublayers: |config| vec![own_cell("GRUCell", Some("gru_cell"), config)],
        output_shapes: |config, inputs| sequence_shapes(config, inputs, 1),
        tfjs: Tfjs::Checks(|config| sequence_check(config).and_then(|()| gru_check(config))),
        ..SEQUENCE
    },
    LayerDef {
        class_name: "SimpleRNN",
        sublayers: |config| vec![own_cell("SimpleRNNCell", Some("simple_rnn_cell"), config)],
        output_shapes: |config, inputs| sequence_shapes(config, inputs, 1),
        tfjs: Tfjs::Checks(sequence_check),
        ..SEQUENCE
    },
    LayerDef {
        class_name: "RNN",
        sublayers: given_cell,
        output_shapes: rnn_shapes,
        tfjs: Tfjs::Checks(rnn_check),
        ..SEQUENCE
    },
    LayerDef { class_name: "LSTMCell", dims: |config, name| cell_dims(config, name, 4), ..CELL },
    LayerDef {
        class_name: "GRUCell",
        dims: |config, name| cell_dims(config, name, 3),
        tfjs: Tfjs::Checks(gru_check),
        ..CELL
    },
    LayerDef {
        class_name: "SimpleRNNCell",
        dims: |config, name| cell_dims(config, name, 1),
        ..CELL
    },
    LayerDef {
        class_name: "StackedRNNCells",
        sublayers: stacked_cells,
        tfjs: Tfjs::Checks(stacked_check),
        ..LayerDef { variables: |_| Vec::new(), ..CELL }
    },
    LayerDef {
        class_name: "ConvLSTM1D",
        sublayers: |config| vec![own_cell("ConvLSTM1DCell", None, config)],
        output_shapes: |config, inputs| conv_shapes(config, inputs, 1),
        ..CONV
    },
    LayerDef {
        class_name: "ConvLSTM2D",
        sublayers: |config| vec![own_cell("ConvLSTM2DCell", None, config)],
        output_shapes: |config, inputs| conv_shapes(config, inputs, 2),
        tfjs: Tfjs::Checks(|config| {
            if config.flag("unroll", false) {
                return Err("unroll=true is not implemented".to_owned());
            }
            sequence_check(config)
        }),
        ..CONV
    },
    LayerDef {
        class_name: "ConvLSTM3D",
        sublayers: |config| vec![own_cell("ConvLSTM3DCell", None, config)],
        output_shapes: |config, inputs| conv_shapes(config, inputs, 3),
        ..CONV
    },
    LayerDef { class_name: "ConvLSTM1DCell", ..CONV_CELL },
    LayerDef { class_name: "ConvLSTM2DCell", tfjs: Tfjs::Loads, ..CONV_CELL },
    LayerDef { class_name: "ConvLSTM3DCell", ..CONV_CELL },
    LayerDef {
        class_name: "CuDNNLSTM",
        output_shapes: |config, inputs| sequence_shapes(config, inputs, 2),
        ..CUDNN
    },
    LayerDef {
        class_name: "CuDNNGRU",
        output_shapes: |config, inputs| sequence_shapes(config, inputs, 1),
        ..CUDNN
    },
];

/// Classes that `RNN` and `StackedRNNCells` may hold.
///
/// Anything else, `Bidirectional` above all, would let a config of a few kilobytes ask for a tree
/// that doubles at each of its levels.
fn is_cell(class_name: &str) -> bool {
    match crate::layers::find(class_name) {
        Some(def) => def.class_name.ends_with("Cell") || def.class_name == "StackedRNNCells",
        None => !crate::variables::is_model_class(class_name),
    }
}

/// Classes that `Bidirectional` may hold; see [`is_cell`].
pub(crate) fn is_sequence_class(class_name: &str) -> bool {
    match crate::layers::find(class_name) {
        Some(def) => {
            LAYERS.iter().any(|own| own.class_name == def.class_name) && !is_cell(class_name)
        }
        None => !crate::variables::is_model_class(class_name),
    }
}

/// The cell that `LSTM`, `GRU` and `SimpleRNN` make from their own config.
fn own_cell<'a>(class_name: &'a str, name: Option<&str>, config: &Config<'a>) -> Sublayer<'a> {
    Sublayer {
        attribute: "cell".to_owned(),
        class_name,
        config: Some(config.members()),
        keras2_scope: name.map(str::to_owned),
        tfjs_scope: None,
        variables: Vec::new(),
    }
}

fn given_cell<'a>(config: &Config<'a>) -> Vec<Sublayer<'a>> {
    let cell = config.object("cell").and_then(|cell| {
        let (class_name, inner) = class_and_config(cell).filter(|(class, _)| is_cell(class))?;
        Some(Sublayer {
            attribute: "cell".to_owned(),
            class_name,
            config: Some(inner),
            keras2_scope: given_name(cell).map(str::to_owned),
            tfjs_scope: None,
            variables: Vec::new(),
        })
    });
    cell.into_iter().collect()
}

/// Keras stores them as `cells/lstm_cell`, `cells/lstm_cell_1`, TensorFlow.js names them
/// `RNNCell_0`, `RNNCell_1`.
fn stacked_cells<'a>(config: &Config<'a>) -> Vec<Sublayer<'a>> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let cells = cells(config).enumerate().filter_map(|(at, cell)| {
        let (class_name, inner) = class_and_config(cell).filter(|(class, _)| is_cell(class))?;
        let snake = to_snake_case(class_name);
        let n = counts.entry(snake.clone()).or_default();
        let attribute =
            if *n == 0 { format!("cells/{snake}") } else { format!("cells/{snake}_{n}") };
        *n += 1;
        Some(Sublayer {
            attribute,
            class_name,
            config: Some(inner),
            keras2_scope: given_name(cell).map(str::to_owned),
            tfjs_scope: Some(format!("RNNCell_{at}")),
            variables: Vec::new(),
        })
    });
    cells.collect()
}

fn cells<'a>(config: &Config<'a>) -> impl Iterator<Item = &'a Map<String, Value>> {
    let cells = config.get("cells").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    cells.iter().filter_map(Value::as_object)
}

fn cell_variables(config: &Config<'_>) -> Vec<Variable> {
    let mut variables =
        vec![Variable::trainable("kernel"), Variable::trainable("recurrent_kernel")];
    // The kernels are never quantized; the bias follows the same switch as everywhere.
    variables.extend(kernel_and_bias(config).into_iter().filter(|v| v.name == "bias"));
    variables
}

/// `[batch, (time,) units]`, and one `[batch, units]` for each of the states with `return_state`.
fn sequence_shapes(config: &Config<'_>, inputs: &[Shape], n_states: usize) -> Option<Vec<Shape>> {
    let units = config.size("units")?;
    with_states(config, inputs, units, &vec![units; n_states])
}

fn rnn_shapes(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (class_name, inner) = class_and_config(config.object("cell")?)?;
    let (units, states) = cell_sizes(class_name, &Config::new(inner))?;
    with_states(config, inputs, units, &states)
}

fn cell_shapes(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let class_name = if config.get("cells").is_some() { "StackedRNNCells" } else { "GRUCell" };
    let (units, _) = cell_sizes(class_name, config)?;
    Some(vec![vec![*inputs.first()?.first()?, Some(units)]])
}

fn with_states(
    config: &Config<'_>,
    inputs: &[Shape],
    units: u64,
    states: &[u64],
) -> Option<Vec<Shape>> {
    let [batch, time, ..] = inputs.first()?.as_slice() else { return None };
    let output = if config.flag("return_sequences", false) {
        vec![*batch, *time, Some(units)]
    } else {
        vec![*batch, Some(units)]
    };
    let states = if config.flag("return_state", false) { states } else { &[] };
    let states = states.iter().map(|units| vec![*batch, Some(*units)]);
    Some(std::iter::once(output).chain(states).collect())
}

/// The size of a cell's output, and of each of its states.
fn cell_sizes(class_name: &str, config: &Config<'_>) -> Option<(u64, Vec<u64>)> {
    if class_name != "StackedRNNCells" {
        let units = config.size("units")?;
        let n_states = match class_name {
            "LSTMCell" | "CuDNNLSTM" => 2,
            "GRUCell" | "SimpleRNNCell" | "CuDNNGRU" => 1,
            _ => return None,
        };
        return Some((units, vec![units; n_states]));
    }
    let mut sizes = Vec::new();
    for cell in cells(config) {
        let (class_name, inner) = class_and_config(cell)?;
        // Stacks in stacks do not exist, and would be recursion.
        if class_name == "StackedRNNCells" {
            return None;
        }
        sizes.push(cell_sizes(class_name, &Config::new(inner))?);
    }
    let units = sizes.last()?.0;
    if config.flag("reverse_state_order", false) {
        sizes.reverse();
    }
    Some((units, sizes.into_iter().flat_map(|(_, states)| states).collect()))
}

fn conv_shapes(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let [batch, time, rest @ ..] = inputs.first()?.as_slice() else { return None };
    let step: Shape = std::iter::once(*batch).chain(rest.iter().copied()).collect();
    if step.len() != spatial + 2 {
        return None;
    }
    let state = convolved(config, &[step], spatial)?.pop()?;
    let mut output = state.clone();
    if config.flag("return_sequences", false) {
        output.insert(1, *time);
    }
    let states = if config.flag("return_state", false) { 2 } else { 0 };
    Some(std::iter::once(output).chain(vec![state; states]).collect())
}

fn gru_check(config: &Config<'_>) -> Result<(), String> {
    if config.flag("reset_after", false) {
        return Err("reset_after=true is not implemented".to_owned());
    }
    Ok(())
}

fn sequence_check(config: &Config<'_>) -> Result<(), String> {
    for key in ["time_major", "zero_output_for_mask"] {
        if config.flag(key, false) {
            return Err(format!("{key}=true is ignored by TensorFlow.js"));
        }
    }
    Ok(())
}

fn rnn_check(config: &Config<'_>) -> Result<(), String> {
    sequence_check(config)?;
    let Some((class_name, inner)) = config.object("cell").and_then(class_and_config) else {
        return Err("its cell is not described".to_owned());
    };
    if class_name == "StackedRNNCells" && config.flag("return_state", false) {
        return Err("return_state=true of stacked cells gives the states in another order".into());
    }
    cell_check(class_name, inner)
}

fn stacked_check(config: &Config<'_>) -> Result<(), String> {
    for cell in cells(config) {
        match class_and_config(cell) {
            Some(("StackedRNNCells", _)) => return Err("cells in cells do not exist".to_owned()),
            Some((class_name, inner)) => cell_check(class_name, inner)?,
            None => return Err("one of its cells is not described".to_owned()),
        }
    }
    Ok(())
}

fn cell_check(class_name: &str, config: &Map<String, Value>) -> Result<(), String> {
    match class_name {
        "LSTMCell" | "GRUCell" | "SimpleRNNCell" | "StackedRNNCells" => {
            crate::layers::tfjs::problem(class_name, config, &[])
                .map_or(Ok(()), |what| Err(format!("its cell {class_name}: {what}")))
        }
        _ => Err(format!("its cell {class_name}: TensorFlow.js has no such layer")),
    }
}
