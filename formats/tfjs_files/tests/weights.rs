//! Weights between tensors and files: the edge cases 14 to 28 of the converter's specification.

mod common;

use common::{bytes_of, le, opener, tensor, written};
use half::{bf16, f16};
use proptest::prelude::*;
use tensorferry_tensor::{DType, Tensor, swap_bytes};
use tensorferry_tfjs_files::{
    CodeType, Group, Kind, NamedTensor, WeightEntry, WeightFiles, plan, quantize, read_weights,
    storable,
};

#[test]
fn types_become_those_of_tensorflow_js() {
    let le16 = |bits: &[u16]| le(bits, u16::to_le_bytes);
    // Edge cases 14 to 18 and 20.
    let cases: &[(DType, Vec<u8>, DType, &[f64])] = &[
        (DType::Float32, le(&[1.5_f32], f32::to_le_bytes), DType::Float32, &[1.5]),
        (DType::Int32, le(&[-7_i32], i32::to_le_bytes), DType::Int32, &[-7.0]),
        (DType::Bool, vec![0, 1], DType::Bool, &[0.0, 1.0]),
        (DType::Complex64, le(&[1.0_f32, 2.0], f32::to_le_bytes), DType::Complex64, &[1.0, 2.0]),
        (DType::Complex128, le(&[1.0, -2.0], f64::to_le_bytes), DType::Complex64, &[1.0, -2.0]),
        (DType::Float64, le(&[0.5, 5e-324], f64::to_le_bytes), DType::Float32, &[0.5, 0.0]),
        (DType::Float64, le(&[f64::INFINITY], f64::to_le_bytes), DType::Float32, &[f64::INFINITY]),
        (DType::Float16, le16(&[f16::from_f32(0.1).to_bits()]), DType::Float32, &[0.0999755859375]),
        (DType::BFloat16, le16(&[bf16::from_f32(3.0).to_bits()]), DType::Float32, &[3.0]),
        (DType::Int8, vec![0xff, 0x7f], DType::Int32, &[-1.0, 127.0]),
        (DType::Int16, le16(&[0x8000]), DType::Int32, &[-32768.0]),
        (DType::UInt8, vec![0xff], DType::Int32, &[255.0]),
        (DType::UInt16, le16(&[0xffff]), DType::Int32, &[65535.0]),
        (DType::UInt32, le(&[7_u32], u32::to_le_bytes), DType::Int32, &[7.0]),
        (DType::UInt64, le(&[7_u64], u64::to_le_bytes), DType::Int32, &[7.0]),
        (DType::Int64, le(&[-(1_i64 << 31)], i64::to_le_bytes), DType::Int32, &[-2147483648.0]),
    ];
    for (from, bytes, to, values) in cases {
        let n = (bytes.len() / from.byte_size().unwrap()) as u64;
        let stored = storable("w", &tensor(*from, &[n], bytes.clone()), false).unwrap();
        assert_eq!(stored.tensor.dtype(), *to);
        assert_eq!(stored.was, Some(*from).filter(|from| from != to));
        assert_eq!(stored.tensor.to_f64().unwrap(), *values, "{from}");
        assert_eq!(stored.tensor.byte_len(), n * to.byte_size().unwrap() as u64);
    }
    let seen: std::collections::HashSet<DType> = cases.iter().map(|case| case.0).collect();
    assert_eq!(seen.len(), DType::all().count() - 1, "all types but strings");
}

#[test]
fn numbers_that_do_not_fit_are_named_or_saturated() {
    let cases: &[(DType, Vec<u8>, &str, f64)] = &[
        (
            DType::Int64,
            le(&[0, 1_i64 << 40], i64::to_le_bytes),
            "w: element 1 is 1099511627776, outside of int32",
            2147483647.0,
        ),
        (
            DType::Int64,
            le(&[1, -(1_i64 << 31) - 1], i64::to_le_bytes),
            "w: element 1 is -2147483649, outside of int32",
            -2147483648.0,
        ),
        (
            DType::UInt32,
            le(&[1, 1_u32 << 31], u32::to_le_bytes),
            "w: element 1 is 2147483648, outside of int32",
            2147483647.0,
        ),
        (
            DType::UInt64,
            le(&[1, u64::MAX], u64::to_le_bytes),
            "w: element 1 is 18446744073709551615, outside of int32",
            2147483647.0,
        ),
        (
            DType::Float64,
            le(&[1.0, -1e39], f64::to_le_bytes),
            "w: element 1 is -1000000000000000000000000000000000000000, outside of float32",
            f64::from(f32::MIN),
        ),
    ];
    for (from, bytes, message, clamped) in cases {
        let weight = tensor(*from, &[2], bytes.clone());
        let error = storable("w", &weight, false).unwrap_err();
        assert_eq!(error.to_string(), *message);
        assert_eq!((error.kind(), error.detail().index), (Kind::Value, Some(1)));
        let stored = storable("w", &weight, true).unwrap();
        assert_eq!(stored.tensor.to_f64().unwrap()[1], *clamped);
    }
}

#[test]
fn big_endian_data_is_written_little() {
    // Edge case 21: the reader of HDF5 swaps before we see the tensor.
    let source = swap_bytes(std::sync::Arc::new(bytes::Bytes::from_static(&[0x3f, 0x80, 0, 0])), 4);
    let weight = Tensor::new(DType::Float32, vec![1], source).unwrap();
    let (_, files) = written(vec![vec![NamedTensor::new("w", weight)]], WeightFiles::Shards(100));
    assert_eq!(files[0].1, [0, 0, 0x80, 0x3f]);
}

fn strings(items: &[&[u8]]) -> Vec<u8> {
    let prefixed = |item: &&[u8]| [&(item.len() as u32).to_le_bytes()[..], item].concat();
    items.iter().flat_map(prefixed).collect()
}

#[test]
fn strings_keep_their_bytes() {
    // Edge case 19, between two other weights and cut into shards of every size.
    let text = strings(&[b"", "ä€😀".as_bytes(), b"a\0b", b"\xff\xfe", &[b'x'; 70_000]]);
    let weights = || {
        vec![
            NamedTensor::new("a", Tensor::from_f32(&[1], &[1.0])),
            NamedTensor::new("text", tensor(DType::String, &[5], text.clone())),
            NamedTensor::new("scalar", tensor(DType::String, &[], strings(&[b"one"]))),
            NamedTensor::new("none", tensor(DType::String, &[0, 3], vec![])),
            NamedTensor::new("b", tensor(DType::Int32, &[1], vec![7, 0, 0, 0])),
        ]
    };
    for size in [1 << 20, 65_536, 1000, 7] {
        let (manifest, files) = written(vec![weights()], WeightFiles::Shards(size));
        let back = read_weights(&manifest, &opener(files)).unwrap();
        assert_eq!(bytes_of(&back[1].stored), text, "{size}");
        assert_eq!(bytes_of(&back[2].stored), b"\x03\0\0\0one");
        assert_eq!(back[3].stored.byte_len(), 0);
        assert_eq!(back[4].loaded().to_f64().unwrap(), [7.0]);
    }
}

fn group(paths: &[&str], weights: Vec<WeightEntry>) -> Vec<Group> {
    let paths = paths.iter().map(ToString::to_string).collect();
    vec![Group { paths, weights, ..Group::default() }]
}

#[test]
fn broken_strings_are_refused() {
    let cases: &[(&[u64], &[u8], &str)] = &[
        (&[1], b"\x05\0\0\0abcd", "s.bin: w: string 0 of 1 has 5 bytes, 4 are left"),
        (&[1], b"\xff\xff\xff\xff", "s.bin: w: string 0 of 1 has 4294967295 bytes, 0 are left"),
        (&[2], b"\x02\0\0\0abc\0", "s.bin: w: the data ends before string 1 of 2"),
        (&[3], b"\0\0\0\0\0\0\0\0", "s.bin: w: 3 strings in 8 bytes"),
        (&[1 << 50], b"\0\0\0\0", "s.bin: w: 1125899906842624 strings in 4 bytes"),
        (&[], b"", "w: 1 strings in 0 bytes"),
        (&[1], b"\0\0\0\0\0", "s.bin: too many bytes, expected 4 bytes, found 5 bytes"),
    ];
    for (shape, bytes, message) in cases {
        let manifest =
            group(&["s.bin"], vec![WeightEntry::new("w", shape.to_vec(), DType::String)]);
        let open = opener(vec![("s.bin".to_owned(), bytes.to_vec())]);
        assert_eq!(read_weights(&manifest, &open).unwrap_err().to_string(), *message);
    }
}

#[test]
fn shards_of_a_wrong_length_are_named() {
    let floats = |n| vec![WeightEntry::new("w", vec![n], DType::Float32)];
    let page = b"<!DOCTYPE html><title>404".to_vec();
    // Shards, elements of the one weight, message, part of the hint.
    type Case = (Vec<Vec<u8>>, u64, &'static str, Option<&'static str>);
    let cases: &[Case] = &[
        (vec![vec![0; 7]], 2, "0.bin: bytes are missing, expected 8 bytes, found 7 bytes", None),
        (vec![vec![0; 9]], 2, "0.bin: too many bytes, expected 8 bytes, found 9 bytes", None),
        (
            vec![vec![0; 8], vec![0; 7], vec![0; 8]],
            6,
            "1.bin: bytes are missing, expected 8 bytes, found 7 bytes",
            None,
        ),
        (
            vec![vec![0; 8], vec![], vec![0; 4]],
            5,
            "1.bin: bytes are missing, expected 8 bytes, found 0 bytes",
            None,
        ),
        (
            vec![vec![0; 8], vec![0; 3]],
            3,
            "1.bin: bytes are missing, expected 4 bytes, found 3 bytes",
            None,
        ),
        (vec![], 1, "no shard is listed, expected 4 bytes, found no file", None),
        (
            vec![page.clone()],
            2,
            "0.bin: too many bytes, expected 8 bytes, found 25 bytes",
            Some("a web page"),
        ),
        (
            vec![vec![0; 64], page],
            30,
            "1.bin: bytes are missing, expected 56 bytes, found 25 bytes",
            Some("`1.bin` is a web page"),
        ),
        (
            vec![b"version https://git-lfs.github.com/spec/v1\n".to_vec()],
            4,
            "0.bin: too many bytes, expected 16 bytes, found 43 bytes",
            Some("Git LFS"),
        ),
    ];
    for (shards, n, message, hint) in cases {
        let names: Vec<String> = (0..shards.len()).map(|i| format!("{i}.bin")).collect();
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        let files = names.iter().cloned().zip(shards.clone()).collect();
        let error = read_weights(&group(&paths, floats(*n)), &opener(files)).unwrap_err();
        assert_eq!(error.to_string(), *message);
        if let Some(hint) = hint {
            assert!(error.detail().hint.as_ref().unwrap().contains(hint), "{error:?}");
        }
    }
    let error = read_weights(&group(&["gone.bin"], floats(1)), &opener(vec![])).unwrap_err();
    assert_eq!(error.to_string(), "gone.bin: `gone.bin` does not exist");
}

#[test]
fn files_are_cut_and_named_as_the_reference_does() {
    // Edge cases 8, 22, 25, 26: lengths of files for weights of 8 and 4 bytes, an empty one between.
    let cases: &[(u64, &[(&str, u64)])] = &[
        (4 << 20, &[("group1-shard1of1.bin", 12)]),
        (13, &[("group1-shard1of1.bin", 12)]),
        (12, &[("group1-shard1of1.bin", 12)]),
        (7, &[("group1-shard1of2.bin", 7), ("group1-shard2of2.bin", 5)]),
        (6, &[("group1-shard1of2.bin", 6), ("group1-shard2of2.bin", 6)]),
    ];
    for (size, expected) in cases {
        let weights = vec![
            NamedTensor::new("a", Tensor::from_f32(&[2], &[1.0, 2.0])),
            NamedTensor::new("empty", Tensor::from_f32(&[0, 9], &[])),
            NamedTensor::new("b", Tensor::from_f32(&[], &[3.0])),
        ];
        let (manifest, files) = written(vec![weights], WeightFiles::Shards(*size));
        let lens: Vec<(&str, u64)> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.len() as u64)).collect();
        assert_eq!(lens, *expected);
        let back = read_weights(&manifest, &opener(files)).unwrap();
        assert_eq!(back[0].loaded().to_f64().unwrap(), [1.0, 2.0]);
        assert_eq!((back[1].stored.len(), back[1].first_byte.clone()), (0, None));
        assert_eq!(back[2].loaded().to_f64().unwrap(), [3.0]);
    }
    let one = || vec![NamedTensor::new("a", Tensor::from_f32(&[100_001], &[0.0; 100_001]))];
    let (_, files) = written(vec![one()], WeightFiles::Shards(5));
    assert_eq!(files.len(), 80_001);
    for (size, message) in
        [(0, "a shard size of 0 bytes"), (1, "more than 100000 shards of 1 bytes")]
    {
        let error = plan(vec![one()], WeightFiles::Shards(size)).err().unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Usage, message));
    }
}

#[test]
fn a_model_without_weights_has_no_file() {
    for groups in
        [vec![], vec![vec![]], vec![vec![NamedTensor::new("e", Tensor::from_f32(&[0], &[]))]]]
    {
        for files in [WeightFiles::Shards(4), WeightFiles::Single] {
            let (manifest, files) = written(groups.clone(), files);
            assert_eq!((manifest.len(), manifest[0].paths.len(), files.len()), (1, 0, 0));
            assert!(read_weights(&manifest, &opener(files)).is_ok());
        }
    }
}

#[test]
fn names_are_unique_across_groups() {
    // Edge case 27.
    let weight = || NamedTensor::new("d/kernel", Tensor::from_f32(&[1], &[1.0]));
    for files in [WeightFiles::Shards(4), WeightFiles::Single] {
        let error = plan(vec![vec![weight()], vec![weight()]], files).err().unwrap();
        assert_eq!(error.to_string(), "duplicate weight name d/kernel");
    }
    let odd = NamedTensor::new("w", tensor(DType::UInt8, &[1], vec![1]));
    let error = plan(vec![vec![odd]], WeightFiles::Single).err().unwrap();
    assert_eq!(error.to_string(), "w: dtype uint8 is not supported by TensorFlow.js");
}

#[test]
fn quantized_weights_are_cut_again_as_they_are() {
    // Edge case 28.
    let floats = Tensor::from_f32(&[5], &[-1.0, 0.0, 0.25, 0.5, 3.0]);
    let codes = quantize("w", &floats, CodeType::UInt16, false).unwrap();
    let first = vec![vec![NamedTensor::quantized("w", codes)], vec![]];
    let (manifest, files) = written(first, WeightFiles::Shards(3));
    assert_eq!(files.len(), 4);
    let weights = read_weights(&manifest, &opener(files)).unwrap();
    let loaded = weights[0].loaded().to_f64().unwrap();
    let again = weights.into_iter().map(NamedTensor::from).collect();
    let (manifest, files) = written(vec![again], WeightFiles::Single);
    assert_eq!((files[0].0.as_str(), files[0].1.len()), ("group1-shard1of1.bin", 10));
    let weights = read_weights(&manifest, &opener(files)).unwrap();
    assert!(weights[0].entry.quantization.is_some());
    assert_eq!(weights[0].loaded().to_f64().unwrap(), loaded);
}

#[test]
fn float32_goes_through_without_a_copy() {
    let file = bytes::Bytes::from(vec![0_u8; 1 << 20]);
    let at = file.as_ptr();
    let manifest = group(
        &["w.bin"],
        vec![
            WeightEntry::new("a", vec![16], DType::Float32),
            WeightEntry::new("b", vec![(1 << 18) - 16], DType::Float32),
        ],
    );
    let open = |_: &str| Ok(std::sync::Arc::new(file.clone()) as tensorferry_store::BlobRef);
    let weights = read_weights(&manifest, &open).unwrap();
    let slice = weights[1].loaded().data().as_bytes().unwrap();
    assert_eq!(slice.as_ptr() as usize, at as usize + 64);
}

proptest! {
    #[test]
    fn any_layout_reads_back(
        sizes in prop::collection::vec(prop::collection::vec(0_u64..9, 0..5), 0..4),
        shard in prop_oneof![(1_u64..40).prop_map(WeightFiles::Shards), Just(WeightFiles::Single)],
    ) {
        let mut next = 0.0;
        let mut groups = Vec::new();
        let mut all = Vec::new();
        for (g, sizes) in sizes.iter().enumerate() {
            let mut weights = Vec::new();
            for (i, n) in sizes.iter().enumerate() {
                let values: Vec<f32> = (0..*n).map(|_| { next += 1.0; next }).collect();
                all.push((format!("{g}/{i}"), values.clone()));
                weights.push(NamedTensor::new(format!("{g}/{i}"), Tensor::from_f32(&[*n], &values)));
            }
            groups.push(weights);
        }
        let (manifest, files) = written(groups, shard);
        let back = read_weights(&manifest, &opener(files)).unwrap();
        prop_assert_eq!(back.len(), all.len());
        for (weight, (name, values)) in back.iter().zip(&all) {
            prop_assert_eq!(weight.name(), name);
            let values: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
            prop_assert_eq!(weight.loaded().to_f64().unwrap(), values);
        }
    }
}
