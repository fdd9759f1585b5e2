//! Which families of ops there are: the files in `ops/`.
//!
//! Written by a test; `BLESS=1 cargo test -p tensorferry-ops` rewrites it.

use crate::{Examples, Family};

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
#[path = "ops/graph.rs"]
pub(crate) mod graph;
#[path = "ops/logical.rs"]
pub(crate) mod logical;
#[path = "ops/matrices.rs"]
pub(crate) mod matrices;
#[path = "ops/reduction.rs"]
pub(crate) mod reduction;

/// Every family.
pub(crate) const FAMILIES: &[Family] = &[
    Family { name: "arithmetic", ops: arithmetic::OPS },
    Family { name: "basic_math", ops: basic_math::OPS },
    Family { name: "control", ops: control::OPS },
    Family { name: "control_v1", ops: control_v1::OPS },
    Family { name: "convolution", ops: convolution::OPS },
    Family { name: "graph", ops: graph::OPS },
    Family { name: "logical", ops: logical::OPS },
    Family { name: "matrices", ops: matrices::OPS },
    Family { name: "reduction", ops: reduction::OPS },
];

/// The worked examples of every family.
pub const EXAMPLES: &[&[Examples]] = &[
    arithmetic::EXAMPLES,
    basic_math::EXAMPLES,
    control::EXAMPLES,
    control_v1::EXAMPLES,
    convolution::EXAMPLES,
    graph::EXAMPLES,
    logical::EXAMPLES,
    matrices::EXAMPLES,
    reduction::EXAMPLES,
];
