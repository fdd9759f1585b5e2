//! P9: a weights manifest and the bytes it speaks of, quantized, text and complex ones included.

use bytes::Bytes;
use tensorferry_store::{BlobRef, StoreError, collect};
use tensorferry_tensor::{DType, Tensor};
use tensorferry_tfjs_files::{
    CodeType, Codes, NamedTensor, StoredWeight, WeightFiles, error_figures, parse_manifest, plan,
    quantize, read_weights,
};

use crate::budget;
use crate::files::{Digest, split};

/// Decodes every weight, and quantizes the bytes as weights of their own.
pub fn p9_weights(data: &[u8]) {
    let [manifest, shard] = split(data);
    let (result, peak) = budget::measure(|| read_manifest(&manifest, &shard));
    let given = result.as_ref().map_or(0, |digest| digest.byte_len);
    budget::check("reading weights", peak, budget::of_reading(data.len() as u64, given));
    quantized(&shard);
}

/// A digest of all weights as TensorFlow.js would have them.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_manifest(manifest: &[u8], shard: &Bytes) -> Result<Digest, String> {
    let value = tensorferry_json::parse(manifest, &tensorferry_json::Limits::default())
        .map_err(|e| e.to_string())?;
    let groups = parse_manifest(value).map_err(|e| e.to_string())?;
    let open = |_: &str| -> Result<BlobRef, StoreError> { Ok(std::sync::Arc::new(shard.clone())) };
    let weights = read_weights(&groups, &open).map_err(|e| e.to_string())?;
    // The length rule: the weights of a group take all bytes of its files, and no more.
    for (g, group) in groups.iter().enumerate() {
        let of_files = group.paths.len() as u64 * shard.len() as u64;
        let mut at = 0;
        for weight in weights.iter().filter(|weight| weight.group_index == g) {
            assert_eq!(weight.byte_range.start, at, "a gap before {}", weight.name());
            at = weight.byte_range.end;
        }
        assert_eq!(at, of_files, "bytes that no weight has");
    }
    let mut digest = Digest::default();
    for weight in &weights {
        digest.add_text(weight.name());
        let tensor = weight.loaded();
        digest.add_text(&format!("{tensor:?}"));
        digest.add_source(tensor.data().as_ref()).map_err(|e| e.to_string())?;
        values(weight, &tensor);
    }
    written_again(&weights, digest);
    Ok(digest)
}

/// Affine codes come out as `code * scale + min` in 64 bits, rounded once.
fn values(weight: &StoredWeight, loaded: &Tensor) {
    let Some(quantization) = &weight.entry.quantization else { return };
    let (Codes::UInt8(affine) | Codes::UInt16(affine)) = quantization.codes else { return };
    if weight.entry.dtype != DType::Float32 || loaded.len() > 1 << 16 {
        return;
    }
    let codes = weight.stored.to_f64().expect("it is in memory");
    let values = collect(loaded.data().as_ref()).expect("it is in memory");
    for (code, value) in codes.iter().zip(values.as_chunks::<4>().0) {
        let expected = (code * affine.scale + affine.min) as f32;
        assert_eq!(expected.to_le_bytes(), *value, "code {code} of {}", weight.name());
    }
}

/// What was read can be written, and is the same when it is read again.
fn written_again(weights: &[StoredWeight], expected: Digest) {
    let tensors: Vec<NamedTensor> = weights.iter().cloned().map(NamedTensor::from).collect();
    let Ok(plan) = plan(vec![tensors], WeightFiles::Single) else { return };
    let bytes = plan.parts.first().map(|part| collect(part.content.as_ref()));
    let bytes = bytes.map_or_else(Bytes::new, |bytes| bytes.expect("it is in memory"));
    let open = |_: &str| -> Result<BlobRef, StoreError> { Ok(std::sync::Arc::new(bytes.clone())) };
    let again = read_weights(&plan.groups, &open).expect("we wrote it");
    let mut digest = Digest::default();
    for weight in &again {
        digest.add_text(weight.name());
        let tensor = weight.loaded();
        digest.add_text(&format!("{tensor:?}"));
        digest.add_source(tensor.data().as_ref()).expect("it is in memory");
    }
    assert_eq!(digest, expected, "weights written and read again");
}

/// The bytes as float32: quantized to each type, no value is further off than half a step.
fn quantized(bytes: &Bytes) {
    let n = bytes.len() / 4;
    if n == 0 || n > 1 << 14 {
        return;
    }
    let data = bytes.slice(..n * 4);
    let is_finite =
        data.as_chunks::<4>().0.iter().all(|bytes| f32::from_le_bytes(*bytes).is_finite());
    let tensor = Tensor::new(DType::Float32, vec![n as u64], std::sync::Arc::new(data))
        .expect("it has as many bytes as its shape");
    let largest = tensor.to_f64().expect("in memory").iter().fold(0_f64, |m, x| m.max(x.abs()));
    for to in [CodeType::UInt8, CodeType::UInt16] {
        let result = quantize("w", &tensor, to, false);
        // The step of a range that ends near the largest float32 may lead beyond it.
        let is_near_end = largest > f64::from(f32::MAX) * 0.99;
        assert!(is_finite || result.is_err(), "affine codes hold finite numbers and no others");
        assert!(!is_finite || is_near_end || result.is_ok(), "{result:?}");
        let Ok(quantized) = result else { continue };
        let codes = collect(quantized.tensor.data().as_ref()).expect("it is in memory");
        assert_eq!(codes.len() as u64, quantized.tensor.byte_len());
        let figures = error_figures(&tensor, &quantized.quantization).expect("it is in memory");
        let (Codes::UInt8(affine) | Codes::UInt16(affine)) = quantized.quantization.codes else {
            panic!("other codes than were asked for");
        };
        assert!(affine.scale.is_finite() && affine.min.is_finite(), "{affine:?}");
        // Half a step, one step more where zero was made a code, and rounding to float32.
        let bound = affine.scale * 1.0001 + largest * 1e-6;
        assert!(figures.max_abs <= bound, "{figures:?} where {bound} is the bound of {affine:?}");
        assert!(figures.rms <= figures.max_abs * 1.0001, "{figures:?}");
    }
    if let Ok(half) = quantize("w", &tensor, CodeType::Float16, false) {
        assert_eq!(half.tensor.byte_len(), n as u64 * 2);
    }
}
