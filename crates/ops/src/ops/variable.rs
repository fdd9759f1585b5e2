//! Variables: handles of TensorFlow 2, references of TensorFlow 1.

use tensorferry_ir::{Shape, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::{Args, Context, Error, Op, Resource, Result, Value};

register![
    Assign,
    AssignAdd,
    AssignAddVariableOp,
    AssignSub,
    AssignSubVariableOp,
    AssignVariableOp,
    DestroyResourceOp,
    IsVariableInitialized,
    ReadVariableOp,
    ResourceGather,
    ResourceGatherNd,
    ResourceScatterAdd,
    ResourceScatterMax,
    ResourceScatterMin,
    ResourceScatterMul,
    ResourceScatterSub,
    ResourceScatterUpdate,
    ScatterUpdate,
    VarHandleOp,
    VarIsInitializedOp,
    VariableShape,
    VariableV2,
];

/// How an op computes its output of tensors.
type Compute = fn(Args) -> Result<Vec<Value>>;

const ADD: Compute = |x| super::arithmetic::Add {}.eval(x);
const SUB: Compute = |x| super::arithmetic::Sub {}.eval(x);
const MUL: Compute = |x| super::arithmetic::Mul {}.eval(x);
const MIN: Compute = |x| super::arithmetic::Minimum {}.eval(x);
const MAX: Compute = |x| super::arithmetic::Maximum {}.eval(x);

/// `op` of two tensors.
fn both(op: Compute, a: &DenseTensor, b: &DenseTensor) -> Result<DenseTensor> {
    op(vec![a.clone().into(), b.clone().into()].into())?
        .into_iter()
        .next()
        .and_then(|value| value.tensor().cloned())
        .ok_or_else(|| Error::invalid("no tensor was computed"))
}

/// The resource of that name, the node's where it is empty.
fn named(name: &str, dtype: DType, context: &mut dyn Context) -> Resource {
    let name = if name.is_empty() { context.node_name().to_owned() } else { name.to_owned() };
    context.resources().get_or_insert(&name, || Resource::variable(dtype, None))
}

op! {
    /// A handle of a variable, made when it is not there.
    VarHandleOp = "VarHandleOp", Stateful {
        /// Where it is kept; names are shared by all containers here.
        container: String = String::new(),
        /// The name under which graphs share it; the node's own when it is empty.
        shared_name: String = String::new(),
        /// The type of its value.
        dtype: DType,
        /// The shape of its value.
        shape: Shape = Shape::UNKNOWN,
        /// Devices that may hold it.
        allowed_devices: Vec<String> = Vec::new(),
    }
    () -> ("resource: resource") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        Ok(vec![Value::Resource(named(&op.shared_name, op.dtype, context))])
    }
}

op! {
    /// A variable of TensorFlow 1, which reads as its value.
    VariableV2 = "VariableV2" | "Variable" | "TemporaryVariable", Stateful {
        /// What is known of its shape.
        shape: Shape = Shape::UNKNOWN,
        /// The type of its value.
        dtype: DType,
        /// Where it is kept; names are shared by all containers here.
        container: String = String::new(),
        /// The name under which graphs share it; the node's own when it is empty.
        shared_name: String = String::new(),
    }
    () -> ("ref: dtype") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) { Ok(vec![Value::Ref(named(&op.shared_name, op.dtype, context))]) }
}

op! {
    /// The value of a variable.
    ReadVariableOp = "ReadVariableOp", Stateful {
        /// The type of the value.
        dtype: DType,
    }
    ("resource: resource") -> ("value: dtype") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        let value = x.resource(0)?.as_variable()?.read()?;
        ensure!(value.dtype() == op.dtype, "the variable is {}, not {}", value.dtype(), op.dtype);
        Ok(vec![value.into()])
    }
}

/// Gives a variable another value, computed from its own where `op` says how.
fn assign(
    variable: &Resource,
    op: Option<Compute>,
    value: &DenseTensor,
    same_shape: bool,
) -> Result<()> {
    let mut variable = variable.as_variable()?;
    let (old, new) = (variable.dtype, value.dtype());
    ensure!(old == new, "{new} to a variable of {old}");
    if op.is_some() || same_shape && variable.value.is_some() {
        let old = variable.read()?;
        let (was, is) = (old.shape(), value.shape());
        ensure!(was == is, "a value of shape {is:?} to a variable of {was:?}");
    }
    let value = match op {
        Some(op) => both(op, &variable.read()?, value)?,
        None => value.clone(),
    };
    variable.value = Some(value);
    Ok(())
}

op! {
    /// Gives a variable a value.
    AssignVariableOp = "AssignVariableOp", Stateful {
        /// The value must have the shape of the one before.
        validate_shape: bool = false,
    }
    ("resource: resource", "value: dtype") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        assign(x.resource(0)?, None, x.tensor(1)?, op.validate_shape)?;
        Ok(Vec::new())
    }
}

op! {
    /// Adds to a variable.
    AssignAddVariableOp = "AssignAddVariableOp", Stateful {}
    ("resource: resource", "value: dtype") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        assign(x.resource(0)?, Some(ADD), x.tensor(1)?, true)?;
        Ok(Vec::new())
    }
}

op! {
    /// Subtracts from a variable.
    AssignSubVariableOp = "AssignSubVariableOp", Stateful {}
    ("resource: resource", "value: dtype") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        assign(x.resource(0)?, Some(SUB), x.tensor(1)?, true)?;
        Ok(Vec::new())
    }
}

op! {
    /// True when a variable has a value.
    VarIsInitializedOp = "VarIsInitializedOp", Stateful {}
    ("resource: resource") -> ("is_initialized: bool") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let has_value = x.resource(0)?.as_variable()?.value.is_some();
        Ok(vec![DenseTensor::scalar(has_value).into()])
    }
}

op! {
    /// The shape of a variable.
    VariableShape = "VariableShape", Stateful {
        /// The type of the dims.
        out_type: DType = DType::Int32,
    }
    ("input: resource") -> ("output: out_type") []
    infer(op, x) { Ok(vec![Shape::of_rank(1)]) }
    eval(op, x, context) {
        let value = x.resource(0)?.as_variable()?.read()?;
        let dims: Vec<i64> = value.shape().iter().map(|n| n.cast_signed() as i64).collect();
        Ok(vec![crate::wide::Narrow::narrow(op.out_type, &[dims.len()], dims).into()])
    }
}

op! {
    /// Forgets the value of a variable.
    DestroyResourceOp = "DestroyResourceOp", Stateful {
        /// A variable that is not there is no error.
        ignore_lookup_error: bool = true,
    }
    ("resource: resource") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        if let Resource::Variable(_) = x.resource(0)? {
            x.resource(0)?.as_variable()?.value = None;
        }
        Ok(Vec::new())
    }
}

op! {
    /// Rows of a variable.
    ResourceGather = "ResourceGather", Stateful {
        /// Leading axes that rows and indices share.
        batch_dims: i64 = 0,
        /// Indices are looked at.
        validate_indices: bool = true,
        /// The type of the value.
        dtype: DType,
    }
    ("resource: resource", "indices: Tindices") -> ("output: dtype") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        let params = x.resource(0)?.as_variable()?.read()?;
        let axis = i32::try_from(op.batch_dims).unwrap_or(i32::MAX);
        let inputs =
            vec![params.into(), x.tensor(1)?.clone().into(), DenseTensor::scalar(axis).into()];
        super::slice_join::GatherV2 { batch_dims: op.batch_dims }.eval(inputs.into())
    }
}

op! {
    /// Slices of a variable, each named by the indices of one row.
    ResourceGatherNd = "ResourceGatherNd", Stateful {
        /// The type of the value.
        dtype: DType,
    }
    ("resource: resource", "indices: Tindices") -> ("output: dtype") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        let params = x.resource(0)?.as_variable()?.read()?;
        let inputs = vec![params.into(), x.tensor(1)?.clone().into()];
        super::slice_join::GatherNd {}.eval(inputs.into())
    }
}

/// Changes rows of a variable one after the other: an index may come several times.
fn scatter(variable: &Resource, x: &Args, op: Option<Compute>) -> Result<()> {
    let (indices, updates) = (x.ints(1)?, x.tensor(2)?);
    let mut variable = variable.as_variable()?;
    let value = variable.read()?;
    ensure!(updates.dtype() == value.dtype(), "{} into {}", updates.dtype(), value.dtype());
    let Some((n, row)) = value.shape().split_first() else { fail!("a scalar has no rows") };
    let shape = [x.tensor(1)?.shape(), row].concat();
    let is_one = updates.rank() == 0;
    ensure!(is_one || updates.shape() == shape, "updates of {:?}, not {shape:?}", updates.shape());
    let len: usize = row.iter().product();
    // Source 0 is the value, the others are rows that were computed.
    let mut rows: Vec<Option<DenseTensor>> = vec![None; *n];
    for (i, index) in indices.into_iter().enumerate() {
        let place = usize::try_from(index).ok().filter(|place| place < n);
        let Some(place) = place else { fail!("index {index} of {n} rows") };
        let take = |from: &DenseTensor, at: usize| {
            let run = tensorferry_tensor::Run::once(0, at * len, len);
            tensorferry_tensor::assemble(row, &[from], &mut std::iter::once(run))
        };
        let update = match is_one {
            true => crate::walk::broadcast_to(updates, row),
            false => take(updates, i),
        };
        let old = rows[place].take().unwrap_or_else(|| take(&value, place));
        let new = match op {
            None => update,
            Some(op) => both(op, &old, &update)?,
        };
        rows[place] = Some(new);
    }
    let sources: Vec<&DenseTensor> = std::iter::once(&value).chain(rows.iter().flatten()).collect();
    let mut made = 0;
    let mut runs = rows.iter().enumerate().map(|(i, row)| {
        made += usize::from(row.is_some());
        let run = tensorferry_tensor::Run::once;
        if row.is_some() { run(made, 0, len) } else { run(0, i * len, len) }
    });
    let new = tensorferry_tensor::assemble(value.shape(), &sources, &mut runs);
    variable.value = Some(new);
    Ok(())
}

/// Ops that change rows of a variable.
macro_rules! scatters {
    ($($(#[doc = $doc:literal])+ $name:ident $tf:literal $op:expr;)*) => {
        $(op! {
            $(#[doc = $doc])+
            $name = $tf, Stateful {}
            ("resource: resource", "indices: Tindices", "updates: dtype") -> () []
            infer(op, x) { Ok(Vec::new()) }
            eval(op, x, context) {
                scatter(x.resource(0)?, &x, $op)?;
                Ok(Vec::new())
            }
        })*
    };
}

scatters! {
    /// Adds to rows of a variable.
    ResourceScatterAdd "ResourceScatterAdd" Some(ADD);
    /// Subtracts from rows of a variable.
    ResourceScatterSub "ResourceScatterSub" Some(SUB);
    /// Multiplies rows of a variable.
    ResourceScatterMul "ResourceScatterMul" Some(MUL);
    /// The smaller of each row's element and another.
    ResourceScatterMin "ResourceScatterMin" Some(MIN);
    /// The larger of each row's element and another.
    ResourceScatterMax "ResourceScatterMax" Some(MAX);
    /// Gives rows of a variable other values.
    ResourceScatterUpdate "ResourceScatterUpdate" None;
}

/// The value of a variable of TensorFlow 1 that an op has changed, as the variable.
fn reference(x: Args) -> Result<Vec<Value>> {
    Ok(x.into_values().into_iter().take(1).collect())
}

op! {
    /// Gives a variable of TensorFlow 1 a value.
    Assign = "Assign", Stateful {
        /// The value must have the shape of the one before.
        validate_shape: bool = true,
        /// The assignment waits for those that are going on.
        use_locking: bool = true,
    }
    ("ref: T", "value: T") -> ("output_ref: T") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        assign(x.resource(0)?, None, x.tensor(1)?, op.validate_shape)?;
        reference(x)
    }
}

op! {
    /// Adds to a variable of TensorFlow 1.
    AssignAdd = "AssignAdd", Stateful {
        /// The assignment waits for those that are going on.
        use_locking: bool = false,
    }
    ("ref: T", "value: T") -> ("output_ref: T") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        assign(x.resource(0)?, Some(ADD), x.tensor(1)?, true)?;
        reference(x)
    }
}

op! {
    /// Subtracts from a variable of TensorFlow 1.
    AssignSub = "AssignSub", Stateful {
        /// The assignment waits for those that are going on.
        use_locking: bool = false,
    }
    ("ref: T", "value: T") -> ("output_ref: T") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        assign(x.resource(0)?, Some(SUB), x.tensor(1)?, true)?;
        reference(x)
    }
}

op! {
    /// Gives rows of a variable of TensorFlow 1 other values.
    ScatterUpdate = "ScatterUpdate", Stateful {
        /// The assignment waits for those that are going on.
        use_locking: bool = true,
    }
    ("ref: T", "indices: Tindices", "updates: T") -> ("output_ref: T") []
    infer(op, x) { Ok(vec![Shape::UNKNOWN]) }
    eval(op, x, context) {
        scatter(x.resource(0)?, &x, None)?;
        reference(x)
    }
}

op! {
    /// True when a variable of TensorFlow 1 has a value.
    IsVariableInitialized = "IsVariableInitialized", Stateful {
        /// The type of its value.
        dtype: Option<Type>,
    }
    ("ref: dtype") -> ("is_initialized: bool") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let has_value = x.resource(0)?.as_variable()?.value.is_some();
        Ok(vec![DenseTensor::scalar(has_value).into()])
    }
}
