//! The form of an op's definition.

use tensorferry_ir::{Attrs, Shape};
use tensorferry_tensor::DenseTensor;

use crate::{Args, AttrSpec, Attributes, Backward, Border, Context, Error, Fact, Fast, Follow};
use crate::{InferContext, Result, Spec, Value, Way};

/// Builds the nodes that compute the gradient of each input; `None` for inputs that have none.
pub type Gradient<O> = fn(&O, &mut Backward<'_>) -> Result<Vec<Option<tensorferry_ir::Edge>>>;

/// An op: what is stated of it, and what it does. `self` has the attributes of one node.
pub trait Op: Attributes + Clone + Send + Sync + 'static {
    /// The facts that are data.
    const SPEC: Spec;

    /// Worked examples: tests, documentation and seeds of reference data. Ops that need functions
    /// or state have theirs as graphs in the tests of `runtime`.
    const CASES: &'static [Case];

    /// Faster ways, tried in order.
    const FAST: &'static [Fast<Self>] = &[];

    /// The gradient.
    const GRAD: Option<Gradient<Self>> = None;

    /// The shapes of the outputs. Their types follow from the spec.
    ///
    /// # Errors
    /// When no value with these facts could be taken.
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>>;

    /// The same for ops that run functions.
    ///
    /// # Errors
    /// As [`Op::infer`].
    fn infer_in(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>> {
        let _ = context;
        self.infer(inputs)
    }

    /// Outputs that follow from facts alone, such as the shape of an input.
    fn known(&self, inputs: &[Fact]) -> Option<Vec<DenseTensor>> {
        let _ = inputs;
        None
    }

    /// What it does to its input `through`, said as one step after whatever gives that input, for
    /// those who do several steps at once. The result has the shape of that input.
    fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
        let _ = (inputs, through);
        None
    }

    /// Elements of outputs that follow from facts alone, where not all are known.
    fn known_elements(&self, inputs: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
        let _ = inputs;
        None
    }

    /// The zeros that it puts around images, when that is all it does to its first input.
    fn border(&self, inputs: &[Fact]) -> Option<Border> {
        let _ = inputs;
        None
    }

    /// The outputs, computed clearly.
    ///
    /// # Errors
    /// When the inputs cannot be taken.
    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        drop(inputs);
        Err(Error::unsupported("the op runs only as a part of a graph"))
    }

    /// The same for ops that run functions or hold state.
    ///
    /// # Errors
    /// As [`Op::eval`].
    fn eval_in(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        let _ = context;
        self.eval(inputs)
    }
}

/// A worked example, in the text form's literals.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The inputs, such as `[[1, 2]], int32[0]`.
    pub inputs: &'static str,
    /// The attributes, such as `keep_dims=true`.
    pub attrs: &'static str,
    /// The outputs.
    pub outputs: &'static str,
}

/// A worked example.
pub(crate) const fn case(inputs: &'static str, attrs: &'static str, outputs: &'static str) -> Case {
    Case { inputs, attrs, outputs }
}

/// An [`Op`] with its attributes, whichever it is.
pub trait DynOp: Send + Sync {
    /// See [`Op::infer`].
    ///
    /// # Errors
    /// As there.
    fn infer(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>>;
    /// See [`Op::known`].
    fn known(&self, inputs: &[Fact]) -> Option<Vec<DenseTensor>>;
    /// See [`Op::known_elements`].
    fn known_elements(&self, inputs: &[Fact]) -> Option<Vec<Vec<Option<i64>>>>;
    /// See [`Op::eval`].
    ///
    /// # Errors
    /// As there.
    fn eval(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>>;
    /// The first of [`Op::FAST`] from `start` on that can be used, made ready.
    fn prepare(&self, start: usize, inputs: &[Fact]) -> Option<(usize, &'static str, Way)>;
    /// See [`Op::follow`].
    fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow>;
    /// See [`Op::border`].
    fn border(&self, inputs: &[Fact]) -> Option<Border>;
    /// See [`Op::GRAD`]; `None` when there is none.
    fn grad(
        &self,
        backward: &mut Backward<'_>,
    ) -> Option<Result<Vec<Option<tensorferry_ir::Edge>>>>;
    /// The attributes as a node has them.
    fn attrs(&self) -> Attrs;
}

impl<O: Op> DynOp for O {
    fn infer(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>> {
        self.infer_in(inputs, context)
    }

    fn known(&self, inputs: &[Fact]) -> Option<Vec<DenseTensor>> {
        Op::known(self, inputs)
    }

    fn known_elements(&self, inputs: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
        Op::known_elements(self, inputs)
    }

    fn eval(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        self.eval_in(inputs, context)
    }

    fn prepare(&self, start: usize, inputs: &[Fact]) -> Option<(usize, &'static str, Way)> {
        let all = O::FAST.iter().enumerate().skip(start);
        all.filter_map(|(i, fast)| Some((i, fast.name, (fast.prepare)(self, inputs)?))).next()
    }

    fn follow(&self, inputs: &[Fact], through: usize) -> Option<Follow> {
        Op::follow(self, inputs, through)
    }

    fn border(&self, inputs: &[Fact]) -> Option<Border> {
        Op::border(self, inputs)
    }

    fn grad(
        &self,
        backward: &mut Backward<'_>,
    ) -> Option<Result<Vec<Option<tensorferry_ir::Edge>>>> {
        O::GRAD.map(|grad| grad(self, backward))
    }

    fn attrs(&self) -> Attrs {
        self.write()
    }
}

/// An op as the registry has it.
#[derive(Debug, Clone, Copy)]
pub struct OpDef {
    /// The facts that are data.
    pub spec: Spec,
    /// What it does.
    pub doc: &'static str,
    /// Its attributes.
    pub attrs: fn() -> Vec<AttrSpec>,
    /// Reads a node's attributes.
    pub build: fn(&Attrs) -> Result<Box<dyn DynOp>>,
    /// It has a gradient.
    pub has_grad: bool,
    /// Number of its faster ways.
    pub n_fast: usize,
}

impl OpDef {
    /// The definition of `O`.
    pub const fn of<O: Op>() -> Self {
        Self {
            spec: O::SPEC,
            doc: O::DOC,
            attrs: O::specs,
            build: |attrs| Ok(Box::new(O::read(attrs)?)),
            has_grad: O::GRAD.is_some(),
            n_fast: O::FAST.len(),
        }
    }
}

/// The worked examples of an op, kept apart so that a program without tests does not hold them.
#[derive(Debug, Clone, Copy)]
pub struct Examples {
    /// The op's name.
    pub op: &'static str,
    /// Its examples.
    pub cases: &'static [Case],
}

impl Examples {
    /// The examples of `O`.
    pub const fn of<O: Op>() -> Self {
        Self { op: O::SPEC.name, cases: O::CASES }
    }
}

/// Lists the ops of a file.
macro_rules! register {
    ($($op:ident),* $(,)?) => {
        /// The ops of this family.
        pub(crate) static OPS: &[$crate::OpDef] = &[$($crate::OpDef::of::<$op>()),*];
        /// Their worked examples.
        pub(crate) static EXAMPLES: &[$crate::Examples] = &[$($crate::Examples::of::<$op>()),*];
    };
}
