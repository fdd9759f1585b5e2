//! E1: any bytes as a Keras HDF5 file, converted.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::e1_h5(data));
