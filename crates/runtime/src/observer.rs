//! What a caller may see of a run.

/// Sees every node that runs. A caller that has a clock can tell where the time goes.
///
/// A node whose functions run other nodes ends after them: the calls nest.
pub trait Observer {
    /// The node called `name` begins; `op` is its op.
    fn begin(&mut self, name: &str, op: &'static str);

    /// The node that began last and has not ended, ends; also when it fails.
    fn end(&mut self);
}
