//! A `.tar.gz`, as TensorFlow Hub and Kaggle serve models, as the folder that it holds.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use bytes::Bytes;
use tensorferry_archive::{Limits, for_each_tar_file};
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_store::{BlobRef, MemoryStore, Store};

use crate::errors;

/// What is unpacked is held in memory. Larger models are better unpacked to a disk.
const UNPACKED_BYTES_MAX: u64 = 2 << 30;

/// Unpacks the archive `name` in memory. A folder that everything is in is left out, so that a
/// packed folder and its packed contents are the same.
///
/// # Errors
/// What is broken, what would leave the folder, what is too large.
pub fn unpack(store: &dyn Store, name: &str) -> Result<MemoryStore, Problem> {
    let blob = store.open(name).map_err(|e| errors::store(&e))?;
    let mut files: BTreeMap<String, Bytes> = BTreeMap::new();
    let mut n_bytes = 0_u64;
    let source = BufReader::with_capacity(1 << 16, Reader { blob, at: 0 });
    for_each_tar_file(source, &Limits::default(), &mut |entry, body| {
        n_bytes = n_bytes.saturating_add(entry.byte_len);
        if n_bytes > UNPACKED_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, TOO_LARGE));
        }
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        // What macOS puts beside every file.
        if !entry.name.rsplit('/').next().unwrap_or_default().starts_with("._") {
            files.insert(entry.name.clone(), bytes.into());
        }
        Ok(())
    })
    .map_err(|error| {
        let kind = match error.kind() {
            tensorferry_archive::Kind::Limit => Kind::Limit,
            tensorferry_archive::Kind::Unsupported => Kind::Unsupported,
            _ => Kind::Input,
        };
        Problem::new(kind, error.to_string())
            .in_file(name)
            .hint("unpack it and give the folder, if you trust it")
    })?;
    let prefix = common_folder(&files);
    let folder = MemoryStore::folder(name);
    Ok(files.into_iter().fold(folder, |folder, (name, bytes)| folder.with(&name[prefix..], bytes)))
}

const TOO_LARGE: &str = "unpacks to more than 2 GiB";

/// The length of the path that all files begin with.
fn common_folder(files: &BTreeMap<String, Bytes>) -> usize {
    let Some(first) = files.keys().next() else { return 0 };
    let ends = first.match_indices('/').map(|(at, _)| at + 1);
    let is_common = |end: &usize| files.keys().all(|name| name.starts_with(&first[..*end]));
    ends.filter(is_common).max().unwrap_or(0)
}

struct Reader {
    blob: BlobRef,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.blob.byte_len() - self.at;
        let n = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = self.blob.read(self.at..self.at + n as u64)?;
        buf[..n].copy_from_slice(&bytes);
        self.at += n as u64;
        Ok(n)
    }
}
