//! What SQL of a user's did to the functions that the document names, and what that makes of it.
//!
//! A function is gone if neither its oid nor its name is there any more: one that was dropped and
//! created again in the same text stays tracked, and one with another name is followed, which v2 does for
//! tables and columns only. Pure, as `diff.rs` is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use graphloom_catalog::{Function, Volatility};
use graphloom_metadata::types::{ComputedField, Source};
use graphloom_schema::SourceInfo;
use graphloom_vocab::{Error, ErrorCode, QualifiedFunction, QualifiedTable, Result};

use crate::apply::refuse_dependents;
use crate::command::Cascade;
use crate::dependency::{self, Target};
use crate::error::quoted;

/// Functions by name, overloads side by side.
pub(crate) type Functions = HashMap<QualifiedFunction, Arc<[Function]>>;

/// What happened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionDiff {
    dropped: BTreeSet<QualifiedFunction>,
    /// The name before, and the one that it has now.
    renamed: Vec<(QualifiedFunction, QualifiedFunction)>,
    /// There are several of the name now.
    overloaded: BTreeSet<QualifiedFunction>,
    /// It may write now, and could not before.
    volatile: BTreeSet<QualifiedFunction>,
}

impl FunctionDiff {
    /// Compares the functions before with those that are there afterwards: all of them, or, if none is
    /// missing, those of the same names.
    pub(crate) fn new(before: &Functions, after: &Functions) -> Self {
        let by_oid: HashMap<u32, &QualifiedFunction> = after
            .iter()
            .flat_map(|(name, all)| oids_of(all).map(move |oid| (oid, name)))
            .collect();
        let mut diff = Self::default();
        for (name, old) in before {
            let Some(new) = after.get(name).filter(|new| !new.is_empty()) else {
                match oids_of(old).find_map(|oid| by_oid.get(&oid)) {
                    // Of several of one name nothing can be told: they are inconsistent, which is said when the
                    // schema is built.
                    Some(new) if old.len() == 1 => {
                        diff.renamed.push((name.clone(), (*new).clone()));
                    }
                    Some(_) => {}
                    None => drop(diff.dropped.insert(name.clone())),
                }
                continue;
            };
            if old.len() == 1 && new.len() > 1 {
                diff.overloaded.insert(name.clone());
            }
            let is_volatile =
                |all: &[Function]| all.iter().any(|f| f.volatility == Volatility::Volatile);
            if is_volatile(new) && !is_volatile(old) {
                diff.volatile.insert(name.clone());
            }
        }
        diff
    }

    /// Changes the document accordingly, or says why that cannot be: `not-supported` for overloads and
    /// functions that may write now, `dependency-error` if something depends on a computed field that
    /// is gone with its function.
    pub(crate) fn apply(
        &self,
        source: &mut Source,
        info: &SourceInfo,
        cascade: Cascade,
    ) -> Result<()> {
        self.refuse_overloads(source)?;
        self.refuse_volatile(source)?;
        let gone: Vec<(QualifiedTable, String)> = computed_fields(source)
            .filter(|(_, field)| self.dropped.contains(&field.function))
            .map(|(table, field)| (table.clone(), field.name.clone()))
            .collect();
        let targets = gone.iter().cloned();
        let targets = targets.map(|(table, name)| Target::ComputedField(table, name));
        let dependents = dependency::dependents(source, info, &targets.collect::<Vec<_>>());
        refuse_dependents(&source.name, &dependents, cascade)?;
        for dependent in &dependents {
            dependent.drop_from(source);
        }
        for (table, name) in gone {
            if let Some(table) = source.table_mut(&table) {
                table.computed_fields.shift_remove(&name);
            }
        }
        for function in &self.dropped {
            source.functions.shift_remove(function);
        }
        self.rename(source);
        Ok(())
    }

    fn rename(&self, source: &mut Source) {
        // All at once: names may have been exchanged.
        let new_name: HashMap<_, _> = self.renamed.iter().map(|(old, new)| (old, new)).collect();
        if new_name.is_empty() {
            return;
        }
        let functions = std::mem::take(&mut source.functions).into_values();
        let functions = functions.map(|mut tracked| {
            if let Some(new) = new_name.get(&tracked.function) {
                tracked.function = (*new).clone();
            }
            (tracked.function.clone(), tracked)
        });
        source.functions = functions.collect();
        for table in source.tables.values_mut() {
            if table.computed_fields.is_empty() {
                continue;
            }
            for field in Arc::make_mut(table).computed_fields.values_mut() {
                if let Some(new) = new_name.get(&field.function) {
                    field.function = (*new).clone();
                }
            }
        }
    }

    fn refuse_overloads(&self, source: &Source) -> Result<()> {
        let tracked: Vec<_> = self
            .overloaded
            .iter()
            .filter(|name| source.functions.contains_key(*name))
            .map(|name| format!("\"{}\"", name.display_name()))
            .collect();
        if !tracked.is_empty() {
            let listed = tracked.join(", ");
            return Err(not_supported(format!(
                "the following tracked function(s) cannot be overloaded: {listed}"
            )));
        }
        let mut computed = computed_fields(source);
        match computed.find(|(_, field)| self.overloaded.contains(&field.function)) {
            None => Ok(()),
            Some((table, field)) => Err(not_supported(format!(
                "The function \"{}\" associated with computed field \"{}\" of table {} is being \
                 overloaded",
                field.function.display_name(),
                field.name,
                quoted(table)
            ))),
        }
    }

    fn refuse_volatile(&self, source: &Source) -> Result<()> {
        let mut volatile = self.volatile.iter();
        if let Some(name) = volatile.find(|name| source.functions.contains_key(*name)) {
            return Err(not_supported(format!(
                "type of function \"{}\" is altered to \"VOLATILE\" which is not supported now",
                name.display_name()
            )));
        }
        let mut computed = computed_fields(source);
        match computed.find(|(_, field)| self.volatile.contains(&field.function)) {
            None => Ok(()),
            Some((table, field)) => Err(not_supported(format!(
                "The type of function \"{}\" associated with computed field \"{}\" of table {} is \
                 being altered to \"VOLATILE\"",
                field.function.display_name(),
                field.name,
                quoted(table)
            ))),
        }
    }
}

fn oids_of(overloads: &[Function]) -> impl Iterator<Item = u32> {
    overloads.iter().map(|function| function.oid)
}

fn computed_fields(source: &Source) -> impl Iterator<Item = (&QualifiedTable, &ComputedField)> {
    source.tables.values().flat_map(|table| {
        let fields = table.computed_fields.values();
        fields.map(|field| (&table.table, field))
    })
}

fn not_supported(message: String) -> Error {
    Error::new(ErrorCode::NotSupported, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use graphloom_catalog::PgType;

    use super::*;

    fn functions(all: &[(u32, &str, Volatility)]) -> Functions {
        let mut functions: HashMap<_, Vec<Function>> = HashMap::new();
        for (oid, name, volatility) in all {
            let name = QualifiedFunction::new("public", *name);
            functions.entry(name.clone()).or_default().push(Function {
                oid: *oid,
                name,
                volatility: *volatility,
                variadic: false,
                arguments: Vec::new(),
                return_type: PgType::builtin("text"),
                returns_set: false,
                comment: None,
            });
        }
        functions
            .into_iter()
            .map(|(name, all)| (name, all.into()))
            .collect()
    }

    fn diff(before: &[(u32, &str, Volatility)], after: &[(u32, &str, Volatility)]) -> FunctionDiff {
        FunctionDiff::new(&functions(before), &functions(after))
    }

    #[test]
    fn what_is_gone_is_told_from_what_is_made_anew_or_renamed() {
        use Volatility::Stable;
        let before = [(1, "f", Stable)];
        let name = QualifiedFunction::new("public", "f");
        assert_eq!(diff(&before, &[]).dropped, BTreeSet::from([name]));
        assert_eq!(diff(&before, &[(2, "f", Stable)]), FunctionDiff::default());
        let renamed = diff(&before, &[(1, "g", Stable)]);
        assert_eq!(renamed.dropped, BTreeSet::new());
        let other = QualifiedFunction::new("public", "g");
        let name = QualifiedFunction::new("public", "f");
        assert_eq!(renamed.renamed, [(name, other)]);
        // Which of two it was is not known.
        let two = [(1, "f", Stable), (2, "f", Stable)];
        assert_eq!(diff(&two, &[(1, "g", Stable)]), FunctionDiff::default());
    }

    #[test]
    fn overloads_and_functions_that_may_write_now() {
        use Volatility::{Stable, Volatile};
        let before = [(1, "f", Stable)];
        let found = diff(&before, &[(1, "f", Stable), (2, "f", Stable)]);
        assert_eq!(found.overloaded.len(), 1);
        let found = diff(&before, &[(1, "f", Volatile)]);
        assert_eq!(found.volatile.len(), 1);
        // It could all along.
        let found = diff(&[(1, "f", Volatile)], &[(1, "f", Volatile)]);
        assert_eq!(found, FunctionDiff::default());
    }
}
