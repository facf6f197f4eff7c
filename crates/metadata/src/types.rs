//! The metadata document as typed values: what version 3 of the format can say about Postgres sources.
//!
//! Every struct has `extra`: keys this build does not know, kept in order so that no valid document
//! loses one. Nothing here is checked against a database, and names are as the document gives them.
//! `decode/` reads these shapes from JSON, `encode/` writes them back with defaults omitted.

mod dialect;
mod native;
mod query_tags;

pub use dialect::{Dialect, SourceFeature};
pub use native::{
    CodePart, LogicalModel, Model, ModelField, ModelType, NativeArgument, NativeQuery,
    NativeRelationship, NativeTarget, Returns, code_parts,
};
pub use query_tags::{QueryTags, QueryTagsFormat, RequestIdTag};

use std::sync::Arc;

use graphloom_vocab::{
    ColumnName, GraphqlName, Json, JsonObject, QualifiedFunction, QualifiedTable, RelationshipName,
    RoleName, SourceName,
};
use indexmap::IndexMap;

use crate::support;

/// The whole document (`version: 3`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// By name, in document order.
    pub sources: IndexMap<SourceName, Source>,
    /// Roles made of other roles.
    pub inherited_roles: IndexMap<RoleName, InheritedRole>,
    /// Every other top-level key (`remote_schemas`, `actions`, …) as the document has it.
    pub sections: JsonObject,
}

/// A database.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Unique in the document.
    pub name: SourceName,
    /// `postgres`, or a kind we do not serve (then everything in it is inconsistent).
    pub kind: String,
    /// Tracked tables in document order. Empty for kinds other than `postgres`: theirs are in `extra`.
    ///
    /// Copies of a document share the tables that are the same in both, so that what changed is told from what
    /// did not without reading it.
    pub tables: IndexMap<QualifiedTable, Arc<Table>>,
    /// Tracked functions in document order.
    pub functions: IndexMap<QualifiedFunction, Function>,
    /// Native queries in document order.
    pub native_queries: IndexMap<GraphqlName, NativeQuery>,
    /// Logical models in document order.
    pub logical_models: IndexMap<GraphqlName, LogicalModel>,
    /// How to connect; whole, as given.
    pub configuration: SourceConfiguration,
    /// Naming of what it adds to the schema.
    pub customization: SourceCustomization,
    /// `stored_procedures`, `query_tags`, `health_check` and unknown keys; of kinds other than
    /// `postgres` everything that is theirs.
    pub extra: JsonObject,
}

impl Metadata {
    /// Shares with `other` every table that says the same in both.
    pub fn share_tables(&mut self, other: &Self) {
        for source in self.sources.values_mut() {
            let Some(other) = other.sources.get(&source.name) else {
                continue;
            };
            for (name, table) in &mut source.tables {
                if let Some(same) = other.tables.get(name)
                    && !Arc::ptr_eq(same, table)
                    && same.is_written_like(table)
                {
                    *table = same.clone();
                }
            }
        }
    }
}

impl Table {
    /// Whether both say the same in the same order.
    fn is_written_like(&self, other: &Self) -> bool {
        fn has_order<K: PartialEq, V>(one: &IndexMap<K, V>, other: &IndexMap<K, V>) -> bool {
            one.keys().eq(other.keys())
        }
        self == other
            && has_order(&self.object_relationships, &other.object_relationships)
            && has_order(&self.array_relationships, &other.array_relationships)
            && has_order(&self.computed_fields, &other.computed_fields)
            && has_order(&self.insert_permissions, &other.insert_permissions)
            && has_order(&self.select_permissions, &other.select_permissions)
            && has_order(&self.update_permissions, &other.update_permissions)
            && has_order(&self.delete_permissions, &other.delete_permissions)
    }
}

impl Source {
    /// A tracked table, to be changed in this copy of the document alone.
    pub fn table_mut(&mut self, name: &QualifiedTable) -> Option<&mut Table> {
        self.tables.get_mut(name).map(Arc::make_mut)
    }
}

/// A source's `configuration`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceConfiguration {
    /// `connection_info`.
    pub connection_info: ConnectionInfo,
    /// `read_replicas`, `extensions_schema`, `connection_template`, … and unknown keys.
    pub extra: JsonObject,
}

impl SourceConfiguration {
    /// Why no connection may be made by it: it has a key that is refused or not known.
    pub fn misfit(&self) -> Option<String> {
        let info = &self.connection_info;
        let pool = info.pool_settings.as_ref();
        let ssl = info.ssl_configuration.as_ref();
        let parameters = match &info.database_url {
            Some(DatabaseUrl::Parameters(parameters)) => Some(parameters),
            _ => None,
        };
        let given = [
            (&support::POOL_SETTINGS, pool),
            (&support::SSL_CONFIGURATION, ssl),
            (&support::CONNECTION_PARAMETERS, parameters),
        ];
        support::misfit(&support::CONFIGURATION, &self.extra, &[])
            .or_else(|| support::misfit(&support::CONNECTION_INFO, &info.extra, &[]))
            .or_else(|| {
                let mut given = given.into_iter();
                given.find_map(|(object, json)| support::misfit(object, json?, &[]))
            })
    }
}

/// How to reach one Postgres.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionInfo {
    /// `database_url`.
    pub database_url: Option<DatabaseUrl>,
    /// `pool_settings` as given: `max_connections`, `idle_timeout` (s), `retries`, `pool_timeout` (s),
    /// `connection_lifetime` (s), `total_max_connections`.
    pub pool_settings: Option<JsonObject>,
    /// `use_prepared_statements`.
    pub use_prepared_statements: Option<bool>,
    /// `isolation_level`: `read-committed`, `repeatable-read` or `serializable`.
    pub isolation_level: Option<String>,
    /// `ssl_configuration` as given.
    pub ssl_configuration: Option<JsonObject>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// Where a database URL comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseUrl {
    /// The URL itself.
    Url(String),
    /// The name of an environment variable.
    FromEnv(String),
    /// Host, port, user, … one by one, as given.
    Parameters(JsonObject),
    /// A file that is read at each connect.
    FromFile(String),
}

/// A source's `customization`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceCustomization {
    /// `root_fields.namespace`.
    pub namespace: Option<String>,
    /// `root_fields.prefix`.
    pub root_fields_prefix: Option<String>,
    /// `root_fields.suffix`.
    pub root_fields_suffix: Option<String>,
    /// `type_names.prefix`.
    pub type_names_prefix: Option<String>,
    /// `type_names.suffix`.
    pub type_names_suffix: Option<String>,
    /// `naming_convention`.
    pub naming_convention: Option<String>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A tracked table or view.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name in Postgres.
    pub table: QualifiedTable,
    /// Whether its rows are the values of an enum type.
    pub is_enum: bool,
    /// Names and comments.
    pub configuration: TableConfiguration,
    /// To-one relationships.
    pub object_relationships: IndexMap<RelationshipName, Relationship>,
    /// To-many relationships.
    pub array_relationships: IndexMap<RelationshipName, Relationship>,
    /// Computed fields by name.
    pub computed_fields: IndexMap<String, ComputedField>,
    /// `insert_permissions` by role.
    pub insert_permissions: IndexMap<RoleName, Permission<InsertPermission>>,
    /// `select_permissions` by role.
    pub select_permissions: IndexMap<RoleName, Permission<SelectPermission>>,
    /// `update_permissions` by role.
    pub update_permissions: IndexMap<RoleName, Permission<UpdatePermission>>,
    /// `delete_permissions` by role.
    pub delete_permissions: IndexMap<RoleName, Permission<DeletePermission>>,
    /// `remote_relationships`, `event_triggers`, `apollo_federation_config`, `logical_model` and
    /// unknown keys.
    pub extra: JsonObject,
}

/// A table's `configuration`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableConfiguration {
    /// The base identifier instead of the table's name.
    pub custom_name: Option<String>,
    /// Keys: `select`, `select_by_pk`, `select_aggregate`, `select_stream`, `insert`, `insert_one`,
    /// `update`, `update_by_pk`, `update_many`, `delete`, `delete_by_pk`.
    pub custom_root_fields: IndexMap<String, RootFieldConfiguration>,
    /// Per column, in document order.
    pub column_config: IndexMap<ColumnName, ColumnConfiguration>,
    /// Description of the table's type.
    pub comment: Comment,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A root field's name and description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RootFieldConfiguration {
    /// Its name instead of the generated one.
    pub name: Option<String>,
    /// Its description instead of the generated one.
    pub comment: Comment,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A column's field name and description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnConfiguration {
    /// Its field name instead of the generated one.
    pub custom_name: Option<String>,
    /// Its description instead of the SQL comment.
    pub comment: Comment,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A description: generated, suppressed (`""`) or given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Comment {
    /// Absent or null: use the generated one or the SQL comment.
    #[default]
    Automatic,
    /// A string; the empty one means no description.
    Explicit(String),
}

/// A relationship of either kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Relationship {
    /// Unique among the table's fields.
    pub name: RelationshipName,
    /// How rows are matched.
    pub using: RelationshipUsing,
    /// For people.
    pub comment: Option<String>,
    /// Unknown keys of the relationship and, under `using`, of what is below it.
    pub extra: JsonObject,
}

/// How a relationship's rows are matched.
#[derive(Clone, Debug, PartialEq)]
pub enum RelationshipUsing {
    /// `foreign_key_constraint_on: "c"` or `["c1", …]`: a key of this table (object relationships).
    ForeignKeyOn(Vec<ColumnName>),
    /// `foreign_key_constraint_on: {table, column | columns}`: a key of the other table.
    ForeignKeyOnRemote {
        /// The table that has the key.
        table: QualifiedTable,
        /// The key's columns.
        columns: Vec<ColumnName>,
    },
    /// `manual_configuration` to a table.
    Manual {
        /// The other table.
        remote_table: QualifiedTable,
        /// Ours to theirs, in document order.
        column_mapping: IndexMap<ColumnName, ColumnName>,
        /// Which row a nested insert writes first.
        insertion_order: Option<InsertionOrder>,
    },
    /// `manual_configuration` to a native query.
    ManualQuery {
        /// The native query.
        remote_native_query: GraphqlName,
        /// Ours to theirs, in document order.
        column_mapping: IndexMap<ColumnName, ColumnName>,
        /// Kept; nothing is written into a native query.
        insertion_order: Option<InsertionOrder>,
    },
}

/// Which row a nested insert writes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertionOrder {
    /// `before_parent`.
    BeforeParent,
    /// `after_parent`.
    AfterParent,
}

/// A computed field.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedField {
    /// Unique among the table's fields.
    pub name: String,
    /// `definition.function`.
    pub function: QualifiedFunction,
    /// `definition.table_argument`.
    pub table_argument: Option<String>,
    /// `definition.session_argument`.
    pub session_argument: Option<String>,
    /// Description.
    pub comment: Comment,
    /// Unknown keys of the field and of its definition (the latter under `definition`).
    pub extra: JsonObject,
}

/// A role's permission of one kind on one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Permission<T> {
    /// The role; never `admin`.
    pub role: RoleName,
    /// What it grants.
    pub permission: T,
    /// For people.
    pub comment: Option<String>,
    /// Unknown keys beside `permission`.
    pub extra: JsonObject,
}

/// A list of columns, or all that the table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// `"*"`.
    All,
    /// Named ones.
    List(Vec<ColumnName>),
}

/// What a select permission grants.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectPermission {
    /// Visible columns.
    pub columns: Columns,
    /// Visible scalar computed fields.
    pub computed_fields: Vec<String>,
    /// The row filter, in the rule language; `{}` is every row.
    pub filter: Json,
    /// Most rows per field.
    pub limit: Option<i64>,
    /// Whether aggregates are visible.
    pub allow_aggregations: bool,
    /// `None`: all of them.
    pub query_root_fields: Option<Vec<String>>,
    /// `None`: all of them.
    pub subscription_root_fields: Option<Vec<String>>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// What an insert permission grants.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertPermission {
    /// Settable columns; a document without the key means all of them (`Columns::All`), as v2 reads it.
    pub columns: Columns,
    /// What every inserted row must satisfy.
    pub check: Json,
    /// Column presets, value or `x-hasura-…`.
    pub set: IndexMap<ColumnName, Json>,
    /// Whether it applies to backends only.
    pub backend_only: bool,
    /// As given.
    pub validate_input: Option<Json>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// What an update permission grants.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatePermission {
    /// Settable columns.
    pub columns: Columns,
    /// Which rows.
    pub filter: Json,
    /// What every updated row must satisfy afterwards.
    pub check: Option<Json>,
    /// Column presets.
    pub set: IndexMap<ColumnName, Json>,
    /// Whether it applies to backends only.
    pub backend_only: bool,
    /// As given.
    pub validate_input: Option<Json>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// What a delete permission grants.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletePermission {
    /// Which rows.
    pub filter: Json,
    /// Whether it applies to backends only.
    pub backend_only: bool,
    /// As given.
    pub validate_input: Option<Json>,
    /// Unknown keys.
    pub extra: JsonObject,
}

/// A tracked function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name in Postgres.
    pub function: QualifiedFunction,
    /// `configuration` as given (`custom_name`, `custom_root_fields`, `session_argument`, `exposed_as`).
    pub configuration: JsonObject,
    /// Roles with an explicit permission.
    pub permissions: Vec<RoleName>,
    /// Description.
    pub comment: Comment,
    /// Unknown keys; those of a permission are under `permissions`, by role.
    pub extra: JsonObject,
}

/// A role made of other roles.
#[derive(Clone, Debug, PartialEq)]
pub struct InheritedRole {
    /// Its name.
    pub role_name: RoleName,
    /// Its parents.
    pub role_set: Vec<RoleName>,
    /// Unknown keys.
    pub extra: JsonObject,
}
