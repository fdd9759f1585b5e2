//! What passes did, and what they would not do.

use std::collections::BTreeMap;

use tensorferry_diagnostics::Problem;

/// What passes say of their work.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// How often each rewrite was applied, by its name.
    pub applied: BTreeMap<&'static str, usize>,
    /// Rewrites that looked likely and were not done: name, node, reason.
    pub refused: Vec<(&'static str, String, String)>,
    /// What was left out that a user may miss, one line each.
    pub dropped: Vec<String>,
    /// Things the user should look at.
    pub warnings: Vec<Problem>,
}

impl Log {
    /// Counts one rewrite.
    pub(crate) fn applied(&mut self, rewrite: &'static str) {
        *self.applied.entry(rewrite).or_default() += 1;
    }

    /// Notes a rewrite that was not done.
    pub(crate) fn refused(&mut self, rewrite: &'static str, node: &str, reason: impl Into<String>) {
        self.refused.push((rewrite, node.to_owned(), reason.into()));
    }
}
