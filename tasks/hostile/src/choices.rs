//! Decisions out of a fuzzer's bytes: the same bytes always decide the same.

/// Bytes that decide. When they are used up, every decision is the first one.
#[derive(Debug, Clone)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Decisions out of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// True when nothing is left to decide with.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte, 0 at the end.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Up to `n` of the bytes that are left.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        let number = match n {
            0..=0x100 => u64::from(self.byte()),
            0x101..=0x1_0000 => u64::from(u16::from_le_bytes(self.bytes())),
            _ => u64::from(u32::from_le_bytes(self.bytes())),
        };
        number % n.max(1)
    }

    /// One of `items`.
    pub fn one_of<'b, T>(&mut self, items: &'b [T]) -> &'b T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// A run of bytes with its length in two bytes before it.
    pub fn run(&mut self) -> &'a [u8] {
        let len = u16::from_le_bytes(self.bytes());
        self.take(usize::from(len))
    }
}

/// The inverse of [`Choices::run`]; runs are cut at 65,535 bytes.
pub fn run(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    let len = u16::try_from(bytes.len()).expect("it was cut").to_le_bytes();
    [&len[..], bytes].concat()
}
