//! Words and numbers to indices and back, through tables that are filled once.

use bytes::Bytes;
use serde_json::Value as Json;
use tensorferry_ir::Attr;
use tensorferry_store::collect;
use tensorferry_tensor::{DType, DenseTensor};

use super::encode::{constant_like, hashed, written};
use super::{mode, vocabulary_size};
use crate::lower::{Call, Lowered, Tensor, Value, one};

/// No real vocabulary is larger; a config may name any number.
const CATEGORIES_MAX: i64 = 1 << 24;

/// What a lookup layer's config says.
struct Lookup {
    /// Indices go in and words come out.
    is_inverse: bool,
    /// Keys (or values, inverted) are numbers.
    is_integer: bool,
    mode: String,
    words: Vec<Json>,
    mask: Option<Json>,
    oov: Json,
    n_oov: i64,
}

impl Lookup {
    fn of(c: &Call<'_, '_>) -> Lowered<Self> {
        let is_integer = c.class_name == "IntegerLookup"
            || c.config.text("vocabulary_dtype").is_some_and(|name| name.starts_with("int"));
        let is_text = c.class_name == "TextVectorization";
        let default = if is_integer { Json::from(-1) } else { Json::from("[UNK]") };
        let mask = if is_text { Some(Json::from("")) } else { c.config.get("mask_token").cloned() };
        let mut lookup = Self {
            is_inverse: c.flag("invert", false),
            is_integer,
            mode: mode(&c.config, "int").to_owned(),
            words: vocabulary(c, is_integer)?,
            mask,
            oov: c.config.get("oov_token").cloned().unwrap_or(default),
            n_oov: if is_text { 1 } else { c.config.int("num_oov_indices").unwrap_or(1) },
        };
        if !(0..=CATEGORIES_MAX).contains(&lookup.n_oov) {
            return Err(format!("num_oov_indices={} is out of range", lookup.n_oov));
        }
        // A vocabulary may begin with the words that Keras puts there itself.
        let n_mask = usize::try_from(lookup.oov_start()).map_err(|e| e.to_string())?;
        let n_oov = usize::try_from(lookup.n_oov).map_err(|e| e.to_string())?;
        let masks = std::iter::repeat_n(lookup.mask.as_ref(), n_mask);
        let special = masks.chain(std::iter::repeat_n(Some(&lookup.oov), n_oov));
        let has_special = lookup.words.len() >= n_mask + n_oov
            && special.zip(&lookup.words).all(|(special, word)| special == Some(word));
        if has_special {
            lookup.words.drain(..n_mask + n_oov);
        }
        Ok(lookup)
    }

    /// The first index of unknown words: 0 is the mask's, where indices come out.
    fn oov_start(&self) -> i64 {
        i64::from(self.mask.is_some() && self.mode == "int")
    }

    fn words(&self) -> Lowered<DenseTensor> {
        if self.is_integer {
            let all: Option<Vec<i64>> = self.words.iter().map(Json::as_i64).collect();
            return Ok(DenseTensor::vector(all.ok_or("its vocabulary holds no integers")?));
        }
        let word = |word: &Json| word.as_str().map(|w| Bytes::copy_from_slice(w.as_bytes()));
        let all: Option<Vec<Bytes>> = self.words.iter().map(word).collect();
        Ok(DenseTensor::vector(all.ok_or("its vocabulary holds no words")?))
    }

    fn indices(&self) -> DenseTensor {
        let start = self.oov_start() + self.n_oov;
        DenseTensor::vector((start..).take(self.words.len()).collect::<Vec<i64>>())
    }

    /// Indices of the values of `x`.
    fn look_up(&self, c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
        let start = self.oov_start();
        let default = if self.n_oov == 1 { start } else { -1 };
        let (words, indices) = (self.words()?, self.indices());
        let default = c.constant(DenseTensor::scalar(default));
        let table = c.table("table", words, indices)?;
        let mut found = c.one("LookupTableFindV2", &[table, x, default], &[])?;
        if self.n_oov > 1 {
            let is_plain = self.is_integer && c.config.text("oov_method") != Some("farmhash");
            let mut bins = if is_plain {
                let n = c.like(x, self.n_oov as f64)?;
                c.binary("FloorMod", x, n)?
            } else {
                hashed(c, x, self.n_oov, c.config.get("salt"))?
            };
            bins = c.shift(bins, start as f64)?;
            let is_unknown = c.binary("Equal", found, default)?;
            found = c.select(is_unknown, bins, found)?;
        }
        let Some(mask) = &self.mask else { return Ok(found) };
        let mask = constant_like(c, x, mask)?;
        let is_masked = c.binary("Equal", x, mask)?;
        // Out of every row where rows come out.
        // TensorFlow.js has 32 bits for it.
        let masked = if self.mode == "int" { 0 } else { i64::from(i32::MAX) };
        let masked = c.constant(DenseTensor::scalar(masked));
        c.select(is_masked, masked, found)
    }

    /// Words of the indices of `x`.
    fn look_back(&self, c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
        let (words, indices) = (self.words()?, self.indices());
        let table = c.table("table", indices, words)?;
        let x = c.cast(x, DType::Int64)?;
        let constant = |c: &mut Call<'_, '_>, word: &Json, is_integer: bool| {
            match is_integer {
                true => Ok(DenseTensor::scalar(word.as_i64().unwrap_or(-1))),
                false => word
                    .as_str()
                    .map(|word| DenseTensor::scalar(Bytes::copy_from_slice(word.as_bytes())))
                    .ok_or_else(|| "oov_token is no word".to_owned()),
            }
            .map(|word| c.constant(word))
        };
        let default = constant(c, &self.oov, self.is_integer)?;
        let found = c.one("LookupTableFindV2", &[table, x, default], &[])?;
        let Some(mask) = &self.mask else { return Ok(found) };
        let zero = c.like(x, 0.0)?;
        let is_masked = c.binary("Equal", x, zero)?;
        let masked = constant(c, mask, self.is_integer)?;
        c.select(is_masked, masked, found)
    }
}

/// The words of the config, or of the file that belongs to the layer.
fn vocabulary(c: &Call<'_, '_>, is_integer: bool) -> Lowered<Vec<Json>> {
    if let Some(words) = c.config.get("vocabulary").and_then(Json::as_array) {
        return Ok(words.clone());
    }
    let path = c.path();
    let file = ["", "/_lookup_layer", "/lookup_layer"];
    let found = file.iter().find_map(|part| c.asset(&format!("{path}{part}/vocabulary.txt")));
    let found = found.ok_or("its vocabulary is not in the model")?;
    let bytes = collect(found.as_ref()).map_err(|e| e.to_string())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "its vocabulary is not UTF-8")?;
    let word = |line: &str| match is_integer {
        true => line.trim().parse::<i64>().map(Json::from).map_err(|e| e.to_string()),
        false => Ok(Json::from(line)),
    };
    text.lines().map(word).collect()
}

/// How many categories there are, when rows come out.
fn depth(c: &Call<'_, '_>, lookup: &Lookup) -> Lowered<u64> {
    let stated = vocabulary_size(&c.config).flatten();
    let own =
        lookup.words.len() as u64 + lookup.oov_start().unsigned_abs() + lookup.n_oov.unsigned_abs();
    let depth = if c.flag("pad_to_max_tokens", false) { stated.unwrap_or(own) } else { own };
    match depth <= CATEGORIES_MAX.unsigned_abs() {
        true => Ok(depth),
        false => Err(format!("{depth} categories are too many")),
    }
}

pub(super) fn lower_lookup(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let lookup = Lookup::of(c)?;
    if lookup.is_inverse {
        return one(lookup.look_back(c, x)?);
    }
    let x = if lookup.is_integer { c.cast(x, DType::Int64)? } else { x };
    let found = lookup.look_up(c, x)?;
    one(finished(c, &lookup, found)?)
}

fn finished(c: &mut Call<'_, '_>, lookup: &Lookup, found: Value) -> Lowered<Value> {
    let depth = depth(c, lookup)?;
    let declared = c.declared_dtype().filter(|dtype| *dtype != DType::String);
    let is_weighted = matches!(lookup.mode.as_str(), "tf_idf" | "tf-idf");
    let dtype = match declared {
        // Keras 3 writes rows with the type of indices.
        _ if c.is_keras3() && !is_weighted => DType::Int64,
        Some(dtype) if lookup.mode != "int" && dtype.is_float() => dtype,
        _ if lookup.mode != "int" => DType::Float32,
        Some(dtype) if !dtype.is_float() => dtype,
        _ => DType::Int64,
    };
    let y = written(c, found, &lookup.mode, depth, dtype, None)?;
    if !is_weighted {
        return Ok(y);
    }
    let weights = match c.config.get("idf_weights").and_then(Json::as_array) {
        Some(weights) => {
            let weights: Option<Vec<f64>> = weights.iter().map(Json::as_f64).collect();
            let weights = weights.ok_or("idf_weights is broken")?;
            // Unknown words count as much as the mean of all; see `set_vocabulary` of Keras.
            let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
            let n_oov = usize::try_from(lookup.n_oov).map_err(|e| e.to_string())?;
            let mut all = vec![mean; n_oov];
            all.extend(&weights);
            all.resize(usize::try_from(depth).map_err(|e| e.to_string())?, 0.0);
            let n = all.len();
            c.numbers(&all, &[n], dtype)?
        }
        None => c.weight("idf_weights")?,
    };
    c.mul(y, weights)
}

/// Standardized, split into words, looked up, and written as rows of one length.
pub(super) fn lower_text_vectorization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let mut x = c.x()?;
    if c.flag("ragged", false) {
        return Err("ragged=true gives rows of unlike lengths; make the layer with ragged=false, \
                    which pads them with zeros"
            .to_owned());
    }
    let lookup = Lookup::of(c)?;
    x = standardized(c, x)?;
    let Some(split) = c.config.get("split") else {
        let found = lookup.look_up(c, x)?;
        return one(finished(c, &lookup, found)?);
    };
    if split.as_str() != Some("whitespace") {
        return Err(format!("split={split} is not run"));
    }
    if c.config.get("ngrams").is_some() {
        return Err("ngrams are not run".to_owned());
    }
    while c.rank(x)? > 1 {
        x = c.squeeze(x, -1)?;
    }
    let separator = c.constant(DenseTensor::scalar(Bytes::new()));
    let parts = c.node("StringSplitV2", &[x, separator], &[("maxsplit", Attr::Int(-1))])?;
    let [places, words, shape] = parts.as_slice() else {
        return Err("StringSplitV2 has three outputs".to_owned());
    };
    let found = lookup.look_up(c, *words)?;
    if lookup.mode != "int" {
        // Behind the last word of a row stands an index that no row has.
        let none = c.constant(DenseTensor::scalar(-1_i64));
        let rows = c.one("SparseToDense", &[*places, *shape, found, none], &[])?;
        return one(finished(c, &lookup, rows)?);
    }
    let zero = c.constant(DenseTensor::scalar(0_i64));
    let Some(length) = c.config.int("output_sequence_length") else {
        return one(c.one("SparseToDense", &[*places, *shape, found, zero], &[])?);
    };
    // As wide as the longest row at least, and then cut.
    let least = c.constant(DenseTensor::vector(vec![0_i64, length]));
    let wide = c.binary("Maximum", *shape, least)?;
    let rows = c.one("SparseToDense", &[*places, wide, found, zero], &[])?;
    let batch = c.dims(x)?.first().copied().unwrap_or(tensorferry_ir::Dim::Unknown);
    c.assume_shape(rows, &vec![batch, tensorferry_ir::Dim::Unknown].into());
    let rows = c.cut(rows, 1, (0, Some(length), 1))?;
    let length = usize::try_from(length).map_err(|e| e.to_string())?;
    c.assume_shape(rows, &vec![batch, tensorferry_ir::Dim::Known(length)].into());
    one(rows)
}

/// Small letters, without punctuation, as the config says.
fn standardized(c: &mut Call<'_, '_>, x: Value) -> Lowered<Value> {
    const PUNCTUATION: &str = r##"[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']"##;
    let how = match c.config.get("standardize") {
        None => return Ok(x),
        Some(how) => how.as_str().ok_or("standardize is not one of Keras' own functions")?,
    };
    let (lowers, strips) = match how {
        "lower_and_strip_punctuation" => (true, true),
        "lower" => (true, false),
        "strip_punctuation" => (false, true),
        other => return Err(format!("standardize={other} is not known")),
    };
    let mut y = x;
    if lowers {
        y = c.one("StringLower", &[y], &[("encoding", Attr::text(""))])?;
    }
    if strips {
        let attrs = [
            ("pattern", Attr::text(PUNCTUATION)),
            ("rewrite", Attr::text("")),
            ("replace_global", Attr::Bool(true)),
        ];
        y = c.one("StaticRegexReplace", &[y], &attrs)?;
    }
    Ok(y)
}
