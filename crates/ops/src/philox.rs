//! Philox 4x32-10, TensorFlow's generator of random numbers, and its distributions.

use half::{bf16, f16};

/// A counter that a key turns into numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Philox {
    counter: u128,
    key: [u32; 2],
}

/// The low or high half of 64 bits.
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

impl Philox {
    /// The generator at a counter, given as its low and its high half.
    pub(crate) fn new(key: u64, counter: [u64; 2]) -> Self {
        Self { counter: u128::from(counter[1]) << 64 | u128::from(counter[0]), key: halves(key) }
    }

    /// That of an op's attributes `seed` and `seed2`.
    pub(crate) fn seeded(seed: u64, seed2: u64) -> Self {
        Self::new(seed, [0, seed2])
    }

    /// That of a stateless op's two seeds, scrambled: any pair of seeds is as good as any other.
    pub(crate) fn scrambled(seed: [u64; 2]) -> Self {
        const KEY: u64 = 0x0246_1e29_3ec8_f720;
        let [a, b, c, d] = Self::new(KEY, seed).next4().map(u64::from);
        Self::new(b << 32 | a, [0, d << 32 | c])
    }

    pub(crate) fn key(&self) -> u64 {
        u64::from(self.key[1]) << 32 | u64::from(self.key[0])
    }

    /// The counter's low and high half.
    pub(crate) fn counter(&self) -> [u64; 2] {
        [self.counter as u64, (self.counter >> 64) as u64]
    }

    /// Leaves out `n` times four numbers.
    pub(crate) fn skip(&mut self, n: u128) {
        self.counter = self.counter.wrapping_add(n);
    }

    /// The next four numbers.
    pub(crate) fn next4(&mut self) -> [u32; 4] {
        const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
        const MUL: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
        let (low, high) = (self.counter as u64, (self.counter >> 64) as u64);
        let ([mut a, mut b], [mut c, mut d]) = (halves(low), halves(high));
        let mut key = self.key;
        for _ in 0..10 {
            let [low0, high0] = halves(u64::from(MUL[0]) * u64::from(a));
            let [low1, high1] = halves(u64::from(MUL[1]) * u64::from(c));
            [a, b, c, d] = [high1 ^ b ^ key[0], low1, high0 ^ d ^ key[1], low0];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        self.skip(1);
        [a, b, c, d]
    }
}

/// One number after the other.
pub(crate) struct Single<'a> {
    philox: &'a mut Philox,
    four: [u32; 4],
    used: usize,
}

impl<'a> Single<'a> {
    pub(crate) fn new(philox: &'a mut Philox) -> Self {
        Self { philox, four: [0; 4], used: 4 }
    }

    pub(crate) fn next(&mut self) -> u32 {
        if self.used == 4 {
            self.four = self.philox.next4();
            self.used = 0;
        }
        self.used += 1;
        self.four[self.used - 1]
    }

    /// A number from 0 up to 1.
    pub(crate) fn next_f64(&mut self) -> f64 {
        let low = self.next();
        to_f64(low, self.next())
    }
}

/// A number from 0 up to 1 from the low bits: the mantissa of one from 1 up to 2.
fn to_f32(x: u32) -> f32 {
    f32::from_bits(127 << 23 | x & 0x7f_ffff) - 1.0
}

fn to_f64(x: u32, y: u32) -> f64 {
    f64::from_bits(1023 << 52 | u64::from(x & 0xf_ffff) << 32 | u64::from(y)) - 1.0
}

/// Two normal numbers from two uniform ones, by Box and Muller.
fn normals_f32(x: u32, y: u32) -> [f32; 2] {
    /// Below it the logarithm is cut.
    const EPSILON: f32 = 1e-7;
    let radius = (-2.0 * to_f32(x).max(EPSILON).ln()).sqrt();
    let (sin, cos) = (std::f32::consts::TAU * to_f32(y)).sin_cos();
    [sin * radius, cos * radius]
}

fn normals_f64(four: [u32; 4]) -> [f64; 2] {
    const EPSILON: f64 = 1e-7;
    let radius = (-2.0 * to_f64(four[0], four[1]).max(EPSILON).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * to_f64(four[2], four[3])).sin_cos();
    [sin * radius, cos * radius]
}

/// A type that random numbers are made in.
pub(crate) trait Sample: Copy {
    /// So many numbers from four of the generator.
    const PER_FOUR: usize;

    /// Uniform from 0 up to 1, from four numbers; the first [`Self::PER_FOUR`] count.
    fn uniform(four: [u32; 4]) -> [Self; 4];

    /// Normal, likewise.
    fn normal(four: [u32; 4]) -> [Self; 4];

    /// Fills `place` with normal numbers that are less than 2 from the mean; at most
    /// [`Self::PER_FOUR`] of them.
    fn truncated(generator: &mut Single<'_>, place: &mut [Self]);
}

impl Sample for f32 {
    const PER_FOUR: usize = 4;

    fn uniform(four: [u32; 4]) -> [Self; 4] {
        four.map(to_f32)
    }

    fn normal([a, b, c, d]: [u32; 4]) -> [Self; 4] {
        let ([a, b], [c, d]) = (normals_f32(a, b), normals_f32(c, d));
        [a, b, c, d]
    }

    fn truncated(generator: &mut Single<'_>, place: &mut [Self]) {
        let mut n = 0;
        while n < place.len() {
            let x = generator.next();
            for one in normals_f32(x, generator.next()) {
                if one.abs() < 2.0 && n < place.len() {
                    place[n] = one;
                    n += 1;
                }
            }
        }
    }
}

impl Sample for f64 {
    const PER_FOUR: usize = 2;

    fn uniform([a, b, c, d]: [u32; 4]) -> [Self; 4] {
        [to_f64(a, b), to_f64(c, d), 0.0, 0.0]
    }

    fn normal(four: [u32; 4]) -> [Self; 4] {
        let [a, b] = normals_f64(four);
        [a, b, 0.0, 0.0]
    }

    fn truncated(generator: &mut Single<'_>, place: &mut [Self]) {
        let mut n = 0;
        while n < place.len() {
            let four = std::array::from_fn(|_| generator.next());
            for one in normals_f64(four) {
                if one.abs() < 2.0 && n < place.len() {
                    place[n] = one;
                    n += 1;
                }
            }
        }
    }
}

/// Of the small types, whose normal numbers are single-precision ones, rounded.
macro_rules! small {
    ($type:ident, |$x:ident| $uniform:expr) => {
        impl Sample for $type {
            const PER_FOUR: usize = 4;

            fn uniform(four: [u32; 4]) -> [Self; 4] {
                four.map(|$x| $type::from_f32($uniform - 1.0))
            }

            fn normal(four: [u32; 4]) -> [Self; 4] {
                f32::normal(four).map($type::from_f32)
            }

            fn truncated(generator: &mut Single<'_>, place: &mut [Self]) {
                let mut wide = [0.0; 4];
                let n = place.len().min(4);
                f32::truncated(generator, &mut wide[..n]);
                place.iter_mut().zip(wide).for_each(|(place, x)| *place = $type::from_f32(x));
            }
        }
    };
}

small!(f16, |x| f16::from_bits(15 << 10 | (x & 0x3ff) as u16).to_f32());
small!(bf16, |x| bf16::from_bits(127 << 7 | (x & 0x7f) as u16).to_f32());

/// `n` numbers, so many from each four numbers of the generator.
pub(crate) fn fill<T: Copy>(
    mut philox: Philox,
    n: usize,
    per_four: usize,
    f: impl Fn([u32; 4]) -> [T; 4],
) -> Vec<T> {
    let mut all = Vec::with_capacity(n);
    while all.len() < n {
        let four = f(philox.next4());
        all.extend(four.iter().take(per_four.min(n - all.len())));
    }
    all
}

/// `n` normal numbers that are less than 2 from the mean. Each group of numbers has a stretch of the
/// generator to itself, so that groups can be made in any order.
pub(crate) fn fill_truncated<T: Sample + Default>(philox: Philox, n: usize) -> Vec<T> {
    /// Numbers of the generator that one output may use.
    const RESERVED: usize = 256;
    let mut all = vec![T::default(); n];
    for (i, group) in all.chunks_mut(T::PER_FOUR).enumerate() {
        let mut generator = philox;
        generator.skip((i * (T::PER_FOUR * RESERVED / 4)) as u128);
        T::truncated(&mut Single::new(&mut generator), group);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the paper that describes the generator (Salmon et al., 2011).
    #[test]
    fn known_vectors() {
        let ones = u64::MAX;
        let pi = [0x8588_a308_243f_6a88_u64, 0x0370_7344_1319_8a2e];
        for (key, counter, expected) in [
            (0, [0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (ones, [ones, ones], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                0x299f_31d0_a409_3822,
                [pi[0] & 0xffff_ffff | 0x85a3_08d3 << 32, pi[1]],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(Philox::new(key, counter).next4(), expected);
        }
    }
}
