//! One download: redirects, limits, checksums.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tensorferry_diagnostics::{Kind, Problem};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::Download;
use crate::address::{absolute, check_redirect};

const REDIRECTS_MAX: usize = 5;
const BYTES_MAX: u64 = 8 << 30;
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Who is given the bytes.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&mut dyn io::BufRead) -> Result<(), Problem>;

fn agent() -> Agent {
    Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .user_agent(concat!("tensorferry/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// The answer of the last server of a chain, and its address.
fn open(url: &str) -> Result<(Response<Body>, String), Problem> {
    let agent = agent();
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        // Compression on the way would change lengths and checksums.
        let answer = agent.get(&url).header("accept-encoding", "identity").call();
        let answer = answer.map_err(|error| no_answer(&url, &error))?;
        let status = answer.status().as_u16();
        let location = header(&answer, "location");
        match (status, location) {
            (301 | 302 | 303 | 307 | 308, Some(location)) => {
                let next = absolute(&url, location);
                check_redirect(&url, &next)?;
                url = next;
            }
            (200, _) => return Ok((answer, url)),
            _ => return Err(refused(status)),
        }
    }
    Err(Problem::unsupported(format!("the server redirects more than {REDIRECTS_MAX} times")))
}

fn no_answer(url: &str, error: &ureq::Error) -> Problem {
    let server = url.split('/').nth(2).unwrap_or_default();
    Problem::new(Kind::Environment, format!("{server} does not answer: {error}"))
        .hint("download the model by other means and give its folder or archive")
}

fn refused(status: u16) -> Problem {
    let problem = Problem::input(format!("the server answers with status {status}"));
    match status {
        401 | 403 => problem.hint(
            "the model wants an account or a consent: download it in a browser, and give the file",
        ),
        404 | 410 => problem.hint("look at the address: publisher, model, variation, version"),
        _ => problem,
    }
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Counts and sums up what is read.
struct Checked<'a, R> {
    inner: R,
    n_bytes: u64,
    sha256: Sha256,
    crc32c: u32,
    progress: &'a dyn Fn(u64),
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        let bytes = &buf[..n];
        self.n_bytes += n as u64;
        if self.n_bytes > BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "more than 8 GiB"));
        }
        self.sha256.update(bytes);
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        (self.progress)(self.n_bytes);
        Ok(n)
    }
}

/// Downloads `url` into `sink`, and checks what came when all has come.
pub(crate) fn stream(
    url: &str,
    progress: &dyn Fn(u64),
    sink: Sink<'_>,
) -> Result<Download, Problem> {
    let (answer, url) = open(url)?;
    let length: Option<u64> = header(&answer, "content-length").and_then(|n| n.parse().ok());
    if length.is_some_and(|length| length > BYTES_MAX) {
        return Err(Problem::new(Kind::Limit, "the download is too large")
            .expected(format!("{BYTES_MAX} bytes at most"), length.unwrap_or_default()));
    }
    let hashes: Vec<String> = answer
        .headers()
        .get_all("x-goog-hash")
        .iter()
        .filter_map(|value| value.to_str().ok().map(str::to_owned))
        .collect();
    let is_page = header(&answer, "content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if is_page {
        return Err(Problem::input("the server sends a page and no archive")
            .hint("give the address of one variation and version of a model"));
    }
    let mut checked = Checked {
        inner: answer.into_body().into_reader(),
        n_bytes: 0,
        sha256: Sha256::new(),
        crc32c: 0,
        progress,
    };
    let failed = Cell::new(None);
    let mut source =
        BufReader::with_capacity(1 << 16, Noting { inner: &mut checked, failed: &failed });
    let unpacked = sink(&mut source);
    drop(source);
    // A connection that broke is the reason of whatever the unpacking says.
    if let Some(error) = failed.take() {
        return Err(Problem::new(Kind::Environment, format!("the download broke off: {error}")));
    }
    unpacked?;
    let rest = io::copy(&mut checked, &mut io::sink());
    rest.map_err(|e| Problem::new(Kind::Environment, format!("the download broke off: {e}")))?;
    check(&checked, length, &hashes)?;
    let sha256 = checked.sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Download { url, n_bytes: checked.n_bytes, sha256 })
}

/// Remembers the error of the network.
struct Noting<'a, R> {
    inner: R,
    failed: &'a Cell<Option<String>>,
}

impl<R: Read> Read for Noting<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).inspect_err(|error| self.failed.set(Some(error.to_string())))
    }
}

fn check<R>(
    checked: &Checked<'_, R>,
    length: Option<u64>,
    hashes: &[String],
) -> Result<(), Problem> {
    if let Some(length) = length.filter(|length| *length != checked.n_bytes) {
        return Err(Problem::input("the download is not whole")
            .expected(format!("{length} bytes"), format!("{} bytes", checked.n_bytes)));
    }
    let stated = hashes.iter().flat_map(|list| list.split(','));
    let stated = stated.filter_map(|hash| hash.trim().strip_prefix("crc32c="));
    for hash in stated {
        let found = base64(&checked.crc32c.to_be_bytes());
        if hash != found {
            return Err(Problem::input("the download has another checksum than the server says")
                .expected(format!("crc32c {hash}"), found));
        }
    }
    Ok(())
}

/// A few bytes in base64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes(group);
        for i in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The newest version of a model of Kaggle.
pub(crate) fn latest_version(url: &str) -> Result<u64, Problem> {
    let (answer, _) = open(url)?;
    let mut text = Vec::new();
    let read = answer.into_body().into_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut text);
    read.map_err(|e| Problem::new(Kind::Environment, format!("the download broke off: {e}")))?;
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    value.get("versionNumber").and_then(serde_json::Value::as_u64).ok_or_else(|| {
        Problem::input("Kaggle does not say which version is the newest")
            .hint("put the version at the end of the address")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
