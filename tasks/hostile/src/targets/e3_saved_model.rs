//! E3: a SavedModel of three files, any bytes, converted.

use tensorferry::{ConvertOptions, OutputFormat};

use crate::convert;
use crate::files::{folder, split};
use crate::recorded::{Recorded, is_inside};

/// Converts it; see [`convert::run`] for what is looked at.
pub fn e3_saved_model(data: &[u8]) {
    let [index, shard, pb] = split(data);
    let store = folder(&[
        ("saved_model.pb".to_owned(), pb),
        ("variables/variables.index".to_owned(), index),
        ("variables/variables.data-00000-of-00001".to_owned(), shard),
    ]);
    let store = Recorded::with_bait(&store, b"a secret");
    let output_format = match crc32c::crc32c(data) % 4 {
        0 => None,
        1 => Some(OutputFormat::TfjsLayersModel),
        _ => Some(OutputFormat::TfjsGraphModel),
    };
    let mut options = ConvertOptions { output_format, ..ConvertOptions::default() };
    options.graph.skip_op_check = crc32c::crc32c(data) % 4 == 3;
    options.graph.verify_bytes = convert::VERIFY_BYTES;
    let _ = convert::run(&store, data.len() as u64, &options);
    let outside = store.opened().into_iter().find(|name| !is_inside(name));
    assert_eq!(outside, None, "a file outside was opened");
}
