//! Whether stored weights have the dims that their layers' configs make.

use tensorferry_diagnostics::{Problem, Problems};

use crate::def::Shape;
use crate::model::LayersModel;

/// Holds the weights against the config, as far as it tells their dims.
///
/// # Errors
/// One problem for each weight that does not fit.
pub fn check_weights(model: &LayersModel) -> Result<(), Problems> {
    let mut problems = Vec::new();
    for weight in model.weights.iter().filter(|weight| !weight.is_guess) {
        let Some(expected) = &weight.leaf.dims else { continue };
        let found = weight.stored.tensor.shape();
        if !fits(expected, found) {
            let place = format!(
                "layer `{}`, weight `{}`",
                weight.leaf.layer_path.join("/"),
                weight.stored.name
            );
            problems.push(
                Problem::input("the weight does not fit its layer's config")
                    .at(place)
                    .expected(text(expected), format!("{found:?}"))
                    .hint("config and weights are of different models: save the model again"),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn fits(expected: &Shape, found: &[u64]) -> bool {
    let is_one = |(wanted, found): (&Option<u64>, &u64)| wanted.is_none_or(|n| n == *found);
    expected.len() == found.len() && expected.iter().zip(found).all(is_one)
}

fn text(shape: &Shape) -> String {
    let dim = |dim: &Option<u64>| dim.map_or_else(|| "?".to_owned(), |n| n.to_string());
    format!("[{}]", shape.iter().map(dim).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dim_that_follows_from_the_input_may_be_any() {
        let kernel = vec![Some(3), Some(3), None, Some(32)];
        assert!(fits(&kernel, &[3, 3, 7, 32]));
        assert!(!fits(&kernel, &[3, 3, 3, 16]));
        assert!(!fits(&kernel, &[3, 3, 32]));
        assert_eq!(text(&kernel), "[3, 3, ?, 32]");
    }
}
