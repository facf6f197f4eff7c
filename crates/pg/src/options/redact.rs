//! Writes connection settings as a URL that may be shown.

use super::{ConnectionOptions, Roots, SslMode};

/// `postgresql://user:***@host:port/database?sslmode=…`
pub(super) fn url(options: &ConnectionOptions) -> String {
    let mut url = "postgresql://".to_owned();
    if let Some(user) = &options.user {
        encode(&mut url, user);
    }
    if options.password.is_some() {
        url.push_str(":***");
    }
    if options.user.is_some() || options.password.is_some() {
        url.push('@');
    }
    for (index, endpoint) in options.endpoints.iter().enumerate() {
        if index > 0 {
            url.push(',');
        }
        if endpoint.host.contains(':') {
            url.push('[');
            url.push_str(&endpoint.host);
            url.push(']');
        } else {
            encode(&mut url, &endpoint.host);
        }
        url.push(':');
        url.push_str(&endpoint.port.to_string());
    }
    if let Some(database) = &options.database {
        url.push('/');
        encode(&mut url, database);
    }
    let mut separator = '?';
    let mut setting = |name: &str, value: &str| {
        url.push(separator);
        separator = '&';
        url.push_str(name);
        url.push('=');
        encode(&mut url, value);
    };
    if options.tls.mode != SslMode::Prefer {
        setting("sslmode", options.tls.mode.as_str());
    }
    if options.tls.roots == Some(Roots::Public) {
        setting("sslrootcert", "system");
    }
    if let Some(options) = &options.options {
        setting("options", options);
    }
    url
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(nibble), 16).expect("four bits");
                out.push(digit.to_ascii_uppercase());
            }
        }
    }
}
