//! Reading the entries of an archive without unpacking it.

use std::sync::Arc;

use bytes::Bytes;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use tensorferry_store::{BlobRef, BlobSource, ByteSource, SubBlob};

use crate::directory::{self, Entry, Method};
use crate::error::{Error, Kind};

/// Bytes that a stored entry may have to be checked whenever it is opened; reading a larger one
/// twice would cost more than it is worth, see [`Archive::verify`].
const CHECKED_BYTES_MAX: u64 = 1 << 20;
/// No deflate stream unpacks to more than this many times its bytes.
const DEFLATE_RATIO_MAX: u64 = 1032;

/// Limits that reading is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries may unpack to more than [`Limits::RATIO_MAX`] times their packed bytes up to this
    /// many bytes in all. 64 MiB natively, 32 MiB in a browser.
    pub unpacked_free_bytes: u64,
}

impl Limits {
    /// Unpacked bytes per packed byte: above what deflate makes of weights and JSON, far below
    /// the 1,032 of a bomb.
    pub const RATIO_MAX: u64 = 200;
    /// Entries of one archive.
    pub const ENTRIES_MAX: u64 = directory::ENTRIES_MAX;

    /// Limits for a browser tab.
    pub fn browser() -> Self {
        Self { unpacked_free_bytes: 32 << 20 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_free_bytes: 64 << 20 }
    }
}

/// An opened archive.
pub struct Archive {
    blob: BlobRef,
    entries: Vec<Entry>,
}

impl Archive {
    /// Reads and checks the directory of `blob`.
    ///
    /// # Errors
    /// When the blob is no complete ZIP archive, contradicts itself, has an entry that is
    /// encrypted, a link or of an unknown compression, a name that leads out of a folder, or
    /// passes a limit.
    pub fn open(blob: BlobRef, limits: &Limits) -> Result<Self, Error> {
        let entries = directory::read(blob.as_ref())?;
        let deflated = entries.iter().filter(|entry| entry.method == Method::Deflated);
        let (mut packed, mut unpacked) = (0_u64, 0_u64);
        for entry in deflated {
            packed += entry.data.end - entry.data.start;
            unpacked = unpacked.saturating_add(entry.byte_len);
        }
        let allowed = packed.saturating_mul(Limits::RATIO_MAX);
        if unpacked > limits.unpacked_free_bytes && unpacked > allowed {
            let what = format!(
                "{packed} packed bytes unpack to {unpacked}, which is more than {} times as many",
                Limits::RATIO_MAX
            );
            return Err(Error::new(Kind::Limit, "", what));
        }
        Ok(Self { blob, entries })
    }

    /// True when the bytes at the start are those of a ZIP archive.
    pub fn is_zip(start: &[u8]) -> bool {
        start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
    }

    /// Names of all files, in the order of the directory.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Length in bytes of a file's content, or `None` when there is no such file.
    pub fn byte_len(&self, name: &str) -> Option<u64> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.byte_len)
    }

    /// The content of a file. A stored one is a part of the archive, without a copy; when it is
    /// small its checksum is compared at once, for a larger one see [`Archive::verify`]. A
    /// deflated one is unpacked into memory and checked.
    ///
    /// # Errors
    /// When there is no such file, it cannot be unpacked, or its checksum is wrong.
    pub fn open_entry(&self, name: &str) -> Result<BlobRef, Error> {
        let entry = self.entry(name)?;
        let packed = self.packed(entry)?;
        match entry.method {
            Method::Stored => {
                if entry.byte_len <= CHECKED_BYTES_MAX {
                    self.verify(name)?;
                }
                Ok(packed)
            }
            Method::Deflated => Ok(Arc::new(inflate(entry, packed.as_ref())?)),
        }
    }

    /// Compares the checksum of a file, in one pass over its content.
    ///
    /// # Errors
    /// When there is no such file, it cannot be read or unpacked, or its checksum is wrong.
    pub fn verify(&self, name: &str) -> Result<(), Error> {
        let entry = self.entry(name)?;
        let packed = self.packed(entry)?;
        if entry.method == Method::Deflated {
            return inflate(entry, packed.as_ref()).map(drop);
        }
        let mut crc = Crc::new();
        BlobSource(packed)
            .for_each_piece(&mut |piece| {
                crc.update(piece);
                Ok(())
            })
            .map_err(|error| Error::io(name, &error))?;
        check_crc(entry, &crc)
    }

    fn entry(&self, name: &str) -> Result<&Entry, Error> {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| Error::new(Kind::Missing, name, "there is no such entry"))
    }

    fn packed(&self, entry: &Entry) -> Result<BlobRef, Error> {
        let part = SubBlob::new(self.blob.clone(), entry.data.clone())
            .map_err(|error| Error::io(&entry.name, &error))?;
        Ok(Arc::new(part))
    }
}

fn check_crc(entry: &Entry, crc: &Crc) -> Result<(), Error> {
    if crc.sum() == entry.crc32 {
        return Ok(());
    }
    let what = format!("its checksum is {:08x} instead of {:08x}", crc.sum(), entry.crc32);
    Err(Error::malformed(&entry.name, what).at(entry.data.start))
}

/// Unpacks and checks an entry.
fn inflate(entry: &Entry, packed: &dyn tensorferry_store::Blob) -> Result<Bytes, Error> {
    let broken = |what: &str| Error::malformed(&entry.name, what).at(entry.data.start);
    if entry.byte_len > packed.byte_len().saturating_mul(DEFLATE_RATIO_MAX) + 64 {
        return Err(broken("it cannot unpack to as many bytes as the directory says"));
    }
    let input = tensorferry_store::read_all(packed).map_err(|e| Error::io(&entry.name, &e))?;
    let too_large = || Error::new(Kind::Limit, &entry.name, "it does not fit into memory");
    let len = usize::try_from(entry.byte_len).map_err(|_| too_large())?;
    // One byte more than expected, so that a longer stream shows.
    let mut out = Vec::new();
    out.try_reserve_exact(len.saturating_add(1)).map_err(|_| too_large())?;
    let mut decoder = Decompress::new(false);
    let status = decoder
        .decompress_vec(&input, &mut out, FlushDecompress::Finish)
        .map_err(|_| broken("its deflate stream is broken"))?;
    if status != Status::StreamEnd || out.len() != len {
        return Err(broken("it does not unpack to as many bytes as the directory says"));
    }
    if decoder.total_in() != input.len() as u64 {
        return Err(broken("bytes follow its deflate stream"));
    }
    let mut crc = Crc::new();
    crc.update(&out);
    check_crc(entry, &crc)?;
    Ok(out.into())
}
