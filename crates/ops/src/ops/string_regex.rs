//! Regular expressions on strings.

use bytes::Bytes;
use regex::bytes::Regex;
use tensorferry_tensor::DenseTensor;

use super::string::{each, same_shape};
use crate::def::case;
use crate::re2::{Piece, compile, rewrite};
use crate::text::check_text;
use crate::{Args, Result, Value};

register![RegexFullMatch, RegexReplace, StaticRegexFullMatch, StaticRegexReplace];

fn replace(x: &Args, pattern: &[u8], with: &[u8], all: bool) -> Result<Vec<Value>> {
    let regex = compile(pattern, false)?;
    let pieces = rewrite(with, &regex)?;
    each(x, |text| replaced(text, &regex, &pieces, all))
}

/// RE2's way through a text: where a match ended, the next one is not empty.
fn replaced(text: &Bytes, regex: &Regex, pieces: &[Piece], all: bool) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut end) = (0, None);
    while let Some(found) = regex.captures_at(text, at) {
        let Some(whole) = found.get(0) else { break };
        out.extend_from_slice(&text[at..whole.start()]);
        at = whole.end();
        if whole.is_empty() && end == Some(at) {
            let Some(len) = character_len(&text[at..]) else { break };
            out.extend_from_slice(&text[at..at + len]);
            at += len;
            continue;
        }
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Group(i) => {
                    out.extend_from_slice(found.get(*i).map_or(&[], |group| group.as_bytes()));
                }
            }
        }
        check_text(out.len())?;
        end = Some(at);
        if !all {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
    Ok(out)
}

/// Bytes of the first character; one where there is none. `None` at the end.
fn character_len(text: &[u8]) -> Option<usize> {
    let start = &text[..text.len().min(4)];
    let first = start.utf8_chunks().next()?;
    Some(first.valid().chars().next().map_or(1, char::len_utf8))
}

fn full_match(x: &Args, pattern: &[u8]) -> Result<Vec<Value>> {
    let regex = compile(pattern, true)?;
    let all: Vec<bool> = x.slice::<Bytes>(0)?.iter().map(|text| regex.is_match(text)).collect();
    Ok(vec![DenseTensor::new(x.tensor(0)?.shape(), all).into()])
}

op! {
    /// Replaces what a regular expression matches.
    StaticRegexReplace = "StaticRegexReplace", Pure {
        /// The regular expression, in RE2's language.
        pattern: Bytes,
        /// What stands in place of each match; `\1` is the first group.
        rewrite: Bytes,
        /// Every match is replaced, not the first alone.
        replace_global: bool = true,
    }
    ("input: string") -> ("output: string")
    [case("string[\"a1b22\"]", "pattern=\"([0-9])+\", rewrite=\"<\\\\1>\"", "string[\"a<1>b<2>\"]"),
     case("string[\"aab\"]", "pattern=\"a\", rewrite=\"\", replace_global=false", "string[\"ab\"]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) { replace(&x, &op.pattern, &op.rewrite, op.replace_global) }
}

op! {
    /// Replaces what a regular expression matches.
    RegexReplace = "RegexReplace", Pure {
        /// Every match is replaced, not the first alone.
        replace_global: bool = true,
    }
    ("input: string", "pattern: string", "rewrite: string") -> ("output: string")
    [case("string[\"a1b22\"], string \"[0-9]\", string \"#\"", "", "string[\"a#b##\"]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) { replace(&x, x.string(1)?, x.string(2)?, op.replace_global) }
}

op! {
    /// True for strings that a regular expression matches as a whole.
    StaticRegexFullMatch = "StaticRegexFullMatch", Pure {
        /// The regular expression, in RE2's language.
        pattern: Bytes,
    }
    ("input: string") -> ("output: bool")
    [case("string[\"ab\", \"abc\"]", "pattern=\"a.\"", "bool[true, false]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) { full_match(&x, &op.pattern) }
}

op! {
    /// True for strings that a regular expression matches as a whole.
    RegexFullMatch = "RegexFullMatch", Pure {}
    ("input: string", "pattern: string") -> ("output: bool")
    [case("string[\"ab\", \"abc\"], string \"a|abc\"", "", "bool[false, true]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) { full_match(&x, x.string(1)?) }
}
