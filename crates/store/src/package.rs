//! What a conversion produces: named blobs, ready to be written by a face.

use std::io;

use crate::source::SourceRef;

/// The files of a finished model, in the order in which they must become visible
/// (`model.json` last, so that it never names a shard that is not there).
#[derive(Default)]
pub struct Package {
    /// The parts, in writing order.
    pub parts: Vec<Part>,
    /// True when the result is one file at the output path itself (`.h5`, `.keras`) and not a
    /// folder. Such a package has one part with one file.
    pub is_single_file: bool,
}

/// Bytes that are cut into one or more files.
pub struct Part {
    /// Name and length of each file; the lengths add up to the content's.
    pub files: Vec<(String, u64)>,
    /// The bytes of all of them, one after the other.
    pub content: SourceRef,
}

impl Part {
    /// One file.
    pub fn file(name: impl Into<String>, content: SourceRef) -> Self {
        Self { files: vec![(name.into(), content.byte_len())], content }
    }
}

impl Package {
    /// Names and lengths of all files, in writing order.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.parts
            .iter()
            .flat_map(|part| part.files.iter().map(|(name, len)| (name.as_str(), *len)))
    }

    /// Length of all files together, in bytes.
    pub fn byte_len(&self) -> u64 {
        self.files().map(|(_, len)| len).sum()
    }

    /// Gives every file's bytes in order: `begin(name, len)` starts a file and `piece(bytes)`
    /// continues it.
    ///
    /// # Errors
    /// The first error of a callback or a content; `InvalidData` when a content is shorter or
    /// longer than its files.
    pub fn write(&self, sink: &mut dyn PackageSink) -> io::Result<()> {
        for part in &self.parts {
            let mut files = part.files.iter();
            let mut left = 0_u64;
            let mut begin_next = |sink: &mut dyn PackageSink| -> io::Result<Option<u64>> {
                let Some((name, len)) = files.next() else { return Ok(None) };
                sink.begin(name, *len)?;
                Ok(Some(*len))
            };
            part.content.for_each_piece(&mut |mut piece| {
                while !piece.is_empty() {
                    while left == 0 {
                        left = begin_next(sink)?.ok_or_else(|| wrong_length("longer"))?;
                    }
                    let n = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    sink.piece(&piece[..n])?;
                    left -= n as u64;
                    piece = &piece[n..];
                }
                Ok(())
            })?;
            while left == 0 {
                match begin_next(sink)? {
                    Some(len) => left = len,
                    None => break,
                }
            }
            if left != 0 {
                return Err(wrong_length("shorter"));
            }
        }
        sink.end()
    }
}

/// Takes the files of a package one after the other.
pub trait PackageSink {
    /// A new file begins; the one before it is complete.
    ///
    /// # Errors
    /// The device's.
    fn begin(&mut self, name: &str, byte_len: u64) -> io::Result<()>;

    /// More bytes of the file that was begun last.
    ///
    /// # Errors
    /// The device's.
    fn piece(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The last file is complete.
    ///
    /// # Errors
    /// The device's.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects a package in memory, for a browser and for tests.
impl PackageSink for Vec<(String, Vec<u8>)> {
    fn begin(&mut self, name: &str, _byte_len: u64) -> io::Result<()> {
        self.push((name.to_owned(), Vec::new()));
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (_, content) = self.last_mut().expect("`begin` comes before `piece`");
        content.extend_from_slice(bytes);
        Ok(())
    }
}

fn wrong_length(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("content is {how} than its files"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::Concat;

    fn part(lens: &[u64], pieces: &[&'static [u8]]) -> Part {
        let pieces: Vec<SourceRef> =
            pieces.iter().map(|p| Arc::new(Bytes::from_static(p)) as SourceRef).collect();
        let files = lens.iter().enumerate().map(|(i, len)| (format!("f{i}"), *len)).collect();
        Part { files, content: Arc::new(Concat(pieces)) }
    }

    #[test]
    fn content_is_cut_at_the_lengths_of_the_files() {
        let package = Package {
            parts: vec![part(&[2, 0, 3, 0], &[b"a", b"bcd", b"e"])],
            is_single_file: false,
        };
        let mut files = Vec::new();
        package.write(&mut files).unwrap();
        let text: Vec<_> =
            files.iter().map(|(n, b)| format!("{n}={}", String::from_utf8_lossy(b))).collect();
        assert_eq!(text, ["f0=ab", "f1=", "f2=cde", "f3="]);
    }

    #[test]
    fn a_content_of_another_length_is_an_error() {
        for lens in [&[2_u64, 2][..], &[2, 4]] {
            let package = Package { parts: vec![part(lens, &[b"abcde"])], is_single_file: false };
            assert!(package.write(&mut Vec::new()).is_err());
        }
    }
}
