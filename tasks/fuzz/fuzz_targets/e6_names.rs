//! E6: names of shards and of archive members.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::e6_names(data));
