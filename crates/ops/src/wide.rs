//! Numbers in the few types that formulas are written for.
//!
//! Sixteen element types times a hundred formulas would be a large program. Formulas run in single
//! and double precision, 64-bit integers and complex doubles; smaller types are widened before and
//! narrowed after. Narrowing an integer keeps its low bits, which is what overflow does anyway;
//! float16 and bfloat16 are rounded once, as TensorFlow does for one op.

use std::borrow::Cow;

use bytes::Bytes;
use half::{bf16, f16};
use tensorferry_tensor::{Complex, DType, DenseTensor, Storage};

/// The elements of a tensor, widened.
pub(crate) enum Wide<'a> {
    F32(Cow<'a, [f32]>),
    F64(Cow<'a, [f64]>),
    I64(Cow<'a, [i64]>),
    U64(Cow<'a, [u64]>),
    C128(Cow<'a, [Complex<f64>]>),
    Bool(Cow<'a, [bool]>),
    Text(Cow<'a, [Bytes]>),
}

fn each<T: Copy, U: Clone>(all: &[T], f: impl Fn(T) -> U) -> Cow<'static, [U]> {
    all.iter().map(|x| f(*x)).collect::<Vec<_>>().into()
}

/// The elements of `x`, copied only where they are widened.
pub(crate) fn view(x: &DenseTensor) -> Wide<'_> {
    match x.storage() {
        Storage::Float16(all) => Wide::F32(each(all, f32::from)),
        Storage::BFloat16(all) => Wide::F32(each(all, f32::from)),
        Storage::Float32(all) => Wide::F32(Cow::Borrowed(all)),
        Storage::Float64(all) => Wide::F64(Cow::Borrowed(all)),
        Storage::Int8(all) => Wide::I64(each(all, i64::from)),
        Storage::Int16(all) => Wide::I64(each(all, i64::from)),
        Storage::Int32(all) => Wide::I64(each(all, i64::from)),
        Storage::Int64(all) => Wide::I64(Cow::Borrowed(all)),
        Storage::UInt8(all) => Wide::U64(each(all, u64::from)),
        Storage::UInt16(all) => Wide::U64(each(all, u64::from)),
        Storage::UInt32(all) => Wide::U64(each(all, u64::from)),
        Storage::UInt64(all) => Wide::U64(Cow::Borrowed(all)),
        Storage::Complex64(all) => Wide::C128(each(all, Complex::<f32>::widen)),
        Storage::Complex128(all) => Wide::C128(Cow::Borrowed(all)),
        Storage::Bool(all) => Wide::Bool(Cow::Borrowed(all)),
        Storage::String(all) => Wide::Text(Cow::Borrowed(all)),
    }
}

/// The elements of `x`, which may be changed in place when nobody else holds them.
pub(crate) fn owned(x: DenseTensor) -> Wide<'static> {
    match x.into_storage() {
        Storage::Float32(all) => Wide::F32(all.into_vec().into()),
        Storage::Float64(all) => Wide::F64(all.into_vec().into()),
        Storage::Int64(all) => Wide::I64(all.into_vec().into()),
        other => {
            let len = other.len();
            let x = DenseTensor::from_storage(&[len], other).expect("one dim of that length");
            match view(&x) {
                Wide::F32(all) => Wide::F32(all.into_owned().into()),
                Wide::F64(all) => Wide::F64(all.into_owned().into()),
                Wide::I64(all) => Wide::I64(all.into_owned().into()),
                Wide::U64(all) => Wide::U64(all.into_owned().into()),
                Wide::C128(all) => Wide::C128(all.into_owned().into()),
                Wide::Bool(all) => Wide::Bool(all.into_owned().into()),
                Wide::Text(all) => Wide::Text(all.into_owned().into()),
            }
        }
    }
}

/// Widened elements that go back into a tensor.
pub(crate) trait Narrow: Sized {
    /// A tensor of `dtype`, whose widened type is this one.
    fn narrow(dtype: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor;
}

impl Narrow for f32 {
    fn narrow(dtype: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        match dtype {
            DType::Float16 => DenseTensor::new(shape, each(&all, f16::from_f32).into_owned()),
            DType::BFloat16 => DenseTensor::new(shape, each(&all, bf16::from_f32).into_owned()),
            _ => DenseTensor::new(shape, all),
        }
    }
}

impl Narrow for f64 {
    fn narrow(dtype: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        match dtype {
            DType::Float64 => DenseTensor::new(shape, all),
            _ => f32::narrow(dtype, shape, all.into_iter().map(|x| x as f32).collect()),
        }
    }
}

impl Narrow for i64 {
    fn narrow(dtype: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        match dtype {
            DType::Int8 => DenseTensor::new(shape, each(&all, |x| x as i8).into_owned()),
            DType::Int16 => DenseTensor::new(shape, each(&all, |x| x as i16).into_owned()),
            DType::Int32 => DenseTensor::new(shape, each(&all, |x| x as i32).into_owned()),
            DType::UInt8 | DType::UInt16 | DType::UInt32 | DType::UInt64 => {
                u64::narrow(dtype, shape, all.into_iter().map(i64::cast_unsigned).collect())
            }
            _ => DenseTensor::new(shape, all),
        }
    }
}

impl Narrow for u64 {
    fn narrow(dtype: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        match dtype {
            DType::UInt8 => DenseTensor::new(shape, each(&all, |x| x as u8).into_owned()),
            DType::UInt16 => DenseTensor::new(shape, each(&all, |x| x as u16).into_owned()),
            DType::UInt32 => DenseTensor::new(shape, each(&all, |x| x as u32).into_owned()),
            DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => {
                i64::narrow(dtype, shape, all.into_iter().map(u64::cast_signed).collect())
            }
            _ => DenseTensor::new(shape, all),
        }
    }
}

impl Narrow for Complex<f64> {
    fn narrow(dtype: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        match dtype {
            DType::Complex64 => {
                DenseTensor::new(shape, each(&all, Complex::<f64>::single).into_owned())
            }
            _ => DenseTensor::new(shape, all),
        }
    }
}

/// Numbers that have an order, with what sums, products and extremes of them need. Integers wrap
/// around.
pub(crate) trait Real: Copy + Default + PartialOrd + Narrow + 'static {
    const ONE: Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// Integers are divided toward zero, and by zero give zero.
    fn over(self, n: usize) -> Self;
    /// The smallest finite number of `dtype`, which is widened to this type.
    fn lowest(dtype: DType) -> Self;
    /// The largest finite number of `dtype`.
    fn highest(dtype: DType) -> Self;
    fn to_f64(self) -> f64;
    /// The number in this type; integers keep the whole part.
    fn from_f64(x: f64) -> Self;
    /// Whether it is no number.
    fn is_nan(self) -> bool;
}

macro_rules! reals {
    ($($ty:ty)*) => {
        $(impl Real for $ty {
            const ONE: Self = 1.0;

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }

            fn times(self, other: Self) -> Self {
                self * other
            }

            fn over(self, n: usize) -> Self {
                self / n as $ty
            }

            fn lowest(dtype: DType) -> Self {
                -Self::highest(dtype)
            }

            fn highest(dtype: DType) -> Self {
                match dtype {
                    DType::Float16 => f16::MAX.to_f32().into(),
                    DType::BFloat16 => bf16::MAX.to_f32().into(),
                    _ => <$ty>::MAX,
                }
            }

            #[allow(clippy::unnecessary_cast, reason = "half of the types are f64 already")]
            fn to_f64(self) -> f64 {
                self as f64
            }

            fn from_f64(x: f64) -> Self {
                x as $ty
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }
        })*
    };
}

macro_rules! integers {
    ($($ty:ty: $($dtype:ident $small:ty),+;)*) => {
        $(impl Real for $ty {
            const ONE: Self = 1;

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn over(self, n: usize) -> Self {
                self.checked_div(n as $ty).unwrap_or(0)
            }

            fn lowest(dtype: DType) -> Self {
                match dtype {
                    $(DType::$dtype => <$small>::MIN.into(),)+
                    _ => <$ty>::MIN,
                }
            }

            fn highest(dtype: DType) -> Self {
                match dtype {
                    $(DType::$dtype => <$small>::MAX.into(),)+
                    _ => <$ty>::MAX,
                }
            }

            fn to_f64(self) -> f64 {
                self as f64
            }

            fn from_f64(x: f64) -> Self {
                x as $ty
            }

            fn is_nan(self) -> bool {
                false
            }
        })*
    };
}

reals!(f32 f64);
integers! {
    i64: Int8 i8, Int16 i16, Int32 i32;
    u64: UInt8 u8, UInt16 u16, UInt32 u32;
}

/// Runs an expression over the widened elements of a tensor of any type of number that has an order.
macro_rules! each_real {
    ($x:expr, |$all:ident| $run:expr) => {{
        let x: &tensorferry_tensor::DenseTensor = $x;
        match $crate::wide::view(x) {
            $crate::wide::Wide::F32($all) => $run,
            $crate::wide::Wide::F64($all) => $run,
            $crate::wide::Wide::I64($all) => $run,
            $crate::wide::Wide::U64($all) => $run,
            _ => return Err($crate::rows::refused(x.dtype())),
        }
    }};
}

/// The same over the elements of two tensors of one type.
macro_rules! both_real {
    ($x:expr, $y:expr, |$a:ident, $b:ident| $run:expr) => {{
        let (x, y): (&tensorferry_tensor::DenseTensor, &tensorferry_tensor::DenseTensor) = ($x, $y);
        match ($crate::wide::view(x), $crate::wide::view(y)) {
            ($crate::wide::Wide::F32($a), $crate::wide::Wide::F32($b)) => $run,
            ($crate::wide::Wide::F64($a), $crate::wide::Wide::F64($b)) => $run,
            ($crate::wide::Wide::I64($a), $crate::wide::Wide::I64($b)) => $run,
            ($crate::wide::Wide::U64($a), $crate::wide::Wide::U64($b)) => $run,
            _ => return Err($crate::rows::refused(x.dtype())),
        }
    }};
}

impl Narrow for bool {
    fn narrow(_: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        DenseTensor::new(shape, all)
    }
}

impl Narrow for Bytes {
    fn narrow(_: DType, shape: &[usize], all: Vec<Self>) -> DenseTensor {
        DenseTensor::new(shape, all)
    }
}
