//! Folders of a real disk: links that lead out, files that are none.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::Path;

use tensorferry::ConvertOptions;
use tensorferry_hostile::keras;

/// A folder with a good model, spoiled; the line it is refused with. The folder's own name is
/// taken out of it.
fn said(spoil: impl FnOnce(&Path), open: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = folder.path().join("model");
    std::fs::create_dir(&model).expect("a new folder");
    std::fs::write(folder.path().join("secret.bin"), keras::shard()).expect("a new file");
    let json = keras::model_json(&["w.bin"]).to_string();
    std::fs::write(model.join("model.json"), json).expect("a new file");
    std::fs::write(model.join("w.bin"), keras::shard()).expect("a new file");
    spoil(&model);
    let start = std::time::Instant::now();
    let result = tensorferry_disk::open_input(&model.join(open))
        .map_err(Into::into)
        .and_then(|store| crate::outcome(store.as_ref(), &ConvertOptions::default()));
    assert!(start.elapsed().as_secs() < 5, "a wait of {:?}", start.elapsed());
    let line = match result {
        Ok(_) => return "converted".to_owned(),
        Err(problems) => {
            tensorferry_hostile::convert::check_problems(&problems);
            problems.0[0].to_string()
        }
    };
    line.replace(folder.path().to_str().expect("the folder's name is text"), "")
}

/// What a file is replaced with.
type Spoil = fn(&Path);

fn fifo(path: &Path) {
    std::fs::remove_file(path).expect("it is there");
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

fn link(path: &Path, to: &str) {
    std::fs::remove_file(path).expect("it is there");
    symlink(to, path).expect("a new link");
}

#[test]
fn nothing_but_regular_files_below_the_folder_is_read() {
    let cases: [(&str, &str, Spoil, &str); 11] = [
        ("good", "model.json", |_| (), "converted"),
        (
            "link inside",
            "",
            |m| link(&m.join("w.bin"), "model.json"),
            "w.bin: too many bytes, expected 12 bytes, found 765 bytes",
        ),
        (
            "link out",
            "model.json",
            |m| link(&m.join("w.bin"), "../secret.bin"),
            "w.bin: `w.bin` is not a path inside the model's folder",
        ),
        (
            "link out, absolute",
            "",
            |m| {
                link(
                    &m.join("w.bin"),
                    m.parent().expect("it has one").join("secret.bin").to_str().expect("text"),
                )
            },
            "w.bin: `w.bin` is not a path inside the model's folder",
        ),
        (
            "link to itself",
            "model.json",
            |m| link(&m.join("w.bin"), "w.bin"),
            "w.bin: `w.bin`: Too many levels of symbolic links (os error 40)",
        ),
        (
            "link to a device",
            "model.json",
            |m| link(&m.join("w.bin"), "/dev/zero"),
            "w.bin: `w.bin` is not a path inside the model's folder",
        ),
        (
            "shard is a FIFO",
            "model.json",
            |m| fifo(&m.join("w.bin")),
            "w.bin: `w.bin` is not a regular file",
        ),
        (
            "model.json is a FIFO",
            "model.json",
            |m| fifo(&m.join("model.json")),
            "/model/model.json: is neither a regular file nor a folder",
        ),
        (
            "shard is a folder",
            "model.json",
            |m| {
                std::fs::remove_file(m.join("w.bin")).expect("it is there");
                std::fs::create_dir(m.join("w.bin")).expect("a new folder");
            },
            "w.bin: `w.bin` is not a regular file",
        ),
        (
            "shard is missing",
            "model.json",
            |m| std::fs::remove_file(m.join("w.bin")).expect("it is there"),
            "w.bin: `w.bin` does not exist",
        ),
        ("nothing there", "other.json", |_| (), "/model/other.json: does not exist"),
    ];
    let mut wrong = Vec::new();
    for (name, open, spoil, expected) in cases {
        let line = said(spoil, open);
        if line != expected {
            wrong.push(format!("{name}: said\n      {line}\n    instead of\n      {expected}"));
        }
    }
    assert!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
}
