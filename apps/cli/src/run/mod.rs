//! `run`: computes a model on arrays from files.

mod classes;
mod inputs;

use std::path::Path;

use serde_json::{Value, json};
use tensorferry::engine::{Engine, EngineOptions};
use tensorferry_diagnostics::Problem;
use tensorferry_disk::{WriteOptions, write_package};
use tensorferry_tensor::DenseTensor;

use crate::convert;
use crate::engine_args::{ModelArgs, RunArgs};
use crate::errors::{self, Failure, Outcome};
use crate::print;

/// Runs a model once.
pub(crate) fn run(args: &RunArgs) -> Outcome {
    let labels = args.class.labels.as_deref().map(classes::labels).transpose()?;
    let mut engine = load(&args.model, &args.of)?;
    errors::enter("reading the inputs");
    let inputs = inputs::read(&engine, &args.input, &args.picture)?;
    errors::enter("running the model");
    let outputs = engine.run(&inputs, &args.fetch)?;
    let files = match &args.output {
        Some(folder) => write(folder, &args.model, &outputs)?,
        None => Vec::new(),
    };
    errors::enter("reporting");
    let found = classes::find(&outputs, &args.class, labels.as_deref())?;
    if args.json {
        let value = json!({
            "model": engine.kind(),
            "inputs": inputs.iter().map(as_json).collect::<Vec<_>>(),
            "outputs": outputs.iter().map(as_json).collect::<Vec<_>>(),
            "classes": found.iter().map(classes::Classes::as_json).collect::<Vec<_>>(),
            "files": files,
        });
        return print::text(&format!("{value:#}\n"));
    }
    if errors::is_quiet() {
        return Ok(());
    }
    let mut text = print::tensors::table("output", &outputs, &files);
    found.iter().for_each(|classes| text.push_str(&classes.human()));
    print::text(&text)
}

/// Opens and plans a model.
pub(crate) fn load(path: &Path, args: &ModelArgs) -> Result<Engine, Failure> {
    errors::enter("opening the input");
    let store = convert::open(path)?;
    errors::enter("loading the model");
    let engine = Engine::load(store.as_ref(), &options(args))?;
    errors::warn(engine.warnings());
    Ok(engine)
}

/// What the engine is to know of the arguments.
pub(crate) fn options(args: &ModelArgs) -> EngineOptions {
    let default = EngineOptions::default();
    EngineOptions {
        input_format: args.input_format.map(Into::into),
        signature: args.signature_name.clone(),
        steps: args.max_steps.unwrap_or(default.steps),
        bytes: args.max_bytes.unwrap_or(default.bytes),
        threads: args.threads.max(1),
    }
}

fn write(
    folder: &Path,
    model: &Path,
    outputs: &[(String, DenseTensor)],
) -> Result<Vec<String>, Failure> {
    errors::enter("writing the outputs");
    let package = tensorferry::npy_folder(outputs);
    let options = WriteOptions { input: Some(model), ..WriteOptions::default() };
    let written = write_package(&package, folder, &options)?;
    errors::warn(&written.warnings);
    Ok(written.files.iter().map(|(name, _)| folder.join(name).display().to_string()).collect())
}

fn as_json((name, tensor): &(String, DenseTensor)) -> Value {
    let range = print::tensors::Range::of(tensor);
    json!({
        "name": name,
        "dtype": tensor.dtype().name(),
        "shape": tensor.shape(),
        "min": range.as_ref().map(|range| range.min),
        "max": range.as_ref().map(|range| range.max),
        "mean": range.as_ref().map(|range| range.mean),
    })
}

/// `NAME=1,224,224,3`.
pub(crate) fn shape(text: &str) -> Result<(String, Vec<usize>), Problem> {
    let wrong = || {
        Problem::usage(format!("`--shape {text}` is no shape"))
            .hint("write it as --shape NAME=1,224,224,3")
    };
    let (name, dims) = text.rsplit_once('=').ok_or_else(wrong)?;
    let dims: Option<Vec<usize>> = match dims.trim() {
        "" => Some(Vec::new()),
        dims => dims.split(',').map(|dim| dim.trim().parse().ok()).collect(),
    };
    Ok((name.to_owned(), dims.ok_or_else(wrong)?))
}
