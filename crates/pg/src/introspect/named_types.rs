//! Types by the names that people give them: `integer`, `numeric(10,2)`, `citext[]`, `ext.ltree`.
//!
//! Names are looked up, never parsed by Postgres: a name that is none is not found, and no error.

use std::collections::HashMap;
use std::sync::LazyLock;

use graphloom_catalog::PgType;
use serde_json::json;

use super::read;
use super::rows::Row;
use super::types::Types;
use crate::cache::Statement;
use crate::connection::Connection;
use crate::error::PgError;

static TYPES: LazyLock<Statement> =
    LazyLock::new(|| Statement::new(include_str!("../sql/types.sql")));

/// Spellings that Postgres' grammar knows and its catalog does not.
const SPELLINGS: [(&str, &str); 8] = [
    ("int", "int4"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("float", "float8"),
    ("serial", "int4"),
    ("bigserial", "int8"),
    ("smallserial", "int2"),
    ("char", "bpchar"),
];

/// Finds types; names that mean nothing are left out.
pub async fn introspect_named_types(
    connection: &mut Connection,
    names: &[String],
) -> Result<HashMap<String, PgType>, PgError> {
    let wanted = names.iter().map(|name| {
        let bare = Bare::of(name);
        json!({"name": name, "element": bare.name, "array": bare.is_array})
    });
    let wanted = wanted.collect::<serde_json::Value>().to_string();
    let mut types = Types::default();
    let mut named = Vec::new();
    for row in read(connection, &TYPES, Some(wanted)).await? {
        match row {
            Row::Type(row) => types.add(row),
            Row::Named(name, oid) => named.push((name, oid)),
            Row::Table(_) | Row::Function(_) => {}
        }
    }
    let named = named.into_iter();
    named
        .map(|(name, oid)| Ok((name, types.get(oid)?)))
        .collect()
}

/// A name without its modifier (`(10,2)`) and its brackets.
#[derive(Debug, PartialEq, Eq)]
struct Bare {
    name: String,
    is_array: bool,
}

impl Bare {
    fn of(text: &str) -> Self {
        let mut name = text.trim().to_ascii_lowercase();
        let mut is_array = false;
        // Postgres does not tell arrays of more dimensions apart.
        while let Some(element) = name.strip_suffix("[]") {
            name = element.trim_end().to_owned();
            is_array = true;
        }
        if let (Some(open), Some(close)) = (name.find('('), name.find(')'))
            && open < close
        {
            let after = name[close + 1..].to_owned();
            name.truncate(open);
            name = format!("{}{after}", name.trim_end());
        }
        if let Some((_, known)) = SPELLINGS.iter().find(|(spelling, _)| *spelling == name) {
            (*known).clone_into(&mut name);
        }
        Self { name, is_array }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_and_brackets_are_set_aside() {
        let of = |text: &str| {
            let bare = Bare::of(text);
            (bare.name, bare.is_array)
        };
        assert_eq!(of("integer"), ("integer".to_owned(), false));
        assert_eq!(of(" Numeric (10, 2)"), ("numeric".to_owned(), false));
        assert_eq!(of("varchar(20)[]"), ("varchar".to_owned(), true));
        assert_eq!(of("int[][]"), ("int4".to_owned(), true));
        let zoned = ("timestamp with time zone".to_owned(), false);
        assert_eq!(of("timestamp(3) with time zone"), zoned);
    }
}
