//! Ops that others have taken the place of, and that those compute.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::DenseTensor;

use crate::def::case;
use crate::families::pooling::MaxPool;
use crate::families::transformation::{BatchToSpaceND, SpaceToBatchND};
use crate::{Args, Case, Fact, Op, Result, Spec, Value};

register![BatchToSpace, MaxPoolV2, SpaceToBatch];

attrs! {
    /// The largest element of each window, whose size and step are inputs.
    struct MaxPoolV2 {
        /// `SAME` or `VALID`.
        padding: String,
        /// Channels last, or right after the batch.
        data_format: String = "NHWC".to_owned(),
    }
}

impl MaxPoolV2 {
    fn pool(&self, ksize: Vec<i64>, strides: Vec<i64>) -> MaxPool {
        let (padding, data_format) = (self.padding.clone(), self.data_format.clone());
        MaxPool { ksize, strides, padding, explicit_paddings: Vec::new(), data_format }
    }
}

impl Op for MaxPoolV2 {
    const SPEC: Spec = Spec {
        name: "MaxPoolV2",
        inputs: &["input: T", "ksize: int32", "strides: int32"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[1], [2], [3]]]], int32[1, 1, 2, 1], int32[1, 1, 1, 1]",
        "padding=\"VALID\"",
        "[[[[2], [3]]]]",
    )];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        match (x[1].ints(), x[2].ints()) {
            (Some(ksize), Some(strides)) => self.pool(ksize, strides).infer(&x[..1]),
            _ => Ok(vec![Shape::of_rank(4)]),
        }
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let pool = self.pool(inputs.ints(1)?, inputs.ints(2)?);
        pool.eval(inputs.into_values().into_iter().take(1).collect::<Vec<_>>().into())
    }
}

/// The inputs with a block of `size` by `size` between them.
fn with_block(inputs: Args, size: i64) -> Result<Args> {
    ensure!(size > 0, "{size} is no size of a block");
    ensure!(inputs.tensor(0)?.rank() == 4, "images have 4 dims");
    let mut all = inputs.into_values();
    all.insert(1, DenseTensor::vector(vec![size, size]).into());
    Ok(all.into())
}

/// Ops whose blocks are squares of a size that is an attribute.
macro_rules! blocks {
    ($($(#[doc = $doc:literal])+ $name:ident by $newer:ident $input:literal, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// Length and width of a block.
                    block_size: i64,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["input: T", $input],
                    outputs: &["output: T"],
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    let last = x[0].dims().and_then(|dims| dims.get(3).copied());
                    let mut dims = vec![Dim::Unknown; 3];
                    dims.push(last.unwrap_or(Dim::Unknown));
                    Ok(vec![dims.into()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    $newer {}.eval(with_block(inputs, self.block_size)?)
                }
            }
        )*
    };
}

blocks! {
    /// Pads images and moves blocks of them into the first axis.
    SpaceToBatch by SpaceToBatchND "paddings: Tpaddings", case(
        "[[[[1], [2]], [[3], [4]]]], int32[[0, 0], [0, 0]]", "block_size=2",
        "[[[[1]]], [[[2]]], [[[3]]], [[[4]]]]");

    /// Moves parts of the first axis back into blocks of images, and crops them.
    BatchToSpace by BatchToSpaceND "crops: Tidx", case(
        "[[[[1]]], [[[2]]], [[[3]]], [[[4]]]], int32[[0, 0], [0, 0]]", "block_size=2",
        "[[[[1], [2]], [[3], [4]]]]");
}
