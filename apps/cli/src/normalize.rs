//! Arguments as people write them, made into arguments that the parser takes.
//!
//! Python's argparse takes abbreviated flags and values apart from their flags; the reference's
//! own flags have optional values that swallow paths and booleans that are true whatever one says.
//! Here every flag gets its full name and its value behind `=`, so that nothing is left to guess.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use tensorferry_diagnostics::Problem;

/// The reference's flags. An abbreviation that meant one of them keeps its meaning, whatever
/// flags we have added.
const REFERENCE: &[&str] = &[
    "input_format",
    "output_format",
    "signature_name",
    "saved_model_tags",
    "quantize_float16",
    "quantize_uint8",
    "quantize_uint16",
    "quantization_bytes",
    "split_weights_by_layer",
    "version",
    "help",
    "skip_op_check",
    "strip_debug_ops",
    "use_structured_outputs_names",
    "weight_shard_size_bytes",
    "output_node_names",
    "control_flow_v2",
    "experiments",
    "metadata",
];

/// Flags whose value is one of a few names with `_` in them.
const FORMATS: &[&str] = &["input_format", "output_format"];

/// One argument on its way.
enum Item {
    /// A flag, complete.
    Flag(OsString),
    Positional(OsString),
    /// What follows a bare `--quantize_*`: its value, or a path.
    ValueOrPath(OsString),
}

/// Rewrites the arguments after the command's name. `n_paths` is the number of positional
/// arguments that the command needs.
pub(crate) fn normalize(
    command: &Command,
    args: Vec<OsString>,
    n_paths: usize,
) -> Result<Vec<OsString>, Problem> {
    let mut args = VecDeque::from(args);
    let mut items = Vec::new();
    while let Some(arg) = args.pop_front() {
        if arg == "--" {
            items.extend(args.drain(..).map(Item::Positional));
        } else if let Some((name, value)) = split_flag(command, &arg) {
            flag(command, &name, value, &mut args, &mut items)?;
        } else if is_blank(&arg) {
            // A `\ ` at the end of a line that was copied with a space behind it.
        } else {
            let is_short = arg.to_string_lossy().starts_with('-') && arg.len() > 1;
            items.push(if is_short { Item::Flag(arg) } else { Item::Positional(arg) });
        }
    }
    Ok(settle(items, n_paths))
}

fn is_blank(arg: &OsStr) -> bool {
    arg.to_str().is_some_and(|text| !text.is_empty() && text.trim().is_empty())
}

/// The name (with `_`) and value of an argument that is a long flag. Dashes that a word processor
/// made long, and one dash before a full name, are taken for `--`.
fn split_flag(command: &Command, arg: &OsStr) -> Option<(String, Option<String>)> {
    let text = arg.to_str()?;
    let (rest, is_certain) = match text.strip_prefix("--") {
        Some(rest) => (rest, true),
        None => (text.strip_prefix(['–', '—', '-'])?, false),
    };
    let (name, value) = match rest.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (rest, None),
    };
    let name = name.trim_start_matches(['-', '–', '—']).replace('-', "_");
    let is_flag = is_certain || (name.len() > 1 && find(command, &name).is_some());
    is_flag.then_some((name, value))
}

fn underscored(arg: &Arg) -> Option<String> {
    arg.get_long().map(|long| long.replace('-', "_"))
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| underscored(arg).as_deref() == Some(name))
}

/// The flag that a name or an unambiguous beginning of one means.
fn resolve<'a>(command: &'a Command, name: &str) -> Result<Option<&'a Arg>, Problem> {
    if let Some(arg) = find(command, name) {
        return Ok(Some(arg));
    }
    let begins = |arg: &&Arg| underscored(arg).is_some_and(|long| long.starts_with(name));
    let all: Vec<&Arg> = command.get_arguments().filter(begins).collect();
    let is_reference =
        |arg: &&&Arg| underscored(arg).is_some_and(|long| REFERENCE.contains(&long.as_str()));
    let reference: Vec<&Arg> = all.iter().filter(is_reference).copied().collect();
    match (reference.as_slice(), all.as_slice()) {
        ([arg], _) | ([], [arg]) => Ok(Some(arg)),
        ([], []) => Ok(None),
        _ => {
            let names: Vec<String> =
                all.iter().filter_map(|arg| arg.get_long()).map(|l| format!("--{l}")).collect();
            let names = names.join(", ");
            Err(Problem::usage(format!("ambiguous option: --{name} could match {names}")))
        }
    }
}

/// Takes a flag and, where it has one, its value.
fn flag(
    command: &Command,
    name: &str,
    value: Option<String>,
    rest: &mut VecDeque<OsString>,
    items: &mut Vec<Item>,
) -> Result<(), Problem> {
    let Some(arg) = resolve(command, name)? else {
        // The parser says what it does not know, and what was perhaps meant.
        let value = value.map_or(String::new(), |v| format!("={v}"));
        items.push(Item::Flag(format!("--{name}{value}").into()));
        return Ok(());
    };
    let long = arg.get_long().expect("found by its long name");
    let with = |value: &str| Item::Flag(format!("--{long}={value}").into());
    match kind_of(arg) {
        FlagKind::Switch => {
            if value.is_none_or_true(long)? {
                items.push(Item::Flag(format!("--{long}").into()));
            }
        }
        FlagKind::Bool => {
            let value = value.or_else(|| {
                let next = rest.front()?.to_str()?.to_owned();
                truth(&next)?;
                rest.pop_front();
                Some(next)
            });
            items.push(with(&value.is_none_or_true(long)?.to_string()));
        }
        FlagKind::Patterns => match value {
            Some(value) => items.push(with(&value)),
            None => {
                items.push(Item::Flag(format!("--{long}").into()));
                let is_value = |next: &OsString| !next.to_string_lossy().starts_with(['-', '–']);
                if rest.front().is_some_and(is_value) {
                    items.extend(rest.pop_front().map(Item::ValueOrPath));
                }
            }
        },
        FlagKind::Value => {
            let mut whole = OsString::from(format!("--{long}"));
            let value = value.map(OsString::from).or_else(|| rest.pop_front());
            if let Some(mut value) = value {
                if FORMATS.contains(&underscored(arg).unwrap_or_default().as_str()) {
                    value = format_value(&value);
                }
                whole.push("=");
                whole.push(value);
            }
            items.push(Item::Flag(whole));
        }
    }
    Ok(())
}

enum FlagKind {
    /// True when it is there.
    Switch,
    /// True or false behind `=`; true when bare.
    Bool,
    /// Globs behind `=`; all weights when bare.
    Patterns,
    Value,
}

fn kind_of(arg: &Arg) -> FlagKind {
    let value_name = arg.get_value_names().and_then(|names| names.first());
    match (arg.get_action(), value_name.map(|name| name.as_str())) {
        (ArgAction::Set, Some("BOOL")) => FlagKind::Bool,
        (ArgAction::Set, Some("PATTERNS")) => FlagKind::Patterns,
        (ArgAction::Set | ArgAction::Append, _) => FlagKind::Value,
        _ => FlagKind::Switch,
    }
}

/// What a word means as a boolean.
fn truth(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" | "on" => Some(true),
        "false" | "f" | "0" | "no" | "n" | "off" | "none" => Some(false),
        _ => None,
    }
}

trait Truth {
    /// True when there is no value, or one that says so.
    fn is_none_or_true(&self, flag: &str) -> Result<bool, Problem>;
}

impl Truth for Option<String> {
    fn is_none_or_true(&self, flag: &str) -> Result<bool, Problem> {
        match self.as_deref() {
            None => Ok(true),
            Some("" | "\"\"" | "''") => Ok(false),
            Some(word) => truth(word).ok_or_else(|| {
                Problem::usage("is neither true nor false")
                    .at(format!("--{flag}"))
                    .expected("`true` or `false`", format!("`{word}`"))
            }),
        }
    }
}

/// `tf-saved-model`, `.keras` and the like as the list of formats has them.
fn format_value(value: &OsStr) -> OsString {
    let Some(text) = value.to_str() else { return value.to_owned() };
    let text = text.trim();
    if text == ".keras" {
        return "keras_keras".into();
    }
    text.trim_start_matches('.').replace('-', "_").to_lowercase().into()
}

/// Decides which of the undecided arguments are paths: as many as the command still needs, those
/// first that exist, then the later ones.
fn settle(mut items: Vec<Item>, n_paths: usize) -> Vec<OsString> {
    let n_certain = items.iter().filter(|item| matches!(item, Item::Positional(_))).count();
    let mut n_missing = n_paths.saturating_sub(n_certain);
    for must_exist in [true, false] {
        for item in items.iter_mut().rev() {
            let Item::ValueOrPath(value) = item else { continue };
            let looks_like_pattern = value.to_string_lossy().contains(['*', '?', '[']);
            let is_path = Path::new(value).exists() || (!must_exist && !looks_like_pattern);
            if n_missing > 0 && is_path {
                *item = Item::Positional(std::mem::take(value));
                n_missing -= 1;
            }
        }
    }
    let mut flags: Vec<OsString> = Vec::new();
    let mut positionals = Vec::new();
    for item in items {
        match item {
            Item::Flag(flag) => flags.push(flag),
            Item::Positional(path) => positionals.push(path),
            Item::ValueOrPath(value) => {
                let flag = flags.last_mut().expect("a value follows its flag");
                flag.push("=");
                flag.push(value);
            }
        }
    }
    // Behind `--`, so that a path may begin with a dash.
    if !positionals.is_empty() {
        flags.push("--".into());
    }
    flags.extend(positionals);
    flags
}

#[cfg(test)]
mod tests {
    use clap::{Args, CommandFactory};

    use super::*;
    use crate::args::{Cli, ConvertArgs};

    fn normalized(args: &[&str]) -> String {
        let command = ConvertArgs::augment_args(Command::new("x"));
        let args = args.iter().map(OsString::from).collect();
        match normalize(&command, args, 2) {
            Ok(args) => {
                let args: Vec<_> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
                args.join(" ")
            }
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn the_references_flags_are_ours() {
        let cli = Cli::command();
        let convert = cli.find_subcommand("convert").unwrap();
        for name in REFERENCE.iter().filter(|name| !["version", "help"].contains(name)) {
            assert!(find(convert, name).is_some(), "{name}");
        }
    }

    #[test]
    fn flags_get_their_full_name_and_their_value() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a b.h5");
        std::fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();
        for (args, expected) in [
            (vec!["--input_format", "keras", "in", "out"], "--input-format=keras -- in out"),
            (vec!["--input-format=keras", "in", "out"], "--input-format=keras -- in out"),
            (
                vec!["in", "--input=Keras-SavedModel", "out"],
                "--input-format=keras_savedmodel -- in out",
            ),
            (vec!["--input_format=.keras"], "--input-format=keras_keras"),
            (vec!["—input_format=keras", "in"], "--input-format=keras -- in"),
            (vec!["–-input_format", "tf"], "--input-format=tf"),
            (vec!["-input_format", "tf"], "--input-format=tf"),
            (vec!["-v"], "-v"),
            (vec!["--skip", "in", "out"], "--skip-op-check -- in out"),
            (vec!["--si", "x"], "--signature-name=x"),
            (vec!["--single"], "--single-file"),
            (
                vec!["--quantize_uint"],
                "ambiguous option: --quantize_uint could match --quantize-uint8, --quantize-uint16",
            ),
            (vec!["--nope=1", "in"], "--nope=1 -- in"),
            (vec!["--weight_shard_size_bytes", "-5", "in"], "--weight-shard-size-bytes=-5 -- in"),
            (vec!["--saved_model_tags="], "--saved-model-tags="),
            (vec!["--output_format"], "--output-format"),
            (vec!["--", "--in", "-out"], "-- --in -out"),
            (vec!["in", " ", "out"], "-- in out"),
            // Booleans
            (vec!["--strip_debug_ops=False"], "--strip-debug-ops=false"),
            (vec!["--strip_debug_ops=0"], "--strip-debug-ops=false"),
            (vec!["--strip_debug_ops=\"\""], "--strip-debug-ops=false"),
            (vec!["--strip_debug_ops="], "--strip-debug-ops=false"),
            (vec!["--strip_debug_ops", "no", "in"], "--strip-debug-ops=false -- in"),
            (vec!["--control_flow_v2", "True", "in"], "--control-flow-v2=true -- in"),
            (vec!["--control_flow_v2", "in", "out"], "--control-flow-v2=true -- in out"),
            (
                vec!["--control_flow_v2=maybe"],
                "--control-flow-v2: is neither true nor false, expected `true` or `false`, found `maybe`",
            ),
            (vec!["--skip_op_check=False", "in"], "-- in"),
            (vec!["--split_weights_by_layer=true"], "--split-weights-by-layer"),
            // Optional values
            (vec!["--quantize_uint8", "in", "out"], "--quantize-uint8 -- in out"),
            (vec!["in", "--quantize_uint8", "out"], "--quantize-uint8 -- in out"),
            (vec!["in", "out", "--quantize_uint8"], "--quantize-uint8 -- in out"),
            (vec!["in", "out", "--quantize_uint8", "conv*"], "--quantize-uint8=conv* -- in out"),
            (vec!["--quantize_uint8", "*", "in", "out"], "--quantize-uint8=* -- in out"),
            (vec!["--quantize_uint8=*", "in", "out"], "--quantize-uint8=* -- in out"),
            (vec!["--quantize_uint8", "--", "in", "out"], "--quantize-uint8 -- in out"),
            (vec!["--quantize_uint8", "a/*", "in"], "--quantize-uint8=a/* -- in"),
            (
                vec!["--quantize_uint8", file, "--quantize_float16", "x", "out"],
                &format!("--quantize-uint8 --quantize-float16=x -- {file} out"),
            ),
            (
                vec!["--quantize_uint8", "x", "--quantize_float16", "in", "out"],
                "--quantize-uint8=x --quantize-float16 -- in out",
            ),
        ] {
            assert_eq!(normalized(&args), expected, "{args:?}");
        }
    }
}
