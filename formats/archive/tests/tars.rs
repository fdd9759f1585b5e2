//! TAR archives: what other tools write, and what is broken or hostile.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tensorferry_archive::{Kind, Limits, for_each_tar_file};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header(kind: EntryType, len: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(len);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

type Entry<'a> = (&'a str, EntryType, &'a [u8]);

/// An archive of files, folders and links, by name.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = header(*kind, bytes.len() as u64);
        // The crate itself refuses names that lead out of a folder.
        let field = &mut header.as_old_mut().name;
        match name.len() < field.len() {
            true => {
                field[..name.len()].copy_from_slice(name.as_bytes());
                header.set_cksum();
                builder.append(&header, *bytes).unwrap();
            }
            false => builder.append_data(&mut header, name, *bytes).unwrap(),
        }
    }
    builder.into_inner().unwrap()
}

type Files = Vec<(String, Vec<u8>)>;

fn read(bytes: &[u8]) -> Result<Files, (Kind, String)> {
    let mut files = Files::new();
    for_each_tar_file(bytes, &Limits::default(), &mut |entry, body| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        assert!(bytes.len() as u64 <= entry.byte_len);
        files.push((entry.name.clone(), bytes));
        Ok(())
    })
    .map_err(|error| (error.kind(), error.to_string()))?;
    Ok(files)
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn files_come_with_their_bytes_whatever_wrote_the_archive() {
    let long = format!("variables/{}.index", "long/".repeat(40) + "name");
    let entries: [Entry; 6] = [
        ("./", EntryType::Directory, b""),
        ("./saved_model.pb", FILE, &[7; 1000]),
        ("assets/", EntryType::Directory, b""),
        ("assets/words.txt", FILE, b"a\nb"),
        ("empty", FILE, b""),
        (&long, FILE, &[1; 512]),
    ];
    let plain = archive(&entries);
    let expected: Files = [
        ("saved_model.pb", vec![7; 1000]),
        ("assets/words.txt", b"a\nb".to_vec()),
        ("empty", Vec::new()),
        (&*long, vec![1; 512]),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into();
    assert_eq!(read(&plain).as_ref(), Ok(&expected));
    assert_eq!(read(&gzip(&plain)).as_ref(), Ok(&expected));
    // Two gzip members, as some tools append.
    let (a, b) = plain.split_at(1500);
    assert_eq!(read(&[gzip(a), gzip(b)].concat()).as_ref(), Ok(&expected));
    // Without the empty blocks at the end.
    assert_eq!(read(&plain[..plain.len() - 1024]).as_ref(), Ok(&expected));
}

/// PAX, as Python's `tarfile` writes it, says the name and a size that the header cannot.
#[test]
fn what_pax_says_of_name_and_size_holds() {
    let record = |key: &str, value: &str| {
        let mut len = key.len() + value.len() + 3;
        len += (len + 2).to_string().len();
        format!("{len} {key}={value}\n")
    };
    let name = "d/".repeat(90) + "file";
    let pax = record("mtime", "1.5") + &record("path", &name) + &record("size", "3");
    let plain = archive(&[("pax", EntryType::XHeader, pax.as_bytes()), ("short", FILE, b"abc")]);
    assert_eq!(read(&plain), Ok(vec![(name, b"abc".to_vec())]));
    let sparse = record("GNU.sparse.major", "1");
    let plain = archive(&[("pax", EntryType::XHeader, sparse.as_bytes()), ("s", FILE, b"abc")]);
    assert_eq!(read(&plain).unwrap_err().0, Kind::Unsupported);
    for broken in ["5", "x path=a\n", "99 path=a\n", "3 a", "9 patha\n"] {
        let plain = archive(&[("pax", EntryType::XHeader, broken.as_bytes()), ("s", FILE, b"")]);
        assert_eq!(read(&plain).unwrap_err().0, Kind::Malformed, "{broken}");
    }
}

#[test]
fn what_leads_out_or_is_no_file_is_refused() {
    let cases: [(&[Entry], Kind); 8] = [
        (&[("../x", FILE, b"a")], Kind::Malformed),
        (&[("a/../../x", FILE, b"a")], Kind::Malformed),
        (&[("/etc/passwd", FILE, b"a")], Kind::Malformed),
        (&[("../d/", EntryType::Directory, b"")], Kind::Malformed),
        (&[("a", FILE, b"1"), ("./a", FILE, b"2")], Kind::Malformed),
        (&[("link", EntryType::Symlink, b"")], Kind::Unsupported),
        (&[("link", EntryType::Link, b"")], Kind::Unsupported),
        (&[("device", EntryType::Char, b"")], Kind::Unsupported),
    ];
    for (entries, kind) in cases {
        assert_eq!(read(&archive(entries)).unwrap_err().0, kind, "{entries:?}");
    }
    for page in [&b"<!DOCTYPE html>"[..], &[b'x'; 600], &gzip(b"<html></html>")] {
        assert!(matches!(read(page).unwrap_err().0, Kind::Malformed | Kind::Truncated));
    }
}

#[test]
fn a_bomb_ends_early() {
    let plain = archive(&[("zeros", FILE, &vec![0; 200 << 20])]);
    let bomb = gzip(&plain);
    assert!(bomb.len() * 200 < plain.len());
    let mut n_bytes = 0_u64;
    let error = for_each_tar_file(&bomb[..], &Limits::default(), &mut |_, body| {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match body.read(&mut buffer)? {
                0 => return Ok(()),
                n => n_bytes += n as u64,
            }
        }
    });
    assert_eq!(error.unwrap_err().kind(), Kind::Limit);
    assert!(n_bytes < 190 << 20, "{n_bytes}");
    let names: Vec<String> = (0..10_001).map(|i| i.to_string()).collect();
    let entries: Vec<Entry> = names.iter().map(|name| (name.as_str(), FILE, &b""[..])).collect();
    assert_eq!(read(&archive(&entries)).unwrap_err().0, Kind::Limit);
}

#[test]
fn every_prefix_is_an_error_and_no_byte_panics() {
    let plain = archive(&[("a", FILE, b"abc"), ("b", FILE, &[1; 700])]);
    let packed = gzip(&plain);
    for len in 1..packed.len() {
        assert!(read(&packed[..len]).is_err(), "{len}");
    }
    let mut bytes = plain;
    for at in 0..1024 {
        let before = std::mem::replace(&mut bytes[at], 0xff);
        let _ = read(&bytes);
        bytes[at] = before;
    }
}
