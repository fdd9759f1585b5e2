//! `tensorflowjs_converter`: the reference's command line, minus its bugs.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use serde_json::{Map, Value};
use tensorferry_diagnostics::Problem;

use crate::args::{CommonArgs, ConvertArgs, FromFormat, ToFormat, format_name};
use crate::errors::Outcome;
use crate::personality::{self, CONVERTER};
use crate::{convert, normalize, print};

/// The version of the reference that this command line is that of.
const REFERENCE_VERSION: &str = "4.22.0";
/// A metadata file is JSON, and JSON has a limit everywhere in this project.
const METADATA_LEN_MAX: u64 = 256 << 20;

struct Converter {
    common: CommonArgs,
    convert: ConvertArgs,
    show_version: bool,
}

impl FromArgMatches for Converter {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            common: CommonArgs::from_arg_matches(matches)?,
            convert: ConvertArgs::from_arg_matches(matches)?,
            show_version: matches.get_flag("show_version"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The reference's command: the options of `convert`, spelt with `_`.
pub(crate) fn command() -> Command {
    let command = Command::new(CONVERTER).disable_version_flag(true).arg(
        clap::Arg::new("show_version")
            .long("version")
            .short('v')
            .help("Print version")
            .action(clap::ArgAction::SetTrue),
    );
    let command = ConvertArgs::augment_args(CommonArgs::augment_args(command));
    let about = "Converts TensorFlow and Keras models for TensorFlow.js, without TensorFlow";
    // The groups of options have words of their own, which are not the program's.
    let command = command.about(about).long_about(about);
    command.mut_args(|arg| match arg.get_long() {
        Some(long) if long.contains('-') => {
            let spelt = long.replace('-', "_");
            arg.long(spelt)
        }
        _ => arg,
    })
}

/// Runs `tensorflowjs_converter` with the arguments after its name.
pub(crate) fn run(args: Vec<OsString>) -> Outcome {
    let mut command = command();
    command.build();
    let mut argv = vec![OsString::from(CONVERTER)];
    argv.extend(normalize::normalize(&command, args, 2)?);
    let Some(mut converter) = personality::parse_with::<Converter>(command, argv)? else {
        return Ok(());
    };
    personality::apply(&converter.common);
    if converter.show_version {
        let ours = env!("CARGO_PKG_VERSION");
        return print::text(&format!(
            "\ntensorflowjs {REFERENCE_VERSION}\n\nDependency versions:\n  tensorferry {ours}\n"
        ));
    }
    let formats = &mut converter.convert.formats;
    if formats.input_format.is_none()
        && converter.convert.input_path.as_deref().is_some_and(is_saved_model)
    {
        formats.input_format = Some(FromFormat::TfSavedModel);
    }
    convert::run(&converter.convert)
}

/// What the reference takes for the input when no format is given. Where that cannot be, the
/// input's bytes decide.
fn is_saved_model(path: &Path) -> bool {
    path.join("saved_model.pb").is_file() || path.join("saved_model.pbtxt").is_file()
}

/// What the reference makes of an input when no output format is given.
fn natural_output(input: FromFormat) -> ToFormat {
    match input {
        FromFormat::Keras | FromFormat::KerasKeras | FromFormat::KerasSavedModel => {
            ToFormat::TfjsLayersModel
        }
        FromFormat::TfSavedModel
        | FromFormat::TfFrozenModel
        | FromFormat::TfHub
        | FromFormat::TfjsGraphModel => ToFormat::TfjsGraphModel,
        FromFormat::TfjsLayersModel => ToFormat::Keras,
    }
}

/// The reference's checks of its arguments, in its order and with the words that people search
/// for; but all of them, not the first. Gives the metadata.
pub(crate) fn check(args: &ConvertArgs) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = Vec::new();
    for (path, name) in [(&args.input_path, "input_path"), (&args.output_path, "output_path")] {
        if path.as_deref().is_none_or(|path| path.as_os_str().is_empty()) {
            let what = format!("Missing {name} argument. For usage, use the --help flag.");
            problems.push(Problem::usage(what));
        }
    }
    let input = args.formats.input_format;
    let output = args.formats.output_format.or(input.map(natural_output));
    problems.extend(check_shards(args, output));
    problems.extend(check_quantization(args));
    problems.extend(check_graph(args, input, output));
    let metadata = match args.metadata() {
        Ok(metadata) => metadata,
        Err(problem) => {
            problems.push(problem);
            Map::new()
        }
    };
    if problems.is_empty() { Ok(metadata) } else { Err(problems) }
}

fn check_shards(args: &ConvertArgs, output: Option<ToFormat>) -> Option<Problem> {
    let size = args.weights.weight_shard_size_bytes?;
    let is_tfjs =
        matches!(output, None | Some(ToFormat::TfjsLayersModel | ToFormat::TfjsGraphModel));
    if !is_tfjs {
        return Some(Problem::usage(
            "The --weight_shard_size_bytes flag is only supported when output_format is \
             tfjs_layers_model or tfjs_graph_model.",
        ));
    }
    (size <= 0).then(|| {
        Problem::usage(format!(
            "Expected weight_shard_size_bytes to be a positive integer, but got {size}"
        ))
    })
}

fn check_quantization(args: &ConvertArgs) -> Vec<Problem> {
    let mut problems = Vec::new();
    let quantize = &args.quantize;
    let lists = [&quantize.quantize_float16, &quantize.quantize_uint8, &quantize.quantize_uint16];
    if quantize.quantization_bytes.is_some() && lists.iter().any(|list| list.is_some()) {
        let what = "--quantization_bytes cannot be used with the new quantization flags";
        problems.push(Problem::usage(what));
    }
    if lists.iter().filter(|list| matches!(list, Some(None))).count() > 1 {
        let what = "More than one quantization fallthrough provided, exactly one is supported";
        problems
            .push(Problem::usage(what).hint("give all but one of the flags a list of patterns"));
    }
    problems
}

fn check_graph(
    args: &ConvertArgs,
    input: Option<FromFormat>,
    output: Option<ToFormat>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let graph = &args.graph;
    let has_names = graph.output_node_names.as_deref().is_some_and(|names| !names.is_empty());
    if input == Some(FromFormat::TfFrozenModel) && !has_names {
        let what = "The --output_node_names flag is required for \"tf_frozen_model\"";
        problems.push(Problem::usage(what));
    }
    let takes_signature =
        matches!(input, None | Some(FromFormat::TfSavedModel | FromFormat::TfHub));
    if let (Some(input), false) = (input, takes_signature)
        && graph.signature_name.as_deref().is_some_and(|name| !name.is_empty())
    {
        problems.push(Problem::usage(format!(
            "The --signature_name flag is applicable only to \"tf_saved_model\" and \"tf_hub\" \
             input format, but the current input format is \"{}\".",
            format_name(input)
        )));
    }
    if let Some(output) = output
        && graph.control_flow_v2 == Some(true)
        && output != ToFormat::TfjsGraphModel
    {
        problems.push(Problem::usage(format!(
            "The --control_flow_v2 flag is applicable only to \"tfjs_graph_model\" as output \
             format, but the current output format is \"{}\"",
            format_name(output)
        )));
    }
    problems
}

impl ConvertArgs {
    /// Reads the files that `--metadata` names.
    fn metadata(&self) -> Result<Map<String, Value>, Problem> {
        let mut metadata = Map::new();
        for item in self.extra.metadata.iter().flat_map(|list| list.split(',')) {
            if item.is_empty() {
                continue;
            }
            // At the first colon: Windows paths have one more.
            let (key, path) = item
                .split_once(':')
                .filter(|(key, path)| !key.is_empty() && !path.is_empty())
                .ok_or_else(|| {
                    Problem::usage("is no metadata")
                        .at("--metadata")
                        .expected("`key:path/file.json`", format!("`{item}`"))
                })?;
            metadata.insert(key.to_owned(), read_json(path)?);
        }
        Ok(metadata)
    }
}

fn read_json(path: &str) -> Result<Value, Problem> {
    let meta = fs::metadata(path)
        .map_err(|e| Problem::usage(format!("metadata cannot be read: {e}")).in_file(path))?;
    if !meta.is_file() || meta.len() > METADATA_LEN_MAX {
        return Err(Problem::usage("metadata is not a JSON file of at most 256 MiB").in_file(path));
    }
    let text = fs::read(path)
        .map_err(|e| Problem::usage(format!("metadata cannot be read: {e}")).in_file(path))?;
    serde_json::from_slice(&text).map_err(|e| {
        Problem::usage(format!(
            "Loading metadata error: the path is expected to contain valid JSON content, but \
             cannot read valid JSON content from {path}."
        ))
        .hint(e.to_string())
    })
}
