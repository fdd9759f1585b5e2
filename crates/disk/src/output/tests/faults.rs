//! Every operation fails in turn, and the machine stops at every operation.

use std::path::{Path, PathBuf};

use super::sim::{Fault, SimFs};
use super::{Files, load, manifest, new_model, shard};
use crate::output::{WriteOptions, write_with};

const TARGET: &str = "/w/out";

/// What is there before.
struct Start {
    name: &'static str,
    fs: SimFs,
    /// The model's tag before, when there is one.
    before: Option<&'static str>,
    /// A killed run may leave nothing at the target, until the next run puts the model back.
    has_window: bool,
}

fn put_model(fs: &SimFs, dir: &str, n_shards: usize) {
    let names: Vec<String> =
        (0..n_shards).map(|i| format!("group1-shard{}of{n_shards}.bin", i + 1)).collect();
    for name in &names {
        fs.put(&format!("{dir}/{name}"), &shard("old"));
    }
    fs.put(&format!("{dir}/model.json"), &manifest("old", &names));
}

fn starts() -> Vec<Start> {
    let start = |name, before, make: &dyn Fn(&mut SimFs)| {
        let mut fs = SimFs::new();
        fs.put("/w/", "");
        make(&mut fs);
        Start { name, has_window: !fs.can_exchange, fs, before }
    };
    let foreign = |fs: &mut SimFs| {
        put_model(fs, TARGET, 1);
        fs.put("/w/out/index.html", "page");
    };
    vec![
        start("none", None, &|_| {}),
        start("missing parents", None, &|fs| *fs = SimFs::new()),
        start("empty folder", None, &|fs| fs.put("/w/out/", "")),
        start("older model", Some("old"), &|fs| put_model(fs, TARGET, 2)),
        start("older model with more shards", Some("old"), &|fs| put_model(fs, TARGET, 4)),
        start("foreign files", Some("old"), &foreign),
        start("foreign files only", None, &|fs| fs.put("/w/out/index.html", "page")),
        start("link to an older model", Some("old"), &|fs| {
            put_model(fs, "/real", 2);
            fs.put(TARGET, "-> /real");
        }),
        start("linked model.json", Some("old"), &|fs| {
            put_model(fs, "/real", 1);
            fs.put("/w/out/model.json", "-> /real/model.json");
            fs.put("/w/out/group1-shard1of1.bin", &shard("old"));
        }),
        start("older model, no exchange", Some("old"), &|fs| {
            put_model(fs, TARGET, 2);
            fs.can_exchange = false;
        }),
        start("foreign files, no exchange", Some("old"), &|fs| {
            foreign(fs);
            fs.can_exchange = false;
        }),
        start("empty folder underfoot", None, &|fs| {
            fs.put("/w/out/", "");
            fs.underfoot = Some(PathBuf::from(TARGET));
        }),
        start("older model in a folder that is not ours", Some("old"), &|fs| {
            put_model(fs, TARGET, 2);
            fs.read_only = Some(PathBuf::from("/w"));
        }),
    ]
}

fn write(fs: &SimFs) -> Result<Vec<String>, String> {
    let check = |store: &dyn tensorferry_store::Store| {
        assert_eq!(store.list().unwrap().len(), 3, "the staged files are read back");
        Ok(())
    };
    let options = WriteOptions { check: Some(&check), ..WriteOptions::default() };
    write_with(fs, &new_model(), Path::new(TARGET), &options)
        .map(|written| written.warnings.iter().map(ToString::to_string).collect())
        .map_err(|problems| problems.to_string())
}

/// The target's files, or those of the link that it is.
fn target(fs: &SimFs) -> Option<Files> {
    let mut files = fs.files(TARGET)?;
    // What `model.json` links to counts as its content.
    for content in files.values_mut() {
        if content.starts_with(b"/real/") {
            let real = fs.files("/real").unwrap();
            let name = String::from_utf8_lossy(content).replace("/real", "");
            *content = real[&name].clone();
        }
    }
    Some(files)
}

/// Asserts that the target holds the old or the new model whole, and says which.
fn assert_whole(fs: &SimFs, start: &Start, context: &str) -> Option<String> {
    let files = target(fs).unwrap_or_default();
    let tag = load(&files).unwrap_or_else(|e| panic!("{context}: {e}: {files:?}"));
    let is_window = start.has_window && fs.files(TARGET).is_none();
    let is_whole = tag.as_deref() == start.before || tag.as_deref() == Some("new") || is_window;
    assert!(is_whole, "{context}: {tag:?} {files:?}");
    let page = target(&start.fs).and_then(|files| files.get("/index.html").cloned());
    assert_eq!(files.get("/index.html"), page.as_ref(), "{context}: foreign files stay");
    tag
}

fn assert_clean(fs: &SimFs, context: &str) {
    let litter: Vec<_> =
        fs.files("/w").unwrap_or_default().into_keys().filter(|n| n.contains("/.")).collect();
    assert!(litter.is_empty(), "{context}: {litter:?}");
}

/// The next run, with nothing in its way, gives the new model and leaves no litter.
fn assert_recovers(fs: &SimFs, start: &Start, context: &str) {
    let result = write(fs);
    assert_eq!(result, Ok(vec![]), "{context}: next run");
    assert_eq!(assert_whole(fs, start, context).as_deref(), Some("new"), "{context}: next run");
    assert_clean(fs, context);
}

#[test]
fn without_faults_the_new_model_is_there_and_nothing_else() {
    for start in starts() {
        let fs = start.fs.copy();
        assert_recovers(&fs, &start, start.name);
        // What is there is durable.
        assert_recovers(&fs.after_power_loss(|| false), &start, start.name);
        let fs = fs.after_power_loss(|| false);
        let names: Vec<_> = target(&fs).unwrap().into_keys().collect();
        let is_plain = !start.name.contains("foreign") && !start.name.contains("linked");
        if is_plain && start.fs.underfoot.is_none() && start.fs.read_only.is_none() {
            let expected = ["/group1-shard1of2.bin", "/group1-shard2of2.bin", "/model.json"];
            assert_eq!(names, expected, "{}", start.name);
        }
    }
}

#[test]
fn any_operation_may_fail() {
    const EINTR: i32 = 4;
    let faults = [28, 5, 122, 13, 24, EINTR] // ENOSPC EIO EDQUOT EACCES EMFILE EINTR
        .map(Fault::Error)
        .into_iter()
        .chain([Fault::ShortWrite]);
    let mut n_runs = 0;
    for fault in faults {
        for start in starts() {
            for at in 1.. {
                let fs = start.fs.with_fault(at, fault);
                let result = write(&fs);
                if fs.n_ops() < at {
                    break;
                }
                n_runs += 1;
                let context = format!("{}: operation {at} fails with {fault:?}", start.name);
                let tag = assert_whole(&fs, &start, &context);
                let must_succeed = fault == Fault::Error(EINTR) || fault == Fault::ShortWrite;
                if must_succeed {
                    assert_eq!(result, Ok(vec![]), "{context}");
                }
                if result.is_ok() {
                    assert_eq!(tag.as_deref(), Some("new"), "{context}");
                    let lost = fs.after_power_loss(|| false);
                    assert_eq!(assert_whole(&lost, &start, &context).as_deref(), Some("new"));
                }
                assert_recovers(&fs.after_death(), &start, &context);
            }
        }
    }
    assert!(n_runs > 3_000, "{n_runs}");
}

#[test]
fn the_machine_may_stop_at_any_operation() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random_bit = || {
        (seed, _) = (seed ^ (seed << 13), ());
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed & 1 == 0
    };
    let mut n_states = 0;
    for start in starts() {
        for at in 1.. {
            let fs = start.fs.with_fault(at, Fault::Death);
            let _ = write(&fs);
            if !fs.is_dead() {
                break;
            }
            for loss in 0..16 {
                let context = format!("{}: stop at operation {at}, loss {loss}", start.name);
                let after = match loss {
                    0 => fs.after_death(),
                    1 => fs.after_power_loss(|| false),
                    2 => fs.after_power_loss(|| true),
                    _ => fs.after_power_loss(&mut random_bit),
                };
                assert_whole(&after, &start, &context);
                assert_recovers(&after, &start, &context);
                n_states += 1;
            }
        }
    }
    assert!(n_states > 4_000, "{n_states}");
}

#[test]
fn too_little_space_is_found_before_writing() {
    let start = &starts()[0];
    let mut fs = start.fs.copy();
    fs.free = Some(10);
    let error = write(&fs).unwrap_err();
    assert!(error.contains("not enough free space"), "{error}");
    assert_eq!(fs.files("/w"), start.fs.files("/w"));
}

#[test]
fn one_file_is_the_old_or_the_new_one_at_every_moment() {
    let package = || tensorferry_store::Package {
        parts: vec![tensorferry_store::Part::file(
            "m.h5",
            std::sync::Arc::new(bytes::Bytes::from_static(b"new")),
        )],
        is_single_file: true,
    };
    let path = Path::new("/w/m.h5");
    let content = |fs: &SimFs| {
        let files = fs.files("/w").unwrap();
        files.get("/m.h5").map(|b| String::from_utf8_lossy(b).into_owned())
    };
    for before in [None, Some("old")] {
        let start = SimFs::new();
        start.put("/w/", "");
        if let Some(text) = before {
            start.put("/w/m.h5", text);
        }
        for fault in [Fault::Error(28), Fault::Error(5), Fault::Death] {
            for at in 1.. {
                let fs = start.with_fault(at, fault);
                let result = write_with(&fs, &package(), path, &WriteOptions::default());
                if fs.n_ops() < at {
                    assert!(at > 10);
                    break;
                }
                for after in [fs.after_death(), fs.after_power_loss(|| false)] {
                    let is_old = content(&after).as_deref() == before && result.is_err();
                    let is_new = content(&after).as_deref() == Some("new");
                    assert!(
                        is_old || is_new,
                        "{before:?} {fault:?} at {at}: {:?}",
                        content(&after)
                    );
                    write_with(&after, &package(), path, &WriteOptions::default()).unwrap();
                    assert_eq!(after.files("/w").unwrap().len(), 1);
                }
            }
        }
    }
}
