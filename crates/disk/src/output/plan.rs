//! Where the output goes and how it will be put there, decided before anything is written.

use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Component, Path, PathBuf};

use tensorferry_diagnostics::{Kind as ProblemKind, Problem};
use tensorferry_store::{Package, is_contained};

use super::refused;
use crate::fs::{Fs, Kind, again};
use crate::model_folder::{self, Content, MODEL_JSON};

/// How the staged files become the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One file, renamed.
    File,
    /// A folder, renamed or exchanged as a whole.
    Folder,
    /// Files moved into the folder that is there, `model.json` last. The suffix, when there is
    /// one, sets our shards apart from those that are there.
    InPlace { suffix: Option<u32> },
}

#[derive(Clone)]
pub(super) struct Plan {
    /// The output path, absolute, links followed.
    pub(super) target: PathBuf,
    /// The folder in which we stage; on the same file system as the target.
    pub(super) staging_parent: PathBuf,
    /// Folders above the target that do not exist yet, outermost first.
    pub(super) missing_parents: Vec<PathBuf>,
    pub(super) way: Way,
    /// How the names of everything that is staged for this target begin.
    pub(super) staging_prefix: String,
}

/// A number that another process will not come up with.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Plan {
    pub(super) fn new<F: Fs>(
        fs: &F,
        package: &Package,
        target: &Path,
        input: Option<&Path>,
    ) -> Result<Self, Problem> {
        if package.files().any(|(name, _)| !is_contained(name)) {
            return Err(Problem::new(ProblemKind::Bug, "a file's name leaves the output folder"));
        }
        let (target, missing_parents) = resolve(fs, target)?;
        let name = target.file_name().ok_or_else(|| {
            Problem::usage("the output path has no name").in_file(target.to_string_lossy())
        })?;
        let prefixes = Prefixes::of(name);
        let parent = target.parent().expect("a path with a name has a parent").to_owned();
        if missing_parents.is_empty() {
            clean_up(fs, &target, &parent, &prefixes);
        }
        let way = way(fs, package, &target, input)?;
        let staging_parent = staging_parent(fs, &target, parent, way)?;
        if staging_parent == target {
            clean_up(fs, &target, &target, &prefixes);
        }
        let byte_len = package.byte_len();
        let existing = missing_parents.first().and_then(|p| p.parent()).unwrap_or(&staging_parent);
        check_space(fs, existing, byte_len)?;
        let staging_prefix = prefixes.staging;
        Ok(Self { target, staging_parent, missing_parents, way, staging_prefix })
    }

    /// The plan to work inside the target instead; `None` when the target is no folder that can
    /// take the package so.
    pub(super) fn moved_inside<F: Fs>(&self, fs: &F, package: &Package) -> Option<Self> {
        let seen = again(|| fs.look(&self.target));
        let is_dir = matches!(seen, Ok(Some(seen)) if seen.kind == Kind::Dir);
        if !is_dir || self.staging_parent == self.target || !can_move_in(package) {
            return None;
        }
        let prefixes = Prefixes::of(self.target.file_name()?);
        clean_up(fs, &self.target, &self.target, &prefixes);
        let is_empty = matches!(model_folder::look(fs, &self.target), Ok(Content::Empty));
        Some(Self {
            way: Way::InPlace { suffix: (!is_empty).then(|| random() as u32) },
            staging_parent: self.target.clone(),
            ..self.clone()
        })
    }

    /// A name for an older model that makes room and will come back if the next step fails.
    pub(super) fn old_path(&self) -> PathBuf {
        let name = self.target.file_name().expect("checked when the plan was made");
        self.target.with_file_name(format!("{}{:016x}", Prefixes::of(name).old, random()))
    }

    /// Gives a model that was moved out of the way a name under which it does not come back.
    pub(super) fn retire<F: Fs>(&self, fs: &F, path: PathBuf) -> PathBuf {
        let name = self.target.file_name().expect("checked when the plan was made");
        Prefixes::of(name).retire(fs, path)
    }
}

/// How the names of what belongs to a target begin.
struct Prefixes {
    staging: String,
    old: String,
}

impl Prefixes {
    fn of(name: &OsStr) -> Self {
        // With our additions a name must stay below the 255 bytes that file systems take.
        const NAME_LEN_MAX: usize = 200;
        let name = name.to_string_lossy();
        let mut end = name.len().min(NAME_LEN_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        Self { staging: format!(".{}.tmp-", &name[..end]), old: format!(".{}.old-", &name[..end]) }
    }
}

impl Prefixes {
    /// See [`Plan::retire`]. Half removed, a model under `.old` would still come back; so it is
    /// renamed first, and durably.
    fn retire<F: Fs>(&self, fs: &F, path: PathBuf) -> PathBuf {
        if !path.file_name().is_some_and(|name| model_folder::has_prefix(name, &self.old)) {
            return path;
        }
        let retired = path.with_file_name(format!("{}{:016x}", self.staging, random()));
        if again(|| fs.rename(&path, &retired)).is_err() {
            return path;
        }
        if let Some(folder) = retired.parent() {
            let _ = again(|| fs.sync_dir(folder));
        }
        retired
    }
}

/// The target with every link followed, and the folders above it that are still missing.
fn resolve<F: Fs>(fs: &F, target: &Path) -> Result<(PathBuf, Vec<PathBuf>), Problem> {
    let usage = |what: &str| Problem::usage(what).in_file(target.to_string_lossy());
    if target.as_os_str().is_empty() {
        return Err(usage("the output path is empty"));
    }
    let mut existing = target;
    let mut missing = Vec::new();
    loop {
        let path = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
        match again(|| fs.look(path)) {
            Ok(Some(_)) => break,
            Ok(None) => {}
            Err(e) => return Err(refused(target, "cannot be looked at", &e)),
        }
        let Some(Component::Normal(part)) = existing.components().next_back() else {
            return Err(usage("the output path goes through a folder that does not exist"));
        };
        missing.push(part.to_owned());
        existing = existing.parent().unwrap_or(Path::new(""));
    }
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let mut path = again(|| fs.resolve(existing)).map_err(|e| {
        if e.kind() == std::io::ErrorKind::NotFound {
            usage("is a link that leads nowhere").hint("remove the link, or name another output")
        } else {
            refused(target, "cannot be followed", &e)
        }
    })?;
    let mut missing_parents = Vec::new();
    while let Some(part) = missing.pop() {
        path.push(part);
        if !missing.is_empty() {
            missing_parents.push(path.clone());
        }
    }
    Ok((path, missing_parents))
}

/// Decides how the package gets to the target; refuses targets that cannot take it.
fn way<F: Fs>(
    fs: &F,
    package: &Package,
    target: &Path,
    input: Option<&Path>,
) -> Result<Way, Problem> {
    let shown = target.to_string_lossy();
    let seen = again(|| fs.look(target)).map_err(|e| refused(target, "cannot be looked at", &e))?;
    let input = input.and_then(|input| again(|| fs.resolve(input)).ok());
    let is_input = input.as_deref() == Some(target);
    let Some(seen) = seen else {
        return Ok(if package.is_single_file { Way::File } else { Way::Folder });
    };
    if package.is_single_file {
        return match seen.kind {
            Kind::Dir => Err(Problem::usage("is a folder, and the output is one file")
                .in_file(shown)
                .hint("add the file's name to the output path")),
            _ if is_input => Err(is_the_input(target)),
            _ => Ok(Way::File),
        };
    }
    if seen.kind != Kind::Dir {
        // The reference's words, which people search for.
        return Err(Problem::usage(format!("Output path \"{shown}\" already exists as a file"))
            .hint("name a folder; it is made when it does not exist"));
    }
    let content = again(|| model_folder::look(fs, target))
        .map_err(|e| refused(target, "cannot be listed", &e))?;
    // An input that is one of the files to be replaced, or the folder itself.
    let is_replaced = is_input
        || input.as_deref().is_some_and(|input| {
            input.parent() == Some(target) && input.file_name() == Some(OsStr::new(MODEL_JSON))
        });
    if is_replaced && content != Content::Model {
        return Err(is_the_input(target));
    }
    let can_swap = !is_mount_point(fs, target, seen.device) && !fs.is_underfoot(target);
    if content != Content::Foreign && can_swap {
        return Ok(Way::Folder);
    }
    if !can_move_in(package) {
        return Err(Problem::usage("the output folder is not empty").in_file(shown).hint(
            "name a folder that does not exist; what is in this one would be mixed with the result",
        ));
    }
    let suffix = (content != Content::Empty).then(|| random() as u32);
    Ok(Way::InPlace { suffix })
}

/// True for a package whose files can be put beside others, one of them last as the commit.
fn can_move_in(package: &Package) -> bool {
    !package.is_single_file
        && package.files().any(|(name, _)| name == MODEL_JSON)
        && package.files().all(|(name, _)| !name.contains('/'))
}

fn is_the_input(target: &Path) -> Problem {
    Problem::usage("the output path is the input itself")
        .in_file(target.to_string_lossy())
        .hint("name another output path")
}

/// True when the folder is another file system than its parent (a container's volume, say): such
/// a folder cannot be renamed.
fn is_mount_point<F: Fs>(fs: &F, dir: &Path, device: u64) -> bool {
    let parent = dir.parent().and_then(|parent| again(|| fs.look(parent)).ok().flatten());
    parent.is_some_and(|parent| parent.device != device)
}

/// Beside the target; inside it when the parent is another file system or not ours to write.
fn staging_parent<F: Fs>(
    fs: &F,
    target: &Path,
    parent: PathBuf,
    way: Way,
) -> Result<PathBuf, Problem> {
    if !matches!(way, Way::InPlace { .. }) {
        return Ok(parent);
    }
    let seen = again(|| fs.look(target)).map_err(|e| refused(target, "cannot be looked at", &e))?;
    let device = seen.map_or(0, |seen| seen.device);
    let is_inside = is_mount_point(fs, target, device) || fs.is_underfoot(target);
    Ok(if is_inside { target.to_owned() } else { parent })
}

fn check_space<F: Fs>(fs: &F, dir: &Path, byte_len: u64) -> Result<(), Problem> {
    // What cannot be told is found out by writing.
    let Ok(Some(free)) = again(|| fs.free_bytes(dir)) else { return Ok(()) };
    let needed = byte_len.saturating_add(byte_len / 100);
    if free >= needed {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Environment, "not enough free space for the output")
        .in_file(dir.to_string_lossy())
        .expected(format!("{needed} bytes"), format!("{free} bytes"))
        .hint("free some space, or name another disk"))
}

/// Repairs what a killed run left: a model that was moved out of the way goes back, staged files
/// whose writer is dead are removed. What fails here is tried again by the next run.
fn clean_up<F: Fs>(fs: &F, target: &Path, dir: &Path, prefixes: &Prefixes) {
    let Ok(names) = again(|| fs.list(dir)) else { return };
    for name in names {
        let path = dir.join(&name);
        if model_folder::has_prefix(&name, &prefixes.old) {
            match again(|| fs.look(target)) {
                Ok(None) => drop(again(|| fs.rename(&path, target))),
                Ok(Some(_)) if is_model(fs, &path) => remove(fs, &prefixes.retire(fs, path)),
                _ => {}
            }
        } else if model_folder::has_prefix(&name, &prefixes.staging)
            && let Ok(Some(_lock)) = again(|| fs.lock(&path))
        {
            remove(fs, &path);
        }
    }
}

fn is_model<F: Fs>(fs: &F, path: &Path) -> bool {
    matches!(model_folder::look(fs, path), Ok(Content::Model | Content::Empty))
}

/// Removes a file or a folder with all that is in it; links are removed, not followed.
pub(super) fn remove<F: Fs>(fs: &F, path: &Path) {
    let mut todo = vec![path.to_owned()];
    let mut folders = Vec::new();
    while let Some(path) = todo.pop() {
        match again(|| fs.look(&path)) {
            Ok(Some(seen)) if seen.kind == Kind::Dir => {
                let names = again(|| fs.list(&path)).unwrap_or_default();
                todo.extend(names.into_iter().map(|name| path.join(name)));
                folders.push(path);
            }
            Ok(Some(_)) => drop(again(|| fs.remove_file(&path))),
            _ => {}
        }
    }
    // A folder comes after the one it is in.
    for folder in folders.iter().rev() {
        let _ = again(|| fs.remove_dir(folder));
    }
}
