//! Text to tokens.

use super::TextError;

/// A piece of text that means something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A field, an enumerator, `true`, `inf`.
    Name(&'a str),
    /// Digits and what belongs to them, without a sign.
    Number(&'a str),
    /// One string, its escapes resolved.
    Text(Vec<u8>),
    /// One of `{}<>[]:,;-/.`.
    Symbol(u8),
    /// Nothing is left.
    End,
}

pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn slice(&self, from: usize) -> &'a [u8] {
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// An error at a byte of the text.
    pub(super) fn error(&self, at: usize, what: impl Into<String>) -> TextError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        // Bytes that continue a character are not counted.
        let n_chars = in_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        TextError {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: n_chars + 1,
            what: what.into(),
        }
    }

    /// The next token, and where it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), TextError> {
        self.skip_space();
        let start = self.at;
        let Some(first) = self.peek() else { return Ok((Token::End, start)) };
        let token = match first {
            b'"' | b'\'' => Token::Text(self.string(first)?),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.take_while(|_, byte| byte.is_ascii_alphanumeric() || byte == b'_');
                Token::Name(std::str::from_utf8(self.slice(start)).unwrap_or_default())
            }
            b'0'..=b'9' => self.number(start),
            b'.' if self.text.get(start + 1).is_some_and(u8::is_ascii_digit) => self.number(start),
            b'{' | b'}' | b'<' | b'>' | b'[' | b']' | b':' | b',' | b';' | b'-' | b'/' | b'.' => {
                self.at += 1;
                Token::Symbol(first)
            }
            _ => {
                let found = char::from(first).escape_default();
                return Err(self.error(start, format!("`{found}` has no meaning here")));
            }
        };
        Ok((token, start))
    }

    fn skip_space(&mut self) {
        loop {
            self.take_while(|_, byte| byte.is_ascii_whitespace() || byte == 0x0b);
            if self.peek() != Some(b'#') {
                return;
            }
            self.take_while(|_, byte| byte != b'\n');
        }
    }

    /// Goes on while `is_part` of the byte before and the byte.
    fn take_while(&mut self, is_part: impl Fn(u8, u8) -> bool) {
        let mut before = 0;
        while let Some(byte) = self.peek().filter(|byte| is_part(before, *byte)) {
            before = byte;
            self.at += 1;
        }
    }

    fn number(&mut self, start: usize) -> Token<'a> {
        let is_hex = matches!(self.text.get(start..start + 2), Some(b"0x" | b"0X"));
        self.take_while(|before, byte| {
            let is_exponent_sign =
                !is_hex && matches!(before, b'e' | b'E') && matches!(byte, b'+' | b'-');
            byte.is_ascii_alphanumeric() || byte == b'.' || is_exponent_sign
        });
        Token::Number(std::str::from_utf8(self.slice(start)).unwrap_or_default())
    }

    fn string(&mut self, quote: u8) -> Result<Vec<u8>, TextError> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let plain = self.at;
            self.take_while(|_, byte| byte != quote && byte != b'\\' && byte != b'\n');
            bytes.extend_from_slice(self.slice(plain));
            match self.peek() {
                Some(b'\\') => self.escape(&mut bytes)?,
                Some(byte) if byte == quote => {
                    self.at += 1;
                    return Ok(bytes);
                }
                _ => return Err(self.error(start, "the string has no end")),
            }
        }
    }

    /// Reads the escape that begins here.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), TextError> {
        let start = self.at;
        self.at += 1;
        let kind = self.peek().unwrap_or_default();
        self.at += 1;
        let plain = match kind {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'\'' | b'"' | b'?' => kind,
            b'0'..=b'7' => {
                self.at -= 1;
                let value = self.digits(8, 3);
                u8::try_from(value.unwrap_or(u32::MAX))
                    .map_err(|_| self.error(start, "an escape of more than 255"))?
            }
            b'x' | b'X' => {
                let value = self.digits(16, 2);
                value.and_then(|value| u8::try_from(value).ok()).ok_or_else(|| self.odd(start))?
            }
            b'u' | b'U' => return self.unicode(start, if kind == b'u' { 4 } else { 8 }, bytes),
            _ => return Err(self.odd(start)),
        };
        bytes.push(plain);
        Ok(())
    }

    fn odd(&self, start: usize) -> TextError {
        self.error(start, "an escape that is not known")
    }

    fn unicode(&mut self, start: usize, n: usize, bytes: &mut Vec<u8>) -> Result<(), TextError> {
        let from = self.at;
        let value = self.digits(16, n);
        let value = value.filter(|_| self.at == from + n).and_then(char::from_u32);
        let value = value.ok_or_else(|| self.odd(start))?;
        bytes.extend_from_slice(value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// Up to `n_max` digits, at least one.
    fn digits(&mut self, radix: u32, n_max: usize) -> Option<u32> {
        let mut value: Option<u32> = None;
        for _ in 0..n_max {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(radix));
            let Some(digit) = digit else { break };
            value = Some(value.unwrap_or(0).wrapping_mul(radix).wrapping_add(digit));
            self.at += 1;
        }
        value
    }
}
