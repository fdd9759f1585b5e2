//! ZIP archives whose every field can be wrong.

use flate2::Crc;

/// An entry of an archive, told field by field.
#[derive(Debug, Clone)]
pub struct RawEntry {
    /// Name in the directory.
    pub name: Vec<u8>,
    /// Name in the local header.
    pub local_name: Vec<u8>,
    /// Flags in both.
    pub flags: u16,
    /// 0 stored, 8 deflated.
    pub method: u16,
    /// Checksum in both.
    pub crc32: u32,
    /// Length of the packed bytes, in both.
    pub packed_len: u32,
    /// Length of the content, in both.
    pub byte_len: u32,
    /// Unix mode and DOS attributes.
    pub attributes: u32,
    /// Where the directory says that the local header is, instead of where it is.
    pub local_at: Option<u32>,
    /// The packed bytes.
    pub data: Vec<u8>,
}

impl RawEntry {
    /// A well-formed stored entry.
    pub fn stored(name: &str, content: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(content);
        let byte_len = u32::try_from(content.len()).expect("inputs are small");
        Self {
            name: name.into(),
            local_name: name.into(),
            flags: 0,
            method: 0,
            crc32: crc.sum(),
            packed_len: byte_len,
            byte_len,
            attributes: 0o100_600 << 16,
            local_at: None,
            data: content.to_vec(),
        }
    }

    /// A well-formed deflated entry.
    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let data = deflate(content);
        Self {
            method: 8,
            packed_len: u32::try_from(data.len()).expect("inputs are small"),
            data,
            ..Self::stored(name, content)
        }
    }

    fn common(&self, name: &[u8]) -> Vec<u8> {
        let name_len = u16::try_from(name.len()).expect("names of tests are short");
        let mut out = Vec::new();
        for number in [20, self.flags, self.method, 0, 0x21] {
            out.extend(number.to_le_bytes());
        }
        for number in [self.crc32, self.packed_len, self.byte_len] {
            out.extend(number.to_le_bytes());
        }
        out.extend(name_len.to_le_bytes());
        out.extend([0; 2]);
        out
    }
}

/// A raw deflate stream.
pub fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, content).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

/// An archive of these entries.
pub fn archive(entries: &[RawEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut places = Vec::new();
    for entry in entries {
        places.push(u32::try_from(out.len()).expect("inputs are small"));
        out.extend(b"PK\x03\x04");
        out.extend(entry.common(&entry.local_name));
        out.extend(&entry.local_name);
        out.extend(&entry.data);
    }
    let directory_at = out.len();
    for (entry, place) in entries.iter().zip(places) {
        out.extend(b"PK\x01\x02");
        out.extend((20_u16 | 3 << 8).to_le_bytes());
        out.extend(entry.common(&entry.name));
        out.extend([0; 6]);
        out.extend(entry.attributes.to_le_bytes());
        out.extend(entry.local_at.unwrap_or(place).to_le_bytes());
        out.extend(&entry.name);
    }
    let n = u16::try_from(entries.len()).expect("few entries").to_le_bytes();
    let size = u32::try_from(out.len() - directory_at).expect("inputs are small");
    let at = u32::try_from(directory_at).expect("inputs are small");
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([n, n].concat());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}
