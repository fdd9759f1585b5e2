//! Hash tables: they are filled once and looked up in.

use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor, Run, assemble};

use crate::{Args, Case, Context, Effect, Fact, Key, Op, Resource, Result, Spec, Table, Value};

register![HashTable, LookupTableFind, LookupTableImport, LookupTableSize];

attrs! {
    /// A handle of a table, made when it is not there.
    struct HashTable {
        /// The name under which graphs share it; the node's own when it is empty.
        shared_name: String = String::new(),
        /// The node's name is shared.
        use_node_name_sharing: bool = false,
        /// The type of the keys.
        key_dtype: DType,
        /// The type of the values.
        value_dtype: DType,
    }
}

impl Op for HashTable {
    const SPEC: Spec = Spec {
        name: "HashTableV2",
        aliases: &["HashTable", "MutableHashTableV2"],
        outputs: &["table_handle: resource"],
        effect: Effect::Stateful,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::scalar()])
    }

    fn eval_in(&self, _: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        let name = match self.shared_name.as_str() {
            "" => context.node_name().to_owned(),
            name => name.to_owned(),
        };
        let make = || Resource::table(self.key_dtype, self.value_dtype);
        Ok(vec![Value::Resource(context.resources().get_or_insert(&name, make))])
    }
}

attrs! {
    /// Fills a table with pairs of keys and values, in place of what it held.
    struct LookupTableImport {}
}

impl Op for LookupTableImport {
    const SPEC: Spec = Spec {
        name: "LookupTableImportV2",
        aliases: &["LookupTableImport", "InitializeTableV2", "InitializeTable"],
        inputs: &["table_handle: resource", "keys: Tin", "values: Tout"],
        effect: Effect::Stateful,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(Vec::new())
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (keys, values) = (inputs.tensor(1)?, inputs.tensor(2)?);
        let mut table = inputs.resource(0)?.as_table()?;
        check_types(&table, keys.dtype(), values.dtype())?;
        let keys = Key::all(keys)?;
        ensure!(keys.len() == values.len(), "{} keys, {} values", keys.len(), values.len());
        table.places.clear();
        for (i, key) in keys.into_iter().enumerate() {
            table.places.insert(key, i);
        }
        let one = |i| assemble(&[], &[values], &mut std::iter::once(Run::once(0, i, 1)));
        table.values = (0..values.len()).map(one).collect();
        Ok(Vec::new())
    }
}

fn check_types(table: &Table, key: DType, value: DType) -> Result<()> {
    let (k, v) = (table.key, table.value);
    ensure!(k == key && v == value, "the table has {k} and {v}, not {key} and {value}");
    Ok(())
}

attrs! {
    /// The values of keys; a default for keys that the table has not.
    struct LookupTableFind {}
}

impl Op for LookupTableFind {
    const SPEC: Spec = Spec {
        name: "LookupTableFindV2",
        aliases: &["LookupTableFind"],
        inputs: &["table_handle: resource", "keys: Tin", "default_value: Tout"],
        outputs: &["values: Tout"],
        effect: Effect::Stateful,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[1].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (keys, default) = (inputs.tensor(1)?, inputs.tensor(2)?);
        let table = inputs.resource(0)?.as_table()?;
        check_types(&table, keys.dtype(), default.dtype())?;
        ensure!(default.len() == 1, "the default has {} elements", default.len());
        let sources: Vec<&DenseTensor> = std::iter::once(default).chain(&table.values).collect();
        let places = Key::all(keys)?;
        let mut runs = places
            .iter()
            .map(|key| Run::once(table.places.get(key).map_or(0, |place| place + 1), 0, 1));
        Ok(vec![assemble(keys.shape(), &sources, &mut runs).into()])
    }
}

attrs! {
    /// The number of keys of a table.
    struct LookupTableSize {}
}

impl Op for LookupTableSize {
    const SPEC: Spec = Spec {
        name: "LookupTableSizeV2",
        aliases: &["LookupTableSize"],
        inputs: &["table_handle: resource"],
        outputs: &["size: int64"],
        effect: Effect::Stateful,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::scalar()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let n = inputs.resource(0)?.as_table()?.places.len();
        Ok(vec![DenseTensor::scalar(n.cast_signed() as i64).into()])
    }
}
