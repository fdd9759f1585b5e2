//! What a conversion produces: named blobs, ready to be written by a face.

use std::io;

use crate::source::{ByteSink, Fill, SourceRef, in_pieces};

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

    /// Gives every file's bytes in order: `begin(name, len)` starts a file; `piece(bytes)` and
    /// `fill(len, fill)` continue it.
    ///
    /// # Errors
    /// The first error of a callback or a content; `InvalidData` when a content is shorter or
    /// longer than its files.
    pub fn write(&self, sink: &mut dyn PackageSink) -> io::Result<()> {
        for part in &self.parts {
            let mut cutter = Cutter { sink: &mut *sink, files: part.files.iter(), left: 0 };
            part.content.write_to(&mut cutter)?;
            while cutter.left == 0 && cutter.begin_next()? {}
            if cutter.left != 0 {
                return Err(wrong_length("shorter"));
            }
        }
        sink.end()
    }
}

/// Cuts the bytes of a part at the lengths of its files.
struct Cutter<'a> {
    sink: &'a mut dyn PackageSink,
    files: std::slice::Iter<'a, (String, u64)>,
    /// Bytes that the file which was begun last still takes.
    left: u64,
}

impl Cutter<'_> {
    /// Begins the next file; false when there is none.
    fn begin_next(&mut self) -> io::Result<bool> {
        let Some((name, len)) = self.files.next() else { return Ok(false) };
        self.sink.begin(name, *len)?;
        self.left = *len;
        Ok(true)
    }

    /// How many of `len` bytes go into one file, which is begun.
    fn room(&mut self, len: u64) -> io::Result<u64> {
        while self.left == 0 {
            if !self.begin_next()? {
                return Err(wrong_length("longer"));
            }
        }
        let room = len.min(self.left);
        self.left -= room;
        Ok(room)
    }
}

impl ByteSink for Cutter<'_> {
    fn piece(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.room(bytes.len() as u64)?;
            // Not more than there are, so the cast is exact.
            let (now, later) = bytes.split_at(room as usize);
            self.sink.piece(now)?;
            bytes = later;
        }
        Ok(())
    }

    fn fill(&mut self, mut len: u64, fill: &mut Fill<'_>) -> io::Result<()> {
        while len > 0 {
            let room = self.room(len)?;
            self.sink.fill(room, fill)?;
            len -= room;
        }
        Ok(())
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

    /// `len` more bytes of that file, see [`ByteSink::fill`].
    ///
    /// # Errors
    /// The device's, and those of `fill`.
    fn fill(&mut self, len: u64, fill: &mut Fill<'_>) -> io::Result<()> {
        in_pieces(len, fill, &mut |piece| self.piece(piece))
    }

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
    use crate::{BlobSource, Concat};

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
    fn bytes_that_are_filled_in_are_cut_as_pieces_are() {
        let blob = |bytes: &'static [u8]| {
            Arc::new(BlobSource(Arc::new(Bytes::from_static(bytes)))) as SourceRef
        };
        let content = || Arc::new(Concat(vec![blob(b"a"), blob(b""), blob(b"bcd"), blob(b"e")]));
        let write = |lens: &[u64]| {
            let files = lens.iter().map(|len| (len.to_string(), *len)).collect();
            let parts = vec![Part { files, content: content() }];
            let mut files = Vec::new();
            Package { parts, is_single_file: false }.write(&mut files).map(|()| files)
        };
        let files = write(&[2, 0, 3]).unwrap();
        let text: Vec<_> = files.iter().map(|(_, b)| String::from_utf8_lossy(b)).collect();
        assert_eq!(text, ["ab", "", "cde"]);
        assert!(write(&[4]).is_err());
        assert!(write(&[6]).is_err());
    }

    #[test]
    fn a_content_of_another_length_is_an_error() {
        for lens in [&[2_u64, 2][..], &[2, 4]] {
            let package = Package { parts: vec![part(lens, &[b"abcde"])], is_single_file: false };
            assert!(package.write(&mut Vec::new()).is_err());
        }
    }
}
