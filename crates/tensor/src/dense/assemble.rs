//! Building a tensor from pieces of others: the one copy loop of every op that moves elements.

use super::{DenseTensor, Element};

/// A piece of a source that is copied, several times in a row if need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Index of the source.
    pub source: usize,
    /// First element.
    pub start: usize,
    /// Number of elements.
    pub len: usize,
    /// How often the piece is written.
    pub repeat: usize,
}

impl Run {
    /// `len` elements from `start` on, once.
    pub fn once(source: usize, start: usize, len: usize) -> Self {
        Self { source, start, len, repeat: 1 }
    }
}

/// A tensor of `shape` whose elements are `runs` of `sources`, one after the other.
///
/// All sources have one element type; the runs lie inside them and fill the shape.
///
/// # Panics
/// When they do not: that is a mistake of the caller.
pub fn assemble(
    shape: &[usize],
    sources: &[&DenseTensor],
    runs: &mut dyn Iterator<Item = Run>,
) -> DenseTensor {
    let first = sources.first().expect("there is a source");
    crate::with_elements!(first.storage(), all => copy(shape, sources, runs, all))
}

fn copy<T: Element>(
    shape: &[usize],
    sources: &[&DenseTensor],
    runs: &mut dyn Iterator<Item = Run>,
    _of_type: &[T],
) -> DenseTensor {
    let sources: Vec<&[T]> =
        sources.iter().map(|one| one.as_slice().expect("sources have one element type")).collect();
    let len = super::dense_len(shape).expect("the caller has checked the shape");
    let mut out = Vec::with_capacity(len);
    for run in runs {
        let piece = &sources[run.source][run.start..run.start + run.len];
        match piece {
            [one] => out.resize(out.len() + run.repeat, one.clone()),
            _ => (0..run.repeat).for_each(|_| out.extend_from_slice(piece)),
        }
    }
    DenseTensor::new(shape, out)
}
