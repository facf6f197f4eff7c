//! Enum tables: which tables can be one, and which columns refer to one.

use graphloom_catalog::{Catalog, EnumRow, ScalarKind, Table};
use graphloom_vocab::{ColumnName, QualifiedTable, is_graphql_name};

use crate::scalar::sql_name;

/// The rows of an enum table, sorted by value; the error is the reason of its inconsistency.
pub(crate) fn resolve(table: &Table, catalog: &Catalog) -> Result<Vec<EnumRow>, String> {
    let mut reasons = structure(table);
    let mut rows = match catalog.enum_rows.get(&table.name) {
        Some(Ok(rows)) => rows.to_vec(),
        // Postgres' words; of a table that could be none anyway, they say nothing more.
        Some(Err(reason)) if reasons.is_empty() => return Err(reason.clone()),
        Some(Err(_)) | None => Vec::new(),
    };
    if reasons.is_empty() {
        reasons.extend(contents(&rows));
    }
    if reasons.is_empty() {
        rows.sort();
        return Ok(rows);
    }
    let name = table.name.display_name();
    let start = format!("the table \"{name}\" cannot be used as an enum");
    Err(match reasons.as_slice() {
        [reason] => format!("{start} because {reason}"),
        reasons => {
            let listed = reasons.join("\n  • ");
            format!("{start} for the following reasons:\n  • {listed}\n")
        }
    })
}

/// What is wrong with the table's columns.
fn structure(table: &Table) -> Vec<String> {
    let mut reasons = Vec::new();
    let key = table
        .primary_key
        .as_ref()
        .map_or(&[][..], |key| &key.columns);
    match key {
        [] => reasons.push("the table must have a primary key".to_owned()),
        [only] => {
            if let Some(column) = table.column(only)
                && column.ty.scalar_kind() != ScalarKind::Text
            {
                let ty = sql_name(&column.ty);
                reasons.push(format!(
                    "the table’s primary key (\"{only}\") must have type \"text\", not type \"{ty}\""
                ));
            }
        }
        many => {
            let names: Vec<_> = many.iter().map(ColumnName::as_str).collect();
            reasons.push(format!(
                "the table’s primary key must not span multiple columns ({})",
                names.join(", ")
            ));
        }
    }
    let others: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !key.contains(&column.name))
        .collect();
    match others.as_slice() {
        [] => {}
        [comment] => {
            if comment.ty.scalar_kind() != ScalarKind::Text {
                let (name, ty) = (&comment.name, sql_name(&comment.ty));
                reasons.push(format!(
                    "the table’s comment column (\"{name}\") must have type \"text\", not type \"{ty}\""
                ));
            }
        }
        _ => {
            let mut names: Vec<_> = table
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .collect();
            names.sort_unstable();
            reasons.push(format!(
                "the table must have exactly one primary key and optionally one comment column, \
                 not {} columns ({})",
                names.len(),
                names.join(", ")
            ));
        }
    }
    reasons
}

/// What is wrong with the table's rows.
fn contents(rows: &[EnumRow]) -> Option<String> {
    if rows.is_empty() {
        return Some("the table must have at least one row".to_owned());
    }
    let bad: Vec<_> = rows
        .iter()
        .map(|row| row.value.as_str())
        .filter(|value| !is_graphql_name(value) || matches!(*value, "true" | "false" | "null"))
        .map(|value| format!("\"{value}\""))
        .collect();
    match bad.as_slice() {
        [] => None,
        [one] => Some(format!(
            "the value {one} is not a valid GraphQL enum value name"
        )),
        many => Some(format!(
            "the values {} are not valid GraphQL enum value names",
            many.join(", ")
        )),
    }
}

/// The enum table a column refers to: by a foreign key of that column alone to the table's key.
pub(crate) fn reference<'a>(
    table: &'a Table,
    column: &ColumnName,
    is_enum: impl Fn(&QualifiedTable) -> bool,
) -> Option<&'a QualifiedTable> {
    let mut keys = table.foreign_keys.iter();
    let key = keys.find(|key| {
        matches!(key.columns.as_slice(), [(ours, _)] if ours == column)
            && is_enum(&key.foreign_table)
    })?;
    Some(&key.foreign_table)
}
