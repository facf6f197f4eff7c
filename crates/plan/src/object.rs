//! JSON objects: from the columns of a row, or from key and value pairs.

use std::sync::Arc;

use graphloom_sql::{AggregateArguments, Alias, Expr, Name, Target};

use crate::context::Form;
use crate::shape::{MemberShape, ObjectShape};
use crate::value::{JSON, TEXT};

/// What an object is made of: response keys and values.
pub(crate) type Pairs = Vec<(Arc<str>, Expr)>;

/// A response key and its value, with what is to be made of it where the row is not JSON.
pub(crate) struct Member {
    pub(crate) key: Arc<str>,
    /// One; but of an object in a row that is not JSON, all that it is made of.
    pub(crate) values: Vec<Expr>,
    pub(crate) shape: MemberShape,
}

impl Member {
    /// The key and the value, in JSON.
    pub(crate) fn pair(mut self) -> (Arc<str>, Expr) {
        let value = self.values.pop().expect("a value in JSON is one");
        (self.key, value)
    }
}

/// Postgres cuts an identifier after this many bytes, and a column's name is a key's only carrier in
/// `row_to_json`.
const IDENTIFIER_BYTES_MAX: usize = 63;
/// Postgres takes at most 1,664 output columns.
pub(crate) const COLUMNS_MAX: usize = 1_600;
/// Postgres takes at most 100 arguments to a function.
const PAIRS_MAX: usize = 50;
/// The column that carries a whole object.
const OBJECT: &str = "o";

/// Output columns that carry an object, and how to read it from a row of them.
pub(crate) struct RowObject {
    /// What to select.
    pub(crate) targets: Vec<Target>,
    carrier: Carrier,
}

enum Carrier {
    /// The columns are the keys.
    Columns,
    /// One column is the object.
    Whole,
    /// The columns are so many values.
    Values(ObjectShape, usize),
}

impl RowObject {
    /// The columns for these members, in the form that is written.
    pub(crate) fn of(form: Form, members: Vec<Member>) -> Self {
        match form {
            Form::Json => Self::new(members.into_iter().map(Member::pair).collect()),
            Form::Rows | Form::Columns => Self::values_of(members),
        }
    }

    fn values_of(members: Vec<Member>) -> Self {
        let (values, shape) = values_of(members);
        let mut targets: Vec<_> = values
            .into_iter()
            .enumerate()
            .map(|(at, value)| Target::named(value, value_name(at)))
            .collect();
        let count = targets.len();
        // `SELECT DISTINCT ON (…) FROM` is no SQL, and of no arrays nobody could tell the length.
        if targets.is_empty() {
            targets.push(Target::named(Expr::boolean(true), value_name(0)));
        }
        Self {
            targets,
            carrier: Carrier::Values(shape, count),
        }
    }

    /// How JSON is made of the values, if they are not JSON.
    pub(crate) fn shape(&self) -> Option<ObjectShape> {
        match &self.carrier {
            Carrier::Values(shape, _) => Some(shape.clone()),
            Carrier::Columns | Carrier::Whole => None,
        }
    }

    /// The columns for these pairs: `row_to_json` is faster than `json_build_object` and writes no spaces,
    /// so it is used wherever every key fits into a column's name.
    pub(crate) fn new(pairs: Pairs) -> Self {
        if fits_row(pairs.iter().map(|(key, _)| key)) {
            let target = |(key, value)| Target::named(value, Name::new(key));
            return Self {
                targets: pairs.into_iter().map(target).collect(),
                carrier: Carrier::Columns,
            };
        }
        Self {
            targets: vec![Target::named(object(pairs), Name::new(OBJECT))],
            carrier: Carrier::Whole,
        }
    }

    /// The object, given the alias of a subselect with these columns.
    pub(crate) fn read(&self, alias: Alias) -> Expr {
        match &self.carrier {
            // `t1.*`, not `t1`: the latter would be the column, were there one of that name.
            Carrier::Columns => Expr::call("row_to_json", vec![Expr::Row(alias)]),
            Carrier::Whole => Expr::Column(alias, Name::new(OBJECT)),
            Carrier::Values(..) => Expr::RowOf(self.values(alias)),
        }
    }

    /// Its values, where they are not JSON, given the same.
    pub(crate) fn values(&self, alias: Alias) -> Vec<Expr> {
        let count = match &self.carrier {
            Carrier::Values(_, count) => *count,
            Carrier::Columns | Carrier::Whole => 0,
        };
        let value = |at| Expr::Column(alias, value_name(at));
        (0..count).map(value).collect()
    }

    /// A list of objects as a record of arrays: `ROW(array_agg(t1."f0"), …)`.
    pub(crate) fn columns(&self, alias: Alias) -> Expr {
        let mut values = self.values(alias);
        if values.is_empty() {
            values.push(Expr::Column(alias, value_name(0)));
        }
        let array = |value| Expr::aggregate("array_agg", AggregateArguments::All(vec![value]));
        Expr::RowOf(values.into_iter().map(array).collect())
    }
}

/// The values of an object that is not JSON, and how JSON is made of them.
pub(crate) fn values_of(members: Vec<Member>) -> (Vec<Expr>, ObjectShape) {
    let shapes = members.iter().map(|member| (&*member.key, &member.shape));
    let shape = ObjectShape::new(shapes);
    let values = members
        .into_iter()
        .filter(|member| matches!(member.shape, MemberShape::Value(_)))
        .flat_map(|member| member.values);
    (values.collect(), shape)
}

/// What a value is called on its way.
pub(crate) fn value_name(at: usize) -> Name {
    Name::new(format!("f{at}"))
}

/// Whether an object with these keys is a record or a row of columns just as it is: the others are spelled in
/// another way by Postgres.
pub(crate) fn fits_row<'k>(keys: impl ExactSizeIterator<Item = &'k Arc<str>>) -> bool {
    keys.len() <= COLUMNS_MAX
        && keys
            .into_iter()
            .all(|key| key.len() <= IDENTIFIER_BYTES_MAX)
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
