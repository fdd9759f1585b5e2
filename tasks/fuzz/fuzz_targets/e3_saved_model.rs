//! E3: a SavedModel of three files, converted.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::e3_saved_model(data));
