//! `MultiHeadAttention` and the other layers of `keras.layers.attention`.

use tensorferry_ir::Dim;
use tensorferry_tensor::DType;

use crate::Config;
use crate::def::{LayerDef, Shape, Sublayer, Tfjs, Variable};
use crate::layers::activation::masked_softmax;
use crate::layers::core::multiplied;
use crate::layers::reshaping::repeated;
use crate::layers::shapes::{axis_of, one};
use crate::lower::{Builder, Call, Lowered, Masks, Size, Tensor, Value, activations};

const ATTENTION: LayerDef =
    LayerDef { masks: Masks::Own, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "Attention",
        variables: |config| {
            let scale = config.flag("use_scale", false).then(|| Variable::trainable("scale"));
            let is_concat = config.text("score_mode") == Some("concat");
            let weight = is_concat.then(|| Variable::trainable("concat_score_weight"));
            [scale, weight].into_iter().flatten().collect()
        },
        output_shapes: attended,
        lower: Some(lower_attention),
        ..ATTENTION
    },
    LayerDef {
        class_name: "AdditiveAttention",
        variables: |config| {
            let scale = config.flag("use_scale", true).then(|| Variable::trainable("scale"));
            scale.into_iter().collect()
        },
        output_shapes: attended,
        lower: Some(lower_attention),
        ..ATTENTION
    },
    LayerDef {
        class_name: "MultiHeadAttention",
        // Keras 2, whose configs have `query_shape`, has no public attributes.
        sublayers: |config| {
            projections(config, if config.get("query_shape").is_some() { "_" } else { "" })
        },
        output_shapes: multi_head,
        lower: Some(lower_multi_head),
        ..ATTENTION
    },
    LayerDef {
        class_name: "GroupQueryAttention",
        // Keras registers the class under the longer name.
        aliases: &["GroupedQueryAttention"],
        sublayers: |config| projections(config, "_"),
        lower: Some(lower_multi_head),
        ..ATTENTION
    },
];

/// `[query, value, (key)]`: the query's length, the value's size.
fn attended(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (query, value) = (inputs.first()?, inputs.get(1)?);
    let mut shape = query.clone();
    *shape.last_mut()? = *value.last()?;
    let mut outputs = vec![shape];
    if config.flag("return_attention_scores", false) {
        let mut scores = query.clone();
        *scores.last_mut()? = *value.get(value.len().checked_sub(2)?)?;
        outputs.push(scores);
    }
    Some(outputs)
}

fn multi_head(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let query = inputs.first()?;
    let Some(given) = config.sizes("output_shape", 1) else { return one(query.clone()) };
    let mut shape = query.get(..query.len().checked_sub(1)?)?.to_vec();
    shape.extend(given.into_iter().map(Some));
    one(shape)
}

/// The four projections that an attention makes by itself. In Keras 2 and 3 their attributes are
/// `query_dense` and so on, their names (which are part of the weights' names) `query` and so on.
fn projections(config: &Config<'_>, private: &str) -> Vec<Sublayer<'static>> {
    let bias = config.flag("use_bias", true).then(|| Variable::trainable("bias"));
    let variables: Vec<_> = std::iter::once(Variable::trainable("kernel")).chain(bias).collect();
    // The gate has no public name, so its attribute is private in both classes.
    let gate = config.flag("use_gate", false).then_some(("_gate_dense".to_owned(), "gate"));
    let part = |part: &str, name| (format!("{private}{part}_dense"), name);
    let head = [part("query", "query"), part("key", "key")];
    let tail = [part("value", "value"), part("output", "attention_output")];
    let projection = |(attribute, name): (String, &'static str)| Sublayer {
        attribute,
        class_name: "EinsumDense",
        config: None,
        keras2_scope: Some(name.to_owned()),
        tfjs_scope: Some(name.to_owned()),
        variables: variables.clone(),
    };
    head.into_iter().chain(gate).chain(tail).map(projection).collect()
}

fn is_on(c: &Call<'_, '_>, name: &str) -> bool {
    let given = c.arguments.named(name).and_then(|argument| argument.plain());
    given.and_then(serde_json::Value::as_bool).unwrap_or(false)
}

/// `i >= j` for the places i of queries and j of values, `[t, s]`.
fn causal(b: &mut Builder, t: Size, s: Size) -> Lowered<Value> {
    let (rows, columns) = (places(b, t)?, places(b, s)?);
    let rows = b.expand(rows, -1)?;
    b.binary("GreaterEqual", rows, columns)
}

/// 0, 1, 2 … up to a size.
fn places(b: &mut Builder, n: Size) -> Lowered<Value> {
    let (zero, one_) = (b.int(0), b.int(1));
    let n = b.size_value(n);
    b.one("Range", &[zero, n, one_], &[])
}

fn both(b: &mut Builder, a: Option<Value>, other: Value) -> Lowered<Option<Value>> {
    let other = b.cast(other, DType::Bool)?;
    Ok(Some(match a {
        Some(a) => b.binary("LogicalAnd", a, other)?,
        None => other,
    }))
}

/// `Attention` and `AdditiveAttention`: softmax(scores) values, for `[query, value, (key)]`.
fn lower_attention(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (query, value) = (c.input(0)?, c.input(1)?);
    let key = c.input(2).unwrap_or(value);
    let q_mask = c.mask();
    let v_mask = c.inputs.get(1).and_then(|value| value.mask);
    let mut scores = scores(c, query, key)?;
    let mut mask = match v_mask {
        Some(mask) => {
            let mask = c.expand(mask, -2)?;
            both(c, None, mask)?
        }
        None => None,
    };
    if is_on(c, "use_causal_mask") || c.flag("causal", false) {
        let rank = c.rank(scores)?;
        let (t, s) = (c.size(scores, rank - 2)?, c.size(scores, rank - 1)?);
        let causal = causal(c, t, s)?;
        mask = both(c, mask, causal)?;
    }
    if let Some(mask) = mask {
        let dtype = c.dtype(scores)?;
        let hidden = c.unary("LogicalNot", mask)?;
        let hidden = c.cast(hidden, dtype)?;
        let low = if dtype == DType::Float16 { 65_504.0 } else { 1e9 };
        let hidden = c.scale(hidden, low)?;
        scores = c.sub(scores, hidden)?;
    }
    let weights = activations::softmax(c, scores, &[-1])?;
    let mut y = c.batch_mat_mul((weights, false), (value, false))?;
    if let Some(mask) = q_mask {
        let mask = c.expand(mask, -1)?;
        y = if c.is_keras3() {
            let zero = c.like(y, 0.0)?;
            let mask = c.cast(mask, DType::Bool)?;
            c.select(mask, y, zero)?
        } else {
            let dtype = c.dtype(y)?;
            let mask = c.cast(mask, dtype)?;
            c.mul(y, mask)?
        };
    }
    let mut outputs = vec![Tensor { value: y, mask: q_mask }];
    if is_on(c, "return_attention_scores") {
        outputs.push(weights.into());
    }
    Ok(outputs)
}

fn scores(c: &mut Call<'_, '_>, query: Value, key: Value) -> Lowered<Value> {
    let is_additive = c.class_name == "AdditiveAttention";
    let scale = match c.flag("use_scale", is_additive) {
        true => Some(c.weight("scale")?),
        false => None,
    };
    let is_concat = c.config.text("score_mode") == Some("concat");
    if !is_additive && !is_concat {
        let scores = c.batch_mat_mul((query, false), (key, true))?;
        return match scale {
            Some(scale) => c.mul(scores, scale),
            None => Ok(scores),
        };
    }
    let (query, key) = (c.expand(query, -2)?, c.expand(key, -3)?);
    let mut sum = c.add(query, key)?;
    if let Some(scale) = scale.filter(|_| is_concat) {
        sum = c.mul(scale, sum)?;
    }
    let mut y = c.unary("Tanh", sum)?;
    if let Some(scale) = scale.filter(|_| is_additive) {
        y = c.mul(scale, y)?;
    }
    let last = c.axis(y, -1)?;
    let y = c.reduce("Sum", y, &[last], false)?;
    if !is_concat {
        return Ok(y);
    }
    let weight = c.weight("concat_score_weight")?;
    c.mul(weight, y)
}

/// What an attention of several heads is called with.
struct Heads {
    query: Tensor,
    value: Tensor,
    key: Tensor,
    /// A key of its own was given.
    has_key: bool,
    /// Axes that are attended along.
    axes: Vec<usize>,
}

impl Heads {
    fn of(c: &Call<'_, '_>) -> Lowered<Self> {
        let tensor = |place: usize, name: &str| -> Option<Tensor> {
            c.arguments.get(place, name)?.tensors().first().copied()
        };
        let query = tensor(0, "query").ok_or("it is called without a query")?;
        let value = tensor(1, "value").ok_or("it is called without a value")?;
        let key = tensor(2, "key");
        let rank = c.rank(query.value)?;
        let axes = match c.config.ints("attention_axes") {
            Some(axes) => {
                let axes = axes.into_iter().map(|axis| axis_of(axis, rank));
                axes.collect::<Option<Vec<usize>>>().ok_or("attention_axes is broken")?
            }
            None => (1..rank.saturating_sub(1)).collect(),
        };
        if axes.is_empty() || axes.iter().any(|axis| *axis == 0 || axis + 1 >= rank) {
            return Err("attention_axes is broken".to_owned());
        }
        Ok(Self { query, value, key: key.unwrap_or(value), has_key: key.is_some(), axes })
    }

    /// Of `[batch, ..., heads, size]`: the other axes, then the heads, then those attended along.
    fn order(&self, rank: usize) -> Vec<usize> {
        let free = (0..rank - 2).filter(|axis| !self.axes.contains(axis));
        free.chain([rank - 2]).chain(self.axes.iter().copied()).chain([rank - 1]).collect()
    }

    /// `[batch, free ..., heads, steps, size]`, with all axes that are attended along as one.
    fn apart(&self, b: &mut Builder, x: Value) -> Lowered<Value> {
        let rank = b.rank(x)?;
        let x = b.transpose(x, &self.order(rank))?;
        let mut sizes = b.sizes(x)?;
        let at = rank - 1 - self.axes.len();
        let steps = b.product(sizes.get(at..rank - 1).unwrap_or_default())?;
        sizes.splice(at..rank - 1, [steps]);
        b.reshape(x, &sizes)
    }

    /// The way back, to the axes that the query has.
    fn together(&self, b: &mut Builder, y: Value) -> Lowered<Value> {
        let query = b.sizes(self.query.value)?;
        let rank = query.len() + 1;
        let mut sizes = b.sizes(y)?;
        let at = rank - 1 - self.axes.len();
        let steps: Vec<Size> =
            self.axes.iter().filter_map(|axis| query.get(*axis).copied()).collect();
        sizes.splice(at..=at, steps);
        let y = b.reshape(y, &sizes)?;
        let order = self.order(rank);
        let mut back = vec![0; rank];
        for (place, axis) in order.into_iter().enumerate() {
            *back.get_mut(axis).ok_or("attention_axes is broken")? = place;
        }
        b.transpose(y, &back)
    }

    /// Which pairs of steps are seen, of `t` and `s` steps.
    fn mask(&self, c: &mut Call<'_, '_>, t: Size, s: Size) -> Lowered<Option<Value>> {
        let mut mask = None;
        if let Some(own) = self.query.mask {
            let own = c.expand(own, -1)?;
            mask = both(c, mask, own)?;
        }
        let key = self.key.mask.filter(|_| self.has_key);
        for own in [self.value.mask, key].into_iter().flatten() {
            let own = c.expand(own, -2)?;
            mask = both(c, mask, own)?;
        }
        if is_on(c, "use_causal_mask") {
            let causal = causal(c, t, s)?;
            let causal = c.expand(causal, 0)?;
            mask = both(c, mask, causal)?;
        }
        if let Some(width) = c.config.int("sliding_window") {
            let (rows, columns) = (places(c, t)?, places(c, s)?);
            let rows = c.expand(rows, -1)?;
            let distance = c.sub(rows, columns)?;
            let distance = c.unary("Abs", distance)?;
            let width = c.int(width);
            let near = c.binary("Less", distance, width)?;
            let near = c.expand(near, 0)?;
            mask = both(c, mask, near)?;
        }
        let given = c.arguments.get(6, "attention_mask").map(|mask| mask.tensors());
        if let Some(given) = given.and_then(|given| given.first().copied()) {
            let given = self.flat_mask(c, given.value, t, s)?;
            mask = both(c, mask, given)?;
        }
        // New axes for the heads and for the axes that are not attended along.
        let Some(mut mask) = mask else { return Ok(None) };
        let rank = c.rank(self.query.value)? + 1 - self.axes.len() + 1;
        while c.rank(mask)? < rank {
            mask = c.expand(mask, -3)?;
        }
        Ok(Some(mask))
    }

    /// A given mask with the query's axes as one and the value's as one.
    fn flat_mask(&self, c: &mut Call<'_, '_>, mask: Value, t: Size, s: Size) -> Lowered<Value> {
        let lead = c.rank(mask)?.checked_sub(2 * self.axes.len());
        let Some(lead) = lead.filter(|_| self.axes.len() > 1) else { return Ok(mask) };
        let mut sizes = c.sizes(mask)?;
        sizes.truncate(lead);
        sizes.extend([t, s]);
        c.reshape(mask, &sizes)
    }
}

/// `MultiHeadAttention`, and `GroupQueryAttention`, which has fewer heads for keys and values.
fn lower_multi_head(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let heads = Heads::of(c)?;
    let query = projected(c, "query_dense", heads.query.value)?;
    let mut key = projected(c, "key_dense", heads.key.value)?;
    let mut value = projected(c, "value_dense", heads.value.value)?;
    let (rank, n_heads) = (c.rank(query)?, c.rank(query)? - 2);
    let (of_query, of_key) = (c.known_dim(query, n_heads)?, c.known_dim(key, n_heads)?);
    if let Some(times) = of_query.checked_div(of_key).filter(|times| *times > 1) {
        (key, value) = (repeated(c, key, n_heads, times)?, repeated(c, value, n_heads, times)?);
    }
    let size = c.known_dim(query, rank - 1)? as f64;
    let (q, k) = (heads.apart(c, query)?, heads.apart(c, key)?);
    let v = heads.apart(c, value)?;
    let at = c.rank(q)? - 2;
    let (t, s) = (c.size(q, at)?, c.size(k, at)?);
    let mask = heads.mask(c, t, s)?;
    let has_scores = is_on(c, "return_attention_scores");
    let has_dropout = c.config.number("dropout").is_some_and(|rate| rate > 0.0);
    let weights = if c.is_keras3() && !has_scores && !has_dropout && rank == 4 {
        // Keras 3's fused attention: what is masked is the lowest number but a bit.
        let scores = c.batch_mat_mul((q, false), (k, true))?;
        let scores = c.scale(scores, size.sqrt().recip())?;
        fused_softmax(c, scores, mask)?
    } else {
        let q = c.scale(q, size.sqrt().recip())?;
        let scores = c.batch_mat_mul((q, false), (k, true))?;
        let keras3 = c.is_keras3();
        masked_softmax(c, scores, mask, &[-1], keras3)?
    };
    let y = c.batch_mat_mul((weights, false), (v, false))?;
    let mut y = heads.together(c, y)?;
    if c.flag("use_gate", false) {
        let gate = projected(c, "gate_dense", heads.query.value)?;
        let gate = c.unary("Sigmoid", gate)?;
        y = c.mul(y, gate)?;
    }
    let value = combined(c, y)?;
    let mask = heads.query.mask.filter(|_| c.class_name == "MultiHeadAttention");
    let mut outputs = vec![Tensor { value, mask }];
    if has_scores {
        outputs.push(weights.into());
    }
    Ok(outputs)
}

fn fused_softmax(c: &mut Call<'_, '_>, scores: Value, mask: Option<Value>) -> Lowered<Value> {
    let dtype = c.dtype(scores)?;
    let most = match dtype {
        DType::Float16 => 65_504.0,
        DType::Float64 => f64::MAX,
        _ => f64::from(f32::MAX),
    };
    let mut scores = scores;
    if let Some(mask) = mask {
        let low = c.like(scores, -0.7 * most)?;
        scores = c.select(mask, scores, low)?;
    }
    // Halves are summed in single precision.
    let is_half = matches!(dtype, DType::Float16 | DType::BFloat16);
    let wide = if is_half { c.cast(scores, DType::Float32)? } else { scores };
    let weights = activations::softmax(c, wide, &[-1])?;
    c.cast(weights, dtype)
}

/// The attribute of a projection, which is private in some versions.
fn part(c: &Call<'_, '_>, name: &str) -> Lowered<String> {
    let part = c.parts().iter().find(|part| part.attribute.trim_start_matches('_') == name);
    part.map(|part| part.attribute.clone()).ok_or_else(|| format!("it has no `{name}`"))
}

/// The last axis times `[size, heads, head size]`, with a bias.
fn projected(c: &mut Call<'_, '_>, name: &str, x: Value) -> Lowered<Value> {
    let attribute = part(c, name)?;
    let dtype = c.compute_dtype();
    let x = c.cast(x, dtype)?;
    let kernel = c.part_weight(&attribute, "kernel")?;
    let dims = known(c, kernel)?;
    let [from, heads, size] = dims[..] else { return Err(format!("`{name}` has no three axes")) };
    let matrix = c.reshape(kernel, &[Size::Known(from), Size::Known(heads * size)])?;
    let y = multiplied(c, x, matrix)?;
    let mut sizes = c.sizes(x)?;
    sizes.pop();
    sizes.extend([Size::Known(heads), Size::Known(size)]);
    let y = c.reshape(y, &sizes)?;
    with_bias(c, &attribute, y)
}

/// Heads and their sizes as one, times `[heads, head size, out ...]`, with a bias.
fn combined(c: &mut Call<'_, '_>, y: Value) -> Lowered<Value> {
    let attribute = part(c, "output_dense")?;
    let kernel = c.part_weight(&attribute, "kernel")?;
    let dims = known(c, kernel)?;
    let [heads, size, ref out @ ..] = dims[..] else {
        return Err("its output has too few axes".to_owned());
    };
    let n_out = out.iter().product();
    let matrix = c.reshape(kernel, &[Size::Known(heads * size), Size::Known(n_out)])?;
    let mut sizes = c.sizes(y)?;
    sizes.truncate(sizes.len().saturating_sub(2));
    let lead = sizes.clone();
    sizes.push(Size::Known(heads * size));
    let y = c.reshape(y, &sizes)?;
    let y = multiplied(c, y, matrix)?;
    let sizes: Vec<Size> = lead.into_iter().chain(out.iter().copied().map(Size::Known)).collect();
    let y = c.reshape(y, &sizes)?;
    with_bias(c, &attribute, y)
}

fn known(b: &Builder, x: Value) -> Lowered<Vec<usize>> {
    let dims: Option<Vec<usize>> = b.dims(x)?.into_iter().map(Dim::known).collect();
    dims.ok_or_else(|| "a weight has no known shape".to_owned())
}

fn with_bias(c: &mut Call<'_, '_>, attribute: &str, y: Value) -> Lowered<Value> {
    if !c.flag("use_bias", true) {
        return Ok(y);
    }
    let bias = c.part_weight(attribute, "bias")?;
    c.add(y, bias)
}
