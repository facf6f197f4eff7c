//! Values and types in SQL: each value is one parameter with the cast that gives it its type.

use graphloom_catalog::{PgType, ScalarKind, TypeKind};
use graphloom_ir::{RunValue, TypedValue, Value};
use graphloom_sql::{Expr, Function, Name, ParameterId, TypeName};

use crate::context::Context;

/// The types of `pg_catalog` that are written bare. For the others the bare word may mean something
/// else in a cast (`char`, `bit`), so they are written with their schema.
const BARE: &[&str] = &[
    "bool",
    "bpchar",
    "bytea",
    "cidr",
    "date",
    "float4",
    "float8",
    "inet",
    "int2",
    "int4",
    "int8",
    "interval",
    "json",
    "jsonb",
    "money",
    "numeric",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "uuid",
    "varchar",
];

/// `text`
pub(crate) const TEXT: TypeName = TypeName::Builtin("text");
/// `json`
pub(crate) const JSON: TypeName = TypeName::Builtin("json");

/// A value: `$1::int4`, `$1::text::"public"."mood"`, `st_geomfromgeojson($1::text)`, `NULL::int4`, `true`.
///
/// A parameter of a type outside `pg_catalog` is sent as `text` and cast from there, so that preparing
/// a statement needs no look-up of the type.
pub(crate) fn value(context: &mut Context, value: &TypedValue) -> Expr {
    let ty = &value.ty;
    match &value.value {
        Value::Literal(None) => return Expr::null().cast(type_name(ty)),
        Value::Literal(Some(text)) if ty.scalar_kind() == ScalarKind::Boolean => {
            if let Some(known) = boolean(text) {
                return Expr::boolean(known);
            }
        }
        _ => {}
    }
    if let (Some(places), Value::Run(run)) = (&context.stream, &value.value) {
        match run {
            RunValue::StreamAfter => return places.after.clone(),
            RunValue::StreamUpTo => return places.up_to.clone(),
            _ => {}
        }
    }
    let id = context.parameter(value);
    match context.cohorts {
        None => typed_parameter(ty, id),
        Some(cohorts) => cohorts.value(id),
    }
}

/// A parameter of a type, sent as the type's text: `$1::int4`; geometries as GeoJSON.
pub fn typed_parameter(ty: &PgType, id: ParameterId) -> Expr {
    let parameter = Expr::parameter(id);
    match ty.scalar_kind() {
        ScalarKind::Geometry | ScalarKind::Geography => typed(ty, parameter),
        _ if is_builtin(ty) => parameter.cast(type_name(ty)),
        _ => parameter.cast(TEXT).cast(type_name(ty)),
    }
}

/// A text expression as a value of a type, a domain's rules included: `t1."p0"::int4`; geometries from GeoJSON.
pub(crate) fn typed(ty: &PgType, text: Expr) -> Expr {
    match ty.scalar_kind() {
        ScalarKind::Geometry => geometry(ty, text),
        ScalarKind::Geography => geometry(ty, text).cast(type_name(ty)),
        _ => text.cast(type_name(ty)),
    }
}

/// A text expression as a value of a type: `t1."c0"::int4`; geometries from GeoJSON.
pub(crate) fn cast_text(ty: &PgType, text: Expr) -> Expr {
    let ty = ty.base();
    match ty.scalar_kind() {
        ScalarKind::Geometry => geometry(ty, text),
        ScalarKind::Geography => geometry(ty, text).cast(type_name(ty)),
        ScalarKind::Text => text,
        _ => text.cast(type_name(ty)),
    }
}

/// A truth value that stands in the document or a rule is printed as a constant. There are only two, so
/// statements stay shared, and with a constant Postgres knows how many rows to expect and can use a partial index
/// whichever way it plans.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "t" => Some(true),
        "false" | "f" => Some(false),
        _ => None,
    }
}

fn geometry(ty: &PgType, geo_json: Expr) -> Expr {
    Expr::Call(beside(ty, "st_geomfromgeojson"), vec![geo_json.cast(TEXT)])
}

/// A function that an extension brings along with a type: it stands in the type's schema, which need
/// not be on the search path.
pub(crate) fn beside(ty: &PgType, function: &'static str) -> Function {
    Function::Qualified {
        schema: Name::new(ty.base().schema.clone()),
        name: Name::new(function),
    }
}

/// A type as a cast names it.
pub(crate) fn type_name(ty: &PgType) -> TypeName {
    if let TypeKind::Array(element) = &ty.kind {
        return TypeName::Array(Box::new(type_name(element)));
    }
    let bare = BARE.iter().find(|bare| **bare == &*ty.name);
    match bare {
        Some(bare) if &*ty.schema == "pg_catalog" => TypeName::Builtin(bare),
        _ => TypeName::Qualified {
            schema: Name::new(ty.schema.clone()),
            name: Name::new(ty.name.clone()),
        },
    }
}

fn is_builtin(ty: &PgType) -> bool {
    match &ty.kind {
        TypeKind::Array(element) => is_builtin(element),
        _ => &*ty.schema == "pg_catalog",
    }
}
