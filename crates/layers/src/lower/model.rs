//! Models: the calls between their layers, in an order in which each has its inputs.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value as Json};
use tensorferry_ops::Fact;
use tensorferry_tensor::DType;

use super::{
    Argument, Arguments, Call, Input, Lowered, Lowering, Masks, Tensor, Value, dtypes, shape_of,
};
use crate::Config;
use crate::def::LayerDef;
use crate::dialect::Dialect;
use crate::dialect::calls::{self, boundary};
use crate::layers::core::input_shape;
use crate::layers::find;
use crate::layers::operators::{is_operator, operator_lowering};
use crate::variables::{NESTING_MAX, VarNode, is_model_class, layer_name};

type Members = Map<String, Json>;

/// A tensor of a model: layer, call of that layer, tensor of that call.
type Key = (String, u64, u64);

/// One layer of a model's config.
struct Entry<'m> {
    name: &'m str,
    class_name: &'m str,
    config: &'m Members,
    /// Its weights; operators have none.
    node: Option<&'m VarNode>,
    is_operator: bool,
    calls: Vec<calls::Call>,
    /// The number of its first call: 1 for models, whose call number 0 is the one that made them.
    first: u64,
}

impl<'m> Lowering<'m> {
    /// What a model takes.
    pub(super) fn inputs_of(&self, config: &'m Members) -> Lowered<Vec<Input>> {
        let layers = config.get("layers").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let Some(ends) = config.get("input_layers") else {
            return self.sequential_input(config, layers);
        };
        let ends = boundary(ends).ok_or("`input_layers` of the model is broken")?;
        let input = |end: &calls::Tensor| {
            let found = layers.iter().find_map(|layer| {
                let own = layer.get("config")?.as_object()?;
                (layer_name(layer, own) == end.layer).then_some(own)
            });
            let own = found.ok_or_else(|| format!("there is no input layer `{}`", end.layer))?;
            input(&end.layer, own)
        };
        ends.iter().map(input).collect()
    }

    /// The input of a `Sequential` is an `InputLayer`, or what its first layer or the config says.
    fn sequential_input(&self, config: &'m Members, layers: &'m [Json]) -> Lowered<Vec<Input>> {
        let first = layers.first().ok_or("the model has no layers")?;
        let class_name = first.get("class_name").and_then(Json::as_str).unwrap_or_default();
        let own = first.get("config").and_then(Json::as_object).ok_or("a layer has no config")?;
        let name = layer_name(first, own);
        if class_name == "InputLayer" {
            return Ok(vec![input(name, own)?]);
        }
        if is_model_class(class_name) {
            return self.inputs_of(own);
        }
        let built = || {
            let dims = config.get("build_input_shape")?.as_array()?;
            Some(dims.iter().map(Json::as_u64).collect())
        };
        let shape = input_shape(&Config::new(own)).or_else(built);
        let shape = shape.ok_or("the shape of the model's input is not stated")?;
        let dtype = dtypes(own).1.unwrap_or(DType::Float32);
        let fact = Fact::new(dtype, shape_of(&shape)?);
        Ok(vec![Input { name: format!("{name}_input"), fact }])
    }

    /// Calls a model.
    pub(super) fn model(
        &mut self,
        config: &'m Members,
        node: &'m VarNode,
        path: &str,
        inputs: Vec<Tensor>,
    ) -> Lowered<Vec<Tensor>> {
        if self.depth >= NESTING_MAX {
            return Err(format!("models are nested more than {NESTING_MAX} deep"));
        }
        self.depth += 1;
        let outputs = match config.get("input_layers") {
            Some(ends) => self.functional(config, ends, node, path, inputs),
            None => self.sequential(config, node, path, inputs),
        };
        self.depth -= 1;
        outputs
    }

    fn sequential(
        &mut self,
        config: &'m Members,
        node: &'m VarNode,
        path: &str,
        inputs: Vec<Tensor>,
    ) -> Lowered<Vec<Tensor>> {
        let mut tensors = inputs;
        for entry in entries(config, node) {
            if entry.class_name == "InputLayer" {
                self.conform(&mut tensors, &[entry.config])?;
                continue;
            }
            tensors = self.entry(&entry, path, Arguments::of(tensors))?;
        }
        Ok(tensors)
    }

    fn functional(
        &mut self,
        config: &'m Members,
        ends: &Json,
        node: &'m VarNode,
        path: &str,
        mut inputs: Vec<Tensor>,
    ) -> Lowered<Vec<Tensor>> {
        let entries = entries(config, node);
        let ends = boundary(ends).ok_or("`input_layers` of the model is broken")?;
        if ends.len() != inputs.len() {
            return Err(format!("it is called with {} inputs, not {}", inputs.len(), ends.len()));
        }
        let by_name: HashMap<&str, usize> =
            entries.iter().enumerate().map(|(i, entry)| (entry.name, i)).collect();
        let configs = ends.iter().map(|end| {
            let entry = by_name.get(end.layer.as_str()).and_then(|i| entries.get(*i));
            entry.map(|entry| entry.config).ok_or_else(|| format!("no layer `{}`", end.layer))
        });
        self.conform(&mut inputs, &configs.collect::<Lowered<Vec<_>>>()?)?;
        let mut made: HashMap<Key, Tensor> = HashMap::new();
        for (end, tensor) in ends.into_iter().zip(inputs) {
            made.insert((end.layer, end.node, end.index), tensor);
        }
        self.run(&entries, &by_name, path, &mut made)?;
        let outputs = config.get("output_layers").and_then(boundary);
        let outputs = outputs.ok_or("`output_layers` of the model is broken")?;
        let tensor = |end: calls::Tensor| {
            let entry = by_name.get(end.layer.as_str()).and_then(|i| entries.get(*i));
            // Keras 3 counts the calls of a nested Sequential from zero here, all others from one.
            let is_from_zero = self.dialect == Dialect::Keras3
                && entry.is_some_and(|entry| entry.class_name == "Sequential");
            let number = end.node.saturating_add(u64::from(is_from_zero));
            let key = (end.layer, number, end.index);
            made.get(&key).copied().ok_or_else(|| format!("there is no output `{}`", key.0))
        };
        outputs.into_iter().map(tensor).collect()
    }

    /// Does each call once all that it takes is there.
    fn run(
        &mut self,
        entries: &[Entry<'m>],
        by_name: &HashMap<&str, usize>,
        path: &str,
        made: &mut HashMap<Key, Tensor>,
    ) -> Lowered<()> {
        let mut waiting: HashMap<(&str, u64), Vec<(usize, usize)>> = HashMap::new();
        let mut missing: Vec<Vec<usize>> = Vec::new();
        let mut ready: VecDeque<(usize, usize)> = VecDeque::new();
        for (at, entry) in entries.iter().enumerate() {
            let mut of_calls = Vec::new();
            for (nth, call) in entry.calls.iter().enumerate() {
                let mut n = 0;
                for tensor in call.tensors() {
                    if made.contains_key(&(tensor.layer.clone(), tensor.node, tensor.index)) {
                        continue;
                    }
                    let from = by_name.get_key_value(tensor.layer.as_str());
                    let (name, _) = from.ok_or_else(|| format!("no layer `{}`", tensor.layer))?;
                    waiting.entry((name, tensor.node)).or_default().push((at, nth));
                    n += 1;
                }
                of_calls.push(n);
                if n == 0 {
                    ready.push_back((at, nth));
                }
            }
            missing.push(of_calls);
        }
        while let Some((at, nth)) = ready.pop_front() {
            let Some(entry) = entries.get(at) else { continue };
            let Some(call) = entry.calls.get(nth) else { continue };
            let arguments = arguments(call, made)?;
            let outputs = self.entry(entry, path, arguments)?;
            let number = entry.first + nth as u64;
            for (tensor, i) in outputs.into_iter().zip(0_u64..) {
                made.insert((entry.name.to_owned(), number, i), tensor);
            }
            for (at, nth) in waiting.remove(&(entry.name, number)).unwrap_or_default() {
                let left = missing.get_mut(at).and_then(|calls| calls.get_mut(nth));
                let Some(left) = left else { continue };
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push_back((at, nth));
                }
            }
        }
        Ok(())
    }

    /// Brings what a nested model gets to the types that its inputs have, as Keras does.
    fn conform(&mut self, inputs: &mut [Tensor], configs: &[&'m Members]) -> Lowered<()> {
        for (tensor, config) in inputs.iter_mut().zip(configs) {
            let wanted = dtypes(config).1.filter(|dtype| *dtype != DType::String);
            if let (Some(wanted), Some(is)) = (wanted, self.b.ty(tensor.value).dtype())
                && is != DType::String
            {
                tensor.value = self.b.cast(tensor.value, wanted)?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &Entry<'m>,
        path: &str,
        arguments: Arguments,
    ) -> Lowered<Vec<Tensor>> {
        if entry.is_operator {
            let lower = operator_lowering(entry.class_name)
                .ok_or_else(|| format!("the operator `{}` has no lowering", entry.class_name))?;
            return self.named(entry.name, entry.class_name, |lowering| {
                let mut call = Call {
                    inputs: arguments.args.first().map(Argument::tensors).unwrap_or_default(),
                    lowering,
                    config: Config::new(entry.config),
                    class_name: entry.class_name,
                    arguments,
                    node: None,
                    path: String::new(),
                };
                lower(&mut call)
            });
        }
        let attribute = entry.node.map_or("", |node| node.attribute.as_str());
        let path =
            if path.is_empty() { attribute.to_owned() } else { format!("{path}/{attribute}") };
        self.layer(entry.class_name, entry.config, entry.node, &path, arguments)
    }

    /// Calls a layer or a nested model.
    pub(super) fn layer(
        &mut self,
        class_name: &'m str,
        config: &'m Members,
        node: Option<&'m VarNode>,
        path: &str,
        arguments: Arguments,
    ) -> Lowered<Vec<Tensor>> {
        let name = config.get("name").and_then(Json::as_str).unwrap_or(class_name);
        self.named(name, class_name, |lowering| {
            if is_model_class(class_name) {
                let node = node.ok_or("a model stands where only a layer may")?;
                let inputs = arguments.args.iter().chain(arguments.kwargs.iter().map(|(_, a)| a));
                let inputs = inputs.flat_map(Argument::tensors).collect();
                return lowering.model(config, node, path, inputs);
            }
            let def = find(class_name).ok_or("no such layer is known")?;
            lowering.call(def, config, node, path, arguments)
        })
    }

    /// Does `f` within the scope of a layer.
    fn named<T>(
        &mut self,
        name: &str,
        class_name: &str,
        f: impl FnOnce(&mut Self) -> Lowered<T>,
    ) -> Lowered<T> {
        let left = self.calls_left.checked_sub(1);
        self.calls_left = left.ok_or("the model calls too many layers")?;
        if self.place.len() >= 2 * NESTING_MAX {
            return Err("layers are nested too deeply".to_owned());
        }
        self.place.push(name.to_owned());
        self.b.enter(name);
        let result = f(self);
        if result.is_err() && self.failed_at.is_none() {
            self.failed_at = Some(format!("{} ({class_name})", self.place.join("/")));
        }
        self.b.leave();
        self.place.pop();
        result
    }

    fn call(
        &mut self,
        def: &'static LayerDef,
        config: &'m Members,
        node: Option<&'m VarNode>,
        path: &str,
        mut arguments: Arguments,
    ) -> Lowered<Vec<Tensor>> {
        let lower = def.lower.ok_or("it has no lowering")?;
        // Keras brings floating-point inputs to the type that the layer computes in.
        let compute = dtypes(config).0.filter(|dtype| dtype.is_float());
        if let Some(compute) = compute.filter(|_| def.class_name != "Embedding") {
            let args = arguments.args.iter_mut();
            let all = args.chain(arguments.kwargs.iter_mut().map(|(_, argument)| argument));
            for argument in all {
                argument.edit(&mut |tensor| -> Lowered<()> {
                    if self.b.ty(tensor.value).dtype().is_some_and(DType::is_float) {
                        tensor.value = self.b.cast(tensor.value, compute)?;
                    }
                    Ok(())
                })?;
            }
        }
        let first = arguments.args.first().or_else(|| arguments.named("inputs"));
        let first = first.or_else(|| arguments.named("sequences"));
        let mut inputs = first.map(Argument::tensors).unwrap_or_default();
        if let Some(mask) = arguments.named("mask") {
            let masks = mask.tensors();
            inputs.iter_mut().zip(masks).for_each(|(input, mask)| input.mask = Some(mask.value));
        }
        let mask = inputs.first().and_then(|input| input.mask);
        let mut call = Call {
            lowering: self,
            config: Config::new(config),
            class_name: def.class_name,
            inputs,
            arguments,
            node,
            path: path.to_owned(),
        };
        let mut outputs = lower(&mut call)?;
        if def.masks != Masks::Own {
            let mask: Option<Value> = mask.filter(|_| def.masks == Masks::Passes);
            outputs.iter_mut().for_each(|output| output.mask = mask);
        }
        Ok(outputs)
    }
}

/// An input layer. One that is sparse takes the same numbers with the zeros written out.
fn input(name: &str, config: &Members) -> Lowered<Input> {
    let view = Config::new(config);
    if view.flag("ragged", false) {
        return Err(format!(
            "the input `{name}` is ragged; save the model with a dense input and a mask: `Masking`, \
             or `Embedding` with mask_zero=true"
        ));
    }
    let shape = input_shape(&view);
    let shape = shape.ok_or_else(|| format!("the input `{name}` has no shape"))?;
    let dtype = dtypes(config).1.unwrap_or(DType::Float32);
    Ok(Input { name: name.to_owned(), fact: Fact::new(dtype, shape_of(&shape)?) })
}

/// The layers of a model with their weights, which stand in the same order.
fn entries<'m>(config: &'m Members, node: &'m VarNode) -> Vec<Entry<'m>> {
    let layers = config.get("layers").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let nested: Vec<&str> = layers
        .iter()
        .filter(|layer| layer.get("class_name").and_then(Json::as_str).is_some_and(is_model_class))
        .filter_map(|layer| Some(layer_name(layer, layer.get("config")?.as_object()?)))
        .collect();
    let mut nodes = node.children.iter();
    let mut entries = Vec::new();
    for layer in layers {
        let (Some(class_name), Some(config)) = (
            layer.get("class_name").and_then(Json::as_str),
            layer.get("config").and_then(Json::as_object),
        ) else {
            continue;
        };
        let is_operator = layer.as_object().is_some_and(is_operator);
        let node = if is_operator { None } else { nodes.next() };
        let of_layer = layer.get("inbound_nodes").and_then(Json::as_array);
        let read = |node: &Json| read_call(node, &nested);
        let calls = of_layer.into_iter().flatten().filter_map(read).collect();
        let first = u64::from(is_model_class(class_name));
        let name = layer_name(layer, config);
        entries.push(Entry { name, class_name, config, node, is_operator, calls, first });
    }
    entries
}

/// One call, in either notation, with the calls of nested models counted from one.
fn read_call(node: &Json, nested: &[&str]) -> Option<calls::Call> {
    if let Some(mut call) = calls::Call::read(node) {
        call.edit(|tensor| {
            if nested.contains(&tensor.layer.as_str()) {
                tensor.node = tensor.node.saturating_add(1);
            }
        });
        return Some(call);
    }
    let entries = node.as_array()?;
    // The first operators of TensorFlow 2.4 were noted without the outer list.
    let is_bare = entries.first().is_some_and(Json::is_string);
    let entries = if is_bare { std::slice::from_ref(node) } else { entries.as_slice() };
    let args: Vec<calls::Argument> = entries.iter().map(keras2_argument).collect();
    let kwargs = entries.last().and_then(|entry| entry.get(3)).and_then(Json::as_object);
    let kwargs = kwargs.into_iter().flatten();
    let first = match <[_; 1]>::try_from(args) {
        Ok([only]) => only,
        Err(args) => calls::Argument::List(args),
    };
    Some(calls::Call {
        args: vec![first],
        kwargs: kwargs.map(|(key, value)| (key.clone(), keras2_value(value))).collect(),
    })
}

/// `["layer", call, tensor]`, or `["_CONSTANT_VALUE", -1, value]`.
fn keras2_argument(entry: &Json) -> calls::Argument {
    match calls::Tensor::from_triple(entry) {
        Some(tensor) => calls::Argument::Tensor(tensor),
        None => calls::Argument::Value(entry.get(2).cloned().unwrap_or(Json::Null)),
    }
}

/// The value of a keyword argument, in which `["layer", call, tensor]` stands for a tensor.
fn keras2_value(value: &Json) -> calls::Argument {
    if value.as_array().is_some_and(|items| items.len() == 3)
        && let Some(tensor) = calls::Tensor::from_triple(value)
    {
        return calls::Argument::Tensor(tensor);
    }
    if let Some(items) = value.as_array() {
        let items: Vec<calls::Argument> = items.iter().map(keras2_value).collect();
        if items.iter().any(calls::Argument::holds_tensors) {
            return calls::Argument::List(items);
        }
    }
    calls::Argument::Value(value.clone())
}

fn arguments(call: &calls::Call, made: &HashMap<Key, Tensor>) -> Lowered<Arguments> {
    let mut all = Arguments::default();
    for argument in &call.args {
        all.args.push(resolve(argument, made)?);
    }
    for (name, argument) in &call.kwargs {
        all.kwargs.push((name.clone(), resolve(argument, made)?));
    }
    Ok(all)
}

fn resolve(argument: &calls::Argument, made: &HashMap<Key, Tensor>) -> Lowered<Argument> {
    Ok(match argument {
        calls::Argument::Tensor(tensor) => {
            let key = (tensor.layer.clone(), tensor.node, tensor.index);
            let found = made.get(&key).copied();
            Argument::Tensor(found.ok_or_else(|| {
                format!("`{}` gives no tensor {} of call {}", key.0, key.2, key.1)
            })?)
        }
        calls::Argument::List(items) => {
            Argument::List(items.iter().map(|item| resolve(item, made)).collect::<Lowered<_>>()?)
        }
        calls::Argument::Value(value) => Argument::Plain(value.clone()),
    })
}

/// Names of a model's outputs as Keras gives them: the layers', numbered where one gives several.
pub(super) fn output_names(config: &Members, n: usize) -> Vec<String> {
    let ends = config.get("output_layers").and_then(boundary);
    let last = || {
        let layers = config.get("layers").and_then(Json::as_array)?;
        let last = layers.last()?;
        Some(layer_name(last, last.get("config")?.as_object()?).to_owned())
    };
    let layers: Vec<String> = match ends {
        Some(ends) => ends.into_iter().map(|end| end.layer).collect(),
        None => vec![last().unwrap_or_default(); n],
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<String> = Vec::new();
    for layer in layers {
        let mut name = layer.clone();
        while names.contains(&name) {
            let count = counts.entry(layer.clone()).or_insert(1);
            name = format!("{layer}_{count}");
            *count += 1;
        }
        names.push(name);
    }
    names
}
