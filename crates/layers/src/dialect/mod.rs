//! The configs of Keras 2, Keras 3 and TensorFlow.js, and the ways between them.
//!
//! Keras 2's form is the middle: Keras 3 is lowered to it (`keras3`), TensorFlow.js wants it with a
//! few repairs (`tfjs`), and Keras 3 is raised from it (`raise`). A model is always the object
//! `{"class_name": …, "config": …}`; nested models are layers of that form.

pub(crate) mod calls;
mod common;
mod graph;
mod inputs;
mod json;
mod keras3;
mod masks;
mod names;
mod objects;
mod operators;
mod raise;
mod tfjs;
mod training;
mod unloadable;

use serde_json::Value;
use tensorferry_diagnostics::{Kind, Problem, Problems};

pub use training::{training_config_to_keras, training_config_to_tfjs};
pub use unloadable::{Unloadable, unloadable};

/// Who wrote a model's config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `tf.keras` up to 2.15, `tf_keras`, and multi-backend Keras before 3.
    Keras2,
    /// Keras 3.
    Keras3,
    /// TensorFlow.js itself (`model.save()`).
    Tfjs,
}

/// A config in another dialect, with what that took.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// The model, `{"class_name": …, "config": …}`.
    pub model: Value,
    /// What was changed beyond spelling, for the report.
    pub changes: Vec<Change>,
    /// The layers that have another name now.
    pub renames: Vec<LayerRename>,
    /// What the target cannot compute as the source does and the config alone no longer tells.
    pub blockers: Vec<Unloadable>,
}

/// Something about one layer that is not what the source said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The layer, with the nested models that hold it: `encoder/dense`; empty for the model.
    pub layer: String,
    /// What was done and what it means, as a sentence without the full stop.
    pub what: String,
}

/// A layer that has another name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRename {
    /// The names, in the source, of the layers that hold it (nested models, or the wrapper of one),
    /// outermost first, then the layer's own.
    pub path: Vec<String>,
    /// Its name in the source.
    pub from: String,
    /// Its name in the result.
    pub to: String,
}

impl Dialect {
    /// Tells the dialect of a model. A config without any mark of Keras 3 counts as Keras 2, which
    /// TensorFlow.js' own differ from in nothing that matters here.
    pub fn of(model: &Value) -> Dialect {
        if json::any_object(model, keras3::is_marked) {
            return Dialect::Keras3;
        }
        if json::any_object(model, tfjs::is_marked) { Dialect::Tfjs } else { Dialect::Keras2 }
    }
}

/// The config that TensorFlow.js 4.22 loads.
///
/// A Keras 2 config comes out as it is but for what TensorFlow.js would refuse. Layers that it
/// cannot load stay; [`unloadable`] lists them.
///
/// # Errors
///
/// When the config is no model, its graph is broken, or it is nested without end.
pub fn to_tfjs(model: &Value, from: Dialect) -> Result<Converted, Problems> {
    let mut work = Work::begin(model)?;
    let mut model = model.clone();
    match from {
        Dialect::Keras3 => keras3::lower(&mut model, keras3::Target::Tfjs, &mut work)?,
        Dialect::Keras2 | Dialect::Tfjs => json::strip_saved_keys(&mut model),
    }
    json::rename_classes(&mut model);
    graph::check(&model)?;
    work.inputs = inputs::InputShapes::of(&model);
    tfjs::repair(&mut model, &mut work)?;
    names::make_unique(&mut model, &mut work);
    Ok(work.finish(model))
}

/// The config for an HDF5 file that Keras 2.15 and Keras 3 load.
///
/// # Errors
///
/// As for [`to_tfjs`].
pub fn to_keras2(model: &Value, from: Dialect) -> Result<Converted, Problems> {
    let mut work = Work::begin(model)?;
    let mut model = model.clone();
    match from {
        Dialect::Keras3 => keras3::lower(&mut model, keras3::Target::Keras2, &mut work)?,
        Dialect::Keras2 | Dialect::Tfjs => json::strip_saved_keys(&mut model),
    }
    json::rename_classes(&mut model);
    graph::check(&model)?;
    names::drop_slashes(&mut model, &mut work);
    raise::to_file(&mut model, from, common::File::Hdf5, &mut work);
    Ok(work.finish(model))
}

/// The config for the `config.json` of a `.keras` file that Keras 3 and Keras 2.15 load; a config
/// from Keras 3's own `.keras` file stays as it is. What only Keras 3 can read is among the
/// changes.
///
/// # Errors
///
/// As for [`to_tfjs`].
pub fn to_keras3(model: &Value, from: Dialect) -> Result<Converted, Problems> {
    let mut work = Work::begin(model)?;
    let mut model = model.clone();
    if from == Dialect::Keras3 && model.get("module").is_some() {
        // It is one already. Only HDF5 files and models for TensorFlow.js lack the modules.
        return Ok(work.finish(model));
    }
    match from {
        Dialect::Keras3 => keras3::lower(&mut model, keras3::Target::Keras2, &mut work)?,
        Dialect::Keras2 | Dialect::Tfjs => json::strip_saved_keys(&mut model),
    }
    json::rename_classes(&mut model);
    graph::check(&model)?;
    names::drop_slashes(&mut model, &mut work);
    raise::to_file(&mut model, from, common::File::Zip, &mut work);
    Ok(work.finish(model))
}

/// What a conversion notes down while it walks the model.
#[derive(Default)]
struct Work {
    /// The models that hold the layer at hand, outermost first.
    models: Vec<String>,
    changes: Vec<Change>,
    renames: Vec<LayerRename>,
    blockers: Vec<Unloadable>,
    /// What is known about the shapes of the layers' inputs.
    inputs: inputs::InputShapes,
}

impl Work {
    /// Checks that `model` is one and is not nested too deeply to walk.
    fn begin(model: &Value) -> Result<Self, Problems> {
        if json::is_deeper_than(model, json::DEPTH_MAX) {
            let what = "the model's config is nested too deeply";
            return Err(Problem::new(Kind::Limit, what)
                .expected(format!("at most {} levels", json::DEPTH_MAX), "more")
                .into());
        }
        let class_name = model.get("class_name").and_then(Value::as_str);
        let config = model.get("config").filter(|c| c.is_object() || c.is_array());
        if class_name.is_none() || config.is_none() {
            let hint = "this is no Keras model; weights-only files have no config";
            return Err(Problem::input("the config is not that of a model")
                .expected("`class_name` and `config`", "neither or one of them")
                .hint(hint)
                .into());
        }
        Ok(Self::default())
    }

    /// Goes into a model; the outermost one's name is no part of a layer's place.
    fn enter(&mut self, model: &str) {
        self.models.push(model.to_owned());
    }

    fn leave(&mut self) {
        self.models.pop();
    }

    /// The nested models that hold the layer at hand.
    fn path(&self) -> Vec<String> {
        self.models.get(1..).unwrap_or_default().to_vec()
    }

    fn changed(&mut self, layer: &str, what: impl Into<String>) {
        let change = Change { layer: self.place(layer), what: what.into() };
        self.changes.push(change);
    }

    fn blocked(&mut self, layer: &str, class_name: &str, reason: impl Into<String>) {
        self.blockers.push(Unloadable {
            path: self.path(),
            layer: layer.to_owned(),
            class_name: class_name.to_owned(),
            reason: reason.into(),
            remedy: unloadable::GRAPH_MODEL.to_owned(),
        });
    }

    /// A broken graph, at a layer.
    fn broken(&self, layer: &str, what: impl Into<String>) -> Problem {
        Problem::input(what).at(self.place(layer))
    }

    fn place(&self, layer: &str) -> String {
        let mut place = self.path().join("/");
        if !place.is_empty() && !layer.is_empty() {
            place.push('/');
        }
        place + layer
    }

    fn finish(self, model: Value) -> Converted {
        Converted { model, changes: self.changes, renames: self.renames, blockers: self.blockers }
    }
}
