//! P2: a file of our HDF5 writer with one field changed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p2_hdf5_fields(data));
