//! E2: any bytes as a `.keras` archive, converted.

use tensorferry_store::MemoryStore;

use crate::convert;
use crate::recorded::Recorded;

/// Converts it; see [`convert::run`] for what is looked at.
pub fn e2_keras(data: &[u8]) {
    let store = MemoryStore::file("model.keras", data.to_vec());
    let store = Recorded::with_bait(&store, b"a secret");
    let _ = convert::run(&store, data.len() as u64, &convert::options(crc32c::crc32c(data)));
    let opened = store.opened();
    assert!(opened.iter().all(|name| name == "model.keras"), "other files were opened: {opened:?}");
}
