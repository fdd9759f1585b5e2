//! The attributes of an op: one struct, from which reading, writing and documentation follow.

use bytes::Bytes;
use tensorferry_ir::{Attr, Attrs, Constant, FuncRef, Shape, Type};
use tensorferry_tensor::DType;

use crate::{Error, Result};

/// What is known of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttrSpec {
    /// Its name in TensorFlow.
    pub name: &'static str,
    /// Its kind in words, such as `list of integers`.
    pub kind: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Its value where a node has none; `None` when every node must have one.
    pub default: Option<Attr>,
    /// A node need not have it, and there is no default.
    pub is_optional: bool,
}

/// All attributes of an op, read from a node.
pub trait Attributes: Sized {
    /// What the op does.
    const DOC: &'static str;

    /// Every attribute.
    fn specs() -> Vec<AttrSpec>;

    /// Reads a node's attributes; those that it does not have are defaults.
    ///
    /// # Errors
    /// When one is missing or of another kind.
    fn read(attrs: &Attrs) -> Result<Self>;

    /// The attributes as a node has them.
    fn write(&self) -> Attrs;
}

/// A Rust type that an attribute is read into.
pub trait AttrValue: Sized {
    /// The kind in words.
    const KIND: &'static str;
    /// A node need not have it.
    const IS_OPTIONAL: bool = false;

    /// The value, when the attribute is of this kind.
    fn read(attr: &Attr) -> Option<Self>;

    /// The attribute; `None` when there is none to write.
    fn write(&self) -> Option<Attr>;

    /// The value where the node has none and there is no default.
    fn absent() -> Option<Self> {
        None
    }
}

macro_rules! attr_values {
    ($($type:ty, $kind:literal, $variant:ident($value:ident) => $read:expr, $write:expr;)*) => {
        $(impl AttrValue for $type {
            const KIND: &'static str = $kind;

            fn read(attr: &Attr) -> Option<Self> {
                match attr {
                    Attr::$variant($value) => $read,
                    _ => None,
                }
            }

            fn write(&self) -> Option<Attr> {
                let $value = self;
                Some(Attr::$variant($write))
            }
        })*
    };
}

attr_values! {
    bool, "bool", Bool(x) => Some(*x), *x;
    i64, "integer", Int(x) => Some(*x), *x;
    f32, "number", Float(x) => Some(*x), *x;
    Bytes, "bytes", Str(x) => Some(x.clone()), x.clone();
    String, "text", Str(x) => String::from_utf8(x.to_vec()).ok(), Bytes::from(x.clone());
    Type, "type", Type(x) => Some(*x), *x;
    DType, "type", Type(x) => x.dtype(), (*x).into();
    Shape, "shape", Shape(x) => Some(x.clone()), x.clone();
    Constant, "tensor", Tensor(x) => Some(x.clone()), x.clone();
    FuncRef, "function", Func(x) => Some(x.clone()), x.clone();
}

impl<T: AttrValue> AttrValue for Vec<T> {
    const KIND: &'static str = "list";

    fn read(attr: &Attr) -> Option<Self> {
        attr.as_list()?.iter().map(T::read).collect()
    }

    fn write(&self) -> Option<Attr> {
        self.iter().map(T::write).collect::<Option<_>>().map(Attr::List)
    }
}

impl<T: AttrValue> AttrValue for Option<T> {
    const KIND: &'static str = T::KIND;
    const IS_OPTIONAL: bool = true;

    fn read(attr: &Attr) -> Option<Self> {
        T::read(attr).map(Some)
    }

    fn write(&self) -> Option<Attr> {
        self.as_ref().and_then(T::write)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// The attribute `name`, or `default`.
pub(crate) fn read_attr<T: AttrValue>(attrs: &Attrs, name: &str, default: Option<T>) -> Result<T> {
    match attrs.get(name) {
        Some(attr) => T::read(attr)
            .ok_or_else(|| Error::invalid(format!("the attribute `{name}` is no {}", T::KIND))),
        None => default
            .or_else(T::absent)
            .ok_or_else(|| Error::invalid(format!("the attribute `{name}` is missing"))),
    }
}

/// The attribute that a field stands for: some are called as Rust calls other things.
pub(crate) fn attr_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Defines an op's attributes: a struct with documentation, types and defaults.
macro_rules! attrs {
    ($(#[doc = $doc:literal])+ struct $name:ident {
        $($(#[doc = $field_doc:literal])* $field:ident: $ty:ty $(= $default:expr)?,)*
    }) => {
        $(#[doc = $doc])+
        #[allow(non_snake_case, reason = "attributes are spelt as TensorFlow spells them")]
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $($(#[doc = $field_doc])* pub(crate) $field: $ty,)*
        }

        impl $crate::Attributes for $name {
            const DOC: &'static str = concat!($($doc, "\n"),+);

            fn specs() -> Vec<$crate::AttrSpec> {
                vec![$($crate::AttrSpec {
                    name: $crate::attributes::attr_name(stringify!($field)),
                    kind: <$ty as $crate::AttrValue>::KIND,
                    doc: concat!("", $($field_doc),*),
                    default: attrs!(@default $ty $(, $default)?)
                        .and_then(|value: $ty| $crate::AttrValue::write(&value)),
                    is_optional: <$ty as $crate::AttrValue>::IS_OPTIONAL,
                },)*]
            }

            fn read(attrs: &tensorferry_ir::Attrs) -> $crate::Result<Self> {
                let _ = attrs;
                Ok(Self {
                    $($field: $crate::attributes::read_attr(
                        attrs,
                        $crate::attributes::attr_name(stringify!($field)),
                        attrs!(@default $ty $(, $default)?),
                    )?,)*
                })
            }

            #[allow(unused_mut, reason = "there may be no attribute")]
            fn write(&self) -> tensorferry_ir::Attrs {
                let mut attrs = tensorferry_ir::Attrs::new();
                $(if let Some(attr) = $crate::AttrValue::write(&self.$field) {
                    let name = $crate::attributes::attr_name(stringify!($field));
                    attrs.insert(name.to_owned(), attr);
                })*
                attrs
            }
        }
    };
    (@default $ty:ty) => { None::<$ty> };
    (@default $ty:ty, $default:expr) => { Some::<$ty>($default) };
}
