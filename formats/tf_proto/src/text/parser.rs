//! Tokens to the wire format.

use prost::encoding::{WireType, encode_key, encode_varint};

use super::lexer::{Lexer, Token};
use super::table::{ENUMS, MESSAGES};
use super::{DEPTH_MAX, FieldRow, Kind, MessageRow, TextError};

/// The wire format of the message `name` whose text is given.
pub(super) fn to_wire(name: &str, text: &[u8]) -> Result<Vec<u8>, TextError> {
    let message = MESSAGES.iter().find(|row| row.name == name);
    let message = message.expect("the outermost messages are in the table");
    let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, start: 0 };
    parser.advance()?;
    let mut out = Vec::new();
    parser.message(message, None, 0, &mut out)?;
    Ok(out)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token that is looked at, and where it begins.
    token: Token<'a>,
    start: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, TextError> {
        let (token, start) = self.lexer.next()?;
        self.start = start;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn is(&self, symbol: u8) -> bool {
        self.token == Token::Symbol(symbol)
    }

    fn eat(&mut self, symbol: u8) -> Result<bool, TextError> {
        let is = self.is(symbol);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, TextError> {
        Err(self.lexer.error(self.start, what))
    }

    fn expected<T>(&self, what: &str) -> Result<T, TextError> {
        let found = match &self.token {
            Token::Name(text) | Token::Number(text) => format!("`{text}`"),
            Token::Text(_) => "a string".to_owned(),
            Token::Symbol(symbol) => format!("`{}`", char::from(*symbol)),
            Token::End => "the end".to_owned(),
        };
        self.wrong(format!("expected {what}, found {found}"))
    }

    /// Fields up to `close`, or up to the end of the text.
    fn message(
        &mut self,
        message: &MessageRow,
        close: Option<u8>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), TextError> {
        let mut seen = Vec::new();
        loop {
            match (&self.token, close) {
                (Token::End, None) => return Ok(()),
                (Token::Symbol(symbol), Some(close)) if *symbol == close => {
                    self.advance()?;
                    return Ok(());
                }
                (Token::Name(name), _) => {
                    let name = *name;
                    self.field(message, name, depth, &mut seen, out)?;
                }
                // Fields that are not known, by number; and what `Any` and extensions hold.
                (Token::Number(_), _) => {
                    self.advance()?;
                    self.skip_value()?;
                }
                (Token::Symbol(b'['), _) => {
                    self.skip_group()?;
                    self.skip_value()?;
                }
                _ => return self.expected("a field"),
            }
            let _ = self.eat(b';')? || self.eat(b',')?;
        }
    }

    fn field(
        &mut self,
        message: &MessageRow,
        name: &str,
        depth: usize,
        seen: &mut Vec<u32>,
        out: &mut Vec<u8>,
    ) -> Result<(), TextError> {
        let field = message.fields.iter().find(|field| field.name == name);
        let Some(field) = field.filter(|field| field.kind != Kind::Skipped) else {
            if field.is_none() && depth == 0 {
                return self.wrong(format!("{} has no field `{name}`", message.name));
            }
            self.advance()?;
            return self.skip_value();
        };
        if !field.is_repeated {
            if seen.contains(&field.number) {
                return self.wrong(format!("`{name}` is given twice"));
            }
            seen.push(field.number);
        }
        self.advance()?;
        let has_colon = self.eat(b':')?;
        if !has_colon && !matches!(self.token, Token::Symbol(b'{' | b'<' | b'[')) {
            return self.expected("`:`");
        }
        if !(field.is_repeated && self.eat(b'[')?) {
            return self.value(field, depth, out);
        }
        if self.eat(b']')? {
            return Ok(());
        }
        loop {
            self.value(field, depth, out)?;
            if self.eat(b']')? {
                return Ok(());
            }
            if !self.eat(b',')? {
                return self.expected("`,` or `]`");
            }
        }
    }

    /// One value, with its key.
    fn value(
        &mut self,
        field: &FieldRow,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), TextError> {
        let key = |wire, out: &mut Vec<u8>| encode_key(field.number, wire, out);
        match field.kind {
            Kind::Message(at) => {
                let mut inner = Vec::new();
                self.inner(at, depth, &mut inner)?;
                key(WireType::LengthDelimited, out);
                encode_varint(len_u64(&inner), out);
                out.append(&mut inner);
            }
            // Some messages are kept as bytes and never looked at.
            Kind::Bytes if matches!(self.token, Token::Symbol(b'{' | b'<')) => self.skip_group()?,
            Kind::Bytes | Kind::String => {
                let start = self.start;
                let text = self.text()?;
                if field.kind == Kind::String && std::str::from_utf8(&text).is_err() {
                    return Err(self.lexer.error(start, "the string is not UTF-8"));
                }
                key(WireType::LengthDelimited, out);
                encode_varint(len_u64(&text), out);
                out.extend_from_slice(&text);
            }
            Kind::Double => {
                let value: f64 = self.float()?;
                key(WireType::SixtyFourBit, out);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Kind::Float => {
                let value: f32 = self.float()?;
                key(WireType::ThirtyTwoBit, out);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Kind::Fixed32 => {
                let value: u32 = self.integer()?;
                key(WireType::ThirtyTwoBit, out);
                out.extend_from_slice(&value.to_le_bytes());
            }
            _ => {
                let value = self.varint(field.kind)?;
                key(WireType::Varint, out);
                encode_varint(value, out);
            }
        }
        Ok(())
    }

    fn inner(&mut self, at: usize, depth: usize, out: &mut Vec<u8>) -> Result<(), TextError> {
        if depth >= DEPTH_MAX {
            return self.wrong(format!("messages are more than {DEPTH_MAX} deep"));
        }
        let close = match self.token {
            Token::Symbol(b'{') => b'}',
            Token::Symbol(b'<') => b'>',
            _ => return self.expected("`{`"),
        };
        self.advance()?;
        let message = MESSAGES.get(at).expect("the table names its own rows");
        self.message(message, Some(close), depth + 1, out)
    }

    /// Strings that follow each other are one.
    fn text(&mut self) -> Result<Vec<u8>, TextError> {
        let Token::Text(_) = self.token else { return self.expected("a string") };
        let mut all = Vec::new();
        while let Token::Text(part) = &mut self.token {
            match all.is_empty() {
                true => all = std::mem::take(part),
                false => all.append(part),
            }
            self.advance()?;
        }
        Ok(all)
    }

    /// A number that is written as a varint.
    fn varint(&mut self, kind: Kind) -> Result<u64, TextError> {
        Ok(match kind {
            Kind::Uint64 => self.integer::<u64>()?,
            Kind::Uint32 => u64::from(self.integer::<u32>()?),
            Kind::Int64 => self.integer::<i64>()?.cast_unsigned(),
            // Negative numbers of 32 bits are written in 64.
            Kind::Int32 => i64::from(self.integer::<i32>()?).cast_unsigned(),
            Kind::Bool => u64::from(self.bool()?),
            Kind::Enum(at) => match self.token {
                Token::Name(name) => {
                    let values = ENUMS.get(at).expect("the table names its own rows");
                    let value = values.iter().find(|(other, _)| *other == name);
                    let Some((_, value)) = value else {
                        return self.wrong(format!("`{name}` is not known"));
                    };
                    self.advance()?;
                    i64::from(*value).cast_unsigned()
                }
                _ => i64::from(self.integer::<i32>()?).cast_unsigned(),
            },
            other => return self.wrong(format!("{other:?} is no number")),
        })
    }

    fn bool(&mut self) -> Result<bool, TextError> {
        let value = match self.token {
            Token::Name("true" | "True" | "t") | Token::Number("1") => true,
            Token::Name("false" | "False" | "f") | Token::Number("0") => false,
            _ => return self.expected("true or false"),
        };
        self.advance()?;
        Ok(value)
    }

    fn integer<T: TryFrom<i128>>(&mut self) -> Result<T, TextError> {
        let start = self.start;
        let is_negative = self.eat(b'-')?;
        let Token::Number(text) = self.token else { return self.expected("a whole number") };
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let octal = text.strip_prefix('0').filter(|rest| !rest.is_empty());
        let value = match (hex, octal) {
            (Some(digits), _) => i128::from_str_radix(digits, 16),
            (_, Some(digits)) => i128::from_str_radix(digits, 8),
            _ => text.parse(),
        };
        let value = value.ok().map(|value| if is_negative { -value } else { value });
        let value = value.and_then(|value| T::try_from(value).ok());
        let Some(value) = value else {
            return Err(self.lexer.error(start, format!("`{text}` is no number that fits here")));
        };
        self.advance()?;
        Ok(value)
    }

    fn float<T: std::str::FromStr + std::ops::Neg<Output = T>>(&mut self) -> Result<T, TextError> {
        let is_negative = self.eat(b'-')?;
        let text = match self.token {
            Token::Number(text) => text.strip_suffix(['f', 'F']).unwrap_or(text),
            Token::Name(name)
                if ["inf", "infinity", "nan"].iter().any(|n| name.eq_ignore_ascii_case(n)) =>
            {
                name
            }
            _ => return self.expected("a number"),
        };
        let Ok(value) = text.parse::<T>() else {
            return self.wrong(format!("`{text}` is no number"));
        };
        self.advance()?;
        Ok(if is_negative { -value } else { value })
    }

    /// Leaves out the value of a field that nothing needs.
    fn skip_value(&mut self) -> Result<(), TextError> {
        self.eat(b':')?;
        match self.token {
            Token::Symbol(b'{' | b'<' | b'[') => self.skip_group(),
            Token::Text(_) => self.text().map(|_| ()),
            _ => {
                self.eat(b'-')?;
                match self.token {
                    Token::Name(_) | Token::Number(_) => self.advance().map(|_| ()),
                    _ => self.expected("a value"),
                }
            }
        }
    }

    /// Leaves out everything up to the bracket that closes the one here.
    fn skip_group(&mut self) -> Result<(), TextError> {
        let start = self.start;
        let mut open = Vec::new();
        loop {
            match self.token {
                Token::Symbol(b'{') => open.push(b'}'),
                Token::Symbol(b'<') => open.push(b'>'),
                Token::Symbol(b'[') => open.push(b']'),
                Token::Symbol(close @ (b'}' | b'>' | b']')) if open.pop() != Some(close) => {
                    return self.wrong(format!("`{}` closes nothing", char::from(close)));
                }
                Token::End => return Err(self.lexer.error(start, "what begins here has no end")),
                _ => {}
            }
            self.advance()?;
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}

fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("memory is addressed with 64 bits at most")
}
