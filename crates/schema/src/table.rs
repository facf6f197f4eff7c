//! A tracked table, resolved: its fields, relationships and permissions.

use std::sync::Arc;

use graphloom_catalog as catalog;
use graphloom_ir::{Aggregations, BoolExp, ColumnGrant, SelectGrant};
use graphloom_metadata::support;
use graphloom_metadata::types::{
    self as metadata, Columns, Comment, Permission, SelectPermission, TableConfiguration,
};
use graphloom_vocab::{ColumnName, GraphqlName, QualifiedTable, RoleName};
use indexmap::IndexMap;

use crate::function::{ComputedFieldInfo, ComputedReturn};
use crate::naming::Identifier;
use crate::native::NativeRelationshipInfo;
use crate::relationship::RelationshipInfo;
use crate::rule::{RuleContext, compile_rule};
use crate::write::WritePermissions;
use crate::{Naming, Part, Reason, enumeration, scalar, unbuilt};

/// A tracked table that is served.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// What Postgres says.
    pub table: Arc<catalog::Table>,
    /// The name its types and root fields are made of.
    pub(crate) identifier: Identifier,
    /// Whether role schemas have it.
    pub(crate) exposure: Exposure,
    /// Columns that have a field, in table order.
    pub columns: Vec<ColumnInfo>,
    /// By name in metadata.
    pub relationships: IndexMap<String, RelationshipInfo>,
    /// Those that lead to native queries, by name in metadata.
    pub native_relationships: IndexMap<String, NativeRelationshipInfo>,
    /// By field.
    pub computed_fields: IndexMap<String, ComputedFieldInfo>,
    /// What each role may read.
    pub select_permissions: IndexMap<RoleName, Arc<SelectPermissionInfo>>,
    /// What each role may write.
    pub write_permissions: WritePermissions,
    /// Its rows, sorted, if it is an enum table.
    pub enum_rows: Option<Vec<catalog::EnumRow>>,
    /// Names and comments.
    pub configuration: TableConfiguration,
    /// What it was made of; `None` if it is no table of a document's.
    pub(crate) made_of: Option<MadeOf>,
}

/// What a table was made of: as long as that is the same, so is the table.
#[derive(Clone, Debug)]
pub(crate) struct MadeOf {
    /// What the document says.
    pub(crate) tracked: Arc<metadata::Table>,
    /// What Postgres says.
    pub(crate) facts: Arc<catalog::Table>,
    /// The names that it takes, as numbers.
    pub(crate) names: Arc<[u64]>,
    /// The other tables that its permissions' rules looked at.
    pub(crate) consulted: Box<[QualifiedTable]>,
    /// Whether nothing of it is inconsistent.
    pub(crate) is_whole: bool,
}

/// Whether role schemas have a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// They do, for roles that may.
    Served,
    /// They do not: its name makes none in GraphQL. It is tracked all the same, and rules may look at it.
    Unnamed,
}

/// A column's field.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnInfo {
    /// The column.
    pub column: ColumnName,
    /// Its field.
    pub field: GraphqlName,
    /// Its description.
    pub description: Option<String>,
}

/// A role's read permission, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectPermissionInfo {
    /// What may be read.
    pub grant: Arc<SelectGrant>,
    /// Visible computed fields that are values; rows follow the table they are of.
    pub computed_fields: Vec<ComputedGrant>,
    /// Which root fields show; `None`: all of them.
    pub query_root_fields: Option<Vec<String>>,
    /// Which root fields of subscriptions show; `None`: all of them.
    pub subscription_root_fields: Option<Vec<String>>,
}

/// A computed field that a role may see.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedGrant {
    /// Its name.
    pub name: String,
    /// `None`: in every row. Otherwise null where this is not true (inherited roles).
    pub mask: Option<Arc<BoolExp>>,
}

impl SelectPermissionInfo {
    /// A visible computed field.
    pub fn computed_field(&self, name: &str) -> Option<&ComputedGrant> {
        self.computed_fields.iter().find(|field| field.name == name)
    }
}

impl TableInfo {
    /// Whether role schemas have it, for roles that may see it.
    pub fn is_served(&self) -> bool {
        self.exposure == Exposure::Served
    }

    /// A root field's name: the configured one under `key`, or the generated one.
    pub(crate) fn root_field(&self, naming: &Naming, key: &str, suffix: &str) -> GraphqlName {
        let generated = || naming.root_field(&self.identifier, suffix);
        self.custom_root_field(naming, key)
            .unwrap_or_else(generated)
    }

    /// A mutation's name: the configured one under `key`, or `<verb>_T_<suffix>`.
    pub(crate) fn mutation_field(
        &self,
        naming: &Naming,
        key: &str,
        (verb, suffix): (&str, &str),
    ) -> GraphqlName {
        let generated = || naming.mutation_field(verb, &self.identifier, suffix);
        self.custom_root_field(naming, key)
            .unwrap_or_else(generated)
    }

    fn custom_root_field(&self, naming: &Naming, key: &str) -> Option<GraphqlName> {
        let custom = self.configuration.custom_root_fields.get(key)?;
        let name = custom.name.as_deref()?;
        Some(naming.affixed_root_field(name))
    }
}

/// Resolves a table's name and columns; the error is the reason of its inconsistency.
pub(crate) fn resolve(
    tracked: &metadata::Table,
    table: &Arc<catalog::Table>,
    catalog: &catalog::Catalog,
    naming: &Naming,
) -> Result<TableInfo, Reason> {
    if let Some(reason) = unbuilt::table_blocker(tracked) {
        return Err(reason);
    }
    let (identifier, exposure) = identifier(&tracked.table, &tracked.configuration)?;
    let columns = columns(table, &tracked.configuration, naming)?;
    let enum_rows = match tracked.is_enum {
        true => Some(enumeration::resolve(table, catalog)?),
        false => None,
    };
    Ok(TableInfo {
        exposure,
        enum_rows,
        configuration: tracked.configuration.clone(),
        ..bare(as_written(tracked, table), identifier, columns)
    })
}

/// The table, with what event triggers do to writing, whether Postgres has been asked since they were made or not.
fn as_written(tracked: &metadata::Table, table: &Arc<catalog::Table>) -> Arc<catalog::Table> {
    let nobody = catalog::NothingElse::default();
    let has_triggers = tracked.extra.contains_key("event_triggers");
    if !has_triggers || table.side_effects.nothing_else == nobody {
        return table.clone();
    }
    let mut table = catalog::Table::clone(table);
    table.side_effects.nothing_else = nobody;
    Arc::new(table)
}

/// A table with nothing but columns.
pub(crate) fn bare(
    table: Arc<catalog::Table>,
    identifier: Identifier,
    columns: Vec<ColumnInfo>,
) -> TableInfo {
    TableInfo {
        table,
        identifier,
        exposure: Exposure::Served,
        columns,
        relationships: IndexMap::new(),
        native_relationships: IndexMap::new(),
        computed_fields: IndexMap::new(),
        select_permissions: IndexMap::new(),
        write_permissions: WritePermissions::default(),
        enum_rows: None,
        configuration: TableConfiguration::default(),
        made_of: None,
    }
}

fn identifier(
    name: &QualifiedTable,
    configuration: &TableConfiguration,
) -> Result<(Identifier, Exposure), String> {
    if let Some(custom) = &configuration.custom_name {
        return match GraphqlName::parse(custom) {
            Some(_) => Ok((Identifier::Custom(custom.clone()), Exposure::Served)),
            None => Err(format!("{custom:?} is not a valid GraphQL identifier")),
        };
    }
    let text = match name.schema.as_str() {
        "public" => name.name.as_str().to_owned(),
        schema => format!("{schema}_{}", name.name),
    };
    let exposure = match GraphqlName::parse(&text) {
        Some(_) => Exposure::Served,
        None => Exposure::Unnamed,
    };
    Ok((Identifier::Generated(text), exposure))
}

fn columns(
    table: &catalog::Table,
    configuration: &TableConfiguration,
    naming: &Naming,
) -> Result<Vec<ColumnInfo>, String> {
    let mut configured = configuration.column_config.keys();
    if let Some(name) = configured.find(|name| table.column(name).is_none()) {
        return Err(format!(
            "configuration was given for the column \"{name}\", but no such column exists"
        ));
    }
    let mut infos: Vec<ColumnInfo> = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let config = configuration.column_config.get(&column.name);
        let custom = config.and_then(|config| config.custom_name.as_deref());
        let field = match custom {
            Some(name) => GraphqlName::parse(name),
            None => {
                GraphqlName::parse(column.name.as_str()).map(|name| naming.field(name.as_str()))
            }
        };
        let element = column.ty.element().unwrap_or(&column.ty);
        let (Some(field), Some(_)) = (field, scalar::scalar_name(element)) else {
            continue;
        };
        if let Some(other) = infos.iter().find(|info| info.field == field) {
            return Err(format!(
                "the definitions of columns \"{}\" and \"{}\" are in conflict: they are mapped to \
                 the same field name, \"{field}\"",
                other.column, column.name
            ));
        }
        let comment = config.map_or(&Comment::Automatic, |config| &config.comment);
        let description = described(comment, column.comment.as_deref());
        infos.push(ColumnInfo {
            column: column.name.clone(),
            field,
            description,
        });
    }
    Ok(infos)
}

/// A description: the user's, none where suppressed, else the generated one.
pub(crate) fn described(comment: &Comment, generated: Option<&str>) -> Option<String> {
    match comment {
        Comment::Automatic => generated.map(str::to_owned),
        Comment::Explicit(text) if text.is_empty() => None,
        Comment::Explicit(text) => Some(text.clone()),
    }
}

/// Compiles a select permission; the error is the reason of its inconsistency.
pub(crate) fn select_permission(
    context: &dyn RuleContext,
    info: &TableInfo,
    permission: &Permission<SelectPermission>,
) -> Result<SelectPermissionInfo, Reason> {
    let table = &*info.table;
    let select = &permission.permission;
    if let Some(reason) = unbuilt::misfit(&support::SELECT_GRANT, &select.extra)
        .or_else(|| unbuilt::misfit(&support::SELECT_PERMISSION, &permission.extra))
    {
        return Err(reason);
    }
    for name in &select.computed_fields {
        granted_computed_field(info, name)?;
    }
    let columns = granted_columns(table, &select.columns)?;
    let filter = compile_rule(context, &table.name, &select.filter)?;
    let limit = match select.limit {
        None => None,
        Some(limit) => Some(u64::try_from(limit).map_err(|_| "unexpected negative value")?),
    };
    let aggregations = match select.allow_aggregations {
        true => Aggregations::Allowed,
        false => Aggregations::Hidden,
    };
    root_fields(table, permission, &columns)?;
    let columns: Vec<_> = columns
        .into_iter()
        .map(|column| ColumnGrant { column, mask: None })
        .collect();
    let grant = SelectGrant::from_permission(table, &columns, filter, limit, aggregations);
    let computed_fields = select.computed_fields.iter().map(|name| ComputedGrant {
        name: name.clone(),
        mask: None,
    });
    Ok(SelectPermissionInfo {
        grant: Arc::new(grant),
        computed_fields: computed_fields.collect(),
        query_root_fields: select.query_root_fields.clone(),
        subscription_root_fields: select.subscription_root_fields.clone(),
    })
}

/// Only values are granted one by one.
fn granted_computed_field(info: &TableInfo, name: &str) -> Result<(), Reason> {
    match info.computed_fields.get(name).map(|field| &field.returns) {
        None => {
            let part = Part::Field(info.table.name.clone(), name.to_owned());
            let text = format!("computed field \"{name}\" does not exist");
            Err(Reason::needs(part, text))
        }
        Some(ComputedReturn::Scalar(_)) => Ok(()),
        Some(ComputedReturn::Rows(table)) => Err(format!(
            // shown, not run: v2's words.
            "select permissions on computed field \"{name}\" are auto-derived from the permissions \
             on its returning table \"{}\" and cannot be specified manually",
            table.display_name()
        )
        .into()),
    }
}

/// Refuses root fields that the permission itself makes impossible.
fn root_fields(
    table: &catalog::Table,
    permission: &Permission<SelectPermission>,
    columns: &[ColumnName],
) -> Result<(), String> {
    let select = &permission.permission;
    let role = &permission.role;
    let lists = [
        (&select.query_root_fields, "query_root_fields"),
        (&select.subscription_root_fields, "subscription_root_fields"),
    ];
    for (list, key) in lists {
        for field in list.iter().flatten() {
            match field.as_str() {
                "select" => {}
                "select_stream" if key == "subscription_root_fields" => {}
                "select_by_pk" => {
                    let key = table.primary_key.as_ref();
                    if !key.is_some_and(|key| key.columns.iter().all(|c| columns.contains(c))) {
                        return Err(format!(
                            "The \"select_by_pk\" field cannot be included in the \
                             query_root_fields or subscription_root_fields because the role \
                             \"{role}\" does not have access to the primary key of the table \
                             \"{}\"",
                            table.name.display_name()
                        ));
                    }
                }
                "select_aggregate" => {
                    if !select.allow_aggregations {
                        return Err(
                            "The \"select_aggregate\" root field can only be enabled in \
                                    the query_root_fields or the subscription_root_fields when \
                                    \"allow_aggregations\" is set to true"
                                .to_owned(),
                        );
                    }
                }
                other => return Err(format!("{other:?} is not a root field of {key}")),
            }
        }
    }
    Ok(())
}

pub(crate) fn granted_columns(
    table: &catalog::Table,
    columns: &Columns,
) -> Result<Vec<ColumnName>, String> {
    match columns {
        Columns::All => Ok(table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect()),
        Columns::List(names) => {
            for name in names {
                exists(table, name)?;
            }
            Ok(names.clone())
        }
    }
}

pub(crate) fn exists(table: &catalog::Table, column: &ColumnName) -> Result<(), String> {
    match table.column(column) {
        Some(_) => Ok(()),
        None => Err(format!("column \"{column}\" does not exist")),
    }
}
