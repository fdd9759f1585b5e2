//! What the cells of recurrent layers compute in one step.
//!
//! The part of a step that only needs the input is done for all steps at once, before the loop:
//! [`project`]. [`step`] does the rest.

use serde_json::{Map, Value as Json};
use tensorferry_tensor::DType;

use super::{cell_sizes, cells};
use crate::layers::core::multiplied;
use crate::layers::wrappers::class_and_config;
use crate::lower::convolve::{self, Sliding};
use crate::lower::{Builder, Call, Lowered, Size, Value};

/// A cell as its layer holds it.
#[derive(Clone, Copy)]
pub(super) struct Cell<'m> {
    pub(super) attribute: &'m str,
    pub(super) class_name: &'m str,
    pub(super) config: &'m Map<String, Json>,
    /// Spatial axes of a convolutional cell, 0 for the others.
    pub(super) spatial: usize,
    /// Its weights, where they are not kept as Keras' cells have them.
    own: Option<Weights>,
}

/// What a cell multiplies with and adds: to its input and to its state.
#[derive(Clone, Copy)]
struct Weights {
    input: Affine,
    state: Affine,
}

/// A matrix, and what is added behind it.
#[derive(Clone, Copy)]
struct Affine {
    matrix: Value,
    bias: Option<Value>,
}

impl Affine {
    fn of_input(c: &mut Call<'_, '_>, own: Option<Weights>) -> Lowered<Self> {
        if let Some(own) = own {
            return Ok(own.input);
        }
        let matrix = c.weight("kernel")?;
        if !c.flag("use_bias", true) {
            return Ok(Self { matrix, bias: None });
        }
        let bias = c.weight("bias")?;
        // Two rows: that of the input and that of the state.
        let bias = if is_reset_after(c) { c.at(bias, 0, 0)? } else { bias };
        Ok(Self { matrix, bias: Some(bias) })
    }

    fn of_state(c: &mut Call<'_, '_>, own: Option<Weights>) -> Lowered<Self> {
        if let Some(own) = own {
            return Ok(own.state);
        }
        let matrix = c.weight("recurrent_kernel")?;
        if !(is_reset_after(c) && c.flag("use_bias", true)) {
            return Ok(Self { matrix, bias: None });
        }
        let bias = c.weight("bias")?;
        Ok(Self { matrix, bias: Some(c.at(bias, 0, 1)?) })
    }

    fn apply(self, c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
        let y = multiplied(c, x, self.matrix)?;
        self.bias.map_or(Ok(y), |bias| c.bias_add(y, bias))
    }
}

impl Weights {
    /// Those of a `CuDNN` layer as Keras' cells would have them. Its matrices are transposed, each
    /// gate by itself; of the input's, only the order of the elements is. It has two biases.
    fn of_cudnn(c: &mut Call<'_, '_>) -> Lowered<Self> {
        let (kernel, recurrent) = (c.weight("kernel")?, c.weight("recurrent_kernel")?);
        let bias = c.weight("bias")?;
        let (n_in, n) = (c.known_dim(kernel, 0)?, c.known_dim(recurrent, 0)?);
        let n_gates = if c.class_name == "CuDNNLSTM" { 4 } else { 3 };
        let mut kernels = c.split(kernel, n_gates, 1)?;
        for part in &mut kernels {
            let turned = c.reshape(*part, &[Size::Known(n), Size::Known(n_in)])?;
            *part = c.transpose(turned, &[1, 0])?;
        }
        let mut recurrents = c.split(recurrent, n_gates, 1)?;
        for part in &mut recurrents {
            *part = c.transpose(*part, &[1, 0])?;
        }
        let (kernel, recurrent) = (c.concat(&kernels, 1)?, c.concat(&recurrents, 1)?);
        let biases = c.split(bias, 2, 0)?;
        let [bias, state_bias] = biases[..] else { return Err("it has no two biases".to_owned()) };
        let (input, state) = match n_gates {
            3 => (Some(bias), Some(state_bias)),
            _ => (Some(c.add(bias, state_bias)?), None),
        };
        Ok(Self {
            input: Affine { matrix: kernel, bias: input },
            state: Affine { matrix: recurrent, bias: state },
        })
    }
}

impl<'m> Cell<'m> {
    /// The cell of a recurrent layer: its own config, or that of the cell which it was given.
    pub(super) fn of(c: &mut Call<'_, 'm>) -> Lowered<Self> {
        let config = c.config.members();
        let own = |class_name, spatial| Cell {
            attribute: "cell",
            class_name,
            config,
            spatial,
            own: None,
        };
        Ok(match c.class_name {
            // Such a layer has no cell of its own.
            "CuDNNLSTM" | "CuDNNGRU" => {
                let own = Some(Weights::of_cudnn(c)?);
                Cell { attribute: "", class_name: c.class_name, config, spatial: 0, own }
            }
            "LSTM" => own("LSTMCell", 0),
            "GRU" => own("GRUCell", 0),
            "SimpleRNN" => own("SimpleRNNCell", 0),
            "ConvLSTM1D" => own("ConvLSTM1DCell", 1),
            "ConvLSTM2D" => own("ConvLSTM2DCell", 2),
            "ConvLSTM3D" => own("ConvLSTM3DCell", 3),
            _ => {
                let cell = c.config.object("cell").and_then(class_and_config);
                let (class_name, config) = cell.ok_or("its cell is not described")?;
                Cell { attribute: "cell", class_name, config, spatial: 0, own: None }
            }
        })
    }

    /// Sizes of the output and of each state, but for the batch; `x` is the whole sequence.
    pub(super) fn sizes(
        &self,
        c: &mut Call<'_, 'm>,
        x: Value,
    ) -> Lowered<(Vec<Size>, Vec<Vec<Size>>)> {
        if self.spatial > 0 {
            let projected = c.sizes(x)?;
            let mut state = projected.get(2..).unwrap_or_default().to_vec();
            let filters = c.config.size("filters").ok_or("filters is missing")?;
            *state.last_mut().ok_or("the input has too few axes")? = size(filters)?;
            return Ok((state.clone(), vec![state.clone(), state]));
        }
        let view = crate::Config::new(self.config);
        let sizes = cell_sizes(self.class_name, &view);
        let (units, states) =
            sizes.ok_or_else(|| format!("its cell {} cannot be run", self.class_name))?;
        let states = states.into_iter().map(|n| Ok(vec![size(n)?])).collect::<Lowered<_>>()?;
        Ok((vec![size(units)?], states))
    }

    /// What can be done with all steps at once.
    pub(super) fn project(&self, c: &mut Call<'_, 'm>, xs: Value) -> Lowered<Value> {
        c.inside(self.attribute, self.class_name, self.config, |c| match self.spatial {
            0 => project(c, xs, self.own),
            spatial => project_images(c, xs, spatial),
        })
    }

    /// One step: the output and the new states.
    pub(super) fn step(
        &self,
        c: &mut Call<'_, 'm>,
        projected: Value,
        states: &[Value],
    ) -> Lowered<(Value, Vec<Value>)> {
        c.inside(self.attribute, self.class_name, self.config, |c| match self.spatial {
            0 => step(c, projected, states, self.own),
            spatial => step_images(c, projected, states, spatial),
        })
    }
}

fn size(n: u64) -> Lowered<Size> {
    Ok(Size::Known(usize::try_from(n).map_err(|e| e.to_string())?))
}

/// `x kernel + bias`; for stacked cells, whose first needs the second's input, `x`.
fn project(c: &mut Call<'_, '_>, xs: Value, own: Option<Weights>) -> Lowered<Value> {
    if c.class_name == "StackedRNNCells" {
        return Ok(xs);
    }
    let dtype = c.compute_dtype();
    let xs = c.cast(xs, dtype)?;
    Affine::of_input(c, own)?.apply(c, xs)
}

/// Keras resets before the product by default in Keras 1 and TensorFlow.js, after it since.
fn is_reset_after(c: &Call<'_, '_>) -> bool {
    c.class_name == "CuDNNGRU" || c.class_name == "GRUCell" && c.flag("reset_after", false)
}

/// A function that the config names; `CuDNN` layers have no choice.
fn activated(c: &mut Call<'_, '_>, key: &str, x: Value) -> Lowered<Value> {
    match (c.class_name, key) {
        ("CuDNNLSTM" | "CuDNNGRU", "activation") => c.unary("Tanh", x),
        ("CuDNNLSTM" | "CuDNNGRU", _) => c.unary("Sigmoid", x),
        _ => c.activation(key, x),
    }
}

fn step(
    c: &mut Call<'_, '_>,
    projected: Value,
    states: &[Value],
    own: Option<Weights>,
) -> Lowered<(Value, Vec<Value>)> {
    match (c.class_name, states) {
        ("SimpleRNNCell", [h]) => {
            let recurrent = c.weight("recurrent_kernel")?;
            let own = c.mat_mul(*h, recurrent)?;
            let y = c.add(projected, own)?;
            let y = c.activation("activation", y)?;
            Ok((y, vec![y]))
        }
        ("LSTMCell" | "CuDNNLSTM", [h, carry]) => {
            let own = Affine::of_state(c, own)?.apply(c, *h)?;
            let z = c.add(projected, own)?;
            let (h, carry) = gates(c, z, *carry, 1)?;
            Ok((h, vec![h, carry]))
        }
        ("GRUCell" | "CuDNNGRU", [h]) => {
            let own = Affine::of_state(c, own)?;
            let y = step_gru(c, projected, *h, own)?;
            Ok((y, vec![y]))
        }
        ("StackedRNNCells", states) => step_stacked(c, projected, states),
        (class_name, states) => {
            Err(format!("its cell {class_name} cannot be run with {} states", states.len()))
        }
    }
}

/// The gates i, f, c, o along an axis of `z`: the output and the new carry.
fn gates(c: &mut Call<'_, '_>, z: Value, carry: Value, axis: i64) -> Lowered<(Value, Value)> {
    let parts = c.split(z, 4, axis)?;
    let [i, f, new, o] = parts.as_slice() else { return Err("it has no four gates".to_owned()) };
    let i = activated(c, "recurrent_activation", *i)?;
    let f = activated(c, "recurrent_activation", *f)?;
    let new = activated(c, "activation", *new)?;
    let kept = c.mul(f, carry)?;
    let new = c.mul(i, new)?;
    let carry = c.add(kept, new)?;
    let o = activated(c, "recurrent_activation", *o)?;
    let shown = activated(c, "activation", carry)?;
    Ok((c.mul(o, shown)?, carry))
}

/// z h + (1 - z) hh, with the gates z, r and the proposal hh.
fn step_gru(c: &mut Call<'_, '_>, x: Value, h: Value, own: Affine) -> Lowered<Value> {
    let xs = c.split(x, 3, 1)?;
    let [x_z, x_r, x_h] = xs.as_slice() else { return Err("it has no three gates".to_owned()) };
    let (z, hh);
    if is_reset_after(c) {
        let own = own.apply(c, h)?;
        let own = c.split(own, 3, 1)?;
        let [own_z, own_r, own_h] = own.as_slice() else {
            return Err("it has no three gates".to_owned());
        };
        z = gate(c, *x_z, *own_z)?;
        let r = gate(c, *x_r, *own_r)?;
        let own_h = c.mul(r, *own_h)?;
        hh = c.add(*x_h, own_h)?;
    } else {
        let parts = c.split(own.matrix, 3, 1)?;
        let [u_z, u_r, u_h] = parts.as_slice() else {
            return Err("it has no three gates".to_owned());
        };
        let own_z = c.mat_mul(h, *u_z)?;
        z = gate(c, *x_z, own_z)?;
        let own_r = c.mat_mul(h, *u_r)?;
        let r = gate(c, *x_r, own_r)?;
        let reset = c.mul(r, h)?;
        let own_h = c.mat_mul(reset, *u_h)?;
        hh = c.add(*x_h, own_h)?;
    }
    let hh = activated(c, "activation", hh)?;
    let kept = c.mul(z, h)?;
    let one = c.like(z, 1.0)?;
    let rest = c.sub(one, z)?;
    let new = c.mul(rest, hh)?;
    c.add(kept, new)
}

fn gate(c: &mut Call<'_, '_>, x: Value, own: Value) -> Lowered<Value> {
    let sum = c.add(x, own)?;
    activated(c, "recurrent_activation", sum)
}

/// The output of each cell is the input of the next.
fn step_stacked(c: &mut Call<'_, '_>, x: Value, states: &[Value]) -> Lowered<(Value, Vec<Value>)> {
    let parts = c.parts();
    let described: Vec<_> = cells(&c.config).filter_map(class_and_config).collect();
    if parts.len() != described.len() {
        return Err("one of its cells cannot be run".to_owned());
    }
    let mut counts = Vec::new();
    for (class_name, config) in &described {
        let sizes = cell_sizes(class_name, &crate::Config::new(config));
        counts.push(sizes.ok_or_else(|| format!("its cell {class_name} cannot be run"))?.1.len());
    }
    // With `reverse_state_order` the last cell's states come first.
    let is_reversed = c.flag("reverse_state_order", false);
    let start_of = |nth: usize| -> usize {
        let before = if is_reversed { counts.get(nth + 1..) } else { counts.get(..nth) };
        before.unwrap_or_default().iter().sum()
    };
    let mut new_states = states.to_vec();
    let mut y = x;
    for (nth, (part, (class_name, config))) in parts.iter().zip(described).enumerate() {
        let range = start_of(nth)..start_of(nth) + counts.get(nth).copied().unwrap_or(0);
        let own = states.get(range.clone()).ok_or("it has too few states")?.to_vec();
        let (output, after) = c.inside(&part.attribute, class_name, config, |c| {
            let projected = project(c, y, None)?;
            step(c, projected, &own, None)
        })?;
        let places = new_states.get_mut(range).ok_or("it has too few states")?;
        places.iter_mut().zip(after).for_each(|(place, state)| *place = state);
        y = output;
    }
    Ok((y, new_states))
}

/// The convolution of all images, with the bias.
fn project_images(c: &mut Call<'_, '_>, xs: Value, spatial: usize) -> Lowered<Value> {
    let sliding = Sliding::of(c, "kernel_size", spatial)?;
    let dtype: DType = c.compute_dtype();
    let xs = c.cast(xs, dtype)?;
    let kernel = c.weight("kernel")?;
    let y = convolve::conv(c, xs, kernel, &sliding)?;
    if !c.flag("use_bias", true) {
        return Ok(y);
    }
    let bias = c.weight("bias")?;
    let b: &mut Builder = c;
    // `BiasAdd` takes up to five axes; joined, the batch and the steps are one.
    convolve::with_one_batch(b, y, spatial, |b, y| b.bias_add(y, bias))
}

fn step_images(
    c: &mut Call<'_, '_>,
    projected: Value,
    states: &[Value],
    spatial: usize,
) -> Lowered<(Value, Vec<Value>)> {
    let [h, carry] = states else { return Err("it has two states".to_owned()) };
    let recurrent = c.weight("recurrent_kernel")?;
    let sliding = Sliding::of(c, "kernel_size", spatial)?.keeping_size();
    let own = convolve::conv(c, *h, recurrent, &sliding)?;
    let z = c.add(projected, own)?;
    let axis = i64::try_from(spatial + 1).map_err(|e| e.to_string())?;
    let (h, carry) = gates(c, z, *carry, axis)?;
    Ok((h, vec![h, carry]))
}
