//! Smallest, largest and mean value of a tensor, in one pass over its bytes.

use std::io;

use crate::cast::{decode_f64, for_each_whole};
use crate::{DType, Tensor};

/// What one pass over a tensor's elements tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Smallest finite element; `NaN` when there is none.
    pub min: f64,
    /// Largest finite element; `NaN` when there is none.
    pub max: f64,
    /// Mean of the finite elements; `NaN` when there is none.
    pub mean: f64,
    /// Number of NaN elements.
    pub n_nan: u64,
    /// Number of infinite elements.
    pub n_infinite: u64,
    /// Row-major index of the first element that is NaN or infinite.
    pub first_non_finite: Option<u64>,
}

/// Reads all elements once. Complex numbers count as two elements each.
///
/// # Errors
/// What the data source says. A string tensor has no numbers: all counts are zero.
pub fn stats(tensor: &Tensor) -> io::Result<Stats> {
    let mut stats = Stats {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        mean: f64::NAN,
        n_nan: 0,
        n_infinite: 0,
        first_non_finite: None,
    };
    let (mut sum, mut n, mut index) = (0.0_f64, 0_u64, 0_u64);
    if let Some(size) = tensor.dtype().byte_size().filter(|_| tensor.dtype() != DType::String) {
        for_each_whole(tensor.data().as_ref(), size, &mut |elements| {
            for value in decode_f64(tensor.dtype(), elements) {
                if value.is_finite() {
                    stats.min = stats.min.min(value);
                    stats.max = stats.max.max(value);
                    sum += value;
                    n += 1;
                } else {
                    stats.first_non_finite.get_or_insert(index);
                    stats.n_nan += u64::from(value.is_nan());
                    stats.n_infinite += u64::from(value.is_infinite());
                }
                index += 1;
            }
            Ok(())
        })?;
    }
    if n == 0 {
        (stats.min, stats.max) = (f64::NAN, f64::NAN);
    } else {
        stats.mean = sum / n as f64;
    }
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_elements_are_counted_and_left_out() {
        let tensor = Tensor::from_f32(&[4], &[1.0, f32::NAN, -3.0, f32::INFINITY]);
        let stats = stats(&tensor).unwrap();
        assert_eq!((stats.min, stats.max, stats.mean), (-3.0, 1.0, -1.0));
        assert_eq!((stats.n_nan, stats.n_infinite, stats.first_non_finite), (1, 1, Some(1)));
    }
}
