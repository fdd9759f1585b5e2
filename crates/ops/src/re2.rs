//! RE2's regular expressions, which TensorFlow takes, in the words of the `regex` crate.
//!
//! The two languages are close relatives. What differs is written differently: RE2's classes of one
//! letter (`\d`, `\w`, `\s`, `\b`) are ASCII, a bracket within brackets and a brace without numbers
//! are themselves, `\C` is any byte and `\Q` quotes.

use bytes::Bytes;
use regex::bytes::{Regex, RegexBuilder};

use crate::{Error, Result};

/// The longest pattern; TensorFlow's own are a few dozen bytes.
const PATTERN_LEN_MAX: usize = 1 << 16;

/// The most bytes that a compiled pattern takes: `(a{1000}){1000}` is short and huge.
const PROGRAM_BYTES_MAX: usize = 8 << 20;

/// A pattern made ready; with `is_whole` it must match texts as a whole.
pub(crate) fn compile(pattern: &[u8], is_whole: bool) -> Result<Regex> {
    let name = String::from_utf8_lossy(pattern);
    let Ok(text) = std::str::from_utf8(pattern) else { fail!("the pattern `{name}` is no UTF-8") };
    ensure!(text.len() <= PATTERN_LEN_MAX, "a pattern of {} bytes", text.len());
    let mut translated = translate(text);
    if is_whole {
        translated = format!(r"\A(?:{translated})\z");
    }
    RegexBuilder::new(&translated)
        .size_limit(PROGRAM_BYTES_MAX)
        .build()
        .map_err(|error| Error::invalid(format!("the pattern `{name}`: {error}")))
}

/// A replacement: bytes, and groups of the match.
pub(crate) enum Piece {
    Text(Bytes),
    Group(usize),
}

/// Reads a replacement: `\1` is a group, `\0` the whole match, `\\` a backslash.
pub(crate) fn rewrite(text: &[u8], regex: &Regex) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'\\' {
            literal.push(*byte);
            continue;
        }
        match bytes.next() {
            Some(b'\\') => literal.push(b'\\'),
            Some(digit) if digit.is_ascii_digit() => {
                let group = usize::from(digit - b'0');
                let n = regex.captures_len();
                ensure!(group < n, "the replacement names group {group} of {}", n - 1);
                pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
                pieces.push(Piece::Group(group));
            }
            _ => fail!("a backslash in the replacement is followed by neither digit nor backslash"),
        }
    }
    pieces.push(Piece::Text(literal.into()));
    Ok(pieces)
}

/// What stands for a letter behind a backslash; `None` when it means the same in both languages.
fn escape(letter: char, in_class: bool) -> Option<&'static str> {
    Some(match (letter, in_class) {
        ('d', false) => "[0-9]",
        ('d', true) => "0-9",
        ('D', _) => "[^0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('w', true) => "0-9A-Za-z_",
        ('W', _) => "[^0-9A-Za-z_]",
        ('s', false) => r"[\t\n\f\r ]",
        ('s', true) => r"\t\n\f\r ",
        ('S', _) => r"[^\t\n\f\r ]",
        ('b', false) => r"(?-u:\b)",
        ('B', false) => r"(?-u:\B)",
        ('C', false) => "(?s-u:.)",
        ('<', _) => "<",
        ('>', _) => ">",
        _ => return None,
    })
}

/// `text` in the words of the `regex` crate.
fn translate(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() * 2);
    let mut i = 0;
    while i < chars.len() {
        match chars[i] {
            '\\' if chars.get(i + 1) == Some(&'Q') => i = quoted(&chars, i + 2, &mut out),
            '\\' => i = escaped(&chars, i, false, &mut out),
            '[' => i = class(&chars, i, &mut out),
            '{' if !is_repetition(&chars[i..]) => {
                out.push_str(r"\{");
                i += 1;
            }
            other => {
                out.push(other);
                i += 1;
            }
        }
    }
    out
}

/// A backslash and what belongs to it; where to go on.
fn escaped(chars: &[char], i: usize, in_class: bool, out: &mut String) -> usize {
    let Some(letter) = chars.get(i + 1) else {
        out.push('\\');
        return i + 1;
    };
    if let Some(words) = escape(*letter, in_class) {
        out.push_str(words);
        return i + 2;
    }
    // A digit alone names a group, which neither language has; more of them are a character.
    let digits = chars[i + 1..].iter().take(3).take_while(|c| ('0'..='7').contains(c)).count();
    if digits > 1 || *letter == '0' {
        let code: String = chars[i + 1..i + 1 + digits].iter().collect();
        let code = u32::from_str_radix(&code, 8).unwrap_or(0);
        out.push_str(&format!(r"\x{{{code:x}}}"));
        return i + 1 + digits;
    }
    out.extend(['\\', *letter]);
    // Braces behind these belong to them.
    match chars[i + 2..].iter().position(|c| *c == '}') {
        Some(len) if matches!(letter, 'p' | 'P' | 'x') && chars[i + 2] == '{' => {
            out.extend(&chars[i + 2..=i + 2 + len]);
            i + 3 + len
        }
        _ => i + 2,
    }
}

/// What stands up to `\E`, as itself.
fn quoted(chars: &[char], mut i: usize, out: &mut String) -> usize {
    while i < chars.len() {
        if chars[i] == '\\' && chars.get(i + 1) == Some(&'E') {
            return i + 2;
        }
        out.push_str(&regex::escape(&chars[i].to_string()));
        i += 1;
    }
    i
}

/// `{2}`, `{2,}` or `{2,3}`.
fn is_repetition(chars: &[char]) -> bool {
    let inner: Option<Vec<char>> =
        chars.iter().position(|c| *c == '}').map(|end| chars[1..end].to_vec());
    let is_number = |text: &[char]| !text.is_empty() && text.iter().all(char::is_ascii_digit);
    inner.is_some_and(|inner| match inner.iter().position(|c| *c == ',') {
        None => is_number(&inner),
        Some(comma) => {
            let (low, high) = (&inner[..comma], &inner[comma + 1..]);
            is_number(low) && (high.is_empty() || is_number(high))
        }
    })
}

/// A class in brackets: within it, what the `regex` crate reads as a nested class or as set
/// arithmetic is escaped.
fn class(chars: &[char], mut i: usize, out: &mut String) -> usize {
    out.push('[');
    i += 1;
    if chars.get(i) == Some(&'^') {
        out.push('^');
        i += 1;
    }
    // A bracket at the beginning is itself.
    if chars.get(i) == Some(&']') {
        out.push_str(r"\]");
        i += 1;
    }
    while let Some(one) = chars.get(i) {
        match one {
            ']' => {
                out.push(']');
                return i + 1;
            }
            '[' if chars.get(i + 1) == Some(&':') => {
                let end = (i + 2..chars.len()).find(|end| chars[*end..].starts_with(&[':', ']']));
                let Some(end) = end else {
                    out.push_str(r"\[");
                    i += 1;
                    continue;
                };
                out.extend(&chars[i..end + 2]);
                i = end + 2;
            }
            '[' | '&' | '~' => {
                out.extend(['\\', *one]);
                i += 1;
            }
            '-' if chars.get(i + 1) == Some(&'-') => {
                out.push_str(r"\-");
                i += 1;
            }
            '\\' => i = escaped(chars, i, true, out),
            other => {
                out.push(*other);
                i += 1;
            }
        }
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_written_differently() {
        for (pattern, text, is_match) in [
            (r"\d", "\u{0661}", false),
            (r"\w+", "é", false),
            (r"[\w]+", "a_1", true),
            (r"[^\w]", "é", true),
            (r"[!-/:-@[-`{-~]", "[", true),
            (r"[!-/:-@\[-`{-~]", "~", true),
            (r"[a&&b]", "&", true),
            (r"[]a]", "]", true),
            (r"a{,2}", "a{,2}", true),
            (r"a{2}", "aa", true),
            (r"a{x", "a{x", true),
            (r"\Qa.b\E.", "a.bc", true),
            (r"\Qa.b\E", "axb", false),
            (r"\pL", "é", true),
            (r"\p{Greek}", "α", true),
            (r"[[:alpha:]]", "é", false),
            (r"(?i)straße", "STRASSE", false),
            (r"(?i)é", "É", true),
            (r"\<", "<", true),
            (r"[\S]", "é", true),
        ] {
            let regex = compile(pattern.as_bytes(), true).expect(pattern);
            assert_eq!(regex.is_match(text.as_bytes()), is_match, "{pattern} on {text}");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        let huge = "((a{1000}){1000}){1000}";
        for pattern in [huge, "(", "[a", r"\1", "(?=a)"] {
            assert!(compile(pattern.as_bytes(), false).is_err(), "{pattern}");
        }
        assert!(compile(&vec![b'a'; PATTERN_LEN_MAX + 1], false).is_err());
    }
}
