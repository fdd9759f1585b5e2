//! Nothing that folding may run reaches beyond its inputs.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tensorferry_ir::{FuncRef, Type, parse_attrs, parse_tensors};
use tensorferry_ops::{ALL, Context, EXAMPLES, Effect, Instance, Resources, Result, Value};

/// Ops of TensorFlow that read, write, send, wait, or run what is not in the graph. An engine that
/// has none of them cannot be made to.
const OUTSIDE: [&str; 40] = [
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "Save",
    "SaveV2",
    "SaveSlices",
    "Restore",
    "RestoreV2",
    "RestoreSlice",
    "MergeV2Checkpoints",
    "TextLineReader",
    "TextLineReaderV2",
    "WholeFileReaderV2",
    "TFRecordReaderV2",
    "FixedLengthRecordReaderV2",
    "ReaderReadV2",
    "TextLineDataset",
    "TFRecordDataset",
    "DatasetFromGraph",
    "SaveDatasetV2",
    "LoadDataset",
    "IteratorGetNext",
    "ReduceDataset",
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "NumpyFunc",
    "RemoteCall",
    "RemoteFusedGraphExecute",
    "XlaLaunch",
    "_Send",
    "_Recv",
    "Send",
    "Recv",
    "CreateSummaryFileWriter",
    "WriteSummary",
    "WriteGraphSummary",
    "DebugNumericSummaryV2",
    "DebugIdentityV3",
    "Abort",
];

/// What has an effect inside a run, and so must never be one of those that are folded.
const INSIDE: [&str; 12] = [
    "Assert",
    "Print",
    "PrintV2",
    "AssignVariableOp",
    "AssignAddVariableOp",
    "HashTableV2",
    "InitializeTableFromTextFileV2",
    "LookupTableFindV2",
    "LookupTableInsertV2",
    "RandomUniform",
    "If",
    "While",
];

/// Whoever asks it for anything has an effect.
struct Forbidden(&'static str);

impl Context for Forbidden {
    fn call(&mut self, function: &FuncRef, _: Vec<Value>) -> Result<Vec<Value>> {
        panic!("`{}` is called pure and calls `{}`", self.0, function.name)
    }

    fn resources(&mut self) -> &mut Resources {
        panic!("`{}` is called pure and asks for what a run keeps", self.0)
    }

    fn node_name(&self) -> &str {
        panic!("`{}` is called pure and asks which node it is", self.0)
    }
}

#[test]
fn no_op_reaches_out_of_a_run() {
    for name in OUTSIDE {
        assert!(ALL.find(name).is_none(), "the engine runs `{name}`");
    }
}

#[test]
fn ops_with_effects_are_not_pure() {
    for name in INSIDE {
        let def = ALL.find(name).unwrap_or_else(|| panic!("there is no op `{name}`"));
        assert_ne!(def.spec.effect, Effect::Pure, "{name}");
    }
    // A handle is made, shared or changed by whoever has one among its inputs or outputs.
    let handles = |all: &[&str]| all.iter().any(|text| text.ends_with(": resource"));
    for def in ALL.ops().filter(|def| def.spec.effect == Effect::Pure) {
        let has_handle = handles(def.spec.inputs) || handles(def.spec.outputs);
        assert!(!has_handle, "`{}` has a handle and is called pure", def.spec.name);
    }
}

#[test]
fn pure_ops_ask_for_nothing_but_their_inputs() {
    let mut n = 0;
    for examples in EXAMPLES.iter().copied().flatten() {
        let def = ALL.find(examples.op).unwrap();
        for case in examples.cases {
            let (inputs, attrs) = (parse_tensors(case.inputs), parse_attrs(case.attrs));
            let (inputs, attrs) = (inputs.unwrap(), attrs.unwrap());
            let instance = Instance::new(def, &attrs, inputs.len()).unwrap();
            if !instance.is_pure() {
                continue;
            }
            let inputs: Vec<Value> = inputs.into_iter().map(Value::from).collect();
            let outputs = instance.eval(inputs, &mut Forbidden(examples.op)).unwrap();
            assert!(outputs.iter().all(|output| output.ty() != Type::Resource), "{}", examples.op);
            n += 1;
        }
    }
    assert!(n >= 200, "only {n} examples of pure ops");
}
