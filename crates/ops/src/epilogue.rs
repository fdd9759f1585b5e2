//! What fused ops do after the product or convolution: the ops by name, one after the other.

use tensorferry_ir::{Attr, Attrs};
use tensorferry_tensor::DenseTensor;

use crate::{Error, Instance, NoContext, Result, Value};

/// Applies `fused_ops` to `y`; those that take an argument take the next of `args`.
pub(crate) fn apply(
    y: DenseTensor,
    fused_ops: &[String],
    args: &[&DenseTensor],
    leakyrelu_alpha: f32,
    data_format: &str,
) -> Result<Vec<Value>> {
    let mut args = args.iter();
    let mut value: Value = y.into();
    for name in fused_ops {
        let mut inputs = vec![value];
        let mut attrs = Attrs::new();
        match name.as_str() {
            "BiasAdd" => {
                attrs.insert("data_format".to_owned(), Attr::text(data_format));
            }
            "LeakyRelu" => {
                attrs.insert("alpha".to_owned(), Attr::Float(leakyrelu_alpha));
            }
            _ => {}
        }
        // The converter makes biases of any summand that it finds, an activation's too.
        let op = if name == "BiasAdd" && args.as_slice().first().is_some_and(|a| a.rank() != 1) {
            "Add"
        } else {
            name
        };
        if matches!(name.as_str(), "BiasAdd" | "Prelu") {
            let arg =
                args.next().ok_or_else(|| Error::invalid(format!("`{name}` has no argument")))?;
            inputs.push((*arg).clone().into());
        }
        let op = if op == "NoOp" { "Identity" } else { op };
        let def = crate::ALL.find(op);
        let def = def
            .ok_or_else(|| Error::unsupported(format!("the fused op `{name}` is not supported")))?;
        if op == "Add" {
            attrs.clear();
        }
        let instance = Instance::new(def, &attrs, inputs.len())?;
        let outputs = instance.eval(inputs, &mut NoContext::default())?;
        let first = outputs.into_iter().next();
        value = first.ok_or_else(|| Error::invalid(format!("`{name}` has no output")))?;
    }
    Ok(vec![value])
}
