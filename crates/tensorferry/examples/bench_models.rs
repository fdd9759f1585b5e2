//! Writes the models that `cargo xtask bench` converts.
//!
//! `cargo run --release -p tensorferry --example bench_models -- NAME FILE`, or with `NAME_saved_model`
//! and a folder.

#[path = "../benches/models/mod.rs"]
mod models;
#[path = "../benches/models/saved.rs"]
mod saved;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use models::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, path] = args.as_slice() else { return Err("usage: bench_models NAME FILE".into()) };
    if let Some(name) = name.strip_suffix("_saved_model") {
        return saved::write(name, Path::new(path));
    }
    let mut file = File::create(path)?;
    Model::named(name)?.to_hdf5()?.for_each_piece(&mut |piece| file.write_all(piece))?;
    file.sync_all()?;
    Ok(())
}
