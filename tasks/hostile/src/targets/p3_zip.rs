//! P3: any bytes as a ZIP archive: the directory and every member.

use std::sync::Arc;

use bytes::Bytes;
use tensorferry_archive::{Archive, Limits};
use tensorferry_store::BlobSource;

use crate::budget;
use crate::files::Digest;
use crate::recorded::is_inside;

const FREE_BYTES: u64 = 1 << 20;

/// Opens and reads every member.
pub fn p3_zip(data: &[u8]) {
    let (result, peak) = budget::measure(|| read_zip(data));
    let given = result.as_ref().map_or(0, |digest| digest.byte_len);
    budget::check("reading a ZIP archive", peak, budget::of_reading(data.len() as u64, given));
    if let Ok(digest) = result {
        assert_eq!(read_zip(data), Ok(digest), "two readings differ");
        let most = (data.len() as u64).saturating_mul(Limits::RATIO_MAX).max(FREE_BYTES);
        assert!(digest.byte_len <= most + 2 * data.len() as u64, "more than the limits allow");
    }
}

/// A digest of all members.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_zip(data: &[u8]) -> Result<Digest, String> {
    let blob = Arc::new(Bytes::copy_from_slice(data));
    let limits = Limits { unpacked_free_bytes: FREE_BYTES };
    let archive = Archive::open(blob, &limits).map_err(|e| e.to_string())?;
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let mut digest = Digest::default();
    for (i, name) in names.iter().enumerate() {
        assert!(is_inside(name), "the member {name:?} leads out");
        assert!(!names[..i].contains(name), "the member {name:?} is there twice");
        digest.add_text(name);
        let entry = archive.open_entry(name).map_err(|e| e.to_string())?;
        assert_eq!(Some(entry.byte_len()), archive.byte_len(name), "a member of another length");
        archive.verify(name).map_err(|e| e.to_string())?;
        digest.add_source(&BlobSource(entry)).map_err(|e| e.to_string())?;
    }
    Ok(digest)
}
