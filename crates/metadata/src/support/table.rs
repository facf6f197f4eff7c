//! Tracked tables: names, relationships and computed fields. Permissions have a file of their own.

use super::outward::{EVENT_TRIGGER, REMOTE_RELATIONSHIP};
use super::permission::{
    DELETE_PERMISSION, INSERT_PERMISSION, SELECT_PERMISSION, UPDATE_PERMISSION,
};
use super::{Object, enforced, ignored, object, refused};

/// A tracked table.
pub static TABLE: Object = object(
    "table",
    "cases/metadata/tables.yaml",
    &[
        enforced("table").object(&QUALIFIED_NAME),
        enforced("is_enum").by("cases/enums/commands.yaml"),
        enforced("configuration").object(&TABLE_CONFIGURATION),
        enforced("object_relationships")
            .by("cases/schema/relationships.yaml")
            .list(&RELATIONSHIP),
        enforced("array_relationships")
            .by("cases/schema/relationships.yaml")
            .list(&RELATIONSHIP),
        enforced("computed_fields")
            .by("cases/computed_fields/commands.yaml")
            .list(&COMPUTED_FIELD),
        refused(
            "remote_relationships",
            "remote_relationships are not built yet",
            r#"[{"name": "elsewhere", "definition": {"to_source": {"source": "default", "table": "t",
                "relationship_type": "object", "field_mapping": {"id": "id"}}}}]"#,
        )
        .list(&REMOTE_RELATIONSHIP),
        enforced("insert_permissions")
            .by("cases/metadata/permissions.yaml")
            .list(&INSERT_PERMISSION),
        enforced("select_permissions")
            .by("cases/metadata/permissions.yaml")
            .list(&SELECT_PERMISSION),
        enforced("update_permissions")
            .by("cases/metadata/permissions.yaml")
            .list(&UPDATE_PERMISSION),
        enforced("delete_permissions")
            .by("cases/metadata/permissions.yaml")
            .list(&DELETE_PERMISSION),
        refused(
            "event_triggers",
            "event_triggers are not built yet",
            r#"[{"name": "e", "definition": {"enable_manual": true}, "webhook": "http://localhost",
                "retry_conf": {"num_retries": 0, "interval_sec": 10}}]"#,
        )
        .list(&EVENT_TRIGGER),
        ignored(
            "apollo_federation_config",
            "it has a meaning only where Apollo Federation is on, which is not built yet",
        )
        .object(&FEDERATION),
        refused(
            "logical_model",
            "tables of Postgres have their columns from the database, not from a logical_model",
            r#""m""#,
        ),
    ],
);

static FEDERATION: Object = object("Apollo federation", "", &[super::whole("enable")]);

/// A table's `configuration`.
pub static TABLE_CONFIGURATION: Object = object(
    "configuration of a table",
    "cases/metadata/tables.yaml",
    &[
        enforced("custom_name"),
        enforced("custom_root_fields").object(&ROOT_FIELDS),
        enforced("column_config").map(&COLUMN_CONFIGURATION),
        enforced("custom_column_names"),
        enforced("comment").by("cases/schema/names.yaml"),
    ],
);

static ROOT_FIELDS: Object = object(
    "root fields of a table",
    "cases/metadata/keys.yaml",
    &[
        enforced("select").object(&ROOT_FIELD),
        enforced("select_by_pk").object(&ROOT_FIELD),
        enforced("select_aggregate").object(&ROOT_FIELD),
        enforced("select_stream").object(&ROOT_FIELD),
        enforced("insert").object(&ROOT_FIELD),
        enforced("insert_one").object(&ROOT_FIELD),
        enforced("update").object(&ROOT_FIELD),
        enforced("update_by_pk").object(&ROOT_FIELD),
        enforced("update_many").object(&ROOT_FIELD),
        enforced("delete").object(&ROOT_FIELD),
        enforced("delete_by_pk").object(&ROOT_FIELD),
    ],
);

/// A root field's name and description, where it is not a plain name.
pub static ROOT_FIELD: Object = object(
    "root field",
    "cases/schema/names.yaml",
    &[enforced("name"), enforced("comment")],
);

/// A column's field.
pub static COLUMN_CONFIGURATION: Object = object(
    "configuration of a column",
    "cases/schema/names.yaml",
    &[enforced("custom_name"), enforced("comment")],
);

/// A relationship of either kind.
pub static RELATIONSHIP: Object = object(
    "relationship",
    "cases/schema/relationships.yaml",
    &[
        enforced("name"),
        enforced("using").object(&USING),
        ignored("comment", "it is for people"),
    ],
);

static USING: Object = object(
    "using of a relationship",
    "cases/schema/relationships.yaml",
    &[
        enforced("foreign_key_constraint_on").object(&FOREIGN_KEY),
        enforced("manual_configuration").object(&MANUAL),
    ],
);

static FOREIGN_KEY: Object = object(
    "foreign key of the other table",
    "cases/schema/relationships.yaml",
    &[
        enforced("table").object(&QUALIFIED_NAME),
        enforced("column"),
        enforced("columns").by("cases/metadata/keys.yaml"),
    ],
);

/// A relationship's columns, one to one.
pub(super) static MANUAL: Object = object(
    "manual configuration of a relationship",
    "cases/schema/relationships.yaml",
    &[
        enforced("remote_table").object(&QUALIFIED_NAME),
        enforced("remote_native_query").by("cases/native_queries/relationships.yaml"),
        enforced("column_mapping"),
        enforced("insertion_order"),
    ],
);

/// A computed field.
pub static COMPUTED_FIELD: Object = object(
    "computed field",
    "cases/computed_fields/commands.yaml",
    &[
        enforced("name"),
        enforced("definition").object(&COMPUTED_FIELD_DEFINITION),
        enforced("comment"),
    ],
);

static COMPUTED_FIELD_DEFINITION: Object = object(
    "definition of a computed field",
    "cases/computed_fields/commands.yaml",
    &[
        enforced("function").object(&QUALIFIED_NAME),
        enforced("table_argument"),
        enforced("session_argument"),
    ],
);

/// The name of a table or function, where it is not one of the schema `public` as a plain text.
pub(super) static QUALIFIED_NAME: Object = object(
    "name of a table or function",
    "cases/metadata/tables.yaml",
    &[enforced("schema"), enforced("name")],
);
