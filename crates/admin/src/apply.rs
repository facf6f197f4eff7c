//! Changes to the document as pure functions: what it becomes, what has to be read for it, and which
//! inconsistencies refuse it.
//!
//! Nothing here does I/O. A function sees the document and what is served of it; a table that the
//! document has and that is inconsistent does not exist for most commands, as with v2.

mod computed_field;
mod function;
mod inherited_role;
mod native;
mod permission;
mod relationship;
mod section;
mod source;
mod table;

use graphloom_metadata::Metadata;
use graphloom_metadata::types::{Source, Table};
use graphloom_schema::{SchemaCache, SourceInfo, TableInfo};
use graphloom_vocab::{Error, ErrorCode, Result, SourceName};

use crate::check::Check;
use crate::command::{Cascade, Change, TableId};
use crate::dependency::{self, Dependent};
use crate::error;
use crate::source::Refresh;

pub(crate) use inherited_role::refuse_cycles;
pub(crate) use native::{models as logical_models, queries as native_queries};
pub(crate) use permission::remove as remove_permission;
pub(crate) use section::{SectionChange, is_allowed_already};
pub(crate) use source::{new_source, without_content};
pub(crate) use table::{check_tracked, check_untracked, track, untrack, untrack_blockers};

/// What a change sees.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) schema: &'a SchemaCache,
}

/// What a change makes.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) metadata: Metadata,
    pub(crate) refresh: Refresh,
    pub(crate) check: Check,
}

/// Applies a change.
pub(crate) fn apply(view: View<'_>, change: Change) -> Result<Applied> {
    match change {
        Change::AddSource(add) => source::add(view, *add),
        Change::UpdateSource(update) => source::update(view, *update),
        Change::SetQueryTags(name, tags) => source::set_query_tags(view, &name, tags),
        Change::DropSource { name, cascade } => source::drop(view, &name, cascade),
        Change::RenameSource { name, new_name } => source::rename(view, &name, &new_name),
        Change::TrackTable(track) => table::track_one(view, *track),
        Change::UntrackTable(untrack) => table::untrack_one(view, &untrack),
        Change::SetTableConfiguration(id, configuration) => {
            table::set_configuration(view, &id, *configuration)
        }
        Change::SetTableIsEnum(id, enumeration) => table::set_is_enum(view, &id, enumeration),
        Change::SetApolloFederation(id, config) => table::set_apollo_federation(view, &id, config),
        Change::CreateRelationship(id, kind, relationship) => {
            relationship::create(view, &id, kind, *relationship)
        }
        Change::DropRelationship(id, name, cascade) => {
            relationship::drop(view, &id, &name, cascade)
        }
        Change::RenameRelationship(id, name, new_name) => {
            relationship::rename(view, &id, &name, &new_name)
        }
        Change::SetRelationshipComment(id, name, comment) => {
            relationship::set_comment(view, &id, &name, comment)
        }
        Change::CreatePermission(id, permission) => permission::create(view, &id, *permission),
        Change::DropPermission(id, role, kind) => permission::drop(view, &id, &role, kind),
        Change::SetPermissionComment(id, role, kind, comment) => {
            permission::set_comment(view, &id, &role, kind, comment)
        }
        Change::AddComputedField(id, field) => computed_field::add(view, &id, *field),
        Change::DropComputedField(id, name, cascade) => {
            computed_field::drop(view, &id, &name, cascade)
        }
        Change::TrackFunction(track) => function::track(view, *track),
        Change::UntrackFunction(id) => function::untrack(view, &id),
        Change::SetFunctionConfiguration(id, configuration) => {
            function::set_configuration(view, &id, configuration)
        }
        Change::CreateFunctionPermission(id, role) => function::create_permission(view, &id, &role),
        Change::DropFunctionPermission(id, role) => function::drop_permission(view, &id, &role),
        Change::AddInheritedRole(role) => inherited_role::add(view, *role),
        Change::DropInheritedRole(role) => inherited_role::drop(view, &role),
        Change::Native(change) => native::apply(view, *change),
        Change::Section(change) => section::apply(view, *change),
    }
}

/// Applies a change whose outcome somebody else checks.
pub(crate) fn apply_unchecked(view: View<'_>, change: Change) -> Result<Metadata> {
    apply(view, change).map(|applied| applied.metadata)
}

impl<'a> View<'a> {
    /// A source that is served.
    fn source(self, name: &SourceName) -> Result<&'a SourceInfo> {
        let found = self.schema.sources.get(name);
        found.ok_or_else(|| error::no_source(self.metadata, name))
    }

    /// A table that is served.
    fn table(self, id: &TableId) -> Result<&'a TableInfo> {
        let found = self.source(&id.source)?.tables.get(&id.table);
        found
            .map(|table| &**table)
            .ok_or_else(|| error::no_table(id))
    }

    /// A served source as the document has it.
    pub(crate) fn source_metadata(self, name: &SourceName) -> Result<&'a Source> {
        let found = self.metadata.sources.get(name);
        found.ok_or_else(|| error::no_source(self.metadata, name))
    }

    /// The document with one source changed.
    fn with_source(self, name: &SourceName, change: impl FnOnce(&mut Source)) -> Metadata {
        let mut metadata = self.metadata.clone();
        if let Some(source) = metadata.sources.get_mut(name) {
            change(source);
        }
        metadata
    }

    /// The document with one table changed.
    fn with_table(self, id: &TableId, change: impl FnOnce(&mut Table)) -> Metadata {
        self.with_source(&id.source, |source| {
            if let Some(table) = source.table_mut(&id.table) {
                change(table);
            }
        })
    }
}

/// *cannot drop due to the following dependent objects: …*, unless there are none or they go too.
pub(crate) fn refuse_dependents(
    source: &SourceName,
    dependents: &[Dependent],
    cascade: Cascade,
) -> Result<()> {
    if dependents.is_empty() || cascade == Cascade::Drop {
        return Ok(());
    }
    let listed = dependency::report(source, dependents);
    let message = format!("cannot drop due to the following dependent objects: {listed}");
    Err(Error::new(ErrorCode::DependencyError, message))
}

/// Names of objects as inconsistencies have them.
pub(crate) mod name {
    use graphloom_schema::RelationshipKind;
    use graphloom_vocab::{GraphqlName, QualifiedFunction, RoleName, SourceName};

    use crate::command::{PermissionKind, TableId};

    pub(crate) fn source(name: &SourceName) -> String {
        format!("source {name}")
    }

    pub(crate) fn table(id: &TableId) -> String {
        format!("table {} in source {}", id.table.display_name(), id.source)
    }

    pub(crate) fn relationship(id: &TableId, kind: RelationshipKind, name: &str) -> String {
        let kind = match kind {
            RelationshipKind::Object => "object_relation",
            RelationshipKind::Array => "array_relation",
        };
        format!("{kind} {name} in {}", table(id))
    }

    pub(crate) fn computed_field(id: &TableId, name: &str) -> String {
        format!("computed_field {name} in {}", table(id))
    }

    pub(crate) fn function(source: &SourceName, function: &QualifiedFunction) -> String {
        format!("function {} in source {source}", function.display_name())
    }

    pub(crate) fn native_query(source: &SourceName, name: &GraphqlName) -> String {
        format!("native_query {name} in source {source}")
    }

    pub(crate) fn logical_model(source: &SourceName, name: &GraphqlName) -> String {
        format!("logical_model {name} in source {source}")
    }

    pub(crate) fn inherited_role(role: &RoleName) -> String {
        format!("inherited_role {role}")
    }

    pub(crate) fn permission(id: &TableId, kind: PermissionKind, role: &str) -> String {
        format!("{}_permission {role} in {}", kind.as_str(), table(id))
    }
}
