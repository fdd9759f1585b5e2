//! Keras 3's operators that stand among the layers of a model, such as `x + 1` or `x[:, 0]`.
//!
//! Their class names are those of layers (`Add`, `Multiply`, `Softmax`), so they have a table of
//! their own: what tells them apart is the `module` beside the `class_name`, `keras.src.ops.numpy`.
//! They have no weights. TensorFlow.js has none of them.

mod index;
mod lower;
mod shapes;

use serde_json::{Map, Value};

use crate::def::Shape;
use crate::layers::shapes::broadcast;

pub(crate) use lower::{lower_tensorflow_function, operator_lowering};

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorDef {
    /// Its class in `keras.src.ops`.
    pub class_name: &'static str,
    /// How its output's shape follows.
    pub shape: OperatorShape,
    /// The layer class of TensorFlow.js that computes the same, when all arguments are tensors and
    /// no option is set: `Add` for `Add`, `Activation` with the function's name for `Relu`.
    pub layer: Option<OperatorLayer>,
}

/// How the shape of an operator's output follows from its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorShape {
    /// That of its first argument.
    Same,
    /// All arguments broadcast as NumPy does it.
    Broadcast,
    /// By its options; the config of what follows it tells it.
    Options,
}

/// A layer that computes what an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorLayer {
    /// A merging layer with this class name.
    Merge(&'static str),
    /// `Activation` with this function.
    Activation(&'static str),
}

/// The operator of a class.
pub fn find_operator(class_name: &str) -> Option<OperatorDef> {
    let tables = [
        (SAME, OperatorShape::Same),
        (BROADCAST, OperatorShape::Broadcast),
        (OPTIONS, OperatorShape::Options),
    ];
    let (class_name, shape) = tables.iter().find_map(|(names, shape)| {
        let at = names.binary_search(&class_name).ok()?;
        Some((*names.get(at)?, *shape))
    })?;
    Some(OperatorDef { class_name, shape, layer: as_layer(class_name) })
}

/// True for an entry of a model's `layers` that is an operator: by its `module`, or, in HDF5 files,
/// which do not have that, by its config, which lacks what all layers say of themselves.
pub fn is_operator(layer: &Map<String, Value>) -> bool {
    let text = |key| layer.get(key).and_then(Value::as_str).unwrap_or_default();
    let module = text("module");
    if !module.is_empty() {
        return module.starts_with("keras.src.ops.") || module.starts_with("keras.ops.");
    }
    let Some(config) = layer.get("config").and_then(Value::as_object) else { return false };
    text("class_name") != "InputLayer"
        && !config.contains_key("trainable")
        && (!config.contains_key("dtype") || text("class_name") == "Cast")
        && !config.contains_key("layers")
        && layer.get("inbound_nodes").and_then(Value::as_array).is_some_and(|nodes| {
            !nodes.is_empty() && nodes.iter().all(|node| node.get("args").is_some())
        })
}

/// Shapes of an operator's outputs where its inputs alone tell them.
pub(crate) fn operator_shapes(operator: OperatorDef, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (first, others) = inputs.split_first()?;
    match operator.shape {
        OperatorShape::Same => Some(vec![first.clone()]),
        OperatorShape::Broadcast => {
            let whole = others.iter().try_fold(first.clone(), |all, other| broadcast(&all, other));
            Some(vec![whole?])
        }
        OperatorShape::Options => None,
    }
}

fn as_layer(class_name: &str) -> Option<OperatorLayer> {
    use OperatorLayer::{Activation, Merge};
    Some(match class_name {
        "Add" => Merge("Add"),
        "Multiply" => Merge("Multiply"),
        "Maximum" => Merge("Maximum"),
        "Minimum" => Merge("Minimum"),
        "Concatenate" => Merge("Concatenate"),
        "Elu" => Activation("elu"),
        "Gelu" => Activation("gelu"),
        "LogSoftmax" => Activation("log_softmax"),
        "Relu" => Activation("relu"),
        "Relu6" => Activation("relu6"),
        "Selu" => Activation("selu"),
        "Sigmoid" => Activation("sigmoid"),
        "Silu" => Activation("swish"),
        "Softmax" => Activation("softmax"),
        "Softplus" => Activation("softplus"),
        "Softsign" => Activation("softsign"),
        "Tanh" => Activation("tanh"),
        _ => return None,
    })
}

/// Operators whose output has the shape of the first argument; sorted.
const SAME: &[&str] = &[
    "Abs",
    "Absolute",
    "Arccos",
    "Arccosh",
    "Arcsin",
    "Arcsinh",
    "Arctan",
    "Arctanh",
    "BatchNorm",
    "BitwiseInvert",
    "BitwiseNot",
    "Cast",
    "Cbrt",
    "Ceil",
    "Celu",
    "Clip",
    "Conj",
    "Conjugate",
    "ConvertToTensor",
    "Copy",
    "Cos",
    "Cosh",
    "Cumprod",
    "Cumsum",
    "Deg2rad",
    "Elu",
    "EmptyLike",
    "Erf",
    "Erfc",
    "Erfinv",
    "Exp",
    "Exp2",
    "Expm1",
    "Fabs",
    "Flip",
    "Fliplr",
    "Flipud",
    "Floor",
    "FullLike",
    "Gelu",
    "HardShrink",
    "HardSigmoid",
    "HardSilu",
    "HardTanh",
    "I0",
    "Imag",
    "Isfinite",
    "Isinf",
    "Isnan",
    "Isneginf",
    "Isposinf",
    "Isreal",
    "LayerNorm",
    "LeakyRelu",
    "Log",
    "Log10",
    "Log1p",
    "Log2",
    "LogSigmoid",
    "LogSoftmax",
    "LogicalNot",
    "NanToNum",
    "Nancumprod",
    "Nancumsum",
    "Negative",
    "Normalize",
    "OnesLike",
    "RMSNorm",
    "Rad2deg",
    "Real",
    "Reciprocal",
    "Relu",
    "Relu6",
    "Roll",
    "Round",
    "Rsqrt",
    "SaturateCast",
    "Selu",
    "Sigmoid",
    "Sign",
    "Signbit",
    "Silu",
    "Sin",
    "Sinc",
    "Sinh",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sort",
    "SparsePlus",
    "SparseSigmoid",
    "Sparsemax",
    "Sqrt",
    "Square",
    "Squareplus",
    "StopGradient",
    "Tan",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "Tril",
    "Triu",
    "Trunc",
    "ZerosLike",
];

/// Operators whose arguments broadcast; sorted.
const BROADCAST: &[&str] = &[
    "Add",
    "Arctan2",
    "BitwiseAnd",
    "BitwiseLeftShift",
    "BitwiseOr",
    "BitwiseRightShift",
    "BitwiseXor",
    "Divide",
    "DivideNoNan",
    "Equal",
    "FloorDivide",
    "Fmax",
    "Fmin",
    "Fmod",
    "Gcd",
    "Greater",
    "GreaterEqual",
    "Heaviside",
    "Hypot",
    "Isclose",
    "Lcm",
    "Ldexp",
    "LeftShift",
    "Less",
    "LessEqual",
    "Logaddexp",
    "Logaddexp2",
    "LogicalAnd",
    "LogicalOr",
    "LogicalXor",
    "Maximum",
    "Minimum",
    "Mod",
    "Multiply",
    "Nextafter",
    "NotEqual",
    "Power",
    "RightShift",
    "Subtract",
    "TrueDivide",
    "Where",
];

/// All others; sorted.
const OPTIONS: &[&str] = &[
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "AffineTransform",
    "All",
    "AllClose",
    "Amax",
    "Amin",
    "Angle",
    "Any",
    "Append",
    "Arange",
    "Argmax",
    "Argmin",
    "Argpartition",
    "Argsort",
    "Array",
    "ArraySplit",
    "AssociativeScan",
    "Average",
    "AveragePool",
    "BinaryCrossentropy",
    "Bincount",
    "BroadcastTo",
    "CDist",
    "CTCDecode",
    "CTCLoss",
    "CategoricalCrossentropy",
    "Cholesky",
    "CholeskyInverse",
    "Concatenate",
    "Cond",
    "Conv",
    "ConvTranspose",
    "Corrcoef",
    "Correlate",
    "CountNonzero",
    "CropImages",
    "Cross",
    "DepthToSpace",
    "DepthwiseConv",
    "Det",
    "Diag",
    "Diagflat",
    "Diagonal",
    "Diff",
    "Digitize",
    "Dot",
    "DotProductAttention",
    "Dsplit",
    "Dstack",
    "Eig",
    "Eigh",
    "Einsum",
    "ElasticTransform",
    "ExpandDims",
    "ExtractPatches",
    "ExtractSequences",
    "FFT",
    "FFT2",
    "Fold",
    "ForiLoop",
    "Full",
    "GaussianBlur",
    "Geomspace",
    "GetItem",
    "Glu",
    "HSVToRGB",
    "Histogram",
    "Hsplit",
    "Hstack",
    "IFFT2",
    "IRFFT",
    "ISTFT",
    "InTopK",
    "Inner",
    "Inv",
    "IsIn",
    "JVP",
    "Kron",
    "Linspace",
    "Logdet",
    "Logspace",
    "Logsumexp",
    "Lstsq",
    "LuFactor",
    "Map",
    "MapCoordinates",
    "Matmul",
    "MatrixRank",
    "Max",
    "MaxPool",
    "Mean",
    "Median",
    "Meshgrid",
    "Min",
    "Moments",
    "Moveaxis",
    "MultiHot",
    "Nanargmax",
    "Nanargmin",
    "Nanmax",
    "Nanmean",
    "Nanmedian",
    "Nanmin",
    "Nanpercentile",
    "Nanprod",
    "Nanquantile",
    "Nanstd",
    "Nansum",
    "Nanvar",
    "Ndim",
    "Nonzero",
    "Norm",
    "OneHot",
    "Outer",
    "PSNR",
    "Pad",
    "PadImages",
    "Percentile",
    "PerspectiveTransform",
    "Pinv",
    "Polar",
    "Prod",
    "Ptp",
    "Qr",
    "Quantile",
    "RFFT",
    "RGBToGrayscale",
    "RGBToHSV",
    "Ravel",
    "Rearrange",
    "Repeat",
    "Reshape",
    "Resize",
    "Rot90",
    "SSIM",
    "STFT",
    "SVD",
    "ScaleAndTranslate",
    "Scan",
    "Scatter",
    "ScatterUpdate",
    "SearchSorted",
    "SegmentMax",
    "SegmentMin",
    "SegmentProd",
    "SegmentReduction",
    "SegmentSum",
    "Select",
    "SeparableConv",
    "Size",
    "Slice",
    "SliceUpdate",
    "Slogdet",
    "SobelEdges",
    "Solve",
    "SolveTriangular",
    "SpaceToDepth",
    "SparseCategoricalCrossentropy",
    "Split",
    "Squeeze",
    "Stack",
    "Std",
    "Sum",
    "Swapaxes",
    "Switch",
    "Take",
    "TakeAlongAxis",
    "Tensordot",
    "Tile",
    "TopK",
    "Trace",
    "Transpose",
    "Trapezoid",
    "Unfold",
    "Unique",
    "UnravelIndex",
    "Unstack",
    "Vander",
    "Var",
    "Vdot",
    "VectorizedMap",
    "View",
    "ViewAsComplex",
    "ViewAsReal",
    "Vsplit",
    "Vstack",
    "WhileLoop",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_sorted_and_disjoint() {
        for names in [SAME, BROADCAST, OPTIONS] {
            assert!(names.is_sorted());
            for name in names {
                assert_eq!(find_operator(name).unwrap().class_name, *name);
            }
        }
        assert_eq!(find_operator("Dense"), None);
        let cases = [
            (json!({"class_name": "Add", "module": "keras.src.ops.numpy"}), true),
            (json!({"class_name": "Add", "module": "keras.layers"}), false),
            (
                json!({"class_name": "Add", "config": {"name": "add"},
                    "inbound_nodes": [{"args": []}]}),
                true,
            ),
            (
                json!({"class_name": "Add", "config": {"name": "add", "trainable": true},
                    "inbound_nodes": [{"args": []}]}),
                false,
            ),
        ];
        for (layer, expected) in cases {
            assert_eq!(is_operator(layer.as_object().unwrap()), expected, "{layer}");
        }
    }
}
