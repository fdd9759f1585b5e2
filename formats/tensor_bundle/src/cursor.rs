//! A cursor over the bytes of a block that remembers where it is.

use bytes::Bytes;

/// Reads numbers and runs of bytes one after the other; `None` once they leave the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    bytes: Bytes,
    at: usize,
}

impl Cursor {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<Bytes> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len())?;
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Some(taken)
    }

    pub(crate) fn u32_le(&mut self) -> Option<u32> {
        let four: [u8; 4] = self.take(4)?.as_ref().try_into().ok()?;
        Some(u32::from_le_bytes(four))
    }

    /// An unsigned number in groups of seven bits, the lowest first.
    pub(crate) fn varint64(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A length of something in these bytes.
    pub(crate) fn varint32(&mut self) -> Option<usize> {
        usize::try_from(u32::try_from(self.varint64()?).ok()?).ok()
    }

    /// What is left.
    pub(crate) fn rest(&self) -> Bytes {
        self.bytes.slice(self.at..)
    }
}

/// Appends `value` as [`Cursor::varint64`] reads it.
pub(crate) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let bits = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            out.push(bits);
            return;
        }
        out.push(bits | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_where_they_say() {
        let cases: [(&'static [u8], Option<u64>); 6] = [
            (b"\x05", Some(5)),
            (b"\xac\x02", Some(300)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Some(u64::MAX)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", None),
            (b"\x80", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            let mut cursor = Cursor::new(Bytes::from_static(bytes));
            assert_eq!(cursor.varint64(), expected, "{bytes:?}");
            assert!(expected.is_none() || cursor.is_at_end());
            if let Some(value) = expected {
                let mut written = Vec::new();
                push_varint(&mut written, value);
                assert_eq!(written, bytes);
            }
        }
    }
}
