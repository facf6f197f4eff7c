//! JSON objects: from the columns of a row, or from key and value pairs.

use std::sync::Arc;

use graphloom_sql::{Alias, Expr, Name, Target};

use crate::value::{JSON, TEXT};

/// What an object is made of: response keys and values.
pub(crate) type Pairs = Vec<(Arc<str>, Expr)>;

/// Postgres cuts an identifier after this many bytes, and a column's name is a key's only carrier in
/// `row_to_json`.
const IDENTIFIER_BYTES_MAX: usize = 63;
/// Postgres takes at most 1,664 output columns.
const COLUMNS_MAX: usize = 1_600;
/// Postgres takes at most 100 arguments to a function.
const PAIRS_MAX: usize = 50;
/// The column that carries a whole object.
const OBJECT: &str = "o";

/// Output columns that carry an object, and how to read it from a row of them.
pub(crate) struct RowObject {
    /// What to select.
    pub(crate) targets: Vec<Target>,
    form: Form,
}

enum Form {
    /// The columns are the keys.
    Columns,
    /// One column is the object.
    Whole,
}

impl RowObject {
    /// The columns for these pairs: `row_to_json` is faster than `json_build_object` and writes no spaces,
    /// so it is used wherever every key fits into a column's name.
    pub(crate) fn new(pairs: Pairs) -> Self {
        let fits = |key: &Arc<str>| key.len() <= IDENTIFIER_BYTES_MAX;
        if pairs.len() <= COLUMNS_MAX && pairs.iter().all(|(key, _)| fits(key)) {
            let target = |(key, value)| Target::named(value, Name::new(key));
            return Self {
                targets: pairs.into_iter().map(target).collect(),
                form: Form::Columns,
            };
        }
        Self {
            targets: vec![Target::named(object(pairs), Name::new(OBJECT))],
            form: Form::Whole,
        }
    }

    /// The object, given the alias of a subselect with these columns.
    pub(crate) fn read(&self, alias: Alias) -> Expr {
        match self.form {
            // `t1.*`, not `t1`: the latter would be the column, were there one of that name.
            Form::Columns => Expr::call("row_to_json", vec![Expr::Row(alias)]),
            Form::Whole => Expr::Column(alias, Name::new(OBJECT)),
        }
    }
}

/// An object from pairs: `json_build_object('key', value, …)`.
pub(crate) fn object(mut pairs: Pairs) -> Expr {
    if pairs.len() <= PAIRS_MAX {
        let arguments = pairs
            .into_iter()
            .flat_map(|(key, value)| [Expr::text(&key), value]);
        return Expr::call("json_build_object", arguments.collect());
    }
    let mut parts = Vec::new();
    while pairs.len() > PAIRS_MAX {
        let rest = pairs.split_off(PAIRS_MAX);
        parts.push(object(std::mem::replace(&mut pairs, rest)));
    }
    parts.push(object(pairs));
    joined(parts)
}

/// One object from several, none of them empty: their texts without the inner braces. There is no operator that
/// joins `json` objects and keeps the order of keys and the text of numbers.
fn joined(mut parts: Vec<Expr>) -> Expr {
    while parts.len() > 1 {
        let mut groups = Vec::new();
        let mut rest = parts.into_iter().peekable();
        while rest.peek().is_some() {
            groups.push(join_texts(rest.by_ref().take(PAIRS_MAX).collect()));
        }
        parts = groups;
    }
    parts.pop().expect("an object has at least one part")
}

fn join_texts(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let last = parts.len() - 1;
    let mut texts = Vec::with_capacity(parts.len() * 2);
    for (position, part) in parts.into_iter().enumerate() {
        let mut text = part.cast(TEXT);
        if position > 0 {
            texts.push(Expr::text(", "));
            text = Expr::call("substr", vec![text, Expr::integer(2)]);
        }
        if position < last {
            text = Expr::call("left", vec![text, Expr::integer(-1)]);
        }
        texts.push(text);
    }
    Expr::call("concat", texts).cast(JSON)
}

/// A list of objects: `coalesce(json_agg(…), '[]')`.
pub(crate) fn list_or_empty(aggregate: Expr) -> Expr {
    Expr::call("coalesce", vec![aggregate, Expr::text("[]")])
}
