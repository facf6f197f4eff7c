//! Kriti templates: JSON with paths, conditions, loops and functions in double braces.
//!
//! v2's templating language, in connection templates and in the transforms of requests. A template is
//! parsed once and evaluated with values by name; both end whatever they are given: nesting, steps and
//! output have limits. Knows nothing of what its values mean. Read `parse.rs` next.
//!
//! What v2's own parser accepts is accepted, with the usual precedence of operators besides (v2 wants
//! parentheses around each), `{{ elif }}` and JSON's escapes in strings.

mod ast;
mod error;
mod eval;
mod function;
mod parse;

use graphloom_vocab::Json;

pub use error::{ErrorKind, Position, TemplateError};

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    source: String,
    root: ast::Expr,
}

impl Template {
    /// Reads a template. Errors are [`ErrorKind::Parse`], at the place.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            source: source.to_owned(),
            root: parse::parse(source)?,
        })
    }

    /// The template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The JSON that the template makes of these values; `$` is a name like any other.
    ///
    /// Fails for a path that leads nowhere (unless it is optional), for a value of the wrong type, and
    /// for a template that would take too many steps or make too much.
    pub fn evaluate(&self, values: &[(&str, &Json)]) -> Result<Json, TemplateError> {
        eval::evaluate(&self.source, &self.root, values)
    }
}
