//! `cargo xtask npm`: the npm package, in `target/npm`.

use std::fs;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::run::{Result, cargo, root, run, target};

const WASM: &str = "wasm32-unknown-unknown";
/// The profile in the root's `Cargo.toml`.
const PROFILE: &str = "wasm";
/// The name of the module and of its JavaScript side.
const NAME: &str = "tensorferry";

/// Where the package is made.
pub(crate) fn folder() -> PathBuf {
    target().join("npm")
}

/// Where the module that checks single ops is made.
pub(crate) fn checks_folder() -> PathBuf {
    target().join("op-checks")
}

/// Makes the module that `tests-js/ops.test.mjs` checks single ops with.
pub(crate) fn make_checks() -> Result<()> {
    let module = built("tensorferry-op-checks", "tensorferry_op_checks")?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("op-checks").typescript(false);
    bindgen.nodejs(true).map_err(|e| e.to_string())?;
    let folder = checks_folder();
    fs::create_dir_all(&folder)?;
    bindgen.generate(&folder).map_err(|e| format!("wasm-bindgen: {e:#}"))?;
    Ok(())
}

/// Builds a crate for WebAssembly; the path of its module.
fn built(package: &str, module: &str) -> Result<PathBuf> {
    let mut build = cargo(&["build", "--package", package]);
    build.args(["--target", WASM, "--profile", PROFILE]);
    // Every browser and Node since 2021 has it.
    run(build.env("RUSTFLAGS", "-C target-feature=+simd128"))?;
    Ok(target().join(WASM).join(PROFILE).join(format!("{module}.wasm")))
}

/// Makes the package and says how large its module is.
pub(crate) fn make() -> Result<String> {
    let module = built("tensorferry-npm", "tensorferry_npm")?;
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name(NAME).typescript(false);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.web(true).map_err(|e| e.to_string())?;
    bindgen.generate(&folder).map_err(|e| format!("wasm-bindgen: {e:#}"))?;
    let source = root().join("apps/npm");
    for entry in fs::read_dir(source.join("js"))? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    for name in ["package.json", "README.md"] {
        fs::copy(source.join(name), folder.join(name))?;
    }
    let bytes = fs::read(folder.join(format!("{NAME}_bg.wasm")))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut packed, &bytes)?;
    let packed = packed.finish()?.len();
    Ok(format!("{} kB, {} kB gzip", bytes.len() / 1000, packed / 1000))
}
