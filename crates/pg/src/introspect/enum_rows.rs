//! The rows of a table that metadata calls an enum: its key, and a comment if there is one.

use graphloom_catalog::{EnumRow, Table};
use graphloom_sql::{
    Alias, Direction, Expr, FromItem, Layout, Name, Nulls, OrderBy, Select, Statement, Target,
    TypeName, print,
};

use crate::{Connection, PgError, Statement as PgStatement};

/// An enum of more values than this is no enum; the rest is not read, and the table is refused.
const ROWS_MAX: i64 = 10_000;

/// A table's rows, or the server's words about why they cannot be read: the fault is the table's, not the
/// connection's.
pub type EnumRows = Result<Vec<EnumRow>, String>;

/// Reads the rows of an enum table in the order of their keys.
///
/// A table that cannot be one (no single key column, more than one other column) has no rows here;
/// saying why is not this crate's affair.
pub async fn introspect_enum_rows(
    connection: &mut Connection,
    table: &Table,
) -> Result<EnumRows, PgError> {
    let Some(select) = select(table) else {
        return Ok(Ok(Vec::new()));
    };
    let text = print(&Statement::Select(select), Layout::Line);
    let rows = match connection
        .try_text_rows(&PgStatement::new(text.text()))
        .await
    {
        Ok(rows) => rows,
        // The server's own words about this table, such as *permission denied for table color*.
        Err(error) => match error.database() {
            Some(database) if !error.is_connection_error() => {
                return Ok(Err(database.message.clone()));
            }
            _ => return Err(error),
        },
    };
    let rows = rows.into_iter().filter_map(|row| {
        let mut columns = row.into_iter();
        let value = columns.next()??;
        let comment = columns.next().flatten();
        Some(EnumRow { value, comment })
    });
    Ok(Ok(rows.collect()))
}

fn select(table: &Table) -> Option<Select> {
    let [key] = table.primary_key.as_ref()?.columns.as_slice() else {
        return None;
    };
    let others: Vec<_> = table
        .columns
        .iter()
        .filter(|column| &column.name != key)
        .collect();
    if others.len() > 1 {
        return None;
    }
    let alias = Alias::new(0);
    let text = |name: &str| Expr::Column(alias, Name::new(name)).cast(TypeName::Builtin("text"));
    let mut select = Select::of(text(key.as_str())).from(FromItem::Table {
        schema: Name::new(table.name.schema.as_str()),
        table: Name::new(table.name.name.as_str()),
        alias,
    });
    if let [comment] = others.as_slice() {
        select
            .targets
            .push(Target::unnamed(text(comment.name.as_str())));
    }
    select.order_by.push(OrderBy {
        expression: text(key.as_str()),
        direction: Direction::Ascending,
        nulls: Nulls::Last,
    });
    select.limit = Some(Expr::integer(ROWS_MAX));
    Some(select)
}
