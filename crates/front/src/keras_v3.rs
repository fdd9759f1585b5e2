//! `.keras` archives, and the weight files that `save_weights` of Keras 3 writes.
//!
//! `config.json` is the model, `model.weights.h5` holds the weights along the tree of objects:
//! `layers/<class>_<n>/vars/<i>` (Keras' `saving_lib`). Recent writers put the user's layer name
//! into the attribute `name` of each `vars` group; older ones are followed by counting classes.

use std::collections::HashMap;

use serde_json::Value;
use tensorferry_archive::Archive;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_hdf5::{Child, Dataset, File, Group};
use tensorferry_json::NonFinite;
use tensorferry_layers::{
    BoundWeight, Dialect, LayersModel, Leaf, StoredWeight, VarNode, Variable, WeightsOnly,
    default_variables,
};
use tensorferry_store::{BlobRef, BlobSource, Store};

use crate::errors;
use crate::keras_h5::{check_model, facts, stored_weight};
use crate::source::{Source, Summary};

const CONFIG: &str = "config.json";
const METADATA: &str = "metadata.json";
const WEIGHTS: &str = "model.weights.h5";

/// Where the members of a `.keras` model are: in the archive, or unpacked in a folder.
pub(crate) enum Members<'a> {
    /// The archive.
    Archive(&'a Archive),
    /// The folder.
    Folder(&'a dyn Store),
}

impl Members<'_> {
    fn open(&self, file: &str, name: &str) -> Result<BlobRef, Problem> {
        match self {
            Self::Archive(archive) => archive
                .open_entry(name)
                .map_err(|e| Problem::input(e.to_string()).in_file(file).at(name)),
            Self::Folder(store) => store.open(name).map_err(|e| errors::store(&e)),
        }
    }

    fn names(&self) -> Result<Vec<String>, Problem> {
        match self {
            Self::Archive(archive) => Ok(archive.names().map(str::to_owned).collect()),
            Self::Folder(store) => {
                let entries = store.list().map_err(|e| errors::store(&e))?;
                Ok(entries.into_iter().map(|entry| entry.name).collect())
            }
        }
    }
}

/// Reads the model. `file` is the archive's name, or the folder's.
///
/// # Errors
/// What is broken or missing, every layer without its weights named.
pub(crate) fn read(file: &str, members: &Members<'_>) -> Result<(Source, Summary), Problems> {
    let names = members.names()?;
    if !names.iter().any(|name| name == CONFIG) {
        return Err(not_keras(file, &names).into());
    }
    let mut summary = Summary::default();
    let topology = json(file, members, CONFIG, &mut summary)?;
    let metadata = match names.iter().any(|name| name == METADATA) {
        true => json(file, members, METADATA, &mut summary)?,
        false => Value::Null,
    };
    let fact = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
    let keras_version = fact("keras_version");
    let class_name = topology.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let config = topology.get("config").and_then(Value::as_object).ok_or_else(|| {
        Problem::input("the model has no config").in_file(file).at("config.json: config")
    })?;
    let tree = VarNode::of_model(class_name, config);
    check_model(&topology, config, "config.json: config").map_err(|p| p.in_file(file))?;
    let blob = members.open(file, WEIGHTS)?;
    let weights_name = format!("{file}: {WEIGHTS}");
    let h5 = File::open(blob, tensorferry_hdf5::Limits::default())
        .map_err(|e| errors::hdf5(&weights_name, &e))?;
    let root = h5.root().map_err(|e| errors::hdf5(&weights_name, &e))?;
    let weights = bind_objects(&weights_name, &root, &tree, &mut summary)?;
    summary.kind = format!("Keras {} model (.keras)", keras_version.as_deref().unwrap_or("?"));
    summary.facts = facts([("keras_version", &keras_version), ("date_saved", &fact("date_saved"))]);
    let assets = assets(file, members, &names)?;
    let training_config = compile_config(&topology);
    let model = LayersModel {
        dialect: Dialect::of(&topology),
        training_config,
        topology,
        keras_version,
        backend: None,
        weights,
        optimizer: Vec::new(),
        metadata: serde_json::Map::new(),
        assets,
    };
    Ok((Source::Layers(Box::new(model)), summary))
}

/// Reads a `.weights.h5` of Keras 3: weights along the object tree, without a model.
///
/// # Errors
/// The first structural problem of the file.
pub(crate) fn weights_only(name: &str, root: &Group) -> Result<(Source, Summary), Problems> {
    let mut weights = WeightsOnly::default();
    let mut groups = vec![root.group("layers").map_err(|e| errors::hdf5(name, &e))?];
    // Depth first without recursion; children are pushed in reverse so that they come in order.
    while let Some(group) = groups.pop() {
        if group.name() == "vars" {
            push_vars(name, &group, &mut weights)?;
            continue;
        }
        let children = group.groups().map_err(|e| errors::hdf5(name, &e))?;
        groups.extend(children.into_iter().rev().filter(|child| !is_state(child.name())));
    }
    let summary =
        Summary { kind: "Keras 3 weights without a model (HDF5)".to_owned(), ..Summary::default() };
    Ok((Source::Weights(weights), summary))
}

/// The weights of one `vars` group, named `<layer>/<variable>` where the class in the path tells the
/// variables' names and `<layer>/<index>` otherwise.
fn push_vars(file: &str, vars: &Group, weights: &mut WeightsOnly) -> Result<(), Problem> {
    let datasets = numbered(file, vars, &[])?;
    let path = vars.path().trim_start_matches('/').to_owned();
    let owner = path.trim_end_matches("/vars").rsplit('/').next().unwrap_or_default().to_owned();
    let layer = group_name(file, vars)?.unwrap_or_else(|| owner.clone());
    let known = default_variables(&owner, datasets.len());
    for (index, dataset) in datasets {
        let variable = known.get(index).cloned().unwrap_or_else(|| index.to_string());
        let weight = stored_weight(file, format!("{layer}/{variable}"), &dataset)?;
        weights.push(layer.clone(), weight);
    }
    Ok(())
}

/// Binds every leaf of the tree to its dataset in the object tree.
fn bind_objects(
    file: &str,
    root: &Group,
    tree: &VarNode,
    summary: &mut Summary,
) -> Result<Vec<BoundWeight>, Problems> {
    let mut binder = Binder { file, by_object: HashMap::new(), problems: Vec::new() };
    binder.container(root, tree, String::new())?;
    let mut weights = Vec::new();
    for leaf in tree.leaves() {
        match binder.by_object.remove(&(leaf.object_path.clone(), leaf.index)) {
            Some(stored) => weights.push(BoundWeight { leaf, stored, is_guess: false }),
            None => binder.problems.push(missing(file, &leaf)),
        }
    }
    if !binder.problems.is_empty() {
        return Err(Problems(binder.problems));
    }
    let mut guessed: Vec<_> = binder.by_object.into_iter().collect();
    guessed.sort_by(|a, b| a.0.cmp(&b.0));
    weights.extend(guessed.into_iter().map(|((object_path, index), stored)| {
        let mut weight = BoundWeight::guess(stored);
        (weight.leaf.object_path, weight.leaf.index) = (object_path, index);
        weight
    }));
    note_state(file, root, summary)?;
    Ok(weights)
}

struct Binder<'a> {
    file: &'a str,
    /// Weight by the config's object path and index.
    by_object: HashMap<(String, usize), StoredWeight>,
    problems: Vec<Problem>,
}

impl Binder<'_> {
    /// The children of a model: in `layers`, known by the `name` of their `vars` where it is there,
    /// by their counted class otherwise.
    fn container(&mut self, group: &Group, node: &VarNode, path: String) -> Result<(), Problem> {
        let hdf5 = |e| errors::hdf5(self.file, &e);
        let Some(Child::Group(layers)) = group.get("layers").map_err(hdf5)? else { return Ok(()) };
        let mut by_name = HashMap::new();
        for child in layers.groups().map_err(hdf5)? {
            let Some(Child::Group(vars)) = child.get("vars").map_err(hdf5)? else { continue };
            if let Some(name) = group_name(self.file, &vars)? {
                by_name.insert(name, child.clone());
            }
        }
        for layer in &node.children {
            let counted = layer.attribute.trim_start_matches("layers/");
            let found = match by_name.remove(&layer.name) {
                Some(group) => Some(group),
                None if counted.is_empty() => None,
                None => match layers.get(counted).map_err(hdf5)? {
                    Some(Child::Group(group)) => Some(group),
                    _ => None,
                },
            };
            if let Some(group) = found {
                self.object(&group, layer, join(&path, &layer.attribute))?;
            }
        }
        Ok(())
    }

    /// A layer or a part of one: its `vars`, and the objects in it.
    fn object(&mut self, group: &Group, node: &VarNode, path: String) -> Result<(), Problem> {
        let hdf5 = |e| errors::hdf5(self.file, &e);
        if let Some(Child::Group(vars)) = group.get("vars").map_err(hdf5)? {
            self.vars(&vars, node, &path)?;
        }
        if tensorferry_layers::is_model_class(&node.class_name) {
            return self.container(group, node, path);
        }
        for child in &node.children {
            // Keras 2 kept an attention's projections under names that begin with `_`.
            for folder in [child.attribute.clone(), format!("_{}", child.attribute)] {
                if let Some(Child::Group(inner)) = group.get(&folder).map_err(hdf5)? {
                    self.object(&inner, child, join(&path, &child.attribute))?;
                    break;
                }
            }
        }
        Ok(())
    }

    fn vars(&mut self, vars: &Group, node: &VarNode, path: &str) -> Result<(), Problem> {
        let datasets = numbered(self.file, vars, &node.variables)?;
        let indices = || node.variables.iter().enumerate().map(|(i, v)| v.index.unwrap_or(i));
        if !node.is_unknown && datasets.len() != indices().max().map_or(0, |last| last + 1) {
            self.problems.push(count(self.file, node, &datasets));
        }
        for (index, dataset) in datasets {
            let name = match node.is_unknown {
                true => format!("{}/{index}", node.name),
                // A number that no variable has is another object's, stored a second time.
                false if !indices().any(|known| known == index) => continue,
                false => format!("{path}/vars/{index}"),
            };
            let stored = stored_weight(self.file, name, &dataset)?;
            self.by_object.insert((path.to_owned(), index), stored);
        }
        Ok(())
    }
}

/// The datasets `0`, `1`, … of a `vars` group by number; HDF5 lists them as `0`, `1`, `10`, `2`.
/// Lookup layers store theirs by the variable's name.
fn numbered(
    file: &str,
    vars: &Group,
    variables: &[Variable],
) -> Result<Vec<(usize, Dataset)>, Problem> {
    let mut datasets = Vec::new();
    for dataset in vars.datasets().map_err(|e| errors::hdf5(file, &e))? {
        let named = variables.iter().position(|variable| variable.name == dataset.name());
        let index = named.map_or_else(|| dataset.name().parse::<usize>(), Ok).map_err(|_| {
            Problem::input("a variable without a number")
                .in_file(file)
                .at(dataset.path())
                .expected("vars/0, vars/1, …", dataset.name())
        })?;
        datasets.push((index, dataset));
    }
    datasets.sort_by_key(|(index, _)| *index);
    Ok(datasets)
}

fn group_name(file: &str, vars: &Group) -> Result<Option<String>, Problem> {
    let attr = vars.attr("name").map_err(|e| errors::hdf5(file, &e))?;
    Ok(attr.and_then(|attr| attr.as_str().map(str::to_owned)))
}

/// Objects that hold state and no weights.
fn is_state(name: &str) -> bool {
    matches!(name, "seed_generator" | "optimizer" | "metrics" | "_dropout_layer" | "_softmax")
}

/// Says that the optimizer's and the metrics' variables were left out.
fn note_state(file: &str, root: &Group, summary: &mut Summary) -> Result<(), Problem> {
    for (name, what) in [("optimizer", "optimizer state"), ("metrics", "metric state")] {
        if root.get(name).map_err(|e| errors::hdf5(file, &e))?.is_some() {
            summary
                .dropped
                .push(format!("{what} (`{name}` in {WEIGHTS}): no weights of the model"));
        }
    }
    Ok(())
}

fn assets(
    file: &str,
    members: &Members<'_>,
    names: &[String],
) -> Result<Vec<(String, tensorferry_store::SourceRef)>, Problem> {
    let mut assets = Vec::new();
    for name in names.iter().filter(|name| name.starts_with("assets/") && !name.ends_with('/')) {
        let blob = members.open(file, name)?;
        assets.push((name.clone(), std::sync::Arc::new(BlobSource(blob)) as _));
    }
    Ok(assets)
}

fn json(
    file: &str,
    members: &Members<'_>,
    name: &str,
    summary: &mut Summary,
) -> Result<Value, Problem> {
    let limits = tensorferry_json::Limits::default();
    let blob = members.open(file, name)?;
    if blob.byte_len() > limits.bytes {
        return Err(Problem::new(tensorferry_diagnostics::Kind::Limit, "the text is too long")
            .in_file(file)
            .at(name)
            .expected(format!("at most {} bytes", limits.bytes), blob.byte_len()));
    }
    let bytes =
        tensorferry_store::read_all(blob.as_ref()).map_err(|e| errors::io(file, name, &e))?;
    let parsed = tensorferry_json::parse_with(&bytes, &limits, NonFinite::AsNull)
        .map_err(|e| errors::json(file, name, &e))?;
    summary.note_non_finite(file, name, &parsed);
    Ok(parsed.value)
}

/// The training configuration that Keras 3 keeps beside the model's config.
fn compile_config(topology: &Value) -> Option<Value> {
    let config = topology.get("compile_config")?;
    config.as_object().is_some_and(|members| !members.is_empty()).then(|| config.clone())
}

fn missing(file: &str, leaf: &Leaf) -> Problem {
    Problem::input(format!("the weight `{}` of layer `{}` is missing", leaf.variable, leaf.layer))
        .in_file(file)
        .at(format!("{}/vars/{}", leaf.object_path, leaf.index))
}

fn count(file: &str, node: &VarNode, datasets: &[(usize, Dataset)]) -> Problem {
    let names: Vec<&str> = node.variables.iter().map(|v| v.name.as_str()).collect();
    Problem::input(format!("layer `{}` ({}) has other variables", node.name, node.class_name))
        .in_file(file)
        .at(format!("{}/vars", node.attribute))
        .expected(format!("{} ({})", names.len(), names.join(", ")), datasets.len())
        .hint("a layer quantized to int8 must be saved unquantized")
}

fn not_keras(file: &str, names: &[String]) -> Problem {
    let problem = Problem::input("this archive is no .keras model").in_file(file).expected(
        "config.json in it",
        names.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
    );
    match names.iter().find(|name| name.ends_with("model.json") || name.ends_with("saved_model.pb"))
    {
        Some(_) => problem.hint("unpack the archive and name the folder"),
        None => problem,
    }
}

fn join(path: &str, attribute: &str) -> String {
    if path.is_empty() { attribute.to_owned() } else { format!("{path}/{attribute}") }
}
