//! Products and convolutions of the shapes that MobileNetV2 and ResNet50 have, in FLOP per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensorferry_kernels::{
    DepthwiseFilter, Finish, Image, Packed, Workers, conv2d, depthwise2d, gemm,
};

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("gemm");
    for (m, k, n) in [
        (64, 64, 64),
        (256, 256, 256),
        (512, 512, 512),
        (1024, 1024, 1024),
        (12544, 27, 32),
        (3136, 64, 128),
        (196, 512, 512),
        (49, 960, 160),
    ] {
        let (a, b) = (vec![0.5; m * k], vec![0.25; k * n]);
        let weights = Packed::new(&b, k, n, (n, 1));
        let mut out = vec![0.0; m * n];
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bencher| {
            let workers = Workers::default();
            bencher.iter(|| gemm(&workers, &a, &weights, &Finish::NONE, &[], &mut out));
        });
    }
    group.finish();
}

fn image(size: usize, channels: usize, window: usize, stride: usize) -> Image {
    let output = size.div_ceil(stride);
    let before = ((output - 1) * stride + window).saturating_sub(size) / 2;
    Image {
        n: 1,
        height: size,
        width: size,
        channels,
        window: [window; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        before: [before; 2],
        output: [output; 2],
    }
}

fn convolutions(c: &mut Criterion) {
    let workers = Workers::default();
    let mut group = c.benchmark_group("conv2d");
    for (size, channels, window, stride, filters) in
        [(224, 3, 3, 2, 32), (224, 3, 7, 2, 64), (56, 64, 3, 1, 64), (14, 256, 3, 1, 256)]
    {
        let image = image(size, channels, window, stride);
        let x = vec![0.5; image.len()];
        let filter = vec![0.25; image.window_len() * filters];
        let filter = Packed::new(&filter, image.window_len(), filters, (filters, 1));
        let mut out = vec![0.0; image.n_windows() * filters];
        let flops = 2 * image.n_windows() * image.window_len() * filters;
        group.throughput(Throughput::Elements(flops as u64));
        let name = format!("{size}x{channels} {window}x{window}/{stride} {filters}");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| conv2d(&workers, &image, &x, &filter, &Finish::NONE, &[], &mut out));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("depthwise2d");
    for (size, channels, window, stride) in
        [(112, 32, 3, 1), (112, 96, 3, 2), (14, 576, 3, 1), (14, 480, 5, 1)]
    {
        let image = image(size, channels, window, stride);
        let x = vec![0.5; image.len()];
        let filter = DepthwiseFilter::new(vec![0.25; image.window_len()], channels);
        let mut out = vec![0.0; image.n_windows() * channels];
        group.throughput(Throughput::Elements((2 * image.n_windows() * image.window_len()) as u64));
        let name = format!("{size}x{channels} {window}x{window}/{stride}");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher
                .iter(|| depthwise2d(&workers, &image, &x, &filter, &Finish::NONE, &[], &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, products, convolutions);
criterion_main!(benches);
