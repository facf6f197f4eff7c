//! What columns are compared with in rules: values of the operator's type, or session variables.

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_ir::{Coercion, Comparison, Nullness, Operator, TypedValue, Value, coerce};
use graphloom_vocab::{Json, JsonObject, SessionVariableName};

use super::{Refused, Texts, parse_failed};
use crate::scalar;

/// Refuses an operator that Postgres does not have for the type.
pub(super) fn applies(operator: Operator, ty: &PgType) -> Result<(), Refused> {
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
    Err(
        format!(" is of type \"{own}\"; this operator works only on columns of type {wanted}")
            .into(),
    )
}

/// As errors list them.
const TEXT_TYPES: &str = "\"varchar\", \"text\", \"citext\", \"bpchar\"";

/// Rules spell operators as GraphQL does, plus `ne`.
pub(super) fn known_operator(bare: &str) -> Option<Operator> {
    if bare == "ne" {
        return Some(Operator::Neq);
    }
    Operator::ALL
        .iter()
        .copied()
        .find(|operator| &operator.name()[1..] == bare)
}

pub(super) fn nullness(value: &Json) -> Result<Nullness, Refused> {
    match value {
        Json::Bool(true) => Ok(Nullness::Null),
        Json::Bool(false) => Ok(Nullness::NotNull),
        other => Err(format!("_is_null expects true or false, not {other}").into()),
    }
}

/// An operator with a value.
pub(super) fn comparison(
    operator: Operator,
    ty: &PgType,
    value: &Json,
    texts: Texts,
) -> Result<Comparison, Refused> {
    use Operator as O;
    let given = value;
    if value.is_null() {
        // `{"col": null}` asks for null, as v2 reads it; other operators have nothing to compare with.
        let comparison = match operator {
            O::Eq => Comparison::IsNull(Nullness::Null),
            O::Neq => Comparison::IsNull(Nullness::NotNull),
            _ => return Err(format!("unexpected null value for {}", operator.name()).into()),
        };
        return Ok(comparison);
    }
    let value_type = match operator {
        O::In | O::Nin if ty.element().is_some() => {
            return list_of_arrays(operator, ty, value, texts);
        }
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
    let value = typed(&value_type, value, texts)?;
    if is_list && matches!(&value.value, Value::Literal(_)) && !given.is_array() {
        return Err(parse_failed(
            "Expected Array, encountered String".to_owned(),
        ));
    }
    Ok(Comparison::Value(operator, value))
}

/// `_in` and `_nin` of an array column.
fn list_of_arrays(
    operator: Operator,
    ty: &PgType,
    value: &Json,
    texts: Texts,
) -> Result<Comparison, Refused> {
    let list = PgType::list_of(ty.clone());
    let value = match (texts, value) {
        (Texts::Session, Json::String(_)) => typed(&list, value, texts)?,
        (_, Json::Array(_)) => {
            let coercion = Coercion::List {
                element: ty.clone(),
                graphql_type: scalar::sql_name(ty).into(),
            };
            TypedValue {
                value: Value::Literal(coerce::coerce(&coercion, value)?.map(Into::into)),
                ty: list,
            }
        }
        _ => {
            return Err(parse_failed(
                "Expected Array, encountered String".to_owned(),
            ));
        }
    };
    Ok(Comparison::Value(operator, value))
}

/// A column preset: a constant, or a session variable.
pub(crate) fn preset(ty: &PgType, value: &Json) -> Result<TypedValue, String> {
    typed(ty, value, Texts::Session).map_err(|refused| refused.error.message().to_owned())
}

fn typed(ty: &PgType, value: &Json, texts: Texts) -> Result<TypedValue, Refused> {
    // Inside lists, such texts are texts: v2 looks at the whole value only.
    if texts == Texts::Session
        && let Some(name) = value.as_str().and_then(session_variable)
    {
        return Ok(TypedValue {
            value: Value::Session(name),
            ty: ty.clone(),
        });
    }
    let text = coerce::scalar(ty, value)?;
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

pub(super) fn d_within(
    bare: &str,
    ty: &PgType,
    value: &Json,
    texts: Texts,
) -> Result<Comparison, Refused> {
    let object = value
        .as_object()
        .ok_or_else(|| parse_failed(format!("_{bare} expects an object")))?;
    let operator = if bare == "st_d_within" {
        Operator::StDWithin
    } else {
        Operator::St3dDWithin
    };
    let spheroid = match object.get("use_spheroid") {
        _ if ty.scalar_kind() != ScalarKind::Geography => None,
        Some(value) => Some(typed(&PgType::builtin("bool"), value, texts)?),
        None => Some(typed(&PgType::builtin("bool"), &Json::Bool(true), texts)?),
    };
    Ok(Comparison::DWithin {
        operator,
        distance: typed(
            &PgType::builtin("float8"),
            required(object, "distance")?,
            texts,
        )?,
        from: typed(ty, required(object, "from")?, texts)?,
        use_spheroid: spheroid,
    })
}

pub(super) fn raster_band(bare: &str, value: &Json, texts: Texts) -> Result<Comparison, Refused> {
    let object = value
        .as_object()
        .ok_or_else(|| parse_failed(format!("_{bare} expects an object")))?;
    let operator = known_operator(bare).expect("both band operators are in the list");
    let nband = match object.get("nband") {
        None if operator == Operator::StIntersectsGeomNband => None,
        None => return Err("nband is required".into()),
        Some(value) => Some(typed(&PgType::builtin("int4"), value, texts)?),
    };
    let geometry = PgType {
        schema: "public".into(),
        ..PgType::builtin("geometry")
    };
    let geommin = typed(&geometry, required(object, "geommin")?, texts)?;
    Ok(Comparison::RasterBand {
        operator,
        nband,
        geommin,
    })
}

fn required<'a>(object: &'a JsonObject, key: &str) -> Result<&'a Json, Refused> {
    object
        .get(key)
        .ok_or_else(|| parse_failed(format!("the key '{key}' was not present")))
}
