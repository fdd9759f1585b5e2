//! Which weights are quantized, and to what.

use tensorferry_tensor::{DType, Tensor};

use crate::{CodeType, Error, Kind, fnmatch};

/// Which weights a quantization applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patterns {
    /// Every weight that no pattern of another type names.
    AllOthers,
    /// Weights whose name matches one of these (see [`fnmatch`]).
    Globs(Vec<String>),
}

/// The choice of weights to quantize, free of conflicts between its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuantizeRules {
    globs: Vec<(CodeType, String)>,
    all_others: Option<CodeType>,
    min_elements: Option<u64>,
}

impl QuantizeRules {
    /// Rules for weights by name. With `min_elements`, tensors with fewer elements and those with
    /// less than two dims (biases, batch norm) stay as they are.
    ///
    /// # Errors
    /// When two types are to take all other weights.
    pub fn new(rules: Vec<(CodeType, Patterns)>, min_elements: Option<u64>) -> Result<Self, Error> {
        let mut out = Self { min_elements, ..Self::default() };
        for (code_type, patterns) in rules {
            match patterns {
                Patterns::Globs(globs) => {
                    out.globs.extend(globs.into_iter().map(|glob| (code_type, glob)));
                }
                Patterns::AllOthers => match out.all_others.replace(code_type) {
                    Some(other) if other != code_type => {
                        let (a, b) = (other.dtype(), code_type.dtype());
                        let what = format!("{a} and {b} are both to take all other weights");
                        return Err(Error::new(Kind::Usage, what)
                            .hint("give patterns to all quantizations but one"));
                    }
                    _ => {}
                },
            }
        }
        Ok(out)
    }

    /// True when no weight is quantized, whatever its name.
    pub fn is_empty(&self) -> bool {
        self.globs.is_empty() && self.all_others.is_none()
    }

    /// The type for the weight of that name, whatever its dtype.
    ///
    /// # Errors
    /// When the patterns of two types match it.
    pub fn choose(&self, name: &str) -> Result<Option<CodeType>, Error> {
        let mut chosen: Option<&(CodeType, String)> = None;
        for rule in self.globs.iter().filter(|(_, glob)| fnmatch(name, glob)) {
            match chosen {
                Some(first) if first.0 != rule.0 => {
                    let what = format!(
                        "two quantizations match: {} by `{}` and {} by `{}`",
                        first.0.dtype(),
                        first.1,
                        rule.0.dtype(),
                        rule.1
                    );
                    return Err(Error::new(Kind::Usage, what).at(name));
                }
                _ => chosen = Some(rule),
            }
        }
        Ok(chosen.map(|rule| rule.0).or(self.all_others))
    }

    /// The type for a weight as it is to be stored: only `float32` with at least one element is
    /// quantized, and only what `min_elements` lets through.
    ///
    /// # Errors
    /// As [`QuantizeRules::choose`].
    pub fn choose_for(&self, name: &str, tensor: &Tensor) -> Result<Option<CodeType>, Error> {
        let chosen = self.choose(name)?;
        let is_large =
            self.min_elements.is_none_or(|min| tensor.len() >= min && tensor.shape().len() >= 2);
        let is_fit = tensor.dtype() == DType::Float32 && !tensor.is_empty() && is_large;
        Ok(chosen.filter(|_| is_fit))
    }

    /// Patterns that match none of the names: most likely a slip of the pen.
    pub fn unmatched<'a>(&'a self, names: &[&str]) -> Vec<&'a str> {
        let globs = self.globs.iter().map(|(_, glob)| glob.as_str());
        globs.filter(|glob| !names.iter().any(|name| fnmatch(name, glob))).collect()
    }
}
