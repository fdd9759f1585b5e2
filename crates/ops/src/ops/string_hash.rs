//! Strings as numbers below a bound, the same ones everywhere and for ever.

use bytes::Bytes;
use tensorferry_ir::Dim;
use tensorferry_tensor::DenseTensor;

use super::string::same_shape;
use crate::def::case;
use crate::hash::{fingerprint64, legacy, siphash};
use crate::{Args, Result, Value};

register![Fingerprint, StringToHashBucket, StringToHashBucketFast, StringToHashBucketStrong];

fn buckets(x: &Args, n: i64, hash: impl Fn(&[u8]) -> u64) -> Result<Vec<Value>> {
    ensure!(n > 0, "{n} buckets");
    let bucket = |text: &Bytes| (hash(text) % n.cast_unsigned()).cast_signed();
    let all: Vec<i64> = x.slice::<Bytes>(0)?.iter().map(bucket).collect();
    Ok(vec![DenseTensor::new(x.tensor(0)?.shape(), all).into()])
}

op! {
    /// A number below a bound for each string, by FarmHash's fingerprint.
    StringToHashBucketFast = "StringToHashBucketFast", Pure {
        /// The bound.
        num_buckets: i64,
    }
    ("input: string") -> ("output: int64")
    [case("string[\"\", \"x\", \"xxxx\", \"xxxxxxxx\", \"xxxxxxxxxxxxxxxxx\"]",
        "num_buckets=4611686018427387904",
        "int64[1936946117179621455, 107802420385376258, 1720235418723337390, 416454844068956798, 2082709914559524773]"),
     case("string[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]",
        "num_buckets=4611686018427387904", "int64[3046993373088323127, 323337772074164025]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) { buckets(&x, op.num_buckets, fingerprint64) }
}

op! {
    /// A number below a bound for each string, by SipHash with a key.
    StringToHashBucketStrong = "StringToHashBucketStrong", Pure {
        /// The bound.
        num_buckets: i64,
        /// Two words.
        key: Vec<i64>,
    }
    ("input: string") -> ("output: int64")
    [case("string[\"\", \"x\", \"xxxxxxxx\"]", "num_buckets=4611686018427387904, key=[3, -4]",
        "int64[2331314543081083028, 1253433263798601535, 432570542423643296]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) {
        let [a, b] = op.key[..] else { fail!("a key of {} words, expected 2", op.key.len()) };
        buckets(&x, op.num_buckets, |s| siphash([a.cast_unsigned(), b.cast_unsigned()], s))
    }
}

op! {
    /// A number below a bound for each string, by a hash that new models should not use.
    StringToHashBucket = "StringToHashBucket", Pure {
        /// The bound.
        num_buckets: i64,
    }
    ("string_tensor: string") -> ("output: int64")
    [case("string[\"\", \"x\", \"xxxxxxxx\"]", "num_buckets=4611686018427387904",
        "int64[105434511174508091, 3881744365135738864, 1927888461177315151]")]
    infer(op, x) { same_shape(x) }
    eval(op, x, context) { buckets(&x, op.num_buckets, legacy) }
}

op! {
    /// The fingerprint of each row's bytes, as 8 bytes.
    Fingerprint = "Fingerprint", Pure {}
    ("data: T", "method: string") -> ("fingerprint: uint8")
    [case("uint8[[1, 2], [3, 4]], string<>[\"farmhash64\"]", "",
        "uint8[[255, 114, 195, 191, 70, 147, 8, 146], [55, 248, 0, 161, 182, 129, 132, 91]]")]
    infer(op, x) {
        let n = x[0].dims().map_or(Dim::Unknown, |dims| dims.first().copied().unwrap_or(Dim::Unknown));
        Ok(vec![vec![n, Dim::Known(8)].into()])
    }
    eval(op, x, context) {
        ensure!(&x.string(1)?[..] == b"farmhash64", "there is no other method than `farmhash64`");
        let data = x.tensor(0)?;
        ensure!(data.rank() > 0, "a scalar has no rows");
        let n = data.shape()[0];
        let all: Vec<u8> = match data.as_slice::<Bytes>() {
            Some(texts) => of_texts(texts, n, data.rank() == 1),
            None => {
                let bytes = data.to_bytes();
                let len = bytes.len() / n.max(1);
                (0..n).flat_map(|i| fingerprint64(&bytes[i * len..(i + 1) * len]).to_le_bytes()).collect()
            }
        };
        Ok(vec![DenseTensor::new(&[n, 8], all).into()])
    }
}

/// The fingerprints of rows of strings: of the string itself, or of its row's fingerprints.
fn of_texts(texts: &[Bytes], n: usize, is_vector: bool) -> Vec<u8> {
    let each: Vec<u8> = texts.iter().flat_map(|text| fingerprint64(text).to_le_bytes()).collect();
    if is_vector {
        return each;
    }
    let len = each.len() / n.max(1);
    (0..n).flat_map(|i| fingerprint64(&each[i * len..(i + 1) * len]).to_le_bytes()).collect()
}
