//! A written `model.json` with its shards, taken apart for comparison.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The files of a model: name and bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A `model.json` and the weights behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenModel {
    /// `model.json` without `weightsManifest`.
    pub json: Value,
    /// The manifest's groups.
    pub groups: Vec<Group>,
}

/// One group of the weights manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name and length of each shard.
    pub shards: Vec<(String, usize)>,
    /// The weights, in order.
    pub weights: Vec<Weight>,
}

/// One entry of the weights manifest with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// Its name.
    pub name: String,
    /// The rest of its entry: `dtype`, `shape`, `quantization`, …
    pub spec: Value,
    /// Its bytes as stored.
    pub bytes: Vec<u8>,
}

impl WrittenModel {
    /// All weights, in order.
    pub fn weights(&self) -> impl Iterator<Item = &Weight> {
        self.groups.iter().flat_map(|group| &group.weights)
    }
}

/// All files below a folder, names with `/`.
///
/// # Panics
/// When the folder cannot be read.
pub fn files_of(folder: &Path) -> Files {
    fn walk(folder: &Path, prefix: &str, files: &mut Files) {
        let entries =
            fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("the folder can be listed");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), files);
            } else {
                let bytes = fs::read(entry.path()).expect("a listed file can be read");
                files.insert(name, bytes);
            }
        }
    }
    let mut files = Files::new();
    walk(folder, "", &mut files);
    files
}

/// Takes the model apart.
///
/// # Errors
/// A sentence when the files do not hold together: a shard that is missing or not named, bytes
/// that are too few or left over, an entry without a name, dtype or shape.
pub fn parse(files: &Files) -> Result<WrittenModel, String> {
    let bytes = files.get("model.json").ok_or("there is no model.json")?;
    let mut json: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let manifest = json
        .as_object_mut()
        .and_then(|fields| fields.shift_remove("weightsManifest"))
        .ok_or("there is no weightsManifest")?;
    let groups: Vec<Group> = manifest
        .as_array()
        .ok_or("weightsManifest is not a list")?
        .iter()
        .map(|group| parse_group(group, files))
        .collect::<Result<_, _>>()?;
    let mut named: Vec<&str> = vec!["model.json"];
    named.extend(groups.iter().flat_map(|group| group.shards.iter().map(|(name, _)| &**name)));
    match files.keys().find(|name| !named.contains(&name.as_str())) {
        Some(stray) => Err(format!("`{stray}` is not named in the manifest")),
        None => Ok(WrittenModel { json, groups }),
    }
}

fn parse_group(group: &Value, files: &Files) -> Result<Group, String> {
    let list =
        |key: &str| group[key].as_array().ok_or_else(|| format!("a group's `{key}` is not a list"));
    let mut shards = Vec::new();
    let mut bytes = Vec::new();
    for path in list("paths")? {
        let path = path.as_str().ok_or("a path is not a string")?;
        let shard = files.get(path).ok_or_else(|| format!("shard `{path}` is missing"))?;
        shards.push((path.to_owned(), shard.len()));
        bytes.extend_from_slice(shard);
    }
    let mut rest = bytes.as_slice();
    let mut weights = Vec::new();
    for entry in list("weights")? {
        let (weight, after) = parse_weight(entry, rest)?;
        rest = after;
        weights.push(weight);
    }
    if rest.is_empty() {
        Ok(Group { shards, weights })
    } else {
        Err(format!("{} bytes are left over after the last weight", rest.len()))
    }
}

fn parse_weight<'a>(entry: &Value, bytes: &'a [u8]) -> Result<(Weight, &'a [u8]), String> {
    let mut spec = entry.clone();
    let name = spec
        .as_object_mut()
        .and_then(|fields| fields.shift_remove("name"))
        .and_then(|name| Some(name.as_str()?.to_owned()))
        .ok_or("a weight has no name")?;
    let dims = spec["shape"].as_array().ok_or_else(|| format!("`{name}` has no shape"))?;
    let n_elements = dims
        .iter()
        .try_fold(1, |n: usize, dim| n.checked_mul(usize::try_from(dim.as_u64()?).ok()?))
        .ok_or_else(|| format!("`{name}` has a shape that is no list of sizes"))?;
    let stored = spec["quantization"]["dtype"].as_str().or(spec["dtype"].as_str());
    let len = match stored {
        Some("string") => strings_len(bytes, n_elements),
        Some(dtype) => element_len(dtype).and_then(|len| len.checked_mul(n_elements)),
        None => None,
    };
    let len = len.ok_or_else(|| format!("`{name}` has an unknown dtype {stored:?}"))?;
    let (own, rest) = bytes
        .split_at_checked(len)
        .ok_or_else(|| format!("`{name}` needs {len} bytes and {} are left", bytes.len()))?;
    Ok((Weight { name, spec, bytes: own.to_vec() }, rest))
}

fn element_len(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "bool" | "uint8" | "int8" => 1,
        "float16" | "uint16" => 2,
        "float32" | "int32" => 4,
        "complex64" => 8,
        _ => return None,
    })
}

/// Length of `n` strings, each a 32-bit length and its bytes.
fn strings_len(bytes: &[u8], n: usize) -> Option<usize> {
    let mut at = 0_usize;
    for _ in 0..n {
        let len = bytes.get(at..at.checked_add(4)?)?;
        at = at.checked_add(4 + u32::from_le_bytes(len.try_into().ok()?) as usize)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::cases;

    #[test]
    fn every_golden_holds_together() {
        let mut n_models = 0;
        for case in cases() {
            if !case.reference.files.iter().any(|file| file.path == "model.json") {
                continue;
            }
            let files = files_of(&case.golden());
            parse(&files).unwrap_or_else(|error| panic!("{}: {error}", case.id));
            n_models += 1;
        }
        assert!(n_models > 400, "only {n_models} models");
    }

    #[test]
    fn what_does_not_hold_together_is_said() {
        let manifest = |paths: &str, weights: &str| {
            format!(r#"{{"weightsManifest": [{{"paths": {paths}, "weights": {weights}}}]}}"#)
        };
        let one = r#"[{"name": "w", "shape": [2], "dtype": "float32"}]"#;
        let cases = [
            ("{}".to_owned(), "there is no weightsManifest"),
            (manifest(r#"["b"]"#, one), "shard `b` is missing"),
            (manifest(r#"["a"]"#, "[]"), "8 bytes are left over after the last weight"),
            (manifest("[]", "[]"), "`a` is not named in the manifest"),
            (manifest("[]", one), "`w` needs 8 bytes and 0 are left"),
            (manifest(r#"["a"]"#, r#"[{"shape": []}]"#), "a weight has no name"),
        ];
        for (json, expected) in cases {
            let files = Files::from([
                ("a".to_owned(), vec![0; 8]),
                ("model.json".to_owned(), json.into_bytes()),
            ]);
            assert_eq!(parse(&files).unwrap_err(), expected);
        }
    }
}
