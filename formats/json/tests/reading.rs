//! What is read, what is refused, and the message each refusal gives.

use serde_json::json;
use tensorferry_json::{Kind, Limits, NonFinite, parse, parse_with};

/// Text, kind of the error, message.
const REFUSED: &[(&[u8], Kind, &str)] = &[
    (b"", Kind::Truncated, "expected a value, found the end of the text (line 1, column 1)"),
    (b"  ", Kind::Truncated, "expected a value, found the end of the text (line 1, column 3)"),
    (
        b"{\"a\": [1,\n 2, }",
        Kind::Malformed,
        "a[2]: expected a value, found `}` (line 2, column 5)",
    ),
    (
        b"{\"a\": {\"b\": 1, \"b\": 2}}",
        Kind::Malformed,
        "a.b: the object has this key twice (line 1, column 16)",
    ),
    (
        b"{\"a.b\": [0, nul]}",
        Kind::Malformed,
        "[\"a.b\"][1]: expected a value, found `n` (line 1, column 13)",
    ),
    (b"[1] x", Kind::Malformed, "expected nothing after the value, found `x` (line 1, column 5)"),
    (b"{a: 1}", Kind::Malformed, "expected a key in double quotes, found `a` (line 1, column 2)"),
    (b"{\"a\" 1}", Kind::Malformed, "a: expected `:`, found `1` (line 1, column 6)"),
    (b"[1 2]", Kind::Malformed, "expected `,` or `]`, found `2` (line 1, column 4)"),
    (b"[01]", Kind::Malformed, "expected `,` or `]`, found `1` (line 1, column 3)"),
    (b"[1.]", Kind::Malformed, "[0]: expected a digit, found `]` (line 1, column 4)"),
    (b"[.5]", Kind::Malformed, "[0]: expected a value, found `.` (line 1, column 2)"),
    (b"[+1]", Kind::Malformed, "[0]: expected a value, found `+` (line 1, column 2)"),
    (b"[1e]", Kind::Malformed, "[0]: expected a digit, found `]` (line 1, column 4)"),
    (b"-", Kind::Truncated, "expected a digit, found the end of the text (line 1, column 2)"),
    (b"\"ab", Kind::Truncated, "the text ends inside a string (line 1, column 1)"),
    (b"\"a\tb\"", Kind::Malformed, "a control character in a string (line 1, column 3)"),
    (b"\"\\x\"", Kind::Malformed, "an unknown escape in a string (line 1, column 2)"),
    (b"\"\\u12g4\"", Kind::Malformed, "`\\u` without four hexadecimal digits (line 1, column 2)"),
    (
        b"\"\\ud800\\u0041\"",
        Kind::Unsupported,
        "half of a surrogate pair, which is no character (line 1, column 2)",
    ),
    (
        b"[18446744073709551616]",
        Kind::Unsupported,
        "[0]: an integer that does not fit 64 bits (line 1, column 2)",
    ),
    (
        b"{\"x\": NaN}",
        Kind::Unsupported,
        "x: NaN where only finite numbers are allowed (line 1, column 7)",
    ),
    (
        b"[-Infinity]",
        Kind::Unsupported,
        "[0]: -Infinity where only finite numbers are allowed (line 1, column 2)",
    ),
    (
        b"1e999",
        Kind::Unsupported,
        "a number beyond a 64-bit float where only finite numbers are allowed (line 1, column 1)",
    ),
    (b"-NaN", Kind::Malformed, "expected a digit, found `N` (line 1, column 2)"),
    (b"[\"\xc3\xa4\", \"\xff\"]", Kind::Malformed, "not UTF-8 text (line 1, column 8)"),
];

#[test]
fn a_refusal_names_path_line_and_column() {
    for (text, kind, message) in REFUSED {
        let error = parse(text, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), *message);
        assert_eq!(error.kind(), *kind, "{message}");
    }
}

#[test]
fn what_python_reads_is_read() {
    let cases: &[(&str, serde_json::Value)] = &[
        ("\u{feff}{\"b\": 1, \"a\": 2}", json!({"b": 1, "a": 2})),
        (" \r\n\t[ ] ", json!([])),
        ("-0", json!(0)),
        ("-0.0", json!(-0.0)),
        ("1E5", json!(100000.0)),
        ("1e-400", json!(0.0)),
        ("18446744073709551615", json!(u64::MAX)),
        ("\"\\ud83d\\ude00\\/\\u00e9\x7f\"", json!("😀/é\u{7f}")),
        ("\"NaN\"", json!("NaN")),
        ("{\"\": {\"\": null}}", json!({"": {"": null}})),
    ];
    for (text, value) in cases {
        let read = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(read, *value, "{text}");
        assert_eq!(read.to_string(), value.to_string(), "{text}");
    }
}

#[test]
fn non_finite_numbers_become_null_and_are_reported() {
    let text = br#"{"a": [1, NaN, {"b": -Infinity}], "c": Infinity, "d": 1e999, "e": "NaN"}"#;
    let parsed = parse_with(text, &Limits::default(), NonFinite::AsNull).unwrap();
    let expected = json!({"a": [1, null, {"b": null}], "c": null, "d": null, "e": "NaN"});
    assert_eq!(parsed.value, expected);
    let paths: Vec<String> = parsed.replaced.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["a[1]", "a[2].b", "c", "d"]);
    let many = format!("[{}NaN]", "NaN,".repeat(99));
    let parsed = parse_with(many.as_bytes(), &Limits::default(), NonFinite::AsNull).unwrap();
    assert_eq!((parsed.replaced.len(), parsed.n_replaced), (20, 100));
}

/// Two megabytes of zeros would take 75 MB and half as much again while their list grows.
#[test]
fn a_short_text_holds_a_bounded_number_of_values() {
    let zeros = |n: usize| format!("[{}0]", "0,".repeat(n - 1));
    assert!(parse(zeros((1 << 18) - 1).as_bytes(), &Limits::default()).is_ok());
    for text in [zeros(1 << 18), format!("[{}0]", "{\"a\":0},".repeat(200_000))] {
        let error = parse(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Limit, "{error}");
    }
    // A longer text may hold more, one for eight bytes.
    let long = format!("[{}0]", "12345678,".repeat(300_000));
    assert!(parse(long.as_bytes(), &Limits::default()).is_ok());
}

#[test]
fn limits_hold_to_the_last_value() {
    let nest = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(parse(nest(128).as_bytes(), &Limits::default()).is_ok());
    for n in [129, 100_000] {
        let error = parse(nest(n).as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Limit);
        assert_eq!(error.column(), 129);
    }
    let objects = "{\"a\":".repeat(500_000);
    assert_eq!(parse(objects.as_bytes(), &Limits::default()).unwrap_err().kind(), Kind::Limit);
    let small = Limits { bytes: 4, ..Limits::default() };
    assert!(parse(b"1234", &small).is_ok());
    let error = parse(b"12345", &small).unwrap_err();
    assert_eq!(error.what(), "5 bytes of JSON, more than the limit of 4");
    let zeros = format!("[{}0]", "0,".repeat(1_100_000));
    assert_eq!(parse(zeros.as_bytes(), &Limits::default()).unwrap_err().kind(), Kind::Limit);
}

#[test]
fn every_prefix_is_an_error_and_no_changed_bit_panics() {
    let whole = br#"{"a": [1, -2.5e3, "x\u00e9\n", true, null], "b": {"c": {}, "d": []}}"#;
    for len in 0..whole.len() {
        let error = parse(&whole[..len], &Limits::default()).unwrap_err();
        assert!(matches!(error.kind(), Kind::Truncated | Kind::Malformed), "{len}: {error}");
        assert!(error.offset() <= len);
    }
    for i in 0..whole.len() * 8 {
        let mut changed = whole.to_vec();
        changed[i / 8] ^= 1 << (i % 8);
        let _ = parse_with(&changed, &Limits::default(), NonFinite::AsNull);
    }
}
