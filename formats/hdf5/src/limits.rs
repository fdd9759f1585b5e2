//! How much a file may ask for.

/// Limits that every read is held to. The defaults are those for native programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Decoded data may pass [`Limits::RATIO_MAX`] times its stored bytes up to this many bytes.
    /// 64 MiB natively, 32 MiB in a browser.
    pub unpacked_free_bytes: u64,
    /// Never-written data may have this many bytes, and `fill_per_file_byte` for each byte of
    /// the file, over all datasets together. 64 MiB natively, 32 MiB in a browser.
    pub fill_free_bytes: u64,
    /// See `fill_free_bytes`. 64 natively, 32 in a browser.
    pub fill_per_file_byte: u64,
}

impl Limits {
    /// Decoded bytes per stored byte: above what gzip makes of trained weights, far below the
    /// 1,032 of a deflate bomb.
    pub const RATIO_MAX: u64 = 200;
    /// Nested groups. Keras writes 7 levels; a loop of links would give any number.
    pub const GROUP_DEPTH_MAX: usize = 64;
    /// Soft links followed for one name, as libhdf5 does.
    pub const SOFT_LINK_STEPS_MAX: u32 = 16;
    /// Filters of one dataset; h5py sets at most three.
    pub const FILTERS_MAX: usize = 8;
    /// Dims of one dataset or attribute, the format's own limit.
    pub const RANK_MAX: usize = 32;
    /// Elements of one dataset: every count is exact as `f64`, so in JavaScript too.
    pub const ELEMENTS_MAX: u64 = 1 << 53;
    /// Bytes of a link's or an attribute's name; beyond every name that a person gives.
    pub const NAME_LEN_MAX: usize = 4096;

    /// Limits for a browser tab.
    pub fn browser() -> Self {
        Self { unpacked_free_bytes: 32 << 20, fill_free_bytes: 32 << 20, fill_per_file_byte: 32 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_free_bytes: 64 << 20, fill_free_bytes: 64 << 20, fill_per_file_byte: 64 }
    }
}
