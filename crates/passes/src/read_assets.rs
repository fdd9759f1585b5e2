//! Fills tables from constants instead of from a text file.
//!
//! Requires: the file is an asset of the model. Leaves: `LookupTableImportV2` with the keys and
//! values that TensorFlow would read; TensorFlow.js reads no files.

use bytes::Bytes;
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{ASSET_ATTR, Attr, Constant, Graph, Model, Node, NodeId};
use tensorferry_tensor::{DType, DenseTensor};

use crate::Log;
use crate::freeze_variables::constant;

const NAME: &str = "read_assets";

/// The whole line, as `key_index` and `value_index` call it.
const WHOLE_LINE: i64 = -2;
/// The line's number.
const LINE_NUMBER: i64 = -1;

/// Reads them in the initializer.
pub(crate) fn read_assets(model: &mut Model, log: &mut Log) -> Result<(), Problems> {
    let graph = &mut model.initializer;
    let mut problems = Vec::new();
    for id in graph.ids() {
        let op = graph.node(id).op.as_str();
        if !matches!(op, "InitializeTableFromTextFileV2" | "InitializeTableFromTextFile") {
            continue;
        }
        match import(graph, id) {
            Ok(()) => log.applied(NAME),
            Err(problem) => {
                problems.push(problem.at(format!("node {}", graph.node(id).name)));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn import(graph: &mut Graph, id: NodeId) -> Result<(), Problem> {
    let node = graph.node(id);
    let [table, file] = node.inputs[..] else {
        return Err(Problem::input("it takes a table and a file"));
    };
    let file = crate::remove_identity::source(graph, file);
    let Some(Attr::Str(content)) = graph.node(file.node).attrs.get(ASSET_ATTR) else {
        return Err(Problem::unsupported("the table's file is no asset of the model"));
    };
    let table_node = graph.node(crate::remove_identity::source(graph, table).node);
    let dtype = |name: &str| {
        let ty = table_node.attrs.get(name).and_then(Attr::as_type).and_then(|ty| ty.dtype());
        ty.ok_or_else(|| Problem::input(format!("the table does not say its `{name}`")))
    };
    let (key, value) = (dtype("key_dtype")?, dtype("value_dtype")?);
    let int = |name: &str| node.attrs.get(name).and_then(Attr::as_int);
    let delimiter = match node.attrs.get("delimiter") {
        Some(Attr::Str(bytes)) => bytes.first().copied().unwrap_or(b'\t'),
        _ => b'\t',
    };
    let skipped = usize::try_from(int("offset").unwrap_or(0)).unwrap_or(0);
    let vocabulary = int("vocab_size").and_then(|n| usize::try_from(n).ok());
    let lines = lines(content).into_iter().skip(skipped);
    let lines: Vec<Bytes> = match vocabulary {
        Some(n) => lines.take(n).collect(),
        None => lines.collect(),
    };
    let column = |name: &str, dtype| {
        let at = int(name).unwrap_or(LINE_NUMBER);
        column(&lines, at, delimiter, dtype).ok_or_else(|| {
            Problem::input(format!("the table's file has no {dtype} as its `{name}` says"))
        })
    };
    let (keys, values) = (column("key_index", key)?, column("value_index", value)?);
    let name = graph.node(id).name.clone();
    let mut push = |what: &str, tensor| {
        let mut node = Node::new(graph.free_name(&format!("{name}/{what}")), "Const");
        node.attrs = constant(Constant::Dense(tensor));
        graph.push(node)
    };
    let (keys, values) = (push("keys", keys), push("values", values));
    let node = graph.node_mut(id);
    node.op = "LookupTableImportV2".to_owned();
    node.inputs = vec![table, keys.into(), values.into()];
    node.attrs.clear();
    node.attrs.insert("Tin".to_owned(), Attr::Type(key.into()));
    node.attrs.insert("Tout".to_owned(), Attr::Type(value.into()));
    Ok(())
}

/// The lines as TensorFlow reads them: carriage returns are left out, a last empty line is none.
fn lines(content: &[u8]) -> Vec<Bytes> {
    let mut lines: Vec<Bytes> = content
        .split(|byte| *byte == b'\n')
        .map(|line| line.iter().copied().filter(|byte| *byte != b'\r').collect())
        .collect();
    if lines.last().is_some_and(|line: &Bytes| line.is_empty()) {
        lines.pop();
    }
    lines
}

/// One column of every line.
fn column(lines: &[Bytes], at: i64, delimiter: u8, dtype: DType) -> Option<DenseTensor> {
    let word = |(i, line): (usize, &Bytes)| -> Option<Bytes> {
        Some(match at {
            WHOLE_LINE => line.clone(),
            LINE_NUMBER => Bytes::from(i.to_string()),
            _ => {
                let at = usize::try_from(at).ok()?;
                let word = line.split(|byte| *byte == delimiter).nth(at)?;
                Bytes::copy_from_slice(word)
            }
        })
    };
    let words: Vec<Bytes> = lines.iter().enumerate().map(word).collect::<Option<_>>()?;
    fn parsed<T: std::str::FromStr>(words: &[Bytes]) -> Option<Vec<T>> {
        words.iter().map(|word| std::str::from_utf8(word).ok()?.trim().parse().ok()).collect()
    }
    Some(match dtype {
        DType::String => DenseTensor::vector(words),
        DType::Int64 => DenseTensor::vector(parsed::<i64>(&words)?),
        DType::Int32 => DenseTensor::vector(parsed::<i32>(&words)?),
        DType::Float32 => DenseTensor::vector(parsed::<f32>(&words)?),
        DType::Float64 => DenseTensor::vector(parsed::<f64>(&words)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_tensorflow_reads_them() {
        let lines = lines(b"a\t5\r\nb\t7\nc\t-1\n");
        assert_eq!(lines.len(), 3);
        let keys = column(&lines, 0, b'\t', DType::String).unwrap();
        assert_eq!(keys.as_slice::<Bytes>().unwrap()[1], Bytes::from_static(b"b"));
        let values = column(&lines, 1, b'\t', DType::Int64).unwrap();
        assert_eq!(values.as_slice::<i64>().unwrap(), [5, 7, -1]);
        let numbers = column(&lines, LINE_NUMBER, b'\t', DType::Int64).unwrap();
        assert_eq!(numbers.as_slice::<i64>().unwrap(), [0, 1, 2]);
        assert!(column(&lines, 2, b'\t', DType::String).is_none());
        assert!(column(&lines, 0, b'\t', DType::Int64).is_none());
    }
}
