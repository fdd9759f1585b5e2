//! What every file must be: opened by a sentence, short, free of stubs and of machine paths.

use std::fs;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::Visit;
use tensorferry_tidy::{files, read, report, root};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 1_000;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Functions that may be longer, each with its reason. Tests may be: theirs are tables.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] =
    &[("formats/tf_proto/src/generated/tensorflow.rs", "generated from TensorFlow's messages")];

fn rust_files() -> Vec<String> {
    let rust: Vec<String> = files().into_iter().filter(|file| file.ends_with(".rs")).collect();
    assert!(rust.len() > 30, "only {} Rust files found", rust.len());
    rust
}

#[test]
fn every_rust_file_opens_with_a_sentence() {
    let without: Vec<String> = rust_files()
        .into_iter()
        .filter(|file| {
            let text = read(file);
            // A generated file says so first.
            let first = text.lines().find(|line| !line.starts_with("// @generated"));
            !first.is_some_and(|line| line.starts_with("//! "))
        })
        .collect();
    report("every file opens with `//!`", &without);
}

/// What a model asks for cannot reach the machine where no code can: only `disk`, `hub` and the faces
/// name files, the network, other programs, the environment or a clock.
#[test]
fn nothing_below_the_faces_reaches_the_machine() {
    const OUTSIDE: [&str; 6] =
        ["std::fs", "std::net", "std::process", "std::env", "std::time", "std::os"];
    let is_below = |file: &String| {
        (file.starts_with("crates/") || file.starts_with("formats/"))
            && file.contains("/src/")
            && !file.starts_with("crates/disk/")
            && !file.starts_with("crates/hub/")
    };
    let all: Vec<String> = rust_files().into_iter().filter(is_below).collect();
    assert!(all.len() > 200, "only {} files found", all.len());
    let mut findings = Vec::new();
    for file in all {
        for (i, line) in read(&file).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(name) = OUTSIDE.iter().find(|name| code.contains(**name)) {
                findings.push(format!("{file}:{}: `{name}`", i + 1));
            }
        }
    }
    report("nothing below the faces reaches the machine", &findings);
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut findings = Vec::new();
    let mut n_excused = 0;
    for file in rust_files() {
        let parsed = syn::parse_file(&read(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let mut functions = Functions::default();
        functions.visit_file(&parsed);
        for (name, lines) in functions.long {
            // A file of tests holds tables, some of them in functions.
            if file.contains("/tests/") {
                continue;
            }
            if LONG_FUNCTIONS.iter().any(|(f, n, _)| *f == file && *n == name) {
                n_excused += 1;
            } else {
                findings.push(format!("{file}: `{name}` has {lines} lines"));
            }
        }
    }
    if n_excused != LONG_FUNCTIONS.len() {
        findings.push("LONG_FUNCTIONS lists functions that are short or gone".to_owned());
    }
    report("functions have at most 70 lines", &findings);
}

#[derive(Default)]
struct Functions {
    long: Vec<(String, usize)>,
}

impl Functions {
    fn look(&mut self, name: &syn::Ident, attributes: &[syn::Attribute], whole: Span) {
        let lines = whole.end().line + 1 - whole.start().line;
        let is_test = attributes.iter().any(|attribute| attribute.path().is_ident("test"));
        if lines > FUNCTION_LINES_MAX && !is_test {
            self.long.push((name.to_string(), lines));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        // From the signature on: attributes and documentation are not counted.
        let whole = item.sig.span().join(item.block.span()).unwrap_or_else(|| item.block.span());
        self.look(&item.sig.ident, &item.attrs, whole);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let whole = item.sig.span().join(item.block.span()).unwrap_or_else(|| item.block.span());
        self.look(&item.sig.ident, &item.attrs, whole);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn no_file_is_several_files() {
    let mut findings = Vec::new();
    for file in rust_files() {
        let lines = read(&file).lines().count();
        let is_excused = LONG_FILES.iter().any(|(excused, _)| *excused == file);
        if is_excused != (lines > FILE_LINES_MAX) {
            findings.push(format!("{file}: {lines} lines, excused: {is_excused}"));
        }
    }
    report("files over 1,000 lines, and only they, are on the list", &findings);
}

#[test]
fn no_file_is_large() {
    let large: Vec<String> = files()
        .into_iter()
        .filter(|file| fs::metadata(root().join(file)).is_ok_and(|m| m.len() > FILE_BYTES_MAX))
        .collect();
    report("files of at most 1 MiB", &large);
}

#[test]
fn nothing_names_a_machine() {
    // Split, so that this file does not find itself.
    let words = [
        concat!("/wo", "rk/"),
        concat!("/fa", "rm/"),
        concat!("/tmp/", "envs"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("registry.", "npmjs"),
        concat!("py", "pi.org"),
        concat!("static.", "rust-lang"),
        concat!("index.crates", ".io"),
    ];
    find("machine paths and registries", &words, |file| {
        file != "Cargo.lock" && !file.ends_with(".tar.gz")
    });
}

#[test]
fn nothing_is_a_stub() {
    let words = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
        concat!("panic!(\"not ", "implemented"),
    ];
    find("stubs and ignored tests", &words, |file| file.ends_with(".rs"));
}

fn find(rule: &str, words: &[&str], concerns: impl Fn(&str) -> bool) {
    let mut findings = Vec::new();
    for file in files().into_iter().filter(|file| concerns(file)) {
        let Ok(bytes) = fs::read(root().join(&file)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        for (i, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                findings.push(format!("{file}:{}: {word}", i + 1));
            }
        }
    }
    report(rule, &findings);
}

#[test]
fn the_command_line_names_no_layer() {
    let layers: Vec<String> = rust_files()
        .iter()
        .filter(|file| file.starts_with("crates/layers/src/layers"))
        .flat_map(|file| {
            read(file)
                .lines()
                .filter_map(|line| {
                    let name = line.split_once("class_name: \"")?.1.split('"').next()?;
                    (!name.is_empty()).then(|| format!("\"{name}\""))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(layers.len() > 5, "only {} layer names found", layers.len());
    let mut findings = Vec::new();
    for file in rust_files().iter().filter(|file| file.starts_with("apps/cli/src/")) {
        let text = read(file);
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for layer in layers.iter().filter(|layer| text.contains(layer.as_str())) {
            findings.push(format!("{file} names the layer {layer}"));
        }
    }
    report("a face names no layer", &findings);
}
