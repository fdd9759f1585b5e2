//! Which value the checkpoint has for each variable, as the op says that restores them.

use std::collections::{BTreeMap, HashMap};

use tensorferry_diagnostics::Problem;
use tensorferry_tensor::{DType, DenseTensor, Run, Tensor, assemble};
use tensorferry_tensor_bundle::Bundle;
use tensorferry_tf_proto::tensorflow::{AttrValue, FunctionDef, MetaGraphDef, NodeDef, attr_value};

use super::meta_graph::Place;
use super::needed::{Index, node_of, output_of};
use crate::errors;

/// The key that object-based checkpoints give a variable that is a child of the root.
const SUFFIX: &str = "/.ATTRIBUTES/VARIABLE_VALUE";

/// Calls inside calls on the way to the ops that assign.
const DEPTH_MAX: usize = 8;

/// Nodes looked at on that way: calls of calls may stand for any number.
const NODES_MAX: usize = 1_000_000;

/// Where the value of a variable is.
struct Stored {
    key: String,
    /// The part of the tensor that it is, such as `10 4 0,5:0,4`; empty for the whole.
    slice: String,
}

/// The values of a meta graph's variables.
pub(super) struct Values {
    file: String,
    bundle: Option<Bundle>,
    by_node: HashMap<String, Stored>,
}

/// A string of a `Const`.
fn string(node: &NodeDef, at: usize) -> Option<String> {
    let value = node.attr.get("value").and_then(|attr| attr.value.as_ref());
    let Some(attr_value::Value::Tensor(tensor)) = value else { return None };
    Some(String::from_utf8_lossy(tensor.string_val.get(at)?).into_owned())
}

/// Nodes of one graph or function, and what its arguments stand for.
struct Scope<'a> {
    nodes: BTreeMap<&'a str, &'a NodeDef>,
    /// Nodes of the main graph by argument.
    arguments: HashMap<&'a str, String>,
}

impl<'a> Scope<'a> {
    /// The node that `input` comes from, nodes that only pass a value on left out.
    fn source(&self, input: &'a str) -> Option<(&'a NodeDef, usize)> {
        let (mut name, mut output) = (node_of(input), output_of(input));
        for _ in 0..DEPTH_MAX {
            let node = self.nodes.get(name)?;
            match (node.op.as_str(), node.input.first()) {
                ("Identity" | "StopGradient" | "Snapshot", Some(next)) => {
                    (name, output) = (node_of(next), output_of(next));
                }
                _ => return Some((node, output)),
            }
        }
        None
    }

    /// The node of the main graph whose handle `input` is.
    fn handle(&self, input: &'a str) -> Option<String> {
        let name = node_of(input);
        if let Some(argument) = self.arguments.get(name) {
            return Some(argument.clone());
        }
        self.nodes.get(name).map(|node| node.name.clone())
    }

    fn element(&self, node: &'a NodeDef, input: usize, at: usize) -> Option<String> {
        let (source, _) = self.source(node.input.get(input)?)?;
        string(source, at)
    }
}

/// What is looked for, and what was found.
struct Scan<'a> {
    index: &'a Index<'a>,
    found: HashMap<String, Stored>,
    /// Nodes that may still be looked at; a variable that is not found by then has no value.
    n_left: usize,
}

/// Collects what `AssignVariableOp` and `Assign` take out of `RestoreV2`.
fn scan(all: &mut Scan<'_>, scope: &Scope<'_>, depth: usize) {
    for node in scope.nodes.values() {
        let Some(left) = all.n_left.checked_sub(1) else { return };
        all.n_left = left;
        if let Some(function) = all.index.callee(node).filter(|_| depth < DEPTH_MAX) {
            all.n_left = all.n_left.saturating_sub(function.node_def.len());
            scan(all, &inner(scope, node, function), depth + 1);
        }
        let is_assign = matches!(node.op.as_str(), "AssignVariableOp" | "Assign");
        let [target, value, ..] = &node.input[..] else { continue };
        let Some((restore, at)) = scope.source(value).filter(|_| is_assign) else { continue };
        if restore.op != "RestoreV2" {
            continue;
        }
        if let (Some(handle), Some(key)) = (scope.handle(target), scope.element(restore, 1, at)) {
            let slice = scope.element(restore, 2, at).unwrap_or_default();
            all.found.insert(handle, Stored { key, slice });
        }
    }
}

fn inner<'a>(scope: &Scope<'_>, call: &NodeDef, function: &'a FunctionDef) -> Scope<'a> {
    let arguments = function.signature.iter().flat_map(|signature| &signature.input_arg);
    let outer = call.input.iter().map(|input| scope.handle(input).unwrap_or_default());
    Scope {
        nodes: function.node_def.iter().map(|node| (node.name.as_str(), node)).collect(),
        arguments: arguments.map(|argument| argument.name.as_str()).zip(outer).collect(),
    }
}

impl Values {
    /// Finds the values; the checkpoint is opened when there is one.
    pub(super) fn open(
        place: &Place<'_>,
        meta: &MetaGraphDef,
        index: &Index<'_>,
    ) -> Result<Self, Problem> {
        let prefix = format!("{}variables/variables", place.folder);
        let file = format!("{prefix}.index");
        let is_there = place.store.list().map_err(|e| errors::store(&e))?;
        if !is_there.iter().any(|entry| entry.name == file) {
            return Ok(Self { file, bundle: None, by_node: HashMap::new() });
        }
        let blob = place.store.open(&file).map_err(|e| errors::store(&e))?;
        let bundle = Bundle::open(blob.as_ref(), &prefix, &|name| place.store.open(name))
            .map_err(|e| errors::bundle(&file, &e))?;
        let mut all = Scan { index, found: HashMap::new(), n_left: NODES_MAX };
        let restore = meta.saver_def.as_ref().map(|saver| saver.restore_op_name.as_str());
        if let (Some(restore), Some(graph)) = (restore, &meta.graph_def) {
            let part = index.needed(graph, &[node_of(restore)]);
            let nodes = part.node.iter().map(|node| (node.name.as_str(), node)).collect();
            scan(&mut all, &Scope { nodes, arguments: HashMap::new() }, 0);
        }
        Ok(Self { file, bundle: Some(bundle), by_node: all.found })
    }

    /// The value of the variable that `node` makes; `None` when the checkpoint has none.
    pub(super) fn of(&self, node: &NodeDef) -> Result<Option<Tensor>, Problem> {
        let Some(bundle) = &self.bundle else { return Ok(None) };
        let stored = match self.by_node.get(&node.name) {
            Some(stored) => Some((stored.key.clone(), stored.slice.as_str())),
            // Without an op that restores, names lead to keys.
            None => {
                named(node).into_iter().find(|key| bundle.entry(key).is_some()).map(|k| (k, ""))
            }
        };
        let Some((key, slice)) = stored else { return Ok(None) };
        let source = bundle.tensor(&key).map_err(|e| errors::bundle(&self.file, &e))?;
        let entry = bundle.entry(&key).expect("the bundle gave the tensor of this key");
        let dtype = DType::from_proto(entry.dtype).ok_or_else(|| {
            Problem::unsupported(format!("tensors of type {} are not read", entry.dtype))
                .in_file(&self.file)
                .at(&key)
        })?;
        let tensor = Tensor::new(dtype, entry.shape.clone(), source)
            .map_err(|e| errors::io(&self.file, &key, &e))?;
        let tensor = match slice.trim() {
            "" => tensor,
            slice => self.part(&key, &tensor, slice)?,
        };
        Ok(Some(tensor))
    }

    /// The box `slice` of a tensor: dims, then `start,length` or `-` for each dim.
    fn part(&self, key: &str, tensor: &Tensor, slice: &str) -> Result<Tensor, Problem> {
        let wrong = || {
            Problem::input(format!("`{slice}` is no part of {tensor:?}"))
                .in_file(&self.file)
                .at(key)
        };
        let spec = slice.rsplit(' ').next().unwrap_or_default();
        let mut bounds = Vec::new();
        for (part, dim) in spec.split(':').zip(tensor.shape()) {
            let numbers = part.split_once(',').map(|(a, b)| (a.parse::<u64>(), b.parse::<u64>()));
            bounds.push(match numbers {
                None if part == "-" => (0, *dim),
                Some((Ok(start), Ok(len)))
                    if start.checked_add(len).is_some_and(|end| end <= *dim) =>
                {
                    (start, len)
                }
                _ => return Err(wrong()),
            });
        }
        if bounds.len() != tensor.shape().len() || spec.split(':').count() != bounds.len() {
            return Err(wrong());
        }
        if bounds.iter().zip(tensor.shape()).all(|((start, len), dim)| *start == 0 && len == dim) {
            return Ok(tensor.clone());
        }
        let dense =
            DenseTensor::from_tensor(tensor).map_err(|e| errors::io(&self.file, key, &e))?;
        cut(&dense, &bounds).ok_or_else(wrong)
    }
}

/// The box of a tensor.
fn cut(dense: &DenseTensor, bounds: &[(u64, u64)]) -> Option<Tensor> {
    let to = |n: u64| usize::try_from(n).ok();
    let start: Vec<usize> = bounds.iter().map(|(start, _)| to(*start)).collect::<Option<_>>()?;
    let len: Vec<usize> = bounds.iter().map(|(_, len)| to(*len)).collect::<Option<_>>()?;
    let (last, outer) = len.split_last()?;
    let n_rows = tensorferry_tensor::dense_len(outer)?;
    let mut runs = (0..n_rows).map(|row| {
        let (mut rest, mut stride, mut at) = (row, 1, 0);
        for axis in (0..len.len()).rev() {
            let is_row = axis + 1 == len.len();
            let within = if is_row { 0 } else { rest % len[axis] };
            rest = if is_row { rest } else { rest / len[axis] };
            at += (start[axis] + within) * stride;
            stride *= dense.shape()[axis];
        }
        Run::once(0, at, *last)
    });
    let part = assemble(&len, &[dense], &mut runs);
    let shape = bounds.iter().map(|(_, len)| *len).collect();
    Tensor::new(part.dtype(), shape, std::sync::Arc::new(part.to_bytes())).ok()
}

/// The keys that a variable's names may stand for.
fn named(node: &NodeDef) -> Vec<String> {
    let text = |attr: &AttrValue| match &attr.value {
        Some(attr_value::Value::S(bytes)) => String::from_utf8(bytes.to_vec()).ok(),
        _ => None,
    };
    let shared = node.attr.get("shared_name").and_then(text).filter(|name| !name.is_empty());
    let names = shared.into_iter().chain([node.name.clone()]);
    names.flat_map(|name| [format!("{name}{SUFFIX}"), name]).collect()
}
