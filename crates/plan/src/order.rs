//! Sort keys.

use graphloom_ir as ir;
use graphloom_sql::{AggregateArguments, Alias, Direction, Expr, Nulls, OrderBy, Select, Target};

use crate::column::granted;
use crate::context::Context;
use crate::rows::{self, Link};

/// The sort keys of a row.
pub(crate) fn order_by(context: &mut Context, row: Alias, keys: &[ir::OrderBy]) -> Vec<OrderBy> {
    let key = |key: &ir::OrderBy| OrderBy {
        expression: target(context, row, &key.target),
        direction: match key.direction {
            ir::Direction::Ascending => Direction::Ascending,
            ir::Direction::Descending => Direction::Descending,
        },
        nulls: match key.nulls {
            ir::Nulls::First => Nulls::First,
            ir::Nulls::Last => Nulls::Last,
        },
    };
    keys.iter().map(key).collect()
}

/// What a sort key looks at; beyond a relationship it is a scalar subselect.
fn target(context: &mut Context, row: Alias, target: &ir::OrderTarget) -> Expr {
    match target {
        ir::OrderTarget::Column(column) => granted(context, row, column),
        ir::OrderTarget::Object(join, rest) => {
            let (other, select) = related(context, row, join);
            let value = self::target(context, other, rest);
            Expr::subselect(Select {
                targets: vec![Target::unnamed(value)],
                limit: Some(Expr::integer(1)),
                ..select
            })
        }
        ir::OrderTarget::Aggregate(join, function, column) => {
            let (other, select) = related(context, row, join);
            let arguments = match column {
                None => AggregateArguments::Star,
                Some(column) => AggregateArguments::All(vec![granted(context, other, column)]),
            };
            let value = Expr::aggregate(function.name(), arguments);
            Expr::subselect(Select {
                targets: vec![Target::unnamed(value)],
                ..select
            })
        }
    }
}

fn related(context: &mut Context, row: Alias, join: &ir::Join) -> (Alias, Select) {
    let link = Link {
        outer: row,
        mapping: &join.mapping,
    };
    rows::source(context, &join.access, Some(link))
}
