//! What the graph must ask about ops.

use crate::{Attrs, Node};

/// The outputs of a node: names and how many tensors each stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs(pub Vec<(&'static str, usize)>);

impl Outputs {
    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, n)| n).sum()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of tensor `index` of the output called `name` among all.
    pub fn place(&self, name: &str, index: usize) -> Option<usize> {
        let mut before = 0;
        for (output, n) in &self.0 {
            if *output == name {
                return (index < *n).then_some(before + index);
            }
            before += n;
        }
        None
    }

    /// The name of the tensor at `place`, and its index under that name.
    pub fn name(&self, mut place: usize) -> Option<(&'static str, usize)> {
        for (output, n) in &self.0 {
            if place < *n {
                return Some((output, place));
            }
            place -= n;
        }
        None
    }
}

/// Answers about ops. The crate `ops` has the real table.
pub trait OpTable {
    /// The outputs of an op with these attributes and number of data inputs; `None` for an op that
    /// is not in the table.
    ///
    /// # Errors
    /// What is wrong with the attributes or the number of inputs.
    fn outputs(&self, op: &str, attrs: &Attrs, n_inputs: usize) -> Option<Result<Outputs, String>>;

    /// Checks what can be checked of one node alone: attributes and number of inputs. Ops that are
    /// not in the table pass.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, node: &Node) -> Result<(), String> {
        self.outputs(&node.op, &node.attrs, node.inputs.len())
            .map_or(Ok(()), |known| known.map(drop))
    }
}

/// The table that knows no op.
#[derive(Debug, Clone, Copy)]
pub struct NoOps;

impl OpTable for NoOps {
    fn outputs(&self, _: &str, _: &Attrs, _: usize) -> Option<Result<Outputs, String>> {
        None
    }
}
