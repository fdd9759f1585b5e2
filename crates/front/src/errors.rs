//! A format's error as a problem that names file and field.

use std::io;

use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_store::StoreError;

/// An error of the HDF5 file `file`.
pub(crate) fn hdf5(file: &str, error: &tensorferry_hdf5::Error) -> Problem {
    let kind = match error.kind() {
        tensorferry_hdf5::Kind::Limit => Kind::Limit,
        tensorferry_hdf5::Kind::Unsupported => Kind::Unsupported,
        _ => Kind::Input,
    };
    let what = match error.offset() {
        Some(offset) => format!("{} (at byte {offset})", error.what()),
        None => error.what().to_owned(),
    };
    Problem::new(kind, what).in_file(file).at(error.path().trim_start_matches('/'))
}

/// An error of the JSON text `field` of `file`; `field` is empty when the file is the text.
pub(crate) fn json(file: &str, field: &str, error: &tensorferry_json::Error) -> Problem {
    let kind = match error.kind() {
        tensorferry_json::Kind::Limit => Kind::Limit,
        tensorferry_json::Kind::Unsupported => Kind::Unsupported,
        _ => Kind::Input,
    };
    let path = error.path().to_string();
    let place =
        [field, path.as_str()].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>();
    let what = format!("{} (line {}, column {})", error.what(), error.line(), error.column());
    Problem::new(kind, what).in_file(file).at(place.join("."))
}

/// An error of the store when it was asked for a file of the model.
pub(crate) fn store(error: &StoreError) -> Problem {
    let (kind, file) = match error {
        StoreError::NotFound(name)
        | StoreError::NotContained(name)
        | StoreError::NotAFile(name) => (Kind::Input, name),
        StoreError::Io { name, .. } => (Kind::Environment, name),
    };
    let what = match error {
        StoreError::NotFound(_) => "the file does not exist".to_owned(),
        StoreError::NotContained(_) => "is not a path inside the model's folder".to_owned(),
        StoreError::NotAFile(_) => "is not a regular file".to_owned(),
        StoreError::Io { source, .. } => source.to_string(),
    };
    Problem::new(kind, what).in_file(file)
}

/// An error while bytes of `field` in `file` were read.
pub(crate) fn io(file: &str, field: &str, error: &io::Error) -> Problem {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Kind::Input,
        io::ErrorKind::OutOfMemory => Kind::Limit,
        _ => Kind::Environment,
    };
    Problem::new(kind, error.to_string()).in_file(file).at(field)
}

/// An error of the checkpoint whose index is `file`.
pub(crate) fn bundle(file: &str, error: &tensorferry_tensor_bundle::Error) -> Problem {
    use tensorferry_tensor_bundle::Error;
    let kind = match error {
        Error::Shard(error) => return store(error),
        Error::Io(error) => return io(file, "", error),
        Error::BigEndian => Kind::Unsupported,
        Error::Limit { .. } => Kind::Limit,
        _ => Kind::Input,
    };
    Problem::new(kind, error.to_string()).in_file(file)
}
