//! The messages of a Keras 2 SavedModel's own file. Generated from `proto/` by `BLESS=1 cargo test -p tensorferry-tf-proto`.

/// The whole file.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SavedMetadata {
    #[prost(message, repeated, tag = "1")]
    pub nodes: ::prost::alloc::vec::Vec<SavedObject>,
}
/// One Keras object: its node in the object graph, and its config as JSON.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SavedObject {
    #[prost(int32, tag = "2")]
    pub node_id: i32,
    #[prost(string, tag = "3")]
    pub node_path: ::prost::alloc::string::String,
    #[prost(string, tag = "4")]
    pub identifier: ::prost::alloc::string::String,
    #[prost(string, tag = "5")]
    pub metadata: ::prost::alloc::string::String,
    #[prost(message, optional, tag = "6")]
    pub version: ::core::option::Option<VersionDef>,
}
/// The version of the JSON.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct VersionDef {
    #[prost(int32, tag = "1")]
    pub producer: i32,
    #[prost(int32, tag = "2")]
    pub min_consumer: i32,
    #[prost(int32, repeated, tag = "3")]
    pub bad_consumers: ::prost::alloc::vec::Vec<i32>,
}
