//! Every layer class, by family, named as Keras names its own.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::LayerDef;

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod convolutional;
pub(crate) mod core;
pub(crate) mod locally_connected;
pub(crate) mod merging;
pub(crate) mod normalization;
pub(crate) mod operators;
pub(crate) mod pooling;
pub(crate) mod preprocessing;
pub(crate) mod recurrent;
pub(crate) mod regularization;
pub(crate) mod reshaping;
pub(crate) mod shapes;
pub mod tfjs;
pub(crate) mod weights;
pub(crate) mod wrappers;

/// The families, in the order of Keras' documentation.
static FAMILIES: &[&[LayerDef]] = &[
    core::LAYERS,
    convolutional::LAYERS,
    pooling::LAYERS,
    recurrent::LAYERS,
    preprocessing::LAYERS,
    preprocessing::IMAGE_LAYERS,
    normalization::LAYERS,
    regularization::LAYERS,
    attention::LAYERS,
    reshaping::LAYERS,
    merging::LAYERS,
    activation::LAYERS,
    wrappers::LAYERS,
    locally_connected::LAYERS,
];

/// Every definition.
pub fn all() -> impl Iterator<Item = &'static LayerDef> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The definition of a class, by its name or an older one of it. A registration prefix such as
/// `keras>` or `Custom>` is no part of a built-in class's name: a class that has one is not ours.
pub fn find(class_name: &str) -> Option<&'static LayerDef> {
    static BY_NAME: OnceLock<HashMap<&'static str, &'static LayerDef>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let names = |def: &'static LayerDef| {
            std::iter::once(&def.class_name).chain(def.aliases).map(move |name| (*name, def))
        };
        all().flat_map(names).collect()
    });
    by_name.get(class_name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_class_is_defined_once() {
        let mut seen = HashSet::new();
        for def in all() {
            assert!(!def.class_name.is_empty());
            for name in std::iter::once(&def.class_name).chain(def.aliases) {
                assert!(seen.insert(*name), "`{name}` is defined twice");
                assert!(std::ptr::eq(find(name).unwrap(), def));
            }
        }
        assert!(seen.len() > 150);
    }
}
