//! P7: a checkpoint with its checksums.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p7_bundle(data));
