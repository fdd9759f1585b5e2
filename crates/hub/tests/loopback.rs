//! Downloads from a server in this process.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use tensorferry_hub::{Options, Resolved, resolve};

/// An answer: what stands behind `HTTP/1.1`, headers, and the body.
type Answer = (&'static str, Vec<String>, Vec<u8>);

struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers every path with what `answer` says of it; it ends with the process.
    fn new(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                let path = first.split(' ').nth(1).unwrap().to_owned();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                log.lock().unwrap().push(path.clone());
                let (status, headers, body) = answer(&path);
                let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
                let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
                // A client that refuses what it is told hangs up.
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in [("./saved_model.pb", &b"model"[..]), ("variables/variables.index", b"i")]
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn length(body: &[u8]) -> String {
    format!("Content-Length: {}", body.len())
}

fn whole(body: Vec<u8>) -> Answer {
    ("200 OK", vec![length(&body)], body)
}

fn get(handle: &str, server: &Server, cache: &Path) -> Result<Resolved, String> {
    let options = Options { cache: cache.to_owned(), kaggle: format!("{}/kaggle", server.url) };
    resolve(handle, &options, &|_| {}).map_err(|problem| problem.to_string())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_handle_is_downloaded_once_and_lies_where_tensorflow_hub_puts_it() {
    let server = Server::new(|path| match path.split('?').next().unwrap() {
        "/google/model/1" => ("302 Found", vec!["Location: /storage?sig=a%2Fb".into()], Vec::new()),
        _ => whole(archive()),
    });
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("deep/cache");
    let handle = format!("{}/google/model/1", server.url);
    let first = get(&handle, &server, &cache).unwrap();
    let download = first.download.unwrap();
    assert_eq!(download.n_bytes, archive().len() as u64);
    assert_eq!(download.sha256.len(), 64);
    assert_eq!(download.url, format!("{}/storage?sig=a%2Fb", server.url));
    assert_eq!(fs::read(first.folder.join("saved_model.pb")).unwrap(), b"model");
    assert_eq!(fs::read(first.folder.join("variables/variables.index")).unwrap(), b"i");
    let second = get(&handle, &server, &cache).unwrap();
    assert_eq!(second, Resolved { folder: first.folder.clone(), download: None });
    assert_eq!(server.asked(), ["/google/model/1?tf-hub-format=compressed", "/storage?sig=a%2Fb"]);
    let name = first.folder.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let expected =
        [name.clone(), format!("{name}.descriptor.txt"), format!("{name}.tensorferry.lock")];
    assert_eq!(names(&cache), expected);
    let text = fs::read_to_string(cache.join(format!("{name}.descriptor.txt"))).unwrap();
    assert!(text.starts_with(&format!("Module: {handle}\nDownload Time: ")), "{text}");
    // What `tensorflow_hub` would have put there is taken as it is.
    let known = cache.join("5da5d0381ecc983cfd971f4a4240652b872577a0");
    fs::create_dir(&known).unwrap();
    fs::write(known.join("saved_model.pb"), "other").unwrap();
    let found = get(
        "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/classification/4",
        &server,
        &cache,
    );
    // The name is the SHA-1 of the handle, which is asked of no server then.
    assert_eq!(found.map(|found| found.folder), Ok(known));
}

#[test]
fn models_of_kaggle_are_asked_of_its_interface() {
    let server = Server::new(|path| match path {
        "/kaggle/api/v1/models/google/yamnet/tensorFlow2/yamnet/get" => {
            whole(br#"{"id": 1, "versionNumber": 7}"#.to_vec())
        }
        path if path.ends_with("/download") => whole(archive()),
        _ => whole(b"{}".to_vec()),
    });
    let dir = tempfile::tempdir().unwrap();
    let base = format!("{}/kaggle/models/google/yamnet/tensorFlow2/yamnet", server.url);
    get(&format!("{base}/1"), &server, dir.path()).unwrap();
    get(&base, &server, dir.path()).unwrap();
    assert_eq!(
        server.asked(),
        [
            "/kaggle/api/v1/models/google/yamnet/tensorFlow2/yamnet/1/download",
            "/kaggle/api/v1/models/google/yamnet/tensorFlow2/yamnet/get",
            "/kaggle/api/v1/models/google/yamnet/tensorFlow2/yamnet/7/download",
        ]
    );
    let other = base.replace("yamnet", "other");
    let error = get(&other, &server, dir.path()).unwrap_err();
    assert!(error.contains("Kaggle does not say which version"), "{error}");
}

#[test]
fn what_is_broken_is_refused_and_leaves_nothing() {
    let flipped = |at: usize| {
        let mut bytes = archive();
        let at = bytes.len() - at;
        bytes[at] ^= 1;
        bytes
    };
    let server = Server::new(move |path| match path.split('?').next().unwrap() {
        "/missing" => ("404 Not Found", vec!["Content-Length: 0".into()], Vec::new()),
        "/consent" => ("403 Forbidden", vec!["Content-Length: 0".into()], Vec::new()),
        "/page" => ("200 OK", vec!["Content-Type: text/html".into()], b"<html>".to_vec()),
        "/text" => whole(b"not an archive".to_vec()),
        "/empty" => whole(Vec::new()),
        "/short" => ("200 OK", vec!["Content-Length: 100000".into()], archive()),
        "/cut" => whole(archive()[..60].to_vec()),
        "/flipped" => whole(flipped(6)),
        "/huge" => ("200 OK", vec!["Content-Length: 99999999999".into()], Vec::new()),
        "/loop" => ("302 Found", vec!["Location: /loop".into()], Vec::new()),
        "/away" => ("302 Found", vec!["Location: http://192.0.2.1/x".into()], Vec::new()),
        "/file" => ("302 Found", vec!["Location: file:///etc/passwd".into()], Vec::new()),
        "/sum" => {
            let body = archive();
            ("200 OK", vec![length(&body), "x-goog-hash: md5=A, crc32c=AAAAAA==".into()], body)
        }
        _ => panic!("{path}"),
    });
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("/missing", "status 404"),
        ("/consent", "status 403"),
        ("/page", "a page and no archive"),
        ("/text", "no archive of a model"),
        ("/empty", "an empty archive"),
        ("/short", "the download broke off"),
        ("/cut", "no archive of a model"),
        ("/flipped", "no archive of a model"),
        ("/huge", "the download is too large"),
        ("/loop", "redirects more than 5 times"),
        ("/away", "only https addresses are downloaded"),
        ("/file", "only https addresses are downloaded"),
        ("/sum", "another checksum than the server says"),
    ];
    for (path, what) in cases {
        let error = get(&format!("{}{path}", server.url), &server, dir.path()).unwrap_err();
        assert!(error.contains(what), "{path}: {error}");
    }
    let left = names(dir.path());
    assert!(left.iter().all(|name| name.ends_with(".tensorferry.lock")), "{left:?}");
}

#[test]
fn a_checksum_that_is_right_is_right() {
    let server = Server::new(|_| {
        let body = archive();
        let sum = crc32c_base64(&body);
        ("200 OK", vec![length(&body), format!("x-goog-hash: crc32c={sum}")], body)
    });
    let dir = tempfile::tempdir().unwrap();
    get(&format!("{}/m", server.url), &server, dir.path()).unwrap();
}

/// Castagnoli's sum, bit by bit, in base64.
fn crc32c_base64(bytes: &[u8]) -> String {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    let digit = |n: u32| {
        char::from(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[n as usize & 63],
        )
    };
    let crc = !crc;
    let digits = [crc >> 26, crc >> 20, crc >> 14, crc >> 8, crc >> 2, crc << 4];
    digits.map(digit).iter().collect::<String>() + "=="
}

#[test]
fn two_who_want_the_same_download_it_once() {
    let server = Server::new(|_| whole(archive()));
    let dir = tempfile::tempdir().unwrap();
    let handle = format!("{}/m", server.url);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| get(&handle, &server, dir.path()).unwrap());
        }
    });
    assert_eq!(server.asked().len(), 1);
}
