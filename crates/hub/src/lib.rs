//! Models of TensorFlow Hub and Kaggle, for faces that may use the network: downloaded, checked,
//! cached.
//!
//! A handle is an address. [`resolve`] gives the folder in the cache that holds its model, and
//! downloads it when it is not there: `https` only, redirects followed within limits, nothing put
//! into place before the last byte was checked. The cache is the one of `tensorflow_hub`: what
//! either has downloaded, both find.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod address;
mod cache;
mod download;

use std::path::PathBuf;

use tensorferry_diagnostics::Problem;

pub use address::is_handle;

/// Where things are.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the cache.
    pub cache: PathBuf,
    /// Kaggle's own address.
    pub kaggle: String,
}

impl Default for Options {
    /// As `tensorflow_hub` has it: `TFHUB_CACHE_DIR`, or a folder among the temporary files.
    fn default() -> Self {
        let from_env = std::env::var_os("TFHUB_CACHE_DIR").filter(|dir| !dir.is_empty());
        let cache = from_env.map_or_else(|| std::env::temp_dir().join("tfhub_modules"), Into::into);
        Self { cache, kaggle: "https://www.kaggle.com".to_owned() }
    }
}

/// A model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its folder.
    pub folder: PathBuf,
    /// What was downloaded for it now; `None` when it was there.
    pub download: Option<Download>,
}

/// What came over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The address that it came from at last.
    pub url: String,
    /// Its bytes.
    pub n_bytes: u64,
    /// Their SHA-256 in hex.
    pub sha256: String,
}

/// The folder with the model of `handle`. `progress` is told how many bytes have come.
///
/// # Errors
/// An address that is not followed, what the server says, a download that is broken or too large,
/// an archive that is not what it should be.
pub fn resolve(
    handle: &str,
    options: &Options,
    progress: &dyn Fn(u64),
) -> Result<Resolved, Problem> {
    let named = |problem: Problem| problem.in_file(handle);
    let place = cache::Place::of(handle, &options.cache);
    if place.is_filled() {
        return Ok(Resolved { folder: place.folder, download: None });
    }
    let _lock = place.lock().map_err(named)?;
    // Someone else may have downloaded it while we waited.
    if place.is_filled() {
        return Ok(Resolved { folder: place.folder, download: None });
    }
    let url = address::download_url(handle, &options.kaggle).map_err(named)?;
    let download = place.fill(handle, |sink| download::stream(&url, progress, sink));
    let download = download.map_err(named)?;
    Ok(Resolved { folder: place.folder, download: Some(download) })
}
