//! Lets nodes that compute the same be one node.
//!
//! Requires: the same op, attributes and inputs, no effect, no control edge; for constants the same
//! type, shape and bytes. Leaves: the first of them. A layer that is called twice has its weights
//! once.

use std::collections::HashMap;

use tensorferry_ir::{Attr, Constant, Edge, NodeId};
use tensorferry_ops::Registry;

use crate::editor::Editor;

const NAME: &str = "merge_duplicates";

/// Constants in memory up to this many bytes are compared; larger ones come out of files, where the
/// same tensor is the same place.
const COMPARED_BYTES_MAX: usize = 1 << 20;

/// Merges the nodes of a graph.
pub(crate) fn merge_duplicates(editor: &mut Editor<'_>, ops: &Registry) {
    let mut first: HashMap<Vec<u8>, NodeId> = HashMap::new();
    for id in editor.order() {
        if editor.is_dead(id) {
            continue;
        }
        let Some((key, n_outputs)) = key(editor, id, ops) else { continue };
        let Some(same) = first.get(&key).copied() else {
            first.insert(key, id);
            continue;
        };
        let mut is_used = false;
        for output in 0..n_outputs {
            let edge = Edge { node: id, output };
            is_used |= editor.n_uses(edge) > 0;
            editor.replace(edge, Edge { node: same, output });
        }
        if is_used {
            editor.log.applied(NAME);
        }
    }
}

/// What nodes that compute the same have in common.
fn key(editor: &Editor<'_>, id: NodeId, ops: &Registry) -> Option<(Vec<u8>, u32)> {
    let node = editor.node(id);
    if !node.control.is_empty() {
        return None;
    }
    if node.op == "Const" {
        let Some(Attr::Tensor(value)) = node.attrs.get("value") else { return None };
        let mut key = format!("Const {} {:?} ", value.dtype(), value.shape()).into_bytes();
        match value {
            Constant::Dense(dense) if dense.byte_len() <= COMPARED_BYTES_MAX => {
                key.extend_from_slice(&dense.to_bytes());
            }
            Constant::Dense(_) => return None,
            Constant::Stored(tensor) if tensor.byte_len() <= COMPARED_BYTES_MAX as u64 => {
                key.extend_from_slice(&value.dense().ok()?.to_bytes());
            }
            Constant::Stored(tensor) => {
                let place = std::sync::Arc::as_ptr(tensor.data()).cast::<u8>().addr();
                key.extend_from_slice(&place.to_le_bytes());
            }
        }
        return Some((key, 1));
    }
    if node.inputs.is_empty() {
        return None;
    }
    let instance = ops.instance(node).ok().filter(|instance| instance.is_pure())?;
    let attrs = tensorferry_ir::attrs_text(&node.attrs);
    let key = format!("{} {:?} {attrs}", node.op, node.inputs).into_bytes();
    Some((key, u32::try_from(instance.n_outputs()).ok()?))
}
