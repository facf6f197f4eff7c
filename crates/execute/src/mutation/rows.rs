//! The objects of an insert as rows of texts, before anything is written.

use std::borrow::Cow;
use std::fmt::Write as _;

use graphloom_bind::input_json;
use graphloom_ir::{Input, InsertOrder, coerce::coerce, lookup};
use graphloom_vocab::{Error, ErrorPath, Json, JsonObject, Result};

use super::plan::{Place, Relation};

/// A row to insert.
#[derive(Debug)]
pub(crate) struct Row {
    /// By position in its place's columns; `None` is null, or not given.
    pub(crate) cells: Vec<Option<String>>,
    /// Which of the place's sets of columns it has.
    pub(crate) set: usize,
    /// Which of the place's ways to treat conflicts holds.
    pub(crate) conflict: usize,
    /// Rows that belong to it, with the position of their relation.
    pub(crate) related: Vec<(usize, Vec<Row>)>,
}

/// What the input type asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A list of objects.
    List,
    /// One object.
    Object,
}

/// The input of an insert with the request's variables.
pub(crate) fn input<'v>(input: &'v Input, variables: &'v JsonObject) -> Cow<'v, Json> {
    match input {
        Input::Constant(json) => Cow::Borrowed(json),
        Input::Variable { name, path } => variables
            .get(name.as_str())
            .and_then(|value| lookup(value, path))
            .map_or(Cow::Owned(Json::Null), Cow::Borrowed),
        other => Cow::Owned(input_json(other, variables)),
    }
}

/// Reads the rows of a place: a list of objects, or one. Errors are at the value.
pub(crate) fn read(
    place: &Place,
    value: &Json,
    (form, above, conflict): (Form, &[usize], usize),
    path: &ErrorPath,
) -> Result<Vec<Row>> {
    match value {
        Json::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| row(place, item, (above, conflict), &path.index(index)))
                .collect()
        }
        // A single value where a list is expected is a list of one.
        one if form == Form::List => Ok(vec![row(place, one, (above, conflict), &path.index(0))?]),
        one => Ok(vec![row(place, one, (above, conflict), path)?]),
    }
}

fn row(
    place: &Place,
    value: &Json,
    (above, conflict): (&[usize], usize),
    path: &ErrorPath,
) -> Result<Row> {
    let Json::Object(object) = value else {
        return Err(Error::unexpected("a row to insert is not an object").at(path.clone()));
    };
    let mut cells = Vec::with_capacity(place.columns.len());
    let mut set = Vec::with_capacity(place.columns.len());
    for (at, column) in place.columns.iter().enumerate() {
        let mut is_there = column.always || above.contains(&at);
        let mut cell = None;
        if let Some(given) = &column.given
            && let Some(value) = object.get(&*given.key)
        {
            is_there = true;
            cell = coerce(&given.coercion, value)
                .map_err(|error| error.below(&path.key(&given.key)))?;
        }
        cells.push(cell);
        if is_there {
            set.push(at);
        }
    }
    let mut related = Vec::new();
    for (at, relation) in place.relations.iter().enumerate() {
        let Some(value) = object.get(&relation.key).filter(|value| !value.is_null()) else {
            continue;
        };
        let rows = related_rows(relation, value, &path.key(&relation.key))?;
        if rows.is_empty() {
            continue;
        }
        if relation.order == InsertOrder::Before {
            set.extend(relation.mapping.iter().map(|(column, _)| *column));
        }
        related.push((at, rows));
    }
    set.sort_unstable();
    set.dedup();
    let set = place.sets.get(&set).copied();
    let set = set.ok_or_else(|| Error::unexpected("a row to insert has another shape"))?;
    Ok(Row {
        cells,
        set,
        conflict,
        related,
    })
}

fn related_rows(relation: &Relation, value: &Json, path: &ErrorPath) -> Result<Vec<Row>> {
    let place = &relation.place;
    let conflict = match place.conflicts.len() {
        0 | 1 => 0,
        _ => {
            let given = value.as_object().and_then(|object| {
                let mut others = object.iter().filter(|(key, _)| *key != "data");
                others.next().map(|(_, value)| value)
            });
            let given = given.unwrap_or(&Json::Null);
            let known = place.conflicts.iter().position(|known| known == given);
            known.ok_or_else(|| Error::unexpected("a row to insert has another on_conflict"))?
        }
    };
    let form = match relation.order {
        InsertOrder::AfterMany => Form::List,
        InsertOrder::Before | InsertOrder::AfterOne => Form::Object,
    };
    let above: Vec<usize> = match relation.order {
        InsertOrder::Before => Vec::new(),
        InsertOrder::AfterOne | InsertOrder::AfterMany => {
            relation.mapping.iter().map(|(column, _)| *column).collect()
        }
    };
    let data = value.get("data").unwrap_or(&Json::Null);
    read(place, data, (form, &above, conflict), &path.key("data"))
}

/// Texts as the literal of a `text[]`.
pub fn column_literal<'r>(cells: impl Iterator<Item = Option<&'r str>>) -> String {
    let mut literal = String::from("{");
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            literal.push(',');
        }
        match cell {
            None => literal.push_str("NULL"),
            Some(text) => push_element(&mut literal, text),
        }
    }
    literal.push('}');
    literal
}

fn push_element(literal: &mut String, text: &str) {
    literal.push('"');
    for part in text.split_inclusive(['"', '\\']) {
        match part.as_bytes().last() {
            Some(b'"' | b'\\') => {
                let (before, special) = part.split_at(part.len() - 1);
                write!(literal, "{before}\\{special}").expect("a string takes everything");
            }
            _ => literal.push_str(part),
        }
    }
    literal.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_literals_are_quoted() {
        let cells = [Some("a\"b\\c"), None, Some(""), Some("{,}"), Some("NULL")];
        assert_eq!(
            column_literal(cells.into_iter()),
            r#"{"a\"b\\c",NULL,"","{,}","NULL"}"#
        );
    }
}
