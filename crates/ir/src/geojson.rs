//! Whether an object is GeoJSON, before Postgres is asked.

use graphloom_vocab::{Error, Json, JsonObject};

/// Refuses objects that are no GeoJSON geometry: an unknown `type`, or no `coordinates`.
pub(crate) fn check(object: &JsonObject) -> Result<(), Error> {
    let Some(Json::String(kind)) = object.get("type") else {
        return Err(missing("type"));
    };
    match kind.as_str() {
        "Point" | "MultiPoint" | "LineString" | "MultiLineString" | "Polygon" | "MultiPolygon" => {
            match object.get("coordinates") {
                Some(Json::Array(_)) => Ok(()),
                _ => Err(missing("coordinates")),
            }
        }
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
