//! How much memory an input makes us take, counted by the allocator.

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// No input may make one thread hold more; an allocation beyond it fails, and the process with it.
const CEILING: i64 = 2 << 30;

const MIB: u64 = 1 << 20;

thread_local! {
    /// Bytes that this thread allocated and did not free.
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, counting for each thread.
struct Counting;

/// Counts `bytes` more; false when that is too much.
fn take(bytes: usize) -> bool {
    let Ok(bytes) = i64::try_from(bytes) else { return false };
    // A thread that is ending has no counters any more, and nothing of ours runs in it.
    LIVE.try_with(|live| {
        let now = live.get().saturating_add(bytes);
        if now > CEILING {
            return false;
        }
        live.set(now);
        PEAK.with(|peak| peak.set(peak.get().max(now)));
        true
    })
    .unwrap_or(true)
}

fn give(bytes: usize) {
    let bytes = i64::try_from(bytes).unwrap_or(0);
    let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub(bytes)));
}

// SAFETY: every call goes to the system's allocator with the caller's own layout and pointer; the
// counters are plain cells without destructors, so using them allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !take(new_size) {
            return std::ptr::null_mut();
        }
        // Both are held while the bytes are copied, so the old one is given back afterwards.
        give(layout.size());
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Runs, and tells how many bytes more than before this thread held at most.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = LIVE.get();
    let outer = PEAK.replace(before);
    let result = run();
    let peak = PEAK.get();
    PEAK.set(outer.max(peak));
    (result, u64::try_from(peak - before).unwrap_or(0))
}

/// What a refusal of `byte_len` bytes may hold.
pub fn of_refusal(byte_len: u64) -> u64 {
    64 * MIB + 4 * byte_len
}

/// What a refusal may hold of which a large part is JSON text. A value in memory takes eight times
/// its text and more (`0,` is two bytes, the value 72), and the texts of real models have one for
/// ten bytes: 4 times the text, as of other inputs, would refuse those above 2 MB.
pub fn of_text(byte_len: u64) -> u64 {
    64 * MIB + 20 * byte_len
}

/// What reading a graph of `byte_len` bytes may hold: values that are said once and repeated stand
/// for more than is stored.
pub fn of_graph(byte_len: u64) -> u64 {
    of_refusal(byte_len) + 64 * MIB + 64 * byte_len
}

/// What a conversion may hold that writes `written` bytes.
pub fn of_conversion(written: u64) -> u64 {
    96 * MIB + 2 * written
}

/// What reading one format may hold; `given` bytes came out.
pub fn of_reading(byte_len: u64, given: u64) -> u64 {
    of_refusal(byte_len).max(of_conversion(given))
}

/// Panics when `peak` passes `budget`.
pub fn check(what: &str, peak: u64, budget: u64) {
    assert!(peak <= budget, "{what} held {peak} bytes, where {budget} are allowed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_was_held_is_counted() {
        let ((), peak) = measure(|| {
            let first = vec![1_u8; 1_000_000];
            drop(std::hint::black_box(first));
            let second = vec![1_u8; 3_000_000];
            drop(std::hint::black_box(second));
        });
        assert!((3_000_000..3_100_000).contains(&peak), "{peak}");
    }

    #[test]
    fn what_cannot_be_had_is_refused_and_not_taken() {
        let mut vector: Vec<u8> = Vec::new();
        assert!(vector.try_reserve_exact(3 << 30).is_err());
    }
}
