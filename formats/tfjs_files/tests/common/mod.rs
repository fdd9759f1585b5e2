//! Helpers that the tests share.
#![allow(dead_code, reason = "each test file uses some of them")]

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_json::Limits;
use tensorferry_store::{BlobRef, MemoryStore, Package, Store, StoreError, collect};
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tfjs_files::{
    ModelJson, NamedTensor, StoredWeight, WeightFiles, plan, read_weights,
};

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A golden's `model.json` and its files.
pub(crate) fn golden(case: &str) -> (ModelJson, MemoryStore) {
    let model = ModelJson::parse(&data(&format!("goldens/{case}/model.json")), &Limits::default());
    let model = model.expect("the reference's files are right");
    let store = MemoryStore::folder(case);
    let paths = model.weights_manifest.iter().flat_map(|group| &group.paths);
    let store = paths.fold(store, |store, path| {
        store.with(path.clone(), data(&format!("goldens/{case}/{path}")))
    });
    (model, store)
}

/// All weights of a golden.
pub(crate) fn golden_weights(case: &str) -> Vec<StoredWeight> {
    let (model, store) = golden(case);
    read_weights(&model.weights_manifest, &|path| store.open(path)).expect("a golden")
}

/// Opens the files of a finished package.
pub(crate) fn opener(
    files: Vec<(String, Vec<u8>)>,
) -> impl Fn(&str) -> Result<BlobRef, StoreError> {
    move |path| match files.iter().find(|(name, _)| name == path) {
        Some((_, bytes)) => Ok(Arc::new(Bytes::from(bytes.clone()))),
        None => Err(StoreError::NotFound(path.to_owned())),
    }
}

/// Lays weights out and gives manifest and files.
pub(crate) fn written(
    groups: Vec<Vec<NamedTensor>>,
    files: WeightFiles,
) -> (Vec<tensorferry_tfjs_files::Group>, Vec<(String, Vec<u8>)>) {
    let plan = plan(groups, files).expect("weights that can be written");
    let package = Package { parts: plan.parts, is_single_file: false };
    let mut out = Vec::new();
    package.write(&mut out).expect("content of the declared length");
    (plan.groups, out)
}

/// All bytes of a tensor.
pub(crate) fn bytes_of(tensor: &Tensor) -> Vec<u8> {
    collect(tensor.data().as_ref()).expect("a tensor in memory").to_vec()
}

/// A tensor over bytes.
pub(crate) fn tensor(dtype: DType, shape: &[u64], bytes: Vec<u8>) -> Tensor {
    Tensor::new(dtype, shape.to_vec(), Arc::new(Bytes::from(bytes))).expect("fitting bytes")
}

/// The little-endian bytes of numbers.
pub(crate) fn le<T: Copy, const N: usize>(values: &[T], f: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| f(*value)).collect()
}
