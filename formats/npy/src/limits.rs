//! What a file may ask for.

/// Limits of reading.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the elements; turning another order needs as many again.
    pub data_bytes: usize,
    /// Number of dims; NumPy itself allows 64.
    pub dims: usize,
    /// Bytes of the header; NumPy's own default limit is 10,000.
    pub header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { data_bytes: 1 << 31, dims: 64, header_bytes: 10_000 }
    }
}
