//! Keras models as graphs of ops.
//!
//! A layer's lowering is part of its [`LayerDef`](crate::LayerDef); it makes nodes through a
//! [`Call`], which knows the layer's config, weights and inputs. Here is what all layers share:
//! models and the calls between their layers, masks, dtypes, activations.

pub(crate) mod activations;
mod arguments;
mod builder;
mod call;
pub(crate) mod convolve;
mod model;
mod ops;
mod supported;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json};
use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Model, Shape, Signature, SignatureTensor};
use tensorferry_ops::Fact;
use tensorferry_tensor::{DType, Tensor as Stored};

pub use arguments::{Argument, Arguments};
pub use builder::{Builder, Value};
pub use call::Call;
pub use ops::Size;
pub use supported::is_lowered;

use crate::dialect::Dialect;
use crate::model::LayersModel;
use crate::variables::VarNode;

/// What a lowering gives; the error is a phrase that follows the layer's name.
pub type Lowered<T> = Result<T, String>;

/// How one layer becomes ops.
pub type Lower = fn(&mut Call<'_, '_>) -> Lowered<Vec<Tensor>>;

/// The name of the only signature of a lowered model.
pub const SIGNATURE: &str = "serving_default";

/// Layers that one model may call, over all calls of nested models: nested models that call each
/// other twice ask for any number.
const CALLS_MAX: usize = 200_000;

/// A tensor between layers, with Keras' mask of it.
#[derive(Debug, Clone, Copy)]
pub struct Tensor {
    /// The tensor.
    pub value: Value,
    /// Which of its steps count, when it has a mask.
    pub mask: Option<Value>,
}

impl From<Value> for Tensor {
    fn from(value: Value) -> Self {
        Self { value, mask: None }
    }
}

/// One tensor without a mask of its own: what most layers give.
pub fn one(value: Value) -> Lowered<Vec<Tensor>> {
    Ok(vec![value.into()])
}

/// What becomes of the mask of a layer's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masks {
    /// It is gone.
    Drops,
    /// It is the mask of each output.
    Passes,
    /// The lowering says.
    Own,
}

/// How to lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerOptions {
    /// Loops over at most so many steps become a copy of their body for each step, when their
    /// number is known. 0 keeps all loops.
    pub unroll_max: usize,
}

impl Default for LowerOptions {
    /// Loops stay loops, but where the config says `unroll`.
    fn default() -> Self {
        Self { unroll_max: 0 }
    }
}

/// The graph that computes what a Keras model predicts.
///
/// Its signature `serving_default` has the model's own inputs, named as its input layers, and its
/// outputs, named as the layers that give them. Weights are constants that stay in their file.
///
/// # Errors
/// Every layer that has no lowering, or the first that cannot be lowered as it is configured.
pub fn lower(model: &LayersModel, options: &LowerOptions) -> Result<Model, Problems> {
    let missing = supported::problems(&model.topology);
    if !missing.is_empty() {
        return Err(Problems(missing));
    }
    let tree = model.tree();
    let mut lowering = Lowering::new(model, options);
    let made = lowering.whole(model, &tree);
    let place = lowering.failed_at.take().unwrap_or_default();
    let (inputs, outputs) = made.map_err(|what| Problem::unsupported(what).at(place))?;
    lowering.finish(inputs, outputs).map_err(|what| Problem::unsupported(what).into())
}

/// A model that is being lowered.
pub struct Lowering<'m> {
    /// The graph.
    pub(crate) b: Builder,
    options: LowerOptions,
    dialect: Dialect,
    weights: HashMap<(&'m str, &'m str), &'m Stored>,
    made: HashMap<(String, String), Value>,
    calls_left: usize,
    depth: usize,
    /// Names of the layers around.
    place: Vec<String>,
    failed_at: Option<String>,
    assets: BTreeMap<&'m str, &'m tensorferry_store::SourceRef>,
}

/// What a model takes: a name, and what is known.
struct Input {
    name: String,
    fact: Fact,
}

/// A name and the tensor that it is for.
type Named = (String, Value);

impl<'m> Lowering<'m> {
    fn new(model: &'m LayersModel, options: &LowerOptions) -> Self {
        let weights = model.weights.iter().map(|weight| {
            let leaf = &weight.leaf;
            ((leaf.object_path.as_str(), leaf.variable.as_str()), &weight.stored.tensor)
        });
        Self {
            b: Builder::new(),
            options: *options,
            dialect: model.dialect,
            weights: weights.collect(),
            made: HashMap::new(),
            calls_left: CALLS_MAX,
            depth: 0,
            place: Vec::new(),
            failed_at: None,
            assets: model.assets.iter().map(|(path, source)| (path.as_str(), source)).collect(),
        }
    }

    /// Makes the whole model; its inputs and outputs.
    fn whole(
        &mut self,
        model: &'m LayersModel,
        tree: &'m VarNode,
    ) -> Lowered<(Vec<Named>, Vec<Named>)> {
        let config = model.config();
        let mut inputs = Vec::new();
        let mut tensors = Vec::new();
        for input in self.inputs_of(config)? {
            let value = self.b.placeholder(&input.name, input.fact)?;
            inputs.push((input.name, value));
            tensors.push(Tensor::from(value));
        }
        let outputs = self.model(config, tree, "", tensors)?;
        let names = model::output_names(config, outputs.len());
        Ok((inputs, names.into_iter().zip(outputs.into_iter().map(|t| t.value)).collect()))
    }

    fn finish(mut self, inputs: Vec<Named>, outputs: Vec<Named>) -> Lowered<Model> {
        // An output has a node of its own: it may be an input, or another output.
        let mut ends = Vec::new();
        for (_, value) in &outputs {
            ends.push(self.b.output(*value)?);
        }
        let facts: Vec<Fact> = outputs.iter().map(|(_, v)| self.b.fact(*v).clone()).collect();
        let input_facts: Vec<Fact> = inputs.iter().map(|(_, v)| self.b.fact(*v).clone()).collect();
        let all: Vec<Value> = inputs.iter().map(|(_, v)| *v).chain(ends).collect();
        let n_inputs = inputs.len();
        let finished = self.b.finish(&all)?;
        let tensor = |((name, _), (fact, edge)): ((String, Value), (Fact, _))| SignatureTensor {
            name,
            edge,
            ty: fact.ty,
            shape: fact.shape,
            resource_id: None,
        };
        let (input_edges, output_edges) = finished.edges.split_at(n_inputs);
        let with = |facts: Vec<Fact>, edges: &[tensorferry_ir::Edge]| -> Vec<_> {
            facts.into_iter().zip(edges.to_vec()).collect()
        };
        let signature = Signature {
            inputs: inputs.into_iter().zip(with(input_facts, input_edges)).map(tensor).collect(),
            outputs: outputs.into_iter().zip(with(facts, output_edges)).map(tensor).collect(),
        };
        let mut signature = signature;
        let (handles, makers): (Vec<_>, Vec<_>) = finished.resources.into_iter().unzip();
        signature.inputs.extend(handles);
        Ok(Model {
            graph: finished.graph,
            functions: finished.functions,
            signatures: [(SIGNATURE.to_owned(), signature)].into_iter().collect(),
            initializer: finished.initializer,
            initializer_outputs: makers,
        })
    }
}

/// A layer's compute and variable dtypes, by its `dtype` in any of Keras' notations.
fn dtypes(config: &Map<String, Json>) -> (Option<DType>, Option<DType>) {
    let name = match config.get("dtype") {
        Some(Json::String(name)) => name.as_str(),
        Some(Json::Object(policy)) => {
            let config = policy.get("config");
            let name = config.and_then(|c| c.get("name").or_else(|| c.get("default_policy")));
            let name = name.and_then(|name| name.as_str().or_else(|| name.get("name")?.as_str()));
            name.unwrap_or("float32")
        }
        _ => return (None, None),
    };
    match name.strip_prefix("mixed_") {
        Some(compute) => (DType::from_name(compute), Some(DType::Float32)),
        None => (DType::from_name(name), DType::from_name(name)),
    }
}

/// A shape of a config: `null` is not known.
fn shape_of(dims: &[Option<u64>]) -> Lowered<Shape> {
    let dim = |dim: &Option<u64>| match dim {
        Some(n) => usize::try_from(*n).map(tensorferry_ir::Dim::Known),
        None => Ok(tensorferry_ir::Dim::Unknown),
    };
    let dims: Result<Vec<_>, _> = dims.iter().map(dim).collect();
    Ok(dims.map_err(|e| e.to_string())?.into())
}
