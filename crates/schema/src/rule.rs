//! Permission rules: the boolean language of metadata to a condition on rows.
//!
//! Rules see raw tables: neither columns nor related rows are subject to the role's other grants.
//! A value that starts with `x-hasura-` is a session variable. Errors are the reason a permission is
//! inconsistent.

use graphloom_catalog::{PgType, ScalarKind, Table};
use graphloom_ir::{
    BoolExp, ColumnScope, Comparison, Join, Nullness, Operand, OperandValue, Operator, Rows,
    TableAccess, TypedValue, Value, coerce,
};
use graphloom_vocab::{ColumnName, Json, JsonObject, QualifiedTable, SessionVariableName};

use crate::function::{ComputedFieldInfo, ComputedReturn, implicit_call};
use crate::scalar;

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
}

/// Compiles a rule about rows of `table`.
pub fn compile_rule(
    context: &dyn RuleContext,
    table: &QualifiedTable,
    rule: &Json,
) -> Result<BoolExp, String> {
    let root = context
        .table(table)
        .ok_or_else(|| format!("table {:?} does not exist", table.display_name()))?;
    Compiler { context, root }.boolean(root, rule, 0)
}

/// Rules nest no deeper than this; people write four or five.
const DEPTH_MAX: usize = 100;

struct Compiler<'a> {
    context: &'a dyn RuleContext,
    root: &'a Table,
}

impl<'a> Compiler<'a> {
    fn boolean(&self, table: &Table, rule: &Json, depth: usize) -> Result<BoolExp, String> {
        if depth > DEPTH_MAX {
            return Err(format!("the rule nests deeper than {DEPTH_MAX} levels"));
        }
        let Json::Object(object) = rule else {
            return Err(format!(
                "expecting an object of conditions, but found {rule}"
            ));
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
    ) -> Result<BoolExp, String> {
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

    fn all(&self, table: &Table, value: &Json, depth: usize) -> Result<Vec<BoolExp>, String> {
        let Json::Array(items) = value else {
            return Err(format!("expecting a list of conditions, but found {value}"));
        };
        items
            .iter()
            .map(|item| self.boolean(table, item, depth + 1))
            .collect()
    }

    fn exists(&self, value: &Json, depth: usize) -> Result<BoolExp, String> {
        let object = value.as_object().ok_or("_exists expects an object")?;
        let name = object
            .get("_table")
            .and_then(table_name)
            .ok_or("_exists needs _table")?;
        let rule = object.get("_where").ok_or("_exists needs _where")?;
        let table = self.tracked(&name)?;
        let condition = self.boolean(table, rule, depth + 1)?;
        let access = TableAccess::in_rule(name);
        Ok(BoolExp::Exists {
            access,
            condition: Box::new(condition),
        })
    }

    fn tracked(&self, name: &QualifiedTable) -> Result<&'a Table, String> {
        let table = self.context.table(name);
        table.ok_or_else(|| format!("table \"{}\" does not exist", name.display_name()))
    }

    fn field(
        &self,
        table: &Table,
        name: &str,
        value: &Json,
        depth: usize,
    ) -> Result<BoolExp, String> {
        if let Some(column) = table.column(&ColumnName::new(name)) {
            return self.column(table, &Operand::in_rule(column), value);
        }
        if let Some(field) = self.context.computed_field(&table.name, name) {
            return self.computed_field(table, field, value, depth);
        }
        let Some((target, mapping)) = self.context.relationship(&table.name, name) else {
            return Err(format!("\"{name}\" does not exist"));
        };
        let condition = self.boolean(self.tracked(target)?, value, depth + 1)?;
        let join = Join {
            access: TableAccess::in_rule(target.clone()),
            mapping: mapping.to_vec(),
        };
        Ok(BoolExp::Related {
            join,
            condition: Box::new(condition),
        })
    }

    fn computed_field(
        &self,
        table: &Table,
        field: &ComputedFieldInfo,
        value: &Json,
        depth: usize,
    ) -> Result<BoolExp, String> {
        if !field.takes_no_arguments() {
            return Err(format!(
                "computed field \"{}\" takes arguments and cannot be used in a rule",
                field.field
            ));
        }
        let call = implicit_call(&field.function, &field.arguments, Some(&table.name));
        match &field.returns {
            ComputedReturn::Scalar(ty) => {
                let operand = Operand::computed(call.into(), ty.base().clone());
                self.column(table, &operand, value)
            }
            ComputedReturn::Rows(target) => {
                let condition = self.boolean(self.tracked(target)?, value, depth + 1)?;
                let access = TableAccess::in_rule(target.clone());
                let access = access.with_rows(Rows::Function(call.into()));
                let join = Join {
                    access,
                    mapping: Vec::new(),
                };
                Ok(BoolExp::Related {
                    join,
                    condition: Box::new(condition),
                })
            }
        }
    }

    fn column(&self, table: &Table, operand: &Operand, value: &Json) -> Result<BoolExp, String> {
        let ty = operand.cast.as_ref().unwrap_or(operand.ty());
        if ty.scalar_kind() == ScalarKind::Json {
            return Err("JSON column can not be part of boolean expression".to_owned());
        }
        let Json::Object(operators) = value else {
            return self.operator(table, operand, "_eq", value);
        };
        // A json column may be compared with an object only through `_eq`: an object is operators.
        let parts: Result<Vec<_>, _> = operators
            .iter()
            .map(|(name, value)| self.operator(table, operand, name, value))
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
    ) -> Result<BoolExp, String> {
        let bare = name
            .strip_prefix(['_', '$'])
            .ok_or_else(|| unknown_operator(name))?;
        let ty = operand.cast.as_ref().unwrap_or(operand.ty()).base().clone();
        let comparison = match bare {
            "is_null" => Comparison::IsNull(nullness(value)?),
            "cast" => return self.cast(table, operand, value),
            "ceq" => self.other_column(table, operand, Operator::Eq, value)?,
            "cne" | "cneq" => self.other_column(table, operand, Operator::Neq, value)?,
            "cgt" => self.other_column(table, operand, Operator::Gt, value)?,
            "clt" => self.other_column(table, operand, Operator::Lt, value)?,
            "cgte" => self.other_column(table, operand, Operator::Gte, value)?,
            "clte" => self.other_column(table, operand, Operator::Lte, value)?,
            "st_d_within" | "st_3d_d_within" => {
                applies(
                    known_operator(bare).ok_or_else(|| unknown_operator(name))?,
                    &ty,
                )?;
                d_within(bare, &ty, value)?
            }
            "st_intersects_nband_geom" | "st_intersects_geom_nband" => raster_band(bare, value)?,
            bare => {
                let operator = known_operator(bare).ok_or_else(|| unknown_operator(name))?;
                applies(operator, &ty)?;
                return value_comparison(operand, operator, &ty, value);
            }
        };
        Ok(BoolExp::column(operand.clone(), comparison))
    }

    fn cast(&self, table: &Table, operand: &Operand, value: &Json) -> Result<BoolExp, String> {
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
                    ));
                }
            };
            let operand = operand.cast_to(ty);
            parts.push(self.column(table, &operand, operators)?);
        }
        Ok(BoolExp::And(parts))
    }

    fn other_column(
        &self,
        table: &Table,
        operand: &Operand,
        operator: Operator,
        value: &Json,
    ) -> Result<Comparison, String> {
        let (scope, name) = match value {
            Json::String(name) => (ColumnScope::Current, name.as_str()),
            Json::Array(items) => match items.as_slice() {
                [Json::String(name)] => (ColumnScope::Current, name.as_str()),
                [Json::String(root), Json::String(name)] if root == "$" => {
                    (ColumnScope::Root, name.as_str())
                }
                [] => return Err("path cannot be empty".to_owned()),
                _ => {
                    return Err(
                        "Relationship references are not supported in column comparison RHS"
                            .to_owned(),
                    );
                }
            },
            _ => {
                return Err(
                    "a boolean expression JSON must be either a string or an array".to_owned(),
                );
            }
        };
        let of = if scope == ColumnScope::Root {
            self.root
        } else {
            table
        };
        let column = of
            .column(&ColumnName::new(name))
            .ok_or_else(|| format!("column \"{name}\" does not exist"))?;
        if column.ty.base().name != operand.ty().base().name {
            let own = match operand.value() {
                OperandValue::Column(column) => column.to_string(),
                OperandValue::Computed(call) => call.function.display_name(),
            };
            return Err(format!(
                "incompatible column types: \"{own}\" has type \"{}\", but \"{name}\" has type \"{}\"",
                scalar::sql_name(operand.ty()),
                scalar::sql_name(&column.ty)
            ));
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

/// Refuses an operator that Postgres does not have for the type.
fn applies(operator: Operator, ty: &PgType) -> Result<(), String> {
    use Operator as O;
    use ScalarKind as K;
    let kind = ty.scalar_kind();
    let (fits, wanted) = match operator {
        O::Like | O::Nlike | O::Ilike | O::Nilike | O::Similar | O::Nsimilar => {
            (kind.is_text(), TEXT_TYPES)
        }
        O::Regex | O::Iregex | O::Nregex | O::Niregex => (kind.is_text(), TEXT_TYPES),
        O::Contains | O::ContainedIn => {
            let fits = kind == K::Jsonb || ty.element().is_some();
            (fits, "an array or JSONB")
        }
        O::HasKey | O::HasKeysAny | O::HasKeysAll => (kind == K::Jsonb, "\"jsonb\""),
        O::StIntersects | O::StDWithin => (
            matches!(kind, K::Geometry | K::Geography),
            "\"geometry\", \"geography\"",
        ),
        O::StContains | O::StCrosses | O::StEquals | O::StOverlaps | O::StTouches => {
            (kind == K::Geometry, "\"geometry\"")
        }
        O::StWithin | O::St3dIntersects | O::St3dDWithin => (kind == K::Geometry, "\"geometry\""),
        O::StIntersectsRast => (kind == K::Raster, "\"raster\""),
        O::Ancestor | O::AncestorAny | O::Descendant | O::DescendantAny => {
            (kind == K::Ltree, "\"ltree\"")
        }
        O::Matches | O::MatchesAny | O::MatchesFulltext => (kind == K::Ltree, "\"ltree\""),
        _ => (true, ""),
    };
    if fits {
        return Ok(());
    }
    let own = scalar::sql_name(ty);
    Err(format!(
        " is of type \"{own}\"; this operator works only on columns of type {wanted}"
    ))
}

/// As errors list them.
const TEXT_TYPES: &str = "\"varchar\", \"text\", \"citext\", \"bpchar\"";

/// Rules spell operators as GraphQL does, plus `ne`.
fn known_operator(bare: &str) -> Option<Operator> {
    if bare == "ne" {
        return Some(Operator::Neq);
    }
    Operator::ALL
        .iter()
        .copied()
        .find(|operator| &operator.name()[1..] == bare)
}

fn nullness(value: &Json) -> Result<Nullness, String> {
    match value {
        Json::Bool(true) => Ok(Nullness::Null),
        Json::Bool(false) => Ok(Nullness::NotNull),
        other => Err(format!("_is_null expects true or false, not {other}")),
    }
}

fn value_comparison(
    operand: &Operand,
    operator: Operator,
    ty: &PgType,
    value: &Json,
) -> Result<BoolExp, String> {
    use Operator as O;
    let given = value;
    if value.is_null() {
        // `{"col": null}` asks for null, as v2 reads it; other operators have nothing to compare with.
        let comparison = match operator {
            O::Eq => Comparison::IsNull(Nullness::Null),
            O::Neq => Comparison::IsNull(Nullness::NotNull),
            _ => return Err(format!("unexpected null value for {}", operator.name())),
        };
        return Ok(BoolExp::column(operand.clone(), comparison));
    }
    let value_type = match operator {
        O::In | O::Nin | O::AncestorAny | O::DescendantAny => PgType::array_of(ty.clone()),
        O::HasKey => PgType::builtin("text"),
        O::HasKeysAny | O::HasKeysAll => PgType::array_of(PgType::builtin("text")),
        O::Matches | O::MatchesFulltext | O::MatchesAny => {
            let name = if operator == O::MatchesFulltext {
                "ltxtquery"
            } else {
                "lquery"
            };
            let query = PgType {
                name: name.into(),
                oid: 0,
                ..ty.clone()
            };
            if operator == O::MatchesAny {
                PgType::array_of(query)
            } else {
                query
            }
        }
        _ => ty.clone(),
    };
    let is_list = matches!(
        operator,
        O::In
            | O::Nin
            | O::AncestorAny
            | O::DescendantAny
            | O::HasKeysAny
            | O::HasKeysAll
            | O::MatchesAny
    );
    let value = typed(&value_type, value)?;
    if is_list && matches!(&value.value, Value::Literal(_)) && !given.is_array() {
        return Err("Expected Array, encountered String".to_owned());
    }
    Ok(BoolExp::column(
        operand.clone(),
        Comparison::Value(operator, value),
    ))
}

fn typed(ty: &PgType, value: &Json) -> Result<TypedValue, String> {
    // Inside lists, such texts are texts: v2 looks at the whole value only.
    if let Some(name) = value.as_str().and_then(session_variable) {
        return Ok(TypedValue {
            value: Value::Session(name),
            ty: ty.clone(),
        });
    }
    let text = coerce::scalar(ty, value).map_err(|error| error.message().to_owned())?;
    Ok(TypedValue {
        value: Value::Literal(text.map(Into::into)),
        ty: ty.clone(),
    })
}

/// `x-hasura-…` in any case, and the older `REQ_USER_ID`.
fn session_variable(text: &str) -> Option<SessionVariableName> {
    match text.eq_ignore_ascii_case("req_user_id") {
        true => SessionVariableName::parse("x-hasura-user-id"),
        false => SessionVariableName::parse(text),
    }
}

fn d_within(bare: &str, ty: &PgType, value: &Json) -> Result<Comparison, String> {
    let object = value
        .as_object()
        .ok_or_else(|| format!("_{bare} expects an object"))?;
    let operator = if bare == "st_d_within" {
        Operator::StDWithin
    } else {
        Operator::St3dDWithin
    };
    let spheroid = match object.get("use_spheroid") {
        _ if ty.scalar_kind() != ScalarKind::Geography => None,
        Some(value) => Some(typed(&PgType::builtin("bool"), value)?),
        None => Some(typed(&PgType::builtin("bool"), &Json::Bool(true))?),
    };
    Ok(Comparison::DWithin {
        operator,
        distance: typed(&PgType::builtin("float8"), required(object, "distance")?)?,
        from: typed(ty, required(object, "from")?)?,
        use_spheroid: spheroid,
    })
}

fn raster_band(bare: &str, value: &Json) -> Result<Comparison, String> {
    let object = value
        .as_object()
        .ok_or_else(|| format!("_{bare} expects an object"))?;
    let operator = known_operator(bare).expect("both band operators are in the list");
    let nband = match object.get("nband") {
        None if operator == Operator::StIntersectsGeomNband => None,
        None => return Err("nband is required".to_owned()),
        Some(value) => Some(typed(&PgType::builtin("int4"), value)?),
    };
    let geometry = PgType {
        schema: "public".into(),
        ..PgType::builtin("geometry")
    };
    let geommin = typed(&geometry, required(object, "geommin")?)?;
    Ok(Comparison::RasterBand {
        operator,
        nband,
        geommin,
    })
}

fn required<'a>(object: &'a JsonObject, key: &str) -> Result<&'a Json, String> {
    object
        .get(key)
        .ok_or_else(|| format!("the key '{key}' was not present"))
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
