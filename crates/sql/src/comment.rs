//! Comments around a statement: the tags by which operators find out where it came from.
//!
//! A tag's value may be a client's words. Every character that is not a letter, a digit or one of `-_.~` is written as
//! its percent code, so that no value can end the comment, open another (Postgres nests them), or end a line.

use std::fmt::Write as _;

/// Where the tags stand and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentFormat {
    /// `SELECT … /* a=b, c=d */`
    Standard,
    /// `/* a=b, c=d */ SELECT …`
    StandardPrepended,
    /// `SELECT … /*a='b',c='d'*/`, by name, as <https://google.github.io/sqlcommenter/spec/> has it.
    SqlCommenter,
}

/// A comment, as tags in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    format: CommentFormat,
    /// Names of our own, and values as they are written.
    tags: Vec<(&'static str, String)>,
}

impl Comment {
    /// One without tags, which is left out.
    pub fn new(format: CommentFormat) -> Self {
        Self {
            format,
            tags: Vec::new(),
        }
    }

    /// The same with another tag behind the others. `name` is a word.
    pub fn tag(mut self, name: &'static str, value: &str) -> Self {
        self.tags.push((name, encoded(value)));
        self
    }

    /// The same with another tag before the others.
    pub fn tag_first(mut self, name: &'static str, value: &str) -> Self {
        self.tags.insert(0, (name, encoded(value)));
        self
    }

    /// A statement's text with the comment.
    pub fn around(&self, sql: &str) -> String {
        if self.tags.is_empty() {
            return sql.to_owned();
        }
        match self.format {
            CommentFormat::Standard => format!("{sql} /* {} */", self.plain()),
            CommentFormat::StandardPrepended => format!("/* {} */ {sql}", self.plain()),
            CommentFormat::SqlCommenter => format!("{sql} /*{}*/", self.sorted()),
        }
    }

    fn plain(&self) -> String {
        let tags = self.tags.iter();
        let tags: Vec<_> = tags
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        tags.join(", ")
    }

    fn sorted(&self) -> String {
        let tags = self.tags.iter();
        let mut tags: Vec<_> = tags
            .map(|(name, value)| format!("{name}='{value}'"))
            .collect();
        tags.sort();
        tags.join(",")
    }
}

fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            byte => write!(out, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(format: CommentFormat, value: &str) -> String {
        let comment = Comment::new(format).tag("field_name", value);
        comment.tag_first("request_id", "r-1").around("SELECT 1")
    }

    #[test]
    fn each_format_has_its_place_and_form() {
        assert_eq!(
            around(CommentFormat::Standard, "child"),
            "SELECT 1 /* request_id=r-1, field_name=child */"
        );
        assert_eq!(
            around(CommentFormat::StandardPrepended, "child"),
            "/* request_id=r-1, field_name=child */ SELECT 1"
        );
        assert_eq!(
            around(CommentFormat::SqlCommenter, "child"),
            "SELECT 1 /*field_name='child',request_id='r-1'*/"
        );
        assert_eq!(
            Comment::new(CommentFormat::Standard).around("SELECT 1"),
            "SELECT 1"
        );
    }

    #[test]
    fn no_value_gets_out_of_the_comment() {
        let values = [
            "*/ DROP TABLE t; --",
            "/*",
            "'; SELECT '",
            "a\nb",
            "\0",
            "é\u{2028}",
            "%2a/",
            "$1 $$ \\",
        ];
        for format in [
            CommentFormat::Standard,
            CommentFormat::StandardPrepended,
            CommentFormat::SqlCommenter,
        ] {
            for value in values {
                let sql = around(format, value);
                assert_eq!(sql.matches("/*").count(), 1, "{sql}");
                assert_eq!(sql.matches("*/").count(), 1, "{sql}");
                assert!(
                    sql.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                    "{sql}"
                );
                let rest = sql.replace("SELECT 1", "");
                assert!(!rest.contains([';', '$', '\\']), "{sql}");
            }
        }
        assert_eq!(encoded("*/ é'"), "%2A%2F%20%C3%A9%27");
    }
}
