//! The one list of options: parsing, help, man page, completions and `docs/flags.md` read it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use tensorferry::{InputFormat, OutputFormat};

use crate::engine_args::{BenchArgs, RunArgs, VerifyArgs};

/// Converts TensorFlow and Keras models for the web, without TensorFlow.
#[derive(Debug, Parser)]
#[command(
    name = "tensorferry",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Called as `tensorflowjs_converter` or `tensorflowjs_wizard` (see `tensorferry \
                  aliases`), or with one of these as the first argument, it takes their arguments."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommonArgs {
    /// Say nothing but errors
    #[arg(long, short, global = true, help_heading = "Words")]
    pub(crate) quiet: bool,
    /// When to use colors
    #[arg(
        long,
        global = true,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Words"
    )]
    pub(crate) color: Color,
    /// How to print errors
    ///
    /// `json` gives one object a line with `kind`, `file`, `field`, `what`, `expected`, `found`
    /// and `hint`.
    #[arg(
        long,
        global = true,
        default_value = "human",
        value_name = "FORMAT",
        help_heading = "Words"
    )]
    pub(crate) error_format: ErrorFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert a model
    ///
    /// The input's own bytes say what it is. A Keras or TensorFlow model becomes a TensorFlow.js
    /// model, a TensorFlow.js model becomes what the output path's ending or `--output-format`
    /// says. The output path then holds the complete result, or is as it was before.
    Convert(Box<ConvertArgs>),
    /// Show what is inside a model
    Inspect(InspectArgs),
    /// Run a model on arrays
    ///
    /// Graph models of TensorFlow.js run as they are, anything else as what it converts to.
    /// Numbers are TensorFlow's: no TensorFlow is needed.
    Run(Box<RunArgs>),
    /// Run two models on the same made-up inputs, and compare
    ///
    /// Refused (exit code 2) when an output differs by more than the tolerance.
    Verify(Box<VerifyArgs>),
    /// Measure how long a model takes
    Bench(Box<BenchArgs>),
    /// Answer questions, get a conversion
    Wizard(WizardArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Set up the names `tensorflowjs_converter` and `tensorflowjs_wizard`
    Aliases {
        /// Make links in this folder; without it, say how to
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        install: Option<PathBuf>,
    },
}

/// What a conversion can be asked. The names and meanings of `tensorflowjs_converter` are kept;
/// `_` and `-` are the same in them.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConvertArgs {
    /// The model: a file, a SavedModel folder, or an address on a hub
    #[arg(value_name = "INPUT_PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) input_path: Option<PathBuf>,
    /// Where the result goes: a folder for TensorFlow.js, a file for `.h5` and `.keras`
    #[arg(value_name = "OUTPUT_PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) output_path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) weights: WeightArgs,
    #[command(flatten)]
    pub(crate) quantize: QuantizeArgs,
    #[command(flatten)]
    pub(crate) graph: GraphArgs,
    #[command(flatten)]
    pub(crate) extra: ExtraArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Formats")]
pub(crate) struct FormatArgs {
    /// What the input is [default: its bytes decide]
    ///
    /// `tensorflowjs_converter` takes a SavedModel folder for `tf_saved_model` when this is
    /// absent, as ever.
    #[arg(long, value_name = "FORMAT", ignore_case = true)]
    pub(crate) input_format: Option<FromFormat>,
    /// What to make of it [default: the natural one for the input]
    #[arg(long, value_name = "FORMAT", ignore_case = true)]
    pub(crate) output_format: Option<ToFormat>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Weights and layers")]
pub(crate) struct WeightArgs {
    /// Cut the weights into files of this many bytes [default: 4194304]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) weight_shard_size_bytes: Option<i64>,
    /// Write all weights into exactly one file, of any size
    #[arg(long, conflicts_with = "weight_shard_size_bytes")]
    pub(crate) single_file: bool,
    /// Write each layer's weights into files of their own
    #[arg(long)]
    pub(crate) split_weights_by_layer: bool,
    /// Put content hashes into the names of weight files
    ///
    /// `model.json` then also states size and SHA-256 of each file, in a field that TensorFlow.js
    /// ignores. For servers and caches that may mix two versions of a model.
    #[arg(long)]
    pub(crate) hashed_names: bool,
    /// Saturate numbers that do not fit, instead of refusing
    #[arg(long)]
    pub(crate) clamp: bool,
    /// Write layers that TensorFlow.js cannot load instead of refusing
    ///
    /// For pages that register classes of their own for them.
    #[arg(long)]
    pub(crate) allow_unloadable_layers: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Quantization")]
pub(crate) struct QuantizeArgs {
    /// Store weights as float16: all, or those that match
    ///
    /// PATTERNS is a comma-separated list of globs; `*` also matches `/`. Without it: all weights
    /// that no other list names.
    #[arg(long, value_name = "PATTERNS", require_equals = true, num_args = 0..=1)]
    pub(crate) quantize_float16: Option<Option<String>>,
    /// Store weights as 8-bit codes: all, or those that match
    #[arg(long, value_name = "PATTERNS", require_equals = true, num_args = 0..=1)]
    pub(crate) quantize_uint8: Option<Option<String>>,
    /// Store weights as 16-bit codes: all, or those that match
    #[arg(long, value_name = "PATTERNS", require_equals = true, num_args = 0..=1)]
    pub(crate) quantize_uint16: Option<Option<String>>,
    /// Deprecated: 1 is --quantize-uint8, 2 is --quantize-uint16
    #[arg(
        long,
        hide_short_help = true,
        value_name = "1|2",
        value_parser = clap::value_parser!(u8).range(1..=2),
    )]
    pub(crate) quantization_bytes: Option<u8>,
    /// Leave small weights and those with one dimension as they are
    #[arg(long, value_name = "N")]
    pub(crate) quantize_min_elements: Option<u64>,
    /// Store weights that come quantized as float32
    #[arg(long)]
    pub(crate) dequantize: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TensorFlow graphs")]
pub(crate) struct GraphArgs {
    /// The signature to convert (tf_saved_model, tf_hub)
    #[arg(long, value_name = "NAME")]
    pub(crate) signature_name: Option<String>,
    /// The tags of the meta graph, comma-separated, in any order
    #[arg(long, value_name = "TAGS", default_value = "serve")]
    pub(crate) saved_model_tags: String,
    /// The output nodes, comma-separated (needed for tf_frozen_model)
    ///
    /// NODE or NODE:1, of the graph as it is stored or with its calls inlined. Any graph can be cut
    /// so: at a layer in the middle, or before ops that TensorFlow.js does not run.
    #[arg(long, value_name = "NAMES")]
    pub(crate) output_node_names: Option<String>,
    /// Nodes that become the inputs, comma-separated; what lies before them is left out
    #[arg(long, hide_short_help = true, value_name = "NAMES")]
    pub(crate) input_node_names: Option<String>,
    /// Convert ops that TensorFlow.js does not know
    #[arg(long)]
    pub(crate) skip_op_check: bool,
    /// Remove Print, Assert and CheckNumerics
    #[arg(
        long,
        value_name = "BOOL",
        hide_possible_values = true,
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set,
    )]
    pub(crate) strip_debug_ops: bool,
    /// Name the outputs as the function's structured outputs
    #[arg(long, hide_short_help = true, value_name = "BOOL", hide_possible_values = true, default_value = "false", default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub(crate) use_structured_outputs_names: bool,
    /// Keep If and While as ops [default: true]
    ///
    /// `false` gives the ops of TensorFlow 1 (Switch, Merge, Enter, Exit, NextIteration), as
    /// `tensorflowjs_converter` does unless told otherwise; TensorFlow.js fails on some of them.
    #[arg(
        long,
        value_name = "BOOL",
        hide_possible_values = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set,
    )]
    pub(crate) control_flow_v2: Option<bool>,
    /// Accepted for compatibility; changes nothing
    #[arg(long, hide_short_help = true, value_name = "BOOL", hide_possible_values = true, default_value = "false", default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub(crate) experiments: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Result")]
pub(crate) struct ExtraArgs {
    /// Attach JSON files as user-defined metadata
    #[arg(long, value_name = "KEY:FILE,...")]
    pub(crate) metadata: Option<String>,
    /// Compare what the model and the result compute
    ///
    /// Both run on the same made-up inputs; a result that differs by more than 1e-4 is refused.
    /// Quantized results are compared and never refused: how much they may lose is for the user.
    #[arg(long, conflicts_with = "no_verify")]
    pub(crate) verify: bool,
    /// Do not read the result back before it is put into place
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Do not wait until the result is on the disk: faster, but a loss of power may take it
    #[arg(long)]
    pub(crate) no_sync: bool,
    /// Say what each pass over the graph did, and what it would not do and why
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print the closing report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InspectArgs {
    /// The model: a file, or the folder of a SavedModel
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// What the input is [default: its bytes decide]
    #[arg(long, value_name = "FORMAT", ignore_case = true)]
    pub(crate) input_format: Option<FromFormat>,
    /// Also give the smallest, largest and mean value of each weight
    #[arg(long)]
    pub(crate) stats: bool,
    /// Print the values of this weight
    #[arg(long, value_name = "NAME")]
    pub(crate) weight: Option<String>,
    /// Print the stored bytes beside the numbers (little-endian)
    ///
    /// Of the weight named by --weight, or of the beginning of each.
    #[arg(long)]
    pub(crate) hex: bool,
    /// Print all values, not only the first
    #[arg(long, requires = "weight")]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WizardArgs {
    /// Print the command and do not run it
    #[arg(long)]
    pub(crate) dryrun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// When the output is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ErrorFormat {
    /// One line for people
    Human,
    /// One JSON object a line
    Json,
}

/// Names of input formats. The aliases are what tutorials write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum FromFormat {
    /// HDF5: a whole model or weights only
    #[value(aliases = ["h5", "hdf5", "keras_h5", "keras_hdf5", "keras_model"])]
    Keras,
    /// The `.keras` archive
    #[value(aliases = ["keras_v3", "keras3", "keras_archive"])]
    KerasKeras,
    /// A SavedModel folder that Keras 2 wrote
    #[value(aliases = ["keras_savedmodel"])]
    KerasSavedModel,
    /// Any SavedModel folder
    #[value(aliases = ["saved_model", "savedmodel", "tf_savedmodel", "tf", "tensorflow"])]
    TfSavedModel,
    /// A frozen GraphDef
    #[value(aliases = ["frozen_model", "frozen", "tf_frozen", "pb"])]
    TfFrozenModel,
    /// A TensorFlow Hub module
    #[value(aliases = ["hub", "tfhub", "tf_hub_module"])]
    TfHub,
    /// `model.json` with Keras layers
    #[value(aliases = ["tfjs", "tensorflowjs", "layers_model", "tfjs_layers"])]
    TfjsLayersModel,
    /// `model.json` with a TensorFlow graph
    #[value(aliases = ["graph_model", "tfjs_graph"])]
    TfjsGraphModel,
}

/// Names of output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ToFormat {
    /// For `tf.loadLayersModel`
    #[value(aliases = ["tfjs", "layers_model", "tfjs_layers"])]
    TfjsLayersModel,
    /// For `tf.loadGraphModel`
    #[value(aliases = ["graph_model", "tfjs_graph"])]
    TfjsGraphModel,
    /// One HDF5 file
    #[value(aliases = ["h5", "hdf5", "keras_h5", "keras_hdf5"])]
    Keras,
    /// One `.keras` file
    #[value(aliases = ["keras_v3", "keras3", "keras_archive"])]
    KerasKeras,
    /// A SavedModel folder
    #[value(aliases = ["keras_savedmodel"])]
    KerasSavedModel,
}

/// The name by which a format is typed.
pub(crate) fn format_name(format: impl ValueEnum) -> String {
    let value = format.to_possible_value().expect("no format is skipped");
    value.get_name().to_owned()
}

impl From<FromFormat> for InputFormat {
    fn from(format: FromFormat) -> Self {
        match format {
            FromFormat::Keras => Self::Keras,
            FromFormat::KerasKeras => Self::KerasKeras,
            FromFormat::KerasSavedModel => Self::KerasSavedModel,
            FromFormat::TfSavedModel => Self::TfSavedModel,
            FromFormat::TfFrozenModel => Self::TfFrozenModel,
            FromFormat::TfHub => Self::TfHub,
            FromFormat::TfjsLayersModel => Self::TfjsLayersModel,
            FromFormat::TfjsGraphModel => Self::TfjsGraphModel,
        }
    }
}

impl From<ToFormat> for OutputFormat {
    fn from(format: ToFormat) -> Self {
        match format {
            ToFormat::TfjsLayersModel => Self::TfjsLayersModel,
            ToFormat::TfjsGraphModel => Self::TfjsGraphModel,
            ToFormat::Keras => Self::Keras,
            ToFormat::KerasKeras => Self::KerasKeras,
            ToFormat::KerasSavedModel => Self::KerasSavedModel,
        }
    }
}
