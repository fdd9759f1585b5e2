//! Attribute values and tensor literals.

use bytes::Bytes;
use half::{bf16, f16};
use tensorferry_tensor::{Complex, DType, DenseTensor, Element};

use super::{Parser, Result};
use crate::text::{Kind, Token};
use crate::{Attr, Attrs, Constant, Dim, FuncRef, Shape, Type};

/// Lists and calls inside one another; our printer writes three levels.
const DEPTH_MAX: usize = 64;

/// Examples and printed constants are small; a text that asks for more is broken.
const ELEMENTS_MAX: usize = 1 << 24;

/// One element, before its type is known.
enum Item {
    Word(String),
    Text(Bytes),
    Pair(String, String),
}

pub(super) fn shape(parser: &mut Parser) -> Result<Shape> {
    parser.mark('<')?;
    if parser.try_mark('*') {
        parser.mark('>')?;
        return Ok(Shape::UNKNOWN);
    }
    let mut dims = Vec::new();
    while !parser.try_mark('>') {
        if parser.try_mark('?') {
            dims.push(Dim::Unknown);
        } else {
            let word = parser.word()?;
            let dim = word.parse::<usize>();
            dims.push(
                dim.map_or_else(|_| parser.fail("a dim is a number or `?`"), |n| Ok(n.into()))?,
            );
        }
        if !parser.is_mark('>') {
            parser.mark(',')?;
        }
    }
    Ok(dims.into())
}

impl Parser {
    /// `name=value, …` up to `end` or the end of the text.
    pub(super) fn attrs_until(&mut self, end: Option<char>) -> Result<Attrs> {
        self.attrs_at(end, 0)
    }

    fn attrs_at(&mut self, end: Option<char>, depth: usize) -> Result<Attrs> {
        let mut attrs = Attrs::new();
        loop {
            let is_end = match end {
                Some(mark) => self.try_mark(mark),
                None => self.peek().is_none(),
            };
            if is_end {
                return Ok(attrs);
            }
            if !attrs.is_empty() {
                self.mark(',')?;
            }
            let name = self.name()?;
            self.mark('=')?;
            attrs.insert(name, self.attr(depth)?);
        }
    }

    fn attr(&mut self, depth: usize) -> Result<Attr> {
        if depth > DEPTH_MAX {
            return self.fail("lists are too deep");
        }
        if self.try_mark('[') {
            let mut all = Vec::new();
            while !self.try_mark(']') {
                all.push(self.attr(depth + 1)?);
                if !self.is_mark(']') {
                    self.mark(',')?;
                }
            }
            return Ok(Attr::List(all));
        }
        if self.try_mark('@') {
            let name = self.name()?;
            let has_attrs = self.try_mark('{');
            let attrs = if has_attrs { self.attrs_at(Some('}'), depth + 1)? } else { Attrs::new() };
            return Ok(Attr::Func(FuncRef { name, attrs }));
        }
        if self.is_mark('<') {
            return shape(self).map(Attr::Shape);
        }
        if let Some(Token { kind: Kind::Quoted(bytes), .. }) = self.peek() {
            let bytes = Bytes::copy_from_slice(bytes);
            self.at += 1;
            return Ok(Attr::Str(bytes));
        }
        self.word_attr()
    }

    fn word_attr(&mut self) -> Result<Attr> {
        let start = self.at;
        let word = self.word()?;
        if let Some(ty) = Type::from_name(&word) {
            if self.is_mark('<') || self.is_mark('[') {
                self.at = start;
                return Ok(Attr::Tensor(Constant::Dense(self.tensor()?)));
            }
            return Ok(Attr::Type(ty));
        }
        match word.as_str() {
            "true" => return Ok(Attr::Bool(true)),
            "false" => return Ok(Attr::Bool(false)),
            _ => {}
        }
        if let Ok(int) = word.parse::<i64>() {
            return Ok(Attr::Int(int));
        }
        word.parse::<f32>()
            .map_or_else(|_| self.fail(format!("`{word}` is no value")), |x| Ok(Attr::Float(x)))
    }

    /// A type, then nested brackets, or dims and flat elements, or one element.
    pub(super) fn tensor(&mut self) -> Result<DenseTensor> {
        let dtype = match self.peek() {
            Some(Token { kind: Kind::Word(word), .. }) => DType::from_name(word),
            _ => None,
        };
        self.at += usize::from(dtype.is_some());
        let dtype = dtype.unwrap_or(DType::Float32);
        let mut dims = None;
        if self.is_mark('<') {
            let Some(known) = shape(self)?.known() else { return self.fail("dims are missing") };
            if tensorferry_tensor::dense_len(&known).is_none_or(|n| n > ELEMENTS_MAX) {
                return self.fail("the tensor is too large");
            }
            dims = Some(known);
        }
        if self.try_word("hex") {
            return self.hex(dtype, &dims.unwrap_or_default());
        }
        let (mut items, mut nested) = (Vec::new(), Vec::new());
        self.items(0, &mut items, &mut nested)?;
        let dims = dims.unwrap_or(nested);
        let tensor = typed(dtype, &dims, &items);
        tensor.map_or_else(|| self.fail(format!("elements are not those of {dtype} {dims:?}")), Ok)
    }

    /// Elements in nested brackets; `dims` is what their nesting says.
    fn items(&mut self, depth: usize, items: &mut Vec<Item>, dims: &mut Vec<usize>) -> Result<()> {
        if depth > DEPTH_MAX {
            return self.fail("lists are too deep");
        }
        if !self.try_mark('[') {
            if dims.len() != depth {
                return self.fail("lists are of unlike depth");
            }
            let item = self.item()?;
            items.push(item);
            return Ok(());
        }
        // The first list of each depth says how long the others are.
        let is_first = dims.len() == depth;
        if is_first {
            dims.push(0);
        }
        let mut n = 0;
        while !self.try_mark(']') {
            self.items(depth + 1, items, dims)?;
            n += 1;
            if !self.is_mark(']') {
                self.mark(',')?;
            }
        }
        match dims.get_mut(depth) {
            Some(dim) if is_first || *dim == n => *dim = n,
            _ => return self.fail("lists are of unlike length"),
        }
        Ok(())
    }

    fn item(&mut self) -> Result<Item> {
        if self.try_mark('(') {
            let re = self.word()?;
            self.mark(',')?;
            let im = self.word()?;
            self.mark(')')?;
            return Ok(Item::Pair(re, im));
        }
        if let Some(Token { kind: Kind::Quoted(bytes), .. }) = self.peek() {
            let bytes = Bytes::copy_from_slice(bytes);
            self.at += 1;
            return Ok(Item::Text(bytes));
        }
        self.word().map(Item::Word)
    }

    fn hex(&mut self, dtype: DType, dims: &[usize]) -> Result<DenseTensor> {
        let digits = self.name()?;
        let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok())
            .collect();
        let tensor =
            bytes.and_then(|bytes| DenseTensor::from_bytes(dtype, dims, bytes.into()).ok());
        tensor.map_or_else(|| self.fail("the digits are not those of the tensor"), Ok)
    }
}

fn typed(dtype: DType, dims: &[usize], items: &[Item]) -> Option<DenseTensor> {
    if tensorferry_tensor::dense_len(dims)? != items.len() {
        return None;
    }
    fn all<T: Element>(
        dims: &[usize],
        items: &[Item],
        f: impl Fn(&str) -> Option<T>,
    ) -> Option<DenseTensor> {
        let one = |item: &Item| match item {
            Item::Word(word) => f(word),
            _ => None,
        };
        Some(DenseTensor::new(dims, items.iter().map(one).collect::<Option<Vec<T>>>()?))
    }
    fn pairs<T: Copy + Default>(
        items: &[Item],
        f: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<Complex<T>>> {
        let one = |item: &Item| match item {
            Item::Word(word) => Some(Complex::new(f(word)?, T::default())),
            Item::Pair(re, im) => Some(Complex::new(f(re)?, f(im)?)),
            Item::Text(_) => None,
        };
        items.iter().map(one).collect()
    }
    let single = |word: &str| word.parse::<f32>().ok();
    Some(match dtype {
        DType::Float16 => all(dims, items, |w| single(w).map(f16::from_f32))?,
        DType::BFloat16 => all(dims, items, |w| single(w).map(bf16::from_f32))?,
        DType::Float32 => all(dims, items, single)?,
        DType::Float64 => all(dims, items, |w| w.parse::<f64>().ok())?,
        DType::Int8 => all(dims, items, |w| w.parse::<i8>().ok())?,
        DType::Int16 => all(dims, items, |w| w.parse::<i16>().ok())?,
        DType::Int32 => all(dims, items, |w| w.parse::<i32>().ok())?,
        DType::Int64 => all(dims, items, |w| w.parse::<i64>().ok())?,
        DType::UInt8 => all(dims, items, |w| w.parse::<u8>().ok())?,
        DType::UInt16 => all(dims, items, |w| w.parse::<u16>().ok())?,
        DType::UInt32 => all(dims, items, |w| w.parse::<u32>().ok())?,
        DType::UInt64 => all(dims, items, |w| w.parse::<u64>().ok())?,
        DType::Bool => all(dims, items, |w| w.parse::<bool>().ok())?,
        DType::Complex64 => DenseTensor::new(dims, pairs(items, single)?),
        DType::Complex128 => DenseTensor::new(dims, pairs(items, |w| w.parse::<f64>().ok())?),
        DType::String => {
            let one = |item: &Item| match item {
                Item::Text(bytes) => Some(bytes.clone()),
                _ => None,
            };
            DenseTensor::new(dims, items.iter().map(one).collect::<Option<Vec<_>>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::{parse_tensors, tensor_text};

    #[test]
    fn literals_lead_to_the_text_of_the_tensor() {
        let cases = [
            ("[[1, 2.5], [3, 4]]", "float32<2,2>[1.0, 2.5, 3.0, 4.0]"),
            ("int32 7", "int32<>[7]"),
            ("bool[true]", "bool<1>[true]"),
            ("complex64[(1, -2), 3]", "complex64<2>[(1.0, -2.0), (3.0, 0.0)]"),
            ("string[\"a\\x00\"]", "string<1>[\"a\\x00\"]"),
            ("int64<0,2>[]", "int64<0,2>[]"),
            ("[nan, inf, -inf]", "float32<3>[nan, inf, -inf]"),
            ("float16[0.1]", "float16<1>[0.099975586]"),
        ];
        for (literal, expected) in cases {
            let tensor = &parse_tensors(literal).unwrap()[0];
            let text = tensor_text(tensor);
            assert_eq!(text, expected);
            assert_eq!(tensor_text(&parse_tensors(&text).unwrap()[0]), text);
        }
        for broken in ["[[1], 2]", "[[1, 2], [3]]", "int8[300]", "string[1]", "<9999999999>[]", "["]
        {
            assert!(parse_tensors(broken).is_err(), "{broken}");
        }
    }
}
