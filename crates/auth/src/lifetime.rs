//! How long an answer may be used: `Cache-Control` and `Expires`, read as v2 reads them.
//!
//! Pure: the time is passed in. Source: RFC 9111, section 5, and the key rotation page of v2's docs.

use chrono::DateTime;

/// What a `Cache-Control` says about keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheControl {
    /// `max-age` or `s-maxage`, whichever is first, in seconds.
    pub(crate) max_age_s: Option<u64>,
    /// `no-cache` or `no-store`.
    pub(crate) not_at_all: bool,
    /// `must-revalidate`.
    pub(crate) must_revalidate: bool,
}

impl CacheControl {
    /// Reads the header. Directives it does not know are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let mut found = Self {
            max_age_s: None,
            not_at_all: false,
            must_revalidate: false,
        };
        for directive in text.split(',') {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().trim_matches('"'))),
                None => (directive, None),
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" | "s-maxage" if found.max_age_s.is_none() => {
                    found.max_age_s = value.and_then(|value| value.parse().ok());
                }
                "no-cache" | "no-store" => found.not_at_all = true,
                "must-revalidate" => found.must_revalidate = true,
                _ => {}
            }
        }
        found
    }

    /// For how long a key set may be kept, in seconds; `None` where nothing is said.
    pub(crate) fn keep_s(self) -> Option<u64> {
        if self.must_revalidate {
            return Some(self.max_age_s.unwrap_or(0));
        }
        if self.not_at_all {
            return Some(0);
        }
        self.max_age_s
    }
}

/// An HTTP date, such as `Mon, 30 Mar 2020 13:25:18 GMT`, in seconds since 1970.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(date.timestamp())
}

/// The time, in seconds since 1970.
pub(crate) fn now_s() -> i64 {
    chrono::Utc::now().timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_says_how_long_to_keep() {
        for (text, expected) in [
            ("max-age=600", Some(600)),
            ("public, s-maxage=\"7\" , max-age=600", Some(7)),
            ("Max-Age = 5", Some(5)),
            ("no-cache", Some(0)),
            ("no-store, max-age=9", Some(0)),
            ("must-revalidate, max-age=9", Some(9)),
            ("must-revalidate", Some(0)),
            ("public", None),
            ("max-age=soon", None),
            ("max-age=-1", None),
            ("", None),
        ] {
            assert_eq!(CacheControl::parse(text).keep_s(), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_http_dates() {
        let expected = Some(1_585_574_718);
        assert_eq!(parse_date("Mon, 30 Mar 2020 13:25:18 GMT"), expected);
        for bad in ["", "0", "2020-03-30T13:25:18Z", "tomorrow"] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
