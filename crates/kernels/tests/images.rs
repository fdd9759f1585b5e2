//! Kernels over images and rows, compared with plain loops in double precision on random shapes.

use tensorferry_kernels::{
    DepthwiseFilter, Finish, Image, Packed, PoolKind, Post, Reduction, Unary, Workers, conv2d,
    depthwise2d, log_softmax_rows, mean_middle, pool2d, reduce_rows, softmax_rows,
};

/// The same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    /// Numbers between -1 and 1.
    fn numbers(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next() as f32 / (1_u32 << 30) as f32 - 1.0).collect()
    }

    fn image(&mut self) -> Image {
        let (n, height, width) = (1 + self.below(2), 1 + self.below(13), 1 + self.below(13));
        let channels = [1, 2, 3, 4, 8, 15, 16, 17, 31, 32, 35, 48][self.below(12)];
        let window = [[1, 1], [3, 3], [3, 3], [5, 5], [2, 3], [7, 1]][self.below(6)];
        let stride = [1 + self.below(3), 1 + self.below(3)];
        let dilation = if self.below(3) == 0 { [2, 1 + self.below(3)] } else { [1, 1] };
        let mut image = Image {
            n,
            height,
            width,
            channels,
            window,
            stride,
            dilation,
            before: [0, 0],
            output: [0, 0],
        };
        for axis in 0..2 {
            let len = [height, width][axis];
            let reach = (window[axis] - 1) * dilation[axis] + 1;
            let is_same = reach > len || self.below(2) == 0;
            image.output[axis] =
                if is_same { len.div_ceil(stride[axis]) } else { (len - reach) / stride[axis] + 1 };
            let total = ((image.output[axis] - 1) * stride[axis] + reach).saturating_sub(len);
            // Sometimes more zeros before than there are after.
            image.before[axis] = if is_same { (total + self.below(2)) / 2 } else { 0 };
        }
        image
    }
}

/// Calls `f` with the output pixel, the tap and the input pixel, wherever a tap meets the image.
fn meet(image: &Image, mut f: impl FnMut(usize, usize, usize)) {
    let [oh, ow] = image.output;
    for at in 0..image.n_windows() {
        let (n, row, column) = (at / (oh * ow), at / ow % oh, at % ow);
        for tap in 0..image.window[0] * image.window[1] {
            let (ky, kx) = (tap / image.window[1], tap % image.window[1]);
            let y = (row * image.stride[0] + ky * image.dilation[0]).checked_sub(image.before[0]);
            let x =
                (column * image.stride[1] + kx * image.dilation[1]).checked_sub(image.before[1]);
            let (Some(y), Some(x)) = (y, x) else { continue };
            if y < image.height && x < image.width {
                f(at, tap, (n * image.height + y) * image.width + x);
            }
        }
    }
}

/// A sum of `k` products of numbers below 1, added one by one, is off by less than this.
fn bound(k: usize) -> f64 {
    let k = k as f64 + 1.0;
    k * (k / 3.0).sqrt().max(1.0) * f64::from(f32::EPSILON)
}

fn assert_close(found: &[f32], exact: &[f64], allowed: f64, what: &str) {
    assert_eq!(found.len(), exact.len(), "{what}");
    for (i, (x, y)) in found.iter().zip(exact).enumerate() {
        let is_close = (f64::from(*x) - y).abs() <= allowed || f64::from(*x) == *y;
        assert!(is_close || (x.is_nan() && y.is_nan()), "{what}: element {i} is {x}, not {y}");
    }
}

const N_SHAPES: usize = 300;

#[test]
fn convolutions_agree() {
    let mut random = Random(1);
    for _ in 0..N_SHAPES {
        let image = random.image();
        let (k, filters) = (image.window_len(), 1 + random.below(40));
        let (x, filter) = (random.numbers(image.len()), random.numbers(k * filters));
        let mut exact = vec![0.0_f64; image.n_windows() * filters];
        let c = image.channels;
        meet(&image, |to, tap, from| {
            for i in 0..c {
                let factor = f64::from(x[from * c + i]);
                for j in 0..filters {
                    let weight = f64::from(filter[(tap * c + i) * filters + j]);
                    exact[to * filters + j] += factor * weight;
                }
            }
        });
        let packed = Packed::new(&filter, k, filters, (filters, 1));
        let mut out = vec![9.0; exact.len()];
        conv2d(&Workers::new(2), &image, &x, &packed, &Finish::NONE, &[], &mut out);
        assert_close(&out, &exact, bound(k), &format!("{image:?}"));
    }
}

#[test]
fn depthwise_convolutions_agree() {
    let mut random = Random(2);
    for _ in 0..N_SHAPES {
        let image = random.image();
        let c = image.channels;
        let (x, taps) = (random.numbers(image.len()), random.numbers(image.window_len()));
        let (scale, offset) = (random.numbers(c), random.numbers(c));
        let mut exact = vec![0.0_f64; image.n_windows() * c];
        meet(&image, |to, tap, from| {
            for i in 0..c {
                let product = f64::from(x[from * c + i]) * f64::from(taps[tap * c + i]);
                exact[to * c + i] += product * f64::from(scale[i]);
            }
        });
        exact.iter_mut().enumerate().for_each(|(i, x)| {
            *x = (*x + f64::from(offset[i % c])).max(0.0);
        });
        let mut filter = DepthwiseFilter::new(taps, c);
        filter.scale_channels(&scale, &offset);
        let mut finish = Finish::default();
        finish.push(Post::Unary(Unary::Relu));
        let mut out = vec![9.0; exact.len()];
        depthwise2d(&Workers::new(2), &image, &x, &filter, &finish, &[], &mut out);
        let allowed = bound(image.window[0] * image.window[1] + 2);
        assert_close(&out, &exact, allowed, &format!("{image:?}"));
    }
}

#[test]
fn pooling_agrees() {
    let mut random = Random(3);
    for _ in 0..N_SHAPES {
        let image = random.image();
        let c = image.channels;
        let x = random.numbers(image.len());
        let mut most = vec![f64::NEG_INFINITY; image.n_windows() * c];
        let (mut sums, mut n) = (vec![0.0_f64; most.len()], vec![0.0_f64; most.len()]);
        meet(&image, |to, _, from| {
            for i in 0..c {
                let (x, at) = (f64::from(x[from * c + i]), to * c + i);
                most[at] = most[at].max(x);
                sums[at] += x;
                n[at] += 1.0;
            }
        });
        let means: Vec<f64> = sums.iter().zip(&n).map(|(sum, n)| sum / n).collect();
        let mut out = vec![9.0; most.len()];
        pool2d(&Workers::new(2), &image, PoolKind::Max, &x, &mut out);
        assert_close(&out, &most, 0.0, &format!("{image:?}"));
        pool2d(&Workers::new(2), &image, PoolKind::Mean, &x, &mut out);
        assert_close(&out, &means, bound(4), &format!("{image:?}"));
    }
}

#[test]
fn nan_is_the_largest() {
    let image = Image {
        n: 1,
        height: 1,
        width: 3,
        channels: 1,
        window: [1, 2],
        stride: [1, 1],
        dilation: [1, 1],
        before: [0, 0],
        output: [1, 2],
    };
    for x in [[f32::NAN, 1.0, f32::NAN], [1.0, f32::NAN, 2.0]] {
        let mut out = [0.0; 2];
        pool2d(&Workers::default(), &image, PoolKind::Max, &x, &mut out);
        assert!(out.iter().all(|x| x.is_nan()));
        let mut most = [0.0];
        reduce_rows(&Workers::default(), Reduction::Max, &x, 3, &mut most);
        assert!(most[0].is_nan());
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut random = Random(4);
    for _ in 0..40 {
        let image = Image { n: 2, height: 20, width: 30, output: [10, 30], ..random.image() };
        let image = Image { stride: [2, 1], before: [0, 0], dilation: [1, 1], ..image };
        let (k, c) = (image.window_len(), image.channels);
        let (x, filter, taps) =
            (random.numbers(image.len()), random.numbers(k * 24), random.numbers(k));
        let packed = Packed::new(&filter, k, 24, (24, 1));
        let filter = DepthwiseFilter::new(taps, c);
        let run = |n_threads| {
            let workers = Workers::new(n_threads);
            let mut a = vec![0.0; image.n_windows() * 24];
            conv2d(&workers, &image, &x, &packed, &Finish::NONE, &[], &mut a);
            let mut b = vec![0.0; image.n_windows() * c];
            depthwise2d(&workers, &image, &x, &filter, &Finish::NONE, &[], &mut b);
            let mut d = vec![0.0; image.n_windows() * c];
            pool2d(&workers, &image, PoolKind::Mean, &x, &mut d);
            let mut e = vec![0.0; 2 * c];
            mean_middle(&workers, Reduction::Mean, &x, 600, c, &mut e);
            softmax_rows(&workers, &mut a, 24);
            (a, b, d, e).clone()
        };
        let one = run(1);
        let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for n_threads in [2, 3] {
            let more = run(n_threads);
            for (a, b) in
                [(&one.0, &more.0), (&one.1, &more.1), (&one.2, &more.2), (&one.3, &more.3)]
            {
                assert_eq!(bits(a), bits(b), "{n_threads} threads, {image:?}");
            }
        }
    }
}

#[test]
fn rows_agree() {
    let mut random = Random(5);
    for row_len in [1, 2, 7, 16, 33, 100, 1000, 5000] {
        let n = 1 + random.below(5);
        let x = random.numbers(n * row_len);
        let workers = Workers::new(2);
        let rows = || x.chunks_exact(row_len);
        let exact_sum = |row: &[f32]| row.iter().map(|x| f64::from(*x)).sum::<f64>();
        let sums: Vec<f64> = rows().map(exact_sum).collect();
        let mut out = vec![0.0; n];
        reduce_rows(&workers, Reduction::Sum, &x, row_len, &mut out);
        assert_close(&out, &sums, bound(row_len.min(1024)), "sums");
        let means: Vec<f64> = sums.iter().map(|sum| sum / row_len as f64).collect();
        reduce_rows(&workers, Reduction::Mean, &x, row_len, &mut out);
        assert_close(&out, &means, 1e-6, "means");
        let most = rows().map(|row| row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        reduce_rows(&workers, Reduction::Max, &x, row_len, &mut out);
        assert_eq!(out, most.collect::<Vec<_>>());

        // A middle axis: the rows are lines of `n` numbers.
        let mut middle = vec![0.0; n];
        mean_middle(&workers, Reduction::Sum, &x, row_len, n, &mut middle);
        let exact = (0..n).map(|c| (0..row_len).map(|i| f64::from(x[i * n + c])).sum());
        assert_close(&middle, &exact.collect::<Vec<_>>(), bound(row_len.min(1024)), "middle");

        let large: Vec<f32> = x.iter().map(|x| x * 30.0).collect();
        let exact = large.chunks_exact(row_len).flat_map(|row| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let all = row.iter().map(|x| f64::from(*x - most).exp());
            let sum: f64 = all.clone().sum();
            all.map(move |x| x / sum).collect::<Vec<_>>()
        });
        let exact: Vec<f64> = exact.collect();
        let mut found = large.clone();
        softmax_rows(&workers, &mut found, row_len);
        assert_close(&found, &exact, 2e-6, "softmax");
        let mut found = large.clone();
        log_softmax_rows(&workers, &mut found, row_len);
        let logs: Vec<f64> = exact.iter().map(|x| x.ln()).collect();
        assert_close(&found, &logs, 2e-5, "log softmax");
    }
}
