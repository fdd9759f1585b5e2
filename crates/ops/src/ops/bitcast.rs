//! Elements as other elements of the same bits.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::{Error, Fact, Result};

register![Bitcast];

/// The size of an element; truth and strings have no bits to speak of.
fn size(dtype: DType) -> Result<usize> {
    let size = dtype.byte_size().filter(|_| dtype != DType::Bool);
    size.ok_or_else(|| Error::invalid(format!("elements of type {dtype} cannot be taken")))
}

/// The shape of the same bits: a last axis comes where elements get smaller, and goes where they get
/// larger.
fn shape(x: &[Dim], from: usize, to: usize) -> Result<Vec<Dim>> {
    let mut dims = x.to_vec();
    if from > to {
        dims.push(Dim::Known(from / to));
    } else if to > from {
        match dims.pop() {
            Some(Dim::Known(n)) => ensure!(n == to / from, "{n} elements do not make one"),
            Some(Dim::Unknown) => {}
            None => fail!("a scalar is too small"),
        }
    }
    Ok(dims)
}

op! {
    /// The bits of elements as elements of another type.
    Bitcast = "Bitcast", Pure {
        /// The type that comes out.
        r#type: DType,
        /// The type that goes in.
        T: Option<DType>,
    }
    ("input: T") -> ("output: type")
    [case("[1, -2]", "type=int32", "int32[1065353216, -1073741824]"),
     case("int32[1, 256]", "type=uint8", "uint8[[1, 0, 0, 0], [0, 1, 0, 0]]"),
     case("int16[[1, 0], [0, 1]]", "type=int32", "int32[1, 65536]")]
    infer(op, x) {
        let from = x[0].ty.dtype().ok_or_else(|| Error::invalid("a handle has no bits"))?;
        let Some(dims) = x[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
        Ok(vec![shape(dims, size(from)?, size(op.r#type)?)?.into()])
    }
    eval(op, x, context) {
        let tensor = x.tensor(0)?;
        let dims = Fact::of(tensor).dims().unwrap_or_default().to_vec();
        let dims = shape(&dims, size(tensor.dtype())?, size(op.r#type)?)?;
        let shape = Shape(Some(dims)).known();
        let shape = shape.ok_or_else(|| Error::invalid("the shape is not known"))?;
        let y = DenseTensor::from_bytes(op.r#type, &shape, tensor.to_bytes());
        Ok(vec![y.map_err(|error| Error::invalid(error.to_string()))?.into()])
    }
}
