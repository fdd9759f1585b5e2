//! Random changes that are the same on every machine.

/// Marsaglia's xorshift64*.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() >> 16) as usize % n.max(1)
    }
}

/// `bytes` with one to four changes: bits, bytes, runs put in, taken out, doubled, taken from
/// `other`.
pub fn mutate(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const SPECIAL: [u8; 10] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'/', b'.', b'{', b'-'];
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len());
        let len = 1 + random.below(16);
        let end = (at + len).min(out.len());
        match random.below(8) {
            _ if out.is_empty() => out.push(random.number() as u8),
            0 => out[at] ^= 1 << random.below(8),
            1 => out[at] = random.number() as u8,
            2 => out[at] = SPECIAL[random.below(SPECIAL.len())],
            3 => drop(out.drain(at..end)),
            4 => {
                let run = out[at..end].to_vec();
                out.splice(at..at, run);
            }
            5 if !other.is_empty() => {
                let from = random.below(other.len());
                let run = &other[from..(from + len).min(other.len())];
                out.splice(at..end, run.iter().copied());
            }
            6 => out.truncate(at),
            _ => {
                let number = [0, 1, u64::MAX, u64::MAX >> 1, out.len() as u64][random.below(5)];
                let width = [1, 2, 4, 8][random.below(4)].min(out.len() - at);
                out[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
            }
        }
    }
    out
}
