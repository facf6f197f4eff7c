//! Which headers of a client may go along on a call made for it.

/// Headers that do not: they belong to the client's connection with us, to its body, or to its own dealings, and
/// mean nothing, or harm, on another call. Names in lower case.
const KEPT_BACK: &[&str] = &[
    // What v2 keeps back.
    "content-length",
    "content-md5",
    "user-agent",
    "host",
    "origin",
    "referer",
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-datetime",
    "cache-control",
    "connection",
    "dnt",
    "content-type",
    // They would make the call another one than it is.
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "http2-settings",
    "expect",
];

/// Whether a client's header of this name, in lower case, may go along on a call made for it.
///
/// Says nothing about secrets of ours: who calls keeps those back.
pub fn may_go_along(name: &str) -> bool {
    !KEPT_BACK.contains(&name)
}
