//! Products of matrices.

use tensorferry_ir::{Attr, Dim, Shape};
use tensorferry_tensor::DenseTensor;

use crate::def::case;
use crate::wide::{Narrow, Wide, view};
use crate::{
    Args, Backward, Case, Fact, Fast, Gradient, Op, Result, Spec, Tolerance, Value, checked_len,
};

register![MatMul];

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
    const FAST: &'static [Fast<Self>] =
        &[Fast { name: "rows", applies: |_, x| is_f32(x), run: |op, inputs| op.fast(&inputs) }];
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

fn product(a: &DenseTensor, b: &DenseTensor, flip_a: bool, flip_b: bool) -> Result<DenseTensor> {
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

fn is_f32(inputs: &[Fact]) -> bool {
    let single = tensorferry_tensor::DType::Float32.into();
    inputs.iter().all(|fact| fact.ty == single)
}

impl MatMul {
    /// Rows of `b` are added to a row of the result, which the compiler turns into vectors.
    fn fast(&self, inputs: &Args) -> Result<Vec<Value>> {
        let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let plan = Product::new(x.shape(), y.shape(), self.transpose_a, self.transpose_b)?;
        let flipped;
        let b: &[f32] = if self.transpose_b {
            flipped = crate::walk::transposed(y, &[1, 0]);
            flipped.as_slice().unwrap_or_default()
        } else {
            inputs.slice(1)?
        };
        let a: &[f32] = inputs.slice(0)?;
        let mut out = vec![0.0_f32; plan.m * plan.n];
        for (i, row) in out.chunks_exact_mut(plan.n.max(1)).enumerate() {
            for k in 0..plan.k {
                let factor = a[i * plan.a.0 + k * plan.a.1];
                let from = &b[k * plan.n..(k + 1) * plan.n];
                row.iter_mut().zip(from).for_each(|(sum, x)| *sum += factor * x);
            }
        }
        Ok(vec![DenseTensor::new(&[plan.m, plan.n], out).into()])
    }

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
