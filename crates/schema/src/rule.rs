//! Permission rules: the boolean language of metadata to a condition on rows.
//!
//! Rules see raw tables: neither columns nor related rows are subject to the role's other grants.
//! A value that starts with `x-hasura-` is a session variable. Errors are the reason a permission is
//! inconsistent.
//!
//! The conditions of legacy queries are written in the same language. There the context says what a
//! role sees, texts are texts, and errors have codes and paths.

mod value;

use std::sync::Arc;

use graphloom_catalog::{Column, PgType, ScalarKind, Table};
use graphloom_ir::{
    BoolExp, ColumnScope, Comparison, GrantedCall, Join, JoinFacts, Operand, OperandValue,
    Operator, Rows, TableAccess,
};
use graphloom_vocab::{ColumnName, Error, ErrorCode, ErrorPath, Json, QualifiedTable};

use crate::function::{ComputedFieldInfo, ComputedReturn, implicit_call};
use crate::relationship::depend_on;
use crate::{Part, Reason, scalar};
use value::known_operator;
pub(crate) use value::preset;

/// What a rule can see: tables of one source and their relationships.
pub trait RuleContext {
    /// A tracked table.
    fn table(&self, name: &QualifiedTable) -> Option<&Table>;
    /// A relationship of a table by its name in metadata: target and column pairs.
    fn relationship(
        &self,
        table: &QualifiedTable,
        name: &str,
    ) -> Option<(&QualifiedTable, &[(ColumnName, ColumnName)])>;
    /// A computed field of a table by its name.
    fn computed_field(&self, table: &QualifiedTable, name: &str) -> Option<&ComputedFieldInfo>;

    /// A column as something to compare. Rules see all of them.
    fn operand(&self, _table: &Table, column: &Column) -> Result<Operand, Error> {
        Ok(Operand::in_rule(column))
    }

    /// The condition under which a computed field may be seen, if there is one; refuses one that is not to
    /// be seen at all. Rules see all of them.
    fn computed_mask(
        &self,
        _table: &Table,
        _field: &ComputedFieldInfo,
    ) -> Result<Option<Arc<BoolExp>>, Error> {
        Ok(None)
    }

    /// Another table as it is looked into. Rules see all of its rows.
    fn access(&self, table: &QualifiedTable, _through: Through<'_>) -> Result<TableAccess, Error> {
        Ok(TableAccess::in_rule(table.clone()))
    }

    /// What texts mean.
    fn texts(&self) -> Texts {
        Texts::Session
    }
}

/// How a condition comes to another table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through<'a> {
    /// By a relationship of this name.
    Relationship(&'a str),
    /// By a computed field of this name.
    ComputedField(&'a str),
    /// By `_exists`.
    Exists,
}

/// What a text means that has a session variable's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// The variable's value.
    Session,
    /// Itself.
    Literal,
}

/// Why a condition cannot be: `unexpected-payload` where nothing else is said.
struct Refused {
    error: Error,
    /// What is used and not there.
    missing: Option<Part>,
}

impl Refused {
    fn below(self, key: &str) -> Self {
        let error = self.error.below(&ErrorPath::keys(&[key]));
        Self { error, ..self }
    }

    fn for_want_of(self, part: Part) -> Self {
        let missing = Some(part);
        Self { missing, ..self }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let missing = None;
        Self { error, missing }
    }
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Error::new(ErrorCode::UnexpectedPayload, message).into()
    }
}

impl From<&str> for Refused {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

fn not_exists(message: String) -> Refused {
    Error::new(ErrorCode::NotExists, message).into()
}

fn parse_failed(message: String) -> Refused {
    Error::parse_failed(message).into()
}

/// Compiles a rule about rows of `table`; the error is why it cannot be.
pub fn compile_rule(
    context: &dyn RuleContext,
    table: &QualifiedTable,
    rule: &Json,
) -> Result<BoolExp, Reason> {
    compile(context, table, rule).map_err(|refused| {
        let text = refused.error.message();
        match refused.missing {
            Some(part) => Reason::needs(part, text),
            None => text.into(),
        }
    })
}

/// The same with an error that has a code, and a path into the rule.
pub fn compile_condition(
    context: &dyn RuleContext,
    table: &QualifiedTable,
    rule: &Json,
) -> Result<BoolExp, Error> {
    compile(context, table, rule).map_err(|refused| refused.error)
}

fn compile(
    context: &dyn RuleContext,
    table: &QualifiedTable,
    rule: &Json,
) -> Result<BoolExp, Refused> {
    let root = context.table(table).ok_or_else(|| {
        let message = format!("table {:?} does not exist", table.display_name());
        not_exists(message).for_want_of(Part::Table(table.clone()))
    })?;
    let compiler = Compiler { context, root };
    compiler.boolean(root, rule, 0)
}

/// Rules nest no deeper than this; people write four or five.
const DEPTH_MAX: usize = 100;

struct Compiler<'a> {
    context: &'a dyn RuleContext,
    root: &'a Table,
}

impl<'a> Compiler<'a> {
    fn boolean(&self, table: &Table, rule: &Json, depth: usize) -> Result<BoolExp, Refused> {
        if depth > DEPTH_MAX {
            return Err(format!("the rule nests deeper than {DEPTH_MAX} levels").into());
        }
        let Json::Object(object) = rule else {
            return Err(format!("expecting an object of conditions, but found {rule}").into());
        };
        let parts: Result<Vec<_>, _> = object
            .iter()
            .map(|(key, value)| self.entry(table, key, value, depth))
            .collect();
        let mut parts = parts?;
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            BoolExp::And(parts)
        })
    }

    fn entry(
        &self,
        table: &Table,
        key: &str,
        value: &Json,
        depth: usize,
    ) -> Result<BoolExp, Refused> {
        match key {
            "_and" | "$and" => self.all(table, value, depth).map(BoolExp::And),
            "_or" | "$or" => self.all(table, value, depth).map(BoolExp::Or),
            "_not" | "$not" => self
                .boolean(table, value, depth + 1)
                .map(|inner| BoolExp::Not(Box::new(inner))),
            "_exists" | "$exists" => self.exists(value, depth),
            field => self.field(table, field, value, depth),
        }
    }

    fn all(&self, table: &Table, value: &Json, depth: usize) -> Result<Vec<BoolExp>, Refused> {
        let Json::Array(items) = value else {
            return Err(format!("expecting a list of conditions, but found {value}").into());
        };
        items
            .iter()
            .map(|item| self.boolean(table, item, depth + 1))
            .collect()
    }

    fn exists(&self, value: &Json, depth: usize) -> Result<BoolExp, Refused> {
        let object = value.as_object().ok_or("_exists expects an object")?;
        let name = object
            .get("_table")
            .and_then(table_name)
            .ok_or("_exists needs _table")?;
        let rule = object.get("_where").ok_or("_exists needs _where")?;
        let table = self.tracked(&name)?;
        let access = self.context.access(&name, Through::Exists)?;
        let condition = self.boolean(table, rule, depth + 1)?;
        Ok(BoolExp::Exists {
            access,
            depend_on: depend_on(table),
            condition: Box::new(condition),
        })
    }

    fn tracked(&self, name: &QualifiedTable) -> Result<&'a Table, Refused> {
        let table = self.context.table(name);
        let missing = || {
            let message = format!("table \"{}\" does not exist", name.display_name());
            not_exists(message).for_want_of(Part::Table(name.clone()))
        };
        table.ok_or_else(missing)
    }

    fn field(
        &self,
        table: &Table,
        name: &str,
        value: &Json,
        depth: usize,
    ) -> Result<BoolExp, Refused> {
        if let Some(column) = table.column(&ColumnName::new(name)) {
            let operand = self.context.operand(table, column)?;
            let condition = self.column(table, &operand, value);
            return condition.map_err(|refused| refused.below(name));
        }
        if let Some(field) = self.context.computed_field(&table.name, name) {
            let mask = self.context.computed_mask(table, field)?;
            let condition = self.computed_field((table, field, mask), value, depth);
            return condition.map_err(|refused| refused.below(name));
        }
        let Some((target, mapping)) = self.context.relationship(&table.name, name) else {
            let refused = not_exists(format!("\"{name}\" does not exist"));
            let part = Part::Field(table.name.clone(), name.to_owned());
            return Err(refused.for_want_of(part));
        };
        let table = self.tracked(target)?;
        let join = Join {
            access: self.context.access(target, Through::Relationship(name))?,
            mapping: mapping.to_vec(),
            facts: JoinFacts {
                depend_on: depend_on(table),
                ..JoinFacts::default()
            },
        };
        let condition = self.boolean(table, value, depth + 1)?;
        Ok(BoolExp::Related {
            join,
            condition: Box::new(condition),
        })
    }

    fn computed_field(
        &self,
        (table, field, mask): (&Table, &ComputedFieldInfo, Option<Arc<BoolExp>>),
        value: &Json,
        depth: usize,
    ) -> Result<BoolExp, Refused> {
        if !field.takes_no_arguments() {
            return Err(format!(
                "computed field \"{}\" takes arguments and cannot be used in a rule",
                field.field
            )
            .into());
        }
        let call = implicit_call(&field.function, &field.arguments, Some(&table.name));
        match &field.returns {
            ComputedReturn::Scalar(ty) => {
                let operand = Operand::computed(&GrantedCall {
                    call: call.into(),
                    ty: ty.base().clone(),
                    mask,
                });
                self.column(table, &operand, value)
            }
            ComputedReturn::Rows(target) => {
                let through = Through::ComputedField(field.field.as_str());
                let access = self.context.access(target, through)?;
                let condition = self.boolean(self.tracked(target)?, value, depth + 1)?;
                let access = access.with_rows(Rows::Function(call.into()));
                let join = Join {
                    access,
                    mapping: Vec::new(),
                    facts: JoinFacts::default(),
                };
                Ok(BoolExp::Related {
                    join,
                    condition: Box::new(condition),
                })
            }
        }
    }

    fn column(&self, table: &Table, operand: &Operand, value: &Json) -> Result<BoolExp, Refused> {
        let ty = operand.cast.as_ref().unwrap_or(operand.ty());
        if ty.scalar_kind() == ScalarKind::Json {
            return Err("JSON column can not be part of boolean expression".into());
        }
        let Json::Object(operators) = value else {
            return self.operator(table, operand, "_eq", value);
        };
        // A json column may be compared with an object only through `_eq`: an object is operators.
        let parts: Result<Vec<_>, _> = operators
            .iter()
            .map(|(name, value)| {
                let condition = self.operator(table, operand, name, value);
                condition.map_err(|refused| refused.below(name))
            })
            .collect();
        let mut parts = parts?;
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            BoolExp::And(parts)
        })
    }

    fn operator(
        &self,
        table: &Table,
        operand: &Operand,
        name: &str,
        value: &Json,
    ) -> Result<BoolExp, Refused> {
        let bare = name
            .strip_prefix(['_', '$'])
            .ok_or_else(|| unknown_operator(name))?;
        let ty = operand.cast.as_ref().unwrap_or(operand.ty()).base().clone();
        let texts = self.context.texts();
        let comparison = match bare {
            "is_null" => Comparison::IsNull(value::nullness(value)?),
            "cast" => return self.cast(table, operand, value),
            "ceq" => self.other_column(table, operand, Operator::Eq, value)?,
            "cne" | "cneq" => self.other_column(table, operand, Operator::Neq, value)?,
            "cgt" => self.other_column(table, operand, Operator::Gt, value)?,
            "clt" => self.other_column(table, operand, Operator::Lt, value)?,
            "cgte" => self.other_column(table, operand, Operator::Gte, value)?,
            "clte" => self.other_column(table, operand, Operator::Lte, value)?,
            "st_d_within" | "st_3d_d_within" => {
                let operator = known_operator(bare).ok_or_else(|| unknown_operator(name))?;
                value::applies(operator, &ty)?;
                value::d_within(bare, &ty, value, texts)?
            }
            "st_intersects_nband_geom" | "st_intersects_geom_nband" => {
                value::raster_band(bare, value, texts)?
            }
            bare => {
                let operator = known_operator(bare).ok_or_else(|| unknown_operator(name))?;
                value::applies(operator, &ty)?;
                let value = value::comparison(operator, &ty, value, texts)?;
                return Ok(BoolExp::column(operand.clone(), value));
            }
        };
        Ok(BoolExp::column(operand.clone(), comparison))
    }

    fn cast(&self, table: &Table, operand: &Operand, value: &Json) -> Result<BoolExp, Refused> {
        let targets = value.as_object().ok_or("_cast expects an object")?;
        let own = operand.ty().base();
        let mut parts = Vec::new();
        for (target, operators) in targets {
            let ty = match (own.scalar_kind(), target.as_str()) {
                (ScalarKind::Geometry, "geography") | (ScalarKind::Geography, "geometry") => {
                    PgType {
                        name: target.as_str().into(),
                        oid: 0,
                        ..own.clone()
                    }
                }
                (ScalarKind::Jsonb, "String" | "text") => PgType::builtin("text"),
                _ => {
                    let own = scalar::sql_name(own);
                    return Err(format!(
                        "cannot cast column of type \"{own}\" to type \"{target}\""
                    )
                    .into());
                }
            };
            let operand = operand.cast_to(ty);
            let condition = self.column(table, &operand, operators);
            parts.push(condition.map_err(|refused| refused.below(target))?);
        }
        Ok(BoolExp::And(parts))
    }

    fn other_column(
        &self,
        table: &Table,
        operand: &Operand,
        operator: Operator,
        value: &Json,
    ) -> Result<Comparison, Refused> {
        let (scope, name) = match value {
            Json::String(name) => (ColumnScope::Current, name.as_str()),
            Json::Array(items) => match items.as_slice() {
                [Json::String(name)] => (ColumnScope::Current, name.as_str()),
                [Json::String(root), Json::String(name)] if root == "$" => {
                    (ColumnScope::Root, name.as_str())
                }
                [] => return Err("path cannot be empty".into()),
                _ => {
                    return Err(
                        "Relationship references are not supported in column comparison RHS".into(),
                    );
                }
            },
            _ => {
                return Err("a boolean expression JSON must be either a string or an array".into());
            }
        };
        let of = if scope == ColumnScope::Root {
            self.root
        } else {
            table
        };
        let column = of
            .column(&ColumnName::new(name))
            .ok_or_else(|| not_exists(format!("column \"{name}\" does not exist")))?;
        // What is compared must be seen too.
        if self.context.operand(of, column)?.mask().is_some() {
            return Err(format!("column \"{name}\" cannot be compared with").into());
        }
        if column.ty.base().name != operand.ty().base().name {
            let own = match operand.value() {
                OperandValue::Column(column) => column.to_string(),
                OperandValue::Computed(call) => call.function.display_name(),
            };
            return Err(format!(
                "incompatible column types: \"{own}\" has type \"{}\", but \"{name}\" has type \"{}\"",
                scalar::sql_name(operand.ty()),
                scalar::sql_name(&column.ty)
            ).into());
        }
        Ok(Comparison::Column {
            operator,
            scope,
            column: column.name.clone(),
        })
    }
}

fn unknown_operator(name: &str) -> String {
    format!("Unknown operator: {name}")
}

/// `"t"` or `{"schema", "name"}`.
fn table_name(value: &Json) -> Option<QualifiedTable> {
    match value {
        Json::String(name) => Some(QualifiedTable::new("public", name.as_str())),
        Json::Object(object) => {
            let name = object.get("name")?.as_str()?;
            let schema = object
                .get("schema")
                .and_then(Json::as_str)
                .unwrap_or("public");
            Some(QualifiedTable::new(schema, name))
        }
        _ => None,
    }
}
