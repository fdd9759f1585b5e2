//! The cache of `tensorflow_hub`: one folder per handle, named by its hash.
//!
//! `<sha1 of the handle>/` holds the model, `<sha1>.descriptor.txt` says where it is from. A model
//! is unpacked under another name and put into place at once. `tensorflow_hub` locks by a file that
//! exists, which outlives a process that dies; ours is locked by the system, beside it.

use std::fs::{self, File};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha1::{Digest, Sha1};
use tensorferry_archive::{Limits, for_each_tar_file};
use tensorferry_diagnostics::{Kind, Problem};

use crate::Download;
use crate::download::Sink;

/// Where the model of a handle is or will be.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    cache: PathBuf,
    name: String,
}

/// Removes what was left half done.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may have been put into place, or never made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn failed(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Kind::Environment, error.to_string())
        .at(path.to_string_lossy())
        .hint("TFHUB_CACHE_DIR names another folder for the cache")
}

impl Place {
    pub(crate) fn of(handle: &str, cache: &Path) -> Self {
        let name: String =
            Sha1::digest(handle.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { folder: cache.join(&name), cache: cache.to_owned(), name }
    }

    /// True when a model is there. An empty folder is what a broken download may leave.
    pub(crate) fn is_filled(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Waits until nobody else downloads the same.
    pub(crate) fn lock(&self) -> Result<File, Problem> {
        fs::create_dir_all(&self.cache).map_err(|e| failed(&self.cache, &e))?;
        let path = self.cache.join(format!("{}.tensorferry.lock", self.name));
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(|e| failed(&path, &e))?;
        file.lock().map_err(|e| failed(&path, &e))?;
        Ok(file)
    }

    /// Unpacks what `download` brings, and puts it into place.
    pub(crate) fn fill(
        &self,
        handle: &str,
        download: impl FnOnce(Sink<'_>) -> Result<Download, Problem>,
    ) -> Result<Download, Problem> {
        let scratch = Scratch(self.cache.join(format!("{}.{}.tmp", self.name, std::process::id())));
        let _ = fs::remove_dir_all(&scratch.0);
        fs::create_dir_all(&scratch.0).map_err(|e| failed(&scratch.0, &e))?;
        let download = download(&mut |source| unpack(source, &scratch.0))?;
        // An empty folder is replaced, a full one is the work of `tensorflow_hub` in between.
        if let Err(error) = fs::rename(&scratch.0, &self.folder)
            && !self.is_filled()
        {
            return Err(failed(&self.folder, &error));
        }
        self.describe(handle).map_err(|e| failed(&self.cache, &e))?;
        Ok(download)
    }

    fn describe(&self, handle: &str) -> io::Result<()> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let pid = std::process::id();
        let text = format!(
            "Module: {handle}\nDownload Time: {seconds} seconds after 1970\n\
             Downloader Hostname: tensorferry (PID:{pid})"
        );
        let path = self.cache.join(format!("{}.descriptor.txt", self.name));
        let scratch = self.cache.join(format!("{}.descriptor.{pid}.tmp", self.name));
        fs::write(&scratch, text)?;
        fs::rename(&scratch, path)
    }
}

/// Writes the files of an archive below `folder`.
fn unpack(source: &mut dyn BufRead, folder: &Path) -> Result<(), Problem> {
    let mut n_files = 0;
    for_each_tar_file(source, &Limits::default(), &mut |entry, body| {
        let path = folder.join(&entry.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        n_files += 1;
        let n_bytes = io::copy(body, &mut File::create_new(&path)?)?;
        match n_bytes == entry.byte_len {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    })
    .map_err(|error| {
        let kind = match error.kind() {
            tensorferry_archive::Kind::Limit => Kind::Limit,
            tensorferry_archive::Kind::Io => Kind::Environment,
            tensorferry_archive::Kind::Unsupported => Kind::Unsupported,
            _ => Kind::Input,
        };
        Problem::new(kind, format!("the server sends no archive of a model: {error}"))
    })?;
    if n_files == 0 {
        return Err(Problem::input("the server sends an empty archive"));
    }
    Ok(())
}
