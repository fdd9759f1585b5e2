//! The output protocol under every fault: what is at the target is the old model, the new one, or
//! nothing where nothing was.

mod faults;
mod real;
mod sim;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{Package, Part};

/// A folder's files, by path.
type Files = BTreeMap<String, Vec<u8>>;

/// A model of two shards.
fn new_model() -> Package {
    model("new", 2)
}

fn model(tag: &str, n_shards: usize) -> Package {
    let name = |i| format!("group1-shard{}of{n_shards}.bin", i + 1);
    let names: Vec<String> = (0..n_shards).map(name).collect();
    let files = names.iter().map(|n| (n.clone(), shard(tag).len() as u64)).collect();
    let content: Vec<u8> = (0..n_shards).flat_map(|_| shard(tag).into_bytes()).collect();
    let json = manifest(tag, &names);
    Package {
        parts: vec![
            Part { files, content: Arc::new(Bytes::from(content)) },
            Part::file("model.json", Arc::new(Bytes::from(json))),
        ],
        is_single_file: false,
    }
}

fn shard(tag: &str) -> String {
    format!("weights of {tag}")
}

fn manifest(tag: &str, names: &[String]) -> String {
    let paths = serde_json::to_string(names).unwrap();
    format!(r#"{{"format": "{tag}", "weightsManifest": [{{"paths": {paths}, "weights": []}}]}}"#)
}

/// Reads a model as a page would: the tag of a complete one, an error for a mix or a torn one.
fn load(files: &Files) -> Result<Option<String>, String> {
    let Some(json) = files.get("/model.json") else { return Ok(None) };
    let json: serde_json::Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let tag = json["format"].as_str().ok_or("no format")?;
    for path in json["weightsManifest"][0]["paths"].as_array().ok_or("no paths")? {
        let name = format!("/{}", path.as_str().ok_or("no text")?);
        let content = files.get(&name).ok_or_else(|| format!("{name} is missing"))?;
        if content != shard(tag).as_bytes() {
            return Err(format!("{name} is not of {tag}: {}", String::from_utf8_lossy(content)));
        }
    }
    Ok(Some(tag.to_owned()))
}
