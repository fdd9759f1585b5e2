//! `tensorflowjs_wizard`: asks line by line what to convert and how, and prints the command.

use std::ffi::OsString;
use std::io::{self, BufRead, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};
use tensorferry::{InspectOptions, Inspection};
use tensorferry_diagnostics::{Problem, printable};

use crate::args::{CommonArgs, WizardArgs};
use crate::errors::{self, Failure, Outcome};
use crate::personality::{self, CONVERTER, WIZARD};
use crate::{convert, legacy, print};

/// A wrong answer may be given this often; a script that answers wrongly must end.
const TRIES_MAX: usize = 10;

/// What a converter takes when it is not told.
const DEFAULT_TAGS: &str = "serve";
const DEFAULT_SIGNATURE: &str = "serving_default";

struct Wizard(CommonArgs, WizardArgs);

impl FromArgMatches for Wizard {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(CommonArgs::from_arg_matches(matches)?, WizardArgs::from_arg_matches(matches)?))
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Runs `tensorflowjs_wizard` with the arguments after its name.
pub(crate) fn run_legacy(args: Vec<OsString>) -> Outcome {
    let command = WizardArgs::augment_args(CommonArgs::augment_args(Command::new(WIZARD)));
    let about = "Answer questions, get a conversion";
    let command = command.about(about).long_about(about);
    let mut argv = vec![OsString::from(WIZARD)];
    argv.extend(args);
    let Some(Wizard(common, wizard)) = personality::parse_with::<Wizard>(command, argv)? else {
        return Ok(());
    };
    personality::apply(&common);
    run(&wizard)
}

/// Asks, prints the command, and runs it unless it is a dry run.
pub(crate) fn run(args: &WizardArgs) -> Outcome {
    errors::enter("asking");
    let mut questions = Questions { input: io::stdin().lock() };
    let (input, inspection) = questions.model()?;
    print::text(&format!("This is: {}\n", printable(&inspection.kind)))?;
    let mut flags = Vec::new();
    let output_format = questions.output_format()?;
    flags.extend(output_format.map(|format| format!("--output_format={format}")));
    let is_tfjs = !matches!(output_format, Some("keras" | "keras_keras" | "keras_saved_model"));
    let is_graph = matches!(output_format, None | Some("tfjs_graph_model"));
    if let Some(tags) = inspection.facts.get("tags").filter(|_| is_graph) {
        let names: Vec<&str> = inspection.signatures.iter().map(|s| s.name.as_str()).collect();
        questions.saved_model(tags, &names, &mut flags)?;
    }
    if is_tfjs {
        questions.quantization(&mut flags)?;
        questions.weight_files(&mut flags)?;
        let metadata = questions.line("Metadata to attach, as key:path/file.json", "none")?;
        if metadata != "none" {
            flags.push(format!("--metadata={metadata}"));
        }
    }
    let output = questions.output_path()?;
    let mut argv: Vec<OsString> = flags.iter().map(OsString::from).collect();
    argv.extend([OsString::from("--"), input.into_os_string(), output.into_os_string()]);
    let words: Vec<String> =
        argv.iter().filter(|arg| *arg != "--").map(|arg| quoted(&arg.to_string_lossy())).collect();
    print::text(&format!("\nThe command:\n{CONVERTER} {}\n\n", words.join(" ")))?;
    if args.dryrun {
        return Ok(());
    }
    legacy::run(argv)
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Somebody who answers.
struct Questions<R> {
    input: R,
}

impl<R: BufRead> Questions<R> {
    /// One question on standard error, one line for an answer; an empty line is the default.
    fn line(&mut self, question: &str, default: &str) -> Result<String, Failure> {
        let default_shown =
            if default.is_empty() { String::new() } else { format!(" [{default}]") };
        // Standard output holds only what the conversion says.
        let _ = write!(anstream::stderr(), "{question}{default_shown}: ");
        let mut answer = String::new();
        let n_read = self
            .input
            .read_line(&mut answer)
            .map_err(|e| Problem::usage(format!("an answer cannot be read: {e}")))?;
        if n_read == 0 {
            let what = "the answers ended before the questions did";
            return Err(Problem::usage(what).hint("the wizard is for a terminal").into());
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
    }

    /// Asks until `accept` takes the answer.
    fn until<T>(
        &mut self,
        question: &str,
        default: &str,
        mut accept: impl FnMut(&str) -> Result<T, Problem>,
    ) -> Result<T, Failure> {
        let mut last = Problem::usage("no answer");
        for _ in 0..TRIES_MAX {
            match accept(&self.line(question, default)?) {
                Ok(answer) => return Ok(answer),
                Err(problem) => {
                    let _ = writeln!(anstream::stderr(), "  {problem}");
                    last = problem;
                }
            }
        }
        Err(last.into())
    }

    /// Offers a numbered list; the first entry is the default.
    fn choice(&mut self, question: &str, entries: &[&str]) -> Result<usize, Failure> {
        let list: String = entries
            .iter()
            .enumerate()
            .map(|(i, entry)| format!("  {}) {entry}\n", i + 1))
            .collect();
        let _ = write!(anstream::stderr(), "{question}\n{list}");
        self.until("Number", "1", |answer| {
            let number = answer.parse::<usize>().ok().filter(|n| (1..=entries.len()).contains(n));
            number.map(|n| n - 1).ok_or_else(|| {
                Problem::usage("is not in the list")
                    .expected(format!("1 to {}", entries.len()), format!("`{answer}`"))
            })
        })
    }

    fn model(&mut self) -> Result<(PathBuf, Inspection), Failure> {
        self.until("Path of the model (a file, or the folder of a SavedModel)", "", |answer| {
            let path = expanded(answer);
            let store = convert::open(&path)?;
            let inspection = tensorferry::inspect(store.as_ref(), &InspectOptions::default());
            let inspection = inspection.map_err(|problems| {
                let first = problems.0.into_iter().next();
                first.unwrap_or_else(|| Problem::input("cannot be read"))
            })?;
            Ok((path, inspection))
        })
    }

    fn output_format(&mut self) -> Result<Option<&'static str>, Failure> {
        const FORMATS: [(Option<&str>, &str); 6] = [
            (None, "the natural one for this input"),
            (Some("tfjs_layers_model"), "TensorFlow.js layers model"),
            (Some("tfjs_graph_model"), "TensorFlow.js graph model"),
            (Some("keras"), "Keras HDF5 file"),
            (Some("keras_keras"), "Keras archive (.keras)"),
            (Some("keras_saved_model"), "Keras SavedModel (a folder)"),
        ];
        let at = self.choice("What shall it become?", &FORMATS.map(|(_, words)| words))?;
        Ok(FORMATS[at].0)
    }

    /// Which of a SavedModel's graphs, by its tags, and how it is called. `tags` has a set for each
    /// graph, with semicolons between.
    fn saved_model(
        &mut self,
        tags: &str,
        signatures: &[&str],
        flags: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let sets: Vec<&str> = tags.split(';').map(str::trim).collect();
        let shown: Vec<&str> =
            sets.iter().map(|set| if set.is_empty() { "(no tags)" } else { set }).collect();
        let set = sets[self.choice("Which tags?", &shown)?];
        if set != DEFAULT_TAGS {
            flags.push(format!("--saved_model_tags={}", set.replace(", ", ",")));
        }
        // What is asked for first is what would be taken without an answer.
        let mut signatures: Vec<&str> =
            signatures.iter().copied().filter(|name| !name.starts_with("__")).collect();
        signatures.sort_by_key(|name| *name != DEFAULT_SIGNATURE);
        if signatures.is_empty() {
            return Ok(());
        }
        let signature = signatures[self.choice("Which signature?", &signatures)?];
        if signature != DEFAULT_SIGNATURE {
            flags.push(format!("--signature_name={signature}"));
        }
        Ok(())
    }

    fn quantization(&mut self, flags: &mut Vec<String>) -> Result<(), Failure> {
        const KINDS: [(&str, &str); 4] = [
            ("", "No compression (highest accuracy)"),
            ("float16", "float16 (half the size, hardly any loss of accuracy)"),
            ("uint16", "uint16 codes (half the size, some loss of accuracy)"),
            ("uint8", "uint8 codes (a quarter of the size, loss of accuracy)"),
        ];
        let at = self.choice("Compress the weights?", &KINDS.map(|(_, words)| words))?;
        let (kind, _) = KINDS[at];
        if !kind.is_empty() {
            let question = "Weights to compress, as globs with commas between (conv/*/kernel)";
            let patterns = self.line(question, "*")?;
            flags.push(format!("--quantize_{kind}={patterns}"));
        }
        Ok(())
    }

    fn weight_files(&mut self, flags: &mut Vec<String>) -> Result<(), Failure> {
        let question = "Size of a weight file in bytes, or `single` for one file";
        let flag = self.until(question, "4194304", |answer| {
            if answer == "single" {
                return Ok(Some("--single_file".to_owned()));
            }
            match answer.parse::<u64>() {
                Ok(4_194_304) => Ok(None),
                Ok(size) if size > 0 => Ok(Some(format!("--weight_shard_size_bytes={size}"))),
                _ => Err(Problem::usage("is not a positive integer")),
            }
        })?;
        flags.extend(flag);
        Ok(())
    }

    fn output_path(&mut self) -> Result<PathBuf, Failure> {
        loop {
            let path = self.until("Where shall the result go?", "", |answer| match answer {
                "" => Err(Problem::usage("the output path is empty")),
                answer => Ok(expanded(answer)),
            })?;
            if !path.exists() {
                return Ok(path);
            }
            let question = "That exists. Replace the model that is there? (y/n)";
            if self.line(question, "n")?.to_ascii_lowercase().starts_with('y') {
                return Ok(path);
            }
        }
    }
}

/// `~/` as shells expand it; a prompt is no shell.
fn expanded(answer: &str) -> PathBuf {
    let answer = answer.trim_matches(['\'', '"']);
    match (answer.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_is_asked_again_and_no_answer_ends_it() {
        let mut questions = Questions { input: &b"9\nx\n2\n"[..] };
        assert_eq!(questions.choice("?", &["a", "b"]).unwrap(), 1);
        assert!(questions.choice("?", &["a", "b"]).is_err());
        let mut questions = Questions { input: "x\n".repeat(100).into_bytes().leak() as &[u8] };
        assert!(questions.choice("?", &["a"]).is_err());
    }

    #[test]
    fn a_saved_model_is_asked_for_its_tags_and_signature() {
        let signatures = ["train", "__saved_model_init_op", "serving_default", "predict"];
        let cases: [(&str, &str, &[&str], &[&str]); 4] = [
            ("\n\n", "serve", &signatures, &[]),
            (
                "2\n3\n",
                "serve; gpu, serve",
                &signatures,
                &["--saved_model_tags=gpu,serve", "--signature_name=predict"],
            ),
            ("1\n2\n", "; serve", &signatures, &["--saved_model_tags=", "--signature_name=train"]),
            ("1\n", "serve", &[], &[]),
        ];
        for (answers, tags, signatures, expected) in cases {
            let mut questions = Questions { input: answers.as_bytes() };
            let mut flags = Vec::new();
            questions.saved_model(tags, signatures, &mut flags).unwrap();
            assert_eq!(flags, expected, "{answers:?}");
            assert!(questions.input.is_empty(), "every answer was asked for: {answers:?}");
        }
    }

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        for (word, expected) in [
            ("--quantize_uint8=a/*", "'--quantize_uint8=a/*'"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("/x/model.h5", "/x/model.h5"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
