//! The stages of a conversion, in memory: `cargo bench -p tensorferry`.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tensorferry::{ConvertOptions, convert};
use tensorferry_hdf5::{Child, File, Group};
use tensorferry_json::{NonFinite, parse_with, to_python};
use tensorferry_store::{ByteSource, MemoryStore, collect};
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tfjs_files::{CodeType, dequantize, quantize};

mod models;

use models::{Model, Noise};

/// Parameters of MobileNetV2.
const N_WEIGHTS: u64 = 3_538_984;

fn model() -> Model {
    Model::named("mobilenet_v2").expect("the stored model can be read")
}

fn hdf5() -> Bytes {
    let file = model().to_hdf5().expect("the model can be laid out");
    collect(file.as_ref()).expect("memory takes every byte")
}

/// Reads all of a source and drops it.
fn drain(source: &dyn ByteSource) -> u64 {
    let mut n_bytes = 0;
    let drained = source.for_each_piece(&mut |piece| {
        n_bytes += black_box(piece).len() as u64;
        Ok(())
    });
    drained.expect("memory can be read");
    n_bytes
}

fn conversion(c: &mut Criterion) {
    let bytes = hdf5();
    let store = MemoryStore::file("model.h5", bytes.clone());
    let options = ConvertOptions::default();
    let mut group = c.benchmark_group("mobilenet_v2.h5");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("convert", |b| {
        b.iter(|| {
            let conversion = convert(&store, &options).expect("it can be converted");
            let parts = &conversion.package.parts;
            parts.iter().map(|part| drain(part.content.as_ref())).sum::<u64>()
        });
    });
    group.bench_function("open and walk", |b| {
        b.iter(|| {
            let blob = Arc::new(bytes.clone());
            let file = File::open(blob, Default::default()).expect("it is HDF5");
            count_datasets(&file.root().expect("it has a root"))
        });
    });
    group.finish();
}

fn count_datasets(group: &Group) -> usize {
    let children = group.children().expect("the group can be read").into_iter();
    let count = |child| match child {
        Child::Group(group) => count_datasets(&group),
        Child::Dataset(_) => 1,
    };
    children.map(count).sum()
}

fn json(c: &mut Criterion) {
    let model = model();
    let text = model.config();
    let limits = tensorferry_json::Limits::default();
    let parse = || parse_with(text.as_bytes(), &limits, NonFinite::AsNull).expect("it is JSON");
    let value = parse().value;
    let mut group = c.benchmark_group("config of MobileNetV2");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |b| b.iter(parse));
    group.bench_function("write", |b| b.iter(|| to_python(&value)));
    group.finish();
}

fn quantization(c: &mut Criterion) {
    let noise = collect(&Noise { seed: 1, n_floats: N_WEIGHTS, center: 0.0 })
        .expect("memory takes every byte");
    let n_bytes = noise.len() as u64;
    let tensor = Tensor::new(DType::Float32, vec![N_WEIGHTS], Arc::new(noise)).expect("it fits");
    let mut group = c.benchmark_group("14 MB of float32");
    group.throughput(Throughput::Bytes(n_bytes));
    for (name, to) in
        [("uint8", CodeType::UInt8), ("uint16", CodeType::UInt16), ("float16", CodeType::Float16)]
    {
        let encode = || quantize("w", &tensor, to, false).expect("noise is finite");
        group.bench_function(format!("quantize to {name}"), |b| {
            b.iter(|| drain(encode().tensor.data().as_ref()));
        });
        let codes = encode();
        let stored = collect(codes.tensor.data().as_ref()).expect("memory takes every byte");
        let stored = Tensor::new(codes.tensor.dtype(), vec![N_WEIGHTS], Arc::new(stored));
        let stored = stored.expect("it fits");
        group.bench_function(format!("dequantize from {name}"), |b| {
            b.iter(|| {
                let floats = dequantize(&stored, &codes.quantization, DType::Float32);
                drain(floats.expect("the codes are of their type").data().as_ref())
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = conversion, json, quantization
}
criterion_main!(benches);
