//! Records of TensorFlow's `Example` message, read into tensors.

use std::collections::BTreeMap;

use bytes::Bytes;
use tensorferry_ir::{Dim, Shape, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::{Args, Error, Fact, Result, Value, checked_len};

register![ParseExample, ParseExampleV2, ParseSingleExample];

/// One field of a message.
enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
    Fixed64,
}

/// What is left of a message.
struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (first, rest) =
            self.0.split_at_checked(n).ok_or_else(|| Error::invalid("the record ends early"))?;
        self.0 = rest;
        Ok(first)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        fail!("a number of the record is longer than ten bytes")
    }

    /// The next field, with its number.
    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed64)?,
            2 => {
                let n = self.varint()?;
                Field::Bytes(self.take(usize::try_from(n).unwrap_or(usize::MAX))?)
            }
            5 => {
                Field::Fixed32(self.take(4)?.try_into().map_err(|_| Error::invalid("four bytes"))?)
            }
            wire => fail!("a field of the record is of wire type {wire}"),
        };
        Ok(Some((tag >> 3, field)))
    }
}

/// The fields numbered `number` that are bytes.
fn parts(message: &[u8], number: u64) -> Result<Vec<&[u8]>> {
    let mut message = Message(message);
    let mut all = Vec::new();
    while let Some((found, field)) = message.next()? {
        if let Field::Bytes(bytes) = field
            && found == number
        {
            all.push(bytes);
        }
    }
    Ok(all)
}

/// The features of a record by name; of two with one name the later one counts.
fn features(record: &[u8]) -> Result<BTreeMap<&[u8], &[u8]>> {
    let mut all = BTreeMap::new();
    for features in parts(record, 1)? {
        for entry in parts(features, 1)? {
            let name = parts(entry, 1)?.pop().unwrap_or_default();
            all.insert(name, parts(entry, 2)?.pop().unwrap_or_default());
        }
    }
    Ok(all)
}

/// Elements of one of the three types that a feature may have.
#[derive(Clone)]
enum Values {
    Text(Vec<Bytes>),
    Float(Vec<f32>),
    Int(Vec<i64>),
}

impl Values {
    fn new(dtype: DType) -> Result<Self> {
        Ok(match dtype {
            DType::String => Self::Text(Vec::new()),
            DType::Float32 => Self::Float(Vec::new()),
            DType::Int64 => Self::Int(Vec::new()),
            other => fail!("features are string, float32 or int64, not {other}"),
        })
    }

    fn of(x: &DenseTensor) -> Result<Self> {
        let mut values = Self::new(x.dtype())?;
        match &mut values {
            Self::Text(all) => all.extend_from_slice(x.as_slice().unwrap_or_default()),
            Self::Float(all) => all.extend_from_slice(x.as_slice().unwrap_or_default()),
            Self::Int(all) => all.extend_from_slice(x.as_slice().unwrap_or_default()),
        }
        Ok(values)
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(all) => all.len(),
            Self::Float(all) => all.len(),
            Self::Int(all) => all.len(),
        }
    }

    /// Puts `other`, which is of the same type, behind.
    fn extend(&mut self, other: &Self) {
        match (self, other) {
            (Self::Text(all), Self::Text(more)) => all.extend_from_slice(more),
            (Self::Float(all), Self::Float(more)) => all.extend_from_slice(more),
            (Self::Int(all), Self::Int(more)) => all.extend_from_slice(more),
            _ => {}
        }
    }

    fn tensor(self, shape: &[usize]) -> Result<Value> {
        let n = checked_len(shape)?;
        ensure!(n == self.len(), "{} elements do not fill {shape:?}", self.len());
        Ok(match self {
            Self::Text(all) => DenseTensor::new(shape, all),
            Self::Float(all) => DenseTensor::new(shape, all),
            Self::Int(all) => DenseTensor::new(shape, all),
        }
        .into())
    }

    /// The elements of a feature; `None` when it has no list at all.
    fn read(feature: &[u8], dtype: DType) -> Result<Option<Self>> {
        let mut message = Message(feature);
        let mut found = None;
        while let Some((number, field)) = message.next()? {
            if let (1..=3, Field::Bytes(list)) = (number, field) {
                found = Some((number, list));
            }
        }
        let Some((number, list)) = found else { return Ok(None) };
        let mut values = Self::new(dtype)?;
        let expected = match values {
            Self::Text(_) => 1,
            Self::Float(_) => 2,
            Self::Int(_) => 3,
        };
        ensure!(number == expected, "the feature is not of type {dtype}");
        let mut list = Message(list);
        while let Some((number, field)) = list.next()? {
            if number == 1 {
                values.push(field)?;
            }
        }
        Ok(Some(values))
    }

    /// One element, or many of them packed.
    fn push(&mut self, field: Field<'_>) -> Result<()> {
        match (self, field) {
            (Self::Text(all), Field::Bytes(text)) => all.push(Bytes::copy_from_slice(text)),
            (Self::Float(all), Field::Fixed32(bytes)) => all.push(f32::from_le_bytes(bytes)),
            (Self::Float(all), Field::Bytes(packed)) => {
                let (words, rest) = packed.as_chunks::<4>();
                ensure!(rest.is_empty(), "the floats of the record end early");
                all.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
            }
            (Self::Int(all), Field::Varint(value)) => all.push(value.cast_signed()),
            (Self::Int(all), Field::Bytes(packed)) => {
                let mut packed = Message(packed);
                while !packed.0.is_empty() {
                    all.push(packed.varint()?.cast_signed());
                }
            }
            _ => fail!("an element of the record is not as its list says"),
        }
        Ok(())
    }
}

/// A feature that every record has so many elements of, or that is filled up.
struct Dense {
    name: Bytes,
    default: DenseTensor,
    shape: Shape,
}

/// What is wanted of each record.
struct Wanted {
    sparse: Vec<(Bytes, DType)>,
    dense: Vec<Dense>,
    /// Name, type of the values, type of the splits.
    ragged: Vec<(Bytes, DType, DType)>,
    /// There is one record, and no axis for it.
    is_single: bool,
}

type Records<'a> = Vec<BTreeMap<&'a [u8], &'a [u8]>>;

impl Wanted {
    /// The elements that each record has of a feature.
    fn column(records: &Records<'_>, name: &[u8], dtype: DType) -> Result<Vec<Option<Values>>> {
        let one = |record: &BTreeMap<&[u8], &[u8]>| match record.get(name) {
            Some(feature) => Values::read(feature, dtype).map_err(|error| {
                let name = String::from_utf8_lossy(name);
                Error::invalid(format!("the feature `{name}`: {}", error.what))
            }),
            None => Ok(None),
        };
        records.iter().map(one).collect()
    }

    fn parse(&self, serialized: &[Bytes]) -> Result<Vec<Value>> {
        let records: Records<'_> =
            serialized.iter().map(|record| features(record)).collect::<Result<_>>()?;
        let (mut indices, mut values, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
        for (name, dtype) in &self.sparse {
            let [i, v, s] = self.sparse(&Self::column(&records, name, *dtype)?, *dtype)?;
            indices.push(i);
            values.push(v);
            shapes.push(s);
        }
        let mut out = [indices, values, shapes].concat();
        for dense in &self.dense {
            out.push(self.dense(&records, dense)?);
        }
        let mut splits = Vec::new();
        for (name, dtype, split) in &self.ragged {
            let column = Self::column(&records, name, *dtype)?;
            let (mut all, mut ends) = (Values::new(*dtype)?, vec![0_i64]);
            for row in column {
                row.iter().for_each(|row| all.extend(row));
                ends.push(all.len().cast_signed() as i64);
            }
            let n = all.len();
            out.push(all.tensor(&[n])?);
            splits.push(super::string_split::splits(*split, ends));
        }
        out.extend(splits);
        Ok(out)
    }

    /// Places, values and shape: rows are records.
    fn sparse(&self, column: &[Option<Values>], dtype: DType) -> Result<[Value; 3]> {
        let (mut places, mut all, mut longest) = (Vec::new(), Values::new(dtype)?, 0);
        for (i, row) in column.iter().enumerate() {
            let n = row.as_ref().map_or(0, Values::len);
            for j in 0..n {
                if !self.is_single {
                    places.push(i.cast_signed() as i64);
                }
                places.push(j.cast_signed() as i64);
            }
            row.iter().for_each(|row| all.extend(row));
            longest = longest.max(n);
        }
        let (n, longest) = (all.len(), longest.cast_signed() as i64);
        let shape = if self.is_single { vec![longest] } else { vec![column.len() as i64, longest] };
        let rank = shape.len();
        Ok([
            DenseTensor::new(&[n, rank], places).into(),
            all.tensor(&[n])?,
            DenseTensor::vector(shape).into(),
        ])
    }

    /// The feature of all records, defaults where one has none.
    fn dense(&self, records: &Records<'_>, dense: &Dense) -> Result<Value> {
        let Dense { name, default, shape } = dense;
        let column = Self::column(records, name, default.dtype())?;
        let shown = String::from_utf8_lossy(name);
        let default = Values::of(default)?;
        let batch: &[usize] = if self.is_single { &[] } else { &[column.len()] };
        let mut all = Values::new(dense.default.dtype())?;
        if let Some(inner) = shape.known() {
            let n = checked_len(&inner)?;
            checked_len(&[batch, &inner].concat())?;
            for row in &column {
                let row = row.as_ref().unwrap_or(&default);
                let found = row.len();
                ensure!(found == n, "the feature `{shown}` has {found} elements, expected {n}");
                all.extend(row);
            }
            return all.tensor(&[batch, &inner].concat());
        }
        // Only the first dim is open: rows are as long as the longest one.
        let rest = shape.0.as_deref().and_then(|dims| dims.split_first()).map(|(_, rest)| rest);
        let rest: Option<Vec<usize>> =
            rest.and_then(|rest| rest.iter().map(|d| d.known()).collect());
        let rest =
            rest.ok_or_else(|| Error::invalid(format!("`{shown}` has the shape {shape}")))?;
        let stride = checked_len(&rest)?.max(1);
        let longest = column.iter().flatten().map(Values::len).max().unwrap_or(0);
        ensure!(
            column.iter().flatten().all(|row| row.len() % stride == 0),
            "the feature `{shown}` has elements that fill no row of {stride}"
        );
        checked_len(&[batch, &[longest]].concat())?;
        ensure!(default.len() == 1, "the feature `{shown}` has no default to fill up with");
        for row in &column {
            let n = row.as_ref().map_or(0, Values::len);
            row.iter().for_each(|row| all.extend(row));
            (n..longest).for_each(|_| all.extend(&default));
        }
        all.tensor(&[batch, &[longest / stride], &rest].concat())
    }
}

/// What is known of the outputs: `rank` of a record's own axes is 1 where it has an axis, else 0.
fn infer(
    batch: Option<Dim>,
    n_sparse: usize,
    dense_shapes: &[Shape],
    n_ragged: usize,
) -> Vec<Shape> {
    let rank = 1 + usize::from(batch.is_some());
    let mut shapes = vec![Shape::from(vec![Dim::Unknown, Dim::Known(rank)]); n_sparse];
    shapes.extend(vec![Shape::of_rank(1); n_sparse]);
    shapes.extend(vec![Shape::of(&[rank]); n_sparse]);
    shapes.extend(dense_shapes.iter().map(|shape| match &shape.0 {
        Some(dims) => batch.iter().copied().chain(dims.iter().copied()).collect::<Vec<_>>().into(),
        None => Shape::UNKNOWN,
    }));
    shapes.extend(vec![Shape::of_rank(1); 2 * n_ragged]);
    shapes
}

/// The first axis of the records; `None` inside when there is one record and no axis.
fn batch_of(serialized: &Fact) -> Option<Option<Dim>> {
    serialized.dims().map(|dims| dims.first().copied())
}

fn dtypes(types: &[Type]) -> Result<Vec<DType>> {
    let one =
        |ty: &Type| ty.dtype().ok_or_else(|| Error::invalid(format!("features of type {ty}")));
    types.iter().map(one).collect()
}

/// The defaults from input `first` on, with names and shapes.
fn dense(x: &Args, first: usize, names: Vec<Bytes>, shapes: &[Shape]) -> Result<Vec<Dense>> {
    let n = names.len();
    ensure!(shapes.len() == n, "{} shapes of {n} features", shapes.len());
    let one = |(i, (name, shape)): (usize, (Bytes, &Shape))| {
        Ok(Dense { name, default: x.tensor(first + i)?.clone(), shape: shape.clone() })
    };
    names.into_iter().zip(shapes).enumerate().map(one).collect()
}

/// The records in input 0, and whether there is an axis of them.
fn records(x: &Args) -> Result<(&[Bytes], bool)> {
    let rank = x.tensor(0)?.rank();
    ensure!(rank <= 1, "the records have {rank} dims");
    Ok((x.slice::<Bytes>(0)?, rank == 0))
}

op! {
    /// Features of serialized records, as sparse, dense and ragged tensors.
    ParseExampleV2 = "ParseExampleV2", Pure {
        /// Types of the dense features.
        Tdense: Vec<Type>,
        /// Number of sparse features.
        num_sparse: i64,
        /// Their types.
        sparse_types: Vec<Type>,
        /// Types of the ragged features' values.
        ragged_value_types: Vec<Type>,
        /// Types of their splits.
        ragged_split_types: Vec<Type>,
        /// Shapes of the dense features in one record.
        dense_shapes: Vec<Shape>,
    }
    ("serialized: string", "names: string", "sparse_keys: string", "dense_keys: string",
        "ragged_keys: string", "dense_defaults: Tdense...")
        -> ("sparse_indices: num_sparse*int64", "sparse_values: sparse_types...",
        "sparse_shapes: num_sparse*int64", "dense_values: Tdense...",
        "ragged_values: ragged_value_types...", "ragged_row_splits: ragged_split_types...")
    [crate::def::case("string[\"\\x0a\\x0c\\x0a\\x0a\\x0a\\x01a\\x12\\x05\\x1a\\x03\\x0a\\x01\\x07\"], string<0>[], string<0>[], string[\"a\"], string<0>[], int64<0>[]",
        "Tdense=[int64], num_sparse=0, sparse_types=[], ragged_value_types=[], ragged_split_types=[], dense_shapes=[<1>]",
        "int64[[7]]")]
    infer(op, x) {
        let Some(batch) = batch_of(&x[0]) else {
            let n = 3 * op.sparse_types.len() + op.Tdense.len() + 2 * op.ragged_value_types.len();
            return Ok(vec![Shape::UNKNOWN; n]);
        };
        Ok(infer(batch, op.sparse_types.len(), &op.dense_shapes, op.ragged_value_types.len()))
    }
    eval(op, x, context) {
        let (serialized, is_single) = records(&x)?;
        let keys = |i: usize| Ok::<_, Error>(x.slice::<Bytes>(i)?.to_vec());
        let (sparse, ragged) = (keys(2)?, keys(4)?);
        let (values, splits) = (dtypes(&op.ragged_value_types)?, dtypes(&op.ragged_split_types)?);
        let types = dtypes(&op.sparse_types)?;
        ensure!(types.len() == sparse.len(), "{} types of {} features", types.len(), sparse.len());
        let n = ragged.len();
        ensure!(values.len() == n && splits.len() == n, "the types of {n} ragged features");
        ensure!(!is_single || n == 0, "one record alone has no ragged features");
        let wanted = Wanted {
            sparse: sparse.into_iter().zip(types).collect(),
            dense: dense(&x, 5, keys(3)?, &op.dense_shapes)?,
            ragged: ragged.into_iter().zip(values).zip(splits).map(|((k, v), s)| (k, v, s)).collect(),
            is_single,
        };
        wanted.parse(serialized)
    }
}

op! {
    /// Features of serialized records, as sparse and dense tensors.
    ParseExample = "ParseExample", Pure {
        /// Number of sparse features.
        Nsparse: i64,
        /// Number of dense features.
        Ndense: i64,
        /// Types of the sparse features.
        sparse_types: Vec<Type>,
        /// Types of the dense features.
        Tdense: Vec<Type>,
        /// Shapes of the dense features in one record.
        dense_shapes: Vec<Shape>,
    }
    ("serialized: string", "names: string", "sparse_keys: Nsparse*string",
        "dense_keys: Ndense*string", "dense_defaults: Tdense...")
        -> ("sparse_indices: Nsparse*int64", "sparse_values: sparse_types...",
        "sparse_shapes: Nsparse*int64", "dense_values: Tdense...")
    [crate::def::case("string[\"\\x0a\\x0c\\x0a\\x0a\\x0a\\x01a\\x12\\x05\\x1a\\x03\\x0a\\x01\\x07\"], string<0>[], string \"a\"",
        "Nsparse=1, Ndense=0, sparse_types=[int64], Tdense=[], dense_shapes=[]",
        "int64[[0, 0]], int64[7], int64[1, 1]")]
    infer(op, x) {
        let batch = batch_of(&x[0]).flatten().unwrap_or(Dim::Unknown);
        Ok(infer(Some(batch), op.sparse_types.len(), &op.dense_shapes, 0))
    }
    eval(op, x, context) {
        let (serialized, is_single) = records(&x)?;
        ensure!(!is_single, "the records have no axis");
        let types = dtypes(&op.sparse_types)?;
        let n = types.len();
        let n_dense = op.Tdense.len();
        let key = |i: usize| x.string(2 + i).cloned();
        let sparse = (0..n).map(key).collect::<Result<Vec<_>>>()?;
        let names = (n..n + n_dense).map(key).collect::<Result<Vec<_>>>()?;
        let wanted = Wanted {
            sparse: sparse.into_iter().zip(types).collect(),
            dense: dense(&x, 2 + n + n_dense, names, &op.dense_shapes)?,
            ragged: Vec::new(),
            is_single,
        };
        wanted.parse(serialized)
    }
}

op! {
    /// Features of one serialized record, as sparse and dense tensors.
    ParseSingleExample = "ParseSingleExample", Pure {
        /// Number of sparse features.
        num_sparse: i64,
        /// Their names.
        sparse_keys: Vec<Bytes>,
        /// Names of the dense features.
        dense_keys: Vec<Bytes>,
        /// Types of the sparse features.
        sparse_types: Vec<Type>,
        /// Types of the dense features.
        Tdense: Vec<Type>,
        /// Shapes of the dense features.
        dense_shapes: Vec<Shape>,
    }
    ("serialized: string", "dense_defaults: Tdense...")
        -> ("sparse_indices: num_sparse*int64", "sparse_values: sparse_types...",
        "sparse_shapes: num_sparse*int64", "dense_values: Tdense...")
    [crate::def::case("string \"\\x0a\\x0c\\x0a\\x0a\\x0a\\x01a\\x12\\x05\\x1a\\x03\\x0a\\x01\\x07\", int64[9]",
        "num_sparse=1, sparse_keys=[\"a\"], dense_keys=[\"b\"], sparse_types=[int64], Tdense=[int64], dense_shapes=[<1>]",
        "int64[[0]], int64[7], int64[1], int64[9]")]
    infer(op, x) { Ok(infer(None, op.sparse_types.len(), &op.dense_shapes, 0)) }
    eval(op, x, context) {
        let (serialized, is_single) = records(&x)?;
        ensure!(is_single, "there is one record, not a list of them");
        let types = dtypes(&op.sparse_types)?;
        ensure!(types.len() == op.sparse_keys.len(), "the types of {} features", op.sparse_keys.len());
        let wanted = Wanted {
            sparse: op.sparse_keys.iter().cloned().zip(types).collect(),
            dense: dense(&x, 1, op.dense_keys.clone(), &op.dense_shapes)?,
            ragged: Vec::new(),
            is_single,
        };
        wanted.parse(serialized)
    }
}
