//! Permissions of tables and logical models, and the webhook that validates what is written.

use super::outward::HEADER;
use super::{Object, enforced, ignored, object, refused};

/// A select permission: the role's part beside what it grants.
pub static SELECT_PERMISSION: Object = object(
    "select permission",
    "cases/metadata/permissions.yaml",
    &[
        enforced("role"),
        enforced("permission").object(&SELECT_GRANT),
        ignored("comment", "it is for people"),
    ],
);

/// What a select permission grants.
pub static SELECT_GRANT: Object = object(
    "what a select permission grants",
    "cases/metadata/permissions.yaml",
    &[
        enforced("columns"),
        enforced("computed_fields").by("cases/computed_fields/commands.yaml"),
        enforced("filter"),
        enforced("limit").by("crates/bind/tests/worlds/library.world"),
        enforced("allow_aggregations"),
        enforced("query_root_fields"),
        enforced("subscription_root_fields"),
    ],
);

/// A select permission of a logical model.
pub static MODEL_PERMISSION: Object = object(
    "select permission of a logical model",
    "cases/native_queries/permissions.yaml",
    &[
        enforced("role"),
        enforced("permission").object(&MODEL_GRANT),
        ignored("comment", "it is for people"),
    ],
);

/// What a select permission of a logical model grants.
pub static MODEL_GRANT: Object = object(
    "what a select permission of a logical model grants",
    "cases/native_queries/permissions.yaml",
    &[
        enforced("columns"),
        enforced("filter"),
        enforced("limit").by("cases/metadata/keys.yaml"),
        ignored(
            "computed_fields",
            "a logical model has none, so that none is shown",
        ),
        ignored(
            "allow_aggregations",
            "native queries have no aggregates, so that none is shown",
        ),
        refused(
            "query_root_fields",
            "the permission of a logical model cannot choose root fields (query_root_fields)",
            "[]",
        ),
        refused(
            "subscription_root_fields",
            "the permission of a logical model cannot choose root fields (subscription_root_fields)",
            "[]",
        ),
    ],
);

/// An insert permission.
pub static INSERT_PERMISSION: Object = object(
    "insert permission",
    "cases/metadata/permissions.yaml",
    &[
        enforced("role"),
        enforced("permission").object(&INSERT_GRANT),
        ignored("comment", "it is for people"),
    ],
);

/// What an insert permission grants.
pub static INSERT_GRANT: Object = object(
    "what an insert permission grants",
    "cases/mutations/presets.yaml",
    &[
        enforced("columns"),
        enforced("check"),
        enforced("set"),
        enforced("backend_only").by("cases/mutations/backend_only.yaml"),
        enforced("validate_input")
            .by("crates/execute/tests/writes/webhooks.rs")
            .object(&VALIDATE_INPUT),
    ],
);

/// An update permission.
pub static UPDATE_PERMISSION: Object = object(
    "update permission",
    "cases/metadata/permissions.yaml",
    &[
        enforced("role"),
        enforced("permission").object(&UPDATE_GRANT),
        ignored("comment", "it is for people"),
    ],
);

/// What an update permission grants.
pub static UPDATE_GRANT: Object = object(
    "what an update permission grants",
    "cases/mutations/presets.yaml",
    &[
        enforced("columns"),
        enforced("filter"),
        enforced("check"),
        enforced("set"),
        enforced("backend_only").by("cases/mutations/backend_only.yaml"),
        enforced("validate_input")
            .by("crates/execute/tests/writes/webhooks.rs")
            .object(&VALIDATE_INPUT),
    ],
);

/// A delete permission.
pub static DELETE_PERMISSION: Object = object(
    "delete permission",
    "cases/metadata/permissions.yaml",
    &[
        enforced("role"),
        enforced("permission").object(&DELETE_GRANT),
        ignored("comment", "it is for people"),
    ],
);

/// What a delete permission grants.
pub static DELETE_GRANT: Object = object(
    "what a delete permission grants",
    "cases/mutations/delete.yaml",
    &[
        enforced("filter"),
        enforced("backend_only").by("cases/mutations/backend_only.yaml"),
        enforced("validate_input")
            .by("crates/execute/tests/writes/webhooks.rs")
            .object(&VALIDATE_INPUT),
    ],
);

/// `validate_input`.
pub static VALIDATE_INPUT: Object = object(
    "validate_input",
    "crates/execute/tests/writes/webhooks.rs",
    &[
        enforced("type"),
        enforced("definition").object(&VALIDATE_INPUT_DEFINITION),
    ],
);

static VALIDATE_INPUT_DEFINITION: Object = object(
    "definition of validate_input",
    "crates/execute/tests/writes/webhooks.rs",
    &[
        enforced("url"),
        enforced("headers").list(&HEADER),
        enforced("forward_client_headers"),
        enforced("timeout"),
    ],
);
