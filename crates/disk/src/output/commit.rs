//! The step that makes the staged files the target, and what follows it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tensorferry_diagnostics::{Kind as ProblemKind, Problem};

use super::plan::{Plan, Way, remove};
use super::refused;
use super::stage::Staged;
use crate::fs::{Fs, again};
use crate::interrupt;
use crate::model_folder::{self, Content, MODEL_JSON};

/// Each try fails only when another writer changed the target in the moment between look and
/// rename; eight writers at once need fewer.
const TRIES_MAX: usize = 64;

/// Makes what is staged the target and makes that durable. Gives warnings.
pub(super) fn commit<F: Fs>(fs: &F, staged: &mut Staged<'_, F>) -> Result<Vec<Problem>, Problem> {
    let plan = staged.plan;
    if let Some(signal) = interrupt::pending() {
        return Err(Problem::new(ProblemKind::Environment, format!("stopped by signal {signal}")));
    }
    let outdated = match plan.way {
        Way::File => again(|| fs.rename(&staged.path, &plan.target)).map(|()| Outdated::Nothing),
        Way::Folder => swap_folder(fs, plan, &staged.path),
        Way::InPlace { .. } => move_in(fs, plan, staged),
    };
    let outdated = outdated.map_err(|e| refused(&plan.target, "cannot be put into place", &e))?;
    staged.committed();
    // Durable before the older model goes: no crash may leave neither.
    let folders: Vec<PathBuf> = staged.folders_to_sync().map(Path::to_owned).collect();
    for folder in folders {
        again(|| fs.sync_dir(&folder)).map_err(|e| {
            refused(&plan.target, "is in place, but may not survive a power loss", &e)
        })?;
    }
    let mut warnings = Vec::new();
    match outdated {
        Outdated::Nothing => {}
        Outdated::Folder(path) => remove_model(fs, plan, path, &mut warnings),
        Outdated::Files(shards, staging) => {
            for name in shards {
                let _ = again(|| fs.remove_file(&plan.target.join(&name)));
            }
            remove(fs, &staging);
        }
    }
    Ok(warnings)
}

/// What the commit put out of use.
enum Outdated {
    Nothing,
    /// The older model, where it is now.
    Folder(PathBuf),
    /// Shards in the target that only the replaced manifest named, and the emptied staging folder.
    Files(BTreeSet<String>, PathBuf),
}

/// Puts the staged folder where nothing, an empty folder or an older model is. Gives the path at
/// which the older model is then.
fn swap_folder<F: Fs>(fs: &F, plan: &Plan, staged: &Path) -> io::Result<Outdated> {
    let mut last = io::Error::other("other writers keep changing it");
    for _ in 0..TRIES_MAX {
        let content = match again(|| fs.look(&plan.target))? {
            Some(_) => again(|| model_folder::look(fs, &plan.target)),
            None => Ok(Content::Empty),
        };
        let attempt = match content {
            Ok(Content::Empty) => {
                again(|| fs.rename(staged, &plan.target)).map(|()| Outdated::Nothing)
            }
            Ok(Content::Model) => exchange(fs, plan, staged),
            Ok(Content::Foreign) => {
                return Err(io::Error::other("something else was put there meanwhile"));
            }
            Err(e) => Err(e),
        };
        match attempt {
            Err(e) if is_race(&e) => last = e,
            result => return result,
        }
    }
    Err(last)
}

/// True when the target is not what it was a moment ago: another writer was faster.
fn is_race(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory, NotFound};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory | NotFound)
}

fn exchange<F: Fs>(fs: &F, plan: &Plan, staged: &Path) -> io::Result<Outdated> {
    match again(|| fs.exchange(staged, &plan.target)) {
        Ok(()) => return Ok(Outdated::Folder(staged.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
        Err(e) => return Err(e),
    }
    // Between these two renames there is no target: the one window of this protocol. A run that
    // finds `.old` and no target moves it back first.
    let old = plan.old_path();
    again(|| fs.rename(&plan.target, &old))?;
    match again(|| fs.rename(staged, &plan.target)) {
        Ok(()) => Ok(Outdated::Folder(old)),
        Err(e) => {
            let _ = again(|| fs.rename(&old, &plan.target));
            Err(e)
        }
    }
}

/// Moves the staged files into the folder that is there. Renaming `model.json` is the commit.
fn move_in<F: Fs>(fs: &F, plan: &Plan, staged: &Staged<'_, F>) -> io::Result<Outdated> {
    let mut moved = Vec::new();
    let result = try_move_in(fs, plan, staged, &mut moved);
    if result.is_err() {
        for path in &moved {
            let _ = again(|| fs.remove_file(path));
        }
    }
    let mut outdated = result?;
    outdated.retain(|name| staged.files.iter().all(|(ours, _)| ours != name));
    Ok(Outdated::Files(outdated, staged.path.clone()))
}

/// Gives the shards that the replaced manifest named.
fn try_move_in<F: Fs>(
    fs: &F,
    plan: &Plan,
    staged: &Staged<'_, F>,
    moved: &mut Vec<PathBuf>,
) -> io::Result<BTreeSet<String>> {
    for (name, _) in staged.files.iter().filter(|(name, _)| name != MODEL_JSON) {
        let to = plan.target.join(name);
        again(|| fs.rename_noreplace(&staged.path.join(name), &to))?;
        moved.push(to);
    }
    again(|| fs.sync_dir(&plan.target))?;
    let (from, to) = (staged.path.join(MODEL_JSON), plan.target.join(MODEL_JSON));
    // Exchanged, so that the manifest we then read is the one we replaced, whoever wrote it.
    match again(|| fs.exchange(&from, &to)) {
        Ok(()) => Ok(model_folder::shards_of(fs, &staged.path).unwrap_or_default()),
        Err(e) if matches!(e.kind(), io::ErrorKind::Unsupported | io::ErrorKind::NotFound) => {
            let outdated = model_folder::shards_of(fs, &plan.target).unwrap_or_default();
            again(|| fs.rename(&from, &to))?;
            Ok(outdated)
        }
        Err(e) => Err(e),
    }
}

/// Removes the older model, and nothing that is not part of it.
fn remove_model<F: Fs>(fs: &F, plan: &Plan, mut path: PathBuf, warnings: &mut Vec<Problem>) {
    // Looked at again: this is what the exchange gave us, which may be another writer's model.
    if matches!(model_folder::look(fs, &path), Ok(Content::Model | Content::Empty)) {
        path = plan.retire(fs, path);
        remove(fs, &path);
    }
    if let Ok(Some(_)) = again(|| fs.look(&path)) {
        warnings.push(
            Problem::new(ProblemKind::Environment, "what was there before could not be removed")
                .in_file(path.to_string_lossy())
                .hint("remove it by hand when you no longer need it"),
        );
    }
}
