//! The corpus of `tests/data`, unpacked.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests, of which each file uses its part"
)]

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use tensorferry_hdf5::{Error, File, Group, Limits};

/// All files of the corpus by name.
pub(crate) fn corpus() -> Map<String, Value> {
    let packed = include_bytes!("../data/corpus.json.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The bytes of one file.
pub(crate) fn file(name: &str) -> Vec<u8> {
    unhex(corpus()[name]["file"].as_str().unwrap())
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

pub(crate) fn root_with(bytes: Vec<u8>, limits: Limits) -> Result<Group, Error> {
    File::open(Arc::new(Bytes::from(bytes)), limits)?.root()
}

pub(crate) fn root(bytes: Vec<u8>) -> Result<Group, Error> {
    root_with(bytes, Limits::default())
}
