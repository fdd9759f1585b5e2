//! Output against files that Python's own `json` made (`data/make.py`), and round trips.

use proptest::prelude::*;
use serde_json::{Map, Value};
use tensorferry_json::{Limits, parse, python_float, to_python};

fn data(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(path).expect("the file is beside this test")
}

#[test]
fn floats_print_as_in_python() {
    let dumped = data("floats.json");
    let value = parse(&dumped, &Limits::default()).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 3000);
    let text = String::from_utf8(dumped).unwrap();
    let ours = String::from_utf8(to_python(&value)).unwrap();
    for (ours, python) in ours.split(", ").zip(text.split(", ")) {
        assert_eq!(ours, python);
    }
    assert_eq!(ours, text);
}

#[test]
fn text_prints_as_in_python() {
    let value = parse(&data("raw.json"), &Limits::default()).unwrap();
    let ours = String::from_utf8(to_python(&value)).unwrap();
    assert_eq!(ours, String::from_utf8(data("dumped.json")).unwrap());
}

#[test]
fn a_lone_float_prints_as_its_repr() {
    let cases = [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (9999999999999998.0, "9999999999999998.0"),
        (1e-5, "1e-05"),
        (1.25e-7, "1.25e-07"),
        (0.0001, "0.0001"),
        (1e100, "1e+100"),
        (f64::NAN, "nan"),
        (f64::NEG_INFINITY, "-inf"),
    ];
    for (value, repr) in cases {
        assert_eq!(python_float(value), repr);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in any_value()) {
        let text = to_python(&value);
        prop_assert!(text.iter().all(|b| (b' '..=b'~').contains(b)));
        let back = parse(&text, &Limits::default()).unwrap();
        prop_assert_eq!(to_python(&back), text);
        prop_assert_eq!(back, value);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }
}
