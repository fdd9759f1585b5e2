//! Packing an oracle's fixtures into `fixtures/`, the same bytes for the same input.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::run::{Result, command, option, root, run, target};
use crate::sources::{Groups, add_sources};

/// No archive may be larger, so that a clone stays small and a diff can be looked at.
const ARCHIVE_BYTES_MAX: usize = 1_000_000;

/// Goldens of graph models: one for each kind of thing that a re-shard must carry over.
const GRAPH_GOLDENS: &[&str] = &[
    "hub_v2.hub.graph",
    "k2_cnn.h5.graph",
    "k2_cnn.h5.graph.f16",
    "k2_cnn.h5.graph.metadata",
    "k2_cnn.h5.graph.shard500",
    "k2_cnn.h5.graph.u16",
    "k2_cnn.h5.graph.u8",
    "k2_cnn.h5.graph.wild",
    "k2_cnn.sm.graph.structured",
    "k2_lstm.sm.graph.cfv2",
    "k3_cnn.export.graph",
    "k3_cnn.export.graph.u8",
    "tf1_control_flow.pb.graph",
    "tf1_mlp.pb.graph",
    "tf1_table.sm.graph",
    "tf2_cond.sm.graph.cfv2",
    "tf2_scalars_and_empty.sm.graph",
    "tf2_table_int_string.sm.graph",
    "tf2_two_tables.sm.graph",
    "tf2_weight_dtypes.sm.graph",
    "tf2_weight_dtypes.sm.graph.u8",
    "tf2_while_nested.sm.graph.cfv2",
];

/// `pack-fixtures --from DIR`.
pub(crate) fn from_args(args: &[String]) -> Result<()> {
    let from = option(args, "--from").ok_or("`pack-fixtures` needs `--from DIR`")?;
    pack(Path::new(from), &root().join("fixtures"))
}

/// `pack-saved-by-tfjs`: models that TensorFlow.js itself makes and saves.
pub(crate) fn saved_by_tfjs() -> Result<()> {
    let made = target().join("saved-by-tfjs");
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    run(command("node", &["tests-js/make-saved.mjs"]).arg(made.join("tfjs-saved")))?;
    one_archive(&made, &["tfjs-saved"], "tfjs-saved.tar.gz")
}

/// `pack-extra --from DIR`: what `tasks/oracle/make_extra.py` made.
pub(crate) fn extra(args: &[String]) -> Result<()> {
    let from = option(args, "--from").ok_or("`pack-extra` needs `--from DIR`")?;
    one_archive(Path::new(from), &["goldens", "manifest-extra.json", "models"], "extra.tar.gz")
}

/// `pack-layers --from DIR`: what `tasks/oracle/record_layers.py` recorded, for each Keras one archive
/// of convolutions, which are half of the bytes, and one of the rest.
pub(crate) fn layers(args: &[String]) -> Result<()> {
    let from = option(args, "--from").ok_or("`pack-layers` needs `--from DIR`")?;
    for keras in ["keras2", "keras3"] {
        let list = format!("layers-{keras}.json");
        let bytes = fs::read(Path::new(from).join(&list))?;
        let models: Vec<String> = serde_json::from_slice(&bytes)?;
        let (convolutions, rest): (Vec<_>, Vec<_>) =
            models.iter().map(|model| format!("models/{model}")).partition(|m| m.contains("conv"));
        let mut rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        rest.push(&list);
        let convolutions: Vec<&str> = convolutions.iter().map(String::as_str).collect();
        one_archive(Path::new(from), &convolutions, &format!("layers-{keras}-conv.tar.gz"))?;
        one_archive(Path::new(from), &rest, &format!("layers-{keras}.tar.gz"))?;
    }
    Ok(())
}

fn one_archive(from: &Path, names: &[&str], archive_name: &str) -> Result<()> {
    let mut files = BTreeMap::new();
    for name in names {
        add(from, name, &mut files)?;
    }
    let to = root().join("fixtures");
    fs::write(to.join(archive_name), archive(&files)?)?;
    write_sums(&to)
}

fn pack(from: &Path, to: &Path) -> Result<()> {
    let whole: Value = serde_json::from_slice(&fs::read(from.join("manifest.json"))?)?;
    let cases: Vec<Value> = whole["cases"]
        .as_array()
        .ok_or("manifest.json has no `cases`")?
        .iter()
        .filter(|case| is_wanted(case))
        .map(trimmed)
        .collect();
    if cases.is_empty() {
        return Err("manifest.json has no case that we want".into());
    }
    let manifest = json!({ "environments": whole["environments"], "cases": cases });
    let mut groups = Groups::new();
    for case in &cases {
        for (group, path) in files_of(from, case) {
            add(from, &path, groups.entry(group).or_default())?;
        }
    }
    groups
        .entry("manifest".to_owned())
        .or_default()
        .insert("manifest.json".to_owned(), serde_json::to_vec_pretty(&manifest)?);

    groups.insert("graphs".to_owned(), graphs(from, &whole)?);
    add_sources(from, &whole, &mut groups)?;

    fs::create_dir_all(to)?;
    for (group, files) in &groups {
        let name = format!("{group}.tar.gz");
        let archive = archive(files)?;
        if archive.len() > ARCHIVE_BYTES_MAX {
            return Err(format!("{name} has {} bytes: split the group", archive.len()).into());
        }
        println!("{name}: {} files, {} bytes", files.len(), archive.len());
        fs::write(to.join(&name), &archive)?;
    }
    write_sums(to)
}

/// Every graph model of single ops and of TensorFlow's own kinds of graph: they prove the engine, and
/// have a list of their own because no conversion of them is compared.
fn graphs(from: &Path, manifest: &Value) -> Result<BTreeMap<String, Vec<u8>>> {
    let is_graph = |case: &&Value| {
        let id = case["id"].as_str().unwrap_or_default();
        case["output_format"] == "tfjs_graph_model"
            && case["reference"]["status"] == "success"
            && ["op_", "tf1_", "tf2_"].iter().any(|kind| id.starts_with(kind))
    };
    let all = manifest["cases"].as_array().into_iter().flatten();
    let cases: Vec<Value> = all.filter(is_graph).map(trimmed).collect();
    let mut files = BTreeMap::new();
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        add(from, &format!("goldens/{}", text("id")), &mut files)?;
        for name in ["io.npz", "meta.json"] {
            let path = format!("models/{}/{name}", text("model"));
            if from.join(&path).exists() {
                add(from, &path, &mut files)?;
            }
        }
    }
    files.insert("graphs.json".to_owned(), serde_json::to_vec_pretty(&cases)?);
    Ok(files)
}

/// The hash of every archive that is there, also of those that are made apart.
fn write_sums(to: &Path) -> Result<()> {
    let mut lines = BTreeSet::new();
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".tar.gz") {
            lines.insert((name, hex(&Sha256::digest(fs::read(entry.path())?))));
        }
    }
    let text: String = lines.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    fs::write(to.join("SHA256SUMS"), text)?;
    Ok(())
}

/// Keras and layers models in and out, the command line's own cases, and some graph models.
fn is_wanted(case: &Value) -> bool {
    const INPUTS: [&str; 4] = ["keras", "keras_keras", "keras_saved_model", "tfjs_layers_model"];
    const OUTPUTS: [&str; 4] = INPUTS;
    let id = case["id"].as_str().unwrap_or_default();
    let of_kind =
        |key: &str, kinds: &[&str]| case[key].as_str().is_some_and(|f| kinds.contains(&f));
    let layers = of_kind("input_format", &INPUTS)
        && (of_kind("output_format", &OUTPUTS) || case["output_format"].is_null());
    layers || id.starts_with("cli.") || GRAPH_GOLDENS.contains(&id)
}

/// Without the fields that only concern how the reference was run.
pub(crate) fn trimmed(case: &Value) -> Value {
    let mut case = case.clone();
    if let Some(fields) = case.as_object_mut() {
        fields.remove("tf");
        fields.remove("golden_input");
    }
    case
}

/// Group and path (a file or a folder) of everything that a case needs.
fn files_of(from: &Path, case: &Value) -> Vec<(String, String)> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let (id, env) = (text("id"), text("env"));
    let mut found = Vec::new();
    let mut want = |group: String, path: String| {
        if from.join(&path).exists() {
            found.push((group, path));
        }
    };
    let is_graph = GRAPH_GOLDENS.contains(&id);
    let input = text("input");
    if input.starts_with("models/") && !is_graph {
        let kind = match input.rsplit('.').next() {
            Some("h5") => "h5",
            Some("keras") => "keras",
            _ => "saved-model",
        };
        want(format!("{env}-{kind}"), input.to_owned());
    }
    let goldens = if is_graph { "graph-models".to_owned() } else { format!("{env}-goldens") };
    if !text("model").is_empty() {
        for name in ["io.npz", "meta.json"] {
            let group = if is_graph { goldens.clone() } else { format!("{env}-io") };
            want(group, format!("models/{}/{name}", text("model")));
        }
    }
    if input.starts_with("goldens/") {
        want(goldens.clone(), input.to_owned());
    }
    want(goldens.clone(), format!("goldens/{id}"));
    want(goldens, format!("tfjs-outputs/{id}.json"));
    found
}

pub(crate) fn add(from: &Path, path: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let full: PathBuf = from.join(path);
    if full.is_dir() {
        let names: BTreeSet<String> = fs::read_dir(&full)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        return names.iter().try_for_each(|name| add(from, &format!("{path}/{name}"), files));
    }
    files.insert(path.to_owned(), fs::read(full)?);
    Ok(())
}

/// Sorted names, no times, no owners: the archive depends on names and contents alone.
fn archive(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
