//! The header: a Python dictionary of three keys, read without Python.

use crate::array::{Descr, Kind};
use crate::error::{Class, Error};

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) descr: Descr,
    pub(crate) is_big_endian: bool,
    pub(crate) is_fortran: bool,
    pub(crate) shape: Vec<usize>,
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, which begins at byte `at`.
pub(crate) fn parse(text: &str, at: usize, dims_max: usize) -> Result<Header, Error> {
    let mut cursor = Cursor { text, base: at, at: 0 };
    cursor.expect("{")?;
    let (mut descr, mut is_fortran, mut shape) = (None, None, None);
    while !cursor.take("}") {
        let key = cursor.string()?;
        cursor.expect(":")?;
        match key {
            "descr" => descr = Some(cursor.descr()?),
            "fortran_order" => is_fortran = Some(cursor.truth()?),
            "shape" => shape = Some(cursor.tuple(dims_max)?),
            other => return Err(cursor.malformed(format!("the header has a key `{other}`"))),
        }
        if !cursor.take(",") {
            cursor.expect("}")?;
            break;
        }
    }
    if !cursor.rest().trim().is_empty() {
        return Err(cursor.malformed("something follows the header"));
    }
    let missing = |key| Error::malformed(at, format!("the header has no `{key}`"));
    let (descr, is_big_endian) = descr.ok_or_else(|| missing("descr"))?;
    Ok(Header {
        descr,
        is_big_endian,
        is_fortran: is_fortran.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

struct Cursor<'a> {
    text: &'a str,
    base: usize,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn malformed(&self, what: impl Into<String>) -> Error {
        Error::malformed(self.base + self.at, what)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip_space();
        let is_there = self.rest().starts_with(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn expect(&mut self, word: &str) -> Result<(), Error> {
        match self.take(word) {
            true => Ok(()),
            false => Err(self.malformed(format!("the header has no `{word}` here"))),
        }
    }

    fn string(&mut self) -> Result<&'a str, Error> {
        let quote = match (self.take("'"), self.take("\"")) {
            (true, _) => '\'',
            (_, true) => '"',
            _ => return Err(self.malformed("the header has no string here")),
        };
        let (inner, _) = self
            .rest()
            .split_once(quote)
            .ok_or_else(|| self.malformed("a string of the header does not end"))?;
        self.at += inner.len() + 1;
        Ok(inner)
    }

    fn truth(&mut self) -> Result<bool, Error> {
        match (self.take("True"), self.take("False")) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(self.malformed("`fortran_order` is neither True nor False")),
        }
    }

    fn tuple(&mut self, dims_max: usize) -> Result<Vec<usize>, Error> {
        self.expect("(")?;
        let mut dims = Vec::new();
        while !self.take(")") {
            self.skip_space();
            let rest = self.rest();
            let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = rest.get(..len).unwrap_or_default();
            let dim = digits.parse().map_err(|_| self.malformed("a dim is no number"))?;
            self.at += len;
            // Python 2 wrote `3L`.
            self.take("L");
            if dims.len() == dims_max {
                let what = format!("the array has over {dims_max} dims");
                return Err(Error::new(Class::Limit, self.base + self.at, what));
            }
            dims.push(dim);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(dims)
    }

    fn descr(&mut self) -> Result<(Descr, bool), Error> {
        self.skip_space();
        let unsupported = |at, what: String| Error::new(Class::Unsupported, at, what);
        let at = self.base + self.at;
        if self.rest().starts_with('[') {
            return Err(unsupported(at, "arrays of records are not read".to_owned()));
        }
        let text = self.string()?;
        let other = || unsupported(at, format!("elements of type `{text}` are not read"));
        let (order, rest) = match text.strip_prefix(['<', '>', '|', '=']) {
            Some(rest) => (text.chars().next(), rest),
            None => (None, text),
        };
        let mut chars = rest.chars();
        let letter = chars.next().ok_or_else(other)?;
        if letter == 'O' {
            let what = "the array holds pickled objects, which are never loaded";
            return Err(unsupported(at, what.to_owned()));
        }
        let n: usize = chars.as_str().parse().map_err(|_| other())?;
        let (kind, sizes): (Kind, &[usize]) = match letter {
            'b' => (Kind::Bool, &[1]),
            'i' => (Kind::Int, &[1, 2, 4, 8]),
            'u' => (Kind::UInt, &[1, 2, 4, 8]),
            'f' => (Kind::Float, &[2, 4, 8]),
            'c' => (Kind::Complex, &[8, 16]),
            'S' | 'a' => (Kind::ByteText, &[]),
            'U' => (Kind::Text, &[]),
            _ => return Err(other()),
        };
        if !sizes.is_empty() && !sizes.contains(&n) {
            return Err(other());
        }
        let byte_len = match kind {
            Kind::Text => n.checked_mul(4).ok_or_else(other)?,
            _ => n,
        };
        Ok((Descr { kind, byte_len }, order == Some('>')))
    }
}
