//! Words, numbers, quoted strings and marks: the tokens of the text form.

use std::fmt::Write;

/// One token, and the line on which it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Letters, digits and `_./-`: a name, a number or a keyword.
    Word(String),
    /// A quoted string, its escapes undone.
    Quoted(Vec<u8>),
    /// Any other visible character.
    Mark(char),
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-')
}

/// The tokens of `text`; `#` starts a comment.
///
/// # Errors
/// The line and what is wrong there.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, (usize, String)> {
    let mut all = Vec::new();
    for (i, line_text) in text.lines().enumerate() {
        let line = i + 1;
        let mut rest = line_text.trim_start();
        while let Some(c) = rest.chars().next() {
            let kind = if c == '#' {
                break;
            } else if is_word_char(c) {
                let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                Kind::Word(word.to_owned())
            } else if c == '"' {
                let (bytes, after) =
                    unquote(rest).ok_or((line, "the quote does not end".into()))?;
                rest = after;
                Kind::Quoted(bytes)
            } else {
                rest = &rest[c.len_utf8()..];
                Kind::Mark(c)
            };
            all.push(Token { kind, line });
            rest = rest.trim_start();
        }
    }
    Ok(all)
}

fn unquote(text: &str) -> Option<(Vec<u8>, &str)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some((out, &text[at + 1..])),
            b'\\' => {
                at += 1;
                match *bytes.get(at)? {
                    b'n' => out.push(b'\n'),
                    b'x' => {
                        let digits = text.get(at + 1..at + 3)?;
                        out.push(u8::from_str_radix(digits, 16).ok()?);
                        at += 2;
                    }
                    other => out.push(other),
                }
            }
            other => out.push(other),
        }
        at += 1;
    }
}

/// `bytes` in quotes; what is not printable ASCII is escaped.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b'\n' => out.push_str("\\n"),
            0x20..=0x7e => out.push(char::from(*byte)),
            other => write!(out, "\\x{other:02x}").expect("a string takes all text"),
        }
    }
    out.push('"');
    out
}

/// `name` as it stands, quoted where the lexer would not give it back.
pub(crate) fn name_text(name: &str) -> String {
    let is_plain = !name.is_empty() && name.chars().all(is_word_char);
    if is_plain { name.to_owned() } else { quoted(name.as_bytes()) }
}
