//! Comparing JSON values and arrays of numbers, with messages that name the first difference.

use serde_json::Value;

/// The path and the two values of the first difference, objects compared by key; `None` when equal.
///
/// Numbers are equal when they are the same double, however they are spelt.
pub fn json_difference(ours: &Value, theirs: &Value) -> Option<String> {
    difference_at("", ours, theirs)
}

fn difference_at(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let only_ours = a.keys().find(|key| !b.contains_key(*key));
            let only_theirs = b.keys().find(|key| !a.contains_key(*key));
            if let Some(key) = only_ours {
                return Some(format!("{path}/{key} is only in ours: {}", brief(&a[key])));
            }
            if let Some(key) = only_theirs {
                return Some(format!("{path}/{key} is only in the reference: {}", brief(&b[key])));
            }
            a.iter()
                .find_map(|(key, value)| difference_at(&format!("{path}/{key}"), value, &b[key]))
        }
        (Value::Array(a), Value::Array(b)) => {
            let unequal = a
                .iter()
                .zip(b)
                .enumerate()
                .find_map(|(i, (x, y))| difference_at(&format!("{path}/{i}"), x, y));
            let lengths = (a.len() != b.len())
                .then(|| format!("{path} has {} entries instead of {}", a.len(), b.len()));
            unequal.or(lengths)
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path} is {} instead of {}", brief(a), brief(b))),
    }
}

fn brief(value: &Value) -> String {
    const CHARS_MAX: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The largest absolute difference; infinite when the lengths differ or only one is NaN.
pub fn max_abs_difference(ours: &[f64], theirs: &[f64]) -> f64 {
    if ours.len() != theirs.len() {
        return f64::INFINITY;
    }
    let difference = |(a, b): (&f64, &f64)| {
        let same = a == b || (a.is_nan() && b.is_nan());
        let apart = (a - b).abs();
        if same {
            0.0
        } else if apart.is_nan() {
            f64::INFINITY
        } else {
            apart
        }
    };
    ours.iter().zip(theirs).map(difference).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let cases = [
            (json!({"a": 1, "b": [1, 2]}), json!({"b": [1.0, 2], "a": 1}), None),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("/a/b is 1 instead of 2")),
            (json!([1]), json!([1, 2]), Some(" has 1 entries instead of 2")),
            (json!({"a": 1}), json!({}), Some("/a is only in ours: 1")),
            (json!({}), json!({"a": 1}), Some("/a is only in the reference: 1")),
            (json!([1, [true]]), json!([1, [false]]), Some("/1/0 is true instead of false")),
        ];
        for (ours, theirs, expected) in cases {
            assert_eq!(json_difference(&ours, &theirs).as_deref(), expected);
        }
    }

    #[test]
    fn the_largest_difference_is_found() {
        assert_eq!(max_abs_difference(&[1.0, f64::NAN], &[1.5, f64::NAN]), 0.5);
        assert_eq!(max_abs_difference(&[1.0], &[f64::NAN]), f64::INFINITY);
        assert_eq!(max_abs_difference(&[f64::INFINITY], &[f64::INFINITY]), 0.0);
        assert_eq!(max_abs_difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }
}
