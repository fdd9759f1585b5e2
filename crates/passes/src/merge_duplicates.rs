//! Lets nodes that compute the same be one node.
//!
//! Requires: the same op, attributes and inputs, no effect, no control edge; for constants the same
//! type, shape and bytes. Leaves: the first of them. A layer that is called twice has its weights
//! once.

use std::collections::HashMap;
use std::sync::Arc;

use tensorferry_ir::{Attr, Constant, Edge, NodeId};
use tensorferry_ops::Registry;

use crate::editor::Editor;

const NAME: &str = "merge_duplicates";

/// Constants up to this many bytes are compared; larger ones come out of files, where the same tensor
/// is the same place.
const COMPARED_BYTES_MAX: u64 = 1 << 20;

/// So many bytes of a constant are part of its key; the others are read where these are the same.
const KEY_BYTES: usize = 256;

/// Merges the nodes of a graph.
pub(crate) fn merge_duplicates(editor: &mut Editor<'_>, ops: &Registry) {
    // Nodes that may be the same; of constants there can be several with one key.
    let mut first: HashMap<Vec<u8>, Vec<NodeId>> = HashMap::new();
    for id in editor.order() {
        if editor.is_dead(id) {
            continue;
        }
        let Some((key, n_outputs)) = key(editor, id, ops) else { continue };
        let alike = first.entry(key).or_default();
        let Some(same) = alike.iter().copied().find(|other| is_same(editor, *other, id)) else {
            alike.push(id);
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

/// True when nodes with the same key are the same.
fn is_same(editor: &Editor<'_>, a: NodeId, b: NodeId) -> bool {
    match (editor.constant(a.into()), editor.constant(b.into())) {
        (Some(a), Some(b)) => is_same_constant(a, b),
        _ => true,
    }
}

/// True when constants of one type and shape have the same bytes, as far as that is compared.
fn is_same_constant(a: &Constant, b: &Constant) -> bool {
    if let (Constant::Stored(a), Constant::Stored(b)) = (a, b)
        && Arc::ptr_eq(a.data(), b.data())
    {
        return true;
    }
    if n_bytes(a) > COMPARED_BYTES_MAX {
        return false;
    }
    match (a.dense(), b.dense()) {
        (Ok(a), Ok(b)) => a.to_bytes() == b.to_bytes(),
        _ => false,
    }
}

fn n_bytes(value: &Constant) -> u64 {
    match value {
        Constant::Dense(dense) => dense.byte_len() as u64,
        Constant::Stored(tensor) => tensor.byte_len(),
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
            _ if n_bytes(value) <= COMPARED_BYTES_MAX => {
                let bytes = value.dense().ok()?.to_bytes();
                key.extend_from_slice(bytes.get(..KEY_BYTES).unwrap_or(&bytes));
            }
            Constant::Dense(_) => return None,
            Constant::Stored(tensor) => {
                let place = Arc::as_ptr(tensor.data()).cast::<u8>().addr();
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
