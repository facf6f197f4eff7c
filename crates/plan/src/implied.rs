//! What a permission's filter repeats of the row it was reached from.
//!
//! An author's articles are reached from an author who passed the filter of authors. If the filter of articles says
//! `{author: {country: {_eq: X-Hasura-Country}}}`, and that of authors `{country: {_eq: X-Hasura-Country}}`, then each
//! article that matches *this* author satisfies the rule by this very author: asking again is work for nothing. Such
//! parts are left out.
//!
//! A part is left out only if all of this holds, so that no answer can change:
//! - the row it is reached from is one of the table's own, and its filter stands in the same statement;
//! - the rule follows the same columns back to the same table, seen raw as rules see tables;
//! - every condition it puts on the row there is, word for word, one that the row's own filter puts on it;
//! - and none of them could mean something else there: no column of the row the rule began with (`$`), no function.

use graphloom_ir::{
    BoolExp, ColumnScope, Comparison, Join, OperandValue, Rows, TableAccess, TypedValue, Value,
};
use graphloom_vocab::ColumnName;

/// The parts of an access's filter that do not follow from the row it is reached from; none means all rows.
pub(crate) fn remaining<'a>(
    filter: &'a BoolExp,
    outer: Option<&TableAccess>,
    mapping: &[(ColumnName, ColumnName)],
) -> Vec<&'a BoolExp> {
    let mut parts = Vec::new();
    collect(filter, &mut parts);
    if let Some(outer) = outer {
        let mut holds = Vec::new();
        collect(outer.filter(), &mut holds);
        parts.retain(|part| !follows(part, outer, mapping, &holds));
    }
    parts
}

/// The parts of a conjunction.
fn collect<'a>(exp: &'a BoolExp, parts: &mut Vec<&'a BoolExp>) {
    match exp {
        BoolExp::And(inner) => inner.iter().for_each(|part| collect(part, parts)),
        part => parts.push(part),
    }
}

fn follows(
    part: &BoolExp,
    outer: &TableAccess,
    mapping: &[(ColumnName, ColumnName)],
    holds: &[&BoolExp],
) -> bool {
    let BoolExp::Related { join, condition } = part else {
        return false;
    };
    let mut conditions = Vec::new();
    collect(condition, &mut conditions);
    leads_back(join, outer, mapping)
        && conditions
            .iter()
            .all(|condition| holds.contains(condition) && means_the_same(condition))
}

/// Whether a rule's join leads from a row to the row that `mapping` led from.
fn leads_back(join: &Join, outer: &TableAccess, mapping: &[(ColumnName, ColumnName)]) -> bool {
    let is_back = |(ours, theirs): &(ColumnName, ColumnName)| {
        mapping
            .iter()
            .any(|(outer, inner)| outer == theirs && inner == ours)
    };
    join.access.table() == outer.table()
        && matches!(join.access.rows(), Rows::Table)
        && join.access.filter().is_always()
        && !mapping.is_empty()
        && join.mapping.len() == mapping.len()
        && join.mapping.iter().all(is_back)
}

/// Whether a condition says the same of a row wherever the rule that holds it began.
fn means_the_same(exp: &BoolExp) -> bool {
    match exp {
        BoolExp::And(parts) | BoolExp::Or(parts) => parts.iter().all(means_the_same),
        BoolExp::Not(inner) => means_the_same(inner),
        BoolExp::Column(column) => {
            let is_column = matches!(column.operand.value(), OperandValue::Column(_));
            is_column && column.operand.mask().is_none() && is_fixed(&column.comparison)
        }
        BoolExp::Related { join, condition } => {
            matches!(join.access.rows(), Rows::Table)
                && join.access.filter().is_always()
                && means_the_same(condition)
        }
        BoolExp::Aggregate(_) | BoolExp::Exists { .. } => false,
    }
}

fn is_fixed(comparison: &Comparison) -> bool {
    let is_fixed = |value: &TypedValue| !matches!(value.value, Value::Run(_));
    match comparison {
        Comparison::IsNull(_) => true,
        Comparison::Value(_, value) => is_fixed(value),
        Comparison::Column { scope, .. } => *scope == ColumnScope::Current,
        Comparison::DWithin { .. } | Comparison::RasterBand { .. } => false,
    }
}
