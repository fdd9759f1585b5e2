//! The table of a model's layers: names, classes, output shapes, connections.
//!
//! Shapes follow from the layers' own rules. Where a rule cannot tell (custom layers, operators
//! with options) the shape that Keras 3 stores with every use of the tensor is taken.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value};

use crate::Config;
use crate::def::Shape;
use crate::layers::core::input_shape;
use crate::layers::operators::{find_operator, is_operator, operator_shapes};
use crate::layers::{find, wrappers};
use crate::variables::{NESTING_MAX, is_model_class, layer_name};

/// Layers that one table may look at and call, over all calls of nested models. Real models have some
/// thousands; a config of nested models that call each other twice asks for any number.
const CALLS_MAX: usize = 200_000;

/// TensorFlow has no tensors of higher rank than 32 in files that we read.
const RANK_MAX: usize = 32;

/// One layer of a model or of a model inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The layer's name.
    pub name: String,
    /// The layer's class.
    pub class_name: String,
    /// Shapes of what its first call takes, masks left out; empty when not known.
    pub input_shapes: Vec<Shape>,
    /// Shapes of what its first call gives; empty when not known.
    pub output_shapes: Vec<Shape>,
    /// What its first call takes: layer, call of that layer, tensor of that call.
    pub connected_to: Vec<(String, usize, usize)>,
    /// 0 for a layer of the model itself, 1 for one of a model in it.
    pub depth: usize,
    /// Names of the models around it, outermost first, without the whole model.
    pub path: Vec<String>,
}

/// The layers of a model `{"class_name", "config"}` in the order of its config, each nested model
/// followed by its own layers. Weights are counted by whoever has them bound.
pub fn layer_rows(model: &Map<String, Value>) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(config) = model.get("config").and_then(Value::as_object) {
        add_rows(config, None, &mut Vec::new(), &mut Work::new(), &mut rows);
    }
    rows
}

/// Output shapes of one layer or model called on `inputs`.
pub(crate) fn call_layer(
    class_name: &str,
    config: &Map<String, Value>,
    inputs: &[Shape],
) -> Option<Vec<Shape>> {
    Work::new().call(class_name, config, inputs, 0)
}

/// A tensor: layer, call of that layer, tensor of that call.
type Key<'a> = (&'a str, usize, usize);

/// One layer of a model's config.
struct Entry<'a> {
    name: &'a str,
    class_name: &'a str,
    config: &'a Map<String, Value>,
    is_operator: bool,
    calls: Vec<Call<'a>>,
    /// The number that others give its first call: 1 for models, whose call number 0 is the one
    /// that made them.
    first_call: usize,
}

/// What one call of a layer takes.
#[derive(Default)]
struct Call<'a> {
    all: Vec<Key<'a>>,
    /// Those that shapes follow from: no masks.
    data: Vec<Key<'a>>,
}

fn add_rows(
    config: &Map<String, Value>,
    inputs: Option<&[Shape]>,
    path: &mut Vec<String>,
    work: &mut Work,
    rows: &mut Vec<Row>,
) {
    let depth = path.len();
    if depth >= NESTING_MAX {
        return;
    }
    let graph = Graph::of(config, inputs, work, depth);
    for entry in graph.entries.iter().filter(|entry| graph.is_functional || !is_input(entry)) {
        let first = entry.calls.first();
        rows.push(Row {
            name: entry.name.to_owned(),
            class_name: entry.class_name.to_owned(),
            input_shapes: first.and_then(|call| graph.inputs(call)).unwrap_or_default(),
            output_shapes: graph.outputs(entry),
            connected_to: first.map_or_else(Vec::new, |call| {
                call.all
                    .iter()
                    .map(|(layer, n, tensor)| ((*layer).to_owned(), *n, *tensor))
                    .collect()
            }),
            depth,
            path: path.clone(),
        });
        if is_model_class(entry.class_name) {
            let inputs = first.and_then(|call| graph.inputs(call));
            path.push(entry.name.to_owned());
            add_rows(entry.config, inputs.as_deref(), path, work, rows);
            path.pop();
        }
    }
}

fn is_input(entry: &Entry<'_>) -> bool {
    entry.class_name == "InputLayer"
}

/// What is left of the work that one table may do.
struct Work {
    calls_left: usize,
}

impl Work {
    fn new() -> Self {
        Self { calls_left: CALLS_MAX }
    }

    fn call(
        &mut self,
        class_name: &str,
        config: &Map<String, Value>,
        inputs: &[Shape],
        depth: usize,
    ) -> Option<Vec<Shape>> {
        if depth >= NESTING_MAX {
            return None;
        }
        self.calls_left = self.calls_left.checked_sub(1)?;
        let view = Config::new(config);
        let mut inner = |class: &str, config: &Map<String, Value>, inputs: &[Shape]| {
            self.call(class, config, inputs, depth + 1)
        };
        let shapes = match class_name {
            "TimeDistributed" => wrappers::time_distributed(&view, inputs, &mut inner)?,
            "SpectralNormalization" => wrappers::wrapped(&view, inputs, &mut inner)?,
            model if is_model_class(model) => {
                Graph::of(config, Some(inputs), self, depth + 1).model_outputs()?
            }
            _ => (find(class_name)?.output_shapes)(&view, inputs)?,
        };
        self.calls_left = self.calls_left.checked_sub(shapes.len())?;
        shapes.iter().all(|shape| shape.len() <= RANK_MAX).then_some(shapes)
    }

    fn entry(&mut self, entry: &Entry<'_>, inputs: &[Shape], depth: usize) -> Option<Vec<Shape>> {
        if entry.is_operator {
            self.calls_left = self.calls_left.checked_sub(1)?;
            return operator_shapes(find_operator(entry.class_name)?, inputs);
        }
        self.call(entry.class_name, entry.config, inputs, depth)
    }
}

/// A model's layers with the shapes of all tensors between them.
struct Graph<'a> {
    entries: Vec<Entry<'a>>,
    is_functional: bool,
    computed: HashMap<Key<'a>, Shape>,
    /// Stored in the file, for tensors that no rule tells.
    stored: HashMap<Key<'a>, Shape>,
    outputs: Vec<Key<'a>>,
}

impl<'a> Graph<'a> {
    fn of(
        config: &'a Map<String, Value>,
        inputs: Option<&[Shape]>,
        work: &mut Work,
        depth: usize,
    ) -> Self {
        let layers = config.get("layers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut graph = Self {
            entries: layers.iter().filter_map(entry).collect(),
            is_functional: config.get("input_layers").is_some(),
            computed: HashMap::new(),
            stored: HashMap::new(),
            outputs: Vec::new(),
        };
        if graph.is_functional {
            graph.begin_functional(config, inputs);
        } else {
            graph.begin_sequential(config, inputs);
        }
        // Looking at a layer is work too, even where it is never called.
        if let Some(left) = work.calls_left.checked_sub(graph.entries.len()) {
            work.calls_left = left;
            graph.run(work, depth);
        }
        graph
    }

    fn begin_functional(&mut self, config: &'a Map<String, Value>, inputs: Option<&[Shape]>) {
        let mut input_keys = Vec::new();
        refs(config.get("input_layers"), &mut input_keys);
        refs(config.get("output_layers"), &mut self.outputs);
        let mut declared = HashMap::new();
        for entry in self.entries.iter().filter(|entry| is_input(entry)) {
            if let Some(shape) = input_shape(&Config::new(entry.config)) {
                declared.insert((entry.name, 0, 0), shape);
            }
        }
        let given = inputs.unwrap_or_default();
        let is_as_declared =
            input_keys.iter().zip(given).all(|(key, shape)| declared.get(key) == Some(shape));
        if is_as_declared {
            let layers = config.get("layers").unwrap_or(&Value::Null);
            stored_shapes(layers, &mut self.stored, 0);
        }
        self.computed = declared;
        for (key, shape) in input_keys.into_iter().zip(given) {
            self.computed.insert(key, shape.clone());
        }
        self.find_first_calls();
    }

    /// A model's calls are counted from 1 in files that Keras wrote.
    fn find_first_calls(&mut self) {
        let mut last: HashMap<&str, usize> = HashMap::new();
        let used = self.entries.iter().flat_map(|entry| &entry.calls).flat_map(|call| &call.all);
        for (layer, call, _) in used.chain(&self.outputs) {
            let last = last.entry(layer).or_default();
            *last = (*last).max(*call);
        }
        for entry in self.entries.iter_mut().filter(|entry| is_model_class(entry.class_name)) {
            let n_used = last.get(entry.name).map_or(0, |last| last.saturating_add(1));
            entry.first_call = usize::from(n_used > entry.calls.len());
        }
    }

    fn begin_sequential(&mut self, config: &'a Map<String, Value>, inputs: Option<&[Shape]>) {
        let view = Config::new(config);
        let declared = || {
            let first = self.entries.first()?;
            let built = || {
                let dims = view.get("build_input_shape")?.as_array()?;
                Some(dims.iter().map(Value::as_u64).collect())
            };
            input_shape(&Config::new(first.config)).or_else(built)
        };
        // The input has no layer in a Sequential that does without an InputLayer.
        const INPUT: Key<'static> = ("", 0, 0);
        let shape = inputs.map_or_else(declared, |inputs| inputs.first().cloned());
        self.computed.extend(shape.map(|shape| (INPUT, shape)));
        let mut before = INPUT;
        for entry in self.entries.iter_mut().filter(|entry| !is_input(entry)) {
            let all = if before == INPUT { Vec::new() } else { vec![before] };
            entry.calls = vec![Call { all, data: vec![before] }];
            before = (entry.name, 0, 0);
        }
        self.outputs = vec![before];
    }

    /// Does each call once all that it takes is there. What stands in a cycle is never done.
    fn run(&mut self, work: &mut Work, depth: usize) {
        let mut waiting: HashMap<(&str, usize), Vec<(usize, usize)>> = HashMap::new();
        let mut missing: Vec<Vec<usize>> = Vec::new();
        let mut ready: VecDeque<(usize, usize)> = VecDeque::new();
        let made: HashSet<&str> = self.entries.iter().map(|entry| entry.name).collect();
        for (at, entry) in self.entries.iter().enumerate() {
            let mut of_calls = Vec::with_capacity(entry.calls.len());
            for (nth, call) in entry.calls.iter().enumerate() {
                // A tensor that is there already (an input), or that no layer makes, is not
                // waited for.
                let awaited = call
                    .data
                    .iter()
                    .filter(|key| made.contains(key.0) && !self.computed.contains_key(*key));
                let awaited: HashSet<_> = awaited.map(|key| (key.0, key.1)).collect();
                of_calls.push(awaited.len());
                if awaited.is_empty() {
                    ready.push_back((at, nth));
                }
                awaited.into_iter().for_each(|key| waiting.entry(key).or_default().push((at, nth)));
            }
            missing.push(of_calls);
        }
        while let Some((at, nth)) = ready.pop_front() {
            let Some(entry) = self.entries.get(at) else { continue };
            let inputs = entry.calls.get(nth).and_then(|call| self.inputs(call));
            let shapes = inputs.and_then(|inputs| work.entry(entry, &inputs, depth));
            let number = nth + entry.first_call;
            for (tensor, shape) in shapes.unwrap_or_default().into_iter().enumerate() {
                self.computed.insert((entry.name, number, tensor), shape);
            }
            for (at, nth) in waiting.remove(&(entry.name, number)).unwrap_or_default() {
                let left = missing.get_mut(at).and_then(|calls| calls.get_mut(nth));
                if let Some(left) = left {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        ready.push_back((at, nth));
                    }
                }
            }
        }
    }

    fn shape(&self, key: &Key<'a>) -> Option<&Shape> {
        self.computed.get(key).or_else(|| self.stored.get(key))
    }

    fn inputs(&self, call: &Call<'a>) -> Option<Vec<Shape>> {
        call.data.iter().map(|key| self.shape(key).cloned()).collect()
    }

    fn outputs(&self, entry: &Entry<'a>) -> Vec<Shape> {
        let tensor = |tensor| self.shape(&(entry.name, entry.first_call, tensor)).cloned();
        (0..).map_while(tensor).collect()
    }

    fn model_outputs(&self) -> Option<Vec<Shape>> {
        self.outputs.iter().map(|key| self.shape(key).cloned()).collect()
    }
}

fn entry(layer: &Value) -> Option<Entry<'_>> {
    let config = layer.get("config")?.as_object()?;
    let nodes = layer.get("inbound_nodes").and_then(Value::as_array);
    Some(Entry {
        name: layer_name(layer, config),
        class_name: layer.get("class_name")?.as_str()?,
        config,
        is_operator: layer.as_object().is_some_and(is_operator),
        calls: nodes.map_or(&[][..], Vec::as_slice).iter().map(call).collect(),
        first_call: 0,
    })
}

fn call(node: &Value) -> Call<'_> {
    let mut call = Call::default();
    collect(node, false, 0, &mut |key, is_mask| {
        call.all.push(key);
        if !is_mask {
            call.data.push(key);
        }
    });
    call
}

/// All tensors that a value refers to.
fn refs<'a>(value: Option<&'a Value>, out: &mut Vec<Key<'a>>) {
    if let Some(value) = value {
        collect(value, false, 0, &mut |key, _| out.push(key));
    }
}

/// Finds `["layer", 0, 0, {...}]` of Keras 2 and `{"class_name": "__keras_tensor__", ...}` of
/// Keras 3, at any depth of lists and keyword arguments.
fn collect<'a>(
    value: &'a Value,
    is_mask: bool,
    depth: usize,
    found: &mut dyn FnMut(Key<'a>, bool),
) {
    if depth > 2 * NESTING_MAX {
        return;
    }
    match value {
        Value::Array(items) => {
            let rest = match reference(items) {
                Some(key) => {
                    found(key, is_mask);
                    items.get(3..).unwrap_or_default()
                }
                None => items,
            };
            rest.iter().for_each(|item| collect(item, is_mask, depth + 1, found));
        }
        Value::Object(members) => match tensor(members) {
            Some((key, _)) => found(key, is_mask),
            None => members.iter().for_each(|(name, item)| {
                let is_mask = is_mask || name.contains("mask");
                collect(item, is_mask, depth + 1, found);
            }),
        },
        _ => {}
    }
}

/// `["layer", call, tensor]`.
fn reference(items: &[Value]) -> Option<Key<'_>> {
    let [layer, call, tensor, ..] = items else { return None };
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    Some((layer.as_str()?, number(call)?, number(tensor)?))
}

/// A tensor as Keras 3 describes it, with the shape it stores.
fn tensor(members: &Map<String, Value>) -> Option<(Key<'_>, Option<Shape>)> {
    if members.get("class_name")?.as_str()? != "__keras_tensor__" {
        return None;
    }
    let config = members.get("config")?;
    let key = reference(config.get("keras_history")?.as_array()?)?;
    let dims = config.get("shape").and_then(Value::as_array);
    Some((key, dims.map(|dims| dims.iter().map(Value::as_u64).collect())))
}

/// The shape of every tensor that a layer of this model takes, as Keras 3 stores it there.
fn stored_shapes<'a>(value: &'a Value, out: &mut HashMap<Key<'a>, Shape>, depth: usize) {
    if depth > 2 * NESTING_MAX {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| stored_shapes(item, out, depth + 1)),
        Value::Object(members) => match tensor(members) {
            Some((key, Some(shape))) if shape.len() <= RANK_MAX => {
                out.insert(key, shape);
            }
            // Names inside another layer's config are of another model.
            _ => members
                .iter()
                .filter(|(key, _)| *key != "config")
                .for_each(|(_, item)| stored_shapes(item, out, depth + 1)),
        },
        _ => {}
    }
}
