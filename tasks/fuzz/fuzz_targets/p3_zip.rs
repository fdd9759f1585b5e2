//! P3: any bytes as a ZIP archive.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p3_zip(data));
