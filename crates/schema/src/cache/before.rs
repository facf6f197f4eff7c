//! What of the last build still holds, so that a change costs what it changes.
//!
//! A table is made in steps: by itself (names, columns, values of an enum), then its fields that lead elsewhere,
//! then its permissions, whose rules may look at other tables. A step is left out where everything that it looked
//! at is what it was. What had an inconsistency is made anew each time, so that it is told again.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_catalog::{self as catalog, Catalog};
use graphloom_metadata::types::{self as metadata, Source};
use graphloom_vocab::{QualifiedTable, RoleName, SourceName};
use indexmap::IndexMap;

use super::{CatalogResult, SchemaCache, ServedTables, SourceInfo};
use crate::function::ComputedFieldInfo;
use crate::relationship::RelationshipInfo;
use crate::table::{self, MadeOf, SelectPermissionInfo, TableInfo};
use crate::write::WritePermissions;
use crate::{Feature, Naming, NamingConvention, Reason, Settings, arrays, conflict, unbuilt};

/// A source before its names are compared with those of others.
pub(super) struct Prepared<'a> {
    pub(super) source: &'a Source,
    pub(super) ready: Result<Ready, Reason>,
}

/// What can be said of a source by itself.
pub(super) struct Ready {
    pub(super) catalog: Arc<Catalog>,
    pub(super) naming: Naming,
    /// Of the document's tables, in their order.
    pub(super) bases: Vec<Result<Base, Reason>>,
}

/// A table by itself; if it is what it was, with everything that hung on it.
pub(super) struct Base {
    info: Arc<TableInfo>,
    standing: Standing,
}

/// What of a table is as it was.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    /// `None` if it is not what it was by itself.
    kept: Option<Kept>,
    /// Whether something of it is inconsistent now.
    is_troubled: bool,
}

/// What of a table is as it was that is what it was by itself.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// What the document says of its relationships, all of which could be followed.
    relationships: bool,
    /// What the document says of its permissions, all of which were served.
    permissions: bool,
    /// What its relationships and computed fields came out as.
    fields: bool,
}

impl Base {
    pub(super) fn info(&self) -> &TableInfo {
        &self.info
    }
}

impl<'a> Prepared<'a> {
    pub(super) fn of(
        source: &'a Source,
        catalogs: &HashMap<SourceName, CatalogResult>,
        settings: Settings,
        before: Option<&SchemaCache>,
    ) -> Self {
        let catalog = match (blocker(source), catalogs.get(&source.name)) {
            (Some(reason), _) => Err(reason),
            (None, Some(Ok(catalog))) => Ok(catalog.clone()),
            (None, Some(Err(reason))) => Err(reason.clone()),
            (None, None) => Err("the source was not introspected".into()),
        };
        let ready = catalog.map(|catalog| {
            let catalog = match settings.features.has(Feature::DisablePostgresArrays) {
                true => arrays::as_scalars(&catalog),
                false => catalog,
            };
            let naming = settings.naming(&source.customization);
            let before = before
                .filter(|before| before.settings == settings)
                .and_then(|before| before.sources.get(&source.name))
                .filter(|before| is_named_alike(before, source, &naming));
            let place = BasePlace {
                source,
                catalog: &catalog,
                naming: &naming,
                settings,
            };
            let tables = source.tables.values();
            let bases = tables.map(|tracked| place.base(tracked, before)).collect();
            Ready {
                catalog,
                naming,
                bases,
            }
        });
        Self { source, ready }
    }
}

/// Why a source is not served whatever its database has.
fn blocker(source: &Source) -> Option<Reason> {
    if source.dialect().is_none() {
        let kind = &source.kind;
        let text = format!("sources of kind {kind:?} are not served");
        return Some(Reason::unbuilt(text));
    }
    let convention = source.customization.naming_convention.as_deref();
    if let Some(name) = convention.filter(|name| NamingConvention::parse(name).is_none()) {
        return Some(format!("{name:?} is not a naming convention").into());
    }
    unbuilt::of_whole_source(source)
}

fn is_named_alike(before: &SourceInfo, source: &Source, naming: &Naming) -> bool {
    Some(before.dialect) == source.dialect()
        && before.naming == *naming
        && before.namespace == source.customization.namespace
}

/// What a table by itself is made of, besides what the document says of it.
struct BasePlace<'a> {
    source: &'a Source,
    catalog: &'a Catalog,
    naming: &'a Naming,
    settings: Settings,
}

impl BasePlace<'_> {
    fn base(
        &self,
        tracked: &Arc<metadata::Table>,
        before: Option<&SourceInfo>,
    ) -> Result<Base, Reason> {
        let Some(facts) = self.catalog.tables.get(&tracked.table) else {
            let name = tracked.table.display_name();
            return Err(format!("no such table/view exists in source: \"{name}\"").into());
        };
        if let Some(base) = before.and_then(|before| self.as_before(tracked, facts, before)) {
            return Ok(base);
        }
        let mut info = table::resolve(tracked, facts, self.catalog, self.naming)?;
        let namespace = self.source.customization.namespace.as_deref();
        let names = conflict::names(&info, self.naming, namespace, self.settings);
        info.made_of = Some(MadeOf {
            tracked: tracked.clone(),
            facts: facts.clone(),
            names: names.into(),
            consulted: Box::default(),
            is_whole: true,
        });
        Ok(Base {
            info: Arc::new(info),
            standing: Standing::default(),
        })
    }

    /// The table with all that hung on it, if it is what it was by itself.
    fn as_before(
        &self,
        tracked: &Arc<metadata::Table>,
        facts: &Arc<catalog::Table>,
        before: &SourceInfo,
    ) -> Option<Base> {
        let mut info = before.tables.get(&tracked.table)?.clone();
        let made_of = info.made_of.as_ref()?;
        let name = &tracked.table;
        let has_same_rows = || {
            let rows = before.origin.catalog.enum_rows.get(name);
            rows == self.catalog.enum_rows.get(name)
        };
        let has_same_facts = Arc::ptr_eq(facts, &made_of.facts) || *facts == made_of.facts;
        if !has_same_facts || (tracked.is_enum && !has_same_rows()) {
            return None;
        }
        let old = &made_of.tracked;
        let is_same = Arc::ptr_eq(tracked, old);
        if !is_same && !says_the_same_of_itself(tracked, old) {
            return None;
        }
        let was_whole = made_of.is_whole;
        let kept = Kept {
            relationships: was_whole && (is_same || has_same_relationships(tracked, old)),
            permissions: was_whole && (is_same || has_same_permissions(tracked, old)),
            fields: true,
        };
        let standing = Standing {
            kept: Some(kept),
            is_troubled: false,
        };
        if !is_same || !info.native_relationships.is_empty() {
            let info = Arc::make_mut(&mut info);
            // They are resolved anew each time, with the queries that they lead to.
            info.native_relationships = IndexMap::new();
            if let Some(made_of) = &mut info.made_of {
                made_of.tracked = tracked.clone();
            }
        }
        Some(Base { info, standing })
    }
}

fn says_the_same_of_itself(one: &metadata::Table, other: &metadata::Table) -> bool {
    one.is_enum == other.is_enum
        && one.configuration == other.configuration
        && one.extra == other.extra
}

fn has_same_relationships(one: &metadata::Table, other: &metadata::Table) -> bool {
    is_same_list(&one.object_relationships, &other.object_relationships)
        && is_same_list(&one.array_relationships, &other.array_relationships)
}

fn has_same_permissions(one: &metadata::Table, other: &metadata::Table) -> bool {
    is_same_list(&one.select_permissions, &other.select_permissions)
        && is_same_list(&one.insert_permissions, &other.insert_permissions)
        && is_same_list(&one.update_permissions, &other.update_permissions)
        && is_same_list(&one.delete_permissions, &other.delete_permissions)
}

/// Whether both have the same in the same order.
fn is_same_list<K: PartialEq, V: PartialEq>(one: &IndexMap<K, V>, other: &IndexMap<K, V>) -> bool {
    one.len() == other.len() && one.iter().eq(other.iter())
}

/// A source's tables while they are being made.
pub(super) struct Making {
    tables: ServedTables,
    /// By position.
    standings: Vec<Standing>,
}

/// A table's permissions as they were compiled.
pub(super) struct Compiled {
    pub(super) select: IndexMap<RoleName, Arc<SelectPermissionInfo>>,
    pub(super) write: WritePermissions,
    /// The other tables that rules looked at.
    pub(super) consulted: Box<[QualifiedTable]>,
}

impl Making {
    pub(super) fn with_capacity(tables: usize) -> Self {
        Self {
            tables: IndexMap::with_capacity(tables),
            standings: Vec::with_capacity(tables),
        }
    }

    pub(super) fn push(&mut self, name: QualifiedTable, base: Base) {
        self.tables.insert(name, base.info);
        self.standings.push(base.standing);
    }

    pub(super) fn tables(&self) -> &ServedTables {
        &self.tables
    }

    /// Where a table is among those that are made.
    pub(super) fn position(&self, name: &QualifiedTable) -> Option<usize> {
        self.tables.get_index_of(name)
    }

    fn kept(&self, name: &QualifiedTable) -> Option<Kept> {
        self.standings[self.position(name)?].kept
    }

    /// Whether resolving the relationships would give what is there.
    pub(super) fn has_same_relationships(&self, at: usize) -> bool {
        let mut targets = self.tables[at].relationships.values();
        self.standings[at]
            .kept
            .is_some_and(|kept| kept.relationships)
            && targets.all(|relationship| self.kept(&relationship.target).is_some())
    }

    pub(super) fn set_relationships(
        &mut self,
        at: usize,
        resolved: IndexMap<String, RelationshipInfo>,
    ) {
        if !is_same_list(&self.tables[at].relationships, &resolved) {
            self.change(at).relationships = resolved;
        }
    }

    pub(super) fn set_computed_fields(
        &mut self,
        at: usize,
        resolved: IndexMap<String, ComputedFieldInfo>,
    ) {
        if !is_same_list(&self.tables[at].computed_fields, &resolved) {
            self.change(at).computed_fields = resolved;
        }
    }

    /// The table, whose fields are not what they were from here on.
    fn change(&mut self, at: usize) -> &mut TableInfo {
        if let Some(kept) = &mut self.standings[at].kept {
            kept.fields = false;
        }
        Arc::make_mut(&mut self.tables[at])
    }

    /// Whether compiling the permissions would give what is there. Asked when all fields are made.
    pub(super) fn has_same_permissions(&self, at: usize) -> bool {
        let made_of = self.tables[at].made_of.as_ref();
        let mut consulted = made_of.into_iter().flat_map(|made| &made.consulted);
        let has_same_fields = |kept: Option<Kept>| kept.is_some_and(|kept| kept.fields);
        self.standings[at]
            .kept
            .is_some_and(|kept| kept.permissions && kept.fields)
            && consulted.all(|name| has_same_fields(self.kept(name)))
    }

    pub(super) fn set_permissions(&mut self, at: usize, compiled: Compiled) -> &mut TableInfo {
        let info = Arc::make_mut(&mut self.tables[at]);
        info.select_permissions = compiled.select;
        info.write_permissions = compiled.write;
        if let Some(made_of) = &mut info.made_of {
            made_of.consulted = compiled.consulted;
        }
        info
    }

    pub(super) fn note_trouble(&mut self, at: usize, is_troubled: bool) {
        self.standings[at].is_troubled |= is_troubled;
    }

    pub(super) fn finish(mut self) -> ServedTables {
        for (info, standing) in self.tables.values_mut().zip(&self.standings) {
            let is_whole = !standing.is_troubled;
            if info
                .made_of
                .as_ref()
                .is_some_and(|made| made.is_whole != is_whole)
                && let Some(made_of) = &mut Arc::make_mut(info).made_of
            {
                made_of.is_whole = is_whole;
            }
        }
        self.tables
    }
}
