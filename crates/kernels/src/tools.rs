//! What kernels work with: threads, and memory that has been used before.

use crate::Workers;

/// Threads and buffers of one run.
#[derive(Debug, Default)]
pub struct Tools {
    /// Who computes.
    pub workers: Workers,
    /// Memory to compute into.
    pub buffers: Buffers,
}

/// Buffers that nobody reads any more, to be written again: a run needs as much memory as is alive
/// at once, and asks the system for none once it has run.
#[derive(Debug, Default)]
pub struct Buffers {
    free: Vec<Vec<f32>>,
    n_free: usize,
}

/// So many elements are kept at most while nobody uses them (256 MiB).
const FREE_MAX: usize = 1 << 26;

/// Smaller buffers cost less to allocate than to look for.
const LEN_MIN: usize = 256;

impl Buffers {
    /// A buffer of `len` elements with anything in them: zeros or old numbers.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        // The tightest fit; one that is far too large is left for something that needs it.
        let fits = |one: &Vec<f32>| one.capacity() >= len && one.capacity() / 4 <= len.max(LEN_MIN);
        let free = self.free.iter().enumerate().filter(|(_, one)| fits(one));
        let best = free.min_by_key(|(_, one)| one.capacity()).map(|(i, _)| i);
        let Some(i) = best.filter(|_| len >= LEN_MIN) else { return vec![0.0; len] };
        let mut buffer = self.free.swap_remove(i);
        self.n_free -= buffer.capacity();
        buffer.truncate(len);
        buffer.resize(len, 0.0);
        buffer
    }

    /// Gives a buffer back.
    pub fn give(&mut self, buffer: Vec<f32>) {
        let capacity = buffer.capacity();
        if capacity >= LEN_MIN && self.n_free + capacity <= FREE_MAX {
            self.n_free += capacity;
            self.free.push(buffer);
        }
    }

    /// Elements of the buffers that wait.
    pub fn n_free(&self) -> usize {
        self.n_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_taken_again() {
        let mut buffers = Buffers::default();
        let (a, b) = (vec![1.0; 1000], vec![2.0; 3000]);
        let (place_a, place_b) = (a.as_ptr(), b.as_ptr());
        buffers.give(a);
        buffers.give(b);
        assert_eq!(buffers.n_free(), 4000);
        let c = buffers.take(900);
        assert_eq!((c.as_ptr(), c.len()), (place_a, 900));
        let d = buffers.take(2000);
        assert_eq!((d.as_ptr(), d.len()), (place_b, 2000));
        assert_eq!(buffers.n_free(), 0);
        assert_eq!(buffers.take(500), vec![0.0; 500]);
    }

    #[test]
    fn not_everything_is_kept() {
        let mut buffers = Buffers::default();
        buffers.give(vec![0.0; 3]);
        buffers.give(Vec::with_capacity(FREE_MAX + 1));
        assert_eq!(buffers.n_free(), 0);
        buffers.give(vec![0.0; 1 << 16]);
        assert_eq!(buffers.take(300).capacity(), 300, "a tiny tensor takes no huge buffer");
    }
}
