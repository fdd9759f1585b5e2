//! Every input of a kind, on all cores, with the one that broke a promise named.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cases that a thread takes at a time.
const BATCH: usize = 64;

/// True when every input is wanted, however long it takes: `TENSORFERRY_FULL=1`.
pub fn is_full() -> bool {
    std::env::var_os("TENSORFERRY_FULL").is_some_and(|value| value != "0")
}

/// Runs `case(i)` for each `i` of `0..n` that is a multiple of `step`, or for all of them when the
/// full sweep is asked for. Gives how many ran.
///
/// # Panics
/// When a case panics: with the first five of them, `name(i)` and what they said.
pub fn run(
    label: &str,
    n: usize,
    step: usize,
    name: impl Fn(usize) -> String + Sync,
    case: impl Fn(usize) + Sync,
) -> usize {
    let step = if is_full() { 1 } else { step.max(1) };
    let n_cases = n.div_ceil(step);
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    let work = || {
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= n_cases {
                break;
            }
            for i in (start..n_cases.min(start + BATCH)).map(|i| i * step) {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(i))) {
                    let said = format!("{}: {}", name(i), message(panic.as_ref()));
                    broken.lock().expect("nothing panics with it").push(said);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let broken = broken.into_inner().expect("nothing panics with it");
    let n_broken = broken.len();
    let first = broken.iter().take(5).cloned().collect::<Vec<_>>().join("\n  ");
    assert!(broken.is_empty(), "{label}: {n_broken} of {n_cases} broke a promise:\n  {first}");
    n_cases
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

/// One change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Cut to this length.
    Prefix(usize),
    /// This bit flipped, counted from the first byte's lowest.
    Bit(usize),
    /// This byte set to a value.
    Byte(usize, u8),
    /// This many bytes from here set to the low bytes of a value.
    Field(usize, usize, u64),
}

impl Change {
    /// The file with the change.
    pub fn apply(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        match self {
            Self::Prefix(len) => out.truncate(len),
            Self::Bit(bit) => out[bit / 8] ^= 1 << (bit % 8),
            Self::Byte(at, value) => out[at] = value,
            Self::Field(at, width, value) => {
                out[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            }
        }
        out
    }

    /// Which bytes it changes; none where it cuts.
    pub fn range(self) -> Range<usize> {
        match self {
            Self::Prefix(len) => len..len,
            Self::Bit(bit) => bit / 8..bit / 8 + 1,
            Self::Byte(at, _) => at..at + 1,
            Self::Field(at, width, _) => at..at + width,
        }
    }
}

/// Every prefix, every flipped bit, and every byte set to 00, 7F, 80 and FF.
pub fn changes(len: usize) -> Vec<Change> {
    let prefixes = (0..len).map(Change::Prefix);
    let bits = (0..len * 8).map(Change::Bit);
    let bytes = (0..len).flat_map(|at| [0, 0x7f, 0x80, 0xff].map(|value| Change::Byte(at, value)));
    prefixes.chain(bits).chain(bytes).collect()
}

/// Every run of 1, 2, 4 and 8 bytes as an integer field, set to 0, 1, the largest number and the
/// one before it, its own value and the file's length each one more and less. That is more than
/// the fields that are there.
pub fn fields(bytes: &[u8]) -> Vec<Change> {
    let mut all = Vec::new();
    for width in [1_usize, 2, 4, 8] {
        for at in 0..bytes.len().saturating_sub(width - 1) {
            let mut own = [0; 8];
            own[..width].copy_from_slice(&bytes[at..at + width]);
            let own = u64::from_le_bytes(own);
            for value in extremes(own, width, bytes.len() as u64) {
                all.push(Change::Field(at, width, value));
            }
        }
    }
    all
}

/// The values that an integer field of `width` bytes is set to, without its own one.
pub fn extremes(own: u64, width: usize, file_len: u64) -> Vec<u64> {
    let max = u64::MAX >> (64 - 8 * width);
    let all = [
        0,
        1,
        max,
        max - 1,
        own.wrapping_add(1),
        own.wrapping_sub(1),
        file_len.wrapping_sub(1),
        file_len.wrapping_add(1),
    ];
    let mut values: Vec<u64> = all.iter().map(|value| value & max).filter(|v| *v != own).collect();
    values.sort_unstable();
    values.dedup();
    values
}
