//! P8: JSON, `model.json` and Keras configs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p8_json(data));
