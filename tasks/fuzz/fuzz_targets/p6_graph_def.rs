//! P6: any bytes as a GraphDef.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tensorferry_hostile::targets::p6_graph_def(data));
