//! Errors that several commands have in common, with v2's codes and words.

use graphloom_metadata::Metadata;
use graphloom_vocab::{Error, ErrorCode, QualifiedTable, SourceName};

use crate::command::TableId;

/// A source that is not served: `not-exists`, or `unexpected` (400) if the document has it.
pub(crate) fn no_source(metadata: &Metadata, name: &SourceName) -> Error {
    if metadata.sources.contains_key(name) {
        return inconsistent_source(name);
    }
    not_exists(format!("source with name \"{name}\" does not exist"))
}

/// *source with name "s" is inconsistent*
pub(crate) fn inconsistent_source(name: &SourceName) -> Error {
    Error::unexpected(format!("source with name \"{name}\" is inconsistent")).with_status(400)
}

/// *table "t" does not exist in source: s*
pub(crate) fn no_table(id: &TableId) -> Error {
    let table = quoted(&id.table);
    not_exists(format!(
        "table {table} does not exist in source: {}",
        id.source
    ))
}

/// `not-exists`
pub(crate) fn not_exists(message: String) -> Error {
    Error::new(ErrorCode::NotExists, message)
}

/// `already-exists`
pub(crate) fn already_exists(message: String) -> Error {
    Error::new(ErrorCode::AlreadyExists, message)
}

/// A table as messages quote it: `"author"`, `"other.author"`.
pub(crate) fn quoted(table: &QualifiedTable) -> String {
    format!("\"{}\"", table.display_name())
}
