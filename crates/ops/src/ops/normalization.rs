//! Ops that bring numbers to a common scale.

use tensorferry_ir::{Attr, Dim, Edge, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::fast;
use crate::walk::transposed;
use crate::wide::Narrow;
use crate::{
    Args, Backward, Case, Fact, Fast, Follow, Gradient, Op, Result, Spec, Tolerance, Value,
    checked_len,
};

register![
    FusedBatchNorm,
    FusedBatchNormGradV3,
    FusedBatchNormV2,
    FusedBatchNormV3,
    Lrn,
    LogSoftmax,
    Softmax
];

/// `f` of each row of the last axis, in double precision.
fn rows(inputs: &Args, f: impl Fn(&mut [f64])) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    if !x.dtype().is_float() {
        return Err(crate::rows::refused(x.dtype()));
    }
    let mut all = inputs.numbers(0)?;
    let len = x.shape().last().copied().unwrap_or(1);
    all.chunks_exact_mut(len.max(1)).for_each(f);
    Ok(vec![f64::narrow(x.dtype(), x.shape(), all).into()])
}

fn largest(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

attrs! {
    /// e to the power of each number, divided by the sum of its row.
    struct Softmax {}
}

impl Op for Softmax {
    const SPEC: Spec = Spec {
        name: "Softmax",
        inputs: &["logits: T"],
        outputs: &["softmax: T"],
        tolerance: Tolerance::Close { rel: 1e-5, abs: 1e-6 },
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[0, 0], [0, 1000]]", "", "[[0.5, 0.5], [0, 1]]")];
    const GRAD: Option<Gradient<Self>> = Some(softmax_grad);

    const FAST: &'static [Fast<Self>] =
        &[Fast { name: "vectors", prepare: |_, inputs| fast::softmax(inputs) }];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        rows(&inputs, |row| {
            let most = largest(row);
            row.iter_mut().for_each(|x| *x = (*x - most).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        })
    }
}

/// (dy − Σ dy·y) · y
fn softmax_grad(_: &Softmax, g: &mut Backward<'_>) -> Result<Vec<Option<Edge>>> {
    let (y, dy) = (g.outputs[0], g.dy()?);
    let weighted = g.build.add("Mul", &[dy, y], &[]);
    let last = g.build.ints(&[-1]);
    let sum = g.build.add("Sum", &[weighted, last], &[("keep_dims", Attr::Bool(true))]);
    let centred = g.build.add("Sub", &[dy, sum], &[]);
    Ok(vec![Some(g.build.add("Mul", &[centred, y], &[]))])
}

attrs! {
    /// The logarithm of `Softmax`.
    struct LogSoftmax {}
}

impl Op for LogSoftmax {
    const SPEC: Spec = Spec {
        name: "LogSoftmax",
        inputs: &["logits: T"],
        outputs: &["logsoftmax: T"],
        tolerance: Tolerance::Close { rel: 1e-5, abs: 1e-6 },
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[0, 0]", "", "[-0.6931472, -0.6931472]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::log_softmax);

    const FAST: &'static [Fast<Self>] =
        &[Fast { name: "vectors", prepare: |_, inputs| fast::log_softmax(inputs) }];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        rows(&inputs, |row| {
            let most = largest(row);
            let sum: f64 = row.iter().map(|x| (x - most).exp()).sum();
            // In this order nothing of a small logarithm is lost beside a large `most`.
            row.iter_mut().for_each(|x| *x = (*x - most) - sum.ln());
        })
    }
}

attrs! {
    /// Divides by a power of the sum of squares of neighbouring channels.
    struct Lrn {
        /// So many channels on each side are neighbours.
        depth_radius: i64 = 5,
        /// Added to the sum.
        bias: f32 = 1.0,
        /// What the sum is multiplied with.
        alpha: f32 = 1.0,
        /// The power.
        beta: f32 = 0.5,
    }
}

impl Op for Lrn {
    const SPEC: Spec = Spec {
        name: "LRN",
        inputs: &["input: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::Close { rel: 1e-5, abs: 1e-6 },
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[[[3, 4]]]]", "bias=0.0, depth_radius=1", "[[[[0.6, 0.8]]]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let radius = usize::try_from(self.depth_radius).unwrap_or(0);
        let (bias, alpha, beta) =
            (f64::from(self.bias), f64::from(self.alpha), f64::from(self.beta));
        rows(&inputs, |row| {
            let all = row.to_vec();
            for (i, x) in row.iter_mut().enumerate() {
                let end = i.saturating_add(radius).saturating_add(1).min(all.len());
                let near = &all[i.saturating_sub(radius)..end];
                let sum: f64 = near.iter().map(|x| x * x).sum();
                *x /= (bias + alpha * sum).powf(beta);
            }
        })
    }
}

/// Batch normalization over all but the channels, in double precision.
struct Norm {
    epsilon: f64,
    is_training: bool,
    factor: f64,
    is_channels_first: bool,
}

impl Norm {
    /// y, the batch's mean, its variance, and both once more as the gradient wants them.
    fn eval(&self, inputs: &Args, n_outputs: usize) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        ensure!(x.rank() >= 2, "there are no channels in {} dims", x.rank());
        let order = channels_last(x.rank(), self.is_channels_first);
        let last = transposed(x, &order);
        let all = last.to_f64().filter(|_| x.dtype().is_float());
        let mut all = all.ok_or_else(|| crate::rows::refused(x.dtype()))?;
        let c = last.shape().last().copied().unwrap_or(0);
        let (scale, offset) = (inputs.numbers(1)?, inputs.numbers(2)?);
        ensure!(scale.len() == c && offset.len() == c, "{c} channels, {} scales", scale.len());
        let (mean, variance, kept) = self.moments(inputs, &all, c)?;
        for row in all.chunks_exact_mut(c.max(1)) {
            for (i, x) in row.iter_mut().enumerate() {
                let deviation = (variance[i] + self.epsilon).sqrt();
                *x = (*x - mean[i]) / deviation * scale[i] + offset[i];
            }
        }
        let y = f64::narrow(x.dtype(), last.shape(), all);
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(i, axis)| back[*axis] = i);
        let statistics =
            |all: &[f64]| -> Value { f64::narrow(DType::Float32, &[c], all.to_vec()).into() };
        let mut outputs: Vec<Value> = vec![transposed(&y, &back).into()];
        outputs.extend([
            statistics(&kept.0),
            statistics(&kept.1),
            statistics(&mean),
            statistics(&variance),
        ]);
        outputs.push(DenseTensor::scalar(0.0_f32).into());
        outputs.truncate(n_outputs);
        Ok(outputs)
    }

    /// Mean and variance to normalize with, and those to report.
    #[expect(clippy::type_complexity, reason = "two pairs")]
    fn moments(
        &self,
        inputs: &Args,
        all: &[f64],
        c: usize,
    ) -> Result<(Vec<f64>, Vec<f64>, (Vec<f64>, Vec<f64>))> {
        let (given_mean, given_variance) = (inputs.numbers(3)?, inputs.numbers(4)?);
        if !self.is_training {
            ensure!(
                given_mean.len() == c && given_variance.len() == c,
                "{c} channels, {} means",
                given_mean.len()
            );
            return Ok((given_mean.clone(), given_variance.clone(), (given_mean, given_variance)));
        }
        let n = all.len().checked_div(c).unwrap_or(0) as f64;
        let mut mean = vec![0.0; c];
        let mut variance = vec![0.0; c];
        for row in all.chunks_exact(c.max(1)) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x / n);
        }
        for row in all.chunks_exact(c.max(1)) {
            for ((sum, x), mean) in variance.iter_mut().zip(row).zip(&mean) {
                *sum += (x - mean) * (x - mean) / n;
            }
        }
        // What is reported is the variance of a sample, and may be an average with the one before.
        let unbiased: Vec<f64> = variance.iter().map(|v| v * n / (n - 1.0).max(1.0)).collect();
        let blend = |new: &[f64], old: &[f64]| -> Vec<f64> {
            if self.factor == 1.0 || old.len() != new.len() {
                return new.to_vec();
            }
            new.iter()
                .zip(old)
                .map(|(new, old)| old * (1.0 - self.factor) + new * self.factor)
                .collect()
        };
        let kept = (blend(&mean, &given_mean), blend(&unbiased, &given_variance));
        Ok((mean, variance, kept))
    }
}

/// The versions of batch normalization.
macro_rules! batch_norms {
    ($($(#[doc = $doc:literal])+ $name:ident $outputs:expr, $u:literal, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// Added to the variance.
                    epsilon: f32 = 0.0001,
                    /// The weight of the batch's mean and variance in those that come out.
                    exponential_avg_factor: f32 = 1.0,
                    /// Channels are the last axis (`NHWC`) or the second (`NCHW`).
                    data_format: String = "NHWC".to_owned(),
                    /// The batch's own mean and variance are used.
                    is_training: bool = true,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &[
                        "x: T",
                        concat!("scale: ", $u),
                        concat!("offset: ", $u),
                        concat!("mean: ", $u),
                        concat!("variance: ", $u),
                    ],
                    outputs: $outputs,
                    tolerance: Tolerance::Close { rel: 1e-5, abs: 1e-5 },
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];
                const GRAD: Option<Gradient<Self>> = Some(|op, g| {
                    let attrs = [
                        ("epsilon", Attr::Float(op.epsilon)),
                        ("data_format", Attr::text(&op.data_format)),
                        ("is_training", Attr::Bool(op.is_training)),
                    ];
                    crate::grads::batch_norm(g, &attrs, op.is_training)
                });

                const FAST: &'static [Fast<Self>] = &[fast::chain()];

                fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
                    let is_taken = !self.is_training && !self.data_format.starts_with("NC");
                    let epsilon = f64::from(self.epsilon);
                    is_taken.then(|| fast::norm_follow(epsilon, inputs, through))?
                }

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    let at = if self.data_format.starts_with("NC") { 1 } else { usize::MAX };
                    let dims = inputs[0].dims().unwrap_or_default();
                    let channels = dims.get(at).or(dims.last()).copied().unwrap_or(Dim::Unknown);
                    let mut shapes = vec![inputs[0].shape.clone()];
                    shapes.resize(5, Shape::vector(channels));
                    shapes.push(Shape::scalar());
                    shapes.truncate(Self::SPEC.outputs.len());
                    Ok(shapes)
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let norm = Norm {
                        epsilon: f64::from(self.epsilon),
                        is_training: self.is_training,
                        factor: f64::from(self.exponential_avg_factor),
                        is_channels_first: self.data_format.starts_with("NC"),
                    };
                    checked_len(inputs.tensor(0)?.shape())?;
                    norm.eval(&inputs, Self::SPEC.outputs.len())
                }
            }
        )*
    };
}

batch_norms! {
    /// Brings each channel to mean 0 and variance 1, then scales and moves it.
    FusedBatchNorm &[
        "y: T", "batch_mean: T", "batch_variance: T", "reserve_space_1: T", "reserve_space_2: T",
    ], "T", case("[[1], [3]], [2], [1], [1], [4]", "is_training=false, epsilon=0.0", "[[1], [3]], [1], [4], [1], [4]");

    /// The same with statistics of another type.
    FusedBatchNormV2 &[
        "y: T", "batch_mean: U", "batch_variance: U", "reserve_space_1: U", "reserve_space_2: U",
    ], "U", case("[[1], [3]], [2], [1], [1], [4]", "is_training=false, epsilon=0.0", "[[1], [3]], [1], [4], [1], [4]");

    /// The same with one more output for its gradient.
    FusedBatchNormV3 &[
        "y: T", "batch_mean: U", "batch_variance: U", "reserve_space_1: U", "reserve_space_2: U",
        "reserve_space_3: U",
    ], "U", case("[[1], [3]], [2], [1], [1], [4]", "is_training=false, epsilon=0.0", "[[1], [3]], [1], [4], [1], [4], 0");
}

op! {
    /// The gradients of `FusedBatchNormV3` by its input, scale and offset.
    FusedBatchNormGradV3 = "FusedBatchNormGradV3", Pure within Tolerance::Close { rel: 1e-5, abs: 1e-5 }; {
        /// Added to the variance.
        epsilon: f32 = 0.0001,
        /// Channels are the last axis (`NHWC`) or the second (`NCHW`).
        data_format: String = "NHWC".to_owned(),
        /// The mean and variance are the batch's own.
        is_training: bool = true,
    }
    ("y_backprop: T", "x: T", "scale: float32", "reserve_space_1: U", "reserve_space_2: U",
        "reserve_space_3: U")
        -> ("x_backprop: T", "scale_backprop: U", "offset_backprop: U", "reserve_space_4: U",
        "reserve_space_5: U")
    [case("[[1], [3]], [[1], [3]], [2], [1], [4], [0]", "is_training=false, epsilon=0.0",
        "[[1], [3]], [3], [4], [], []")]
    infer(op, x) {
        let scale = x[2].shape.clone();
        let none = Shape::of(&[0]);
        Ok(vec![x[1].shape.clone(), scale.clone(), scale, none.clone(), none])
    }
    eval(op, x, context) {
        let order = channels_last(x.tensor(1)?.rank(), op.data_format.starts_with("NC"));
        op.eval_last(&x, &order)
    }
}

impl FusedBatchNormGradV3 {
    /// With m = mean, r = 1/√(variance + ε), x' = (x - m) r: the scale's gradient is Σ dy x', the
    /// offset's Σ dy, and that of x is s r dy, less what it does to the batch's mean and variance.
    fn eval_last(&self, inputs: &Args, order: &[usize]) -> Result<Vec<Value>> {
        let (dy, x) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(
            dy.shape() == x.shape() && x.rank() >= 2,
            "the gradient is not of the input's shape"
        );
        let last = transposed(x, order);
        let all = last.to_f64().filter(|_| x.dtype().is_float());
        let all = all.ok_or_else(|| crate::rows::refused(x.dtype()))?;
        let mut dy =
            transposed(dy, order).to_f64().ok_or_else(|| crate::rows::refused(x.dtype()))?;
        let c = last.shape().last().copied().unwrap_or(0);
        let [scale, mean, variance] = [inputs.numbers(2)?, inputs.numbers(3)?, inputs.numbers(4)?];
        ensure!([&scale, &mean, &variance].iter().all(|all| all.len() == c), "{c} channels");
        let root = |v: &f64| 1.0 / (v + f64::from(self.epsilon)).sqrt();
        let roots: Vec<f64> = variance.iter().map(root).collect();
        let normal = |i: usize, x: f64| (x - mean[i]) * roots[i];
        let (mut by_scale, mut by_offset) = (vec![0.0; c], vec![0.0; c]);
        for (i, (dy, x)) in dy.iter().zip(&all).enumerate() {
            by_scale[i % c] += dy * normal(i % c, *x);
            by_offset[i % c] += dy;
        }
        let n = all.len().checked_div(c).unwrap_or(0) as f64;
        for (i, (dy, x)) in dy.iter_mut().zip(&all).enumerate() {
            let i = i % c;
            if self.is_training {
                *dy -= by_offset[i] / n + normal(i, *x) * by_scale[i] / n;
            }
            *dy *= scale[i] * roots[i];
        }
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(i, axis)| back[*axis] = i);
        let dx = transposed(&f64::narrow(x.dtype(), last.shape(), dy), &back);
        let vector =
            |all: Vec<f64>| -> Value { f64::narrow(DType::Float32, &[all.len()], all).into() };
        let none = vector(Vec::new());
        Ok(vec![dx.into(), vector(by_scale), vector(by_offset), none.clone(), none])
    }
}

/// The order of axes that brings channels to the end.
fn channels_last(rank: usize, is_channels_first: bool) -> Vec<usize> {
    match is_channels_first && rank >= 2 {
        true => [0].into_iter().chain(2..rank).chain([1]).collect(),
        false => (0..rank).collect(),
    }
}
