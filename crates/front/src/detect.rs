//! What an input is, by its bytes.

use tensorferry_diagnostics::Problem;
use tensorferry_store::{BlobRef, Store};

use crate::errors;

/// What an input was found to be, and the file that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// An HDF5 file: a Keras model or weights; the reader finds out which.
    Hdf5(String),
    /// A `.keras` archive.
    Keras(String),
    /// A folder that holds the members of a `.keras` archive, unpacked.
    KerasFolder,
    /// A `model.json` of TensorFlow.js, layers or graph.
    Tfjs(String),
    /// A SavedModel folder; the name of its `saved_model.pb` or `.pbtxt`.
    SavedModel(String),
    /// A frozen GraphDef.
    FrozenGraph(String),
    /// A `.tar.gz`, as TensorFlow Hub serves modules.
    TarGz(String),
}

/// First bytes that are enough to tell every format.
const HEAD: u64 = 4096;

/// Looks at the store's main file, or at the folder's names.
///
/// # Errors
/// A problem that says what the input is when it is something that people give by mistake (a
/// PyTorch file, an ONNX model, a web page), and what was expected.
pub fn detect(store: &dyn Store) -> Result<Format, Problem> {
    match store.main() {
        Some(name) => detect_file(store, name),
        None => detect_folder(store),
    }
}

fn detect_file(store: &dyn Store, name: &str) -> Result<Format, Problem> {
    let blob = store.open(name).map_err(|e| errors::store(&e))?;
    let head = blob.read(0..HEAD.min(blob.byte_len())).map_err(|e| errors::io(name, "", &e))?;
    let lower = name.to_ascii_lowercase();
    // Archives first: the HDF5 file that a `.keras` file holds may begin where one with a user block
    // would.
    let is_archive = head.starts_with(b"PK\x03\x04");
    if is_archive && !is_torch_archive(&head) {
        return Ok(Format::Keras(name.to_owned()));
    }
    if !is_archive && is_hdf5(&blob, &head) {
        return Ok(Format::Hdf5(name.to_owned()));
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Format::TarGz(name.to_owned()));
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    if text.starts_with(b"{") {
        return Ok(Format::Tfjs(name.to_owned()));
    }
    if lower == "saved_model.pb" || lower == "saved_model.pbtxt" {
        return Ok(Format::SavedModel(name.to_owned()));
    }
    match foreign(&head, &lower) {
        Some(problem) => Err(problem.in_file(name)),
        None if lower.ends_with(".pb") || lower.ends_with(".pbtxt") => {
            Ok(Format::FrozenGraph(name.to_owned()))
        }
        None => Err(unknown(&head).in_file(name)),
    }
}

/// HDF5 files may begin with a user block of 512, 1024, … bytes.
fn is_hdf5(blob: &BlobRef, head: &[u8]) -> bool {
    const USER_BLOCK_MAX: u64 = 1 << 20;
    if tensorferry_hdf5::File::is_hdf5(head) {
        return true;
    }
    let mut at = 512;
    while at <= USER_BLOCK_MAX && at + 8 <= blob.byte_len() {
        if blob.read(at..at + 8).is_ok_and(|bytes| tensorferry_hdf5::File::is_hdf5(&bytes)) {
            return true;
        }
        at *= 2;
    }
    false
}

fn detect_folder(store: &dyn Store) -> Result<Format, Problem> {
    let entries = store.list().map_err(|e| errors::store(&e))?;
    let top: Vec<&str> =
        entries.iter().map(|e| e.name.as_str()).filter(|name| !name.contains('/')).collect();
    let has = |name: &str| top.contains(&name);
    for name in ["saved_model.pb", "saved_model.pbtxt"] {
        if has(name) {
            return Ok(Format::SavedModel(name.to_owned()));
        }
    }
    if has("model.json") {
        return Ok(Format::Tfjs("model.json".to_owned()));
    }
    if has("config.json") && has("model.weights.h5") {
        return Ok(Format::KerasFolder);
    }
    let ends = |ends: &[&str]| {
        let fits = |name: &&str| ends.iter().any(|end| name.ends_with(end));
        top.iter().copied().filter(fits).collect::<Vec<_>>()
    };
    if let [only] = ends(&["model.json"])[..] {
        return Ok(Format::Tfjs(only.to_owned()));
    }
    let models = ends(&[".h5", ".hdf5", ".keras", ".json", ".pb"]);
    let problem = Problem::input("the folder holds no model").in_file(store.label()).expected(
        "saved_model.pb, model.json, or config.json with model.weights.h5",
        match top.is_empty() {
            true => "no file".to_owned(),
            false => top.iter().take(5).copied().collect::<Vec<_>>().join(", "),
        },
    );
    Err(match models.first() {
        Some(name) => problem.hint(format!("name the file itself: {}/{name}", store.label())),
        None => problem,
    })
}

/// Protocols 2 to 5 begin with their number; older ones do not, and PyTorch never wrote them.
fn is_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}

/// PyTorch puts all members into one folder, a pickle among the first. The members of a `.keras` file
/// lie outside of folders, but for its assets; a config may hold any text.
fn is_torch_archive(head: &[u8]) -> bool {
    let Some([low, high]) = head.get(26..28) else { return false };
    let end = 30 + usize::from(u16::from_le_bytes([*low, *high]));
    let first = head.get(30..end).unwrap_or_default();
    head.starts_with(b"PK\x03\x04")
        && first.contains(&b'/')
        && !first.starts_with(b"assets/")
        && holds(head, b"data.pkl")
}

/// Files of other tools, by name.
fn foreign(head: &[u8], name: &str) -> Option<Problem> {
    let is = |what: &str, hint: &str| {
        Some(Problem::unsupported(format!("this is {what}")).hint(hint.to_owned()))
    };
    if is_torch_archive(head) || is_pickle(head) {
        return is(
            "a PyTorch or pickle file",
            "export the model to Keras or to a SavedModel first",
        );
    }
    if head.get(4..8) == Some(b"TFL3") {
        return is(
            "a TensorFlow Lite model",
            "convert the SavedModel or Keras file it was made from",
        );
    }
    if name.ends_with(".onnx") {
        return is("an ONNX model", "export the model to Keras or to a SavedModel first");
    }
    if name.ends_with(".safetensors") {
        return is(
            "a safetensors file, which holds weights without a model",
            "give the Keras model",
        );
    }
    if name.ends_with(".index") || name.contains(".data-0000") || name.ends_with(".ckpt") {
        return is(
            "a checkpoint, which holds weights without a model",
            "give the folder with saved_model.pb, or save the model with model.save",
        );
    }
    let text = head.trim_ascii_start();
    let starts = |tag: &[u8]| text.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag));
    if starts(b"<!doctype") || starts(b"<html") {
        return is("a web page", "the download went wrong: fetch the model's raw file");
    }
    if starts(b"version https://git-lfs") {
        return is("a Git LFS pointer, not the file itself", "run `git lfs pull` first");
    }
    None
}

fn unknown(head: &[u8]) -> Problem {
    let found = match head {
        [] => "an empty file".to_owned(),
        _ => format!(
            "bytes {}",
            head.iter().take(8).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
        ),
    };
    Problem::input("this is no model that tensorferry knows")
        .expected("a Keras file (.h5, .keras), a SavedModel folder or a model.json", found)
}

fn holds(head: &[u8], needle: &[u8]) -> bool {
    head.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use tensorferry_store::MemoryStore;

    use super::*;

    #[test]
    fn bytes_say_what_a_file_is() {
        let mut user_block = vec![0; 512];
        user_block.extend_from_slice(b"\x89HDF\r\n\x1a\n rest");
        let mut archive = user_block.clone();
        archive.splice(..4, *b"PK\x03\x04");
        let cases: Vec<(&str, Vec<u8>, Format)> = vec![
            ("m", b"\x89HDF\r\n\x1a\n".to_vec(), Format::Hdf5("m".into())),
            ("m", user_block, Format::Hdf5("m".into())),
            ("m", archive, Format::Keras("m".into())),
            ("m.h5", b"PK\x03\x04..".to_vec(), Format::Keras("m.h5".into())),
            ("x", b"  {\"format\":".to_vec(), Format::Tfjs("x".into())),
            ("saved_model.pb", vec![8, 1], Format::SavedModel("saved_model.pb".into())),
            ("g.pb", vec![10, 1], Format::FrozenGraph("g.pb".into())),
            ("m.tar.gz", vec![0x1f, 0x8b], Format::TarGz("m.tar.gz".into())),
        ];
        for (name, bytes, format) in cases {
            assert_eq!(detect(&MemoryStore::file(name, bytes)).unwrap(), format, "{name}");
        }
    }

    /// The head of a ZIP file: its first member's name, then text.
    fn zip_head(name: &str, then: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend([u8::try_from(name.len()).unwrap(), 0, 0, 0]);
        bytes.extend(name.bytes().chain(then.bytes()));
        bytes
    }

    #[test]
    fn a_config_may_name_what_pytorch_writes() {
        for first in ["config.json", "assets/data.pkl"] {
            let store = MemoryStore::file("m", zip_head(first, "{\"name\":\"data.pkl\"}"));
            assert_eq!(detect(&store).unwrap(), Format::Keras("m".into()));
        }
    }

    #[test]
    fn what_people_give_by_mistake_is_named() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("m.h5", b"<!DOCTYPE html>", "a web page"),
            ("m.h5", b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
            ("m.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
            ("m.pt", &zip_head("archive/data.pkl", ""), "a PyTorch or pickle file"),
            ("m.pt", &zip_head("archive/data/0", "archive/data.pkl"), "a PyTorch or pickle file"),
            ("m.pkl", b"\x80\x04\x95", "a PyTorch or pickle file"),
            ("m.onnx", b"\x08\x07", "an ONNX model"),
            ("variables.index", b"\0", "a checkpoint"),
            ("m.h5", b"", "an empty file"),
            ("m.h5", b"junk", "bytes 6a 75 6e 6b"),
        ];
        for (name, bytes, text) in cases {
            let problem = detect(&MemoryStore::file(*name, bytes.to_vec())).unwrap_err();
            assert!(problem.to_string().contains(text), "{problem}");
            assert_eq!(problem.file, *name);
        }
    }

    #[test]
    fn a_folder_is_known_by_its_names() {
        let folder = |names: &[&str]| {
            names.iter().fold(MemoryStore::folder("dir"), |s, name| s.with(*name, Vec::new()))
        };
        let cases: &[(&[&str], Option<Format>)] = &[
            (
                &["saved_model.pb", "variables/variables.index"],
                Some(Format::SavedModel("saved_model.pb".into())),
            ),
            (&["model.json", "group1-shard1of1.bin"], Some(Format::Tfjs("model.json".into()))),
            (&["my_model.json"], Some(Format::Tfjs("my_model.json".into()))),
            (&["config.json", "metadata.json", "model.weights.h5"], Some(Format::KerasFolder)),
            (&["model.h5"], None),
            (&[], None),
        ];
        for (names, format) in cases {
            assert_eq!(detect(&folder(names)).ok(), *format, "{names:?}");
        }
        let problem = detect(&folder(&["model.h5"])).unwrap_err();
        assert_eq!(problem.hint.as_deref(), Some("name the file itself: dir/model.h5"));
    }
}
