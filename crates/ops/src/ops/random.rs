//! Random numbers, TensorFlow's own on CPUs.
//!
//! An op with seeds gives TensorFlow's numbers, run by run. One without (`seed` and `seed2` both 0)
//! takes its seed from whoever runs the graph (`Resources::set_seed`), where TensorFlow takes one
//! from the machine.

use half::{bf16, f16};
use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::def::case;
use crate::philox::{Philox, Sample, Single, fill, fill_truncated};
use crate::{Args, Context, Error, Fact, Result, Tolerance, Value, checked_len};

register![
    Multinomial,
    RandomShuffle,
    RandomStandardNormal,
    RandomUniform,
    RandomUniformInt,
    RngReadAndSkip,
    RngSkip,
    StatelessMultinomial,
    StatelessRandomGetAlg,
    StatelessRandomGetKeyCounter,
    StatelessRandomGetKeyCounterAlg,
    StatelessRandomNormal,
    StatelessRandomNormalV2,
    StatelessRandomUniform,
    StatelessRandomUniformFullInt,
    StatelessRandomUniformFullIntV2,
    StatelessRandomUniformInt,
    StatelessRandomUniformIntV2,
    StatelessRandomUniformV2,
    StatelessTruncatedNormal,
    StatelessTruncatedNormalV2,
    TruncatedNormal,
];

/// Normal numbers go through a logarithm and a sine, whose last bits differ from machine to machine.
const NORMAL: Tolerance = Tolerance::Close { rel: 2e-6, abs: 1e-6 };

/// Numbers of the generator that TensorFlow reserves for each output of an op with state.
const RESERVED: u128 = 256;

#[derive(Clone, Copy)]
enum Kind {
    Uniform,
    Normal,
    Truncated,
}

fn numbers<T: Sample + Default>(philox: Philox, n: usize, kind: Kind) -> Vec<T> {
    match kind {
        Kind::Uniform => fill(philox, n, T::PER_FOUR, T::uniform),
        Kind::Normal => fill(philox, n, T::PER_FOUR, T::normal),
        Kind::Truncated => fill_truncated(philox, n),
    }
}

fn floats(philox: Philox, dtype: DType, shape: &[usize], kind: Kind) -> Result<Vec<Value>> {
    let n = checked_len(shape)?;
    Ok(vec![
        match dtype {
            DType::Float32 => DenseTensor::new(shape, numbers::<f32>(philox, n, kind)),
            DType::Float64 => DenseTensor::new(shape, numbers::<f64>(philox, n, kind)),
            DType::Float16 => DenseTensor::new(shape, numbers::<f16>(philox, n, kind)),
            DType::BFloat16 => DenseTensor::new(shape, numbers::<bf16>(philox, n, kind)),
            _ => fail!("random numbers of type {dtype}"),
        }
        .into(),
    ])
}

/// The second pair of the generator's numbers as one.
fn pairs([a, b, c, d]: [u32; 4]) -> [u64; 4] {
    [u64::from(a) | u64::from(b) << 32, u64::from(c) | u64::from(d) << 32, 0, 0]
}

/// Integers from `bounds.0` up to `bounds.1`, or of the whole type.
fn integers(
    philox: Philox,
    dtype: DType,
    shape: &[usize],
    bounds: Option<(i128, i128)>,
) -> Result<Vec<Value>> {
    let n = checked_len(shape)?;
    if let Some((low, high)) = bounds {
        ensure!(low < high || n == 0, "there is no number from {low} up to {high}");
    }
    let (low, range) = bounds.map_or((0, 0), |(low, high)| (low, (high - low).max(1)));
    // In 64 bits, of which the low ones count.
    let take = |x: u64| match bounds {
        Some(_) => (low + i128::from(x) % range) as u64,
        None => x,
    };
    let all = match dtype {
        DType::Int32 | DType::UInt32 => fill(philox, n, 4, |four| four.map(|x| take(x.into()))),
        DType::Int64 | DType::UInt64 => fill(philox, n, 2, |four| pairs(four).map(take)),
        _ => fail!("random integers of type {dtype}"),
    };
    Ok(vec![crate::wide::Narrow::narrow(dtype, shape, all).into()])
}

/// The bounds in inputs `i` and `i + 1`.
fn bounds(x: &Args, i: usize) -> Result<(i128, i128)> {
    let one = |i: usize| {
        let tensor = x.tensor(i)?;
        match (tensor.as_slice::<u64>(), tensor.to_i64().as_deref()) {
            (Some([one]), _) => Ok(i128::from(*one)),
            (_, Some([one])) => Ok(i128::from(*one)),
            _ => Err(Error::invalid(format!("input {i} is not one integer"))),
        }
    };
    Ok((one(i)?, one(i + 1)?))
}

/// The generator of the node for so many outputs, which the next run will not see.
pub(super) fn reserve(context: &mut dyn Context, seeds: [i64; 2], n: u128) -> Philox {
    let site = context.site();
    let generator = context.resources().generator(&site, seeds);
    let now = *generator;
    generator.skip(n);
    now
}

fn shape_of(x: &[Fact], i: usize) -> Result<Vec<Shape>> {
    Ok(vec![x[i].as_shape()])
}

/// Ops with state: shape in, numbers out.
macro_rules! stateful {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $kind:ident $tolerance:expr;)*) => {
        $(op! {
            $(#[doc = $doc])+
            $name = $tf, Random within $tolerance; {
                /// A seed; 0 like `seed2` for none.
                seed: i64 = 0,
                /// Another one.
                seed2: i64 = 0,
                /// The type of the numbers.
                dtype: DType,
            }
            ("shape: T") -> ("output: dtype") []
            infer(op, x) { shape_of(x, 0) }
            eval(op, x, context) {
                let shape = x.sizes(0)?;
                let n = checked_len(&shape)? as u128 * RESERVED;
                let philox = reserve(context, [op.seed, op.seed2], n);
                floats(philox, op.dtype, &shape, Kind::$kind)
            }
        })*
    };
}

stateful! {
    /// Random numbers from 0 up to 1.
    RandomUniform "RandomUniform" Uniform Tolerance::Exact;
    /// Random numbers of the normal distribution.
    RandomStandardNormal "RandomStandardNormal" Normal NORMAL;
    /// Random numbers of the normal distribution that are less than 2 from the mean.
    TruncatedNormal "TruncatedNormal" Truncated NORMAL;
}

op! {
    /// Random integers from one bound up to another.
    RandomUniformInt = "RandomUniformInt", Random {
        /// A seed; 0 like `seed2` for none.
        seed: i64 = 0,
        /// Another one.
        seed2: i64 = 0,
    }
    ("shape: T", "minval: Tout", "maxval: Tout") -> ("output: Tout") []
    infer(op, x) { shape_of(x, 0) }
    eval(op, x, context) {
        let shape = x.sizes(0)?;
        let n = checked_len(&shape)? as u128 * RESERVED;
        let philox = reserve(context, [op.seed, op.seed2], n);
        integers(philox, x.tensor(1)?.dtype(), &shape, Some(bounds(&x, 1)?))
    }
}

op! {
    /// The rows of a tensor in a random order.
    RandomShuffle = "RandomShuffle", Random {
        /// A seed; 0 like `seed2` for none.
        seed: i64 = 0,
        /// Another one.
        seed2: i64 = 0,
    }
    ("value: T") -> ("output: T") []
    infer(op, x) { Ok(vec![x[0].shape.clone()]) }
    eval(op, x, context) {
        let value = x.tensor(0)?;
        let n = value.shape().first().copied().unwrap_or(0);
        if n <= 1 {
            return Ok(vec![value.clone().into()]);
        }
        let mut philox = reserve(context, [op.seed, op.seed2], (n as u128 - 1).div_ceil(4));
        let mut generator = Single::new(&mut philox);
        let mut order: Vec<usize> = (0..n).collect();
        for i in 0..n - 1 {
            order.swap(i, i + generator.next() as usize % (n - i));
        }
        let len = value.len() / n;
        let mut runs = order.iter().map(|row| Run::once(0, row * len, len));
        Ok(vec![assemble(value.shape(), &[value], &mut runs).into()])
    }
}

/// Classes drawn with the probabilities of each row of logits.
fn multinomial(mut philox: Philox, x: &Args, dtype: DType) -> Result<Vec<Value>> {
    let logits = x.tensor(0)?;
    let &[rows, classes] = logits.shape() else { fail!("the logits are no matrix") };
    let n = usize::try_from(x.int(1)?).map_err(|_| Error::invalid("so many samples"))?;
    ensure!(classes > 0 || rows == 0 || n == 0, "there is no class");
    let len = checked_len(&[rows, n])?;
    let numbers = x.numbers(0)?;
    let mut generator = Single::new(&mut philox);
    let mut all: Vec<i64> = Vec::with_capacity(len);
    for row in numbers.chunks(classes.max(1)).take(rows) {
        let finite = row.iter().copied().filter(|x| x.is_finite());
        let max = finite.fold(f64::MIN, f64::max);
        let mut total = 0.0;
        let sums: Vec<f64> = row
            .iter()
            .map(|x| {
                total += if x.is_finite() { (x - max).exp() } else { 0.0 };
                total
            })
            .collect();
        for _ in 0..n {
            let at = generator.next_f64() * total;
            all.push(sums.partition_point(|sum| *sum <= at).cast_signed() as i64);
        }
    }
    Ok(vec![crate::wide::Narrow::narrow(dtype, &[rows, n], all).into()])
}

fn samples_shape(x: &[Fact]) -> Result<Vec<Shape>> {
    let rows = x[0].dims().and_then(|dims| dims.first().copied());
    let n = x[1].int().and_then(|n| usize::try_from(n).ok());
    let n = n.map_or(tensorferry_ir::Dim::Unknown, Into::into);
    Ok(vec![vec![rows.unwrap_or(tensorferry_ir::Dim::Unknown), n].into()])
}

op! {
    /// Classes drawn at random, with the probabilities that the logits of each row name.
    Multinomial = "Multinomial", Random {
        /// A seed; 0 like `seed2` for none.
        seed: i64 = 0,
        /// Another one.
        seed2: i64 = 0,
        /// The type of the classes.
        output_dtype: DType = DType::Int64,
    }
    ("logits: T", "num_samples: int32") -> ("output: output_dtype") []
    infer(op, x) { samples_shape(x) }
    eval(op, x, context) {
        let rows = x.tensor(0)?.shape().first().copied().unwrap_or(0) as u128;
        let n = u128::try_from(x.int(1)?).map_err(|_| Error::invalid("so many samples"))?;
        let n = rows.saturating_mul(n.div_ceil(4) * 8).saturating_mul(RESERVED);
        let philox = reserve(context, [op.seed, op.seed2], n);
        multinomial(philox, &x, op.output_dtype)
    }
}

/// The generator of the two seeds in input `i`.
fn scrambled(x: &Args, i: usize) -> Result<Philox> {
    match x.ints(i)?[..] {
        [a, b] => Ok(Philox::scrambled([a.cast_unsigned(), b.cast_unsigned()])),
        ref all => Err(Error::invalid(format!("{} seeds, expected 2", all.len()))),
    }
}

/// The generator of a key and a counter, inputs `i` to `i + 2`.
fn keyed(x: &Args, i: usize) -> Result<Philox> {
    let (key, counter) = (x.slice::<u64>(i)?, x.slice::<u64>(i + 1)?);
    let alg = x.int(i + 2)?;
    // 3 leaves the choice to the device, which is Philox on CPUs.
    if alg == 2 {
        return Err(Error::unsupported("random numbers by ThreeFry"));
    }
    match (key, counter, alg) {
        (&[key], &[low, high, ..], 1 | 3) => Ok(Philox::new(key, [low, high])),
        _ => fail!(
            "a key of {} and a counter of {} words, algorithm {alg}",
            key.len(),
            counter.len()
        ),
    }
}

/// Ops without state, in both their forms.
macro_rules! stateless {
    ($($(#[doc = $doc:literal])+
        $name:ident $tf:literal, $name2:ident $tf2:literal, $kind:ident $tolerance:expr,
        $out:literal => $out2:literal;)*
    ) => {
        $(op! {
            $(#[doc = $doc])+
            $name = $tf, Pure within $tolerance; {
                /// The type of the numbers.
                dtype: DType = DType::Float32,
            }
            ("shape: T", "seed: Tseed") -> ("output: dtype")
            [case("int32[3], int32[1, 2]", "", $out)]
            infer(op, x) { shape_of(x, 0) }
            eval(op, x, context) { floats(scrambled(&x, 1)?, op.dtype, &x.sizes(0)?, Kind::$kind) }
        }

        op! {
            $(#[doc = $doc])+
            $name2 = $tf2, Pure within $tolerance; {
                /// The type of the numbers.
                dtype: DType = DType::Float32,
            }
            ("shape: Tshape", "key: uint64", "counter: uint64", "alg: int32") -> ("output: dtype")
            [case("int32[3], uint64[7], uint64[8, 9], int32 1", "", $out2)]
            infer(op, x) { shape_of(x, 0) }
            eval(op, x, context) { floats(keyed(&x, 1)?, op.dtype, &x.sizes(0)?, Kind::$kind) }
        })*
    };
}

stateless! {
    /// Numbers from 0 up to 1 that follow from seeds.
    StatelessRandomUniform "StatelessRandomUniform", StatelessRandomUniformV2 "StatelessRandomUniformV2",
        Uniform Tolerance::Exact, "[0.8440604, 0.19204533, 0.9962232]"
        => "[0.05604899, 0.16610968, 0.82180226]";
    /// Numbers of the normal distribution that follow from seeds.
    StatelessRandomNormal "StatelessRandomNormal", StatelessRandomNormalV2 "StatelessRandomNormalV2",
        Normal NORMAL, "[0.5441101, 0.20738031, 0.07356432]" => "[2.0747995, 1.2075869, -0.029974947]";
    /// Numbers of the normal distribution that are less than 2 from the mean and follow from seeds.
    StatelessTruncatedNormal "StatelessTruncatedNormal",
        StatelessTruncatedNormalV2 "StatelessTruncatedNormalV2",
        Truncated NORMAL, "[0.5441101, 0.20738031, 0.07356432]" => "[1.2075869, -0.029974947, 0.62578946]";
}

op! {
    /// Integers from one bound up to another that follow from seeds.
    StatelessRandomUniformInt = "StatelessRandomUniformInt", Pure {}
    ("shape: T", "seed: Tseed", "minval: dtype", "maxval: dtype") -> ("output: dtype")
    [case("int32[5], int32[1, 2], int32 -5, int32 10", "", "int32[5, 9, 4, 4, 2]"),
     case("int32[2], int32[1, 2], int64 -5, int64 1000000000000", "", "int64[146243290039, 637750006048]")]
    infer(op, x) { shape_of(x, 0) }
    eval(op, x, context) {
        let dtype = x.tensor(2)?.dtype();
        integers(scrambled(&x, 1)?, dtype, &x.sizes(0)?, Some(bounds(&x, 2)?))
    }
}

op! {
    /// Integers from one bound up to another that follow from a key and a counter.
    StatelessRandomUniformIntV2 = "StatelessRandomUniformIntV2", Pure {}
    ("shape: Tshape", "key: uint64", "counter: uint64", "alg: int32", "minval: dtype", "maxval: dtype")
    -> ("output: dtype")
    [case("int32[3], uint64[7], uint64[8, 9], int32 1, int32 -5, int32 10", "", "int32[-2, 5, 1]")]
    infer(op, x) { shape_of(x, 0) }
    eval(op, x, context) {
        let dtype = x.tensor(4)?.dtype();
        integers(keyed(&x, 1)?, dtype, &x.sizes(0)?, Some(bounds(&x, 4)?))
    }
}

op! {
    /// Integers of the whole range of a type that follow from seeds.
    StatelessRandomUniformFullInt = "StatelessRandomUniformFullInt", Pure {
        /// The type of the numbers.
        dtype: DType = DType::UInt64,
    }
    ("shape: T", "seed: Tseed") -> ("output: dtype")
    [case("int32[2], int32[1, 2]", "", "uint64[7464880146280614444, 1591045637757961278]"),
     case("int32[2], int32[1, 2]", "dtype=int32", "int32[1105988140, 1738052849]")]
    infer(op, x) { shape_of(x, 0) }
    eval(op, x, context) { integers(scrambled(&x, 1)?, op.dtype, &x.sizes(0)?, None) }
}

op! {
    /// Integers of the whole range of a type that follow from a key and a counter.
    StatelessRandomUniformFullIntV2 = "StatelessRandomUniformFullIntV2", Pure {
        /// The type of the numbers.
        dtype: DType = DType::UInt64,
    }
    ("shape: Tshape", "key: uint64", "counter: uint64", "alg: int32") -> ("output: dtype")
    [case("int32[3], uint64[7], uint64[8, 9], int32 1", "dtype=int32", "int32[-1819857763, -543866091, 1206464721]")]
    infer(op, x) { shape_of(x, 0) }
    eval(op, x, context) { integers(keyed(&x, 1)?, op.dtype, &x.sizes(0)?, None) }
}

op! {
    /// Classes with the probabilities that the logits of each row name; they follow from seeds.
    StatelessMultinomial = "StatelessMultinomial", Pure {
        /// The type of the classes.
        output_dtype: DType = DType::Int64,
    }
    ("logits: T", "num_samples: int32", "seed: Tseed") -> ("output: output_dtype")
    [case("[[0, 0.6931472, 1.0986123], [1.0986123, 0.6931472, 0]], int32 6, int32[1, 2]", "",
        "int64[[2, 2, 1, 2, 2, 2], [1, 0, 2, 1, 1, 0]]")]
    infer(op, x) { samples_shape(x) }
    eval(op, x, context) { multinomial(scrambled(&x, 2)?, &x, op.output_dtype) }
}

fn words(words: &[u64]) -> Value {
    DenseTensor::vector(words.to_vec()).into()
}

op! {
    /// The number of the generator's algorithm.
    StatelessRandomGetAlg = "StatelessRandomGetAlg", Pure {}
    () -> ("alg: int32") [case("", "", "int32 1")]
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) { Ok(vec![DenseTensor::scalar(1_i32).into()]) }
}

op! {
    /// The key and the counter that seeds stand for.
    StatelessRandomGetKeyCounter = "StatelessRandomGetKeyCounter", Pure {}
    ("seed: Tseed") -> ("key: uint64", "counter: uint64")
    [case("int32[1, 2]", "", "uint64[10413732777507651514], uint64[0, 17830669156045600267]")]
    infer(op, x) { Ok(vec![Shape::vector(1), Shape::vector(2)]) }
    eval(op, x, context) {
        let philox = scrambled(&x, 0)?;
        Ok(vec![words(&[philox.key()]), words(&philox.counter())])
    }
}

op! {
    /// The key, the counter and the algorithm that seeds stand for.
    StatelessRandomGetKeyCounterAlg = "StatelessRandomGetKeyCounterAlg", Pure {}
    ("seed: Tseed") -> ("key: uint64", "counter: uint64", "alg: int32")
    [case("int32[1, 2]", "", "uint64[10413732777507651514], uint64[0, 17830669156045600267], int32 1")]
    infer(op, x) { Ok(vec![Shape::vector(1), Shape::vector(2), Shape::scalar()]) }
    eval(op, x, context) {
        let philox = scrambled(&x, 0)?;
        Ok(vec![words(&[philox.key()]), words(&philox.counter()), DenseTensor::scalar(1_i32).into()])
    }
}

/// The state in a variable before and after `delta` outputs: two words of the counter, and the key.
fn advance(x: &Args, alg: i64, delta: u64) -> Result<DenseTensor> {
    ensure!(matches!(alg, 1 | 3), "the algorithm {alg}, expected 1, which is Philox");
    let mut variable = x.resource(0)?.as_variable()?;
    let state = variable.read()?;
    let Some(&[low, high, key, ..]) = state.as_slice::<i64>() else {
        fail!("the state is no vector of 3 integers")
    };
    let mut philox = Philox::new(key.cast_unsigned(), [low.cast_unsigned(), high.cast_unsigned()]);
    philox.skip(u128::from(delta) * RESERVED);
    let [low, high] = philox.counter().map(u64::cast_signed);
    variable.value = Some(DenseTensor::vector(vec![low, high, key]));
    Ok(state)
}

op! {
    /// The state of a generator in a variable, which then leaves out so many outputs.
    RngReadAndSkip = "RngReadAndSkip", Stateful {}
    ("resource: resource", "alg: int32", "delta: uint64") -> ("value: int64") []
    infer(op, x) { Ok(vec![Shape::of_rank(1)]) }
    eval(op, x, context) {
        let &[delta] = x.slice::<u64>(2)? else { fail!("`delta` is no scalar") };
        Ok(vec![advance(&x, x.int(1)?, delta)?.into()])
    }
}

op! {
    /// Lets the generator in a variable leave out so many outputs.
    RngSkip = "RngSkip", Stateful {}
    ("resource: resource", "algorithm: int64", "delta: int64") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        advance(&x, x.int(1)?, x.int(2)?.cast_unsigned())?;
        Ok(Vec::new())
    }
}
