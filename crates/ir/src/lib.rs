//! TensorFlow's graph: nodes, attributes, functions; its text form and verifier.
//!
//! A [`Model`] is a main [`Graph`], the [`Function`]s that its nodes call, the graph that fills its
//! tables once, and the named inputs and outputs of its [`Signature`]s. A node is an op's name,
//! attributes, and edges: data inputs in order, and control inputs that only say "after".
//!
//! What an op means is not known here. Where it must be asked (how many outputs, which attributes),
//! an [`OpTable`] answers; the crate `ops` has the real one.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attr;
mod graph;
mod model;
mod parse;
mod print;
mod shape;
mod table;
mod text;
mod verify;

pub use attr::{ASSET_ATTR, Attr, Attrs, Constant, FuncRef, VALUE_ATTR};
pub use graph::{Edge, EdgeMap, Graph, IndexHasher, Node, NodeId, NodeMap};
pub use model::{Function, Model, Parameter, Signature, SignatureTensor};
pub use parse::{ParseError, parse_attrs, parse_model, parse_tensors};
pub use print::{attr_text, attrs_text, tensor_text};
pub use shape::{Dim, Shape, Type};
pub use table::{NoOps, OpTable, Outputs};
pub use verify::{CALL_DEPTH_MAX, Defect, verify};
