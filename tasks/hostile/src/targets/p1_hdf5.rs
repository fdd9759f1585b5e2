//! P1: any bytes as an HDF5 file: every group walked, every attribute and dataset read.

use std::sync::Arc;

use bytes::Bytes;
use tensorferry_hdf5::{Child, Dataset, Error, File, Group, Limits};

use crate::budget;
use crate::files::Digest;

/// Small, so that one input does not take seconds; the rules are those of real limits.
const FREE_BYTES: u64 = 1 << 20;

/// Walks and reads everything that can be read.
pub fn p1_hdf5(data: &[u8]) {
    let (result, peak) = budget::measure(|| read_hdf5(data));
    let given = result.as_ref().map_or(0, |digest| digest.byte_len);
    budget::check("reading HDF5", peak, budget::of_reading(data.len() as u64, given));
    if let (Ok(first), Ok(second)) = (&result, read_hdf5(data)) {
        assert_eq!(*first, second, "two readings differ");
    }
}

/// A digest of everything in the file.
///
/// # Errors
/// The first thing that could not be read; the rest was read all the same.
pub fn read_hdf5(data: &[u8]) -> Result<Digest, String> {
    let limits = Limits {
        unpacked_free_bytes: FREE_BYTES,
        fill_free_bytes: FREE_BYTES,
        ..Limits::default()
    };
    let blob = Arc::new(Bytes::copy_from_slice(data));
    let root = File::open(blob, limits).and_then(|file| file.root()).map_err(|e| said(&e))?;
    let mut walk = Walk::default();
    walk.group(&root);
    match walk.error {
        Some(error) => Err(error),
        None => Ok(walk.digest),
    }
}

fn said(error: &Error) -> String {
    let text = error.to_string();
    assert!(!error.what().is_empty(), "an error that says nothing");
    text
}

#[derive(Default)]
struct Walk {
    digest: Digest,
    error: Option<String>,
}

impl Walk {
    /// The result, unless it is an error, of which the first is kept.
    fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.error.get_or_insert_with(|| said(&error)).len()).ok()
    }

    fn group(&mut self, group: &Group) {
        let names = group.attr_names();
        for name in self.keep(names).unwrap_or_default() {
            let attr = group.attr(&name);
            if let Some(attr) = self.keep(attr) {
                self.digest.add_text(&format!("{attr:?}"));
            }
        }
        let list = group.string_list("layer_names");
        self.keep(list);
        // By name, so that one broken child does not hide the others.
        let names = group.names();
        for name in self.keep(names).unwrap_or_default() {
            self.digest.add_text(&name);
            let child = group.get(&name);
            match self.keep(child).flatten() {
                Some(Child::Group(group)) => self.group(&group),
                Some(Child::Dataset(dataset)) => self.dataset(&dataset),
                None => {}
            }
        }
    }

    fn dataset(&mut self, dataset: &Dataset) {
        self.digest.add_text(&format!("{dataset:?}"));
        let names = dataset.attr_names();
        for name in self.keep(names).unwrap_or_default() {
            let attr = dataset.attr(&name);
            if let Some(attr) = self.keep(attr) {
                self.digest.add_text(&format!("{attr:?}"));
            }
        }
        if dataset.datatype().byte_size().is_none() {
            let strings = dataset.strings();
            for text in self.keep(strings).unwrap_or_default() {
                self.digest.add_text(&text);
            }
            return;
        }
        let source = dataset.data();
        let Some(source) = self.keep(source) else { return };
        let expected = dataset
            .datatype()
            .byte_size()
            .and_then(|size| dataset.n_elements().checked_mul(size))
            .expect("the data would not have been given");
        assert_eq!(source.byte_len(), expected, "other bytes than the shape has");
        if let Err(error) = self.digest.add_source(source.as_ref()) {
            self.error.get_or_insert_with(|| error.to_string());
        }
    }
}
