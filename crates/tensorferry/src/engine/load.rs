//! Whatever a store holds, as a graph that can be run.

use bytes::Bytes;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_front::{
    Format, GraphRequest, ReadOptions, Source, Summary, TfjsModel, read, read_frozen_graph,
    read_graph_model, read_saved_graph,
};
use tensorferry_ir::{Edge, Graph, Model, Shape, Signature, SignatureTensor, Type};
use tensorferry_layers::{LayersModel, LowerOptions, check_weights, lower};
use tensorferry_ops::ALL;
use tensorferry_passes::{Options, prepare};
use tensorferry_store::{SourceRef, Store, collect};
use tensorferry_tensor::DType;

use super::{EngineOptions, ModelClass};
use crate::convert::{input_format, unpacked};

/// The signature that is run unless another is named.
const DEFAULT_SIGNATURE: &str = "serving_default";

/// A model as a graph, and what is to be said about it.
pub(super) struct Loaded {
    pub(super) file: String,
    pub(super) class: ModelClass,
    pub(super) model: Model,
    pub(super) summary: Summary,
    /// Files that its tables may be filled from, by path.
    pub(super) assets: Vec<(String, Bytes)>,
}

pub(super) fn load(store: &dyn Store, options: &EngineOptions) -> Result<Loaded, Problems> {
    if let Some(folder) = unpacked(store)? {
        return load(&folder, options);
    }
    let file = store.main().unwrap_or(store.label()).to_owned();
    let format = input_format(store, options.input_format)?;
    if let Format::FrozenGraph(name) = &format {
        return from_frozen_graph(store, name);
    }
    let (source, mut summary) =
        read(store, &ReadOptions { format: Some(format.clone()), allow_no_layers: true })?;
    let class = match &source {
        _ if matches!(format, Format::SavedModel(_)) => ModelClass::Either,
        Source::Tfjs(model) if is_graph(model) => ModelClass::Graph,
        _ => ModelClass::Layers,
    };
    let mut assets = Vec::new();
    let model = match source {
        // What the layers' own lowering cannot do, the graph that Keras stored may.
        Source::Layers(model) if matches!(format, Format::SavedModel(_)) => {
            match from_layers(&model) {
                Ok(model) => model,
                Err(problems) => {
                    return from_saved_model(store, &format, options).map_err(|_| problems);
                }
            }
        }
        Source::Layers(model) => from_layers(&model)?,
        Source::Tfjs(model) => {
            assets = files(&model.assets)?;
            from_tfjs(&model, &mut summary)?
        }
        Source::Weights(_) => return Err(no_model().into()),
        Source::SavedModel => return from_saved_model(store, &format, options),
    };
    Ok(Loaded { file, class, model, summary, assets })
}

/// A SavedModel as the graph that it stores.
fn from_saved_model(
    store: &dyn Store,
    format: &Format,
    options: &EngineOptions,
) -> Result<Loaded, Problems> {
    let Format::SavedModel(name) = format else { return Err(no_model().into()) };
    let request = GraphRequest { signature: options.signature.clone(), ..GraphRequest::default() };
    let saved = read_saved_graph(store, name, &request, &ALL)?;
    let (model, log) = prepare(saved.model, &ALL, &Options::default())?;
    let kind = saved.tf_version.map_or_else(
        || "TensorFlow SavedModel".to_owned(),
        |version| format!("TensorFlow {version} SavedModel"),
    );
    let warnings = saved.warnings.into_iter().chain(log.warnings).collect();
    let summary = Summary { kind, warnings, ..Summary::default() };
    // Its tables' files are in the graph already.
    let (file, class, assets) = (name.clone(), ModelClass::Either, Vec::new());
    Ok(Loaded { file, class, model, summary, assets })
}

/// A frozen graph: what it gives are the nodes that no other one reads. Others can be asked for by
/// name when it is run.
fn from_frozen_graph(store: &dyn Store, name: &str) -> Result<Loaded, Problems> {
    let request = GraphRequest { guess_outputs: true, ..GraphRequest::default() };
    let saved = read_frozen_graph(store, name, &request, &ALL)?;
    let (model, log) = prepare(saved.model, &ALL, &Options::default())?;
    let summary = Summary {
        kind: "frozen TensorFlow graph".to_owned(),
        warnings: log.warnings,
        ..Summary::default()
    };
    let (file, class, assets) = (name.to_owned(), ModelClass::Graph, Vec::new());
    Ok(Loaded { file, class, model, summary, assets })
}

fn no_model() -> Problem {
    Problem::unsupported("the file holds weights without a model")
        .hint("give the file that model.save() wrote")
}

/// The files whole.
fn files(assets: &[(String, SourceRef)]) -> Result<Vec<(String, Bytes)>, Problem> {
    let whole = |(name, source): &(String, SourceRef)| {
        let wrong = |error: std::io::Error| Problem::input(error.to_string()).in_file(name);
        collect(source.as_ref()).map(|all| (name.clone(), all)).map_err(wrong)
    };
    assets.iter().map(whole).collect()
}

fn is_graph(model: &TfjsModel) -> bool {
    model.json.format == tensorferry_tfjs_files::Format::GraphModel
}

fn from_tfjs(model: &TfjsModel, summary: &mut Summary) -> Result<Model, Problems> {
    if is_graph(model) {
        return Ok(read_graph_model(model, &ALL)?);
    }
    if model.topology().is_none() {
        return Err(no_model().into());
    }
    let (layers, said) = model.to_layers()?;
    summary.warnings.extend(said.warnings);
    from_layers(&layers)
}

/// Layers run as the ops that they lower to.
fn from_layers(model: &LayersModel) -> Result<Model, Problems> {
    check_weights(model)?;
    lower(model, &LowerOptions::default())
}

/// The signature to run.
pub(super) fn signature(model: &Model, wanted: Option<&str>) -> Result<Signature, Problem> {
    let all = &model.signatures;
    let name = match (wanted, all.len()) {
        (Some(name), _) => name,
        (None, 1) => all.keys().next().map_or(DEFAULT_SIGNATURE, String::as_str),
        (None, _) => DEFAULT_SIGNATURE,
    };
    let found = all.get(name).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        Problem::usage(format!("the model has no signature `{name}`"))
            .hint(format!("its signatures: {}", names.join(", ")))
    })
}

/// A node's output as an output of a signature; its type is found out by planning.
pub(super) fn output_at(graph: &Graph, edge: Edge) -> SignatureTensor {
    SignatureTensor {
        name: graph.node(edge.node).name.clone(),
        edge,
        ty: Type::Data(DType::Float32),
        shape: Shape::UNKNOWN,
        resource_id: None,
    }
}
