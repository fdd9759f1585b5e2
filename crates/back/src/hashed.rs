//! Weight files whose names carry the hash of their content.
//!
//! A page that loads a model while a new one is uploaded would mix the two; with names that change
//! with the content it cannot.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_tfjs_files::Plan;

/// Hexadecimal digits of the hash in a name.
const DIGITS: usize = 8;

/// Renames `group1-shard1of3.bin` to `group1-shard1of3-0123abcd.bin`, in one pass over all bytes,
/// and gives `{name: {"bytes", "sha256"}}` for `model.json`.
pub(crate) fn hash_names(plan: &mut Plan) -> Result<Value, Problem> {
    let mut table = Map::new();
    let groups = plan.groups.iter_mut().filter(|group| !group.paths.is_empty());
    for (group, part) in groups.zip(&mut plan.parts) {
        let lens: Vec<u64> = part.files.iter().map(|(_, len)| *len).collect();
        let hashes = hash_files(part.content.as_ref(), &lens)
            .map_err(|e| Problem::new(Kind::Input, e.to_string()))?;
        for ((path, file), hash) in group.paths.iter_mut().zip(&mut part.files).zip(hashes) {
            let short = hash.get(..DIGITS).unwrap_or(&hash);
            let name = match path.strip_suffix(".bin") {
                Some(stem) => format!("{stem}-{short}.bin"),
                None => format!("{path}-{short}"),
            };
            table.insert(name.clone(), json!({"bytes": file.1, "sha256": hash}));
            path.clone_from(&name);
            file.0 = name;
        }
    }
    Ok(Value::Object(table))
}

fn hash_files(
    content: &dyn tensorferry_store::ByteSource,
    lens: &[u64],
) -> std::io::Result<Vec<String>> {
    let mut hashes = Vec::new();
    let mut hasher = Sha256::new();
    let mut left = lens.iter().copied();
    let mut in_file = left.next().unwrap_or(0);
    let hex = |hasher: Sha256| {
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    content.for_each_piece(&mut |mut piece| {
        while !piece.is_empty() && hashes.len() < lens.len() {
            let n = piece.len().min(usize::try_from(in_file).unwrap_or(usize::MAX));
            let (head, rest) = piece.split_at(n);
            hasher.update(head);
            in_file -= n as u64;
            piece = rest;
            if in_file == 0 {
                hashes.push(hex(std::mem::take(&mut hasher)));
                in_file = left.next().unwrap_or(0);
            }
        }
        Ok(())
    })?;
    Ok(hashes)
}
