//! Functions: as root fields and as computed fields. Which can be one, and what their arguments are.

use std::sync::Arc;

use graphloom_catalog::{self as catalog, Catalog, PgType, ScalarKind, TypeKind, Volatility};
use graphloom_ir::{ArgumentValue, FunctionArgument, FunctionCall, TypedValue, Value};
use graphloom_metadata::support;
use graphloom_metadata::types::{Comment, ComputedField, Function};
use graphloom_vocab::{
    GraphqlName, Json, QualifiedFunction, QualifiedTable, RoleName, is_graphql_name,
};

use crate::naming::Identifier;
use crate::table::described;
use crate::{Part, Reason};

/// A function that a root field runs.
#[derive(Clone, Debug)]
pub struct FunctionInfo {
    /// Its name in Postgres.
    pub function: QualifiedFunction,
    /// The name its root fields and argument type are made of.
    pub(crate) identifier: Identifier,
    /// In Postgres' order.
    pub arguments: Arc<[ArgumentInfo]>,
    /// The tracked table whose rows it returns.
    pub returns: QualifiedTable,
    /// One row or many.
    pub cardinality: Cardinality,
    /// Which root type it belongs to.
    pub exposed_as: ExposedAs,
    /// Roles with an explicit permission.
    pub permissions: Vec<RoleName>,
    /// `custom_root_fields.function`.
    pub(crate) custom_field: Option<String>,
    /// `custom_root_fields.function_aggregate`.
    pub(crate) custom_aggregate: Option<String>,
    /// Its description, if a user gave one.
    pub comment: Comment,
}

/// How many rows a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// `SETOF`.
    Many,
    /// One row or null.
    One,
}

/// Which root type a function belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposedAs {
    /// `query_root` and `subscription_root`.
    Query,
    /// `mutation_root`.
    Mutation,
}

/// A function's argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentInfo {
    /// Its name in Postgres.
    pub name: Option<Arc<str>>,
    /// Its type.
    pub ty: PgType,
    /// Whether it may be left out.
    pub has_default: bool,
    /// Who gives its value.
    pub giver: Giver,
}

/// Who gives an argument's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Giver {
    /// The request, in this field.
    User(GraphqlName),
    /// The engine: all session variables as JSON.
    Session,
    /// The row a computed field is of.
    Row,
}

/// A computed field that can be served.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedFieldInfo {
    /// Its field.
    pub field: GraphqlName,
    /// What computes it.
    pub function: QualifiedFunction,
    /// In Postgres' order.
    pub arguments: Arc<[ArgumentInfo]>,
    /// What it gives.
    pub returns: ComputedReturn,
    /// Its description.
    pub description: Option<String>,
}

/// What a computed field gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComputedReturn {
    /// A value.
    Scalar(PgType),
    /// Rows of a tracked table.
    Rows(QualifiedTable),
}

/// A call without any value of the user's: arguments with defaults are left to them.
///
/// `row` is the table whose row is handed over, for computed fields.
pub(crate) fn implicit_call(
    function: &QualifiedFunction,
    arguments: &[ArgumentInfo],
    row: Option<&QualifiedTable>,
) -> FunctionCall {
    let arguments = arguments.iter().filter_map(|argument| {
        let value = match (&argument.giver, row) {
            (Giver::User(_), _) | (Giver::Row, None) => return None,
            (Giver::Row, Some(table)) => ArgumentValue::Row(table.clone()),
            (Giver::Session, _) => argument.session_value(),
        };
        Some(FunctionArgument {
            name: argument.name.clone(),
            value,
        })
    });
    FunctionCall {
        function: function.clone(),
        arguments: arguments.collect(),
    }
}

impl ArgumentInfo {
    /// All session variables, as the argument's type.
    pub fn session_value(&self) -> ArgumentValue {
        ArgumentValue::Value(TypedValue {
            value: Value::SessionObject,
            ty: self.ty.clone(),
        })
    }
}

impl ComputedFieldInfo {
    /// Whether it can be used where no arguments can be given: conditions, sort keys.
    pub(crate) fn takes_no_arguments(&self) -> bool {
        !self
            .arguments
            .iter()
            .any(|argument| matches!(argument.giver, Giver::User(_)))
    }
}

/// Resolves a tracked function; the error is the reason of its inconsistency.
pub(crate) fn resolve(
    tracked: &Function,
    catalog: &Catalog,
    is_tracked: impl Fn(&QualifiedTable) -> bool,
) -> Result<FunctionInfo, Reason> {
    let name = tracked.function.display_name();
    let function = one_overload(catalog, &tracked.function)?;
    let configuration = &tracked.configuration;
    let text = |key: &str| configuration.get(key).and_then(Json::as_str);
    let mut reasons = Vec::new();
    let identifier = identifier(&tracked.function, text("custom_name"), &mut reasons);
    let volatile = function.volatility == Volatility::Volatile;
    let exposed_as = match (text("exposed_as"), volatile) {
        (Some("query"), _) | (None, false) => ExposedAs::Query,
        (Some("mutation"), false) => {
            reasons.push(
                "the function was requested to be exposed as a mutation, but is not marked \
                 VOLATILE. Maybe the function was given the wrong volatility when it was defined?"
                    .to_owned(),
            );
            ExposedAs::Mutation
        }
        _ => ExposedAs::Mutation,
    };
    if function.variadic {
        reasons.push("function with \"VARIADIC\" parameters are not supported".to_owned());
    }
    let returns = returned_table(function, &mut reasons);
    let arguments = arguments(function, None, text("session_argument"), &mut reasons);
    let refused = format!("the function \"{name}\" cannot be tracked");
    if !reasons.is_empty() {
        return Err(because(&refused, &reasons).into());
    }
    let misfit = support::misfit(&support::FUNCTION_CONFIGURATION, configuration, &[]);
    if let Some(reason) = misfit {
        return Err(Reason::unbuilt(because(&refused, &[reason])));
    }
    if !is_tracked(&returns) {
        let shown = returns.display_name();
        let text = format!("table {shown:?}, which the function returns, is not tracked");
        return Err(Reason::needs(Part::Table(returns), text));
    }
    let custom = |key: &str| {
        let fields = configuration.get("custom_root_fields")?;
        fields.get(key)?.as_str().map(str::to_owned)
    };
    Ok(FunctionInfo {
        function: tracked.function.clone(),
        identifier,
        arguments,
        returns,
        cardinality: if function.returns_set {
            Cardinality::Many
        } else {
            Cardinality::One
        },
        exposed_as,
        permissions: tracked.permissions.clone(),
        custom_field: custom("function"),
        custom_aggregate: custom("function_aggregate"),
        comment: match (&tracked.comment, &function.comment) {
            (Comment::Automatic, Some(comment)) => Comment::Explicit(comment.clone()),
            (comment, _) => comment.clone(),
        },
    })
}

/// The only overload, since a call's GraphQL name does not tell them apart.
fn one_overload<'a>(
    catalog: &'a Catalog,
    name: &QualifiedFunction,
) -> Result<&'a catalog::Function, String> {
    let shown = name.display_name();
    match catalog.functions.get(name).map(|overloads| &**overloads) {
        None | Some([]) => Err(format!("no such function exists: \"{shown}\"")),
        Some([function]) => Ok(function),
        Some(_) => Err(format!(
            "function \"{shown}\" is overloaded. Overloaded functions are not supported"
        )),
    }
}

fn identifier(
    function: &QualifiedFunction,
    custom: Option<&str>,
    reasons: &mut Vec<String>,
) -> Identifier {
    let identifier = match custom {
        Some(name) => Identifier::Custom(name.to_owned()),
        None if function.schema.as_str() == "public" => {
            Identifier::Generated(function.name.as_str().to_owned())
        }
        None => Identifier::Generated(format!("{}_{}", function.schema, function.name)),
    };
    if !is_graphql_name(identifier.text()) {
        reasons.push("function name is not a legal GraphQL identifier".to_owned());
    }
    identifier
}

fn returned_table(function: &catalog::Function, reasons: &mut Vec<String>) -> QualifiedTable {
    let ty = function.return_type.base();
    if !matches!(ty.kind, TypeKind::Composite) {
        reasons.push("the function does not return a \"COMPOSITE\" type".to_owned());
    }
    QualifiedTable::new(ty.schema.clone(), ty.name.clone())
}

/// The arguments in order, the session's and the row's told apart from the user's.
fn arguments(
    function: &catalog::Function,
    row: Option<usize>,
    session: Option<&str>,
    reasons: &mut Vec<String>,
) -> Arc<[ArgumentInfo]> {
    let mut infos = Vec::with_capacity(function.arguments.len());
    let mut session_found = session.is_none();
    for (position, argument) in function.arguments.iter().enumerate() {
        let name = argument.name.as_deref();
        let giver = if row == Some(position) {
            Giver::Row
        } else if session.is_some() && name == session {
            session_found = true;
            if !matches!(
                argument.ty.scalar_kind(),
                ScalarKind::Json | ScalarKind::Jsonb
            ) {
                let name = session.unwrap_or_default();
                reasons.push(format!(
                    "given session argument \"{name}\" is not of type json"
                ));
            }
            Giver::Session
        } else {
            let field = name.map_or_else(|| format!("arg_{}", position + 1), str::to_owned);
            if !is_graphql_name(&field) {
                reasons.push(format!(
                    "the function arguments \"{field}\" are not in compliance with GraphQL spec"
                ));
            }
            Giver::User(GraphqlName::new(field))
        };
        infos.push(ArgumentInfo {
            name: argument.name.as_deref().map(Into::into),
            ty: argument.ty.clone(),
            has_default: argument.has_default,
            giver,
        });
    }
    if !session_found {
        let name = session.unwrap_or_default();
        reasons.push(format!(
            "given session argument \"{name}\" not the input argument of the function"
        ));
    }
    infos.into()
}

/// Resolves a computed field; the error is the reason of its inconsistency.
pub(crate) fn resolve_computed(
    field: &ComputedField,
    table: &catalog::Table,
    catalog: &Catalog,
    is_tracked: impl Fn(&QualifiedTable) -> bool,
) -> Result<ComputedFieldInfo, Reason> {
    let table_name = table.name.display_name();
    let place = format!(
        "in table \"{table_name}\": in computed field \"{}\": ",
        field.name
    );
    if table
        .columns
        .iter()
        .any(|column| column.name.as_str() == field.name)
    {
        return Err("field definition conflicts with postgres column".into());
    }
    let function =
        one_overload(catalog, &field.function).map_err(|reason| place.clone() + &reason)?;
    let mut reasons = Vec::new();
    if !is_graphql_name(&field.name) {
        reasons.push(format!("\"{}\" is not valid GraphQL name", field.name));
    }
    let shown = field.function.display_name();
    if function.volatility == Volatility::Volatile {
        reasons.push(format!(
            "the function \"{shown}\" is of type VOLATILE; cannot be added as a computed field"
        ));
    }
    let returns = computed_return(function, &is_tracked, &mut reasons);
    let row = row_argument(field, function, table, &mut reasons);
    // Of a function without the row's argument nothing more is said.
    let session = match (row, &field.table_argument) {
        (None, Some(_)) => None,
        _ => session_argument(field, function, &mut reasons),
    };
    let arguments = if reasons.is_empty() {
        arguments(function, row, session, &mut reasons)
    } else {
        Arc::default()
    };
    if !reasons.is_empty() {
        let start = format!(
            "{place}the computed field \"{}\" cannot be added to table \"{table_name}\"",
            field.name
        );
        let text = because(&start, &reasons);
        return Err(match &returns {
            ComputedReturn::Rows(table) if reasons.len() == 1 && !is_tracked(table) => {
                Reason::needs(Part::Table(table.clone()), text)
            }
            _ => text.into(),
        });
    }
    let generated = match &function.comment {
        Some(comment) => comment.clone(),
        None => format!("A computed field, executes function \"{shown}\""),
    };
    Ok(ComputedFieldInfo {
        field: GraphqlName::new(field.name.as_str()),
        function: field.function.clone(),
        arguments,
        returns,
        description: described(&field.comment, Some(&generated)),
    })
}

fn row_argument(
    field: &ComputedField,
    function: &catalog::Function,
    table: &catalog::Table,
    reasons: &mut Vec<String>,
) -> Option<usize> {
    let shown = field.function.display_name();
    let position = match &field.table_argument {
        None => 0,
        Some(name) => {
            let mut arguments = function.arguments.iter();
            let Some(position) =
                arguments.position(|argument| argument.name.as_ref() == Some(name))
            else {
                reasons.push(format!(
                    "\"{name}\" is not an input argument of the function \"{shown}\""
                ));
                return None;
            };
            position
        }
    };
    let Some(argument) = function.arguments.get(position) else {
        reasons.push(format!("the function \"{shown}\" has no input arguments"));
        return None;
    };
    let which = match &field.table_argument {
        Some(name) => format!("\"{name}\" argument"),
        None => "first argument".to_owned(),
    };
    let ty = argument.ty.base();
    if !matches!(ty.kind, TypeKind::Composite) {
        reasons.push(format!(
            "{which} of the function \"{shown}\" is not COMPOSITE type"
        ));
    }
    if *ty.schema != *table.name.schema.as_str() || *ty.name != *table.name.name.as_str() {
        let ty = QualifiedTable::new(ty.schema.clone(), ty.name.clone());
        reasons.push(format!(
            "{which} of the function \"{shown}\" of type \"{}\" is not the table to which the \
             computed field is being added",
            ty.display_name()
        ));
    }
    Some(position)
}

fn session_argument<'a>(
    field: &'a ComputedField,
    function: &catalog::Function,
    reasons: &mut Vec<String>,
) -> Option<&'a str> {
    let name = field.session_argument.as_deref()?;
    let shown = field.function.display_name();
    let argument = function
        .arguments
        .iter()
        .find(|argument| argument.name.as_deref() == Some(name));
    match argument {
        None => {
            reasons.push(format!(
                "\"{name}\" is not an input argument of the function \"{shown}\""
            ));
        }
        Some(argument) => {
            if !matches!(
                argument.ty.scalar_kind(),
                ScalarKind::Json | ScalarKind::Jsonb
            ) {
                reasons.push(format!(
                    "\"{name}\" argument of the function \"{shown}\" is not of type JSON"
                ));
            }
        }
    }
    Some(name)
}

fn computed_return(
    function: &catalog::Function,
    is_tracked: impl Fn(&QualifiedTable) -> bool,
    reasons: &mut Vec<String>,
) -> ComputedReturn {
    let ty = function.return_type.base();
    let shown = function.name.display_name();
    if function.returns_set {
        let table = QualifiedTable::new(ty.schema.clone(), ty.name.clone());
        if !matches!(ty.kind, TypeKind::Composite) {
            reasons.push(format!(
                "the function \"{shown}\" returning type \"{}\" is not a COMPOSITE type",
                ty.name
            ));
        } else if !is_tracked(&table) {
            let table = table.display_name();
            reasons.push(format!(
                "the function \"{shown}\" returning set of table \"{table}\" is not tracked or not \
                 found in database"
            ));
        }
        return ComputedReturn::Rows(table);
    }
    if matches!(ty.kind, TypeKind::Composite | TypeKind::Pseudo) {
        reasons.push(format!(
            "the function \"{shown}\" returning type {} is not a BASE type",
            ty.name
        ));
    }
    ComputedReturn::Scalar(function.return_type.clone())
}

fn because(start: &str, reasons: &[String]) -> String {
    match reasons {
        [reason] => format!("{start} because {reason}"),
        reasons => format!(
            "{start} for the following reasons:\n  • {}\n",
            reasons.join("\n  • ")
        ),
    }
}
