//! `verify`: two models on the same inputs.

use tensorferry::engine::{
    DrawOptions, Engine, EngineOptions, Verification, VerifyOptions, verify,
};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_store::Store;

use crate::engine_args::{DrawArgs, VerifyArgs};
use crate::errors::{self, Outcome};
use crate::print::{self, Table};
use crate::{convert, run};

/// Compares two models.
pub(crate) fn run(args: &VerifyArgs) -> Outcome {
    let mut source = run::load(&args.source, &args.of)?;
    let mut converted = {
        errors::enter("loading the converted model");
        let store = convert::open(&args.converted)?;
        // The format and the signature that were named are the source's.
        let EngineOptions { steps, threads, .. } = run::options(&args.of);
        let options = EngineOptions { steps, threads, ..EngineOptions::default() };
        Engine::load(store.as_ref(), &options)?
    };
    errors::enter("comparing");
    let options = VerifyOptions {
        draw: draw_options(&args.draw)?,
        runs: args.runs,
        tolerance: args.tolerance,
    };
    let found = verify(&mut source, &mut converted, &options)?;
    errors::enter("reporting");
    if args.json {
        let value = serde_json::to_value(&found).unwrap_or_default();
        print::text(&format!("{value:#}\n"))?;
    } else if !errors::is_quiet() {
        print::text(&human(&found))?;
    }
    Ok(judge(&found, &args.converted.to_string_lossy())?)
}

/// What `--seed` and `--shape` say.
pub(crate) fn draw_options(args: &DrawArgs) -> Result<DrawOptions, Problem> {
    let shapes = args.shape.iter().map(|text| run::shape(text)).collect::<Result<_, _>>()?;
    Ok(DrawOptions { seed: args.seed, shapes, is_positive: false })
}

/// Compares a model with what was made of it, before that is put into place.
pub(crate) fn staged(
    source: &dyn Store,
    staged: &dyn Store,
    options: &EngineOptions,
) -> Result<Verification, Problems> {
    let mut source = Engine::load(source, options)?;
    let mut converted = Engine::load(staged, &EngineOptions::default())?;
    verify(&mut source, &mut converted, &VerifyOptions::default())
}

/// An error for every output that is too far away.
pub(crate) fn judge(found: &Verification, file: &str) -> Result<(), Problems> {
    let problems: Vec<Problem> = found
        .outputs
        .iter()
        .filter(|output| !found.is_near(output))
        .map(|output| {
            let problem = Problem::input("the converted model computes something else")
                .in_file(file)
                .at(&output.converted_name);
            match &output.difference.mismatch {
                Some(what) => problem.expected("the same", what),
                None => problem.expected(
                    format!("a difference of at most {}", found.tolerance),
                    print::number(output.difference.worst),
                ),
            }
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// The worst difference of each output.
pub(crate) fn human(found: &Verification) -> String {
    let mut table = Table::new(&["output", ">numbers", ">max abs", ">max rel", ">worst", ""]);
    for output in &found.outputs {
        let difference = &output.difference;
        let verdict = match &difference.mismatch {
            Some(what) => what.clone(),
            None if found.is_near(output) => "same".to_owned(),
            None => "differs".to_owned(),
        };
        table.row(vec![
            output.name.clone(),
            print::count(difference.elements),
            print::number(difference.max_abs),
            print::number(difference.max_rel),
            print::number(difference.worst),
            verdict,
        ]);
    }
    let (runs, tolerance) = (print::plural(found.runs as usize, "input"), found.tolerance);
    format!(
        "{}{runs}; a difference is measured relative to values above one, allowed are {tolerance}\n",
        table.render()
    )
}
