//! Differences outside of the layers: who wrote the file, and how the model was trained.

use serde_json::Value;

use super::{Pair, Rule};

pub(super) const CONVERTED_BY: Rule = Rule {
    id: "converted-by",
    title: "`convertedBy` names us",
    reason: "Who reads a bug report should know which program wrote the file.",
    apply: |pair| {
        for model in [&mut pair.ours, &mut pair.theirs] {
            if let Some(fields) = model.json.as_object_mut() {
                fields.shift_remove("convertedBy");
            }
        }
    },
};

pub(super) const GENERATED_BY: Rule = Rule {
    id: "generated-by",
    title: "`generatedBy` and `keras_version` name the Keras that saved the model",
    reason: "For SavedModels and layers models the reference goes through a temporary HDF5 file and \
             names the Keras that wrote that.",
    apply: |pair| {
        let through_h5 = ["keras_saved_model", "tfjs_layers_model"];
        if !through_h5.contains(&pair.case.input_format.as_deref().unwrap_or_default()) {
            return;
        }
        let Pair { ours, theirs, .. } = pair;
        for path in ["/generatedBy", "/modelTopology/keras_version"] {
            let own = ours.json.pointer(path).cloned();
            if let (Some(theirs), Some(own)) = (theirs.json.pointer_mut(path), own) {
                let is_keras = |v: &Value| v.as_str().is_some_and(|v| v.contains("2.15."));
                if is_keras(theirs) && is_keras(&own) {
                    *theirs = own;
                }
            }
        }
    },
};

pub(super) const TRAINING_CONFIG: Rule = Rule {
    id: "training-config",
    title: "the `compile_config` of a `.keras` file becomes `training_config`",
    reason: "It is the same thing under the name that HDF5 files have, and the name that the reference \
             writes for them; inside `model_config` nobody looks for it.",
    apply: |pair| {
        let moved = pair
            .theirs
            .json
            .pointer("/modelTopology/model_config/compile_config")
            .is_some_and(|config| config.as_object().is_some_and(|c| !c.is_empty()));
        let fields = pair.ours.json.pointer_mut("/modelTopology").and_then(Value::as_object_mut);
        if let (true, Some(fields)) = (moved, fields) {
            fields.shift_remove("training_config");
        }
    },
};
