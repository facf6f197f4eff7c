//! `query_tags` of a source: what its keys may say, for documents and for the command that sets them.

use graphloom_vocab::{Error, Json, Result};

use super::Fields;
use crate::types::{QueryTags, QueryTagsFormat, RequestIdTag, Source};

/// Keys of `query_tags`.
const KEYS: &[&str] = &["disabled", "format", "omit_request_id"];

impl Source {
    /// What its `query_tags` say; `None` where they are disabled, and where there are none: then the source is as with
    /// v2's community edition, whose statements carry no comments.
    pub fn query_tags(&self) -> Option<QueryTags> {
        // Decoding has looked at it.
        self.extra
            .get("query_tags")
            .and_then(|json| query_tags(json).ok()?)
    }
}

/// Reads `query_tags`; `None` where they are disabled. Errors are `parse-failed` at the key.
pub fn query_tags(json: &Json) -> Result<Option<QueryTags>> {
    let mut fields = Fields::of(json, "QueryTagsConfig")?;
    if let Some(object) = json.as_object()
        && let Some(unknown) = object.keys().find(|key| !KEYS.contains(&key.as_str()))
    {
        let message = format!(
            "unknown key '{unknown}', expected one of {}",
            KEYS.join(", ")
        );
        return Err(Error::parse_failed(message));
    }
    let disabled: bool = fields.or_default("disabled")?;
    let format = fields.optional_with("format", format)?;
    let omits: Option<bool> = fields.optional("omit_request_id")?;
    let tags = QueryTags {
        format: format.unwrap_or(QueryTagsFormat::Standard),
        request_id: match omits {
            None | Some(true) => RequestIdTag::Omitted,
            Some(false) => RequestIdTag::Written,
        },
    };
    Ok((!disabled).then_some(tags))
}

fn format(json: &Json) -> Result<QueryTagsFormat> {
    match json.as_str() {
        Some("standard") => Ok(QueryTagsFormat::Standard),
        Some("standard_prepended") => Ok(QueryTagsFormat::StandardPrepended),
        Some("sqlcommenter") => Ok(QueryTagsFormat::SqlCommenter),
        _ => Err(Error::parse_failed(format!(
            "invalid SQL comment format for query tags {json}, expected standard, standard_prepended or sqlcommenter"
        ))),
    }
}
