//! Whether an object is GeoJSON, before Postgres is asked.

use graphloom_vocab::{Error, Json, JsonObject};

/// Refuses objects that are no GeoJSON geometry: an unknown `type`, or no `coordinates`.
pub(crate) fn check(object: &JsonObject) -> Result<(), Error> {
    let Some(Json::String(kind)) = object.get("type") else {
        return Err(missing("type"));
    };
    match kind.as_str() {
        "Point" => position(coordinates(object)?),
        "MultiPoint" => each(coordinates(object)?, position),
        "LineString" => line(coordinates(object)?),
        "MultiLineString" => each(coordinates(object)?, line),
        "Polygon" => each(coordinates(object)?, ring),
        "MultiPolygon" => each(coordinates(object)?, |polygon| each(polygon, ring)),
        "GeometryCollection" => match object.get("geometries") {
            Some(Json::Array(geometries)) => geometries.iter().try_for_each(|item| match item {
                Json::Object(object) => check(object),
                _ => Err(Error::parse_failed(
                    "geometries is expected to hold objects",
                )),
            }),
            _ => Err(missing("geometries")),
        },
        other => Err(Error::parse_failed(format!(
            "unexpected geometry type: {other}"
        ))),
    }
}

fn coordinates(object: &JsonObject) -> Result<&Json, Error> {
    match object.get("coordinates") {
        Some(found @ Json::Array(_)) => Ok(found),
        _ => Err(missing("coordinates")),
    }
}

fn list<'a>(what: &str, value: &'a Json) -> Result<&'a [Json], Error> {
    let found = value.as_array().map(Vec::as_slice);
    found.ok_or_else(|| Error::parse_failed(format!("parsing {what} failed, expected Array")))
}

fn each(value: &Json, part: impl Fn(&Json) -> Result<(), Error>) -> Result<(), Error> {
    list("coordinates", value)?.iter().try_for_each(part)
}

fn position(value: &Json) -> Result<(), Error> {
    match list("Position", value)?.len() {
        0 | 1 => Err(Error::parse_failed("A Position needs at least 2 elements")),
        _ => Ok(()),
    }
}

fn line(value: &Json) -> Result<(), Error> {
    let positions = list("LineString", value)?;
    if positions.len() < 2 {
        let message = "A LineString needs at least 2 Positions";
        return Err(Error::parse_failed(message));
    }
    positions.iter().try_for_each(position)
}

fn ring(value: &Json) -> Result<(), Error> {
    let positions = list("LinearRing", value)?;
    if positions.len() < 4 {
        let message = "A LinearRing needs at least 4 Positions";
        return Err(Error::parse_failed(message));
    }
    positions.iter().try_for_each(position)?;
    if positions.first() == positions.last() {
        return Ok(());
    }
    let message = "the first and last locations have to be equal for a LinearRing";
    Err(Error::parse_failed(message))
}

fn missing(key: &str) -> Error {
    Error::parse_failed(format!("key \"{key}\" not found"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn knows_geometries() {
        let ok = |value: Json| check(value.as_object().expect("an object")).is_ok();
        assert!(ok(json!({"type": "Point", "coordinates": [1, 2]})));
        assert!(ok(json!({"type": "GeometryCollection", "geometries": []})));
        assert!(!ok(json!({"type": "Point"})));
        assert!(!ok(json!({"type": "Circle", "coordinates": []})));
        assert!(!ok(json!({"coordinates": [1, 2]})));
    }
}
