//! All-or-nothing output: plan, stage, check, commit, make durable.
//!
//! At every moment, also after SIGKILL or power loss, the output path is absent, or holds the
//! complete older model, or the complete new one. Nothing is reported as done before it is
//! durable, unless the caller gives that up ([`WriteOptions::is_unsynced`]). Two writers do not wait for each other; the last commit wins as a whole.

mod commit;
mod plan;
mod stage;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_store::{Package, Store};

use crate::fs::{Fs, RealFs};
use crate::interrupt;

/// Called with the staged files as a store.
pub type Check<'a> = dyn Fn(&dyn Store) -> Result<(), Problems> + 'a;

/// How a package is written.
#[derive(Default)]
pub struct WriteOptions<'a> {
    /// What the user gave as input, so that it is never overwritten.
    pub input: Option<&'a Path>,
    /// Reads the staged files back before they replace anything.
    pub check: Option<&'a Check<'a>>,
    /// Told the number of bytes written so far.
    pub progress: Option<&'a dyn Fn(u64)>,
    /// Do not wait for the device, as `cp` does not: after a kill the target is still the older
    /// model or the new one, after a loss of power it may be neither.
    pub is_unsynced: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The folder or file, links followed.
    pub path: PathBuf,
    /// Name and length of every file, in writing order. Shards have other names than in the
    /// package when the folder holds other things too (`group1-shard1of1-8HEX.bin`).
    pub files: Vec<(String, u64)>,
    /// What did not work and does no harm, such as an older model that could not be removed.
    pub warnings: Vec<Problem>,
}

/// Writes `package` at `target`: a folder, or one file when the package says so.
///
/// # Errors
/// `Usage` when the target cannot take this package or is the input itself, `Environment` when
/// the disk says no or a signal came, and what the check found. Except when only the last step
/// failed (making the rename durable), the target is then as it was before.
pub fn write_package(
    package: &Package,
    target: &Path,
    options: &WriteOptions<'_>,
) -> Result<Written, Problems> {
    write_with(&RealFs { is_durable: !options.is_unsynced }, package, target, options)
}

fn write_with<F: Fs>(
    fs: &F,
    package: &Package,
    target: &Path,
    options: &WriteOptions<'_>,
) -> Result<Written, Problems> {
    let _guard = interrupt::Guard::new();
    let plan = plan::Plan::new(fs, package, target, options.input)?;
    let error = match stage::Staged::new(fs, &plan) {
        Ok(staged) => return write_staged(fs, staged, package, options),
        Err(e) => e,
    };
    // A folder that is ours in one that is not: work inside it.
    if is_forbidden(&error)
        && let Some(plan) = plan.moved_inside(fs, package)
    {
        let staged = stage::Staged::new(fs, &plan);
        let staged = staged.map_err(|e| refused(&plan.target, "cannot be written", &e))?;
        return write_staged(fs, staged, package, options);
    }
    Err(refused(&plan.target, "cannot be written", &error).into())
}

fn write_staged<F: Fs>(
    fs: &F,
    mut staged: stage::Staged<'_, F>,
    package: &Package,
    options: &WriteOptions<'_>,
) -> Result<Written, Problems> {
    // What cannot be decoded while it is written is a mistake in the input.
    let name_input = |problems: Problems| {
        let file = options.input.unwrap_or(Path::new("the input")).to_string_lossy();
        let named = problems.0.into_iter().map(|problem| match problem.kind {
            Kind::Input => problem.in_file(file.clone()),
            _ => problem,
        });
        Problems(named.collect())
    };
    let result = staged
        .fill(package, options)
        .map_err(name_input)
        .and_then(|()| check(fs, &staged, options))
        .and_then(|()| Ok(staged.make_durable()?))
        .and_then(|()| Ok(commit::commit(fs, &mut staged)?));
    if result.is_err() {
        staged.discard();
    }
    let warnings = result?;
    Ok(Written { path: staged.plan.target.clone(), files: staged.files, warnings })
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn check<F: Fs>(
    fs: &F,
    staged: &stage::Staged<'_, F>,
    options: &WriteOptions<'_>,
) -> Result<(), Problems> {
    let Some(check) = options.check else { return Ok(()) };
    let store = fs.store(&staged.path)?;
    check(store.as_ref()).map_err(|problems| {
        let mut first = Problem::new(Kind::Bug, "the result does not pass our own check");
        first.hint =
            Some("please report this with the model; `--no-verify` writes it anyway".into());
        Problems(std::iter::once(first).chain(problems.0).collect())
    })
}

/// What the system said about a path, in the user's words.
fn refused(path: &Path, what: &str, error: &io::Error) -> Problem {
    let problem =
        Problem::new(Kind::Environment, format!("{what}: {error}")).in_file(path.to_string_lossy());
    match error.kind() {
        io::ErrorKind::StorageFull => problem.hint("free some space, or name another disk"),
        io::ErrorKind::QuotaExceeded => problem.hint("your quota on that disk is used up"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            problem.hint("name a folder that you may write to")
        }
        _ => problem,
    }
}
