//! Says what TensorFlow.js cannot do with texts by what it can: replacing, splitting at bytes, and
//! joining neighbours.
//!
//! Each rewrite has its equation. Requires: what the equation needs to know of constants and shapes.
//! Leaves: the node's name on the last op.

use bytes::Bytes;
use tensorferry_ir::{Attr, Attrs, Edge, NodeId, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::{Chain, shape_of};
use crate::editor::Editor;

const INT: Type = Type::Data(DType::Int32);
const TEXT: Type = Type::Data(DType::String);

/// What TensorFlow takes for white space.
const SPACE: &str = " \t\n\x0b\x0c\r";

/// Lowers a node that works on texts.
pub(crate) fn lower(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    match editor.node(id).op.as_str() {
        "StringLower" => lower_letters(editor, id),
        "StringStrip" => strip(editor, id),
        "StringSplitV2" => split(editor, id),
        "StringJoin" => join(editor, id),
        "RegexReplace" => replace(editor, id),
        _ => None,
    }
}

fn replacing(pattern: &str, rewrite: &str, is_global: bool) -> Attrs {
    [
        ("pattern".to_owned(), Attr::text(pattern)),
        ("rewrite".to_owned(), Attr::text(rewrite)),
        ("replace_global".to_owned(), Attr::Bool(is_global)),
    ]
    .into()
}

/// A pattern that means the same in small letters: TensorFlow.js makes small letters of every
/// attribute. `T == \x54`, `\S == [^\s]`.
pub(crate) fn small(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars();
    let mut is_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                class @ ('S' | 'W' | 'D') if !is_class => {
                    out.push_str(&format!("[^\\{}]", class.to_ascii_lowercase()));
                }
                other if other.is_uppercase() => return None,
                other => out.extend(['\\', other]),
            },
            c if c.is_ascii_uppercase() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_uppercase() => return None,
            c => {
                is_class = (is_class || c == '[') && c != ']';
                out.push(c);
            }
        }
    }
    Some(out)
}

/// `replace(p, x) == replace(small(p), x)`.
pub(crate) fn small_pattern(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let pattern = node.attrs.get("pattern").and_then(Attr::as_text)?;
    let small = small(pattern).filter(|small| small != pattern)?;
    let (inputs, mut attrs) = (node.inputs.clone(), node.attrs.clone());
    attrs.insert("pattern".to_owned(), Attr::text(&small));
    editor.set(id, "StaticRegexReplace", &inputs, attrs);
    Some(())
}

/// `lower(x) == replace("A", "a", replace("B", "b", …))`: without an encoding TensorFlow changes the
/// letters of ASCII alone. The other way TensorFlow.js cannot go: it has no large letters to put in.
fn lower_letters(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let x = *node.inputs.first()?;
    if node.attrs.get("encoding").and_then(Attr::as_text).is_some_and(|text| !text.is_empty()) {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let letter = |letter: u8| {
        let pattern = format!("\\x{:02x}", letter.to_ascii_uppercase());
        replacing(&pattern, &char::from(letter).to_string(), true)
    };
    let mut y = x;
    for small in b'a'..=b'y' {
        y = chain.push("StaticRegexReplace", &[y], letter(small));
    }
    chain.finish("StaticRegexReplace", &[y], letter(b'z'))
}

/// `strip(x) == replace("^\s+|\s+$", "", x)`.
fn strip(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = *editor.node(id).inputs.first()?;
    let attrs = replacing(r"^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$", "", true);
    Chain::new(editor, id).finish("StaticRegexReplace", &[x], attrs)
}

/// `split_v2(x, "") == split(x, white space)` without empty parts; `split_v2(x, c) == split(x, c)` with
/// them, for one byte `c`.
fn split(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, separator] = node.inputs[..] else { return None };
    let n_max = node.attrs.get("maxsplit").and_then(Attr::as_int).unwrap_or(-1);
    let separator = editor.constant(separator)?.dense().ok()?;
    let [separator] = separator.as_slice::<Bytes>()? else { return None };
    if n_max >= 0 || separator.len() > 1 {
        return None;
    }
    let skips = separator.is_empty();
    let at = if skips { Bytes::from_static(SPACE.as_bytes()) } else { separator.clone() };
    let mut chain = Chain::new(editor, id);
    let at = chain.constant("delimiter", DenseTensor::scalar(at));
    let attrs = [("skip_empty".to_owned(), Attr::Bool(skips))].into();
    chain.finish("StringSplit", &[x, at], attrs)
}

/// `join(a, b, …) == n_grams([a[0], b[0], …, a[1], b[1], …])`, each row of as many texts as there are
/// inputs being one gram. Requires inputs of one known shape.
fn join(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let inputs = node.inputs.clone();
    let separator = node.attrs.get("separator").and_then(Attr::as_text).unwrap_or("").to_owned();
    let dims = editor.fact(*inputs.first()?)?.shape.known()?;
    let is_one =
        |edge: &Edge| editor.fact(*edge).and_then(|fact| fact.shape.known()) == Some(dims.clone());
    let n = i32::try_from(inputs.len()).ok()?;
    let len = dims.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim))?;
    let end = i32::try_from(len).ok()?.checked_mul(n)?;
    if !inputs.iter().all(is_one) || n < 1 || len == 0 || len > JOINED_MAX {
        return None;
    }
    let shape = dims.iter().map(|dim| tensorferry_ir::Dim::Known(*dim)).collect::<Vec<_>>();
    let shape = shape_of(&shape)?;
    let mut chain = Chain::new(editor, id);
    let columns: Vec<Edge> =
        inputs.iter().map(|edge| chain.reshape(*edge, TEXT, vec![-1, 1])).collect();
    let rows = chain.concat(&columns, TEXT, 1);
    let data = chain.reshape(rows, TEXT, vec![-1]);
    let splits: Vec<i32> = (0..=end).step_by(usize::try_from(n).ok()?).collect();
    let splits = chain.ints("splits", splits);
    let attrs: Attrs = [
        ("separator".to_owned(), Attr::text(&separator)),
        ("ngram_widths".to_owned(), Attr::ints(&[i64::from(n)])),
        ("left_pad".to_owned(), Attr::text("")),
        ("right_pad".to_owned(), Attr::text("")),
        ("pad_width".to_owned(), Attr::Int(0)),
        ("preserve_short_sequences".to_owned(), Attr::Bool(false)),
        ("Tsplits".to_owned(), Attr::Type(INT)),
    ]
    .into();
    let grams = chain.push("StringNGrams", &[data, splits], attrs);
    let shape = chain.ints("shape", shape);
    chain.finish("Reshape", &[grams, shape], Chain::reshape_attrs(TEXT))
}

/// More rows than this are data, not a model.
const JOINED_MAX: usize = 1 << 16;

/// `replace(x, p, r) == static_replace(x)` for constants that mean the same in both notations:
/// TensorFlow writes groups as `\1`, JavaScript as `$1`, and each has patterns of its own.
fn replace(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, pattern, rewrite] = node.inputs[..] else { return None };
    let is_global = node.attrs.get("replace_global") != Some(&Attr::Bool(false));
    let text = |edge: Edge| -> Option<String> {
        let value = editor.constant(edge)?.dense().ok()?;
        let [text] = value.as_slice::<Bytes>()? else { return None };
        String::from_utf8(text.to_vec()).ok()
    };
    let (pattern, rewrite) = (text(pattern)?, text(rewrite)?);
    const OWN: [&str; 8] = ["(?", "[:", r"\p", r"\P", r"\Q", r"\A", r"\z", r"\C"];
    let is_common = !OWN.iter().any(|part| pattern.contains(part)) && pattern.is_ascii();
    let is_written = |c: char| matches!(c, '\\' | '$') || c.is_uppercase();
    if !is_common || rewrite.contains(is_written) {
        return None;
    }
    let pattern = small(&pattern)?;
    Chain::new(editor, id).finish(
        "StaticRegexReplace",
        &[x],
        replacing(&pattern, &rewrite, is_global),
    )
}

#[cfg(test)]
mod tests {
    use super::small;

    #[test]
    fn patterns_say_the_same_in_small_letters() {
        assert_eq!(small("[A-Z]T\\S+").as_deref(), Some("[\\x41-\\x5a]\\x54[^\\s]+"));
        assert_eq!(small("[!\\[\\]x]").as_deref(), Some("[!\\[\\]x]"));
        assert_eq!(small("[\\S]"), None);
        assert_eq!(small("\\Bx"), None);
        assert_eq!(small("x\\"), None);
    }
}
