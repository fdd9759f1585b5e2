//! Options of the commands that run models; part of the one list in `args.rs`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::args::FromFormat;

/// What is run, and with which limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArgs {
    /// What the input is [default: its bytes decide]
    #[arg(long, value_name = "FORMAT", ignore_case = true)]
    pub(crate) input_format: Option<FromFormat>,
    /// The signature to run [default: the only one, or serving_default]
    #[arg(long, value_name = "NAME")]
    pub(crate) signature_name: Option<String>,
    /// How many threads compute; the result is the same with any number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) threads: usize,
    /// The most nodes that one run executes: what stops a loop that never ends
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) max_steps: Option<u64>,
    /// The most bytes that the outputs of one node may take
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) max_bytes: Option<u64>,
}

/// Inputs that are made of a seed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Made-up inputs")]
pub(crate) struct DrawArgs {
    /// Where the made-up numbers begin
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The shape of an input, where the model leaves dims open
    ///
    /// Unknown dims are otherwise 2 for the batch, 64 for height and width, 3 for channels and 8
    /// for anything else.
    #[arg(long, value_name = "NAME=DIM,DIM,...")]
    pub(crate) shape: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// The model: anything that converts, or a converted model
    #[arg(value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,
    /// An array for an input: .npy, .npz, .png or .jpg; once for each input
    ///
    /// The name may be left out when the model has one input, and with .npz, whose arrays have
    /// names. Wider numbers than the model's are taken when no value is lost.
    #[arg(long, short, value_name = "[NAME=]FILE")]
    pub(crate) input: Vec<String>,
    /// Write each output to DIR/NAME.npy, with _ for / and :
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,
    /// Compute these outputs, or any nodes, comma-separated [default: all outputs]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) fetch: Vec<String>,
    #[command(flatten)]
    pub(crate) picture: PictureArgs,
    #[command(flatten)]
    pub(crate) class: ClassArgs,
    #[command(flatten)]
    pub(crate) of: ModelArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How pixels become numbers: `(pixel - mean) / scale`, of pixels from 0 to 255.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct PictureArgs {
    /// Subtract this from pixels of 0 to 255: one number, or one for each channel
    #[arg(long, value_name = "X[,X...]", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) mean: Vec<f32>,
    /// Then divide by this: 255 gives 0 to 1; with --mean 127.5, 127.5 gives -1 to 1
    #[arg(long, value_name = "X[,X...]", value_delimiter = ',')]
    pub(crate) scale: Vec<f32>,
    /// Height and width [default: the model's, or the picture's]
    ///
    /// Bilinear between the centers of pixels, as tf.image.resize does.
    #[arg(long, value_name = "HEIGHTxWIDTH")]
    pub(crate) resize: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Classes")]
pub(crate) struct ClassArgs {
    /// Print so many of the highest scores [default: 5 where scores are probabilities]
    #[arg(long, value_name = "K")]
    pub(crate) top: Option<usize>,
    /// Names of the classes: one a line, or a JSON list or object
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) labels: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// The model as it was
    #[arg(value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub(crate) source: PathBuf,
    /// The model that was made of it
    #[arg(value_name = "CONVERTED", value_hint = ValueHint::AnyPath)]
    pub(crate) converted: PathBuf,
    /// The most that two numbers may differ, relative to values above one
    #[arg(long, value_name = "X", default_value_t = 1e-4)]
    pub(crate) tolerance: f64,
    /// How many inputs to try
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    #[command(flatten)]
    pub(crate) draw: DrawArgs,
    #[command(flatten)]
    pub(crate) of: ModelArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// The model: anything that converts, or a converted model
    #[arg(value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,
    /// How many runs are measured
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// How many runs before them are not
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) warmup: u32,
    #[command(flatten)]
    pub(crate) draw: DrawArgs,
    #[command(flatten)]
    pub(crate) of: ModelArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
