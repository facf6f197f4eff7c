//! Commands, as decoded: every one is a value before anything of its request runs.

use graphloom_metadata::Document;
use graphloom_metadata::types::{
    Comment, ComputedField, DeletePermission, Dialect, InheritedRole, InsertPermission,
    LogicalModel, NativeQuery, Permission, Relationship, SelectPermission, SourceConfiguration,
    SourceCustomization, TableConfiguration, UpdatePermission,
};
use graphloom_schema::RelationshipKind;
use graphloom_vocab::{
    GraphqlName, Json, JsonObject, QualifiedFunction, QualifiedTable, RelationshipName, RoleName,
    SourceName,
};

use crate::apply::SectionChange;
use crate::legacy::{Count, DeleteQuery, InsertQuery, Select, UpdateQuery};
use crate::look::Look;

/// A command of any of the three endpoints.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// One change to the document.
    Change(Change),
    /// `track_tables`
    TrackTables(Many<TrackTable>),
    /// `untrack_tables`
    UntrackTables(Many<UntrackTable>),
    /// `replace_metadata`
    Replace(Box<Replace>),
    /// `clear_metadata`
    Clear,
    /// `drop_inconsistent_metadata`
    DropInconsistent,
    /// `reload_metadata`
    Reload(Reload),
    /// `export_metadata`
    Export(Version),
    /// `get_inconsistent_metadata`
    GetInconsistent,
    /// `get_native_query`: all of a source.
    GetNativeQueries(SourceName),
    /// `get_logical_model`: all of a source.
    GetLogicalModels(SourceName),
    /// `get_catalog_state`
    GetCatalogState,
    /// `set_catalog_state`
    SetCatalogState(Client, Json),
    /// `bulk`: the first error ends it.
    Bulk(Vec<Command>),
    /// `concurrent_bulk`: all at once, none of which changes a schema.
    ConcurrentBulk(Vec<Command>),
    /// `bulk_keep_going`: errors stand in place of results.
    BulkKeepGoing(Vec<Command>),
    /// `bulk_atomic`: one check at the end.
    BulkAtomic(Vec<Command>),
    /// `run_sql`
    RunSql(RunSql),
    /// `insert` of the legacy query language.
    Insert(Box<InsertQuery>),
    /// `update` of the legacy query language.
    Update(Box<UpdateQuery>),
    /// `delete` of the legacy query language.
    Delete(Box<DeleteQuery>),
    /// `select` of the legacy query language.
    Select(Box<Select>),
    /// `count` of the legacy query language.
    Count(Box<Count>),
    /// A command that only looks.
    Look(Look),
    /// A command that v2 has and this build does not.
    NotBuilt(String),
}

/// A change to the document that a pure function makes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    AddSource(Box<AddSource>),
    UpdateSource(Box<UpdateSource>),
    /// `query_tags` of a source, checked, as they are to be kept.
    SetQueryTags(SourceName, JsonObject),
    DropSource {
        name: SourceName,
        cascade: Cascade,
    },
    RenameSource {
        name: SourceName,
        new_name: SourceName,
    },
    TrackTable(Box<TrackTable>),
    UntrackTable(UntrackTable),
    SetTableConfiguration(TableId, Box<TableConfiguration>),
    SetTableIsEnum(TableId, Enumeration),
    /// `set_apollo_federation_config`, checked; `None` takes it away.
    SetApolloFederation(TableId, Option<Json>),
    CreateRelationship(TableId, RelationshipKind, Box<Relationship>),
    DropRelationship(TableId, RelationshipName, Cascade),
    RenameRelationship(TableId, RelationshipName, RelationshipName),
    SetRelationshipComment(TableId, RelationshipName, Option<String>),
    CreatePermission(TableId, Box<AnyPermission>),
    DropPermission(TableId, RoleName, PermissionKind),
    SetPermissionComment(TableId, RoleName, PermissionKind, Option<String>),
    AddComputedField(TableId, Box<ComputedField>),
    DropComputedField(TableId, String, Cascade),
    TrackFunction(Box<TrackFunction>),
    UntrackFunction(FunctionId),
    SetFunctionConfiguration(FunctionId, JsonObject),
    CreateFunctionPermission(FunctionId, RoleName),
    DropFunctionPermission(FunctionId, RoleName),
    AddInheritedRole(Box<InheritedRole>),
    DropInheritedRole(RoleName),
    Native(Box<NativeChange>),
    Section(Box<SectionChange>),
}

/// A change to native queries and logical models.
#[derive(Clone, Debug)]
pub(crate) enum NativeChange {
    TrackQuery(SourceName, NativeQuery),
    UntrackQuery(SourceName, GraphqlName),
    TrackModel(SourceName, LogicalModel),
    UntrackModel(SourceName, GraphqlName),
    CreatePermission(ModelId, Permission<SelectPermission>),
    DropPermission(ModelId, RoleName),
}

/// A shape of rows that has permissions.
#[derive(Clone, Debug)]
pub(crate) struct ModelId {
    pub(crate) source: SourceName,
    pub(crate) owner: ModelOwner,
}

/// Whose shape it is.
#[derive(Clone, Debug)]
pub(crate) enum ModelOwner {
    /// A logical model's.
    Model(GraphqlName),
    /// A native query's own.
    Query(GraphqlName),
}

/// A table of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableId {
    pub(crate) source: SourceName,
    pub(crate) table: QualifiedTable,
}

impl TableId {
    /// As messages about several tables name it: `default.author`.
    pub(crate) fn display(&self) -> String {
        format!("{}.{}", self.source, self.table.display_name())
    }
}

/// A function of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionId {
    pub(crate) source: SourceName,
    pub(crate) function: QualifiedFunction,
}

/// What happens to objects that depend on what is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cascade {
    /// Nothing: the command is refused.
    Refuse,
    /// They are dropped too.
    Drop,
}

/// Whether a table's rows are the values of an enum type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enumeration {
    Plain,
    Enum,
}

#[derive(Clone, Debug)]
pub(crate) struct AddSource {
    pub(crate) name: SourceName,
    /// What the command's prefix says.
    pub(crate) dialect: Dialect,
    pub(crate) configuration: SourceConfiguration,
    pub(crate) customization: SourceCustomization,
    pub(crate) health_check: Option<Json>,
    /// `replace_configuration`: what is there already is changed instead of refused.
    pub(crate) existing: Existing,
}

/// What to do with something that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Replace,
}

#[derive(Clone, Debug)]
pub(crate) struct UpdateSource {
    pub(crate) name: SourceName,
    pub(crate) configuration: Option<SourceConfiguration>,
    pub(crate) customization: Option<SourceCustomization>,
    pub(crate) health_check: Option<Json>,
}

#[derive(Clone, Debug)]
pub(crate) struct TrackTable {
    pub(crate) id: TableId,
    pub(crate) enumeration: Enumeration,
    pub(crate) configuration: TableConfiguration,
    /// `apollo_federation_config` and `logical_model`, as given.
    pub(crate) extra: JsonObject,
}

#[derive(Clone, Debug)]
pub(crate) struct TrackFunction {
    pub(crate) id: FunctionId,
    /// Checked, as documents have it.
    pub(crate) configuration: JsonObject,
    pub(crate) comment: Comment,
}

#[derive(Clone, Debug)]
pub(crate) struct UntrackTable {
    pub(crate) id: TableId,
    pub(crate) cascade: Cascade,
}

/// Several objects, of which some may fail.
#[derive(Clone, Debug)]
pub(crate) struct Many<T> {
    pub(crate) items: Vec<T>,
    pub(crate) warnings: Warnings,
}

/// What warnings do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warnings {
    /// They stand beside the result.
    Allow,
    /// They are errors.
    Refuse,
}

/// A permission of one of the four kinds.
#[derive(Clone, Debug)]
pub(crate) enum AnyPermission {
    Insert(Permission<InsertPermission>),
    Select(Permission<SelectPermission>),
    Update(Permission<UpdatePermission>),
    Delete(Permission<DeletePermission>),
}

impl AnyPermission {
    pub(crate) fn kind(&self) -> PermissionKind {
        match self {
            Self::Insert(_) => PermissionKind::Insert,
            Self::Select(_) => PermissionKind::Select,
            Self::Update(_) => PermissionKind::Update,
            Self::Delete(_) => PermissionKind::Delete,
        }
    }

    pub(crate) fn role(&self) -> &RoleName {
        match self {
            Self::Insert(permission) => &permission.role,
            Self::Select(permission) => &permission.role,
            Self::Update(permission) => &permission.role,
            Self::Delete(permission) => &permission.role,
        }
    }
}

/// The four kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PermissionKind {
    Insert,
    Select,
    Update,
    Delete,
}

impl PermissionKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Select => "select",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Insert, Self::Select, Self::Update, Self::Delete];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Replace {
    pub(crate) document: Document,
    pub(crate) inconsistencies: Inconsistencies,
    pub(crate) version: Version,
}

/// Whether a document with objects that cannot be served is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inconsistencies {
    Refuse,
    Allow,
}

/// Of a command's arguments and result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// Which sources are read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    All,
    Sources(Vec<SourceName>),
}

/// Whose state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Cli,
    Console,
}

#[derive(Clone, Debug)]
pub(crate) struct RunSql {
    pub(crate) sql: String,
    pub(crate) source: SourceName,
    pub(crate) cascade: Cascade,
    pub(crate) check: MetadataCheck,
    pub(crate) mode: SqlMode,
}

/// `check_metadata_consistency`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetadataCheck {
    /// If the text has a word that may change the schema.
    Automatic,
    Always,
    Never,
}

/// How the text is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqlMode {
    /// As one transaction.
    ReadWrite,
    /// As one transaction that cannot write.
    ReadOnly,
    /// Statement by statement, each on its own.
    NoTransaction,
}

impl Command {
    /// Whether running it needs the writer's lock and ends in a new version of the document.
    pub(crate) fn is_change(&self) -> bool {
        match self {
            Self::Change(_)
            | Self::TrackTables(_)
            | Self::UntrackTables(_)
            | Self::Replace(_)
            | Self::Clear
            | Self::DropInconsistent
            | Self::Reload(_) => true,
            Self::Bulk(items) | Self::BulkKeepGoing(items) | Self::BulkAtomic(items) => {
                items.iter().any(Self::is_change)
            }
            // Refused before anything runs if one of them is.
            Self::ConcurrentBulk(_) => false,
            Self::RunSql(run) => run.may_change_schema(),
            Self::Export(_)
            | Self::GetInconsistent
            | Self::GetCatalogState
            | Self::GetNativeQueries(_)
            | Self::GetLogicalModels(_)
            | Self::SetCatalogState(..)
            | Self::Insert(_)
            | Self::Update(_)
            | Self::Delete(_)
            | Self::Select(_)
            | Self::Count(_)
            | Self::Look(_)
            | Self::NotBuilt(_) => false,
        }
    }

    /// Whether it writes to a source or to what clients keep in the catalog, other than by changing the document.
    pub(crate) fn is_write(&self) -> bool {
        match self {
            Self::RunSql(run) => run.mode != SqlMode::ReadOnly,
            Self::Insert(_) | Self::Update(_) | Self::Delete(_) | Self::SetCatalogState(..) => true,
            Self::Bulk(items)
            | Self::ConcurrentBulk(items)
            | Self::BulkKeepGoing(items)
            | Self::BulkAtomic(items) => items.iter().any(Self::is_write),
            _ => false,
        }
    }

    /// Whether roles may run it, each under its own permissions. Anything else is for admins.
    pub(crate) fn is_for_roles(&self) -> bool {
        match self {
            Self::Select(_)
            | Self::Count(_)
            | Self::Insert(_)
            | Self::Update(_)
            | Self::Delete(_) => true,
            Self::Bulk(items) => items.iter().all(Self::is_for_roles),
            _ => false,
        }
    }
}
