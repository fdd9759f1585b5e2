//! D2: a random graph before and after the passes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::d2_passes(data));
