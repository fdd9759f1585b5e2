//! E4: any bytes as a frozen graph, converted.

use tensorferry::ConvertOptions;
use tensorferry_store::MemoryStore;
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::GraphDef;

use crate::convert;
use crate::recorded::Recorded;

/// Converts it, its last node being the output; see [`convert::run`] for what is looked at.
pub fn e4_frozen(data: &[u8]) {
    let last = GraphDef::decode(data).ok().and_then(|graph| Some(graph.node.last()?.name.clone()));
    let mut options = ConvertOptions::default();
    options.graph.output_node_names = vec![last.unwrap_or_else(|| "y".to_owned())];
    options.graph.skip_op_check = crc32c::crc32c(data).is_multiple_of(2);
    let store = MemoryStore::file("frozen.pb", data.to_vec());
    let store = Recorded::with_bait(&store, b"a secret");
    options.graph.verify_bytes = convert::VERIFY_BYTES;
    let _ = convert::run(&store, data.len() as u64, &options);
    let opened = store.opened();
    assert!(opened.iter().all(|name| name == "frozen.pb"), "other files were opened: {opened:?}");
}
