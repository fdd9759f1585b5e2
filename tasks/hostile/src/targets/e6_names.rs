//! E6: any text as the path of a shard and as the name of an archive's member: never outside.

use tensorferry_store::{MemoryStore, is_contained};

use super::read_zip;
use crate::raw_zip::{RawEntry, archive};
use crate::recorded::{Recorded, is_inside};
use crate::{convert, keras};

/// A shard and a member of that name.
pub fn e6_names(data: &[u8]) {
    let name = String::from_utf8_lossy(data).into_owned();
    if is_contained(&name) {
        assert!(is_inside(&name), "{name:?} leads out and counts as contained");
    }
    shard(&name);
    if data.len() <= usize::from(u16::MAX) {
        member(&name);
    }
}

/// Beside the file and in a folder of it, in a store that would give any name.
fn shard(name: &str) {
    let json = keras::model_json(&[name]).to_string();
    for main in ["model.json", "folder/model.json"] {
        let store = MemoryStore::folder("model").with(main, json.clone()).pointing_at(main);
        let store = Recorded::with_bait(&store, b"twelve bytes");
        let result = convert::run(&store, json.len() as u64, &convert::options(0));
        if let Some(outside) = store.outside() {
            panic!("the shard {name:?} made us open {outside:?}");
        }
        let bare = name.strip_prefix("./").unwrap_or(name);
        assert!(result.is_err() || is_inside(bare), "{name:?} was converted");
        let files = result.unwrap_or_default();
        assert!(files.iter().all(|(name, _)| is_inside(name)), "{name:?} is in an output path");
    }
}

/// An archive with a member of that name; reading it asserts that no name leads out.
fn member(name: &str) {
    let bytes = archive(&[RawEntry::stored(name, b"content")]);
    let result = read_zip(&bytes);
    assert!(result.is_err() || is_inside(name.trim_end_matches('/')), "{name:?} was taken");
    let mut entries = keras::keras_members(&keras::dense_config_v3(|_| ()));
    entries.push(RawEntry::stored(&format!("assets/{name}"), b"content"));
    let bytes = archive(&entries);
    let byte_len = bytes.len() as u64;
    let store = MemoryStore::file("model.keras", bytes);
    for (path, _) in convert::run(&store, byte_len, &convert::options(0)).unwrap_or_default() {
        assert!(is_inside(&path), "{name:?} is the output path {path:?}");
    }
}
