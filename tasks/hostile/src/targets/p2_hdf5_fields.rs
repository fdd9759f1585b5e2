//! P2: a file that our own writer made, one field of it changed, checksums made right again.

use bytes::Bytes;
use tensorferry_hdf5::{Datatype, GroupBuilder, Value, Writer};
use tensorferry_store::{MemoryStore, SourceRef, collect};

use super::{p1_hdf5, read_hdf5};
use crate::choices::Choices;
use crate::repair::Checksums;
use crate::sweep::extremes;
use crate::{convert, keras};

/// Builds, reads back, changes a field, walks and converts.
pub fn p2_hdf5_fields(data: &[u8]) {
    let mut choices = Choices::new(data);
    let is_keras = choices.byte().is_multiple_of(4);
    let mut bytes = if is_keras {
        keras::h5(&keras::dense_config(|_| ()).to_string())
    } else {
        written(&mut choices)
    };
    let checksums = Checksums::of_hdf5(&bytes);
    assert!(checksums.len() >= 2, "superblock and root have checksums");
    for _ in 0..1 + choices.below(2) {
        change(&mut bytes, &checksums, &mut choices);
    }
    p1_hdf5(&bytes);
    if is_keras {
        let number = u32::from(choices.byte());
        let byte_len = bytes.len() as u64;
        let store = MemoryStore::file("model.h5", bytes);
        // Both outcomes are fine; what they promise is looked at inside.
        let _ = convert::run(&store, byte_len, &convert::options(number));
    }
}

/// A well-formed file, which reads back.
fn written(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut writer = Writer::new();
    fill(writer.root(), choices, 0);
    let source = writer.finish().expect("a well-formed tree can be written");
    let bytes = collect(source.as_ref()).expect("it is in memory").to_vec();
    read_hdf5(&bytes).unwrap_or_else(|e| panic!("what we wrote cannot be read: {e}"));
    bytes
}

fn fill(group: &mut GroupBuilder, choices: &mut Choices<'_>, depth: u64) {
    for i in 0..choices.below(4) {
        let value = value(choices);
        group.attr(&format!("attribute{i}"), value);
    }
    for i in 0..choices.below(4) {
        match choices.below(3) {
            0 if depth < 3 => fill(group.group(&format!("g{i}")), choices, depth + 1),
            1 => {
                let n = choices.below(5);
                let strings: Vec<String> = (0..n).map(|_| text(choices)).collect();
                group.strings(&format!("t{i}"), &[n], &strings);
            }
            _ => {
                let (datatype, shape, data) = dataset(choices);
                let dataset = group.dataset(&format!("d{i}"), datatype, &shape, data);
                dataset.attr("unit", value(choices));
            }
        }
    }
}

fn text(choices: &mut Choices<'_>) -> String {
    let len = usize::from(choices.byte() % 24);
    let text = String::from_utf8_lossy(choices.take(len)).into_owned();
    text.replace('\0', "0")
}

fn value(choices: &mut Choices<'_>) -> Value {
    let n = choices.below(5);
    match choices.below(10) {
        0 => Value::Text(text(choices)),
        1 => Value::Ascii(text(choices)),
        2 => Value::AsciiList((0..n).map(|_| text(choices)).collect()),
        3 => Value::FixedList((0..=n).map(|_| text(choices)).collect()),
        4 => Value::EmptyList,
        5 => Value::Int(i64::from_le_bytes(choices.bytes())),
        6 => Value::Float(f64::from_le_bytes(choices.bytes())),
        7 => Value::Bool(n > 2),
        8 => Value::Ints((0..n).map(|_| i64::from_le_bytes(choices.bytes())).collect()),
        _ => Value::Floats((0..n).map(|_| f64::from_le_bytes(choices.bytes())).collect()),
    }
}

fn dataset(choices: &mut Choices<'_>) -> (Datatype, Vec<u64>, SourceRef) {
    let big_endian = choices.byte() & 1 == 1;
    let datatype = match choices.below(6) {
        0 => Datatype::Float { size: 2, big_endian },
        1 => Datatype::Float { size: 8, big_endian },
        2 => Datatype::Int { size: *choices.one_of(&[1, 2, 4, 8]), signed: true, big_endian },
        3 => Datatype::Bool,
        4 => Datatype::Int { size: *choices.one_of(&[1, 2, 4, 8]), signed: false, big_endian },
        _ => Datatype::Float { size: 4, big_endian },
    };
    let shape: Vec<u64> = (0..choices.below(4)).map(|_| choices.below(5)).collect();
    let n: u64 = shape.iter().product();
    let size = datatype.byte_size().expect("none of these is text of variable length");
    let len = usize::try_from(n * size).expect("a few elements");
    let byte = choices.byte();
    // h5py's booleans are 0 and 1.
    let data = if datatype == Datatype::Bool { vec![byte & 1; len] } else { vec![byte; len] };
    (datatype, shape, std::sync::Arc::new(Bytes::from(data)))
}

/// Sets a field of one to eight bytes somewhere to a value that hurts.
fn change(bytes: &mut [u8], checksums: &Checksums, choices: &mut Choices<'_>) {
    let width = *choices.one_of(&[1_usize, 2, 4, 8]);
    let at = choices.below(bytes.len() as u64 - 8) as usize;
    let field = at..at + width;
    let mut own = [0; 8];
    own[..width].copy_from_slice(&bytes[field.clone()]);
    let mut values = extremes(u64::from_le_bytes(own), width, bytes.len() as u64);
    values.push(u64::from_le_bytes(choices.bytes()));
    let value = *choices.one_of(&values);
    bytes[field.clone()].copy_from_slice(&value.to_le_bytes()[..width]);
    if choices.byte() % 8 != 1 {
        checksums.repair(bytes, field);
    }
}
