//! The new files, written beside the target under a name of their own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_store::{Fill, Package, PackageSink, Part, collect};

use super::plan::{Plan, Way, random, remove};
use super::{WriteOptions, refused};
use crate::fs::{Fs, again};
use crate::interrupt;
use crate::model_folder::{self, MODEL_JSON};

/// A file is written this many bytes at a time, from places that are multiples of it: the system
/// then keeps it in runs of pages of this size, and writing costs a quarter less than at odd
/// places. It stays in the processor's cache.
const BUFFER_LEN: usize = 1 << 20;
/// What memory that a device reads into should begin at a multiple of.
const PAGE_LEN: usize = 4 << 10;
/// A signal or the progress bar waits for no more than this many bytes.
const WRITE_LEN_MAX: usize = 4 << 20;
/// Of a small result, the device writes one file while we write the next. For a large one that
/// measured slower than leaving the order to the system: writer and device get into each other's
/// way.
const EARLY_SYNC_MAX: u64 = 64 << 20;
/// Files that are open at once, waiting to be synced: half of what a process may usually have.
const OPEN_MAX: usize = if cfg!(target_os = "linux") { 512 } else { 128 };
/// Another process may have come up with the same name, or taken ours for stale as it was made.
const TRIES_MAX: usize = 16;

pub(super) struct Staged<'a, F: Fs> {
    fs: &'a F,
    pub(super) plan: &'a Plan,
    /// The staged folder or file.
    pub(super) path: PathBuf,
    /// Name and length of every file written so far, under their final names.
    pub(super) files: Vec<(String, u64)>,
    /// Files that are complete and not yet known to be durable.
    unsynced: Vec<(PathBuf, F::File)>,
    /// Folders inside the staged one.
    folders: Vec<PathBuf>,
    /// Folders above the target that we made.
    made_parents: Vec<PathBuf>,
    /// Held so that no other run takes what is staged for stale.
    _lock: Option<F::Lock>,
}

impl<'a, F: Fs> Staged<'a, F> {
    /// Makes the staging folder (or file) and takes its lock.
    pub(super) fn new(fs: &'a F, plan: &'a Plan) -> io::Result<Self> {
        let mut staged = Self {
            fs,
            plan,
            path: PathBuf::new(),
            files: Vec::new(),
            unsynced: Vec::new(),
            folders: Vec::new(),
            made_parents: Vec::new(),
            _lock: None,
        };
        let result = staged.make_parents().and_then(|()| staged.make());
        if result.is_err() {
            staged.discard();
        }
        result.map(|()| staged)
    }

    fn make_parents(&mut self) -> io::Result<()> {
        for parent in &self.plan.missing_parents {
            match again(|| self.fs.create_dir(parent, false)) {
                Ok(()) => self.made_parents.push(parent.clone()),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn make(&mut self) -> io::Result<()> {
        for _ in 0..TRIES_MAX {
            let name =
                format!("{}{}-{:016x}", self.plan.staging_prefix, std::process::id(), random());
            let path = self.plan.staging_parent.join(name);
            let made = if self.plan.way == Way::File {
                // The file itself is made by `begin`; here only its name is reserved.
                again(|| self.fs.create_file(&path)).map(|file| {
                    self.unsynced.push((path.clone(), file));
                })
            } else {
                again(|| self.fs.create_dir(&path, true))
            };
            match made {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                result => result?,
            }
            self.path = path;
            if let Some(lock) = again(|| self.fs.lock(&self.path))? {
                self._lock = Some(lock);
                return Ok(());
            }
            self.unsynced.clear();
            remove(self.fs, &self.path);
        }
        Err(io::Error::other("no name for the staged files is free"))
    }

    /// Writes all files.
    pub(super) fn fill(
        &mut self,
        package: &Package,
        options: &WriteOptions<'_>,
    ) -> Result<(), Problems> {
        let renamed = match self.plan.way {
            Way::InPlace { suffix: Some(suffix) } => Some(with_suffix(package, suffix)?),
            _ => None,
        };
        let mut sink = Sink {
            staged: self,
            progress: options.progress,
            current: None,
            buffer: Buffer::default(),
            written: 0,
            failure: None,
        };
        let result = renamed.as_ref().unwrap_or(package).write(&mut sink);
        let failure = sink.failure.take();
        result.map_err(|e| {
            // What the sink did not report comes from the content: the input cannot be decoded.
            failure.unwrap_or_else(|| Problem::input(e.to_string())).into()
        })
    }

    /// Waits until all that is staged is on the device, and gives it its final mode.
    pub(super) fn make_durable(&mut self) -> Result<(), Problem> {
        self.try_make_durable().map_err(|e| refused(&self.plan.target, "cannot be written", &e))
    }

    fn try_make_durable(&mut self) -> io::Result<()> {
        // The mode first: on a journaling file system the first sync then commits all there is to
        // commit, and the others find little to do.
        if self.plan.way != Way::File {
            again(|| self.fs.publish_dir(&self.path))?;
        }
        self.sync_files()?;
        if self.plan.way == Way::File {
            return Ok(());
        }
        for folder in &self.folders {
            again(|| self.fs.sync_dir(folder))?;
        }
        again(|| self.fs.sync_dir(&self.path))
    }

    fn sync_files(&mut self) -> io::Result<()> {
        let mut files: Vec<_> = self.unsynced.drain(..).map(|(_, file)| file).collect();
        self.fs.sync_all(&mut files)
    }

    /// What was staged is the target now, and no longer ours to remove.
    pub(super) fn committed(&mut self) {
        self.path = PathBuf::new();
    }

    /// Removes all that was made.
    pub(super) fn discard(&mut self) {
        self.unsynced.clear();
        if !self.path.as_os_str().is_empty() {
            remove(self.fs, &self.path);
        }
        for parent in self.made_parents.iter().rev() {
            let _ = again(|| self.fs.remove_dir(parent));
        }
    }

    /// The folders whose names must be durable for the target to be, innermost first.
    pub(super) fn folders_to_sync(&self) -> impl Iterator<Item = &Path> {
        let parents = self.made_parents.iter().rev().filter_map(|made| made.parent());
        let innermost = match self.plan.way {
            Way::InPlace { .. } => Some(self.plan.target.as_path()),
            Way::File | Way::Folder => self.plan.target.parent(),
        };
        innermost.into_iter().chain(parents)
    }
}

/// The package with its shards under names that nothing in the target folder has.
fn with_suffix(package: &Package, suffix: u32) -> Result<Package, Problem> {
    let mut parts = Vec::with_capacity(package.parts.len());
    for part in &package.parts {
        let is_model_json = part.files.iter().any(|(name, _)| name == MODEL_JSON);
        parts.push(if is_model_json {
            let json = collect(part.content.as_ref()).map_err(|e| Problem::input(e.to_string()))?;
            let json = model_folder::with_suffixed_shards(&json, suffix).ok_or_else(|| {
                Problem::new(Kind::Bug, "our own `model.json` has no weight manifest")
            })?;
            Part::file(MODEL_JSON, Arc::new(Bytes::from(json)))
        } else {
            let files = part.files.iter();
            Part {
                files: files.map(|(n, len)| (model_folder::suffixed(n, suffix), *len)).collect(),
                content: part.content.clone(),
            }
        });
    }
    Ok(Package { parts, is_single_file: false })
}

/// Takes a package's pieces and writes them into the staged files.
struct Sink<'s, 'a, F: Fs> {
    staged: &'s mut Staged<'a, F>,
    progress: Option<&'s dyn Fn(u64)>,
    current: Option<(PathBuf, F::File)>,
    buffer: Buffer,
    written: u64,
    failure: Option<Problem>,
}

/// Bytes of the current file that follow what is written.
#[derive(Default)]
struct Buffer {
    /// Empty until it is used; then `BUFFER_LEN` bytes from `start`, and what is left over.
    memory: Vec<u8>,
    /// The first multiple of a page's length.
    start: usize,
    n_used: usize,
}

impl Buffer {
    /// What was gathered.
    fn used(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.n_used]
    }

    /// Room for at most `len` more bytes, and at least one where one is asked for.
    fn room(&mut self, len: u64) -> &mut [u8] {
        if self.memory.is_empty() {
            // Zeroed memory of this size comes from the system and takes no page until it is used.
            self.memory = vec![0; BUFFER_LEN + PAGE_LEN];
            self.start = self.memory.as_ptr().align_offset(PAGE_LEN).min(PAGE_LEN);
        }
        let free = BUFFER_LEN - self.n_used;
        let n = usize::try_from(len).unwrap_or(free).min(free);
        &mut self.memory[self.start + self.n_used..][..n]
    }

    fn is_full(&self) -> bool {
        self.n_used == BUFFER_LEN
    }
}

impl<F: Fs> Sink<'_, '_, F> {
    /// Remembers what failed in the user's words; the package only passes the error through.
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(e) = &result
            && self.failure.is_none()
        {
            self.failure = Some(refused(&self.staged.plan.target, "cannot be written", e));
        }
        result
    }

    fn open(&mut self, name: &str) -> io::Result<()> {
        let fs = self.staged.fs;
        if self.staged.plan.way == Way::File {
            self.current = self.staged.unsynced.pop();
            return Ok(());
        }
        let path = self.staged.path.join(name);
        let mut folder = self.staged.path.clone();
        for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            if !self.staged.folders.contains(&folder) {
                again(|| fs.create_dir(&folder, false))?;
                self.staged.folders.push(folder.clone());
            }
        }
        let file = again(|| fs.create_file(&path))?;
        self.current = Some((path, file));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.write(buffer.used());
        buffer.n_used = 0;
        self.buffer = buffer;
        result
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if !self.buffer.is_full() {
            return Ok(());
        }
        let result = self.flush();
        self.note(result)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let fs = self.staged.fs;
        let (_, file) = self.current.as_mut().expect("`begin` comes before `piece`");
        while !bytes.is_empty() {
            if let Some(signal) = interrupt::pending() {
                return Err(io::Error::other(format!("stopped by signal {signal}")));
            }
            let end = bytes.len().min(WRITE_LEN_MAX);
            let n = again(|| fs.write(file, &bytes[..end]))?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(n..).unwrap_or_default();
            self.written += n as u64;
            if let Some(progress) = self.progress {
                progress(self.written);
            }
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        if self.current.is_none() {
            return Ok(());
        }
        self.flush()?;
        let fs = self.staged.fs;
        let Some((path, file)) = self.current.take() else { return Ok(()) };
        if self.written <= EARLY_SYNC_MAX {
            fs.start_sync(&file);
        }
        self.staged.unsynced.push((path, file));
        if self.staged.unsynced.len() < OPEN_MAX {
            return Ok(());
        }
        self.staged.sync_files()
    }
}

impl<F: Fs> PackageSink for Sink<'_, '_, F> {
    fn begin(&mut self, name: &str, byte_len: u64) -> io::Result<()> {
        let result = self.close().and_then(|()| self.open(name));
        self.note(result)?;
        self.staged.files.push((name.to_owned(), byte_len));
        Ok(())
    }

    fn piece(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // Whole runs need no gathering.
            let whole = bytes.len() - bytes.len() % BUFFER_LEN;
            if self.buffer.n_used == 0 && whole > 0 {
                let result = self.write(&bytes[..whole]);
                self.note(result)?;
                bytes = &bytes[whole..];
                continue;
            }
            let room = self.buffer.room(bytes.len() as u64);
            let (now, later) = bytes.split_at(room.len());
            room.copy_from_slice(now);
            self.buffer.n_used += now.len();
            bytes = later;
            self.flush_if_full()?;
        }
        Ok(())
    }

    fn fill(&mut self, mut len: u64, fill: &mut Fill<'_>) -> io::Result<()> {
        while len > 0 {
            let room = self.buffer.room(len);
            let n = room.len();
            // What fails here is the content's, not ours to note.
            fill(room)?;
            self.buffer.n_used += n;
            len -= n as u64;
            self.flush_if_full()?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let result = self.close();
        self.note(result)
    }
}
