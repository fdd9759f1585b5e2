//! The text format: what TensorFlow writes, what people write, and what is broken.

use tensorferry_tf_proto::tensorflow::{GraphDef, SavedModel};
use tensorferry_tf_proto::{Message, graph_def_from_text, saved_model_from_text};

const SAVED_MODEL: (&[u8], &[u8]) =
    (include_bytes!("data/table_saved_model.pb"), include_bytes!("data/table_saved_model.pbtxt"));

/// Made by `make_texts.py`: all that a text can be odd about.
const VALUES: (&[u8], &[u8]) =
    (include_bytes!("data/values.pb"), include_bytes!("data/values.pbtxt"));

#[test]
fn what_tensorflow_writes_as_text_is_what_it_writes_as_bytes() {
    let text = saved_model_from_text(SAVED_MODEL.1).unwrap();
    assert!(text == SavedModel::decode(SAVED_MODEL.0).unwrap());
    assert_eq!(text.meta_graphs[0].signature_def.len(), 1);
    // Compared as bytes: among the values is one that equals nothing.
    let text = graph_def_from_text(VALUES.1).unwrap();
    let bytes = GraphDef::decode(VALUES.0).unwrap();
    assert_eq!(text.node.len(), 14);
    assert_eq!(text.encode_to_vec(), bytes.encode_to_vec());
}

#[test]
fn one_message_may_be_written_in_many_ways() {
    let ways = [
        r#"node { name: "a" op: "Const" input: "x" input: "y" } version: 26"#,
        "node{name:'a' op:'Con' \"st\" input:['x','y']}version:0x1a",
        "node < name: \"\\x61\"; op: \"Const\", input: [\"x\"] input: \"\\171\" >; version: 032",
        "# a comment\nversion: 26 node: [{ name: \"\\u0061\" op: 'Const' input: ['x', 'y'] }]",
        "\u{feff}node: { name: \"a\" op: \"Const\" device: \"\" input: \"x\"\r\n input: \"y\" }\n version: 26 # end",
        "node { name: 'a' experimental_type { args { s: '}' } type_id: TFT_X } op: 'Const' input: 'x' \
         17: 5 [a.b/c.D] { x: [1, {y: -inf}] } input: 'y' } debug_info { files: 'x' } version: 26",
    ];
    let expected = graph_def_from_text(ways[0].as_bytes()).unwrap();
    assert_eq!((&*expected.node[0].name, expected.node[0].input.len()), ("a", 2));
    for way in ways {
        assert_eq!(graph_def_from_text(way.as_bytes()).as_ref(), Ok(&expected), "{way}");
    }
    assert_eq!(graph_def_from_text(b"").unwrap(), GraphDef::default());
}

#[test]
fn numbers_are_read_to_the_last_bit() {
    let float = |text: &str| {
        let text = format!("node {{ attr {{ key: 'f' value {{ f: {text} }} }} }}");
        let graph = graph_def_from_text(text.as_bytes()).ok()?;
        match graph.node[0].attr["f"].value {
            Some(tensorferry_tf_proto::tensorflow::attr_value::Value::F(value)) => Some(value),
            _ => None,
        }
    };
    let cases = [
        ("1", Some(1.0)),
        ("-1.5e+3", Some(-1500.0)),
        ("2.5f", Some(2.5)),
        (".25", Some(0.25)),
        ("5.", Some(5.0)),
        ("- 1", Some(-1.0)),
        ("1e-45", Some(f32::from_bits(1))),
        ("-Infinity", Some(f32::NEG_INFINITY)),
        // Halfway for a double that is rounded again, and not for the number itself.
        ("16777217.0000000001", Some(16_777_218.0)),
        ("0x10", None),
        ("1e", None),
        ("one", None),
    ];
    for (text, value) in cases {
        assert_eq!(float(text), value, "{text}");
    }
    assert!(float("nan").unwrap().is_nan());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        ("meta_graphs { }", "line 1, column 1: tensorflow.GraphDef has no field `meta_graphs`"),
        ("node {\n  name: 5\n}", "line 2, column 9: expected a string, found `5`"),
        ("node { name: 'ü' name: 'b' }", "line 1, column 18: `name` is given twice"),
        ("node { name: \"a\n\" }", "line 1, column 14: the string has no end"),
        ("node { name: '\\q' }", "line 1, column 15: an escape that is not known"),
        ("node { name: '\\777' }", "line 1, column 15: an escape of more than 255"),
        ("node { name: '\\ud800' }", "line 1, column 15: an escape that is not known"),
        ("node { name: '\\377' }", "line 1, column 14: the string is not UTF-8"),
        ("node { name 'a' }", "line 1, column 13: expected `:`, found a string"),
        ("node { name: 'a'", "line 1, column 17: expected a field, found the end"),
        ("node { name: 'a' >", "line 1, column 18: expected a field, found `>`"),
        ("node: 5", "line 1, column 7: expected `{`, found `5`"),
        ("version: 2147483648", "line 1, column 10: `2147483648` is no number that fits here"),
        ("version: -", "line 1, column 11: expected a whole number, found the end"),
        ("node { input: ['a' 'b' : ] }", "line 1, column 24: expected `,` or `]`, found `:`"),
        ("node { x: { y: [} }", "line 1, column 17: `}` closes nothing"),
        ("node { x: { y: 1 ", "line 1, column 11: what begins here has no end"),
        (
            "node { attr { key: 'T' value { type: DT_FLOOT } } }",
            "line 1, column 38: `DT_FLOOT` is not known",
        ),
        (
            "node { attr { value { b: 2 } } }",
            "line 1, column 26: expected true or false, found `2`",
        ),
        ("\n\n  @", "line 3, column 3: `@` has no meaning here"),
        ("{", "line 1, column 1: expected a field, found `{`"),
    ];
    for (text, what) in cases {
        let error = graph_def_from_text(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), what, "{text}");
    }
}

#[test]
fn nesting_has_an_end() {
    let deep = |n: usize| {
        let open = "attr { key: 'f' value { func { name: 'f' ".repeat(n);
        format!("node {{ {open} {} }}", "} } }".repeat(n))
    };
    assert!(graph_def_from_text(deep(30).as_bytes()).is_ok());
    let error = graph_def_from_text(deep(50_000).as_bytes()).unwrap_err();
    assert_eq!(error.what, "messages are more than 100 deep");
    // What is skipped is not nested for the reader.
    let skipped = format!("node {{ x {} {} }}", "{ x ".repeat(50_000), "}".repeat(50_000));
    let error = graph_def_from_text(skipped.as_bytes());
    assert_eq!(error, graph_def_from_text(b"node { }"));
}

#[test]
fn broken_texts_are_refused_or_read_without_a_panic() {
    for (len, _) in SAVED_MODEL.1.iter().enumerate().step_by(7) {
        // Only between fields of the outermost message is a part a whole.
        let _ = saved_model_from_text(&SAVED_MODEL.1[..len]);
    }
    let mut bytes = VALUES.1.to_vec();
    let mut n_refused = 0;
    for at in 0..bytes.len() {
        for byte in *b"\0\"\\{}]:-0x\xff" {
            let before = std::mem::replace(&mut bytes[at], byte);
            if at % 11 == usize::from(byte) % 11 {
                n_refused += usize::from(graph_def_from_text(&bytes).is_err());
            }
            bytes[at] = before;
        }
    }
    assert!(n_refused > 1000, "only {n_refused} were refused");
}
