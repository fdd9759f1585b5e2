//! Undoing the filters of a chunk.

use hdf5_reader::filters::{deflate, fletcher32, shuffle};
use hdf5_reader::messages::filter_pipeline::FilterDescription;

use crate::error::Error;
use crate::limits::Limits;

const DEFLATE: u16 = 1;
const SHUFFLE: u16 = 2;
const FLETCHER32: u16 = 3;
/// h5py's filter, registered with the HDF Group.
const LZF: u16 = 32000;

/// Refuses a pipeline with a filter that is not ours or that occurs twice.
pub(crate) fn check(path: &str, filters: &[FilterDescription]) -> Result<(), Error> {
    if filters.len() > Limits::FILTERS_MAX {
        let what =
            format!("{} filters, where at most {} are allowed", filters.len(), Limits::FILTERS_MAX);
        return Err(Error::limit(path, what));
    }
    for (i, filter) in filters.iter().enumerate() {
        if filters.iter().take(i).any(|earlier| earlier.id == filter.id) {
            return Err(Error::limit(path, format!("filter {} is applied twice", filter.id)));
        }
        if !matches!(filter.id, DEFLATE | SHUFFLE | FLETCHER32 | LZF) {
            let name = filter.name.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
            let what = format!(
                "filter {}{name} is not supported; gzip, shuffle, fletcher32 and lzf are",
                filter.id
            );
            return Err(Error::unsupported(path, what));
        }
    }
    Ok(())
}

/// The `decoded_len` bytes of a chunk that is stored as `stored`. A bit set in `mask` says that
/// the filter of that index was left out when the chunk was written.
pub(crate) fn decode(
    stored: &[u8],
    filters: &[FilterDescription],
    mask: u32,
    element_size: usize,
    decoded_len: usize,
) -> Result<Vec<u8>, String> {
    // Between two filters the data may be a little larger than decoded: a checksum, or a
    // compression that gained nothing.
    let room = decoded_len.saturating_add(decoded_len / 16).saturating_add(1024);
    let mut data: Option<Vec<u8>> = None;
    for (i, filter) in filters.iter().enumerate().rev() {
        if u32::try_from(i).ok().and_then(|i| mask.checked_shr(i)).unwrap_or(0) & 1 == 1 {
            continue;
        }
        let input = data.as_deref().unwrap_or(stored);
        data = Some(match filter.id {
            DEFLATE => {
                deflate::decompress_with_limit(input, room).map_err(|error| error.to_string())?
            }
            SHUFFLE => shuffle::unshuffle(input, element_size),
            FLETCHER32 => fletcher32::verify_and_strip(input).map_err(|error| error.to_string())?,
            LZF => lzf(input, room)?,
            id => return Err(format!("filter {id} is not supported")),
        });
    }
    let data = data.unwrap_or_else(|| stored.to_vec());
    if data.len() == decoded_len {
        return Ok(data);
    }
    Err(format!("it decodes to {} bytes where {decoded_len} are expected", data.len()))
}

/// LZF as in Marc Lehmann's liblzf: a control byte below 32 starts a run of literals, any other
/// one a copy of earlier output.
fn lzf(input: &[u8], output_max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = input.iter().copied();
    let mut out: Vec<u8> = Vec::new();
    let cut = || "the lzf data ends inside a run".to_owned();
    while let Some(control) = bytes.next() {
        let control = usize::from(control);
        if control < 32 {
            for _ in 0..=control {
                out.push(bytes.next().ok_or_else(cut)?);
            }
        } else {
            let mut len = (control >> 5) + 2;
            if len == 9 {
                len += usize::from(bytes.next().ok_or_else(cut)?);
            }
            let back = ((control & 31) << 8) + usize::from(bytes.next().ok_or_else(cut)?) + 1;
            let start = out.len().checked_sub(back).ok_or("an lzf copy starts before the data")?;
            for i in start..start + len {
                out.push(*out.get(i).expect("behind the end, which grows with every byte"));
            }
        }
        if out.len() > output_max {
            return Err("the lzf data is longer than its chunk".to_owned());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lzf_copies_runs_that_overlap_themselves() {
        // Three literals, then seven plus one more bytes from two bytes back.
        let packed = [2, b'a', b'b', b'c', 0xE0, 0, 1];
        assert_eq!(lzf(&packed, 100).unwrap(), b"abcbcbcbcbcb");
    }

    #[test]
    fn broken_lzf_is_an_error() {
        for (packed, what) in [
            (&[5, 1, 2][..], "ends inside"),
            (&[0, 1, 0x20][..], "ends inside"),
            (&[0, 1, 0x20, 9][..], "before the data"),
            (&[0, 1, 0xE0, 255, 0][..], "longer"),
        ] {
            let error = lzf(packed, 50).unwrap_err();
            assert!(error.contains(what), "{packed:?}: {error}");
        }
    }

    #[test]
    fn pipelines_are_checked_before_any_data_is_read() {
        let filter = |id| FilterDescription { id, name: None, client_data: vec![] };
        let of = |ids: &[u16]| ids.iter().map(|id| filter(*id)).collect::<Vec<_>>();
        assert!(check("d", &of(&[SHUFFLE, DEFLATE, FLETCHER32])).is_ok());
        for (ids, what) in [
            (&[DEFLATE, DEFLATE][..], "twice"),
            (&[1, 2, 3, 32000, 4, 5, 6, 7, 8], "at most 8"),
            (&[32001], "not supported"),
        ] {
            let error = check("d", &of(ids)).unwrap_err();
            assert!(error.to_string().contains(what), "{ids:?}: {error}");
        }
    }
}
