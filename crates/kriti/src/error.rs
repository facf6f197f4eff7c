//! What can be wrong with a template, and where.

use graphloom_vocab::Json;
use serde_json::json;

use crate::ast::Span;

/// Why a template cannot be read or evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// In words.
    pub message: String,
    /// Where the part begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

/// A kind of error, as v2 names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It is no template.
    Parse,
    /// A path leads nowhere.
    InvalidPath,
    /// A value has the wrong type.
    Type,
    /// What is looped over is no array.
    Range,
    /// A function cannot do it.
    Function,
    /// It takes too many steps, or makes too much.
    Limit,
}

/// A place in the source, both from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Position {
    fn of(source: &str, byte: usize) -> Self {
        let before = source.get(..byte).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |found| found + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl TemplateError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, at: (&str, Span)) -> Self {
        let (source, span) = at;
        Self {
            kind,
            message: message.into(),
            start: Position::of(source, span.start),
            end: Position::of(source, span.end),
        }
    }

    /// `{"error_code", "message", "source_position": {"start_line", "start_column", "end_line", "end_column"}}`
    pub fn to_json(&self) -> Json {
        let code = match self.kind {
            ErrorKind::Parse => "ParseErrorCode",
            ErrorKind::InvalidPath => "InvalidPathCode",
            ErrorKind::Type => "TypeErrorCode",
            ErrorKind::Range => "RangeErrorCode",
            ErrorKind::Function => "FunctionErrorCode",
            ErrorKind::Limit => "LimitErrorCode",
        };
        json!({
            "error_code": code,
            "message": self.message,
            "source_position": {
                "start_line": self.start.line,
                "start_column": self.start.column,
                "end_line": self.end.line,
                "end_column": self.end.column,
            },
        })
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Position { line, column } = self.start;
        write!(out, "{} (line {line}, column {column})", self.message)
    }
}

impl std::error::Error for TemplateError {}
