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
#[path = "ops/bitcast.rs"]
pub(crate) mod bitcast;
#[path = "ops/color.rs"]
pub(crate) mod color;
#[path = "ops/control.rs"]
pub(crate) mod control;
#[path = "ops/control_v1.rs"]
pub(crate) mod control_v1;
#[path = "ops/convolution.rs"]
pub(crate) mod convolution;
#[path = "ops/creation.rs"]
pub(crate) mod creation;
#[path = "ops/debug.rs"]
pub(crate) mod debug;
#[path = "ops/diagonal.rs"]
pub(crate) mod diagonal;
#[path = "ops/einsum.rs"]
pub(crate) mod einsum;
#[path = "ops/examples.rs"]
pub(crate) mod examples;
#[path = "ops/fractional.rs"]
pub(crate) mod fractional;
#[path = "ops/gradient_math.rs"]
pub(crate) mod gradient_math;
#[path = "ops/gradient_windows.rs"]
pub(crate) mod gradient_windows;
#[path = "ops/graph.rs"]
pub(crate) mod graph;
#[path = "ops/hash_table.rs"]
pub(crate) mod hash_table;
#[path = "ops/image.rs"]
pub(crate) mod image;
#[path = "ops/linear_algebra.rs"]
pub(crate) mod linear_algebra;
#[path = "ops/logical.rs"]
pub(crate) mod logical;
#[path = "ops/matrices.rs"]
pub(crate) mod matrices;
#[path = "ops/normalization.rs"]
pub(crate) mod normalization;
#[path = "ops/older.rs"]
pub(crate) mod older;
#[path = "ops/patches.rs"]
pub(crate) mod patches;
#[path = "ops/pooling.rs"]
pub(crate) mod pooling;
#[path = "ops/quantization.rs"]
pub(crate) mod quantization;
#[path = "ops/ragged.rs"]
pub(crate) mod ragged;
#[path = "ops/random.rs"]
pub(crate) mod random;
#[path = "ops/reduction.rs"]
pub(crate) mod reduction;
#[path = "ops/resample.rs"]
pub(crate) mod resample;
#[path = "ops/scan.rs"]
pub(crate) mod scan;
#[path = "ops/scatter.rs"]
pub(crate) mod scatter;
#[path = "ops/search.rs"]
pub(crate) mod search;
#[path = "ops/segment.rs"]
pub(crate) mod segment;
#[path = "ops/sequence.rs"]
pub(crate) mod sequence;
#[path = "ops/slice_join.rs"]
pub(crate) mod slice_join;
#[path = "ops/sparse.rs"]
pub(crate) mod sparse;
#[path = "ops/sparse_cross.rs"]
pub(crate) mod sparse_cross;
#[path = "ops/special_math.rs"]
pub(crate) mod special_math;
#[path = "ops/spectral.rs"]
pub(crate) mod spectral;
#[path = "ops/string.rs"]
pub(crate) mod string;
#[path = "ops/string_hash.rs"]
pub(crate) mod string_hash;
#[path = "ops/string_regex.rs"]
pub(crate) mod string_regex;
#[path = "ops/string_split.rs"]
pub(crate) mod string_split;
#[path = "ops/suppression.rs"]
pub(crate) mod suppression;
#[path = "ops/tensor_array.rs"]
pub(crate) mod tensor_array;
#[path = "ops/tensor_list.rs"]
pub(crate) mod tensor_list;
#[path = "ops/transformation.rs"]
pub(crate) mod transformation;
#[path = "ops/unicode.rs"]
pub(crate) mod unicode;
#[path = "ops/variable.rs"]
pub(crate) mod variable;

/// Every family.
pub(crate) static FAMILIES: &[Family] = &[
    Family { name: "activation", ops: activation::OPS },
    Family { name: "arithmetic", ops: arithmetic::OPS },
    Family { name: "basic_math", ops: basic_math::OPS },
    Family { name: "bitcast", ops: bitcast::OPS },
    Family { name: "color", ops: color::OPS },
    Family { name: "control", ops: control::OPS },
    Family { name: "control_v1", ops: control_v1::OPS },
    Family { name: "convolution", ops: convolution::OPS },
    Family { name: "creation", ops: creation::OPS },
    Family { name: "debug", ops: debug::OPS },
    Family { name: "diagonal", ops: diagonal::OPS },
    Family { name: "einsum", ops: einsum::OPS },
    Family { name: "examples", ops: examples::OPS },
    Family { name: "fractional", ops: fractional::OPS },
    Family { name: "gradient_math", ops: gradient_math::OPS },
    Family { name: "gradient_windows", ops: gradient_windows::OPS },
    Family { name: "graph", ops: graph::OPS },
    Family { name: "hash_table", ops: hash_table::OPS },
    Family { name: "image", ops: image::OPS },
    Family { name: "linear_algebra", ops: linear_algebra::OPS },
    Family { name: "logical", ops: logical::OPS },
    Family { name: "matrices", ops: matrices::OPS },
    Family { name: "normalization", ops: normalization::OPS },
    Family { name: "older", ops: older::OPS },
    Family { name: "patches", ops: patches::OPS },
    Family { name: "pooling", ops: pooling::OPS },
    Family { name: "quantization", ops: quantization::OPS },
    Family { name: "ragged", ops: ragged::OPS },
    Family { name: "random", ops: random::OPS },
    Family { name: "reduction", ops: reduction::OPS },
    Family { name: "resample", ops: resample::OPS },
    Family { name: "scan", ops: scan::OPS },
    Family { name: "scatter", ops: scatter::OPS },
    Family { name: "search", ops: search::OPS },
    Family { name: "segment", ops: segment::OPS },
    Family { name: "sequence", ops: sequence::OPS },
    Family { name: "slice_join", ops: slice_join::OPS },
    Family { name: "sparse", ops: sparse::OPS },
    Family { name: "sparse_cross", ops: sparse_cross::OPS },
    Family { name: "special_math", ops: special_math::OPS },
    Family { name: "spectral", ops: spectral::OPS },
    Family { name: "string", ops: string::OPS },
    Family { name: "string_hash", ops: string_hash::OPS },
    Family { name: "string_regex", ops: string_regex::OPS },
    Family { name: "string_split", ops: string_split::OPS },
    Family { name: "suppression", ops: suppression::OPS },
    Family { name: "tensor_array", ops: tensor_array::OPS },
    Family { name: "tensor_list", ops: tensor_list::OPS },
    Family { name: "transformation", ops: transformation::OPS },
    Family { name: "unicode", ops: unicode::OPS },
    Family { name: "variable", ops: variable::OPS },
];

/// The worked examples of every family.
pub static EXAMPLES: &[&[Examples]] = &[
    activation::EXAMPLES,
    arithmetic::EXAMPLES,
    basic_math::EXAMPLES,
    bitcast::EXAMPLES,
    color::EXAMPLES,
    control::EXAMPLES,
    control_v1::EXAMPLES,
    convolution::EXAMPLES,
    creation::EXAMPLES,
    debug::EXAMPLES,
    diagonal::EXAMPLES,
    einsum::EXAMPLES,
    examples::EXAMPLES,
    fractional::EXAMPLES,
    gradient_math::EXAMPLES,
    gradient_windows::EXAMPLES,
    graph::EXAMPLES,
    hash_table::EXAMPLES,
    image::EXAMPLES,
    linear_algebra::EXAMPLES,
    logical::EXAMPLES,
    matrices::EXAMPLES,
    normalization::EXAMPLES,
    older::EXAMPLES,
    patches::EXAMPLES,
    pooling::EXAMPLES,
    quantization::EXAMPLES,
    ragged::EXAMPLES,
    random::EXAMPLES,
    reduction::EXAMPLES,
    resample::EXAMPLES,
    scan::EXAMPLES,
    scatter::EXAMPLES,
    search::EXAMPLES,
    segment::EXAMPLES,
    sequence::EXAMPLES,
    slice_join::EXAMPLES,
    sparse::EXAMPLES,
    sparse_cross::EXAMPLES,
    special_math::EXAMPLES,
    spectral::EXAMPLES,
    string::EXAMPLES,
    string_hash::EXAMPLES,
    string_regex::EXAMPLES,
    string_split::EXAMPLES,
    suppression::EXAMPLES,
    tensor_array::EXAMPLES,
    tensor_list::EXAMPLES,
    transformation::EXAMPLES,
    unicode::EXAMPLES,
    variable::EXAMPLES,
];
