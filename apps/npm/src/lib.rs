//! What the npm package `tensorferry` calls: models loaded, run and converted in memory.
//!
//! Files, tensors and models cross the boundary as handles; `js/` makes a JavaScript API of them.
//! Errors are thrown with the same one line that the command line prints.

pub mod convert;
pub mod model;
pub mod tensors;

use bytes::Bytes;
use tensorferry_diagnostics::Problems;
use tensorferry_store::MemoryStore;
use wasm_bindgen::prelude::*;

/// Runs when the module is instantiated: a panic becomes an `Error` that says what happened.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        let version = env!("CARGO_PKG_VERSION");
        wasm_bindgen::throw_str(&format!(
            "tensorferry {version}: internal error, please report: {info}"
        ));
    }));
}

/// The version of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Files by name: what a model is read from.
#[wasm_bindgen]
pub struct Files {
    label: String,
    main: Option<String>,
    files: Vec<(String, Bytes)>,
}

#[wasm_bindgen]
impl Files {
    /// No files yet; `label` is how errors call them, `main` the one that was pointed at.
    #[wasm_bindgen(constructor)]
    pub fn new(label: String, main: Option<String>) -> Self {
        Self { label, main, files: Vec::new() }
    }

    /// Adds a file.
    pub fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.files.push((name, bytes.into()));
    }
}

impl Files {
    fn into_store(self) -> MemoryStore {
        let empty = MemoryStore::folder(self.label);
        let store =
            self.files.into_iter().fold(empty, |store, (name, bytes)| store.with(name, bytes));
        match self.main {
            Some(main) => store.pointing_at(main),
            None => store,
        }
    }
}

/// Every problem, one line each, and what to do.
fn thrown(problems: impl Into<Problems>) -> JsError {
    let mut text = String::new();
    for problem in &problems.into().0 {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&problem.to_string());
        if let Some(hint) = &problem.hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
    }
    JsError::new(&text)
}
