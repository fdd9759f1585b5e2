//! Every layer class, by family, named as Keras names its own.

use crate::LayerDef;

pub mod core;
pub mod normalization;
pub mod recurrent;
pub mod wrappers;

/// The families, in the order of Keras' documentation.
const FAMILIES: &[&[LayerDef]] =
    &[core::LAYERS, normalization::LAYERS, recurrent::LAYERS, wrappers::LAYERS];

/// Every definition.
pub fn all() -> impl Iterator<Item = &'static LayerDef> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The definition of a class, by its name or an older one of it. A registration prefix such as
/// `keras>` or `Custom>` is no part of a built-in class's name: a class that has one is not ours.
pub fn find(class_name: &str) -> Option<&'static LayerDef> {
    all().find(|def| def.class_name == class_name || def.aliases.contains(&class_name))
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
            }
        }
        assert!(seen.len() > 4);
    }
}
