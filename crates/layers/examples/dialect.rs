//! Reads a model's config on stdin and prints it in another dialect, with what that took.
//!
//! `cargo run -p tensorferry-layers --example dialect -- tfjs|keras2|keras3 [keras2|keras3|tfjs]`

use std::io::{Read, Write};

use tensorferry_layers::{Dialect, to_keras2, to_keras3, to_tfjs, unloadable};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_default();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let model: serde_json::Value = serde_json::from_str(&text)?;
    let from = match args.next().as_deref() {
        Some("keras2") => Dialect::Keras2,
        Some("keras3") => Dialect::Keras3,
        Some("tfjs") => Dialect::Tfjs,
        _ => Dialect::of(&model),
    };
    let converted = match target.as_str() {
        "keras2" => to_keras2(&model, from)?,
        "keras3" => to_keras3(&model, from)?,
        _ => to_tfjs(&model, from)?,
    };
    let unloadable = match target.as_str() {
        "keras2" | "keras3" => converted.blockers.clone(),
        _ => unloadable(&converted),
    };
    let listed = |item: &dyn std::fmt::Debug| format!("{item:?}");
    let out = serde_json::json!({
        "from": listed(&from),
        "model": converted.model,
        "changes": converted.changes.iter().map(|c| listed(c)).collect::<Vec<_>>(),
        "renames": converted.renames.iter().map(|c| listed(c)).collect::<Vec<_>>(),
        "unloadable": unloadable.iter().map(|c| listed(c)).collect::<Vec<_>>(),
    });
    writeln!(std::io::stdout(), "{out}")?;
    Ok(())
}
