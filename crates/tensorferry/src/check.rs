//! The strict look at a result before it takes its place.

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_front::{ReadOptions, Source, read};
use tensorferry_store::Store;

/// Reads a written model back: JSON, sizes, every weight covered and none left over. The weights'
/// own bytes are not read again.
///
/// # Errors
/// What a user would meet on loading it; here it is a mistake of ours or of the disk.
pub fn check(store: &dyn Store) -> Result<(), Problems> {
    let (source, _) = read(store, &ReadOptions::default())?;
    match source {
        // What binding, the manifest and the archive check is all there is to a model.
        Source::Layers(_) | Source::Tfjs(_) => Ok(()),
        Source::Weights(_) | Source::SavedModel => {
            Err(Problem::input("the result is no model").in_file(store.label()).into())
        }
    }
}
