//! Inconsistent objects as the metadata API shows them: the arguments of the command that would make them.

use graphloom_metadata::Encode;
use graphloom_metadata::types::{ComputedField, Function, Permission, Relationship, Table};
use graphloom_vocab::{Json, QualifiedTable, RoleName, SourceName};
use serde_json::json;

/// `{"schema", "name"}`
pub(crate) fn table(table: &QualifiedTable) -> Json {
    json!({"schema": table.schema.as_str(), "name": table.name.as_str()})
}

/// `{"using", "name", "source", "comment", "table"}`
pub(crate) fn relationship(
    source: &SourceName,
    table: &QualifiedTable,
    relationship: &Relationship,
) -> Json {
    json!({
        "using": relationship.using.to_json(),
        "name": relationship.name.as_str(),
        "source": source.as_str(),
        "comment": relationship.comment,
        "table": self::table(table),
    })
}

/// `{"source", "function", "configuration", "comment"}`
pub(crate) fn function(source: &SourceName, function: &Function) -> Json {
    let name = &function.function;
    json!({
        "source": source.as_str(),
        "function": {"schema": name.schema.as_str(), "name": name.name.as_str()},
        "configuration": Json::Object(function.configuration.clone()),
    })
}

/// `{"definition", "name", "source", "comment", "table"}`
pub(crate) fn computed_field(
    source: &SourceName,
    table: &QualifiedTable,
    field: &ComputedField,
) -> Json {
    let function = &field.function;
    let mut definition = json!({
        "function": {"schema": function.schema.as_str(), "name": function.name.as_str()},
    });
    for (key, argument) in [
        ("table_argument", &field.table_argument),
        ("session_argument", &field.session_argument),
    ] {
        if let Some(argument) = argument {
            definition[key] = Json::from(argument.as_str());
        }
    }
    json!({
        "definition": definition,
        "name": field.name,
        "source": source.as_str(),
        "comment": match &field.comment {
            graphloom_metadata::types::Comment::Automatic => Json::Null,
            graphloom_metadata::types::Comment::Explicit(text) => Json::from(text.as_str()),
        },
        "table": self::table(table),
    })
}

/// `{"role", "source", "comment", "permission", "table"}` of a table's permission of one kind
/// (`select_permission` and relatives).
pub(crate) fn permission(
    source: &SourceName,
    tracked: &Table,
    kind: &str,
    role: &RoleName,
) -> Json {
    let (comment, permission) = match kind {
        "insert_permission" => parts(tracked.insert_permissions.get(role)),
        "update_permission" => parts(tracked.update_permissions.get(role)),
        "delete_permission" => parts(tracked.delete_permissions.get(role)),
        _ => parts(tracked.select_permissions.get(role)),
    };
    json!({
        "role": role.as_str(),
        "source": source.as_str(),
        "comment": comment,
        "permission": with_defaults(kind, permission),
        "table": table(&tracked.table),
    })
}

fn parts<T: Encode>(permission: Option<&Permission<T>>) -> (Option<String>, Json) {
    permission.map_or((None, Json::Null), |permission| {
        (permission.comment.clone(), permission.permission.to_json())
    })
}

/// An export leaves these out; here they are shown.
fn with_defaults(kind: &str, mut permission: Json) -> Json {
    let defaults = match kind {
        "select_permission" => json!({"allow_aggregations": false, "computed_fields": []}),
        _ => json!({"backend_only": false}),
    };
    if let (Json::Object(object), Json::Object(defaults)) = (&mut permission, defaults) {
        for (key, value) in defaults {
            object.entry(key).or_insert(value);
        }
    }
    permission
}
