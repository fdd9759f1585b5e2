//! E2: any bytes as a `.keras` archive, converted.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::e2_keras(data));
