//! `LSTM`, `GRU`, `SimpleRNN`, their cells, `RNN` and the convolutional ones.

use crate::Config;
use crate::def::{LayerDef, Shape, Sublayer, Variable};

/// The family's definitions.
pub const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "LSTM",
        aliases: &["UnifiedLSTM", "CuDNNLSTM"],
        sublayers: |config| vec![own_cell("LSTMCell", "lstm_cell", config)],
        output_shapes: |config, inputs| sequence_shapes(config, inputs, 2),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef { class_name: "LSTMCell", variables: cell_variables, ..LayerDef::SHAPE_KEEPING },
];

/// The cell that `LSTM`, `GRU` and `SimpleRNN` make from their own config.
fn own_cell<'a>(class_name: &'a str, name: &str, config: &Config<'a>) -> Sublayer<'a> {
    Sublayer {
        attribute: "cell".to_owned(),
        class_name,
        config: Some(config.members()),
        keras2_scope: Some(name.to_owned()),
        tfjs_scope: None,
        variables: Vec::new(),
    }
}

fn cell_variables(config: &Config<'_>) -> Vec<Variable> {
    let bias = config.flag("use_bias", true).then(|| Variable::trainable("bias"));
    [Some(Variable::trainable("kernel")), Some(Variable::trainable("recurrent_kernel")), bias]
        .into_iter()
        .flatten()
        .collect()
}

/// `[batch, (time,) units]`, and one `[batch, units]` for each of the states with `return_state`.
fn sequence_shapes(config: &Config<'_>, inputs: &[Shape], n_states: usize) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let units = Some(config.size("units")?);
    let (batch, time) = (*input.first()?, *input.get(1)?);
    let output = if config.flag("return_sequences", false) {
        vec![batch, time, units]
    } else {
        vec![batch, units]
    };
    let states = if config.flag("return_state", false) { n_states } else { 0 };
    Some(std::iter::once(output).chain(vec![vec![batch, units]; states]).collect())
}
