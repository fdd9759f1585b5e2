//! Constants, inputs, and ops that pass values on.

use tensorferry_ir::{Constant, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::{Args, Case, Effect, Error, Fact, Gradient, Op, Result, Spec, Value};

register![
    Const,
    Placeholder,
    PlaceholderWithDefault,
    Identity,
    IdentityN,
    NoOp,
    Rank,
    ShapeOf,
    ShapeN,
    Size
];

attrs! {
    /// A tensor that is part of the graph.
    struct Const {
        /// Its elements' type.
        dtype: DType,
        /// The tensor.
        value: Constant,
    }
}

impl Op for Const {
    const SPEC: Spec = Spec { name: "Const", outputs: &["output: dtype"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("", "dtype=int32, value=int32[1, 2]", "int32[1, 2]")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        let dims = self.value.shape().into_iter().map(usize::try_from);
        let dims: Vec<usize> =
            dims.collect::<std::result::Result<_, _>>().map_err(|e| Error::limit(e.to_string()))?;
        Ok(vec![Shape::of(&dims)])
    }

    fn eval(&self, _: Args) -> Result<Vec<Value>> {
        Ok(vec![self.value.dense()?.into()])
    }
}

attrs! {
    /// An input of the graph, which a caller feeds.
    struct Placeholder {
        /// Its type.
        dtype: tensorferry_ir::Type,
        /// What is known of its shape.
        shape: Shape = Shape::UNKNOWN,
    }
}

impl Op for Placeholder {
    const SPEC: Spec = Spec {
        name: "Placeholder",
        aliases: &["PlaceholderV2"],
        outputs: &["output: dtype"],
        effect: Effect::Stateful,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![self.shape.clone()])
    }

    fn eval(&self, _: Args) -> Result<Vec<Value>> {
        Err(Error::invalid("the input is not fed"))
    }
}

attrs! {
    /// Gives its input.
    struct Identity {}
}

impl Op for Identity {
    const SPEC: Spec = Spec {
        name: "Identity",
        aliases: &["Snapshot", "StopGradient", "PreventGradient", "RefIdentity", "LoopCond"],
        inputs: &["input: T"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2]", "", "[1, 2]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::identity);

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn known(&self, x: &[Fact]) -> Option<Vec<DenseTensor>> {
        Some(vec![x[0].value.clone()?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        Ok(inputs.into_values())
    }
}

attrs! {
    /// Does nothing; control edges may end and begin at it.
    struct NoOp {}
}

impl Op for NoOp {
    const SPEC: Spec = Spec { name: "NoOp", ..Spec::PURE };
    const CASES: &'static [Case] = &[case("", "", "")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(Vec::new())
    }

    fn eval(&self, _: Args) -> Result<Vec<Value>> {
        Ok(Vec::new())
    }
}

attrs! {
    /// An input of the graph that has a value where a caller feeds none.
    struct PlaceholderWithDefault {
        /// What is known of its shape.
        shape: Shape = Shape::UNKNOWN,
    }
}

impl Op for PlaceholderWithDefault {
    const SPEC: Spec = Spec {
        name: "PlaceholderWithDefault",
        inputs: &["input: dtype"],
        outputs: &["output: dtype"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1]", "shape=<?>", "[1]")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![self.shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let found = Shape::of(inputs.value(0)?.shape());
        ensure!(self.shape.agrees(&found), "the default is {found}, expected {}", self.shape);
        Ok(inputs.into_values())
    }
}

attrs! {
    /// Gives its inputs.
    struct IdentityN {}
}

impl Op for IdentityN {
    const SPEC: Spec = Spec {
        name: "IdentityN",
        inputs: &["input: T..."],
        outputs: &["output: T..."],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1], int32[2]", "", "[1], int32[2]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(inputs.iter().map(|fact| fact.shape.clone()).collect())
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        Ok(inputs.into_values())
    }
}

/// Dims as a tensor of `int32` or `int64`.
fn ints(dtype: DType, shape: &[usize], all: Vec<i64>) -> DenseTensor {
    crate::wide::Narrow::narrow(dtype, shape, all)
}

fn dims(shape: &[usize], dtype: DType) -> DenseTensor {
    ints(dtype, &[shape.len()], shape.iter().map(|dim| dim.cast_signed() as i64).collect())
}

/// The dims as elements, unknown ones included; `None` when not even their number is known.
fn known_dims(fact: &Fact) -> Option<Vec<Option<i64>>> {
    let dim = |dim: &tensorferry_ir::Dim| dim.known().map(|n| n.cast_signed() as i64);
    Some(fact.dims()?.iter().map(dim).collect())
}

attrs! {
    /// The shape of a tensor.
    struct ShapeOf {
        /// The type of the dims.
        out_type: DType = DType::Int32,
    }
}

impl Op for ShapeOf {
    const SPEC: Spec =
        Spec { name: "Shape", inputs: &["input: T"], outputs: &["output: out_type"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("[[1, 2, 3]]", "", "int32[1, 3]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].rank().map_or(Shape::of_rank(1), Shape::vector)])
    }

    fn known(&self, x: &[Fact]) -> Option<Vec<DenseTensor>> {
        Some(vec![dims(&x[0].shape.known()?, self.out_type)])
    }

    fn known_elements(&self, x: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
        Some(vec![known_dims(&x[0])?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        Ok(vec![dims(inputs.value(0)?.shape(), self.out_type).into()])
    }
}

attrs! {
    /// The shape of each of several tensors.
    struct ShapeN {
        /// The type of the dims.
        out_type: DType = DType::Int32,
    }
}

impl Op for ShapeN {
    const SPEC: Spec = Spec {
        name: "ShapeN",
        inputs: &["input: N*T"],
        outputs: &["output: N*out_type"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2, 3]], [1]", "", "int32[1, 3], int32[1]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(x.iter().map(|x| x.rank().map_or(Shape::of_rank(1), Shape::vector)).collect())
    }

    fn known(&self, x: &[Fact]) -> Option<Vec<DenseTensor>> {
        x.iter().map(|x| Some(dims(&x.shape.known()?, self.out_type))).collect()
    }

    fn known_elements(&self, x: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
        x.iter().map(known_dims).collect()
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let all = inputs.into_values();
        Ok(all.iter().map(|x| dims(x.shape(), self.out_type).into()).collect())
    }
}

attrs! {
    /// The number of axes.
    struct Rank {}
}

impl Op for Rank {
    const SPEC: Spec =
        Spec { name: "Rank", inputs: &["input: T"], outputs: &["output: int32"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("[[1]]", "", "int32 2")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::scalar()])
    }

    fn known(&self, x: &[Fact]) -> Option<Vec<DenseTensor>> {
        Some(vec![ints(DType::Int32, &[], vec![x[0].rank()?.cast_signed() as i64])])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let rank = inputs.value(0)?.shape().len();
        Ok(vec![ints(DType::Int32, &[], vec![rank.cast_signed() as i64]).into()])
    }
}

attrs! {
    /// The number of elements.
    struct Size {
        /// The type of the number.
        out_type: DType = DType::Int32,
    }
}

impl Op for Size {
    const SPEC: Spec =
        Spec { name: "Size", inputs: &["input: T"], outputs: &["output: out_type"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("[[1, 2]]", "", "int32 2")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::scalar()])
    }

    fn known(&self, x: &[Fact]) -> Option<Vec<DenseTensor>> {
        Some(vec![ints(self.out_type, &[], vec![x[0].shape.n_elements()?.cast_signed() as i64])])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let n: usize = inputs.value(0)?.shape().iter().product();
        Ok(vec![ints(self.out_type, &[], vec![n.cast_signed() as i64]).into()])
    }
}
