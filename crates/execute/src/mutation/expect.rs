//! Whether as many rows were affected as a mutation's `expect` says.

use graphloom_ir::{Comparison, Expectation, Nullness, Operator, TypedValue};
use graphloom_vocab::{Error, ErrorCode, Result};

use super::run::Request;
use crate::operation::text;

/// Refuses a mutation whose count is not as expected.
pub(super) fn check(expect: &Expectation, affected: u64, request: Request<'_>) -> Result<()> {
    for test in &expect.tests {
        if !holds(test, affected, request)? {
            let message = format!(
                "the mutation affects {affected} rows, which is not what it expects; nothing was changed"
            );
            let error = Error::new(ErrorCode::ExpectationFailed, message).with_status(400);
            return Err(error.at(expect.path.clone()));
        }
    }
    Ok(())
}

/// As Postgres compares integers: with null nothing holds.
fn holds(test: &Comparison, affected: u64, request: Request<'_>) -> Result<bool> {
    let affected = i64::try_from(affected).unwrap_or(i64::MAX);
    let (operator, value) = match test {
        Comparison::IsNull(nullness) => return Ok(*nullness == Nullness::NotNull),
        Comparison::Value(operator, value) => (*operator, value),
        _ => return Err(not_comparable()),
    };
    let numbers = numbers(value, request)?;
    let is_one_of = || numbers.contains(&Some(affected));
    let only = numbers.first().copied().flatten();
    let compare =
        |test: fn(&i64, &i64) -> bool| only.is_some_and(|number| test(&affected, &number));
    Ok(match operator {
        Operator::Eq => compare(i64::eq),
        Operator::Neq => compare(i64::ne),
        Operator::Gt => compare(i64::gt),
        Operator::Lt => compare(i64::lt),
        Operator::Gte => compare(i64::ge),
        Operator::Lte => compare(i64::le),
        Operator::In => is_one_of(),
        Operator::Nin => !is_one_of() && !numbers.contains(&None),
        _ => return Err(not_comparable()),
    })
}

/// One number, or those of an array's literal.
fn numbers(value: &TypedValue, request: Request<'_>) -> Result<Vec<Option<i64>>> {
    let Some(text) = text(value, request.session, request.variables)? else {
        return Ok(vec![None]);
    };
    let inside = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let number = |text: &str| match text.trim_matches('"') {
        "NULL" => Ok(None),
        text => text.parse().map(Some).map_err(|_| not_comparable()),
    };
    match inside {
        Some("") => Ok(Vec::new()),
        Some(inside) => inside.split(',').map(number).collect(),
        None => Ok(vec![number(&text)?]),
    }
}

fn not_comparable() -> Error {
    Error::validation("this cannot be compared with a number of rows")
}
