//! What was read: the model, and what is to be said about it.

use std::collections::BTreeMap;

use tensorferry_archive::Archive;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_hdf5::File;
use tensorferry_layers::{Bound, LayersModel, WeightsOnly};
use tensorferry_store::Store;

use crate::detect::{Format, detect};
use crate::errors;
use crate::saved_model::{SavedModelOutline, outline};
use crate::tfjs::TfjsModel;
use crate::{keras_h5, keras_saved_model, keras_v3, tfjs};

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format, when the caller knows better than the bytes.
    pub format: Option<Format>,
    /// A SavedModel without Keras layers is [`Source::SavedModel`] and not an error.
    pub allow_no_layers: bool,
}

/// A model as read.
pub enum Source {
    /// A Keras model.
    Layers(Box<LayersModel>),
    /// Weights without a model.
    Weights(WeightsOnly),
    /// A TensorFlow.js model, layers or graph, as stored.
    Tfjs(Box<TfjsModel>),
    /// A SavedModel without Keras layers; [`Summary::saved_model`] tells what is in it.
    SavedModel,
}

/// What is to be said about an input.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// What it is, such as `Keras 3.15.1 model (.keras)`.
    pub kind: String,
    /// Versions and names found in the file.
    pub facts: BTreeMap<String, String>,
    /// Things the user should look at.
    pub warnings: Vec<Problem>,
    /// What was left out, and why.
    pub dropped: Vec<String>,
    /// What a SavedModel says of itself.
    pub saved_model: Option<SavedModelOutline>,
}

impl Summary {
    /// Notes what binding could not place or had to decide.
    pub(crate) fn note_binding(&mut self, file: &str, bound: &Bound) {
        for name in &bound.surplus {
            self.dropped.push(format!("weight `{name}`: no layer of the model has it"));
        }
        for layer in &bound.renamed_layers {
            let what = format!(
                "the stored names of layer `{layer}` are not Keras' own; their order was followed"
            );
            self.warnings.push(Problem::input(what).in_file(file).at("model_weights"));
        }
    }

    /// Notes `NaN` and infinities that became `null`, since JSON has no words for them.
    pub(crate) fn note_non_finite(
        &mut self,
        file: &str,
        field: &str,
        parsed: &tensorferry_json::Parsed,
    ) {
        for path in &parsed.replaced {
            let what = "a number that is not finite became null";
            self.warnings.push(Problem::input(what).in_file(file).at(format!("{field}.{path}")));
        }
    }
}

/// Reads whatever the store holds.
///
/// # Errors
/// Every problem that was met, at least one.
pub fn read(store: &dyn Store, options: &ReadOptions) -> Result<(Source, Summary), Problems> {
    let format = match &options.format {
        Some(format) => format.clone(),
        None => detect(store)?,
    };
    match format {
        Format::Hdf5(name) => {
            let blob = store.open(&name).map_err(|e| errors::store(&e))?;
            let file = File::open(blob, tensorferry_hdf5::Limits::default())
                .map_err(|e| errors::hdf5(&name, &e))?;
            keras_h5::read(&name, &file)
        }
        Format::Keras(name) => {
            let blob = store.open(&name).map_err(|e| errors::store(&e))?;
            let archive = Archive::open(blob, &tensorferry_archive::Limits::default())
                .map_err(|e| Problem::input(e.to_string()).in_file(&name))?;
            keras_v3::read(&name, &keras_v3::Members::Archive(&archive))
        }
        Format::KerasFolder => keras_v3::read(store.label(), &keras_v3::Members::Folder(store)),
        Format::Tfjs(name) => tfjs::read(store, &name),
        Format::SavedModel(name) => read_saved_model(store, &name, options),
        other => Err(Problem::unsupported(format!("{other:?} is not read yet")).into()),
    }
}

fn read_saved_model(
    store: &dyn Store,
    name: &str,
    options: &ReadOptions,
) -> Result<(Source, Summary), Problems> {
    let outline = outline(store, name)?;
    let (source, mut summary) = match keras_saved_model::read_layers(store, name) {
        Ok((model, summary)) => (Source::Layers(Box::new(model)), summary),
        Err(problems) if options.allow_no_layers => {
            let summary = Summary {
                kind: "TensorFlow SavedModel".to_owned(),
                warnings: problems.0,
                ..Summary::default()
            };
            (Source::SavedModel, summary)
        }
        Err(problems) => return Err(problems),
    };
    if let Some(version) = &outline.tensorflow_version {
        summary.facts.insert("tensorflow_version".to_owned(), version.clone());
    }
    let tags: Vec<String> = outline.tag_sets.iter().map(|tags| tags.join(",")).collect();
    summary.facts.insert("tags".to_owned(), tags.join("; "));
    summary.saved_model = Some(outline);
    Ok((source, summary))
}
