//! Streams: the next rows along a column, and the place they lead to.
//!
//! First the place: the value of the last of so many rows behind the one the stream has come to. Then all rows up
//! to there, those equal to the last among them:
//!
//! ```sql
//! … LEFT JOIN LATERAL (SELECT t1."place" AS "place" FROM (
//!     SELECT t0."id" AS "place" FROM "public"."event" t0 WHERE t0."id" > c."p0" ORDER BY t0."id" LIMIT 10) t1
//!   ORDER BY t1."place" DESC LIMIT 1) t2 ON true
//! … WHERE t3."id" > c."p0" AND t3."id" <= t2."place" ORDER BY t3."id"
//! ```
//!
//! Both are found by an index of the column; without a new row the second finds nothing for there is no place.

use graphloom_ir::{self as ir, BoolExp, Comparison, Operand, Operator, RunValue};
use graphloom_sql::{Alias, Direction, Expr, FromItem, Name, Nulls, OrderBy, Select, Target};

use crate::column::granted;
use crate::context::Context;
use crate::live::{Cohorts, StreamPlaces};
use crate::rows::{self, Ordering, Request};

const PLACE: &str = "place";

/// How a stream is followed.
pub(crate) struct Followed {
    /// Which of the values is the place it has come to.
    pub(crate) cursor: usize,
    /// The place it goes to, beside the cohorts.
    pub(crate) next: FromItem,
    /// That place; NULL if there is no further row.
    pub(crate) place: Expr,
}

/// Plans the place a stream goes to, and tells the context where its places come from.
pub(crate) fn follow(
    context: &mut Context,
    cohorts: Cohorts,
    stream: &ir::StreamSelect,
) -> Followed {
    let cursor = context.own_parameter(&stream.initial);
    let [places, next]: [Alias; 2] = [(); 2].map(|()| context.alias());
    let place = Expr::Column(next, Name::new(PLACE));
    context.stream = Some(StreamPlaces {
        after: cohorts.value(cursor),
        up_to: place.clone(),
    });
    let mut arguments = behind(stream);
    arguments.limit = Some(stream.batch_size.clone());
    let request = Request {
        arguments: &arguments,
        ordering: Ordering::Matters,
        cap: stream.select.access.limit(),
    };
    let (row, mut rows) = rows::requested(context, &stream.select.access, None, request);
    let value = granted(context, row, &stream.column);
    rows.targets = vec![Target::named(value, Name::new(PLACE))];
    // Not `max`: many a type that has an order has no such function (bool, uuid, jsonb).
    let (last, nulls) = match stream.direction {
        ir::Direction::Ascending => (Direction::Descending, Nulls::First),
        ir::Direction::Descending => (Direction::Ascending, Nulls::Last),
    };
    let reached = || Expr::Column(places, Name::new(PLACE));
    let select = Select {
        targets: vec![Target::named(reached(), Name::new(PLACE))],
        order_by: vec![OrderBy {
            expression: reached(),
            direction: last,
            nulls,
        }],
        limit: Some(Expr::integer(1)),
        ..Select::default()
    }
    .from(FromItem::Subselect {
        select: Box::new(rows),
        alias: places,
    });
    Followed {
        cursor: cursor.index(),
        next: FromItem::Lateral {
            select: Box::new(select),
            alias: next,
        },
        place,
    }
}

/// The rows up to that place, in order. The access's limit is in the place already, and as in v2 rows equal to
/// the last one come along above it: the stream goes on behind them, and who left them out would lose them.
pub(crate) fn next_rows(stream: &ir::StreamSelect) -> ir::TableSelect {
    let mut arguments = behind(stream);
    let up_to = match stream.direction {
        ir::Direction::Ascending => Operator::Lte,
        ir::Direction::Descending => Operator::Gte,
    };
    let up_to = compared(stream, up_to, RunValue::StreamUpTo);
    arguments.filter = Some(BoolExp::And(
        arguments.filter.into_iter().chain([up_to]).collect(),
    ));
    ir::TableSelect {
        access: stream.select.access.clone(),
        arguments,
        fields: stream.select.fields.clone(),
    }
}

/// The rows behind the place a stream has come to, in order.
fn behind(stream: &ir::StreamSelect) -> ir::SelectArguments {
    let operator = match stream.direction {
        ir::Direction::Ascending => Operator::Gt,
        ir::Direction::Descending => Operator::Lt,
    };
    let after = compared(stream, operator, RunValue::StreamAfter);
    let filter = stream.select.arguments.filter.iter().cloned();
    ir::SelectArguments {
        filter: Some(BoolExp::And(filter.chain([after]).collect())),
        order_by: vec![ir::OrderBy {
            target: ir::OrderTarget::Column(stream.column.clone()),
            direction: stream.direction,
            nulls: match stream.direction {
                ir::Direction::Ascending => ir::Nulls::Last,
                ir::Direction::Descending => ir::Nulls::First,
            },
        }],
        ..ir::SelectArguments::default()
    }
}

fn compared(stream: &ir::StreamSelect, operator: Operator, place: RunValue) -> BoolExp {
    let value = ir::TypedValue {
        value: ir::Value::Run(place),
        ty: stream.column.ty().clone(),
    };
    BoolExp::column(
        Operand::granted(&stream.column),
        Comparison::Value(operator, value),
    )
}
