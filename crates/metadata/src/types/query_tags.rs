//! A source's `query_tags`: which comments its statements carry.

/// What the comments of a source's statements look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryTags {
    /// `format`
    pub format: QueryTagsFormat,
    /// `omit_request_id`
    pub request_id: RequestIdTag,
}

/// How tags are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryTagsFormat {
    /// `standard`: `a=b, c=d` behind the statement.
    Standard,
    /// `standard_prepended`: the same before it.
    StandardPrepended,
    /// `sqlcommenter`
    SqlCommenter,
}

/// Whether the request's id is among the tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestIdTag {
    /// It is not, so that a statement can be prepared once for all requests.
    Omitted,
    /// It is, and no statement is like another.
    Written,
}
