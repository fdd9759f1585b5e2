//! The file operations of the output protocol, as a trait so that tests can make each one fail.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tensorferry_diagnostics::Problem;
use tensorferry_store::Store;

use crate::{FolderStore, sys};

/// What lies at a path, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dir,
    File,
    Link,
    Other,
}

/// Kind, device and inode of what lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// File operations by path. None follows a link in the last part of a path, save `resolve`
/// and `read`.
pub(crate) trait Fs {
    /// A file that is being written.
    type File;
    /// A lock that is free again when it is dropped or its process dies.
    type Lock;

    /// What lies at `path`; `None` when nothing does.
    fn look(&self, path: &Path) -> io::Result<Option<Seen>>;
    /// The absolute path with every link followed.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;
    /// True when the process stands in `dir` or below, so that swapping it would pull the ground
    /// from under the user's shell.
    fn is_underfoot(&self, dir: &Path) -> bool;
    /// The names in a folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;
    /// The content of a regular file of at most `len_max` bytes.
    fn read(&self, path: &Path, len_max: u64) -> io::Result<Vec<u8>>;
    /// Bytes that may still be written below `dir`, where that can be told.
    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>>;

    /// Makes a folder that must not exist; `is_private`: only for this user for now.
    fn create_dir(&self, path: &Path, is_private: bool) -> io::Result<()>;
    /// Gives a private folder the mode an ordinary new one has.
    fn publish_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that must not exist, for writing.
    fn create_file(&self, path: &Path) -> io::Result<Self::File>;
    /// Takes the lock of a file or folder; `None` when another process has it or `path` is gone.
    fn lock(&self, path: &Path) -> io::Result<Option<Self::Lock>>;

    /// Writes some of `bytes` and says how many.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Lets the device begin; a hint.
    fn start_sync(&self, file: &Self::File);
    /// Waits until the file's bytes are durable. Nothing is left that closing it could report.
    fn sync(&self, file: &mut Self::File) -> io::Result<()>;
    /// The same for several files, some of them at once where that is faster.
    fn sync_all(&self, files: &mut [Self::File]) -> io::Result<()> {
        files.iter_mut().try_for_each(|file| again(|| self.sync(file)))
    }
    /// Waits until the folder's names are durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Renames; replaces a file or an empty folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames a file, unless `to` exists.
    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Swaps two paths in one step; `Unsupported` where the file system cannot.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;
    /// Removes a file or link.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// What was staged, as a store.
    fn store(&self, path: &Path) -> Result<Box<dyn Store>, Problem>;
}

/// Each sync has the device empty its cache; those that wait for it together share that.
const SYNCS_AT_ONCE: usize = 16;

/// What the system looks up on its own when one page is missing.
const POPULATE_MIN: usize = 64 << 10;

/// The file system of the machine.
pub(crate) struct RealFs {
    /// Whether to wait until what was written is on the device.
    pub(crate) is_durable: bool,
}

impl Fs for RealFs {
    type File = File;
    type Lock = File;

    fn look(&self, path: &Path) -> io::Result<Option<Seen>> {
        match fs::symlink_metadata(path) {
            Ok(meta) => Ok(Some(seen(&meta))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn is_underfoot(&self, dir: &Path) -> bool {
        std::env::current_dir()
            .and_then(fs::canonicalize)
            .is_ok_and(|current| current.starts_with(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|e| e.file_name())).collect()
    }

    fn read(&self, path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        let file = options.open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len() > len_max {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::new();
        file.take(len_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>> {
        sys::free_bytes(dir)
    }

    fn create_dir(&self, path: &Path, is_private: bool) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        if is_private {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        }
        builder.recursive(false).create(path)
    }

    fn publish_dir(&self, path: &Path) -> io::Result<()> {
        // What the umask (or a default ACL) makes of a folder is best learned by making one.
        let probe = path.join(".mode");
        fs::create_dir(&probe)?;
        let permissions = fs::symlink_metadata(&probe).map(|meta| meta.permissions());
        fs::remove_dir(&probe)?;
        fs::set_permissions(path, permissions?)
    }

    fn create_file(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
        options.open(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            libc::O_NOFOLLOW | libc::O_NONBLOCK,
        );
        let file = match options.open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            // Some network file systems have no locks; there, nothing is ever taken for stale.
            Err(fs::TryLockError::Error(_)) => {}
        }
        // Whoever had the lock before us may have removed the path; then the lock is of nothing.
        let locked = seen(&file.metadata()?);
        Ok(self.look(path)?.filter(|now| *now == locked).map(|_| file))
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= POPULATE_MIN {
            sys::populate(bytes);
        }
        file.write(bytes)
    }

    fn start_sync(&self, file: &File) {
        if self.is_durable {
            sys::start_writeback(file);
        }
    }

    fn sync(&self, file: &mut File) -> io::Result<()> {
        if self.is_durable { file.sync_all() } else { Ok(()) }
    }

    fn sync_all(&self, files: &mut [File]) -> io::Result<()> {
        if !self.is_durable {
            return Ok(());
        }
        let files = &*files;
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                again(|| file.sync_all())?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let n_helpers = files.len().min(SYNCS_AT_ONCE).saturating_sub(1);
            // Without a thread to be had, the work is done by those that are there.
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (0..n_helpers).map_while(spawn).collect();
            let own: io::Result<()> = work();
            let joined = helpers.into_iter().map(|helper| {
                helper.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
            });
            joined.fold(own, Result::and)
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if cfg!(windows) || !self.is_durable {
            return Ok(()); // on Windows folders cannot be synced
        }
        match File::open(path)?.sync_all() {
            // Some network file systems refuse to sync a folder; they write through.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()> {
        match sys::rename_noreplace(from, to) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                if self.look(to)?.is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                fs::rename(from, to)
            }
            result => result,
        }
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        sys::exchange(a, b)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn store(&self, path: &Path) -> Result<Box<dyn Store>, Problem> {
        Ok(Box::new(FolderStore::open(path)?))
    }
}

/// Runs an operation again when a signal cut it short.
pub(crate) fn again<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn seen(meta: &fs::Metadata) -> Seen {
    let kind = match meta.file_type() {
        t if t.is_symlink() => Kind::Link,
        t if t.is_dir() => Kind::Dir,
        t if t.is_file() => Kind::File,
        _ => Kind::Other,
    };
    #[cfg(unix)]
    let (device, inode) = {
        use std::os::unix::fs::MetadataExt;
        (meta.dev(), meta.ino())
    };
    #[cfg(not(unix))]
    let (device, inode) = (0, 0);
    Seen { kind, device, inode }
}
