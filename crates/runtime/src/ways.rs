//! Faster ways for the nodes of a graph, and several nodes done at once.
//!
//! A node that has a faster way takes over what follows it, as long as nobody else reads what lies
//! between: biases, normalizations, activations, residuals, chains of element-wise ops.

use std::collections::HashMap;

use tensorferry_ir::Edge;
use tensorferry_ops::{Fact, Instance, Kernel};

use crate::plan::Facts;

/// A node that will be a step.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) instance: Instance,
    pub(crate) inputs: Vec<Edge>,
    pub(crate) outputs: Vec<Edge>,
    pub(crate) way: Option<Box<dyn Kernel>>,
}

/// Gives each draft the first of its op's faster ways that can be used, and lets it take over those
/// that follow.
pub(crate) fn choose(drafts: Vec<Draft>, facts: &Facts, results: &[Edge]) -> Vec<Draft> {
    let uses = Uses::new(&drafts, results);
    let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
    for i in 0..drafts.len() {
        let Some(mut draft) = drafts[i].take() else { continue };
        if draft.way.is_none() {
            prepare(&mut draft, facts, &uses);
            take_border(&mut draft, &mut drafts, facts, &uses);
        }
        // What takes over others runs where the last of them would: all their inputs are there.
        let mut at = i;
        while let Some((next, taken)) = follower(&draft, &drafts, facts, &uses) {
            if !take_over(&mut draft, &taken, next, &mut drafts) {
                break;
            }
            at = next;
        }
        drafts[at] = Some(draft);
    }
    drafts.into_iter().flatten().collect()
}

fn facts_of(draft: &Draft, facts: &Facts) -> Option<Vec<Fact>> {
    draft.inputs.iter().map(|edge| facts.get(edge).cloned()).collect()
}

fn prepare(draft: &mut Draft, facts: &Facts, uses: &Uses) {
    let Some(inputs) = facts_of(draft, facts) else { return };
    let Some((_, _, way)) = draft.instance.prepare(0, &inputs) else { return };
    if draft.outputs[way.n_outputs..].iter().any(|edge| uses.n(edge) > 0) {
        return;
    }
    draft.inputs = way.inputs.iter().map(|i| draft.inputs[*i]).collect();
    draft.outputs.truncate(way.n_outputs);
    draft.way = Some(way.kernel);
}

/// Takes over zeros that are put around the images only for this draft.
fn take_border(draft: &mut Draft, drafts: &mut [Option<Draft>], facts: &Facts, uses: &Uses) {
    let (Some(kernel), Some(input)) = (&mut draft.way, draft.inputs.first_mut()) else { return };
    let Some(maker) = uses.only_maker(input) else { return };
    let Some(pad) = drafts[maker].as_ref().filter(|pad| pad.way.is_none()) else { return };
    let border = facts_of(pad, facts).and_then(|facts| pad.instance.border(&facts));
    if border.is_some_and(|border| kernel.widen(&border)) {
        *input = pad.inputs[0];
        drafts[maker] = None;
    }
}

/// A draft that could be taken over: which input it follows through, and its operand.
struct Taken {
    follow: tensorferry_ops::Follow,
    operand: Option<Edge>,
}

/// The only reader of what `draft` gives, when it can be said as a step after it.
fn follower(
    draft: &Draft,
    drafts: &[Option<Draft>],
    facts: &Facts,
    uses: &Uses,
) -> Option<(usize, Taken)> {
    let [output] = draft.outputs[..] else { return None };
    draft.way.as_ref()?;
    let reader = uses.only_reader(&output)?;
    let next = drafts.get(reader)?.as_ref().filter(|next| next.way.is_none())?;
    if !next.instance.is_pure() || next.outputs.iter().skip(1).any(|edge| uses.n(edge) > 0) {
        return None;
    }
    let inputs = facts_of(next, facts)?;
    let through = next.inputs.iter().position(|edge| *edge == output)?;
    let follow = next.instance.follow(&inputs, through)?;
    let operand = follow.operand.map(|i| next.inputs[i]);
    Some((reader, Taken { follow, operand }))
}

fn take_over(draft: &mut Draft, taken: &Taken, next: usize, drafts: &mut [Option<Draft>]) -> bool {
    let Some(kernel) = &mut draft.way else { return false };
    if !kernel.absorb(&taken.follow.post) {
        return false;
    }
    draft.inputs.extend(taken.operand);
    if let Some(next) = drafts[next].take() {
        draft.outputs = next.outputs.into_iter().take(1).collect();
    }
    true
}

/// Who reads each output.
struct Uses {
    n: HashMap<Edge, usize>,
    /// The last draft that reads it, by its number.
    reader: HashMap<Edge, usize>,
    maker: HashMap<Edge, usize>,
}

impl Uses {
    fn new(drafts: &[Draft], results: &[Edge]) -> Self {
        let mut uses = Self { n: HashMap::new(), reader: HashMap::new(), maker: HashMap::new() };
        for (i, draft) in drafts.iter().enumerate() {
            for edge in &draft.inputs {
                *uses.n.entry(*edge).or_default() += 1;
                uses.reader.insert(*edge, i);
            }
            uses.maker.extend(draft.outputs.iter().map(|edge| (*edge, i)));
        }
        results.iter().for_each(|edge| *uses.n.entry(*edge).or_default() += 2);
        uses
    }

    fn n(&self, edge: &Edge) -> usize {
        self.n.get(edge).copied().unwrap_or(0)
    }

    /// Who makes it, when one reads it.
    fn only_maker(&self, edge: &Edge) -> Option<usize> {
        self.maker.get(edge).copied().filter(|_| self.n(edge) == 1)
    }

    fn only_reader(&self, edge: &Edge) -> Option<usize> {
        self.reader.get(edge).copied().filter(|_| self.n(edge) == 1)
    }
}
