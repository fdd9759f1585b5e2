//! E4: any bytes as a frozen graph, converted.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::e4_frozen(data));
