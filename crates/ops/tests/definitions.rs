//! What holds of every definition: tested once, for all ops.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use tensorferry_ir::{Attrs, Dim, Shape, parse_attrs, parse_tensors, tensor_text};
use tensorferry_kernels::Tools;
use tensorferry_ops::{
    ALL, Args, Case, EXAMPLES, Effect, Fact, Flow, Instance, NoContext, OpDef, Value,
};
use tensorferry_tensor::DenseTensor;

/// Each case of each op, with its op; a failure names both.
fn each_case(
    mut f: impl FnMut(&'static OpDef, &Case, Vec<DenseTensor>, Attrs) -> Result<(), String>,
) {
    let mut failures = Vec::new();
    let mut n = 0;
    for examples in EXAMPLES.iter().copied().flatten() {
        let def = ALL.find(examples.op).expect("every example has its op");
        for (i, case) in examples.cases.iter().enumerate() {
            let (inputs, attrs) = (parse_tensors(case.inputs), parse_attrs(case.attrs));
            let result = match (inputs, attrs) {
                (Ok(inputs), Ok(attrs)) => f(def, case, inputs, attrs),
                (inputs, attrs) => Err(format!("{inputs:?} {attrs:?}")),
            };
            if let Err(what) = result {
                failures.push(format!("{} case {i}: {what}", examples.op));
            }
            n += 1;
        }
    }
    assert!(n > 90, "only {n} cases");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn eval(instance: &Instance, inputs: &[DenseTensor]) -> Result<Vec<DenseTensor>, String> {
    let values: Vec<Value> = inputs.iter().cloned().map(Value::from).collect();
    let outputs = instance.eval(values, &mut NoContext::default()).map_err(|e| e.to_string())?;
    Ok(outputs.iter().map(|value| value.tensor().expect("examples give tensors").clone()).collect())
}

fn differ(def: &OpDef, ours: &[DenseTensor], expected: &[DenseTensor]) -> Result<(), String> {
    let text = |all: &[DenseTensor]| all.iter().map(tensor_text).collect::<Vec<_>>().join(", ");
    let is_same = ours.len() == expected.len()
        && ours.iter().zip(expected).all(|(a, b)| def.spec.tolerance.difference(a, b).is_none());
    if is_same { Ok(()) } else { Err(format!("{} instead of {}", text(ours), text(expected))) }
}

#[test]
fn examples_give_their_outputs() {
    each_case(|def, case, inputs, attrs| {
        let instance = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string())?;
        let expected = parse_tensors(case.outputs).map_err(|e| e.to_string())?;
        differ(def, &eval(&instance, &inputs)?, &expected)
    });
}

#[test]
fn infer_agrees_with_eval() {
    each_case(|def, _, inputs, attrs| {
        let instance = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string())?;
        let outputs = eval(&instance, &inputs)?;
        let known: Vec<Fact> = inputs.iter().map(Fact::of).collect();
        let shapes = known.iter().map(|f| Fact { value: None, ..f.clone() }).collect::<Vec<_>>();
        let ranks = shapes.iter().map(|f| Fact {
            shape: Shape(f.dims().map(|dims| vec![Dim::Unknown; dims.len()])),
            ..f.clone()
        });
        let ranks: Vec<Fact> = ranks.collect();
        let nothing = shapes.iter().map(|f| Fact { shape: Shape::UNKNOWN, ..f.clone() });
        let nothing: Vec<Fact> = nothing.collect();
        for facts in [known, shapes, ranks, nothing] {
            let inferred = instance
                .infer(&facts, &mut NoContext::default())
                .map_err(|e| format!("{e} from {facts:?}"))?;
            for (fact, output) in inferred.iter().zip(&outputs) {
                let found = Shape::of(output.shape());
                if fact.ty != output.dtype().into() || !fact.shape.agrees(&found) {
                    let ty = output.dtype();
                    return Err(format!("{} {} instead of {ty} {found}", fact.ty, fact.shape));
                }
                if fact.value.as_ref().is_some_and(|value| value != output) {
                    return Err(format!("{:?} was said to be {:?}", output, fact.value));
                }
            }
            if inferred.len() != outputs.len() {
                return Err(format!("{} facts of {} outputs", inferred.len(), outputs.len()));
            }
        }
        Ok(())
    });
}

#[test]
fn fast_ways_agree_with_eval() {
    let mut tried = BTreeSet::new();
    each_case(|def, _, inputs, attrs| {
        let instance = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string())?;
        let known: Vec<Fact> = inputs.iter().map(Fact::of).collect();
        let shapes = known.iter().map(|f| Fact { value: None, ..f.clone() }).collect::<Vec<_>>();
        let mut expected = eval(&instance, &inputs)?;
        for facts in [known, shapes] {
            let mut start = 0;
            while let Some((i, name, way)) = instance.prepare(start, &facts) {
                let values = way.inputs.iter().map(|i| inputs[*i].clone().into());
                let mut values = Args::from(values.collect::<Vec<Value>>());
                let found = way.kernel.run(&mut values, &mut Tools::default());
                let found = found.map_err(|e| format!("{name}: {e}"))?;
                let found: Vec<DenseTensor> =
                    found.iter().map(|v| v.tensor().unwrap().clone()).collect();
                expected.truncate(way.n_outputs);
                differ(def, &found, &expected).map_err(|e| format!("{name}: {e}"))?;
                start = i + 1;
                tried.insert(def.spec.name);
            }
        }
        Ok(())
    });
    let all = ALL.ops().filter(|def| def.n_fast > 0).map(|def| def.spec.name);
    let untried: Vec<&str> = all.filter(|name| !tried.contains(name)).collect();
    assert!(untried.is_empty(), "no example tries the fast ways of {untried:?}");
}

#[test]
fn attributes_survive_a_round_trip() {
    each_case(|def, _, inputs, attrs| {
        let first = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string())?;
        let written = first.attrs();
        let again = Instance::new(def, &written, inputs.len()).map_err(|e| e.to_string())?;
        match again.attrs() == written
            && attrs.iter().all(|(name, _)| {
                // Attributes that only bind types are not the struct's.
                written.contains_key(name) || !(def.attrs)().iter().any(|spec| spec.name == name)
            }) {
            true => Ok(()),
            false => Err(format!("{written:?} became {:?}", again.attrs())),
        }
    });
}

#[test]
fn every_op_has_a_name_of_its_own_a_sentence_and_an_example() {
    let mut names = HashSet::new();
    for def in ALL.ops() {
        for name in std::iter::once(&def.spec.name).chain(def.spec.aliases) {
            assert!(names.insert(*name), "two ops are called `{name}`");
        }
        assert!(def.doc.trim().ends_with('.'), "`{}` has no sentence", def.spec.name);
        for attr in (def.attrs)() {
            assert!(!attr.doc.is_empty(), "`{}` of `{}` has no sentence", attr.name, def.spec.name);
        }
        let examples = EXAMPLES.iter().copied().flatten().find(|e| e.op == def.spec.name).unwrap();
        let needs_none = def.spec.effect != Effect::Pure || def.spec.flow != Flow::None;
        assert!(needs_none || !examples.cases.is_empty(), "`{}` has no example", def.spec.name);
    }
}

#[test]
fn hostile_inputs_are_errors_or_values() {
    // Whatever comes in: nothing may panic.
    let pool = [
        "int32[-1, 5]",
        "[]",
        "int32 -2147483648",
        "[[1, 2]]",
        "string[\"a\"]",
        "bool true",
        "int64[9223372036854775807]",
        "<0,3>[]",
        "[[[[1]]]]",
        "complex64[1]",
        "float16[1, 2]",
    ];
    let pool: Vec<DenseTensor> =
        pool.iter().flat_map(|text| parse_tensors(text).unwrap()).collect();
    each_case(|def, _, inputs, attrs| {
        let instance = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string())?;
        for i in 0..inputs.len() {
            for other in &pool {
                let mut inputs = inputs.clone();
                inputs[i] = other.clone();
                let facts: Vec<Fact> = inputs.iter().map(Fact::of).collect();
                drop(instance.infer(&facts, &mut NoContext::default()));
                let run = std::panic::AssertUnwindSafe(|| drop(eval(&instance, &inputs)));
                let ran = std::panic::catch_unwind(run);
                ran.map_err(|_| format!("panics with {inputs:?}"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn families_are_the_files() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names: BTreeSet<String> = fs::read_dir(here.join("ops"))
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".rs").map(str::to_owned)
        })
        .collect();
    let mut text = String::from(
        "//! Which families of ops there are: the files in `ops/`.\n//!\n\
         //! Written by a test; `BLESS=1 cargo test -p tensorferry-ops` rewrites it.\n\n\
         use crate::{Examples, Family};\n\n",
    );
    for name in &names {
        writeln!(text, "#[path = \"ops/{name}.rs\"]\npub(crate) mod {name};").unwrap();
    }
    text.push_str("\n/// Every family.\npub(crate) static FAMILIES: &[Family] = &[\n");
    for name in &names {
        writeln!(text, "    Family {{ name: \"{name}\", ops: {name}::OPS }},").unwrap();
    }
    text.push_str(
        "];\n\n/// The worked examples of every family.\npub static EXAMPLES: &[&[Examples]] = &[\n",
    );
    for name in &names {
        writeln!(text, "    {name}::EXAMPLES,").unwrap();
    }
    text.push_str("];\n");
    let file = here.join("families.rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap();
    assert_eq!(found, text, "families.rs is out of date; run `BLESS=1 cargo test`");
}
