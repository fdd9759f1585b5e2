//! `docs/flags.md`, written from the list of options by its own test.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use crate::args::Cli;

fn document() -> String {
    let mut out = String::from(
        "# Flags\n\nWritten from the list of options by a test: `BLESS=1 cargo test -p tensorferry-cli`.\n\
         In every flag `-` and `_` are the same, and an unambiguous beginning is enough.\n\
         `tensorflowjs_converter` takes the flags of `tensorferry convert`.\n",
    );
    let mut command = Cli::command();
    command.build();
    for subcommand in command.get_subcommands() {
        section(subcommand, &mut out);
    }
    out
}

fn section(command: &Command, out: &mut String) {
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = write!(out, "\n## {}\n\n{about}\n\n```\n{usage}\n```\n", command.get_name());
    let arguments: Vec<&Arg> =
        command.get_arguments().filter(|a| !a.is_hide_set() && a.get_id() != "help").collect();
    if arguments.is_empty() {
        return;
    }
    out.push_str("\n| flag | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for argument in arguments {
        row(argument, out);
    }
}

fn row(argument: &Arg, out: &mut String) {
    let names: Vec<String> =
        argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let flag = match (argument.get_long(), argument.get_short()) {
        (Some(long), Some(short)) => format!("`--{long}`, `-{short}`"),
        (Some(long), None) => format!("`--{long}`"),
        _ => format!("`{}`", names.join(" ")),
    };
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let takes_values = argument.get_action().takes_values() && argument.get_long().is_some();
    let value = match (takes_values, values.is_empty()) {
        (false, _) => String::new(),
        (true, true) => names.join(" ").replace('|', "\\|"),
        (true, false) => values.join(", "),
    };
    let defaults = argument.get_default_values();
    let default = match (takes_values, defaults.first()) {
        (true, Some(default)) => format!("`{}`", default.to_string_lossy()),
        _ => String::new(),
    };
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(out, "| {flag} | {value} | {default} | {help} |");
}

#[test]
fn the_document_is_in_step_with_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/flags.md");
    let expected = document();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "docs/flags.md is out of step; BLESS=1 cargo test rewrites it");
}
