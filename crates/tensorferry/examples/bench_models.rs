//! Writes the models that `cargo xtask bench` converts.
//!
//! `cargo run --release -p tensorferry --example bench_models -- NAME FILE`

#[path = "../benches/models/mod.rs"]
mod models;

use std::fs::File;
use std::io::Write;

use models::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, path] = args.as_slice() else { return Err("usage: bench_models NAME FILE".into()) };
    let mut file = File::create(path)?;
    Model::named(name)?.to_hdf5()?.for_each_piece(&mut |piece| file.write_all(piece))?;
    file.sync_all()?;
    Ok(())
}
