//! Logical models and native queries, resolved: a model's values as columns of a table that nobody stores,
//! a query's code cut at its arguments.
//!
//! What Postgres says of a query's statement comes with the catalog; here it is held against the model.
//! Errors are reasons of inconsistencies, in v2's words. Read next: `cache/native.rs`, `role/native.rs`.

use std::sync::Arc;

use graphloom_catalog::{
    Catalog, Column, Generation, Mutability, PgType, SideEffects, StatementFault, Table, TableKind,
};
use graphloom_ir::{Aggregations, ColumnGrant, SelectGrant};
use graphloom_metadata::support;
use graphloom_metadata::types::{
    CodePart, Columns, Model, ModelType, NativeQuery, NativeRelationship, NativeTarget, Permission,
    SelectPermission,
};
use graphloom_vocab::{
    ColumnName, GraphqlName, Json, QualifiedTable, RelationshipName, RoleName, SourceName,
};
use indexmap::{IndexMap, IndexSet};

use crate::naming::Identifier;
use crate::relationship::RelationshipKind;
use crate::rule::{RuleContext, compile_rule};
use crate::table::{self, ColumnInfo, TableInfo};
use crate::types::{NativeArgumentInfo, NativeMeaning, NativePiece};
use crate::{Naming, Reason, scalar, unbuilt};

/// A logical model that is served.
#[derive(Clone, Debug)]
pub struct LogicalModelInfo {
    /// Its name.
    pub name: GraphqlName,
    /// Description of its type.
    pub description: Option<String>,
    /// Its values as columns of a table of its name in no schema.
    pub(crate) rows: TableInfo,
    /// Fields that only a relationship of the same name gives.
    pub(crate) nested: IndexMap<String, Nested>,
    /// Everything, for the admin role.
    pub(crate) unrestricted: Arc<SelectGrant>,
    /// What each role may read.
    pub select_permissions: IndexMap<RoleName, Arc<SelectGrant>>,
}

/// A field of a model that is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nested {
    Object,
    Array,
}

/// A native query that is served.
#[derive(Clone, Debug)]
pub struct NativeQueryInfo {
    /// Its root field.
    pub name: GraphqlName,
    /// The shape of its rows.
    pub model: Arc<LogicalModelInfo>,
    /// The statement with places for its arguments.
    pub(crate) statement: Arc<NativeMeaning>,
    /// By name.
    pub relationships: IndexMap<String, NativeRelationshipInfo>,
    /// Description of its root field.
    pub description: Option<String>,
}

/// A relationship of a native query's rows, or one that leads to such rows.
///
/// It can be selected; conditions and sort keys do not follow it.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeRelationshipInfo {
    /// Its name in metadata.
    pub name: RelationshipName,
    /// Its field.
    pub field: GraphqlName,
    /// To one row or to many.
    pub kind: RelationshipKind,
    /// Whose rows.
    pub target: NativeTarget,
    /// Our column and theirs.
    pub mapping: Vec<(ColumnName, ColumnName)>,
    /// The type of its `args`, for queries that take arguments.
    pub(crate) arguments: GraphqlName,
}

/// A reason, and what Postgres or the comparison with it says in addition.
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) message: Option<Json>,
}

impl<R: Into<Reason>> From<R> for Refusal {
    fn from(reason: R) -> Self {
        Self {
            reason: reason.into(),
            message: None,
        }
    }
}

impl LogicalModelInfo {
    /// The types made of it: rows, conditions, sort keys, columns.
    pub(crate) fn type_names(&self, naming: &Naming) -> [GraphqlName; 4] {
        let identifier = &self.rows.identifier;
        [
            self.name.clone(),
            naming.type_name(identifier, "bool_exp"),
            naming.type_name(identifier, "order_by"),
            self.columns_type(),
        ]
    }

    /// `M_enum_name`: the columns of `distinct_on`.
    pub(crate) fn columns_type(&self) -> GraphqlName {
        GraphqlName::new(format!("{}_enum_name", self.name))
    }

    /// The column that a field is.
    pub(crate) fn column(&self, name: &ColumnName) -> Option<&Column> {
        self.rows.table.column(name)
    }

    /// What a role may read of such rows.
    pub fn grant(&self, role: &RoleName) -> Option<Arc<SelectGrant>> {
        match role.is_admin() {
            true => Some(self.unrestricted.clone()),
            false => self.select_permissions.get(role).cloned(),
        }
    }
}

/// Resolves a model's fields; permissions come later.
pub(crate) fn model(
    name: &GraphqlName,
    description: Option<&String>,
    model: &Model,
    catalog: &Catalog,
) -> Result<LogicalModelInfo, Reason> {
    let mut fields = model.fields.values();
    let misfit = unbuilt::misfit(&support::INLINE_MODEL, &model.extra)
        .or_else(|| fields.find_map(|one| unbuilt::misfit(&support::MODEL_FIELD, &one.extra)));
    if let Some(reason) = misfit {
        return Err(reason);
    }
    let mut columns = Vec::new();
    let mut infos = Vec::new();
    let mut nested = IndexMap::new();
    for (number, field) in model.fields.values().enumerate() {
        if let Some(kind) = nested_kind(&field.ty)? {
            nested.insert(field.name.as_str().to_owned(), kind);
            continue;
        }
        let sql_type = field.ty.sql_type();
        let ty = sql_type.as_ref().and_then(|name| catalog.types.get(name));
        let ty = ty.ok_or_else(|| {
            let (field, ty) = (&field.name, sql_type.as_deref().unwrap_or_default());
            format!("type \"{ty}\" of field \"{field}\" does not exist")
        })?;
        let graphql_name = GraphqlName::parse(field.name.as_str());
        let graphql_name =
            graphql_name.ok_or_else(|| format!("{} is not a valid GraphQL name", field.name))?;
        if scalar::scalar_name(ty.element().unwrap_or(ty)).is_none() {
            return Err(format!(
                "the type of field \"{}\" is not a valid GraphQL name",
                field.name
            )
            .into());
        }
        columns.push(Column {
            name: field.name.clone(),
            number: i16::try_from(number + 1).map_err(|_| "the model has too many fields")?,
            ty: ty.clone(),
            nullable: field.ty.is_nullable(),
            has_default: false,
            generation: Generation::Never,
            comment: None,
        });
        infos.push(ColumnInfo {
            column: field.name.clone(),
            field: graphql_name,
            description: field.description.clone(),
        });
    }
    let table = Arc::new(table_of(name, columns));
    Ok(LogicalModelInfo {
        name: name.clone(),
        description: description.cloned(),
        unrestricted: Arc::new(SelectGrant::unrestricted(&table)),
        rows: table::bare(table, Identifier::Custom(name.as_str().to_owned()), infos),
        nested,
        select_permissions: IndexMap::new(),
    })
}

/// What a field is that is no value; the errors are v2's.
fn nested_kind(ty: &ModelType) -> Result<Option<Nested>, String> {
    match ty {
        ModelType::Scalar { .. } => Ok(None),
        ModelType::Model { .. } => Ok(Some(Nested::Object)),
        ModelType::Array { of, .. } => match &**of {
            ModelType::Scalar { .. } => Ok(None),
            ModelType::Model { .. } => Ok(Some(Nested::Array)),
            ModelType::Array { .. } => {
                Err("Nested arrays are not currently implemented".to_owned())
            }
        },
    }
}

/// A table that stands for a model's rows. No schema's name is empty, so it is like no stored table.
fn table_of(name: &GraphqlName, columns: Vec<Column>) -> Table {
    Table {
        oid: 0,
        name: QualifiedTable::new("", name.as_str()),
        kind: TableKind::View,
        comment: None,
        columns,
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        mutability: Mutability {
            insertable: false,
            updatable: false,
            deletable: false,
        },
        side_effects: SideEffects::default(),
        reading: graphloom_catalog::TableReading::default(),
    }
}

/// Compiles a role's permission on a model; of what select permissions say, aggregates and root fields mean
/// nothing here.
pub(crate) fn permission(
    context: &dyn RuleContext,
    model: &LogicalModelInfo,
    permission: &Permission<SelectPermission>,
) -> Result<SelectGrant, Reason> {
    let select = &permission.permission;
    let misfit = unbuilt::misfit(&support::MODEL_GRANT, &select.extra);
    if let Some(reason) = misfit
        .or_else(|| unbuilt::misfit(&support::MODEL_PERMISSION, &permission.extra))
        .or_else(|| root_field_lists(select))
    {
        return Err(reason);
    }
    let table = &*model.rows.table;
    let columns: Vec<ColumnName> = match &select.columns {
        Columns::All => table.columns.iter().map(|c| c.name.clone()).collect(),
        Columns::List(names) => {
            let is_field = |name: &&ColumnName| {
                table.column(name).is_none() && !model.nested.contains_key(name.as_str())
            };
            if let Some(name) = names.iter().find(is_field) {
                return Err(format!("column \"{name}\" does not exist").into());
            }
            names.clone()
        }
    };
    let filter = compile_rule(context, &table.name, &select.filter)?;
    let limit = match select.limit {
        None => None,
        Some(limit) => Some(u64::try_from(limit).map_err(|_| "unexpected negative value")?),
    };
    let columns = columns.into_iter();
    let columns: Vec<_> = columns
        .map(|column| ColumnGrant { column, mask: None })
        .collect();
    Ok(SelectGrant::from_permission(
        table,
        &columns,
        filter,
        limit,
        Aggregations::Hidden,
    ))
}

/// Lists that would hide root fields, and do not here.
fn root_field_lists(select: &SelectPermission) -> Option<Reason> {
    let lists = [
        ("query_root_fields", &select.query_root_fields),
        ("subscription_root_fields", &select.subscription_root_fields),
    ];
    let (key, _) = lists.into_iter().find(|(_, list)| list.is_some())?;
    Some(Reason::unbuilt(support::refusal(
        &support::MODEL_GRANT,
        key,
    )))
}

/// Resolves a query's statement; `model` is the shape it returns.
pub(crate) fn statement(
    query: &NativeQuery,
    declared: &Model,
    model: &LogicalModelInfo,
    catalog: &Catalog,
) -> Result<NativeMeaning, Refusal> {
    let arguments = query.arguments.values();
    let misfit = unbuilt::misfit(&support::NATIVE_QUERY, &query.extra).or_else(|| {
        let mut extra = arguments.map(|argument| &argument.extra);
        extra.find_map(|extra| unbuilt::misfit(&support::NATIVE_ARGUMENT, extra))
    });
    if let Some(reason) = misfit {
        return Err(reason.into());
    }
    let parts = query.trimmed_parts();
    same_arguments(query, &parts)?;
    let mut arguments = Vec::with_capacity(query.arguments.len());
    for (name, argument) in &query.arguments {
        let field = GraphqlName::parse(name)
            .ok_or_else(|| format!("argument \"{name}\" is not a valid GraphQL name"))?;
        let ty = catalog.types.get(&argument.ty);
        let ty = ty.ok_or_else(|| {
            format!(
                "type \"{}\" of argument \"{name}\" does not exist",
                argument.ty
            )
        })?;
        arguments.push(NativeArgumentInfo {
            field,
            ty: ty.clone(),
            nullable: argument.nullable,
            description: argument.description.as_deref().map(Into::into),
        });
    }
    // Without facts nobody asked: validation is switched off.
    if let Some(facts) = catalog.statements.get(&query.statement_key(declared)) {
        holds(facts, model)?;
    }
    Ok(NativeMeaning {
        parts: pieces(query, &parts),
        arguments: arguments.into(),
    })
}

/// The declared arguments are those that the code uses.
fn same_arguments(query: &NativeQuery, parts: &[CodePart<'_>]) -> Result<(), String> {
    let used: IndexSet<&str> = parts
        .iter()
        .filter_map(|part| match part {
            CodePart::Argument(name) => Some(*name),
            CodePart::Text(_) => None,
        })
        .collect();
    let declared: IndexSet<&str> = query.arguments.keys().map(String::as_str).collect();
    let listed = |left: &IndexSet<&str>, right: &IndexSet<&str>| {
        let mut names: Vec<_> = left.difference(right).map(|n| format!("'{n}'")).collect();
        names.sort();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = listed(&used, &declared) {
        return Err(format!(
            "The following columns are used in the query, but are not declared as arguments: [{names}]"
        ));
    }
    if let Some(names) = listed(&declared, &used) {
        return Err(format!(
            "The following columns are declared as arguments, but are not used in the query: [{names}]"
        ));
    }
    Ok(())
}

/// Whether the statement gives what the model says.
fn holds(
    facts: &Result<Vec<graphloom_catalog::ResultColumn>, StatementFault>,
    model: &LogicalModelInfo,
) -> Result<(), Refusal> {
    let failed = |message: Json| Refusal {
        reason: "Failed to validate query".into(),
        message: Some(message),
    };
    let columns = match facts {
        Ok(columns) => columns,
        Err(fault) => {
            let message = format!("{} ({})", fault.message, fault.code);
            return Err(failed(message.into()));
        }
    };
    for expected in &model.rows.table.columns {
        let name = &expected.name;
        let Some(found) = columns.iter().find(|column| &column.name == name) else {
            let message = format!("Column named '{name}' is not returned from the query.");
            return Err(failed(message.into()));
        };
        if found.type_oid != expected.ty.oid {
            let (expected, actual) = (
                scalar::sql_name(&expected.ty),
                scalar::sql_name(&PgType::builtin(&found.type_name)),
            );
            let message = format!(
                "Return column '{name}' has a type mismatch. The expected type is '{expected}', \
                 but the actual type is '{actual}'."
            );
            return Err(failed(message.into()));
        }
    }
    Ok(())
}

/// The code with its arguments by position.
fn pieces(query: &NativeQuery, parts: &[CodePart<'_>]) -> Arc<[NativePiece]> {
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            CodePart::Text(text) => pieces.push(NativePiece::Text((*text).into())),
            CodePart::Argument(name) => {
                if let Some(position) = query.arguments.get_index_of(*name) {
                    pieces.push(NativePiece::Argument(position));
                }
            }
        }
    }
    pieces.into()
}

/// Resolves a relationship of a query's rows, as far as the query itself goes.
pub(crate) fn relationship(
    relationship: &NativeRelationship,
    kind: RelationshipKind,
    query: &NativeQueryInfo,
) -> Result<NativeRelationshipInfo, Reason> {
    if let Some(reason) = unbuilt::misfit(&support::NATIVE_RELATIONSHIP, &relationship.extra) {
        return Err(reason);
    }
    let name = relationship.name.as_str();
    let field =
        GraphqlName::parse(name).ok_or_else(|| format!("{name} is not a valid GraphQL name"))?;
    if query.model.rows.columns.iter().any(|c| c.field == field) {
        return Err(format!("conflicting definitions for field \"{name}\"").into());
    }
    for ours in relationship.column_mapping.keys() {
        has_field(query, ours)?;
    }
    let mapping = relationship.column_mapping.iter();
    Ok(NativeRelationshipInfo {
        name: relationship.name.clone(),
        field,
        kind,
        target: relationship.target.clone(),
        mapping: mapping.map(|(a, b)| (a.clone(), b.clone())).collect(),
        arguments: arguments_type(name),
    })
}

/// Whether a native query's rows have a value of that name.
pub(crate) fn has_field(query: &NativeQueryInfo, column: &ColumnName) -> Result<(), String> {
    if query.model.column(column).is_some() {
        return Ok(());
    }
    let query = &query.name;
    Err(format!(
        "native query \"{query}\" has no field named \"{column}\""
    ))
}

/// The type of a field's `args`.
pub(crate) fn arguments_type(field: &str) -> GraphqlName {
    GraphqlName::new(format!("{field}_arguments"))
}

/// `native_query q in source s`
pub(crate) fn query_owner(name: &GraphqlName, source: &SourceName) -> String {
    format!("native_query {name} in source {source}")
}

/// `logical_model m in source s`
pub(crate) fn model_owner(name: &GraphqlName, source: &SourceName) -> String {
    format!("logical_model {name} in source {source}")
}

impl NativeQueryInfo {
    /// The name of its rows' type: its own if it adds relationships to the model, else the model's.
    pub(crate) fn type_name(&self) -> &GraphqlName {
        match self.relationships.is_empty() {
            true => &self.model.name,
            false => &self.name,
        }
    }
}
