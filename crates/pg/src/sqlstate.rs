//! SQLSTATE as a type: the five characters by which Postgres names a condition.
//!
//! Source: the Postgres manual, appendix "PostgreSQL Error Codes". Only codes that this engine tells
//! apart have a name here. Read next: `translate.rs`, the one table from codes to what clients see.

use std::fmt;

/// A five-character condition code, such as `23505`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `0A000`
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `22025`
    pub const INVALID_ESCAPE_SEQUENCE: Self = Self(*b"22025");
    /// `23001`
    pub const RESTRICT_VIOLATION: Self = Self(*b"23001");
    /// `23502`
    pub const NOT_NULL_VIOLATION: Self = Self(*b"23502");
    /// `23503`
    pub const FOREIGN_KEY_VIOLATION: Self = Self(*b"23503");
    /// `23505`
    pub const UNIQUE_VIOLATION: Self = Self(*b"23505");
    /// `23514`
    pub const CHECK_VIOLATION: Self = Self(*b"23514");
    /// `23P01`
    pub const EXCLUSION_VIOLATION: Self = Self(*b"23P01");
    /// `26000`
    pub const INVALID_SQL_STATEMENT_NAME: Self = Self(*b"26000");
    /// `28000`
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// `28P01`
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// `3D000`
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// `25006`
    pub const READ_ONLY_SQL_TRANSACTION: Self = Self(*b"25006");
    /// `40001`
    pub const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    /// `40P01`
    pub const DEADLOCK_DETECTED: Self = Self(*b"40P01");
    /// `42501`
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `42704`
    pub const UNDEFINED_OBJECT: Self = Self(*b"42704");
    /// `42P01`
    pub const UNDEFINED_TABLE: Self = Self(*b"42P01");
    /// `42P10`
    pub const INVALID_COLUMN_REFERENCE: Self = Self(*b"42P10");
    /// `53300`
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// `57014`
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// `57P01`
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// `57P03`
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// `XX000`, also taken for anything that is not five ASCII characters.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// The code of that text.
    pub fn new(text: &str) -> Self {
        match <[u8; 5]>::try_from(text.as_bytes()) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_alphanumeric) => Self(bytes),
            _ => Self::INTERNAL_ERROR,
        }
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("both constructors hold it to ASCII")
    }

    /// The first two characters: the class of condition.
    pub fn class(&self) -> &str {
        &self.as_str()[..2]
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_class() {
        assert_eq!(SqlState::new("23505"), SqlState::UNIQUE_VIOLATION);
        assert_eq!(SqlState::new("23P01").class(), "23");
        assert_eq!(SqlState::new("bad").as_str(), "XX000");
        assert_eq!(SqlState::new("2350ä").as_str(), "XX000");
    }
}
