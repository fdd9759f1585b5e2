//! `TimeDistributed`, `Bidirectional` and the other layers that hold a layer given by the user.

use serde_json::{Map, Value};

use crate::Config;
use crate::def::{LayerDef, Shape, Sublayer, Tfjs, Variable};
use crate::layers::recurrent::{is_sequence_class, lower_bidirectional};
use crate::lower::{
    Argument, Arguments, Call as LayerCall, Lowered, Masks, Size, Tensor, Value as Tensed,
};
use crate::summary::call_layer;

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "TimeDistributed",
        sublayers: |config| inner_layer(config, None),
        output_shapes: |config, inputs| time_distributed(config, inputs, &mut call_layer),
        lower: Some(lower_time_distributed),
        masks: Masks::Passes,
        tfjs: Tfjs::Checks(inner_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Bidirectional",
        sublayers: |config| {
            ["forward", "backward"].into_iter().filter_map(|side| direction(config, side)).collect()
        },
        output_shapes: both_directions,
        lower: Some(lower_bidirectional),
        masks: Masks::Own,
        tfjs: Tfjs::Checks(bidirectional_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "SpectralNormalization",
        // `.keras` files hold its layer's kernel a second time, before this.
        variables: |_| vec![Variable { index: Some(1), ..Variable::fixed("vector_u") }],
        sublayers: |config| inner_layer(config, None),
        output_shapes: |config, inputs| wrapped(config, inputs, &mut call_layer),
        // The kernel is stored normalized; only training does it again.
        lower: Some(|c| {
            let described = c.config.object("layer").ok_or("its layer is not described")?;
            let arguments = c.arguments.clone();
            c.call_part("layer", described, arguments)
        }),
        masks: Masks::Own,
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
];

/// How a wrapper asks for the output shapes of the layer it holds: class, config, inputs.
pub(crate) type Call<'c> =
    dyn FnMut(&str, &Map<String, Value>, &[Shape]) -> Option<Vec<Shape>> + 'c;

/// The shapes of the inner layer.
pub(crate) fn wrapped(
    config: &Config<'_>,
    inputs: &[Shape],
    call: &mut Call<'_>,
) -> Option<Vec<Shape>> {
    let (class_name, inner) = class_and_config(config.object("layer")?)?;
    call(class_name, inner, inputs)
}

/// The shapes of the inner layer called on each step: the second dim is taken off and put back.
pub(crate) fn time_distributed(
    config: &Config<'_>,
    inputs: &[Shape],
    call: &mut Call<'_>,
) -> Option<Vec<Shape>> {
    let mut steps = Vec::new();
    for input in inputs {
        let [batch, _, rest @ ..] = input.as_slice() else { return None };
        steps.push(std::iter::once(*batch).chain(rest.iter().copied()).collect::<Shape>());
    }
    let time = *inputs.first()?.get(1)?;
    let mut outputs = wrapped(config, &steps, call)?;
    for output in &mut outputs {
        if output.is_empty() {
            return None;
        }
        output.insert(1, time);
    }
    Some(outputs)
}

/// The layer, of all steps as one batch.
fn lower_time_distributed(c: &mut LayerCall<'_, '_>) -> Lowered<Vec<Tensor>> {
    let described = c.config.object("layer").ok_or("its layer is not described")?;
    let mut steps = None;
    let mut inputs = Vec::new();
    for input in c.inputs.clone() {
        let sizes = c.sizes(input.value)?;
        let lead = sizes.get(..2).ok_or("its input has no steps")?.to_vec();
        let value = joined(c, input.value)?;
        // A mask of the steps themselves is none of the layer's.
        let mask = match input.mask {
            Some(mask) if c.rank(mask)? > 2 => Some(joined(c, mask)?),
            _ => None,
        };
        inputs.push(Argument::Tensor(Tensor { value, mask }));
        steps.get_or_insert(lead);
    }
    let steps = steps.ok_or("it is called without inputs")?;
    let mut arguments = c.arguments.clone();
    arguments.kwargs.retain(|(name, _)| name != "mask");
    let first = match inputs.len() {
        1 => inputs.swap_remove(0),
        _ => Argument::List(inputs),
    };
    let outputs = c.call_part("layer", described, Arguments { args: vec![first], ..arguments })?;
    let mut apart = Vec::new();
    for output in outputs {
        let sizes = c.sizes(output.value)?;
        let rest = sizes.get(1..).unwrap_or_default();
        let sizes: Vec<Size> = steps.iter().chain(rest).copied().collect();
        apart.push(c.reshape(output.value, &sizes)?.into());
    }
    Ok(apart)
}

/// The first two axes as one.
fn joined(c: &mut LayerCall<'_, '_>, x: Tensed) -> Lowered<Tensed> {
    let sizes = c.sizes(x)?;
    let all = c.product(sizes.get(..2).unwrap_or_default())?;
    let rest = sizes.get(2..).unwrap_or_default().iter().copied();
    let sizes: Vec<Size> = [all].into_iter().chain(rest).collect();
    c.reshape(x, &sizes)
}

/// The layer under `layer`.
fn inner_layer<'a>(config: &Config<'a>, scope: Option<String>) -> Vec<Sublayer<'a>> {
    let inner = config.object("layer").and_then(class_and_config);
    let sublayer = inner.map(|(class_name, inner)| Sublayer {
        attribute: "layer".to_owned(),
        class_name,
        config: Some(inner),
        keras2_scope: scope.clone(),
        tfjs_scope: scope,
        variables: Vec::new(),
    });
    sublayer.into_iter().collect()
}

/// The layer of one direction. Keras and TensorFlow.js call them `forward_` and `backward_` and the
/// name that the user's layer has; Keras 3 stores that name with the prefix already on it.
fn direction<'a>(config: &Config<'a>, side: &str) -> Option<Sublayer<'a>> {
    let given = config.object("layer")?;
    let explicit = config.object("backward_layer").filter(|_| side == "backward");
    let (class_name, inner) = class_and_config(explicit.unwrap_or(given))?;
    if !is_sequence_class(class_name) {
        return None;
    }
    let base = given_name(given)?;
    let base = base.strip_prefix("forward_").unwrap_or(base);
    let keras_name = match explicit.and_then(given_name) {
        Some(name) if name.starts_with("backward_") => name.to_owned(),
        Some(name) => format!("backward_{name}"),
        None => format!("{side}_{base}"),
    };
    Some(Sublayer {
        attribute: format!("{side}_layer"),
        class_name,
        config: Some(inner),
        keras2_scope: Some(keras_name),
        tfjs_scope: Some(format!("{side}_{base}")),
        variables: Vec::new(),
    })
}

fn both_directions(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let side = |key| {
        let (class_name, inner) = class_and_config(config.object(key)?)?;
        let def = crate::layers::find(class_name).filter(|_| is_sequence_class(class_name))?;
        (def.output_shapes)(&Config::new(inner), inputs.get(..1)?)
    };
    let (forward, states) = split_first(side("layer")?)?;
    let (backward, back_states) = match config.object("backward_layer") {
        Some(_) => split_first(side("backward_layer")?)?,
        None => (forward.clone(), states.clone()),
    };
    // The key is there and null for two outputs that are not merged.
    let mode = match config.members().get("merge_mode") {
        None => Some("concat"),
        Some(mode) => mode.as_str(),
    };
    let outputs = match mode {
        None => vec![forward, backward],
        Some("concat") => {
            let mut output = forward;
            let (last, more) = (output.last_mut()?, *backward.last()?);
            *last = match (*last, more) {
                (Some(dim), Some(more)) => Some(dim.checked_add(more)?),
                _ => None,
            };
            vec![output]
        }
        Some(_) => vec![forward],
    };
    Some(outputs.into_iter().chain(states).chain(back_states).collect())
}

fn split_first(shapes: Vec<Shape>) -> Option<(Shape, Vec<Shape>)> {
    let mut shapes = shapes.into_iter();
    Some((shapes.next()?, shapes.collect()))
}

fn inner_check(config: &Config<'_>) -> Result<(), String> {
    let Some((class_name, inner)) = config.object("layer").and_then(class_and_config) else {
        return Err("its layer is not described".to_owned());
    };
    if crate::variables::is_model_class(class_name) {
        // The layers of a model are asked one by one.
        return Ok(());
    }
    crate::layers::tfjs::problem(class_name, inner, &[])
        .map_or(Ok(()), |what| Err(format!("its layer {class_name}: {what}")))
}

/// TensorFlow.js makes the backward layer from the forward one, whatever `backward_layer` says.
fn bidirectional_check(config: &Config<'_>) -> Result<(), String> {
    inner_check(config)?;
    let forward = config.object("layer").and_then(class_and_config);
    let backward = config.object("backward_layer").and_then(class_and_config);
    let (Some((class_name, forward)), Some((other_class, backward))) = (forward, backward) else {
        return Ok(());
    };
    if !is_sequence_class(class_name) {
        return Err(format!("its layer {class_name} is not recurrent"));
    }
    let ignored = ["name", "go_backwards", "dtype", "trainable", "seed", "build_config"];
    // What training reads may differ: it does not change the weights' shapes nor what is computed.
    let matters = |key: &&String| {
        !ignored.contains(&key.as_str())
            && !key.ends_with("_initializer")
            && !key.ends_with("_regularizer")
    };
    let null = Value::Null;
    let keys = forward.keys().chain(backward.keys()).filter(matters);
    let different = keys
        .into_iter()
        .find(|key| forward.get(*key).unwrap_or(&null) != backward.get(*key).unwrap_or(&null));
    if class_name != other_class {
        return Err(format!("a backward_layer of another class ({other_class}) is ignored"));
    }
    match different {
        Some(key) => Err(format!("a backward_layer with another `{key}` is ignored")),
        None => Ok(()),
    }
}

pub(crate) fn class_and_config(layer: &Map<String, Value>) -> Option<(&str, &Map<String, Value>)> {
    Some((layer.get("class_name")?.as_str()?, layer.get("config")?.as_object()?))
}

pub(crate) fn given_name(layer: &Map<String, Value>) -> Option<&str> {
    class_and_config(layer)?.1.get("name")?.as_str()
}
