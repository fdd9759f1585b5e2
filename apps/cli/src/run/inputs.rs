//! `--input`: files as tensors for the model's inputs.

use std::path::Path;

use bytes::Bytes;
use tensorferry::engine::{Engine, TensorSpec};
use tensorferry::{Arrays, PictureOptions, is_picture, read_arrays, read_picture};
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_disk::open_input;
use tensorferry_store::read_all;
use tensorferry_tensor::DenseTensor;

use crate::engine_args::PictureArgs;

type Named = (String, DenseTensor);

/// The tensors that the arguments name.
pub(crate) fn read(
    engine: &Engine,
    args: &[String],
    picture: &PictureArgs,
) -> Result<Vec<Named>, Problems> {
    let picture = picture_options(picture)?;
    let mut named = Vec::new();
    let mut problems = Vec::new();
    for arg in args {
        let (name, file) = split(engine, arg);
        match one(engine, name, file, &picture) {
            Ok(tensors) => named.extend(tensors),
            Err(problem) => problems.push(problem.in_file(file)),
        }
    }
    if problems.is_empty() { Ok(named) } else { Err(Problems(problems)) }
}

/// What is before `=` is a name, unless there is a file of the whole name.
fn split<'a>(engine: &Engine, arg: &'a str) -> (Option<&'a str>, &'a str) {
    match arg.split_once('=') {
        Some((name, file)) => {
            let is_input = engine.inputs().iter().any(|input| input.name == name);
            if !is_input && Path::new(arg).exists() { (None, arg) } else { (Some(name), file) }
        }
        None => (None, arg),
    }
}

fn one(
    engine: &Engine,
    name: Option<&str>,
    file: &str,
    picture: &PictureOptions,
) -> Result<Vec<Named>, Problem> {
    let bytes = bytes_of(file)?;
    if is_picture(&bytes) {
        let spec = spec(engine, name)?;
        return Ok(vec![(spec.name.clone(), read_picture(&bytes, spec, picture)?)]);
    }
    match read_arrays(&bytes)? {
        Some(Arrays::One(tensor)) => Ok(vec![(spec(engine, name)?.name.clone(), tensor)]),
        Some(Arrays::Named(all)) => match (name, <[Named; 1]>::try_from(all)) {
            (None, Ok([only])) => Ok(vec![match engine.inputs() {
                [spec] => (spec.name.clone(), only.1),
                _ => only,
            }]),
            (Some(_), Ok([only])) => Ok(vec![(spec(engine, name)?.name.clone(), only.1)]),
            (None, Err(all)) => Ok(all),
            (Some(name), Err(all)) => {
                let found = all.into_iter().find(|(own, _)| own == name);
                let what = format!("there are several arrays, and none is called `{name}`");
                found.map(|one| vec![one]).ok_or_else(|| Problem::usage(what))
            }
        },
        None => Err(Problem::input("the file is no .npy, .npz, .png or .jpg")),
    }
}

/// The input that a file is for.
fn spec<'a>(engine: &'a Engine, name: Option<&str>) -> Result<&'a TensorSpec, Problem> {
    let names = || {
        let names: Vec<&str> = engine.inputs().iter().map(|input| input.name.as_str()).collect();
        format!("the model's inputs: {}", names.join(", "))
    };
    match (name, engine.inputs()) {
        (Some(name), all) => all.iter().find(|spec| spec.name == name).ok_or_else(|| {
            Problem::usage(format!("the model has no input `{name}`")).hint(names())
        }),
        (None, [only]) => Ok(only),
        (None, all) => {
            let what = format!("which of the model's {} inputs is it for?", all.len());
            Err(Problem::usage(what).hint(format!("write NAME=FILE; {}", names())))
        }
    }
}

fn bytes_of(file: &str) -> Result<Bytes, Problem> {
    let store = open_input(Path::new(file))?;
    let main = store.main().ok_or_else(|| Problem::usage("is a folder, and not an array"))?;
    let problem = |e: &dyn std::fmt::Display| Problem::new(Kind::Environment, e.to_string());
    let blob = store.open(main).map_err(|e| problem(&e))?;
    read_all(blob.as_ref()).map_err(|e| problem(&e))
}

fn picture_options(args: &PictureArgs) -> Result<PictureOptions, Problem> {
    let size = |text: &str| {
        let (height, width) = text.split_once(['x', 'X', ','])?;
        Some((height.trim().parse().ok()?, width.trim().parse().ok()?))
    };
    let wrong = |text: &str| {
        Problem::usage(format!("`--resize {text}` is no size")).hint("write it as --resize 224x224")
    };
    let size = args.resize.as_deref().map(|text| size(text).ok_or_else(|| wrong(text)));
    Ok(PictureOptions {
        mean: args.mean.clone(),
        scale: args.scale.clone(),
        size: size.transpose()?,
    })
}
