//! Which families of ops there are: the files in `ops/`.
//!
//! Written by a test; `BLESS=1 cargo test -p tensorferry-ops` rewrites it.

use crate::{Examples, Family};

#[path = "ops/activation.rs"]
pub(crate) mod activation;
#[path = "ops/arithmetic.rs"]
pub(crate) mod arithmetic;
#[path = "ops/basic_math.rs"]
pub(crate) mod basic_math;
#[path = "ops/control.rs"]
pub(crate) mod control;
#[path = "ops/control_v1.rs"]
pub(crate) mod control_v1;
#[path = "ops/convolution.rs"]
pub(crate) mod convolution;
#[path = "ops/creation.rs"]
pub(crate) mod creation;
#[path = "ops/einsum.rs"]
pub(crate) mod einsum;
#[path = "ops/graph.rs"]
pub(crate) mod graph;
#[path = "ops/hash_table.rs"]
pub(crate) mod hash_table;
#[path = "ops/image.rs"]
pub(crate) mod image;
#[path = "ops/logical.rs"]
pub(crate) mod logical;
#[path = "ops/matrices.rs"]
pub(crate) mod matrices;
#[path = "ops/normalization.rs"]
pub(crate) mod normalization;
#[path = "ops/pooling.rs"]
pub(crate) mod pooling;
#[path = "ops/reduction.rs"]
pub(crate) mod reduction;
#[path = "ops/scan.rs"]
pub(crate) mod scan;
#[path = "ops/scatter.rs"]
pub(crate) mod scatter;
#[path = "ops/search.rs"]
pub(crate) mod search;
#[path = "ops/segment.rs"]
pub(crate) mod segment;
#[path = "ops/slice_join.rs"]
pub(crate) mod slice_join;
#[path = "ops/spectral.rs"]
pub(crate) mod spectral;
#[path = "ops/suppression.rs"]
pub(crate) mod suppression;
#[path = "ops/tensor_list.rs"]
pub(crate) mod tensor_list;
#[path = "ops/transformation.rs"]
pub(crate) mod transformation;

/// Every family.
pub(crate) const FAMILIES: &[Family] = &[
    Family { name: "activation", ops: activation::OPS },
    Family { name: "arithmetic", ops: arithmetic::OPS },
    Family { name: "basic_math", ops: basic_math::OPS },
    Family { name: "control", ops: control::OPS },
    Family { name: "control_v1", ops: control_v1::OPS },
    Family { name: "convolution", ops: convolution::OPS },
    Family { name: "creation", ops: creation::OPS },
    Family { name: "einsum", ops: einsum::OPS },
    Family { name: "graph", ops: graph::OPS },
    Family { name: "hash_table", ops: hash_table::OPS },
    Family { name: "image", ops: image::OPS },
    Family { name: "logical", ops: logical::OPS },
    Family { name: "matrices", ops: matrices::OPS },
    Family { name: "normalization", ops: normalization::OPS },
    Family { name: "pooling", ops: pooling::OPS },
    Family { name: "reduction", ops: reduction::OPS },
    Family { name: "scan", ops: scan::OPS },
    Family { name: "scatter", ops: scatter::OPS },
    Family { name: "search", ops: search::OPS },
    Family { name: "segment", ops: segment::OPS },
    Family { name: "slice_join", ops: slice_join::OPS },
    Family { name: "spectral", ops: spectral::OPS },
    Family { name: "suppression", ops: suppression::OPS },
    Family { name: "tensor_list", ops: tensor_list::OPS },
    Family { name: "transformation", ops: transformation::OPS },
];

/// The worked examples of every family.
pub const EXAMPLES: &[&[Examples]] = &[
    activation::EXAMPLES,
    arithmetic::EXAMPLES,
    basic_math::EXAMPLES,
    control::EXAMPLES,
    control_v1::EXAMPLES,
    convolution::EXAMPLES,
    creation::EXAMPLES,
    einsum::EXAMPLES,
    graph::EXAMPLES,
    hash_table::EXAMPLES,
    image::EXAMPLES,
    logical::EXAMPLES,
    matrices::EXAMPLES,
    normalization::EXAMPLES,
    pooling::EXAMPLES,
    reduction::EXAMPLES,
    scan::EXAMPLES,
    scatter::EXAMPLES,
    search::EXAMPLES,
    segment::EXAMPLES,
    slice_join::EXAMPLES,
    spectral::EXAMPLES,
    suppression::EXAMPLES,
    tensor_list::EXAMPLES,
    transformation::EXAMPLES,
];
