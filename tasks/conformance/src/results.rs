//! What tests found, kept in `fixtures/` so that `docs/coverage.md` can be written from all of it.

use std::env;
use std::fs;

use serde_json::Value;

use crate::fixtures::packed;

/// What ran in WebAssembly and agreed, as `tests-js` found it: ids of `graph` and `layers` models,
/// and for each of the `ops` how many of its cases.
///
/// # Panics
/// When the file is not there or is not JSON.
pub fn wasm() -> Value {
    read("wasm-results.json")
}

/// A file of results.
///
/// # Panics
/// When the file is not there or is not JSON.
pub fn read(name: &str) -> Value {
    let bytes = fs::read(packed().join(name)).unwrap_or_else(|e| panic!("fixtures/{name}: {e}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("fixtures/{name}: {e}"))
}

/// Compares a file of results with what was found; `BLESS=1` writes it.
///
/// # Panics
/// When they differ.
pub fn compare(name: &str, found: &Value) {
    let mut text = serde_json::to_string_pretty(found).expect("it is JSON");
    text.push('\n');
    let file = packed().join(name);
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &text).expect("the fixtures can be written");
    }
    let stored = fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == text, "fixtures/{name} is out of date; run this test with `BLESS=1`");
}
