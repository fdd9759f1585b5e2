//! From a handle to the address of its archive.

use std::net::{IpAddr, ToSocketAddrs};

use tensorferry_diagnostics::Problem;

use crate::download;

/// What asks TensorFlow Hub for an archive instead of a page.
const COMPRESSED: &str = "tf-hub-format=compressed";

/// True for what is an address and no path.
pub fn is_handle(text: &str) -> bool {
    ["https://", "http://", "gs://"].iter().any(|scheme| starts_with(text, scheme))
}

fn starts_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// A model of Kaggle: `OWNER/MODEL/FRAMEWORK/VARIATION`, and mostly a version.
#[derive(Debug, PartialEq, Eq)]
struct KaggleModel {
    path: String,
    version: Option<u64>,
}

/// The address of the archive of a handle.
pub(crate) fn download_url(handle: &str, kaggle: &str) -> Result<String, Problem> {
    if starts_with(handle, "gs://") {
        return Err(Problem::unsupported("buckets of Google Cloud Storage are not read")
            .hint("give the https address, or download the model and give its folder"));
    }
    check(handle)?;
    if let Some(path) = handle.strip_prefix(kaggle) {
        let model = kaggle_model(path)?;
        let api = format!("{kaggle}/api/v1/models/{}", model.path);
        let version = match model.version {
            Some(version) => version,
            None => download::latest_version(&format!("{api}/get"))?,
        };
        return Ok(format!("{api}/{version}/download"));
    }
    let address = handle.split('#').next().unwrap_or_default();
    let (address, query) = address.split_once('?').unwrap_or((address, ""));
    let own =
        query.split('&').filter(|part| !part.is_empty() && !part.starts_with("tf-hub-format="));
    let query: Vec<&str> = own.chain([COMPRESSED]).collect();
    Ok(format!("{address}?{}", query.join("&")))
}

/// `/models/OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]`, or the older form with the words
/// `frameworks`, `variations` and `versions` between.
fn kaggle_model(path: &str) -> Result<KaggleModel, Problem> {
    let wrong = || {
        Problem::usage("this is no address of a model's files on Kaggle")
            .expected("/models/OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]", path)
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    if parts.next() != Some("models") {
        return Err(wrong());
    }
    let parts: Vec<&str> =
        parts.filter(|part| !matches!(*part, "frameworks" | "variations" | "versions")).collect();
    let is_plain = |part: &&str| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) && *part != ".."
    };
    if !parts.iter().all(is_plain) {
        return Err(wrong());
    }
    let version = match parts[..] {
        [_, _, _, _] => None,
        [_, _, _, _, version] => Some(version.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    Ok(KaggleModel { path: parts[..4].join("/"), version })
}

/// Refuses an address that is not to be asked.
fn check(url: &str) -> Result<(), Problem> {
    if starts_with(url, "https://") || (starts_with(url, "http://") && is_loopback(url)) {
        return Ok(());
    }
    Err(Problem::usage("only https addresses are downloaded")
        .expected("https://…", url.split(':').next().unwrap_or_default()))
}

/// Refuses to go from one address to another: to what is not encrypted, and from the outside to
/// what only this machine or its network can reach.
pub(crate) fn check_redirect(from: &str, to: &str) -> Result<(), Problem> {
    check(to)?;
    if is_private(to) && !is_private(from) {
        return Err(Problem::unsupported("the server sends us to an address of a private network")
            .expected("a public address", host(to)));
    }
    Ok(())
}

/// An address as a server writes it, out of the one that was asked.
pub(crate) fn absolute(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
    let host = rest.split('/').next().unwrap_or_default();
    match location.strip_prefix("//") {
        Some(other) => format!("{scheme}://{other}"),
        None if location.starts_with('/') => format!("{scheme}://{host}{location}"),
        None => {
            let path = rest.split(['?', '#']).next().unwrap_or_default();
            let folder = path.rfind('/').map_or(path, |slash| &path[..slash]);
            format!("{scheme}://{folder}/{location}")
        }
    }
}

/// Name or number of the machine, without user, port and brackets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn addresses(url: &str) -> Vec<IpAddr> {
    let host = host(url);
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    let found = (host, 443).to_socket_addrs();
    found.map(|all| all.map(|address| address.ip()).collect()).unwrap_or_default()
}

fn is_loopback(url: &str) -> bool {
    // By number or by its own name: what a resolver says of others is not to be trusted here.
    let host = host(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_private(url: &str) -> bool {
    addresses(url).iter().any(|address| match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || is_shared
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAGGLE: &str = "https://www.kaggle.com";

    #[test]
    fn handles_lead_to_archives() {
        let cases = [
            (
                "https://tfhub.dev/google/nnlm-en-dim50/2",
                "https://tfhub.dev/google/nnlm-en-dim50/2?tf-hub-format=compressed",
            ),
            (
                "https://tfhub.dev/a/b/1?tf-hub-format=uncompressed&x=1#part",
                "https://tfhub.dev/a/b/1?x=1&tf-hub-format=compressed",
            ),
            (
                "https://www.kaggle.com/models/google/mobilenet-v2/tensorFlow2/100-224-classification/2",
                "https://www.kaggle.com/api/v1/models/google/mobilenet-v2/tensorFlow2/100-224-classification/2/download",
            ),
            (
                "https://www.kaggle.com/models/google/yamnet/frameworks/TensorFlow2/variations/yamnet/versions/1?x",
                "https://www.kaggle.com/api/v1/models/google/yamnet/TensorFlow2/yamnet/1/download",
            ),
            ("http://127.0.0.1:80/m", "http://127.0.0.1:80/m?tf-hub-format=compressed"),
        ];
        for (handle, url) in cases {
            assert!(is_handle(handle));
            assert_eq!(download_url(handle, KAGGLE).unwrap(), url);
        }
        for bad in [
            "gs://bucket/model",
            "http://tfhub.dev/a",
            "http://127.0.0.1.example.org/a",
            "http://localhost@example.org/a",
            "https://www.kaggle.com/datasets/a/b",
            "https://www.kaggle.com/models/a/b",
            "https://www.kaggle.com/models/a/b/c/d/latest",
            "https://www.kaggle.com/models/a/../c/d/1",
        ] {
            assert!(download_url(bad, KAGGLE).is_err(), "{bad}");
        }
        assert!(!is_handle("models/m.h5") && !is_handle("C:\\https"));
    }

    #[test]
    fn redirects_stay_encrypted_and_outside() {
        let from = "https://192.0.2.1/a/b?c";
        for (location, to) in [
            ("https://192.0.2.2/x", "https://192.0.2.2/x"),
            ("//192.0.2.2/x", "https://192.0.2.2/x"),
            ("/x", "https://192.0.2.1/x"),
            ("x", "https://192.0.2.1/a/x"),
        ] {
            assert_eq!(absolute(from, location), to);
            assert!(check_redirect(from, to).is_ok(), "{to}");
        }
        for to in [
            "http://192.0.2.2/x",
            "https://127.0.0.1/x",
            "http://127.0.0.1/x",
            "https://10.0.0.1/x",
            "https://169.254.169.254/latest",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://user@192.168.0.1:443/x",
            "file:///etc/passwd",
        ] {
            assert!(check_redirect(from, to).is_err(), "{to}");
        }
        assert!(check_redirect("http://127.0.0.1:1/a", "http://127.0.0.1:2/b").is_ok());
    }
}
