//! Elements of any type.

use bytes::Bytes;
use half::{bf16, f16};

use super::{Buffer, Complex};
use crate::DType;

/// A Rust type that is the element of some [`DType`].
pub trait Element: Clone + PartialEq + Default + Send + Sync + std::fmt::Debug + 'static {
    /// The element type.
    const DTYPE: DType;

    /// The elements as [`Storage`].
    fn wrap(elements: Buffer<Self>) -> Storage;

    /// The elements in `storage`, when they are of this type.
    fn view(storage: &Storage) -> Option<&Buffer<Self>>;

    /// The elements in `storage`.
    ///
    /// # Errors
    /// The storage itself, when its elements are of another type.
    fn take(storage: Storage) -> Result<Buffer<Self>, Storage>;
}

macro_rules! storage {
    ($($variant:ident: $type:ty,)*) => {
        /// The elements of a tensor: one variant per [`DType`], of the same name.
        #[expect(missing_docs, reason = "the variants are the element types, described there")]
        #[derive(Debug, Clone, PartialEq)]
        pub enum Storage {
            $($variant(Buffer<$type>),)*
        }

        impl Storage {
            /// The element type.
            pub fn dtype(&self) -> DType {
                match self {
                    $(Self::$variant(_) => DType::$variant,)*
                }
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(all) => all.len(),)*
                }
            }

            /// True when there is no element.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// `len` zeros, `false`s or empty strings.
            pub fn zeros(dtype: DType, len: usize) -> Self {
                match dtype {
                    $(DType::$variant => Self::$variant(vec![<$type>::default(); len].into()),)*
                }
            }
        }

        $(impl Element for $type {
            const DTYPE: DType = DType::$variant;

            fn wrap(elements: Buffer<Self>) -> Storage {
                Storage::$variant(elements)
            }

            fn view(storage: &Storage) -> Option<&Buffer<Self>> {
                match storage {
                    Storage::$variant(elements) => Some(elements),
                    _ => None,
                }
            }

            fn take(storage: Storage) -> Result<Buffer<Self>, Storage> {
                match storage {
                    Storage::$variant(elements) => Ok(elements),
                    other => Err(other),
                }
            }
        })*
    };
}

storage! {
    Float16: f16,
    BFloat16: bf16,
    Float32: f32,
    Float64: f64,
    Int8: i8,
    Int16: i16,
    Int32: i32,
    Int64: i64,
    UInt8: u8,
    UInt16: u16,
    UInt32: u32,
    UInt64: u64,
    Bool: bool,
    Complex64: Complex<f32>,
    Complex128: Complex<f64>,
    String: Bytes,
}

/// Runs an expression for the elements of a [`Storage`], whatever their type is.
#[macro_export]
macro_rules! with_elements {
    ($storage:expr, $all:ident => $body:expr) => {
        match $storage {
            $crate::Storage::Float16($all) => $body,
            $crate::Storage::BFloat16($all) => $body,
            $crate::Storage::Float32($all) => $body,
            $crate::Storage::Float64($all) => $body,
            $crate::Storage::Int8($all) => $body,
            $crate::Storage::Int16($all) => $body,
            $crate::Storage::Int32($all) => $body,
            $crate::Storage::Int64($all) => $body,
            $crate::Storage::UInt8($all) => $body,
            $crate::Storage::UInt16($all) => $body,
            $crate::Storage::UInt32($all) => $body,
            $crate::Storage::UInt64($all) => $body,
            $crate::Storage::Bool($all) => $body,
            $crate::Storage::Complex64($all) => $body,
            $crate::Storage::Complex128($all) => $body,
            $crate::Storage::String($all) => $body,
        }
    };
}
