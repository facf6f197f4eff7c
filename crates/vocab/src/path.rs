//! Where in a request an error is: `$.selectionSet.author.args.where`.

use std::fmt;

/// One step into a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathSegment {
    /// An object's key.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
}

/// A path into a request, printed as clients see it: `$` then `.key`, `["odd key"]` or `[3]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ErrorPath(Vec<PathSegment>);

impl ErrorPath {
    /// The request as a whole, `$`.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of object keys below `$`.
    pub fn keys(keys: &[&str]) -> Self {
        Self(
            keys.iter()
                .map(|key| PathSegment::Key((*key).to_owned()))
                .collect(),
        )
    }

    /// This path and one more key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(PathSegment::Key(key.to_owned()))
    }

    /// This path and one more list position.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(PathSegment::Index(index))
    }

    /// This path below another: `outer` comes first.
    #[must_use]
    pub fn below(&self, outer: &Self) -> Self {
        Self(outer.0.iter().chain(&self.0).cloned().collect())
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[PathSegment] {
        &self.0
    }

    /// Appends a step in place; for walks that push and pop.
    pub fn push(&mut self, segment: PathSegment) {
        self.0.push(segment);
    }

    /// Takes the innermost step off again.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    fn with(&self, segment: PathSegment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for ErrorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for segment in &self.0 {
            match segment {
                PathSegment::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                PathSegment::Key(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str()))?,
                PathSegment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A key that needs no quotes: a letter or underscore, then letters, digits, `_` and `-`.
fn is_plain(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_clients_expect() {
        let path = ErrorPath::keys(&["selectionSet", "a-b", "odd key", "9"])
            .index(0)
            .key("");
        assert_eq!(
            path.to_string(),
            r#"$.selectionSet.a-b["odd key"]["9"][0][""]"#
        );
        assert_eq!(ErrorPath::root().to_string(), "$");
    }
}
