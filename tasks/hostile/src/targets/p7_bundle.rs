//! P7: a checkpoint's index and shard, any bytes or a good one with a few bits wrong.

use bytes::Bytes;
use tensorferry_store::{BlobRef, StoreError};
use tensorferry_tensor_bundle::Bundle;

use crate::budget;
use crate::choices::Choices;
use crate::files::{Digest, split};
use crate::raw_table;
use crate::seeds;

/// Any bytes first, then a change that no checksum may overlook.
pub fn p7_bundle(data: &[u8]) {
    let [index, shard] = split(data);
    let (result, peak) = budget::measure(|| read_bundle(&index, &shard));
    let given = result.as_ref().map_or(0, |digest| digest.byte_len);
    budget::check("reading a checkpoint", peak, budget::of_reading(data.len() as u64, given));
    if let Ok(good) = result {
        found(&index, &shard, good, data);
    }
    let [index, shard] = split(&seeds::bundle()[0]);
    let good = read_bundle(&index, &shard).expect("the seed is a good checkpoint");
    found(&index, &shard, good, data);
}

/// Changes one byte of a good checkpoint, wherever `data` says, and wants it found or harmless.
///
/// A CRC-32C finds every change within 32 neighbouring bits, so there is no luck in this.
fn found(index: &Bytes, shard: &Bytes, good: Digest, data: &[u8]) {
    let mut choices = Choices::new(data);
    let is_index = choices.byte() & 1 == 1;
    let file = if is_index { index } else { shard };
    if file.is_empty() {
        return;
    }
    let at = choices.below(file.len() as u64) as usize;
    let flipped = choices.byte().max(1);
    let mut bytes = file.to_vec();
    bytes[at] ^= flipped;
    let bytes = Bytes::from(bytes);
    let result = if is_index { read_bundle(&bytes, shard) } else { read_bundle(index, &bytes) };
    let is_covered = is_index
        && raw_table::blocks(index).is_some_and(|blocks| {
            blocks.iter().any(|block| (block.start..block.end + 5).contains(&at))
        });
    match result {
        Ok(_) if is_covered => panic!("byte {at} of the index was changed, and nobody noticed"),
        Ok(digest) => assert_eq!(digest, good, "byte {at} was changed, and another tensor came"),
        Err(_) => {}
    }
}

/// A digest of all tensors.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_bundle(index: &Bytes, shard: &Bytes) -> Result<Digest, String> {
    let open = |name: &str| -> Result<BlobRef, StoreError> {
        assert!(crate::recorded::is_inside(name), "the shard {name:?} leads out");
        Ok(std::sync::Arc::new(shard.clone()))
    };
    let bundle = Bundle::open(index, "variables/variables", &open).map_err(|e| e.to_string())?;
    let mut digest = Digest::default();
    let keys: Vec<String> = bundle.keys().map(str::to_owned).collect();
    for key in &keys {
        digest.add_text(key);
        let entry = bundle.entry(key).expect("its key was listed");
        digest.add_text(&format!("{:?} {}", entry.shape, entry.dtype));
        let tensor = bundle.tensor(key).map_err(|e| e.to_string())?;
        digest.add_source(tensor.as_ref()).map_err(|e| e.to_string())?;
    }
    Ok(digest)
}
