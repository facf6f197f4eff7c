//! Statements with the comments that their sources want (`query_tags`).
//!
//! A comment that is the same for every request is a part of the statement, which is then prepared once as any other.
//! One with the request's id is not: such a statement is sent whole each time, and Postgres plans it each time.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use graphloom_bind as bind;
use graphloom_graphql as graphql;
use graphloom_pg::Statement;
use graphloom_schema::{QueryTags, QueryTagsFormat, RequestIdTag};
use graphloom_sql::{Comment, CommentFormat};
use sha2::{Digest as _, Sha256};

/// How much of the hash is written: as many digits as v2 writes.
const HASH_BYTES: usize = 20;

/// A statement, with its comment.
#[derive(Debug)]
pub(crate) struct TaggedStatement {
    statement: Statement,
    /// What the request's id is added to.
    of_request: Option<Arc<Comment>>,
}

/// What is said of a statement besides its root field.
#[derive(Clone, Debug)]
pub(crate) struct OperationTags {
    operation_name: Option<String>,
    /// The same for all operations that differ in values only.
    hash: String,
}

/// The tags of one root field's statements.
#[derive(Clone, Debug)]
pub(crate) struct FieldTags {
    comment: Arc<Comment>,
    request_id: RequestIdTag,
}

impl OperationTags {
    /// The tags of a document that has been bound.
    pub(crate) fn of(
        text: &str,
        operation_name: Option<&str>,
        limits: graphql::Limits,
    ) -> Option<Self> {
        let document = graphql::parse(text, limits).ok()?;
        let operation = bind::select_operation(&document, operation_name).ok()?;
        let digest = Sha256::digest(graphql::shape(&document, operation));
        let mut hash = String::with_capacity(2 * HASH_BYTES);
        for byte in &digest[..HASH_BYTES] {
            write!(hash, "{byte:02x}").expect("a string takes everything");
        }
        Some(Self {
            operation_name: operation.name.as_ref().map(ToString::to_string),
            hash,
        })
    }

    /// The tags of a root field: its name in the answer, in the order v2 has them.
    pub(crate) fn of_field(&self, config: QueryTags, field_name: &str) -> FieldTags {
        let format = match config.format {
            QueryTagsFormat::Standard => CommentFormat::Standard,
            QueryTagsFormat::StandardPrepended => CommentFormat::StandardPrepended,
            QueryTagsFormat::SqlCommenter => CommentFormat::SqlCommenter,
        };
        let mut comment = Comment::new(format)
            .tag("field_name", field_name)
            .tag("parameterized_query_hash", &self.hash);
        if let Some(name) = &self.operation_name {
            comment = comment.tag("operation_name", name);
        }
        FieldTags {
            comment: Arc::new(comment),
            request_id: config.request_id,
        }
    }
}

impl FieldTags {
    /// A statement that many requests share, with its comment: it is of no request.
    pub(crate) fn shared(&self, statement: &Statement) -> Statement {
        Statement::new(self.comment.around(statement.text()))
    }
}

impl TaggedStatement {
    /// A statement of the printer's, without a comment.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            statement: Statement::new(text),
            of_request: None,
        }
    }

    /// Adds the comment.
    pub(crate) fn tag(&mut self, tags: &FieldTags) {
        match tags.request_id {
            RequestIdTag::Omitted => {
                self.statement = Statement::new(tags.comment.around(self.statement.text()));
            }
            RequestIdTag::Written => self.of_request = Some(tags.comment.clone()),
        }
    }

    /// Its text, without what depends on the request.
    pub(crate) fn text(&self) -> &Arc<str> {
        self.statement.text()
    }

    /// Whether it is another one for each request.
    pub(crate) fn is_of_request(&self) -> bool {
        self.of_request.is_some()
    }

    /// The statement without what depends on the request.
    pub(crate) fn shared(&self) -> &Statement {
        &self.statement
    }

    /// The statement as it is sent for one request.
    pub(crate) fn of_request(&self, request_id: Option<&str>) -> Cow<'_, Statement> {
        let Some(comment) = &self.of_request else {
            return Cow::Borrowed(&self.statement);
        };
        let text = match request_id {
            Some(id) => {
                let comment = Comment::clone(comment).tag_first("request_id", id);
                comment.around(self.statement.text())
            }
            None => comment.around(self.statement.text()),
        };
        Cow::Owned(Statement::once(text))
    }
}
