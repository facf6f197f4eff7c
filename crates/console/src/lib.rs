//! The console's page and its files, built from `console/` and carried in the binary: what each file
//! is, how long it may be kept, and which request path leads to which.
//!
//! Knows no web framework and does no I/O: the server turns a [`Reply`] into a response. The files
//! come from `npm run build` in `console/`, whose README has the rest; `table.rs` lists them.

mod table;

use std::io::Read as _;

/// What the page may load and talk to, to be sent as `content-security-policy` with every file: its
/// own origin and nothing else. Descriptions in a schema are Markdown, and may name pictures on other
/// servers; those stay unloaded.
///
/// Styles may be inline because the editor, Monaco, writes them; scripts may not.
pub const CONTENT_SECURITY_POLICY: &str =
    include_str!("../../../console/content-security-policy.txt").trim_ascii();

/// How long a client may keep a file without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Ask each time, with `if-none-match`: the name stays when the content changes.
    Revalidate,
    /// Never ask: the name holds a hash of the content.
    Immutable,
}

impl Caching {
    /// The value of the `cache-control` header.
    pub const fn cache_control(self) -> &'static str {
        match self {
            Self::Revalidate => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }
}

/// One file of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// The value of the `content-type` header, with the charset where there is one.
    pub content_type: &'static str,
    /// The content, gzipped: to be sent as it is, with `content-encoding: gzip`.
    pub gzip: &'static [u8],
    pub caching: Caching,
    /// The value of the `etag` header, quotes included. Weak, since it stands for the gzipped and the
    /// plain content alike: compare it with `if-none-match` byte for byte.
    pub etag: &'static str,
}

impl Asset {
    /// The content itself, for a client that does not accept gzip. Costs a decompression (at most
    /// 3 MB) each time: no browser asks for it.
    pub fn identity(&self) -> Vec<u8> {
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(self.gzip)
            .read_to_end(&mut content)
            .expect("a test decompresses every file in the table");
        content
    }
}

/// What a request for something under `/console` gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 200 with this file.
    File(&'static Asset),
    /// A temporary redirect (302). The location is relative, so that it holds under any prefix.
    Redirect(String),
    /// 404.
    NotFound,
}

/// Links of v2's console go this deep at most; a longer path is nobody's bookmark.
const REDIRECT_DEPTH_MAX: usize = 16;

/// Finds the answer to a `GET` or `HEAD` of `/console{rest}`; `rest` is the path alone, as it came.
///
/// The page uses relative URLs, so it must be under `/console/`, with the slash; without it, and for
/// any page of v2's console (`/console/api/api-explorer`), the browser is sent there.
///
/// ```
/// use graphloom_console::{Reply, index, resolve};
///
/// assert_eq!(resolve(""), Reply::Redirect("console/".to_owned()));
/// assert_eq!(resolve("/"), Reply::File(index()));
/// assert_eq!(resolve("/api/api-explorer"), Reply::Redirect("../".to_owned()));
/// assert_eq!(resolve("/assets/none.js"), Reply::NotFound);
/// ```
pub fn resolve(rest: &str) -> Reply {
    let Some(path) = rest.strip_prefix('/') else {
        return if rest.is_empty() {
            Reply::Redirect("console/".to_owned())
        } else {
            Reply::NotFound
        };
    };
    if path.is_empty() {
        return Reply::File(index());
    }
    if let Some(asset) = asset(path) {
        return Reply::File(asset);
    }
    let depth = path.matches('/').count();
    if path.starts_with("assets/") || depth > REDIRECT_DEPTH_MAX {
        return Reply::NotFound;
    }
    Reply::Redirect(if depth == 0 {
        "./".to_owned()
    } else {
        "../".repeat(depth)
    })
}

/// The file at this path below `/console/`, such as `assets/index-D8nHZzf1.js`.
pub fn asset(path: &str) -> Option<&'static Asset> {
    assets().find_map(|(name, asset)| (name == path).then_some(asset))
}

/// The page itself, to be served at `/console/`.
pub fn index() -> &'static Asset {
    asset("index.html").expect("a test finds index.html in the table")
}

/// Every file, by its path below `/console/`.
pub fn assets() -> impl Iterator<Item = (&'static str, &'static Asset)> {
    table::ASSETS.iter().map(|(name, asset)| (*name, asset))
}
