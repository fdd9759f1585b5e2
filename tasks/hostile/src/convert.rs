//! A conversion held against all of its promises at once.

use std::io;

use bytes::Bytes;
use tensorferry::{ConvertOptions, OutputFormat, Patterns, convert};
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_store::{MemoryStore, Package, PackageSink, Store};

use crate::budget;
use crate::files::Digest;

/// Larger results are not collected a second time: the digest of the first run is enough.
const COLLECTED_MAX: u64 = 32 << 20;

/// The files of a finished model.
pub type Files = Vec<(String, Bytes)>;

/// Converts twice, and looks at everything that is promised.
///
/// # Errors
/// The problems, looked at as well.
///
/// # Panics
/// When a promise is broken: memory, equal runs, an output that our own check takes, problems that
/// name a file in one line.
pub fn run(store: &dyn Store, byte_len: u64, options: &ConvertOptions) -> Result<Files, Problems> {
    let (first, peak) = budget::measure(|| digest(store, options));
    let (first, package) = match first {
        Ok(done) => done,
        Err(problems) => {
            budget::check("a refusal", peak, budget::of_refusal(byte_len));
            check_problems(&problems);
            return Err(problems);
        }
    };
    budget::check("a conversion", peak, budget::of_conversion(first.byte_len));
    assert_eq!(package.byte_len(), first.byte_len, "other bytes than the package said");
    if first.byte_len > COLLECTED_MAX {
        return Ok(Vec::new());
    }
    let (second, _) = digest(store, options).expect("the first run went well");
    assert_eq!(second, first, "two runs gave other bytes");
    let files = collect(&package).expect("the first run went well");
    let result = as_store(&package, &files);
    tensorferry::check(&result).unwrap_or_else(|e| panic!("our own check refuses: {e}"));
    Ok(files)
}

/// Names and bytes of a package.
///
/// # Errors
/// The device's or the decoder's.
pub fn collect(package: &Package) -> io::Result<Files> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    package.write(&mut files)?;
    Ok(files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect())
}

/// A finished model as the input of another conversion.
pub fn as_store(package: &Package, files: &[(String, Bytes)]) -> MemoryStore {
    match files {
        [(name, bytes)] if package.is_single_file => MemoryStore::file(name.clone(), bytes.clone()),
        _ => crate::files::folder(files),
    }
}

fn digest(store: &dyn Store, options: &ConvertOptions) -> Result<(Digest, Package), Problems> {
    let package = convert(store, options)?.package;
    let mut sink = Hashed::default();
    // The faces name the input here, since the package does not know it.
    package.write(&mut sink).map_err(|e| Problem::input(e.to_string()).in_file(store.label()))?;
    let mut digest = sink.0;
    digest.byte_len = package.byte_len();
    Ok((digest, package))
}

#[derive(Default)]
struct Hashed(Digest);

impl PackageSink for Hashed {
    fn begin(&mut self, name: &str, byte_len: u64) -> io::Result<()> {
        self.0.add_text(name);
        self.0.add(&byte_len.to_le_bytes());
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.add(bytes);
        Ok(())
    }
}

/// Looks at what a refusal says.
///
/// # Panics
/// When it says nothing, names no file, is our mistake, or could drive a terminal.
pub fn check_problems(problems: &Problems) {
    assert!(!problems.0.is_empty(), "refused without a problem");
    for problem in &problems.0 {
        let line = problem.to_string();
        assert_ne!(problem.kind, Kind::Bug, "{line}");
        let is_named = problem.kind == Kind::Usage || !problem.file.is_empty();
        assert!(is_named, "no file is named: {line}");
        assert!(!problem.what.is_empty(), "nothing is said: {line}");
        assert!(!line.chars().any(char::is_control), "control characters: {line:?}");
    }
}

/// What a comparison of two graphs may make, so that a conversion stays within its budget.
pub const VERIFY_BYTES: u64 = 16 << 20;

/// Several ways to convert a Keras model; the same number gives the same one.
pub fn options(number: u32) -> ConvertOptions {
    let mut options = ConvertOptions::default();
    match number % 4 {
        0 => {}
        1 => {
            options.allow_unloadable_layers = true;
            options.quantize.uint8 = Some(Patterns::AllOthers);
        }
        2 => options.output_format = Some(OutputFormat::Keras),
        _ => options.output_format = Some(OutputFormat::KerasKeras),
    }
    options
}
