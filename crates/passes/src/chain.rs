//! Nodes that one node is said with.

use tensorferry_ir::{Attr, Attrs, Edge, NodeId, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::editor::Editor;

/// The attributes of a cast.
pub(crate) fn cast(from: Type, to: Type) -> Attrs {
    [("SrcT".to_owned(), Attr::Type(from)), ("DstT".to_owned(), Attr::Type(to))].into()
}

const INT: Type = Type::Data(DType::Int32);

/// Nodes that are put before the last one, named after it.
pub(crate) struct Chain<'e, 'g> {
    editor: &'e mut Editor<'g>,
    id: NodeId,
    name: String,
}

impl<'e, 'g> Chain<'e, 'g> {
    /// Nodes for the node `id`.
    pub(crate) fn new(editor: &'e mut Editor<'g>, id: NodeId) -> Self {
        let name = editor.node(id).name.clone();
        Self { editor, id, name }
    }

    /// The attribute `T`.
    pub(crate) fn typed(ty: Type) -> Attrs {
        [("T".to_owned(), Attr::Type(ty))].into()
    }

    /// `T` and others.
    pub(crate) fn with(ty: Type, others: &[(&str, Attr)]) -> Attrs {
        let mut attrs = Self::typed(ty);
        attrs.extend(others.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone())));
        attrs
    }

    /// Another node.
    pub(crate) fn push(&mut self, op: &str, inputs: &[Edge], attrs: Attrs) -> Edge {
        let name = format!("{}/{}", self.name, op.to_ascii_lowercase());
        self.editor.push(&name, op, inputs, attrs).into()
    }

    /// Another node whose only attribute is its type.
    pub(crate) fn simple(&mut self, op: &str, inputs: &[Edge], ty: Type) -> Edge {
        self.push(op, inputs, Self::typed(ty))
    }

    /// The same values in another type.
    pub(crate) fn cast(&mut self, x: Edge, from: Type, to: Type) -> Edge {
        if from == to { x } else { self.push("Cast", &[x], cast(from, to)) }
    }

    /// The same elements in another shape; -1 is what is left.
    pub(crate) fn reshape(&mut self, x: Edge, ty: Type, dims: Vec<i32>) -> Edge {
        let shape = self.ints("shape", dims);
        self.push("Reshape", &[x, shape], Self::reshape_attrs(ty))
    }

    /// The attributes of a reshape.
    pub(crate) fn reshape_attrs(ty: Type) -> Attrs {
        Self::with(ty, &[("Tshape", Attr::Type(INT))])
    }

    /// The axes in another order.
    pub(crate) fn transpose(&mut self, x: Edge, ty: Type, order: Vec<i32>) -> Edge {
        let order = self.ints("order", order);
        self.push("Transpose", &[x, order], Self::with(ty, &[("Tperm", Attr::Type(INT))]))
    }

    /// Slices of `x` along an axis; the indices are int32.
    pub(crate) fn gather(
        &mut self,
        x: Edge,
        ty: Type,
        indices: Edge,
        axis: i32,
        batch_dims: i64,
    ) -> Edge {
        let axis = self.constant("axis", DenseTensor::scalar(axis));
        self.push("GatherV2", &[x, indices, axis], Self::gather_attrs(ty, batch_dims))
    }

    /// The attributes of a gather.
    pub(crate) fn gather_attrs(ty: Type, batch_dims: i64) -> Attrs {
        [
            ("Tparams".to_owned(), Attr::Type(ty)),
            ("Tindices".to_owned(), Attr::Type(INT)),
            ("Taxis".to_owned(), Attr::Type(INT)),
            ("batch_dims".to_owned(), Attr::Int(batch_dims)),
        ]
        .into()
    }

    /// A reduction such as `Sum`.
    pub(crate) fn reduce(
        &mut self,
        op: &str,
        x: Edge,
        ty: Type,
        axes: Vec<i32>,
        keep_dims: bool,
    ) -> Edge {
        let axes = self.ints("axes", axes);
        self.push(op, &[x, axes], Self::reduce_attrs(ty, keep_dims))
    }

    /// The attributes of a reduction.
    pub(crate) fn reduce_attrs(ty: Type, keep_dims: bool) -> Attrs {
        Self::with(ty, &[("Tidx", Attr::Type(INT)), ("keep_dims", Attr::Bool(keep_dims))])
    }

    /// Tensors one behind the other.
    pub(crate) fn concat(&mut self, parts: &[Edge], ty: Type, axis: i32) -> Edge {
        let axis = self.constant("axis", DenseTensor::scalar(axis));
        let n = i64::try_from(parts.len()).unwrap_or(0);
        let attrs = Self::with(ty, &[("N", Attr::Int(n)), ("Tidx", Attr::Type(INT))]);
        let inputs = [parts, &[axis]].concat();
        self.push("ConcatV2", &inputs, attrs)
    }

    /// A constant.
    pub(crate) fn constant(&mut self, what: &str, value: DenseTensor) -> Edge {
        let name = format!("{}/{what}", self.name);
        self.editor.push_constant(&name, value)
    }

    /// A number of a type, without dims.
    pub(crate) fn number(&mut self, what: &str, ty: Type, value: f64) -> Option<Edge> {
        Some(self.constant(what, scalar(ty, value)?))
    }

    /// A list of whole numbers.
    pub(crate) fn ints(&mut self, what: &str, values: Vec<i32>) -> Edge {
        self.constant(what, DenseTensor::vector(values))
    }

    /// What the node itself becomes.
    pub(crate) fn finish(self, op: &str, inputs: &[Edge], attrs: Attrs) -> Option<()> {
        self.editor.set(self.id, op, inputs, attrs);
        Some(())
    }

    /// Lets readers of another output of the node read `value`.
    pub(crate) fn answer(&mut self, output: u32, value: Edge) {
        self.editor.replace(Edge { node: self.id, output }, value);
    }
}

/// A number of a type that is computed with.
pub(crate) fn scalar(ty: Type, value: f64) -> Option<DenseTensor> {
    Some(match ty.dtype()? {
        DType::Float32 => DenseTensor::scalar(value as f32),
        DType::Float64 => DenseTensor::scalar(value),
        DType::Int8 => DenseTensor::scalar(value as i8),
        DType::Int16 => DenseTensor::scalar(value as i16),
        DType::Int32 => DenseTensor::scalar(value as i32),
        DType::Int64 => DenseTensor::scalar(value as i64),
        DType::UInt8 => DenseTensor::scalar(value as u8),
        _ => return None,
    })
}

/// Dims as the numbers of a shape; at most one is unknown, and is -1.
pub(crate) fn shape_of(dims: &[tensorferry_ir::Dim]) -> Option<Vec<i32>> {
    let n_unknown = dims.iter().filter(|dim| dim.known().is_none()).count();
    let number = |dim: &tensorferry_ir::Dim| match dim.known() {
        Some(n) => i32::try_from(n).ok(),
        None => Some(-1),
    };
    // A 0 beside a -1 leaves the -1 open.
    let is_open = n_unknown == 1 && dims.iter().any(|dim| dim.known() == Some(0));
    (n_unknown <= 1 && !is_open).then(|| dims.iter().map(number).collect())?
}
