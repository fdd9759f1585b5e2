//! One call of a layer: what its lowering may ask for.

use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value as Json};
use tensorferry_tensor::DType;

use super::{
    Arguments, Builder, LowerOptions, Lowered, Lowering, Tensor, Value, activations, dtypes,
};
use crate::Config;
use crate::dialect::Dialect;
use crate::layers::shapes::is_channels_first;
use crate::layers::wrappers::class_and_config;
use crate::variables::VarNode;

/// A call of a layer that is being lowered. Its nodes are made through the [`Builder`] that it
/// dereferences to.
pub struct Call<'a, 'm> {
    pub(super) lowering: &'a mut Lowering<'m>,
    /// The layer's config.
    pub config: Config<'m>,
    /// The layer's class.
    pub class_name: &'m str,
    /// The tensors of its first argument, with their masks.
    pub inputs: Vec<Tensor>,
    /// All that it is called with.
    pub arguments: Arguments,
    pub(super) node: Option<&'m VarNode>,
    pub(super) path: String,
}

impl Deref for Call<'_, '_> {
    type Target = Builder;

    fn deref(&self) -> &Builder {
        &self.lowering.b
    }
}

impl DerefMut for Call<'_, '_> {
    fn deref_mut(&mut self) -> &mut Builder {
        &mut self.lowering.b
    }
}

impl<'m> Call<'_, 'm> {
    /// The first input.
    ///
    /// # Errors
    /// When there is none.
    pub fn x(&self) -> Lowered<Value> {
        self.input(0)
    }

    /// An input by its place.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn input(&self, i: usize) -> Lowered<Value> {
        let tensor = self.inputs.get(i);
        tensor.map(|tensor| tensor.value).ok_or_else(|| format!("it is called without input {i}"))
    }

    /// The mask of the first input.
    pub fn mask(&self) -> Option<Value> {
        self.inputs.first()?.mask
    }

    /// The config follows Keras 3, where that differs from Keras 2.
    pub fn is_keras3(&self) -> bool {
        self.lowering.dialect == Dialect::Keras3
    }

    /// How the whole model is lowered.
    pub fn options(&self) -> LowerOptions {
        self.lowering.options
    }

    /// The type that the layer computes in, float32 when the config does not say.
    pub fn compute_dtype(&self) -> DType {
        dtypes(self.config.members()).0.filter(|dtype| dtype.is_float()).unwrap_or(DType::Float32)
    }

    /// The type that the config states.
    pub fn declared_dtype(&self) -> Option<DType> {
        dtypes(self.config.members()).0
    }

    /// The layer's place in Keras' tree of objects, such as `layers/dense_1`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// One of the layer's own weights.
    ///
    /// # Errors
    /// When it is missing.
    pub fn weight(&mut self, name: &str) -> Lowered<Value> {
        let path = self.path.clone();
        self.weight_at(&path, name)
    }

    /// A weight of the part of the layer that is called `attribute`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn part_weight(&mut self, attribute: &str, name: &str) -> Lowered<Value> {
        let path = format!("{}/{attribute}", self.path);
        self.weight_at(&path, name)
    }

    fn weight_at(&mut self, path: &str, name: &str) -> Lowered<Value> {
        let value = self.lowering.weight(path, name)?;
        let (is, wanted) = (self.dtype(value)?, self.compute_dtype());
        if is.is_float() && is != wanted { self.cast(value, wanted) } else { Ok(value) }
    }

    /// True when the layer has a weight of that name.
    pub fn has_weight(&self, name: &str) -> bool {
        self.lowering.weights.contains_key(&(self.path.as_str(), name))
    }

    /// The parts that the layer holds.
    pub fn parts(&self) -> &'m [VarNode] {
        self.node.map_or(&[], |node| node.children.as_slice())
    }

    /// Calls the part of the layer that `attribute` names, whose description is `described`.
    ///
    /// # Errors
    /// When it is not described, or what it says.
    pub fn call_part(
        &mut self,
        attribute: &str,
        described: &'m Map<String, Json>,
        arguments: Arguments,
    ) -> Lowered<Vec<Tensor>> {
        let (class_name, config) =
            class_and_config(described).ok_or("its layer is not described")?;
        let node = self.parts().iter().find(|part| part.attribute == attribute);
        let path = format!("{}/{attribute}", self.path);
        self.lowering.layer(class_name, config, node, &path, arguments)
    }

    /// Calls another layer in this one's place, such as an activation that is a layer.
    ///
    /// # Errors
    /// What that layer says.
    pub fn call_other(&mut self, described: &'m Map<String, Json>, x: Value) -> Lowered<Value> {
        let (class_name, config) =
            class_and_config(described).ok_or("its layer is not described")?;
        let path = self.path.clone();
        let outputs =
            self.lowering.layer(class_name, config, None, &path, Arguments::of(vec![x.into()]))?;
        outputs.first().map(|tensor| tensor.value).ok_or_else(|| "it has no output".to_owned())
    }

    /// Does what `f` does as a part of the layer with a config of its own: its cell. Without an
    /// attribute the part is the layer itself.
    ///
    /// # Errors
    /// What `f` says.
    pub fn inside<T>(
        &mut self,
        attribute: &str,
        class_name: &'m str,
        config: &'m Map<String, Json>,
        f: impl FnOnce(&mut Call<'_, 'm>) -> Lowered<T>,
    ) -> Lowered<T> {
        let part = self.parts().iter().find(|part| part.attribute == attribute);
        let (node, path) = match attribute {
            "" => (self.node, self.path.clone()),
            _ => (part, format!("{}/{attribute}", self.path)),
        };
        let mut inner = Call {
            path,
            lowering: &mut *self.lowering,
            config: Config::new(config),
            class_name,
            inputs: Vec::new(),
            arguments: Arguments::default(),
            node,
        };
        f(&mut inner)
    }

    /// Runs `body` `n` times with this call at hand, as a loop of the graph.
    ///
    /// # Errors
    /// What `body` says.
    pub fn repeat_call(
        &mut self,
        n: Value,
        vars: &[Value],
        mut body: impl FnMut(&mut Call<'_, 'm>, Value, &[Value]) -> Lowered<Vec<Value>>,
    ) -> Lowered<Vec<Value>> {
        super::builder::repeat(self, n, vars, &mut body)
    }

    /// The function that the config names under `key`, of `x`.
    ///
    /// # Errors
    /// When it is not known.
    pub fn activation(&mut self, key: &str, x: Value) -> Lowered<Value> {
        activations::apply(self, key, x)
    }

    /// The channels' axis is the second one.
    pub fn is_channels_first(&self) -> bool {
        is_channels_first(&self.config)
    }

    /// A file that belongs to the model, by the end of its path.
    pub fn asset(&self, suffix: &str) -> Option<&'m tensorferry_store::SourceRef> {
        let mut found = self.lowering.assets.iter().filter(|(path, _)| path.ends_with(suffix));
        found.next().map(|(_, source)| *source)
    }

    /// A switch of the config.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.config.flag(key, default)
    }
}

impl<'m> Lowering<'m> {
    /// The constant of a weight, made once.
    fn weight(&mut self, path: &str, name: &str) -> Lowered<Value> {
        let key = (path.to_owned(), name.to_owned());
        if let Some(value) = self.made.get(&key) {
            return Ok(*value);
        }
        let tensor = self.weights.get(&(path, name)).copied();
        let tensor = tensor.ok_or_else(|| format!("its weight `{name}` is missing"))?;
        let scope = self.place.join("/");
        let value = self.b.stored(&format!("{scope}/{name}"), tensor)?;
        self.made.insert(key, value);
        Ok(value)
    }
}
