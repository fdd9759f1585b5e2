//! P5: any bytes as a SavedModel: meta graphs, signatures, objects.

use tensorferry::{ConvertOptions, InspectOptions, OutputFormat, inspect};
use tensorferry_front::{GraphRequest, read_saved_graph};
use tensorferry_ops::ALL;
use tensorferry_store::MemoryStore;

use crate::recorded::Recorded;
use crate::{budget, convert};

/// Looked at, read as a graph, and read as layers: nothing is left behind but problems.
pub fn p5_saved_model(data: &[u8]) {
    let byte_len = data.len() as u64;
    let store = MemoryStore::folder("folder").with("saved_model.pb", data.to_vec());
    let store = Recorded::with_bait(&store, b"a secret");
    let ((), peak) = budget::measure(|| {
        if let Err(problems) = inspect(&store, &InspectOptions::default()) {
            convert::check_problems(&problems);
        }
        let request = GraphRequest::default();
        if let Err(problems) = read_saved_graph(&store, "saved_model.pb", &request, &ALL) {
            convert::check_problems(&problems);
        }
        let options = ConvertOptions {
            output_format: Some(OutputFormat::TfjsLayersModel),
            ..ConvertOptions::default()
        };
        if let Err(problems) = tensorferry::convert(&store, &options) {
            convert::check_problems(&problems);
        }
    });
    budget::check("reading a SavedModel", peak, budget::of_graph(byte_len));
    assert_eq!(store.outside(), None, "a file outside was opened");
}
