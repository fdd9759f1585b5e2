//! `.keras` archives that explode, climb, or have two contents.

use tensorferry_hostile::keras::{self, dense_config_v3, keras_members};
use tensorferry_hostile::raw_zip::{RawEntry, archive, deflate};
use tensorferry_store::MemoryStore;

use crate::{Case, Class};

fn keras(id: &'static str, class: Class, bytes: Vec<u8>, says: &'static str) -> Case {
    Case::new(id, class, MemoryStore::file("m.keras", bytes), says)
}

fn members() -> Vec<RawEntry> {
    keras_members(&dense_config_v3(|_| ()))
}

/// The archive with one more entry.
fn with(entry: RawEntry) -> Vec<u8> {
    let mut all = members();
    all.push(entry);
    archive(&all)
}

/// The archive with a member changed.
fn changed(index: usize, change: impl FnOnce(&mut RawEntry)) -> Vec<u8> {
    let mut all = members();
    change(&mut all[index]);
    archive(&all)
}

const CONFIG: usize = 1;
const WEIGHTS: usize = 2;

pub(crate) fn cases() -> Vec<Case> {
    [names(), bombs(), two_contents(), damaged_members(), other_archives()]
        .into_iter()
        .flatten()
        .collect()
}

fn names() -> Vec<Case> {
    use Class::OutputPath;
    let named = |name: &str| with(RawEntry::stored(name, b"evil"));
    let mut link = RawEntry::stored("assets/link", b"/etc/passwd");
    link.attributes = 0o120_777 << 16;
    let mut bytes = RawEntry::stored("assets/x", b"evil");
    bytes.name = b"assets/\xff\xfe".to_vec();
    bytes.local_name.clone_from(&bytes.name);
    vec![
        keras(
            "zip ../",
            OutputPath,
            named("../../evil"),
            "m.keras: `../../evil`: this name leads out of the archive",
        ),
        keras(
            "zip ../ in the middle",
            OutputPath,
            named("assets/../../evil"),
            "m.keras: `assets/../../evil`: this name leads out of the archive",
        ),
        keras(
            "zip absolute",
            OutputPath,
            named("/etc/cron.d/evil"),
            "m.keras: `/etc/cron.d/evil`: this name leads out of the archive",
        ),
        keras(
            "zip backslashes",
            OutputPath,
            named("..\\..\\evil"),
            "m.keras: `..\\..\\evil`: this name leads out of the archive",
        ),
        keras(
            "zip drive",
            OutputPath,
            named("C:\\evil"),
            "m.keras: `C:\\evil`: this name leads out of the archive",
        ),
        keras(
            "zip NUL",
            OutputPath,
            named("assets/a\0.txt"),
            "m.keras: `assets/a\\u{0}.txt`: this name leads out of the archive",
        ),
        keras(
            "zip link",
            OutputPath,
            with(link),
            "m.keras: `assets/link`: a symbolic link is not read",
        ),
        keras(
            "zip name that is no text",
            Class::Name,
            with(bytes),
            "m.keras: the name of an entry is not UTF-8",
        ),
        keras(
            "zip escape codes",
            Class::Name,
            named("\u{1b}[2J"),
            "m.keras: `\\u{1b}[2J`: this name leads out of the archive",
        ),
    ]
}

fn bombs() -> Vec<Case> {
    use Class::Bomb;
    let mut zeros = RawEntry::deflated("assets/zeros", &vec![0; 70 << 20]);
    let bomb = with(zeros.clone());
    zeros.byte_len = 100;
    let mut claims = RawEntry::deflated("config.json", b"{}");
    claims.byte_len = u32::MAX;
    let many: Vec<RawEntry> =
        (0..1001).map(|i| RawEntry::stored(&format!("assets/{i}"), b"")).collect();
    // The second entry's local header is the first one's: both unpack the same bytes.
    let first = RawEntry::deflated("a", &[0; 10_000]);
    let mut second = first.clone();
    second.name = b"b".to_vec();
    second.local_at = Some(0);
    vec![
        keras(
            "zip 70 MiB of zeros",
            Bomb,
            bomb,
            "m.keras: 71558 packed bytes unpack to 73400965, which is more than 200 times as many",
        ),
        keras(
            "zip more than it says",
            Bomb,
            with(zeros),
            "m.keras: assets/zeros: `assets/zeros`: it does not unpack to as many bytes as the directory says (at byte 5172)",
        ),
        keras(
            "zip claims 4 GiB",
            Bomb,
            archive(&[claims]),
            "m.keras: a record of the directory is broken (at byte 45)",
        ),
        keras(
            "zip 1,001 entries",
            Bomb,
            archive(&many),
            "m.keras: 1001 entries, where 1000 are allowed",
        ),
        keras(
            "zip entries that overlap",
            Bomb,
            archive(&[first, second]),
            "m.keras: `b`: its header and the directory differ (at byte 0)",
        ),
    ]
}

fn two_contents() -> Vec<Case> {
    use Class::Ambiguous;
    let twice = with(RawEntry::stored("config.json", b"{}"));
    let other_name = changed(CONFIG, |entry| entry.local_name = b"c0nfig.json".to_vec());
    let front = [b"#!/bin/sh\nid\n".to_vec(), keras::keras()].concat();
    let behind = [keras::keras(), b"more".to_vec()].concat();
    let mut longer = deflate(b"{}");
    longer.extend(b"hidden");
    let hidden = changed(CONFIG, |entry| {
        entry.packed_len = longer.len() as u32;
        entry.data = longer;
    });
    vec![
        keras(
            "zip config twice",
            Ambiguous,
            twice,
            "m.keras: `config.json`: this name is there twice",
        ),
        keras(
            "zip other name inside",
            Ambiguous,
            other_name,
            "m.keras: `config.json`: its header and the directory differ (at byte 107)",
        ),
        keras(
            "zip script before it",
            Ambiguous,
            front,
            "m.keras: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found bytes 23 21 2f 62 69 6e 2f 73",
        ),
        keras(
            "zip bytes behind it",
            Ambiguous,
            behind,
            "m.keras: this is not a complete ZIP archive: its end is missing",
        ),
        keras(
            "zip bytes behind a stream",
            Ambiguous,
            hidden,
            "m.keras: config.json: `config.json`: it does not unpack to as many bytes as the directory says (at byte 148)",
        ),
        keras(
            "zip two archives",
            Ambiguous,
            [keras::keras(), keras::keras()].concat(),
            "m.keras: the directory is not where the end of the archive says (at byte 10638)",
        ),
    ]
}

fn damaged_members() -> Vec<Case> {
    use Class::{Damage, WrongWeights};
    let encrypted = changed(CONFIG, |entry| entry.flags |= 1);
    let bzip2 = changed(CONFIG, |entry| entry.method = 12);
    let crc = changed(WEIGHTS, |entry| entry.crc32 ^= 1);
    let cut = keras::keras();
    let cut = cut[..cut.len() / 2].to_vec();
    vec![
        keras(
            "zip encrypted",
            Damage,
            encrypted,
            "m.keras: `config.json`: an encrypted entry is not read",
        ),
        keras(
            "zip bzip2",
            Damage,
            bzip2,
            "m.keras: `config.json`: compression method 12 is not supported",
        ),
        keras(
            "zip wrong checksum",
            WrongWeights,
            crc,
            "m.keras: model.weights.h5: `model.weights.h5`: its checksum is 7b7c7c07 instead of 7b7c7c06 (at byte 450)",
        ),
        keras(
            "zip cut",
            Damage,
            cut,
            "m.keras: this is not a complete ZIP archive: its end is missing",
        ),
    ]
}

fn other_archives() -> Vec<Case> {
    use Class::{Damage, WrongWeights};
    let pytorch = archive(&[
        RawEntry::stored("archive/data.pkl", b"\x80\x02}q\0."),
        RawEntry::stored("archive/version", b"3"),
    ]);
    let inner = archive(&[RawEntry::stored("m.keras", &keras::keras())]);
    let secret = changed(WEIGHTS, |entry| {
        let config = keras::dense_config(|_| ()).to_string();
        let link = tensorferry_hostile::raw_hdf5::external("kernel:0", "/etc/passwd", "/x");
        *entry = RawEntry::stored("model.weights.h5", &keras::h5_with(&config, |_| link));
    });
    let mut without = members();
    without.remove(WEIGHTS);
    vec![
        keras("zip of PyTorch", Class::Code, pytorch, "m.keras: this is a PyTorch or pickle file"),
        keras(
            "zip archive in an archive",
            Class::Bomb,
            inner,
            "m.keras: this archive is no .keras model, expected config.json in it, found m.keras",
        ),
        keras(
            "zip without weights",
            Damage,
            archive(&without),
            "m.keras: model.weights.h5: `model.weights.h5`: there is no such entry",
        ),
        keras(
            "zip weights of another layout",
            WrongWeights,
            secret,
            "m.keras: model.weights.h5: layers/dense/vars/0: the weight `kernel` of layer `d` is missing",
        ),
        keras(
            "zip empty",
            Damage,
            archive(&[]),
            "m.keras: this is no model that tensorferry knows, expected a Keras file (.h5, .keras), a SavedModel folder or a model.json, found bytes 50 4b 05 06 00 00 00 00",
        ),
        keras(
            "zip config is no JSON",
            Damage,
            changed(CONFIG, |entry| *entry = RawEntry::stored("config.json", b"evil()")),
            "m.keras: config.json: expected a value, found `e` (line 1, column 1)",
        ),
    ]
}
