//! The packed fixtures, unpacked once into the target folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

/// No archive unpacks to more; ours hold some 15 MB.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;

/// The folder with `manifest.json`, `models/`, `goldens/` and `tfjs-outputs/`.
///
/// The first caller unpacks; the folder's name is the hash of the archives' hashes, so changed
/// archives get a new folder. Processes may race: each unpacks beside it and the first to rename
/// wins.
///
/// # Panics
/// When an archive is missing, has another hash than `SHA256SUMS` says, or cannot be unpacked.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        unpack_all().unwrap_or_else(|error| panic!("fixtures cannot be unpacked: {error}"))
    })
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).expect("this crate lies two folders below the root").to_owned()
    })
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), |dir| repository().join(dir))
}

/// Names and hashes of the archives, as `SHA256SUMS` has them.
///
/// # Errors
/// When the file cannot be read or a line is not `<hash>  <name>`.
pub fn sums() -> io::Result<Vec<(String, String)>> {
    fs::read_to_string(packed().join("SHA256SUMS"))?
        .lines()
        .map(|line| {
            let (sum, name) = line.split_once("  ").ok_or_else(|| invalid("SHA256SUMS", line))?;
            Ok((name.to_owned(), sum.to_owned()))
        })
        .collect()
}

/// The folder of the archives.
pub fn packed() -> PathBuf {
    repository().join("fixtures")
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unpack_all() -> io::Result<PathBuf> {
    let all_sums = fs::read(packed().join("SHA256SUMS"))?;
    let hash = sha256(&all_sums);
    let parent = target().join("fixtures");
    let finished = parent.join(hash.get(..16).expect("a SHA-256 has 64 digits"));
    if finished.is_dir() {
        return Ok(finished);
    }
    let scratch = parent.join(format!("unpacking-{}", std::process::id()));
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    for (name, sum) in sums()? {
        let archive = fs::read(packed().join(&name))?;
        if sha256(&archive) != sum {
            return Err(invalid(&name, "its hash is not the one in SHA256SUMS"));
        }
        unpack(&archive, &scratch)?;
    }
    if let Err(error) = fs::rename(&scratch, &finished) {
        fs::remove_dir_all(&scratch)?;
        // Another process was first: its folder is as good as ours.
        if !finished.is_dir() {
            return Err(error);
        }
    }
    Ok(finished)
}

/// Unpacks regular files with plain relative names; anything else is refused.
fn unpack(archive: &[u8], to: &Path) -> io::Result<()> {
    let mut tar = tar::Archive::new(GzDecoder::new(archive).take(UNPACKED_BYTES_MAX));
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let shown = path.display().to_string();
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(invalid(&shown, "it is not a regular file"));
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(invalid(&shown, "it leaves the folder"));
        }
        let file = to.join(&path);
        fs::create_dir_all(file.parent().expect("a joined path has a parent"))?;
        io::copy(&mut entry, &mut fs::File::create(file)?)?;
    }
    Ok(())
}

fn invalid(what: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{what}`: {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sha256sums_names_exactly_the_archives_that_are_there() {
        let listed: BTreeSet<String> = sums().unwrap().into_iter().map(|(name, _)| name).collect();
        let there: BTreeSet<String> = fs::read_dir(packed())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".tar.gz"))
            .collect();
        assert_eq!(listed, there);
        assert!(listed.len() >= 10, "only {} archives", listed.len());
    }

    #[test]
    fn every_archive_has_its_hash() {
        for (name, sum) in sums().unwrap() {
            assert_eq!(sha256(&fs::read(packed().join(&name)).unwrap()), sum, "{name}");
        }
    }

    #[test]
    fn a_member_that_leaves_the_folder_is_refused() {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_entry_type(tar::EntryType::Regular);
        header.as_ustar_mut().expect("made as ustar").name[..6].copy_from_slice(b"../bad");
        header.set_cksum();
        tar.append(&header, &b"x"[..]).unwrap();
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let to = target().join("fixtures");
        let error = unpack(&archive, &to).unwrap_err();
        assert!(error.to_string().contains("leaves the folder"), "{error}");
    }
}
