//! Ops that take matrices apart and solve equations.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{Complex, DType, DenseTensor};

use crate::def::case;
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![
    Cholesky,
    Cross,
    LogMatrixDeterminant,
    MatrixDeterminant,
    MatrixInverse,
    MatrixSolve,
    MatrixTriangularSolve,
    Qr,
    SelfAdjointEigV2,
    Svd,
];

type C = Complex<f64>;

/// Everything is computed in double precision; TensorFlow's single precision loses digits with the
/// condition of the matrix.
const SOLVED: Tolerance = Tolerance::Close { rel: 1e-4, abs: 1e-4 };

/// Rotations of each pair of columns until nothing is left to do; more never helped.
const SWEEPS_MAX: usize = 60;

/// A matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
struct Matrix {
    rows: usize,
    columns: usize,
    all: Vec<C>,
}

const ZERO: C = Complex { re: 0.0, im: 0.0 };
const ONE: C = Complex { re: 1.0, im: 0.0 };

fn real(x: f64) -> C {
    Complex::new(x, 0.0)
}

/// The square of the absolute value.
fn square(z: C) -> f64 {
    z.re * z.re + z.im * z.im
}

impl Matrix {
    fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, all: vec![ZERO; rows * columns] }
    }

    fn identity(n: usize) -> Self {
        let mut all = Self::zeros(n, n);
        (0..n).for_each(|i| all.set(i, i, ONE));
        all
    }

    fn at(&self, row: usize, column: usize) -> C {
        self.all[row * self.columns + column]
    }

    fn set(&mut self, row: usize, column: usize, x: C) {
        self.all[row * self.columns + column] = x;
    }

    /// Rows as columns, conjugated.
    fn adjoint(&self) -> Self {
        let mut all = Self::zeros(self.columns, self.rows);
        for row in 0..self.rows {
            for column in 0..self.columns {
                all.set(column, row, self.at(row, column).conj());
            }
        }
        all
    }

    /// The first rows and columns.
    fn part(&self, rows: usize, columns: usize) -> Self {
        let mut all = Self::zeros(rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                all.set(row, column, self.at(row, column));
            }
        }
        all
    }

    fn swap_rows(&mut self, a: usize, b: usize) {
        for column in 0..self.columns {
            self.all.swap(a * self.columns + column, b * self.columns + column);
        }
    }

    /// Row `to` less a multiple of row `from`.
    fn subtract(&mut self, to: usize, from: usize, factor: C) {
        for column in 0..self.columns {
            let x = self.at(to, column) - factor * self.at(from, column);
            self.set(to, column, x);
        }
    }
}

/// The lower and upper triangle in one, by elimination with the largest pivot; the rows of `other`
/// follow. The sign is that of the row exchanges.
fn eliminate(a: &mut Matrix, other: &mut Matrix) -> f64 {
    let mut sign = 1.0;
    for i in 0..a.columns.min(a.rows) {
        let size = |row: &usize| square(a.at(*row, i));
        let pivot = (i..a.rows).max_by(|x, y| size(x).total_cmp(&size(y))).unwrap_or(i);
        if pivot != i {
            a.swap_rows(i, pivot);
            other.swap_rows(i, pivot);
            sign = -sign;
        }
        if a.at(i, i) == ZERO {
            continue;
        }
        for row in i + 1..a.rows {
            let factor = a.at(row, i) / a.at(i, i);
            a.subtract(row, i, factor);
            other.subtract(row, i, factor);
        }
    }
    sign
}

/// x of a x = b for a triangle `a`.
fn solve_triangle(a: &Matrix, b: &Matrix, is_lower: bool) -> Result<Matrix> {
    let (n, mut x) = (a.rows, b.clone());
    for step in 0..n {
        let i = if is_lower { step } else { n - 1 - step };
        ensure!(a.at(i, i) != ZERO, "the matrix is not invertible");
        let done = if is_lower { 0..i } else { i + 1..n };
        for column in 0..x.columns {
            let sum =
                done.clone().fold(x.at(i, column), |sum, k| sum - a.at(i, k) * x.at(k, column));
            x.set(i, column, sum / a.at(i, i));
        }
    }
    Ok(x)
}

/// x of a x = b.
fn solve(a: &Matrix, b: &Matrix) -> Result<Matrix> {
    let (mut a, mut b) = (a.clone(), b.clone());
    eliminate(&mut a, &mut b);
    solve_triangle(&a, &b, false)
}

/// The lower triangle whose product with its adjoint is `a`, of which only the lower half is looked at;
/// NaN when there is none.
fn cholesky(a: &Matrix) -> Matrix {
    let n = a.rows;
    let mut lower = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..=i {
            let sum =
                (0..j).fold(a.at(i, j), |sum, k| sum - lower.at(i, k) * lower.at(j, k).conj());
            if i == j {
                if sum.re <= 0.0 || sum.re.is_nan() {
                    return Matrix { rows: n, columns: n, all: vec![real(f64::NAN); n * n] };
                }
                lower.set(i, i, real(sum.re.sqrt()));
            } else {
                lower.set(i, j, sum / lower.at(j, j));
            }
        }
    }
    lower
}

/// Q and R by Householder's reflections: R's diagonal is real, and its sign the opposite of the
/// column's first element, as LAPACK and Eigen have it.
fn qr(a: &Matrix) -> (Matrix, Matrix) {
    let (m, n) = (a.rows, a.columns);
    let (mut q, mut r) = (Matrix::identity(m), a.clone());
    for k in 0..m.min(n) {
        let first = r.at(k, k);
        let tail: f64 = (k + 1..m).map(|row| square(r.at(row, k))).sum();
        if tail <= f64::MIN_POSITIVE && first.im == 0.0 {
            continue;
        }
        let norm = (square(first) + tail).sqrt();
        let beta = if first.re >= 0.0 { -norm } else { norm };
        let mut v = vec![ZERO; m];
        v[k] = ONE;
        for (row, place) in v.iter_mut().enumerate().skip(k + 1) {
            *place = r.at(row, k) / (first - real(beta));
        }
        let tau = ((real(beta) - first) / real(beta)).conj();
        reflect(&mut r, &v, tau, true);
        // What turns R back, on the other side of Q.
        reflect(&mut q, &v, tau.conj(), false);
        (k + 1..m).for_each(|row| r.set(row, k, ZERO));
    }
    (q, r)
}

/// `a` less tau times v v* a, or from the other side a v v*.
fn reflect(a: &mut Matrix, v: &[C], tau: C, is_left: bool) {
    let (outer, inner) = if is_left { (a.columns, a.rows) } else { (a.rows, a.columns) };
    for i in 0..outer {
        let at = |a: &Matrix, j: usize| if is_left { a.at(j, i) } else { a.at(i, j) };
        let sum = (0..inner)
            .fold(ZERO, |sum, j| sum + at(a, j) * if is_left { v[j].conj() } else { v[j] });
        let factor = tau * sum;
        for (j, v) in v.iter().enumerate() {
            let x = at(a, j) - factor * if is_left { *v } else { v.conj() };
            if is_left { a.set(j, i, x) } else { a.set(i, j, x) }
        }
    }
}

/// Rotates pairs of columns of `a` until they are orthogonal (Jacobi, one-sided), and those of `v`
/// with them.
fn orthogonalize(a: &mut Matrix, v: &mut Matrix) {
    const SMALL: f64 = 1e-15;
    for _ in 0..SWEEPS_MAX {
        let mut is_done = true;
        for p in 0..a.columns {
            for q in p + 1..a.columns {
                let column = |a: &Matrix, c: usize| -> f64 {
                    (0..a.rows).map(|row| square(a.at(row, c))).sum()
                };
                let (alpha, beta) = (column(a, p), column(a, q));
                let gamma =
                    (0..a.rows).fold(ZERO, |sum, row| sum + a.at(row, p).conj() * a.at(row, q));
                let size = gamma.abs();
                if size <= SMALL * (alpha * beta).sqrt() || size == 0.0 {
                    continue;
                }
                is_done = false;
                let zeta = (beta - alpha) / (2.0 * size);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let phase = gamma / real(size);
                for matrix in [&mut *a, &mut *v] {
                    for row in 0..matrix.rows {
                        let (x, y) = (matrix.at(row, p), matrix.at(row, q));
                        let y = y * phase.conj();
                        matrix.set(row, p, real(c) * x - real(c * t) * y);
                        matrix.set(row, q, real(c * t) * x + real(c) * y);
                    }
                }
            }
        }
        if is_done {
            break;
        }
    }
}

/// Singular values, largest first, with U and V; U has as many columns as there are values.
fn svd(a: &Matrix) -> (Vec<f64>, Matrix, Matrix) {
    if a.rows < a.columns {
        let (values, u, v) = svd(&a.adjoint());
        return (values, v, u);
    }
    let (mut u, mut v) = (a.clone(), Matrix::identity(a.columns));
    orthogonalize(&mut u, &mut v);
    let norm = |c: usize| (0..u.rows).map(|row| square(u.at(row, c))).sum::<f64>().sqrt();
    let norms: Vec<f64> = (0..a.columns).map(norm).collect();
    let mut order: Vec<usize> = (0..a.columns).collect();
    order.sort_by(|x, y| norms[*y].total_cmp(&norms[*x]));
    let (mut left, mut right) =
        (Matrix::zeros(a.rows, a.columns), Matrix::zeros(a.columns, a.columns));
    for (to, from) in order.iter().enumerate() {
        let scale = if norms[*from] > 0.0 { 1.0 / norms[*from] } else { 0.0 };
        (0..a.rows).for_each(|row| left.set(row, to, u.at(row, *from) * real(scale)));
        (0..a.columns).for_each(|row| right.set(row, to, v.at(row, *from)));
    }
    (order.iter().map(|i| norms[*i]).collect(), left, right)
}

/// The matrices of a stack.
struct Stack {
    outer: Vec<usize>,
    rows: usize,
    columns: usize,
    all: Vec<C>,
    dtype: DType,
}

impl Stack {
    fn new(x: &DenseTensor) -> Result<Self> {
        let &[ref outer @ .., rows, columns] = x.shape() else { fail!("matrices have 2 dims") };
        let all = match view(x) {
            Wide::F32(all) => all.iter().map(|x| real(f64::from(*x))).collect(),
            Wide::F64(all) => all.iter().map(|x| real(*x)).collect(),
            Wide::C128(all) => all.into_owned(),
            _ => return Err(crate::rows::refused(x.dtype())),
        };
        Ok(Self { outer: outer.to_vec(), rows, columns, all, dtype: x.dtype() })
    }

    fn square(x: &DenseTensor) -> Result<Self> {
        let all = Self::new(x)?;
        ensure!(all.rows == all.columns, "a matrix of {} x {}", all.rows, all.columns);
        Ok(all)
    }

    fn len(&self) -> usize {
        self.outer.iter().product()
    }

    fn matrix(&self, i: usize) -> Matrix {
        let size = self.rows * self.columns;
        let all = self.all[i * size..][..size].to_vec();
        Matrix { rows: self.rows, columns: self.columns, all }
    }

    /// `f` of each matrix.
    fn map<T>(&self, f: impl Fn(Matrix) -> Result<T>) -> Result<Vec<T>> {
        (0..self.len()).map(|i| f(self.matrix(i))).collect()
    }

    /// Matrices of so many rows and columns as a tensor of the type that came in.
    fn tensor(&self, all: Vec<Matrix>, rows: usize, columns: usize) -> Result<Value> {
        let shape = [&self.outer[..], &[rows, columns]].concat();
        checked_len(&shape)?;
        Ok(narrowed(self.dtype, &shape, all.into_iter().flat_map(|one| one.all).collect()))
    }
}

fn narrowed(dtype: DType, shape: &[usize], all: Vec<C>) -> Value {
    match dtype {
        DType::Complex64 | DType::Complex128 => Complex::narrow(dtype, shape, all).into(),
        _ => f64::narrow(dtype, shape, all.into_iter().map(|z| z.re).collect()).into(),
    }
}

fn same(x: &[Fact]) -> Result<Vec<Shape>> {
    Ok(vec![x[0].shape.clone()])
}

attrs! {
    /// The lower triangle whose product with its adjoint is the matrix; NaN when the matrix is not
    /// positive definite.
    struct Cholesky {}
}

impl Op for Cholesky {
    const SPEC: Spec = Spec {
        name: "Cholesky",
        inputs: &["input: T"],
        outputs: &["output: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[4, 2], [2, 5]]", "", "[[2, 0], [1, 2]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        same(x)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::square(inputs.tensor(0)?)?;
        let all = stack.map(|a| Ok(cholesky(&a)))?;
        Ok(vec![stack.tensor(all, stack.rows, stack.columns)?])
    }
}

attrs! {
    /// The inverse of matrices.
    struct MatrixInverse {
        /// Of their adjoints.
        adjoint: bool = false,
    }
}

impl Op for MatrixInverse {
    const SPEC: Spec = Spec {
        name: "MatrixInverse",
        inputs: &["input: T"],
        outputs: &["output: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[0, 2], [1, 0]]", "", "[[0, 1], [0.5, 0]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        same(x)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::square(inputs.tensor(0)?)?;
        let n = stack.rows;
        let all = stack.map(|a| {
            let a = if self.adjoint { a.adjoint() } else { a };
            solve(&a, &Matrix::identity(n))
        })?;
        Ok(vec![stack.tensor(all, n, n)?])
    }
}

/// The determinant as a number of absolute value 1 (or 0) and the logarithm of its size.
fn determinant(mut a: Matrix) -> (C, f64) {
    let mut none = Matrix::zeros(a.rows, 0);
    let sign = eliminate(&mut a, &mut none);
    (0..a.rows).fold((real(sign), 0.0), |(sign, log), i| {
        let pivot = a.at(i, i);
        let size = pivot.abs();
        match size == 0.0 {
            true => (ZERO, f64::NEG_INFINITY),
            false => (sign * pivot / real(size), log + size.ln()),
        }
    })
}

fn infer_outer(x: &[Fact], n: usize) -> Result<Vec<Shape>> {
    match x[0].dims() {
        Some([outer @ .., _, _]) => Ok(vec![outer.to_vec().into(); n]),
        Some(_) => fail!("matrices have 2 dims"),
        None => Ok(vec![Shape::UNKNOWN; n]),
    }
}

attrs! {
    /// The determinant of matrices.
    struct MatrixDeterminant {}
}

impl Op for MatrixDeterminant {
    const SPEC: Spec = Spec {
        name: "MatrixDeterminant",
        inputs: &["input: T"],
        outputs: &["output: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2], [3, 4]]", "", "-2")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        infer_outer(x, 1)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::square(inputs.tensor(0)?)?;
        let all = stack.map(|a| {
            let (sign, log) = determinant(a);
            Ok(if sign == ZERO { ZERO } else { sign * real(log.exp()) })
        })?;
        Ok(vec![narrowed(stack.dtype, &stack.outer, all)])
    }
}

attrs! {
    /// The sign of the determinant of matrices, and the logarithm of its size.
    struct LogMatrixDeterminant {}
}

impl Op for LogMatrixDeterminant {
    const SPEC: Spec = Spec {
        name: "LogMatrixDeterminant",
        inputs: &["input: T"],
        outputs: &["sign: T", "log_abs_determinant: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2], [3, 4]]", "", "-1, 0.6931472")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        infer_outer(x, 2)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::square(inputs.tensor(0)?)?;
        let (signs, logs): (Vec<C>, Vec<f64>) =
            stack.map(|a| Ok(determinant(a)))?.into_iter().unzip();
        let logs = logs.into_iter().map(real).collect();
        Ok(vec![
            narrowed(stack.dtype, &stack.outer, signs),
            narrowed(stack.dtype, &stack.outer, logs),
        ])
    }
}

/// Two stacks of equations: the matrices and what their products are.
fn equations(inputs: &Args) -> Result<(Stack, Stack)> {
    let (a, b) = (Stack::square(inputs.tensor(0)?)?, Stack::new(inputs.tensor(1)?)?);
    ensure!(
        a.outer == b.outer && a.rows == b.rows && a.dtype == b.dtype,
        "matrices of {} rows in {:?}, right-hand sides of {} in {:?}",
        a.rows,
        a.outer,
        b.rows,
        b.outer
    );
    Ok((a, b))
}

attrs! {
    /// x of A x = B.
    struct MatrixSolve {
        /// Of A's adjoint.
        adjoint: bool = false,
    }
}

impl Op for MatrixSolve {
    const SPEC: Spec = Spec {
        name: "MatrixSolve",
        inputs: &["matrix: T", "rhs: T"],
        outputs: &["output: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[0, 2], [1, 0]], [[4], [3]]", "", "[[3], [2]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[1].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = equations(&inputs)?;
        let one = |i: usize| {
            let matrix = a.matrix(i);
            solve(&if self.adjoint { matrix.adjoint() } else { matrix }, &b.matrix(i))
        };
        let all = (0..a.len()).map(one).collect::<Result<_>>()?;
        Ok(vec![b.tensor(all, b.rows, b.columns)?])
    }
}

attrs! {
    /// x of A x = B for triangles A.
    struct MatrixTriangularSolve {
        /// The lower triangle; else the upper.
        lower: bool = true,
        /// Of A's adjoint.
        adjoint: bool = false,
    }
}

impl Op for MatrixTriangularSolve {
    const SPEC: Spec = Spec {
        name: "MatrixTriangularSolve",
        inputs: &["matrix: T", "rhs: T"],
        outputs: &["output: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[2, 9], [1, 1]], [[4], [5]]", "", "[[2], [3]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let both = (x[0].dims(), x[1].dims());
        let (Some([a @ .., _, _]), Some([b @ .., rows, columns])) = both else {
            return Ok(vec![Shape::UNKNOWN]);
        };
        let outer = crate::broadcast::broadcast_shapes(&a.to_vec().into(), &b.to_vec().into())?;
        let Some(outer) = outer.dims() else { return Ok(vec![Shape::UNKNOWN]) };
        Ok(vec![[outer, &[*rows, *columns]].concat().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = equations(&inputs)?;
        let one = |i: usize| {
            let matrix = a.matrix(i);
            let matrix = if self.adjoint { matrix.adjoint() } else { matrix };
            solve_triangle(&matrix, &b.matrix(i), self.lower != self.adjoint)
        };
        let all = (0..a.len()).map(one).collect::<Result<_>>()?;
        Ok(vec![b.tensor(all, b.rows, b.columns)?])
    }
}

attrs! {
    /// Matrices as products of one with orthogonal columns and an upper triangle.
    struct Qr {
        /// All columns of the first, also those that the product does not need.
        full_matrices: bool = false,
    }
}

/// Dims of matrices: outer ones, rows, columns, and the fewer of both.
type MatrixDims = (Vec<Dim>, Dim, Dim, Dim);

fn infer_parts(x: &Fact) -> Result<Option<MatrixDims>> {
    match x.dims() {
        Some([outer @ .., m, n]) => {
            Ok(Some((outer.to_vec(), *m, *n, m.zip(*n, |m, n| Some(m.min(n))))))
        }
        Some(_) => fail!("matrices have 2 dims"),
        None => Ok(None),
    }
}

impl Op for Qr {
    const SPEC: Spec = Spec {
        name: "Qr",
        inputs: &["input: T"],
        outputs: &["q: T", "r: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[3, 1], [4, 0]]", "", "[[-0.6, -0.8], [-0.8, 0.6]], [[-5, -0.6], [0, -0.8]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let Some((outer, m, n, least)) = infer_parts(&x[0])? else {
            return Ok(vec![Shape::UNKNOWN; 2]);
        };
        let inner = if self.full_matrices { m } else { least };
        let q = [&outer[..], &[m, inner]].concat();
        Ok(vec![q.into(), [&outer[..], &[inner, n]].concat().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::new(inputs.tensor(0)?)?;
        let (m, n) = (stack.rows, stack.columns);
        let inner = if self.full_matrices { m } else { m.min(n) };
        checked_len(&[m, m])?;
        let all = stack.map(|a| {
            let (q, r) = qr(&a);
            Ok((q.part(m, inner), r.part(inner, n)))
        })?;
        let (q, r) = all.into_iter().unzip();
        Ok(vec![stack.tensor(q, m, inner)?, stack.tensor(r, inner, n)?])
    }
}

attrs! {
    /// Singular values, largest first, and the matrices U and V: A = U diag(s) V*. The signs of
    /// columns are not determined.
    struct Svd {
        /// U and V are wanted.
        compute_uv: bool = true,
        /// All columns of U and V; only for square matrices.
        full_matrices: bool = false,
    }
}

impl Op for Svd {
    const SPEC: Spec = Spec {
        name: "Svd",
        inputs: &["input: T"],
        outputs: &["s: T", "u: T", "v: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[0, 3], [2, 0]]", "compute_uv=false", "[3, 2], 0, 0")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let Some((outer, m, n, least)) = infer_parts(&x[0])? else {
            return Ok(vec![Shape::UNKNOWN; 3]);
        };
        let s: Shape = [&outer[..], &[least]].concat().into();
        if !self.compute_uv {
            return Ok(vec![s, Shape::scalar(), Shape::scalar()]);
        }
        let side = |rows: Dim| -> Shape {
            let columns = if self.full_matrices { rows } else { least };
            [&outer[..], &[rows, columns]].concat().into()
        };
        Ok(vec![s, side(m), side(n)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::new(inputs.tensor(0)?)?;
        let (m, n) = (stack.rows, stack.columns);
        // What is not wanted is a scalar that nobody reads.
        if self.compute_uv && self.full_matrices && m != n {
            return Err(Error::unsupported(
                "all columns of U and V of matrices that are not square",
            ));
        }
        let all = stack.map(|a| Ok(svd(&a)))?;
        let least = m.min(n);
        let shape = [&stack.outer[..], &[least]].concat();
        let values = all.iter().flat_map(|(values, _, _)| values.iter().copied().map(real));
        let s = narrowed(stack.dtype, &shape, values.collect());
        if !self.compute_uv {
            let none = || narrowed(stack.dtype, &[], vec![ZERO]);
            return Ok(vec![s, none(), none()]);
        }
        let (u, v) = all.into_iter().map(|(_, u, v)| (u, v)).unzip();
        Ok(vec![s, stack.tensor(u, m, least)?, stack.tensor(v, n, least)?])
    }
}

attrs! {
    /// Eigenvalues of symmetric matrices, smallest first, and eigenvectors. The signs of vectors are
    /// not determined.
    struct SelfAdjointEigV2 {
        /// The vectors are wanted.
        compute_v: bool = true,
    }
}

/// Eigenvalues and vectors: of a matrix that is moved so far that none is negative they are the
/// singular ones.
fn eigen(a: &Matrix) -> (Vec<f64>, Matrix) {
    let n = a.rows;
    // Only the lower half is looked at.
    let mut whole = a.clone();
    for row in 0..n {
        whole.set(row, row, real(a.at(row, row).re));
        (row + 1..n).for_each(|column| whole.set(row, column, a.at(column, row).conj()));
    }
    let radius = (0..n)
        .map(|row| (0..n).map(|column| whole.at(row, column).abs()).sum::<f64>())
        .fold(0.0, f64::max);
    (0..n).for_each(|i| whole.set(i, i, whole.at(i, i) + real(radius)));
    let (values, u, _) = svd(&whole);
    let mut vectors = Matrix::zeros(n, n);
    for column in 0..n {
        (0..n).for_each(|row| vectors.set(row, column, u.at(row, n - 1 - column)));
    }
    (values.into_iter().rev().map(|x| x - radius).collect(), vectors)
}

impl Op for SelfAdjointEigV2 {
    const SPEC: Spec = Spec {
        name: "SelfAdjointEigV2",
        inputs: &["input: T"],
        outputs: &["e: T", "v: T"],
        tolerance: SOLVED,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[2, 1], [1, 2]]", "compute_v=false", "[1, 3], 0")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let Some((outer, m, _, _)) = infer_parts(&x[0])? else {
            return Ok(vec![Shape::UNKNOWN; 2]);
        };
        let e: Shape = [&outer[..], &[m]].concat().into();
        let v = if self.compute_v { x[0].shape.clone() } else { Shape::scalar() };
        Ok(vec![e, v])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let stack = Stack::square(inputs.tensor(0)?)?;
        let n = stack.rows;
        let all = stack.map(|a| Ok(eigen(&a)))?;
        let shape = [&stack.outer[..], &[n]].concat();
        let values = all.iter().flat_map(|(values, _)| values.iter().copied().map(real)).collect();
        let e = narrowed(stack.dtype, &shape, values);
        if !self.compute_v {
            return Ok(vec![e, narrowed(stack.dtype, &[], vec![ZERO])]);
        }
        let vectors = all.into_iter().map(|(_, v)| v).collect();
        Ok(vec![e, stack.tensor(vectors, n, n)?])
    }
}

attrs! {
    /// The cross product of vectors of three numbers.
    struct Cross {}
}

impl Op for Cross {
    const SPEC: Spec = Spec {
        name: "Cross",
        inputs: &["a: T", "b: T"],
        outputs: &["product: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 0, 0], [0, 1, 0]", "", "[0, 0, 1]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        same(x)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(
            a.shape() == b.shape() && a.shape().last() == Some(&3),
            "vectors of shapes {:?} and {:?}",
            a.shape(),
            b.shape()
        );
        fn cross<T: crate::wide::Real>(a: &[T], b: &[T]) -> Vec<T> {
            let one = |i: usize| {
                let (row, at) = (i / 3 * 3, i % 3);
                let (j, k) = (row + (at + 1) % 3, row + (at + 2) % 3);
                a[j].times(b[k]).minus(a[k].times(b[j]))
            };
            (0..a.len()).map(one).collect()
        }
        Ok(vec![
            both_real!(a, b, |x, y| Narrow::narrow(a.dtype(), a.shape(), cross(&x, &y))).into(),
        ])
    }
}
