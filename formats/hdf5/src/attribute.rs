//! Attributes and their values.

use std::collections::HashSet;
use std::ffi::CStr;

use hdf5_reader::btree_v2::BTreeV2Record;
use hdf5_reader::io::Cursor;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::attribute::{self, AttributeMessage};
use hdf5_reader::messages::dataspace::{DataspaceMessage, DataspaceType};
use hdf5_reader::object_header::ObjectHeader;

use crate::datatype::{Datatype, Padding};
use crate::error::Error;
use crate::file::Context;
use crate::limits::Limits;
use crate::links::{DenseHeap, dense_records};

/// A named value on a group or a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Attr {
    /// Its name.
    pub name: String,
    /// Dims, outermost first; empty for a scalar.
    pub shape: Vec<u64>,
    /// Its elements.
    pub value: AttrValue,
}

/// The elements of an attribute, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum AttrValue {
    /// Text, of fixed or variable length, padding removed.
    Strings(Vec<String>),
    /// Integers and booleans; unsigned ones beyond `i64::MAX` come as [`AttrValue::Floats`].
    Ints(Vec<i64>),
    /// Floats of any size.
    Floats(Vec<f64>),
    /// A null dataspace: the attribute is there and has no elements at all.
    Null,
    /// Elements of a type whose values are not decoded.
    Other(Datatype),
}

impl Attr {
    /// The text of an attribute with one string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            AttrValue::Strings(strings) => match strings.as_slice() {
                [one] => Some(one),
                _ => None,
            },
            _ => None,
        }
    }

    /// The strings of an attribute of text. An empty array of any type is an empty list: Keras
    /// writes an empty list of names as a float64 array without elements.
    pub fn as_strings(&self) -> Option<&[String]> {
        match &self.value {
            AttrValue::Strings(strings) => Some(strings),
            AttrValue::Ints(values) if values.is_empty() => Some(&[]),
            AttrValue::Floats(values) if values.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The numbers of an attribute of integers, booleans or floats.
    pub fn as_f64(&self) -> Option<Vec<f64>> {
        match &self.value {
            AttrValue::Ints(values) => Some(values.iter().map(|value| *value as f64).collect()),
            AttrValue::Floats(values) => Some(values.clone()),
            _ => None,
        }
    }

    /// The numbers of an attribute of integers or booleans.
    pub fn as_i64(&self) -> Option<&[i64]> {
        match &self.value {
            AttrValue::Ints(values) => Some(values),
            _ => None,
        }
    }
}

/// The attribute messages of an object, compact and dense.
pub(crate) fn read_messages(
    context: &Context,
    path: &str,
    header: &ObjectHeader,
) -> Result<Vec<AttributeMessage>, Error> {
    let (offset_size, length_size) = (context.offset_size(), context.length_size());
    let mut all = Vec::new();
    for message in &header.messages {
        match message {
            HdfMessage::Attribute(attribute) => all.push(attribute.clone()),
            HdfMessage::AttributeInfo(info) if !context.is_undefined(info.fractal_heap_address) => {
                let mut heap = DenseHeap::open(context, path, info.fractal_heap_address)?;
                for record in dense_records(context, path, info.btree_name_index_address)? {
                    let id = match &record {
                        BTreeV2Record::AttributeNameHash { heap_id, .. }
                        | BTreeV2Record::AttributeCreationOrder { heap_id, .. } => heap_id,
                        _ => return Err(Error::malformed(path, "its attribute index is broken")),
                    };
                    let bytes = heap.object(id)?;
                    let mut cursor = Cursor::new(&bytes);
                    let parsed =
                        attribute::parse(&mut cursor, offset_size, length_size, bytes.len())
                            .map_err(|error| Error::parsed(path, &error))?;
                    all.push(parsed);
                }
            }
            _ => {}
        }
    }
    let mut seen = HashSet::new();
    for attribute in &all {
        let name = attribute.name.as_str();
        if name.len() > Limits::NAME_LEN_MAX {
            return Err(Error::limit(path, "an attribute with a name that is too long"));
        }
        if !seen.insert(name) {
            return Err(Error::malformed(path, format!("the attribute `{name}` is there twice")));
        }
    }
    Ok(all)
}

/// The attribute `name` of the object at `address`.
pub(crate) fn read_attr(
    context: &Context,
    path: &str,
    address: u64,
    name: &str,
) -> Result<Option<Attr>, Error> {
    let messages = context.attributes(path, address)?;
    let Some(message) = messages.iter().find(|message| message.name == name) else {
        return Ok(None);
    };
    let place = format!("{path}@{name}");
    let (shape, n) = extent(&place, &message.dataspace)?;
    let value = match n {
        None => AttrValue::Null,
        Some(n) => decode(context, &place, message, n)?,
    };
    Ok(Some(Attr { name: name.to_owned(), shape, value }))
}

/// See [`crate::Group::string_list`].
pub(crate) fn string_list(
    context: &Context,
    path: &str,
    address: u64,
    name: &str,
) -> Result<Option<Vec<String>>, Error> {
    let strings = |attr: &Attr| {
        attr.as_strings().map(<[String]>::to_vec).ok_or_else(|| {
            Error::malformed(&format!("{path}@{}", attr.name), "it is not a list of names")
        })
    };
    if let Some(attr) = read_attr(context, path, address, name)? {
        return strings(&attr).map(Some);
    }
    let mut whole = None;
    for i in 0_u32.. {
        let Some(attr) = read_attr(context, path, address, &format!("{name}{i}"))? else { break };
        whole.get_or_insert_with(Vec::new).extend(strings(&attr)?);
    }
    Ok(whole)
}

/// Shape and number of elements of a dataspace; no number for a null one.
pub(crate) fn extent(
    path: &str,
    space: &DataspaceMessage,
) -> Result<(Vec<u64>, Option<u64>), Error> {
    if space.dims.len() > Limits::RANK_MAX {
        let what = format!("{} dims, where {} are allowed", space.dims.len(), Limits::RANK_MAX);
        return Err(Error::limit(path, what));
    }
    match space.dataspace_type {
        DataspaceType::Null => return Ok((vec![0], None)),
        DataspaceType::Scalar => return Ok((vec![], Some(1))),
        DataspaceType::Simple => {}
    }
    let n = if space.dims.contains(&0) {
        Some(0)
    } else {
        space.dims.iter().try_fold(1_u64, |n, dim| n.checked_mul(*dim))
    };
    match n.filter(|n| *n < Limits::ELEMENTS_MAX) {
        Some(n) => Ok((space.dims.clone(), Some(n))),
        None => Err(Error::limit(path, format!("shape {:?} has too many elements", space.dims))),
    }
}

fn decode(
    context: &Context,
    place: &str,
    message: &AttributeMessage,
    n: u64,
) -> Result<AttrValue, Error> {
    let datatype = Datatype::from_raw(&message.datatype, 0);
    let data = message.raw_data.as_slice();
    if let Datatype::String { size, padding, .. } = &datatype {
        return strings(context, place, data, n, *size, *padding).map(AttrValue::Strings);
    }
    let size = match &datatype {
        Datatype::Float { size, .. } | Datatype::Int { size, .. } => usize::from(*size),
        Datatype::Bool => 1,
        _ => return Ok(AttrValue::Other(datatype)),
    };
    let len = usize::try_from(n).ok().and_then(|n| n.checked_mul(size));
    let Some(data) = len.and_then(|len| data.get(..len)) else {
        return Err(Error::malformed(place, "its value is shorter than its shape"));
    };
    Ok(numbers(&datatype, size, data))
}

fn numbers(datatype: &Datatype, size: usize, data: &[u8]) -> AttrValue {
    // The bytes of each element, lowest first, in the low part of eight.
    let raw = data.chunks_exact(size).map(|element| {
        let mut bytes = [0_u8; 8];
        for (to, from) in bytes.iter_mut().zip(element) {
            *to = *from;
        }
        if datatype.is_big_endian() {
            bytes.iter_mut().zip(element.iter().rev()).for_each(|(to, from)| *to = *from);
        }
        u64::from_le_bytes(bytes)
    });
    match datatype {
        Datatype::Float { size: 2, .. } => {
            AttrValue::Floats(raw.map(|bits| half_to_f64(bits as u16)).collect())
        }
        Datatype::Float { size: 4, .. } => {
            AttrValue::Floats(raw.map(|bits| f64::from(f32::from_bits(bits as u32))).collect())
        }
        Datatype::Float { .. } => AttrValue::Floats(raw.map(f64::from_bits).collect()),
        Datatype::Int { signed: true, .. } => {
            let shift = 64 - 8 * size;
            AttrValue::Ints(raw.map(|bits| (bits << shift) as i64 >> shift).collect())
        }
        _ => {
            let values: Vec<u64> = raw.collect();
            match values.iter().map(|value| i64::try_from(*value)).collect() {
                Ok(values) => AttrValue::Ints(values),
                Err(_) => AttrValue::Floats(values.iter().map(|value| *value as f64).collect()),
            }
        }
    }
}

/// An IEEE 754 binary16 as `f64`, exact.
fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f64::from(bits & 1023);
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

/// Decodes `n` strings. `size` is the bytes of one, or `None` for references into global heaps.
pub(crate) fn strings(
    context: &Context,
    place: &str,
    data: &[u8],
    n: u64,
    size: Option<u32>,
    padding: Padding,
) -> Result<Vec<String>, Error> {
    let width = match size {
        Some(size) => usize::try_from(size).unwrap_or(usize::MAX),
        None => 8 + usize::from(context.offset_size()),
    };
    let len = usize::try_from(n).ok().and_then(|n| n.checked_mul(width));
    let Some(data) = len.and_then(|len| data.get(..len)) else {
        return Err(Error::malformed(place, "its text is shorter than its shape"));
    };
    let heaps = match size {
        None if n > 0 => {
            Some(context.h5.root_group().map_err(|error| Error::parsed(place, &error))?)
        }
        _ => None,
    };
    let mut all = Vec::new();
    let mut total = 0_u64;
    for element in data.chunks_exact(width.max(1)) {
        let owned;
        let bytes = match &heaps {
            Some(heaps) => {
                owned = heaps
                    .resolve_vlen_reference_bytes(element, 1)
                    .map_err(|error| Error::parsed(place, &error))?;
                cut(&owned, Padding::NullTerminated)
            }
            None => cut(element, padding),
        };
        // References to one text repeated would make any amount of text out of a small file.
        total = total.saturating_add(bytes.len() as u64);
        if total > context.blob.byte_len() {
            return Err(Error::limit(place, "more text than the file has bytes"));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::malformed(place, "its text is not UTF-8"))?;
        all.push(text.to_owned());
    }
    Ok(all)
}

/// `bytes` without what fills them up.
fn cut(bytes: &[u8], padding: Padding) -> &[u8] {
    let end = match padding {
        // Texts of megabytes come this way; this looks at more than one byte at a time.
        Padding::NullTerminated => {
            CStr::from_bytes_until_nul(bytes).ok().map(|text| text.count_bytes())
        }
        Padding::NullPadded => Some(bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1)),
        Padding::SpacePadded => Some(bytes.iter().rposition(|b| *b != b' ').map_or(0, |i| i + 1)),
    };
    end.and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}
