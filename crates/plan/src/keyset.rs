//! Rows beyond a cursor, as a condition on sort keys.
//!
//! Nulls have their place in the order too, so a comparison alone is not enough where they can be: rows whose
//! key is null would be on no side of any cursor, and lost between two pages.

use graphloom_ir::Side;
use graphloom_sql::{BinaryOperator, Direction, Expr, Nulls, OrderBy};

use crate::connection::Inclusion;

/// A sort key and the cursor's value of it.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) order: OrderBy,
    pub(crate) nullable: bool,
    /// `None`: null.
    pub(crate) cursor: Option<Expr>,
}

/// The condition of being beyond a cursor on one side.
pub(crate) fn beyond(keys: Vec<Key>, side: Side, inclusion: Inclusion) -> Expr {
    if let Some(compared) = row_comparison(&keys, side, inclusion) {
        return compared;
    }
    let rule = further(&keys, side, inclusion);
    match bound(&keys, side) {
        Some(bound) => Expr::And(vec![bound, rule]),
        None => rule,
    }
}

/// `a >= $1`: what follows for the first key alone. An index on it finds its start by this, which it
/// cannot by an OR.
fn bound(keys: &[Key], side: Side) -> Option<Expr> {
    let key = keys.first().filter(|_| keys.len() > 1)?;
    let cursor = key.cursor.clone()?;
    if key.nullable && nulls_are_beyond(key, side) {
        return None;
    }
    let operator = operator(key.order.direction, side, Inclusion::Included);
    Some(key.order.expression.clone().binary(operator, cursor))
}

fn nulls_are_beyond(key: &Key, side: Side) -> bool {
    (key.order.nulls == Nulls::Last) == (side == Side::After)
}

/// `ROW(a, b) > ROW($1, $2)`, which an index on both can answer: where all keys go the same way and none
/// can be null.
fn row_comparison(keys: &[Key], side: Side, inclusion: Inclusion) -> Option<Expr> {
    let direction = keys.first()?.order.direction;
    let mut left = Vec::with_capacity(keys.len());
    let mut right = Vec::with_capacity(keys.len());
    for key in keys {
        if key.nullable || key.order.direction != direction {
            return None;
        }
        left.push(key.order.expression.clone());
        right.push(key.cursor.clone()?);
    }
    let operator = operator(direction, side, inclusion);
    if left.len() == 1 {
        return Some(left.remove(0).binary(operator, right.remove(0)));
    }
    Some(Expr::RowOf(left).binary(operator, Expr::RowOf(right)))
}

fn operator(direction: Direction, side: Side, inclusion: Inclusion) -> BinaryOperator {
    let greater = (direction == Direction::Ascending) == (side == Side::After);
    match (greater, inclusion) {
        (true, Inclusion::Excluded) => BinaryOperator::Greater,
        (true, Inclusion::Included) => BinaryOperator::GreaterOrEqual,
        (false, Inclusion::Excluded) => BinaryOperator::Less,
        (false, Inclusion::Included) => BinaryOperator::LessOrEqual,
    }
}

/// `a > $1 OR (a = $1 AND (b > $2 OR …))`
fn further(keys: &[Key], side: Side, inclusion: Inclusion) -> Expr {
    let Some((key, rest)) = keys.split_first() else {
        return Expr::boolean(inclusion == Inclusion::Included);
    };
    let beyond = key_beyond(key, side);
    if rest.is_empty() {
        if let Some(compared) = row_comparison(std::slice::from_ref(key), side, inclusion) {
            return compared;
        }
        if inclusion == Inclusion::Excluded {
            return beyond.unwrap_or_else(|| Expr::boolean(false));
        }
    }
    let same = key_same(key);
    let same = match rest {
        [] => same,
        rest => Expr::And(vec![same, further(rest, side, inclusion)]),
    };
    match beyond {
        None => same,
        Some(beyond) => Expr::Or(vec![beyond, same]),
    }
}

/// `None`: no value is beyond it.
fn key_beyond(key: &Key, side: Side) -> Option<Expr> {
    let nulls_are_beyond = nulls_are_beyond(key, side);
    let expression = &key.order.expression;
    match &key.cursor {
        None if nulls_are_beyond => None,
        None => Some(Expr::IsNotNull(Box::new(expression.clone()))),
        Some(cursor) => {
            let operator = operator(key.order.direction, side, Inclusion::Excluded);
            let compared = expression.clone().binary(operator, cursor.clone());
            if !(key.nullable && nulls_are_beyond) {
                return Some(compared);
            }
            let is_null = Expr::IsNull(Box::new(expression.clone()));
            Some(Expr::Or(vec![compared, is_null]))
        }
    }
}

fn key_same(key: &Key) -> Expr {
    let expression = key.order.expression.clone();
    match &key.cursor {
        None => Expr::IsNull(Box::new(expression)),
        Some(cursor) => expression.equals(cursor.clone()),
    }
}
