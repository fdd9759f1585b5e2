//! Products of matrices.

use tensorferry_ir::{Attr, Dim, Shape};
use tensorferry_tensor::{Complex, DType, DenseTensor};

use crate::def::case;
use crate::fast;
use crate::wide::{Narrow, Wide, view};
use crate::{
    Args, Backward, Case, Fact, Fast, Gradient, Op, Result, Spec, Tolerance, Value, checked_len,
};

register![MatMul, BatchMatMul, BatchMatMulV3, FusedMatMul, MatrixBandPart];

attrs! {
    /// Multiplies two matrices, each transposed first if so asked.
    struct MatMul {
        /// The first one is transposed.
        transpose_a: bool = false,
        /// The second one is transposed.
        transpose_b: bool = false,
    }
}

impl Op for MatMul {
    const SPEC: Spec = Spec {
        name: "MatMul",
        inputs: &["a: T", "b: T"],
        outputs: &["product: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[[1, 2], [3, 4]], [[5], [6]]", "", "[[17], [39]]"),
        case("[[1, 2], [3, 4]], [[5, 6]]", "transpose_a=true, transpose_b=true", "[[23], [34]]"),
    ];
    const FAST: &'static [Fast<Self>] = &[Fast {
        name: "packed",
        prepare: |op, inputs| fast::matmul(op.transpose_a, op.transpose_b, inputs),
    }];
    const GRAD: Option<Gradient<Self>> = Some(Self::grad);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let (Some(a), Some(b)) = (inputs[0].dims(), inputs[1].dims()) else {
            return Ok(vec![Shape::of_rank(2)]);
        };
        ensure!(
            a.len() == 2 && b.len() == 2,
            "matrices have 2 dims, not {} and {}",
            a.len(),
            b.len()
        );
        let (m, k) = if self.transpose_a { (a[1], a[0]) } else { (a[0], a[1]) };
        let (l, n) = if self.transpose_b { (b[1], b[0]) } else { (b[0], b[1]) };
        ensure!(k.agrees(l), "rows of {k} and columns of {l} elements do not go together");
        Ok(vec![vec![m, n].into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        Ok(vec![product(a, b, self.transpose_a, self.transpose_b)?.into()])
    }
}

/// A number that products are summed in.
pub(crate) trait Scalar: Copy + Default {
    /// `self + a * b`; integers wrap around.
    fn plus_product(self, a: Self, b: Self) -> Self;
}

macro_rules! scalars {
    ($($ty:ty: |$sum:ident, $a:ident, $b:ident| $formula:expr;)*) => {
        $(impl Scalar for $ty {
            fn plus_product(self, $a: Self, $b: Self) -> Self {
                let $sum = self;
                $formula
            }
        })*
    };
}

scalars! {
    f32: |sum, a, b| sum + a * b;
    f64: |sum, a, b| sum + a * b;
    i64: |sum, a, b| sum.wrapping_add(a.wrapping_mul(b));
    u64: |sum, a, b| sum.wrapping_add(a.wrapping_mul(b));
    tensorferry_tensor::Complex<f64>: |sum, a, b| sum + a * b;
}

/// The matrices of a product: rows, columns and how to step through each.
pub(crate) struct Product {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    a: (usize, usize),
    b: (usize, usize),
}

impl Product {
    /// Of matrices of these shapes.
    pub(crate) fn new(a: &[usize], b: &[usize], flip_a: bool, flip_b: bool) -> Result<Self> {
        let (&[a0, a1], &[b0, b1]) = (a, b) else { fail!("matrices have 2 dims") };
        let (m, k, a) = if flip_a { (a1, a0, (1, a1)) } else { (a0, a1, (a1, 1)) };
        let (l, n, b) = if flip_b { (b1, b0, (1, b1)) } else { (b0, b1, (b1, 1)) };
        ensure!(k == l, "rows of {k} and columns of {l} elements do not go together");
        checked_len(&[m, n])?;
        Ok(Self { m, k, n, a, b })
    }

    /// The product, row by row, each a sum of rows of `b`.
    pub(crate) fn run<T: Scalar>(&self, a: &[T], b: &[T], out: &mut Vec<T>) {
        for i in 0..self.m {
            for j in 0..self.n {
                let sum = (0..self.k).fold(T::default(), |sum, k| {
                    let x = a[i * self.a.0 + k * self.a.1];
                    sum.plus_product(x, b[k * self.b.0 + j * self.b.1])
                });
                out.push(sum);
            }
        }
    }
}

pub(crate) fn product(
    a: &DenseTensor,
    b: &DenseTensor,
    flip_a: bool,
    flip_b: bool,
) -> Result<DenseTensor> {
    let plan = Product::new(a.shape(), b.shape(), flip_a, flip_b)?;
    fn run<T: Scalar + Narrow>(plan: &Product, x: &DenseTensor, a: &[T], b: &[T]) -> DenseTensor {
        let mut out = Vec::with_capacity(plan.m * plan.n);
        plan.run(a, b, &mut out);
        T::narrow(x.dtype(), &[plan.m, plan.n], out)
    }
    Ok(match (view(a), view(b)) {
        (Wide::F32(x), Wide::F32(y)) => run(&plan, a, &x, &y),
        (Wide::F64(x), Wide::F64(y)) => run(&plan, a, &x, &y),
        (Wide::I64(x), Wide::I64(y)) => run(&plan, a, &x, &y),
        (Wide::U64(x), Wide::U64(y)) => run(&plan, a, &x, &y),
        (Wide::C128(x), Wide::C128(y)) => run(&plan, a, &x, &y),
        _ => return Err(crate::rows::refused(a.dtype())),
    })
}

impl MatMul {
    /// d(ab) = da·b + a·db, each side transposed as the inputs are.
    fn grad(&self, g: &mut Backward<'_>) -> Result<Vec<Option<tensorferry_ir::Edge>>> {
        let (a, b, dy) = (g.inputs[0], g.inputs[1], g.dy()?);
        let mut product = |x, y, flip_x: bool, flip_y: bool| {
            let attrs = [("transpose_a", Attr::Bool(flip_x)), ("transpose_b", Attr::Bool(flip_y))];
            g.build.add("MatMul", &[x, y], &attrs)
        };
        let (da, db) = match (self.transpose_a, self.transpose_b) {
            (false, false) => (product(dy, b, false, true), product(a, dy, true, false)),
            (false, true) => (product(dy, b, false, false), product(dy, a, true, false)),
            (true, false) => (product(b, dy, false, true), product(a, dy, false, false)),
            (true, true) => (product(b, dy, true, true), product(dy, a, true, true)),
        };
        Ok(vec![Some(da), Some(db)])
    }
}

/// What is known of the batch dims and the product's own of two stacks of matrices.
pub(crate) fn matrix_dims(fact: &Fact, flip: bool) -> Option<(Shape, Dim, Dim)> {
    let dims = fact.dims()?;
    let (batch, last) = dims.split_at(dims.len().checked_sub(2)?);
    let (rows, columns) = if flip { (last[1], last[0]) } else { (last[0], last[1]) };
    Some((batch.to_vec().into(), rows, columns))
}

/// Stacks of matrices that are multiplied.
struct Stacks {
    plan: Product,
    sizes: (usize, usize),
    /// Which matrices meet.
    pairs: Vec<(usize, usize)>,
    shape: Vec<usize>,
}

impl Stacks {
    fn new(x: &DenseTensor, y: &DenseTensor, adj_x: bool, adj_y: bool) -> Result<Self> {
        ensure!(x.rank() >= 2 && y.rank() >= 2, "matrices have 2 dims");
        let (stack_x, dims_x) = x.shape().split_at(x.rank() - 2);
        let (stack_y, dims_y) = y.shape().split_at(y.rank() - 2);
        let plan = Product::new(dims_x, dims_y, adj_x, adj_y)?;
        let stacks = crate::broadcast::Broadcast::new(stack_x, stack_y)?;
        let mut shape = stacks.shape.clone();
        shape.extend([plan.m, plan.n]);
        checked_len(&shape)?;
        let count = |dims: &[usize]| (0..dims.iter().product()).collect::<Vec<usize>>();
        // The broadcast of their numbers.
        let pairs = stacks.map(&count(stack_x), &count(stack_y), |a, b| (a, b));
        let sizes = (dims_x[0] * dims_x[1], dims_y[0] * dims_y[1]);
        Ok(Self { plan, sizes, pairs, shape })
    }

    fn run<T: Scalar + Narrow>(&self, dtype: DType, a: &[T], b: &[T]) -> DenseTensor {
        let mut out = Vec::new();
        for (i, j) in &self.pairs {
            let (a, b) =
                (&a[i * self.sizes.0..][..self.sizes.0], &b[j * self.sizes.1..][..self.sizes.1]);
            self.plan.run(a, b, &mut out);
        }
        T::narrow(dtype, &self.shape, out)
    }
}

/// The products of two stacks of matrices as elements of type `to`; an adjoint is conjugated.
fn stacked(x: &DenseTensor, y: &DenseTensor, adj: (bool, bool), to: DType) -> Result<Vec<Value>> {
    let stacks = Stacks::new(x, y, adj.0, adj.1)?;
    let conjugated = |all: &[Complex<f64>], is_adjoint: bool| -> Vec<Complex<f64>> {
        all.iter().map(|z| if is_adjoint { z.conj() } else { *z }).collect()
    };
    let signed = |x: &DenseTensor| x.to_i64().ok_or_else(|| crate::rows::refused(x.dtype()));
    Ok(vec![
        match (view(x), view(y)) {
            (Wide::F32(a), Wide::F32(b)) => stacks.run(to, &a, &b),
            (Wide::F64(a), Wide::F64(b)) => stacks.run(to, &a, &b),
            (Wide::C128(a), Wide::C128(b)) => {
                stacks.run(to, &conjugated(&a, adj.0), &conjugated(&b, adj.1))
            }
            (Wide::I64(_) | Wide::U64(_), Wide::I64(_) | Wide::U64(_)) => {
                stacks.run(to, &signed(x)?, &signed(y)?)
            }
            _ => return Err(crate::rows::refused(x.dtype())),
        }
        .into(),
    ])
}

fn infer_stacked(inputs: &[Fact], adj_x: bool, adj_y: bool) -> Result<Vec<Shape>> {
    let (a, b) = (matrix_dims(&inputs[0], adj_x), matrix_dims(&inputs[1], adj_y));
    let (Some((stack_a, m, k)), Some((stack_b, l, n))) = (a, b) else {
        return Ok(vec![Shape::UNKNOWN]);
    };
    ensure!(k.agrees(l), "rows of {k} and columns of {l} elements do not go together");
    let stack = crate::broadcast::broadcast_shapes(&stack_a, &stack_b)?;
    let mut dims = stack.dims().unwrap_or_default().to_vec();
    dims.extend([m, n]);
    Ok(vec![dims.into()])
}

attrs! {
    /// Multiplies stacks of matrices; stacks are brought to one shape.
    struct BatchMatMul {
        /// Those of the first one are transposed, and conjugated.
        adj_x: bool = false,
        /// Those of the second one are transposed, and conjugated.
        adj_y: bool = false,
    }
}

impl Op for BatchMatMul {
    const SPEC: Spec = Spec {
        name: "BatchMatMul",
        aliases: &["BatchMatMulV2"],
        inputs: &["x: T", "y: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[[1, 2]], [[3, 4]]], [[5], [6]]", "", "[[[17]], [[39]]]")];
    const GRAD: Option<Gradient<Self>> =
        Some(|op, g| crate::grads::batch_matmul(g, op.adj_x, op.adj_y));
    const FAST: &'static [Fast<Self>] = &[Fast {
        name: "packed",
        prepare: |op, inputs| fast::batch_matmul(op.adj_x, op.adj_y, inputs),
    }];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_stacked(inputs, self.adj_x, self.adj_y)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
        stacked(x, y, (self.adj_x, self.adj_y), x.dtype())
    }
}

attrs! {
    /// Multiplies stacks of matrices of unlike types.
    struct BatchMatMulV3 {
        /// The type of the products.
        Tout: DType,
        /// Those of the first one are transposed, and conjugated.
        adj_x: bool = false,
        /// Those of the second one are transposed, and conjugated.
        adj_y: bool = false,
    }
}

impl Op for BatchMatMulV3 {
    const SPEC: Spec = Spec {
        name: "BatchMatMulV3",
        inputs: &["x: Ta", "y: Tb"],
        outputs: &["output: Tout"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("int8[[100, 100]], int8[[100], [100]]", "Tout=int32", "int32[[20000]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_stacked(inputs, self.adj_x, self.adj_y)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        stacked(inputs.tensor(0)?, inputs.tensor(1)?, (self.adj_x, self.adj_y), self.Tout)
    }
}

attrs! {
    /// Multiplies two matrices, adds a bias and applies an activation.
    struct FusedMatMul {
        /// The first one is transposed.
        transpose_a: bool = false,
        /// The second one is transposed.
        transpose_b: bool = false,
        /// What follows, in order, such as `BiasAdd` and `Relu`.
        fused_ops: Vec<String> = Vec::new(),
        /// The slope of `LeakyRelu`.
        leakyrelu_alpha: f32 = 0.2,
    }
}

impl Op for FusedMatMul {
    const SPEC: Spec = Spec {
        name: "_FusedMatMul",
        inputs: &["a: T", "b: T", "args: num_args*T"],
        outputs: &["product: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case(
        "[[1, 2]], [[3, -4], [5, 1]], [1, 1]",
        "fused_ops=[\"BiasAdd\", \"Relu\"]",
        "[[14, 0]]",
    )];
    const FAST: &'static [Fast<Self>] = &[Fast {
        name: "packed",
        prepare: |op, inputs| {
            let way = fast::matmul(op.transpose_a, op.transpose_b, inputs)?;
            let y = Fact::new(inputs[0].ty, op.infer(inputs).ok()?.remove(0));
            fast::fused(way, &y, &op.fused_ops, &inputs[2..], op.leakyrelu_alpha)
        },
    }];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let op = MatMul { transpose_a: self.transpose_a, transpose_b: self.transpose_b };
        op.infer(inputs)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let y = product(a, b, self.transpose_a, self.transpose_b)?;
        let args = inputs.tensors(2, inputs.len())?;
        crate::epilogue::apply(y, &self.fused_ops, &args, self.leakyrelu_alpha, "NHWC")
    }
}

attrs! {
    /// Keeps a band around the diagonal of matrices; a negative width keeps all on that side.
    struct MatrixBandPart {}
}

impl Op for MatrixBandPart {
    const SPEC: Spec = Spec {
        name: "MatrixBandPart",
        inputs: &["input: T", "num_lower: Tindex", "num_upper: Tindex"],
        outputs: &["band: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2], [3, 4]], int64 0, int64 -1", "", "[[1, 2], [0, 4]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, lower, upper) = (inputs.tensor(0)?, inputs.int(1)?, inputs.int(2)?);
        let &[.., m, n] = x.shape() else { fail!("matrices have 2 dims") };
        let zero = DenseTensor::zeros(x.dtype(), &[]).unwrap_or_else(|| x.clone());
        let is_kept = |i: usize| {
            let (row, column) = (i / n % m, i % n);
            let below = row.cast_signed() as i64 - column.cast_signed() as i64;
            (lower < 0 || below <= lower) && (upper < 0 || -below <= upper)
        };
        let mut runs = (0..x.len()).map(|i| match is_kept(i) {
            true => tensorferry_tensor::Run::once(0, i, 1),
            false => tensorferry_tensor::Run::once(1, 0, 1),
        });
        Ok(vec![tensorferry_tensor::assemble(x.shape(), &[x, &zero], &mut runs).into()])
    }
}
