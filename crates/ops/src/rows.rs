//! Ops that differ only by a formula, as rows of a table.
//!
//! A row has a formula per kind of number: `real` (float16 to float64), `int` (signed and unsigned,
//! computed in 64 bits), `signed`, `unsigned`, `complex`, `bool`, `text`. A kind without a formula
//! is refused.

/// The name and type of an output, or the usual one.
macro_rules! out_name {
    ($usual:literal) => {
        $usual
    };
    ($own:literal $usual:literal) => {
        $own
    };
}

/// Ops of one input, element by element.
macro_rules! unary {
    ($($(#[doc = $doc:literal])+
        $name:ident $(-> $out:literal)? $tolerance:expr,
        [$($input:literal => $output:literal),+ $(,)?] {
            $($kind:ident: |$x:ident| $formula:expr),+ $(,)?
        } $(grad $grad:path)? $(, fast $fast:ident)?;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl $crate::Op for $name {
                $(
                    const FAST: &'static [$crate::Fast<Self>] = &[$crate::fast::chain()];

                    fn follow(
                        &self,
                        inputs: &[$crate::Fact],
                        through: usize,
                    ) -> Option<$crate::Follow> {
                        let f = tensorferry_kernels::Unary::$fast;
                        $crate::fast::unary_follow(f, inputs, through)
                    }
                )?
                const SPEC: $crate::Spec = $crate::Spec {
                    name: stringify!($name),
                    inputs: &["x: T"],
                    outputs: &[out_name!($($out)? "y: T")],
                    algebra: $crate::rows::ELEMENTWISE,
                    tolerance: $tolerance,
                    ..$crate::Spec::PURE
                };
                const CASES: &'static [$crate::Case] =
                    &[$($crate::def::case($input, "", $output)),+];
                $(const GRAD: Option<$crate::Gradient<Self>> = Some($grad);)?

                fn infer(
                    &self,
                    inputs: &[$crate::Fact],
                ) -> $crate::Result<Vec<tensorferry_ir::Shape>> {
                    Ok(vec![inputs[0].shape.clone()])
                }

                fn eval(&self, mut inputs: $crate::Args) -> $crate::Result<Vec<$crate::Value>> {
                    let x = inputs.take(0)?;
                    let (dtype, shape) = (x.dtype(), x.shape().to_vec());
                    let wide = $crate::wide::owned(x);
                    $(unary!(@kind $kind, wide, dtype, shape, $x, $formula);)+
                    let _ = wide;
                    Err($crate::rows::refused(dtype))
                }
            }
        )*
    };
    (@kind real, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        unary!(@arm F32, f32, $wide, $dtype, $shape, $x, $f);
        unary!(@arm F64, f64, $wide, $dtype, $shape, $x, $f);
    };
    (@kind int, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        unary!(@arm I64, i64, $wide, $dtype, $shape, $x, $f);
        unary!(@arm U64, u64, $wide, $dtype, $shape, $x, $f);
    };
    (@kind signed, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        unary!(@arm I64, i64, $wide, $dtype, $shape, $x, $f);
    };
    (@kind unsigned, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        unary!(@arm U64, u64, $wide, $dtype, $shape, $x, $f);
    };
    (@kind complex, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        unary!(@arm C128, tensorferry_tensor::Complex<f64>, $wide, $dtype, $shape, $x, $f);
    };
    (@kind bool, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        unary!(@arm Bool, bool, $wide, $dtype, $shape, $x, $f);
    };
    (@arm $variant:ident, $ty:ty, $wide:ident, $dtype:ident, $shape:ident, $x:ident, $f:expr) => {
        let $wide = match $wide {
            $crate::wide::Wide::$variant(all) => {
                let mut all = all.into_owned();
                let f = |$x: $ty| -> $ty { $f };
                all.iter_mut().for_each(|place| *place = f(*place));
                let tensor = $crate::wide::Narrow::narrow($dtype, &$shape, all);
                return Ok(vec![tensor.into()]);
            }
            other => other,
        };
    };
}

/// Ops of two inputs of one type, brought to one shape, element by element.
macro_rules! binary {
    ($($(#[doc = $doc:literal])+
        $name:ident $(as $alias:literal)* $(-> $out:literal)? $tolerance:expr, $algebra:expr,
        [$($input:literal => $output:literal),+ $(,)?] {
            $($kind:ident: |$a:ident, $b:ident| $formula:expr),+ $(,)?
        } $(check $check:path)? $(, grad $grad:path)? $(, fast $fast:ident)?;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl $crate::Op for $name {
                $(
                    const FAST: &'static [$crate::Fast<Self>] = &[$crate::fast::chain()];

                    fn follow(
                        &self,
                        inputs: &[$crate::Fact],
                        through: usize,
                    ) -> Option<$crate::Follow> {
                        let op = tensorferry_kernels::Binary::$fast;
                        $crate::fast::binary_follow(op, inputs, through)
                    }
                )?
                const SPEC: $crate::Spec = $crate::Spec {
                    name: stringify!($name),
                    aliases: &[$($alias),*],
                    inputs: &["x: T", "y: T"],
                    outputs: &[out_name!($($out)? "z: T")],
                    algebra: $algebra,
                    tolerance: $tolerance,
                    ..$crate::Spec::PURE
                };
                const CASES: &'static [$crate::Case] =
                    &[$($crate::def::case($input, "", $output)),+];
                $(const GRAD: Option<$crate::Gradient<Self>> = Some($grad);)?

                fn infer(
                    &self,
                    inputs: &[$crate::Fact],
                ) -> $crate::Result<Vec<tensorferry_ir::Shape>> {
                    let (x, y) = (&inputs[0].shape, &inputs[1].shape);
                    Ok(vec![$crate::broadcast::broadcast_shapes(x, y)?])
                }

                fn eval(&self, inputs: $crate::Args) -> $crate::Result<Vec<$crate::Value>> {
                    let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
                    let dtype = x.dtype();
                    $($check(x, y)?;)?
                    let both = $crate::broadcast::Broadcast::new(x.shape(), y.shape())?;
                    let wide = ($crate::wide::view(x), $crate::wide::view(y));
                    $(binary!(@kind $kind, wide, dtype, both, $a, $b, $formula);)+
                    Err($crate::rows::refused(dtype))
                }
            }
        )*
    };
    (@kind real, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        binary!(@arm F32, f32, $wide, $dtype, $both, $a, $b, $f);
        binary!(@arm F64, f64, $wide, $dtype, $both, $a, $b, $f);
    };
    (@kind int, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        binary!(@arm I64, i64, $wide, $dtype, $both, $a, $b, $f);
        binary!(@arm U64, u64, $wide, $dtype, $both, $a, $b, $f);
    };
    (@kind signed, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        binary!(@arm I64, i64, $wide, $dtype, $both, $a, $b, $f);
    };
    (@kind unsigned, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        binary!(@arm U64, u64, $wide, $dtype, $both, $a, $b, $f);
    };
    (@kind complex, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        binary!(@arm C128, tensorferry_tensor::Complex<f64>, $wide, $dtype, $both, $a, $b, $f);
    };
    (@kind bool, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        binary!(@arm Bool, bool, $wide, $dtype, $both, $a, $b, $f);
    };
    (@kind text, $wide:ident, $dtype:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        if let ($crate::wide::Wide::Text(x), $crate::wide::Wide::Text(y)) = &$wide {
            let (x, y): (Vec<&bytes::Bytes>, Vec<&bytes::Bytes>) =
                (x.iter().collect(), y.iter().collect());
            let all: Vec<bytes::Bytes> = $both.map(&x, &y, |$a, $b| $f);
            return Ok(vec![tensorferry_tensor::DenseTensor::new(&$both.shape, all).into()]);
        }
    };
    (@arm $variant:ident, $ty:ty, $wide:ident, $dtype:ident, $both:ident,
        $a:ident, $b:ident, $f:expr
    ) => {
        if let ($crate::wide::Wide::$variant(x), $crate::wide::Wide::$variant(y)) = &$wide {
            let all = $both.map(x, y, |$a: $ty, $b: $ty| -> $ty { $f });
            let tensor = $crate::wide::Narrow::narrow($dtype, &$both.shape, all);
            return Ok(vec![tensor.into()]);
        }
    };
}

/// Ops that compare two inputs of one type, brought to one shape.
macro_rules! compare {
    ($($(#[doc = $doc:literal])+
        $name:ident $algebra:expr, [$($input:literal => $output:literal),+ $(,)?] {
            $($kind:ident),+ $(,)?
        } |$a:ident, $b:ident| $formula:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl $crate::Op for $name {
                const SPEC: $crate::Spec = $crate::Spec {
                    name: stringify!($name),
                    inputs: &["x: T", "y: T"],
                    outputs: &["z: bool"],
                    algebra: $algebra,
                    ..$crate::Spec::PURE
                };
                const CASES: &'static [$crate::Case] =
                    &[$($crate::def::case($input, "", $output)),+];

                fn infer(
                    &self,
                    inputs: &[$crate::Fact],
                ) -> $crate::Result<Vec<tensorferry_ir::Shape>> {
                    let (x, y) = (&inputs[0].shape, &inputs[1].shape);
                    Ok(vec![$crate::broadcast::broadcast_shapes(x, y)?])
                }

                fn eval(&self, inputs: $crate::Args) -> $crate::Result<Vec<$crate::Value>> {
                    let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
                    let both = $crate::broadcast::Broadcast::new(x.shape(), y.shape())?;
                    let wide = ($crate::wide::view(x), $crate::wide::view(y));
                    $(compare!(@kind $kind, wide, both, $a, $b, $formula);)+
                    Err($crate::rows::refused(x.dtype()))
                }
            }
        )*
    };
    (@kind ordered, $wide:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        compare!(@arm F32, $wide, $both, $a, $b, $f);
        compare!(@arm F64, $wide, $both, $a, $b, $f);
        compare!(@arm I64, $wide, $both, $a, $b, $f);
        compare!(@arm U64, $wide, $both, $a, $b, $f);
    };
    (@kind complex, $wide:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        compare!(@arm C128, $wide, $both, $a, $b, $f);
    };
    (@kind bool, $wide:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        compare!(@arm Bool, $wide, $both, $a, $b, $f);
    };
    (@kind text, $wide:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        if let ($crate::wide::Wide::Text(x), $crate::wide::Wide::Text(y)) = &$wide {
            let (x, y): (Vec<&[u8]>, Vec<&[u8]>) =
                (x.iter().map(|s| &s[..]).collect(), y.iter().map(|s| &s[..]).collect());
            let all: Vec<bool> = $both.map(&x, &y, |$a, $b| $f);
            let tensor = tensorferry_tensor::DenseTensor::new(&$both.shape, all);
            return Ok(vec![tensor.into()]);
        }
    };
    (@arm $variant:ident, $wide:ident, $both:ident, $a:ident, $b:ident, $f:expr) => {
        if let ($crate::wide::Wide::$variant(x), $crate::wide::Wide::$variant(y)) = &$wide {
            let all: Vec<bool> = $both.map(x, y, |$a, $b| $f);
            let tensor = tensorferry_tensor::DenseTensor::new(&$both.shape, all);
            return Ok(vec![tensor.into()]);
        }
    };
}

use tensorferry_tensor::DType;

use crate::{Algebra, Error};

/// Element by element.
pub(crate) const ELEMENTWISE: Algebra =
    Algebra { is_elementwise: true, is_commutative: false, neutral: None };

/// Element by element, and the inputs may change places.
pub(crate) const COMMUTATIVE: Algebra =
    Algebra { is_elementwise: true, is_commutative: true, neutral: None };

/// The error for an element type that has no formula.
pub(crate) fn refused(dtype: DType) -> Error {
    Error::invalid(format!("elements of type {dtype} cannot be taken, or the inputs' types differ"))
}
