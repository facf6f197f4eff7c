//! What is refused, with code, path and wording: clients match on them.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use graphloom_metadata::Metadata;
use graphloom_vocab::{ErrorCode, Json};
use serde_json::json;

fn refused(document: &Json) -> (String, String) {
    let error = Metadata::from_json_any(document, &Metadata::default()).unwrap_err();
    assert_eq!(*error.code(), ErrorCode::ParseFailed, "{error}");
    assert_eq!(error.status(), 400);
    (error.path().to_string(), error.message().to_owned())
}

#[track_caller]
fn check(document: Json, path: &str, message: &str) {
    assert_eq!(refused(&document), (path.to_owned(), message.to_owned()));
}

#[track_caller]
fn check_source(source: Json, path: &str, message: &str) {
    let path = path.replace('$', "$.sources[0]");
    check(json!({"version": 3, "sources": [source]}), &path, message);
}

/// A table with these keys beside its name.
#[track_caller]
fn check_table(keys: Json, path: &str, message: &str) {
    let mut table = json!({"table": "t"});
    table
        .as_object_mut()
        .unwrap()
        .extend(keys.as_object().unwrap().clone());
    let path = path.replace('$', "$.tables[1]");
    check_source(
        source(json!({"tables": [{"table": "first"}, table]})),
        &path,
        message,
    );
}

fn source(keys: Json) -> Json {
    let mut source = json!({
        "name": "default",
        "tables": [],
        "configuration": {"connection_info": {"database_url": "postgres://h/d"}}
    });
    source
        .as_object_mut()
        .unwrap()
        .extend(keys.as_object().unwrap().clone());
    source
}

#[test]
fn documents() {
    check(
        json!([]),
        "$",
        "parsing Metadata failed, expected Object, but encountered Array",
    );
    check(
        json!({"version": 4, "sources": []}),
        "$.version",
        "expected 1, 2 or 3, encountered 4",
    );
    check(
        json!({"version": "3", "sources": []}),
        "$.version",
        "parsing Int failed, expected Number, but encountered String",
    );
    check(
        json!({"version": 3}),
        "$",
        "the key 'sources' was not present",
    );
    check(
        json!({"version": 2, "sources": []}),
        "$",
        "the key 'tables' was not present",
    );
    check(
        json!({"version": 1, "tables": [], "functions": [{"function": "f"}]}),
        "$.functions[0]",
        "the key 'name' was not present",
    );
    check(
        json!({"version": 3, "sources": {}}),
        "$.sources",
        "parsing [] failed, expected Array, but encountered Object",
    );
    check(
        json!({"version": 3, "sources": [], "actions": {}}),
        "$.actions",
        "parsing [] failed, expected Array, but encountered Object",
    );
    check(
        json!({"version": 3, "sources": [], "network": []}),
        "$.network",
        "parsing network failed, expected Object, but encountered Array",
    );
    check(
        json!({"version": 3, "sources": [], "actions": [{"name": "a"}, {"name": "a"}]}),
        "$",
        "multiple declarations exist for the following actions: a",
    );
    check(
        json!({"version": 3, "sources": [], "inherited_roles": [{"role_name": "r"}]}),
        "$.inherited_roles[0]",
        "the key 'role_set' was not present",
    );
    let stored = json!({"version": 2, "tables": []});
    let error = Metadata::from_json(&stored).unwrap_err();
    assert_eq!(
        error.message(),
        "unexpected metadata version from storage: 2"
    );
}

#[test]
fn sources() {
    check_source(
        json!("default"),
        "$",
        "parsing SourceMetadata failed, expected Object, but encountered String",
    );
    check_source(
        json!({"name": "s", "configuration": {"connection_info": {"database_url": "u"}}}),
        "$",
        "the key 'tables' was not present",
    );
    check_source(
        json!({"name": "s", "tables": []}),
        "$",
        "the key 'configuration' was not present",
    );
    check_source(
        source(json!({"name": ""})),
        "$.name",
        "empty string not allowed",
    );
    check_source(
        source(json!({"configuration": {}})),
        "$.configuration",
        "the key 'connection_info' was not present",
    );
    check_source(
        source(json!({"customization": {"naming_convention": "kebab"}})),
        "$.customization.naming_convention",
        "naming_convention can only be 'hasura-default' or 'graphql-default'",
    );
    check_source(
        source(json!({"customization": {"root_fields": {"prefix": "9x"}}})),
        "$.customization.root_fields.prefix",
        "9x is not a valid GraphQL name",
    );
    check_source(
        source(json!({"functions": [{"function": "f", "configuration": {"exposed_as": "verb"}}]})),
        "$.functions[0].configuration.exposed_as",
        "exposed_as should be 'query' or 'mutation'",
    );
    check_source(
        source(json!({"functions": [{"function": "f", "configuration": {
            "custom_root_fields": {"function": "a", "function_aggregate": "a"}}}]})),
        "$.functions[0].configuration.custom_root_fields",
        "the following custom root field names are duplicated: a",
    );
    check_source(
        source(json!({"functions": [{"function": "f", "permissions": [{"role": "r"}, "x"]}]})),
        "$.functions[0].permissions[1]",
        "parsing FunctionPermissionInfo failed, expected Object, but encountered String",
    );
}

#[test]
fn connections() {
    #[track_caller]
    fn check_info(info: Json, path: &str, message: &str) {
        let path = path.replace('$', "$.configuration.connection_info");
        check_source(
            source(json!({"configuration": {"connection_info": info}})),
            &path,
            message,
        );
    }
    check_info(json!({}), "$", "the key 'database_url' was not present");
    check_info(
        json!({"database_url": null}),
        "$.database_url",
        "one of string or object must be provided for url/webhook",
    );
    check_info(
        json!({"database_url": {}}),
        "$.database_url",
        "Either \"from_env\", \"connection_parameters\" or \"dynamic_from_file\" should be provided",
    );
    check_info(
        json!({"database_url": {"from_env": "A", "dynamic_from_file": "/b"}}),
        "$.database_url",
        "Only one of \"from_env\", \"connection_parameters\" or \"dynamic_from_file\" should be provided",
    );
    check_info(
        json!({"database_url": {"connection_parameters": {"host": "h", "username": "u"}}}),
        "$.database_url.connection_parameters",
        "the key 'port' was not present",
    );
    check_info(
        json!({"database_url": "u", "isolation_level": "snapshot"}),
        "$.isolation_level",
        "Only expecting 'read-committed', 'repeatable-read' or 'serializable'",
    );
    check_info(
        json!({"database_url": "u", "pool_settings": {"retries": "many"}}),
        "$.pool_settings.retries",
        "parsing Int failed, expected Number, but encountered String",
    );
    check_info(
        json!({"database_url": "u", "use_prepared_statements": 1}),
        "$.use_prepared_statements",
        "parsing Bool failed, expected Boolean, but encountered Number",
    );
}

#[test]
fn tables() {
    check_table(
        json!({"table": 5}),
        "$.table",
        "expecting a string/object for QualifiedObject",
    );
    check_table(
        json!({"table": {"schema": "s"}}),
        "$.table",
        "the key 'name' was not present",
    );
    check_table(
        json!({"is_enum": "yes"}),
        "$.is_enum",
        "parsing Bool failed, expected Boolean, but encountered String",
    );
    check_table(
        json!({"configuration": {"custom_name": "a b"}}),
        "$.configuration.custom_name",
        "a b is not a valid GraphQL name",
    );
    check_table(
        json!({"configuration": {"custom_column_names": {"odd column": 1}}}),
        "$.configuration.custom_column_names[\"odd column\"]",
        "parsing Text failed, expected String, but encountered Number",
    );
    check_table(
        json!({"configuration": {"custom_root_fields": {"select": "x", "insert": "x", "delete": "y", "update": "y"}}}),
        "$.configuration.custom_root_fields",
        "the following custom root field names are duplicated: x and y",
    );
    check_table(
        json!({"configuration": {"custom_root_fields": {"select": 1}}}),
        "$.configuration.custom_root_fields.select",
        "parsing CustomRootField failed, expected Object, String or Null, but encountered Number",
    );
    check_table(
        json!({"computed_fields": [{"name": "c", "definition": {}}]}),
        "$.computed_fields[0].definition",
        "the key 'function' was not present",
    );
    check_table(
        json!({"computed_fields": [{"name": "c", "definition": {"function": "f"}, "comment": 1}]}),
        "$.computed_fields[0].comment",
        "parsing Comment failed, expected String or Null, but encountered Number",
    );
}

#[test]
fn relationships() {
    #[track_caller]
    fn check_using(key: &str, using: Json, path: &str, message: &str) {
        let path = path.replace('$', &format!("$.{key}[0].using"));
        check_table(
            json!({key: [{"name": "r", "using": using}]}),
            &path,
            message,
        );
    }
    let (object, array) = ("object_relationships", "array_relationships");
    check_table(
        json!({object: [{"name": "r"}]}),
        "$.object_relationships[0]",
        "the key 'using' was not present",
    );
    check_table(
        json!({object: [{"name": "", "using": {"foreign_key_constraint_on": "c"}}]}),
        "$.object_relationships[0].name",
        "empty string not allowed",
    );
    check_using(object, json!("c"), "$", "using should be an object");
    check_using(
        object,
        json!({}),
        "$",
        "atleast one of foreign_key_constraint_on/manual_configuration should be present",
    );
    check_using(
        object,
        json!({"foreign_key_constraint_on": "c", "manual_configuration": null}),
        "$",
        "only one of foreign_key_constraint_on/manual_configuration should be present",
    );
    check_using(
        object,
        json!({"foreign_key_constraint_on": []}),
        "$.foreign_key_constraint_on",
        "parsing NonEmpty failed, unexpected empty list",
    );
    check_using(
        object,
        json!({"foreign_key_constraint_on": 1}),
        "$.foreign_key_constraint_on",
        "Expected string or array",
    );
    for columns in [
        json!({"table": "u"}),
        json!({"table": "u", "column": "c", "columns": ["d"]}),
    ] {
        check_using(
            array,
            json!({"foreign_key_constraint_on": columns}),
            "$.foreign_key_constraint_on",
            "expected exactly one of 'column' or 'columns'",
        );
    }
    check_using(
        array,
        json!({"foreign_key_constraint_on": "c"}),
        "$.foreign_key_constraint_on",
        "Expecting object { table, columns }.",
    );
    check_using(
        array,
        json!({"foreign_key_constraint_on": {"column": "c"}}),
        "$.foreign_key_constraint_on",
        "the key 'table' was not present",
    );
    check_using(
        object,
        json!({"manual_configuration": []}),
        "$.manual_configuration",
        "manual_configuration should be an object",
    );
    check_using(
        object,
        json!({"manual_configuration": {"remote_table": "u"}}),
        "$.manual_configuration",
        "the key 'column_mapping' was not present",
    );
    check_using(
        object,
        json!({"manual_configuration": {"remote_table": "u", "column_mapping": {"a": 1}}}),
        "$.manual_configuration.column_mapping.a",
        "parsing Text failed, expected String, but encountered Number",
    );
    for order in [json!("sometimes"), json!(1)] {
        check_using(
            object,
            json!({"manual_configuration": {"remote_table": "u", "column_mapping": {}, "insertion_order": order}}),
            "$.manual_configuration.insertion_order",
            "insertion_order should be 'before_parent' or 'after_parent'",
        );
    }
    let twice = json!([
        {"name": "r", "using": {"foreign_key_constraint_on": "a"}},
        {"name": "r", "using": {"foreign_key_constraint_on": "b"}}
    ]);
    check_table(
        json!({object: twice}),
        "$",
        "multiple declarations exist for the following object relationships: r",
    );
}

#[test]
fn permissions() {
    #[track_caller]
    fn check_permission(kind: &str, permission: Json, path: &str, message: &str) {
        let path = path.replace('$', &format!("$.{kind}_permissions[0].permission"));
        let key = format!("{kind}_permissions");
        check_table(
            json!({key: [{"role": "r", "permission": permission}]}),
            &path,
            message,
        );
    }
    check_table(
        json!({"select_permissions": [{"permission": {"columns": [], "filter": {}}}]}),
        "$.select_permissions[0]",
        "the key 'role' was not present",
    );
    check_table(
        json!({"delete_permissions": [
            {"role": "r", "permission": {"filter": {}}},
            {"role": "r", "permission": {"filter": {}}}
        ]}),
        "$",
        "multiple declarations exist for the following delete permissions: r",
    );
    check_permission(
        "select",
        json!({"filter": {}}),
        "$",
        "the key 'columns' was not present",
    );
    check_permission(
        "select",
        json!({"columns": []}),
        "$",
        "the key 'filter' was not present",
    );
    check_permission(
        "select",
        json!({"columns": "all", "filter": {}}),
        "$.columns",
        "parsing [] failed, expected Array, but encountered String",
    );
    check_permission(
        "select",
        json!({"columns": ["a", 1], "filter": {}}),
        "$.columns[1]",
        "parsing Text failed, expected String, but encountered Number",
    );
    check_permission(
        "select",
        json!({"columns": [], "filter": null}),
        "$.filter",
        "parsing GBoolExp failed, expected Object, but encountered Null",
    );
    check_permission(
        "select",
        json!({"columns": [], "filter": {}, "limit": 1.5}),
        "$.limit",
        "parsing Int failed, 1.5 is not an integer or out of bounds",
    );
    check_permission(
        "select",
        json!({"columns": [], "filter": {}, "query_root_fields": ["select", "select_stream"]}),
        "$.query_root_fields[1]",
        "expected one of select, select_by_pk, select_aggregate, but encountered select_stream",
    );
    check_permission("insert", json!({}), "$", "the key 'check' was not present");
    check_permission(
        "insert",
        json!({"check": {}, "set": []}),
        "$.set",
        "parsing HashMap failed, expected Object, but encountered Array",
    );
    check_permission(
        "insert",
        json!({"check": {}, "validate_input": {"type": "grpc"}}),
        "$.validate_input",
        "expecting only 'http' for 'type' but got grpc",
    );
    check_permission(
        "update",
        json!({"columns": [], "filter": {}, "check": []}),
        "$.check",
        "parsing GBoolExp failed, expected Object, but encountered Array",
    );
    check_permission(
        "delete",
        json!({"filter": {}, "backend_only": "no"}),
        "$.backend_only",
        "parsing Bool failed, expected Boolean, but encountered String",
    );
}
