//! P9: weight manifests and their bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p9_weights(data));
