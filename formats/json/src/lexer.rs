//! The tokens of JSON: strings, numbers and bare words.

use serde_json::Number;

use crate::Kind;

/// What a lexer function did not like, and at which byte.
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) what: String,
    pub(crate) at: usize,
}

type Result<T> = std::result::Result<T, Fault>;

fn fault<T>(kind: Kind, at: usize, what: impl Into<String>) -> Result<T> {
    Err(Fault { kind, what: what.into(), at })
}

/// A cursor over a text.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// A number as JSON knows it, or one that is too large for a float.
pub(crate) enum Numeral {
    Finite(Number),
    Infinite,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The string whose opening quote is at byte `at`.
    pub(crate) fn string_at(&self, at: usize) -> Result<String> {
        Self { text: self.text, at }.string()
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes the byte if it is the next one.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes the word if it is next.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// What is wrong with the next byte where something else was expected.
    pub(crate) fn unexpected(&self, expected: &str) -> Fault {
        let (kind, found) = match self.rest().chars().next() {
            None => (Kind::Truncated, "the end of the text".to_owned()),
            Some(c) => (Kind::Malformed, format!("`{}`", c.escape_debug())),
        };
        Fault { kind, what: format!("expected {expected}, found {found}"), at: self.at }
    }

    /// A string; the cursor is on its opening quote.
    pub(crate) fn string(&mut self) -> Result<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let stop = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20);
            let Some(stop) = stop else {
                return fault(Kind::Truncated, start, "the text ends inside a string");
            };
            let plain = rest.get(..stop).unwrap_or_default();
            self.at += stop;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if out.is_empty() {
                        // Most strings: one allocation, of their own length.
                        return Ok(plain.to_owned());
                    }
                    out.push_str(plain);
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(plain);
                    out.push(self.escape()?);
                }
                _ => return fault(Kind::Malformed, self.at, "a control character in a string"),
            }
        }
    }

    /// A number; the cursor is on its first byte.
    pub(crate) fn number(&mut self) -> Result<Numeral> {
        let start = self.at;
        self.take(b'-');
        // A zero ends the whole part: `01` is no number.
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.take(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            is_integer = false;
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        if is_integer {
            return integer(digits, start).map(Numeral::Finite);
        }
        let value: f64 = digits.parse().expect("JSON's floats are a subset of Rust's");
        Ok(Number::from_f64(value).map_or(Numeral::Infinite, Numeral::Finite))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn digits(&mut self) -> Result<()> {
        let n = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if n == 0 {
            return Err(self.unexpected("a digit"));
        }
        self.at += n;
        Ok(())
    }

    fn escape(&mut self) -> Result<char> {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else {
            return fault(Kind::Truncated, start, "the text ends inside a string");
        };
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(start),
            _ => return fault(Kind::Malformed, start, "an unknown escape in a string"),
        })
    }

    /// The character of `\uXXXX`, or of two of them that are a surrogate pair.
    fn code_point(&mut self, start: usize) -> Result<char> {
        let high = self.four_hex(start)?;
        let code = if (0xd800..0xdc00).contains(&high) && self.take_word("\\u") {
            let low = self.four_hex(start)?;
            if !(0xdc00..0xe000).contains(&low) {
                return lone_surrogate(start);
            }
            0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        char::from_u32(code).map_or_else(|| lone_surrogate(start), Ok)
    }

    fn four_hex(&mut self, start: usize) -> Result<u32> {
        let Some(digits) = self.text.as_bytes().get(self.at..self.at + 4) else {
            return fault(Kind::Truncated, start, "the text ends inside a string");
        };
        let mut code = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(16) else {
                return fault(Kind::Malformed, start, "`\\u` without four hexadecimal digits");
            };
            code = code * 16 + digit;
        }
        self.at += 4;
        Ok(code)
    }
}

fn lone_surrogate<T>(at: usize) -> Result<T> {
    fault(Kind::Unsupported, at, "half of a surrogate pair, which is no character")
}

/// `-0` is the integer 0, as in Python.
fn integer(digits: &str, at: usize) -> Result<Number> {
    if let Ok(value) = digits.parse::<i64>() {
        return Ok(value.into());
    }
    if let Ok(value) = digits.parse::<u64>() {
        return Ok(value.into());
    }
    fault(Kind::Unsupported, at, "an integer that does not fit 64 bits")
}
