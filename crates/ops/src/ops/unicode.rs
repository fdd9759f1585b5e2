//! Strings as code points.

use bytes::Bytes;
use tensorferry_ir::Shape;
use tensorferry_tensor::{DType, DenseTensor};

use super::string::{each, same_shape};
use super::string_split::{row_splits, splits};
use crate::def::case;
use crate::text::strings;
use crate::{Error, Result, checked_len};

register![UnicodeDecode, UnicodeDecodeWithOffsets, UnicodeEncode, UnicodeScript, UnicodeTranscode];

/// How characters are bytes.
#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Utf8,
    Utf16 { is_big: bool },
    Utf32 { is_big: bool },
    Latin1,
    Ascii,
}

impl Encoding {
    fn read(name: &str) -> Result<Self> {
        let plain: String =
            name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_uppercase();
        Ok(match plain.as_str() {
            "UTF8" => Self::Utf8,
            "UTF16" | "UTF16BE" => Self::Utf16 { is_big: true },
            "UTF16LE" => Self::Utf16 { is_big: false },
            "UTF32" | "UTF32BE" => Self::Utf32 { is_big: true },
            "UTF32LE" => Self::Utf32 { is_big: false },
            "ISO88591" | "LATIN1" => Self::Latin1,
            "USASCII" | "ASCII" => Self::Ascii,
            _ => return Err(Error::unsupported(format!("the encoding `{name}`"))),
        })
    }

    /// The characters of `bytes`, `None` for what is none, and where each begins.
    fn decode(self, bytes: &[u8]) -> Vec<(Option<char>, usize)> {
        match self {
            Self::Utf8 => utf8(bytes),
            Self::Latin1 => {
                bytes.iter().enumerate().map(|(i, byte)| (Some(char::from(*byte)), i)).collect()
            }
            Self::Ascii => {
                let one = |byte: &u8| byte.is_ascii().then(|| char::from(*byte));
                bytes.iter().enumerate().map(|(i, byte)| (one(byte), i)).collect()
            }
            Self::Utf16 { is_big } => utf16(bytes, is_big),
            Self::Utf32 { is_big } => {
                let one = |(i, four): (usize, &[u8])| {
                    let word = <[u8; 4]>::try_from(four).ok();
                    let word = word.map(|word| match is_big {
                        true => u32::from_be_bytes(word),
                        false => u32::from_le_bytes(word),
                    });
                    (word.and_then(char::from_u32), i * 4)
                };
                bytes.chunks(4).enumerate().map(one).collect()
            }
        }
    }

    fn encode(self, character: char, out: &mut Vec<u8>) {
        match self {
            Self::Utf16 { is_big } => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend(if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() });
                }
            }
            Self::Utf32 { is_big } => {
                let code = u32::from(character);
                out.extend(if is_big { code.to_be_bytes() } else { code.to_le_bytes() });
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

impl Encoding {
    /// UTF-16 in this encoding; half a pair is written as it is where there is room for it.
    fn encode_units(self, units: &[u16]) -> Vec<u8> {
        let mut text = Vec::new();
        for one in char::decode_utf16(units.iter().copied()) {
            match (one, self) {
                (Ok(character), _) => self.encode(character, &mut text),
                (Err(half), Self::Utf16 { is_big }) => {
                    let half = half.unpaired_surrogate();
                    text.extend(if is_big { half.to_be_bytes() } else { half.to_le_bytes() });
                }
                (Err(half), Self::Utf32 { is_big }) => {
                    let half = u32::from(half.unpaired_surrogate());
                    text.extend(if is_big { half.to_be_bytes() } else { half.to_le_bytes() });
                }
                (Err(_), _) => self.encode(char::REPLACEMENT_CHARACTER, &mut text),
            }
        }
        text
    }
}

fn utf8(bytes: &[u8]) -> Vec<(Option<char>, usize)> {
    let mut all = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        all.extend(chunk.valid().char_indices().map(|(i, c)| (Some(c), at + i)));
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            all.push((None, at));
            at += chunk.invalid().len();
        }
    }
    all
}

fn utf16(bytes: &[u8], is_big: bool) -> Vec<(Option<char>, usize)> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let unit =
        |pair: &[u8; 2]| if is_big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let mut at = 0;
    let mut all: Vec<(Option<char>, usize)> = char::decode_utf16(pairs.iter().map(unit))
        .map(|one| {
            let start = at;
            at += 2 * one.as_ref().map_or(1, |c| c.len_utf16());
            (one.ok(), start)
        })
        .collect();
    // Half a unit belongs to the half of a pair before it.
    let is_cut = pairs.last().is_some_and(|pair| (0xd800..0xdc00).contains(&unit(pair)));
    if !rest.is_empty() && !is_cut {
        all.push((None, at));
    }
    all
}

/// What becomes of bytes that are no character.
struct Errors {
    policy: Policy,
    replacement: char,
    replaces_control: bool,
}

#[derive(PartialEq)]
enum Policy {
    Strict,
    Replace,
    Ignore,
}

impl Errors {
    fn read(policy: &str, replacement: i64, replaces_control: bool) -> Result<Self> {
        let policy = match policy {
            "strict" => Policy::Strict,
            "replace" => Policy::Replace,
            "ignore" => Policy::Ignore,
            other => fail!("`{other}` for errors, expected `strict`, `replace` or `ignore`"),
        };
        let replacement = u32::try_from(replacement).ok().and_then(char::from_u32);
        let replacement =
            replacement.ok_or_else(|| Error::invalid("the replacement is no character"))?;
        Ok(Self { policy, replacement, replaces_control })
    }

    /// The character that stands for `found`; none when it is left out.
    fn take(&self, found: Option<char>) -> Result<Option<char>> {
        let found = found.filter(|c| !self.replaces_control || *c > '\u{1f}');
        match (found, &self.policy) {
            (Some(c), _) => Ok(Some(c)),
            (None, Policy::Replace) => Ok(Some(self.replacement)),
            (None, Policy::Ignore) => Ok(None),
            (None, Policy::Strict) => {
                Err(Error::invalid("the text has bytes that are no character"))
            }
        }
    }
}

impl Errors {
    /// Puts a code point behind UTF-16. Where errors are ignored, halves of pairs are kept.
    fn append(&self, code: i32, units: &mut Vec<u16>) -> Result<()> {
        let code = u32::try_from(code).unwrap_or(u32::MAX);
        let is_text = |c: &char| {
            let code = u32::from(*c);
            !(0xfdd0..=0xfdef).contains(&code) && code & 0xfffe != 0xfffe
        };
        let character = match self.policy {
            Policy::Ignore => match (char::from_u32(code), u16::try_from(code)) {
                (None, Ok(half)) => {
                    units.push(half);
                    None
                }
                (character, _) => character,
            },
            _ => self.take(char::from_u32(code).filter(is_text))?,
        };
        units.extend(character.into_iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec()));
        Ok(())
    }
}

/// Rows of code points and of where each begins.
struct Decoded {
    ends: Vec<i64>,
    codes: Vec<i32>,
    starts: Vec<i64>,
}

fn decode(texts: &[Bytes], encoding: &str, errors: &Errors) -> Result<Decoded> {
    let encoding = Encoding::read(encoding)?;
    let mut all = Decoded { ends: vec![0], codes: Vec::new(), starts: Vec::new() };
    for text in texts {
        for (found, start) in encoding.decode(text) {
            if let Some(character) = errors.take(found)? {
                all.codes.push(u32::from(character).cast_signed());
                all.starts.push(start as i64);
            }
        }
        all.ends.push(all.codes.len() as i64);
    }
    Ok(all)
}

op! {
    /// The code points of strings, as rows of unlike lengths.
    UnicodeDecode = "UnicodeDecode", Pure {
        /// How the characters are bytes.
        input_encoding: String,
        /// What becomes of other bytes: `strict`, `replace` or `ignore`.
        errors: String = "replace".to_owned(),
        /// What stands in place of them.
        replacement_char: i64 = 65533,
        /// Control characters are replaced too.
        replace_control_characters: bool = false,
        /// The type of the splits.
        Tsplits: DType = DType::Int64,
    }
    ("input: string") -> ("row_splits: Tsplits", "char_values: int32")
    [case("string[\"a\\xc3\\xa9\", \"\\xff\"]", "input_encoding=\"UTF-8\"",
        "int64[0, 2, 3], int32[97, 233, 65533]")]
    infer(op, x) { Ok(vec![Shape::of_rank(1), Shape::of_rank(1)]) }
    eval(op, x, context) {
        let errors = Errors::read(&op.errors, op.replacement_char, op.replace_control_characters)?;
        let all = decode(x.slice(0)?, &op.input_encoding, &errors)?;
        Ok(vec![splits(op.Tsplits, all.ends), DenseTensor::vector(all.codes).into()])
    }
}

op! {
    /// The code points of strings, as rows of unlike lengths, and the byte that each begins at.
    UnicodeDecodeWithOffsets = "UnicodeDecodeWithOffsets", Pure {
        /// How the characters are bytes.
        input_encoding: String,
        /// What becomes of other bytes: `strict`, `replace` or `ignore`.
        errors: String = "replace".to_owned(),
        /// What stands in place of them.
        replacement_char: i64 = 65533,
        /// Control characters are replaced too.
        replace_control_characters: bool = false,
        /// The type of the splits.
        Tsplits: DType = DType::Int64,
    }
    ("input: string") -> ("row_splits: Tsplits", "char_values: int32", "char_to_byte_starts: int64")
    [case("string[\"\\xc3\\xa9a\"]", "input_encoding=\"UTF-8\"",
        "int64[0, 2], int32[233, 97], int64[0, 2]")]
    infer(op, x) { Ok(vec![Shape::of_rank(1), Shape::of_rank(1), Shape::of_rank(1)]) }
    eval(op, x, context) {
        let errors = Errors::read(&op.errors, op.replacement_char, op.replace_control_characters)?;
        let all = decode(x.slice(0)?, &op.input_encoding, &errors)?;
        let starts = DenseTensor::vector(all.starts).into();
        Ok(vec![splits(op.Tsplits, all.ends), DenseTensor::vector(all.codes).into(), starts])
    }
}

op! {
    /// Strings of rows of code points.
    UnicodeEncode = "UnicodeEncode", Pure {
        /// What becomes of numbers that are no character: `strict`, `replace` or `ignore`.
        errors: String = "replace".to_owned(),
        /// How the characters are bytes: `UTF-8`, `UTF-16-BE` or `UTF-32-BE`.
        output_encoding: String,
        /// What stands in place of them.
        replacement_char: i64 = 65533,
    }
    ("input_values: int32", "input_splits: Tsplits") -> ("output: string")
    [case("int32[97, 233, 98], int64[0, 2, 3]", "output_encoding=\"UTF-8\"",
        "string[\"a\\xc3\\xa9\", \"b\"]")]
    infer(op, x) { Ok(vec![Shape::of_rank(1)]) }
    eval(op, x, context) {
        let errors = Errors::read(&op.errors, op.replacement_char, false)?;
        let encoding = Encoding::read(&op.output_encoding)?;
        let (codes, rows) = (x.slice::<i32>(0)?, row_splits(&x, 1, x.tensor(0)?.len())?);
        let one = |row: &[usize]| {
            let mut units = Vec::new();
            for code in &codes[row[0]..row[1]] {
                errors.append(*code, &mut units)?;
            }
            Ok(encoding.encode_units(&units))
        };
        let n = rows.len().saturating_sub(1);
        checked_len(&[n])?;
        Ok(vec![strings(&[n], rows.windows(2).map(one))?.into()])
    }
}

op! {
    /// Strings in another encoding.
    UnicodeTranscode = "UnicodeTranscode", Pure {
        /// How the characters are bytes.
        input_encoding: String,
        /// How they shall be: `UTF-8`, `UTF-16-BE` or `UTF-32-BE`.
        output_encoding: String,
        /// What becomes of other bytes: `strict`, `replace` or `ignore`.
        errors: String = "replace".to_owned(),
        /// What stands in place of them.
        replacement_char: i64 = 65533,
        /// Control characters are replaced too.
        replace_control_characters: bool = false,
    }
    ("input: string") -> ("output: string")
    [case("string[\"\\xe9\"]", "input_encoding=\"ISO-8859-1\", output_encoding=\"UTF-8\"",
        "string[\"\\xc3\\xa9\"]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) {
        let errors = Errors::read(&op.errors, op.replacement_char, op.replace_control_characters)?;
        let from = Encoding::read(&op.input_encoding)?;
        let to = Encoding::read(&op.output_encoding)?;
        each(&x, |text| {
            let mut out = Vec::with_capacity(text.len());
            for (found, _) in from.decode(text) {
                if let Some(character) = errors.take(found)? {
                    to.encode(character, &mut out);
                }
            }
            Ok(out)
        })
    }
}

/// The first character of each run of one script times 256, and the script's number: what TensorFlow's
/// own op says, little-endian. `tasks/oracle/make_scripts.py` writes it.
const SCRIPTS: &[u8] = include_bytes!("../scripts.bin");

/// The script of a character, -1 for what is none.
fn script(code: i32) -> i32 {
    let Some(code) = u32::try_from(code).ok().filter(|code| *code <= u32::from(char::MAX)) else {
        return -1;
    };
    let (runs, _) = SCRIPTS.as_chunks::<4>();
    let next = runs.partition_point(|run| u32::from_le_bytes(*run) >> 8 <= code);
    next.checked_sub(1).map_or(-1, |i| i32::from(runs[i][0]))
}

op! {
    /// The script of each code point, as a number of ICU's.
    UnicodeScript = "UnicodeScript", Pure {}
    ("input: int32") -> ("output: int32")
    [case("int32[97, 1078, 32, -1]", "", "int32[25, 8, 0, -1]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) {
        let all: Vec<i32> = x.slice::<i32>(0)?.iter().map(|code| script(*code)).collect();
        Ok(vec![DenseTensor::new(x.tensor(0)?.shape(), all).into()])
    }
}
