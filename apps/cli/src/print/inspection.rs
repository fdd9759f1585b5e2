//! What is inside a model, as tables.

use std::fmt::Write as _;

use serde_json::Value;
use tensorferry::{
    Connection, GraphSummary, Inspection, LayerRow, ModelSummary, Signature, SignatureTensor,
    StoredQuantization, WeightRow,
};
use tensorferry_diagnostics::printable;

use super::{BOLD, DIM, Table, count, keras_shape, number, plural};

/// The whole inspection.
pub(crate) fn human(inspection: &Inspection) -> String {
    // Every field has its place here; a new one must find its own.
    let Inspection {
        kind,
        facts,
        model,
        training_config,
        signatures,
        graph,
        weights,
        assets,
        warnings: _, // on standard error, by the caller
    } = inspection;
    let mut out = format!("{BOLD}{}{BOLD:#}\n", printable(kind));
    let mut table = Table::new(&["", ""]);
    for (name, value) in facts {
        table.row(vec![format!("  {name}"), value.clone()]);
    }
    out.push_str(&table.render());
    if let Some(model) = model {
        out.push_str(&layers(model));
    }
    if let Some(config) = training_config {
        out.push_str(&training(config));
    }
    for signature in signatures {
        out.push_str(&signature_text(signature));
    }
    if let Some(graph) = graph {
        out.push_str(&ops(graph));
    }
    out.push_str(&weight_table(weights));
    if !assets.is_empty() {
        let _ = writeln!(out, "\n{BOLD}Assets{BOLD:#}");
        for asset in assets {
            let _ = writeln!(out, "  {}", printable(asset));
        }
    }
    out
}

/// One line for each setting.
fn training(config: &Value) -> String {
    let mut out = format!("\n{BOLD}Training{BOLD:#}\n");
    let Some(settings) = config.as_object() else {
        return format!("{out}  {}\n", printable(&config.to_string()));
    };
    for (name, value) in settings.iter().filter(|(_, value)| !value.is_null()) {
        let _ = writeln!(out, "  {}: {}", printable(name), printable(&value.to_string()));
    }
    out
}

fn layers(model: &ModelSummary) -> String {
    let mut out = format!(
        "\n{BOLD}Model \"{}\" ({}){BOLD:#}\n",
        printable(&model.name),
        printable(&model.class_name)
    );
    let has_branches = !is_chain(&model.layers);
    let mut table = Table::new(&["Layer (type)", "Output shape", ">Param #", "Connected to"]);
    for layer in &model.layers {
        let shapes: Vec<String> = layer.output_shapes.iter().map(|s| keras_shape(s)).collect();
        let inputs: Vec<String> = layer.connected_to.iter().map(connection).collect();
        table.row(vec![
            format!("{}{} ({})", "  ".repeat(layer.depth.min(16)), layer.name, layer.class_name),
            if shapes.is_empty() { "?".to_owned() } else { shapes.join(", ") },
            count(layer.n_params),
            if has_branches { inputs.join(", ") } else { String::new() },
        ]);
    }
    out.push_str(&table.render());
    let _ = writeln!(
        out,
        "Total params: {}, trainable: {}, non-trainable: {}",
        count(model.n_params),
        count(model.n_trainable),
        count(model.n_non_trainable)
    );
    for layer in &model.layers {
        if let Some(reason) = &layer.unloadable {
            let _ = writeln!(
                out,
                "{} ({}) does not load in TensorFlow.js: {}",
                printable(&layer.name),
                printable(&layer.class_name),
                printable(reason)
            );
        }
    }
    out
}

/// True when every layer takes the output of the one before it and nothing else.
fn is_chain(layers: &[LayerRow]) -> bool {
    let outer: Vec<&LayerRow> = layers.iter().filter(|layer| layer.depth == 0).collect();
    outer.windows(2).all(|pair| match pair[1].connected_to.as_slice() {
        [] => true,
        [only] => only.layer == pair[0].name && only.node == 0 && only.tensor == 0,
        _ => false,
    })
}

fn connection(connection: &Connection) -> String {
    format!("{}[{}][{}]", connection.layer, connection.node, connection.tensor)
}

fn signature_text(signature: &Signature) -> String {
    let name =
        if signature.name.is_empty() { String::new() } else { format!(" {}", signature.name) };
    let mut out = format!("\n{BOLD}Signature{}{BOLD:#}\n", printable(&name));
    let mut table = Table::new(&["", "", "", "", ""]);
    for (word, tensors) in [("input", &signature.inputs), ("output", &signature.outputs)] {
        for SignatureTensor { name, tensor, dtype, shape } in tensors {
            let shape = shape.as_ref().map_or("unknown rank".to_owned(), |s| keras_shape(s));
            table.row(vec![
                format!("  {word}"),
                name.clone(),
                dtype.clone(),
                shape,
                tensor.clone(),
            ]);
        }
    }
    out.push_str(&table.render());
    out
}

fn ops(graph: &GraphSummary) -> String {
    let mut out = format!(
        "\n{BOLD}Graph{BOLD:#} of {}, {}\n",
        plural(graph.n_nodes, "node"),
        plural(graph.n_functions, "function")
    );
    let mut ops: Vec<_> = graph.ops.iter().collect();
    ops.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut table = Table::new(&["", ">"]);
    for (op, n) in ops {
        table.row(vec![format!("  {op}"), count(*n as u64)]);
    }
    out.push_str(&table.render());
    out
}

fn weight_table(weights: &[WeightRow]) -> String {
    if weights.is_empty() {
        return format!("\n{BOLD}No weights{BOLD:#}\n");
    }
    let n_elements: u64 = weights
        .iter()
        .map(|w| w.shape.iter().fold(1_u64, |n, dim| n.saturating_mul(*dim)))
        .fold(0, u64::saturating_add);
    let mut out = format!(
        "\n{BOLD}{}{BOLD:#}, {} elements\n",
        plural(weights.len(), "weight"),
        count(n_elements)
    );
    let headings =
        ["name", "dtype", "shape", "file", ">bytes", "stored as", ">min", ">max", ">mean", "note"];
    let mut table = Table::new(&headings);
    for weight in weights {
        table.row(weight_cells(weight));
    }
    out.push_str(&table.render());
    out
}

fn weight_cells(weight: &WeightRow) -> Vec<String> {
    let WeightRow {
        name,
        dtype,
        shape,
        file,
        byte_range,
        quantization,
        min,
        max,
        mean,
        n_non_finite,
    } = weight;
    let optional = |value: &Option<f64>| value.map(number).unwrap_or_default();
    vec![
        name.clone(),
        dtype.clone(),
        format!("{shape:?}"),
        file.clone().unwrap_or_default(),
        byte_range.map_or(String::new(), |(first, len)| format!("{first}+{len}")),
        quantization.as_ref().map_or(String::new(), stored_as),
        optional(min),
        optional(max),
        optional(mean),
        n_non_finite.map_or(String::new(), |n| format!("{} NaN or infinite", count(n))),
    ]
}

/// `uint8: 0.0078 * code - 1`.
pub(crate) fn stored_as(quantization: &StoredQuantization) -> String {
    let StoredQuantization { dtype, scale, min } = quantization;
    match (scale, min) {
        (Some(scale), Some(min)) => {
            let sign = if *min < 0.0 { '-' } else { '+' };
            format!("{dtype}: {} * code {sign} {}", number(*scale), number(min.abs()))
        }
        _ => dtype.clone(),
    }
}

/// One line on a weight, above its values.
pub(crate) fn weight_line(weight: &WeightRow) -> String {
    let mut out = format!(
        "{BOLD}{}{BOLD:#} {} {:?}",
        printable(&weight.name),
        printable(&weight.dtype),
        weight.shape
    );
    if let Some(quantization) = &weight.quantization {
        let _ = write!(out, ", stored as {}", printable(&stored_as(quantization)));
    }
    if let Some(file) = &weight.file {
        let _ = write!(out, "{DIM} in {}", printable(file));
        if let Some((first, len)) = weight.byte_range {
            let _ = write!(out, " at byte {first}, {len} bytes");
        }
        let _ = write!(out, "{DIM:#}");
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::print::plain;

    fn layer(name: &str, from: &[&str], n_params: u64) -> LayerRow {
        let connection =
            |layer: &&str| Connection { layer: (*layer).to_owned(), node: 0, tensor: 0 };
        LayerRow {
            name: name.into(),
            class_name: "Dense".into(),
            output_shapes: vec![vec![None, Some(4)]],
            n_params,
            connected_to: from.iter().map(connection).collect(),
            depth: 0,
            unloadable: None,
        }
    }

    fn inspection() -> Inspection {
        Inspection {
            kind: "Keras 2.15.0 model (HDF5)".into(),
            facts: BTreeMap::from([("backend".into(), "tensorflow".into())]),
            model: Some(ModelSummary {
                name: "m".into(),
                class_name: "Functional".into(),
                layers: vec![layer("a", &[], 1), layer("b", &["a"], 1200)],
                n_params: 1201,
                n_trainable: 1201,
                n_non_trainable: 0,
            }),
            weights: vec![WeightRow {
                name: "a/kernel".into(),
                dtype: "float32".into(),
                shape: vec![1, 4],
                file: Some("group1-shard1of1.bin".into()),
                byte_range: Some((0, 4)),
                quantization: Some(StoredQuantization {
                    dtype: "uint8".into(),
                    scale: Some(0.5),
                    min: Some(-1.0),
                }),
                min: Some(-1.0),
                max: Some(2.5),
                mean: None,
                n_non_finite: None,
            }],
            ..Inspection::default()
        }
    }

    #[test]
    fn layers_and_weights_are_tables() {
        assert_eq!(
            plain(&human(&inspection())),
            "Keras 2.15.0 model (HDF5)\n  backend  tensorflow\n\n\
             Model \"m\" (Functional)\n\
             Layer (type)  Output shape  Param #\n\
             a (Dense)     (None, 4)           1\n\
             b (Dense)     (None, 4)       1,200\n\
             Total params: 1,201, trainable: 1,201, non-trainable: 0\n\n\
             1 weight, 4 elements\n\
             name      dtype    shape   file                  bytes  stored as              min  max\n\
             a/kernel  float32  [1, 4]  group1-shard1of1.bin    0+4  uint8: 0.5 * code - 1   -1  2.5\n"
        );
    }

    #[test]
    fn branches_are_shown_and_layers_that_do_not_load_named() {
        let mut inspection = inspection();
        let model = inspection.model.as_mut().unwrap();
        model.layers.push(layer("c", &["a", "b"], 0));
        model.layers[2].unloadable = Some("no such class".into());
        let text = plain(&human(&inspection));
        assert!(text.contains("a[0][0], b[0][0]"), "{text}");
        assert!(text.contains("c (Dense) does not load in TensorFlow.js: no such class"), "{text}");
    }
}
