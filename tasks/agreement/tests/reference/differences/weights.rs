//! Differences of the weights' names, order, number and codes.

use tensorferry_conformance::layers_model::{Weight, WrittenModel};

use super::{Pair, Rule};

pub(super) const OPTIMIZER_VARIABLES: Rule = Rule {
    id: "optimizer-variables",
    title: "variables of the optimizer and of metrics are not weights of the model",
    reason: "The reference exports everything that it finds in a `.keras` file, which triples the size of \
             a compiled model; TensorFlow.js has no use for it.",
    apply: |pair| {
        if pair.case.input_format.as_deref() != Some("keras_keras") {
            return;
        }
        drop_weights(&mut pair.theirs, |weight| {
            weight.name.starts_with("optimizer/") || weight.name.starts_with("metrics/")
        });
    },
};

pub(super) const KERAS_ZIP_NAMES: Rule = Rule {
    id: "keras-zip-names",
    title: "weights from `.keras` files are named by layer and variable",
    reason: "The reference keeps paths such as `layers/dense/vars/0`, which TensorFlow.js matches with no \
             layer: none of its `.keras` conversions loads.",
    apply: |pair| {
        if pair.case.input_format.as_deref() == Some("keras_keras") {
            rename(pair, |theirs, _| theirs.contains("/vars/"));
        }
    },
};

pub(super) const SHARED_VARIABLES: Rule = Rule {
    id: "shared-variables",
    title: "a variable that a `.keras` file stores under two layers is written once",
    reason: "A wrapper that keeps its layer's variable stores it again; it is one weight.",
    apply: |pair| {
        let named: Vec<Weight> =
            pair.theirs.weights().filter(|w| !w.name.contains("/vars/")).cloned().collect();
        drop_weights(&mut pair.theirs, |weight| {
            let same = |other: &Weight| other.spec == weight.spec && other.bytes == weight.bytes;
            weight.name.contains("/vars/") && named.iter().any(same)
        });
    },
};

pub(super) const KERAS3_H5_NAMES: Rule = Rule {
    id: "keras3-h5-names",
    title: "weights from Keras 3 HDF5 files lose the names of the models around them",
    reason: "Keras 3 puts the model's or the nested model's name first (`sequential/dense/kernel`); \
             TensorFlow.js looks for `dense/kernel`. The weight of a depthwise convolution, which Keras 3 calls \
             `kernel`, is `depthwise_kernel` there.",
    apply: |pair| {
        if pair.case.env == "keras3" && pair.case.input_format.as_deref() == Some("keras") {
            rename(pair, |theirs, ours| {
                let ours = ours.replace("/depthwise_kernel", "/kernel");
                theirs == ours || theirs.ends_with(&format!("/{ours}"))
            });
        }
    },
};

pub(super) const TFJS_NAMES: Rule = Rule {
    id: "tfjs-names",
    title: "weights of inner layers have the names that TensorFlow.js gives them",
    reason: "TensorFlow.js numbers the cells of a stack, names both directions of `Bidirectional` after one \
             layer, and looks a weight up under its layer; what it cannot find, it refuses to load.",
    apply: |pair| rename(pair, |theirs, ours| last(theirs) == last(ours)),
};

pub(super) const ORDER: Rule = Rule {
    id: "weight-order",
    title: "weights from `.keras` files come in the order of their new names",
    reason: "The reference orders them by their paths in the file. TensorFlow.js finds weights by name.",
    apply: |pair| {
        if pair.case.input_format.as_deref() == Some("keras_keras") {
            reorder(pair);
        }
    },
};

pub(super) const NUMPY1_CODES: Rule = Rule {
    id: "float32-codes",
    title: "some quantization codes differ by one",
    reason: "With NumPy 1 the reference computes codes in float32, with NumPy 2 in float64. We compute in \
             float64, which is nearer to the weights; step and zero point are equal.",
    apply: |pair| {
        if pair.case.env != "keras2" || !pair.case.quantized {
            return;
        }
        let Pair { ours, theirs, .. } = pair;
        for (theirs, ours) in each_weight(theirs).zip(ours.weights()) {
            let same_place = theirs.name == ours.name && theirs.spec == ours.spec;
            if same_place && codes_are_near(theirs, ours) {
                theirs.bytes.clone_from(&ours.bytes);
            }
        }
    },
};

fn each_weight(model: &mut WrittenModel) -> impl Iterator<Item = &mut Weight> {
    model.groups.iter_mut().flat_map(|group| group.weights.iter_mut())
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Drops weights from the last shard of their group; those models have one.
fn drop_weights(model: &mut WrittenModel, is_dropped: impl Fn(&Weight) -> bool) {
    for group in &mut model.groups {
        let dropped: Vec<Weight> =
            group.weights.extract_if(.., |weight| is_dropped(weight)).collect();
        let n_bytes: usize = dropped.iter().map(|weight| weight.bytes.len()).sum();
        if let Some((_, len)) = group.shards.last_mut() {
            *len -= n_bytes;
        }
    }
}

/// Gives their weights our names, where the bytes and the rest of the entry are equal and `may`
/// agrees to the pair of names. The first of several equal ones is taken, so that order is kept.
fn rename(pair: &mut Pair<'_>, may: impl Fn(&str, &str) -> bool) {
    let mut free: Vec<&Weight> = pair.ours.weights().collect();
    for weight in each_weight(&mut pair.theirs) {
        free.retain(|own| own.name != weight.name);
        let found = free.iter().position(|own| {
            own.spec == weight.spec && codes_are_near(own, weight) && may(&weight.name, &own.name)
        });
        if let Some(at) = found {
            weight.name.clone_from(&free.remove(at).name);
        }
    }
}

/// Brings their weights into our order, when the names are the same.
fn reorder(pair: &mut Pair<'_>) {
    let place = |weight: &Weight| pair.ours.weights().position(|own| own.name == weight.name);
    let [group] = &mut pair.theirs.groups[..] else { return };
    if group.weights.iter().all(|weight| place(weight).is_some()) {
        group.weights.sort_by_key(place);
    }
}

/// Equal bytes, or affine codes that differ by at most one.
fn codes_are_near(a: &Weight, b: &Weight) -> bool {
    let near = |a: u16, b: u16| a.abs_diff(b) <= 1;
    let pairs = |bytes: &[u8]| -> Vec<u16> {
        bytes.as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two)).collect()
    };
    match a.spec["quantization"]["dtype"].as_str() {
        _ if a.bytes.len() != b.bytes.len() => false,
        Some("uint8") => {
            a.bytes.iter().zip(&b.bytes).all(|(a, b)| near(u16::from(*a), u16::from(*b)))
        }
        Some("uint16") => pairs(&a.bytes).into_iter().zip(pairs(&b.bytes)).all(|(a, b)| near(a, b)),
        _ => a.bytes == b.bytes,
    }
}
