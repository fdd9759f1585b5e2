//! Convolutions and their gradients.

use tensorferry_ir::{Dim, Edge, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::conv::{backward_filter, backward_input, forward};
use crate::def::case;
use crate::fast;
use crate::window::Sliding;
use crate::{
    Args, Attributes, Backward, Case, Fact, Fast, Gradient, Op, Result, Spec, Tolerance, Value,
};

register![
    Conv2D,
    Conv2DBackpropInput,
    Conv2DBackpropFilter,
    DepthwiseConv2dNative,
    DepthwiseConv2dNativeBackpropInput,
    DepthwiseConv2dNativeBackpropFilter,
    Conv3D,
    Conv3DBackpropInputV2,
    FusedConv2D,
    FusedDepthwiseConv2dNative,
];

/// What the convolutions have in common: attributes of two spatial axes.
macro_rules! conv_attrs {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// Step of the window along each axis of the input.
                    strides: Vec<i64>,
                    /// `SAME`, `VALID` or `EXPLICIT`.
                    padding: String,
                    /// Zeros before and after each axis, for `EXPLICIT`.
                    explicit_paddings: Vec<i64> = Vec::new(),
                    /// `NHWC` or `NCHW`.
                    data_format: String = "NHWC".to_owned(),
                    /// Distance between neighbours in a window, along each axis.
                    dilations: Vec<i64> = vec![1, 1, 1, 1],
                }
            }

            impl $name {
                fn sliding(&self) -> Result<Sliding> {
                    Sliding::new(
                        2,
                        &self.strides,
                        &self.dilations,
                        &self.padding,
                        &self.explicit_paddings,
                        &self.data_format,
                    )
                }
            }
        )*
    };
}

conv_attrs! {
    /// Slides a filter `[height, width, in, out]` over images. Fewer filter channels than image
    /// channels make groups.
    Conv2D;
    /// The gradient of a convolution by its input; as an op of its own, a transposed convolution.
    Conv2DBackpropInput;
    /// The gradient of a convolution by its filter.
    Conv2DBackpropFilter;
    /// Slides a filter `[height, width, in, multiplier]` over images, each channel by itself.
    DepthwiseConv2dNative;
    /// The gradient of a depthwise convolution by its input.
    DepthwiseConv2dNativeBackpropInput;
    /// The gradient of a depthwise convolution by its filter.
    DepthwiseConv2dNativeBackpropFilter;
}

fn filter_dims(filter: &Fact, n: usize) -> Result<Vec<Dim>> {
    let Some(dims) = filter.dims() else { return Ok(vec![Dim::Unknown; n + 2]) };
    ensure!(dims.len() == n + 2, "the filter has {} dims, expected {}", dims.len(), n + 2);
    Ok(dims.to_vec())
}

fn infer_conv(sliding: &Sliding, inputs: &[Fact], is_depthwise: bool) -> Result<Vec<Shape>> {
    let n = sliding.strides.len();
    let filter = filter_dims(&inputs[1], n)?;
    let out = match is_depthwise {
        true => filter[n].zip(filter[n + 1], usize::checked_mul),
        false => filter[n + 1],
    };
    if let (Dim::Known(channels), Dim::Known(from)) = (sliding.channels(&inputs[0]), filter[n]) {
        let fits = if is_depthwise { channels == from } else { from > 0 && channels % from == 0 };
        ensure!(fits, "a filter of {from} channels does not fit {channels} channels");
    }
    Ok(vec![sliding.infer(&inputs[0], &filter[..n], out)?])
}

impl Op for Conv2D {
    const SPEC: Spec = Spec {
        name: "Conv2D",
        inputs: &["input: T", "filter: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case(
            "[[[[1], [2]], [[3], [4]]]], [[[[1]], [[1]]]]",
            "strides=[1, 1, 1, 1], padding=\"VALID\"",
            "[[[[3]], [[7]]]]",
        ),
        case(
            "[[[[1], [2], [3]]]], [[[[1]], [[10]]]]",
            "strides=[1, 1, 2, 1], padding=\"SAME\"",
            "[[[[21], [3]]]]",
        ),
        case(
            "[[[[1, 2], [3, 4]]]], [[[[1]]], [[[2]]]]",
            "strides=[1, 1, 1, 1], padding=\"EXPLICIT\", \
             explicit_paddings=[0, 0, 0, 0, 1, 0, 0, 0], data_format=\"NCHW\"",
            "[[[[2, 4], [7, 10]]]]",
        ),
    ];
    const FAST: &'static [Fast<Self>] =
        &[Fast { name: "packed", prepare: |op, inputs| fast::conv(op.sliding(), inputs) }];
    const GRAD: Option<Gradient<Self>> = Some(|op, g| conv_grad("Conv2D", &op.write(), g));

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_conv(&self.sliding()?, inputs, false)
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        Ok(vec![forward(&self.sliding()?, x, inputs.tensor(1)?, false)?.into()])
    }
}

impl Op for DepthwiseConv2dNative {
    const SPEC: Spec = Spec {
        name: "DepthwiseConv2dNative",
        inputs: &["input: T", "filter: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[1, 2]], [[3, 4]]]], [[[[1], [10]]], [[[1], [100]]]]",
        "strides=[1, 1, 1, 1], padding=\"VALID\"",
        "[[[[4, 420]]]]",
    )];
    const FAST: &'static [Fast<Self>] =
        &[Fast { name: "vectors", prepare: |op, inputs| fast::depthwise(op.sliding(), inputs) }];
    const GRAD: Option<Gradient<Self>> =
        Some(|op, g| conv_grad("DepthwiseConv2dNative", &op.write(), g));

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_conv(&self.sliding()?, inputs, true)
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        Ok(vec![forward(&self.sliding()?, x, inputs.tensor(1)?, true)?.into()])
    }
}

/// The ops `…BackpropInput` and `…BackpropFilter` have the convolution's own attributes.
fn conv_grad(
    op: &str,
    attrs: &tensorferry_ir::Attrs,
    g: &mut Backward<'_>,
) -> Result<Vec<Option<Edge>>> {
    let (x, filter, dy) = (g.inputs[0], g.inputs[1], g.dy()?);
    let (x_shape, filter_shape) = (g.build.shape_of(x), g.build.shape_of(filter));
    let dx = g.build.add_like(&format!("{op}BackpropInput"), &[x_shape, filter, dy], attrs.clone());
    let df =
        g.build.add_like(&format!("{op}BackpropFilter"), &[x, filter_shape, dy], attrs.clone());
    Ok(vec![Some(dx), Some(df)])
}

/// Input 0, or the last dims of it, as a shape; a transposed convolution may leave the rest out.
fn input_sizes(
    inputs: &Args,
    dy: &[usize],
    filter: &[usize],
    sliding: &Sliding,
) -> Result<Vec<usize>> {
    let sizes = inputs.sizes(0)?;
    let n = sliding.strides.len();
    if sizes.len() != n {
        return Ok(sizes);
    }
    let channels = filter.get(n).copied().unwrap_or(0);
    let mut all = vec![dy.first().copied().unwrap_or(0)];
    all.extend(sizes);
    all.insert(if sliding.is_channels_first { 1 } else { n + 1 }, channels);
    Ok(all)
}

fn eval_backprop_input(
    sliding: &Sliding,
    mut inputs: Args,
    is_depthwise: bool,
) -> Result<Vec<Value>> {
    let dy = inputs.take(2)?;
    let filter: &DenseTensor = inputs.tensor(1)?;
    let shape = input_sizes(&inputs, dy.shape(), filter.shape(), sliding)?;
    Ok(vec![backward_input(sliding, &shape, filter, dy, is_depthwise)?.into()])
}

fn infer_backprop_input(inputs: &[Fact], n: usize) -> Result<Vec<Shape>> {
    let shape = inputs[0].as_shape();
    Ok(vec![if shape.rank() == Some(n + 2) { shape } else { Shape::of_rank(n + 2) }])
}

/// Ops whose first input is the shape of what comes out.
macro_rules! backprop_inputs {
    ($($name:ident $n:literal, $is_depthwise:literal, [$filter:literal, $dy:literal],
        $cases:expr;)*
    ) => {
        $(impl Op for $name {
            const SPEC: Spec = Spec {
                name: stringify!($name),
                inputs: &["input_sizes: Tshape", $filter, $dy],
                outputs: &["output: T"],
                tolerance: Tolerance::SUM,
                ..Spec::PURE
            };
            const CASES: &'static [Case] = $cases;

            fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                infer_backprop_input(inputs, $n)
            }

            fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                eval_backprop_input(&self.sliding()?, inputs, $is_depthwise)
            }
        })*
    };
}

backprop_inputs! {
    Conv2DBackpropInput 2, false, ["filter: T", "out_backprop: T"], &[case(
        "int32[1, 1, 3, 1], [[[[1]], [[10]]]], [[[[1], [2]]]]",
        "strides=[1, 1, 1, 1], padding=\"VALID\"",
        "[[[[1], [12], [20]]]]",
    )];
    DepthwiseConv2dNativeBackpropInput 2, true, ["filter: T", "out_backprop: T"], &[case(
        "int32[1, 1, 1, 2], [[[[2], [3]]]], [[[[1, 1]]]]",
        "strides=[1, 1, 1, 1], padding=\"SAME\"",
        "[[[[2, 3]]]]",
    )];
    Conv3DBackpropInputV2 3, false, ["filter: T", "out_backprop: T"], &[case(
        "int32[1, 2, 1, 1, 1], [[[[[1]]]], [[[[10]]]]], [[[[[2]]]]]",
        "strides=[1, 1, 1, 1, 1], padding=\"VALID\"",
        "[[[[[2]]], [[[20]]]]]",
    )];
}

/// Ops whose second input is the shape of what comes out.
macro_rules! backprop_filters {
    ($($name:ident $is_depthwise:literal, $cases:expr;)*) => {
        $(impl Op for $name {
            const SPEC: Spec = Spec {
                name: stringify!($name),
                inputs: &["input: T", "filter_sizes: int32", "out_backprop: T"],
                outputs: &["output: T"],
                tolerance: Tolerance::SUM,
                ..Spec::PURE
            };
            const CASES: &'static [Case] = $cases;

            fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                let shape = inputs[1].as_shape();
                Ok(vec![if shape.rank() == Some(4) { shape } else { Shape::of_rank(4) }])
            }

            fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
                let (x, dy, shape) = (inputs.take(0)?, inputs.take(2)?, inputs.sizes(1)?);
                Ok(vec![backward_filter(&self.sliding()?, x, &shape, dy, $is_depthwise)?.into()])
            }
        })*
    };
}

backprop_filters! {
    Conv2DBackpropFilter false, &[case(
        "[[[[1], [2], [3]]]], int32[1, 2, 1, 1], [[[[1], [10]]]]",
        "strides=[1, 1, 1, 1], padding=\"VALID\"",
        "[[[[21]], [[32]]]]",
    )];
    DepthwiseConv2dNativeBackpropFilter true, &[case(
        "[[[[2, 3]]]], int32[1, 1, 2, 1], [[[[10, 100]]]]",
        "strides=[1, 1, 1, 1], padding=\"VALID\"",
        "[[[[20], [300]]]]",
    )];
}

/// Attributes of three spatial axes.
macro_rules! conv3d_attrs {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// Step of the window along each axis of the input.
                    strides: Vec<i64>,
                    /// `SAME` or `VALID`.
                    padding: String,
                    /// `NDHWC` or `NCDHW`.
                    data_format: String = "NDHWC".to_owned(),
                    /// Distance between neighbours in a window, along each axis.
                    dilations: Vec<i64> = vec![1, 1, 1, 1, 1],
                    /// The type of shapes.
                    Tshape: DType = DType::Int32,
                }
            }

            impl $name {
                fn sliding(&self) -> Result<Sliding> {
                    let (strides, dilations) = (&self.strides, &self.dilations);
                    Sliding::new(3, strides, dilations, &self.padding, &[], &self.data_format)
                }
            }
        )*
    };
}

conv3d_attrs! {
    /// Slides a filter `[depth, height, width, in, out]` over volumes.
    Conv3D;
    /// The gradient of a convolution of volumes by its input; as an op of its own, a transposed
    /// convolution.
    Conv3DBackpropInputV2;
}

impl Op for Conv3D {
    const SPEC: Spec = Spec {
        name: "Conv3D",
        inputs: &["input: T", "filter: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[[[[1]]], [[[2]]]]], [[[[[1]]]], [[[[10]]]]]",
        "strides=[1, 1, 1, 1, 1], padding=\"SAME\"",
        "[[[[[21]]], [[[2]]]]]",
    )];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_conv(&self.sliding()?, inputs, false)
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        Ok(vec![forward(&self.sliding()?, x, inputs.tensor(1)?, false)?.into()])
    }
}

/// Convolutions followed by a bias and an activation.
macro_rules! fused {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $is_depthwise:literal, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// Step of the window along each axis of the input.
                    strides: Vec<i64>,
                    /// `SAME`, `VALID` or `EXPLICIT`.
                    padding: String,
                    /// Zeros before and after each axis, for `EXPLICIT`.
                    explicit_paddings: Vec<i64> = Vec::new(),
                    /// `NHWC` or `NCHW`.
                    data_format: String = "NHWC".to_owned(),
                    /// Distance between neighbours in a window, along each axis.
                    dilations: Vec<i64> = vec![1, 1, 1, 1],
                    /// What follows, in order, such as `BiasAdd` and `Relu`.
                    fused_ops: Vec<String> = Vec::new(),
                    /// The slope of `LeakyRelu`.
                    leakyrelu_alpha: f32 = 0.2,
                }
            }

            impl $name {
                fn sliding(&self) -> Result<Sliding> {
                    Sliding::new(
                        2,
                        &self.strides,
                        &self.dilations,
                        &self.padding,
                        &self.explicit_paddings,
                        &self.data_format,
                    )
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: $tf,
                    inputs: &["input: T", "filter: T", "args: num_args*T"],
                    outputs: &["output: T"],
                    tolerance: Tolerance::SUM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];
                const FAST: &'static [Fast<Self>] = &[Fast {
                    name: "packed",
                    prepare: |op, inputs| {
                        let way = match $is_depthwise {
                            true => fast::depthwise(op.sliding(), inputs)?,
                            false => fast::conv(op.sliding(), inputs)?,
                        };
                        let y = Fact::new(inputs[0].ty, op.infer(inputs).ok()?.remove(0));
                        fast::fused(way, &y, &op.fused_ops, &inputs[2..], op.leakyrelu_alpha)
                    },
                }];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    infer_conv(&self.sliding()?, inputs, $is_depthwise)
                }

                fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.take(0)?;
                    let y = forward(&self.sliding()?, x, inputs.tensor(1)?, $is_depthwise)?;
                    let args = inputs.tensors(2, inputs.len())?;
                    let (ops, alpha) = (&self.fused_ops, self.leakyrelu_alpha);
                    crate::epilogue::apply(y, ops, &args, alpha, &self.data_format)
                }
            }
        )*
    };
}

fused! {
    /// A convolution, a bias and an activation.
    FusedConv2D "_FusedConv2D" false, case(
        "[[[[1], [-2]]]], [[[[3]]]], [1]",
        "strides=[1, 1, 1, 1], padding=\"SAME\", fused_ops=[\"BiasAdd\", \"Relu\"]",
        "[[[[4], [0]]]]",
    );

    /// A depthwise convolution, a bias and an activation.
    FusedDepthwiseConv2dNative "FusedDepthwiseConv2dNative" true, case(
        "[[[[1], [-2]]]], [[[[3]]]], [1]",
        "strides=[1, 1, 1, 1], padding=\"SAME\", fused_ops=[\"BiasAdd\"]",
        "[[[[4], [-5]]]]",
    );
}
