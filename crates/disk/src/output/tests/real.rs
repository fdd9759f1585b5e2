//! The output protocol on the machine's own file system.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_store::{ByteSource, Package, Part};

use super::{Files, load, model, new_model};
use crate::output::{WriteOptions, write_package};

fn files(dir: &Path) -> Files {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = format!("/{}", entry.file_name().to_string_lossy());
            (name, fs::read(entry.path()).unwrap_or_default())
        })
        .collect()
}

fn write(package: &Package, target: &Path) -> Result<Vec<(String, u64)>, String> {
    let options = WriteOptions::default();
    write_package(package, target, &options).map(|w| w.files).map_err(|p| p.to_string())
}

fn names(dir: &Path) -> Vec<String> {
    files(dir).into_keys().collect()
}

#[test]
fn what_is_not_synced_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    write(&model("old", 3), &target).unwrap();
    let options = WriteOptions { is_unsynced: true, ..WriteOptions::default() };
    write_package(&new_model(), &target, &options).unwrap();
    assert_eq!(load(&files(&target)), Ok(Some("new".into())));
    assert_eq!(names(dir.path()), ["/out"], "nothing staged is left");
}

#[test]
fn a_folder_is_made_replaced_or_added_to() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a b/päth/out");
    write(&model("old", 3), &target).unwrap();
    assert_eq!(load(&files(&target)), Ok(Some("old".into())));
    let files_written = write(&new_model(), &target).unwrap();
    assert_eq!(names(&target), ["/group1-shard1of2.bin", "/group1-shard2of2.bin", "/model.json"]);
    assert_eq!(files_written[0], ("group1-shard1of2.bin".to_owned(), 14));
    assert_eq!(names(target.parent().unwrap()), ["/out"], "nothing staged is left");

    fs::write(target.join("index.html"), "page").unwrap();
    for tag in ["third", "fourth"] {
        write(&model(tag, 1), &target).unwrap();
        assert_eq!(load(&files(&target)), Ok(Some(tag.into())));
        assert_eq!(names(&target).len(), 3, "shard, page, model.json: {:?}", names(&target));
    }

    let link = dir.path().join("link");
    symlink(&target, &link).unwrap();
    write(&new_model(), &link).unwrap();
    assert_eq!(load(&files(&target)), Ok(Some("new".into())));
    assert!(link.is_symlink());
}

#[test]
fn modes_are_those_of_ordinary_files_and_folders() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    write(&new_model(), &target).unwrap();
    fs::create_dir(dir.path().join("ordinary")).unwrap();
    fs::write(dir.path().join("ordinary/file"), "").unwrap();
    let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode();
    assert_eq!(mode("out"), mode("ordinary"));
    assert_eq!(mode("out/model.json"), mode("ordinary/file"));
}

#[test]
fn one_file_is_written_as_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("model.h5");
    let package = |text: &'static str| Package {
        parts: vec![Part::file("model.h5", Arc::new(Bytes::from_static(text.as_bytes())))],
        is_single_file: true,
    };
    for text in ["first", "second"] {
        write(&package(text), &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), text);
    }
    symlink("model.h5", dir.path().join("link.h5")).unwrap();
    write(&package("third"), &dir.path().join("link.h5")).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "third");
    assert_eq!(names(dir.path()), ["/link.h5", "/model.h5"]);
}

#[test]
fn a_target_that_cannot_take_it_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), "x").unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/model.json"), "{}").unwrap();
    fs::write(at("full/other"), "x").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let one = || Package {
        parts: vec![Part::file("m.h5", Arc::new(Bytes::from_static(b"x")))],
        is_single_file: true,
    };
    for (package, target, input, what) in [
        (new_model(), "file", "", "already exists as a file"),
        (new_model(), "dangling", "", "is a link that leads nowhere"),
        (new_model(), "file/below", "", "cannot be looked at"),
        (new_model(), "none/../out", "", "goes through a folder that does not exist"),
        (new_model(), "full", "full/model.json", "the output path is the input itself"),
        (new_model(), "full", "full", "the output path is the input itself"),
        (one(), "folder", "", "is a folder, and the output is one file"),
        (one(), "file", "file", "the output path is the input itself"),
    ] {
        let before = names(dir.path());
        let input = at(input);
        let options = WriteOptions { input: Some(&input), ..WriteOptions::default() };
        let error = write_package(&package, &at(target), &options).unwrap_err();
        assert!(error.to_string().contains(what), "{target}: {error}");
        assert_eq!(names(dir.path()), before);
    }
}

#[test]
fn a_folder_that_holds_only_the_input_may_be_replaced_by_the_result() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("m");
    write(&model("old", 1), &target).unwrap();
    let input = target.join("model.json");
    let options = WriteOptions { input: Some(&input), ..WriteOptions::default() };
    write_package(&new_model(), &target, &options).unwrap();
    assert_eq!(load(&files(&target)), Ok(Some("new".into())));
}

/// Content that fails in the middle, as an input does whose last chunk cannot be decoded.
struct Broken;

impl ByteSource for Broken {
    fn byte_len(&self) -> u64 {
        10
    }

    fn for_each_piece(
        &self,
        sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        sink(b"half")?;
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "chunk 3 is torn"))
    }
}

#[test]
fn a_content_that_fails_is_the_inputs_fault_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let package =
        Package { parts: vec![Part::file("model.json", Arc::new(Broken))], is_single_file: false };
    let options = WriteOptions { input: Some(Path::new("m.h5")), ..WriteOptions::default() };
    let error = write_package(&package, &dir.path().join("a/out"), &options).unwrap_err();
    assert_eq!(error.0[0].kind, Kind::Input);
    assert_eq!(error.0[0].file, "m.h5");
    assert_eq!(error.0[0].what, "chunk 3 is torn");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_fails_our_own_check_is_not_put_into_place() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    write(&model("old", 1), &target).unwrap();
    let check = |store: &dyn tensorferry_store::Store| {
        assert!(store.open("model.json").is_ok());
        Err(Problem::input("shard too short").into())
    };
    let options = WriteOptions { check: Some(&check), ..WriteOptions::default() };
    let error = write_package(&new_model(), &target, &options).unwrap_err();
    assert_eq!(error.0[0].kind, Kind::Bug);
    assert_eq!(load(&files(&target)), Ok(Some("old".into())));
    assert_eq!(names(dir.path()), ["/out"]);
}

#[test]
fn what_a_dead_run_staged_is_removed_and_what_a_living_one_staged_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let dead = dir.path().join(".out.tmp-1-dead");
    let living = dir.path().join(".out.tmp-2-living");
    for path in [&dead, &living] {
        fs::create_dir(path).unwrap();
        fs::write(path.join("x"), "").unwrap();
    }
    let lock = fs::File::open(&living).unwrap();
    lock.try_lock().unwrap();
    write(&new_model(), &dir.path().join("out")).unwrap();
    assert_eq!(names(dir.path()), ["/.out.tmp-2-living", "/out"]);
}

#[test]
fn a_model_that_was_moved_out_of_the_way_comes_back_first() {
    let dir = tempfile::tempdir().unwrap();
    write(&model("old", 1), &dir.path().join("out")).unwrap();
    fs::rename(dir.path().join("out"), dir.path().join(".out.old-1")).unwrap();
    // A run that is refused later has repaired the damage all the same.
    let broken =
        Package { parts: vec![Part::file("model.json", Arc::new(Broken))], is_single_file: false };
    write(&broken, &dir.path().join("out")).unwrap_err();
    assert_eq!(load(&files(&dir.path().join("out"))), Ok(Some("old".into())));
}
