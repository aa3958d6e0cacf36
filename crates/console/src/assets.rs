//! Style sheet, scripts and icon. Their names contain a hash of their content, so that browsers keep them for a year.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// An asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The style sheet.
    Style,
    /// htmx.
    Htmx,
    /// The extension of htmx for server-sent events.
    HtmxSse,
    /// The extension of htmx for the Content-Security-Policy.
    HtmxCsp,
    /// The script of our own pages.
    Script,
    /// The icon of the site.
    Icon,
}

const ALL: [(Name, &str, &str, &[u8]); 6] = [
    (Name::Style, "console", "css", include_bytes!("../assets/console.css")),
    (Name::Htmx, "htmx", "js", include_bytes!("../assets/vendor/htmx.min.js")),
    (Name::HtmxSse, "hx-sse", "js", include_bytes!("../assets/vendor/hx-sse.min.js")),
    (Name::HtmxCsp, "hx-csp", "js", include_bytes!("../assets/vendor/hx-csp.min.js")),
    (Name::Script, "console", "js", include_bytes!("../assets/console.js")),
    (Name::Icon, "icon", "svg", include_bytes!("../assets/icon.svg")),
];

struct Asset {
    name: Name,
    path: String,
    mime: &'static str,
    plain: Bytes,
    gzip: Bytes,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| ALL.iter().map(Asset::new).collect());

impl Asset {
    fn new((name, stem, ending, bytes): &(Name, &'static str, &'static str, &'static [u8])) -> Self {
        let hash: String = hex(&Sha256::digest(bytes)).chars().take(12).collect();
        let mime = match *ending {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        };
        let path = format!("/assets/{stem}.{hash}.{ending}");
        Self { name: *name, path, mime, plain: Bytes::from_static(bytes), gzip: gzip(bytes) }
    }
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The same compressed; empty if it cannot be compressed.
fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

/// The address of an asset.
pub(crate) fn path(name: Name) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.path)
}

/// Answers with an asset. The name of another version is not found.
pub(crate) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let found = ASSETS.iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&file));
    let asset = found.ok_or_else(|| Failure::not_found("there is no such file; reload the page"))?;
    let accepts = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_compressed = !asset.gzip.is_empty() && accepts.split(',').any(|coding| coding.trim() == "gzip");
    let body = if is_compressed { &asset.gzip } else { &asset.plain };
    let mut response = body.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.mime));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_contain_a_hash_and_browsers_load_at_most_40_kb() {
        for asset in ASSETS.iter() {
            let parts: Vec<&str> = asset.path.split('.').collect();
            assert_eq!((parts.len(), parts[1].len()), (3, 12), "{}", asset.path);
            assert!(asset.gzip.len() < asset.plain.len() + 32, "{}", asset.path);
        }
        let compressed: usize = ASSETS.iter().map(|asset| asset.gzip.len()).sum();
        assert!(compressed < 40_000, "{compressed} bytes");
        assert!(path(Name::Style).starts_with("/assets/console."));
    }

    #[test]
    fn the_style_sheet_and_the_script_are_within_their_budgets() {
        let style = include_str!("../assets/console.css");
        assert!(style.len() <= 31_000, "{} bytes", style.len());
        assert!(style.lines().count() <= 600);
        assert!(include_str!("../assets/console.js").lines().count() <= 200);
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_a_year_and_another_version_is_not_found() {
        let file = path(Name::Htmx).strip_prefix("/assets/").unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
        let response = serve(Path(file.clone()), headers).await.unwrap();
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
        let response = serve(Path(file), HeaderMap::new()).await.unwrap();
        assert!(!response.headers().contains_key(CONTENT_ENCODING));
        assert!(serve(Path("htmx.000000000000.js".into()), HeaderMap::new()).await.is_err());
    }

    #[test]
    fn vendored_files_have_the_hashes_of_their_list() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
        let list: toml::Table =
            std::fs::read_to_string(folder.join("VERSIONS.toml")).unwrap().parse().unwrap();
        let mut listed = vec!["VERSIONS.toml".to_owned()];
        for package in list.values() {
            for (file, wanted) in package["files"].as_table().unwrap() {
                let hash = Sha256::digest(std::fs::read(folder.join(file)).unwrap());
                assert_eq!(wanted["sha256"].as_str(), Some(hex(&hash).as_str()), "{file}");
                listed.push(file.clone());
            }
        }
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed, "every vendored file is listed");
    }
}
