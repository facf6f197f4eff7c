//! From the bound operation to SQL: one root field becomes one statement. Its one row with one column holds the
//! JSON text of the field's value; or, where that is cheaper (`Delivery::Rows`), it gives a row per object, and the
//! plan says how to write the JSON (`shape.rs`).
//!
//! ```sql
//! SELECT coalesce(json_agg(row_to_json(t1.*)), '[]') FROM (
//!   SELECT t0."id" AS "id", (SELECT …) AS "articles" FROM "public"."author" t0 WHERE … ORDER BY … LIMIT …
//! ) t1
//! ```
//!
//! Every table comes with its access filter: nothing here can leave it out, for `rows.rs` alone writes a
//! table into `FROM` and it writes both. Values stay symbolic; equal ones become one parameter.
//!
//! Must not know roles, permissions, documents or metadata. The shapes, with the plans Postgres makes of
//! them, are argued in `docs/sql-shapes.md`. Read `select.rs`, `rows.rs`, then `condition.rs`.

mod aggregate;
mod call;
mod column;
mod condition;
mod connection;
mod context;
mod gather;
mod group;
mod grouped;
mod implied;
mod keyset;
mod levels;
mod live;
mod object;
mod order;
mod partner;
mod rows;
mod select;
mod shape;
mod stream;
mod tally;
mod value;
mod write;

use std::sync::Arc;

use graphloom_ir as ir;
use graphloom_sql as sql;
use graphloom_vocab::ColumnName;

use crate::context::{Context, Form};
pub use crate::levels::may_insert_by_levels;
pub use crate::live::{LiveDraft, LiveInput, LivePlan, LiveResult, Reads, Statements, live};
pub use crate::shape::{ObjectShape, Place, PlaceValue, Presence};
pub use crate::value::typed_parameter;
pub use crate::write::{
    Answering, Around, Gives, NewRows, Piece, Wanted, WritePlan, WrittenRows, answering, delete,
    insert, is_refusal, link, nested_columns, reread, update,
};

/// A statement that answers one root field.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementPlan {
    /// Its text.
    pub sql: sql::SqlText,
    /// What `$1`, `$2` … stand for, in this order. Each is sent as Postgres text (or NULL).
    pub parameters: Vec<ir::TypedValue>,
    /// How its rows become the field's value.
    pub result: ResultShape,
}

/// How a statement's rows become a root field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultShape {
    /// Postgres writes the JSON: one row, one column of type `json`, never NULL.
    JsonText,
    /// The same, but no row at all means `null`.
    JsonTextOrNoRow,
    /// A list with an object per row.
    Rows(Arc<ObjectShape>),
    /// The object of the one row, or `null` if there is none.
    RowOrNoRow(Arc<ObjectShape>),
}

/// Who writes the JSON of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Postgres, all of it.
    #[default]
    Json,
    /// Whoever reads the rows, wherever that gives the same text.
    Rows,
}

/// A statement before it is printed: a tree in which parameters are still symbolic.
///
/// For those who need more than its text.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementDraft {
    /// The tree.
    pub select: sql::Select,
    /// The values, at the index of each [`sql::ParameterId`].
    pub values: Vec<ir::TypedValue>,
    /// How its rows become the field's value.
    pub result: ResultShape,
}

/// Plans a root field.
pub fn plan(query: &ir::SourceQuery) -> StatementPlan {
    draft(query).print(sql::Layout::Line)
}

/// Plans a root field whose JSON is written as said.
pub fn plan_for(query: &ir::SourceQuery, delivery: Delivery) -> StatementPlan {
    draft_for(query, delivery).print(sql::Layout::Line)
}

/// Plans a root field, up to the printing.
pub fn draft(query: &ir::SourceQuery) -> StatementDraft {
    draft_for(query, Delivery::Json)
}

/// Plans a root field whose JSON is written as said, up to the printing.
pub fn draft_for(query: &ir::SourceQuery, delivery: Delivery) -> StatementDraft {
    let mut context = Context::default();
    let (select, result) = match (delivery, query) {
        (Delivery::Rows, ir::SourceQuery::List(list)) if select::fits_rows(&list.fields) => {
            let (select, shape) = row_root(&mut context, list, select::list_rows);
            (select, ResultShape::Rows(shape))
        }
        (Delivery::Rows, ir::SourceQuery::One(one)) if select::fits_rows(&one.fields) => {
            let (select, shape) = row_root(&mut context, one, select::one_row);
            (select, ResultShape::RowOrNoRow(shape))
        }
        (Delivery::Rows, ir::SourceQuery::Aggregate(tally)) if aggregate::is_tally(tally) => {
            let (mut select, shape) = aggregate::values(&mut context, None, tally);
            if select.targets.is_empty() {
                select
                    .targets
                    .push(sql::Target::unnamed(sql::Expr::boolean(true)));
            }
            (select, ResultShape::RowOrNoRow(Arc::new(shape)))
        }
        _ => root(&mut context, query),
    };
    StatementDraft {
        select,
        values: context.into_values(),
        result,
    }
}

/// A statement that gives the objects' columns themselves.
fn row_root(
    context: &mut Context,
    table: &ir::TableSelect,
    rows: impl FnOnce(&mut Context, Option<rows::Link<'_>>, &ir::TableSelect) -> select::Objects,
) -> (sql::Select, Arc<ObjectShape>) {
    context.form = Form::Rows;
    let objects = rows(context, None, table);
    let shape = objects.shape().expect("rows were asked for");
    (objects.rows, Arc::new(shape))
}

/// The statement's tree, and how its rows become the field's value.
pub(crate) fn root(context: &mut Context, query: &ir::SourceQuery) -> (sql::Select, ResultShape) {
    match query {
        ir::SourceQuery::List(select) => {
            (select::list(context, None, select), ResultShape::JsonText)
        }
        ir::SourceQuery::One(select) => (
            select::one(context, None, select),
            ResultShape::JsonTextOrNoRow,
        ),
        ir::SourceQuery::Aggregate(select) => (
            aggregate::aggregate(context, None, select),
            ResultShape::JsonText,
        ),
        ir::SourceQuery::Connection(select) => (
            connection::connection(context, None, select),
            ResultShape::JsonText,
        ),
        ir::SourceQuery::Stream(stream) => (
            select::counted_list(context, &stream::next_rows(stream)),
            ResultShape::JsonText,
        ),
    }
}

/// The statement that asks Postgres what an admin's own gives: to be prepared, not to be run.
pub fn describe(statement: &ir::NativeStatement, columns: &[ColumnName]) -> sql::SqlText {
    let mut context = Context::default();
    let alias = context.alias();
    let from = call::native(&mut context, statement, alias);
    let mut select = sql::Select::default().from(from);
    for column in columns {
        let column = sql::Expr::Column(alias, sql::Name::new(column.as_str()));
        select.targets.push(sql::Target::unnamed(column));
    }
    sql::print(&sql::Statement::Select(select), sql::Layout::Line)
}

impl StatementDraft {
    /// The statement as text with its parameters in order.
    pub fn print(self, layout: sql::Layout) -> StatementPlan {
        printed(
            &sql::Statement::Select(self.select),
            &self.values,
            (layout, self.result),
        )
    }

    /// The statement that asks Postgres for its plan: rows of one column of text.
    pub fn explain(self) -> StatementPlan {
        let statement = sql::Statement::Explain(Box::new(self.select));
        printed(&statement, &self.values, (sql::Layout::Line, self.result))
    }

    /// The statement for people to look at, with these values in the places of [`Self::values`].
    pub fn show(&self, values: &[Option<String>]) -> String {
        sql::show(&sql::Statement::Select(self.select.clone()), values)
    }
}

fn printed(
    statement: &sql::Statement,
    values: &[ir::TypedValue],
    (layout, result): (sql::Layout, ResultShape),
) -> StatementPlan {
    let sql = sql::print(statement, layout);
    let parameters = sql.parameters().iter();
    let parameters = parameters.map(|id| values[id.index()].clone()).collect();
    StatementPlan {
        sql,
        parameters,
        result,
    }
}
