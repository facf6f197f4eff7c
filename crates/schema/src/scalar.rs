//! Postgres types as GraphQL scalars.

use graphloom_catalog::{PgType, ScalarKind, TypeKind};
use graphloom_ir::Output;
use graphloom_vocab::{GraphqlName, is_graphql_name};

use crate::Numerics;

/// The GraphQL scalar of a Postgres type that is not an array; `None` if its name is no GraphQL name.
pub fn scalar_name(ty: &PgType) -> Option<GraphqlName> {
    let base = ty.base();
    let name = match ty.scalar_kind() {
        ScalarKind::Integer => "Int",
        ScalarKind::SmallInt => "smallint",
        ScalarKind::BigInt => "bigint",
        ScalarKind::Real => "Float",
        ScalarKind::Boolean => "Boolean",
        ScalarKind::Varchar | ScalarKind::Text => "String",
        _ => &base.name,
    };
    if matches!(base.kind, TypeKind::Composite) {
        let name = format!("{name}_scalar");
        return GraphqlName::parse(&name);
    }
    is_graphql_name(name).then(|| GraphqlName::new(name))
}

/// A type as errors name it: `integer`, `text`, `mood`, `text[]`.
pub(crate) fn sql_name(ty: &PgType) -> String {
    if let Some(element) = ty.element() {
        return format!("{}[]", sql_name(element));
    }
    match ty.scalar_kind() {
        ScalarKind::Integer => "integer",
        ScalarKind::SmallInt => "smallint",
        ScalarKind::BigInt => "bigint",
        ScalarKind::Boolean => "boolean",
        ScalarKind::Real => "real",
        ScalarKind::Double => "double precision",
        _ => &ty.base().name,
    }
    .to_owned()
}

/// Whether `max`, `min` and their ordering apply.
pub(crate) fn is_comparable(ty: &PgType) -> bool {
    use ScalarKind as K;
    match ty.scalar_kind() {
        K::Json | K::Jsonb | K::Geometry | K::Geography | K::Boolean | K::Raster | K::Time => false,
        K::Other => matches!(ty.base().kind, TypeKind::Enum | TypeKind::Array(_)),
        _ => true,
    }
}

/// A column's form in responses.
pub fn output(ty: &PgType, numerics: Numerics) -> Output {
    use ScalarKind as K;
    match ty.scalar_kind() {
        K::Geometry | K::Geography => Output::GeoJson,
        K::BigInt | K::Numeric | K::Double | K::Money if numerics == Numerics::Strings => {
            Output::Text
        }
        _ => Output::Json,
    }
}
