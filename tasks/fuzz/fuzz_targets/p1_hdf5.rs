//! P1: any bytes as an HDF5 file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p1_hdf5(data));
