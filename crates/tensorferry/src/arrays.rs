//! Files of arrays: NumPy's `.npy` and `.npz` as tensors, and back.

use std::sync::Arc;

use bytes::Bytes;
use tensorferry_archive::Archive;
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_npy::{Array, Descr, Kind as Letter};
use tensorferry_store::{Concat, Package, Part, SourceRef, read_all};
use tensorferry_tensor::{DType, DenseTensor, Storage};

/// What a file of arrays holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrays {
    /// An `.npy`: one array without a name.
    One(DenseTensor),
    /// An `.npz`: arrays with names.
    Named(Vec<(String, DenseTensor)>),
}

/// Reads an `.npy` or `.npz`; its bytes say which. `None` when it is neither.
///
/// # Errors
/// When it is broken or holds what is no tensor.
pub fn read_arrays(bytes: &Bytes) -> Result<Option<Arrays>, Problem> {
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(Some(Arrays::One(read_npy(bytes)?)));
    }
    if !Archive::is_zip(bytes) {
        return Ok(None);
    }
    let broken = |e: tensorferry_archive::Error| Problem::input(e.to_string());
    let limits = tensorferry_archive::Limits::default();
    let archive = Archive::open(Arc::new(bytes.clone()), &limits).map_err(broken)?;
    let mut named = Vec::new();
    for entry in archive.names() {
        let name = entry.strip_suffix(".npy").unwrap_or(entry);
        let blob = archive.open_entry(entry).map_err(broken)?;
        let bytes = read_all(blob.as_ref()).map_err(|e| Problem::input(e.to_string()).at(name))?;
        named.push((name.to_owned(), read_npy(&bytes).map_err(|problem| problem.at(name))?));
    }
    Ok(Some(Arrays::Named(named)))
}

/// Reads an `.npy`.
///
/// # Errors
/// When it is broken or holds what is no tensor.
pub fn read_npy(bytes: &Bytes) -> Result<DenseTensor, Problem> {
    let array = tensorferry_npy::read(bytes, &tensorferry_npy::Limits::default()).map_err(|e| {
        let kind = match e.class {
            tensorferry_npy::Class::Unsupported => Kind::Unsupported,
            tensorferry_npy::Class::Limit => Kind::Limit,
            _ => Kind::Input,
        };
        Problem::new(kind, e.to_string())
    })?;
    let Some(dtype) = dtype_of(array.descr) else {
        let texts = array.texts().ok_or_else(|| Problem::input("a text is no Unicode"))?;
        let words: Vec<Bytes> = texts.into_iter().map(Bytes::from).collect();
        return Ok(DenseTensor::new(&array.shape, words));
    };
    DenseTensor::from_bytes(dtype, &array.shape, array.data)
        .map_err(|e| Problem::input(e.to_string()))
}

/// The element type; `None` for text.
fn dtype_of(descr: Descr) -> Option<DType> {
    Some(match (descr.kind, descr.byte_len) {
        (Letter::Bool, _) => DType::Bool,
        (Letter::Int, 1) => DType::Int8,
        (Letter::Int, 2) => DType::Int16,
        (Letter::Int, 4) => DType::Int32,
        (Letter::Int, _) => DType::Int64,
        (Letter::UInt, 1) => DType::UInt8,
        (Letter::UInt, 2) => DType::UInt16,
        (Letter::UInt, 4) => DType::UInt32,
        (Letter::UInt, _) => DType::UInt64,
        (Letter::Float, 2) => DType::Float16,
        (Letter::Float, 4) => DType::Float32,
        (Letter::Float, _) => DType::Float64,
        (Letter::Complex, 8) => DType::Complex64,
        (Letter::Complex, _) => DType::Complex128,
        (Letter::ByteText | Letter::Text, _) => return None,
    })
}

/// The tensor as an `.npy`. NumPy has no bfloat16: such numbers become float32, which holds them
/// exactly.
pub fn write_npy(tensor: &DenseTensor) -> SourceRef {
    let (head, data) = tensorferry_npy::write(&array_of(tensor));
    Arc::new(Concat(vec![Arc::new(head), Arc::new(data)]))
}

fn array_of(tensor: &DenseTensor) -> Array {
    let letter = match tensor.storage() {
        Storage::String(words) => {
            let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
            return Array::of_texts(tensor.shape(), &words);
        }
        Storage::BFloat16(all) => {
            let wide: Vec<f32> = all.iter().map(|x| f32::from(*x)).collect();
            return array_of(&DenseTensor::new(tensor.shape(), wide));
        }
        Storage::Bool(_) => Letter::Bool,
        Storage::Int8(_) | Storage::Int16(_) | Storage::Int32(_) | Storage::Int64(_) => Letter::Int,
        Storage::UInt8(_) | Storage::UInt16(_) | Storage::UInt32(_) | Storage::UInt64(_) => {
            Letter::UInt
        }
        Storage::Float16(_) | Storage::Float32(_) | Storage::Float64(_) => Letter::Float,
        Storage::Complex64(_) | Storage::Complex128(_) => Letter::Complex,
    };
    let byte_len = tensor.dtype().byte_size().unwrap_or(1);
    let shape = tensor.shape().to_vec();
    Array { descr: Descr { kind: letter, byte_len }, shape, data: tensor.to_bytes() }
}

/// Tensors as a folder of `.npy` files: a name's `/` and `:` become `_`. Names that are the same
/// then get a number.
pub fn npy_folder(tensors: &[(String, DenseTensor)]) -> Package {
    let mut parts: Vec<Part> = Vec::new();
    for (name, tensor) in tensors {
        let plain = file_stem(name);
        let is_taken =
            |stem: &str| parts.iter().any(|part| part.files[0].0 == format!("{stem}.npy"));
        let mut stem = plain.clone();
        for number in 1.. {
            if !is_taken(&stem) {
                break;
            }
            stem = format!("{plain}_{number}");
        }
        parts.push(Part::file(format!("{stem}.npy"), write_npy(tensor)));
    }
    Package { parts, is_single_file: false }
}

/// A name from a model as the name of a file: what could leave the folder or is no plain character
/// becomes `_`.
fn file_stem(name: &str) -> String {
    let is_odd = |c: char| c.is_control() || "/:\\?#*<>|\"".contains(c);
    let stem: String = name.chars().take(200).map(|c| if is_odd(c) { '_' } else { c }).collect();
    match stem.trim_start_matches('.') {
        "" => "output".to_owned(),
        rest => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_back_as_it_was_written() {
        for dtype in DType::all() {
            let tensor = DenseTensor::zeros(dtype, &[2, 3]).unwrap();
            let bytes = tensorferry_store::collect(write_npy(&tensor).as_ref()).unwrap();
            let again = read_npy(&bytes).unwrap();
            let expected = if dtype == DType::BFloat16 { DType::Float32 } else { dtype };
            assert_eq!((again.dtype(), again.shape()), (expected, &[2, 3][..]));
            if dtype == expected {
                assert_eq!(again, tensor);
            }
        }
    }

    #[test]
    fn names_of_outputs_become_names_of_files_that_stay_in_their_folder() {
        let x = DenseTensor::scalar(1.0_f32);
        let names = ["a/b:0", "a_b_0", "../../etc", "", "ä"];
        let tensors: Vec<_> = names.iter().map(|name| ((*name).to_owned(), x.clone())).collect();
        let package = npy_folder(&tensors);
        let files: Vec<&str> = package.files().map(|(name, _)| name).collect();
        assert_eq!(files, ["a_b_0.npy", "a_b_0_1.npy", "_.._etc.npy", "output.npy", "ä.npy"]);
        assert!(files.iter().all(|name| tensorferry_store::is_contained(name)));
    }
}
