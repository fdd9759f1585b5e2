//! TensorFlow's messages. Generated from `proto/` by `BLESS=1 cargo test -p tensorferry-tf-proto`.

/// A shape whose rank or dims may be unknown.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = "2")]
    pub dim: ::prost::alloc::vec::Vec<tensor_shape_proto::Dim>,
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}
/// Nested message and enum types in `TensorShapeProto`.
pub mod tensor_shape_proto {
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct Dim {
        #[prost(int64, tag = "1")]
        pub size: i64,
        #[prost(string, tag = "2")]
        pub name: ::prost::alloc::string::String,
    }
}
/// A tensor: either `tensor_content` holds row-major little-endian bytes, or one of the `*_val` lists holds
/// the elements, the last of which stands for all that are missing.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorProto {
    #[prost(enumeration = "DataType", tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: ::core::option::Option<TensorShapeProto>,
    #[prost(int32, tag = "3")]
    pub version_number: i32,
    #[prost(bytes = "bytes", tag = "4")]
    pub tensor_content: ::prost::bytes::Bytes,
    #[prost(int32, repeated, tag = "13")]
    pub half_val: ::prost::alloc::vec::Vec<i32>,
    #[prost(float, repeated, tag = "5")]
    pub float_val: ::prost::alloc::vec::Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    pub double_val: ::prost::alloc::vec::Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    pub int_val: ::prost::alloc::vec::Vec<i32>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub string_val: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
    #[prost(float, repeated, tag = "9")]
    pub scomplex_val: ::prost::alloc::vec::Vec<f32>,
    #[prost(int64, repeated, tag = "10")]
    pub int64_val: ::prost::alloc::vec::Vec<i64>,
    #[prost(bool, repeated, tag = "11")]
    pub bool_val: ::prost::alloc::vec::Vec<bool>,
    #[prost(double, repeated, tag = "12")]
    pub dcomplex_val: ::prost::alloc::vec::Vec<f64>,
    #[prost(message, repeated, tag = "14")]
    pub resource_handle_val: ::prost::alloc::vec::Vec<ResourceHandleProto>,
    #[prost(message, repeated, tag = "15")]
    pub variant_val: ::prost::alloc::vec::Vec<VariantTensorDataProto>,
    #[prost(uint32, repeated, tag = "16")]
    pub uint32_val: ::prost::alloc::vec::Vec<u32>,
    #[prost(uint64, repeated, tag = "17")]
    pub uint64_val: ::prost::alloc::vec::Vec<u64>,
    #[prost(bytes = "bytes", tag = "18")]
    pub float8_val: ::prost::bytes::Bytes,
}
/// A handle to a variable or a table; meaningless outside the process that wrote it.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ResourceHandleProto {
    #[prost(string, tag = "1")]
    pub device: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub container: ::prost::alloc::string::String,
    #[prost(string, tag = "3")]
    pub name: ::prost::alloc::string::String,
    #[prost(uint64, tag = "4")]
    pub hash_code: u64,
    #[prost(string, tag = "5")]
    pub maybe_type_name: ::prost::alloc::string::String,
    #[prost(message, repeated, tag = "6")]
    pub dtypes_and_shapes: ::prost::alloc::vec::Vec<
        resource_handle_proto::DtypeAndShape,
    >,
}
/// Nested message and enum types in `ResourceHandleProto`.
pub mod resource_handle_proto {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct DtypeAndShape {
        #[prost(enumeration = "super::DataType", tag = "1")]
        pub dtype: i32,
        #[prost(message, optional, tag = "2")]
        pub shape: ::core::option::Option<super::TensorShapeProto>,
    }
}
/// An element of type variant.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct VariantTensorDataProto {
    #[prost(string, tag = "1")]
    pub type_name: ::prost::alloc::string::String,
    #[prost(bytes = "bytes", tag = "2")]
    pub metadata: ::prost::bytes::Bytes,
    #[prost(message, repeated, tag = "3")]
    pub tensors: ::prost::alloc::vec::Vec<TensorProto>,
}
/// Element types. A number above 100 is a reference to the type 100 below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum DataType {
    DtInvalid = 0,
    DtFloat = 1,
    DtDouble = 2,
    DtInt32 = 3,
    DtUint8 = 4,
    DtInt16 = 5,
    DtInt8 = 6,
    DtString = 7,
    DtComplex64 = 8,
    DtInt64 = 9,
    DtBool = 10,
    DtQint8 = 11,
    DtQuint8 = 12,
    DtQint32 = 13,
    DtBfloat16 = 14,
    DtQint16 = 15,
    DtQuint16 = 16,
    DtUint16 = 17,
    DtComplex128 = 18,
    DtHalf = 19,
    DtResource = 20,
    DtVariant = 21,
    DtUint32 = 22,
    DtUint64 = 23,
    DtFloat8E5m2 = 24,
    DtFloat8E4m3fn = 25,
    DtInt4 = 29,
    DtUint4 = 30,
    DtFloatRef = 101,
    DtDoubleRef = 102,
    DtInt32Ref = 103,
    DtUint8Ref = 104,
    DtInt16Ref = 105,
    DtInt8Ref = 106,
    DtStringRef = 107,
    DtComplex64Ref = 108,
    DtInt64Ref = 109,
    DtBoolRef = 110,
    DtQint8Ref = 111,
    DtQuint8Ref = 112,
    DtQint32Ref = 113,
    DtBfloat16Ref = 114,
    DtQint16Ref = 115,
    DtQuint16Ref = 116,
    DtUint16Ref = 117,
    DtComplex128Ref = 118,
    DtHalfRef = 119,
    DtResourceRef = 120,
    DtVariantRef = 121,
    DtUint32Ref = 122,
    DtUint64Ref = 123,
    DtFloat8E5m2Ref = 124,
    DtFloat8E4m3fnRef = 125,
    DtInt4Ref = 129,
    DtUint4Ref = 130,
}
impl DataType {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::DtInvalid => "DT_INVALID",
            Self::DtFloat => "DT_FLOAT",
            Self::DtDouble => "DT_DOUBLE",
            Self::DtInt32 => "DT_INT32",
            Self::DtUint8 => "DT_UINT8",
            Self::DtInt16 => "DT_INT16",
            Self::DtInt8 => "DT_INT8",
            Self::DtString => "DT_STRING",
            Self::DtComplex64 => "DT_COMPLEX64",
            Self::DtInt64 => "DT_INT64",
            Self::DtBool => "DT_BOOL",
            Self::DtQint8 => "DT_QINT8",
            Self::DtQuint8 => "DT_QUINT8",
            Self::DtQint32 => "DT_QINT32",
            Self::DtBfloat16 => "DT_BFLOAT16",
            Self::DtQint16 => "DT_QINT16",
            Self::DtQuint16 => "DT_QUINT16",
            Self::DtUint16 => "DT_UINT16",
            Self::DtComplex128 => "DT_COMPLEX128",
            Self::DtHalf => "DT_HALF",
            Self::DtResource => "DT_RESOURCE",
            Self::DtVariant => "DT_VARIANT",
            Self::DtUint32 => "DT_UINT32",
            Self::DtUint64 => "DT_UINT64",
            Self::DtFloat8E5m2 => "DT_FLOAT8_E5M2",
            Self::DtFloat8E4m3fn => "DT_FLOAT8_E4M3FN",
            Self::DtInt4 => "DT_INT4",
            Self::DtUint4 => "DT_UINT4",
            Self::DtFloatRef => "DT_FLOAT_REF",
            Self::DtDoubleRef => "DT_DOUBLE_REF",
            Self::DtInt32Ref => "DT_INT32_REF",
            Self::DtUint8Ref => "DT_UINT8_REF",
            Self::DtInt16Ref => "DT_INT16_REF",
            Self::DtInt8Ref => "DT_INT8_REF",
            Self::DtStringRef => "DT_STRING_REF",
            Self::DtComplex64Ref => "DT_COMPLEX64_REF",
            Self::DtInt64Ref => "DT_INT64_REF",
            Self::DtBoolRef => "DT_BOOL_REF",
            Self::DtQint8Ref => "DT_QINT8_REF",
            Self::DtQuint8Ref => "DT_QUINT8_REF",
            Self::DtQint32Ref => "DT_QINT32_REF",
            Self::DtBfloat16Ref => "DT_BFLOAT16_REF",
            Self::DtQint16Ref => "DT_QINT16_REF",
            Self::DtQuint16Ref => "DT_QUINT16_REF",
            Self::DtUint16Ref => "DT_UINT16_REF",
            Self::DtComplex128Ref => "DT_COMPLEX128_REF",
            Self::DtHalfRef => "DT_HALF_REF",
            Self::DtResourceRef => "DT_RESOURCE_REF",
            Self::DtVariantRef => "DT_VARIANT_REF",
            Self::DtUint32Ref => "DT_UINT32_REF",
            Self::DtUint64Ref => "DT_UINT64_REF",
            Self::DtFloat8E5m2Ref => "DT_FLOAT8_E5M2_REF",
            Self::DtFloat8E4m3fnRef => "DT_FLOAT8_E4M3FN_REF",
            Self::DtInt4Ref => "DT_INT4_REF",
            Self::DtUint4Ref => "DT_UINT4_REF",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "DT_INVALID" => Some(Self::DtInvalid),
            "DT_FLOAT" => Some(Self::DtFloat),
            "DT_DOUBLE" => Some(Self::DtDouble),
            "DT_INT32" => Some(Self::DtInt32),
            "DT_UINT8" => Some(Self::DtUint8),
            "DT_INT16" => Some(Self::DtInt16),
            "DT_INT8" => Some(Self::DtInt8),
            "DT_STRING" => Some(Self::DtString),
            "DT_COMPLEX64" => Some(Self::DtComplex64),
            "DT_INT64" => Some(Self::DtInt64),
            "DT_BOOL" => Some(Self::DtBool),
            "DT_QINT8" => Some(Self::DtQint8),
            "DT_QUINT8" => Some(Self::DtQuint8),
            "DT_QINT32" => Some(Self::DtQint32),
            "DT_BFLOAT16" => Some(Self::DtBfloat16),
            "DT_QINT16" => Some(Self::DtQint16),
            "DT_QUINT16" => Some(Self::DtQuint16),
            "DT_UINT16" => Some(Self::DtUint16),
            "DT_COMPLEX128" => Some(Self::DtComplex128),
            "DT_HALF" => Some(Self::DtHalf),
            "DT_RESOURCE" => Some(Self::DtResource),
            "DT_VARIANT" => Some(Self::DtVariant),
            "DT_UINT32" => Some(Self::DtUint32),
            "DT_UINT64" => Some(Self::DtUint64),
            "DT_FLOAT8_E5M2" => Some(Self::DtFloat8E5m2),
            "DT_FLOAT8_E4M3FN" => Some(Self::DtFloat8E4m3fn),
            "DT_INT4" => Some(Self::DtInt4),
            "DT_UINT4" => Some(Self::DtUint4),
            "DT_FLOAT_REF" => Some(Self::DtFloatRef),
            "DT_DOUBLE_REF" => Some(Self::DtDoubleRef),
            "DT_INT32_REF" => Some(Self::DtInt32Ref),
            "DT_UINT8_REF" => Some(Self::DtUint8Ref),
            "DT_INT16_REF" => Some(Self::DtInt16Ref),
            "DT_INT8_REF" => Some(Self::DtInt8Ref),
            "DT_STRING_REF" => Some(Self::DtStringRef),
            "DT_COMPLEX64_REF" => Some(Self::DtComplex64Ref),
            "DT_INT64_REF" => Some(Self::DtInt64Ref),
            "DT_BOOL_REF" => Some(Self::DtBoolRef),
            "DT_QINT8_REF" => Some(Self::DtQint8Ref),
            "DT_QUINT8_REF" => Some(Self::DtQuint8Ref),
            "DT_QINT32_REF" => Some(Self::DtQint32Ref),
            "DT_BFLOAT16_REF" => Some(Self::DtBfloat16Ref),
            "DT_QINT16_REF" => Some(Self::DtQint16Ref),
            "DT_QUINT16_REF" => Some(Self::DtQuint16Ref),
            "DT_UINT16_REF" => Some(Self::DtUint16Ref),
            "DT_COMPLEX128_REF" => Some(Self::DtComplex128Ref),
            "DT_HALF_REF" => Some(Self::DtHalfRef),
            "DT_RESOURCE_REF" => Some(Self::DtResourceRef),
            "DT_VARIANT_REF" => Some(Self::DtVariantRef),
            "DT_UINT32_REF" => Some(Self::DtUint32Ref),
            "DT_UINT64_REF" => Some(Self::DtUint64Ref),
            "DT_FLOAT8_E5M2_REF" => Some(Self::DtFloat8E5m2Ref),
            "DT_FLOAT8_E4M3FN_REF" => Some(Self::DtFloat8E4m3fnRef),
            "DT_INT4_REF" => Some(Self::DtInt4Ref),
            "DT_UINT4_REF" => Some(Self::DtUint4Ref),
            _ => None,
        }
    }
}
/// Which versions of a format wrote the message and may read it.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct VersionDef {
    #[prost(int32, tag = "1")]
    pub producer: i32,
    #[prost(int32, tag = "2")]
    pub min_consumer: i32,
    #[prost(int32, repeated, tag = "3")]
    pub bad_consumers: ::prost::alloc::vec::Vec<i32>,
}
/// The value of one attribute of a node.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AttrValue {
    #[prost(oneof = "attr_value::Value", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: ::core::option::Option<attr_value::Value>,
}
/// Nested message and enum types in `AttrValue`.
pub mod attr_value {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct ListValue {
        #[prost(bytes = "bytes", repeated, tag = "2")]
        pub s: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
        #[prost(int64, repeated, tag = "3")]
        pub i: ::prost::alloc::vec::Vec<i64>,
        #[prost(float, repeated, tag = "4")]
        pub f: ::prost::alloc::vec::Vec<f32>,
        #[prost(bool, repeated, tag = "5")]
        pub b: ::prost::alloc::vec::Vec<bool>,
        #[prost(enumeration = "super::DataType", repeated, tag = "6")]
        pub r#type: ::prost::alloc::vec::Vec<i32>,
        #[prost(message, repeated, tag = "7")]
        pub shape: ::prost::alloc::vec::Vec<super::TensorShapeProto>,
        #[prost(message, repeated, tag = "8")]
        pub tensor: ::prost::alloc::vec::Vec<super::TensorProto>,
        #[prost(message, repeated, tag = "9")]
        pub func: ::prost::alloc::vec::Vec<super::NameAttrList>,
    }
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Value {
        #[prost(message, tag = "1")]
        List(::prost::alloc::boxed::Box<ListValue>),
        #[prost(bytes, tag = "2")]
        S(::prost::bytes::Bytes),
        #[prost(int64, tag = "3")]
        I(i64),
        #[prost(float, tag = "4")]
        F(f32),
        #[prost(bool, tag = "5")]
        B(bool),
        #[prost(enumeration = "super::DataType", tag = "6")]
        Type(i32),
        #[prost(message, tag = "7")]
        Shape(super::TensorShapeProto),
        #[prost(message, tag = "8")]
        Tensor(::prost::alloc::boxed::Box<super::TensorProto>),
        #[prost(string, tag = "9")]
        Placeholder(::prost::alloc::string::String),
        #[prost(message, tag = "10")]
        Func(super::NameAttrList),
    }
}
/// The name of a function and attributes to call it with.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NameAttrList {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(btree_map = "string, message", tag = "2")]
    pub attr: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        AttrValue,
    >,
}
/// One node: an op, where its inputs come from, and its attributes.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NodeDef {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub op: ::prost::alloc::string::String,
    #[prost(string, repeated, tag = "3")]
    pub input: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    #[prost(string, tag = "4")]
    pub device: ::prost::alloc::string::String,
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        AttrValue,
    >,
    #[prost(message, optional, tag = "6")]
    pub experimental_debug_info: ::core::option::Option<node_def::ExperimentalDebugInfo>,
}
/// Nested message and enum types in `NodeDef`.
pub mod node_def {
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct ExperimentalDebugInfo {
        #[prost(string, repeated, tag = "1")]
        pub original_node_names: ::prost::alloc::vec::Vec<
            ::prost::alloc::string::String,
        >,
        #[prost(string, repeated, tag = "2")]
        pub original_func_names: ::prost::alloc::vec::Vec<
            ::prost::alloc::string::String,
        >,
    }
}
/// A graph and the functions it calls.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GraphDef {
    #[prost(message, repeated, tag = "1")]
    pub node: ::prost::alloc::vec::Vec<NodeDef>,
    #[prost(message, optional, tag = "4")]
    pub versions: ::core::option::Option<VersionDef>,
    #[prost(int32, tag = "3")]
    pub version: i32,
    #[prost(message, optional, tag = "2")]
    pub library: ::core::option::Option<FunctionDefLibrary>,
}
/// The functions that a graph calls.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct FunctionDefLibrary {
    #[prost(message, repeated, tag = "1")]
    pub function: ::prost::alloc::vec::Vec<FunctionDef>,
    #[prost(message, repeated, tag = "2")]
    pub gradient: ::prost::alloc::vec::Vec<GradientDef>,
    #[prost(message, repeated, tag = "3")]
    pub registered_gradients: ::prost::alloc::vec::Vec<RegisteredGradient>,
}
/// A function: a signature, a body of nodes, and which of their outputs it returns.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct FunctionDef {
    #[prost(message, optional, tag = "1")]
    pub signature: ::core::option::Option<OpDef>,
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        AttrValue,
    >,
    #[prost(btree_map = "uint32, message", tag = "7")]
    pub arg_attr: ::prost::alloc::collections::BTreeMap<u32, function_def::ArgAttrs>,
    #[prost(btree_map = "uint32, uint32", tag = "8")]
    pub resource_arg_unique_id: ::prost::alloc::collections::BTreeMap<u32, u32>,
    #[prost(message, repeated, tag = "3")]
    pub node_def: ::prost::alloc::vec::Vec<NodeDef>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub ret: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        ::prost::alloc::string::String,
    >,
    #[prost(btree_map = "string, string", tag = "6")]
    pub control_ret: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        ::prost::alloc::string::String,
    >,
}
/// Nested message and enum types in `FunctionDef`.
pub mod function_def {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct ArgAttrs {
        #[prost(btree_map = "string, message", tag = "1")]
        pub attr: ::prost::alloc::collections::BTreeMap<
            ::prost::alloc::string::String,
            super::AttrValue,
        >,
    }
}
/// Names the gradient of a function.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct GradientDef {
    #[prost(string, tag = "1")]
    pub function_name: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub gradient_func: ::prost::alloc::string::String,
}
/// Names the gradient registered for an op.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct RegisteredGradient {
    #[prost(string, tag = "1")]
    pub gradient_func: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub registered_op_type: ::prost::alloc::string::String,
}
/// The signature of an op or a function.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OpDef {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(message, repeated, tag = "2")]
    pub input_arg: ::prost::alloc::vec::Vec<op_def::ArgDef>,
    #[prost(message, repeated, tag = "3")]
    pub output_arg: ::prost::alloc::vec::Vec<op_def::ArgDef>,
    #[prost(string, repeated, tag = "20")]
    pub control_output: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    #[prost(message, repeated, tag = "4")]
    pub attr: ::prost::alloc::vec::Vec<op_def::AttrDef>,
    #[prost(message, optional, tag = "8")]
    pub deprecation: ::core::option::Option<OpDeprecation>,
    #[prost(string, tag = "5")]
    pub summary: ::prost::alloc::string::String,
    #[prost(string, tag = "6")]
    pub description: ::prost::alloc::string::String,
    #[prost(bool, tag = "18")]
    pub is_commutative: bool,
    #[prost(bool, tag = "16")]
    pub is_aggregate: bool,
    #[prost(bool, tag = "17")]
    pub is_stateful: bool,
    #[prost(bool, tag = "19")]
    pub allows_uninitialized_input: bool,
    #[prost(bool, tag = "21")]
    pub is_distributed_communication: bool,
}
/// Nested message and enum types in `OpDef`.
pub mod op_def {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct ArgDef {
        #[prost(string, tag = "1")]
        pub name: ::prost::alloc::string::String,
        #[prost(string, tag = "2")]
        pub description: ::prost::alloc::string::String,
        #[prost(enumeration = "super::DataType", tag = "3")]
        pub r#type: i32,
        #[prost(string, tag = "4")]
        pub type_attr: ::prost::alloc::string::String,
        #[prost(string, tag = "5")]
        pub number_attr: ::prost::alloc::string::String,
        #[prost(string, tag = "6")]
        pub type_list_attr: ::prost::alloc::string::String,
        #[prost(message, repeated, tag = "7")]
        pub handle_data: ::prost::alloc::vec::Vec<
            super::resource_handle_proto::DtypeAndShape,
        >,
        #[prost(bool, tag = "16")]
        pub is_ref: bool,
    }
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct AttrDef {
        #[prost(string, tag = "1")]
        pub name: ::prost::alloc::string::String,
        #[prost(string, tag = "2")]
        pub r#type: ::prost::alloc::string::String,
        #[prost(message, optional, tag = "3")]
        pub default_value: ::core::option::Option<super::AttrValue>,
        #[prost(string, tag = "4")]
        pub description: ::prost::alloc::string::String,
        #[prost(bool, tag = "5")]
        pub has_minimum: bool,
        #[prost(int64, tag = "6")]
        pub minimum: i64,
        #[prost(message, optional, tag = "7")]
        pub allowed_values: ::core::option::Option<super::AttrValue>,
    }
}
/// Since when and why an op is deprecated.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct OpDeprecation {
    #[prost(int32, tag = "1")]
    pub version: i32,
    #[prost(string, tag = "2")]
    pub explanation: ::prost::alloc::string::String,
}
/// Signatures of ops.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OpList {
    #[prost(message, repeated, tag = "1")]
    pub op: ::prost::alloc::vec::Vec<OpDef>,
}
/// The objects of a SavedModel; node 0 is the model.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedObjectGraph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: ::prost::alloc::vec::Vec<SavedObject>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub concrete_functions: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        SavedConcreteFunction,
    >,
}
/// One object, its children and what it is.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedObject {
    #[prost(message, repeated, tag = "1")]
    pub children: ::prost::alloc::vec::Vec<
        trackable_object_graph::trackable_object::ObjectReference,
    >,
    #[prost(message, repeated, tag = "15")]
    pub dependencies: ::prost::alloc::vec::Vec<
        trackable_object_graph::trackable_object::ObjectReference,
    >,
    #[prost(message, repeated, tag = "3")]
    pub slot_variables: ::prost::alloc::vec::Vec<
        trackable_object_graph::trackable_object::SlotVariableReference,
    >,
    #[prost(btree_map = "string, message", tag = "11")]
    pub saveable_objects: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        SaveableObject,
    >,
    #[prost(string, tag = "13")]
    pub registered_name: ::prost::alloc::string::String,
    #[prost(bytes = "bytes", optional, tag = "14")]
    pub serialized_user_proto: ::core::option::Option<::prost::bytes::Bytes>,
    #[prost(string, tag = "16")]
    pub registered_saver: ::prost::alloc::string::String,
    #[prost(oneof = "saved_object::Kind", tags = "4, 5, 6, 7, 8, 9, 10, 12")]
    pub kind: ::core::option::Option<saved_object::Kind>,
}
/// Nested message and enum types in `SavedObject`.
pub mod saved_object {
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        #[prost(message, tag = "4")]
        UserObject(super::SavedUserObject),
        #[prost(message, tag = "5")]
        Asset(super::SavedAsset),
        #[prost(message, tag = "6")]
        Function(super::SavedFunction),
        #[prost(message, tag = "7")]
        Variable(super::SavedVariable),
        #[prost(message, tag = "8")]
        BareConcreteFunction(super::SavedBareConcreteFunction),
        #[prost(message, tag = "9")]
        Constant(super::SavedConstant),
        #[prost(message, tag = "10")]
        Resource(super::SavedResource),
        #[prost(message, tag = "12")]
        CapturedTensor(super::CapturedTensor),
    }
}
/// Functions that save and restore an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SaveableObject {
    #[prost(int32, tag = "2")]
    pub save_function: i32,
    #[prost(int32, tag = "3")]
    pub restore_function: i32,
}
/// An object of a class; Keras marks its own in `identifier`.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedUserObject {
    #[prost(string, tag = "1")]
    pub identifier: ::prost::alloc::string::String,
    #[prost(message, optional, tag = "2")]
    pub version: ::core::option::Option<VersionDef>,
    #[prost(string, tag = "3")]
    pub metadata: ::prost::alloc::string::String,
}
/// A file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedAsset {
    #[prost(int32, tag = "1")]
    pub asset_file_def_index: i32,
}
/// A function with one concrete function per input signature.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedFunction {
    #[prost(string, repeated, tag = "1")]
    pub concrete_functions: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    #[prost(message, optional, tag = "2")]
    pub function_spec: ::core::option::Option<FunctionSpec>,
}
/// A tensor captured by a function.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CapturedTensor {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub concrete_function: ::prost::alloc::string::String,
}
/// Which objects the trailing arguments of a function stand for.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedConcreteFunction {
    #[prost(int32, repeated, tag = "2")]
    pub bound_inputs: ::prost::alloc::vec::Vec<i32>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub canonicalized_input_signature: ::core::option::Option<::prost::bytes::Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub output_signature: ::core::option::Option<::prost::bytes::Bytes>,
}
/// A function with one signature.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedBareConcreteFunction {
    #[prost(string, tag = "1")]
    pub concrete_function_name: ::prost::alloc::string::String,
    #[prost(string, repeated, tag = "2")]
    pub argument_keywords: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    #[prost(int64, tag = "3")]
    pub allowed_positional_arguments: i64,
    #[prost(message, optional, tag = "4")]
    pub function_spec: ::core::option::Option<FunctionSpec>,
}
/// A constant, by the name of its node.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedConstant {
    #[prost(string, tag = "1")]
    pub operation: ::prost::alloc::string::String,
}
/// A variable; its value is in the checkpoint.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedVariable {
    #[prost(enumeration = "DataType", tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: ::core::option::Option<TensorShapeProto>,
    #[prost(bool, tag = "3")]
    pub trainable: bool,
    #[prost(enumeration = "VariableSynchronization", tag = "4")]
    pub synchronization: i32,
    #[prost(enumeration = "VariableAggregation", tag = "5")]
    pub aggregation: i32,
    #[prost(string, tag = "6")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag = "7")]
    pub device: ::prost::alloc::string::String,
    #[prost(message, repeated, tag = "8")]
    pub experimental_distributed_variable_components: ::prost::alloc::vec::Vec<
        SavedVariable,
    >,
}
/// How a function is called from Python.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct FunctionSpec {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub fullargspec: ::core::option::Option<::prost::bytes::Bytes>,
    #[prost(bool, tag = "2")]
    pub is_method: bool,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub input_signature: ::core::option::Option<::prost::bytes::Bytes>,
    #[prost(enumeration = "function_spec::JitCompile", tag = "6")]
    pub jit_compile: i32,
}
/// Nested message and enum types in `FunctionSpec`.
pub mod function_spec {
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum JitCompile {
        Default = 0,
        On = 1,
        Off = 2,
    }
    impl JitCompile {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Default => "DEFAULT",
                Self::On => "ON",
                Self::Off => "OFF",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "DEFAULT" => Some(Self::Default),
                "ON" => Some(Self::On),
                "OFF" => Some(Self::Off),
                _ => None,
            }
        }
    }
}
/// A table or another resource.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedResource {
    #[prost(string, tag = "1")]
    pub device: ::prost::alloc::string::String,
}
/// The objects of a checkpoint, and under which key each value is stored.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TrackableObjectGraph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: ::prost::alloc::vec::Vec<trackable_object_graph::TrackableObject>,
}
/// Nested message and enum types in `TrackableObjectGraph`.
pub mod trackable_object_graph {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct TrackableObject {
        #[prost(message, repeated, tag = "1")]
        pub children: ::prost::alloc::vec::Vec<trackable_object::ObjectReference>,
        #[prost(message, repeated, tag = "2")]
        pub attributes: ::prost::alloc::vec::Vec<trackable_object::SerializedTensor>,
        #[prost(message, repeated, tag = "3")]
        pub slot_variables: ::prost::alloc::vec::Vec<
            trackable_object::SlotVariableReference,
        >,
        #[prost(message, optional, tag = "4")]
        pub registered_saver: ::core::option::Option<super::RegisteredSaver>,
        #[prost(bytes = "bytes", optional, tag = "5")]
        pub has_checkpoint_values: ::core::option::Option<::prost::bytes::Bytes>,
    }
    /// Nested message and enum types in `TrackableObject`.
    pub mod trackable_object {
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct ObjectReference {
            #[prost(int32, tag = "1")]
            pub node_id: i32,
            #[prost(string, tag = "2")]
            pub local_name: ::prost::alloc::string::String,
        }
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct SerializedTensor {
            #[prost(string, tag = "1")]
            pub name: ::prost::alloc::string::String,
            #[prost(string, tag = "2")]
            pub full_name: ::prost::alloc::string::String,
            #[prost(string, tag = "3")]
            pub checkpoint_key: ::prost::alloc::string::String,
        }
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct SlotVariableReference {
            #[prost(int32, tag = "1")]
            pub original_variable_node_id: i32,
            #[prost(string, tag = "2")]
            pub slot_name: ::prost::alloc::string::String,
            #[prost(int32, tag = "3")]
            pub slot_variable_node_id: i32,
        }
    }
}
/// Names a saver that is registered in Python.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct RegisteredSaver {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub object_name: ::prost::alloc::string::String,
}
/// When replicas of a variable are brought in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum VariableSynchronization {
    Auto = 0,
    None = 1,
    OnWrite = 2,
    OnRead = 3,
}
impl VariableSynchronization {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::Auto => "VARIABLE_SYNCHRONIZATION_AUTO",
            Self::None => "VARIABLE_SYNCHRONIZATION_NONE",
            Self::OnWrite => "VARIABLE_SYNCHRONIZATION_ON_WRITE",
            Self::OnRead => "VARIABLE_SYNCHRONIZATION_ON_READ",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "VARIABLE_SYNCHRONIZATION_AUTO" => Some(Self::Auto),
            "VARIABLE_SYNCHRONIZATION_NONE" => Some(Self::None),
            "VARIABLE_SYNCHRONIZATION_ON_WRITE" => Some(Self::OnWrite),
            "VARIABLE_SYNCHRONIZATION_ON_READ" => Some(Self::OnRead),
            _ => None,
        }
    }
}
/// How replicas of a variable are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum VariableAggregation {
    None = 0,
    Sum = 1,
    Mean = 2,
    OnlyFirstReplica = 3,
}
impl VariableAggregation {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::None => "VARIABLE_AGGREGATION_NONE",
            Self::Sum => "VARIABLE_AGGREGATION_SUM",
            Self::Mean => "VARIABLE_AGGREGATION_MEAN",
            Self::OnlyFirstReplica => "VARIABLE_AGGREGATION_ONLY_FIRST_REPLICA",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "VARIABLE_AGGREGATION_NONE" => Some(Self::None),
            "VARIABLE_AGGREGATION_SUM" => Some(Self::Sum),
            "VARIABLE_AGGREGATION_MEAN" => Some(Self::Mean),
            "VARIABLE_AGGREGATION_ONLY_FIRST_REPLICA" => Some(Self::OnlyFirstReplica),
            _ => None,
        }
    }
}
/// A value of Python's: nothing, a tensor's description, or values in a list, a tuple or a dict.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct StructuredValue {
    #[prost(
        oneof = "structured_value::Kind",
        tags = "1, 11, 13, 14, 31, 32, 33, 34, 35, 51, 52, 53, 54, 55, 56"
    )]
    pub kind: ::core::option::Option<structured_value::Kind>,
}
/// Nested message and enum types in `StructuredValue`.
pub mod structured_value {
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        #[prost(message, tag = "1")]
        NoneValue(super::NoneValue),
        #[prost(double, tag = "11")]
        Float64Value(f64),
        #[prost(string, tag = "13")]
        StringValue(::prost::alloc::string::String),
        #[prost(bool, tag = "14")]
        BoolValue(bool),
        #[prost(message, tag = "31")]
        TensorShapeValue(super::TensorShapeProto),
        #[prost(enumeration = "super::DataType", tag = "32")]
        TensorDtypeValue(i32),
        #[prost(message, tag = "33")]
        TensorSpecValue(super::TensorSpecProto),
        #[prost(bytes, tag = "34")]
        TypeSpecValue(::prost::bytes::Bytes),
        #[prost(bytes, tag = "35")]
        BoundedTensorSpecValue(::prost::bytes::Bytes),
        #[prost(message, tag = "51")]
        ListValue(super::ListValue),
        #[prost(message, tag = "52")]
        TupleValue(super::TupleValue),
        #[prost(message, tag = "53")]
        DictValue(super::DictValue),
        #[prost(message, tag = "54")]
        NamedTupleValue(super::NamedTupleValue),
        #[prost(message, tag = "55")]
        TensorValue(super::TensorProto),
        #[prost(message, tag = "56")]
        NumpyValue(super::TensorProto),
    }
}
/// Nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct NoneValue {}
/// A list.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ListValue {
    #[prost(message, repeated, tag = "1")]
    pub values: ::prost::alloc::vec::Vec<StructuredValue>,
}
/// A tuple.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TupleValue {
    #[prost(message, repeated, tag = "1")]
    pub values: ::prost::alloc::vec::Vec<StructuredValue>,
}
/// A dict with names as keys.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct DictValue {
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        StructuredValue,
    >,
}
/// Name, shape and type of a tensor.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorSpecProto {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(message, optional, tag = "2")]
    pub shape: ::core::option::Option<TensorShapeProto>,
    #[prost(enumeration = "DataType", tag = "3")]
    pub dtype: i32,
}
/// A tuple with names.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NamedTupleValue {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(message, repeated, tag = "2")]
    pub values: ::prost::alloc::vec::Vec<PairValue>,
}
/// One member of a named tuple.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct PairValue {
    #[prost(string, tag = "1")]
    pub key: ::prost::alloc::string::String,
    #[prost(message, optional, tag = "2")]
    pub value: ::core::option::Option<StructuredValue>,
}
/// The whole file.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedModel {
    #[prost(int64, tag = "1")]
    pub saved_model_schema_version: i64,
    #[prost(message, repeated, tag = "2")]
    pub meta_graphs: ::prost::alloc::vec::Vec<MetaGraphDef>,
}
/// One graph of the file with its signatures and its object graph.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct MetaGraphDef {
    #[prost(message, optional, tag = "1")]
    pub meta_info_def: ::core::option::Option<meta_graph_def::MetaInfoDef>,
    #[prost(message, optional, tag = "2")]
    pub graph_def: ::core::option::Option<GraphDef>,
    #[prost(message, optional, tag = "3")]
    pub saver_def: ::core::option::Option<SaverDef>,
    #[prost(btree_map = "string, message", tag = "4")]
    pub collection_def: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        CollectionDef,
    >,
    #[prost(btree_map = "string, message", tag = "5")]
    pub signature_def: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        SignatureDef,
    >,
    #[prost(message, repeated, tag = "6")]
    pub asset_file_def: ::prost::alloc::vec::Vec<AssetFileDef>,
    #[prost(message, optional, tag = "7")]
    pub object_graph_def: ::core::option::Option<SavedObjectGraph>,
}
/// Nested message and enum types in `MetaGraphDef`.
pub mod meta_graph_def {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct MetaInfoDef {
        #[prost(string, tag = "1")]
        pub meta_graph_version: ::prost::alloc::string::String,
        #[prost(message, optional, tag = "2")]
        pub stripped_op_list: ::core::option::Option<super::OpList>,
        #[prost(bytes = "bytes", optional, tag = "3")]
        pub any_info: ::core::option::Option<::prost::bytes::Bytes>,
        #[prost(string, repeated, tag = "4")]
        pub tags: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
        #[prost(string, tag = "5")]
        pub tensorflow_version: ::prost::alloc::string::String,
        #[prost(string, tag = "6")]
        pub tensorflow_git_version: ::prost::alloc::string::String,
        #[prost(bool, tag = "7")]
        pub stripped_default_attrs: bool,
        #[prost(btree_map = "string, string", tag = "8")]
        pub function_aliases: ::prost::alloc::collections::BTreeMap<
            ::prost::alloc::string::String,
            ::prost::alloc::string::String,
        >,
    }
}
/// A named collection of a TensorFlow 1 graph.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CollectionDef {
    #[prost(oneof = "collection_def::Kind", tags = "1, 2, 3, 4, 5")]
    pub kind: ::core::option::Option<collection_def::Kind>,
}
/// Nested message and enum types in `CollectionDef`.
pub mod collection_def {
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct AnyList {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        pub value: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
    }
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct BytesList {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        pub value: ::prost::alloc::vec::Vec<::prost::bytes::Bytes>,
    }
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct FloatList {
        #[prost(float, repeated, tag = "1")]
        pub value: ::prost::alloc::vec::Vec<f32>,
    }
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct Int64List {
        #[prost(int64, repeated, tag = "1")]
        pub value: ::prost::alloc::vec::Vec<i64>,
    }
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct NodeList {
        #[prost(string, repeated, tag = "1")]
        pub value: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    }
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        #[prost(message, tag = "1")]
        NodeList(NodeList),
        #[prost(message, tag = "2")]
        BytesList(BytesList),
        #[prost(message, tag = "3")]
        Int64List(Int64List),
        #[prost(message, tag = "4")]
        FloatList(FloatList),
        #[prost(message, tag = "5")]
        AnyList(AnyList),
    }
}
/// Names and describes an input or output of a signature.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorInfo {
    #[prost(enumeration = "DataType", tag = "2")]
    pub dtype: i32,
    #[prost(message, optional, tag = "3")]
    pub tensor_shape: ::core::option::Option<TensorShapeProto>,
    #[prost(oneof = "tensor_info::Encoding", tags = "1, 4, 5")]
    pub encoding: ::core::option::Option<tensor_info::Encoding>,
}
/// Nested message and enum types in `TensorInfo`.
pub mod tensor_info {
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct CompositeTensor {
        #[prost(bytes = "bytes", optional, tag = "1")]
        pub type_spec: ::core::option::Option<::prost::bytes::Bytes>,
        #[prost(message, repeated, tag = "2")]
        pub components: ::prost::alloc::vec::Vec<super::TensorInfo>,
    }
    #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct CooSparse {
        #[prost(string, tag = "1")]
        pub values_tensor_name: ::prost::alloc::string::String,
        #[prost(string, tag = "2")]
        pub indices_tensor_name: ::prost::alloc::string::String,
        #[prost(string, tag = "3")]
        pub dense_shape_tensor_name: ::prost::alloc::string::String,
    }
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Encoding {
        #[prost(string, tag = "1")]
        Name(::prost::alloc::string::String),
        #[prost(message, tag = "4")]
        CooSparse(CooSparse),
        #[prost(message, tag = "5")]
        CompositeTensor(CompositeTensor),
    }
}
/// A signature: named inputs and outputs.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SignatureDef {
    #[prost(btree_map = "string, message", tag = "1")]
    pub inputs: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        TensorInfo,
    >,
    #[prost(btree_map = "string, message", tag = "2")]
    pub outputs: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        TensorInfo,
    >,
    #[prost(string, tag = "3")]
    pub method_name: ::prost::alloc::string::String,
    #[prost(btree_map = "string, message", tag = "4")]
    pub defaults: ::prost::alloc::collections::BTreeMap<
        ::prost::alloc::string::String,
        TensorProto,
    >,
}
/// A file in `assets/` and the tensor that holds its path.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AssetFileDef {
    #[prost(message, optional, tag = "1")]
    pub tensor_info: ::core::option::Option<TensorInfo>,
    #[prost(string, tag = "2")]
    pub filename: ::prost::alloc::string::String,
}
/// Names the nodes that save and restore a TensorFlow 1 graph.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SaverDef {
    #[prost(string, tag = "1")]
    pub filename_tensor_name: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub save_tensor_name: ::prost::alloc::string::String,
    #[prost(string, tag = "3")]
    pub restore_op_name: ::prost::alloc::string::String,
    #[prost(int32, tag = "4")]
    pub max_to_keep: i32,
    #[prost(bool, tag = "5")]
    pub sharded: bool,
    #[prost(float, tag = "6")]
    pub keep_checkpoint_every_n_hours: f32,
    #[prost(enumeration = "saver_def::CheckpointFormatVersion", tag = "7")]
    pub version: i32,
}
/// Nested message and enum types in `SaverDef`.
pub mod saver_def {
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum CheckpointFormatVersion {
        Legacy = 0,
        V1 = 1,
        V2 = 2,
    }
    impl CheckpointFormatVersion {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Legacy => "LEGACY",
                Self::V1 => "V1",
                Self::V2 => "V2",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "LEGACY" => Some(Self::Legacy),
                "V1" => Some(Self::V1),
                "V2" => Some(Self::V2),
                _ => None,
            }
        }
    }
}
/// The entry of the empty key.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct BundleHeaderProto {
    #[prost(int32, tag = "1")]
    pub num_shards: i32,
    #[prost(enumeration = "bundle_header_proto::Endianness", tag = "2")]
    pub endianness: i32,
    #[prost(message, optional, tag = "3")]
    pub version: ::core::option::Option<VersionDef>,
}
/// Nested message and enum types in `BundleHeaderProto`.
pub mod bundle_header_proto {
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum Endianness {
        Little = 0,
        Big = 1,
    }
    impl Endianness {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Little => "LITTLE",
                Self::Big => "BIG",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "LITTLE" => Some(Self::Little),
                "BIG" => Some(Self::Big),
                _ => None,
            }
        }
    }
}
/// Where a tensor is stored.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct BundleEntryProto {
    #[prost(enumeration = "DataType", tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: ::core::option::Option<TensorShapeProto>,
    #[prost(int32, tag = "3")]
    pub shard_id: i32,
    #[prost(int64, tag = "4")]
    pub offset: i64,
    #[prost(int64, tag = "5")]
    pub size: i64,
    #[prost(fixed32, tag = "6")]
    pub crc32c: u32,
    #[prost(message, repeated, tag = "7")]
    pub slices: ::prost::alloc::vec::Vec<TensorSliceProto>,
}
/// A box in a tensor; an extent without a length covers the whole dim.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TensorSliceProto {
    #[prost(message, repeated, tag = "1")]
    pub extent: ::prost::alloc::vec::Vec<tensor_slice_proto::Extent>,
}
/// Nested message and enum types in `TensorSliceProto`.
pub mod tensor_slice_proto {
    #[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct Extent {
        #[prost(int64, tag = "1")]
        pub start: i64,
        #[prost(int64, optional, tag = "2")]
        pub length: ::core::option::Option<i64>,
    }
}
