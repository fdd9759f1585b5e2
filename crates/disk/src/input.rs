//! A file or folder as a store that never leaves its folder.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_store::{Blob, BlobRef, Entry, Store, StoreError, is_contained};

use crate::sys;

/// A SavedModel has 2 levels, a hub module 3; a loop of mounts would have any number.
const DEPTH_MAX: usize = 16;
/// As many as a manifest may name shards; a folder with more is not a model.
const ENTRIES_MAX: usize = 100_000;
/// A smaller file is read: cheaper than a map, and safe from whoever truncates it.
const MAP_MIN: u64 = 64 << 10;
/// Files that stay open beside their maps; a process may usually have a thousand.
const HANDLES_MAX: usize = 64;
/// Fewer bytes are copied out of the map: a system call costs more than a page or two.
const READ_MIN: usize = 16 << 10;

/// A folder on disk, or one file in it and its neighbours.
///
/// Files are memory-mapped: a file that another process truncates while a conversion reads it
/// ends the process with SIGBUS (nothing is written then).
#[derive(Debug)]
pub struct FolderStore {
    label: String,
    root: PathBuf,
    /// The name the store gives the file it was opened for, and what the file system calls it
    /// (they differ when it is not UTF-8).
    main: Option<(String, OsString)>,
    n_handles: AtomicUsize,
    #[cfg(target_os = "linux")]
    root_handle: File,
}

/// Opens what the user pointed at.
///
/// # Errors
/// `Input` when there is nothing at `path`, or neither a regular file nor a folder;
/// `Environment` when the system does not let us look.
pub fn open_input(path: &Path) -> Result<Box<dyn Store>, Problem> {
    Ok(Box::new(FolderStore::open(path)?))
}

impl FolderStore {
    /// Opens what the user pointed at.
    ///
    /// # Errors
    /// See [`open_input`].
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let label = path.to_string_lossy().into_owned();
        let fail = |e: io::Error| {
            let problem = match e.kind() {
                io::ErrorKind::NotFound => Problem::input("does not exist"),
                io::ErrorKind::NotADirectory => Problem::input("is inside a file, not a folder"),
                _ => Problem::new(Kind::Environment, format!("cannot be read: {e}")),
            };
            problem.in_file(&label)
        };
        // The weights of a `model.json` lie beside the file itself, not beside a link to it.
        let real = fs::canonicalize(path).map_err(fail)?;
        let meta = fs::metadata(&real).map_err(fail)?;
        let (root, main) = if meta.is_dir() {
            (real, None)
        } else if meta.is_file() {
            let name = real.file_name().expect("a regular file has a name").to_owned();
            let root = real.parent().expect("a regular file is in a folder").to_owned();
            (root, Some((name.to_string_lossy().into_owned(), name)))
        } else {
            return Err(Problem::input("is neither a regular file nor a folder").in_file(&label));
        };
        Ok(Self {
            #[cfg(target_os = "linux")]
            root_handle: File::open(&root).map_err(fail)?,
            n_handles: AtomicUsize::new(0),
            label,
            root,
            main,
        })
    }

    fn open_file(&self, name: &str) -> Result<File, StoreError> {
        let io_error = |source| StoreError::Io { name: name.to_owned(), source };
        let relative = match &self.main {
            Some((shown, real)) if shown == name => Path::new(real),
            _ => Path::new(name),
        };
        let file = self.open_contained(relative).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                StoreError::NotFound(name.to_owned())
            }
            io::ErrorKind::CrossesDevices => StoreError::NotContained(name.to_owned()),
            _ => io_error(e),
        })?;
        // On the open file, so that it cannot be swapped between look and use.
        if file.metadata().map_err(io_error)?.is_file() {
            Ok(file)
        } else {
            Err(StoreError::NotAFile(name.to_owned()))
        }
    }

    /// Opens a file that lies below the root, links resolved; `CrossesDevices` otherwise.
    fn open_contained(&self, relative: &Path) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        match sys::open_beneath(&self.root_handle, relative) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
            result => return result,
        }
        let real = fs::canonicalize(self.root.join(relative))?;
        if !real.starts_with(&self.root) {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        // Opening a FIFO would wait for its other end.
        if !fs::metadata(&real)?.is_file() {
            return File::open(&self.root);
        }
        File::open(real)
    }

    fn list_into(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let io_error = |source| StoreError::Io { name: prefix.to_owned(), source };
        if depth > DEPTH_MAX {
            return Err(io_error(io::Error::other(format!(
                "folders are nested more than {DEPTH_MAX} deep"
            ))));
        }
        for item in fs::read_dir(folder).map_err(io_error)? {
            let item = item.map_err(io_error)?;
            if entries.len() >= ENTRIES_MAX {
                return Err(io_error(io::Error::other(format!(
                    "the folder holds more than {ENTRIES_MAX} files"
                ))));
            }
            // A name that is no text cannot be asked for by a model either.
            let Ok(part) = item.file_name().into_string() else { continue };
            let name = if prefix.is_empty() { part } else { format!("{prefix}/{part}") };
            let file_type = item.file_type().map_err(io_error)?;
            if file_type.is_dir() {
                self.list_into(&item.path(), &name, depth + 1, entries)?;
            } else if file_type.is_file() {
                let byte_len = item.metadata().map_err(io_error)?.len();
                entries.push(Entry { name, byte_len });
            } else if file_type.is_symlink() {
                // A link counts when it leads to a file inside; links to folders may loop.
                if let Ok(file) = self.open_file(&name) {
                    let byte_len = file.metadata().map_err(io_error)?.len();
                    entries.push(Entry { name, byte_len });
                }
            }
        }
        Ok(())
    }
}

impl Store for FolderStore {
    fn label(&self) -> &str {
        &self.label
    }

    fn main(&self) -> Option<&str> {
        self.main.as_ref().map(|(name, _)| name.as_str())
    }

    fn list(&self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        if let Some((name, _)) = &self.main {
            let byte_len = self.open(name)?.byte_len();
            entries.push(Entry { name: name.clone(), byte_len });
        } else {
            self.list_into(&self.root, "", 1, &mut entries)?;
            entries.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(entries)
    }

    fn open(&self, name: &str) -> Result<BlobRef, StoreError> {
        // The user may call the file itself what he likes; names from a model are held to rules.
        let is_main = self.main() == Some(name);
        if !is_main && !is_contained(name) {
            return Err(StoreError::NotContained(name.to_owned()));
        }
        let file = self.open_file(name)?;
        let keep = || self.n_handles.fetch_add(1, Ordering::Relaxed) < HANDLES_MAX;
        read_or_map(file, keep).map_err(|source| StoreError::Io { name: name.to_owned(), source })
    }
}

/// `keep` says whether one more file may stay open.
fn read_or_map(mut file: File, keep: impl FnOnce() -> bool) -> io::Result<BlobRef> {
    let len = file.metadata()?.len();
    if len >= MAP_MIN {
        let map = sys::map(&file)?;
        return Ok(Arc::new(MappedFile { map, file: keep().then_some(file) }));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    // Whoever appends to the file while we read does not make us read without end.
    file.by_ref().take(MAP_MIN).read_to_end(&mut bytes)?;
    Ok(Arc::new(Bytes::from(bytes)))
}

/// A file that is looked at in its map, and read where all of it passes by: for that, bringing
/// every page into the address space and out again costs as much as the copy.
struct MappedFile {
    map: Bytes,
    file: Option<File>,
}

impl Blob for MappedFile {
    fn byte_len(&self) -> u64 {
        self.map.byte_len()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.map.read(range)
    }

    fn read_into(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.file {
            Some(file) if out.len() >= READ_MIN => sys::read_at(file, &self.map, at, out),
            _ => self.map.read_into(at, out),
        }
    }

    fn is_at_hand(&self) -> bool {
        true
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use tensorferry_store::read_all;

    use super::*;

    #[test]
    fn a_file_store_reaches_its_neighbours_and_a_folder_lists_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let big = vec![7_u8; 200_000];
        fs::write(dir.path().join("model.json"), "{}").unwrap();
        fs::write(dir.path().join("a b.bin"), &big).unwrap();
        fs::write(dir.path().join("empty"), "").unwrap();
        fs::create_dir(dir.path().join("variables")).unwrap();
        fs::write(dir.path().join("variables/v.index"), "x").unwrap();

        let file = open_input(&dir.path().join("model.json")).unwrap();
        assert_eq!(file.main(), Some("model.json"));
        assert_eq!(file.list().unwrap().len(), 1);
        assert_eq!(&read_all(file.open("a b.bin").unwrap().as_ref()).unwrap()[..], &big[..]);
        assert_eq!(file.open("empty").unwrap().byte_len(), 0);

        let folder = open_input(dir.path()).unwrap();
        assert_eq!(folder.main(), None);
        let names: Vec<_> =
            folder.list().unwrap().into_iter().map(|e| (e.name, e.byte_len)).collect();
        let expected =
            [("a b.bin", 200_000), ("empty", 0), ("model.json", 2), ("variables/v.index", 1)];
        assert_eq!(names, expected.map(|(n, l)| (n.to_owned(), l)));
    }

    #[test]
    fn a_file_is_read_where_it_passes_by_with_and_without_its_handle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        let content: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &content).unwrap();
        for keep in [true, false] {
            let blob = read_or_map(File::open(&path).unwrap(), || keep).unwrap();
            assert!(blob.is_at_hand());
            for len in [0, 1, READ_MIN - 1, READ_MIN, 100_000] {
                let mut out = vec![0; len];
                blob.read_into(12_345, &mut out).unwrap();
                assert_eq!(out, content[12_345..12_345 + len], "{keep} {len}");
            }
            for (at, len) in [(199_999, 2), (199_999, READ_MIN), (u64::MAX, READ_MIN)] {
                assert!(blob.read_into(at, &mut vec![0; len]).is_err(), "{keep} {at} {len}");
            }
        }
    }

    #[test]
    fn nothing_outside_the_folder_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("model");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        fs::write(root.join("inside"), "i").unwrap();
        symlink("../secret", root.join("out_relative")).unwrap();
        symlink(dir.path().join("secret"), root.join("out_absolute")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("inside", root.join("within")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let store = open_input(&root).unwrap();
        for (name, expected) in [
            ("inside", "ok"),
            ("within", "ok"),
            ("out_relative", "NotContained"),
            ("out_absolute", "NotContained"),
            ("up/secret", "NotContained"),
            ("../secret", "NotContained"),
            ("/etc/passwd", "NotContained"),
            ("sub", "NotAFile"),
            ("none", "NotFound"),
            ("inside/x", "NotFound"),
            ("loop", "Io"),
        ] {
            let found = match store.open(name) {
                Ok(_) => "ok".to_owned(),
                Err(e) => format!("{e:?}"),
            };
            assert!(found.starts_with(expected), "{name}: {found}");
        }
        let names: Vec<_> = store.list().unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["inside", "within"]);
    }

    #[test]
    fn what_is_no_file_or_folder_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let store = open_input(dir.path()).unwrap();
        assert!(matches!(store.open("fifo"), Err(StoreError::NotAFile(_))));
        assert!(store.list().unwrap().is_empty());
        for (path, what) in [
            (fifo.as_path(), "is neither a regular file nor a folder"),
            (Path::new("/dev/null"), "is neither a regular file nor a folder"),
            (&dir.path().join("none"), "does not exist"),
        ] {
            let problem = open_input(path).map(|_| ()).unwrap_err();
            assert_eq!(problem.what, what);
            assert_eq!(problem.kind, Kind::Input);
        }
    }

    #[test]
    fn a_folder_of_folders_ends_at_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let deep = (0..DEPTH_MAX + 1).fold(dir.path().to_owned(), |p, _| p.join("d"));
        fs::create_dir_all(deep).unwrap();
        assert!(open_input(dir.path()).unwrap().list().is_err());
    }
}
