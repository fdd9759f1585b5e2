//! `MultiHeadAttention` and the other layers of `keras.layers.attention`.

use crate::Config;
use crate::def::{LayerDef, Shape, Sublayer, Tfjs, Variable};
use crate::layers::shapes::one;

const ATTENTION: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "Attention",
        variables: |config| {
            let scale = config.flag("use_scale", false).then(|| Variable::trainable("scale"));
            let is_concat = config.text("score_mode") == Some("concat");
            let weight = is_concat.then(|| Variable::trainable("concat_score_weight"));
            [scale, weight].into_iter().flatten().collect()
        },
        output_shapes: attended,
        ..ATTENTION
    },
    LayerDef {
        class_name: "AdditiveAttention",
        variables: |config| {
            let scale = config.flag("use_scale", true).then(|| Variable::trainable("scale"));
            scale.into_iter().collect()
        },
        output_shapes: attended,
        ..ATTENTION
    },
    LayerDef {
        class_name: "MultiHeadAttention",
        // Keras 2, whose configs have `query_shape`, has no public attributes.
        sublayers: |config| {
            projections(config, if config.get("query_shape").is_some() { "_" } else { "" })
        },
        output_shapes: multi_head,
        ..ATTENTION
    },
    LayerDef {
        class_name: "GroupQueryAttention",
        // Keras registers the class under the longer name.
        aliases: &["GroupedQueryAttention"],
        sublayers: |config| projections(config, "_"),
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
