//! `x-hasura-use-backend-only-permissions`: the boolean a trusted caller may send.
//!
//! Knows only the text; who may use it is `authenticate.rs`'s decision.

use graphloom_vocab::{BackendOnly, Error, ErrorCode, Result};

/// The header's name.
pub(crate) const HEADER: &str = "x-hasura-use-backend-only-permissions";

/// Reads the header's value. Errors are `bad-request`, with the wording clients know.
pub(crate) fn parse(value: &str) -> Result<BackendOnly> {
    match value.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" => Ok(BackendOnly::Allowed),
        "false" | "f" | "no" | "n" => Ok(BackendOnly::Hidden),
        _ => Err(Error::new(
            ErrorCode::BadRequest,
            // The two double spaces are part of the known text.
            format!(
                "{HEADER}:  Not a valid boolean text. True values are [\"true\",\"t\",\"yes\",\"y\"] \
                 and  False values are [\"false\",\"f\",\"no\",\"n\"]. All values are case insensitive"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn accepts_the_eight_words_in_any_case() {
        for word in ["true", "T", "Yes", "y"] {
            assert_eq!(parse(word).unwrap(), BackendOnly::Allowed);
        }
        for word in ["FALSE", "f", "no", "N"] {
            assert_eq!(parse(word).unwrap(), BackendOnly::Hidden);
        }
    }

    #[test]
    fn refuses_the_rest_with_the_known_text() {
        let error = parse("1").unwrap_err();
        assert_eq!(error.code().as_str(), "bad-request");
        assert_eq!(
            error.message(),
            "x-hasura-use-backend-only-permissions:  Not a valid boolean text. True values are \
             [\"true\",\"t\",\"yes\",\"y\"] and  False values are [\"false\",\"f\",\"no\",\"n\"]. \
             All values are case insensitive"
        );
    }
}
