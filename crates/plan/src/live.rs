//! One statement for all subscribers of one shape.
//!
//! Subscribers whose values are equal are one *cohort*. The statement takes an array per value, with an
//! element per cohort, and gives a row per cohort:
//!
//! ```sql
//! SELECT c."number", CASE WHEN r."hash" = c."hash" THEN NULL ELSE r."root" END, r."hash", …
//! FROM (SELECT u."ordinality"::text AS "number", u."hash", u."p0"::int4 AS "p0"
//!       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY u("hash", "p0", "ordinality") OFFSET 0) c
//! LEFT JOIN LATERAL (SELECT x."root", hashtextextended(x."root", $3::int8)::text AS "hash"
//!       FROM (SELECT concat('{"author":', (…the root field, c."p0" for its parameter…), '}') AS "root"
//!             OFFSET 0) x OFFSET 0) r ON true
//! ```
//!
//! A result whose hash is the one that is handed in is not sent. `OFFSET 0` keeps Postgres from pulling the
//! subselects up, which would convert a value for every row it is compared with and build a result twice.
//! The seed is the caller's secret: nobody can write rows of which two have the same hash.

use graphloom_ir as ir;
use graphloom_sql::{
    Alias, CaseBranch, Expr, FromItem, Join, JoinKind, Layout, Name, Ordinality, ParameterId,
    Select, SqlText, Statement, Target, TypeName, print,
};
use graphloom_vocab::{QualifiedFunction, QualifiedTable};
use indexmap::IndexSet;

use crate::context::Context;
use crate::stream::{self, Followed};
use crate::value::{TEXT, typed, typed_parameter};

/// The cohorts' rows. No other alias has this number, nor does anybody write it into SQL of their own:
/// values may stand inside a native query's text.
const COHORTS: u32 = u32::MAX;

const NUMBER: &str = "number";
const HASH: &str = "hash";
const ROOT: &str = "root";
const ORDINALITY: &str = "ordinality";

/// What a statement looks at; what its answer depends on besides its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Tables and views.
    pub tables: IndexSet<QualifiedTable>,
    /// Functions.
    pub functions: IndexSet<QualifiedFunction>,
    /// Whether there are statements of an admin's in it, which may look at anything.
    pub statements: Statements,
}

/// Whether there are statements of an admin's in a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statements {
    /// None.
    #[default]
    None,
    /// At least one.
    Some,
}

/// A subscription's statement before it is printed.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveDraft {
    select: Select,
    /// What a cohort is made of: its values, in this order.
    pub values: Vec<ir::TypedValue>,
    /// What the answers depend on.
    pub reads: Reads,
    /// Which of the values is the place that a stream has come to; it moves with every answer.
    pub cursor: Option<usize>,
}

/// A subscription's statement.
#[derive(Clone, Debug, PartialEq)]
pub struct LivePlan {
    /// Its text. It gives rows of [`LiveResult`].
    pub sql: SqlText,
    /// What `$1`, `$2` … stand for, in this order.
    pub inputs: Vec<LiveInput>,
}

/// What a parameter of a subscription's statement stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveInput {
    /// The seed of the hashes, an `int8`.
    Seed,
    /// A `text[]` with the hash of each cohort's last result, NULL if there is none.
    Hashes,
    /// A `text[]` with each cohort's value of this position.
    Value(usize),
}

/// The columns of a row of a subscription's statement; all are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveResult {
    /// The cohort's position in the arrays, from 1.
    Number,
    /// The text of the `data` object; NULL if its hash is the one handed in.
    Root,
    /// The hash of the result.
    Hash,
    /// What the statement has seen of all transactions, in a form to be compared: if it is the same at
    /// another time, no transaction has ended in between. NULL where that cannot be told.
    Signal,
    /// The place that a stream has come to with this answer, NULL if there was no row. Only of a stream, whose
    /// result is NULL too then.
    Cursor,
}

/// Where a stream's places come from, while its rows are planned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamPlaces {
    /// Where it has come to.
    pub(crate) after: Expr,
    /// Where it goes next.
    pub(crate) up_to: Expr,
}

/// Where values come from in a statement that serves many cohorts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cohorts {
    alias: Alias,
}

impl Cohorts {
    /// A value of the cohort that the row is for, of its type already.
    pub(crate) fn value(self, id: ParameterId) -> Expr {
        Expr::Column(self.alias, value_name(id.index()))
    }
}

fn value_name(index: usize) -> Name {
    Name::new(format!("p{index}"))
}

/// Plans a subscription: the root fields of one source.
pub fn live(roots: &[ir::RootField]) -> LiveDraft {
    let cohorts = Cohorts {
        alias: Alias::new(COHORTS),
    };
    let mut context = Context::of_cohorts(cohorts);
    let stream = followed(roots).map(|stream| stream::follow(&mut context, cohorts, stream));
    let root = object(&mut context, roots);
    let [unnested, plain, hashed] = [(); 3].map(|()| context.alias());
    let (values, reads) = context.into_parts();
    let mut cohort_rows = FromItem::Subselect {
        select: Box::new(cohort_rows(&values, unnested)),
        alias: cohorts.alias,
    };
    let (cursor, place) = match stream {
        None => (None, None),
        Some(Followed {
            cursor,
            next,
            place,
        }) => {
            cohort_rows = beside(cohort_rows, next);
            (Some(cursor), Some(place))
        }
    };
    let results = FromItem::Lateral {
        select: Box::new(results(root, plain, values.len())),
        alias: hashed,
    };
    let mut select = Select::default().from(beside(cohort_rows, results));
    let hash = || Expr::Column(hashed, Name::new(HASH));
    let known = Expr::Column(cohorts.alias, Name::new(HASH));
    let mut unsent = vec![hash().equals(known)];
    unsent.extend(place.clone().map(|place| Expr::IsNull(Box::new(place))));
    let changed = Expr::Case(
        vec![CaseBranch {
            when: Expr::Or(unsent),
            then: Expr::null(),
        }],
        Some(Box::new(Expr::Column(hashed, Name::new(ROOT)))),
    );
    select.targets = vec![
        Target::unnamed(Expr::Column(cohorts.alias, Name::new(NUMBER))),
        Target::unnamed(changed),
        Target::unnamed(hash()),
        Target::unnamed(signal()),
    ];
    let place = place.map(|place| Target::unnamed(place.cast(TEXT)));
    select.targets.extend(place);
    LiveDraft {
        select,
        values,
        reads,
        cursor,
    }
}

/// `left LEFT JOIN right ON true`
fn beside(left: FromItem, right: FromItem) -> FromItem {
    FromItem::Join(Box::new(Join {
        left,
        kind: JoinKind::Left,
        right,
        condition: Expr::boolean(true),
    }))
}

/// The stream among the root fields.
fn followed(roots: &[ir::RootField]) -> Option<&ir::StreamSelect> {
    roots.iter().find_map(|root| match &root.value {
        ir::RootValue::Source(_, query) => match &**query {
            ir::SourceQuery::Stream(stream) => Some(&**stream),
            _ => None,
        },
        ir::RootValue::Namespace(inner) => followed(inner),
        _ => None,
    })
}

/// A row per cohort with its values, each of its type.
fn cohort_rows(values: &[ir::TypedValue], alias: Alias) -> Select {
    let column = |name: Name| Expr::Column(alias, name);
    let array = |id| Expr::parameter(id).cast(TypeName::Array(Box::new(TEXT)));
    let mut arguments = vec![array(hashes_id(values.len()))];
    let mut columns = vec![Name::new(HASH)];
    let number = column(Name::new(ORDINALITY)).cast(TEXT);
    let mut targets = vec![
        Target::named(number, Name::new(NUMBER)),
        Target::named(column(Name::new(HASH)), Name::new(HASH)),
    ];
    for (index, value) in values.iter().enumerate() {
        let name = value_name(index);
        arguments.push(array(value_id(index)));
        columns.push(name.clone());
        let converted = typed(&value.ty, column(name.clone()));
        targets.push(Target::named(converted, name));
    }
    columns.push(Name::new(ORDINALITY));
    Select {
        targets,
        offset: Some(Expr::integer(0)),
        ..Select::default()
    }
    .from(FromItem::Function {
        function: graphloom_sql::Function::Builtin("unnest"),
        arguments,
        ordinality: Ordinality::With,
        alias,
        columns,
    })
}

/// A cohort's result and its hash.
fn results(root: Expr, plain: Alias, values: usize) -> Select {
    let inner = Select {
        targets: vec![Target::named(root, Name::new(ROOT))],
        offset: Some(Expr::integer(0)),
        ..Select::default()
    };
    let text = || Expr::Column(plain, Name::new(ROOT));
    let seed = Expr::parameter(seed_id(values)).cast(TypeName::Builtin("int8"));
    let hash = Expr::call("hashtextextended", vec![text(), seed]).cast(TEXT);
    Select {
        targets: vec![
            Target::named(text(), Name::new(ROOT)),
            Target::named(hash, Name::new(HASH)),
        ],
        offset: Some(Expr::integer(0)),
        ..Select::default()
    }
    .from(FromItem::Subselect {
        select: Box::new(inner),
        alias: plain,
    })
}

/// `concat('{"a":', …, '}')`: a `data` object's text.
fn object(context: &mut Context, roots: &[ir::RootField]) -> Expr {
    let mut parts = Vec::with_capacity(2 * roots.len() + 1);
    let mut text = String::from("{");
    for (position, root) in roots.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&graphloom_vocab::Json::from(&*root.key).to_string());
        text.push(':');
        parts.push(Expr::text(&std::mem::take(&mut text)));
        parts.push(match &root.value {
            ir::RootValue::Constant(constant) => Expr::text(constant),
            ir::RootValue::Namespace(inner) => object(context, inner),
            ir::RootValue::Source(_, query) => {
                let (select, _) = crate::root(context, query);
                Expr::call(
                    "coalesce",
                    vec![Expr::subselect(select), Expr::text("null")],
                )
            }
            // No subscription has such a field.
            ir::RootValue::Mutation(..) | ir::RootValue::Written(_) => Expr::text("null"),
        });
    }
    text.push('}');
    parts.push(Expr::text(&text));
    Expr::call("concat", parts)
}

/// [`LiveResult::Signal`]. A standby's snapshots do not tell apart what they see.
fn signal() -> Expr {
    let snapshot = Expr::call("txid_current_snapshot", Vec::new()).cast(TEXT);
    let started = Expr::call("pg_postmaster_start_time", Vec::new()).cast(TEXT);
    let parts = vec![snapshot, Expr::text("/"), started];
    Expr::Case(
        vec![CaseBranch {
            when: Expr::call("pg_is_in_recovery", Vec::new()),
            then: Expr::null(),
        }],
        Some(Box::new(Expr::call("concat", parts))),
    )
}

/// Whether a value may be none of its type: what was coerced from JSON to these types never is.
fn may_fail(value: &ir::TypedValue) -> bool {
    let is_coerced = matches!(value.value, ir::Value::Literal(_) | ir::Value::Variable(_));
    let ty = &value.ty;
    let is_plain = &*ty.schema == "pg_catalog" && matches!(&*ty.name, "bool" | "int4" | "text");
    !(is_coerced && is_plain)
}

fn value_id(index: usize) -> ParameterId {
    ParameterId::new(u32::try_from(index).expect("fewer values than bytes of a request"))
}

fn hashes_id(values: usize) -> ParameterId {
    value_id(values)
}

fn seed_id(values: usize) -> ParameterId {
    value_id(values + 1)
}

impl LiveDraft {
    /// The statement as text with its parameters in order.
    pub fn print(&self) -> LivePlan {
        self.printed(&Statement::Select(self.select.clone()))
    }

    /// The statement that asks Postgres for its plan: rows of one column of text.
    pub fn explain(&self) -> LivePlan {
        self.printed(&Statement::Explain(Box::new(self.select.clone())))
    }

    /// The statement that fails if one of a cohort's values is none of its type: one row of no interest.
    /// Its parameters are the values, in this order; `None` if there are none that may fail.
    pub fn check(&self) -> Option<(SqlText, Vec<usize>)> {
        let values = self.values.iter().enumerate();
        let checks = values.filter(|(_, value)| may_fail(value));
        let checks = checks.map(|(index, value)| {
            let value = typed_parameter(&value.ty, value_id(index));
            Expr::IsNull(Box::new(value))
        });
        // A column each: a conjunction would stop at the first that is not null.
        let targets: Vec<_> = checks.map(Target::unnamed).collect();
        if targets.is_empty() {
            return None;
        }
        let select = Select {
            targets,
            ..Select::default()
        };
        let sql = print(&Statement::Select(select), Layout::Line);
        let order = sql.parameters().iter().map(|id| id.index()).collect();
        Some((sql, order))
    }

    fn printed(&self, statement: &Statement) -> LivePlan {
        let sql = print(statement, Layout::Line);
        let values = self.values.len();
        let inputs = sql.parameters().iter().map(|id| match id.index() {
            index if index < values => LiveInput::Value(index),
            index if index == values => LiveInput::Hashes,
            _ => LiveInput::Seed,
        });
        LivePlan {
            inputs: inputs.collect(),
            sql,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cohorts_alias_is_like_no_other() {
        assert_eq!(Alias::new(COHORTS).to_string(), "t4294967295");
    }
}
