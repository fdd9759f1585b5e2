//! Little-endian numbers at fixed places of a record.

/// A record's bytes, read from the front.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// The body of the extra field `id`, when it is there once.
pub(crate) fn extra(fields: &[u8], id: u16) -> Option<&[u8]> {
    let mut fields = Fields(fields);
    let mut found = None;
    while let (Some(tag), Some(len)) = (fields.u16(), fields.u16()) {
        let body = fields.take(usize::from(len))?;
        if tag == id && found.replace(body).is_some() {
            return None;
        }
    }
    found
}
