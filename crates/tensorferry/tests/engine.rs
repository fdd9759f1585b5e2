//! The engine behind the façade: names, types, subsets of outputs, errors, two models compared.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tensorferry::engine::{Engine, EngineOptions, Observer, VerifyOptions, verify};
use tensorferry_store::MemoryStore;
use tensorferry_tensor::{DType, DenseTensor};

/// `y = relu(x) * w`, `n` = number of rows as int64, with the weight `w`.
fn model(w: f32) -> MemoryStore {
    let ty = |name: &str| json!({ "type": name });
    let shape = json!({ "shape": { "dim": [{ "size": "-1" }, { "size": "2" }] } });
    let nodes = json!([
        { "name": "x", "op": "Placeholder", "attr": { "dtype": ty("DT_FLOAT"), "shape": shape } },
        { "name": "w", "op": "Const", "attr": { "dtype": ty("DT_FLOAT") } },
        { "name": "act/relu", "op": "Relu", "input": ["x"], "attr": { "T": ty("DT_FLOAT") } },
        { "name": "y", "op": "Mul", "input": ["act/relu", "w"], "attr": { "T": ty("DT_FLOAT") } },
        {
            "name": "n",
            "op": "Size",
            "input": ["x"],
            "attr": { "T": ty("DT_FLOAT"), "out_type": ty("DT_INT64") },
        },
    ]);
    let tensor = |name: &str, ty: &str, shape: &Value| json!({ "name": name, "dtype": ty, "tensorShape": shape["shape"] });
    let scalar = json!({ "shape": {} });
    let json = json!({
        "format": "graph-model",
        "modelTopology": { "node": nodes, "versions": { "producer": 1 } },
        "signature": {
            "inputs": { "features": tensor("x:0", "DT_FLOAT", &shape) },
            "outputs": {
                "score": tensor("y:0", "DT_FLOAT", &shape),
                "count": tensor("n:0", "DT_INT64", &scalar),
            },
        },
        "weightsManifest": [{
            "paths": ["w.bin"],
            "weights": [{ "name": "w", "shape": [], "dtype": "float32" }],
        }],
    });
    MemoryStore::folder("model")
        .with("model.json", serde_json::to_vec(&json).unwrap())
        .with("w.bin", w.to_le_bytes().to_vec())
}

fn engine(w: f32) -> Engine {
    Engine::load(&model(w), &EngineOptions::default()).unwrap()
}

fn named(name: &str, tensor: DenseTensor) -> Vec<(String, DenseTensor)> {
    vec![(name.to_owned(), tensor)]
}

fn rows() -> DenseTensor {
    DenseTensor::new(&[2, 2], vec![1.0_f32, -2.0, 3.0, 4.0])
}

#[test]
fn a_model_says_what_it_takes_and_computes_it() {
    let mut engine = engine(10.0);
    assert_eq!(engine.kind(), "TensorFlow.js graph model");
    let input = &engine.inputs()[0];
    assert_eq!((&input.name[..], input.dtype), ("features", Some(DType::Float32)));
    assert_eq!(input.shape_text(), "[?, 2]");
    assert_eq!(engine.ops(), ["Const", "Mul", "Placeholder", "Relu", "Size"]);
    // By the signature's name, the node's, the tensor's.
    for name in ["features", "x", "x:0"] {
        let outputs = engine.run(&named(name, rows()), &[]).unwrap();
        let (mut outputs, mut names) = (outputs, Vec::new());
        outputs.sort_by(|a, b| a.0.cmp(&b.0));
        outputs.iter().for_each(|(name, _)| names.push(name.as_str()));
        assert_eq!(names, ["count", "score"]);
        assert_eq!(outputs[0].1, DenseTensor::scalar(4_i64));
        let expected = DenseTensor::new(&[2, 2], vec![10.0_f32, 0.0, 30.0, 40.0]);
        assert_eq!(outputs[1].1, expected);
    }
}

#[test]
fn any_node_can_be_asked_for_and_doubles_are_rounded() {
    let mut engine = engine(10.0);
    let doubles = DenseTensor::new(&[1, 2], vec![-1.0_f64, 0.1]);
    let wanted = ["act/relu".to_owned(), "score".to_owned()];
    let outputs = engine.run(&named("features", doubles), &wanted).unwrap();
    assert_eq!(outputs[0], ("act/relu".to_owned(), DenseTensor::new(&[1, 2], vec![0.0_f32, 0.1])));
    assert_eq!(outputs[1].0, "score");
    // A constant needs no input.
    let outputs = engine.run(&[], &["w".to_owned()]).unwrap();
    assert_eq!(outputs[0].1, DenseTensor::scalar(10.0_f32));
}

#[test]
fn everything_that_is_wrong_with_a_call_is_said() {
    let mut engine = engine(1.0);
    let error = |engine: &mut Engine, inputs: &[(String, DenseTensor)], outputs: &[&str]| {
        let outputs: Vec<String> = outputs.iter().map(|name| (*name).to_owned()).collect();
        engine.run(inputs, &outputs).unwrap_err().to_string()
    };
    assert_eq!(error(&mut engine, &[], &[]), "the input `features` is missing");
    assert_eq!(
        error(&mut engine, &named("z", rows()), &[]),
        "the model has no input `z`\nthe input `features` is missing"
    );
    assert_eq!(
        error(&mut engine, &named("features", DenseTensor::vector(vec![1.0_f32])), &[]),
        "input features: the shape does not go with the model, expected float32 [?, 2], \
         found float32 [1]"
    );
    for name in ["z", "y:1", "y:x"] {
        let expected = format!("the model has no output `{name}`");
        assert_eq!(error(&mut engine, &named("features", rows()), &[name]), expected);
    }
}

#[test]
fn what_cannot_run_is_refused_with_the_file() {
    let store = MemoryStore::folder("m")
        .with("model.json", &b"{\"modelTopology\": {\"node\": [{\"name\": \"a\", \"op\": \"Nonsense\"}]}, \"format\": \"graph-model\", \"weightsManifest\": []}"[..]);
    let error = Engine::load(&store, &EngineOptions::default()).err().unwrap().to_string();
    assert!(error.contains("Nonsense") && error.starts_with("m: "), "{error}");
    let options = EngineOptions { signature: Some("f".to_owned()), ..EngineOptions::default() };
    let error = Engine::load(&model(1.0), &options).err().unwrap();
    assert_eq!(error.0[0].what, "the model has no signature `f`");
    let mut engine =
        Engine::load(&model(1.0), &EngineOptions { steps: 1, ..EngineOptions::default() }).unwrap();
    let error = engine.run(&named("features", rows()), &[]).unwrap_err().to_string();
    assert!(error.contains("too many steps"), "{error}");
}

#[test]
fn two_models_are_compared_output_by_output() {
    let options = VerifyOptions::default();
    let same = verify(&mut engine(10.0), &mut engine(10.0), &options).unwrap();
    assert!(same.agrees());
    assert_eq!(same.outputs.len(), 2);
    assert!(same.outputs.iter().all(|output| output.difference.elements > 0));
    let near = verify(&mut engine(10.0), &mut engine(10.1), &options).unwrap();
    assert!(!near.agrees());
    let worst = near.outputs.iter().find(|output| output.name == "score").unwrap();
    assert!((worst.difference.max_rel - 0.1 / 10.1).abs() < 1e-5, "{worst:?}");
    let loose = VerifyOptions { tolerance: 0.2, ..options };
    assert!(verify(&mut engine(10.0), &mut engine(10.1), &loose).unwrap().agrees());
}

#[derive(Debug, Default)]
struct Ops(Vec<&'static str>);

impl Observer for Ops {
    fn begin(&mut self, _name: &str, op: &'static str) {
        self.0.push(op);
    }

    fn end(&mut self) {}
}

#[test]
fn an_observer_sees_what_runs() {
    let mut ops = Ops::default();
    let outputs = ["score".to_owned()];
    engine(1.0).run_observed(&named("x", rows()), &outputs, Some(&mut ops)).unwrap();
    // Ops that follow one another may run as one.
    assert!(!ops.0.is_empty() && ops.0.iter().all(|op| ["Relu", "Mul"].contains(op)), "{ops:?}");
}

/// Two dense layers of Keras 3.15, saved as HDF5: the first after `enable_lora(2)`, both after
/// `quantize("int8")`.
#[test]
fn lora_and_int8_weights_of_keras_3_are_put_together() {
    let run = |name: &str, bytes: &'static [u8]| -> Vec<f32> {
        let store = MemoryStore::file(name, bytes);
        let mut engine = Engine::load(&store, &EngineOptions::default()).unwrap();
        let x: Vec<f32> = (0..8_u8).map(|i| (f32::from(i) - 3.0) / 4.0).collect();
        let input = engine.inputs()[0].name.clone();
        let outputs = engine.run(&named(&input, DenseTensor::new(&[2, 4], x)), &[]).unwrap();
        outputs[0].1.as_slice::<f32>().unwrap().to_vec()
    };
    // What Keras predicted.
    let lora = [-1.689_016_5, -0.455_258_43, -0.687_068_4, 10.322_611, 7.971_513, 7.439_250_5];
    // What follows from the stored codes and scales. Keras rounds the activations to int8 too and
    // is at most 0.004 away from this.
    let int8 = [0.437_817_8, -0.599_794_4, 0.804_826, 0.396_650_4, 0.012_987_567, 0.055_207_48_f32];
    let found = [
        (run("lora.h5", include_bytes!("data/lora.h5")), lora),
        (run("int8.h5", include_bytes!("data/int8.h5")), int8),
    ];
    for (found, expected) in found {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{found:?}, expected {expected:?}");
        }
    }
}
