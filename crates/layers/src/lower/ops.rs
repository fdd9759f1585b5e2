//! The ops that lowerings use most, as methods.

use tensorferry_ir::{Attr, Dim, Shape, Type};
use tensorferry_tensor::{DType, DenseTensor};

use super::Lowered;
use super::builder::{Builder, PARTS_MAX, Value};

/// A size that is known, or one that is computed.
#[derive(Debug, Clone, Copy)]
pub enum Size {
    /// So many.
    Known(usize),
    /// A scalar `int32`.
    Computed(Value),
}

impl Builder {
    /// The element type.
    ///
    /// # Errors
    /// When the value is no tensor of elements.
    pub fn dtype(&self, x: Value) -> Lowered<DType> {
        self.fact(x).ty.dtype().ok_or_else(|| "a value is no tensor".to_owned())
    }

    /// The dims.
    ///
    /// # Errors
    /// When their number is not known.
    pub fn dims(&self, x: Value) -> Lowered<Vec<Dim>> {
        let dims = self.fact(x).shape.dims().map(<[Dim]>::to_vec);
        dims.ok_or_else(|| "the rank of an input is not known".to_owned())
    }

    /// The number of dims.
    ///
    /// # Errors
    /// When it is not known.
    pub fn rank(&self, x: Value) -> Lowered<usize> {
        Ok(self.dims(x)?.len())
    }

    /// The size of an axis, which must be known.
    ///
    /// # Errors
    /// When it is not.
    pub fn known_dim(&self, x: Value, axis: usize) -> Lowered<usize> {
        let dim = self.dims(x)?.get(axis).copied().and_then(Dim::known);
        dim.ok_or_else(|| format!("axis {axis} of an input has no known size"))
    }

    /// An axis, counted from the end when negative.
    ///
    /// # Errors
    /// When there is no such axis.
    pub fn axis(&self, x: Value, axis: i64) -> Lowered<usize> {
        let rank = self.rank(x)?;
        crate::layers::shapes::axis_of(axis, rank)
            .ok_or_else(|| format!("there is no axis {axis} in an input of rank {rank}"))
    }

    /// A number as a constant of a type.
    ///
    /// # Errors
    /// When the type has no numbers.
    pub fn number(&mut self, number: f64, dtype: DType) -> Lowered<Value> {
        let number = self.constant(DenseTensor::scalar(number));
        self.cast(number, dtype)
    }

    /// Numbers as a constant of a type and a shape.
    ///
    /// # Errors
    /// When the type has no numbers or the shape another number of them.
    pub fn numbers(&mut self, all: &[f64], shape: &[usize], dtype: DType) -> Lowered<Value> {
        let tensor = DenseTensor::vector(all.to_vec()).reshaped(shape);
        let tensor = tensor.ok_or_else(|| format!("{} numbers for {shape:?}", all.len()))?;
        let numbers = self.constant(tensor);
        self.cast(numbers, dtype)
    }

    /// A number as a constant of the type that `x` has.
    ///
    /// # Errors
    /// When that has no numbers.
    pub fn like(&mut self, x: Value, number: f64) -> Lowered<Value> {
        let dtype = self.dtype(x)?;
        self.number(number, dtype)
    }

    /// A vector of `int32`.
    pub fn ints(&mut self, all: &[i64]) -> Value {
        let all = all.iter().map(|n| i32::try_from(*n).unwrap_or(i32::MAX)).collect();
        self.constant(DenseTensor::vector::<i32>(all))
    }

    /// One `int32`.
    pub fn int(&mut self, n: i64) -> Value {
        self.constant(DenseTensor::scalar(i32::try_from(n).unwrap_or(i32::MAX)))
    }

    /// An op of one input.
    ///
    /// # Errors
    /// What the op says.
    pub fn unary(&mut self, op: &str, x: Value) -> Lowered<Value> {
        self.one(op, &[x], &[])
    }

    /// An op of two inputs that broadcast.
    ///
    /// # Errors
    /// What the op says.
    pub fn binary(&mut self, op: &str, x: Value, y: Value) -> Lowered<Value> {
        self.one(op, &[x, y], &[])
    }

    /// `x + y`.
    ///
    /// # Errors
    /// What the op says.
    pub fn add(&mut self, x: Value, y: Value) -> Lowered<Value> {
        self.binary("AddV2", x, y)
    }

    /// `x - y`.
    ///
    /// # Errors
    /// What the op says.
    pub fn sub(&mut self, x: Value, y: Value) -> Lowered<Value> {
        self.binary("Sub", x, y)
    }

    /// `x y`.
    ///
    /// # Errors
    /// What the op says.
    pub fn mul(&mut self, x: Value, y: Value) -> Lowered<Value> {
        self.binary("Mul", x, y)
    }

    /// `x / y`.
    ///
    /// # Errors
    /// What the op says.
    pub fn div(&mut self, x: Value, y: Value) -> Lowered<Value> {
        self.binary("RealDiv", x, y)
    }

    /// `x` times a number.
    ///
    /// # Errors
    /// What the op says.
    pub fn scale(&mut self, x: Value, factor: f64) -> Lowered<Value> {
        let factor = self.like(x, factor)?;
        self.mul(x, factor)
    }

    /// `x` and a number.
    ///
    /// # Errors
    /// What the op says.
    pub fn shift(&mut self, x: Value, number: f64) -> Lowered<Value> {
        let number = self.like(x, number)?;
        self.add(x, number)
    }

    /// `x`, no less than `low` and no more than `high`.
    ///
    /// # Errors
    /// What the op says.
    pub fn clip(&mut self, x: Value, low: f64, high: f64) -> Lowered<Value> {
        let (low, high) = (self.like(x, low)?, self.like(x, high)?);
        let x = self.binary("Minimum", x, high)?;
        self.binary("Maximum", x, low)
    }

    /// `x` as another type.
    ///
    /// # Errors
    /// What the op says.
    pub fn cast(&mut self, x: Value, dtype: DType) -> Lowered<Value> {
        if self.dtype(x)? == dtype {
            return Ok(x);
        }
        self.one("Cast", &[x], &[("DstT", Attr::Type(dtype.into()))])
    }

    /// `a b`, of matrices.
    ///
    /// # Errors
    /// What the op says.
    pub fn mat_mul(&mut self, a: Value, b: Value) -> Lowered<Value> {
        self.one("MatMul", &[a, b], &[])
    }

    /// `a b`, of stacks of matrices, either of them transposed first.
    ///
    /// # Errors
    /// What the op says.
    pub fn batch_mat_mul(&mut self, a: (Value, bool), b: (Value, bool)) -> Lowered<Value> {
        let attrs = [("adj_x", Attr::Bool(a.1)), ("adj_y", Attr::Bool(b.1))];
        self.one("BatchMatMulV2", &[a.0, b.0], &attrs)
    }

    /// Adds a bias along the last axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn bias_add(&mut self, x: Value, bias: Value) -> Lowered<Value> {
        self.one("BiasAdd", &[x, bias], &[("data_format", Attr::text("NHWC"))])
    }

    /// Axes in another order.
    ///
    /// # Errors
    /// What the op says.
    pub fn transpose(&mut self, x: Value, order: &[usize]) -> Lowered<Value> {
        if order.iter().copied().eq(0..order.len()) {
            return Ok(x);
        }
        let order: Vec<i64> = order.iter().map(|axis| *axis as i64).collect();
        let order = self.ints(&order);
        self.binary("Transpose", x, order)
    }

    /// The shape as `int32`.
    ///
    /// # Errors
    /// What the op says.
    pub fn shape(&mut self, x: Value) -> Lowered<Value> {
        if let Some(dims) = self.fact(x).shape.known() {
            let dims: Vec<i64> = dims.into_iter().map(|dim| dim as i64).collect();
            return Ok(self.ints(&dims));
        }
        self.one("Shape", &[x], &[("out_type", Attr::Type(DType::Int32.into()))])
    }

    /// The size of an axis.
    ///
    /// # Errors
    /// What the ops say.
    pub fn size(&mut self, x: Value, axis: usize) -> Lowered<Size> {
        if let Some(Dim::Known(n)) = self.fact(x).shape.dims().and_then(|dims| dims.get(axis)) {
            return Ok(Size::Known(*n));
        }
        let shape = self.shape(x)?;
        let axis = axis as i64;
        let (begin, end, step) = (self.ints(&[axis]), self.ints(&[axis + 1]), self.ints(&[1]));
        let attrs = [("shrink_axis_mask", Attr::Int(1))];
        Ok(Size::Computed(self.one("StridedSlice", &[shape, begin, end, step], &attrs)?))
    }

    /// All sizes.
    ///
    /// # Errors
    /// What the ops say.
    pub fn sizes(&mut self, x: Value) -> Lowered<Vec<Size>> {
        (0..self.rank(x)?).map(|axis| self.size(x, axis)).collect()
    }

    /// A size as a scalar `int32`.
    pub fn size_value(&mut self, size: Size) -> Value {
        match size {
            Size::Known(n) => self.int(i64::try_from(n).unwrap_or(i64::MAX)),
            Size::Computed(value) => value,
        }
    }

    /// The product of sizes.
    ///
    /// # Errors
    /// What the ops say, or that it is too large.
    pub fn product(&mut self, sizes: &[Size]) -> Lowered<Size> {
        let mut known = 1_usize;
        let mut computed: Option<Value> = None;
        for size in sizes {
            match (size, computed) {
                (Size::Known(n), _) => {
                    known = known.checked_mul(*n).ok_or("the product of dims is too large")?;
                }
                (Size::Computed(value), None) => computed = Some(*value),
                (Size::Computed(value), Some(so_far)) => {
                    computed = Some(self.mul(so_far, *value)?);
                }
            }
        }
        Ok(match computed {
            None => Size::Known(known),
            Some(value) if known == 1 => Size::Computed(value),
            Some(value) => {
                let known = self.size_value(Size::Known(known));
                Size::Computed(self.mul(value, known)?)
            }
        })
    }

    /// Sizes as a vector of `int32`.
    ///
    /// # Errors
    /// What the ops say.
    pub fn shape_of_sizes(&mut self, sizes: &[Size]) -> Lowered<Value> {
        let known = sizes.iter().map(|size| match size {
            Size::Known(n) => i64::try_from(*n).ok(),
            Size::Computed(_) => None,
        });
        if let Some(known) = known.collect::<Option<Vec<i64>>>() {
            return Ok(self.ints(&known));
        }
        let values: Vec<Value> = sizes.iter().map(|size| self.size_value(*size)).collect();
        self.pack(&values, 0)
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// What the ops say.
    pub fn reshape(&mut self, x: Value, sizes: &[Size]) -> Lowered<Value> {
        let n_computed = sizes.iter().filter(|size| matches!(size, Size::Computed(_))).count();
        let has_zero = sizes.iter().any(|size| matches!(size, Size::Known(0)));
        let shape = match n_computed {
            // One size may be left to the op.
            1 if !has_zero => {
                let dims: Vec<i64> = sizes
                    .iter()
                    .map(|size| match size {
                        Size::Known(n) => i64::try_from(*n).unwrap_or(i64::MAX),
                        Size::Computed(_) => -1,
                    })
                    .collect();
                self.ints(&dims)
            }
            _ => self.shape_of_sizes(sizes)?,
        };
        let y = self.binary("Reshape", x, shape)?;
        let known = sizes.iter().map(|size| match size {
            Size::Known(n) => Dim::Known(*n),
            Size::Computed(_) => Dim::Unknown,
        });
        let known: Vec<Dim> = known.collect();
        self.assume_shape(y, &known.into());
        Ok(y)
    }

    /// A new axis of size 1.
    ///
    /// # Errors
    /// What the op says.
    pub fn expand(&mut self, x: Value, axis: i64) -> Lowered<Value> {
        let axis = self.int(axis);
        self.binary("ExpandDims", x, axis)
    }

    /// Without an axis of size 1.
    ///
    /// # Errors
    /// What the op says.
    pub fn squeeze(&mut self, x: Value, axis: i64) -> Lowered<Value> {
        self.one("Squeeze", &[x], &[("squeeze_dims", Attr::ints(&[axis]))])
    }

    /// Joined along an axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn concat(&mut self, all: &[Value], axis: i64) -> Lowered<Value> {
        if let [only] = all {
            return Ok(*only);
        }
        let axis = self.int(axis);
        let inputs: Vec<Value> = all.iter().copied().chain([axis]).collect();
        let n = i64::try_from(all.len()).unwrap_or(i64::MAX);
        self.one("ConcatV2", &inputs, &[("N", Attr::Int(n))])
    }

    /// Stacked along a new axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn pack(&mut self, all: &[Value], axis: i64) -> Lowered<Value> {
        self.one("Pack", all, &[("axis", Attr::Int(axis))])
    }

    /// The slices along an axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn unpack(&mut self, x: Value, n: usize, axis: i64) -> Lowered<Vec<Value>> {
        if n > PARTS_MAX {
            return Err(format!("a tensor would be taken apart into {n} slices"));
        }
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.node("Unpack", &[x], &[("num", Attr::Int(n)), ("axis", Attr::Int(axis))])
    }

    /// `n` equal parts along an axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn split(&mut self, x: Value, n: usize, axis: i64) -> Lowered<Vec<Value>> {
        if n > PARTS_MAX {
            return Err(format!("a tensor would be split into {n} parts"));
        }
        let axis = self.int(axis);
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.node("Split", &[axis, x], &[("num_split", Attr::Int(n))])
    }

    /// Elements `from..to` of an axis, every `step`th; `None` is the axis' end.
    ///
    /// # Errors
    /// What the op says.
    pub fn cut(
        &mut self,
        x: Value,
        axis: usize,
        (from, to, step): (i64, Option<i64>, i64),
    ) -> Lowered<Value> {
        let rank = self.rank(x)?;
        let row = |at: i64, other: i64| -> Vec<i64> {
            (0..rank).map(|i| if i == axis { at } else { other }).collect()
        };
        let begin = self.ints(&row(from, 0));
        let end = self.ints(&row(to.unwrap_or(0), 0));
        let step = self.ints(&row(step, 1));
        let others = (0..rank).filter(|i| *i != axis).fold(0_i64, |mask, i| mask | 1 << i);
        let end_mask = if to.is_none() { others | 1 << axis } else { others };
        let attrs = [("begin_mask", Attr::Int(others)), ("end_mask", Attr::Int(end_mask))];
        self.one("StridedSlice", &[x, begin, end, step], &attrs)
    }

    /// One element of an axis, which is gone then.
    ///
    /// # Errors
    /// What the op says.
    pub fn at(&mut self, x: Value, axis: usize, place: i64) -> Lowered<Value> {
        let rank = self.rank(x)?;
        let row = |at: i64, other: i64| -> Vec<i64> {
            (0..rank).map(|i| if i == axis { at } else { other }).collect()
        };
        let (begin, step) = (self.ints(&row(place, 0)), self.ints(&vec![1; rank]));
        let end = self.ints(&row(place.wrapping_add(1), 0));
        let others = (0..rank).filter(|i| *i != axis).fold(0_i64, |mask, i| mask | 1 << i);
        // The last element ends where the axis does, not at 0.
        let end_mask = if place == -1 { others | 1 << axis } else { others };
        let attrs = [
            ("begin_mask", Attr::Int(others)),
            ("end_mask", Attr::Int(end_mask)),
            ("shrink_axis_mask", Attr::Int(1 << axis)),
        ];
        self.one("StridedSlice", &[x, begin, end, step], &attrs)
    }

    /// Reduces along axes.
    ///
    /// # Errors
    /// What the op says.
    pub fn reduce(&mut self, op: &str, x: Value, axes: &[usize], keep: bool) -> Lowered<Value> {
        let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
        let axes = self.ints(&axes);
        self.one(op, &[x, axes], &[("keep_dims", Attr::Bool(keep))])
    }

    /// Elements of `yes` where the condition holds, else of `no`; all brought to one shape.
    ///
    /// # Errors
    /// What the op says.
    pub fn select(&mut self, condition: Value, yes: Value, no: Value) -> Lowered<Value> {
        self.one("SelectV2", &[condition, yes, no], &[])
    }

    /// Slices of `x` along an axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn gather(&mut self, x: Value, indices: Value, axis: i64) -> Lowered<Value> {
        let axis = self.int(axis);
        self.one("GatherV2", &[x, indices, axis], &[("batch_dims", Attr::Int(0))])
    }

    /// A tensor of one number.
    ///
    /// # Errors
    /// What the ops say.
    pub fn filled(&mut self, sizes: &[Size], number: f64, dtype: DType) -> Lowered<Value> {
        let number = self.number(number, dtype)?;
        let shape = self.shape_of_sizes(sizes)?;
        let y = self.binary("Fill", shape, number)?;
        let known = sizes.iter().map(|size| match size {
            Size::Known(n) => Dim::Known(*n),
            Size::Computed(_) => Dim::Unknown,
        });
        let known: Shape = known.collect::<Vec<Dim>>().into();
        self.assume_shape(y, &known);
        Ok(y)
    }

    /// With more elements before and behind each axis.
    ///
    /// # Errors
    /// What the op says.
    pub fn pad(&mut self, x: Value, pairs: &[(usize, usize)], with: Option<f64>) -> Lowered<Value> {
        if pairs.iter().all(|pair| *pair == (0, 0)) {
            return Ok(x);
        }
        let all: Vec<f64> = pairs.iter().flat_map(|(a, b)| [*a as f64, *b as f64]).collect();
        let pairs = self.numbers(&all, &[pairs.len(), 2], DType::Int32)?;
        match with {
            None => self.binary("Pad", x, pairs),
            Some(number) => {
                let number = self.like(x, number)?;
                self.one("PadV2", &[x, pairs, number], &[])
            }
        }
    }

    /// A sum of products by its equation.
    ///
    /// # Errors
    /// What the op says.
    pub fn einsum(&mut self, equation: &str, inputs: &[Value]) -> Lowered<Value> {
        self.one("Einsum", inputs, &[("equation", Attr::text(equation))])
    }

    /// A value of a type that is no tensor's.
    pub fn ty(&self, x: Value) -> Type {
        self.fact(x).ty
    }
}
