//! `convert`: opens the input, asks the library, writes the result, says what was done.

use std::cell::RefCell;
use std::path::Path;

use tensorferry::engine::EngineOptions;
use tensorferry::{
    Conversion, ConvertOptions, GraphOptions, Patterns, QuantizeOptions, Report, WeightFiles,
};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_disk::{WriteOptions, Written, open_input, write_package};
use tensorferry_hub::{Download, Options as HubOptions, is_handle, resolve};
use tensorferry_store::Store;

use crate::args::{ConvertArgs, ExtraArgs, GraphArgs, QuantizeArgs, ToFormat, WeightArgs};
use crate::errors::{self, Outcome};
use crate::legacy;
use crate::print;
use crate::progress::Progress;
use crate::verify;

/// The reference's default.
const SHARD_LEN: u64 = 4 << 20;

/// Runs a conversion.
pub(crate) fn run(args: &ConvertArgs) -> Outcome {
    let metadata = legacy::check(args).map_err(Problems)?;
    if args.quantize.quantization_bytes.is_some() {
        errors::warn(&[Problem::usage("--quantization_bytes is deprecated")
            .hint("use --quantize_uint8, --quantize_uint16 or --quantize_float16")]);
    }
    let (Some(input), Some(output)) = (&args.input_path, &args.output_path) else {
        unreachable!("`check` refuses a missing path")
    };
    let options = ConvertOptions { metadata, ..options(args, output) };
    let report = convert(input, output, &options, &args.extra)?;
    if args.extra.json {
        return print::text(&print::report::json(&report, output));
    }
    if errors::is_quiet() {
        return Ok(());
    }
    print::text(&print::report::human(&report, input, output))
}

/// Converts what lies at `input` into `output`.
pub(crate) fn convert(
    input: &Path,
    output: &Path,
    options: &ConvertOptions,
    extra: &ExtraArgs,
) -> Result<Report, Problems> {
    errors::enter("opening the input");
    let store = open(input)?;
    errors::enter("converting");
    let progress = Progress::new("converting");
    let Conversion { package, mut report } = tensorferry::convert(store.as_ref(), options)?;
    drop(progress);
    errors::enter("writing the result");
    let progress = Progress::with_total("writing", package.byte_len());
    let verification = RefCell::new(None);
    let check = |staged: &dyn Store| {
        errors::enter("checking the result");
        tensorferry::check(staged)?;
        if extra.verify {
            let found = verify::staged(store.as_ref(), staged, &engine_options(options))?;
            if options.quantize.is_lossless() {
                verify::judge(&found, &output.to_string_lossy())?;
            }
            verification.replace(Some(found));
        }
        Ok(())
    };
    let write = WriteOptions {
        input: Some(input),
        check: (!extra.no_verify).then_some(&check),
        is_unsynced: extra.no_sync,
        progress: Some(&|n_bytes| progress.set(n_bytes)),
    };
    let Written { files, warnings, path: _ } = write_package(&package, output, &write)?;
    drop(progress);
    errors::enter("reporting");
    report.files = files;
    report.verification = verification.into_inner();
    report.warnings.extend(warnings);
    errors::warn(&report.warnings);
    Ok(report)
}

/// The source is run as what it is converted as.
fn engine_options(options: &ConvertOptions) -> EngineOptions {
    EngineOptions {
        input_format: options.input_format,
        signature: options.signature_name.clone(),
        ..EngineOptions::default()
    }
}

/// Opens what the user named: a path, or the handle of a model on a hub.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Store>, Problem> {
    let handle = path.to_string_lossy();
    if !is_handle(&handle) {
        return open_input(path);
    }
    errors::enter("downloading the model");
    let progress = Progress::with_total("downloading", 0);
    let found = resolve(&handle, &HubOptions::default(), &|n_bytes| progress.set(n_bytes))?;
    drop(progress);
    if let Some(download) = &found.download {
        let Download { url, n_bytes, sha256 } = download;
        errors::note(&format!("downloaded {url}: {n_bytes} bytes, sha256 {sha256}"));
    }
    open_input(&found.folder)
}

fn options(args: &ConvertArgs, output: &Path) -> ConvertOptions {
    let formats = &args.formats;
    ConvertOptions {
        input_format: formats.input_format.map(Into::into),
        output_format: formats.output_format.or_else(|| by_ending(output)).map(Into::into),
        quantize: quantize_options(&args.quantize),
        weight_files: weight_files(&args.weights),
        split_weights_by_layer: args.weights.split_weights_by_layer,
        allow_unloadable_layers: args.weights.allow_unloadable_layers,
        clamp: args.weights.clamp,
        hashed_names: args.weights.hashed_names,
        signature_name: args.graph.signature_name.clone().filter(|name| !name.is_empty()),
        saved_model_tags: tags(&args.graph.saved_model_tags),
        graph: graph_options(&args.graph, &args.extra),
        ..ConvertOptions::default()
    }
}

fn graph_options(args: &GraphArgs, extra: &ExtraArgs) -> GraphOptions {
    let names = |list: &Option<String>| tags(list.as_deref().unwrap_or_default());
    GraphOptions {
        output_node_names: names(&args.output_node_names),
        input_node_names: names(&args.input_node_names),
        control_flow_v2: args.control_flow_v2.unwrap_or(true),
        skip_op_check: args.skip_op_check,
        strip_debug_ops: args.strip_debug_ops,
        structured_outputs: args.use_structured_outputs_names,
        verify: !extra.no_verify,
        explain: extra.explain,
        ..GraphOptions::default()
    }
}

/// A path that ends like a Keras file asks for one.
fn by_ending(output: &Path) -> Option<ToFormat> {
    match output.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "h5" | "hdf5" => Some(ToFormat::Keras),
        "keras" => Some(ToFormat::KerasKeras),
        _ => None,
    }
}

fn tags(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn weight_files(args: &WeightArgs) -> WeightFiles {
    if args.single_file {
        return WeightFiles::Single;
    }
    let size = args.weight_shard_size_bytes.and_then(|size| u64::try_from(size).ok());
    WeightFiles::Shards(size.unwrap_or(SHARD_LEN))
}

fn quantize_options(args: &QuantizeArgs) -> QuantizeOptions {
    let patterns = |list: &Option<Option<String>>| {
        list.as_ref().map(|list| match list {
            None => Patterns::AllOthers,
            Some(globs) => Patterns::Globs(globs.split(',').map(str::to_owned).collect()),
        })
    };
    let all = |n_bytes| (args.quantization_bytes == Some(n_bytes)).then_some(Patterns::AllOthers);
    QuantizeOptions {
        float16: patterns(&args.quantize_float16),
        uint8: patterns(&args.quantize_uint8).or(all(1)),
        uint16: patterns(&args.quantize_uint16).or(all(2)),
        min_elements: args.quantize_min_elements,
        dequantize: args.dequantize,
    }
}
