//! Hashes of strings that TensorFlow's ops promise never to change.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

fn fetch64(s: &[u8], at: usize) -> u64 {
    s[at..at + 8].iter().rev().fold(0, |x, byte| x << 8 | u64::from(*byte))
}

fn fetch32(s: &[u8], at: usize) -> u64 {
    s[at..at + 4].iter().rev().fold(0, |x, byte| x << 8 | u64::from(*byte))
}

fn shift_mix(x: u64) -> u64 {
    x ^ (x >> 47)
}

fn mix(u: u64, v: u64, mul: u64) -> u64 {
    let a = shift_mix((u ^ v).wrapping_mul(mul));
    shift_mix((v ^ a).wrapping_mul(mul)).wrapping_mul(mul)
}

/// FarmHash's `Fingerprint64`.
pub(crate) fn fingerprint64(s: &[u8]) -> u64 {
    match s.len() {
        0..=16 => up_to_16(s),
        17..=32 => up_to_32(s),
        33..=64 => up_to_64(s),
        _ => long(s),
    }
}

fn up_to_16(s: &[u8]) -> u64 {
    let len = s.len() as u64;
    let mul = K2.wrapping_add(len * 2);
    match s.len() {
        8.. => {
            let (a, b) = (fetch64(s, 0).wrapping_add(K2), fetch64(s, s.len() - 8));
            let c = b.rotate_right(37).wrapping_mul(mul).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(mul);
            mix(c, d, mul)
        }
        4.. => mix(len.wrapping_add(fetch32(s, 0) << 3), fetch32(s, s.len() - 4), mul),
        1.. => {
            let [a, b, c] = [s[0], s[s.len() / 2], s[s.len() - 1]].map(u64::from);
            let (y, z) = (a + (b << 8), len + (c << 2));
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
        }
        0 => K2,
    }
}

/// The four words that the middle sizes are mixed from, and their first mixing.
fn ends(s: &[u8], mul: u64, first: u64) -> (u64, u64, u64) {
    let n = s.len();
    let (a, b) = (fetch64(s, 0).wrapping_mul(first), fetch64(s, 8));
    let (c, d) = (fetch64(s, n - 8).wrapping_mul(mul), fetch64(s, n - 16).wrapping_mul(K2));
    let y = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let z = a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c);
    (a, y, mix(y, z, mul))
}

fn up_to_32(s: &[u8]) -> u64 {
    ends(s, K2.wrapping_add(s.len() as u64 * 2), K1).2
}

fn up_to_64(s: &[u8]) -> u64 {
    let n = s.len();
    let mul = K2.wrapping_add(n as u64 * 2);
    let (a, y, z) = ends(s, mul, K2);
    let (e, f) = (fetch64(s, 16).wrapping_mul(mul), fetch64(s, 24));
    let g = y.wrapping_add(fetch64(s, n - 32)).wrapping_mul(mul);
    let h = z.wrapping_add(fetch64(s, n - 24)).wrapping_mul(mul);
    let u = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    let v = e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g);
    mix(u, v, mul)
}

/// 32 bytes at `at`, with two seeds.
fn weak(s: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let [w, x, y, z] = [0, 8, 16, 24].map(|i| fetch64(s, at + i));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let (c, a) = (a, a.wrapping_add(x).wrapping_add(y));
    (a.wrapping_add(z), b.wrapping_add(a.rotate_right(44)).wrapping_add(c))
}

/// What a long string is hashed into, 64 bytes at a time.
struct Long {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl Long {
    /// Takes in the 64 bytes at `at`; `weight` is 1 but for the last ones.
    fn take(&mut self, s: &[u8], at: usize, mul: u64, weight: u64) {
        let Self { x, y, z, v, w } = self;
        *x = x.wrapping_add(*y).wrapping_add(v.0).wrapping_add(fetch64(s, at + 8));
        *x = x.rotate_right(37).wrapping_mul(mul);
        *y = y.wrapping_add(v.1).wrapping_add(fetch64(s, at + 48));
        *y = y.rotate_right(42).wrapping_mul(mul);
        *x ^= w.1.wrapping_mul(weight);
        *y = y.wrapping_add(v.0.wrapping_mul(weight)).wrapping_add(fetch64(s, at + 40));
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(mul);
        *v = weak(s, at, v.1.wrapping_mul(mul), x.wrapping_add(w.0));
        *w = weak(s, at + 32, z.wrapping_add(w.1), y.wrapping_add(fetch64(s, at + 16)));
        std::mem::swap(z, x);
    }
}

fn long(s: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let y = SEED.wrapping_mul(K1).wrapping_add(113);
    let z = shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let x = SEED.wrapping_mul(K2).wrapping_add(fetch64(s, 0));
    let mut state = Long { x, y, z, v: (0, 0), w: (0, 0) };
    let whole = (s.len() - 1) / 64 * 64;
    for at in (0..whole).step_by(64) {
        state.take(s, at, K1, 1);
    }
    let mul = K1.wrapping_add((state.z & 0xff) << 1);
    state.w.0 = state.w.0.wrapping_add((s.len() as u64 - 1) & 63);
    state.v.0 = state.v.0.wrapping_add(state.w.0);
    state.w.0 = state.w.0.wrapping_add(state.v.0);
    state.take(s, s.len() - 64, mul, 9);
    let Long { x, y, z, v, w } = state;
    let first = mix(v.0, w.0, mul).wrapping_add(shift_mix(y).wrapping_mul(K0)).wrapping_add(z);
    mix(first, mix(v.1, w.1, mul).wrapping_add(x), mul)
}

/// TensorFlow's fingerprint of two fingerprints.
pub(crate) fn fingerprint_both(a: u64, b: u64) -> u64 {
    const MUL: u64 = 0xc6a4_a793_5bd1_e995;
    let both = (a ^ MUL) ^ shift_mix(b.wrapping_mul(MUL)).wrapping_mul(MUL);
    shift_mix(shift_mix(both.wrapping_mul(MUL)).wrapping_mul(MUL))
}

/// SipHash-2-4.
pub(crate) fn siphash(key: [u64; 2], s: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = s.as_chunks::<8>();
    for word in words {
        sip_word(&mut v, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = (s.len() & 0xff) as u8;
    sip_word(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    (0..4).for_each(|_| sip_round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_word(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

/// The hash of `StringToHashBucket`, a MurmurHash2 of 64 bits with a seed of its own.
pub(crate) fn legacy(s: &[u8]) -> u64 {
    const MUL: u64 = 0xc6a4_a793_5bd1_e995;
    const SEED: u64 = 0x00de_cafc_affe;
    let (words, rest) = s.as_chunks::<8>();
    let mut h = SEED ^ (s.len() as u64).wrapping_mul(MUL);
    for word in words {
        let k = u64::from_le_bytes(*word).wrapping_mul(MUL);
        h = (h ^ (k ^ (k >> 47)).wrapping_mul(MUL)).wrapping_mul(MUL);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |x: u64, byte| x << 8 | u64::from(*byte));
        h = (h ^ tail).wrapping_mul(MUL);
    }
    shift_mix(shift_mix(h).wrapping_mul(MUL))
}
