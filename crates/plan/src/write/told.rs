//! What a statement that writes gives back, and how its rows are checked.
//!
//! Where only columns of the written rows are told, `RETURNING` gives them as they are and whoever reads them writes
//! the JSON: no CTE, no aggregate, one row per written row. Where only their number is told, none is checked and nothing
//! happens besides, nothing is given back. Otherwise the statement stands in a `WITH`, and one row of texts tells all.
//!
//! A check comes in two forms. As a column it is looked at by whoever runs the statement, who can roll back. In a
//! statement that is a transaction of its own nobody could: there a row that fails raises an error. Read next:
//! `write.rs`, `object.rs`.

use std::sync::Arc;

use graphloom_ir::{BoolExp, Field, MutationOutput, ResponseField, ResponseValue, TypedValue};
use graphloom_sql::{
    self as sql, AggregateArguments, Alias, CaseBranch, CommonTable, Effects, Expr, FromItem,
    Layout, Name, Select, Statement, Target, TypeName,
};
use graphloom_vocab::{ColumnName, Json, QualifiedTable};

use super::{Wanted, names};
use crate::condition::{Scope, condition};
use crate::context::{Carried, Context, Form, carry};
use crate::object::{Pairs, RowObject, list_or_empty, object};
use crate::select::{Related, fits_rows, members, pairs};
use crate::shape::ObjectShape;
use crate::value::{JSON, TEXT};
use crate::{ResultShape, StatementPlan};

/// The outcome of the check. It starts as carried names of our own do, so no column is called so.
const CHECK: &str = "row_number_and_check";
/// The written row as a whole.
const ROW: &str = "row_number_and_row";
/// What is no truth value, and says so in Postgres' error: see [`refused`].
const REFUSED: &str = "the check of a permission failed";

/// A statement that writes, and what it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct WritePlan {
    /// The statement, with the check as a column.
    pub statement: StatementPlan,
    /// The same for where it is a transaction of its own: a row that fails the check raises an error (see
    /// [`is_refusal`]). `None`: there is no check, and the statement is the same; or more than one is needed.
    pub alone: Option<StatementPlan>,
    /// Whether it runs what a user wrote.
    pub effects: Effects,
    /// What comes back.
    pub gives: Gives,
}

/// What a statement that writes gives.
///
/// Unless these are the written rows themselves, or nothing at all, it is one row of text columns: whether the check holds of every row
/// (`true`, `false`); how many rows were written; then what is said here.
#[derive(Clone, Debug, PartialEq)]
pub enum Gives {
    /// The answer, as JSON; null: nothing was written, and the answer is null.
    Answer,
    /// A JSON list of the written rows, each a list of texts: the row itself as text, then the columns that
    /// were asked for.
    Rows,
    /// Nothing.
    Nothing,
    /// A row per written row.
    Written(WrittenRows),
    /// No row: the answer needs nothing but their number, which Postgres tells of every command. No piece is a list.
    Counted(Vec<Piece>),
}

/// Written rows, and how they become the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenRows {
    /// How JSON is made of a row's first columns.
    pub object: Arc<ObjectShape>,
    /// The column (`bool`, never null) that says whether the check holds of the row.
    pub check: Option<usize>,
    /// What stands around the objects.
    pub around: Around,
}

impl WrittenRows {
    /// Whether there is one row at most.
    pub fn is_one(&self) -> bool {
        self.around == Around::Nothing
    }
}

/// What stands around the objects of written rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Around {
    /// Nothing: the answer is the one object, or null.
    Nothing,
    /// `{affected_rows, returning}`: these, one after the other.
    Response(Vec<Piece>),
}

/// A piece of a response.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// JSON text.
    Text(Box<str>),
    /// How many rows were written.
    Count,
    /// The list of the objects.
    List,
}

impl Gives {
    /// Whether the answer can be made of it.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Answer | Self::Written(_) | Self::Counted(_))
    }
}

/// Whether an error of Postgres' (its SQLSTATE, the server function that raised it and its message) says that a row
/// failed the check of a statement that is a transaction of its own.
pub fn is_refusal(sqlstate: &str, routine: Option<&str>, message: &str) -> bool {
    sqlstate == "22P02" && routine == Some("boolin") && message.contains(REFUSED)
}

/// `true`, or an error where the check is not true.
///
/// What is made of text is no constant to the planner, so that it is computed for rows that fail and for no others.
fn refused(check: Expr) -> Expr {
    let branch = CaseBranch {
        when: check,
        then: Expr::boolean(true),
    };
    let error = Expr::call("concat", vec![Expr::text(REFUSED)]);
    Expr::Case(
        vec![branch],
        Some(Box::new(error.cast(TypeName::Builtin("bool")))),
    )
}

/// What written rows must satisfy.
pub(super) enum Check {
    /// This.
    Plain(BoolExp),
    /// The first if the row is new, the second if it was there.
    NewOrOld(BoolExp, BoolExp),
}

/// Rows under the hands of a statement that writes.
pub(super) struct Written<'a> {
    pub(super) row: Alias,
    pub(super) table: &'a QualifiedTable,
    pub(super) check: Option<Check>,
    pub(super) besides: Besides,
}

/// What writing to a table does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Besides {
    /// Nothing.
    Nothing,
    /// Something, for all we know. A rule may do something else instead, of which Postgres' count says nothing, and
    /// which it refuses to do where rows are asked for.
    Anything,
}

impl Besides {
    pub(super) fn of(is_nothing: bool) -> Self {
        match is_nothing {
            true => Self::Nothing,
            false => Self::Anything,
        }
    }
}

/// Has a statement that writes give what is wanted.
pub(super) fn complete(
    context: Context,
    written: &Written<'_>,
    wanted: Wanted<'_>,
    write: impl FnOnce(&mut Context, Vec<Target>) -> Statement,
) -> WritePlan {
    if let Wanted::Answer(output) = wanted {
        if let Some((fields, around)) = as_rows(output) {
            return complete_rows(context, written, (fields, around), write);
        }
        if written.check.is_none()
            && written.besides == Besides::Nothing
            && let Some(pieces) = as_count(output)
        {
            return complete_count(context, pieces, write);
        }
    }
    complete_text(context, written, wanted, write)
}

/// What stands around the number of written rows, if the answer is made of nothing else.
fn as_count(output: &MutationOutput) -> Option<Vec<Piece>> {
    let MutationOutput::Response(response) = output else {
        return None;
    };
    let tells_rows = response
        .iter()
        .any(|field| matches!(field.value, ResponseValue::Returning(_)));
    (!tells_rows).then(|| pieces(response))
}

/// The fields of written rows and what stands around them, if the answer is made of one list of rows.
fn as_rows(output: &MutationOutput) -> Option<(&[Field], Around)> {
    let (fields, around) = match output {
        MutationOutput::Row(fields) => (fields, Around::Nothing),
        MutationOutput::Response(response) => {
            let mut lists = response.iter().filter_map(|field| match &field.value {
                ResponseValue::Returning(fields) => Some(fields),
                ResponseValue::Typename(_) | ResponseValue::AffectedRows => None,
            });
            let only = lists.next()?;
            if lists.next().is_some() {
                return None;
            }
            (only, Around::Response(pieces(response)))
        }
    };
    fits_rows(fields).then_some((fields, around))
}

/// A response, spelled as `json_build_object` spells it.
fn pieces(response: &[ResponseField]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::from("{");
    for (position, field) in response.iter().enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        text.push_str(&Json::from(&*field.key).to_string());
        text.push_str(" : ");
        let piece = match &field.value {
            ResponseValue::Typename(name) => {
                text.push_str(&Json::from(&**name).to_string());
                continue;
            }
            ResponseValue::AffectedRows => Piece::Count,
            ResponseValue::Returning(_) => Piece::List,
        };
        pieces.push(Piece::Text(std::mem::take(&mut text).into()));
        pieces.push(piece);
    }
    text.push('}');
    pieces.push(Piece::Text(text.into()));
    pieces
}

/// `INSERT … RETURNING t0."id" AS "f0", …`
fn complete_rows(
    mut context: Context,
    written: &Written<'_>,
    (fields, around): (&[Field], Around),
    write: impl FnOnce(&mut Context, Vec<Target>) -> Statement,
) -> WritePlan {
    context.form = Form::Rows;
    let members = members(&mut context, written.row, fields, &mut Related::InPlace);
    let objects = RowObject::of(Form::Rows, members);
    context.form = Form::Json;
    let shape = objects.shape().expect("rows were asked for");
    let mut returning = objects.targets;
    let check = written.check.as_ref().map(|check| {
        let holds = check_value(&mut context, written.row, check);
        returning.push(Target::named(holds, Name::new(CHECK)));
        returning.len() - 1
    });
    let statement = write(&mut context, returning);
    let values = context.into_values();
    let (plan, effects) = print(&statement, &values);
    let alone = check.map(|_| {
        let mut alone = statement;
        if let Some(last) = returned(&mut alone).and_then(|targets| targets.last_mut()) {
            raise(last);
        }
        print(&alone, &values).0
    });
    WritePlan {
        statement: plan,
        alone,
        effects,
        gives: Gives::Written(WrittenRows {
            object: Arc::new(shape),
            check,
            around,
        }),
    }
}

/// `DELETE FROM …`, as it is.
fn complete_count(
    mut context: Context,
    pieces: Vec<Piece>,
    write: impl FnOnce(&mut Context, Vec<Target>) -> Statement,
) -> WritePlan {
    let statement = write(&mut context, Vec::new());
    let (statement, effects) = print(&statement, &context.into_values());
    WritePlan {
        statement,
        alone: None,
        effects,
        gives: Gives::Counted(pieces),
    }
}

/// What a statement that writes gives back.
fn returned(statement: &mut Statement) -> Option<&mut Vec<Target>> {
    match statement {
        Statement::Insert(insert) => Some(&mut insert.returning),
        Statement::Update(update) => Some(&mut update.returning),
        Statement::Delete(delete) => Some(&mut delete.returning),
        Statement::Select(_) | Statement::Explain(_) => None,
    }
}

/// Has a check raise an error instead of being told.
fn raise(check: &mut Target) {
    let holds = std::mem::replace(&mut check.expression, Expr::null());
    check.expression = refused(holds);
}

/// Puts the statement in a `WITH`, of which one row of texts tells.
fn complete_text(
    mut context: Context,
    written: &Written<'_>,
    wanted: Wanted<'_>,
    write: impl FnOnce(&mut Context, Vec<Target>) -> Statement,
) -> WritePlan {
    let rows = context.alias();
    let mut carried = Carried::default();
    let (third, gives) = match wanted {
        Wanted::Nothing => (None, Gives::Nothing),
        Wanted::Answer(output) => {
            let answer = answer(&mut context, rows, output, &mut carried);
            (Some(answer), Gives::Answer)
        }
        Wanted::Rows(columns) => {
            let list = rows_list(&mut context, rows, columns);
            (Some(list), Gives::Rows)
        }
    };
    let mut returning = carry(written.row, &carried);
    if let Wanted::Rows(columns) = wanted {
        returning.push(whole_row(written));
        for (at, column) in columns.iter().enumerate() {
            let value = Expr::Column(written.row, Name::new(column.as_str()));
            returning.push(Target::named(value, beside(at)));
        }
    }
    let mut holds = Target::unnamed(Expr::boolean(true));
    if let Some(check) = &written.check {
        let check = check_value(&mut context, written.row, check);
        returning.push(Target::named(check, Name::new(CHECK)));
        holds = Target::unnamed(all_hold(&mut context, rows));
    }
    if returning.is_empty() {
        returning.push(Target::unnamed(Expr::integer(1)));
    }
    let count = context.alias();
    let count = Select::of(Expr::aggregate("count", AggregateArguments::Star)).from(
        FromItem::CommonTable {
            name: rows,
            alias: count,
        },
    );
    let mut rest = vec![Target::unnamed(Expr::subselect(count).cast(TEXT))];
    rest.extend(third.map(|third| Target::unnamed(third.cast(TEXT))));
    let statement = write(&mut context, returning);
    let values = context.into_values();
    let told = |mut holds: Target, statement, rest: Vec<Target>| {
        holds.expression = holds.expression.cast(TEXT);
        let select = Select {
            with: vec![CommonTable {
                alias: rows,
                statement,
            }],
            targets: std::iter::once(holds).chain(rest).collect(),
            ..Select::default()
        };
        print(&Statement::Select(select), &values)
    };
    let alone = (written.check.is_some() && gives == Gives::Answer).then(|| {
        let mut holds = holds.clone();
        raise(&mut holds);
        told(holds, statement.clone(), rest.clone()).0
    });
    let (statement, effects) = told(holds, statement, rest);
    WritePlan {
        statement,
        alone,
        effects,
        gives,
    }
}

/// A statement as text with its parameters in order, and what it may do.
pub(super) fn print(statement: &Statement, values: &[TypedValue]) -> (StatementPlan, Effects) {
    let sql = sql::print(statement, Layout::Line);
    let effects = sql.effects();
    let parameters = sql.parameters().iter();
    let parameters = parameters.map(|id| values[id.index()].clone()).collect();
    let plan = StatementPlan {
        sql,
        parameters,
        result: ResultShape::JsonText,
    };
    (plan, effects)
}

fn whole_row(written: &Written<'_>) -> Target {
    let (schema, name) = names(written.table);
    let row = Expr::Row(written.row).cast(TypeName::Qualified { schema, name });
    Target::named(row, Name::new(ROW))
}

/// A column that is given back beside the row.
fn beside(at: usize) -> Name {
    Name::new(format!("c{at}"))
}

/// `json_agg(json_build_array(t2."row"::text, t2."c0"::text))`
fn rows_list(context: &mut Context, rows: Alias, columns: &[ColumnName]) -> Expr {
    let alias = context.alias();
    let text = |name: Name| Expr::Column(alias, name).cast(TEXT);
    let mut parts = vec![text(Name::new(ROW))];
    parts.extend((0..columns.len()).map(|at| text(beside(at))));
    let row = Expr::call("json_build_array", parts);
    let list = Expr::aggregate("json_agg", AggregateArguments::All(vec![row]));
    let from = FromItem::CommonTable { name: rows, alias };
    Expr::subselect(Select::of(list_or_empty(list)).from(from))
}

/// The value of a check; null is not true.
fn check_value(context: &mut Context, row: Alias, check: &Check) -> Expr {
    let mut hold = |exp: &BoolExp| condition(context, Scope::of(row), exp);
    let value = match check {
        Check::Plain(exp) => hold(exp),
        Check::NewOrOld(new, old) => {
            let xmax = Expr::Column(row, Name::new("xmax"));
            let branch = CaseBranch {
                when: xmax.cast(TEXT).equals(Expr::text("0")),
                then: hold(new),
            };
            Expr::Case(vec![branch], Some(Box::new(hold(old))))
        }
    };
    Expr::call("coalesce", vec![value, Expr::boolean(false)])
}

/// `(SELECT coalesce(bool_and(t3."check"), true) FROM t1 t3)`
fn all_hold(context: &mut Context, rows: Alias) -> Expr {
    let alias = context.alias();
    let check = Expr::Column(alias, Name::new(CHECK));
    let all = Expr::aggregate("bool_and", AggregateArguments::All(vec![check]));
    let all = Expr::call("coalesce", vec![all, Expr::boolean(true)]);
    let from = FromItem::CommonTable { name: rows, alias };
    Expr::subselect(Select::of(all).from(from))
}

/// The answer from the written rows' own columns.
fn answer(
    context: &mut Context,
    rows: Alias,
    output: &MutationOutput,
    carried: &mut Carried,
) -> Expr {
    match output {
        MutationOutput::Row(fields) => {
            let (object, from) = written_objects(context, rows, fields, carried);
            Expr::subselect(Select::of(object).from(from))
        }
        MutationOutput::Response(response) => {
            let mut pairs = Pairs::with_capacity(response.len());
            for field in response {
                let value = match &field.value {
                    ResponseValue::Typename(name) => Expr::text(name),
                    ResponseValue::AffectedRows => {
                        let alias = context.alias();
                        let from = FromItem::CommonTable { name: rows, alias };
                        let count = Expr::aggregate("count", AggregateArguments::Star);
                        Expr::subselect(Select::of(count).from(from))
                    }
                    ResponseValue::Returning(fields) => {
                        let (object, from) = written_objects(context, rows, fields, carried);
                        let each = AggregateArguments::All(vec![object]);
                        let list = list_or_empty(Expr::aggregate("json_agg", each));
                        Expr::subselect(Select::of(list).from(from))
                    }
                };
                pairs.push((field.key.clone(), value));
            }
            object(pairs).cast(JSON)
        }
    }
}

/// The objects of written rows, one row each, and how to read one.
fn written_objects(
    context: &mut Context,
    rows: Alias,
    fields: &[Field],
    carried: &mut Carried,
) -> (Expr, FromItem) {
    let late = context.collecting_alias();
    let pairs = pairs(context, late, fields, &mut Related::InPlace);
    carried.merge(context.collected(late));
    let objects = RowObject::new(pairs);
    let alias = context.alias();
    let object = objects.read(alias);
    let select = Select {
        targets: objects.targets,
        ..Select::default().from(FromItem::CommonTable {
            name: rows,
            alias: late,
        })
    };
    let from = FromItem::Subselect {
        select: Box::new(select),
        alias,
    };
    (object, from)
}
