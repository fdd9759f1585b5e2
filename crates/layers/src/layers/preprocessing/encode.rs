//! Numbers to numbers: normalization, bins, and the ways in which categories are written.

use serde_json::Value as Json;
use tensorferry_ir::Attr;
use tensorferry_tensor::DType;

use super::mode;
use crate::lower::{Call, Lowered, Size, Tensor, Value, one};

/// `x scale + offset`.
pub(super) fn lower_rescaling(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    let x = c.cast(x, dtype)?;
    let scale = given(c, "scale")?.unwrap_or((vec![1.0], Vec::new()));
    let offset = given(c, "offset")?.unwrap_or((vec![0.0], Vec::new()));
    let scale = c.numbers(&scale.0, &scale.1, dtype)?;
    let offset = c.numbers(&offset.0, &offset.1, dtype)?;
    let y = c.mul(x, scale)?;
    one(c.add(y, offset)?)
}

/// Numbers of the config in any nesting, and their shape.
fn given(c: &Call<'_, '_>, key: &str) -> Lowered<Option<(Vec<f64>, Vec<usize>)>> {
    let Some(value) = c.config.get(key) else { return Ok(None) };
    // Keras 3 may write an array as an object.
    let value = value.get("config").and_then(|config| config.get("value")).unwrap_or(value);
    let mut shape = Vec::new();
    let mut row = vec![value];
    while let Some(Json::Array(first)) = row.first() {
        shape.push(first.len());
        let inner = row.iter().map(|item| item.as_array());
        let inner: Option<Vec<&Vec<Json>>> = inner.collect();
        let inner = inner.ok_or_else(|| format!("{key} is ragged"))?;
        if inner.iter().any(|items| items.len() != first.len()) {
            return Err(format!("{key} is ragged"));
        }
        row = inner.into_iter().flatten().collect();
    }
    let all: Option<Vec<f64>> = row.into_iter().map(Json::as_f64).collect();
    Ok(Some((all.ok_or_else(|| format!("{key} holds something else than numbers"))?, shape)))
}

/// `(x - mean) / max(sqrt(variance), 1e-7)`, or the way back.
pub(super) fn lower_normalization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    let x = c.cast(x, dtype)?;
    let rank = c.rank(x)?;
    let axes = match c.config.members().get("axis") {
        Some(Json::Null) => Vec::new(),
        _ => c.config.ints("axis").unwrap_or_else(|| vec![-1]),
    };
    let mut axes: Vec<usize> =
        axes.into_iter().map(|axis| c.axis(x, axis)).collect::<Lowered<_>>()?;
    axes.sort_unstable();
    let mean = statistic(c, "mean", x, &axes, rank)?;
    let variance = statistic(c, "variance", x, &axes, rank)?;
    let deviation = c.unary("Sqrt", variance)?;
    let least = c.like(deviation, 1e-7)?;
    let deviation = c.binary("Maximum", deviation, least)?;
    if c.flag("invert", false) {
        let y = c.mul(x, deviation)?;
        return one(c.add(mean, y)?);
    }
    let y = c.sub(x, mean)?;
    one(c.div(y, deviation)?)
}

/// A weight, or numbers of the config, in the shape that broadcasts along `axes`.
fn statistic(
    c: &mut Call<'_, '_>,
    name: &str,
    x: Value,
    axes: &[usize],
    rank: usize,
) -> Lowered<Value> {
    let dtype = c.dtype(x)?;
    let value = match given(c, name)? {
        Some((all, shape)) => c.numbers(&all, &shape, dtype)?,
        None => {
            let weight = c.weight(name)?;
            c.cast(weight, dtype)?
        }
    };
    // One number counts for all; several axes in a row at the end broadcast as they are.
    if c.fact(value).shape.n_elements() == Some(1) {
        return c.reshape(value, &vec![Size::Known(1); rank]);
    }
    let mut sizes = vec![Size::Known(1); rank];
    for axis in axes {
        *sizes.get_mut(*axis).ok_or("there is no such axis")? = Size::Known(c.known_dim(x, *axis)?);
    }
    c.reshape(value, &sizes)
}

pub(super) fn lower_category_encoding(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    let depth = c.config.size("num_tokens").ok_or("num_tokens is missing")?;
    let weights = c.arguments.get(1, "count_weights").map(|weights| weights.tensors());
    let weights = weights.and_then(|all| all.first().map(|tensor| tensor.value));
    let mode = mode(&c.config, "multi_hot");
    one(written(c, x, mode, depth, dtype, weights)?)
}

/// Categories as indices, as one row per index, or as one row per sample.
pub(super) fn written(
    c: &mut Call<'_, '_>,
    x: Value,
    mode: &str,
    depth: u64,
    dtype: DType,
    weights: Option<Value>,
) -> Lowered<Value> {
    if mode == "int" {
        return c.cast(x, dtype);
    }
    let is_index = matches!(c.dtype(x)?, DType::Int32 | DType::Int64);
    let mut x = if is_index { x } else { c.cast(x, DType::Int64)? };
    let rank = c.rank(x)?;
    if mode == "one_hot" && rank > 1 && c.known_dim(x, rank - 1).ok() == Some(1) {
        x = c.squeeze(x, -1)?;
    }
    let depth = i64::try_from(depth).map_err(|e| e.to_string())?;
    let depth = c.int(depth);
    let (on, off) = (c.number(1.0, dtype)?, c.number(0.0, dtype)?);
    let mut rows = c.one("OneHot", &[x, depth, on, off], &[("axis", Attr::Int(-1))])?;
    if mode == "one_hot" {
        return Ok(rows);
    }
    if let Some(weights) = weights {
        let weights = c.cast(weights, dtype)?;
        let weights = c.expand(weights, -1)?;
        rows = c.mul(rows, weights)?;
    }
    let over = c.axis(rows, -2)?;
    match mode {
        "multi_hot" | "binary" => c.reduce("Max", rows, &[over], false),
        "count" | "tf_idf" | "tf-idf" => c.reduce("Sum", rows, &[over], false),
        other => Err(format!("output_mode={other} is not known")),
    }
}

/// The number of boundaries that are not above x.
pub(super) fn lower_discretization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let (bounds, _) = given(c, "bin_boundaries")?.filter(|(all, _)| !all.is_empty()).ok_or(
        "its bin boundaries are not known: the layer was adapted and its file does not keep them",
    )?;
    let x = c.cast(x, DType::Float32)?;
    let n = bounds.len();
    let bounds = c.numbers(&bounds, &[n], DType::Float32)?;
    let x = c.expand(x, -1)?;
    let is_in = c.binary("GreaterEqual", x, bounds)?;
    let is_in = c.cast(is_in, DType::Int32)?;
    let last = c.axis(is_in, -1)?;
    let bins = c.reduce("Sum", is_in, &[last], false)?;
    let mode = mode(&c.config, "int");
    let dtype = match (mode, c.declared_dtype()) {
        // Keras 3 leaves the indices as they are.
        ("int", Some(_)) if c.is_keras3() => DType::Int32,
        (_, Some(dtype)) => dtype,
        ("int", None) => DType::Int64,
        _ => DType::Float32,
    };
    one(written(c, bins, mode, n as u64 + 1, dtype, None)?)
}

/// Bins by hash; the first one is that of the mask value, where there is one.
pub(super) fn lower_hashing(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let n = c.config.int("num_bins").filter(|n| *n > 0).ok_or("num_bins is missing")?;
    let masked = c.config.get("mask_value").filter(|_| n > 1);
    let mask = match masked {
        Some(value) => {
            let value = constant_like(c, x, value)?;
            Some(c.binary("Equal", x, value)?)
        }
        None => None,
    };
    let n_left = if mask.is_some() { n - 1 } else { n };
    let mut bins = hashed(c, x, n_left, c.config.get("salt"))?;
    if let Some(mask) = mask {
        bins = c.shift(bins, 1.0)?;
        let zero = c.like(bins, 0.0)?;
        bins = c.select(mask, zero, bins)?;
    }
    let mode = mode(&c.config, "int");
    let dtype =
        c.declared_dtype().unwrap_or(if mode == "int" { DType::Int64 } else { DType::Float32 });
    one(written(c, bins, mode, n as u64, dtype, None)?)
}

/// Bins by the hash of the values of all inputs together.
pub(super) fn lower_crossing(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    /// The key of `tf.sparse.cross_hashed`.
    const KEY: i64 = 0x00DE_CAFC_AFFE;
    let n = c.config.int("num_bins").filter(|n| *n > 0).ok_or("num_bins is missing")?;
    let (mut columns, mut types) = (Vec::new(), Vec::new());
    for x in c.inputs.clone() {
        let is_text = c.dtype(x.value)? == DType::String;
        let x = if is_text { x.value } else { c.cast(x.value, DType::Int64)? };
        types.push(c.dtype(x)?.into());
        columns.push(match c.rank(x)? {
            1 => c.expand(x, -1)?,
            2 => x,
            rank => return Err(format!("it is called with an input of rank {rank}")),
        });
    }
    let rank = c.rank(c.x()?)?;
    let attrs = [
        ("N", Attr::Int(0)),
        ("sparse_types", Attr::types(&[])),
        ("dense_types", Attr::types(&types)),
        ("hashed_output", Attr::Bool(true)),
        ("num_buckets", Attr::Int(n)),
        ("hash_key", Attr::Int(KEY)),
        ("out_type", Attr::Type(DType::Int64.into())),
        ("internal_type", Attr::Type(DType::Int64.into())),
    ];
    let crossed = c.node("SparseCross", &columns, &attrs)?;
    // Each row has one crossing: the values alone are the bins.
    let bins = *crossed.get(1).ok_or("SparseCross has no values")?;
    let x = c.x()?;
    let batch = c.size(x, 0)?;
    let sizes = if rank == 1 { vec![batch] } else { vec![batch, Size::Known(1)] };
    let bins = c.reshape(bins, &sizes)?;
    let mode = mode(&c.config, "int");
    let default = if mode == "int" { DType::Int64 } else { DType::Float32 };
    let dtype = c.declared_dtype().unwrap_or(default);
    one(written(c, bins, mode, n as u64, dtype, None)?)
}

/// A value of the config as a constant of the type that `x` has.
pub(super) fn constant_like(c: &mut Call<'_, '_>, x: Value, value: &Json) -> Lowered<Value> {
    match value {
        Json::String(word) => {
            let word = bytes::Bytes::copy_from_slice(word.as_bytes());
            Ok(c.constant(tensorferry_tensor::DenseTensor::scalar(word)))
        }
        number => {
            let number = number.as_f64().ok_or("a value is neither a number nor a text")?;
            c.like(x, number)
        }
    }
}

/// Indices below `n` by the hash of each value's text.
pub(super) fn hashed(
    c: &mut Call<'_, '_>,
    x: Value,
    n: i64,
    salt: Option<&Json>,
) -> Lowered<Value> {
    let mut x = x;
    if c.dtype(x)?.is_float() {
        x = c.cast(x, DType::Int64)?;
    }
    if c.dtype(x)? != DType::String {
        x = c.unary("AsString", x)?;
    }
    let n = ("num_buckets", Attr::Int(n));
    let Some(salt) = salt else { return c.one("StringToHashBucketFast", &[x], &[n]) };
    let key = match salt {
        Json::Array(two) => two.iter().map(Json::as_i64).collect::<Option<Vec<i64>>>(),
        single => single.as_i64().map(|salt| vec![salt; 2]),
    };
    let key = key.filter(|key| key.len() == 2).ok_or("salt is broken")?;
    c.one("StringToHashBucketStrong", &[x], &[n, ("key", Attr::ints(&key))])
}
