//! Hash tables: those that are filled once, and those that change.

use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor};

use crate::{Context, Error, Resource, Result, Value};

register![
    AnonymousHashTable,
    AnonymousMutableHashTableOfTensors,
    HashTable,
    InitializeTable,
    InitializeTableFromTextFile,
    LookupTableExport,
    LookupTableFind,
    LookupTableImport,
    LookupTableInsert,
    LookupTableRemove,
    LookupTableSize,
    MutableHashTableOfTensors,
];

/// The table of that name, the node's where it is empty.
fn shared(
    context: &mut dyn Context,
    name: &str,
    types: (DType, DType),
    shape: &[usize],
) -> Vec<Value> {
    let name = if name.is_empty() { context.node_name().to_owned() } else { name.to_owned() };
    let make = || Resource::table(types.0, types.1, shape);
    vec![Value::Resource(context.resources().get_or_insert(&name, make))]
}

fn known(shape: &Shape) -> Result<Vec<usize>> {
    let known = shape.known();
    known.ok_or_else(|| Error::invalid(format!("values of the shape {shape}, which is not known")))
}

op! {
    /// A handle of a table, made when it is not there: one that is filled once, or one that changes.
    HashTable = "HashTableV2" | "HashTable" | "MutableHashTableV2" | "MutableHashTable", Stateful {
        /// Where it is kept; names are shared by all containers here.
        container: String = String::new(),
        /// The name under which graphs share it; the node's own when it is empty.
        shared_name: String = String::new(),
        /// The node's name is shared.
        use_node_name_sharing: bool = false,
        /// The type of the keys.
        key_dtype: DType,
        /// The type of the values.
        value_dtype: DType,
    }
    () -> ("table_handle: resource") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        Ok(shared(context, &op.shared_name, (op.key_dtype, op.value_dtype), &[]))
    }
}

op! {
    /// A handle of a table that changes and whose values are tensors, made when it is not there.
    MutableHashTableOfTensors = "MutableHashTableOfTensorsV2" | "MutableHashTableOfTensors",
    Stateful {
        /// Where it is kept; names are shared by all containers here.
        container: String = String::new(),
        /// The name under which graphs share it; the node's own when it is empty.
        shared_name: String = String::new(),
        /// The node's name is shared.
        use_node_name_sharing: bool = false,
        /// The type of the keys.
        key_dtype: DType,
        /// The type of the values.
        value_dtype: DType,
        /// The shape of each value.
        value_shape: Shape = Shape::scalar(),
    }
    () -> ("table_handle: resource") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let shape = known(&op.value_shape)?;
        Ok(shared(context, &op.shared_name, (op.key_dtype, op.value_dtype), &shape))
    }
}

op! {
    /// A new table: one that is filled once, or one that changes.
    AnonymousHashTable = "AnonymousHashTable" | "AnonymousMutableHashTable", Stateful {
        /// The type of the keys.
        key_dtype: DType,
        /// The type of the values.
        value_dtype: DType,
    }
    () -> ("table_handle: resource") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        Ok(vec![Value::Resource(Resource::table(op.key_dtype, op.value_dtype, &[]))])
    }
}

op! {
    /// A new table that changes and whose values are tensors.
    AnonymousMutableHashTableOfTensors = "AnonymousMutableHashTableOfTensors", Stateful {
        /// The type of the keys.
        key_dtype: DType,
        /// The type of the values.
        value_dtype: DType,
        /// The shape of each value.
        value_shape: Shape = Shape::scalar(),
    }
    () -> ("table_handle: resource") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let shape = known(&op.value_shape)?;
        Ok(vec![Value::Resource(Resource::table(op.key_dtype, op.value_dtype, &shape))])
    }
}

op! {
    /// Fills a table with pairs of keys and values, in place of what it held.
    LookupTableImport = "LookupTableImportV2" | "LookupTableImport", Stateful {}
    ("table_handle: resource", "keys: Tin", "values: Tout") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        let mut table = x.resource(0)?.as_table()?;
        table.clear();
        table.insert(x.tensor(1)?, x.tensor(2)?)?;
        Ok(Vec::new())
    }
}

op! {
    /// Fills a table once and for all with pairs of keys and values.
    InitializeTable = "InitializeTableV2" | "InitializeTable", Stateful {}
    ("table_handle: resource", "keys: Tkey", "values: Tval") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        fill(x.resource(0)?, x.tensor(1)?, x.tensor(2)?)?;
        Ok(Vec::new())
    }
}

/// Fills a table once; a second time is nothing, with as many pairs: TensorFlow looks no closer.
fn fill(table: &Resource, keys: &DenseTensor, values: &DenseTensor) -> Result<()> {
    let mut table = table.as_table()?;
    if table.is_filled {
        let (n, other) = (table.len(), keys.len());
        ensure!(n == other, "the table was filled with {n} pairs before, not {other}");
        return Ok(());
    }
    table.insert(keys, values)?;
    table.is_filled = true;
    let default =
        DenseTensor::zeros(values.dtype(), &[]).ok_or_else(|| Error::limit("no memory"))?;
    let found = table.find(keys, &default)?;
    ensure!(found == *values, "one of the keys comes twice, with another value");
    Ok(())
}

op! {
    /// Fills a table once and for all from the lines of a text file.
    InitializeTableFromTextFile =
    "InitializeTableFromTextFileV2" | "InitializeTableFromTextFile", Stateful {
        /// The column of the key: -2 is the line, -1 its number.
        key_index: i64,
        /// The column of the value, likewise.
        value_index: i64,
        /// Lines that count; all when it is -1.
        vocab_size: i64 = -1,
        /// Between columns.
        delimiter: bytes::Bytes = bytes::Bytes::from_static(b"\t"),
        /// Added to the numbers of lines.
        offset: i64 = 0,
    }
    ("table_handle: resource", "filename: string") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        let path = String::from_utf8_lossy(x.string(1)?).into_owned();
        let content = context.resources().asset(&path);
        let content =
            content.ok_or_else(|| Error::invalid(format!("the file `{path}` was not given")))?;
        let (key, value) = {
            let table = x.resource(0)?.as_table()?;
            (table.key, table.value)
        };
        let lines = op.lines(&content)?;
        let keys = op.column(&lines, op.key_index, key)?;
        let values = op.column(&lines, op.value_index, value)?;
        fill(x.resource(0)?, &keys, &values)?;
        Ok(Vec::new())
    }
}

impl InitializeTableFromTextFile {
    /// The lines that count. A file ends with the end of its last line.
    fn lines<'a>(&self, content: &'a [u8]) -> Result<Vec<&'a [u8]>> {
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let lines = content.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        match usize::try_from(self.vocab_size) {
            Err(_) => Ok(lines.collect()),
            Ok(n) => {
                let lines: Vec<&[u8]> = lines.take(n).collect();
                ensure!(lines.len() == n, "the file has {} lines, expected {n}", lines.len());
                Ok(lines)
            }
        }
    }

    fn column(&self, lines: &[&[u8]], index: i64, dtype: DType) -> Result<DenseTensor> {
        let delimiter = &self.delimiter[..];
        let words: Vec<bytes::Bytes> = match index {
            -1 => {
                ensure!(dtype != DType::String, "the number of a line is no string");
                let numbers: Vec<i64> =
                    (0..lines.len() as i64).map(|i| i.wrapping_add(self.offset)).collect();
                return Ok(crate::wide::Narrow::narrow(dtype, &[numbers.len()], numbers));
            }
            -2 => lines.iter().map(|line| bytes::Bytes::copy_from_slice(line)).collect(),
            _ => {
                let [delimiter] = delimiter else { fail!("the delimiter is not one character") };
                let at = usize::try_from(index);
                let at = at.map_err(|_| Error::invalid(format!("there is no column {index}")))?;
                let word = |line: &&[u8]| {
                    let word = line.split(|byte| byte == delimiter).nth(at);
                    let word = word.map(bytes::Bytes::copy_from_slice);
                    word.ok_or_else(|| Error::invalid(format!("a line has no column {index}")))
                };
                lines.iter().map(word).collect::<Result<_>>()?
            }
        };
        match dtype {
            DType::String => Ok(DenseTensor::vector(words)),
            _ => super::string::to_numbers(&DenseTensor::vector(words), dtype),
        }
    }
}

op! {
    /// The values of keys; a default for keys that the table has not.
    LookupTableFind = "LookupTableFindV2" | "LookupTableFind", Stateful {}
    ("table_handle: resource", "keys: Tin", "default_value: Tout") -> ("values: Tout") []
    infer(op, x) {
        let scalar = x[2].rank() == Some(0);
        Ok(vec![if scalar { x[1].shape.clone() } else { Shape::UNKNOWN }])
    }
    eval(op, x, context) {
        Ok(vec![x.resource(0)?.as_table()?.find(x.tensor(1)?, x.tensor(2)?)?.into()])
    }
}

op! {
    /// Puts pairs into a table; a key that is there gets another value.
    LookupTableInsert = "LookupTableInsertV2" | "LookupTableInsert", Stateful {}
    ("table_handle: resource", "keys: Tin", "values: Tout") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        x.resource(0)?.as_table()?.insert(x.tensor(1)?, x.tensor(2)?)?;
        Ok(Vec::new())
    }
}

op! {
    /// Takes keys out of a table.
    LookupTableRemove = "LookupTableRemoveV2", Stateful {}
    ("table_handle: resource", "keys: Tin") -> () []
    infer(op, x) { Ok(Vec::new()) }
    eval(op, x, context) {
        x.resource(0)?.as_table()?.remove(x.tensor(1)?)?;
        Ok(Vec::new())
    }
}

op! {
    /// All keys of a table and their values, in the order in which they came.
    LookupTableExport = "LookupTableExportV2" | "LookupTableExport", Stateful {}
    ("table_handle: resource") -> ("keys: Tkeys", "values: Tvalues") []
    infer(op, x) { Ok(vec![Shape::of_rank(1), Shape::UNKNOWN]) }
    eval(op, x, context) {
        let (keys, values) = x.resource(0)?.as_table()?.export();
        Ok(vec![keys.into(), values.into()])
    }
}

op! {
    /// The number of keys of a table.
    LookupTableSize = "LookupTableSizeV2" | "LookupTableSize", Stateful {}
    ("table_handle: resource") -> ("size: int64") []
    infer(op, x) { Ok(vec![Shape::scalar()]) }
    eval(op, x, context) {
        let n = x.resource(0)?.as_table()?.len();
        Ok(vec![DenseTensor::scalar(n.cast_signed() as i64).into()])
    }
}
