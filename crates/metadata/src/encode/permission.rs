//! Permissions of the four kinds.

use graphloom_vocab::{ColumnName, Json};
use indexmap::IndexMap;

use super::{Writer, canonical};
use crate::types::{
    Columns, DeletePermission, InsertPermission, Permission, SelectPermission, UpdatePermission,
};

/// What a role's permission of one kind grants, as JSON.
pub trait Encode {
    /// The value of the key `permission`.
    fn to_json(&self) -> Json;
}

impl<T: Encode> Permission<T> {
    /// An item of `select_permissions` and its like.
    pub fn to_json(&self) -> Json {
        let mut permission = Writer::default();
        permission.put("role", self.role.as_str());
        permission.put("permission", self.permission.to_json());
        permission.put_some("comment", self.comment.as_deref());
        permission.finish(&self.extra)
    }
}

impl Columns {
    /// `"*"` or a list of names.
    pub fn to_json(&self) -> Json {
        match self {
            Self::All => Json::from("*"),
            Self::List(columns) => columns.iter().map(|c| Json::from(c.as_str())).collect(),
        }
    }
}

impl Encode for InsertPermission {
    fn to_json(&self) -> Json {
        let mut permission = Writer::default();
        permission.put("check", canonical(&self.check));
        permission.put_some("set", presets(&self.set));
        permission.put("columns", self.columns.to_json());
        permission.put_if_true("backend_only", self.backend_only);
        permission.put_some(
            "validate_input",
            self.validate_input.as_ref().map(canonical),
        );
        permission.finish(&self.extra)
    }
}

impl Encode for SelectPermission {
    fn to_json(&self) -> Json {
        let mut permission = Writer::default();
        permission.put("columns", self.columns.to_json());
        let computed_fields = self.computed_fields.iter();
        permission.put_non_empty(
            "computed_fields",
            computed_fields
                .map(|field| Json::from(field.as_str()))
                .collect(),
        );
        permission.put("filter", canonical(&self.filter));
        permission.put_some("limit", self.limit);
        permission.put_if_true("allow_aggregations", self.allow_aggregations);
        permission.put_some("query_root_fields", self.query_root_fields.clone());
        permission.put_some(
            "subscription_root_fields",
            self.subscription_root_fields.clone(),
        );
        permission.finish(&self.extra)
    }
}

impl Encode for UpdatePermission {
    fn to_json(&self) -> Json {
        let mut permission = Writer::default();
        permission.put("columns", self.columns.to_json());
        permission.put("filter", canonical(&self.filter));
        // Written even if there is none, as v2 does.
        permission.put("check", self.check.as_ref().map_or(Json::Null, canonical));
        permission.put_some("set", presets(&self.set));
        permission.put_if_true("backend_only", self.backend_only);
        permission.put_some(
            "validate_input",
            self.validate_input.as_ref().map(canonical),
        );
        permission.finish(&self.extra)
    }
}

impl Encode for DeletePermission {
    fn to_json(&self) -> Json {
        let mut permission = Writer::default();
        permission.put("filter", canonical(&self.filter));
        permission.put_if_true("backend_only", self.backend_only);
        permission.put_some(
            "validate_input",
            self.validate_input.as_ref().map(canonical),
        );
        permission.finish(&self.extra)
    }
}

fn presets(set: &IndexMap<ColumnName, Json>) -> Option<Json> {
    let mut columns: Vec<_> = set.iter().collect();
    columns.sort_by_key(|(column, _)| *column);
    let columns = columns.into_iter();
    let columns = columns.map(|(column, json)| (column.as_str().to_owned(), canonical(json)));
    (!set.is_empty()).then(|| Json::Object(columns.collect()))
}
