//! From bytes to a value, within limits.

use serde_json::{Map, Value};

use crate::error::Place;
use crate::lexer::{Fault, Lexer, Numeral};
use crate::limits::{BYTES_PER_VALUE, VALUES_MIN};
use crate::{Error, Kind, Limits, Path};

/// Paths of replaced numbers that are kept for a message; the rest is counted.
const REPLACED_KEPT: usize = 20;

/// What becomes of Python's bare `NaN`, `Infinity`, `-Infinity`, and of numbers that are beyond a
/// 64-bit float (`1e999`, which Python reads as infinity).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonFinite {
    /// An error that names the place.
    Refuse,
    /// `null`, which is also what JavaScript's `JSON.stringify` makes of them;
    /// [`Parsed::replaced`] says where, so that the caller can warn.
    AsNull,
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The value, keys in the order of the text.
    pub value: Value,
    /// Where a number that is not finite became `null`: the first 20 places.
    pub replaced: Vec<Path>,
    /// How many numbers became `null`.
    pub n_replaced: u64,
}

/// Reads a JSON text that holds finite numbers only.
///
/// A byte order mark before the text is skipped. Integers must fit 64 bits, signed or unsigned.
///
/// # Errors
/// [`Error`] with line, column and path: bytes that are not UTF-8, a key that an object has twice,
/// text after the value, and whatever else is not RFC 8259, or passes the limits.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, Error> {
    parse_with(bytes, limits, NonFinite::Refuse).map(|parsed| parsed.value)
}

/// Reads a JSON text as [`parse`] does, with a say in what becomes of `NaN` and infinities.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(bytes: &[u8], limits: &Limits, non_finite: NonFinite) -> Result<Parsed, Error> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let before = bytes.len() - text.len();
    let whole = |kind, what: String, at| {
        Err(Error::new(kind, what, Path::default(), Place { text, at, before }))
    };
    let byte_len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if byte_len > limits.bytes {
        let what = format!("{byte_len} bytes of JSON, more than the limit of {}", limits.bytes);
        return whole(Kind::Limit, what, 0);
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            return whole(Kind::Malformed, "not UTF-8 text".to_owned(), error.valid_up_to());
        }
    };
    let mut reader = Reader {
        lexer: Lexer::new(text),
        steps: Vec::new(),
        members: Vec::new(),
        items: Vec::new(),
        non_finite,
        nesting_left: limits.nesting,
        values_left: VALUES_MIN.max(byte_len / BYTES_PER_VALUE),
        replaced: Vec::new(),
        n_replaced: 0,
    };
    match reader.document() {
        Ok(value) => Ok(Parsed { value, replaced: reader.replaced, n_replaced: reader.n_replaced }),
        Err(Fault { kind, what, at }) => {
            let place = Place { text: text.as_bytes(), at, before };
            Err(Error::new(kind, what, reader.path(), place))
        }
    }
}

/// One part of the way to a value.
enum Step {
    /// A key, by the byte at which it starts: what it says matters only to messages.
    Key(usize),
    Index(usize),
}

/// A key and value of an object that is not complete yet.
struct Member {
    at: usize,
    key: String,
    value: Value,
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    /// Leads to the value that is being read; left as it is when an error stops the reading.
    steps: Vec<Step>,
    /// The members of all objects that are open, so that each becomes a map of the right size.
    members: Vec<Member>,
    /// The same for arrays.
    items: Vec<Value>,
    non_finite: NonFinite,
    nesting_left: u32,
    values_left: u64,
    replaced: Vec<Path>,
    n_replaced: u64,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, Fault> {
        let value = self.value()?;
        self.lexer.skip_space();
        match self.lexer.peek() {
            None => Ok(value),
            Some(_) => Err(self.lexer.unexpected("nothing after the value")),
        }
    }

    fn value(&mut self) -> Result<Value, Fault> {
        self.lexer.skip_space();
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or_else(|| self.limit("more values than a text of this length may hold"))?;
        match self.lexer.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.lexer.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Fault>) -> Result<Value, Fault> {
        self.nesting_left = self
            .nesting_left
            .checked_sub(1)
            .ok_or_else(|| self.limit("arrays and objects are nested too deeply"))?;
        self.lexer.take(b'{');
        self.lexer.take(b'[');
        let value = read(self)?;
        self.nesting_left += 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, Fault> {
        let first = self.members.len();
        self.lexer.skip_space();
        if self.lexer.take(b'}') {
            return Ok(Value::Object(Map::new()));
        }
        loop {
            self.lexer.skip_space();
            if self.lexer.peek() != Some(b'"') {
                return Err(self.lexer.unexpected("a key in double quotes"));
            }
            let at = self.lexer.at();
            let key = self.lexer.string()?;
            self.steps.push(Step::Key(at));
            self.lexer.skip_space();
            if !self.lexer.take(b':') {
                return Err(self.lexer.unexpected("`:`"));
            }
            let value = self.value()?;
            self.steps.pop();
            self.members.push(Member { at, key, value });
            self.lexer.skip_space();
            if self.lexer.take(b'}') {
                return self.map(first);
            }
            if !self.lexer.take(b',') {
                return Err(self.lexer.unexpected("`,` or `}`"));
            }
        }
    }

    /// The object whose members are those from `first` on.
    fn map(&mut self, first: usize) -> Result<Value, Fault> {
        let members = self.members.drain(first..);
        let mut map = Map::with_capacity(members.len());
        for Member { at, key, value } in members {
            if map.insert(key, value).is_some() {
                self.steps.push(Step::Key(at));
                let what = "the object has this key twice".to_owned();
                return Err(Fault { kind: Kind::Malformed, what, at });
            }
        }
        Ok(Value::Object(map))
    }

    fn array(&mut self) -> Result<Value, Fault> {
        let first = self.items.len();
        self.lexer.skip_space();
        if self.lexer.take(b']') {
            return Ok(Value::Array(Vec::new()));
        }
        loop {
            self.steps.push(Step::Index(self.items.len() - first));
            let item = self.value()?;
            self.items.push(item);
            self.steps.pop();
            self.lexer.skip_space();
            if self.lexer.take(b']') {
                return Ok(Value::Array(self.items.split_off(first)));
            }
            if !self.lexer.take(b',') {
                return Err(self.lexer.unexpected("`,` or `]`"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let at = self.lexer.at();
        if self.lexer.take_word("-Infinity") {
            return self.non_finite("-Infinity", at);
        }
        match self.lexer.number()? {
            Numeral::Finite(number) => Ok(Value::Number(number)),
            Numeral::Infinite => self.non_finite("a number beyond a 64-bit float", at),
        }
    }

    fn word(&mut self) -> Result<Value, Fault> {
        let at = self.lexer.at();
        for (word, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if self.lexer.take_word(word) {
                return Ok(value);
            }
        }
        for word in ["NaN", "Infinity"] {
            if self.lexer.take_word(word) {
                return self.non_finite(word, at);
            }
        }
        Err(self.lexer.unexpected("a value"))
    }

    fn non_finite(&mut self, what: &str, at: usize) -> Result<Value, Fault> {
        if self.non_finite == NonFinite::Refuse {
            let what = format!("{what} where only finite numbers are allowed");
            return Err(Fault { kind: Kind::Unsupported, what, at });
        }
        self.n_replaced += 1;
        if self.replaced.len() < REPLACED_KEPT {
            self.replaced.push(self.path());
        }
        Ok(Value::Null)
    }

    /// The steps as people write them.
    fn path(&self) -> Path {
        let mut path = Path::default();
        for step in &self.steps {
            match step {
                Step::Key(at) => path.push_key(self.lexer.string_at(*at).unwrap_or_default()),
                Step::Index(index) => path.push_index(*index),
            }
        }
        path
    }

    fn limit(&self, what: &str) -> Fault {
        Fault { kind: Kind::Limit, what: what.to_owned(), at: self.lexer.at() }
    }
}
