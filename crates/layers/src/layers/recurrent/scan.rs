//! Recurrent layers: a cell along the steps of a sequence.

use tensorferry_ir::{Attr, Dim, Type};
use tensorferry_tensor::DType;

use super::cells::Cell;
use crate::lower::convolve::{channels_back, channels_last};
use crate::lower::{Argument, Call, Lowered, Size, Tensor, Value};

/// What a layer around a recurrent one changes of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Within {
    /// Its direction is turned round.
    flips: bool,
    /// Masked steps of sequences are zeros, as `Bidirectional` wants them.
    zeros_masked: bool,
}

/// Lowers a recurrent layer.
pub(crate) fn lower_recurrent(c: &mut Call<'_, '_>, within: Within) -> Lowered<Vec<Tensor>> {
    let cell = Cell::of(c)?;
    let mut xs = c.x()?;
    let is_time_major = c.flag("time_major", false);
    if is_time_major {
        xs = steps_first(c, xs)?;
    }
    if cell.spatial > 0 {
        xs = channels_last(c, xs, cell.spatial)?;
    }
    let mask = c.mask();
    let projected = cell.project(c, xs)?;
    let (output_sizes, state_sizes) = cell.sizes(c, projected)?;
    let batch = c.size(xs, 0)?;
    let given = given_states(c, &cell)?;
    let dtype = c.dtype(projected)?;
    let with_batch = |sizes: &[Size]| -> Vec<Size> {
        std::iter::once(batch).chain(sizes.iter().copied()).collect()
    };
    let state_sizes: Vec<Vec<Size>> = state_sizes.iter().map(|sizes| with_batch(sizes)).collect();
    let mut states = Vec::new();
    let mut kept = Vec::new();
    for (i, sizes) in state_sizes.iter().enumerate() {
        states.push(match given.get(i) {
            Some(state) => c.cast(*state, dtype)?,
            None if c.flag("stateful", false) => {
                let (variable, state) = c.variable("state", &known_sizes(sizes)?, dtype)?;
                kept.push(variable);
                state
            }
            None => c.filled(sizes, 0.0, dtype)?,
        });
    }
    let start = c.filled(&with_batch(&output_sizes), 0.0, dtype)?;
    let goes_back = c.flag("go_backwards", false) != within.flips;
    let scan = Scan {
        cell,
        goes_back,
        keeps_all: c.flag("return_sequences", false),
        zeros_masked: match within.zeros_masked {
            true => c.flag("return_sequences", false),
            false => c.flag("zero_output_for_mask", false),
        },
    };
    let (mut output, states) = scan.run(c, projected, mask, start, states)?;
    for (variable, state) in kept.into_iter().zip(&states) {
        c.assign(variable, *state)?;
    }
    if cell.spatial > 0 {
        output = channels_back(c, output, cell.spatial)?;
    }
    if is_time_major && scan.keeps_all {
        output = steps_first(c, output)?;
    }
    let mut outputs = vec![Tensor { value: output, mask: mask.filter(|_| scan.keeps_all) }];
    if c.flag("return_state", false) {
        for state in states {
            let state = match cell.spatial {
                0 => state,
                spatial => channels_back(c, state, spatial)?,
            };
            outputs.push(state.into());
        }
    }
    Ok(outputs)
}

fn known_sizes(sizes: &[Size]) -> Lowered<Vec<usize>> {
    let known = sizes.iter().map(|size| match size {
        Size::Known(n) => Ok(*n),
        Size::Computed(_) => Err("stateful=true needs a known batch".to_owned()),
    });
    known.collect()
}

/// The states that the layer is called with: behind the sequence in Keras 2, by name or in second
/// place in Keras 3.
fn given_states(c: &mut Call<'_, '_>, cell: &Cell<'_>) -> Lowered<Vec<Value>> {
    let given = match c.arguments.get(1, "initial_state") {
        Some(states) => states.tensors(),
        None => c.inputs.get(1..).unwrap_or_default().to_vec(),
    };
    let given = given.into_iter().map(|state| match cell.spatial {
        0 => Ok(state.value),
        spatial => channels_last(c, state.value, spatial),
    });
    given.collect()
}

/// The first two axes in each other's place.
fn steps_first(c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
    let rank = c.rank(x)?;
    let order: Vec<usize> = [1, 0].into_iter().chain(2..rank).collect();
    c.transpose(x, &order)
}

/// A cell and the way it goes.
#[derive(Clone, Copy)]
struct Scan<'m> {
    cell: Cell<'m>,
    goes_back: bool,
    /// Every step's output is wanted, not the last one's.
    keeps_all: bool,
    /// Masked steps give zeros, not what the step before gave.
    zeros_masked: bool,
}

/// What goes along the steps.
struct Steps {
    xs: Value,
    mask: Option<Value>,
    start: Value,
}

impl<'m> Scan<'m> {
    /// The last output or all of them, and the last states. `xs` is `[batch, steps, ...]`.
    fn run(
        &self,
        c: &mut Call<'_, 'm>,
        xs: Value,
        mask: Option<Value>,
        start: Value,
        states: Vec<Value>,
    ) -> Lowered<(Value, Vec<Value>)> {
        let mut xs = steps_first(c, xs)?;
        let mut mask = match mask {
            Some(mask) => Some(steps_first(c, mask)?),
            None => None,
        };
        if self.goes_back {
            let axis = c.ints(&[0]);
            xs = c.binary("ReverseV2", xs, axis)?;
            if let Some(own) = mask {
                mask = Some(c.binary("ReverseV2", own, axis)?);
            }
        }
        let steps = Steps { xs, mask, start };
        let known = c.dims(xs)?.first().copied().and_then(Dim::known);
        let unrolls = |n: &usize| *n <= c.options().unroll_max || c.flag("unroll", false);
        match known.filter(unrolls) {
            Some(n) => self.unrolled(c, &steps, n, states),
            None => self.looped(c, &steps, states),
        }
    }

    /// One step; what is masked changes nothing.
    fn step(
        &self,
        c: &mut Call<'_, 'm>,
        (x, mask): (Value, Option<Value>),
        (before, start): (Value, Value),
        states: &[Value],
    ) -> Lowered<(Value, Vec<Value>)> {
        let (mut output, mut after) = self.cell.step(c, x, states)?;
        if let Some(mask) = mask {
            let hidden = if self.zeros_masked { start } else { before };
            output = chosen(c, mask, output, hidden)?;
            for (new, old) in after.iter_mut().zip(states) {
                *new = chosen(c, mask, *new, *old)?;
            }
        }
        Ok((output, after))
    }

    fn unrolled(
        &self,
        c: &mut Call<'_, 'm>,
        steps: &Steps,
        n: usize,
        mut states: Vec<Value>,
    ) -> Lowered<(Value, Vec<Value>)> {
        let xs = c.unpack(steps.xs, n, 0)?;
        let masks = match steps.mask {
            Some(mask) => c.unpack(mask, n, 0)?.into_iter().map(Some).collect(),
            None => vec![None; n],
        };
        let mut all = Vec::new();
        let mut output = steps.start;
        for (x, mask) in xs.into_iter().zip(masks) {
            (output, states) = self.step(c, (x, mask), (output, steps.start), &states)?;
            all.push(output);
        }
        if self.keeps_all {
            output = c.pack(&all, 1)?;
        }
        Ok((output, states))
    }

    fn looped(
        &self,
        c: &mut Call<'_, 'm>,
        steps: &Steps,
        states: Vec<Value>,
    ) -> Lowered<(Value, Vec<Value>)> {
        let n = c.size(steps.xs, 0)?;
        let n_value = c.size_value(n);
        let xs = List::of(c, steps.xs)?;
        let masks = match steps.mask {
            Some(mask) => Some(List::of(c, mask)?),
            None => None,
        };
        let mut vars = vec![steps.start];
        let outputs = match self.keeps_all {
            true => Some(List::reserve(c, steps.start, n_value)?),
            false => None,
        };
        vars.extend(outputs.as_ref().map(|list| list.value));
        let n_lead = vars.len();
        vars.extend(states);
        let after = c.repeat_call(n_value, &vars, |c, turn, vars| {
            let x = xs.get(c, turn)?;
            let mask = match &masks {
                Some(masks) => Some(masks.get(c, turn)?),
                None => None,
            };
            let before = *vars.first().ok_or("a loop lost its output")?;
            let states = vars.get(n_lead..).unwrap_or_default();
            let (output, states) = self.step(c, (x, mask), (before, steps.start), states)?;
            let mut next = vec![output];
            if let (Some(list), Some(items)) = (&outputs, vars.get(1)) {
                next.push(list.set(c, *items, turn, output)?);
            }
            next.extend(states);
            Ok(next)
        })?;
        let states = after.get(n_lead..).unwrap_or_default().to_vec();
        let output = match (&outputs, after.as_slice()) {
            (Some(list), [_, items, ..]) => {
                let all = list.stack(c, *items, n)?;
                steps_first(c, all)?
            }
            (None, [output, ..]) => *output,
            _ => return Err("a loop lost its output".to_owned()),
        };
        Ok((output, states))
    }
}

/// `yes` where the mask, which has one element per row, holds.
fn chosen(c: &mut Call<'_, '_>, mask: Value, yes: Value, no: Value) -> Lowered<Value> {
    let mut mask = c.cast(mask, DType::Bool)?;
    while c.rank(mask)? < c.rank(yes)? {
        mask = c.expand(mask, -1)?;
    }
    c.select(mask, yes, no)
}

/// A list of tensors of one shape.
struct List {
    value: Value,
    dtype: DType,
    dims: Vec<Dim>,
}

impl List {
    /// The slices along the first axis.
    fn of(c: &mut Call<'_, '_>, x: Value) -> Lowered<Self> {
        let dims = c.dims(x)?.get(1..).unwrap_or_default().to_vec();
        let mut list = Self { value: x, dtype: c.dtype(x)?, dims };
        let shape = list.shape(c);
        list.value = c.one("TensorListFromTensor", &[x, shape], &[list.attr()])?;
        Ok(list)
    }

    /// `n` items like `item`, not set.
    fn reserve(c: &mut Call<'_, '_>, item: Value, n: Value) -> Lowered<Self> {
        let mut list = Self { value: item, dtype: c.dtype(item)?, dims: c.dims(item)? };
        let shape = list.shape(c);
        list.value = c.one("TensorListReserve", &[shape, n], &[list.attr()])?;
        Ok(list)
    }

    fn attr(&self) -> (&'static str, Attr) {
        ("element_dtype", Attr::Type(Type::Data(self.dtype)))
    }

    fn shape(&self, c: &mut Call<'_, '_>) -> Value {
        let dim = |dim: &Dim| dim.known().map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let dims: Vec<i64> = self.dims.iter().map(dim).collect();
        c.ints(&dims)
    }

    fn get(&self, c: &mut Call<'_, '_>, i: Value) -> Lowered<Value> {
        let shape = self.shape(c);
        let item = c.one("TensorListGetItem", &[self.value, i, shape], &[self.attr()])?;
        c.assume_shape(item, &self.dims.clone().into());
        Ok(item)
    }

    fn set(&self, c: &mut Call<'_, '_>, list: Value, i: Value, item: Value) -> Lowered<Value> {
        c.one("TensorListSetItem", &[list, i, item], &[self.attr()])
    }

    fn stack(&self, c: &mut Call<'_, '_>, list: Value, n: Size) -> Lowered<Value> {
        let shape = self.shape(c);
        let all = c.one("TensorListStack", &[list, shape], &[self.attr()])?;
        let n = match n {
            Size::Known(n) => Dim::Known(n),
            Size::Computed(_) => Dim::Unknown,
        };
        let dims: Vec<Dim> = std::iter::once(n).chain(self.dims.iter().copied()).collect();
        c.assume_shape(all, &dims.into());
        Ok(all)
    }
}

/// A layer that runs forward and one that runs backward, and what is made of both.
pub(crate) fn lower_bidirectional(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let states = match c.arguments.get(1, "initial_state") {
        Some(states) => states.tensors(),
        None => c.inputs.get(1..).unwrap_or_default().to_vec(),
    };
    let (first, second) = states.split_at(states.len() / 2);
    let forward = direction(c, "forward_layer", first)?;
    let backward = direction(c, "backward_layer", second)?;
    let (Some((y, states)), Some((y_back, states_back))) =
        (forward.split_first(), backward.split_first())
    else {
        return Err("its layer has no output".to_owned());
    };
    let (mut y, mut y_back) = (*y, *y_back);
    let keeps_all = {
        let layer = c.config.object("layer").and_then(crate::layers::wrappers::class_and_config);
        layer.is_some_and(|(_, config)| crate::Config::new(config).flag("return_sequences", false))
    };
    if keeps_all {
        let axis = c.ints(&[1]);
        y_back.value = c.binary("ReverseV2", y_back.value, axis)?;
    }
    let mode = match c.config.members().get("merge_mode") {
        None => Some("concat"),
        Some(mode) => mode.as_str(),
    };
    let mut outputs = match mode {
        None => vec![y, y_back],
        Some(mode) => {
            y.value = merged(c, mode, y.value, y_back.value)?;
            vec![y]
        }
    };
    outputs.extend(states.iter().chain(states_back));
    Ok(outputs)
}

fn merged(c: &mut Call<'_, '_>, mode: &str, y: Value, y_back: Value) -> Lowered<Value> {
    match mode {
        "concat" => {
            let last = c.axis(y, -1)?;
            c.concat(&[y, y_back], last as i64)
        }
        "sum" => c.add(y, y_back),
        "mul" => c.mul(y, y_back),
        "ave" => {
            let sum = c.add(y, y_back)?;
            c.scale(sum, 0.5)
        }
        other => Err(format!("merge_mode={other} is not known")),
    }
}

/// One direction. The backward layer is the forward one turned round, unless it is given.
fn direction(c: &mut Call<'_, '_>, attribute: &str, states: &[Tensor]) -> Lowered<Vec<Tensor>> {
    let explicit = c.config.object("backward_layer").filter(|_| attribute == "backward_layer");
    let flips = attribute == "backward_layer" && explicit.is_none();
    let described = explicit.or_else(|| c.config.object("layer"));
    let described = described.and_then(crate::layers::wrappers::class_and_config);
    let (class_name, config) = described.ok_or("its layer is not described")?;
    let def = crate::layers::find(class_name);
    let def = def.filter(|_| super::is_sequence_class(class_name)).ok_or("its layer is no RNN")?;
    let inputs: Vec<Tensor> = c.inputs.first().into_iter().chain(states).copied().collect();
    c.inside(attribute, def.class_name, config, |c| {
        c.arguments.args =
            vec![Argument::List(inputs.iter().copied().map(Argument::Tensor).collect())];
        c.inputs = inputs;
        lower_recurrent(c, Within { flips, zeros_masked: true })
    })
}
