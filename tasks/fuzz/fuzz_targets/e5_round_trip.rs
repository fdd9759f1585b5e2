//! E5: layers models to Keras files and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::e5_round_trip(data));
