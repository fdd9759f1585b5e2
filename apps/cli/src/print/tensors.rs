//! Tensors in a table.

use tensorferry_tensor::DenseTensor;

use super::{Table, number};

/// The range of a tensor's numbers.
pub(crate) struct Range {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Range {
    /// `None` for texts, and when there is no element. NaN is in no range but in the mean.
    pub(crate) fn of(tensor: &DenseTensor) -> Option<Self> {
        let all = tensor.to_f64().filter(|all| !all.is_empty())?;
        let fold = |f: fn(f64, f64) -> f64| all.iter().copied().reduce(f).unwrap_or(f64::NAN);
        Some(Self {
            min: fold(f64::min),
            max: fold(f64::max),
            mean: all.iter().sum::<f64>() / all.len() as f64,
        })
    }
}

/// One line for each: type, shape, range, and the file that it is in.
pub(crate) fn table(
    heading: &'static str,
    tensors: &[(String, DenseTensor)],
    files: &[String],
) -> String {
    let mut table = Table::new(&[heading, "type", "shape", ">min", ">max", ">mean", "file"]);
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        let range = Range::of(tensor);
        let shown = |f: fn(&Range) -> f64| range.as_ref().map(|r| number(f(r))).unwrap_or_default();
        table.row(vec![
            name.clone(),
            tensor.dtype().name().to_owned(),
            format!("{:?}", tensor.shape()),
            shown(|range| range.min),
            shown(|range| range.max),
            shown(|range| range.mean),
            files.get(i).cloned().unwrap_or_default(),
        ]);
    }
    table.render()
}
