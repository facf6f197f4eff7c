//! The state of one binding: schema, document, variables, where we are, and what we assumed.

use std::collections::{HashMap, HashSet};

use graphloom_graphql::Fragment;
use graphloom_ir::{Assumption, Observed, OperationKind, Premise};
use graphloom_schema::RoleSchema;
use graphloom_vocab::{Absent, Error, ErrorPath, GraphqlName, JsonObject, PathSegment, Result};

use crate::Limits;
use crate::variables::VariableRules;

/// The state of one binding.
pub(crate) struct Binder<'a> {
    pub(crate) kind: OperationKind,
    pub(crate) schema: &'a RoleSchema,
    pub(crate) fragments: &'a HashMap<&'a GraphqlName, &'a Fragment>,
    pub(crate) rules: &'a VariableRules,
    /// With defaults filled in.
    pub(crate) variables: &'a JsonObject,
    pub(crate) limits: Limits,
    pub(crate) path: ErrorPath,
    pub(crate) premise: Premise,
    /// What the premise holds, to note nothing twice.
    pub(crate) assumed: HashSet<Assumption>,
    pub(crate) seen: Seen,
    pub(crate) depth: usize,
}

/// How much was bound so far, fragments expanded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Fields, and items of lists that become SQL.
    fields: usize,
    aliases: usize,
    directives: usize,
}

impl Binder<'_> {
    /// Runs a step one key deeper; errors made inside carry that path.
    pub(crate) fn within<T>(
        &mut self,
        key: &str,
        step: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.path.push(PathSegment::Key(key.to_owned()));
        let result = step(self);
        self.path.pop();
        result
    }

    /// Runs a step one list position deeper.
    pub(crate) fn within_index<T>(
        &mut self,
        index: usize,
        step: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.path.push(PathSegment::Index(index));
        let result = step(self);
        self.path.pop();
        result
    }

    /// Runs a step one level deeper in selections, conditions or sort keys: all of them nest in SQL.
    pub(crate) fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= self.limits.depth {
            let most = self.limits.depth;
            return self.fail(format!("the operation nests deeper than {most} levels"));
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    /// A `validation-failed` error here.
    pub(crate) fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Error::validation(message).at(self.path.clone()))
    }

    /// The same for a name that is not in the role's schema.
    pub(crate) fn absent<T>(&self, absent: Absent, message: impl Into<String>) -> Result<T> {
        let error = Error::validation(message).at(self.path.clone());
        Err(error.for_want_of(absent))
    }

    /// Counts fields against the ceiling.
    pub(crate) fn count_field(&mut self) -> Result<()> {
        self.count_items(1)
    }

    /// Counts items of lists that become SQL against the same ceiling.
    pub(crate) fn count_items(&mut self, items: usize) -> Result<()> {
        self.seen.fields = self.seen.fields.saturating_add(items);
        if self.seen.fields > self.limits.fields {
            let most = self.limits.fields;
            return self.fail(format!("the operation selects more than {most} fields"));
        }
        Ok(())
    }

    /// Counts a field's alias against its ceiling.
    pub(crate) fn count_alias(&mut self) -> Result<()> {
        self.seen.aliases += 1;
        if self.seen.aliases > self.limits.aliases {
            let most = self.limits.aliases;
            return self.fail(format!("the operation has more than {most} aliases"));
        }
        Ok(())
    }

    /// Counts what stands at one field or fragment against the ceiling of directives.
    pub(crate) fn count_directives(&mut self, directives: usize) -> Result<()> {
        self.seen.directives = self.seen.directives.saturating_add(directives);
        if self.seen.directives > self.limits.directives {
            let most = self.limits.directives;
            return self.fail(format!("the operation has more than {most} directives"));
        }
        Ok(())
    }

    /// Notes what a variable held, since the SQL now depends on it.
    pub(crate) fn assume(
        &mut self,
        variable: &GraphqlName,
        path: &[PathSegment],
        observed: Observed,
    ) {
        let assumption = Assumption {
            variable: variable.clone(),
            path: path.to_vec(),
            observed,
        };
        if self.assumed.insert(assumption.clone()) {
            self.premise.0.push(assumption);
        }
    }
}
