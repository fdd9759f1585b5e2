//! How much a JSON text may hold.

/// Arrays and objects inside each other. serde_json's own limit; Keras configs stay under 40.
pub const NESTING_MAX: u32 = 128;

/// Length of a text in bytes. The largest `model.json` in the field has some 30 MiB.
pub const BYTES_MAX: u64 = 256 << 20;

/// Values that any text may hold, however short. A value takes 72 bytes of memory, as much again
/// while a list grows, and 160 in an object of its own: this many stay below 64 MiB.
pub const VALUES_MIN: u64 = 1 << 18;

/// A longer text may hold one value for this many bytes; the shortest value has two (`0,`). A
/// config has one value for 10 bytes or more.
pub const BYTES_PER_VALUE: u64 = 8;

/// How much a text may hold. `Default` is what a file from a stranger is read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes.
    pub bytes: u64,
    /// Depth of arrays and objects inside each other; a bare number has depth 0.
    pub nesting: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: BYTES_MAX, nesting: NESTING_MAX }
    }
}
