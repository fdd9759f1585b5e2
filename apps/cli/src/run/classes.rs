//! The highest scores of a classifier, with the names of their classes.

use std::cmp::Ordering;
use std::path::Path;

use serde_json::{Value, json};
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_tensor::DenseTensor;

use crate::engine_args::ClassArgs;
use crate::print::{self, Table};

/// So many where nothing else is said.
const TOP: usize = 5;
/// Rows of a batch that are shown.
const ROWS_MAX: usize = 8;
/// No list of names is longer.
const LABELS_LEN_MAX: u64 = 64 << 20;

/// The highest scores of one row of an output.
pub(crate) struct Classes {
    output: String,
    row: usize,
    /// Index, name, score; the highest first.
    best: Vec<(usize, Option<String>, f64)>,
}

/// The scores of every output that has some.
pub(crate) fn find(
    outputs: &[(String, DenseTensor)],
    args: &ClassArgs,
    labels: Option<&[String]>,
) -> Result<Vec<Classes>, Problem> {
    let is_asked = args.top.is_some() || labels.is_some();
    let mut found = Vec::new();
    for (name, tensor) in outputs {
        let (Some(rows), Some(scores)) = (n_rows(tensor), tensor.to_f64()) else { continue };
        let n_classes = scores.len() / rows.max(1);
        if rows == 0 || n_classes < 2 || !tensor.dtype().is_float() {
            continue;
        }
        if !is_asked && !scores.chunks_exact(n_classes).all(are_probabilities) {
            continue;
        }
        for (row, scores) in scores.chunks_exact(n_classes).take(ROWS_MAX).enumerate() {
            let mut best: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
            best.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal));
            best.truncate(args.top.unwrap_or(TOP));
            let name_of = |i: usize| labels.and_then(|labels| labels.get(i).cloned());
            let best = best.into_iter().map(|(i, score)| (i, name_of(i), score)).collect();
            found.push(Classes { output: name.clone(), row, best });
        }
    }
    match is_asked && found.is_empty() {
        true => Err(Problem::usage("no output has scores of classes")
            .expected("floats of shape [rows, classes]", "none")),
        false => Ok(found),
    }
}

/// Scores are one row of classes, or a batch of rows.
fn n_rows(tensor: &DenseTensor) -> Option<usize> {
    match tensor.shape() {
        [_] => Some(1),
        [rows, _] => Some(*rows),
        _ => None,
    }
}

/// What softmax gives.
fn are_probabilities(scores: &[f64]) -> bool {
    let sum: f64 = scores.iter().sum();
    scores.iter().all(|score| (0.0..=1.0).contains(score)) && (sum - 1.0).abs() < 1e-2
}

impl Classes {
    pub(crate) fn human(&self) -> String {
        let mut table = Table::new(&[">class", "name", ">score"]);
        for (index, name, score) in &self.best {
            let name = name.clone().unwrap_or_default();
            table.row(vec![index.to_string(), name, print::number(*score)]);
        }
        let title = tensorferry_diagnostics::printable(&self.output);
        format!("\n{title}, row {}\n{}", self.row, table.render())
    }

    pub(crate) fn as_json(&self) -> Value {
        let best: Vec<Value> = self
            .best
            .iter()
            .map(|(index, name, score)| json!({ "class": index, "name": name, "score": score }))
            .collect();
        json!({ "output": self.output, "row": self.row, "best": best })
    }
}

/// Names of classes: lines, a JSON list, or a JSON object from index to a name or to a list that
/// ends in one, as Keras' `imagenet_class_index.json` is.
pub(crate) fn labels(path: &Path) -> Result<Vec<String>, Problem> {
    let shown = path.to_string_lossy();
    let bytes = std::fs::metadata(path).and_then(|meta| match meta.len() <= LABELS_LEN_MAX {
        true => std::fs::read(path),
        false => Err(std::io::Error::other("the list of names is too long")),
    });
    let bytes =
        bytes.map_err(|e| Problem::new(Kind::Environment, e.to_string()).in_file(shown.clone()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Problem::input("the list of names is no UTF-8").in_file(shown.clone()))?;
    if !text.trim_start().starts_with(['[', '{']) {
        return Ok(text.lines().map(|line| line.trim().to_owned()).collect());
    }
    let wrong = |what: String| Problem::input(what).in_file(shown.clone());
    let value: Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    from_json(&value).ok_or_else(|| {
        wrong("the names are neither a list nor an object of names by number".to_owned())
    })
}

fn from_json(value: &Value) -> Option<Vec<String>> {
    let name = |value: &Value| match value {
        Value::Array(all) => all.last().and_then(Value::as_str).map(str::to_owned),
        other => other.as_str().map(str::to_owned),
    };
    match value {
        Value::Array(all) => all.iter().map(name).collect(),
        Value::Object(members) => {
            (0..members.len()).map(|i| name(members.get(&i.to_string())?)).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_the_forms_that_people_have() {
        for text in [
            r#"["cat", "dog"]"#,
            r#"{"0": "cat", "1": "dog"}"#,
            r#"{"1": ["n02", "dog"], "0": ["n01", "cat"]}"#,
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(from_json(&value).unwrap(), ["cat", "dog"], "{text}");
        }
        for text in ["1", "[1]", r#"{"a": "cat"}"#] {
            assert_eq!(from_json(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn probabilities_are_shown_unasked_and_other_scores_when_asked() {
        let of = |values: Vec<f32>| vec![("y".to_owned(), DenseTensor::new(&[1, 3], values))];
        let args = |top| ClassArgs { top, labels: None };
        let found = find(&of(vec![0.2, 0.5, 0.3]), &args(None), None).unwrap();
        let order: Vec<usize> = found[0].best.iter().map(|best| best.0).collect();
        assert_eq!(order, [1, 2, 0]);
        assert!(find(&of(vec![2.0, 5.0, 3.0]), &args(None), None).unwrap().is_empty());
        assert_eq!(find(&of(vec![2.0, 5.0, 3.0]), &args(Some(1)), None).unwrap()[0].best.len(), 1);
        let scalar = [("y".to_owned(), DenseTensor::scalar(1.0_f32))];
        assert!(find(&scalar, &args(Some(1)), None).is_err());
    }
}
