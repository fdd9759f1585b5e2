//! Which program we are: the name we were called by, or the first argument, decides.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};
use tensorferry_diagnostics::Problem;

use crate::args::{Cli, Color, Command, CommonArgs, ErrorFormat};
use crate::errors::{self, Failure, Outcome};
use crate::{
    bench, convert, extras, inspect, legacy, normalize, print, run as run_model, verify, wizard,
};

/// The names by which the reference's programs are called.
pub(crate) const CONVERTER: &str = "tensorflowjs_converter";
pub(crate) const WIZARD: &str = "tensorflowjs_wizard";

/// Runs the program that `argv` asks for.
pub(crate) fn run(mut argv: Vec<OsString>) -> Outcome {
    errors::enter("reading the arguments");
    set_style_early(&argv);
    let called = argv.first().and_then(|path| name_of(path));
    let first = argv.get(1).and_then(|arg| arg.to_str()).map(str::to_owned);
    for (name, program) in
        [(CONVERTER, legacy::run as fn(Vec<OsString>) -> Outcome), (WIZARD, wizard::run_legacy)]
    {
        if called.as_deref() == Some(name) {
            return program(argv.split_off(1));
        }
        if first.as_deref() == Some(name) {
            return program(argv.split_off(2));
        }
    }
    let cli = match parse(argv)? {
        Some(cli) => cli,
        None => return Ok(()),
    };
    apply(&cli.common);
    match cli.command {
        Command::Convert(args) => convert::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Run(args) => run_model::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Wizard(args) => wizard::run(&args),
        Command::Completions { shell } => extras::completions(shell),
        Command::Man => extras::man(),
        Command::Aliases { install } => extras::aliases(install.as_deref()),
    }
}

/// The name of an executable, without folder and `.exe`.
fn name_of(path: &OsStr) -> Option<String> {
    let path = Path::new(path);
    let is_exe = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("exe"));
    let name = if is_exe { path.file_stem() } else { path.file_name() };
    Some(name?.to_str()?.to_owned())
}

/// Finds `--error-format json` before parsing, because parsing may fail.
fn set_style_early(argv: &[OsString]) {
    let words: Vec<_> = argv.iter().map(|arg| arg.to_string_lossy().replace('_', "-")).collect();
    let is_json = words.iter().any(|word| word == "--error-format=json")
        || words.windows(2).any(|pair| pair[0] == "--error-format" && pair[1] == "json");
    errors::set_style(is_json, false);
}

/// Makes the options of every command hold.
pub(crate) fn apply(common: &CommonArgs) {
    errors::set_style(common.error_format == ErrorFormat::Json, common.quiet);
    match common.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Parses the arguments of `tensorferry`; `None` when help or version was asked for and printed.
fn parse(mut argv: Vec<OsString>) -> Result<Option<Cli>, Failure> {
    let mut command = Cli::command();
    command.build();
    // Only behind these words are arguments written as the reference's users write them.
    for (word, n_paths) in [("convert", 2), ("inspect", 1)] {
        let Some(at) = argv.iter().position(|arg| arg == word) else { continue };
        if argv[1..at].iter().any(|arg| !arg.to_string_lossy().starts_with('-')) {
            continue;
        }
        let subcommand = command.find_subcommand(word).expect("the command is in the list");
        let rest = argv.split_off(at + 1);
        argv.extend(normalize::normalize(subcommand, rest, n_paths)?);
        break;
    }
    match Cli::try_parse_from(argv) {
        Ok(cli) => Ok(Some(cli)),
        Err(error) => explain(&error).map(|()| None),
    }
}

/// Parses with a command of its own, into the same structs.
pub(crate) fn parse_with<T: FromArgMatches>(
    command: clap::Command,
    argv: Vec<OsString>,
) -> Result<Option<T>, Failure> {
    match command.try_get_matches_from(argv).and_then(|matches| T::from_arg_matches(&matches)) {
        Ok(args) => Ok(Some(args)),
        Err(error) => explain(&error).map(|()| None),
    }
}

/// Prints the help that was asked for, or says in our way what the parser did not like.
fn explain(error: &clap::Error) -> Outcome {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print::text(&error.render().ansi().to_string());
    }
    let rendered = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // There is nowhere left to say that standard error cannot be written.
        let _ = writeln!(anstream::stderr(), "{}", error.render().ansi());
        return Err(Problem::usage("no command given").into());
    }
    let first = rendered.lines().next().unwrap_or("the arguments cannot be understood");
    let what = first.strip_prefix("error: ").unwrap_or(first).trim_end_matches(':');
    let mut problem = Problem::usage(what);
    let tip = rendered.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let values = error.get(ContextKind::ValidValue).map(|values| format!("one of: {values}"));
    if let Some(hint) = values.or(tip.map(str::to_owned)) {
        problem = problem.hint(hint);
    } else {
        problem = problem.hint("--help lists all options");
    }
    Err(problem.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_we_are_called_by_has_neither_folder_nor_ending() {
        for (path, expected) in [
            ("/usr/bin/tensorflowjs_converter", "tensorflowjs_converter"),
            ("tensorflowjs_converter.exe", "tensorflowjs_converter"),
            ("tensorferry-0.1", "tensorferry-0.1"),
        ] {
            assert_eq!(name_of(OsStr::new(path)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_list_of_options_is_consistent() {
        Cli::command().debug_assert();
        legacy::command().debug_assert();
    }
}
