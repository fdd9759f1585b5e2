//! Any SavedModel, or a frozen GraphDef, as a graph that can be called.
//!
//! The graph of a SavedModel is read as TensorFlow's own server does it: one meta graph, the nodes
//! that a signature needs, the op that restores variables, the op that fills tables. So files of
//! TensorFlow 1 and 2, of Keras and of others are the same thing here.

mod frozen;
mod meta_graph;
mod needed;
mod variables;

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Model, OpTable};
use tensorferry_store::Store;
use tensorferry_tf_proto::tensorflow::{MetaGraphDef, SavedModel};

use crate::messages;
pub use frozen::read_frozen_graph;

/// Which part of a SavedModel is wanted.
#[derive(Debug, Clone, Default)]
pub struct GraphRequest {
    /// The tag set of the meta graph, in any order; `None` takes `serve`, or the only one.
    pub tags: Option<Vec<String>>,
    /// The signature; `None` takes `serving_default`, `default` or the only one.
    pub signature: Option<String>,
    /// Nodes or tensors that will be the outputs, in place of the signature's; those that the
    /// stored graph has are read with it.
    pub outputs: Vec<String>,
    /// Take a frozen graph's nodes that no other one reads for its outputs, when none are named.
    pub guess_outputs: bool,
}

/// A graph out of a SavedModel or a frozen GraphDef.
#[derive(Debug, Clone)]
pub struct SavedGraph {
    /// The graph, with one signature. Functions are not inlined and variables not frozen: the
    /// nodes of variables have their value as the attribute [`tensorferry_ir::VALUE_ATTR`].
    pub model: Model,
    /// The signature's name.
    pub signature: String,
    /// The TensorFlow that wrote it.
    pub tf_version: Option<String>,
    /// Things the user should look at.
    pub warnings: Vec<Problem>,
}

/// Reads the graph of the SavedModel whose file is `name`.
///
/// # Errors
/// No such tag set or signature, a variable without a value, whatever is broken.
pub fn read_saved_graph(
    store: &dyn Store,
    name: &str,
    request: &GraphRequest,
    ops: &dyn OpTable,
) -> Result<SavedGraph, Problems> {
    let saved = messages::saved_model(store, name)?;
    let (meta, warnings) = choose(&saved, request).map_err(|p| p.in_file(name))?;
    let folder = &name[..name.rfind('/').map_or(0, |slash| slash + 1)];
    meta_graph::read(&meta_graph::Place { store, folder, file: name }, meta, request, ops)
        .map(|graph| SavedGraph { warnings, ..graph })
}

fn tags_of(meta: &MetaGraphDef) -> Vec<String> {
    meta.meta_info_def.as_ref().map(|info| info.tags.clone()).unwrap_or_default()
}

/// The meta graph with the wanted tag set.
fn choose<'a>(
    saved: &'a SavedModel,
    request: &GraphRequest,
) -> Result<(&'a MetaGraphDef, Vec<Problem>), Problem> {
    let sorted = |mut tags: Vec<String>| {
        tags.sort();
        tags.dedup();
        tags
    };
    let serve = vec!["serve".to_owned()];
    let wanted = sorted(request.tags.clone().unwrap_or(serve));
    if saved.meta_graphs.is_empty() {
        return Err(Problem::input("the SavedModel has no meta graph").at("meta_graphs"));
    }
    let mut all = saved.meta_graphs.iter().filter(|meta| sorted(tags_of(meta)) == wanted);
    let found = all.next();
    if all.next().is_some() {
        return Err(Problem::input("several meta graphs have these tags")
            .at("meta_info_def.tags")
            .expected("one", shown(&wanted)));
    }
    match (found, &saved.meta_graphs[..]) {
        (Some(meta), _) => Ok((meta, Vec::new())),
        // Hub modules of TensorFlow 1 have no tags at all.
        (None, [only]) if request.tags.is_none() => {
            let tags = shown(&tags_of(only));
            let what = format!("the only meta graph was taken, whose tags are {tags}");
            Ok((only, vec![Problem::input(what).at("meta_info_def.tags")]))
        }
        (None, all) => {
            let there: Vec<String> = all.iter().map(|meta| shown(&tags_of(meta))).collect();
            Err(Problem::usage("no meta graph has these tags")
                .at("meta_info_def.tags")
                .expected(there.join(" or "), shown(&wanted))
                .hint("name one of the tag sets with --saved_model_tags"))
        }
    }
}

fn shown(tags: &[String]) -> String {
    match tags {
        [] => "none".to_owned(),
        tags => format!("`{}`", tags.join(",")),
    }
}
