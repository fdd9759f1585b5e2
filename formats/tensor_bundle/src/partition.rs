//! A variable that was saved in boxes, put together again.

use std::io;
use std::sync::Arc;

use tensorferry_store::{ByteSource, Concat, SourceRef, collect};
use tensorferry_tf_proto::{element_count, element_size};

use crate::entry::{Entry, Slice};
use crate::error::Error;

/// One source out of those of the boxes, in the order of `entry.slices`.
///
/// Boxes that follow one another in the first dim are streamed. Others are put together in memory
/// each time they are read; only models trained with a partitioner have them.
pub(crate) fn join(key: &str, entry: &Entry, sources: Vec<SourceRef>) -> Result<SourceRef, Error> {
    let wrong = |what| Error::entry(key, what);
    check_tiling(entry).map_err(wrong)?;
    let size = element_size(entry.dtype).ok_or(wrong("a partitioned variable of this type"))?;
    let mut parts: Vec<(Slice, SourceRef)> = entry.slices.iter().cloned().zip(sources).collect();
    parts.sort_by(|a, b| a.0.start.cmp(&b.0.start));
    let are_rows =
        parts.iter().all(|(slice, _)| slice.len.iter().skip(1).eq(entry.shape.iter().skip(1)));
    if are_rows {
        return Ok(Arc::new(Concat(parts.into_iter().map(|(_, source)| source).collect())));
    }
    Ok(Arc::new(Joined { shape: entry.shape.clone(), size, parts }))
}

/// Every element is in exactly one box.
fn check_tiling(entry: &Entry) -> Result<(), &'static str> {
    let counts = entry.slices.iter().map(|slice| element_count(&slice.len));
    let n = counts.sum::<Option<u64>>();
    if n.is_none() || n != element_count(&entry.shape) {
        return Err("the parts have other elements than the variable");
    }
    let apart = |a: &Slice, b: &Slice| {
        let a = a.start.iter().zip(&a.len);
        let b = b.start.iter().zip(&b.len);
        a.zip(b).any(|((a, n), (b, m))| a + n <= *b || b + m <= *a)
    };
    let all_apart = entry
        .slices
        .iter()
        .enumerate()
        .all(|(i, a)| entry.slices.iter().skip(i + 1).all(|b| apart(a, b)));
    if all_apart { Ok(()) } else { Err("the parts overlap") }
}

struct Joined {
    shape: Vec<u64>,
    size: u64,
    parts: Vec<(Slice, SourceRef)>,
}

impl ByteSource for Joined {
    fn byte_len(&self) -> u64 {
        self.parts.iter().map(|(_, source)| source.byte_len()).sum()
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let len = usize::try_from(self.byte_len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut whole = vec![0; len];
        for (slice, source) in &self.parts {
            let bytes = collect(source.as_ref())?;
            self.place(slice, &bytes, &mut whole).ok_or(io::ErrorKind::InvalidData)?;
        }
        sink(&whole)
    }
}

impl Joined {
    /// Copies a box to its place, one run of the last dim after the other.
    fn place(&self, slice: &Slice, bytes: &[u8], whole: &mut [u8]) -> Option<()> {
        let run = usize::try_from(slice.len.last()?.checked_mul(self.size)?).ok()?;
        if run == 0 {
            return Some(());
        }
        let n_outer = self.shape.len().checked_sub(1)?;
        let mut index = vec![0_u64; n_outer];
        for run_bytes in bytes.chunks_exact(run) {
            // Row-major offset of `slice.start + index`.
            let outer = index.iter().chain([&0]).zip(&slice.start).zip(&self.shape);
            let at = outer.fold(0, |at, ((i, start), dim)| at * dim + start + i);
            let at = usize::try_from(at.checked_mul(self.size)?).ok()?;
            whole.get_mut(at..at.checked_add(run)?)?.copy_from_slice(run_bytes);
            for (i, len) in index.iter_mut().zip(&slice.len).rev() {
                *i += 1;
                if *i < *len {
                    break;
                }
                *i = 0;
            }
        }
        Some(())
    }
}
