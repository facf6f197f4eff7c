//! A subscription up to the point where it is followed: its statement and one subscriber's values.
//!
//! What is done with it (who shares a statement, when it is run) is the crate `subscribe`'s affair.

use std::sync::Arc;

use graphloom_ir::{RootField, RootValue, TypedValue};
use graphloom_pg::{Pool, Statement};
use graphloom_plan::{LiveInput, Reads};
use graphloom_vocab::{JsonObject, Result, RoleName, Session, SourceName};

use crate::guard::TimeLimit;
use crate::operation::text;

/// The statement of all subscriptions of one shape.
#[derive(Debug)]
pub struct LivePlan {
    /// The source it is run in.
    pub source: SourceName,
    /// Gives rows of `graphloom_plan::LiveResult`.
    pub statement: Statement,
    /// What `$1`, `$2` … stand for, in this order.
    pub inputs: Vec<LiveInput>,
    /// What tells cohorts apart, in this order.
    pub values: Vec<TypedValue>,
    /// Fails if one of a cohort's values is none of its type; with the values it takes, in order.
    pub check: Option<(Statement, Vec<usize>)>,
    /// What the answers depend on.
    pub reads: Reads,
    /// The response keys of its root fields.
    pub keys: Vec<Arc<str>>,
    /// Which of the values is the place that a stream has come to; `None` if this is no stream.
    pub cursor: Option<usize>,
}

/// One subscriber's subscription.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its statement.
    pub plan: Arc<LivePlan>,
    /// Its values, in the plan's order.
    pub values: Vec<Option<String>>,
    /// Who subscribes.
    pub role: RoleName,
    /// How long each answer may take; the same for all of a role's subscriptions of one generation.
    pub time_limit: Option<TimeLimit>,
    /// The schema it was planned with.
    pub generation: u64,
    /// Where the statement is run.
    pub pool: Pool,
}

impl LivePlan {
    /// `None` if no root field is of a source.
    pub(crate) fn new(roots: &[RootField]) -> Option<Self> {
        let source = source(roots)?.clone();
        let draft = graphloom_plan::live(roots);
        let printed = draft.print();
        let check = draft.check();
        Some(Self {
            source,
            statement: Statement::new(printed.sql.text()),
            inputs: printed.inputs,
            check: check.map(|(sql, order)| (Statement::new(sql.text()), order)),
            values: draft.values,
            reads: draft.reads,
            cursor: draft.cursor,
            keys: roots.iter().map(|root| root.key.clone()).collect(),
        })
    }

    /// One subscriber's values.
    pub(crate) fn values(
        &self,
        session: &Session,
        variables: &JsonObject,
    ) -> Result<Vec<Option<String>>> {
        let values = self.values.iter();
        values
            .map(|value| text(value, session, variables))
            .collect()
    }
}

fn source(roots: &[RootField]) -> Option<&SourceName> {
    roots.iter().find_map(|root| match &root.value {
        RootValue::Source(source, _) => Some(source),
        RootValue::Namespace(inner) => source(inner),
        _ => None,
    })
}
