//! How v2 writes the parts of a document that are kept as they are: which keys in which order, and which
//! values it leaves out because they are what a missing key means.
//!
//! Nothing that is not known is lost: unknown keys follow the known ones of their object, and a value of another
//! kind than expected stays as it is. Applying a shape twice comes to the same as once. Read next: [`SHAPES`].

use graphloom_vocab::{Json, JsonObject};

use crate::decode::is_empty;
use crate::encode::canonical;

/// The shape of a value.
#[derive(Clone, Copy)]
enum Shape {
    /// Whatever it is, with every object's keys in alphabetical order.
    Sorted,
    /// An object with these keys, in this order.
    Object(&'static [Key]),
    /// A list of such values.
    List(&'static Shape),
}

/// A key of an object.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    shape: Shape,
    /// When it is left out. Null always is.
    omitted: Omitted,
}

#[derive(Clone, Copy)]
enum Omitted {
    Never,
    /// `[]` and `{}`
    Empty,
    /// `false`
    False,
    /// This number.
    Number(u64),
}

const fn key(name: &'static str, shape: Shape, omitted: Omitted) -> Key {
    Key {
        name,
        shape,
        omitted,
    }
}

/// A key with any value, always written.
const fn plain(name: &'static str) -> Key {
    key(name, Shape::Sorted, Omitted::Never)
}

/// A key that is left out with an empty list.
const fn list(name: &'static str) -> Key {
    key(name, Shape::Sorted, Omitted::Empty)
}

/// The shapes of the keys that are kept.
const SHAPES: &[(&str, Shape)] = &[
    ("remote_schemas", Shape::List(&REMOTE_SCHEMA)),
    ("query_collections", Shape::List(&COLLECTION)),
    ("allowlist", Shape::List(&Shape::Sorted)),
    ("actions", Shape::List(&ACTION)),
    ("custom_types", CUSTOM_TYPES),
    ("cron_triggers", Shape::List(&CRON_TRIGGER)),
    ("rest_endpoints", Shape::List(&REST_ENDPOINT)),
    ("api_limits", Shape::Sorted),
    ("metrics_config", Shape::Sorted),
    (
        "graphql_schema_introspection",
        Shape::Object(&[list("disabled_for_roles")]),
    ),
    (
        "network",
        Shape::Object(&[key("tls_allowlist", Shape::List(&TLS_HOST), Omitted::Empty)]),
    ),
    ("backend_configs", Shape::Sorted),
    ("opentelemetry", Shape::Sorted),
    ("event_triggers", Shape::List(&EVENT_TRIGGER)),
    ("remote_relationships", Shape::Sorted),
    ("apollo_federation_config", Shape::Sorted),
    ("query_tags", Shape::Sorted),
    ("health_check", Shape::Sorted),
];

const REMOTE_SCHEMA: Shape = Shape::Object(&[
    plain("name"),
    key(
        "definition",
        Shape::Object(&[
            plain("url"),
            plain("url_from_env"),
            plain("timeout_seconds"),
            plain("customization"),
            list("headers"),
            key("forward_client_headers", Shape::Sorted, Omitted::False),
        ]),
        Omitted::Never,
    ),
    plain("comment"),
    key(
        "permissions",
        Shape::List(&Shape::Object(&[
            plain("role"),
            plain("definition"),
            plain("comment"),
        ])),
        Omitted::Empty,
    ),
    list("remote_relationships"),
]);

const COLLECTION: Shape = Shape::Object(&[plain("name"), plain("definition"), plain("comment")]);

const ACTION: Shape = Shape::Object(&[
    plain("name"),
    key(
        "definition",
        Shape::Object(ACTION_DEFINITION),
        Omitted::Never,
    ),
    plain("comment"),
    key(
        "permissions",
        Shape::List(&Shape::Object(&[plain("role"), plain("comment")])),
        Omitted::Empty,
    ),
]);

const ACTION_DEFINITION: &[Key] = &[
    plain("handler"),
    plain("output_type"),
    key("forward_client_headers", Shape::Sorted, Omitted::False),
    list("headers"),
    key(
        "arguments",
        Shape::List(&Shape::Object(&[
            plain("name"),
            plain("type"),
            plain("description"),
        ])),
        Omitted::Empty,
    ),
    plain("request_transform"),
    plain("response_transform"),
    plain("type"),
    plain("kind"),
    key("timeout", Shape::Sorted, Omitted::Number(30)),
];

const CUSTOM_TYPES: Shape = Shape::Object(&[
    key(
        "input_objects",
        Shape::List(&Shape::Object(&[
            plain("name"),
            key(
                "fields",
                Shape::List(&Shape::Object(&[
                    plain("name"),
                    plain("type"),
                    plain("description"),
                ])),
                Omitted::Never,
            ),
            plain("description"),
        ])),
        Omitted::Empty,
    ),
    key(
        "objects",
        Shape::List(&Shape::Object(&[
            plain("name"),
            key(
                "fields",
                Shape::List(&Shape::Object(&[
                    plain("name"),
                    plain("type"),
                    plain("arguments"),
                    plain("description"),
                ])),
                Omitted::Never,
            ),
            plain("description"),
            list("relationships"),
        ])),
        Omitted::Empty,
    ),
    key(
        "scalars",
        Shape::List(&Shape::Object(&[plain("name"), plain("description")])),
        Omitted::Empty,
    ),
    key(
        "enums",
        Shape::List(&Shape::Object(&[
            plain("name"),
            plain("values"),
            plain("description"),
        ])),
        Omitted::Empty,
    ),
]);

const CRON_TRIGGER: Shape = Shape::Object(&[
    plain("name"),
    plain("webhook"),
    plain("schedule"),
    plain("include_in_metadata"),
    plain("payload"),
    plain("retry_conf"),
    list("headers"),
    plain("comment"),
    plain("request_transform"),
    plain("response_transform"),
]);

const REST_ENDPOINT: Shape = Shape::Object(&[
    plain("comment"),
    plain("definition"),
    plain("methods"),
    plain("name"),
    plain("url"),
]);

const TLS_HOST: Shape = Shape::Object(&[plain("host"), list("permissions"), plain("suffix")]);

const EVENT_TRIGGER: Shape = Shape::Object(&[
    plain("name"),
    plain("definition"),
    plain("retry_conf"),
    plain("webhook"),
    plain("webhook_from_env"),
    list("headers"),
    plain("request_transform"),
    plain("response_transform"),
    plain("cleanup_config"),
]);

/// The value of a kept key as v2 writes it; null if v2 does not write it at all.
pub(crate) fn shaped(name: &str, json: &Json) -> Json {
    let Some((_, shape)) = SHAPES.iter().find(|(known, _)| *known == name) else {
        return json.clone();
    };
    let mut json = shape.apply(json);
    complete(name, &mut json);
    match is_empty(&json) || means_nothing(name, &json) {
        true => Json::Null,
        false => json,
    }
}

impl Shape {
    fn apply(self, json: &Json) -> Json {
        match (self, json) {
            (Self::Object(keys), Json::Object(object)) => Json::Object(ordered(keys, object)),
            (Self::List(shape), Json::Array(items)) => {
                items.iter().map(|item| shape.apply(item)).collect()
            }
            (Self::Sorted, json) => canonical(json),
            (Self::Object(_) | Self::List(_), json) => json.clone(),
        }
    }
}

fn ordered(keys: &[Key], object: &JsonObject) -> JsonObject {
    let mut ordered = JsonObject::new();
    for key in keys {
        let Some(value) = object.get(key.name) else {
            continue;
        };
        let value = key.shape.apply(value);
        if !key.omits(&value) {
            ordered.insert(key.name.to_owned(), value);
        }
    }
    for (name, value) in object {
        if !keys.iter().any(|key| key.name == name) {
            ordered.insert(name.clone(), value.clone());
        }
    }
    ordered
}

impl Key {
    fn omits(&self, value: &Json) -> bool {
        value.is_null()
            || match self.omitted {
                Omitted::Never => false,
                Omitted::Empty => is_empty(value),
                Omitted::False => *value == Json::Bool(false),
                Omitted::Number(number) => value.as_u64() == Some(number),
            }
    }
}

/// What v2 writes although nobody said it, and what a part of its default is completed with.
fn complete(name: &str, json: &mut Json) {
    match name {
        "actions" => {
            for definition in each(json, "definition") {
                complete_action(definition);
            }
        }
        "allowlist" => {
            for entry in json.as_array_mut().into_iter().flatten() {
                if let Json::Object(entry) = entry
                    && entry.get("scope").is_none_or(Json::is_null)
                {
                    entry.insert("scope".to_owned(), serde_json::json!({"global": true}));
                }
            }
        }
        "cron_triggers" => {
            for trigger in json.as_array_mut().into_iter().flatten() {
                if let Json::Object(trigger) = trigger {
                    complete_retries(trigger);
                }
            }
        }
        "api_limits" => {
            if let Json::Object(limits) = json {
                let disabled = limits.entry("disabled");
                disabled.or_insert(Json::Bool(false));
                limits.sort_keys();
            }
        }
        _ => {}
    }
}

fn each<'j>(items: &'j mut Json, key: &'j str) -> impl Iterator<Item = &'j mut JsonObject> {
    let items = items.as_array_mut().into_iter().flatten();
    items.filter_map(move |item| item.get_mut(key)?.as_object_mut())
}

/// An action without a type is a mutation, and one of those without a kind is synchronous.
fn complete_action(definition: &mut JsonObject) {
    if definition.get("type") == Some(&Json::from("query")) {
        return;
    }
    let missing = |definition: &JsonObject, key: &str| !definition.contains_key(key);
    if missing(definition, "type") || missing(definition, "kind") {
        definition.entry("type").or_insert("mutation".into());
        definition.entry("kind").or_insert("synchronous".into());
        *definition = ordered(ACTION_DEFINITION, definition);
    }
}

/// Retries that are only partly said; none are written where they are as without the key.
fn complete_retries(trigger: &mut JsonObject) {
    const DEFAULTS: [(&str, u64); 4] = [
        ("num_retries", 0),
        ("retry_interval_seconds", 10),
        ("timeout_seconds", 60),
        ("tolerance_seconds", 21_600),
    ];
    let Some(Json::Object(retries)) = trigger.get_mut("retry_conf") else {
        return;
    };
    for (key, default) in DEFAULTS {
        let value = retries.entry(key).or_insert(default.into());
        if value.is_null() {
            *value = default.into();
        }
    }
    retries.sort_keys();
    let is_default = |(key, default): &(&str, u64)| retries[*key].as_u64() == Some(*default);
    if retries.len() == DEFAULTS.len() && DEFAULTS.iter().all(is_default) {
        trigger.shift_remove("retry_conf");
    }
}

/// Sections that come to what a missing one means.
fn means_nothing(name: &str, json: &Json) -> bool {
    match name {
        "api_limits" => *json == serde_json::json!({"disabled": false}),
        "metrics_config" => {
            *json
                == serde_json::json!({
                    "analyze_query_variables": false, "analyze_response_body": false
                })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn parse(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_section_comes_out_as_v2_writes_it() {
        for (name, given, written) in [
            (
                "actions",
                r#"[{"permissions": [{"comment": "c", "role": "r"}], "comment": null, "name": "a", "definition":
                    {"timeout": 30, "arguments": [{"type": "Int", "description": null, "name": "n"}], "headers": [],
                     "forward_client_headers": false, "output_type": "O", "handler": "h", "hue": 1}}]"#,
                r#"[{"name":"a","definition":{"handler":"h","output_type":"O","arguments":[{"name":"n","type":"Int"}],"type":"mutation","kind":"synchronous","hue":1},"permissions":[{"role":"r","comment":"c"}]}]"#,
            ),
            (
                "actions",
                r#"[{"name": "q", "definition": {"type": "query", "handler": "h", "timeout": 31}}]"#,
                r#"[{"name":"q","definition":{"handler":"h","type":"query","timeout":31}}]"#,
            ),
            (
                "remote_schemas",
                r#"[{"comment": "c", "permissions": [], "definition": {"forward_client_headers": true,
                    "headers": [{"value": "v", "name": "n"}], "timeout_seconds": 60, "url": "u"}, "name": "r"}]"#,
                r#"[{"name":"r","definition":{"url":"u","timeout_seconds":60,"headers":[{"name":"n","value":"v"}],"forward_client_headers":true},"comment":"c"}]"#,
            ),
            (
                "cron_triggers",
                r#"[{"headers": [], "payload": {"b": 1, "a": null}, "schedule": "* * * * *", "webhook": "w",
                    "name": "c", "include_in_metadata": true, "retry_conf": {"num_retries": 2}}]"#,
                r#"[{"name":"c","webhook":"w","schedule":"* * * * *","include_in_metadata":true,"payload":{"a":null,"b":1},"retry_conf":{"num_retries":2,"retry_interval_seconds":10,"timeout_seconds":60,"tolerance_seconds":21600}}]"#,
            ),
            (
                "cron_triggers",
                r#"[{"name": "c", "retry_conf": {"num_retries": 0, "timeout_seconds": 60}}]"#,
                r#"[{"name":"c"}]"#,
            ),
            (
                "rest_endpoints",
                r#"[{"url": "u", "name": "n", "methods": ["GET"], "comment": null,
                    "definition": {"query": {"query_name": "q", "collection_name": "c"}}}]"#,
                r#"[{"definition":{"query":{"collection_name":"c","query_name":"q"}},"methods":["GET"],"name":"n","url":"u"}]"#,
            ),
            (
                "custom_types",
                r#"{"enums": [{"values": [{"value": "V"}], "name": "E"}], "scalars": [], "objects": [{"relationships": [],
                    "fields": [{"type": "Int", "name": "f"}], "name": "O"}]}"#,
                r#"{"objects":[{"name":"O","fields":[{"name":"f","type":"Int"}]}],"enums":[{"name":"E","values":[{"value":"V"}]}]}"#,
            ),
            (
                "allowlist",
                r#"[{"collection": "c"}]"#,
                r#"[{"collection":"c","scope":{"global":true}}]"#,
            ),
            (
                "api_limits",
                r#"{"depth_limit": {"global": 5}}"#,
                r#"{"depth_limit":{"global":5},"disabled":false}"#,
            ),
            ("api_limits", r#"{"disabled": false}"#, "null"),
            (
                "metrics_config",
                r#"{"analyze_response_body": false, "analyze_query_variables": false}"#,
                "null",
            ),
            ("network", r#"{"tls_allowlist": []}"#, "null"),
            (
                "network",
                r#"{"tls_allowlist": [{"suffix": null, "permissions": ["self-signed"], "host": "h"}]}"#,
                r#"{"tls_allowlist":[{"host":"h","permissions":["self-signed"]}]}"#,
            ),
            ("actions", r#""not a list""#, r#""not a list""#),
            ("actions", r#"[1, {"name": 1}]"#, r#"[1,{"name":1}]"#),
            (
                "anything_else",
                r#"{"b": 1, "a": null}"#,
                r#"{"b":1,"a":null}"#,
            ),
        ] {
            let once = shaped(name, &parse(given));
            assert_eq!(once.to_string(), written, "{name}");
            assert_eq!(shaped(name, &once).to_string(), written, "{name}, again");
        }
    }
}
