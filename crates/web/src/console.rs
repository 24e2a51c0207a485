//! The console's files, as Vite built them into `ui/dist`.
//!
//! A release binary has them in it. A binary that was built without them says how to build it; the API works all the
//! same. A path without a file is a screen of the console: it gets the one page.

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// The page that every screen is.
const PAGE: &str = "index.html";

/// What a binary without the console shows instead.
const ABSENT: &str = "This binary has no console in it: it was built by `cargo build`.\n\
    `make build` makes one with the console: target/release/gatepost\n\
    The API is at /api/v1, described by /api/openapi.json.\n";

/// The file at a path, or the page.
pub(crate) fn serve(uri: &Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if !path.is_empty()
        && let Some(file) = Files::get(path)
    {
        return answer(path, file.data.into_owned());
    }
    // what looks like a file and is none must not be answered with a page
    if path.starts_with("assets/") {
        return (StatusCode::NOT_FOUND, "There is no such file.\n").into_response();
    }
    match Files::get(PAGE) {
        Some(page) => answer(PAGE, page.data.into_owned()),
        None => (StatusCode::OK, ABSENT).into_response(),
    }
}

fn answer(path: &str, bytes: Vec<u8>) -> Response {
    // names under assets/ carry a hash of their content
    let keep = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}
