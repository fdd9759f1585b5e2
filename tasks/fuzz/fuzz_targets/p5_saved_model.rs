//! P5: any bytes as a SavedModel.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p5_saved_model(data));
