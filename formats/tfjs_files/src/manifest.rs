//! The weights manifest: which weights lie in which files, in which order.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tensorferry_store::is_contained;
use tensorferry_tensor::{DType, element_count};

use crate::fields::{Fields, wrong_type};
use crate::limits::{NAME_BYTES_MAX, RANK_MAX, SHARDS_MAX, WEIGHTS_MAX};
use crate::{Error, Kind, Quantization};

/// The types that the converter writes, those that TensorFlow.js refuses included.
const DTYPES: [DType; 8] = [
    DType::Float32,
    DType::Int32,
    DType::Bool,
    DType::String,
    DType::Complex64,
    DType::Float16,
    DType::UInt8,
    DType::UInt16,
];

/// Weights that lie back to back in the bytes of some files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// The files, relative to `model.json`, whose bytes in this order are the group's. Each is a
    /// contained path: `./` at its begin, which TensorFlow.js writes in browsers, is taken off.
    pub paths: Vec<String>,
    /// The weights in the order of their bytes.
    pub weights: Vec<WeightEntry>,
    /// Fields that we do not know.
    pub extra: Map<String, Value>,
}

/// What the manifest says of one weight.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightEntry {
    /// Its name, unique in the model.
    pub name: String,
    /// The dims, outermost first; empty for a scalar.
    pub shape: Vec<u64>,
    /// The type that it has once loaded.
    pub dtype: DType,
    /// How it is stored, when not as `dtype`.
    pub quantization: Option<Quantization>,
    /// `optimizer` for the optimizer's state in models saved by TensorFlow.js.
    pub group: Option<String>,
    /// Fields that we do not know.
    pub extra: Map<String, Value>,
}

impl WeightEntry {
    /// A weight that is stored as it is.
    pub fn new(name: impl Into<String>, shape: Vec<u64>, dtype: DType) -> Self {
        let name = name.into();
        Self { name, shape, dtype, quantization: None, group: None, extra: Map::new() }
    }

    /// The type of the stored bytes.
    pub fn stored_dtype(&self) -> DType {
        self.quantization.map_or(self.dtype, |quantization| quantization.code_type().dtype())
    }

    /// Length of the stored bytes, `None` for strings, whose length their bytes tell, and for
    /// shapes that no file can hold.
    pub fn stored_byte_len(&self) -> Option<u64> {
        let size = u64::try_from(self.stored_dtype().byte_size()?).ok()?;
        element_count(&self.shape)?.checked_mul(size)
    }

    fn parse(path: &str, value: Value) -> Result<Self, Error> {
        let mut fields = Fields::new(path, value)?;
        let name = fields.string("name")?;
        if name.len() > NAME_BYTES_MAX || name.contains('\0') {
            let what = format!("a name may have {NAME_BYTES_MAX} bytes, none of them NUL");
            return Err(Error::new(Kind::Limit, what).at(fields.path("name")));
        }
        let dims = fields.array("shape")?;
        let shape = parse_shape(&fields.path("shape"), &dims)?;
        let dtype_name = fields.string("dtype")?;
        let Some(dtype) = DType::from_name(&dtype_name).filter(|d| DTYPES.contains(d)) else {
            let known = DTYPES.map(DType::name).join(", ");
            return Err(Error::malformed(fields.path("dtype"), "unknown dtype")
                .expected(format!("one of {known}"), format!("{dtype_name:?}")));
        };
        let at = fields.path("quantization");
        let quantization = match fields.take("quantization") {
            None | Some(Value::Null) => None,
            Some(value) => Some(Quantization::parse(&at, value, dtype)?),
        };
        let group = fields.optional_string("group")?;
        Ok(Self { name, shape, dtype, quantization, group, extra: fields.rest() })
    }

    fn to_json(&self) -> Value {
        let Self { name, shape, dtype, quantization, group, extra } = self;
        let mut map = Map::new();
        map.insert("name".to_owned(), name.as_str().into());
        map.insert("shape".to_owned(), shape.as_slice().into());
        map.insert("dtype".to_owned(), dtype.name().into());
        if let Some(quantization) = quantization {
            map.insert("quantization".to_owned(), quantization.to_json());
        }
        if let Some(group) = group {
            map.insert("group".to_owned(), group.as_str().into());
        }
        map.extend(extra.clone());
        Value::Object(map)
    }
}

/// Reads the value of `weightsManifest`, which is also the whole of a `weights_manifest.json`.
///
/// # Errors
/// A field of a wrong type or missing, an unknown dtype, a name or a file that comes twice, a path
/// that leaves the folder, a limit passed; with the path of the field.
pub fn parse_manifest(value: Value) -> Result<Vec<Group>, Error> {
    let root = "weightsManifest";
    let Value::Array(items) = value else {
        return Err(wrong_type(root, "an array", &value));
    };
    let mut seen = Seen::default();
    let parse = |(g, item)| parse_group(&format!("{root}[{g}]"), item, &mut seen);
    items.into_iter().enumerate().map(parse).collect()
}

/// The manifest as the converter writes it.
pub(crate) fn manifest_to_json(groups: &[Group]) -> Value {
    let group_to_json = |Group { paths, weights, extra }: &Group| {
        let mut map = Map::new();
        map.insert("paths".to_owned(), paths.as_slice().into());
        map.insert("weights".to_owned(), weights.iter().map(WeightEntry::to_json).collect());
        map.extend(extra.clone());
        Value::Object(map)
    };
    groups.iter().map(group_to_json).collect()
}

/// The error for a name that comes twice, in the reference's words.
pub(crate) fn duplicate_name(name: &str) -> Error {
    Error::new(Kind::Malformed, format!("duplicate weight name {name}"))
}

/// Names and files of the whole manifest so far.
#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    paths: HashSet<String>,
}

fn parse_group(path: &str, value: Value, seen: &mut Seen) -> Result<Group, Error> {
    let mut fields = Fields::new(path, value)?;
    let mut paths = Vec::new();
    for (i, item) in fields.array("paths")?.into_iter().enumerate() {
        let at = format!("{path}.paths[{i}]");
        let file = parse_path(&at, &item)?;
        if !seen.paths.insert(file.clone()) {
            let what = format!("the file `{file}` is listed twice");
            return Err(Error::malformed(at, what));
        }
        limit(seen.paths.len(), SHARDS_MAX, "shards", &at)?;
        paths.push(file);
    }
    let mut weights = Vec::new();
    for (i, item) in fields.array("weights")?.into_iter().enumerate() {
        let at = format!("{path}.weights[{i}]");
        let entry = WeightEntry::parse(&at, item)?;
        if !seen.names.insert(entry.name.clone()) {
            return Err(duplicate_name(&entry.name).at(format!("{at}.name")));
        }
        limit(seen.names.len(), WEIGHTS_MAX, "weights", &at)?;
        weights.push(entry);
    }
    Ok(Group { paths, weights, extra: fields.rest() })
}

fn parse_path(at: &str, value: &Value) -> Result<String, Error> {
    let Value::String(text) = value else {
        return Err(wrong_type(at, "a string", value));
    };
    let file = text.strip_prefix("./").unwrap_or(text);
    if is_contained(file) {
        return Ok(file.to_owned());
    }
    let shown: String = text.chars().take(100).collect();
    Err(Error::malformed(at, "not a path inside the model's folder")
        .expected("a name such as `group1-shard1of1.bin`", format!("{shown:?}"))
        .hint("shards lie beside model.json; change the path if you trust the file"))
}

fn parse_shape(at: &str, dims: &[Value]) -> Result<Vec<u64>, Error> {
    if dims.len() > RANK_MAX {
        let what = format!("{} dims, more than the limit of {RANK_MAX}", dims.len());
        return Err(Error::new(Kind::Limit, what).at(at));
    }
    let parse = |(i, dim): (usize, &Value)| {
        dim.as_u64()
            .ok_or_else(|| wrong_type(&format!("{at}[{i}]"), "an integer of 0 or more", dim))
    };
    let shape: Vec<u64> = dims.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    if element_count(&shape).is_none() {
        let what = format!("{shape:?} has 2^53 elements or more");
        return Err(Error::new(Kind::Limit, what).at(at));
    }
    Ok(shape)
}

fn limit(n: usize, max: usize, what: &str, at: &str) -> Result<(), Error> {
    if n <= max {
        return Ok(());
    }
    Err(Error::new(Kind::Limit, format!("more than {max} {what}")).at(at))
}
