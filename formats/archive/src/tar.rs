//! TAR archives, gzipped or not, as a stream of files.
//!
//! What TensorFlow Hub and Kaggle serve: `ustar` headers, with long names of GNU and PAX. Only files
//! and folders are known; links, devices and sparse files are refused, as is any PAX key that would
//! change what a file holds. Nothing is unpacked here: the caller is given each file's bytes.

use std::collections::HashSet;
use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use tensorferry_store::is_contained;

use crate::error::{Error, Kind};
use crate::reader::Limits;

/// Files and folders of one archive.
const ENTRIES_MAX: u64 = 10_000;
/// Bytes of a name, and of the records that hold one.
const NAME_BYTES_MAX: u64 = 1 << 16;
const BLOCK: usize = 512;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Its path, with `/` and without `./` in front.
    pub name: String,
    /// Its bytes.
    pub byte_len: u64,
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    n_bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.n_bytes += n as u64;
        Ok(n)
    }
}

/// Calls `sink` with each file and its bytes, in the archive's order.
///
/// # Errors
/// When it is no such archive, ends too early, has an entry that is neither file nor folder, a name
/// twice or one that leads out of a folder, unpacks to too much, or `sink` fails.
pub fn for_each_tar_file(
    mut archive: impl BufRead,
    limits: &Limits,
    sink: &mut dyn FnMut(&TarEntry, &mut dyn Read) -> io::Result<()>,
) -> Result<(), Error> {
    let head = archive.fill_buf().map_err(|e| Error::io("", &e))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let packed = Counted { inner: archive, n_bytes: 0 };
        let source = MultiGzDecoder::new(io::BufReader::new(packed));
        let ratio = |source: &MultiGzDecoder<io::BufReader<Counted<_>>>| {
            source.get_ref().get_ref().n_bytes.saturating_mul(Limits::RATIO_MAX)
        };
        let limit = move |source: &_| limits.unpacked_free_bytes.max(ratio(source));
        return Tar { source, n_read: 0, limit, seen: HashSet::new() }.files(sink);
    }
    // Without compression there is no more than there is.
    Tar { source: archive, n_read: 0, limit: |_: &_| u64::MAX, seen: HashSet::new() }.files(sink)
}

struct Tar<R, L> {
    source: R,
    n_read: u64,
    /// What may have been unpacked by now.
    limit: L,
    seen: HashSet<String>,
}

impl<R: Read, L: Fn(&R) -> u64> Read for Tar<R, L> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.n_read += n as u64;
        if self.n_read > (self.limit)(&self.source) {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, TOO_MUCH));
        }
        Ok(n)
    }
}

const TOO_MUCH: &str = "unpacks to more than 200 times its bytes";

/// The fields of a header that matter.
struct Header {
    name: String,
    byte_len: u64,
    kind: u8,
}

/// What headers before a file say of it.
#[derive(Default)]
struct Said {
    name: Option<String>,
    byte_len: Option<u64>,
}

impl<R: Read, L: Fn(&R) -> u64> Tar<R, L> {
    fn files(
        mut self,
        sink: &mut dyn FnMut(&TarEntry, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), Error> {
        let mut said = Said::default();
        let mut n_entries = 0;
        while let Some(header) = self.header()? {
            n_entries += 1;
            if n_entries > ENTRIES_MAX {
                let what = format!("more than {ENTRIES_MAX} entries");
                return Err(Error::new(Kind::Limit, "", what));
            }
            match header.kind {
                b'L' => said.name = Some(text(self.small(&header)?)?),
                b'x' => self.pax(&header, &mut said)?,
                // It says what holds for all; nobody who writes models uses it for more than a
                // comment.
                b'g' => self.pax(&header, &mut Said::default())?,
                kind => {
                    let said = std::mem::take(&mut said);
                    let name = said.name.unwrap_or(header.name);
                    let byte_len = said.byte_len.unwrap_or(header.byte_len);
                    self.entry(kind, &name, byte_len, sink)?;
                }
            }
        }
        if let Some(name) = said.name {
            return Err(Error::new(Kind::Truncated, &name, "the archive ends here"));
        }
        // The checksum is behind the last byte.
        io::copy(&mut self, &mut io::sink()).map_err(|e| wrong("", &e))?;
        Ok(())
    }

    fn entry(
        &mut self,
        kind: u8,
        name: &str,
        byte_len: u64,
        sink: &mut dyn FnMut(&TarEntry, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), Error> {
        let name = name.trim_start_matches("./").trim_end_matches('/').to_owned();
        match kind {
            b'5' => {
                let is_self = name.is_empty() || name == ".";
                return if is_self { Ok(()) } else { contained(&name) };
            }
            b'0' | b'7' | 0 => contained(&name)?,
            _ => {
                let what = "a link, a device or a sparse file is not unpacked";
                return Err(Error::new(Kind::Unsupported, &name, what));
            }
        }
        if !self.seen.insert(name.clone()) {
            return Err(Error::malformed(&name, "the name is there twice"));
        }
        let entry = TarEntry { name, byte_len };
        let mut body = self.take(byte_len);
        sink(&entry, &mut body).map_err(|e| wrong(&entry.name, &e))?;
        // What the caller did not read, and the rest of the last block.
        let left = body.limit();
        self.skip(&entry.name, left + padding(byte_len))
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut block = [0; BLOCK];
        let mut n = 0;
        while n < BLOCK {
            let rest = block.get_mut(n..).unwrap_or_default();
            match self.read(rest).map_err(|e| wrong("", &e))? {
                // Many writers leave out the two empty blocks at the end.
                0 if n == 0 => return Ok(None),
                0 => return Err(Error::new(Kind::Truncated, "", "the archive ends in a header")),
                more => n += more,
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let own: u32 = field(148, 156).iter().map(|byte| u32::from(*byte)).sum();
        // The sum is made with spaces in its own place.
        if number(field(148, 156)) != Some(u64::from(sum - own + 8 * 32)) {
            return Err(Error::malformed("", "no TAR archive, or a broken one"));
        }
        let mut name = text(field(0, 100).to_vec())?;
        if field(257, 263) == b"ustar\0" {
            let prefix = text(field(345, 500).to_vec())?;
            if !prefix.is_empty() {
                name = format!("{prefix}/{name}");
            }
        }
        let byte_len = number(field(124, 136))
            .ok_or_else(|| Error::malformed(&name, "its size is no number"))?;
        let kind = field(156, 157).first().copied().unwrap_or_default();
        Ok(Some(Header { name, byte_len, kind }))
    }

    /// The bytes of an entry that says something of the next one.
    fn small(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        if header.byte_len > NAME_BYTES_MAX {
            return Err(Error::new(Kind::Limit, &header.name, "its name is too long"));
        }
        let mut bytes = Vec::new();
        self.take(header.byte_len).read_to_end(&mut bytes).map_err(|e| wrong(&header.name, &e))?;
        if (bytes.len() as u64) < header.byte_len {
            return Err(Error::new(Kind::Truncated, &header.name, "the archive ends here"));
        }
        self.skip(&header.name, padding(header.byte_len))?;
        Ok(bytes)
    }

    /// `LENGTH KEY=VALUE` lines.
    fn pax(&mut self, header: &Header, said: &mut Said) -> Result<(), Error> {
        let bytes = self.small(header)?;
        let broken = || Error::malformed(&header.name, "a broken PAX header");
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let mut parts = rest.splitn(2, |byte| *byte == b' ');
            let digits = parts.next().unwrap_or_default();
            let len = std::str::from_utf8(digits).ok().and_then(|n| n.parse::<usize>().ok());
            let len = len.filter(|len| *len > digits.len() + 1).ok_or_else(broken)?;
            let record = rest.get(digits.len() + 1..len - 1).ok_or_else(broken)?;
            let mut parts = record.splitn(2, |byte| *byte == b'=');
            let (key, value) = (parts.next().unwrap_or_default(), parts.next());
            let value = value.ok_or_else(broken)?.to_vec();
            match key {
                b"path" => said.name = Some(text(value)?),
                b"size" => said.byte_len = Some(text(value)?.parse().map_err(|_| broken())?),
                key if key.starts_with(b"GNU.sparse") || key == b"linkpath" => {
                    let what = "a link or a sparse file is not unpacked";
                    return Err(Error::new(Kind::Unsupported, &header.name, what));
                }
                // Times, owners and comments.
                _ => {}
            }
            rest = rest.get(len..).ok_or_else(broken)?;
        }
        Ok(())
    }

    fn skip(&mut self, name: &str, n: u64) -> Result<(), Error> {
        let skipped = io::copy(&mut self.take(n), &mut io::sink()).map_err(|e| wrong(name, &e))?;
        if skipped < n {
            return Err(Error::new(Kind::Truncated, name, "the archive ends here"));
        }
        Ok(())
    }

    fn take(&mut self, n: u64) -> io::Take<&mut Self> {
        Read::take(self, n)
    }
}

fn wrong(name: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => Error::new(Kind::Limit, name, error.to_string()),
        _ => Error::io(name, error),
    }
}

fn contained(name: &str) -> Result<(), Error> {
    if is_contained(name) {
        return Ok(());
    }
    Err(Error::malformed(name, "the name leads out of the folder, or is none"))
}

fn padding(byte_len: u64) -> u64 {
    let block = BLOCK as u64;
    (block - byte_len % block) % block
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> Result<String, Error> {
    let bytes = until_nul(&bytes).to_vec();
    String::from_utf8(bytes).map_err(|_| Error::malformed("", "a name is not UTF-8"))
}

/// Octal digits; or, with the highest bit set, a binary number, as GNU writes what is larger.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let start = u64::from(first & 0x7f);
        return rest
            .iter()
            .try_fold(start, |n, byte| n.checked_mul(256)?.checked_add((*byte).into()));
    }
    let digits = std::str::from_utf8(until_nul(field)).ok()?.trim();
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}
