//! Constants, inputs, and ops that pass values on.

use tensorferry_ir::{Constant, Shape};
use tensorferry_tensor::{DType, DenseTensor};

use crate::def::case;
use crate::{Args, Case, Effect, Error, Fact, Gradient, Op, Result, Spec, Value};

register![Const, Placeholder, Identity, NoOp];

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
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2]", "", "[1, 2]")];
    const GRAD: Option<Gradient<Self>> = Some(|_, g| Ok(vec![Some(g.dy()?)]));

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
