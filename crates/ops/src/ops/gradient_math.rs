//! Gradients of functions of one number, as ops of their own.

use crate::Tolerance;
use crate::families::basic_math::{SELU_SCALE, SELU_SCALE_ALPHA};
use crate::rows::ELEMENTWISE;

register![
    EluGrad,
    InvGrad,
    Relu6Grad,
    RsqrtGrad,
    SeluGrad,
    SigmoidGrad,
    SoftplusGrad,
    SoftsignGrad,
    SqrtGrad,
    TanhGrad,
];

/// A few products and a power, rounded each.
const PRODUCTS: Tolerance = Tolerance::Close { rel: 2e-6, abs: 1e-6 };

/// What the two precisions share.
trait Number: Copy {
    fn selu_grad(self, y: Self) -> Self;
}

macro_rules! numbers {
    ($($ty:ty)*) => {
        $(impl Number for $ty {
            fn selu_grad(self, y: Self) -> Self {
                let (up, low) = (SELU_SCALE as $ty, SELU_SCALE_ALPHA as $ty);
                if y < 0.0 { self * (y + low) } else { self * up }
            }
        })*
    };
}

numbers!(f32 f64);

binary! {
    /// The gradient of `Elu`, from its result.
    EluGrad -> "backprops: T" PRODUCTS, ELEMENTWISE, ["[1, 1], [2, -0.5]" => "[1, 0.5]"] {
        real: |g, y| if y < 0.0 { g * (y + 1.0) } else { g },
    };

    /// The gradient of `Reciprocal`, from its result.
    InvGrad as "ReciprocalGrad" PRODUCTS, ELEMENTWISE, ["[0.5], [1]" => "[-0.25]"] {
        real: |y, g| -g * y * y, complex: |y, g| -(g * (y * y).conj()),
    };

    /// The gradient of `Relu6`.
    Relu6Grad -> "backprops: T" Tolerance::Exact, ELEMENTWISE, ["[1, 1, 1], [-1, 3, 7]" => "[0, 1, 0]"] {
        real: |g, x| if x > 0.0 && x < 6.0 { g } else { 0.0 },
    };

    /// The gradient of `Rsqrt`, from its result.
    RsqrtGrad PRODUCTS, ELEMENTWISE, ["[0.5], [1]" => "[-0.0625]"] {
        real: |y, g| g * -0.5 * y * y * y,
    };

    /// The gradient of `Selu`, from its result.
    SeluGrad -> "backprops: T" PRODUCTS, ELEMENTWISE, ["[1, 1], [2, -0.5]" => "[1.050701, 1.2580993]"] {
        real: |g, y| g.selu_grad(y),
    };

    /// The gradient of `Sigmoid`, from its result.
    SigmoidGrad PRODUCTS, ELEMENTWISE, ["[0.5], [1]" => "[0.25]"] {
        real: |y, g| g * (1.0 - y) * y,
    };

    /// The gradient of `Softplus`.
    SoftplusGrad -> "backprops: T" PRODUCTS, ELEMENTWISE, ["[1], [0]" => "[0.5]"] {
        real: |g, x| g / ((-x).exp() + 1.0),
    };

    /// The gradient of `Softsign`.
    SoftsignGrad -> "backprops: T" PRODUCTS, ELEMENTWISE, ["[1], [1]" => "[0.25]"] {
        real: |g, x| g / ((1.0 + x.abs()) * (1.0 + x.abs())),
    };

    /// The gradient of `Sqrt`, from its result.
    SqrtGrad PRODUCTS, ELEMENTWISE, ["[2], [1]" => "[0.25]"] { real: |y, g| g * 0.5 / y };

    /// The gradient of `Tanh`, from its result.
    TanhGrad PRODUCTS, ELEMENTWISE, ["[0.5], [1]" => "[0.75]"] { real: |y, g| g * (1.0 - y * y) };
}
