//! SavedModels, frozen graphs and Keras models to graph models.

use tensorferry_back::{GraphOptions, TfjsOptions, Written, tfjs_graph};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_front::{Format, GraphRequest, SavedGraph, Summary};
use tensorferry_front::{read_frozen_graph, read_saved_graph};
use tensorferry_ir::Model;
use tensorferry_layers::{LayersModel, LowerOptions, lower};
use tensorferry_ops::ALL;
use tensorferry_passes::{Log, Options, Step, optimize, prepare};
use tensorferry_store::Store;

use crate::options::{ConvertOptions, InputFormat, OutputFormat};
use crate::report::{PassReport, RefusedRewrite};
use crate::verify::{Verdict, verify};

/// A graph model, and what was done to make it.
pub(crate) struct Made {
    pub(crate) written: Written,
    /// What each pass did, when that was asked for.
    pub(crate) passes: Vec<PassReport>,
}

/// True when the input is to be read as a graph of ops, whatever else it may hold.
pub(crate) fn is_graph(format: &Format, options: &ConvertOptions) -> bool {
    let wants_graph = options.output_format == Some(OutputFormat::TfjsGraphModel);
    match format {
        Format::FrozenGraph(_) => true,
        Format::SavedModel(_) => {
            let is_tensorflow = matches!(
                options.input_format,
                Some(InputFormat::TfSavedModel | InputFormat::TfHub)
            );
            wants_graph || (is_tensorflow && options.output_format.is_none())
        }
        _ => false,
    }
}

/// Converts the SavedModel or frozen graph to a graph model.
pub(crate) fn from_graph(
    store: &dyn Store,
    format: &Format,
    options: &ConvertOptions,
    tfjs: &TfjsOptions,
) -> Result<(Made, Summary), Problems> {
    if options.output_format.is_some_and(|output| output != OutputFormat::TfjsGraphModel) {
        return Err(Problem::unsupported("a TensorFlow graph has no Keras layers")
            .in_file(store.label())
            .expected("tfjs_graph_model", options.output_format.map_or("", OutputFormat::name))
            .into());
    }
    let saved = read(store, format, options)?;
    let mut summary = Summary {
        kind: kind(format, saved.tf_version.as_deref()),
        warnings: saved.warnings,
        ..Summary::default()
    };
    summary.facts.insert("signature".to_owned(), saved.signature.clone());
    let graph = GraphOptions {
        signature: saved.signature,
        generated_by: saved.tf_version,
        structured_outputs: options.graph.structured_outputs,
    };
    // A frozen graph has no calls: its outputs were found already.
    let outputs = match format {
        Format::FrozenGraph(_) => Vec::new(),
        _ => options.graph.output_node_names.clone(),
    };
    Ok((write(saved.model, &graph, outputs, options, tfjs)?, summary))
}

/// Converts a Keras model to a graph model, by the ops that its layers stand for.
pub(crate) fn from_layers(
    model: &LayersModel,
    options: &ConvertOptions,
    tfjs: &TfjsOptions,
) -> Result<Made, Problems> {
    let lowered = lower(model, &LowerOptions::default())?;
    let graph = GraphOptions {
        signature: SIGNATURE.to_owned(),
        generated_by: model.keras_version.as_ref().map(|version| format!("keras v{version}")),
        structured_outputs: options.graph.structured_outputs,
    };
    let mut metadata = model.metadata.clone();
    metadata.extend(tfjs.metadata.clone());
    let outputs = options.graph.output_node_names.clone();
    write(lowered, &graph, outputs, options, &TfjsOptions { metadata, ..tfjs.clone() })
}

/// The signature of a lowered Keras model.
const SIGNATURE: &str = "serving_default";

/// Rewrites a graph, compares what it computes, and writes it.
fn write(
    model: Model,
    graph: &GraphOptions,
    outputs: Vec<String>,
    options: &ConvertOptions,
    tfjs: &TfjsOptions,
) -> Result<Made, Problems> {
    let flags = &options.graph;
    let passes = Options {
        strip_debug_ops: flags.strip_debug_ops,
        skip_op_check: flags.skip_op_check,
        inputs: flags.input_node_names.clone(),
        outputs,
        control_flow_v2: flags.control_flow_v2,
    };
    let (model, mut log) = prepare(model, &ALL, &passes)?;
    let source = flags.verify.then(|| model.clone());
    let better = optimize(model, &ALL, &passes, &mut log)?;
    let verdict = match source {
        Some(source) => verify(&source, &better, &graph.signature, flags.verify_bytes),
        None => Verdict::Skipped("--no-verify was given".to_owned()),
    };
    let mut written = tfjs_graph(&better, &ALL, graph, tfjs)?;
    note(&log, &mut written, &better);
    match verdict {
        Verdict::Same { n_runs, max_difference } => written.kept.push(format!(
            "what it computes: run on {n_runs} inputs before and after, at most \
             {max_difference:.0e} apart"
        )),
        Verdict::Broken(problems) => {
            let hinted = problems.0.into_iter().map(|problem| match problem.hint {
                Some(_) => problem,
                None => problem.hint("--no-verify writes the graph as it is"),
            });
            return Err(Problems(hinted.collect()));
        }
        Verdict::Skipped(reason) | Verdict::TooMuch(reason) => written.warnings.push(
            Problem::unsupported(format!("the result was not compared with the source: {reason}")),
        ),
        Verdict::Differs(what) => {
            return Err(Problem::new(
                tensorferry_diagnostics::Kind::Bug,
                format!("the rewritten graph computes something else: {what}"),
            )
            .hint("please report it; --no-verify writes the graph anyway")
            .into());
        }
    }
    let steps = log.steps.iter().filter(|_| flags.explain);
    Ok(Made { written, passes: steps.map(explained).collect() })
}

fn explained(step: &Step) -> PassReport {
    let refused = step.refused.iter().map(|refusal| RefusedRewrite {
        rewrite: refusal.rewrite.to_owned(),
        node: refusal.node.clone(),
        reason: refusal.reason.clone(),
    });
    PassReport {
        pass: step.pass.to_owned(),
        n_nodes_before: step.n_nodes_before,
        n_nodes_after: step.n_nodes_after,
        applied: step.applied.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
        refused: refused.collect(),
    }
}

fn read(
    store: &dyn Store,
    format: &Format,
    options: &ConvertOptions,
) -> Result<SavedGraph, Problems> {
    let outputs = options.graph.output_node_names.clone();
    match format {
        Format::FrozenGraph(name) => {
            let request = GraphRequest { outputs, ..GraphRequest::default() };
            read_frozen_graph(store, name, &request, &ALL)
        }
        Format::SavedModel(name) => {
            // The default names the tags that nearly every model has; a model without them is not
            // refused for that.
            let is_default = options.saved_model_tags == ["serve"];
            let request = GraphRequest {
                tags: (!is_default).then(|| options.saved_model_tags.clone()),
                signature: options.signature_name.clone(),
                outputs,
                guess_outputs: false,
            };
            read_saved_graph(store, name, &request, &ALL)
        }
        other => Err(Problem::unsupported(format!("{other:?} holds no graph of ops"))
            .in_file(store.label())
            .into()),
    }
}

fn kind(format: &Format, version: Option<&str>) -> String {
    match (format, version) {
        (Format::FrozenGraph(_), _) => "frozen TensorFlow graph".to_owned(),
        (_, Some(version)) => format!("TensorFlow {version} SavedModel"),
        (_, None) => "TensorFlow SavedModel".to_owned(),
    }
}

fn note(log: &Log, written: &mut Written, model: &Model) {
    let n_nodes: usize = model.functions.values().map(|f| f.graph.len()).sum();
    written.kept.push(format!("a graph of {} nodes", model.graph.len() + n_nodes));
    written.changed.extend(log.applied.iter().map(|(name, n)| format!("{name}: {n} times")));
    written.dropped.extend(log.dropped.iter().cloned());
    written.warnings.extend(log.warnings.iter().cloned());
}
