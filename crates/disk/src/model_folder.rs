//! What a folder that may be replaced holds: nothing, one TensorFlow.js model, or more.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use tensorferry_store::is_contained;

use crate::fs::{Fs, Kind, again};

/// The file that names all others; renaming it is what commits a model in place.
pub(crate) const MODEL_JSON: &str = "model.json";
/// The archive of a model's vocabularies and other files.
const ASSETS: &str = "assets.zip";
/// The limit on JSON that is read anywhere in this project.
const MODEL_JSON_LEN_MAX: u64 = 256 << 20;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing.
    Empty,
    /// A model and nothing else, leftover shards of older ones included.
    Model,
    /// Something that is not ours to replace.
    Foreign,
}

#[derive(Deserialize)]
struct Manifested<'a> {
    #[serde(borrow, default, rename = "weightsManifest")]
    groups: Vec<Group<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    paths: &'a RawValue,
}

/// Looks at what a folder holds.
pub(crate) fn look<F: Fs>(fs: &F, dir: &Path) -> io::Result<Content> {
    let names = again(|| fs.list(dir))?;
    if names.is_empty() {
        return Ok(Content::Empty);
    }
    let Some(shards) = shards_of(fs, dir) else { return Ok(Content::Foreign) };
    for name in &names {
        let is_known = name.to_str().is_some_and(|name| {
            name == MODEL_JSON || name == ASSETS || shards.contains(name) || is_shard_name(name)
        });
        let kind = again(|| fs.look(&dir.join(name)))?.map(|seen| seen.kind);
        // A link to the model's file is the user's arrangement: commit in place and keep the rest.
        let is_file = kind.is_none_or(|kind| kind == Kind::File);
        if !is_known || !is_file {
            return Ok(Content::Foreign);
        }
    }
    Ok(Content::Model)
}

/// The shards that the folder's `model.json` names; `None` when there is no such file or it is no
/// model. Only plain names: nothing in a file may make us remove another folder's files.
pub(crate) fn shards_of<F: Fs>(fs: &F, dir: &Path) -> Option<BTreeSet<String>> {
    shards_in(&again(|| fs.read(&dir.join(MODEL_JSON), MODEL_JSON_LEN_MAX)).ok()?)
}

fn shards_in(json: &[u8]) -> Option<BTreeSet<String>> {
    let model: Manifested<'_> = serde_json::from_slice(json).ok()?;
    let mut shards = BTreeSet::new();
    for group in model.groups {
        let paths: Vec<String> = serde_json::from_str(group.paths.get()).ok()?;
        shards.extend(paths.into_iter().filter(|p| is_contained(p) && !p.contains('/')));
    }
    Some(shards)
}

/// True for the names that converters give shards: `group1-shard2of3.bin`, with a hash or a
/// number of ours before the dot or without.
fn is_shard_name(name: &str) -> bool {
    let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let parse = || {
        let rest = name.strip_prefix("group")?.strip_suffix(".bin")?;
        let (group, rest) = rest.split_once("-shard")?;
        let (shard, rest) = rest.split_once("of")?;
        let (count, suffix) = rest.split_once('-').unwrap_or((rest, "0"));
        let is_hex = suffix.bytes().all(|b| b.is_ascii_hexdigit());
        Some(is_number(group) && is_number(shard) && is_number(count) && is_hex)
    };
    parse() == Some(true)
}

/// A file's name with eight hex digits before its ending.
pub(crate) fn suffixed(name: &str, suffix: u32) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}-{suffix:08x}.{ending}"),
        None => format!("{name}-{suffix:08x}"),
    }
}

/// `model.json` with every shard's name suffixed, every other byte as it was. `None` when the
/// text is no model.
pub(crate) fn with_suffixed_shards(json: &[u8], suffix: u32) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(json).ok()?;
    let model: Manifested<'_> = serde_json::from_str(text).ok()?;
    let mut out = Vec::with_capacity(json.len() + 16 * model.groups.len());
    let mut done = 0;
    for group in model.groups {
        let raw = group.paths.get();
        // `raw` is a slice of `text`, so the difference of their addresses is its offset.
        let start = (raw.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let paths: Vec<String> = serde_json::from_str(raw).ok()?;
        let paths: Vec<String> = paths.iter().map(|path| suffixed(path, suffix)).collect();
        out.extend_from_slice(json.get(done..start)?);
        // A list of strings prints the same in every style but for the space after the comma.
        out.extend_from_slice(
            serde_json::to_string(&paths).ok()?.replace("\",\"", "\", \"").as_bytes(),
        );
        done = start + raw.len();
    }
    out.extend_from_slice(json.get(done..)?);
    Some(out)
}

/// True for what an earlier run staged for a target of this name.
pub(crate) fn has_prefix(name: &OsStr, prefix: &str) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_names_are_told_from_others() {
        for good in ["group1-shard1of1.bin", "group12-shard3of40-0a1b2c3d.bin"] {
            assert!(is_shard_name(good), "{good}");
        }
        for bad in [
            "group1.bin",
            "group1-shard1.bin",
            "groupA-shard1of1.bin",
            "group1-shard1of1.txt",
            "group1-shard1of1-x y.bin",
            "group1-shardof.bin",
        ] {
            assert!(!is_shard_name(bad), "{bad}");
        }
        assert_eq!(suffixed("group1-shard1of2.bin", 0xab), "group1-shard1of2-000000ab.bin");
    }

    #[test]
    fn only_the_manifest_is_rewritten() {
        let json = br#"{"a": "s1.bin", "weightsManifest": [{"paths": ["s1.bin", "s2.bin"], "weights": [{"name": "s1.bin"}]}, {"weights": [], "paths": []}]}"#;
        let out = with_suffixed_shards(json, 1).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"a": "s1.bin", "weightsManifest": [{"paths": ["s1-00000001.bin", "s2-00000001.bin"], "weights": [{"name": "s1.bin"}]}, {"weights": [], "paths": []}]}"#
        );
    }

    #[test]
    fn a_manifest_cannot_name_what_lies_elsewhere() {
        let json = br#"{"weightsManifest": [{"paths": ["../x", "/etc/passwd", "a/b", "ok.bin"], "weights": []}]}"#;
        assert_eq!(shards_in(json).unwrap(), BTreeSet::from(["ok.bin".to_owned()]));
        assert_eq!(shards_in(b"1"), None);
    }
}
