//! CRC-32C as TensorFlow stores it: masked, so that a checksum over checksums stays one.

use crate::Error;

/// Added to a rotated checksum by the mask.
const MASK_DELTA: u32 = 0xa282_ead8;

/// The checksum as it is stored.
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(MASK_DELTA)
}

/// The checksum that `masked` stands for.
pub(crate) fn unmask(masked: u32) -> u32 {
    masked.wrapping_sub(MASK_DELTA).rotate_left(15)
}

/// Refuses `found` unless it is what `masked` stands for.
pub(crate) fn check(place: impl Fn() -> String, masked: u32, found: u32) -> Result<(), Error> {
    let expected = unmask(masked);
    if expected == found {
        return Ok(());
    }
    Err(Error::Checksum { place: place(), expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmask_undoes_the_mask() {
        let crc = crc32c::crc32c(b"123456789");
        assert_eq!(crc, 0xe306_9283);
        assert_eq!(unmask(mask(crc)), crc);
    }
}
