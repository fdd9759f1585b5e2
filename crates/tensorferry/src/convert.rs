//! A conversion, from a store to a package.

use serde_json::Map;
use tensorferry_back::{
    TfjsOptions, Written, keras_h5, keras_saved_model, keras_v3, tfjs_layers, tfjs_rewrite,
    tfjs_weights,
};
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_front::{Format, ReadOptions, Source, Summary, TfjsModel, detect, read, unpack};
use tensorferry_layers::{LayersModel, check_weights};
use tensorferry_ops::ALL;
use tensorferry_store::{MemoryStore, Package, Store};
use tensorferry_tfjs_files::{CodeType, QuantizeRules};

use crate::graph::{self, Made, from_graph, is_graph};
use crate::options::{ConvertOptions, InputFormat, OutputFormat};
use crate::report::{Report, WeightLoss};

/// A finished conversion: what is to be written, and what is to be said.
pub struct Conversion {
    /// The files, not yet written; their bytes are produced while they are.
    pub package: Package,
    /// The closing report.
    pub report: Report,
}

/// Converts what the store holds.
///
/// # Errors
/// Every problem that was met. Nothing has been written then, and nothing needs to be undone.
pub fn convert(store: &dyn Store, options: &ConvertOptions) -> Result<Conversion, Problems> {
    try_convert(store, options).map_err(|problems| name_input(store, problems))
}

/// Writers know weights and layers but no files; what they cannot store came from the input.
pub(crate) fn name_input(store: &dyn Store, problems: Problems) -> Problems {
    let file = store.main().unwrap_or(store.label());
    let named = problems.0.into_iter().map(|problem| match problem.kind {
        Kind::Usage => problem,
        _ => problem.in_file(file),
    });
    Problems(named.collect())
}

fn try_convert(store: &dyn Store, options: &ConvertOptions) -> Result<Conversion, Problems> {
    if let Some(folder) = unpacked(store)? {
        let mut conversion = try_convert(&folder, options)?;
        conversion.report.input_bytes = input_bytes(store);
        return Ok(conversion);
    }
    let format = input_format(store, options.input_format)?;
    if is_graph(&format, options) {
        return graph_conversion(store, &format, options);
    }
    // Without Keras layers a SavedModel still has its graph, unless layers were asked for.
    let allow_no_layers = options.input_format.is_none() && options.output_format.is_none();
    let request = ReadOptions { format: Some(format.clone()), allow_no_layers };
    let (source, mut summary) = read(store, &request)?;
    let is_model = !matches!(source, Source::Weights(_));
    let (made, output) = match source {
        Source::Layers(model) => from_layers(&model, options)?,
        Source::Weights(weights) => match target(options, OutputFormat::TfjsLayersModel) {
            OutputFormat::TfjsLayersModel => {
                let written = tfjs_weights(&weights, &tfjs_options(options)?)?;
                (layers_made(written), OutputFormat::TfjsLayersModel)
            }
            other => return Err(no_model(other).in_file(store.label()).into()),
        },
        Source::Tfjs(model) => from_tfjs(&model, options, &mut summary)?,
        Source::SavedModel => return graph_conversion(store, &format, options),
    };
    let mut conversion = finish(store, summary, made, output, options);
    if !is_model {
        conversion.report.output = "TensorFlow.js weights without a model".to_owned();
        conversion.report.load_with = "tf.io.loadWeights(manifest, 'PATH')".to_owned();
    }
    Ok(conversion)
}

/// The folder that a `.tar.gz` holds; `None` for anything else.
pub(crate) fn unpacked(store: &dyn Store) -> Result<Option<MemoryStore>, Problem> {
    let Format::TarGz(name) = detect(store)? else { return Ok(None) };
    let folder = unpack(store, &name)?;
    match detect(&folder)? {
        Format::TarGz(_) => {
            Err(Problem::unsupported("an archive inside of an archive").in_file(name))
        }
        _ => Ok(Some(folder)),
    }
}

fn graph_conversion(
    store: &dyn Store,
    format: &Format,
    options: &ConvertOptions,
) -> Result<Conversion, Problems> {
    let (made, summary) = from_graph(store, format, options, &tfjs_options(options)?)?;
    Ok(finish(store, summary, made, OutputFormat::TfjsGraphModel, options))
}

/// What no pass has to do with.
fn layers_made(written: Written) -> Made {
    Made { written, passes: Vec::new() }
}

/// The input's format: what its bytes say, held against what the caller said.
pub(crate) fn input_format(
    store: &dyn Store,
    claimed: Option<InputFormat>,
) -> Result<Format, Problem> {
    let found = detect(store)?;
    let Some(claimed) = claimed else { return Ok(found) };
    let agrees = match (claimed, &found) {
        (InputFormat::Keras, Format::Hdf5(_))
        | (InputFormat::KerasKeras, Format::Keras(_) | Format::KerasFolder)
        | (InputFormat::KerasSavedModel | InputFormat::TfSavedModel, Format::SavedModel(_))
        | (InputFormat::TfFrozenModel, Format::FrozenGraph(_))
        | (InputFormat::TfHub, Format::SavedModel(_) | Format::TarGz(_))
        | (InputFormat::TfjsLayersModel | InputFormat::TfjsGraphModel, Format::Tfjs(_)) => true,
        // People call every Keras file `keras`; the bytes tell which it is.
        (InputFormat::Keras, Format::Keras(_) | Format::KerasFolder)
        | (InputFormat::KerasKeras, Format::Hdf5(_)) => true,
        _ => false,
    };
    if agrees {
        return Ok(found);
    }
    Err(Problem::usage("the input is not what --input_format says")
        .in_file(store.label())
        .expected(claimed.name(), describe(&found))
        .hint("leave --input_format out: the bytes tell"))
}

fn describe(format: &Format) -> &'static str {
    match format {
        Format::Hdf5(_) => "an HDF5 file (keras)",
        Format::Keras(_) | Format::KerasFolder => "a .keras model (keras_keras)",
        Format::Tfjs(_) => "a model.json of TensorFlow.js (tfjs_layers_model or tfjs_graph_model)",
        Format::SavedModel(_) => "a SavedModel (tf_saved_model or keras_saved_model)",
        Format::FrozenGraph(_) => "a frozen graph (tf_frozen_model)",
        Format::TarGz(_) => "a .tar.gz (tf_hub)",
    }
}

fn no_model(output: OutputFormat) -> Problem {
    Problem::unsupported("the file holds weights without a model").expected(
        "a whole model, as model.save() writes it",
        format!("weights, which cannot become {}", output.name()),
    )
}

fn target(options: &ConvertOptions, default: OutputFormat) -> OutputFormat {
    options.output_format.unwrap_or(default)
}

fn from_layers(
    model: &LayersModel,
    options: &ConvertOptions,
) -> Result<(Made, OutputFormat), Problems> {
    check_weights(model)?;
    let output = target(options, OutputFormat::TfjsLayersModel);
    let made = match output {
        OutputFormat::TfjsLayersModel => layers_made(tfjs_layers(model, &tfjs_options(options)?)?),
        OutputFormat::Keras | OutputFormat::KerasKeras => {
            return Err(Problem::unsupported("a Keras model is not written as another Keras file")
                .expected("a TensorFlow.js output", output.name())
                .hint("load and save it with Keras")
                .into());
        }
        OutputFormat::TfjsGraphModel => {
            graph::from_layers(model, options, &tfjs_options(options)?)?
        }
        OutputFormat::KerasSavedModel => layers_made(keras_saved_model(model, &ALL)?),
    };
    Ok((made, output))
}

fn from_tfjs(
    model: &TfjsModel,
    options: &ConvertOptions,
    summary: &mut Summary,
) -> Result<(Made, OutputFormat), Problems> {
    let own = match model.json.format {
        tensorferry_tfjs_files::Format::LayersModel => OutputFormat::TfjsLayersModel,
        tensorferry_tfjs_files::Format::GraphModel => OutputFormat::TfjsGraphModel,
    };
    check_claim(model, own, options.input_format)?;
    // The reference turns a layers model into HDF5 unless it is told otherwise; only the faces
    // that take its place do so too.
    let output = target(options, own);
    let made = match output {
        output if output == own => layers_made(tfjs_rewrite(
            &model.json,
            &model.weights,
            &model.assets,
            &tfjs_options(options)?,
        )?),
        _ if own == OutputFormat::TfjsLayersModel => {
            let (layers, more) = model.to_layers()?;
            summary.warnings.extend(more.warnings);
            summary.dropped.extend(more.dropped);
            check_weights(&layers)?;
            match output {
                OutputFormat::Keras => layers_made(keras_h5(&layers)?),
                OutputFormat::KerasKeras => layers_made(keras_v3(&layers)?),
                _ => from_layers(&layers, options)?.0,
            }
        }
        _ => {
            return Err(Problem::unsupported("a graph model has no Keras layers")
                .in_file(&model.file)
                .expected("a layers model", "a graph model")
                .into());
        }
    };
    Ok((made, output))
}

fn check_claim(
    model: &TfjsModel,
    own: OutputFormat,
    claimed: Option<InputFormat>,
) -> Result<(), Problem> {
    let is_wrong = matches!(
        (claimed, own),
        (Some(InputFormat::TfjsLayersModel), OutputFormat::TfjsGraphModel)
            | (Some(InputFormat::TfjsGraphModel), OutputFormat::TfjsLayersModel)
    );
    if !is_wrong {
        return Ok(());
    }
    let claimed = claimed.map_or("", InputFormat::name);
    Err(Problem::usage("the input is not what --input_format says")
        .in_file(&model.file)
        .at("format")
        .expected(claimed, own.name())
        .hint("leave --input_format out: the file tells"))
}

fn tfjs_options(options: &ConvertOptions) -> Result<TfjsOptions, Problem> {
    let quantize = &options.quantize;
    let rules = [
        (CodeType::Float16, &quantize.float16),
        (CodeType::UInt8, &quantize.uint8),
        (CodeType::UInt16, &quantize.uint16),
    ];
    let rules = rules.into_iter().filter_map(|(to, patterns)| Some((to, patterns.clone()?)));
    Ok(TfjsOptions {
        quantize: QuantizeRules::new(rules.collect(), quantize.min_elements)?,
        dequantize: quantize.dequantize,
        weight_files: options.weight_files,
        split_weights_by_layer: options.split_weights_by_layer,
        metadata: options.metadata.clone(),
        clamp: options.clamp,
        allow_unloadable_layers: options.allow_unloadable_layers,
        hashed_names: options.hashed_names,
        converted_by: format!("tensorferry v{}", env!("CARGO_PKG_VERSION")),
    })
}

fn finish(
    store: &dyn Store,
    summary: Summary,
    made: Made,
    output: OutputFormat,
    options: &ConvertOptions,
) -> Conversion {
    let Made { written, passes } = made;
    let Written { package, kept, changed, mut dropped, mut warnings, losses, n_weights } = written;
    dropped.splice(0..0, summary.dropped);
    warnings.splice(0..0, summary.warnings);
    if !matches!(output, OutputFormat::TfjsLayersModel | OutputFormat::TfjsGraphModel) {
        note_ignored(options, &mut warnings);
    }
    let losses = losses.into_iter().map(|loss| WeightLoss {
        name: loss.name,
        dtype: loss.dtype,
        max_abs_error: loss.max_abs,
        rms_error: loss.rms,
    });
    let report = Report {
        input: summary.kind,
        output: output.title().to_owned(),
        kept,
        changed,
        dropped,
        warnings,
        quantization: losses.collect(),
        n_weights,
        input_bytes: input_bytes(store),
        files: package.files().map(|(name, len)| (name.to_owned(), len)).collect(),
        output_bytes: package.byte_len(),
        passes,
        verification: None,
        load_with: output.load_with().to_owned(),
    };
    Conversion { package, report }
}

/// Options that say nothing about a Keras file.
fn note_ignored(options: &ConvertOptions, warnings: &mut Vec<Problem>) {
    let is_quantized = !options.quantize.is_lossless();
    for (is_given, flag) in [
        (is_quantized, "quantization"),
        (options.metadata != Map::new(), "--metadata"),
        (options.split_weights_by_layer, "--split_weights_by_layer"),
    ] {
        if is_given {
            warnings.push(Problem::usage(format!("{flag} has no effect on a Keras file")));
        }
    }
}

/// Bytes of the file that was named and, for folders, of all files in it.
fn input_bytes(store: &dyn Store) -> u64 {
    match store.main() {
        Some(name) if !name.ends_with(".json") => {
            store.open(name).map_or(0, |blob| blob.byte_len())
        }
        _ => store.list().map_or(0, |all| all.iter().map(|entry| entry.byte_len).sum()),
    }
}
